//! An image on top of another: reads what was not written from the one below, which is never written.
//!
//! What `snapshot=on` and every recorded or replayed run use. Writes go to a temporary file in clusters of 4 KiB; a
//! tree says where each is. The tree's copies share what they have in common, so a snapshot of the whole disk is a
//! reference, and going back is another: clusters that a snapshot can reach are never overwritten, and their room is
//! used again when nobody reaches them any more.
//!
//! A write of less than a cluster to one that was not written takes the rest from the image below.

mod store;
mod tree;

#[cfg(test)]
mod tests;

use crate::image::{Image, Result, check_range};
use crate::{BlockError, OpenError};
use parking_lot::RwLock;
use std::path::PathBuf;
use std::sync::Arc;
use store::{Slot, Store};
use tree::Tree;

/// Bytes of a cluster: what is written at once, and what a page of a guest's file system is.
pub const CLUSTER: u64 = 4096;

/// Requests are worked on in parts of this many clusters.
const BATCH: u64 = 256;

/// Where a cluster's contents are.
#[derive(Clone, Debug)]
enum Place {
    Zero,
    At(Arc<Slot>),
}

/// An image that keeps its writes to itself.
pub struct Overlay {
    base: Arc<dyn Image>,
    store: Arc<Store>,
    tree: RwLock<Tree<Place>>,
}

/// All that an [`Overlay`] holds at a moment. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Snapshot {
    tree: Tree<Place>,
    /// Bytes of the disk.
    size: u64,
}

/// What a cluster holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// So many clusters of zeros.
    Zero(u64),
    /// [`CLUSTER`] bytes; behind the end of the disk they are zeros.
    Data(Vec<u8>),
}

impl Overlay {
    /// An overlay over `base`, with nothing of its own.
    ///
    /// # Errors
    /// No temporary file can be made.
    pub fn new(base: Arc<dyn Image>) -> std::result::Result<Arc<Self>, OpenError> {
        Ok(Arc::new(Self {
            tree: RwLock::new(Tree::new(base.size().div_ceil(CLUSTER))),
            store: Store::new()?,
            base,
        }))
    }

    /// The image below.
    pub fn base(&self) -> &Arc<dyn Image> {
        &self.base
    }

    /// Bytes of the temporary file that are in use, by the present and by snapshots.
    pub fn used(&self) -> u64 {
        self.store.used()
    }

    /// The present.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            tree: self.tree.read().clone(),
            size: self.base.size(),
        }
    }

    /// Makes a moment of this overlay the present. Nothing may be in flight.
    pub fn restore(&self, snapshot: &Snapshot) {
        debug_assert_eq!(snapshot.size, self.base.size());
        // The old tree goes when the lock is free: that may be much.
        let _old = std::mem::replace(&mut *self.tree.write(), snapshot.tree.clone());
    }

    /// A snapshot of this overlay made of `clusters`, such as [`Snapshot::clusters`] gave.
    ///
    /// # Errors
    /// A cluster behind the end of the disk or of a wrong length, or no room on the host.
    pub fn assemble(&self, clusters: impl IntoIterator<Item = Result<(u64, Contents)>>) -> Result<Snapshot> {
        let size = self.base.size();
        let mut tree = Tree::new(size.div_ceil(CLUSTER));
        for cluster in clusters {
            let (number, contents) = cluster?;
            match contents {
                Contents::Zero(count) => {
                    check_range(size.div_ceil(CLUSTER), number, count)?;
                    tree.fill(number..number + count, &Place::Zero);
                }
                Contents::Data(data) => {
                    check_range(size.div_ceil(CLUSTER), number, 1)?;
                    if data.len() as u64 != CLUSTER {
                        return Err(BlockError::OutOfRange);
                    }
                    let slot = self.store.take(1).swap_remove(0);
                    slot.write(0, &data)?;
                    *tree.entry(number) = Some(Place::At(slot));
                }
            }
        }
        Ok(Snapshot { tree, size })
    }

    /// Writes what this overlay holds into `image`, which has what is below (the base, opened for writing), and flushes.
    /// The overlay stays as it is; the clusters are then the same in both.
    ///
    /// # Errors
    /// `image` is smaller, read-only, or the host cannot write; then some of it is written.
    pub fn commit(&self, image: &dyn Image) -> Result<()> {
        let snapshot = self.snapshot();
        check_range(image.size(), 0, snapshot.size)?;
        for cluster in snapshot.clusters() {
            let (number, contents) = cluster?;
            let offset = number * CLUSTER;
            let left = snapshot.size - offset;
            match contents {
                Contents::Zero(count) => {
                    image.write_zeroes(offset, count.saturating_mul(CLUSTER).min(left), true)?;
                }
                Contents::Data(data) => image.write_at(offset, &data[..left.min(CLUSTER) as usize])?,
            }
        }
        image.flush()
    }

    /// Reads with the tree held.
    fn read_in(&self, tree: &Tree<Place>, offset: u64, to: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < to.len() {
            let at = offset + done as u64;
            let (number, within) = (at / CLUSTER, at % CLUSTER);
            let left = (to.len() - done) as u64;
            let run = tree.get(number);
            let place = run.value;
            // As far as one read gets.
            let length = match place {
                None | Some(Place::Zero) => run.count.saturating_mul(CLUSTER).saturating_sub(within),
                Some(Place::At(slot)) => {
                    let (mut length, mut last) = (CLUSTER - within, slot);
                    while let (true, Some(Place::At(next))) =
                        (length < left, tree.get((at + length) / CLUSTER).value)
                        && last.precedes(next)
                    {
                        length += CLUSTER;
                        last = next;
                    }
                    length
                }
            }
            .min(left) as usize;
            let part = &mut to[done..done + length];
            match place {
                None => self.base.read_at(at, part)?,
                Some(Place::Zero) => part.fill(0),
                Some(Place::At(slot)) => slot.read(within, part)?,
            }
            done += length;
        }
        Ok(())
    }

    /// Writes one part of a request: few clusters.
    fn write_part(&self, tree: &mut Tree<Place>, offset: u64, from: &[u8]) -> Result<()> {
        let first = offset / CLUSTER;
        let end = offset + from.len() as u64;
        let count = end.div_ceil(CLUSTER) - first;
        // One cluster that is nobody else's is written in place.
        if count == 1
            && let Some(Place::At(slot)) = tree.entry(first)
            && Arc::strong_count(slot) == 1
        {
            return slot.write(offset % CLUSTER, from);
        }
        // Whole clusters: the rest of the first and the last is what is there.
        let (start, stop) = (first * CLUSTER, (first + count) * CLUSTER);
        let mut whole = Vec::new();
        let data = if start == offset && stop == end {
            from
        } else {
            whole.resize((stop - start) as usize, 0);
            let has = (self.base.size().min(stop) - start) as usize;
            let (before, behind) = ((offset - start) as usize, (end - start) as usize);
            if before > 0 {
                let cluster = (CLUSTER as usize).min(has);
                self.read_in(tree, start, &mut whole[..cluster])?;
            }
            if behind < has && (before == 0 || count > 1) {
                let last = whole.len() - CLUSTER as usize;
                self.read_in(tree, stop - CLUSTER, &mut whole[last..has])?;
            }
            whole[before..behind].copy_from_slice(from);
            &whole
        };
        let slots = self.store.take(count as usize);
        let mut done = 0;
        while done < slots.len() {
            let mut length = 1;
            while done + length < slots.len() && slots[done + length - 1].precedes(&slots[done + length]) {
                length += 1;
            }
            let bytes = done * CLUSTER as usize..(done + length) * CLUSTER as usize;
            slots[done].write(0, &data[bytes])?;
            done += length;
        }
        for (number, slot) in (first..).zip(slots) {
            *tree.entry(number) = Some(Place::At(slot));
        }
        Ok(())
    }

    fn zero(&self, offset: u64, length: u64) -> Result<()> {
        check_range(self.base.size(), offset, length)?;
        if length == 0 {
            return Ok(());
        }
        let end = offset + length;
        let mut tree = self.tree.write();
        // Whole clusters, of which the disk's last may be a shorter one.
        let first = offset.div_ceil(CLUSTER);
        let last = if end == self.base.size() {
            end.div_ceil(CLUSTER)
        } else {
            end / CLUSTER
        };
        if first >= last {
            return self.write_zeros(&mut tree, offset, end);
        }
        self.write_zeros(&mut tree, offset, first * CLUSTER)?;
        tree.fill(first..last, &Place::Zero);
        self.write_zeros(&mut tree, last * CLUSTER, end)
    }

    /// Zeros that are data: less than two clusters.
    fn write_zeros(&self, tree: &mut Tree<Place>, start: u64, end: u64) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        self.write_part(tree, start, &vec![0; (end - start) as usize])
    }
}

impl Snapshot {
    /// The clusters that the overlay holds, in order.
    pub fn clusters(&self) -> impl Iterator<Item = Result<(u64, Contents)>> {
        let mut from = 0;
        let end = self.size.div_ceil(CLUSTER);
        std::iter::from_fn(move || {
            let run = self.tree.next(from).filter(|run| run.key < end)?;
            from = run.key.saturating_add(run.count);
            Some(match run.value {
                Place::Zero => Ok((run.key, Contents::Zero(run.count.min(end - run.key)))),
                Place::At(slot) => {
                    let mut data = vec![0; CLUSTER as usize];
                    slot.read(0, &mut data).map(|()| (run.key, Contents::Data(data)))
                }
            })
        })
    }
}

impl Image for Overlay {
    fn format(&self) -> &'static str {
        "overlay"
    }

    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn can_discard(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        check_range(self.size(), offset, to.len() as u64)?;
        self.read_in(&self.tree.read(), offset, to)
    }

    fn try_read_at(&self, offset: u64, to: &mut [u8]) -> Option<Result<()>> {
        if let Err(error) = check_range(self.size(), offset, to.len() as u64) {
            return Some(Err(error));
        }
        let tree = self.tree.try_read()?;
        let number = offset / CLUSTER;
        match tree.next(number) {
            Some(run) if run.key < (offset + to.len() as u64).div_ceil(CLUSTER) => {}
            // All of it is below.
            _ => return self.base.try_read_at(offset, to),
        }
        // The temporary file was written by us not long ago; whether its pages are still there is asked of nobody.
        None
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()> {
        check_range(self.size(), offset, from.len() as u64)?;
        let mut done = 0;
        while done < from.len() {
            let at = offset + done as u64;
            let part = (BATCH * CLUSTER - at % CLUSTER).min((from.len() - done) as u64) as usize;
            self.write_part(&mut self.tree.write(), at, &from[done..done + part])?;
            done += part;
        }
        Ok(())
    }

    /// Nothing of an overlay outlives the process.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Zeros, so that a run that is played again finds what it found.
    fn discard(&self, offset: u64, length: u64) -> Result<()> {
        self.zero(offset, length)
    }

    fn write_zeroes(&self, offset: u64, length: u64, _may_unmap: bool) -> Result<()> {
        self.zero(offset, length)
    }

    fn claim(&self, writing: bool) -> std::result::Result<(), OpenError> {
        self.base.claim(writing)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.base.files()
    }
}
