//! The card as software finds it.

use super::*;
use hw_core::IrqLine;
use hw_core::model::Backends;
use hw_core::testing::{TestClock, check_saved_state};
use hw_core::{CharSink, Disk, NetPort};
use hw_pci::PciSpaces;
use softmmu::{AddressSpace, GuestPhys, MemoryMap};
use util_mainloop::BigLock;

struct Board {
    lock: Arc<BigLock>,
    memory: Arc<AddressSpace>,
    ports: Arc<AddressSpace>,
    slot: PciSlot,
}

fn board() -> Board {
    let lock = Arc::new(BigLock::new());
    let map = MemoryMap::new(lock.clone());
    let system = MemoryRegion::container("system", 1 << 40);
    let io = MemoryRegion::container("io", 0x1_0000);
    let memory = AddressSpace::new(&map, "memory", system.clone());
    let ports = AddressSpace::new(&map, "io", io.clone());
    let slot = PciSlot {
        name: "vga".to_owned(),
        devfn: 0x10,
        spaces: PciSpaces {
            map,
            memory: system,
            io,
        },
        memory: Arc::clone(&memory),
        pins: [0; 4].map(|_| IrqLine::disconnected()),
        clock: TestClock::new().clock(),
    };
    Board {
        lock,
        memory,
        ports,
        slot,
    }
}

struct NoBackends;

impl Backends for NoBackends {
    fn drive(&mut self, _: &str) -> Result<Arc<dyn Disk>, String> {
        Err("none".to_owned())
    }
    fn net(&mut self, _: &str) -> Result<Arc<dyn NetPort>, String> {
        Err("none".to_owned())
    }
    fn char(&mut self, _: &str) -> Result<Arc<dyn CharSink>, String> {
        Err("none".to_owned())
    }
    fn next_mac(&mut self) -> [u8; 6] {
        [0; 6]
    }
}

fn values(model: &Model<PciSlot, PciCard>, given: &[(&str, &str)]) -> Values {
    let given: Vec<_> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Values::read(model.name, model.properties, &given, &mut NoBackends).expect("properties")
}

#[test]
fn windows_follow_the_bars() {
    let board = board();
    let rom: Vec<u8> = [0x55, 0xaa, 0x40]
        .into_iter()
        .chain((0..37_000).map(|n| n as u8))
        .collect();
    let (_, card) = vga_card(&board.slot, VgaConfig::default(), &rom).expect("a card");
    let function = &card.function;
    assert_eq!(function.config_read(0, 4), 0x1111_1234);
    assert_eq!(function.config_read(8, 4), 0x0300_0002);
    for (register, size) in [(0x10, 16 << 20), (0x18, 4096), (0x30, 64 << 10)] {
        function.config_write(register, 4, !1);
        assert_eq!(
            !(function.config_read(register, 4) & !15) + 1,
            size,
            "{register:#x}"
        );
    }
    function.config_write(0x10, 4, 0xfd00_0000);
    function.config_write(0x18, 4, 0xfebf_0000);
    function.config_write(0x30, 4, 0xfebe_0001);
    function.config_write(4, 2, 3);

    let _held = board.lock.lock();
    let read = |at, size| board.memory.load(GuestPhys(at), size).expect("memory");
    assert_eq!(read(0xfebf_0500, 2), 0xb0c5);
    assert_eq!(read(0xfebe_0000, 2), 0xaa55);
    board
        .memory
        .store(GuestPhys(0xfd00_0000), 4, 0x1234_5678)
        .expect("the frame buffer");
    assert_eq!(card.memory[0].load::<u32>(0), Some(0x1234_5678));
    assert_eq!(board.ports.load(GuestPhys(0x1cf), 2).expect("a port"), 0xb0c5);
    assert_eq!(board.ports.load(GuestPhys(0x3cc), 1).expect("a port"), 0);
}

#[test]
fn models_make_what_their_properties_say() {
    for model in MODELS {
        let board = board();
        let card = (model.make)(board.slot.clone(), &values(model, &[("vgamem_mb", "4")])).expect("a card");
        assert_eq!(card.memory[0].size(), 4 << 20, "{}", model.name);
        assert!(card.display.is_some());
        let refused = (model.make)(board.slot, &values(model, &[("vgamem_mb", "3")]));
        assert_eq!(
            refused.err().expect("3 MiB").to_string(),
            "vgamem_mb: is a power of two from 1 to 256, not 3"
        );
    }
}

#[test]
fn configuration_is_saved() {
    let make = || {
        vga_card(&board().slot, VgaConfig::default(), &[0x55, 0xaa])
            .expect("a card")
            .1
    };
    let (used, fresh) = (make(), make());
    used.function.config_write(0x10, 4, 0xfd00_0000);
    used.function.config_write(4, 2, 3);
    check_saved_state(&*used.function, &*fresh.function);
}
