//! The real-time clock and CMOS RAM of a PC.
//!
//! Mirrors QEMU's `hw/rtc/mc146818rtc.c` in behaviour. The time of day comes from the configuration once and goes
//! on with the clock that it names; register accesses flow in from ports 70h and 71h, IRQ 8 flows out.

pub mod calendar;
pub mod spec;
mod state;
#[cfg(test)]
mod tests;

use hw_core::{
    Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use softmmu::AccessRules;
use state::RtcState;
use std::sync::Arc;

/// On which of the machine's clocks time of day goes on: `-rtc clock=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RtcTime {
    /// Virtual time: stands still with the machine.
    #[default]
    Virtual,
    /// The host's time of day, in nanoseconds since 1970, with all its corrections; it may jump.
    Host,
    /// The host's monotonic time, also while the machine is stopped.
    Realtime,
}

/// What a clock is made with.
#[derive(Clone, Copy, Debug, Default)]
pub struct RtcConfig {
    /// Time of day now, in seconds since 1970 as the guest is to see them (UTC or local).
    pub unix_seconds: i64,
    /// What the handle given to [`Rtc::new`] is a clock of.
    pub time: RtcTime,
    /// Periodic interrupts that the guest was too late for are given to it afterwards, one each time that it reads
    /// register C (`-rtc driftfix=slew`): for guests that count them to know the time.
    pub reinjects: bool,
}

/// The clock.
pub struct Rtc {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    irq8: IrqLine,
    config: RtcConfig,
    // Volatile state.
    state: DeviceCell<RtcState>,
}

impl Rtc {
    /// A clock that shows the configured time now, with empty RAM.
    pub fn new(config: RtcConfig, clock: &VirtualClock, irq8: IrqLine) -> Arc<Self> {
        let now = clock.now_ns();
        // The host's seconds begin when the guest's do.
        let second = match config.time {
            RtcTime::Host => now - now.rem_euclid(spec::SECOND),
            RtcTime::Virtual | RtcTime::Realtime => now,
        };
        let mut state = RtcState::new(config.unix_seconds, second);
        state.reinjects = config.reinjects;
        Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |rtc: &Self| rtc.change(|_, _| ())),
            irq8,
            config,
            state: DeviceCell::new(state),
        })
    }

    /// Index and data port, in port space.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "rtc",
            (spec::PORT, 2),
            AccessRules::BYTES,
            self,
            |d: &Self, port, _| {
                // The index cannot be read.
                Ok(if port & 1 == 0 {
                    0xff
                } else {
                    d.change(|state, now| state.read(state.index, now)).into()
                })
            },
            |d, port, _, value| {
                d.change(|state, now| match port & 1 {
                    0 => state.index = value as u8,
                    _ => state.write(state.index, value as u8, now),
                });
                Ok(())
            },
        )
    }

    /// Brings flags up to now, runs `change`, and makes IRQ 8 and the timer follow.
    fn change<R>(&self, change: impl FnOnce(&mut RtcState, i64) -> R) -> R {
        let now = self.clock.now_ns();
        let (result, pulse, irq, next) = {
            let mut state = self.state.lock();
            state.advance(now);
            let result = change(&mut state, now);
            (result, state.take_pulse(), state.irq(), state.next_irq())
        };
        if pulse {
            self.irq8.lower();
        }
        self.irq8.set(irq);
        schedule(&self.timer, next);
        result
    }

    /// Writes CMOS byte `index` (0 to 127) as software would: what a board's firmware leaves there.
    pub fn set_cmos(&self, index: u8, value: u8) {
        self.change(|state, now| state.write(index, value, now));
    }

    /// Reads CMOS byte `index` as software would (register C is cleared by that).
    pub fn cmos(&self, index: u8) -> u8 {
        self.change(|state, now| state.read(index, now))
    }
}

impl Device for Rtc {
    fn name(&self) -> &str {
        "rtc"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => self.state.lock().reset(self.clock.now_ns()),
            ResetPhase::Hold => self.irq8.lower(),
            ResetPhase::Exit => self.change(|_, _| ()),
        }
    }

    fn save(&self) -> SavedState {
        let mut state = self.state.lock().clone();
        if self.config.time != RtcTime::Virtual {
            // Nothing else says when this was, as the machine's clock does of virtual time.
            state.advance(self.clock.now_ns());
        }
        SavedState::encode(RtcState::VERSION, &state)
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let mut state: RtcState = state.decode(RtcState::VERSION)?;
        if !state.is_sound() {
            return Err(StateError::Damaged("size of the CMOS RAM".into()));
        }
        state.reinjects = self.config.reinjects;
        if self.config.time != RtcTime::Virtual {
            state.take_up(self.clock.now_ns(), self.config.time == RtcTime::Realtime);
        }
        let next = state.next_irq();
        *self.state.lock() = state;
        schedule(&self.timer, next);
        Ok(())
    }
}
