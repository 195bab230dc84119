//! Locks on image files, by which this emulator and QEMU keep out of each other's way.
//!
//! As QEMU's `block/file-posix.c` does: byte `100 + n` of the file is locked (shared, by an open file description) by
//! everybody who uses permission `n`, byte `200 + n` by everybody who does not want others to use it. Whoever opens locks
//! first, and then looks whether somebody else's lock is in the way, so of two that come together at least one sees the
//! other. The locks go with the last descriptor of the file description, however the process ends.

use crate::OpenError;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Somebody uses permission `n`.
const USED: i64 = 100;
/// Somebody does not share permission `n`.
const KEPT: i64 = 200;

/// Reading what was written.
const CONSISTENT_READ: i64 = 0;
/// Writing.
const WRITE: i64 = 1;
/// Changing the length.
const RESIZE: i64 = 3;

/// The locks of one open file.
#[derive(Debug)]
pub struct Lock {
    /// Shares the file description of whoever reads and writes.
    file: File,
    path: PathBuf,
}

fn range(kind: i32, start: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: 1,
        l_pid: 0,
    }
}

impl Lock {
    /// Locks `file`: as a reader, who does not want it to change; or as the writer, of whom there is one.
    ///
    /// # Errors
    /// Others use the file in a way that does not go with this.
    pub fn new(file: &File, path: &Path, writing: bool) -> Result<Self, OpenError> {
        let lock = Self {
            file: file.try_clone().map_err(|error| OpenError::host(path, error))?,
            path: path.to_owned(),
        };
        lock.take(writing)?;
        Ok(lock)
    }

    /// Becomes a writer's lock, or a reader's again.
    ///
    /// # Errors
    /// Others use the file; the lock is then a reader's.
    pub fn take(&self, writing: bool) -> Result<(), OpenError> {
        let result = self.try_take(writing);
        if result.is_err() && writing {
            let _ = self.try_take(false);
        }
        result
    }

    fn try_take(&self, writing: bool) -> Result<(), OpenError> {
        let used: &[i64] = if writing {
            &[CONSISTENT_READ, WRITE, RESIZE]
        } else {
            &[CONSISTENT_READ]
        };
        for permission in [CONSISTENT_READ, WRITE, RESIZE] {
            self.set(USED + permission, used.contains(&permission))?;
        }
        for permission in [WRITE, RESIZE] {
            self.set(KEPT + permission, true)?;
        }
        for &permission in used {
            if self.is_locked(KEPT + permission)? {
                return Err(self.refused(if permission == WRITE {
                    "\"write\""
                } else {
                    "\"resize\""
                }));
            }
        }
        for permission in [WRITE, RESIZE] {
            if self.is_locked(USED + permission)? {
                return Err(self.refused("shared \"write\""));
            }
        }
        Ok(())
    }

    fn refused(&self, what: &'static str) -> OpenError {
        OpenError::Locked {
            path: self.path.clone(),
            what,
        }
    }

    fn set(&self, byte: i64, on: bool) -> Result<(), OpenError> {
        let kind = if on { libc::F_RDLCK } else { libc::F_UNLCK };
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range(kind, byte))) {
            Ok(_) => Ok(()),
            Err(errno) => self.unlockable(errno),
        }
    }

    /// Somebody else holds a lock there.
    fn is_locked(&self, byte: i64) -> Result<bool, OpenError> {
        let mut found = range(libc::F_WRLCK, byte);
        match fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut found)) {
            Ok(_) => Ok(i32::from(found.l_type) != libc::F_UNLCK),
            Err(errno) => self.unlockable(errno).map(|()| false),
        }
    }

    /// File systems and devices without locks are used without.
    fn unlockable(&self, errno: Errno) -> Result<(), OpenError> {
        match errno {
            Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::ENOLCK => Ok(()),
            // An exclusive lock of somebody who knows nothing of these rules.
            Errno::EAGAIN | Errno::EACCES => Err(self.refused("\"write\"")),
            errno => Err(OpenError::host(
                &self.path,
                std::io::Error::from_raw_os_error(errno as i32),
            )),
        }
    }
}
