//! National Semiconductor PC16550D data sheet (TL/C/8652): registers and bits of the UART.

use bitflags::bitflags;

/// Register offsets. With LCR.DLAB set, 0 and 1 are the divisor's halves.
pub mod reg {
    /// Receiver buffer (read), transmitter holding register (write).
    pub const DATA: u64 = 0;
    /// Interrupt enable.
    pub const IER: u64 = 1;
    /// Interrupt identification (read), FIFO control (write).
    pub const IIR_FCR: u64 = 2;
    /// Line control.
    pub const LCR: u64 = 3;
    /// Modem control.
    pub const MCR: u64 = 4;
    /// Line status.
    pub const LSR: u64 = 5;
    /// Modem status.
    pub const MSR: u64 = 6;
    /// Scratch.
    pub const SCR: u64 = 7;
}

/// Bytes in the receive FIFO.
pub const FIFO_SIZE: usize = 16;
/// Input clock divided by 16: the highest speed.
pub const BASE_BAUD: u32 = 115_200;

bitflags! {
    /// Interrupt enable register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ier: u8 {
        /// Received data available, and character timeout.
        const RECEIVED = 1;
        /// Transmitter holding register empty.
        const EMPTY = 2;
        /// Receiver line status.
        const LINE = 4;
        /// Modem status.
        const MODEM = 8;
    }

    /// FIFO control register, the bits that stay.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Fcr: u8 {
        /// FIFOs on.
        const ENABLE = 1;
        /// Clear the receive FIFO (does not stay).
        const CLEAR_RX = 2;
        /// Clear the transmit FIFO (does not stay).
        const CLEAR_TX = 4;
        /// DMA mode.
        const DMA = 8;
        /// Receive trigger level: 1, 4, 8, 14.
        const TRIGGER = 0xc0;
    }

    /// Line control register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Lcr: u8 {
        /// Word length 5 to 8.
        const LENGTH = 3;
        /// Two stop bits.
        const STOP = 4;
        /// Parity on.
        const PARITY = 8;
        /// Kind of parity.
        const PARITY_KIND = 0x30;
        /// Send a break.
        const BREAK = 0x40;
        /// Divisor latch access.
        const DLAB = 0x80;
    }

    /// Modem control register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Mcr: u8 {
        /// Data terminal ready.
        const DTR = 1;
        /// Request to send.
        const RTS = 2;
        /// Output 1.
        const OUT1 = 4;
        /// Output 2.
        const OUT2 = 8;
        /// Loopback.
        const LOOP = 0x10;
    }

    /// Line status register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Lsr: u8 {
        /// Data ready.
        const READY = 1;
        /// Overrun.
        const OVERRUN = 2;
        /// Parity error.
        const PARITY = 4;
        /// Framing error.
        const FRAMING = 8;
        /// Break.
        const BREAK = 0x10;
        /// Transmitter holding register empty.
        const THR_EMPTY = 0x20;
        /// Transmitter empty.
        const IDLE = 0x40;
        /// The bits of a line-status interrupt.
        const ERRORS = 0x1e;
    }

    /// Modem status register.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Msr: u8 {
        /// CTS changed.
        const DELTA_CTS = 1;
        /// DSR changed.
        const DELTA_DSR = 2;
        /// RI went low.
        const TRAILING_RI = 4;
        /// DCD changed.
        const DELTA_DCD = 8;
        /// Clear to send.
        const CTS = 0x10;
        /// Data set ready.
        const DSR = 0x20;
        /// Ring indicator.
        const RI = 0x40;
        /// Data carrier detect.
        const DCD = 0x80;
        /// The four delta bits.
        const DELTAS = 0x0f;
    }
}

/// Interrupt identification codes, highest priority first.
pub mod iir {
    /// Receiver line status.
    pub const LINE: u8 = 6;
    /// Received data.
    pub const RECEIVED: u8 = 4;
    /// Character timeout.
    pub const TIMEOUT: u8 = 0xc;
    /// Transmitter holding register empty.
    pub const EMPTY: u8 = 2;
    /// Modem status.
    pub const MODEM: u8 = 0;
    /// No interrupt pending.
    pub const NONE: u8 = 1;
    /// FIFOs are on.
    pub const FIFOS: u8 = 0xc0;
}
