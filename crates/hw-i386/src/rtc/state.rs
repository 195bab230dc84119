//! The clock's registers as a function of virtual time: nothing ticks, everything follows from the last moment
//! the clock was set.

use super::calendar::{Fields, Format};
use super::spec::{self, reg};
use serde::{Deserialize, Serialize};

/// Volatile state, saved as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtcState {
    /// Index register, bit 7 (NMI mask) included.
    pub index: u8,
    /// RAM, [`spec::SIZE`] bytes. Its time registers count only while updates are halted.
    ram: Vec<u8>,
    /// Calendar time, in Unix seconds, at `set_ns`.
    seconds: i64,
    /// A virtual time at which an update ended; updates end each whole second before and after it.
    set_ns: i64,
    /// Flags, without the interrupt bit.
    flags: u8,
    /// Up to when flags have been computed, ns.
    seen_ns: i64,
    /// Periodic ticks that nobody acknowledged in time are made up for.
    pub reinjects: bool,
    /// Such ticks, not made up for yet.
    lost: u64,
    /// Made up for since the last tick of the crystal's.
    reinjected: u8,
    /// The interrupt output falls and rises again.
    pulse: bool,
}

impl RtcState {
    /// Version of the saved form.
    pub const VERSION: u16 = 2;

    /// At `seconds` Unix time now, BCD, 24 hours, empty RAM.
    pub fn new(seconds: i64, now: i64) -> Self {
        let mut ram = vec![0; spec::SIZE];
        ram[usize::from(reg::A)] = spec::A_DEFAULT;
        ram[usize::from(reg::B)] = spec::B_24H;
        Self {
            index: 0,
            ram,
            seconds,
            set_ns: now,
            flags: 0,
            seen_ns: now,
            reinjects: false,
            lost: 0,
            reinjected: 0,
            pulse: false,
        }
    }

    /// Whether a loaded state is one of a clock.
    pub fn is_sound(&self) -> bool {
        self.ram.len() == spec::SIZE
    }

    /// The reset pin: interrupts off; time, RAM and everything else live on.
    pub fn reset(&mut self, now: i64) {
        self.advance(now);
        self.index = 0;
        self.flags = 0;
        self.ram[usize::from(reg::B)] &= !spec::B_RESET;
        self.lost = 0;
    }

    fn a(&self) -> u8 {
        self.ram[usize::from(reg::A)]
    }

    fn b(&self) -> u8 {
        self.ram[usize::from(reg::B)]
    }

    fn divider_reset(&self) -> bool {
        self.a() & spec::A_DIVIDER_RESET == spec::A_DIVIDER_RESET
    }

    /// Updates do not happen.
    fn halted(&self) -> bool {
        self.b() & spec::B_SET != 0 || self.divider_reset()
    }

    /// Whole seconds from `set_ns` to `ns`.
    fn updates(&self, ns: i64) -> i64 {
        ns.saturating_sub(self.set_ns).div_euclid(spec::SECOND)
    }

    fn seconds_at(&self, ns: i64) -> i64 {
        self.seconds.saturating_add(self.updates(ns))
    }

    /// Virtual time of the end of update number `n` after `set_ns`.
    fn update_ns(&self, n: i64) -> i64 {
        self.set_ns.saturating_add(n.saturating_mul(spec::SECOND))
    }

    /// Moves `set_ns` to the last update, which changes nothing.
    fn rebase(&mut self, now: i64) {
        let updates = self.updates(now);
        self.seconds = self.seconds.saturating_add(updates);
        self.set_ns = self.update_ns(updates);
    }

    /// Puts the time into the RAM's time registers.
    fn show(&mut self, now: i64) {
        let (format, fields) = (Format(self.b()), Fields::of(self.seconds_at(now)));
        for (register, value) in [
            (reg::SECONDS, format.encode(fields.second)),
            (reg::MINUTES, format.encode(fields.minute)),
            (reg::HOURS, format.encode_hour(fields.hour)),
            (reg::WEEKDAY, format.encode(fields.weekday)),
            (reg::DAY, format.encode(fields.day)),
            (reg::MONTH, format.encode(fields.month)),
            (reg::YEAR, format.encode(fields.year.rem_euclid(100) as u8)),
            (
                reg::CENTURY,
                format.encode(fields.year.div_euclid(100).rem_euclid(100) as u8),
            ),
        ] {
            self.ram[usize::from(register)] = value;
        }
    }

    /// Takes the time from the RAM's time registers.
    fn take(&mut self, now: i64) {
        let format = Format(self.b());
        let number = |register: u8| format.decode(self.ram[usize::from(register)]);
        let fields = Fields {
            second: number(reg::SECONDS),
            minute: number(reg::MINUTES),
            hour: format.decode_hour(self.ram[usize::from(reg::HOURS)]),
            weekday: 1,
            day: number(reg::DAY),
            month: number(reg::MONTH),
            year: i64::from(number(reg::CENTURY)) * 100 + i64::from(number(reg::YEAR)),
        };
        self.rebase(now);
        self.seconds = fields.unix_seconds();
    }

    /// Ticks of the periodic interrupt, none if it is off.
    fn period(&self) -> Option<i64> {
        match self.a() & spec::A_RATE {
            _ if self.divider_reset() => None,
            0 => None,
            // The two slowest settings of the other crystals repeat 256 and 128 Hz.
            rate @ 1..=2 => Some(1 << (rate + 6)),
            rate => Some(1 << (rate - 1)),
        }
    }

    /// Periods from `set_ns` to `ns`. All periods divide a second, so moving `set_ns` by seconds changes nothing.
    fn periods(&self, period: i64, ns: i64) -> i64 {
        spec::CRYSTAL
            .ticks(ns.saturating_sub(self.set_ns))
            .div_euclid(period)
    }

    /// The first second after `seconds` that the alarm registers match.
    fn next_alarm(&self, seconds: i64) -> Option<i64> {
        let format = Format(self.b());
        let matches = |register: u8, shown: u8| {
            let alarm = self.ram[usize::from(register)];
            alarm & spec::ALARM_ANY == spec::ALARM_ANY || alarm == shown
        };
        let mut at = seconds.saturating_add(1);
        // Skips hours, then minutes, then seconds that do not match: a day and an hour at most.
        for _ in 0..(25 + 60 + 60) * 2 {
            let of_day = at.rem_euclid(86_400);
            let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
            let step = if !matches(reg::HOURS_ALARM, format.encode_hour(hour as u8)) {
                3600 - of_day % 3600
            } else if !matches(reg::MINUTES_ALARM, format.encode(minute as u8)) {
                60 - second
            } else if !matches(reg::SECONDS_ALARM, format.encode(second as u8)) {
                1
            } else {
                return Some(at);
            };
            at = at.saturating_add(step);
        }
        None
    }

    /// Sets the flags of what has happened up to `now`.
    pub fn advance(&mut self, now: i64) {
        let ticks = self.period().map_or(0, |period| {
            self.periods(period, now) - self.periods(period, self.seen_ns)
        });
        if ticks > 0 {
            if self.reinjects && self.b() & spec::PERIODIC != 0 {
                // The first of them is seen, if the one before it was.
                let seen = self.flags & spec::PERIODIC == 0;
                self.lost = self.lost.saturating_add(ticks as u64 - u64::from(seen));
                self.reinjected = 0;
            }
            self.flags |= spec::PERIODIC;
        }
        if !self.halted() && self.updates(now) > self.updates(self.seen_ns) {
            self.flags |= spec::UPDATE;
            let alarm = self.next_alarm(self.seconds_at(self.seen_ns));
            if alarm.is_some_and(|at| at <= self.seconds_at(now)) {
                self.flags |= spec::ALARM;
            }
        }
        // The host's time of day can go back.
        self.seen_ns = now;
    }

    /// Whether the interrupt output must fall before it takes its level; asking answers it.
    pub fn take_pulse(&mut self) -> bool {
        std::mem::take(&mut self.pulse)
    }

    /// Time has gone on elsewhere until `now`: a saved state is taken up with another host's clock. The calendar stands
    /// where it was if `stands`, else it shows that clock. No tick of the time between counts.
    pub fn take_up(&mut self, now: i64, stands: bool) {
        if stands {
            self.set_ns = self.set_ns.saturating_add(now.saturating_sub(self.seen_ns));
        }
        self.seen_ns = now;
    }

    /// Lost ticks after registers A or B were written, when ticks were `before` apart.
    fn keep_lost(&mut self, before: Option<i64>) {
        self.lost = match (before, self.period()) {
            (Some(old), Some(new)) if self.b() & spec::PERIODIC != 0 => {
                self.lost.saturating_mul(old as u64) / new as u64
            }
            _ => 0,
        };
    }

    /// Level of the interrupt output.
    pub fn irq(&self) -> bool {
        self.flags & self.b() & (spec::PERIODIC | spec::ALARM | spec::UPDATE) != 0
    }

    /// When the interrupt output rises by itself, ns.
    pub fn next_irq(&self) -> Option<i64> {
        if self.irq() {
            return None;
        }
        let enabled = |flag: u8| self.b() & flag != 0;
        let periodic = self.period().filter(|_| enabled(spec::PERIODIC)).map(|period| {
            let tick = (self.periods(period, self.seen_ns) + 1).saturating_mul(period);
            self.set_ns.saturating_add(spec::CRYSTAL.ns(tick))
        });
        let running = !self.halted();
        let update = (running && enabled(spec::UPDATE))
            .then(|| self.update_ns(self.updates(self.seen_ns).saturating_add(1)));
        let alarm = if running && enabled(spec::ALARM) {
            self.next_alarm(self.seconds_at(self.seen_ns))
                .map(|at| self.update_ns(at.saturating_sub(self.seconds)))
        } else {
            None
        };
        [periodic, update, alarm].into_iter().flatten().min()
    }

    fn update_in_progress(&self, now: i64) -> bool {
        let place = now.saturating_sub(self.set_ns).rem_euclid(spec::SECOND);
        !self.halted() && place >= spec::SECOND - spec::UPDATE_NS
    }

    /// Reads register `number`, modulo the size. C is cleared by that.
    pub fn read(&mut self, number: u8, now: i64) -> u8 {
        self.advance(now);
        let number = match number & (spec::SIZE - 1) as u8 {
            reg::CENTURY_PS2 => reg::CENTURY,
            number => number,
        };
        match number {
            reg::A if self.update_in_progress(now) => self.a() | spec::A_UIP,
            reg::C => {
                let irq = if self.irq() { spec::C_IRQ } else { 0 };
                let flags = std::mem::take(&mut self.flags);
                if self.lost > 0 && flags & spec::PERIODIC != 0 && self.reinjected < spec::REINJECTIONS {
                    self.lost -= 1;
                    self.reinjected += 1;
                    self.flags = spec::PERIODIC;
                    self.pulse = true;
                }
                flags | irq
            }
            reg::D => spec::D_VALID,
            _ => {
                if is_time(number) && !self.halted() {
                    self.show(now);
                }
                self.ram[usize::from(number)]
            }
        }
    }

    /// Writes register `number`, modulo the size.
    pub fn write(&mut self, number: u8, value: u8, now: i64) {
        self.advance(now);
        let number = match number & (spec::SIZE - 1) as u8 {
            reg::CENTURY_PS2 => reg::CENTURY,
            number => number,
        };
        let was_halted = self.halted();
        match number {
            reg::C | reg::D => (),
            reg::A | reg::B => {
                if !was_halted {
                    self.rebase(now);
                    self.show(now);
                }
                let was_reset = self.divider_reset();
                let period = self.period();
                self.ram[usize::from(number)] = if number == reg::A {
                    value & !spec::A_UIP
                } else {
                    value
                };
                self.keep_lost(period);
                if was_halted && !self.halted() {
                    self.take(now);
                }
                if was_reset && !self.divider_reset() {
                    self.set_ns = now.saturating_sub(spec::SECOND - spec::DIVIDER_RELEASE_NS);
                }
            }
            _ if is_time(number) && !was_halted => {
                self.show(now);
                self.ram[usize::from(number)] = value;
                self.take(now);
            }
            _ => self.ram[usize::from(number)] = value,
        }
    }
}

fn is_time(number: u8) -> bool {
    matches!(number, 0 | 2 | 4 | 6..=9 | reg::CENTURY)
}
