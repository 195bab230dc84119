//! What the tests drive devices with: memory, and a driver's half of a ring in either layout.
//!
//! Written from the driver's sections of the specification, not from the device's code, so that a misreading shows.

mod ring;

pub use ring::{DriverRing, Layout};

use hw_core::Dma;
use softmmu::lock::Solo;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock, Unassigned};
use std::sync::Arc;

/// Memory in which addresses without RAM answer with errors.
pub struct Memory {
    pub space: Arc<AddressSpace>,
    pub dma: Dma,
}

/// Bytes of it.
pub const MEMORY: u64 = 1 << 20;

impl Memory {
    pub fn new() -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let ram = RamBlock::new(&map, "ram", MEMORY).expect("a mebibyte");
        let root = MemoryRegion::container("system", u64::MAX);
        map.transaction(|_| root.add_subregion(0, &MemoryRegion::ram(ram), 0));
        let space = AddressSpace::with_unassigned(&map, "memory", root, Unassigned::Error);
        Self {
            dma: Dma::new(Arc::clone(&space)),
            space,
        }
    }

    pub fn write(&self, at: u64, bytes: &[u8]) {
        self.space.write(GuestPhys(at), bytes).expect("RAM");
    }

    pub fn bytes(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.space.read(GuestPhys(at), &mut bytes).expect("RAM");
        bytes
    }

    pub fn u16(&self, at: u64) -> u16 {
        self.space.load(GuestPhys(at), 2).expect("RAM") as u16
    }

    pub fn u32(&self, at: u64) -> u32 {
        self.space.load(GuestPhys(at), 4).expect("RAM") as u32
    }

    pub fn set_u16(&self, at: u64, value: u16) {
        self.write(at, &value.to_le_bytes());
    }
}
