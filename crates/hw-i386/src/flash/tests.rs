//! Commands as firmware gives them, and arbitrary ones.

use super::*;
use hw_core::testing::{Action, Rig, TestClock, check_actions, check_reset, check_saved_state};
use parking_lot::Mutex;
use proptest::prelude::*;
use softmmu::{AddressSpace, GuestPhys, MemoryMap};
use util_mainloop::BigLock;

#[derive(Default)]
struct Kept(Mutex<Vec<(u64, usize)>>);

impl FlashStore for Kept {
    fn store(&self, offset: u64, bytes: &[u8]) {
        self.0.lock().push((offset, bytes.len()));
    }
}

const SIZE: u64 = 0x4000;

struct Chip {
    flash: Arc<Flash>,
    memory: Arc<AddressSpace>,
    kept: Arc<Kept>,
}

impl Chip {
    fn new(readonly: bool) -> Self {
        let map = MemoryMap::new(Arc::new(BigLock::new()) as _);
        let array = RamBlock::new(&map, "flash", SIZE).expect("memory");
        let kept = Arc::new(Kept::default());
        let unit = FlashUnit {
            image: Arc::from([]),
            readonly,
            store: Some(kept.clone()),
        };
        array.write(0x10, b"firmware");
        let flash = Flash::new("flash0", array, &unit);
        let root = MemoryRegion::container("memory", u64::MAX);
        map.transaction(|_| root.add_subregion(0, &flash.region(), 0));
        let memory = AddressSpace::new(&map, "memory", root);
        Self { flash, memory, kept }
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        for byte in bytes {
            self.memory
                .store(GuestPhys(at), 1, (*byte).into())
                .expect("flash");
        }
    }

    fn read(&self, at: u64) -> u8 {
        self.memory.load(GuestPhys(at), 1).expect("flash") as u8
    }
}

/// How OVMF tells flash from RAM and ROM, then writes a variable.
#[test]
fn detection_and_variables() {
    let chip = Chip::new(false);
    assert_eq!(chip.read(0x10), b'f');
    chip.write(0x10, &[command::CLEAR_STATUS]);
    assert_eq!(chip.read(0x10), b'f', "neither RAM");
    chip.write(0x10, &[command::READ_STATUS]);
    assert_eq!(chip.read(0x10), 0, "nor ROM");
    chip.write(0x10, &[command::READ_ARRAY]);
    assert_eq!(chip.read(0x10), b'f');
    chip.write(0x12, &[command::PROGRAM, b'X', command::READ_STATUS]);
    assert_eq!(chip.read(0), status::READY);
    chip.write(0, &[command::READ_ARRAY]);
    assert_eq!((chip.read(0x11), chip.read(0x12)), (b'i', b'X'));
    chip.write(0x1ffe, &[command::ERASE, command::CONFIRM, command::READ_ARRAY]);
    assert_eq!(
        (chip.read(0x1000), chip.read(0x1fff), chip.read(0x2000)),
        (0xff, 0xff, 0)
    );
    assert_eq!(*chip.kept.0.lock(), [(0x12, 1), (0x1000, 0x1000)]);
    // A snapshot brings an array of which the store knows nothing.
    chip.flash.load(&chip.flash.save()).expect("own state");
    chip.write(0x12, &[command::PROGRAM, b'Y']);
    assert_eq!(chip.kept.0.lock().last(), Some(&(0, SIZE as usize)));
}

#[test]
fn buffered_write() {
    let chip = Chip::new(false);
    chip.write(0x100, &[command::WRITE_BUFFER]);
    assert_eq!(chip.read(0x100), status::READY);
    chip.write(0x100, &[2]);
    for (at, byte) in (0x100..).zip(*b"abc") {
        chip.write(at, &[byte]);
    }
    chip.write(0x100, &[command::CONFIRM, command::READ_ARRAY]);
    assert_eq!([0x100, 0x101, 0x102, 0x103].map(|at| chip.read(at)), *b"abc\0");
    chip.write(
        0x100,
        &[command::WRITE_BUFFER, 0, b'z', 0x33, command::READ_STATUS],
    );
    assert_eq!(chip.read(0), 0xb0, "wrong sequence");
}

#[test]
fn identification() {
    let chip = Chip::new(false);
    chip.write(0, &[command::READ_ID]);
    assert_eq!((chip.read(0), chip.read(1)), (spec::MANUFACTURER, spec::DEVICE));
    chip.write(0, &[command::QUERY]);
    assert_eq!(
        [0x10, 0x11, 0x12, 0x27].map(|at| chip.read(at)),
        [b'Q', b'R', b'Y', 14]
    );
    assert_eq!(
        (chip.read(0x2d), chip.read(0x2f)),
        (3, 0x10),
        "four blocks of 4 KiB"
    );
}

#[test]
fn readonly() {
    let chip = Chip::new(true);
    chip.write(0x10, &[command::PROGRAM, 0, command::READ_STATUS]);
    assert_eq!(chip.read(0), status::READY | status::PROGRAM_ERROR);
    chip.write(0x10, &[command::CLEAR_STATUS, command::ERASE, command::CONFIRM]);
    assert_eq!(chip.read(0), status::READY | status::ERASE_ERROR);
    chip.write(0, &[command::READ_ARRAY]);
    assert_eq!(chip.read(0x10), b'f');
    assert!(chip.kept.0.lock().is_empty());
}

#[test]
fn state() {
    let chip = Chip::new(false);
    chip.write(0x100, &[command::WRITE_BUFFER, 2, b'a']);
    check_saved_state(&*chip.flash, &*Chip::new(false).flash);
    check_reset(&*chip.flash, || chip.write(0, &[command::READ_ID]));
    assert_eq!(chip.read(0x10), b'f');
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_commands(
        before in proptest::collection::vec(action(), 0..60),
        after in proptest::collection::vec(action(), 0..60),
    ) {
        // The array is memory, which the rig does not carry over: what is read back here are the registers.
        let make = || {
            let flash = Chip::new(true).flash;
            Rig { clock: TestClock::new(), windows: vec![flash.window()], device: flash, pins: None }
        };
        check_actions(make, &before, &after);
    }
}

fn action() -> impl Strategy<Value = Action> {
    let known = proptest::sample::select(vec![
        0x10_u64, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0xff,
    ]);
    let byte = prop_oneof![3 => known, 1 => any::<u64>()];
    prop_oneof![
        2 => (any::<u64>(), any::<u8>()).prop_map(|(o, s)| Action::Read(0, o, s)),
        5 => (any::<u64>(), any::<u8>(), byte).prop_map(|(o, s, v)| Action::Write(0, o, s, v)),
        1 => Just(Action::Reset),
    ]
}
