//! A whole device in one file: a register holds a period in ticks of a 32768 Hz crystal, a line toggles at that rate.
//!
//! Run with `cargo run -p hw-core --example blinker`. The program is its board: it writes the register, lets
//! virtual time pass, and takes the device through the state suite.

use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};
use hw_core::{
    Device, DeviceCell, Frequency, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer,
    VirtualClock, schedule,
};
use serde::{Deserialize, Serialize};
use softmmu::AccessRules;
use std::sync::Arc;

const CRYSTAL: Frequency = Frequency::new(32_768);

struct Blinker {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    lamp: IrqLine,
    // Volatile state.
    state: DeviceCell<BlinkerState>,
}

/// Saved as it is.
#[derive(Clone, Default, Serialize, Deserialize)]
struct BlinkerState {
    /// Ticks between changes; 0 is off.
    period: u32,
    /// Tick at which the period was written.
    start: i64,
    /// Changes since then.
    changes: i64,
}

impl BlinkerState {
    const VERSION: u16 = 1;

    /// Changes up to `tick`: always from the start, so rounding never adds up.
    fn advance(&mut self, tick: i64) {
        if self.period != 0 {
            self.changes = (tick - self.start) / i64::from(self.period);
        }
    }

    fn next(&self) -> Option<i64> {
        (self.period != 0).then(|| self.start + (self.changes + 1) * i64::from(self.period))
    }
}

impl Blinker {
    fn new(clock: &VirtualClock, lamp: IrqLine) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |blinker: &Self| blinker.change(|_, _| ())),
            lamp,
            state: DeviceCell::default(),
        })
    }

    fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "blinker",
            (0x300, 4),
            AccessRules::ONLY_4,
            self,
            |d: &Self, _, _| Ok(d.state.lock().period.into()),
            |d, _, _, value| {
                d.change(|state, tick| {
                    *state = BlinkerState {
                        period: value as u32,
                        start: tick,
                        changes: 0,
                    }
                });
                Ok(())
            },
        )
    }

    /// Computes under the guard, then acts.
    fn change(&self, change: impl FnOnce(&mut BlinkerState, i64)) {
        let tick = CRYSTAL.ticks(self.clock.now_ns());
        let (lit, next) = {
            let mut state = self.state.lock();
            state.advance(tick);
            change(&mut state, tick);
            (state.changes % 2 != 0, state.next())
        };
        self.lamp.set(lit);
        schedule(&self.timer, next.map(|tick| CRYSTAL.ns(tick)));
    }
}

impl Device for Blinker {
    fn name(&self) -> &str {
        "blinker"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = BlinkerState::default(),
            ResetPhase::Hold => self.lamp.lower(),
            ResetPhase::Exit => self.timer.cancel(),
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(BlinkerState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: BlinkerState = state.decode(BlinkerState::VERSION)?;
        let next = state.next();
        *self.state.lock() = state;
        schedule(&self.timer, next.map(|tick| CRYSTAL.ns(tick)));
        Ok(())
    }
}

fn main() {
    let (clock, sink) = (TestClock::new(), RecordingSink::new());
    let blinker = Blinker::new(&clock.clock(), sink.line(0));
    let registers = blinker.window().ops;

    registers.write(0, 4, 16_384).expect("a 32-bit register");
    for _ in 0..4 {
        clock.advance(500_000_000);
        println!(
            "{:>13} ns: {}",
            clock.now_ns(),
            if sink.level(0) { "on" } else { "off" }
        );
    }
    clock.advance(86_400_000_000_000);
    println!(
        "after a day: {} times on, exactly {} expected",
        sink.rises(0),
        86_402
    );

    check_saved_state(&*blinker, &*Blinker::new(&clock.clock(), IrqLine::disconnected()));
    check_reset(&*blinker, || registers.write(0, 4, 5).expect("a 32-bit register"));
    println!("state suite passed");
}
