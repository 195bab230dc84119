//! Events inside a frame: the instant as a difference to the event before, then the event.
//!
//! `varint(count difference * 2 + more)`; with `more`: `varint(warp difference)`, `varint(round)`. Without it the warp is
//! the same, and the round is 0 if the count moved, else the same. Instants never go back, so differences have no
//! sign. Most events take two bytes for their instant.

use crate::{Event, Instant};

/// What was read is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends an event.
///
/// # Panics
/// If `at` is before `last`: no machine may go back.
pub(crate) fn encode(out: &mut Vec<u8>, last: Instant, at: Instant, event: &Event) {
    assert!(
        at >= last && at.warp_ns >= last.warp_ns,
        "an event at {at} after one at {last}"
    );
    let count = at.count - last.count;
    let plain_round = if count == 0 { last.round } else { 0 };
    let more = at.warp_ns != last.warp_ns || at.round != plain_round;
    // 65 bits: the count is never near its end, and the sum is exact anyway.
    varint(out, u128::from(count) << 1 | u128::from(more));
    if more {
        varint(out, u128::from(at.warp_ns.abs_diff(last.warp_ns)));
        varint(out, u128::from(at.round));
    }
    let taken = std::mem::take(out);
    *out = postcard::to_extend(event, taken).expect("memory takes everything");
}

/// Takes an event from the front of `bytes`.
pub(crate) fn decode(bytes: &mut &[u8], last: Instant) -> Result<(Instant, Event), Malformed> {
    let head = take_varint(bytes)?;
    let count = u64::try_from(head >> 1).map_err(|_| Malformed)?;
    let mut at = Instant {
        count: last.count.checked_add(count).ok_or(Malformed)?,
        warp_ns: last.warp_ns,
        round: if count == 0 { last.round } else { 0 },
    };
    if head & 1 != 0 {
        let warp = i64::try_from(take_varint(bytes)?).map_err(|_| Malformed)?;
        at.warp_ns = last.warp_ns.checked_add(warp).ok_or(Malformed)?;
        at.round = u32::try_from(take_varint(bytes)?).map_err(|_| Malformed)?;
    }
    let (event, rest) = postcard::take_from_bytes(bytes).map_err(|_| Malformed)?;
    *bytes = rest;
    if at < last {
        Err(Malformed)
    } else {
        Ok((at, event))
    }
}

fn varint(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u128, Malformed> {
    let mut value = 0u128;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Malformed)?;
        *bytes = rest;
        value |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}
