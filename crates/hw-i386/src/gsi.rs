//! Where interrupt lines of the board go: ISA interrupts to 8259 and IO-APIC, timers to IRQ 0 and 8.
//!
//! Levels flow from devices through here to the controllers. ISA IRQ n is PIC pin n and IO-APIC pin n, but IRQ 0
//! is IO-APIC pin 2 (the override in the MADT) and IRQ 2 does not exist (cascade). Mirrors `gsi_handler` of
//! QEMU's `hw/i386/x86.c` and the `hpet-intcap` legacy routing of `hw/timer/hpet.c`.

use crate::ioapic::{self, IoApic};
use crate::pic::PicPair;
use hw_core::{Device, DeviceCell, IrqLine, IrqSink, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// IO-APIC pin of ISA IRQ 0.
const TIMER_PIN: u32 = 2;
/// First pin of the router's own [`IrqSink`] that means a global system interrupt instead of an ISA one.
const GSI: u32 = 16;

/// Interrupt routing of the board. As an [`IrqSink`], pins 0 to 15 are ISA interrupts and 16 to 39 are global
/// system interrupts 0 to 23; use [`isa`](Self::isa) and [`gsi`](Self::gsi).
pub struct GsiRouter {
    // Host glue.
    pic: Arc<PicPair>,
    ioapic: Option<Arc<IoApic>>,
    // Volatile state.
    state: DeviceCell<Levels>,
}

impl GsiRouter {
    /// Routes to these controllers.
    pub fn new(pic: &Arc<PicPair>, ioapic: Option<&Arc<IoApic>>) -> Arc<Self> {
        Arc::new(Self {
            pic: Arc::clone(pic),
            ioapic: ioapic.cloned(),
            state: DeviceCell::default(),
        })
    }

    /// The wire of ISA interrupt `irq`, 0 to 15.
    pub fn isa(self: &Arc<Self>, irq: u32) -> IrqLine {
        assert!(irq < 16, "the board has ISA interrupts 0 to 15");
        IrqLine::new(Arc::clone(self) as Arc<dyn IrqSink>, irq)
    }

    /// The wire of global system interrupt `gsi`: an IO-APIC pin, and the 8259 input of the same number.
    pub fn gsi(self: &Arc<Self>, gsi: u32) -> IrqLine {
        assert!((gsi as usize) < ioapic::spec::PINS, "the board has one IO-APIC");
        IrqLine::new(Arc::clone(self) as Arc<dyn IrqSink>, GSI + gsi)
    }

    /// Which ISA interrupts and which global system interrupts are high now, for people.
    pub fn describe(&self) -> String {
        let Levels { isa, gsi } = *self.state.lock();
        let high = |levels: u32| {
            let numbers = (0..32).filter(|n| levels >> n & 1 != 0).map(|n| format!(" {n}"));
            let numbers = numbers.collect::<String>();
            if numbers.is_empty() {
                " none".to_owned()
            } else {
                numbers
            }
        };
        format!("ISA IRQs high:{}\nGSIs high:{}\n", high(isa), high(gsi))
    }
}

impl IrqSink for GsiRouter {
    fn set_irq(&self, pin: u32, level: bool) {
        // Which 8259 input and which IO-APIC pin follow.
        let (input, pin_out) = match pin {
            0 => (Some(0), TIMER_PIN),
            2 => return,
            1..GSI => (Some(pin), pin),
            _ => (Some(pin - GSI).filter(|&n| n < 16 && n != 0 && n != 2), pin - GSI),
        };
        let (input_level, pin_level) = {
            let mut state = self.state.lock();
            state.set(pin, level);
            (state.input(input), state.pin(pin_out))
        };
        if let Some(input) = input {
            self.pic.set_irq(input, input_level);
        }
        if let Some(ioapic) = &self.ioapic {
            ioapic.set_irq(pin_out, pin_level);
        }
    }
}

impl Device for GsiRouter {
    fn name(&self) -> &str {
        "gsi"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.state.lock() = Levels::default();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(Levels::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(Levels::VERSION)?;
        Ok(())
    }
}

/// Levels of the lines that arrive, saved as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Levels {
    isa: u32,
    gsi: u32,
}

impl Levels {
    const VERSION: u16 = 1;

    fn set(&mut self, pin: u32, level: bool) {
        let (word, bit) = if pin < GSI {
            (&mut self.isa, pin)
        } else {
            (&mut self.gsi, (pin - GSI) & 31)
        };
        *word = *word & !(1 << bit) | u32::from(level) << bit;
    }

    fn input(&self, input: Option<u32>) -> bool {
        input.is_some_and(|n| (self.isa | self.gsi) >> n & 1 != 0)
    }

    fn pin(&self, pin: u32) -> bool {
        let isa = match pin {
            0 => 0,
            TIMER_PIN => self.isa & 1,
            1..16 => self.isa >> pin & 1,
            _ => 0,
        };
        isa | self.gsi.checked_shr(pin).unwrap_or(0) & 1 != 0
    }
}

/// Inputs of [`LegacyTimers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LegacyInput {
    /// OUT of PIT counter 0.
    Pit,
    /// The RTC's interrupt.
    Rtc,
    /// HPET timer 0.
    Hpet0,
    /// HPET timer 1.
    Hpet1,
    /// High while the HPET replaces the other two.
    Replace,
}

/// Who drives IRQ 0 and IRQ 8: PIT and RTC, or, with legacy replacement on, HPET timers 0 and 1.
pub struct LegacyTimers {
    // Host glue.
    irq0: IrqLine,
    irq8: IrqLine,
    // Volatile state.
    state: DeviceCell<LegacyLevels>,
}

impl LegacyTimers {
    /// Drives `irq0` and `irq8`.
    pub fn new(irq0: IrqLine, irq8: IrqLine) -> Arc<Self> {
        let state = DeviceCell::default();
        Arc::new(Self { irq0, irq8, state })
    }

    /// The wire of one input.
    pub fn input(self: &Arc<Self>, input: LegacyInput) -> IrqLine {
        IrqLine::new(Arc::clone(self) as Arc<dyn IrqSink>, input as u32)
    }
}

impl IrqSink for LegacyTimers {
    fn set_irq(&self, pin: u32, level: bool) {
        let (before, after) = {
            let mut state = self.state.lock();
            let before = state.outputs();
            state.0 = state.0 & !(1 << (pin & 7)) | u8::from(level) << (pin & 7);
            (before, state.outputs())
        };
        if before.0 != after.0 {
            self.irq0.set(after.0);
        }
        if before.1 != after.1 {
            self.irq8.set(after.1);
        }
    }
}

impl Device for LegacyTimers {
    fn name(&self) -> &str {
        "legacy-timers"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = LegacyLevels::default(),
            ResetPhase::Hold => {
                let (irq0, irq8) = self.state.lock().outputs();
                self.irq0.set(irq0);
                self.irq8.set(irq8);
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(LegacyLevels::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(LegacyLevels::VERSION)?;
        Ok(())
    }
}

/// Levels of the inputs, a bit each, saved as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LegacyLevels(u8);

impl LegacyLevels {
    const VERSION: u16 = 1;

    fn outputs(self) -> (bool, bool) {
        let level = |input: LegacyInput| self.0 >> input as u32 & 1 != 0;
        if level(LegacyInput::Replace) {
            (level(LegacyInput::Hpet0), level(LegacyInput::Hpet1))
        } else {
            (level(LegacyInput::Pit), level(LegacyInput::Rtc))
        }
    }
}
