//! The PIRQ router: PCI interrupt pins to ISA interrupts.
//!
//! Levels flow from INTx pins (any number of them share a PIRQ) through the route control registers into ISA
//! lines. 82371SB data sheet, 2.5.1.7; board wiring: [`pirq`].

use crate::board_spec::pirq;
use crate::piix3::spec::PIRQ_OFF;
use hw_core::{Device, DeviceCell, IrqLine, IrqSink, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The router of one machine. As a sink, its pin `slot * 4 + n` is INTA + n of a slot.
pub struct PirqRouter {
    isa: [IrqLine; 16],
    state: DeviceCell<State>,
}

/// Volatile state, and the saved one (version 1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// A bit for each asserted pin.
    pins: u128,
    /// Route control registers; they live in the ISA bridge's configuration space, which restores them.
    #[serde(skip)]
    routes: [u8; 4],
    /// ISA lines held high by us.
    driven: u16,
}

impl State {
    /// Computes the lines to hold; returns those that change.
    fn update(&mut self) -> u16 {
        let mut driven = 0;
        for pin in 0..128u32 {
            if self.pins >> pin & 1 != 0 {
                let route = self.routes[pirq((pin / 4) as u8, (pin % 4) as u8) as usize];
                if route & PIRQ_OFF == 0 {
                    driven |= 1 << (route & 15);
                }
            }
        }
        std::mem::replace(&mut self.driven, driven) ^ driven
    }
}

impl PirqRouter {
    /// A router onto these ISA lines.
    pub fn new(isa: [IrqLine; 16]) -> Arc<Self> {
        let state = State {
            routes: [PIRQ_OFF; 4],
            ..State::default()
        };
        Arc::new(Self {
            isa,
            state: DeviceCell::new(state),
        })
    }

    /// The wire of a function's interrupt pin (1 = INTA).
    pub fn intx(self: &Arc<Self>, slot: u8, pin: u8) -> IrqLine {
        let index = (slot as u32 & 31) * 4 + (pin.wrapping_sub(1) as u32 & 3);
        IrqLine::new(Arc::clone(self) as Arc<dyn IrqSink>, index)
    }

    /// The route control registers changed.
    pub fn set_routes(&self, routes: [u8; 4]) {
        self.change(|state| state.routes = routes);
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        let (changed, driven) = {
            let mut state = self.state.lock();
            f(&mut state);
            (state.update(), state.driven)
        };
        for irq in (0..16).filter(|irq| changed >> irq & 1 != 0) {
            self.isa[irq].set(driven >> irq & 1 != 0);
        }
    }
}

impl IrqSink for PirqRouter {
    fn set_irq(&self, pin: u32, level: bool) {
        let bit = 1u128 << (pin & 127);
        self.change(|state| {
            if level {
                state.pins |= bit
            } else {
                state.pins &= !bit
            }
        });
    }
}

const VERSION: u16 = 1;

impl Device for PirqRouter {
    fn name(&self) -> &str {
        "pirq"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Hold {
            self.change(|state| state.pins = 0);
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let saved: State = state.decode(VERSION)?;
        let mut live = self.state.lock();
        *live = State {
            routes: live.routes,
            ..saved
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hw_core::testing::{RecordingSink, check_saved_state};

    #[test]
    fn shared_and_moved() {
        let sink = RecordingSink::new();
        let router = PirqRouter::new(std::array::from_fn(|i| sink.line(i as u32)));
        router.set_routes([10, 10, 11, 0x80]);
        let (a, b) = (router.intx(3, 1), router.intx(7, 1)); // both PIRQC
        a.raise();
        b.raise();
        a.lower();
        assert!(sink.level(11));
        router.set_routes([10, 10, 5, 0x80]);
        assert!(!sink.level(11) && sink.level(5));
        check_saved_state(
            &*router,
            &*PirqRouter::new(std::array::from_fn(|_| IrqLine::disconnected())),
        );
        b.lower();
        assert!(!sink.level(5));
        router.intx(4, 1).raise(); // PIRQD: off
        assert_eq!((0..16).filter(|&i| sink.level(i)).count(), 0);
    }
}
