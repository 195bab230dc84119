//! The UART itself, without its wires: register accesses in, effects out.
//!
//! PC16550D data sheet, section 8. Behaves as QEMU's `hw/char/serial.c` where the data sheet leaves room: a byte
//! written leaves at once, so the holding register is always empty again; the interrupt output is not gated by
//! OUT2 (programs that never set it, such as xv6, rely on that).

use super::spec::*;
use std::collections::VecDeque;

/// What an access asks the device to do, once the state is released.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// A byte leaves.
    pub transmit: Option<u8>,
    /// The break condition starts or ends.
    pub send_break: Option<bool>,
    /// The line's speed changed.
    pub baud: Option<u32>,
    /// There is room for input that there was not before.
    pub room: bool,
}

/// Volatile state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uart {
    pub divisor: u16,
    pub ier: Ier,
    pub fcr: Fcr,
    pub lcr: Lcr,
    pub mcr: Mcr,
    pub lsr: Lsr,
    pub msr: Msr,
    pub scr: u8,
    /// Received bytes; at most one with FIFOs off.
    pub fifo: VecDeque<u8>,
    /// The holding register became empty and nobody was told.
    pub thr_pending: bool,
    /// Bytes lie in the FIFO, below the trigger level, and nothing happened for four character times.
    pub timed_out: bool,
    /// When that will be so, in virtual nanoseconds.
    pub timeout_at: Option<i64>,
}

/// Modem inputs with a cable to a peer that is ready.
const CONNECTED: Msr = Msr::CTS.union(Msr::DSR).union(Msr::DCD);

impl Default for Uart {
    /// Master reset.
    fn default() -> Self {
        Self {
            divisor: 12,
            ier: Ier::empty(),
            fcr: Fcr::empty(),
            lcr: Lcr::empty(),
            mcr: Mcr::OUT2,
            lsr: Lsr::THR_EMPTY | Lsr::IDLE,
            msr: CONNECTED,
            scr: 0,
            fifo: VecDeque::with_capacity(FIFO_SIZE),
            thr_pending: false,
            timed_out: false,
            timeout_at: None,
        }
    }
}

impl Uart {
    fn fifos(&self) -> bool {
        self.fcr.contains(Fcr::ENABLE)
    }

    fn capacity(&self) -> usize {
        if self.fifos() { FIFO_SIZE } else { 1 }
    }

    fn trigger(&self) -> usize {
        [1, 4, 8, 14][(self.fcr.bits() >> 6) as usize]
    }

    /// Bits per second; a divisor of 0 counts as 65536.
    pub fn baud(&self) -> u32 {
        BASE_BAUD
            / if self.divisor == 0 {
                0x1_0000
            } else {
                self.divisor as u32
            }
    }

    /// Four character times in nanoseconds.
    fn timeout_ns(&self) -> i64 {
        let data = 5 + (self.lcr & Lcr::LENGTH).bits() as i64;
        let frame =
            1 + data + self.lcr.contains(Lcr::PARITY) as i64 + 1 + self.lcr.contains(Lcr::STOP) as i64;
        4 * frame * 1_000_000_000 / i64::from(self.baud().max(1))
    }

    /// The highest pending interrupt, as its identification code.
    pub fn identification(&self) -> u8 {
        let ready = self.lsr.contains(Lsr::READY);
        if self.ier.contains(Ier::LINE) && self.lsr.intersects(Lsr::ERRORS) {
            iir::LINE
        } else if self.ier.contains(Ier::RECEIVED) && self.timed_out {
            iir::TIMEOUT
        } else if self.ier.contains(Ier::RECEIVED)
            && ready
            && (!self.fifos() || self.fifo.len() >= self.trigger())
        {
            iir::RECEIVED
        } else if self.ier.contains(Ier::EMPTY) && self.thr_pending {
            iir::EMPTY
        } else if self.ier.contains(Ier::MODEM) && self.msr.intersects(Msr::DELTAS) {
            iir::MODEM
        } else {
            iir::NONE
        }
    }

    /// Level of the interrupt output.
    pub fn interrupt(&self) -> bool {
        self.identification() != iir::NONE
    }

    /// Bytes that may be received now.
    pub fn room(&self) -> usize {
        if self.mcr.contains(Mcr::LOOP) {
            0
        } else {
            self.capacity().saturating_sub(self.fifo.len())
        }
    }

    /// A byte arrives from the wire or through the loop.
    pub fn arrive(&mut self, byte: u8, now: i64) {
        if self.fifo.len() >= self.capacity() {
            self.lsr |= Lsr::OVERRUN;
            if !self.fifos() {
                // Without FIFOs the newer character replaces the older.
                self.fifo.clear();
                self.fifo.push_back(byte);
            }
            return;
        }
        self.fifo.push_back(byte);
        self.lsr |= Lsr::READY;
        self.restart_timeout(now);
    }

    /// A break condition arrives: a zero character, marked.
    pub fn arrive_break(&mut self, now: i64) {
        self.arrive(0, now);
        self.lsr |= Lsr::BREAK | Lsr::READY;
    }

    fn restart_timeout(&mut self, now: i64) {
        let waits = self.fifos() && !self.fifo.is_empty();
        self.timeout_at = waits.then(|| now.saturating_add(self.timeout_ns()));
    }

    /// The timeout's time has come.
    pub fn timeout(&mut self) {
        self.timeout_at = None;
        self.timed_out = !self.fifo.is_empty();
    }

    fn clear_receiver(&mut self) {
        self.fifo.clear();
        self.lsr -= Lsr::READY | Lsr::BREAK;
        self.timed_out = false;
        self.timeout_at = None;
    }

    fn clear_transmitter(&mut self) {
        self.lsr |= Lsr::THR_EMPTY | Lsr::IDLE;
        self.thr_pending = true;
    }

    /// What the modem inputs see: the peer, or in loopback our own outputs.
    fn modem_inputs(&self) -> Msr {
        if !self.mcr.contains(Mcr::LOOP) {
            return CONNECTED;
        }
        let mut inputs = Msr::empty();
        inputs.set(Msr::CTS, self.mcr.contains(Mcr::RTS));
        inputs.set(Msr::DSR, self.mcr.contains(Mcr::DTR));
        inputs.set(Msr::RI, self.mcr.contains(Mcr::OUT1));
        inputs.set(Msr::DCD, self.mcr.contains(Mcr::OUT2));
        inputs
    }

    fn update_modem(&mut self) {
        let inputs = self.modem_inputs();
        let changed = (self.msr ^ inputs) - Msr::DELTAS;
        let mut deltas = self.msr & Msr::DELTAS;
        deltas.set(
            Msr::DELTA_CTS,
            deltas.contains(Msr::DELTA_CTS) || changed.contains(Msr::CTS),
        );
        deltas.set(
            Msr::DELTA_DSR,
            deltas.contains(Msr::DELTA_DSR) || changed.contains(Msr::DSR),
        );
        deltas.set(
            Msr::DELTA_DCD,
            deltas.contains(Msr::DELTA_DCD) || changed.contains(Msr::DCD),
        );
        let ring_ended = changed.contains(Msr::RI) && !inputs.contains(Msr::RI);
        deltas.set(Msr::TRAILING_RI, deltas.contains(Msr::TRAILING_RI) || ring_ended);
        self.msr = inputs | deltas;
    }

    /// A guest read of register `offset` (0..=7).
    pub fn read(&mut self, offset: u64, now: i64) -> (u8, Effects) {
        let mut effects = Effects::default();
        let dlab = self.lcr.contains(Lcr::DLAB);
        let value = match offset {
            reg::DATA if dlab => self.divisor as u8,
            reg::IER if dlab => (self.divisor >> 8) as u8,
            reg::DATA => {
                effects.room = self.room() == 0 && !self.mcr.contains(Mcr::LOOP);
                let byte = self.fifo.pop_front().unwrap_or(0);
                self.timed_out = false;
                self.restart_timeout(now);
                if self.fifo.is_empty() {
                    self.lsr -= Lsr::READY | Lsr::BREAK;
                }
                byte
            }
            reg::IER => self.ier.bits(),
            reg::IIR_FCR => {
                let id = self.identification();
                if id == iir::EMPTY {
                    self.thr_pending = false;
                }
                id | if self.fifos() { iir::FIFOS } else { 0 }
            }
            reg::LCR => self.lcr.bits(),
            reg::MCR => self.mcr.bits(),
            reg::LSR => {
                let value = self.lsr.bits();
                self.lsr -= Lsr::ERRORS;
                value
            }
            reg::MSR => {
                let value = self.msr.bits();
                self.msr -= Msr::DELTAS;
                value
            }
            _ => self.scr,
        };
        (value, effects)
    }

    /// A guest write of register `offset` (0..=7).
    pub fn write(&mut self, offset: u64, value: u8, now: i64) -> Effects {
        let mut effects = Effects::default();
        let dlab = self.lcr.contains(Lcr::DLAB);
        match offset {
            reg::DATA | reg::IER if dlab => {
                let shift = 8 * offset as u32;
                self.divisor = self.divisor & !(0xff << shift) | (value as u16) << shift;
                effects.baud = Some(self.baud());
            }
            reg::DATA => {
                if self.mcr.contains(Mcr::LOOP) {
                    self.arrive(value, now);
                } else {
                    effects.transmit = Some(value);
                }
                // It has left already: the interrupt for the empty register is due again.
                self.thr_pending = true;
            }
            reg::IER => {
                let ier = Ier::from_bits_truncate(value);
                if (ier ^ self.ier).contains(Ier::EMPTY) {
                    self.thr_pending = ier.contains(Ier::EMPTY);
                }
                self.ier = ier;
            }
            reg::IIR_FCR => {
                effects.room = self.room() == 0;
                let mut fcr = Fcr::from_bits_truncate(value);
                if (fcr ^ self.fcr).contains(Fcr::ENABLE) {
                    fcr |= Fcr::CLEAR_RX | Fcr::CLEAR_TX;
                }
                if fcr.contains(Fcr::CLEAR_RX) {
                    self.clear_receiver();
                }
                if fcr.contains(Fcr::CLEAR_TX) {
                    self.clear_transmitter();
                }
                self.fcr = if fcr.contains(Fcr::ENABLE) {
                    fcr - Fcr::CLEAR_RX - Fcr::CLEAR_TX
                } else {
                    Fcr::empty()
                };
                effects.room &= self.room() > 0;
            }
            reg::LCR => {
                let lcr = Lcr::from_bits_truncate(value);
                if (lcr ^ self.lcr).contains(Lcr::BREAK) {
                    effects.send_break = Some(lcr.contains(Lcr::BREAK));
                }
                self.lcr = lcr;
            }
            reg::MCR => {
                let was_looped = self.mcr.contains(Mcr::LOOP);
                self.mcr = Mcr::from_bits_truncate(value);
                self.update_modem();
                effects.room = was_looped && self.room() > 0;
            }
            reg::LSR | reg::MSR => {} // factory test only
            _ => self.scr = value,
        }
        effects
    }
}
