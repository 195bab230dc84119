//! What a card remembers, and registers that are nothing but that.

use super::eeprom::Control;
use super::phy::Phy;
use super::spec::*;
use crate::cut::{Context, Work};
use serde::{Deserialize, Serialize};

/// The volatile state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Registers by their offset, each a word.
    registers: Vec<u32>,
    pub(super) phy: Phy,
    pub(super) eeprom: Control,
    /// Which register the ports reach.
    pub(super) address: u32,
    /// A frame whose end has not come, and what is to be done with it.
    pub(super) frame: Vec<u8>,
    pub(super) work: Work,
    pub(super) sum_context: Context,
    pub(super) cut_context: Context,
    /// When more is sent, if not all was sent in one go.
    pub(super) resume: Option<i64>,
}

impl State {
    /// After reset, of a card with this address; the cable stays as it is.
    pub(super) fn reset(&mut self, mac: [u8; 6]) {
        self.phy.reset();
        *self = Self {
            registers: vec![0; STORED / 4],
            phy: std::mem::take(&mut self.phy),
            ..Self::default()
        };
        let [a, b, c, d, e, f] = mac;
        for (register, value) in [
            (CTRL, ctrl::AT_RESET),
            (PBA, 0x10_0030),
            (LEDCTL, 0x0706_0302),
            (RA.start, u32::from_le_bytes([a, b, c, d])),
            (RA.start + 4, 1 << 31 | u32::from_le_bytes([e, f, 0, 0])),
            (VET, 0x8100),
            (RXDCTL, 1 << 16),
        ] {
            self.set(register, value);
        }
    }

    /// Whether a state that was loaded could be one.
    pub(super) fn is_whole(&self) -> bool {
        self.registers.len() == STORED / 4
    }

    pub(super) fn get(&self, register: usize) -> u32 {
        self.registers.get(register / 4).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, register: usize, value: u32) {
        if let Some(place) = self.registers.get_mut(register / 4) {
            *place = value;
        }
    }

    /// Something to interrupt for.
    pub(super) fn cause(&mut self, causes: u32) {
        self.set(ICR, self.get(ICR) | causes & cause::ALL);
    }

    /// Whether the interrupt is due.
    pub(super) fn level(&self) -> bool {
        self.get(ICR) & self.get(IMS) != 0
    }

    /// Counts up, to the end.
    pub(super) fn count(&mut self, register: usize, by: u32) {
        self.set(register, self.get(register).saturating_add(by));
    }

    /// Counts up a counter of two words.
    pub(super) fn count_long(&mut self, register: usize, by: u64) {
        let old = u64::from(self.get(register + 4)) << 32 | u64::from(self.get(register));
        let new = old.saturating_add(by);
        self.set(register, new as u32);
        self.set(register + 4, (new >> 32) as u32);
    }
}
