//! qcow2 images and the images behind them, read and written by the `imago` crate.
//!
//! Here are the rules that are ours: which files are opened (by our locks; loops and endless chains are refused), what a
//! header may say, what an image that somebody cuts reads as, and that whatever an image holds is at worst an error.
//! Mirrors QEMU's `block/qcow2.c` in behaviour.

mod header;
mod refcounts;
#[cfg(test)]
mod tests;

pub use header::MAGIC;

use crate::image::{Image, Result, check_range};
use crate::lock::Lock;
use crate::open::{Format, Options, open_file, probe};
use crate::{BlockError, OpenError};
use imago::file::File as Storage;
use imago::{DenyImplicitOpenGate, FormatAccess, FormatDriverBuilder};
use parking_lot::RwLock;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Backing files behind each other, at most.
pub const MAX_DEPTH: usize = 100;

type Access = FormatAccess<Storage>;

/// A host file of the chain.
#[derive(Debug)]
struct Link {
    /// Another descriptor of the same file description.
    file: File,
    path: PathBuf,
    lock: Option<Lock>,
    /// The longest that the file was. What is shorter was cut by somebody.
    length: AtomicU64,
}

/// A qcow2 image.
pub struct Qcow2 {
    /// For writing while it gives clusters back: those that work on clusters look up where they are first.
    access: RwLock<Access>,
    links: Vec<Link>,
    read_only: bool,
    discards: bool,
    /// As the header says.
    bytes: u64,
}

/// What `imago` says, or that it did what it should not do, as an error.
fn guarded<T>(act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(act))
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::InvalidData, "the image is damaged")))
}

impl Link {
    fn new(file: &File, path: &Path, lock: Option<Lock>) -> std::result::Result<Self, OpenError> {
        let length = crate::raw::length(file, path)?;
        Ok(Self {
            file: file.try_clone().map_err(|error| OpenError::host(path, error))?,
            path: path.to_owned(),
            lock,
            length: AtomicU64::new(length),
        })
    }

    /// Fails if the file has become shorter.
    fn check(&self) -> Result<()> {
        // The length that others saw before we looked.
        let seen = self.length.load(Ordering::Acquire);
        let metadata = self.file.metadata()?;
        let now = metadata.len();
        if !metadata.is_file() {
            return Ok(());
        }
        if now < seen {
            return Err(BlockError::Io);
        }
        self.length.fetch_max(now, Ordering::AcqRel);
        Ok(())
    }

    /// What tells the file from all others.
    fn identity(&self) -> std::result::Result<(u64, u64), OpenError> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|error| OpenError::host(&self.path, error))?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

/// Reads and checks the header.
fn check_header(file: &File, path: &Path, writing: bool) -> std::result::Result<(), OpenError> {
    let mut start = [0; header::LENGTHS[1]];
    let mut has = 0;
    while has < start.len() {
        match file.read_at(&mut start[has..], has as u64) {
            Ok(0) => break,
            Ok(read) => has += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(OpenError::host(path, error)),
        }
    }
    header::check(&start[..has], writing).map_err(|reason| OpenError::invalid(path, reason))?;
    if writing {
        let sound = refcounts::check(file, &start).map_err(|error| OpenError::host(path, error))?;
        sound.map_err(|what| {
            let hint = "cannot be opened read/write ('qemu-img check -r all' repairs it)";
            OpenError::invalid(path, format!("qcow2: Image is corrupt: {what}; {hint}"))
        })?;
    }
    Ok(())
}

/// Where the file that `name` stands for in the header of `image` is.
fn backing_path(image: &Path, name: &str) -> std::result::Result<PathBuf, OpenError> {
    let name = name.strip_prefix("file:").unwrap_or(name);
    if let Some((protocol, _)) = name
        .split_once(':')
        .filter(|(protocol, _)| !protocol.contains('/'))
    {
        return Err(OpenError::invalid(
            image,
            format!("Unknown protocol '{protocol}' of the backing file"),
        ));
    }
    Ok(image.parent().unwrap_or(Path::new("")).join(name))
}

impl Qcow2 {
    /// The image in `file`, with all images behind it.
    ///
    /// # Errors
    /// It is damaged, of a kind that is not supported, or an image behind it cannot be opened.
    pub fn new(
        file: File,
        path: &Path,
        lock: Option<Lock>,
        options: &Options,
    ) -> std::result::Result<Self, OpenError> {
        let mut links = Vec::<Link>::new();
        let mut images = Vec::new();
        let mut seen = Vec::new();
        let mut next = Some((file, path.to_owned(), lock, Format::Qcow2));
        // From the front to the last behind.
        while let Some((file, at, lock, format)) = next.take() {
            let link = Link::new(&file, &at, lock)?;
            let identity = link.identity()?;
            if seen.contains(&identity) {
                return Err(OpenError::BackingLoop { path: at });
            }
            if links.len() > MAX_DEPTH {
                return Err(OpenError::BackingDepth {
                    path: path.to_owned(),
                    limit: MAX_DEPTH,
                });
            }
            seen.push(identity);
            links.push(link);
            let image = Driver::open(file, &at, format, !options.read_only && images.is_empty())?;
            if let Driver::Qcow2(image) = &image
                && let Some(name) = image.implicit_backing_file()
            {
                let backing = backing_path(&at, name)?;
                let options = Options {
                    lock: options.lock,
                    ..Options::READ_ONLY
                };
                let (file, lock) = open_file(&backing, &options)?;
                let format = match image.implicit_backing_format().map(String::as_str) {
                    None => probe(&file, &backing)?,
                    Some("file" | "host_device") => Format::Raw,
                    Some(name) => name.parse()?,
                };
                next = Some((file, backing, lock, format));
            }
            images.push(image);
        }
        // From behind to the front.
        let mut behind = None;
        while let Some(image) = images.pop() {
            behind = Some(image.over(behind));
        }
        let access = behind.expect("the chain has a front");
        Ok(Self {
            bytes: access.size(),
            access: RwLock::new(access),
            links,
            read_only: options.read_only,
            discards: options.discard && !options.read_only,
        })
    }

    /// How much of `length` bytes from `offset` the image has; the rest fills up the last sector.
    fn in_image(&self, offset: u64, length: u64) -> u64 {
        self.bytes.saturating_sub(offset).min(length)
    }

    fn check_write(&self, offset: u64, length: u64) -> Result<()> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        check_range(self.size(), offset, length)?;
        self.check_files()
    }

    fn check_files(&self) -> Result<()> {
        self.links.iter().try_for_each(Link::check)
    }
}

/// An image that is not connected to those behind it yet.
enum Driver {
    Qcow2(Box<imago::qcow2::Qcow2<Storage>>),
    Raw(Box<imago::raw::Raw<Storage>>),
}

impl Driver {
    fn open(file: File, path: &Path, format: Format, write: bool) -> std::result::Result<Self, OpenError> {
        if format == Format::Qcow2 {
            check_header(&file, path, write)?;
        }
        let opened = guarded(|| {
            let storage = Storage::try_from(file)?;
            Ok(match format {
                Format::Qcow2 => {
                    let builder = imago::qcow2::Qcow2::<Storage>::builder(storage)
                        .write(write)
                        .backing(None)
                        .data_file(None);
                    Self::Qcow2(Box::new(builder.open(DenyImplicitOpenGate::default())?))
                }
                Format::Raw => {
                    let builder = imago::raw::Raw::builder(storage).write(false);
                    Self::Raw(Box::new(builder.open(DenyImplicitOpenGate::default())?))
                }
            })
        });
        opened.map_err(|error| OpenError::invalid(path, error.to_string()))
    }

    fn over(self, behind: Option<Access>) -> Access {
        match self {
            Self::Qcow2(mut image) => {
                image.set_backing(behind);
                Access::new(*image)
            }
            Self::Raw(image) => Access::new(*image),
        }
    }
}

impl Image for Qcow2 {
    fn format(&self) -> &'static str {
        "qcow2"
    }

    fn size(&self) -> u64 {
        // Headers say less than 2^56.
        self.bytes.next_multiple_of(512)
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn can_discard(&self) -> bool {
        self.discards
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        check_range(self.size(), offset, to.len() as u64)?;
        self.check_files()?;
        let (part, rest) = to.split_at_mut(self.in_image(offset, to.len() as u64) as usize);
        rest.fill(0);
        if part.is_empty() {
            return Ok(());
        }
        let access = self.access.read();
        Ok(guarded(|| access.read(part, offset))?)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()> {
        self.check_write(offset, from.len() as u64)?;
        let part = &from[..self.in_image(offset, from.len() as u64) as usize];
        if part.is_empty() {
            return Ok(());
        }
        let access = self.access.read();
        guarded(|| access.write(part, offset))?;
        // As long as it is now it has to stay.
        self.links[0].check()
    }

    fn flush(&self) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let access = self.access.read();
        guarded(|| {
            access.flush()?;
            access.sync()
        })?;
        self.links[0].check()
    }

    fn discard(&self, offset: u64, length: u64) -> Result<()> {
        self.check_write(offset, length)?;
        let length = self.in_image(offset, length);
        if !self.discards || length == 0 {
            return Ok(());
        }
        let mut access = self.access.write();
        match guarded(|| access.discard_to_any(offset, length)) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
            result => Ok(result?),
        }
    }

    fn write_zeroes(&self, offset: u64, length: u64, may_unmap: bool) -> Result<()> {
        self.check_write(offset, length)?;
        let length = self.in_image(offset, length);
        if length == 0 {
            return Ok(());
        }
        if may_unmap && self.discards {
            let mut access = self.access.write();
            return Ok(guarded(|| access.discard_to_zero(offset, length))?);
        }
        let access = self.access.read();
        Ok(guarded(|| access.write_zeroes(offset, length))?)
    }

    fn claim(&self, writing: bool) -> std::result::Result<(), OpenError> {
        let lock = self.links.first().and_then(|link| link.lock.as_ref());
        lock.map_or(Ok(()), |lock| lock.take(writing))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.links.iter().map(|link| link.path.clone()).collect()
    }
}

impl Drop for Qcow2 {
    /// Where clusters are is written before the image is closed.
    fn drop(&mut self) {
        if !self.read_only
            && let Err(error) = guarded(|| self.access.get_mut().flush())
        {
            tracing::error!("{}: {error}", self.links[0].path.display());
        }
    }
}
