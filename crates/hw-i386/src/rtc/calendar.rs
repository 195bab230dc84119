//! Seconds to calendar fields and back, in the encodings of the MC146818. Gregorian calendar, no time zones.

use super::spec::{B_24H, B_BINARY, PM};

/// A moment as the clock shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// 0 to 59.
    pub second: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 1 (Sunday) to 7.
    pub weekday: u8,
    /// 1 to 31.
    pub day: u8,
    /// 1 to 12.
    pub month: u8,
    /// Full year.
    pub year: i64,
}

/// Days from 1970-01-01 to a date (any month and day numbers: they carry over).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    // Years that begin in March put the leap day last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + day_of_year - 719_468
}

impl Fields {
    /// The fields of a Unix time.
    pub fn of(unix_seconds: i64) -> Self {
        let (day_number, time) = (unix_seconds.div_euclid(86_400), unix_seconds.rem_euclid(86_400));
        let shifted = day_number + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let m = (5 * of_year + 2) / 153;
        let month = if m < 10 { m + 3 } else { m - 9 };
        Self {
            second: (time % 60) as u8,
            minute: (time / 60 % 60) as u8,
            hour: (time / 3600) as u8,
            weekday: ((day_number + 4).rem_euclid(7) + 1) as u8,
            day: (of_year - (153 * m + 2) / 5 + 1) as u8,
            month: month as u8,
            year: year_of_era + era * 400 + i64::from(month <= 2),
        }
    }

    /// The Unix time of these fields; fields out of range carry over. The day of the week is ignored.
    pub fn unix_seconds(&self) -> i64 {
        let days = days(self.year, self.month.into(), self.day.into());
        days * 86_400 + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

/// How register B says numbers are written.
#[derive(Clone, Copy, Debug)]
pub struct Format(pub u8);

impl Format {
    /// A number below 100 as a register.
    pub fn encode(self, value: u8) -> u8 {
        if self.0 & B_BINARY != 0 {
            value
        } else {
            ((value / 10 % 10) << 4) | (value % 10)
        }
    }

    /// A register as a number; anything is a number.
    pub fn decode(self, register: u8) -> u8 {
        if self.0 & B_BINARY != 0 {
            register
        } else {
            (register >> 4) * 10 + (register & 0xf)
        }
    }

    /// An hour, 0 to 23, as a register.
    pub fn encode_hour(self, hour: u8) -> u8 {
        if self.0 & B_24H != 0 {
            return self.encode(hour);
        }
        let shown = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
        self.encode(shown) | if hour >= 12 { PM } else { 0 }
    }

    /// A register as an hour.
    pub fn decode_hour(self, register: u8) -> u8 {
        if self.0 & B_24H != 0 {
            return self.decode(register);
        }
        self.decode(register & !PM) % 12 + if register & PM != 0 { 12 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        // Unix time, year, month, day, weekday.
        for (time, year, month, day, weekday) in [
            (0, 1970, 1, 1, 5),
            (951_782_400, 2000, 2, 29, 3),
            (951_868_800, 2000, 3, 1, 4),
            (1_700_000_000, 2023, 11, 14, 3),
            (4_107_542_400, 2100, 3, 1, 2),
            (-86_400, 1969, 12, 31, 4),
        ] {
            let fields = Fields::of(time);
            assert_eq!(
                (fields.year, fields.month, fields.day, fields.weekday),
                (year, month, day, weekday)
            );
            assert_eq!(fields.unix_seconds(), time);
        }
        for time in (-10_000_000_000..10_000_000_000).step_by(86_400_007) {
            assert_eq!(Fields::of(time).unix_seconds(), time);
        }
    }

    #[test]
    fn hours() {
        // Register B, hour, register.
        for (b, hour, register) in [
            (B_24H, 0, 0x00),
            (B_24H, 23, 0x23),
            (B_24H | B_BINARY, 23, 23),
            (0, 0, 0x12),
            (0, 12, 0x92),
            (0, 23, 0x91),
            (B_BINARY, 13, 0x81),
        ] {
            assert_eq!(Format(b).encode_hour(hour), register);
            assert_eq!(Format(b).decode_hour(register), hour);
        }
    }
}
