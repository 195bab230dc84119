//! A driver in a few lines: a board, an e1000 in its slot, one descriptor, one frame.

use hw_core::model::{Backends, Values};
use hw_core::net::OffloadAbilities;
use hw_core::testing::{RecordingSink, TestClock, TestNet};
use hw_core::{CharSink, Disk, NetPort};
use hw_pci::{PciSlot, PciSpaces};
use softmmu::lock::Solo;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock};
use std::sync::Arc;

/// There is one network, whatever it is called.
struct OneNet(Arc<TestNet>);

impl Backends for OneNet {
    fn drive(&mut self, id: &str) -> Result<Arc<dyn Disk>, String> {
        Err(format!("no drive '{id}'"))
    }

    fn net(&mut self, _: &str) -> Result<Arc<dyn NetPort>, String> {
        Ok(Arc::clone(&self.0) as Arc<dyn NetPort>)
    }

    fn char(&mut self, id: &str) -> Result<Arc<dyn CharSink>, String> {
        Err(format!("no chardev '{id}'"))
    }

    fn next_mac(&mut self) -> [u8; 6] {
        [0x52, 0x54, 0, 0x12, 0x34, 0x56]
    }
}

fn main() {
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
        name: "card0".into(),
        devfn: 0x18,
        spaces: PciSpaces { map, memory: pci, io },
        memory: Arc::clone(&memory),
        pins: [0, 1, 2, 3].map(|pin| sink.line(pin)),
        clock: clock.clock(),
    };
    let net = TestNet::new(OffloadAbilities::default());
    let model = &hw_net::MODELS[0];
    let given = [("netdev".to_owned(), "n0".to_owned())];
    let mut backends = OneNet(Arc::clone(&net));
    let values = Values::read(model.name, model.properties, &given, &mut backends).expect("its properties");
    let card = (model.make)(slot, &values).expect("a card");

    // Firmware: window, bus master. Driver: ring at 1000h of eight descriptors, on.
    card.function.config_write(0x10, 4, 0xfe00_0000);
    card.function.config_write(0x04, 2, 6);
    let write = |register: u64, value: u64| {
        memory
            .store(GuestPhys(0xfe00_0000 + register), 4, value)
            .expect("the window is open");
    };
    write(0x3800, 0x1000);
    write(0x3808, 128);
    write(0x0400, 2);
    // A frame of 64 bytes at 2000h; end of packet, report status.
    memory.write(GuestPhys(0x2000), &[0xab; 64]).expect("RAM");
    memory.store(GuestPhys(0x1000), 8, 0x2000).expect("RAM");
    memory.store(GuestPhys(0x1008), 8, 64 | 0x0900_0000).expect("RAM");
    write(0x3818, 1);

    let sent = net.take();
    println!("{} frame(s), of {} bytes", sent.len(), sent[0].0.len());
    assert_eq!(sent[0].0, [0xab; 64]);
    assert_eq!(memory.load(GuestPhys(0x100c), 1), Ok(1), "descriptor done");
}
