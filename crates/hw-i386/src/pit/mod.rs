//! The 8254 timer of a PC with port 61h: system timer, refresh, speaker.
//!
//! Mirrors QEMU's `hw/timer/i8254.c` and `hw/audio/pcspk.c` in behaviour. Counts and gates flow in from the guest;
//! OUT of counter 0 flows out to IRQ 0, OUT of counter 2 to port 61h. Everything is computed from virtual time;
//! the one timer is armed for the next rise of OUT 0, and delivers it as low-then-high, because the single low
//! tick before the rise matters to nobody else.

mod counter;
pub mod spec;
#[cfg(test)]
mod tests;

use counter::Counter;
use hw_core::{
    Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

/// What the speaker does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speaker {
    /// Nothing.
    Silent,
    /// A square wave of this many 1.193182 MHz ticks a period.
    Tone(i64),
}

/// The timer chip and port 61h.
pub struct Pit {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    irq0: IrqLine,
    // Volatile state.
    state: DeviceCell<PitState>,
}

impl Pit {
    /// After reset: all counters in mode 3 with the longest period, counter 2's gate closed.
    pub fn new(clock: &VirtualClock, irq0: IrqLine) -> Arc<Self> {
        let pit = Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |pit: &Self| pit.change(|_, _| ())),
            irq0,
            state: DeviceCell::new(PitState::new(spec::CLOCK.ticks(clock.now_ns()))),
        });
        pit.arm();
        pit
    }

    /// The registers in port space: counters and control word, port 61h.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new(
                "pit",
                (spec::PORT, 4),
                AccessRules::BYTES,
                self,
                |d: &Self, port, _| Ok(d.read_counter(port).into()),
                |d, port, _, value| d.write_counter(port, value as u8),
            ),
            IoWindow::new(
                "port61",
                (spec::CONTROL_B_PORT, 1),
                AccessRules::BYTES,
                self,
                |d: &Self, _, _| Ok(d.read_control_b().into()),
                |d, _, _, value| d.write_control_b(value as u8),
            ),
        ]
    }

    /// Arms the timer for the next rise of OUT 0.
    fn arm(&self) {
        let next = {
            let state = self.state.lock();
            state.counters[0].next_rise(state.seen)
        };
        schedule(&self.timer, next.map(|tick| spec::CLOCK.ns(tick)));
    }

    fn tick(&self) -> i64 {
        spec::CLOCK.ticks(self.clock.now_ns())
    }

    /// Delivers rises of OUT 0 up to now, runs `change`, and makes IRQ 0 and the timer follow.
    fn change(&self, change: impl FnOnce(&mut PitState, i64)) {
        let tick = self.tick();
        let (rises, out) = {
            let mut state = self.state.lock();
            let rises = state.take_rises(tick);
            state.advance(tick);
            change(&mut state, tick);
            (rises, state.counters[0].out(tick))
        };
        if rises {
            self.irq0.lower();
            self.irq0.raise();
        }
        self.irq0.set(out);
        self.arm();
    }

    fn read_counter(&self, port: u64) -> u8 {
        let tick = self.tick();
        let mut state = self.state.lock();
        state.advance_for_read(tick);
        match state.counters.get_mut(port as usize) {
            Some(counter) => counter.read(tick),
            // The control word cannot be read.
            None => 0xff,
        }
    }

    fn write_counter(&self, port: u64, value: u8) -> IoResult<()> {
        self.change(|state, tick| match port as usize {
            3 => state.write_control(value, tick),
            which => {
                if let Some(counter) = state.counters.get_mut(which) {
                    counter.write(value, tick);
                }
            }
        });
        Ok(())
    }

    fn read_control_b(&self) -> u8 {
        let tick = self.tick();
        let mut state = self.state.lock();
        state.advance_for_read(tick);
        let refresh = if (tick / spec::REFRESH_TICKS) & 1 != 0 {
            spec::B_REFRESH
        } else {
            0
        };
        let out2 = if state.counters[2].out(tick) {
            spec::B_OUT2
        } else {
            0
        };
        state.control_b | refresh | out2
    }

    fn write_control_b(&self, value: u8) -> IoResult<()> {
        self.change(|state, tick| {
            state.control_b = value & spec::B_WRITABLE;
            state.counters[2].set_gate(value & spec::B_GATE2 != 0, tick);
        });
        Ok(())
    }

    /// What the speaker does now.
    pub fn speaker(&self) -> Speaker {
        let on = spec::B_GATE2 | spec::B_SPEAKER;
        let state = self.state.lock();
        match state.counters[2].tone() {
            Some(period) if state.control_b & on == on => Speaker::Tone(period),
            _ => Speaker::Silent,
        }
    }
}

impl Device for Pit {
    fn name(&self) -> &str {
        "pit"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = PitState::new(self.tick()),
            ResetPhase::Hold => self.irq0.set(true),
            ResetPhase::Exit => self.change(|_, _| ()),
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(PitState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(PitState::VERSION)?;
        self.arm();
        Ok(())
    }
}

/// The volatile state, saved as it is. Ticks are of the input clock since virtual time 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PitState {
    counters: [Counter; 3],
    /// Port 61h, the bits that software wrote.
    control_b: u8,
    /// Rises of OUT 0 up to this tick have been delivered.
    seen: i64,
}

impl PitState {
    const VERSION: u16 = 1;

    fn new(tick: i64) -> Self {
        Self {
            counters: [true, true, false].map(|gate| Counter::new(gate, tick)),
            control_b: 0,
            seen: tick,
        }
    }

    fn advance(&mut self, tick: i64) {
        self.counters.iter_mut().for_each(|counter| counter.advance(tick));
    }

    /// As [`advance`](Self::advance), but leaves counter 0 alone as long as a rise is to be delivered: the rise
    /// is computed from the count it had.
    fn advance_for_read(&mut self, tick: i64) {
        let due = self.counters[0]
            .next_rise(self.seen)
            .is_some_and(|rise| rise <= tick);
        for counter in self.counters.iter_mut().skip(usize::from(due)) {
            counter.advance(tick);
        }
    }

    /// Whether OUT 0 rose since this was last asked.
    fn take_rises(&mut self, tick: i64) -> bool {
        let rose = self.counters[0]
            .next_rise(self.seen)
            .is_some_and(|rise| rise <= tick);
        self.seen = self.seen.max(tick);
        rose
    }

    fn write_control(&mut self, control: u8, tick: i64) {
        let select = control >> 6;
        if select == spec::READ_BACK {
            for (i, counter) in self.counters.iter_mut().enumerate() {
                if control >> (i + 1) & 1 == 0 {
                    continue;
                }
                if control & spec::READ_BACK_NO_COUNT == 0 {
                    counter.latch_count(tick);
                }
                if control & spec::READ_BACK_NO_STATUS == 0 {
                    counter.latch_status(tick);
                }
            }
            return;
        }
        let counter = &mut self.counters[usize::from(select)];
        if control & 0x30 == 0 {
            counter.latch_count(tick);
        } else {
            counter.set_control(control, tick);
        }
    }
}
