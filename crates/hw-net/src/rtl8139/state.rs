//! What a card remembers.

use super::spec::*;
use crate::cut::Work;
use crate::microwire::Microwire;
use serde::{Deserialize, Serialize};

/// The volatile state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Registers, byte for byte.
    bytes: Vec<u8>,
    pub(super) microwire: Microwire,
    /// The cable is plugged in.
    pub(super) link: bool,
    /// Which transmit buffer is next.
    pub(super) buffer: u8,
    /// Which descriptor is next: of both transmit rings, and to receive.
    pub(super) sending: [u8; 2],
    pub(super) receiving: u8,
    /// A frame whose end has not come, and what is to be done with it.
    pub(super) frame: Vec<u8>,
    pub(super) work: Work,
    pub(super) mss: u16,
    /// Tick at which the counter was 0.
    pub(super) zero: i64,
    /// When it reaches what software waits for.
    pub(super) alarm: Option<i64>,
}

impl State {
    /// After power-on, of a card with this address; the cable stays as it is.
    pub(super) fn reset(&mut self, mac: [u8; 6], tick: i64) {
        *self = Self {
            bytes: vec![0; WINDOW as usize],
            link: self.link,
            zero: tick,
            ..Self::default()
        };
        self.bytes[IDR..IDR + 6].copy_from_slice(&mac);
        for at in 0..4 {
            self.set32(TSD + at * 4, tsd::OWN);
        }
        self.set16(CAPR, 0xfff0);
        self.set32(TCR, tcr::VERSION);
        // Driver loaded, I/O and memory mapped.
        self.set8(0x52, 0x0c);
        self.set8(RERID, 0x10);
        // 100 Mb/s, negotiation, full duplex.
        self.set16(BMCR, 0x3100);
        self.set16(ANAR, 0x01e1);
        self.set16(0x74, 0x8);
    }

    /// Software's reset: less than power-on.
    pub(super) fn soft_reset(&mut self) {
        for at in 0..4 {
            self.set32(TSD + at * 4, tsd::OWN);
            self.set32(TSAD + at * 4, 0);
        }
        for (register, value) in [(CAPR, 0xfff0), (CBR, 0), (IMR, 0), (ISR, 0), (CPCR, 0)] {
            self.set16(register, value);
        }
        self.set8(CR, 0);
        self.set32(RCR, 0);
        self.set32(TCR, tcr::VERSION);
        (self.buffer, self.sending, self.receiving) = (0, [0; 2], 0);
        self.frame.clear();
        self.work = Work::default();
    }

    /// Whether a state that was loaded could be one.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == WINDOW as usize && self.buffer < 4
    }

    pub(super) fn get8(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn set8(&mut self, at: usize, value: u8) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte = value;
        }
    }

    pub(super) fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.get8(at), self.get8(at + 1)])
    }

    pub(super) fn set16(&mut self, at: usize, value: u16) {
        let [low, high] = value.to_le_bytes();
        self.set8(at, low);
        self.set8(at + 1, high);
    }

    pub(super) fn get32(&self, at: usize) -> u32 {
        u32::from(self.get16(at)) | u32::from(self.get16(at + 2)) << 16
    }

    pub(super) fn set32(&mut self, at: usize, value: u32) {
        self.set16(at, value as u16);
        self.set16(at + 2, (value >> 16) as u16);
    }

    pub(super) fn get64(&self, at: usize) -> u64 {
        u64::from(self.get32(at)) | u64::from(self.get32(at + 4)) << 32
    }

    /// The card's address.
    pub(super) fn mac(&self) -> [u8; 6] {
        std::array::from_fn(|at| self.get8(IDR + at))
    }

    /// Something to interrupt for.
    pub(super) fn cause(&mut self, causes: u16) {
        self.set16(ISR, self.get16(ISR) | causes & isr::ALL);
    }

    /// Whether the interrupt is due.
    pub(super) fn level(&self) -> bool {
        self.get16(ISR) & self.get16(IMR) != 0
    }

    /// Bytes of the receive buffer, and where in it software and the card are.
    pub(super) fn window(&self) -> (usize, usize, usize) {
        let size = 8192 << (self.get32(RCR) >> 11 & 3);
        let read = (usize::from(self.get16(CAPR)) + 16) % size;
        (size, read, usize::from(self.get16(CBR)) % size)
    }

    /// Frames lost, in 24 bits.
    pub(super) fn missed(&mut self) {
        self.set32(MPC, (self.get32(MPC) + 1).min(0xff_ffff));
    }
}
