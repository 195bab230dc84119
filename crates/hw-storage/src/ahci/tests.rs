//! The controller as Linux and SeaBIOS drive it, and as nobody should.

use super::spec::port;
use super::*;
use crate::ata::spec::command;
use crate::testing::{Memory, pattern};
use hw_core::DiskError;
use hw_core::testing::{MemoryDisk, RecordingSink, check_reset, check_saved_state};
use proptest::prelude::*;

const DISK: usize = 4 << 20;
const CD: usize = 300 * 2048;
const LIST: u64 = 0x1000;
const RECEIVED: u64 = 0x1400;
const TABLES: u64 = 0x2000;
const DATA: u64 = 0x1_0000;

struct Bench {
    ahci: Arc<Ahci>,
    window: IoWindow,
    disk: Arc<MemoryDisk>,
    cd: Arc<MemoryDisk>,
    memory: Memory,
    sink: Arc<RecordingSink>,
}

/// A disk behind port 0, a CD drive behind port 2.
fn bench() -> Bench {
    let (memory, sink) = (Memory::new(1 << 20), RecordingSink::new());
    let port = PciPort::new(memory.dma(), sink.line(0), None, None);
    port.dma().set_enabled(true);
    let ahci = Ahci::new("ahci0", port);
    let disk = MemoryDisk::new(pattern(DISK));
    let cd = MemoryDisk::cd(Some(pattern(CD)));
    for (number, kind, disk) in [(0, Kind::Disk, &disk), (2, Kind::Cd, &cd)] {
        let disk: Arc<dyn Disk> = Arc::clone(disk) as _;
        let names = Names::new(kind, &*disk);
        assert_eq!(ahci.add_drive(Some(number), kind, disk, names), Some(number));
    }
    hw_core::testing::reset(&*ahci);
    let window = ahci.window();
    Bench {
        ahci,
        window,
        disk,
        cd,
        memory,
        sink,
    }
}

/// A started bench: addresses set, frames received, list running, interrupts on.
fn started() -> Bench {
    let bench = bench();
    bench.set(host::GHC, GHC_AHCI | GHC_INTERRUPTS);
    for port in [0, 2] {
        bench.start_port(port);
    }
    bench
}

impl Bench {
    fn get(&self, register: u64) -> u32 {
        self.window.ops.read(register, 4).unwrap() as u32
    }

    fn set(&self, register: u64, value: u32) {
        self.window.ops.write(register, 4, value.into()).unwrap();
    }

    fn port(&self, port: u64, register: u64) -> u32 {
        self.get(PORT_BASE + port * PORT_SIZE + register)
    }

    fn set_port(&self, port: u64, register: u64, value: u32) {
        self.set(PORT_BASE + port * PORT_SIZE + register, value);
    }

    fn start_port(&self, port: u64) {
        self.set_port(port, port::CLB, LIST as u32);
        self.set_port(port, port::FB, RECEIVED as u32);
        self.set_port(port, port::CMD, cmd::FRE | cmd::SUD | cmd::POD);
        self.set_port(port, port::SERR, u32::MAX);
        self.set_port(port, port::IS, u32::MAX);
        self.set_port(port, port::IE, interrupt::ALL);
        self.set_port(port, port::CMD, cmd::ST | cmd::FRE | cmd::SUD | cmd::POD);
        self.set(host::IS, u32::MAX);
    }

    /// Puts a command into a slot.
    fn fill(&self, slot: u64, fis: [u8; 20], packet: &[u8], regions: &[(u64, u32)]) {
        let table = TABLES + slot * 0x400;
        let mut header = [0; 32];
        header[..4].copy_from_slice(&(5 | (regions.len() as u32) << 16).to_le_bytes());
        header[8..16].copy_from_slice(&table.to_le_bytes());
        self.memory.write(LIST + slot * HEADER, &header);
        self.memory.write(table, &fis);
        self.memory.write(table + PACKET, packet);
        for (index, &(at, length)) in regions.iter().enumerate() {
            let entry = u128::from(at) | u128::from(length - 1) << 96;
            self.memory
                .write(table + REGIONS + index as u64 * 16, &entry.to_le_bytes());
        }
    }

    /// Issues slot 0 of a port.
    fn issue(&self, port: u64, fis: [u8; 20], packet: &[u8], regions: &[(u64, u32)]) {
        self.fill(0, fis, packet, regions);
        self.set_port(port, port::CI, 1);
    }

    fn queue(&self, slot: u64, code: u8, lba: u64, sectors: u16) {
        let mut fis = fis(code, lba, (slot << 3) as u16);
        [fis[3], fis[11]] = sectors.to_le_bytes();
        let at = DATA + slot * 0x2000;
        self.fill(slot, fis, &[], &[(at, u32::from(sectors) * 512)]);
        self.set_port(0, port::SACT, 1 << slot);
        self.set_port(0, port::CI, 1 << slot);
    }

    /// PxIS, which is cleared, and IS.
    fn acknowledge(&self, port: u64) -> u32 {
        let interrupts = self.port(port, port::IS);
        self.set_port(port, port::IS, interrupts);
        self.set(host::IS, 1 << port);
        interrupts
    }

    fn restart(&self, port: u64) {
        self.set_port(port, port::CMD, cmd::FRE);
        self.set_port(port, port::CMD, cmd::ST | cmd::FRE);
    }
}

fn fis(code: u8, lba: u64, count: u16) -> [u8; 20] {
    let l = lba.to_le_bytes();
    let [c0, c1] = count.to_le_bytes();
    [
        0x27, 0x80, code, 0, l[0], l[1], l[2], 0x40, l[3], l[4], l[5], 0, c0, c1, 0, 0, 0, 0, 0, 0,
    ]
}

#[test]
fn discovery() {
    let bench = bench();
    assert_eq!(bench.get(host::CAP), 0xc124_9f05);
    assert_eq!((bench.get(host::PI), bench.get(host::VS)), (0x3f, 0x1_0000));
    assert_eq!(bench.get(host::GHC), GHC_AHCI);
    for (port, status, signature, tfd) in [
        (0, 0x123, 0x0000_0101, 0x150),
        (1, 0, 0xffff_ffff, 0x7f),
        (2, 0x123, 0xeb14_0101, 0x100),
    ] {
        let seen = [port::SSTS, port::SIG, port::TFD].map(|register| bench.port(port, register));
        assert_eq!(seen, [status, signature, tfd], "port {port}");
    }
    // The first frame waits until frames are received.
    bench.set_port(0, port::FB, RECEIVED as u32);
    assert_eq!(bench.memory.read(RECEIVED + received::REGISTER, 1), [0]);
    bench.set_port(0, port::CMD, cmd::FRE);
    assert_eq!(
        bench.memory.read(RECEIVED + received::REGISTER, 4),
        [0x34, 0, 0x50, 1]
    );
    // COMRESET.
    bench.set_port(0, port::SERR, u32::MAX);
    assert_eq!(bench.port(0, port::IS), 0);
    bench.set_port(0, port::SCTL, 0x301);
    assert_eq!(bench.port(0, port::SSTS), 0);
    bench.set_port(0, port::SCTL, 0x300);
    assert_eq!(
        (bench.port(0, port::SSTS), bench.port(0, port::SIG)),
        (0x123, 0x101)
    );
    assert_eq!(bench.port(0, port::IS), interrupt::PCS | interrupt::PRCS);
    // A byte of a register, and the rest stays.
    bench
        .window
        .ops
        .write(PORT_BASE + port::CLB + 1, 1, 0x14)
        .unwrap();
    assert_eq!(bench.port(0, port::CLB), 0x1400);
    assert_eq!(bench.window.ops.read(PORT_BASE + port::CLB + 1, 1).unwrap(), 0x14);
}

#[test]
fn identify_by_pio() {
    let bench = started();
    bench.issue(0, fis(command::IDENTIFY, 0, 0), &[], &[(DATA, 512)]);
    assert_eq!((bench.port(0, port::CI), bench.port(0, port::TFD)), (0, 0x50));
    assert!(bench.sink.level(0));
    assert_eq!(bench.acknowledge(0), interrupt::PSS);
    assert!(!bench.sink.level(0));
    let words = bench.memory.read(DATA, 512);
    assert_eq!(&words[120..124], &(DISK as u32 / 512).to_le_bytes());
    assert_eq!(
        u16::from_le_bytes([words[152], words[153]]) & 0x100,
        0x100,
        "queues"
    );
    let setup = bench.memory.read(RECEIVED + received::PIO_SETUP, 18);
    assert_eq!(
        (setup[0], setup[1], setup[2], setup[15], setup[17]),
        (0x5f, 0x60, 0x58, 0x50, 2)
    );
    assert_eq!(bench.memory.read(LIST + 4, 4), 512_u32.to_le_bytes());
    // The CD drive says so in the registers.
    bench.issue(2, fis(command::IDENTIFY, 0, 0), &[], &[(DATA, 512)]);
    assert_eq!(bench.port(2, port::TFD), 0x451);
    assert_eq!(bench.acknowledge(2), interrupt::TFES | interrupt::DHRS);
    bench.restart(2);
    bench.issue(2, fis(command::IDENTIFY_PACKET, 0, 0), &[], &[(DATA, 512)]);
    assert_eq!(bench.memory.read(DATA, 2), [0xc0, 0x85]);
}

#[test]
fn dma_scatters_and_gathers() {
    let bench = started();
    let regions = [(DATA, 600), (DATA + 0x4000, 2), (DATA + 0x8000, 1446)];
    bench.issue(0, fis(command::READ_DMA_EXT, 3, 4), &[], &regions);
    assert_eq!((bench.port(0, port::CI), bench.port(0, port::TFD)), (1, 0x80));
    bench.disk.complete_all();
    assert_eq!(bench.port(0, port::CI), 0);
    assert_eq!(bench.acknowledge(0), interrupt::DHRS);
    let read: Vec<_> = regions
        .iter()
        .flat_map(|&(at, length)| bench.memory.read(at, length as usize))
        .collect();
    assert!(read == pattern(DISK)[3 * 512..7 * 512]);
    bench.issue(0, fis(command::WRITE_DMA_EXT, 100, 4), &[], &regions);
    bench.disk.complete_all();
    assert!(bench.disk.bytes()[100 * 512..104 * 512] == read[..]);
    assert_eq!(bench.memory.read(LIST + 4, 4), 2048_u32.to_le_bytes());
    bench.acknowledge(0);
    // More than one portion.
    let mut large = fis(command::READ_DMA_EXT, 0, 4096);
    large[7] = 0x40;
    bench.issue(
        0,
        large,
        &[],
        &[
            (DATA, 0x8_0000),
            (DATA, 0x8_0000),
            (DATA, 0x10_0000 - 0x1_0000),
            (DATA, 0x1_0000),
        ],
    );
    assert_eq!(bench.disk.waiting().len(), 1);
    bench.disk.complete_all();
    assert_eq!((bench.port(0, port::CI), bench.port(0, port::TFD)), (0, 0x50));
}

/// Commands without data or with little, and how they end.
#[test]
fn other_commands() {
    for (code, feature, count, ends) in [
        (command::FLUSH, 0, 0, 0x50),
        (command::FLUSH_EXT, 0, 0, 0x50),
        (command::SET_FEATURES, 0x03, 0x45, 0x50),
        (command::SET_FEATURES, 0x82, 0, 0x50),
        (command::SET_FEATURES, 0x77, 0, 0x451),
        (command::STANDBY_IMMEDIATE[0], 0, 0, 0x50),
        (command::CHECK_POWER[0], 0, 0, 0x50),
        (command::VERIFY_EXT, 0, 0, 0x1051),
        (command::VERIFY_EXT, 0, 8, 0x50),
        (command::READ_NATIVE_MAX_EXT, 0, 0, 0x50),
        (command::SET_MULTIPLE, 0, 16, 0x50),
        (command::SET_MULTIPLE, 0, 15, 0x451),
        (command::DATA_SET_MANAGEMENT, 1, 1, 0x50),
        (command::DATA_SET_MANAGEMENT, 0, 1, 0x451),
        (READ_LOG[0], 0, 1, 0x50),
        (READ_LOG[0], 0, 2, 0x451),
        (command::PACKET, 0, 0, 0x451),
        (0xf7, 0, 0, 0x451),
    ] {
        let bench = started();
        // What DATA SET MANAGEMENT reads: two sectors from the second on.
        bench.memory.write(DATA, &[1, 0, 0, 0, 0, 0, 2, 0]);
        let mut fis = fis(code, 0, count);
        fis[3] = feature;
        if code == command::VERIFY_EXT {
            fis[5] = 0x10;
        }
        bench.issue(0, fis, &[], &[(DATA, 512)]);
        bench.disk.complete_all();
        let failed = ends & 1;
        assert_eq!(
            (bench.port(0, port::TFD), bench.port(0, port::CI)),
            (ends, failed),
            "{code:#x} {feature:#x} {count}"
        );
        if (code, feature) == (command::DATA_SET_MANAGEMENT, 1) {
            assert!(bench.disk.bytes()[512..1536].iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn software_reset() {
    let bench = started();
    for (control, code) in [(4, 0), (0, 0)] {
        let mut frame = fis(code, 0, 0);
        (frame[1], frame[15]) = (0, control);
        bench.issue(0, frame, &[], &[]);
        assert_eq!(bench.port(0, port::CI), 0);
    }
    assert_eq!(
        (bench.port(0, port::TFD), bench.port(0, port::SIG)),
        (0x150, 0x101)
    );
    assert_eq!(
        bench.memory.read(RECEIVED + received::REGISTER, 4),
        [0x34, 0x40, 0x50, 1]
    );
}

#[test]
fn queue_of_32() {
    let bench = started();
    for slot in 0..32 {
        let code = if slot % 2 == 0 {
            command::READ_QUEUED
        } else {
            command::WRITE_QUEUED
        };
        bench.queue(slot, code, 8 * slot, 8);
    }
    assert_eq!(
        (bench.port(0, port::CI), bench.port(0, port::SACT)),
        (0, u32::MAX)
    );
    assert_eq!(bench.disk.waiting(), (0..32).collect::<Vec<_>>());
    assert!(!bench.sink.level(0));
    bench.disk.complete_next();
    assert_eq!(bench.port(0, port::SACT), u32::MAX - 1);
    assert_eq!(bench.acknowledge(0), interrupt::SDBS);
    assert_eq!(
        bench.memory.read(RECEIVED + received::SET_BITS, 8),
        [0xa1, 0x40, 0x50, 0, 1, 0, 0, 0]
    );
    bench.disk.complete_all();
    assert_eq!(bench.port(0, port::SACT), 0);
    for slot in (0..32).step_by(2) {
        let at = slot * 8 * 512;
        assert!(bench.memory.read(DATA + slot as u64 * 0x2000, 4096) == pattern(DISK)[at..at + 4096]);
    }
    assert!(
        bench.disk.bytes()[8 * 512..16 * 512]
            .iter()
            .all(|&byte| byte == 0)
    );
}

#[test]
fn a_queue_that_fails_says_which() {
    let bench = started();
    for slot in [3, 7, 9] {
        bench.queue(slot, command::READ_QUEUED, 8 * slot, 8);
    }
    bench.disk.complete_next();
    bench.acknowledge(0);
    bench.disk.fail_next(DiskError::Io);
    bench.disk.complete_next();
    assert_eq!(bench.acknowledge(0), interrupt::SDBS | interrupt::TFES);
    assert_eq!(
        (bench.port(0, port::TFD), bench.port(0, port::SACT)),
        (0x4051, 1 << 7 | 1 << 9)
    );
    assert!(bench.disk.waiting().is_empty(), "all end");
    bench.restart(0);
    assert_eq!((bench.port(0, port::SACT), bench.port(0, port::CI)), (0, 0));
    // Nothing queued is taken before the log was read.
    bench.queue(3, command::READ_QUEUED, 0, 8);
    assert_eq!(bench.port(0, port::TFD), 0x451);
    bench.acknowledge(0);
    bench.restart(0);
    bench.issue(0, fis(READ_LOG[0], 0x10, 1), &[], &[(DATA, 512)]);
    assert_eq!(bench.acknowledge(0), interrupt::PSS);
    let log = bench.memory.read(DATA, 512);
    assert_eq!((log[0], log[2], log[3], log[4]), (7, 0x51, 0x40, 56));
    assert_eq!(log.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte)), 0);
    bench.queue(3, command::READ_QUEUED, 0, 8);
    bench.disk.complete_all();
    assert_eq!(bench.acknowledge(0), interrupt::SDBS);
}

#[test]
fn packets() {
    let bench = started();
    let mut packet = fis(command::PACKET, 0, 0);
    packet[3] = 1;
    // Power on is told to the first.
    bench.issue(2, packet, &[0; 12], &[]);
    assert_eq!(bench.port(2, port::TFD), 0x6051);
    assert_eq!(bench.acknowledge(2), interrupt::DHRS | interrupt::TFES);
    bench.restart(2);
    bench.issue(2, packet, &[0x12, 0, 0, 0, 36, 0], &[(DATA, 36)]);
    assert_eq!(&bench.memory.read(DATA + 8, 7), b"REPRISE");
    assert_eq!(bench.acknowledge(2), interrupt::DHRS);
    bench.issue(2, packet, &[0x28, 0, 0, 0, 0, 5, 0, 0, 4, 0], &[(DATA, 0x2000)]);
    bench.cd.complete_all();
    assert_eq!((bench.port(2, port::TFD), bench.port(2, port::CI)), (0x50, 0));
    assert!(bench.memory.read(DATA, 0x2000) == pattern(CD)[5 * 2048..9 * 2048]);
    bench.cd.change(None);
    bench.issue(2, packet, &[0x28, 0, 0, 0, 0, 5, 0, 0, 4, 0], &[(DATA, 0x2000)]);
    assert_eq!(bench.port(2, port::TFD) & 0xff, 0x51);
}

#[test]
fn broken_memory_stops_the_port() {
    for (list, table, kind, told) in [
        // Where nobody answers, ones are read, which are no frame.
        (0x4000_0000, TABLES, 0x27, interrupt::IFS),
        (LIST, 1 << 40, 0x27, interrupt::IFS),
        (LIST, TABLES, 0x46, interrupt::IFS),
        // Bus mastering is off.
        (LIST, 0, 0x27, interrupt::HBFS),
    ] {
        let bench = started();
        bench.set_port(0, port::CLB, list as u32);
        bench.fill(0, fis(command::FLUSH, 0, 0), &[], &[]);
        bench.memory.write(LIST + 8, &table.to_le_bytes());
        bench.memory.write(TABLES, &[kind]);
        bench.ahci.port.dma().set_enabled(table != 0);
        bench.set_port(0, port::CI, 1);
        assert_eq!(bench.acknowledge(0), told);
        bench.set_port(0, port::CI, 2);
        assert_eq!(bench.port(0, port::CI), 3, "halted");
        bench.restart(0);
        assert_eq!(bench.port(0, port::CI), 0);
    }
    // Less room than data.
    let bench = started();
    bench.issue(0, fis(command::IDENTIFY, 0, 0), &[], &[(DATA, 100)]);
    assert_eq!(
        bench.acknowledge(0),
        interrupt::OFS | interrupt::TFES | interrupt::DHRS
    );
}

#[test]
fn restored_in_flight() {
    let first = started();
    for slot in 0..32 {
        first.queue(slot, command::READ_QUEUED, 8 * slot, 8);
    }
    first.disk.complete_next();
    let second = bench();
    check_saved_state(&*first.ahci, &*second.ahci);
    second.memory.write(0, &first.memory.read(0, 1 << 20));
    first.disk.copy_to(&second.disk);
    assert!(second.sink.level(0));
    second.disk.complete_all();
    assert_eq!(second.port(0, port::SACT), 0);
    for slot in 1..32 {
        let at = slot * 8 * 512;
        assert!(second.memory.read(DATA + slot as u64 * 0x2000, 4096) == pattern(DISK)[at..at + 4096]);
    }
}

#[test]
fn reset_leaves_nothing() {
    let bench = bench();
    check_reset(&*bench.ahci, || {
        bench.set(host::GHC, GHC_AHCI | GHC_INTERRUPTS);
        bench.start_port(0);
        bench.queue(4, command::READ_QUEUED, 0, 8);
        bench.issue(0, fis(command::SET_FEATURES, 0, 0), &[], &[]);
    });
    assert!(bench.disk.waiting().is_empty());
    // Software's reset keeps the addresses.
    bench.start_port(0);
    bench.set(host::GHC, GHC_RESET);
    assert_eq!(
        (bench.port(0, port::CLB), bench.port(0, port::CMD)),
        (LIST as u32, 0x1f06)
    );
    assert_eq!(bench.get(host::GHC), GHC_AHCI);
}

/// What nobody should do.
#[derive(Clone, Debug)]
enum Deed {
    Write(u64, u32),
    Read(u64),
    /// A frame and regions into a slot, which is issued.
    Issue(u64, u64, [u8; 20], Vec<(u64, u32)>, [u8; 12]),
    Memory(u64, Vec<u8>),
    Complete(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    let code = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![
            0x25, 0x35, 0x60, 0x61, 0x60, 0x61, 0x2f, 0x06, 0xa0, 0xa0, 0xec, 0xa1, 0xef, 0xea, 0x20, 0x30,
            0xc8, 0xca,
        ]),
    ];
    let frame = (any::<[u8; 20]>(), code, any::<bool>()).prop_map(|(mut frame, code, plain)| {
        (frame[0], frame[1], frame[2]) = (0x27, frame[1] | 0x80, code);
        if plain {
            // A small address and length.
            frame[5..7].fill(0);
            frame[8..12].fill(0);
            (frame[13], frame[7]) = (0, 0x40);
        }
        frame
    });
    let regions = prop::collection::vec((0..0x20_0000_u64, 1..0x1_0000_u32), 0..4);
    prop_oneof![
        2 => (0..0x400_u64, any::<u32>()).prop_map(|(at, value)| Deed::Write(at & !3, value)),
        2 => (0..0x400_u64).prop_map(|at| Deed::Read(at & !3)),
        1 => (0..3_u64, 0..15_u64, any::<u32>()).prop_map(|(p, r, v)| Deed::Write(PORT_BASE + p * PORT_SIZE + r * 4, v & 0xffff)),
        6 => (0..3_u64, 0..32_u64, frame, regions, any::<[u8; 12]>())
            .prop_map(|(p, s, f, r, c)| Deed::Issue(p, s, f, r, c)),
        1 => (0x1000..0xa000_u64, prop::collection::vec(any::<u8>(), 1..200)).prop_map(|(at, bytes)| Deed::Memory(at, bytes)),
        3 => any::<bool>().prop_map(Deed::Complete),
    ]
}

impl Bench {
    fn perform(&self, deed: &Deed) -> u32 {
        match deed {
            Deed::Write(at, value) => self.set(*at, *value),
            Deed::Read(at) => return self.get(*at),
            Deed::Issue(port, slot, frame, regions, packet) => {
                let mut frame = *frame;
                if matches!(frame[2], 0x60 | 0x61) {
                    frame[12] = (*slot as u8) << 3;
                }
                self.start_port(*port);
                self.fill(*slot, frame, packet, regions);
                self.set_port(*port, port::SACT, 1 << slot);
                self.set_port(*port, port::CI, 1 << slot);
            }
            Deed::Memory(at, bytes) => self.memory.write(*at, bytes),
            Deed::Complete(cd) => {
                let disk = if *cd { &self.cd } else { &self.disk };
                disk.complete_next();
            }
        }
        0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence(before in prop::collection::vec(deed(), 1..60), after in prop::collection::vec(deed(), 1..30)) {
        let (first, second) = (started(), bench());
        for deed in &before {
            first.perform(deed);
        }
        let saved = first.ahci.save();
        second.ahci.load(&saved).unwrap();
        prop_assert_eq!(second.ahci.save(), saved);
        second.memory.write(0, &first.memory.read(0, 1 << 20));
        first.disk.copy_to(&second.disk);
        first.cd.copy_to(&second.cd);
        for deed in &after {
            prop_assert_eq!(first.perform(deed), second.perform(deed), "{:?}", deed);
        }
        prop_assert_eq!(first.ahci.save(), second.ahci.save());
        prop_assert!(first.memory.read(0, 1 << 20) == second.memory.read(0, 1 << 20));
        prop_assert_eq!(first.sink.level(0), second.sink.level(0));
    }
}
