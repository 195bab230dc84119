//! ACPI fixed hardware: PM1 events and control, PM timer, general-purpose events, the enable command; with the
//! SMBus host of the same chip.
//!
//! Mirrors QEMU's `hw/acpi/piix4.c`, `hw/acpi/core.c` and `hw/isa/apm.c` in behaviour. Register accesses and button
//! presses flow in; the SCI level and the wish to power off flow out.

mod smbus;
pub mod spec;
#[cfg(test)]
mod tests;

pub use smbus::SmbusHost;

use hw_core::{
    Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult};
use spec::reg;
use std::sync::Arc;

/// Called when the guest switches the machine off (S5 or S4).
pub type PowerOff = Box<dyn Fn() + Send + Sync>;

/// The power management block.
pub struct AcpiPm {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    sci: IrqLine,
    power_off: PowerOff,
    // Volatile state.
    state: DeviceCell<PmState>,
}

/// Accesses of 1, 2 and 4 bytes at any offset: registers have different widths.
const RULES: AccessRules = AccessRules {
    unaligned: true,
    ..AccessRules::UP_TO_4
};

impl AcpiPm {
    /// After reset, with SCI low. `power_off` is called under the big lock.
    pub fn new(
        clock: &VirtualClock,
        sci: IrqLine,
        power_off: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |pm: &Self| pm.change(|_| ())),
            sci,
            power_off: Box::new(power_off),
            state: DeviceCell::default(),
        })
    }

    /// The PM block in port space; the PCI function moves it by PMBASE.
    pub fn pm_window(self: &Arc<Self>) -> IoWindow {
        let at = (spec::PM_PORT, spec::PM_SIZE);
        IoWindow::new("acpi-pm", at, RULES, self, Self::read_pm, Self::write_pm)
    }

    /// General-purpose events, in port space.
    pub fn gpe_window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "acpi-gpe0",
            (spec::GPE_PORT, spec::GPE_SIZE),
            AccessRules::BYTES,
            self,
            |d: &Self, offset, _| Ok(d.state.lock().gpe[offset as usize & 3].into()),
            |d, offset, _, value| {
                d.change(|state| {
                    let byte = &mut state.gpe[offset as usize & 3];
                    *byte = if offset < 2 {
                        *byte & !(value as u8)
                    } else {
                        value as u8
                    };
                });
                Ok(())
            },
        )
    }

    /// Command and status byte, in port space.
    pub fn apm_window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "apm",
            (spec::APM_PORT, 2),
            AccessRules::BYTES,
            self,
            |d: &Self, offset, _| Ok(d.state.lock().apm[offset as usize & 1].into()),
            |d, offset, _, value| {
                d.change(|state| {
                    state.apm[offset as usize & 1] = value as u8;
                    match (offset, value as u8) {
                        (0, spec::ACPI_ENABLE) => state.control |= spec::SCI_ENABLE,
                        (0, spec::ACPI_DISABLE) => state.control &= !spec::SCI_ENABLE,
                        // Other commands would raise SMI; there is no SMM.
                        _ => {}
                    }
                });
                Ok(())
            },
        )
    }

    /// The power button is pressed.
    pub fn power_button(&self) {
        self.change(|state| state.status |= spec::POWER_BUTTON);
    }

    /// Raises general-purpose event `n`, 0 to 15.
    pub fn raise_gpe(&self, n: u32) {
        self.change(|state| state.gpe[n as usize >> 3 & 1] |= 1 << (n & 7));
    }

    /// Brings the timer's status up to now, runs `change`, and makes SCI and the timer follow.
    fn change<R>(&self, change: impl FnOnce(&mut PmState) -> R) -> R {
        let (result, sci, next) = {
            let mut state = self.state.lock();
            let tick = spec::CLOCK.ticks(self.clock.now_ns());
            state.advance(tick);
            let result = change(&mut state);
            (result, state.sci(), state.next_overflow())
        };
        self.sci.set(sci);
        schedule(&self.timer, next.map(|tick| spec::CLOCK.ns(tick)));
        result
    }

    fn read_pm(&self, offset: u64, size: u32) -> IoResult<u64> {
        // Without the big lock: the clock is read under the state's, so that no reader sees it before what another saw.
        let mut state = self.state.lock();
        let tick = spec::CLOCK.ticks(self.clock.now_ns());
        state.advance(tick);
        Ok((0..u64::from(size)).fold(0, |value, i| {
            value | u64::from(state.byte(offset + i, tick)) << (8 * i)
        }))
    }

    fn write_pm(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let sleep = self.change(|state| {
            (0..u64::from(size)).fold(None, |sleep, i| {
                let byte = (value >> (8 * i)) as u8;
                state.write_byte(offset + i, byte).or(sleep)
            })
        });
        match sleep {
            Some(spec::S5 | spec::S4) => (self.power_off)(),
            Some(kind) => tracing::debug!(target: "acpi", kind, "sleep state is not implemented"),
            None => {}
        }
        Ok(())
    }
}

impl Device for AcpiPm {
    fn name(&self) -> &str {
        "acpi-pm"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                let seen = spec::CLOCK.ticks(self.clock.now_ns());
                *self.state.lock() = PmState {
                    seen,
                    ..PmState::default()
                };
            }
            ResetPhase::Hold => self.sci.lower(),
            ResetPhase::Exit => self.timer.cancel(),
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(PmState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: PmState = state.decode(PmState::VERSION)?;
        let next = state.next_overflow();
        *self.state.lock() = state;
        schedule(&self.timer, next.map(|tick| spec::CLOCK.ns(tick)));
        Ok(())
    }
}

/// The registers, saved as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PmState {
    status: u16,
    enable: u16,
    control: u16,
    /// Status, status, enable, enable.
    gpe: [u8; 4],
    /// Command, status.
    apm: [u8; 2],
    /// Changes of the timer's top bit up to this tick are in the status.
    seen: i64,
}

impl PmState {
    const VERSION: u16 = 1;
    /// Ticks between changes of the top bit.
    const HALF: i64 = 1 << (spec::TIMER_BITS - 1);

    fn advance(&mut self, tick: i64) {
        if tick.div_euclid(Self::HALF) > self.seen.div_euclid(Self::HALF) {
            self.status |= spec::TIMER;
        }
        self.seen = self.seen.max(tick);
    }

    /// The tick of the next change of the top bit, if that raises SCI.
    fn next_overflow(&self) -> Option<i64> {
        let heard = self.enable & spec::TIMER != 0 && self.status & spec::TIMER == 0;
        heard.then(|| (self.seen.div_euclid(Self::HALF) + 1).saturating_mul(Self::HALF))
    }

    fn sci(&self) -> bool {
        let fixed = self.status & self.enable & spec::ENABLE_BITS != 0;
        let general = (self.gpe[0] & self.gpe[2]) | (self.gpe[1] & self.gpe[3]) != 0;
        self.control & spec::SCI_ENABLE != 0 && (fixed || general)
    }

    fn byte(&self, offset: u64, tick: i64) -> u8 {
        let timer = (tick & ((1 << spec::TIMER_BITS) - 1)) as u32;
        let (register, place) = match offset {
            0..=1 => (self.status.into(), offset),
            2..=3 => (self.enable.into(), offset - reg::ENABLE),
            4..=5 => (self.control.into(), offset - reg::CONTROL),
            8..=11 => (timer, offset - reg::TIMER),
            _ => (0, 0),
        };
        register.to_le_bytes()[place as usize & 3]
    }

    /// Writes a byte; the sleep type if that asks for sleep.
    fn write_byte(&mut self, offset: u64, byte: u8) -> Option<u16> {
        let shift = 8 * (offset & 1) as u32;
        let (value, mask) = (u16::from(byte) << shift, 0xff << shift);
        match offset & !1 {
            reg::STATUS => self.status &= !value,
            reg::ENABLE => self.enable = (self.enable & !mask | value) & spec::ENABLE_BITS,
            reg::CONTROL => {
                let writable = mask & spec::CONTROL_BITS;
                self.control = self.control & !writable | value & writable;
                if value & spec::SLEEP_ENABLE != 0 {
                    return Some(self.control >> spec::SLEEP_TYPE_SHIFT & 7);
                }
            }
            _ => {}
        }
        None
    }
}
