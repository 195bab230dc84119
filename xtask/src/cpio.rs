//! Writes `newc` cpio archives, the format of a Linux initramfs.
//!
//! Kernel documentation: driver-api/early-userspace/buffer-format.

use std::path::Path;

/// An archive under construction.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHAR_DEVICE: u32 = 0o020_000;

impl Archive {
    /// Adds a directory.
    pub fn directory(&mut self, path: &str) -> &mut Self {
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// Adds an executable file.
    pub fn program(&mut self, path: &str, bytes: &[u8]) -> &mut Self {
        self.entry(path, REGULAR | 0o755, (0, 0), bytes)
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> &mut Self {
        self.entry(path, SYMLINK | 0o777, (0, 0), target.as_bytes())
    }

    /// Adds a character device node.
    pub fn char_device(&mut self, path: &str, major: u32, minor: u32) -> &mut Self {
        self.entry(path, CHAR_DEVICE | 0o600, (major, minor), &[])
    }

    /// Adds a directory of the host with everything in it, as `path`. Links are followed.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn tree(&mut self, path: &str, from: &Path) -> std::io::Result<&mut Self> {
        self.directory(path);
        let mut entries = std::fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (inner, file) = (
                format!("{path}/{}", entry.file_name().to_string_lossy()),
                entry.path(),
            );
            if file.is_dir() {
                self.tree(&inner, &file)?;
            } else {
                self.program(&inner, &std::fs::read(file)?);
            }
        }
        Ok(self)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, (major, minor): (u32, u32), data: &[u8]) -> &mut Self {
        self.inode += 1;
        let name_size = path.len() + 1;
        // Magic, then 13 fields: inode, mode, uid, gid, links, mtime, size, device, node device, name size, check.
        let fields = [
            self.inode,
            mode,
            0,
            0,
            1,
            0,
            data.len() as u32,
            0,
            0,
            major,
            minor,
            name_size as u32,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let mut archive = Archive::default();
        archive.program("init", b"#!/bin/sh\n");
        let bytes = archive.finish();
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[110..115], b"init\0");
        assert_eq!(&bytes[116..126], b"#!/bin/sh\n");
        assert_eq!(bytes.len() % 4, 0);
    }
}
