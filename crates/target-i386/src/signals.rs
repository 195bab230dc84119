//! Lines into the CPU that other threads may drive: interrupt requests, kicks, flush requests.
//!
//! Data flows from devices, timers and the monitor into atomics that the run loop reads at every block boundary
//! (one load). Mirrors QEMU's `interrupt_request` and `exit_request`.

use std::sync::atomic::{AtomicU8, Ordering};
use util_mainloop::Requests;

/// Request bits.
pub mod request {
    /// INTR is high (level).
    pub const INTR: u32 = 1 << 0;
    /// An NMI edge is latched.
    pub const NMI: u32 = 1 << 1;
    /// INIT is latched.
    pub const INIT: u32 = 1 << 2;
    /// A start-up IPI is latched; its vector is in [`super::CpuSignals::sipi_vector`].
    pub const SIPI: u32 = 1 << 3;
    /// Leave the run loop as soon as the current instruction is complete.
    pub const EXIT: u32 = 1 << 4;
    /// A memory map of this CPU changed: flush the TLB before the next instruction.
    pub const MAP_CHANGED: u32 = 1 << 5;
    /// Code pages were written by someone else: invalidate blocks before the next instruction.
    pub const CODE_WRITTEN: u32 = 1 << 6;
}

/// The signals of one CPU.
#[derive(Default)]
pub struct CpuSignals {
    pending: Requests,
    sipi_vector: AtomicU8,
}

impl CpuSignals {
    /// No request pending.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called after each new request, to wake a halted CPU's thread.
    pub fn set_waker(&self, waker: impl Fn() + Send + 'static) {
        self.pending.set_waker(waker);
    }

    /// All request bits.
    #[inline]
    pub fn pending(&self) -> u32 {
        self.pending.pending()
    }

    /// Where generated code reads [`CpuSignals::pending`].
    pub fn pending_word(&self) -> *const u32 {
        self.pending.word()
    }

    /// Sets request bits and wakes the CPU's thread.
    pub fn request(&self, bits: u32) {
        self.pending.request(bits);
    }

    /// Clears request bits; returns those of them that were set.
    #[inline]
    pub fn take(&self, bits: u32) -> u32 {
        self.pending.take(bits)
    }

    /// Drives INTR.
    pub fn set_intr(&self, level: bool) {
        if level {
            self.request(request::INTR);
        } else {
            self.take(request::INTR);
        }
    }

    /// Latches an NMI.
    pub fn nmi(&self) {
        self.request(request::NMI);
    }

    /// Latches INIT. A start-up IPI counts only if it comes after.
    pub fn init(&self) {
        self.take(request::SIPI);
        self.request(request::INIT);
    }

    /// Latches a start-up IPI.
    pub fn sipi(&self, vector: u8) {
        self.sipi_vector.store(vector, Ordering::Release);
        self.request(request::SIPI);
    }

    /// Sets those of the bits `mask` that `bits` has and clears the others, with the vector of a start-up IPI: a
    /// snapshot is restored.
    pub(crate) fn restore(&self, mask: u32, bits: u32, sipi_vector: u8) {
        self.sipi_vector.store(sipi_vector, Ordering::Release);
        self.take(mask & !bits);
        if bits & mask != 0 {
            self.request(bits & mask);
        }
    }

    /// The vector of the latched start-up IPI.
    pub fn sipi_vector(&self) -> u8 {
        self.sipi_vector.load(Ordering::Acquire)
    }

    /// Asks the CPU to leave its run loop.
    pub fn kick(&self) {
        self.request(request::EXIT);
    }
}
