//! A virtio device that gives back what it is sent, on a board of a few lines, with a driver that talks to it once.
//!
//! Shows how a device sits between its core (queues) and the transport (PCI): run with
//! `cargo run -p hw-virtio --example echo`.

use hw_core::testing::{RecordingSink, TestClock};
use hw_core::{SavedState, StateError};
use hw_pci::{PciSlot, PciSpaces};
use hw_virtio::core::Offer;
use hw_virtio::pci::{Transport, card};
use hw_virtio::ring::Chain;
use hw_virtio::{Core, Effect, VirtioDevice};
use softmmu::lock::Solo;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

/// A type that no specification uses.
const KIND: u16 = 0x3f;

struct Echo(Arc<Core>);

impl VirtioDevice for Echo {
    fn core(&self) -> &Arc<Core> {
        &self.0
    }

    fn read_config(&self, _offset: u64, to: &mut [u8]) {
        to.fill(0);
    }

    fn effect(&self, effect: Effect) {
        let Effect::Notify(queue) = effect else {
            return;
        };
        let mut chain = Chain::default();
        while self.0.pop(queue, &mut chain) {
            let mut bytes = vec![0; chain.readable_len().min(4096) as usize];
            let written = chain
                .read(self.0.dma(), 0, &mut bytes)
                .and_then(|_| chain.write(self.0.dma(), 0, &bytes));
            self.0.push(queue, chain.token, written.unwrap_or(0) as u32);
        }
        self.0.signal(queue);
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        state.decode(1)
    }
}

fn main() {
    // The board.
    let map = MemoryMap::new(Arc::new(Solo::default()));
    let ram = RamBlock::new(&map, "ram", 0x10000).expect("64 KiB");
    let (root, pci, io) = map.transaction(|_| {
        let root = MemoryRegion::container("system", u64::MAX);
        let pci = MemoryRegion::container("pci", u64::MAX);
        root.add_subregion(0, &MemoryRegion::ram(ram), 0);
        root.add_subregion(0, &pci, -1);
        (root, pci, MemoryRegion::container("io", 0x10000))
    });
    let memory = AddressSpace::new(&map, "memory", root);
    let (sink, clock) = (RecordingSink::new(), TestClock::new());
    let slot = PciSlot {
        name: "echo0".into(),
        devfn: 0x20,
        spaces: PciSpaces { map, memory: pci, io },
        memory: Arc::clone(&memory),
        pins: [0, 1, 2, 3].map(|pin| sink.line(pin)),
        clock: clock.clock(),
    };
    let transport = Transport {
        offer: Offer::default(),
        vectors: 0,
    };
    let card = card(&slot, transport, 0, |dma, offer| {
        Arc::new(Echo(Core::new(KIND, 0, &[4], offer, dma)))
    });

    // The driver: window, status, features, one queue.
    let window = 0xfe00_0000;
    card.function.config_write(0x20, 4, window as u32);
    card.function.config_write(0x04, 2, 6);
    let store = |at, size, value| memory.store(GuestPhys(at), size, value).expect("an address");
    let load = |at, size| memory.load(GuestPhys(at), size).expect("an address");
    store(window + 0x14, 1, 3);
    store(window + 0x08, 4, 1);
    store(window + 0x0c, 4, 1);
    store(window + 0x14, 1, 11);
    for (register, address) in [(0x20, 0x1000), (0x28, 0x2000), (0x30, 0x3000)] {
        store(window + register, 4, address);
    }
    store(window + 0x1c, 2, 1);
    store(window + 0x14, 1, 15);

    // Five bytes to read, then eight to write.
    memory.write(GuestPhys(0x8000), b"hello").expect("RAM");
    store(0x1000, 8, 0x8000);
    store(0x1008, 8, 5 | 1 << 32 | 1 << 48);
    store(0x1010, 8, 0x9000);
    store(0x1018, 8, 8 | 2 << 32);
    store(0x2002, 2, 1);
    store(window + 0x3000, 2, 0);

    let mut bytes = [0; 5];
    memory.read(GuestPhys(0x9000), &mut bytes).expect("RAM");
    println!(
        "{} byte(s) back: {}; INTA is {}",
        load(0x3008, 4),
        String::from_utf8_lossy(&bytes),
        if sink.level(0) { "high" } else { "low" }
    );
    assert_eq!((&bytes, load(0x3008, 4), sink.level(0)), (b"hello", 5, true));
}
