//! The transceiver: registers of IEEE 802.3, clause 22, and of Marvell's 88E1011 behind MDIC (manual, 13.4.23).

use super::spec::mdic;
use serde::{Deserialize, Serialize};

const CONTROL: usize = 0;
const STATUS: usize = 1;
const LINK_PARTNER: usize = 5;
const GIGABIT_STATUS: usize = 10;
const SPECIFIC_STATUS: usize = 17;

const CONTROL_RESET: u16 = 1 << 15;
const CONTROL_RESTART: u16 = 1 << 9;
const STATUS_LINK: u16 = 1 << 2;
const STATUS_NEGOTIATED: u16 = 1 << 5;
const SPECIFIC_LINK: u16 = 1 << 10;

/// Registers after reset, with the cable plugged in.
const AT_RESET: [u16; 32] = {
    let mut registers = [0; 32];
    // Negotiation on, full duplex, 1000 Mb/s.
    registers[CONTROL] = 0x1140;
    registers[STATUS] = 0x7949 | STATUS_LINK | STATUS_NEGOTIATED;
    registers[2] = 0x0141;
    registers[3] = 0x0c20;
    // What is offered, and what the partner offers: everything.
    registers[4] = 0x0de1;
    registers[LINK_PARTNER] = 0x45e1;
    registers[6] = 0x0001;
    registers[9] = 0x0e00;
    registers[GIGABIT_STATUS] = 0x3c00;
    registers[15] = 0x3000;
    registers[16] = 0x0360;
    // 1000 Mb/s, full duplex, resolved.
    registers[SPECIFIC_STATUS] = 0xa800 | SPECIFIC_LINK;
    registers[20] = 0x0d60;
    registers
};

/// Registers that software writes.
const WRITABLE: u32 =
    1 << CONTROL | 1 << 4 | 1 << 7 | 1 << 9 | 1 << 16 | 1 << 18 | 1 << 20 | 1 << 29 | 1 << 30;

/// The transceiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Phy {
    registers: [u16; 32],
    link: bool,
}

impl Default for Phy {
    fn default() -> Self {
        Self {
            registers: AT_RESET,
            link: true,
        }
    }
}

impl Phy {
    /// Reset; the cable stays as it is.
    pub(super) fn reset(&mut self) {
        self.registers = AT_RESET;
        self.set_link(self.link);
    }

    pub(super) fn link(&self) -> bool {
        self.link
    }

    pub(super) fn set_link(&mut self, up: bool) {
        self.link = up;
        for (register, bits) in [
            (STATUS, STATUS_LINK | STATUS_NEGOTIATED),
            (SPECIFIC_STATUS, SPECIFIC_LINK),
        ] {
            self.registers[register] &= !bits;
            if up {
                self.registers[register] |= bits;
            }
        }
        self.registers[LINK_PARTNER] = if up { AT_RESET[LINK_PARTNER] } else { 0 };
        self.registers[GIGABIT_STATUS] = if up { AT_RESET[GIGABIT_STATUS] } else { 0 };
    }

    /// Carries out what is written to MDIC; what it then reads as.
    pub(super) fn access(&mut self, value: u32) -> u32 {
        let register = (value >> 16 & 0x1f) as usize;
        let done = value | mdic::READY;
        if value >> 21 & 0x1f != mdic::PHY {
            return done | mdic::ERROR;
        }
        match value >> 26 & 3 {
            mdic::READ => done & 0xffff_0000 | u32::from(self.registers[register]),
            mdic::WRITE => {
                self.write(register, value as u16);
                done
            }
            _ => done | mdic::ERROR,
        }
    }

    fn write(&mut self, register: usize, value: u16) {
        if WRITABLE >> register & 1 == 0 {
            return;
        }
        if register == CONTROL {
            if value & CONTROL_RESET != 0 {
                return self.reset();
            }
            // Negotiation ends at once.
            self.registers[CONTROL] = value & !CONTROL_RESTART & 0x7fff;
        } else {
            self.registers[register] = value;
        }
    }
}
