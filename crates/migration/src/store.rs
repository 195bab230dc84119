//! A directory with snapshots, a file for each, until disk images can hold them.
//!
//! A file appears under its name only when it is complete: it is written beside it and renamed, so that a full disk
//! or a killed process leaves what was there before.

use crate::reader::SnapshotReader;
use crate::{Head, SnapshotError};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What snapshots' files are called behind their name.
const SUFFIX: &str = ".reprise-snapshot";
const MAX_NAME: usize = 100;
const BUFFER: usize = 256 << 10;

/// The directory.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// A snapshot as a list shows it.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// Bytes of its file.
    pub size: u64,
    /// How it begins, or what is wrong with it.
    pub head: Result<Head, String>,
}

impl Store {
    /// A store in `directory`, which need not exist before something is saved.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The file of a snapshot.
    ///
    /// # Errors
    /// The name cannot be a file's: it would lie elsewhere, or be hidden.
    pub fn path(&self, name: &str) -> Result<PathBuf, SnapshotError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(SnapshotError::Name);
        }
        Ok(self.directory.join(format!("{name}{SUFFIX}")))
    }

    /// Has `write` write a snapshot, and puts it in the place of what has its name. Whatever fails, that stays.
    ///
    /// # Errors
    /// A bad name, what `write` says, or the file system.
    pub fn save(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let path = self.path(name)?;
        fs::create_dir_all(&self.directory)?;
        let part = self
            .directory
            .join(format!(".{name}{SUFFIX}.{}", std::process::id()));
        let result = write_file(&part, write).and_then(|()| Ok(fs::rename(&part, &path)?));
        if result.is_err() {
            // It may not have been made at all.
            let _ = fs::remove_file(&part);
        }
        result
    }

    /// Opens a snapshot.
    ///
    /// # Errors
    /// A bad name, or there is none.
    pub fn open(&self, name: &str) -> Result<BufReader<File>, SnapshotError> {
        match File::open(self.path(name)?) {
            Ok(file) => Ok(BufReader::with_capacity(BUFFER, file)),
            Err(error) => Err(missing(error)),
        }
    }

    /// Deletes a snapshot.
    ///
    /// # Errors
    /// A bad name, there is none, or the file system.
    pub fn delete(&self, name: &str) -> Result<(), SnapshotError> {
        fs::remove_file(self.path(name)?).map_err(missing)
    }

    /// All snapshots, by name. A directory that does not exist holds none.
    ///
    /// # Errors
    /// The file system.
    pub fn list(&self) -> Result<Vec<Saved>, SnapshotError> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let file = entry.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_suffix(SUFFIX)) else {
                continue;
            };
            if self.path(name).is_err() {
                continue;
            }
            let head = self.open(name).and_then(SnapshotReader::new);
            found.push(Saved {
                name: name.to_owned(),
                size: entry.metadata().map_or(0, |data| data.len()),
                head: head
                    .map(|reader| reader.head().clone())
                    .map_err(|error| error.to_string()),
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }
}

fn missing(error: io::Error) -> SnapshotError {
    match error.kind() {
        io::ErrorKind::NotFound => SnapshotError::Missing,
        _ => SnapshotError::Io(error),
    }
}

fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), SnapshotError>,
) -> Result<(), SnapshotError> {
    let mut to = BufWriter::with_capacity(BUFFER, File::create(path)?);
    write(&mut to)?;
    // What is renamed must be on disk before its name is, or a power failure leaves neither old nor new.
    let file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}
