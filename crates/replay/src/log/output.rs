//! Where a recorder's bytes go: memory, a file, or the newest files of a directory.

use super::LogError;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names of a ring's segments: `segment-` number `.rrlog`.
const PREFIX: &str = "segment-";
const SUFFIX: &str = ".rrlog";

/// A log in memory, shared with the recorder that writes it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    /// What was written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A segment that is kept.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    bytes: u64,
    /// The snapshot it begins with; none for the first.
    snapshot: Option<String>,
}

/// The directory of a flight recorder.
#[derive(Debug)]
pub(crate) struct Ring {
    directory: PathBuf,
    max_bytes: u64,
    kept: VecDeque<Segment>,
    /// Snapshots whose segment is gone.
    dropped: Vec<String>,
}

impl Ring {
    /// Makes the directory, or empties one that holds a ring.
    pub(crate) fn create(directory: &Path, max_bytes: u64) -> Result<Self, LogError> {
        fs::create_dir_all(directory)?;
        let mut old = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            match name.to_str().map(|name| (name, segment_number(name))) {
                Some((_, Some(_))) => old.push(directory.join(&name)),
                // The machine's snapshots lie beside the segments that need them; hidden, while they are written.
                Some((name, None)) if name.trim_start_matches('.').starts_with("snapshot-") => {
                    old.push(directory.join(name));
                }
                _ => return Err(LogError::ForeignFile(name.to_string_lossy().into_owned())),
            }
        }
        for path in old {
            fs::remove_file(path)?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            max_bytes,
            kept: VecDeque::new(),
            dropped: Vec::new(),
        })
    }

    /// Begins segment `number` with `head`, which is written whole or not at all.
    pub(crate) fn begin(&mut self, number: u64, head: &[u8], snapshot: Option<String>) -> io::Result<File> {
        let path = self.directory.join(format!("{PREFIX}{number:08}{SUFFIX}"));
        let fresh = self.directory.join(format!("{PREFIX}new"));
        let mut file = File::create(&fresh)?;
        file.write_all(head)?;
        fs::rename(&fresh, &path)?;
        self.kept.push_back(Segment {
            path,
            bytes: head.len() as u64,
            snapshot,
        });
        Ok(file)
    }

    /// `bytes` more belong to the newest segment; what is too much goes, oldest first.
    pub(crate) fn grew(&mut self, bytes: u64) -> io::Result<()> {
        if let Some(newest) = self.kept.back_mut() {
            newest.bytes = newest.bytes.saturating_add(bytes);
        }
        while self.total() > self.max_bytes && self.kept.len() > 1 {
            let oldest = self.kept.pop_front().expect("more than one");
            self.dropped.extend(oldest.snapshot);
            fs::remove_file(oldest.path)?;
        }
        Ok(())
    }

    fn total(&self) -> u64 {
        self.kept
            .iter()
            .fold(0, |sum, segment| sum.saturating_add(segment.bytes))
    }

    /// Whether the newest segment is long enough for another to begin: there should be about four.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.kept
            .back()
            .is_some_and(|newest| newest.bytes > self.max_bytes / 4)
    }

    /// Whether the newest segment alone is too much.
    pub(crate) fn is_over(&self) -> bool {
        self.kept.len() == 1 && self.total() > self.max_bytes
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(crate) fn take_dropped(&mut self) -> Vec<String> {
        std::mem::take(&mut self.dropped)
    }
}

/// The number in a segment's name; `segment-new` has none that counts.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    if name == "segment-new" {
        return Some(u64::MAX);
    }
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    digits.parse().ok().filter(|number| *number < u64::MAX)
}

/// The files of a ring, oldest first.
pub(crate) fn segments(directory: &Path) -> Result<Vec<PathBuf>, LogError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if let Some(number) = name.to_str().and_then(segment_number)
            && number != u64::MAX
        {
            found.push((number, directory.join(name)));
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(LogError::Empty);
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
