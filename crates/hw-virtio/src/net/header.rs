//! The header before each frame, and the work that it leaves to the other side (VIRTIO 1.2, 5.1.6).

use super::spec::*;
use hw_core::Offload;
use hw_core::net::Segment;

/// What a sent frame leaves to the network; none if header and frame contradict each other.
pub(super) fn parse(header: &[u8; SHORT_HEADER], frame: &[u8], features: u64) -> Option<Offload> {
    let [
        flags,
        gso,
        _,
        _,
        size_low,
        size_high,
        start_low,
        start_high,
        offset_low,
        offset_high,
    ] = *header;
    let mut offload = Offload::default();
    if flags & NEEDS_CSUM != 0 {
        let start = u16::from_le_bytes([start_low, start_high]);
        let offset = u16::from_le_bytes([offset_low, offset_high]);
        let end = usize::from(start) + usize::from(offset) + 2;
        if features & feature::CSUM == 0 || end > frame.len() {
            return None;
        }
        offload.checksum = Some((start, offset));
    }
    let ipv6 = match gso & !GSO_ECN {
        GSO_NONE => return Some(offload),
        GSO_TCPV4 if features & feature::HOST_TSO4 != 0 => false,
        GSO_TCPV6 if features & feature::HOST_TSO6 != 0 => true,
        _ => return None,
    };
    // The driver's own length of the headers is a hint only; TCP's header is where the checksum starts.
    let (start, _) = offload.checksum?;
    let words = frame.get(usize::from(start) + 12)? >> 4;
    let headers = start.checked_add(u16::from(words) * 4)?;
    let size = u16::from_le_bytes([size_low, size_high]);
    if size == 0 || words < 5 || usize::from(headers) > frame.len() {
        return None;
    }
    offload.segment = Some(Segment { ipv6, size, headers });
    Some(offload)
}

/// The header of a received frame, for one buffer; none if the driver did not agree to such work.
pub(super) fn build(offload: Offload, features: u64) -> Option<[u8; HEADER]> {
    let mut header = [0; HEADER];
    header[10] = 1;
    if let Some((start, offset)) = offload.checksum {
        if features & feature::GUEST_CSUM == 0 {
            return None;
        }
        header[0] = NEEDS_CSUM;
        header[6..8].copy_from_slice(&start.to_le_bytes());
        header[8..10].copy_from_slice(&offset.to_le_bytes());
    } else if offload.verified && features & feature::GUEST_CSUM != 0 {
        header[0] = DATA_VALID;
    }
    if let Some(segment) = offload.segment {
        let (kind, needed) = if segment.ipv6 {
            (GSO_TCPV6, feature::GUEST_TSO6)
        } else {
            (GSO_TCPV4, feature::GUEST_TSO4)
        };
        if features & needed == 0 {
            return None;
        }
        header[1] = kind;
        header[2..4].copy_from_slice(&segment.headers.to_le_bytes());
        header[4..6].copy_from_slice(&segment.size.to_le_bytes());
    }
    Some(header)
}
