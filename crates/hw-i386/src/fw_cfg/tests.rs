//! Both ways to the items, as firmware walks them, and arbitrary accesses.

use super::*;
use hw_core::testing::{Action, Rig, TestClock, check_actions, check_reset, check_saved_state};
use proptest::prelude::*;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock, Unassigned};
use spec::key;
use util_mainloop::BigLock;

/// A device and one page of memory.
fn rig() -> (Arc<FwCfg>, Arc<AddressSpace>) {
    let map = MemoryMap::new(Arc::new(BigLock::new()) as _);
    let root = MemoryRegion::container("memory", u64::MAX);
    let ram = RamBlock::new(&map, "ram", 0x1000).expect("a page");
    map.transaction(|_| root.add_subregion(0, &MemoryRegion::ram(ram), 0));
    let memory = AddressSpace::with_unassigned(&map, "memory", root, Unassigned::Error);
    let mut contents = Contents::new();
    contents.add_file("opt/b", Item::bytes(*b"second")).expect("room");
    contents
        .add_file("etc/a", Item::Writable(Arc::from(*b"....")))
        .expect("room");
    contents.set(key::HPET, Item::Fixed(Arc::from(*b"abcdef"), 2..4));
    contents.set(key::SMBIOS, Item::live(|| b"now".to_vec()));
    (FwCfg::new(&contents, Dma::new(Arc::clone(&memory))), memory)
}

fn by_port(device: &Arc<FwCfg>, key: u16, len: usize) -> Vec<u8> {
    let window = &device.windows()[0];
    window.ops.write(0, 2, key.into()).expect("selector");
    (0..len)
        .map(|_| window.ops.read(1, 1).expect("data") as u8)
        .collect()
}

const DESCRIPTOR: u64 = 0x100;

/// Has the device do a transfer with the buffer at `address`; what it leaves in the control word.
fn by_dma(device: &Arc<FwCfg>, memory: &AddressSpace, control: u32, len: u32, address: u64) -> u32 {
    let mut descriptor = control.to_be_bytes().to_vec();
    descriptor.extend(len.to_be_bytes());
    descriptor.extend(address.to_be_bytes());
    memory.write(GuestPhys(DESCRIPTOR), &descriptor).expect("RAM");
    let window = &device.windows()[1];
    window.ops.write(0, 4, 0).expect("high half");
    window.ops.write(4, 4, DESCRIPTOR).expect("low half");
    (memory.load(GuestPhys(DESCRIPTOR), 4).expect("RAM") as u32).swap_bytes()
}

fn bytes(memory: &AddressSpace, at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    memory.read(GuestPhys(at), &mut bytes).expect("RAM");
    bytes
}

#[test]
fn bytes_of_items() {
    let (device, _) = rig();
    assert_eq!(by_port(&device, key::SIGNATURE, 5), b"QEMU\0");
    assert_eq!(by_port(&device, key::ID, 4), [3, 0, 0, 0]);
    assert_eq!(by_port(&device, key::HPET, 3), b"cd\0");
    assert_eq!(by_port(&device, key::SMBIOS, 4), b"now\0");
    assert_eq!(by_port(&device, 0x3333, 2), [0, 0]);
    // Sorted: etc/a is the first, whenever it was added.
    let directory = by_port(&device, key::FILE_DIR, 4 + 2 * 64);
    assert_eq!(
        directory[..14],
        [0, 0, 0, 2, 0, 0, 0, 4, 0, 0x20, 0, 0, b'e', b't']
    );
    assert_eq!(directory[68..76], [0, 0, 0, 6, 0, 0x21, 0, 0]);
    assert_eq!(directory[76..82], *b"opt/b\0");
    assert_eq!(by_port(&device, 0x21, 7), b"second\0");
    let window = &device.windows()[1];
    assert_eq!(window.ops.read(0, 4), Ok(0x5145_4d55));
    assert_eq!(window.ops.read(4, 4), Ok(0x2043_4647));
    assert_eq!(window.ops.read(0, 8), Ok(spec::DMA_SIGNATURE));
    assert_eq!(window.ops.read(3, 1), Ok(0x55));
}

#[test]
fn transfers() {
    use spec::control::*;
    let (device, memory) = rig();
    let run = |control, len, address| by_dma(&device, &memory, control, len, address);
    memory.write(GuestPhys(0x200), &[0xee; 16]).expect("RAM");
    assert_eq!(run(0x21 << 16 | SELECT | READ, 8, 0x200), 0);
    assert_eq!(bytes(&memory, 0x200, 9), b"second\0\0\xee");
    assert_eq!(run(0x21 << 16 | SELECT | SKIP, 2, 0), 0);
    assert_eq!(run(READ, 3, 0x210), 0);
    assert_eq!(bytes(&memory, 0x210, 3), b"con");
    // Writable, and only as far as it goes.
    assert_eq!(run(0x20 << 16 | SELECT | SKIP, 1, 0), 0);
    assert_eq!(run(WRITE, 3, 0x210), 0);
    assert_eq!(by_port(&device, 0x20, 4), b".con");
    assert_eq!(run(0x20 << 16 | SELECT | WRITE, 5, 0x210), ERROR);
    assert_eq!(run(0x21 << 16 | SELECT | WRITE, 1, 0x210), ERROR);
    // No memory there; a descriptor that is nowhere answers nobody.
    assert_eq!(run(0x21 << 16 | SELECT | READ, 4, 0x8000), ERROR);
    assert_eq!(run(0x21 << 16 | SELECT | READ, 0x2000, 0x800), ERROR);
    // More zeros than anybody needs.
    assert_eq!(run(0x21 << 16 | SELECT | READ, u32::MAX, 0x400), ERROR);
    assert_eq!(bytes(&memory, 0x400, 2), [0, 0], "nothing was moved");
    assert_eq!(run(0x20 << 16 | SELECT | WRITE, 4, 0x8000), ERROR);
    device.windows()[1]
        .ops
        .write(0, 8, 0xdead_0000)
        .expect("no descriptor");
}

#[test]
fn state() {
    use spec::control::*;
    let (device, memory) = rig();
    memory.write(GuestPhys(0x200), b"ok").expect("RAM");
    by_dma(&device, &memory, 0x20 << 16 | SELECT | WRITE, 2, 0x200);
    check_saved_state(&*device, &*rig().0);
    check_reset(&*device, || {
        by_dma(&device, &memory, 0x20 << 16 | SELECT | WRITE, 2, 0x200);
    });
    let other = FwCfg::new(&Contents::new(), Dma::new(memory));
    assert!(other.load(&device.save()).is_err(), "other items");
}

#[test]
fn refused_files() {
    let mut contents = Contents::new();
    let mut add = |name: &str| {
        contents
            .add_file(name, Item::bytes([]))
            .map_err(|e| e.to_string())
    };
    let long = "x".repeat(56);
    assert_eq!(add("opt/x"), Ok(()));
    assert_eq!(add("opt/x"), Err("there is a file 'opt/x' already".into()));
    assert_eq!(
        add(&long),
        Err(format!("'{long}' is not a name of 1 to 55 characters"))
    );
    assert!(add("").is_err());
    assert_eq!(add(&long[..55]), Ok(()));
}

fn action() -> impl Strategy<Value = Action> {
    let key = prop_oneof![0..0x24_u64, 0x8000..0x8006_u64, 0..0x1000_u64, any::<u64>()];
    prop_oneof![
        3 => (any::<u8>(), 0..8_u64, any::<u8>()).prop_map(|(w, o, s)| Action::Read(w, o, s)),
        6 => (any::<u8>(), 0..8_u64, any::<u8>(), key).prop_map(|(w, o, s, v)| Action::Write(w, o, s, v)),
        1 => Just(Action::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Descriptors are what lies in memory: arbitrary bytes.
    #[test]
    fn arbitrary_accesses(
        page in proptest::collection::vec(any::<u8>(), 0x1000),
        before in proptest::collection::vec(action(), 0..40),
        after in proptest::collection::vec(action(), 0..40),
    ) {
        let make = || {
            let (device, memory) = rig();
            memory.write(GuestPhys(0), &page).expect("RAM");
            Rig { clock: TestClock::new(), windows: device.windows(), device, pins: None }
        };
        check_actions(make, &before, &after);
    }
}
