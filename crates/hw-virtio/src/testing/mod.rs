//! What the tests drive devices with: a board, a driver's half of a ring in either layout, a driver's half of the
//! transport, a disk.
//!
//! Written from the driver's sections of the specification, not from the device's code, so that a misreading shows.

mod disk;
mod guest;
mod port;
mod ring;

pub use disk::MemoryDisk;
pub use guest::{Guest, Interface, capability};
pub use port::TestPort;
pub use ring::{DriverRing, Layout};

use hw_core::Dma;
use hw_core::testing::{RecordingSink, TestClock};
use hw_pci::{PciSlot, PciSpaces};
use parking_lot::Mutex;
use softmmu::lock::Solo;
use softmmu::{
    AccessRules, AddressSpace, GuestPhys, IoOps, IoResult, MemoryMap, MemoryRegion, RamBlock, Unassigned,
};
use std::sync::Arc;

/// Memory in which addresses without RAM answer with errors, ports, and a PCI slot.
pub struct Memory {
    pub space: Arc<AddressSpace>,
    pub ports: Arc<AddressSpace>,
    pub dma: Dma,
    pub clock: TestClock,
    pub pins: Arc<RecordingSink>,
    spaces: PciSpaces,
    messages: Arc<Messages>,
}

/// Bytes of RAM.
pub const MEMORY: u64 = 1 << 20;
/// Where messages are heard.
pub const MESSAGES: u64 = 0xfee0_0000;

/// Listens to messages.
#[derive(Default)]
struct Messages(Mutex<Vec<u64>>);

impl IoOps for Messages {
    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(0)
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        self.0.lock().push(value);
        Ok(())
    }
}

impl Memory {
    pub fn new() -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let ram = RamBlock::new(&map, "ram", MEMORY).expect("a mebibyte");
        let root = MemoryRegion::container("system", u64::MAX);
        let (pci, io) = (
            MemoryRegion::container("pci", u64::MAX),
            MemoryRegion::container("io", 0x1_0000),
        );
        let messages = Arc::new(Messages::default());
        map.transaction(|_| {
            root.add_subregion(0, &MemoryRegion::ram(ram), 0);
            root.add_subregion(0, &pci, -1);
            let window = MemoryRegion::io(
                "messages",
                0x1000,
                Arc::clone(&messages) as _,
                AccessRules::ONLY_4,
            );
            root.add_subregion(MESSAGES, &window, 0);
        });
        let space = AddressSpace::with_unassigned(&map, "memory", root, Unassigned::Error);
        let ports = AddressSpace::new(&map, "ports", io.clone());
        Self {
            dma: Dma::new(Arc::clone(&space)),
            space,
            ports,
            clock: TestClock::new(),
            pins: RecordingSink::new(),
            spaces: PciSpaces { map, memory: pci, io },
            messages,
        }
    }

    /// A slot for one card.
    pub fn slot(&self, name: &str) -> PciSlot {
        PciSlot {
            name: name.into(),
            devfn: 0x20,
            spaces: self.spaces.clone(),
            memory: Arc::clone(&self.space),
            pins: [0, 1, 2, 3].map(|pin| self.pins.line(pin)),
            clock: self.clock.clock(),
        }
    }

    /// The messages that arrived since the last call.
    pub fn messages(&self) -> Vec<u64> {
        std::mem::take(&mut self.messages.0.lock())
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
