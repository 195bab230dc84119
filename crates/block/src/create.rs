//! Making images.

use crate::open::{Format, Options, open_file};
use crate::{OpenError, open};
use imago::FormatCreateBuilder;
use imago::file::File as Storage;
use std::fs::OpenOptions;
use std::path::Path;

/// Makes an image of `size` bytes, all zeros, at `path`; a file that is there is replaced, if nobody uses it.
///
/// # Errors
/// The host refuses, or somebody uses the file.
pub fn create(path: impl AsRef<Path>, format: Format, size: u64) -> Result<(), OpenError> {
    make(path.as_ref(), format, size, None)
}

/// Makes a qcow2 image of what differs from the image `backing`, whose name is kept as given: from there a relative one
/// leads on.
///
/// # Errors
/// The backing image cannot be opened, or the host refuses.
pub fn create_over(path: impl AsRef<Path>, backing: &str, format: Format) -> Result<(), OpenError> {
    let path = path.as_ref();
    let behind = path.parent().unwrap_or(Path::new("")).join(backing);
    let size = open(&behind, &Options::READ_ONLY.format(format))?.size();
    make(path, Format::Qcow2, size, Some((backing, format)))
}

fn make(path: &Path, format: Format, size: u64, backing: Option<(&str, Format)>) -> Result<(), OpenError> {
    let host = |error| OpenError::host(path, error);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(host)?;
    let (file, _lock) = open_file(path, &Options::WRITABLE)?;
    file.set_len(0).map_err(host)?;
    if format == Format::Raw {
        return file.set_len(size).map_err(host);
    }
    let made = Storage::try_from(file).and_then(|storage| {
        let mut builder = imago::qcow2::Qcow2::<Storage>::create_builder(storage).size(size);
        if let Some((name, format)) = backing {
            builder = builder.backing(name.to_owned(), format.name().to_owned());
        }
        builder.create()
    });
    made.map_err(host)
}
