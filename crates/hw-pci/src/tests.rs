//! A function with everything: windows of all kinds, pin, messages.

use crate::*;
use hw_core::testing::{RecordingSink, TestClock};
use hw_core::{Device, ResetPhase};
use proptest::prelude::*;
use softmmu::lock::Solo;
use softmmu::{AccessRules, AddressSpace, GuestPhys, IoOps, IoResult, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

const IDS: Ids = Ids {
    vendor: 0x1af4,
    device: 0x1041,
    class: 0x02_0000,
    revision: 1,
};

/// Registers that read as their offset.
struct Echo;

impl IoOps for Echo {
    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        Ok(offset)
    }

    fn write(&self, _offset: u64, _size: u32, _value: u64) -> IoResult<()> {
        Ok(())
    }
}

struct Rig {
    memory: Arc<AddressSpace>,
    sink: Arc<RecordingSink>,
    port: PciPort,
    function: Arc<dyn PciFunction>,
}

/// 64 KiB of RAM and a card: ports at BAR 0, MSI-X at BAR 1, 64-bit memory at BAR 4, a ROM; MSI or MSI-X.
fn rig(with_msix: bool) -> Rig {
    let map = MemoryMap::new(Arc::new(Solo::default()));
    let ram = RamBlock::new(&map, "ram", 0x1_0000).unwrap();
    let rom = RamBlock::new(&map, "rom", 0x1000).unwrap();
    let window = |name, size| MemoryRegion::io(name, size, Arc::new(Echo), AccessRules::BYTES);
    let (root, pci, io, table) = map.transaction(|_| {
        let root = MemoryRegion::container("system", u64::MAX);
        let pci = MemoryRegion::container("pci", u64::MAX);
        root.add_subregion(0, &MemoryRegion::ram(ram), 0);
        root.add_subregion(0, &pci, -1);
        let table = MemoryRegion::container("table", 0x1000);
        (root, pci, MemoryRegion::container("io", 0x1_0000), table)
    });
    let memory = AddressSpace::new(&map, "memory", root);
    let sink = RecordingSink::new();
    let slot = PciSlot {
        name: "card".into(),
        devfn: 0x18,
        spaces: PciSpaces { map, memory: pci, io },
        memory: Arc::clone(&memory),
        pins: [0, 1, 2, 3].map(|pin| sink.line(pin)),
        clock: TestClock::new().clock(),
    };
    let mut config = ConfigSpace::new(IDS).with_pin(1).with_rom(0x1000);
    for (index, kind, size) in [
        (0, BarKind::Io, 0x20),
        (1, BarKind::Memory, 0x1000),
        (4, BarKind::Prefetchable64, 0x4000),
    ] {
        config = config.with_bar(Bar { index, kind, size });
    }
    let port = if with_msix {
        let msix = Msix::new(3, config.add_msix(3, 1, 0, 0x800));
        let (entries, bits) = msix.windows();
        table.add_subregion(0, &entries, 0);
        table.add_subregion(0x800, &bits, 0);
        slot.port_with(Some(msix), None)
    } else {
        let at = config.add_msi(4);
        slot.port_with(None, Some(at))
    };
    let windows = vec![
        window("ports", 0x20),
        table,
        window("memory", 0x4000),
        MemoryRegion::rom(rom),
    ];
    let function = slot.function(&port, Plain(config), windows);
    function.reset(ResetPhase::Enter);
    function.reset(ResetPhase::Hold);
    Rig {
        memory,
        sink,
        port,
        function,
    }
}

impl Rig {
    fn write(&self, at: u8, size: u32, value: u32) {
        self.function.config_write(at, size, value);
    }

    fn load(&self, at: u64) -> u64 {
        self.memory.load(GuestPhys(at), 4).unwrap_or(u64::MAX)
    }

    fn store(&self, at: u64, value: u64) {
        self.memory.store(GuestPhys(at), 4, value).unwrap();
    }

    /// The offset of a capability, found as software finds it.
    fn capability(&self, id: u8) -> u8 {
        let mut at = self.function.config_read(0x34, 1) as u8;
        while at != 0 {
            if self.function.config_read(at, 1) == u32::from(id) {
                return at;
            }
            at = self.function.config_read(at + 1, 1) as u8;
        }
        panic!("no capability {id:#x}");
    }
}

#[test]
fn wide_windows_and_rom_open_and_move() {
    let rig = rig(true);
    rig.write(0x20, 4, u32::MAX);
    rig.write(0x24, 4, u32::MAX);
    assert_eq!(rig.function.config_read(0x20, 4), 0xffff_c00c);
    assert_eq!(rig.function.config_read(0x24, 4), u32::MAX);
    rig.write(0x04, 2, 7);
    assert_eq!(
        rig.function
            .config()
            .bar_address(&rig.function.config().bars()[2]),
        None,
        "sizing"
    );
    rig.write(0x20, 4, 0x4000_0000);
    rig.write(0x24, 4, 0x12);
    assert_eq!(rig.load(0x12_4000_0010), 0x1312_1110);
    rig.write(0x30, 4, 0xfe00_0001);
    assert_eq!(rig.load(0xfe00_0000), 0);
    rig.write(0x30, 4, 0xfe00_0000);
    assert_ne!(rig.load(0xfe00_0000), 0, "the ROM is closed");
}

#[test]
fn the_pin_shows_in_status_and_can_be_silenced() {
    let rig = rig(true);
    rig.port.set_level(true);
    assert!(rig.sink.level(0));
    assert_eq!(rig.function.config_read(6, 2) & 8, 8);
    assert_eq!(rig.function.config_read(4, 4) >> 16 & 8, 8);
    rig.write(4, 2, 0x400);
    assert!(!rig.sink.level(0), "INTx disabled");
    rig.write(4, 2, 0);
    assert!(rig.sink.level(0));
    rig.function.reset(ResetPhase::Enter);
    rig.function.reset(ResetPhase::Hold);
    assert!(!rig.sink.level(0), "reset");
}

#[test]
fn masked_vectors_wait() {
    let rig = rig(true);
    let at = rig.capability(0x11);
    rig.write(0x14, 4, 0xfd00_0000);
    rig.write(4, 2, 6);
    // Vector 1: message 0x77 to 0x100; still masked.
    for (word, value) in [(0, 0x100), (1, 0), (2, 0x77)] {
        rig.store(0xfd00_0010 + 4 * word, value);
    }
    rig.port.notify(1);
    assert_eq!(rig.load(0xfd00_0800), 0, "not enabled: not even pending");
    rig.write(at + 2, 2, 0x8000);
    rig.port.set_level(true);
    assert!(!rig.sink.level(0), "messages replace the pin");
    rig.port.notify(1);
    rig.port.notify(7);
    assert_eq!((rig.load(0xfd00_0800), rig.load(0x100)), (2, 0), "masked");
    rig.store(0xfd00_001c, 0);
    assert_eq!((rig.load(0xfd00_0800), rig.load(0x100)), (0, 0x77), "unmasked");
    rig.store(0x100, 0);
    rig.write(at + 2, 2, 0xc000);
    rig.port.notify(1);
    assert_eq!(rig.load(0x100), 0, "all masked");
    rig.write(at + 2, 2, 0x8000);
    assert_eq!(rig.load(0x100), 0x77);
    rig.store(0x100, 0);
    rig.write(4, 2, 2);
    rig.port.notify(1);
    assert_eq!(rig.load(0x100), 0, "no bus master: no message");
}

#[test]
fn msi_counts_vectors() {
    let rig = rig(false);
    let at = rig.capability(5);
    rig.write(4, 2, 6);
    rig.write(at + 4, 4, 0x200);
    rig.write(at + 12, 2, 0x4ff);
    for (granted, vector, word) in [(0u32, 3, 0x4ff), (1, 3, 0x4ff), (2, 2, 0x4fe), (7, 3, 0x4ff)] {
        rig.write(at + 2, 2, granted << 4 | 1);
        rig.store(0x200, 0);
        rig.port.notify(vector);
        assert_eq!(rig.load(0x200), word, "granted {granted}, vector {vector}");
    }
}

#[test]
fn saved_state() {
    let (used, fresh) = (rig(true), rig(true));
    let at = used.capability(0x11);
    used.write(0x14, 4, 0xfd00_0000);
    used.write(4, 2, 6);
    used.write(at + 2, 2, 0x8000);
    used.store(0xfd00_0010, 0x300);
    used.port.notify(2);
    used.port.set_level(true);
    hw_core::testing::check_saved_state(&*used.function as &dyn Device, &*fresh.function as &dyn Device);
    assert_eq!((fresh.load(0xfd00_0800), fresh.load(0xfd00_0010)), (4, 0x300));
    assert!(
        rig(false).function.load(&used.function.save()).is_err(),
        "another kind of card"
    );
}

proptest! {
    /// Whatever software writes, and wherever windows end up: no panic, and what was saved comes back.
    #[test]
    fn any_configuration(
        writes in prop::collection::vec((any::<u8>(), prop::sample::select(vec![1u32, 2, 4]), any::<u32>()), 0..60),
        vector in any::<u16>(),
        with_msix in any::<bool>(),
    ) {
        let used = rig(with_msix);
        for (at, size, value) in writes {
            used.write(at, size, value);
            used.port.set_level(value & 1 != 0);
            used.port.notify(vector);
        }
        let fresh = rig(with_msix);
        fresh.function.load(&used.function.save()).unwrap();
        prop_assert_eq!(fresh.function.config(), used.function.config());
    }
}
