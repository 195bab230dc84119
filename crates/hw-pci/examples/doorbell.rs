//! A card with one register: a write to it puts a word into memory and interrupts.
//!
//! Shows the order in which a card is made: configuration, port, device, windows, function.

use hw_core::testing::{RecordingSink, TestClock};
use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use hw_pci::{Bar, BarKind, ConfigSpace, Ids, PciCard, PciPort, PciSlot, PciSpaces, Plain};
use softmmu::lock::Solo;
use softmmu::{AccessRules, AddressSpace, GuestPhys, IoResult, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

const IDS: Ids = Ids {
    vendor: 0x1234,
    device: 0x0be1,
    class: 0x00_ff00,
    revision: 0,
};

/// The device: it knows its port and nothing of configuration space.
struct Doorbell {
    name: String,
    port: PciPort,
    rings: DeviceCell<u32>,
}

impl Doorbell {
    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        // Reading acknowledges.
        self.port.set_level(false);
        Ok(u64::from(*self.rings.lock()))
    }

    fn write(&self, _offset: u64, _size: u32, address: u64) -> IoResult<()> {
        let rings = {
            let mut rings = self.rings.lock();
            *rings += 1;
            *rings
        };
        let _ = self.port.dma().store(address, rings.to_le_bytes());
        self.port.set_level(true);
        Ok(())
    }
}

impl Device for Doorbell {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.rings.lock() = 0;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &*self.rings.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.rings.lock() = state.decode(1)?;
        Ok(())
    }
}

fn card(slot: &PciSlot) -> PciCard {
    let bar = Bar {
        index: 0,
        kind: BarKind::Memory,
        size: 0x10,
    };
    let config = ConfigSpace::new(IDS).with_bar(bar).with_pin(1);
    let port = slot.port();
    let device = Arc::new(Doorbell {
        name: slot.name.clone(),
        port: port.clone(),
        rings: DeviceCell::default(),
    });
    let window = IoWindow::new(
        "doorbell",
        (0, 16),
        AccessRules::ONLY_4,
        &device,
        Doorbell::read,
        Doorbell::write,
    );
    let function = slot.function(&port, Plain(config), vec![window.region()]);
    PciCard::new(function, device)
}

fn main() {
    // A board in a few lines: RAM, PCI memory on top of it, a slot.
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
    let spaces = PciSpaces { map, memory: pci, io };
    let slot = PciSlot {
        name: "bell0".into(),
        devfn: 0x20,
        spaces,
        memory: Arc::clone(&memory),
        pins: [0, 1, 2, 3].map(|pin| sink.line(pin)),
        clock: clock.clock(),
    };
    let card = card(&slot);

    // Software: BAR, command register (memory, bus master), ring.
    card.function.config_write(0x10, 4, 0xfe00_0000);
    card.function.config_write(0x04, 2, 6);
    memory
        .store(GuestPhys(0xfe00_0000), 4, 0x100)
        .expect("the window is open");
    let word = memory.load(GuestPhys(0x100), 4).expect("RAM");
    println!(
        "rang {word} time(s); INTA is {}",
        if sink.level(0) { "high" } else { "low" }
    );
    assert_eq!((word, sink.level(0)), (1, true));
}
