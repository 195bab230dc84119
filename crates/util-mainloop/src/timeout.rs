//! How long a wait may last: nanoseconds, or for ever.
//!
//! Mirrors QEMU's `qemu_soonest_timeout` and `qemu_timeout_ns_to_ms`: conversions round up, so that a wait never
//! ends before the deadline it was computed from.

/// An upper bound for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Option<u64>);

impl Timeout {
    /// Until something happens.
    pub const NEVER: Self = Self(None);
    /// Not at all.
    pub const ZERO: Self = Self(Some(0));

    /// At most `ns` nanoseconds; a negative number means none (a deadline that has passed).
    pub const fn from_ns(ns: i64) -> Self {
        Self(Some(if ns < 0 { 0 } else { ns.cast_unsigned() }))
    }

    /// At most `ms` milliseconds.
    pub const fn from_ms(ms: u32) -> Self {
        Self(Some(ms as u64 * 1_000_000))
    }

    /// What is left until `deadline` on a clock that shows `now`; for ever if there is no deadline.
    pub const fn until(deadline: Option<i64>, now: i64) -> Self {
        match deadline {
            Some(at) => Self::from_ns(at.saturating_sub(now)),
            None => Self::NEVER,
        }
    }

    /// The shorter one.
    pub fn soonest(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// Nanoseconds; none is for ever.
    pub const fn ns(self) -> Option<u64> {
        self.0
    }

    /// Milliseconds for interfaces that take no less: rounded up, at most 2^31-1, and -1 for ever.
    pub fn to_ms(self) -> i32 {
        match self.0 {
            Some(ns) => i32::try_from(ns.div_ceil(1_000_000)).unwrap_or(i32::MAX),
            None => -1,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn milliseconds_round_up() {
        for (timeout, ms) in [
            (Timeout::NEVER, -1),
            (Timeout::ZERO, 0),
            (Timeout::from_ns(-5), 0),
            (Timeout::from_ns(1), 1),
            (Timeout::from_ns(1_000_000), 1),
            (Timeout::from_ns(1_000_001), 2),
            (Timeout::from_ns(i64::MAX), i32::MAX),
            (Timeout::until(None, 7), -1),
            (Timeout::until(Some(3), 7), 0),
            (Timeout::until(Some(i64::MAX), i64::MIN), i32::MAX),
        ] {
            assert_eq!(timeout.to_ms(), ms, "{timeout:?}");
        }
    }

    proptest! {
        #[test]
        fn never_early(ns in 0..2_000_000_000_000_000i64) {
            prop_assert!(i64::from(Timeout::from_ns(ns).to_ms()) * 1_000_000 >= ns);
        }

        #[test]
        fn soonest_is_the_shorter(a: Option<u32>, b: Option<u32>) {
            let [ta, tb] = [a, b].map(|t| t.map_or(Timeout::NEVER, |ns| Timeout::from_ns(ns.into())));
            let least = [a, b].into_iter().flatten().min();
            prop_assert_eq!(ta.soonest(tb).ns(), least.map(u64::from));
        }
    }
}
