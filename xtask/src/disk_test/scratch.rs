//! The files of one row: images that it may write to, and nobody else's.

use crate::images::tool;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory for one row.
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes it, empty.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(place: &Path, name: &str) -> Result<Self> {
        let dir = std::path::absolute(place.join(name.replace([' ', '/'], "-")))?;
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A copy of an image; what is empty in it stays so.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn copy(&self, image: &Path, name: &str) -> Result<PathBuf> {
        let copy = self.file(name);
        tool(
            Command::new("cp")
                .args(["--sparse=always", "--reflink=auto"])
                .arg(image)
                .arg(&copy),
        )?;
        Ok(copy)
    }

    /// An empty image.
    ///
    /// # Errors
    /// `qemu-img` fails.
    pub fn empty(&self, name: &str, format: &str, size: &str) -> Result<PathBuf> {
        let image = self.file(name);
        tool(
            Command::new("qemu-img")
                .args(["create", "-q", "-f", format])
                .arg(&image)
                .arg(size),
        )?;
        Ok(image)
    }

    /// Removes everything.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_dir_all(&self.dir).with_context(|| format!("removing {}", self.dir.display()))
    }
}
