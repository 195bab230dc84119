//! Output into a file.

use crate::port::Port;
use crate::writer::Writer;
use crate::{Chardev, Context, Frontend, InUse, OpenError};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// A file, new or emptied unless appended to, that output goes to. There is no input.
pub struct File {
    port: Arc<Port>,
    writer: Arc<Writer>,
    path: PathBuf,
}

impl File {
    /// Opens `path` for writing.
    ///
    /// # Errors
    /// The host refuses.
    pub fn open(path: &Path, append: bool, context: &Context) -> Result<Self, OpenError> {
        let named = || OpenError::host(path.display().to_string());
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .write(true)
            .append(append)
            .truncate(!append)
            .open(path)
            .map_err(named())?;
        let fd = OwnedFd::from(file);
        // Nothing to a disk file, but the path may be a FIFO or a device.
        let flags = fcntl_getfl(&fd).map_err(|e| named()(e.into()))?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK).map_err(|e| named()(e.into()))?;
        let writer = Writer::new(&context.main_loop, Arc::new(fd));
        Ok(Self {
            port: Port::new(true),
            writer,
            path: path.to_owned(),
        })
    }
}

impl Chardev for File {
    fn write(&self, data: &[u8]) {
        self.writer.write(data);
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        self.port.attach(frontend)
    }

    fn accept_input(&self) {}

    fn flush(&self) {
        self.writer.flush();
    }

    fn describe(&self) -> String {
        format!("file:{}", self.path.display())
    }
}
