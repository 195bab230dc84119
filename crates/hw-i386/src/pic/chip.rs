//! One 8259A: requests, priorities, service. Pure state; the pair connects two of them.
//!
//! Input levels flow in through [`Chip::set_input`], the INT level out through [`Chip::pending`], vectors out
//! through [`Chip::acknowledge`].

use super::spec::{self, Ocw2};
use serde::{Deserialize, Serialize};

/// What initialisation expects next on the second port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Expect {
    /// OCW1, the mask.
    #[default]
    Mask,
    Icw2,
    Icw3,
    Icw4,
}

/// The state of one 8259A, saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chip {
    /// Levels of the inputs.
    pub inputs: u8,
    /// Requests.
    pub irr: u8,
    /// In service.
    pub isr: u8,
    /// Masked.
    pub imr: u8,
    /// Level-triggered inputs.
    pub elcr: u8,
    /// Vector of input 0.
    pub base: u8,
    /// Input of highest priority.
    highest: u8,
    expect: Expect,
    single: bool,
    icw4_follows: bool,
    auto_eoi: bool,
    rotate_in_auto_eoi: bool,
    fully_nested: bool,
    special_mask: bool,
    read_isr: bool,
    poll: bool,
}

impl Chip {
    /// The inputs of `set` in order of priority, highest first: the first one's place and number.
    fn first(&self, set: u8) -> Option<(u32, u8)> {
        let place = set.rotate_right(u32::from(self.highest & 7)).trailing_zeros();
        (place < 8).then(|| (place, ((place as u8).wrapping_add(self.highest)) & 7))
    }

    /// An input changes or is repeated.
    ///
    /// A falling edge does not take back the request of an edge-triggered input: devices that pulse are heard.
    /// (An 8259A would turn such a request into a spurious one.)
    pub fn set_input(&mut self, input: u8, level: bool) {
        let bit = 1 << (input & 7);
        let rising = level && self.inputs & bit == 0;
        if level {
            self.inputs |= bit;
        } else {
            self.inputs &= !bit;
        }
        if self.elcr & bit != 0 {
            self.irr = self.irr & !bit | self.inputs & bit;
        } else if rising {
            self.irr |= bit;
        }
    }

    /// The input whose interrupt the CPU would take now; INT is high while there is one. `master` has a slave on
    /// its cascade input.
    pub fn pending(&self, master: bool) -> Option<u8> {
        let (place, input) = self.first(self.irr & !self.imr)?;
        let mut blocking = self.isr;
        if self.special_mask {
            blocking &= !self.imr;
        }
        if self.fully_nested && master {
            blocking &= !(1 << spec::CASCADE);
        }
        match self.first(blocking) {
            Some((blocker, _)) if place >= blocker => None,
            _ => Some(input),
        }
    }

    /// INTA for `input`.
    pub fn acknowledge(&mut self, input: u8) {
        let bit = 1 << (input & 7);
        if self.auto_eoi {
            if self.rotate_in_auto_eoi {
                self.highest = (input + 1) & 7;
            }
        } else {
            self.isr |= bit;
        }
        if self.elcr & bit == 0 {
            self.irr &= !bit;
        }
    }

    /// Hardware reset.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn initialise(&mut self, icw1: u8) {
        // The edge detectors forget what they saw: an input that is high must fall before it requests again.
        self.irr &= self.elcr;
        self.isr = 0;
        self.imr = 0;
        self.highest = 0;
        self.auto_eoi = false;
        self.rotate_in_auto_eoi = false;
        self.fully_nested = false;
        self.special_mask = false;
        self.read_isr = false;
        self.poll = false;
        // LTIM (bit 3) has no effect on the PIIX3: the ELCR took its place.
        self.single = icw1 & spec::ICW1_SINGLE != 0;
        self.icw4_follows = icw1 & spec::ICW1_IC4 != 0;
        self.expect = Expect::Icw2;
    }

    fn end(&mut self, input: Option<u8>, rotate: bool) {
        let Some(input) = input else { return };
        self.isr &= !(1 << input);
        if rotate {
            self.highest = (input + 1) & 7;
        }
    }

    /// What a non-specific EOI ends. In special mask mode it passes over masked interrupts.
    fn ending(&self) -> Option<u8> {
        let mask = if self.special_mask { self.imr } else { 0 };
        self.first(self.isr & !mask).map(|(_, input)| input)
    }

    /// Writes the first port (`second` false) or the second.
    pub fn write(&mut self, second: bool, value: u8) {
        if second {
            self.write_second(value);
        } else if value & spec::ICW1 != 0 {
            self.initialise(value);
        } else if value & spec::OCW3 != 0 {
            if value & spec::OCW3_POLL != 0 {
                self.poll = true;
            }
            if value & spec::OCW3_READ_REGISTER != 0 {
                self.read_isr = value & 1 != 0;
            }
            if value & spec::OCW3_ENABLE_SPECIAL_MASK != 0 {
                self.special_mask = value & spec::OCW3_SPECIAL_MASK != 0;
            }
        } else {
            match Ocw2::from(value) {
                Ocw2::ClearRotateInAutoEoi => self.rotate_in_auto_eoi = false,
                Ocw2::SetRotateInAutoEoi => self.rotate_in_auto_eoi = true,
                Ocw2::Nop => {}
                Ocw2::Eoi => self.end(self.ending(), false),
                Ocw2::RotateOnEoi => self.end(self.ending(), true),
                Ocw2::SpecificEoi(input) => self.end(Some(input), false),
                Ocw2::RotateOnSpecificEoi(input) => self.end(Some(input), true),
                Ocw2::SetLowest(input) => self.highest = (input + 1) & 7,
            }
        }
    }

    fn write_second(&mut self, value: u8) {
        let after_icw3 = if self.icw4_follows {
            Expect::Icw4
        } else {
            Expect::Mask
        };
        match self.expect {
            Expect::Mask => self.imr = value,
            Expect::Icw2 => {
                self.base = value & 0xf8;
                self.expect = if self.single { after_icw3 } else { Expect::Icw3 };
            }
            // Who is whose slave is wired.
            Expect::Icw3 => self.expect = after_icw3,
            Expect::Icw4 => {
                self.auto_eoi = value & spec::ICW4_AUTO_EOI != 0;
                self.fully_nested = value & spec::ICW4_FULLY_NESTED != 0;
                self.expect = Expect::Mask;
            }
        }
    }

    /// Reads a port. The second value tells that the read was a poll, which acknowledges.
    pub fn read(&mut self, second: bool, master: bool) -> (u8, bool) {
        if std::mem::take(&mut self.poll) {
            return match self.pending(master) {
                Some(input) => {
                    self.acknowledge(input);
                    (0x80 | input, true)
                }
                None => (0, true),
            };
        }
        let value = match (second, self.read_isr) {
            (true, _) => self.imr,
            (false, true) => self.isr,
            (false, false) => self.irr,
        };
        (value, false)
    }

    /// Writes the edge/level register; `allowed` are the inputs that may be level-triggered.
    pub fn set_elcr(&mut self, value: u8, allowed: u8) {
        self.elcr = value & allowed;
        self.irr = self.irr & !self.elcr | self.inputs & self.elcr;
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let Self {
            irr,
            imr,
            isr,
            highest,
            base,
            elcr,
            ..
        } = self;
        format!(
            "irr={irr:02x} imr={imr:02x} isr={isr:02x} hprio={highest} irq_base={base:02x} elcr={elcr:02x}"
        )
    }
}
