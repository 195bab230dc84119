//! Memory as a bus master sees it: a device's reads and writes go through the region tree, like a CPU's.
//!
//! Data flows between the device and whatever lies at an address: RAM (whose dirty bits and translated code hear of
//! it), another device's registers, an interrupt controller's message window, or nothing. Mirrors QEMU's `dma_memory_rw`.

use softmmu::{AddressSpace, GuestPhys, IoError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A bus master's way to memory. Cheap to clone; clones are switched together.
#[derive(Clone)]
pub struct Dma {
    space: Arc<AddressSpace>,
    enabled: Arc<AtomicBool>,
}

/// An access that reached nothing, or only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DmaError {
    /// The device may not be a bus master now (PCI command register, bit 2).
    #[error("bus mastering is off")]
    Disabled,
    /// Nothing answers there, or it refuses.
    #[error("no memory answers at {0:#x}")]
    Unassigned(u64),
}

impl Dma {
    /// Access to `space`, switched on.
    pub fn new(space: Arc<AddressSpace>) -> Self {
        Self {
            space,
            enabled: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Switches this handle and its clones: what the bus decides, not the device.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Whether accesses get through.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), DmaError> {
        if self.is_enabled() {
            Ok(())
        } else {
            Err(DmaError::Disabled)
        }
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// Something on the way does not answer; `to` then holds ones (or what could be read) there.
    pub fn read(&self, at: u64, to: &mut [u8]) -> Result<(), DmaError> {
        self.check()?;
        self.space
            .read(GuestPhys(at), to)
            .map_err(|error| failed(at, error))
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// Something on the way does not answer; the rest is written all the same.
    pub fn write(&self, at: u64, from: &[u8]) -> Result<(), DmaError> {
        self.check()?;
        self.space
            .write(GuestPhys(at), from)
            .map_err(|error| failed(at, error))
    }

    /// Reads a little-endian value in one access of its size.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn load<const N: usize>(&self, at: u64) -> Result<[u8; N], DmaError> {
        const { assert!(N == 1 || N == 2 || N == 4 || N == 8) };
        self.check()?;
        let value = self
            .space
            .load(GuestPhys(at), N as u32)
            .map_err(|error| failed(at, error))?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&value.to_le_bytes()[..N]);
        Ok(bytes)
    }

    /// Writes a little-endian value in one access of its size: nobody sees half of it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn store<const N: usize>(&self, at: u64, value: [u8; N]) -> Result<(), DmaError> {
        const { assert!(N == 1 || N == 2 || N == 4 || N == 8) };
        self.check()?;
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&value);
        self.space
            .store(GuestPhys(at), N as u32, u64::from_le_bytes(bytes))
            .map_err(|error| failed(at, error))
    }
}

fn failed(at: u64, _: IoError) -> DmaError {
    DmaError::Unassigned(at)
}
