//! The HPET: a 100 MHz counter and three comparators.
//!
//! Mirrors QEMU's `hw/timer/hpet.c` in behaviour. Register accesses flow in; interrupts flow out to global system
//! interrupts or, with legacy replacement, to IRQ 0 and IRQ 8 in place of PIT and RTC.

pub mod spec;
#[cfg(test)]
mod tests;
mod timer;

use hw_core::{
    Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, Endian, IoResult};
use spec::reg;
use std::sync::Arc;
use timer::HpetTimer;

/// Where the interrupts go.
pub struct HpetLines {
    /// Timers 0 and 1 under legacy replacement: inputs `Hpet0` and `Hpet1` of [`crate::gsi::LegacyTimers`].
    pub legacy: [IrqLine; 2],
    /// High while legacy replacement is on: input `Replace` there.
    pub replace: IrqLine,
    /// Global system interrupt 2, the only route of the timers.
    pub gsi2: IrqLine,
}

/// The timer block.
pub struct Hpet {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    lines: HpetLines,
    // Volatile state.
    state: DeviceCell<HpetState>,
}

impl Hpet {
    /// After reset: the counter at 0, halted.
    pub fn new(clock: &VirtualClock, lines: HpetLines) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |hpet: &Self| hpet.change(|_, _| ())),
            lines,
            state: DeviceCell::default(),
        })
    }

    /// The registers in memory space.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        let rules = AccessRules {
            valid: (4, 8),
            impl_: (4, 8),
            unaligned: false,
            endian: Endian::Little,
        };
        IoWindow::new(
            "hpet",
            (spec::BASE, spec::SIZE),
            rules,
            self,
            Self::read,
            Self::write,
        )
    }

    /// Delivers matches up to now, runs `change`, and makes lines and timer follow.
    fn change(&self, change: impl FnOnce(&mut HpetState, i64)) {
        let (edges, after, next) = {
            let mut state = self.state.lock();
            let tick = spec::CLOCK.ticks(self.clock.now_ns());
            let edges = state.advance(tick);
            change(&mut state, tick);
            // A comparator written with the counter's present value matches now.
            let more = state.advance(tick);
            (edges | more, state.levels(), state.next())
        };
        self.lines.replace.set(after.replace);
        for (line, edge, level) in [
            (&self.lines.legacy[0], edges.legacy[0], after.legacy[0]),
            (&self.lines.legacy[1], edges.legacy[1], after.legacy[1]),
            (&self.lines.gsi2, edges.gsi2, after.gsi2),
        ] {
            if edge {
                line.pulse();
            }
            line.set(level);
        }
        schedule(&self.timer, next.map(|tick| spec::CLOCK.ns(tick)));
    }

    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        // Without the big lock.
        let mut state = self.state.lock();
        let tick = spec::CLOCK.ticks(self.clock.now_ns());
        let value = state.read(offset & !7, tick);
        Ok(match (size, offset & 4) {
            (8, _) => value,
            (_, 0) => value & 0xffff_ffff,
            _ => value >> 32,
        })
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let (value, mask) = match (size, offset & 4) {
            (8, _) => (value, u64::MAX),
            (_, 0) => (value, 0xffff_ffff),
            _ => (value << 32, 0xffff_ffff << 32),
        };
        self.change(|state, tick| state.write(offset & !7, value, mask, tick));
        Ok(())
    }
}

impl Device for Hpet {
    fn name(&self) -> &str {
        "hpet"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = HpetState::default(),
            ResetPhase::Hold => {
                self.lines.replace.lower();
                self.lines.legacy.iter().for_each(IrqLine::lower);
                self.lines.gsi2.lower();
            }
            ResetPhase::Exit => self.timer.cancel(),
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(HpetState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: HpetState = state.decode(HpetState::VERSION)?;
        let next = state.next();
        *self.state.lock() = state;
        schedule(&self.timer, next.map(|tick| spec::CLOCK.ns(tick)));
        Ok(())
    }
}

/// Levels, or edges, of the outputs.
#[derive(Clone, Copy, Debug, Default)]
struct Outputs {
    legacy: [bool; 2],
    replace: bool,
    gsi2: bool,
}

impl std::ops::BitOr for Outputs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self {
            legacy: [self.legacy[0] | other.legacy[0], self.legacy[1] | other.legacy[1]],
            replace: self.replace | other.replace,
            gsi2: self.gsi2 | other.gsi2,
        }
    }
}

/// The registers, saved as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct HpetState {
    config: u64,
    /// Level interrupts that are active, a bit per timer.
    status: u64,
    /// Running: main counter minus tick. Halted: the main counter.
    offset: u64,
    timers: [HpetTimer; spec::TIMERS],
}

impl HpetState {
    const VERSION: u16 = 1;

    fn running(&self) -> bool {
        self.config & spec::ENABLE != 0
    }

    fn counter(&self, tick: i64) -> u64 {
        if self.running() {
            self.offset.wrapping_add(tick as u64)
        } else {
            self.offset
        }
    }

    /// Adds the output of timer `n` to `to`.
    fn output(&self, n: usize, to: &mut Outputs) {
        if self.config & spec::LEGACY != 0 && n < 2 {
            to.legacy[n] = true;
        } else if self.timers[n].config >> spec::T_ROUTE_SHIFT & 0x1f == 2 {
            to.gsi2 = true;
        }
    }

    /// Handles matches up to `tick`; returns the outputs that pulse.
    fn advance(&mut self, tick: i64) -> Outputs {
        let mut edges = Outputs::default();
        if !self.running() {
            return edges;
        }
        for n in 0..spec::TIMERS {
            if !self.timers[n].take_match(self.offset, tick) {
                continue;
            }
            let config = self.timers[n].config;
            if config & spec::T_LEVEL != 0 {
                self.status |= 1 << n;
            } else if config & spec::T_ENABLE != 0 {
                self.output(n, &mut edges);
            }
        }
        edges
    }

    fn levels(&self) -> Outputs {
        let mut levels = Outputs {
            replace: self.config & spec::LEGACY != 0,
            ..Outputs::default()
        };
        for n in 0..spec::TIMERS {
            if self.status >> n & 1 != 0 && self.timers[n].config & spec::T_ENABLE != 0 {
                self.output(n, &mut levels);
            }
        }
        levels
    }

    /// The tick of the next match that is heard. A level timer already active has nothing to add.
    fn next(&self) -> Option<i64> {
        let heard = |n: usize| {
            let config = self.timers[n].config;
            config & spec::T_ENABLE != 0 && (config & spec::T_LEVEL == 0 || self.status >> n & 1 == 0)
        };
        let timers = (0..spec::TIMERS).filter(|&n| self.running() && heard(n));
        timers.filter_map(|n| self.timers[n].next(self.offset)).min()
    }

    /// The timer and register within it of an offset.
    fn timer(offset: u64) -> Option<(usize, u64)> {
        let place = offset.checked_sub(reg::TIMER)?;
        let n = (place / reg::TIMER_STRIDE) as usize;
        (n < spec::TIMERS).then_some((n, place % reg::TIMER_STRIDE))
    }

    fn read(&mut self, offset: u64, tick: i64) -> u64 {
        match (offset, Self::timer(offset)) {
            (reg::CAPABILITIES, _) => spec::CAPABILITIES,
            (reg::CONFIG, _) => self.config,
            (reg::STATUS, _) => self.status,
            (reg::COUNTER, _) => self.counter(tick),
            (_, Some((n, 0))) => self.timers[n].config | spec::T_CAPABILITIES,
            (_, Some((n, 8))) => {
                // What a pending match will make of it, without taking the match away.
                let mut timer = self.timers[n];
                if self.running() {
                    timer.take_match(self.offset, tick);
                }
                timer.comparator
            }
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, value: u64, mask: u64, tick: i64) {
        let merge = |old: u64| old & !mask | value & mask;
        match (offset, Self::timer(offset)) {
            (reg::CONFIG, _) => {
                let counter = self.counter(tick);
                self.config = merge(self.config) & (spec::ENABLE | spec::LEGACY);
                self.set_counter(counter, tick);
            }
            (reg::STATUS, _) => self.status &= !(value & mask),
            // Defined only while halted; taken at any time, as hardware does.
            (reg::COUNTER, _) => self.set_counter(merge(self.counter(tick)), tick),
            (_, Some((n, 0))) => {
                let timer = &mut self.timers[n];
                timer.config = merge(timer.config) & spec::T_WRITABLE;
                if timer.config & spec::T_32BIT != 0 {
                    timer.comparator &= 0xffff_ffff;
                    timer.period &= 0xffff_ffff;
                }
                if timer.config & spec::T_LEVEL == 0 {
                    self.status &= !(1 << n);
                }
            }
            (_, Some((n, 8))) => {
                self.timers[n].write_comparator(value, mask);
                self.timers[n].from = tick;
            }
            _ => {}
        }
    }

    /// The main counter is `counter` at `tick`, and goes on from there if it runs.
    fn set_counter(&mut self, counter: u64, tick: i64) {
        self.offset = if self.running() {
            counter.wrapping_sub(tick as u64)
        } else {
            counter
        };
        for timer in &mut self.timers {
            timer.from = timer.from.max(tick);
        }
    }
}
