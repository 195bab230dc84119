//! Frames: the unit of writing, of trust and of seeking.
//!
//! ```text
//! 0 magic "RRF1"   4 xxh3 u64 of all that follows, seeded with the log's id
//! 12 flags u32     16 stored length u32   20 length before compression u32   24 events u32
//! 28 sequence u64  36 index of the first event u64
//! 44 from (20 bytes)   64 until (20 bytes)   84 payload
//! ```
//!
//! *From* is where the frame before left off, *until* says that nothing more happened up to there: a log whose end was
//! torn off is known to be whole up to its last frame's *until*.

use super::{LogError, MAX_EVENT};
use crate::Instant;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: [u8; 4] = *b"RRF1";

/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 84;

/// Where the part under the checksum begins.
const SUMMED: usize = 12;

/// Most bytes that a frame of events holds before compression: one large event.
pub(crate) const MAX_PAYLOAD: usize = MAX_EVENT;

/// The payload is compressed by lz4.
pub(crate) const COMPRESSED: u32 = 1;
/// Its last event is END.
pub(crate) const ENDS: u32 = 2;
/// Its last event is STOPPED.
pub(crate) const STOPS: u32 = 4;
/// It is no frame of events but the list of them.
pub(crate) const INDEX: u32 = 8;

/// What is known of a frame of events without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameInfo {
    /// Which file of a ring, from 0 for the first that is kept.
    pub segment: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Bytes of payload in the file.
    pub stored: u32,
    /// Bytes of payload before compression.
    pub raw: u32,
    /// Counted from the first frame that was ever written.
    pub sequence: u64,
    /// Its first event, counted from the first that was ever written.
    pub index: u64,
    /// How many.
    pub events: u32,
    /// No event of it is before this.
    pub from: Instant,
    /// All events up to this instant are in it or in frames before.
    pub until: Instant,
    pub(crate) flags: u32,
}

impl FrameInfo {
    /// Bytes in the file.
    pub fn file_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.stored)
    }

    /// Whether its payload was made smaller.
    pub fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }
}

/// A frame of `payload`, as it is written. Of `info`, the lengths and the compressed flag are set here.
pub(crate) fn encode(info: &mut FrameInfo, payload: &[u8], id: u64) -> Vec<u8> {
    let mut body = Cow::Borrowed(payload);
    if info.flags & INDEX == 0 {
        let packed = lz4_flex::block::compress(payload);
        if packed.len() < payload.len() {
            info.flags |= COMPRESSED;
            body = Cow::Owned(packed);
        }
    }
    info.raw = payload.len() as u32;
    info.stored = body.len() as u32;
    let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
    bytes.extend(MAGIC);
    bytes.extend([0; 8]);
    for number in [info.flags, info.stored, info.raw, info.events] {
        bytes.extend(number.to_le_bytes());
    }
    for number in [info.sequence, info.index] {
        bytes.extend(number.to_le_bytes());
    }
    for instant in [info.from, info.until] {
        bytes.extend(instant.count.to_le_bytes());
        bytes.extend(instant.warp_ns.to_le_bytes());
        bytes.extend(instant.round.to_le_bytes());
    }
    bytes.extend_from_slice(&body);
    let sum = xxh3_64_with_seed(&bytes[SUMMED..], id);
    bytes[4..SUMMED].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// What a frame's header says; its lengths are possible ones if the frame has at most `left` bytes to be in.
pub(crate) fn decode_header(
    bytes: &[u8; HEADER_LEN],
    segment: u32,
    offset: u64,
    left: u64,
) -> Result<FrameInfo, LogError> {
    let damaged = |reason| LogError::Damaged { offset, reason };
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let instant_at = |at: usize| Instant::new(u64_at(at), u64_at(at + 8) as i64, u32_at(at + 16));
    if bytes[..4] != MAGIC {
        return Err(damaged("no frame where one should begin"));
    }
    let info = FrameInfo {
        segment,
        offset,
        flags: u32_at(12),
        stored: u32_at(16),
        raw: u32_at(20),
        events: u32_at(24),
        sequence: u64_at(28),
        index: u64_at(36),
        from: instant_at(44),
        until: instant_at(64),
    };
    if info.file_len() > left {
        return Err(damaged("the file ends inside a frame"));
    }
    if info.flags & INDEX == 0 && info.raw as usize > MAX_PAYLOAD {
        return Err(damaged("a frame of impossible length"));
    }
    Ok(info)
}

/// The payload of a frame whose bytes are all there.
pub(crate) fn decode_payload(
    info: &FrameInfo,
    header: &[u8; HEADER_LEN],
    stored: Vec<u8>,
    id: u64,
) -> Result<Vec<u8>, LogError> {
    let damaged = |reason| LogError::Damaged {
        offset: info.offset,
        reason,
    };
    let mut whole = Vec::with_capacity(HEADER_LEN - SUMMED + stored.len());
    whole.extend_from_slice(&header[SUMMED..]);
    whole.extend_from_slice(&stored);
    if xxh3_64_with_seed(&whole, id).to_le_bytes() != header[4..SUMMED] {
        return Err(damaged("checksum of a frame"));
    }
    let raw = info.raw as usize;
    if !info.is_compressed() {
        return if stored.len() == raw {
            Ok(stored)
        } else {
            Err(damaged("lengths of a frame"))
        };
    }
    // `raw` is bounded by `decode_header`, and the block never grows past it.
    match lz4_flex::block::decompress(&stored, raw) {
        Ok(payload) if payload.len() == raw => Ok(payload),
        _ => Err(damaged("compressed bytes of a frame")),
    }
}
