//! The checksum of the Internet protocols (RFC 1071), as cards compute it over what drivers name.

/// The ones' complement sum of `data` as big-endian words, on top of `start`.
pub(crate) fn sum(start: u16, data: &[u8]) -> u16 {
    let words = data.chunks(2).map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u64::from(u16::from_be_bytes([word[0], low]))
    });
    let mut total = u64::from(start) + words.sum::<u64>();
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// Puts the checksum over `start` to `end` (inclusive; 0: the end of the frame) at `at`, where the first part of the sum is
/// already. Nothing happens where that is outside of the frame.
pub(crate) fn insert(frame: &mut [u8], start: usize, at: usize, end: usize) {
    let end = if end == 0 {
        frame.len()
    } else {
        (end + 1).min(frame.len())
    };
    if start >= end || at + 2 > frame.len() {
        return;
    }
    let sum = !sum(0, &frame[start..end]);
    frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        assert_eq!(sum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
        assert_eq!(sum(0xffff, &[0, 1, 2]), 0x0201);
        let mut frame = [1, 2, 3, 4, 0, 0];
        insert(&mut frame, 0, 4, 0);
        assert_eq!(sum(0, &frame), 0xffff);
        insert(&mut frame, 9, 4, 0);
        insert(&mut frame, 0, 5, 0);
        insert(&mut frame, 3, 4, 1);
        assert_eq!(sum(0, &frame), 0xffff, "nothing was written outside");
    }
}
