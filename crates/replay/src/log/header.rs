//! The log's header: who wrote it, for which machine, and the facts a run begins with.

use super::{FORMAT, LogError};
use crate::Instant;
use serde::{Deserialize, Serialize};
use std::hash::{BuildHasher, RandomState};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: [u8; 8] = *b"\x89RRLOG\r\n";

/// Magic, format, length, checksum.
pub(crate) const FIXED_LEN: usize = 24;

/// The largest header that is read.
const MAX_HEADER: usize = 16 << 20;

/// What is known before the first event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// A number of the log's own: positions and frames of another log do not fit.
    pub id: u64,
    /// Raised whenever the same events would give another run. Another version is refused by the machine.
    pub machine_version: u32,
    /// The program that recorded; informs only.
    pub build: String,
    /// The machine's configuration, as the machine encodes it.
    pub machine: Vec<u8>,
    /// What the machine begins with.
    pub facts: Facts,
    /// Where the file begins: all zero but for a ring's later segments.
    pub(crate) start: Start,
}

/// What a machine begins with that is not computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The RTC at the first instant, in seconds since 1970.
    pub rtc_base_s: i64,
    /// Seed of everything random in the machine.
    pub random_seed: u64,
    /// Ticks of the TSC in a second of virtual time.
    pub tsc_hz: u64,
    /// An instruction takes `1 << shift` ns.
    pub shift: u32,
    /// Interrupts and exceptions are events of their own.
    pub strict: bool,
    /// What the disks hold before the first instant.
    pub disks: Vec<Disk>,
}

/// A disk at the first instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its drive, by the machine's name.
    pub name: String,
    /// Bytes.
    pub len: u64,
    /// Digest of its contents.
    pub digest: u64,
}

/// Where a segment begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Counted from 0.
    pub segment: u64,
    /// Of its first frame.
    pub sequence: u64,
    /// Of its first event.
    pub index: u64,
    /// No event of it is before this.
    pub from: Instant,
}

impl Header {
    /// A header with a number that no other log has.
    pub fn new(machine_version: u32, build: impl Into<String>, machine: Vec<u8>, facts: Facts) -> Self {
        Self {
            // The standard library's own source of keys: different in each process, and in each call.
            id: RandomState::new().hash_one(machine_version),
            machine_version,
            build: build.into(),
            machine,
            facts,
            start: Start::default(),
        }
    }

    /// Whether a machine of this version can follow the log.
    ///
    /// # Errors
    /// [`LogError::MachineVersion`].
    pub fn check_machine(&self, known: u32) -> Result<(), LogError> {
        let found = self.machine_version;
        if found == known {
            return Ok(());
        }
        Err(LogError::MachineVersion { found, known })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(self).expect("memory takes everything");
        let mut bytes = Vec::with_capacity(FIXED_LEN + body.len());
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(xxh3_64(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// Length of the part behind the fixed one, from the fixed one.
    pub(crate) fn body_len(fixed: &[u8; FIXED_LEN]) -> Result<usize, LogError> {
        if fixed[..8] != MAGIC {
            return Err(LogError::Foreign);
        }
        let found = u32::from_le_bytes(fixed[8..12].try_into().expect("four bytes"));
        let known = FORMAT;
        if found > known {
            return Err(LogError::Newer { found, known });
        }
        if found < known {
            return Err(LogError::Older { found, known });
        }
        let length = u32::from_le_bytes(fixed[12..16].try_into().expect("four bytes")) as usize;
        if length > MAX_HEADER {
            return Err(damaged("a header of impossible length"));
        }
        Ok(length)
    }

    pub(crate) fn decode(fixed: &[u8; FIXED_LEN], body: &[u8]) -> Result<Self, LogError> {
        let sum = u64::from_le_bytes(fixed[16..24].try_into().expect("eight bytes"));
        if xxh3_64(body) != sum {
            return Err(damaged("checksum of the header"));
        }
        let (header, rest): (Self, _) = postcard::take_from_bytes(body).map_err(|_| damaged("the header"))?;
        if rest.is_empty() {
            Ok(header)
        } else {
            Err(damaged("bytes behind the header"))
        }
    }
}

fn damaged(reason: &'static str) -> LogError {
    LogError::Damaged { offset: 0, reason }
}
