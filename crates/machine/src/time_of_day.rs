//! The real-time clock as an option describes it: which date it shows first, and on which clock it goes on.
//!
//! Data flows: `-rtc` -> [`RealTimeClock`] -> what the board's device is made with. Mirrors `configure_rtc` in QEMU's
//! `system/rtc.c`.

use crate::config::Time;
use crate::virtual_time::VirtualTime;
use hw_core::VirtualClock;
use hw_i386::rtc::calendar::Fields;
use hw_i386::rtc::{RtcConfig, RtcTime};
use std::str::FromStr;
use std::sync::Arc;
use util_mainloop::clock::{ClockSource, WallClock};

/// 2026-01-01 00:00:00 UTC: what the RTC shows at the start under counted time, so that every run is the same.
const COUNTED_EPOCH: i64 = 1_767_225_600;

/// The real-time clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealTimeClock {
    /// What it shows first; none is the host's UTC, or 2026-01-01 under counted time.
    pub base: Option<RtcBase>,
    /// On which clock it goes on; none is the host's, or virtual time under counted time.
    pub clock: Option<RtcTime>,
    /// Periodic interrupts that came too fast for the guest are made up for.
    pub slew: bool,
}

/// What the clock shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcBase {
    /// The host's time now, UTC.
    Utc,
    /// The host's local time now.
    LocalTime,
    /// This, in seconds since 1970 as the guest is to see them.
    At(i64),
}

impl FromStr for RtcBase {
    type Err = String;

    /// `utc`, `localtime`, `2006-06-17` or `2006-06-17T16:01:21`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "utc" => Ok(Self::Utc),
            "localtime" => Ok(Self::LocalTime),
            _ => date(text).map(Self::At).ok_or_else(|| {
                "base is utc, localtime or a date like '2006-06-17T16:01:21' or '2006-06-17'".into()
            }),
        }
    }
}

/// Seconds since 1970 of a date that exists.
fn date(text: &str) -> Option<i64> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let numbers = |text: &str, separator: char| -> Option<[i64; 3]> {
        let mut parts = text.split(separator).map(|part| {
            let digits = part.len() <= 4 && !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        });
        let found = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(day, '-')?, numbers(time, ':')?);
    let small = |number: i64| u8::try_from(number).ok();
    let fields = Fields {
        second: small(second)?,
        minute: small(minute)?,
        hour: small(hour)?,
        weekday: 1,
        day: small(day)?,
        month: small(month)?,
        year,
    };
    let seconds = fields.unix_seconds();
    let weekday = Fields::of(seconds).weekday;
    (Fields { weekday, ..fields } == Fields::of(seconds)).then_some(seconds)
}

impl RealTimeClock {
    /// On which clock it goes on.
    fn time(self, time: Time) -> RtcTime {
        self.clock.unwrap_or(match time {
            Time::Host => RtcTime::Host,
            Time::Counted(..) => RtcTime::Virtual,
        })
    }

    /// The date that the guest sees first.
    pub(crate) fn first_seconds(self, time: Time) -> i64 {
        let now = || WallClock.now_ns().div_euclid(1_000_000_000);
        match (self.base, time) {
            (None, Time::Counted(..)) => COUNTED_EPOCH,
            (Some(RtcBase::Utc), _) | (None, Time::Host) => now(),
            (Some(RtcBase::LocalTime), _) => now() + WallClock.zone_s(),
            (Some(RtcBase::At(seconds)), _) => seconds,
        }
    }

    /// What the device is made with, and the clock it goes by if that is not the virtual one.
    pub(crate) fn device(self, time: Time, first_seconds: i64) -> RtcConfig {
        RtcConfig {
            unix_seconds: first_seconds,
            time: self.time(time),
            reinjects: self.slew,
        }
    }

    /// The clock it goes by, if that is not the virtual one.
    pub(crate) fn clock(self, time: Time, clocks: &VirtualTime) -> Option<VirtualClock> {
        let timers = match self.time(time) {
            RtcTime::Virtual => return None,
            RtcTime::Host => &clocks.wall_timers,
            RtcTime::Realtime => &clocks.realtime_timers,
        };
        Some(VirtualClock::new(Arc::clone(timers)))
    }

    /// What of it cannot be recorded, and why.
    pub(crate) fn blockers(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let base = (self.base == Some(RtcBase::LocalTime)).then_some((
            "-rtc base=localtime",
            "the host's time zone is in no log; base=utc or a date is",
        ));
        let hosts = |text| {
            (
                text,
                "the host's clock goes on between two runs; clock=vm follows the guest's",
            )
        };
        let clock = match self.clock {
            Some(RtcTime::Host) => Some(hosts("-rtc clock=host")),
            Some(RtcTime::Realtime) => Some(hosts("-rtc clock=rt")),
            Some(RtcTime::Virtual) | None => None,
        };
        base.into_iter().chain(clock)
    }

    /// In words, for a snapshot's identity: what a guest could tell it by.
    pub(crate) fn describe(self, time: Time) -> String {
        let clock = match self.time(time) {
            RtcTime::Virtual => "vm",
            RtcTime::Host => "host",
            RtcTime::Realtime => "rt",
        };
        let fix = if self.slew { "slew" } else { "none" };
        format!("clock={clock},driftfix={fix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, seconds) in [
            ("2006-06-17T16:01:21", Some(1_150_560_081)),
            ("2006-06-17", Some(1_150_502_400)),
            ("2024-02-29", Some(1_709_164_800)),
            ("1970-1-1T0:0:0", Some(0)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-12-01T24:00:00", None),
            ("2023-12-01T12:00", None),
            ("2023-12-01T12:00:00:00", None),
            ("2023-12", None),
            ("2023-12-+1", None),
            ("99999-12-01", None),
            ("2023-12-257", None),
            ("", None),
            ("T", None),
            ("xyz", None),
        ] {
            let found = text.parse::<RtcBase>().ok();
            assert_eq!(found, seconds.map(RtcBase::At), "{text}");
        }
        assert_eq!("utc".parse(), Ok(RtcBase::Utc));
        assert_eq!("localtime".parse(), Ok(RtcBase::LocalTime));
    }
}
