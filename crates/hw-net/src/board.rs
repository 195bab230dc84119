//! A board in a few lines for the tests of all cards: 1 MiB of RAM, PCI memory and ports, one slot, a network.

use crate::MODELS;
use hw_core::model::{Backends, Values};
use hw_core::net::OffloadAbilities;
use hw_core::testing::{RecordingSink, TestClock, TestNet};
use hw_core::{CharSink, Disk, NetPort};
use hw_pci::{PciCard, PciSlot, PciSpaces};
use softmmu::lock::Solo;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

pub(crate) const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// Where the memory window is.
pub(crate) const WINDOW: u64 = 0xfe00_0000;
/// Where the ports are.
pub(crate) const PORTS: u64 = 0xc000;

struct OneNet(Arc<TestNet>);

impl Backends for OneNet {
    fn drive(&mut self, id: &str) -> Result<Arc<dyn Disk>, String> {
        Err(format!("no drive {id}"))
    }

    fn net(&mut self, _: &str) -> Result<Arc<dyn NetPort>, String> {
        let net: Arc<dyn NetPort> = self.0.clone();
        Ok(net)
    }

    fn char(&mut self, id: &str) -> Result<Arc<dyn CharSink>, String> {
        Err(format!("no chardev {id}"))
    }

    fn next_mac(&mut self) -> [u8; 6] {
        MAC
    }
}

/// The board.
pub(crate) struct Board {
    pub(crate) memory: Arc<AddressSpace>,
    pub(crate) ports: Arc<AddressSpace>,
    pub(crate) sink: Arc<RecordingSink>,
    pub(crate) clock: TestClock,
    pub(crate) net: Arc<TestNet>,
    _card: PciCard,
}

/// An empty slot, and what can be seen through it; without `ram` there is none.
pub(crate) fn slot(ram: bool) -> (PciSlot, Arc<AddressSpace>, Arc<RecordingSink>, TestClock) {
    let map = MemoryMap::new(Arc::new(Solo::default()));
    let block = RamBlock::new(&map, "ram", 1 << 20).unwrap();
    let (root, pci, io) = map.transaction(|_| {
        let root = MemoryRegion::container("system", u64::MAX);
        let pci = MemoryRegion::container("pci", u64::MAX);
        if ram {
            root.add_subregion(0, &MemoryRegion::ram(block), 0);
        }
        root.add_subregion(0, &pci, -1);
        (root, pci, MemoryRegion::container("io", 0x1_0000))
    });
    let memory = AddressSpace::new(&map, "memory", root);
    let ports = AddressSpace::new(&map, "ports", io.clone());
    let (sink, clock) = (RecordingSink::new(), TestClock::new());
    let slot = PciSlot {
        name: "card0".into(),
        devfn: 0x18,
        spaces: PciSpaces { map, memory: pci, io },
        memory,
        pins: [0, 1, 2, 3].map(|pin| sink.line(pin)),
        clock: clock.clock(),
    };
    (slot, ports, sink, clock)
}

impl Board {
    /// With a card of this model, set up as firmware does: memory window in BAR `memory`, ports in BAR `ports`.
    pub(crate) fn new(model: &str, bars: (u8, u8), abilities: OffloadAbilities) -> Self {
        let (slot, ports, sink, clock) = slot(true);
        let net = TestNet::new(abilities);
        let model = MODELS.iter().find(|known| known.name == model).unwrap();
        let given = [("netdev".to_owned(), "n0".to_owned())];
        let mut backends = OneNet(Arc::clone(&net));
        let values = Values::read(model.name, model.properties, &given, &mut backends).unwrap();
        let memory = Arc::clone(&slot.memory);
        let card = (model.make)(slot, &values).unwrap();
        for device in &card.devices {
            hw_core::testing::reset(&**device);
        }
        card.function.config_write(0x10 + bars.0 * 4, 4, WINDOW as u32);
        card.function.config_write(0x10 + bars.1 * 4, 4, PORTS as u32);
        card.function.config_write(4, 2, 7);
        Self {
            memory,
            ports,
            sink,
            clock,
            net,
            _card: card,
        }
    }

    pub(crate) fn read(&self, register: usize) -> u32 {
        self.memory.load(GuestPhys(WINDOW + register as u64), 4).unwrap() as u32
    }

    pub(crate) fn write(&self, register: usize, value: u32) {
        self.memory
            .store(GuestPhys(WINDOW + register as u64), 4, value.into())
            .unwrap();
    }

    pub(crate) fn put(&self, at: u64, bytes: &[u8]) {
        self.memory.write(GuestPhys(at), bytes).unwrap();
    }

    pub(crate) fn get(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read(GuestPhys(at), &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn interrupts(&self) -> bool {
        self.sink.level(0)
    }
}

/// A frame over IPv4 with TCP, whose checksum fields hold what `checksums` gives: of the header, and of the segment.
pub(crate) fn tcp_frame(payload: usize, checksums: (u16, u16)) -> Vec<u8> {
    let mut frame = vec![0x52, 0x55, 10, 0, 2, 2];
    frame.extend(MAC);
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((40 + payload as u16).to_be_bytes());
    frame.extend([0, 9, 0x40, 0, 64, 6]);
    frame.extend(checksums.0.to_be_bytes());
    frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
    frame.extend([0x10, 0, 0, 80, 0, 0, 0x10, 0, 0, 0, 0, 1, 0x50, 0x19, 0xff, 0xff]);
    frame.extend(checksums.1.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend((0..payload).map(|i| (i * 7 / 3) as u8));
    frame
}

/// The sum of the pseudo header of [`tcp_frame`], with this length of the segment.
pub(crate) fn pseudo(length: u16) -> u16 {
    let sum = crate::checksum::sum(6, &[10, 0, 2, 15, 10, 0, 2, 2]);
    crate::checksum::sum(sum, &length.to_be_bytes())
}

/// Asserts that all checksums of a frame like [`tcp_frame`] hold.
pub(crate) fn assert_sums(frame: &[u8]) {
    assert_eq!(crate::checksum::sum(0, &frame[14..34]), 0xffff, "IP");
    let start = pseudo((frame.len() - 34) as u16);
    assert_eq!(crate::checksum::sum(start, &frame[34..]), 0xffff, "TCP");
}
