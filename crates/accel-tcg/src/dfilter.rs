//! Address ranges as `-dfilter` takes them: they restrict the listings of [`Look`](crate::Look) to some guest code.
//!
//! The grammar is QEMU's (`util/log.c`): `START..END` (both included), `START+LENGTH`, `START-LENGTH` (that many bytes
//! up to and with START), separated by commas; numbers as in C.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// Guest addresses (linear) that somebody wants to see; all of them if no range was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressFilter(Vec<RangeInclusive<u64>>);

/// Not a list of address ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRange {
    /// No operator.
    #[error("'{0}' is no range; write START..END, START+LENGTH or START-LENGTH")]
    Shape(String),
    /// What stands beside the operator.
    #[error("'{0}' is no number")]
    Number(String),
    /// Its end lies before its start, or beyond the address space.
    #[error("'{0}' holds no address")]
    Empty(String),
}

impl AddressFilter {
    /// Whether `address` is to be shown.
    #[inline]
    pub fn contains(&self, address: u64) -> bool {
        self.0.is_empty() || self.0.iter().any(|range| range.contains(&address))
    }
}

impl FromStr for AddressFilter {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u64>, BadRange> {
    // In this order, as QEMU looks for them.
    let operator = ["-", "+", ".."].into_iter().find(|o| text.contains(o));
    let (operator, (left, right)) = operator
        .and_then(|operator| Some((operator, text.split_once(operator)?)))
        .ok_or_else(|| BadRange::Shape(text.to_owned()))?;
    let (left, right) = (number(left)?, number(right)?);
    let ends = match operator {
        "-" => right
            .checked_sub(1)
            .and_then(|length| Some((left.checked_sub(length)?, left))),
        "+" => right
            .checked_sub(1)
            .and_then(|length| Some((left, left.checked_add(length)?))),
        _ => Some((left, right)),
    };
    match ends {
        Some((first, last)) if first <= last => Ok(first..=last),
        _ => Err(BadRange::Empty(text.to_owned())),
    }
}

/// A number as C writes it: 0x… hexadecimal, 0… octal.
fn number(text: &str) -> Result<u64, BadRange> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // `from_str_radix` would take a sign.
    match digits.starts_with('+') {
        false => u64::from_str_radix(digits, radix).map_err(|_| BadRange::Number(text.to_owned())),
        true => Err(BadRange::Number(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    #[test]
    fn ranges() {
        for (text, inside, outside) in [
            ("0x1000..0x1fff", &[0x1000, 0x1fff][..], &[0xfff, 0x2000][..]),
            ("0x1000+0x10", &[0x1000, 0x100f], &[0xfff, 0x1010]),
            ("0x1000-0x10", &[0xff1, 0x1000], &[0xff0, 0x1001]),
            ("8..8", &[8], &[7, 9]),
            ("010+1", &[8], &[10]),
            ("0xffffffffffffffff+1", &[u64::MAX], &[0]),
            ("0..0xffffffffffffffff", &[0, u64::MAX], &[]),
            ("1+1,5..6,0x20-2", &[1, 5, 6, 0x1f, 0x20], &[0, 2, 4, 7, 0x1e, 0x21]),
        ] {
            let filter: AddressFilter = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            for &address in inside { assert!(filter.contains(address), "{text}: {address:#x}"); }
            for &address in outside { assert!(!filter.contains(address), "{text}: {address:#x}"); }
        }
        assert!(AddressFilter::default().contains(7));
    }

    #[rustfmt::skip]
    #[test]
    fn refusals() {
        for (text, expected) in [
            ("", "'' is no range; write START..END, START+LENGTH or START-LENGTH"),
            ("0x1000", "'0x1000' is no range; write START..END, START+LENGTH or START-LENGTH"),
            ("1+1,,2+1", "'' is no range; write START..END, START+LENGTH or START-LENGTH"),
            ("x..5", "'x' is no number"),
            ("5..", "'' is no number"),
            ("1++2", "'+2' is no number"),
            ("08+1", "'08' is no number"),
            ("0x10000000000000000+1", "'0x10000000000000000' is no number"),
            ("5..4", "'5..4' holds no address"),
            ("5+0", "'5+0' holds no address"),
            ("5-0", "'5-0' holds no address"),
            ("5-7", "'5-7' holds no address"),
            ("0xffffffffffffffff+2", "'0xffffffffffffffff+2' holds no address"),
        ] {
            assert_eq!(text.parse::<AddressFilter>().unwrap_err().to_string(), expected, "{text}");
        }
    }
}
