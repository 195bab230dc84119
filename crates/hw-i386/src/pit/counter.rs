//! One counter of the 8254 as a function of the input clock's tick number.
//!
//! Nothing counts. A counter remembers at which tick its count was loaded; what it shows, its OUT and the next
//! rise of OUT follow. A count written while counting in a periodic mode waits for the end of the period (of the
//! half period in mode 3), as in the chip; [`Counter::advance`] puts it in place.

use super::spec::{self, Access, Mode};
use serde::{Deserialize, Serialize};

/// What the counting element does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Run {
    /// Shows this value and waits for a count or a trigger.
    Stopped(u16),
    /// Holds the initial count at this tick and counts down from there.
    From(i64),
    /// Held by the gate after this many ticks.
    Held(i64),
}

/// A count that was written and is not yet in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    count: u16,
    /// The tick at which it takes over; none: the next trigger.
    at: Option<i64>,
}

/// One counter, saved as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    mode: Mode,
    bcd: bool,
    access: Access,
    /// No count was written since the control word.
    fresh: bool,
    /// Initial count in force; 0 stands for the largest.
    count: u16,
    waiting: Option<Waiting>,
    run: Run,
    /// Low byte of a two-byte write in progress.
    low: Option<u8>,
    /// The next read of a two-byte read gives the high byte.
    read_high: bool,
    latched: Option<u16>,
    status: Option<u8>,
    gate: bool,
}

impl Counter {
    /// After reset at `tick`: square wave of the longest period, running if the gate is open.
    pub fn new(gate: bool, tick: i64) -> Self {
        Self {
            mode: Mode::Square,
            bcd: false,
            access: Access::Both,
            fresh: false,
            count: 0,
            waiting: None,
            run: if gate { Run::From(tick) } else { Run::Stopped(0) },
            low: None,
            read_high: false,
            latched: None,
            status: None,
            gate,
        }
    }

    fn modulus(&self) -> i64 {
        if self.bcd { 10_000 } else { 0x1_0000 }
    }

    /// Ticks of a count register value: binary or BCD, 0 being the largest.
    fn ticks(&self, count: u16) -> i64 {
        let value = if self.bcd {
            (0..4)
                .rev()
                .fold(0, |sum, digit| sum * 10 + i64::from(count >> (4 * digit) & 0xf))
        } else {
            i64::from(count)
        };
        if value == 0 { self.modulus() } else { value }
    }

    /// The register value of a number of ticks.
    fn digits(&self, value: i64) -> u16 {
        let value = value.rem_euclid(self.modulus());
        if !self.bcd {
            return value as u16;
        }
        (0..4)
            .rev()
            .fold(0, |digits, i| digits << 4 | (value / 10_i64.pow(i) % 10) as u16)
    }

    /// Lets a waiting count take over if its moment has come.
    pub fn advance(&mut self, tick: i64) {
        let Some(Waiting { count, at: Some(at) }) = self.waiting else {
            return;
        };
        if at > tick {
            return;
        }
        let Run::From(start) = self.run else { return };
        let old = self.ticks(self.count);
        let at_period_end = at.saturating_sub(start).rem_euclid(old) == 0;
        self.count = count;
        self.waiting = None;
        // In mode 3 the change may come between the halves: the low half is the new one's then.
        let high = (self.ticks(count) + 1) / 2;
        self.run = Run::From(if at_period_end {
            at
        } else {
            at.saturating_sub(high)
        });
    }

    /// Ticks since the count was loaded; negative before that, none while stopped.
    fn passed(&self, tick: i64) -> Option<i64> {
        match self.run {
            Run::Stopped(_) => None,
            Run::From(start) => Some(tick.saturating_sub(start)),
            Run::Held(passed) => Some(passed),
        }
    }

    /// Level of OUT. Needs [`advance`](Self::advance).
    pub fn out(&self, tick: i64) -> bool {
        let n = self.ticks(self.count);
        let Some(passed) = self.passed(tick).filter(|&passed| passed >= 0) else {
            return self.mode != Mode::TerminalCount;
        };
        match self.mode {
            Mode::TerminalCount | Mode::OneShot => passed >= n,
            // A count of 1 is illegal in the periodic modes; OUT stays high.
            Mode::Rate => n == 1 || passed % n != n - 1,
            Mode::Square => passed % n < (n + 1) / 2,
            Mode::SoftwareStrobe | Mode::HardwareStrobe => passed != n,
        }
    }

    /// The counting element. Needs [`advance`](Self::advance).
    fn value(&self, tick: i64) -> u16 {
        let n = self.ticks(self.count);
        let passed = match (self.run, self.passed(tick)) {
            (Run::Stopped(value), _) => return value,
            (_, passed) => passed.unwrap_or(0).max(0),
        };
        self.digits(match self.mode {
            Mode::Rate => n - passed % n,
            Mode::Square => {
                let (high, place) = ((n + 1) / 2, passed % n);
                (n & !1) - 2 * if place < high { place } else { place - high }
            }
            _ => n.saturating_sub(passed),
        })
    }

    /// The first tick after `after` at which OUT rises by itself.
    pub fn next_rise(&self, after: i64) -> Option<i64> {
        let mut rise = self.next_rise_as_is(after);
        if let Some(Waiting { at: Some(at), .. }) = self.waiting
            && rise.is_none_or(|rise| rise > at)
        {
            let mut changed = *self;
            changed.advance(at);
            rise = changed.next_rise_as_is(after.max(at));
        }
        rise
    }

    fn next_rise_as_is(&self, after: i64) -> Option<i64> {
        let Run::From(start) = self.run else { return None };
        let n = self.ticks(self.count);
        let once = |at: i64| (at > after).then_some(at);
        match self.mode {
            Mode::TerminalCount | Mode::OneShot => once(start.saturating_add(n)),
            Mode::SoftwareStrobe | Mode::HardwareStrobe => once(start.saturating_add(n + 1)),
            Mode::Rate | Mode::Square if n == 1 => None,
            Mode::Rate | Mode::Square => {
                let periods = (after.saturating_sub(start).div_euclid(n) + 1).max(1);
                Some(start.saturating_add(periods.saturating_mul(n)))
            }
        }
    }

    /// Writes a control word other than latch and read-back.
    pub fn set_control(&mut self, control: u8, tick: i64) {
        let shown = self.value(tick);
        *self = Self {
            mode: Mode::of(control),
            bcd: control & 1 != 0,
            access: match control >> 4 & 3 {
                1 => Access::Low,
                2 => Access::High,
                _ => Access::Both,
            },
            fresh: true,
            run: Run::Stopped(shown),
            ..Self::new(self.gate, tick)
        };
    }

    /// Writes one byte of the count.
    pub fn write(&mut self, byte: u8, tick: i64) {
        match (self.access, self.low) {
            (Access::Low, _) => self.load(byte.into(), tick),
            (Access::High, _) => self.load(u16::from(byte) << 8, tick),
            (Access::Both, None) => {
                self.low = Some(byte);
                if self.mode == Mode::TerminalCount {
                    self.run = Run::Stopped(self.value(tick));
                }
            }
            (Access::Both, Some(low)) => {
                self.low = None;
                self.load(u16::from_le_bytes([low, byte]), tick);
            }
        }
    }

    fn load(&mut self, count: u16, tick: i64) {
        self.fresh = false;
        if self.mode.by_gate() {
            self.waiting = Some(Waiting { count, at: None });
            return;
        }
        if let (true, Run::From(start)) = (self.mode.periodic(), self.run)
            && tick >= start
        {
            let n = self.ticks(self.count);
            let (high, place) = ((n + 1) / 2, tick.saturating_sub(start) % n);
            let rest = if self.mode == Mode::Square && place < high {
                high - place
            } else {
                n - place
            };
            let at = Some(tick.saturating_add(rest));
            self.waiting = Some(Waiting { count, at });
            return;
        }
        self.count = count;
        // The next tick loads it.
        self.run = match (self.gate, self.mode.periodic()) {
            (true, _) => Run::From(tick.saturating_add(1)),
            (false, false) => Run::Held(0),
            (false, true) => Run::Stopped(count),
        };
    }

    /// The gate input changes or is repeated.
    pub fn set_gate(&mut self, gate: bool, tick: i64) {
        if gate == self.gate {
            return;
        }
        let shown = self.value(tick);
        self.gate = gate;
        match (self.mode, gate) {
            (Mode::TerminalCount | Mode::SoftwareStrobe, _) => match self.run {
                Run::From(start) if !gate => self.run = Run::Held(tick.saturating_sub(start)),
                Run::Held(passed) if gate => self.run = Run::From(tick.saturating_sub(passed)),
                _ => {}
            },
            (Mode::Rate | Mode::Square, false) => {
                if let Some(Waiting { count, .. }) = self.waiting.take() {
                    self.count = count;
                }
                self.run = Run::Stopped(shown);
            }
            (_, true) if !self.fresh => {
                if let Some(Waiting { count, .. }) = self.waiting.take() {
                    self.count = count;
                }
                self.run = Run::From(tick.saturating_add(1));
            }
            _ => {}
        }
    }

    /// Latches the count, unless one is latched.
    pub fn latch_count(&mut self, tick: i64) {
        if self.latched.is_none() {
            self.latched = Some(self.value(tick));
        }
    }

    /// Latches the status, unless one is latched.
    pub fn latch_status(&mut self, tick: i64) {
        if self.status.is_none() {
            let null = self.fresh || self.waiting.is_some() || self.passed(tick).is_some_and(|p| p < 0);
            let access = match self.access {
                Access::Low => 1,
                Access::High => 2,
                Access::Both => 3,
            };
            let out = if self.out(tick) { spec::STATUS_OUT } else { 0 };
            let null = if null { spec::STATUS_NULL_COUNT } else { 0 };
            self.status = Some(out | null | access << 4 | self.mode.number() << 1 | u8::from(self.bcd));
        }
    }

    /// Reads a byte: latched status, latched count or the count as it is.
    pub fn read(&mut self, tick: i64) -> u8 {
        if let Some(status) = self.status.take() {
            return status;
        }
        let [low, high] = self.latched.unwrap_or_else(|| self.value(tick)).to_le_bytes();
        let (byte, last) = match (self.access, self.read_high) {
            (Access::Low, _) => (low, true),
            (Access::High, _) => (high, true),
            (Access::Both, false) => (low, false),
            (Access::Both, true) => (high, true),
        };
        self.read_high = !last;
        if last {
            self.latched = None;
        }
        byte
    }

    /// Ticks of a period and mode, for the speaker: none unless it makes a tone.
    pub fn tone(&self) -> Option<i64> {
        (self.mode == Mode::Square && matches!(self.run, Run::From(_))).then(|| self.ticks(self.count))
    }
}
