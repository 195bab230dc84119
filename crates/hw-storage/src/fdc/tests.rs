//! The controller as SeaBIOS, DOS and Linux drive it, and as nobody should.

use super::*;
use crate::testing::{Memory, pattern};
use hw_core::testing::{
    Action, MemoryDisk, RecordingSink, Rig, TestClock, check_actions, check_reset, check_saved_state,
};
use proptest::prelude::*;

struct Bench {
    fdc: Arc<Fdc>,
    dma: Arc<Dma8237>,
    disk: Arc<MemoryDisk>,
    memory: Memory,
    sink: Arc<RecordingSink>,
    clock: TestClock,
}

const SIZE: usize = 1440 << 10;

/// A drive with 1.44 MB.
fn bench() -> Bench {
    let (memory, sink, clock) = (Memory::new(1 << 20), RecordingSink::new(), TestClock::new());
    let dma = Dma8237::new(memory.dma());
    let disk = MemoryDisk::new(pattern(SIZE));
    let disks = [Some(Arc::clone(&disk) as Arc<dyn Disk>), None];
    let fdc = Fdc::new(disks, &dma, sink.line(6), &clock.clock());
    Bench {
        fdc,
        dma,
        disk,
        memory,
        sink,
        clock,
    }
}

impl Bench {
    fn outb(&self, port: u64, value: u8) {
        self.fdc.write(port - PORT, value).unwrap();
    }

    fn inb(&self, port: u64) -> u8 {
        self.fdc.read(port - PORT).unwrap() as u8
    }

    fn send(&self, bytes: &[u8]) {
        for &byte in bytes {
            assert_eq!(self.inb(0x3f4) & 0xc0, RQM, "takes no byte of {bytes:x?}");
            self.outb(0x3f5, byte);
        }
    }

    fn results(&self) -> Vec<u8> {
        let mut results = Vec::new();
        while self.inb(0x3f4) & (RQM | DIO) == RQM | DIO {
            results.push(self.inb(0x3f5));
        }
        results
    }

    /// Waits for the interrupt as a program does.
    fn wait(&self) {
        self.disk.complete_all();
        for _ in 0..100 {
            if self.sink.level(6) {
                return;
            }
            self.clock.advance(1_000_000);
        }
        panic!("no interrupt");
    }

    /// From power on to a drive that is known.
    fn bring_up(&self) {
        self.outb(0x3f2, 0x08);
        self.outb(0x3f2, 0x0c);
        assert_eq!(self.inb(0x3f4), 0);
        self.wait();
        for drive in 0..4 {
            self.send(&[8]);
            assert_eq!(self.results(), [0xc0 | drive, 0]);
            assert!(!self.sink.level(6));
        }
        self.send(&[8]);
        assert_eq!(self.results(), [0x80]);
        self.outb(0x3f2, 0x1c);
        self.send(&[7, 0]);
        self.wait();
        self.send(&[8]);
        assert_eq!(self.results(), [0x20, 0]);
        self.outb(0x3f7, 0);
        self.send(&[0x4a, 0]);
        self.wait();
        assert_eq!(self.results(), [0, 0, 0, 0, 0, 1, 2]);
        assert!(!self.sink.level(6));
        self.send(&[3, 0xaf, 2]);
    }

    /// Channel 2: so many bytes at 20000h.
    fn program(&self, mode: u8, bytes: u16) {
        let [low, high] = (bytes - 1).to_le_bytes();
        for (port, value) in [
            (0x0a, 6),
            (0x0c, 0),
            (0x0b, mode),
            (0x04, 0),
            (0x04, 0),
            (0x81, 2),
            (0x05, low),
            (0x05, high),
            (0x0a, 2),
        ] {
            let windows = self.dma.windows();
            let window = windows
                .iter()
                .find(|window| (window.base..window.base + window.size).contains(&port));
            let window = window.unwrap();
            window.ops.write(port - window.base, 1, u64::from(value)).unwrap();
        }
    }

    fn seek(&self, track: u8) {
        self.send(&[0x0f, 0, track]);
        self.wait();
        self.send(&[8]);
        assert_eq!(self.results(), [0x20, track]);
    }
}

/// Where a sector of 1.44 MB is.
fn place(cylinder: usize, head: usize, sector: usize) -> usize {
    ((cylinder * 2 + head) * 18 + sector - 1) * 512
}

#[test]
fn seabios_boots() {
    let bench = bench();
    bench.bring_up();
    bench.program(0x46, 512);
    bench.send(&[0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]);
    assert_eq!((bench.inb(0x3f4) & RQM, bench.sink.level(6)), (0, false));
    bench.wait();
    assert_eq!(bench.results(), [0, 0, 0, 0, 0, 2, 2]);
    assert!(bench.memory.read(0x2_0000, 512) == pattern(SIZE)[..512]);
}

#[test]
fn tracks_are_read_and_written() {
    let bench = bench();
    let bytes = pattern(SIZE);
    bench.bring_up();
    bench.seek(5);
    // Both sides from sector 10 of side 0 on: 9 and 18 sectors.
    bench.program(0x46, 27 * 512);
    bench.send(&[0xe6, 0, 5, 0, 10, 2, 18, 0x1b, 0xff]);
    bench.wait();
    assert_eq!(bench.results(), [0, 0, 0, 6, 0, 1, 2]);
    let at = place(5, 0, 10);
    assert!(bench.memory.read(0x2_0000, 27 * 512) == bytes[at..at + 27 * 512]);
    // Without both sides the track is at its end before the count is.
    bench.program(0x46, 27 * 512);
    bench.send(&[0x66, 0, 5, 0, 10, 2, 18, 0x1b, 0xff]);
    bench.wait();
    assert_eq!(bench.results(), [0x40, 0x80, 0, 6, 0, 1, 2]);
    // Written: two sectors on side 1.
    bench.memory.write(0x2_0000, &[0xab; 1024]);
    bench.program(0x4a, 1024);
    bench.send(&[0xc5, 4, 5, 1, 3, 2, 18, 0x1b, 0xff]);
    bench.wait();
    assert_eq!(bench.results(), [4, 0, 0, 5, 1, 5, 2]);
    let (now, at) = (bench.disk.bytes(), place(5, 1, 3));
    assert!(now[at..at + 1024].iter().all(|&byte| byte == 0xab));
    assert!(now[..at] == bytes[..at] && now[at + 1024..] == bytes[at + 1024..]);
    // Formatted.
    let ids: Vec<u8> = (1..=18).flat_map(|sector| [5, 0, sector, 2]).collect();
    bench.memory.write(0x2_0000, &ids);
    bench.program(0x4a, ids.len() as u16);
    bench.send(&[0x4d, 0, 2, 18, 0x50, 0xf6]);
    bench.wait();
    assert_eq!(bench.results()[..3], [0, 0, 0]);
    let (now, at) = (bench.disk.bytes(), place(5, 0, 1));
    assert!(now[at..at + 18 * 512].iter().all(|&byte| byte == 0xf6));
}

#[test]
fn what_goes_wrong() {
    let bench = bench();
    bench.bring_up();
    // Command, and the three status bytes.
    for (command, status) in [
        // No such sector, side, cylinder, size.
        ([0xe6, 0, 0, 0, 19, 2, 19, 0x1b, 0xff], [0x40, 4, 0]),
        ([0xe6, 0, 0, 0, 0, 2, 18, 0x1b, 0xff], [0x40, 4, 0]),
        ([0xe6, 0, 0, 1, 1, 2, 18, 0x1b, 0xff], [0x44, 4, 0]),
        ([0xe6, 0, 3, 0, 1, 2, 18, 0x1b, 0xff], [0x40, 4, 0x10]),
        ([0xe6, 0, 0, 0, 1, 3, 18, 0x1b, 0xff], [0x40, 4, 0]),
        // No drive.
        ([0xe6, 1, 0, 0, 1, 2, 18, 0x1b, 0xff], [0x41, 1, 0]),
        ([0xe6, 3, 0, 0, 1, 2, 18, 0x1b, 0xff], [0x43, 1, 0]),
    ] {
        bench.program(0x46, 512);
        bench.send(&command);
        bench.wait();
        assert_eq!(bench.results()[..3], status, "{command:x?}");
    }
    // At another rate nothing is found.
    bench.outb(0x3f7, 2);
    bench.send(&[0x4a, 0]);
    bench.wait();
    assert_eq!(bench.results()[..3], [0x40, 1, 0]);
    bench.outb(0x3f7, 0);
    bench.disk.fail_next(hw_core::DiskError::Io);
    bench.program(0x46, 512);
    bench.send(&[0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]);
    bench.wait();
    assert_eq!(bench.results()[..3], [0x40, 0x20, 0x20]);
    bench.send(&[0x1f]);
    assert_eq!(bench.results(), [0x80]);
}

#[test]
fn disks_come_and_go() {
    let bench = bench();
    bench.bring_up();
    assert_eq!(bench.inb(0x3f7) & 0x80, 0);
    bench.disk.change(None);
    assert_eq!(bench.inb(0x3f7) & 0x80, 0x80);
    bench.disk.change(Some(vec![1; 720 << 10]));
    assert_eq!(bench.inb(0x3f7) & 0x80, 0x80, "until a step");
    bench.seek(1);
    assert_eq!(bench.inb(0x3f7) & 0x80, 0);
    assert_eq!(bench.fdc.cmos_types(), 0x30);
    // Twice as slow.
    for (rate, found) in [(0, 0x40), (2, 0)] {
        bench.outb(0x3f7, rate);
        bench.send(&[0x4a, 0]);
        bench.wait();
        assert_eq!(bench.results()[0], found);
    }
    // The motor is off.
    bench.disk.change(None);
    bench.outb(0x3f2, 0x0c);
    assert_eq!(bench.inb(0x3f7) & 0x80, 0);
}

#[test]
fn small_commands() {
    let bench = bench();
    bench.bring_up();
    for (command, results) in [
        (&[0x10][..], &[0x90][..]),
        (&[0x13, 0, 0x57, 0], &[]),
        (&[0x94], &[0x10]),
        (&[0x04, 0], &[0x38]),
        (&[0x0e], &[0, 0, 0, 0, 0xaf, 2, 0, 0x80, 0x57, 0]),
        (&[0x14], &[0]),
        (&[0x12, 0], &[]),
        (&[0x18], &[0x41]),
    ] {
        bench.send(command);
        assert_eq!(bench.results(), results, "{command:x?}");
    }
    // By the CPU.
    bench.send(&[3, 0xaf, 3]);
    bench.send(&[0x46, 0, 0, 0, 18, 2, 18, 0x1b, 0xff]);
    bench.wait();
    assert_eq!(bench.inb(0x3f4), RQM | DIO | NDMA | CB);
    let data: Vec<u8> = (0..512).map(|_| bench.inb(0x3f5)).collect();
    assert!(data == pattern(SIZE)[place(0, 0, 18)..place(0, 1, 1)]);
    assert_eq!(bench.results(), [0x40, 0x80, 0, 1, 0, 1, 2]);
}

#[test]
fn saved_and_reset() {
    let (used, fresh) = (bench(), bench());
    used.bring_up();
    used.program(0x46, 512);
    used.send(&[0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff]);
    check_saved_state(&*used.fdc, &*fresh.fdc);
    used.disk.copy_to(&fresh.disk);
    fresh.fdc.load(&used.fdc.save()).unwrap();
    fresh.dma.load(&used.dma.save()).unwrap();
    fresh.wait();
    assert_eq!(fresh.results(), [0, 0, 0, 0, 0, 2, 2]);
    check_reset(&*used.fdc, || used.outb(0x3f2, 0));
    assert!(used.disk.waiting().is_empty());
}

fn action() -> impl Strategy<Value = Action> {
    let command = prop::sample::select(vec![
        0xe6_u64, 0xc5, 0x4d, 0x4a, 7, 8, 0x0f, 3, 4, 0x13, 0x10, 0x0e, 0x94, 0x56,
    ]);
    prop_oneof![
        2 => (0..2_u8, 0..6_u64).prop_map(|(w, o)| Action::Read(w, o, 0)),
        1 => (0..6_u8, 0..16_u64, any::<u8>()).prop_map(|(w, o, v)| Action::Write(w, o, 0, v.into())),
        2 => Just(Action::Read(0, 5, 0)),
        3 => command.prop_map(|command| Action::Write(0, 5, 0, command)),
        5 => prop_oneof![0..4_u64, Just(18), Just(2), any::<u64>()].prop_map(|v| Action::Write(0, 5, 0, v & 0xff)),
        1 => prop_oneof![Just(0x1c_u64), Just(8), Just(0x0c)].prop_map(|v| Action::Write(0, 2, 0, v)),
        3 => any::<bool>().prop_map(|level| Action::Pin(0, level)),
        2 => (0..3_000_000_u32).prop_map(Action::Pass),
    ]
}

struct Answers(Arc<MemoryDisk>);

impl hw_core::IrqSink for Answers {
    fn set_irq(&self, _pin: u32, _level: bool) {
        self.0.complete_next();
    }
}

/// The controller with its DMA, saved together.
struct Both(Arc<Fdc>, Arc<Dma8237>);

impl Device for Both {
    fn name(&self) -> &str {
        "both"
    }
    fn reset(&self, phase: ResetPhase) {
        self.0.reset(phase);
        self.1.reset(phase);
    }
    fn save(&self) -> SavedState {
        let (fdc, dma) = (self.0.save(), self.1.save());
        SavedState::encode(1, &(fdc.bytes, dma.bytes))
    }
    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let (fdc, dma): (Vec<u8>, Vec<u8>) = state.decode(1)?;
        self.0.load(&SavedState {
            version: VERSION,
            bytes: fdc,
        })?;
        self.1.load(&SavedState {
            version: 1,
            bytes: dma,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence(before in prop::collection::vec(action(), 1..150), after in prop::collection::vec(action(), 1..60)) {
        let mut before = before;
        // Nothing is in flight at the cut.
        before.push(Action::Pin(0, true));
        check_actions(|| {
            let bench = bench();
            let mut windows = bench.fdc.windows().to_vec();
            windows.extend(bench.dma.windows());
            Rig {
                clock: bench.clock,
                device: Arc::new(Both(bench.fdc, bench.dma)),
                windows,
                pins: Some((Arc::new(Answers(bench.disk)), 1)),
            }
        }, &before, &after);
    }
}
