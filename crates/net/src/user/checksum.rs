//! The checksum of the Internet protocols (RFC 1071), eight bytes at a time.

use std::net::Ipv4Addr;

/// The ones' complement sum of `data` as big-endian words, an odd last byte padded with zero.
pub(crate) fn sum(data: &[u8]) -> u16 {
    let mut total = 0u64;
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_ne_bytes(word.try_into().expect("eight bytes"));
        total += (word & 0xffff_ffff) + (word >> 32);
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    let last = u64::from_ne_bytes(last);
    total += (last & 0xffff_ffff) + (last >> 32);
    // The order of bytes does not matter to the sum until it is read.
    u16::from_be(fold(total))
}

fn fold(mut total: u64) -> u16 {
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// The sum of two sums.
pub(crate) fn add(a: u16, b: u16) -> u16 {
    fold(u64::from(a) + u64::from(b))
}

/// The sum of the pseudo header of TCP and UDP (RFC 793, 3.1) over IPv4.
pub(crate) fn pseudo(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, length: usize) -> u16 {
    let addresses = add(sum(&src.octets()), sum(&dst.octets()));
    add(addresses, fold(u64::from(protocol) + length as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071, word by word.
    fn slow(data: &[u8]) -> u16 {
        let words = data.chunks(2).map(|word| {
            let low = word.get(1).copied().unwrap_or(0);
            u64::from(u16::from_be_bytes([word[0], low]))
        });
        fold(words.sum())
    }

    proptest! {
        #[test]
        fn as_the_slow_way(data in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
            prop_assert_eq!(sum(&data), slow(&data));
            let cut = (cut * 2).min(data.len() & !1);
            let (a, b) = data.split_at(cut);
            prop_assert_eq!(add(sum(a), sum(b)), sum(&data));
        }
    }
}
