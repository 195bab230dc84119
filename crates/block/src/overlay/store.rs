//! The temporary file of an overlay: clusters, given out and taken back by their references.
//!
//! A file that has no name, so it goes with the process however that ends.

use super::CLUSTER;
use crate::OpenError;
use crate::image::Result;
use parking_lot::Mutex;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file.
#[derive(Debug)]
pub struct Store {
    file: File,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    end: u64,
    /// Below `end`; ordered, so that what is written in a row tends to lie in a row.
    free: BTreeSet<u64>,
}

/// A cluster of the file, this one's until the last reference to it is gone.
#[derive(Debug)]
pub struct Slot {
    store: Arc<Store>,
    number: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.store.places.lock();
        places.free.insert(self.number);
        while places.end > 0 && places.free.contains(&(places.end - 1)) {
            places.end -= 1;
            let end = places.end;
            places.free.remove(&end);
        }
    }
}

/// Where temporary files go: `$TMPDIR`, or `/var/tmp`, which is for large ones.
fn directory() -> PathBuf {
    if let Some(dir) = std::env::var_os("TMPDIR").filter(|dir| !dir.is_empty()) {
        return dir.into();
    }
    let large = Path::new("/var/tmp");
    if large.is_dir() {
        large.to_owned()
    } else {
        PathBuf::from("/tmp")
    }
}

/// A file without a name.
fn nameless(dir: &Path) -> std::result::Result<File, OpenError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::openat(CWD, dir, flags | OFlags::TMPFILE, mode) {
        Ok(file) => return Ok(file.into()),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) if dir.is_dir() => {}
        Err(errno) => return Err(OpenError::host(dir, errno)),
    }
    for attempt in 0_u32.. {
        let path = dir.join(format!("overlay-{}-{attempt}", std::process::id()));
        match rustix::fs::openat(CWD, &path, flags | OFlags::CREATE | OFlags::EXCL, mode) {
            Ok(file) => {
                std::fs::remove_file(&path).map_err(|error| OpenError::host(&path, error))?;
                return Ok(file.into());
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(OpenError::host(&path, errno)),
        }
    }
    unreachable!("the numbers do not end")
}

impl Store {
    /// An empty file.
    pub fn new() -> std::result::Result<Arc<Self>, OpenError> {
        Ok(Arc::new(Self {
            file: nameless(&directory())?,
            places: Mutex::default(),
        }))
    }

    /// `count` clusters, in a row if no room of former ones is used.
    pub fn take(self: &Arc<Self>, count: usize) -> Vec<Arc<Slot>> {
        let mut places = self.places.lock();
        (0..count)
            .map(|_| {
                let number = places.free.pop_first().unwrap_or_else(|| {
                    places.end += 1;
                    places.end - 1
                });
                Arc::new(Slot {
                    store: Arc::clone(self),
                    number,
                })
            })
            .collect()
    }

    /// Bytes of clusters in use.
    pub fn used(&self) -> u64 {
        let places = self.places.lock();
        (places.end - places.free.len() as u64) * CLUSTER
    }
}

impl Slot {
    /// Whether `other` lies right behind.
    pub fn precedes(&self, other: &Self) -> bool {
        self.number + 1 == other.number
    }

    /// Reads from `offset` of this cluster, and of those behind it.
    pub fn read(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        Ok(self
            .store
            .file
            .read_exact_at(to, self.number * CLUSTER + offset)?)
    }

    /// Writes.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<()> {
        Ok(self
            .store
            .file
            .write_all_at(from, self.number * CLUSTER + offset)?)
    }
}
