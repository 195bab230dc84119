//! What this crate's tests share: memory for bus masters.

use hw_core::Dma;
use softmmu::lock::Solo;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

/// Some memory at 0.
pub struct Memory(pub Arc<AddressSpace>);

impl Memory {
    pub fn new(size: u64) -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let ram = RamBlock::new(&map, "ram", size).unwrap();
        let root = map.transaction(|_| {
            let root = MemoryRegion::container("system", u64::MAX);
            root.add_subregion(0, &MemoryRegion::ram(ram), 0);
            root
        });
        Self(AddressSpace::new(&map, "memory", root))
    }

    pub fn dma(&self) -> Dma {
        Dma::new(Arc::clone(&self.0))
    }

    pub fn write(&self, at: u64, bytes: &[u8]) {
        self.0.write(GuestPhys(at), bytes).unwrap();
    }

    pub fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read(GuestPhys(at), &mut bytes).unwrap();
        bytes
    }
}

/// Bytes that differ everywhere.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index.wrapping_mul(0x9e37_79b9) >> 9) as u8)
        .collect()
}
