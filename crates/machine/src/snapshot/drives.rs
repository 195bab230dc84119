//! What was written to a machine's drives, in its snapshots: page maps beside those of its memory.

use super::Whole;
use crate::drives::Written;
use migration::{BlockImage, PageMap, SnapshotError};
use std::sync::Arc;

/// The maps of `drives` as they are.
pub(super) fn images(drives: &[Arc<Written>]) -> impl Iterator<Item = BlockImage> {
    drives.iter().map(|drive| BlockImage {
        name: drive.name().into(),
        pages: drive.save(),
    })
}

/// Whether `images` are of these drives.
///
/// # Errors
/// They are not.
pub(super) fn check(drives: &[Arc<Written>], images: &[BlockImage]) -> Result<(), SnapshotError> {
    let fits = |(drive, image): (&Arc<Written>, &BlockImage)| {
        *image.name == *drive.name() && image.pages.pages() == drive.map_pages()
    };
    (drives.len() == images.len() && drives.iter().zip(images).all(fits))
        .then_some(())
        .ok_or_else(|| SnapshotError::Damaged("its drives are not this machine's".into()))
}

impl Whole<'_> {
    /// Does `work` with what was written to the drives replaced by `maps`; if it fails, they are what they were.
    pub(super) fn with_drives<R, E>(
        &mut self,
        maps: impl IntoIterator<Item = PageMap>,
        work: impl FnOnce(&mut Self) -> Result<R, E>,
    ) -> Result<R, E> {
        let set = |maps: &mut dyn Iterator<Item = PageMap>| {
            self.drives
                .iter()
                .zip(maps)
                .for_each(|(drive, map)| drive.load(map));
        };
        let before: Vec<PageMap> = self.drives.iter().map(|drive| drive.save()).collect();
        set(&mut maps.into_iter());
        let drives = self.drives;
        work(self).inspect_err(|_| {
            drives.iter().zip(before).for_each(|(drive, map)| drive.load(map));
        })
    }
}
