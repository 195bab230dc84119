//! Frames in a file, for whoever wants to look at them later: `-object filter-dump`, in the format of libpcap.
//!
//! What passes a card is told to a [`Dump`], which writes whole records at once: a file that is read while it grows, or
//! that ends because the disk is full, ends behind a record.

use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes of a frame that are kept if nothing else is said.
pub const SNAP_LENGTH: u32 = 65_536;
const MAGIC: u32 = 0xa1b2_c3d4;
const ETHERNET: u32 = 1;
/// Bytes in front of a frame.
const HEADER: usize = 16;

/// A file of frames.
pub struct Dump {
    file: Mutex<Option<Open>>,
    snap: u32,
}

struct Open {
    file: File,
    /// Where the next record begins.
    end: u64,
}

impl Dump {
    /// Begins a file, of frames cut to `snap` bytes.
    ///
    /// # Errors
    /// The host refuses.
    pub fn create(path: &Path, snap: u32) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let mut header = Vec::with_capacity(24);
        header.extend(MAGIC.to_ne_bytes());
        header.extend(2u16.to_ne_bytes());
        header.extend(4u16.to_ne_bytes());
        for word in [0, 0, snap, ETHERNET] {
            header.extend(u32::to_ne_bytes(word));
        }
        file.write_all(&header)?;
        let end = header.len() as u64;
        Ok(Self {
            file: Mutex::new(Some(Open { file, end })),
            snap,
        })
    }

    /// Adds a frame that passed at `time_ns`, nanoseconds since 1970 or since the machine began. What the host cannot
    /// write ends the file.
    pub fn add(&self, time_ns: i64, frame: &[u8]) {
        let mut place = self.file.lock();
        let Some(open) = &mut *place else { return };
        let kept = &frame[..frame.len().min(self.snap as usize)];
        let micros = time_ns.max(0) as u64 / 1000;
        let mut record = Vec::with_capacity(HEADER + kept.len());
        for word in [
            (micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            kept.len() as u32,
            frame.len() as u32,
        ] {
            record.extend(word.to_ne_bytes());
        }
        record.extend_from_slice(kept);
        if let Err(error) = open.file.write_all(&record) {
            tracing::warn!(%error, "the dump of frames ends");
            let _ = open.file.set_len(open.end);
            *place = None;
            return;
        }
        open.end += record.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<u32> {
        let words = bytes.chunks_exact(4);
        words
            .map(|word| u32::from_ne_bytes(word.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn whole_records() {
        let path = std::env::temp_dir().join(format!("net-dump-{}.pcap", std::process::id()));
        let dump = Dump::create(&path, 8).unwrap();
        dump.add(3_000_004_999, b"frame");
        dump.add(-1, b"a longer frame");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(words(&bytes[..24]), [MAGIC, 0x0004_0002, 0, 0, 8, 1]);
        assert_eq!(words(&bytes[24..40]), [3, 4, 5, 5]);
        assert_eq!(&bytes[40..45], b"frame");
        assert_eq!(words(&bytes[45..61]), [0, 0, 8, 14]);
        assert_eq!(&bytes[61..], b"a longer");
    }

    #[test]
    fn a_full_disk_ends_it() {
        // A file that refuses every write.
        let full = Path::new("/dev/full");
        assert!(Dump::create(full, 8).is_err());
    }
}
