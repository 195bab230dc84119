//! The assembled board: what a guest finds after reset, and that nothing it does brings the board down.

use super::*;
use crate::firmware::FirmwareImage;
use crate::ram_layout::{GIB, MIB};
use hw_core::testing::TestClock;
use hw_core::{NullSink, SavedState};
use proptest::prelude::*;
use softmmu::GuestPhys;
use softmmu::lock::Solo;
use std::sync::atomic::{AtomicU32, Ordering};
use util_mainloop::BigLock;

mod models;

#[derive(Default)]
struct Requests {
    resets: AtomicU32,
    offs: AtomicU32,
    status: AtomicU32,
}

impl MachineRequests for Requests {
    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }
    fn power_off(&self) {
        self.offs.fetch_add(1, Ordering::Relaxed);
    }
    fn debug_exit(&self, status: u32) {
        self.status.store(status, Ordering::Relaxed);
    }
}

struct Rig {
    clock: TestClock,
    signals: Arc<CpuSignals>,
    requests: Arc<Requests>,
    pc: Pc,
}

impl Rig {
    fn with(ram_size: u64, change: impl FnOnce(&mut PcConfig)) -> Self {
        let (clock, signals, requests) = (
            TestClock::new(),
            Arc::new(CpuSignals::new()),
            Arc::new(Requests::default()),
        );
        let lock: Arc<dyn DispatchLock> = Arc::new(Solo::default());
        let mut config = PcConfig {
            ram_size,
            cpus: PcCpus {
                signals: vec![signals.clone()],
                layout: Layout::default(),
                apic: true,
                x2apic: false,
                long_mode: true,
                signature: 0x663,
                features: 0x78b_fbff,
                physical_bits: 40,
            },
            clock: clock.clock(),
            map: MemoryMap::new(lock.clone()),
            lock,
            serials: [Some(Arc::new(NullSink)), None, None, None],
            ide: [const { None }; 4],
            floppies: [None, None],
            debug_consoles: vec![],
            debug_exits: vec![(0xf4, 4)],
            hpet: true,
            acpi: true,
            rtc: RtcConfig {
                unix_seconds: 1_700_000_000,
                ..RtcConfig::default()
            },
            rtc_clock: None,
            requests: requests.clone(),
            firmware: FirmwareConfig::default(),
        };
        change(&mut config);
        let pc = Pc::new(config).unwrap();
        pc.reset();
        Self {
            clock,
            signals,
            requests,
            pc,
        }
    }

    fn new() -> Self {
        Self::with(64 * MIB, |_| ())
    }

    fn load(&self, at: u64, size: u32) -> u64 {
        self.pc.memory.load(GuestPhys(at), size).unwrap()
    }

    fn store(&self, at: u64, size: u32, value: u64) {
        self.pc.memory.store(GuestPhys(at), size, value).unwrap();
    }

    fn inp(&self, port: u64, size: u32) -> u64 {
        self.pc.io.load(GuestPhys(port), size).unwrap()
    }

    fn out(&self, port: u64, size: u32, value: u64) {
        self.pc.io.store(GuestPhys(port), size, value).unwrap();
    }

    fn config(&self, slot: u8, function: u8, offset: u8, size: u32) -> u64 {
        self.out(
            0xcf8,
            4,
            0x8000_0000 | (devfn(slot, function) as u64) << 8 | offset as u64 & 0xfc,
        );
        self.inp(0xcfc + (offset as u64 & 3), size)
    }

    fn set_config(&self, slot: u8, function: u8, offset: u8, size: u32, value: u64) {
        self.out(
            0xcf8,
            4,
            0x8000_0000 | (devfn(slot, function) as u64) << 8 | offset as u64 & 0xfc,
        );
        self.out(0xcfc + (offset as u64 & 3), size, value);
    }
}

#[test]
fn pci_after_post() {
    let rig = Rig::new();
    for (slot, function, offset, size, value) in [
        (0, 0, 0, 4, 0x1237_8086),
        (0, 0, 0x2c, 4, 0x1100_1af4),
        (0, 0, 0x58, 4, 0x1111_1000),
        (1, 0, 0, 4, 0x7000_8086),
        (1, 0, 0x0e, 1, 0x80),
        (1, 0, 0x60, 4, 0x0b0b_0a0a),
        (1, 1, 0, 4, 0x7010_8086),
        (1, 1, 0x20, 4, 0xc001),
        (1, 1, 0x40, 4, 0x8000_8000),
        (1, 3, 0, 4, 0x7113_8086),
        (1, 3, 0x3c, 2, 0x0109),
        (1, 3, 0x40, 4, 0x601),
        (1, 3, 0x58, 4, 0x0200_0000),
        (1, 3, 0x90, 4, 0x701),
        (1, 2, 0, 4, 0xffff_ffff),
        (5, 0, 0, 2, 0xffff),
    ] {
        assert_eq!(
            rig.config(slot, function, offset, size),
            value,
            "{slot}.{function} {offset:#x}"
        );
    }
    assert_eq!(rig.inp(0xcf8, 4), 0x8000_2800);
    assert!(rig.pc.describe_pci().contains("PCI device 8086:7113"));
}

#[test]
fn bars_and_pm_base_move() {
    let rig = Rig::new();
    rig.out(0xc002, 1, 0x60);
    assert_eq!((rig.inp(0xc002, 1), rig.inp(0xd002, 1)), (0x60, 0xff));
    rig.set_config(1, 1, 0x20, 4, 0xd000);
    assert_eq!((rig.inp(0xc002, 1), rig.inp(0xd002, 1)), (0xff, 0x60));
    rig.set_config(1, 1, 4, 2, 0);
    assert_eq!(rig.inp(0xd002, 1), 0xff);
    let before = rig.inp(0x608, 4);
    rig.clock.advance(1_000_000);
    assert_eq!(rig.inp(0x608, 4).wrapping_sub(before), 3579);
    rig.set_config(1, 3, 0x40, 4, 0x4001);
    assert_eq!(
        (rig.inp(0x608, 4), rig.inp(0x4008, 4)),
        (0xffff_ffff, before + 3579)
    );
}

#[test]
fn memory_map_and_pam() {
    let rig = Rig::with(4 * GIB, |_| ());
    rig.store(4 * GIB + GIB - 8, 8, 0x1122_3344_5566_7788);
    assert_eq!(rig.load(4 * GIB + GIB - 4, 4), 0x1122_3344);
    assert_eq!(rig.load(3 * GIB, 4), 0xffff_ffff, "the hole");
    assert_eq!(rig.load(5 * GIB, 4), 0xffff_ffff);
    rig.store(5 * GIB, 4, 1);
    // The reset stub shows at both ends, RAM below 1 MiB without writes.
    assert_eq!(
        (rig.load(0xf_fff0, 4), rig.load(0xffff_fff0, 4)),
        (0x64e6_feb0, 0x64e6_feb0)
    );
    rig.store(0xf_fff0, 4, 0);
    rig.store(0xffff_fff0, 4, 0);
    assert_eq!(
        (rig.load(0xf_fff0, 4), rig.load(0xffff_fff0, 4)),
        (0x64e6_feb0, 0x64e6_feb0)
    );
    rig.set_config(0, 0, 0x59, 1, 0x30);
    rig.store(0xf_8000, 4, 0x1234);
    rig.set_config(0, 0, 0x59, 1, 0x10);
    rig.store(0xf_8000, 4, 0);
    assert_eq!(rig.load(0xf_8000, 4), 0x1234);
    rig.set_config(0, 0, 0x59, 1, 0);
    assert_eq!(rig.load(0xf_8000, 4), 0, "the ROM's F segment");
    assert_eq!(rig.load(0xe_0000, 4), 0, "RAM");
    rig.set_config(0, 0, 0x5e, 1, 0);
    assert_eq!(rig.load(0xe_0000, 4), 0xffff_ffff, "ROM");
    rig.set_config(0, 0, 0x5a, 1, 0);
    rig.store(0xc_0000, 4, 0);
    assert_eq!(rig.load(0xc_0000, 4), 0xffff_ffff, "nothing");
    rig.store(0xb_8000, 2, 0x0741);
    assert_eq!((rig.load(0xb_8000, 2), rig.load(0xa_0000, 2)), (0x0741, 0xffff));
    assert_eq!(rig.load(0xfee0_0030, 4) & 0xff, 0x14);
    assert_eq!(rig.load(0xfed0_0000, 4), 0x8086_a201);
}

#[test]
fn a20() {
    let rig = Rig::new();
    rig.store(0x500, 4, 0xaaaa_aaaa);
    rig.store(0x10_0500, 4, 0x5555_5555);
    for (close, open) in [
        (&[(0x92, 0x00)][..], &[(0x92, 0x02)][..]),
        (&[(0x64, 0xdd)], &[(0x64, 0xdf)]),
        (&[(0x64, 0xd1), (0x60, 0xcd)], &[(0x64, 0xd1), (0x60, 0xcf)]),
    ] {
        close.iter().for_each(|&(port, value)| rig.out(port, 1, value));
        assert_eq!(
            (rig.load(0x10_0500, 4), rig.load(0x30_0500, 4)),
            (0xaaaa_aaaa, 0),
            "{close:x?}"
        );
        open.iter().for_each(|&(port, value)| rig.out(port, 1, value));
        assert_eq!(rig.load(0x10_0500, 4), 0x5555_5555, "{open:x?}");
    }
    rig.out(0x92, 1, 0);
    rig.pc.reset();
    assert_eq!(rig.load(0x10_0500, 4), 0x5555_5555);
}

#[test]
fn requests() {
    let rig = Rig::new();
    rig.out(0x64, 1, 0xfe);
    rig.out(0x92, 1, 0x03);
    rig.out(0xcf9, 1, 0x02);
    assert_eq!(rig.requests.resets.load(Ordering::Relaxed), 2);
    rig.out(0xcf9, 1, 0x06);
    assert_eq!(rig.requests.resets.load(Ordering::Relaxed), 3);
    rig.out(0xf4, 4, 0x10);
    assert_eq!(rig.requests.status.load(Ordering::Relaxed), 0x21);
    rig.out(0x604, 2, 0x2000);
    assert_eq!(rig.requests.offs.load(Ordering::Relaxed), 1);
}

#[test]
fn state_after_post() {
    let rig = Rig::new();
    for (port, value) in [
        (0x21, 0xff),
        (0xa1, 0xff),
        (0x4d0, 0x00),
        (0x4d1, 0x0c),
        (0x92, 0x02),
        (0x3fd, 0x60),
        (0x2fd, 0xff),
        (0x1f7, 0x00),
        (0xafe0, 0x00),
    ] {
        assert_eq!(rig.inp(port, 1), value, "{port:#x}");
    }
    rig.out(0x64, 1, 0x20);
    assert_eq!(rig.inp(0x60, 1), 0x65);
    for (index, value) in [
        (0x15, 0x80),
        (0x16, 0x02),
        (0x17, 0x00),
        (0x18, 0xfc),
        (0x34, 0x00),
        (0x35, 0x03),
    ] {
        rig.out(0x70, 1, index);
        assert_eq!(rig.inp(0x71, 1), value, "CMOS {index:#x}");
    }
    assert_eq!(
        (rig.load(0x413, 2), rig.load(0x40e, 2), rig.load(0x400, 2)),
        (639, 0x9fc0, 0x3f8)
    );
    assert_eq!(rig.load(0xfee0_0350, 4), 0x8700);
    let mut cpu = CpuState::default();
    rig.pc.reset_cpu(0, &mut cpu);
    assert_eq!(
        (cpu.msr.mtrr_def_type, cpu.msr.mtrr_var[0]),
        (0xc06, (0x8000_0000, 0xff_8000_0800))
    );
}

#[test]
fn interrupts_reach_the_cpu() {
    let rig = Rig::new();
    let pending = || rig.signals.pending() & target_i386::signals::request::INTR != 0;
    // IRQ 4 of COM1 through the 8259 and ExtINT: unmask, then the transmitter is empty.
    rig.out(0x21, 1, 0xef);
    assert!(!pending());
    rig.out(0x3f9, 1, 2);
    assert!(pending());
    assert_eq!(rig.pc.platforms[0].acknowledge_interrupt(), Some(0x0c));
    rig.pc.nmi();
    assert_ne!(rig.signals.pending() & target_i386::signals::request::NMI, 0);
}

#[test]
fn kernel_comes_back_with_each_reset() {
    let mut rig = Rig::new();
    let mut kernel = vec![0u8; 0x200];
    let flags = 1u32 << 16;
    let fields = [
        0x1bad_b002,
        flags,
        0u32.wrapping_sub(0x1bad_b002 + flags),
        0x10_0000,
        0x10_0000,
        0,
        0,
        0x10_0020,
    ];
    for (i, field) in fields.into_iter().enumerate() {
        kernel[i * 4..i * 4 + 4].copy_from_slice(&field.to_le_bytes());
    }
    rig.pc.set_kernel("k", kernel.into(), vec![], "").unwrap();
    for _ in 0..2 {
        rig.pc.reset();
        assert_eq!(rig.load(0x10_0000, 4), 0x1bad_b002);
        rig.store(0x10_0000, 4, 0);
        let mut cpu = CpuState::default();
        rig.pc.reset_cpu(0, &mut cpu);
        assert_eq!((cpu.rip, cpu.gpr[0]), (0x10_0020, 0x2bad_b002));
    }
    assert!(rig.pc.set_kernel("k", vec![1, 2, 3].into(), vec![], "").is_err());
    assert!(rig.pc.boot_plan().is_some());
}

#[test]
fn without_local_apic() {
    let rig = Rig::with(16 * MIB, |config| {
        config.cpus.apic = false;
        config.hpet = false;
        config.acpi = false;
        config.serials = [const { None }; 4];
    });
    assert_eq!(
        (rig.load(0xfee0_0030, 4), rig.load(0xfec0_0000, 4)),
        (0xffff_ffff, 0xffff_ffff)
    );
    rig.out(0x21, 1, 0xfe);
    rig.clock.advance(60_000_000);
    assert_ne!(rig.signals.pending() & target_i386::signals::request::INTR, 0);
    assert_eq!(rig.pc.platforms[0].acknowledge_interrupt(), Some(8));
}

#[test]
fn refusals() {
    let try_size = |size| {
        let rig = Rig::new();
        let lock: Arc<dyn DispatchLock> = Arc::new(Solo::default());
        Pc::new(PcConfig {
            ram_size: size,
            cpus: rig.pc.cpus.clone(),
            clock: rig.clock.clock(),
            map: MemoryMap::new(lock.clone()),
            lock,
            serials: [const { None }; 4],
            ide: [const { None }; 4],
            floppies: [None, None],
            debug_consoles: vec![],
            debug_exits: vec![],
            hpet: false,
            acpi: false,
            rtc: RtcConfig::default(),
            rtc_clock: None,
            requests: rig.requests,
            firmware: FirmwareConfig::default(),
        })
        .is_err()
    };
    assert!(try_size(0) && try_size(MIB) && try_size(2 * MIB + 1) && !try_size(2 * MIB));
}

#[test]
fn same_state_same_digest() {
    let (a, b) = (Rig::new(), Rig::new());
    assert_eq!(hw_core::digest(&a.pc.devices), hw_core::digest(&b.pc.devices));
    b.out(0x3ff, 1, 1);
    assert_ne!(hw_core::digest(&a.pc.devices), hw_core::digest(&b.pc.devices));
    let mut names: Vec<_> = a.pc.devices.iter().map(|d| d.name().to_owned()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), a.pc.devices.len(), "names are unique");
}

/// Ports that answer, so that arbitrary accesses hit devices more often than air.
const PORTS: &[u64] = &[
    0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xb2, 0xb3,
    0xf0, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x4d0, 0x4d1, 0x600, 0x602, 0x604, 0x608,
    0x700, 0xcf8, 0xcf9, 0xcfa, 0xcfc, 0xcfd, 0xcfe, 0xcff, 0xc000, 0xc002, 0xafe0, 0xf4,
];

type Access = (u8, u16, u32, u32);
/// Device states, memory map, timers.
type Everything = (Vec<(String, SavedState)>, Vec<String>, Vec<(usize, i64)>);

/// Fails with what is different, and with no more than that.
fn assert_same(found: &Everything, expected: &Everything) {
    for (found, expected) in found.0.iter().zip(&expected.0) {
        assert_eq!(found, expected);
    }
    for (found, expected) in found.1.iter().zip(&expected.1) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.2, expected.2, "timers");
    assert_eq!(
        (found.0.len(), found.1.len()),
        (expected.0.len(), expected.1.len())
    );
}

fn accesses() -> impl Strategy<Value = Vec<Access>> {
    let one = (
        0u8..10,
        any::<u16>(),
        prop::sample::select(vec![1u32, 2, 4]),
        any::<u32>(),
    );
    prop::collection::vec(one, 0..150)
}

impl Rig {
    fn access(&self, (kind, place, size, value): Access) {
        let port = PORTS[place as usize % PORTS.len()];
        let mmio = match place & 3 {
            0 => 0xfee0_0000 + (place as u64 >> 2 & 0xff0),
            1 => 0xfec0_0000 + (place as u64 >> 2 & 0x1f),
            2 => 0xfed0_0000 + (place as u64 >> 2 & 0x3f8),
            _ => 0xa_0000 + place as u64 * 8,
        };
        match kind {
            0 | 1 => drop(self.pc.io.load(GuestPhys(port), size)),
            2 | 3 => drop(self.pc.io.store(GuestPhys(port), size, value as u64)),
            4 => drop(self.pc.io.store(GuestPhys(place as u64), size, value as u64)),
            5 => {
                let function = [0u64, 0x800, 0x900, 0xb00][place as usize & 3];
                self.out(0xcf8, 4, 0x8000_0000 | function | place as u64 >> 2 & 0xfc);
                self.out(0xcfc, 4, value as u64);
            }
            6 => drop(self.pc.memory.load(GuestPhys(mmio), 4)),
            7 => drop(self.pc.memory.store(GuestPhys(mmio), 4, value as u64)),
            8 => self.clock.advance(value as i64 >> 4),
            _ => {
                let _ = self.pc.platforms[0].acknowledge_interrupt();
            }
        }
    }

    /// All of the board that a guest could tell.
    fn everything(&self) -> Everything {
        let map = self.pc.map().describe();
        // What is where, not the tree it comes from, which has parts that are made when they are first needed.
        let map = map
            .lines()
            .filter(|line| line.starts_with("  ") && !line.contains("(prio "));
        let map = map.map(str::to_owned);
        (self.pc.save_devices(), map.collect(), self.clock.timers().armed())
    }

    fn load_devices(&self, saved: &[(String, SavedState)]) -> Result<(), PcStateError> {
        let find = |name: &str| Some(&saved.iter().find(|(of, _)| of == name)?.1);
        self.pc.load_devices(find)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a guest does with ports, registers in memory and time: no panic, and the whole board comes back, into
    /// a board that has seen other things, and from then on does what the first does.
    #[test]
    fn arbitrary_accesses(before in accesses(), others in accesses(), after in accesses()) {
        let (rig, other) = (Rig::new(), Rig::new());
        before.iter().for_each(|&access| rig.access(access));
        others.iter().for_each(|&access| other.access(access));
        let (saved, mine) = (rig.everything(), other.everything());
        let (now, then) = (rig.clock.now_ns(), other.clock.now_ns());
        let become_of = |now: i64, of: &Everything| {
            other.clock.set(now);
            other.load_devices(&of.0).unwrap();
            let _ = other.clock.timers().reorder(&of.2);
            assert_same(&other.everything(), of);
        };
        become_of(now, &saved);
        become_of(then, &mine);
        become_of(now, &saved);
        for &access in &after {
            rig.access(access);
            other.access(access);
        }
        assert_same(&other.everything(), &rig.everything());
        rig.pc.reset();
    }
}

/// A board with every device in use refuses what is not a state of its, one device at a time, and that device is then
/// as before.
#[test]
fn damaged_states_are_refused() {
    let rig = Rig::new();
    rig.out(0x3f9, 1, 0xf);
    rig.out(0x70, 1, 0x8b);
    for device in &rig.pc.devices {
        let (name, good) = (device.name(), device.save());
        let with = |version: u16, bytes: &[u8]| SavedState {
            version,
            bytes: bytes.to_vec(),
        };
        for bad in [
            with(good.version + 1, &good.bytes),
            with(good.version, &good.bytes[..good.bytes.len() - 1]),
            with(good.version, &[]),
        ] {
            assert!(device.load(&bad).is_err(), "{name} takes {bad:?}");
            assert_eq!(device.save(), good, "{name}");
        }
        // Flipped bits make another state, or none; never a panic.
        for at in 0..good.bytes.len() * 8 {
            let mut flipped = good.clone();
            flipped.bytes[at / 8] ^= 1 << (at % 8);
            let _ = device.load(&flipped);
        }
        device.load(&good).unwrap();
        assert_eq!(device.save(), good, "{name}");
    }
    let mut states = rig.pc.save_devices();
    states.remove(3);
    assert!(matches!(rig.load_devices(&states), Err(PcStateError::Missing(_))));
}

#[test]
fn dropping_frees_everything() {
    let rig = Rig::with(64 * MIB, |_| {});
    rig.pc.reset();
    let name = |device: &Arc<dyn Device>| device.name().to_owned();
    let devices: Vec<_> = rig
        .pc
        .devices
        .iter()
        .map(|d| (name(d), Arc::downgrade(d)))
        .collect();
    let spaces = [Arc::downgrade(&rig.pc.memory), Arc::downgrade(&rig.pc.io)];
    drop(rig);
    let leaked: Vec<_> = devices
        .iter()
        .filter(|(_, d)| d.upgrade().is_some())
        .map(|(n, _)| n)
        .collect();
    assert_eq!(leaked, Vec::<&String>::new());
    assert!(
        spaces.iter().all(|space| space.upgrade().is_none()),
        "an address space is left"
    );
}

/// PM timer and HPET are read while somebody else has the big lock; what is written waits for it.
#[test]
fn clocks_are_read_without_the_big_lock() {
    let big = Arc::new(BigLock::new());
    let rig = Rig::with(64 * MIB, |config| {
        config.lock = big.clone();
        config.map = MemoryMap::new(config.lock.clone());
    });
    rig.clock.advance(1_000_000_000);
    let held = big.lock();
    let (said, heard) = std::sync::mpsc::channel();
    let (io, memory) = (rig.pc.io.clone(), rig.pc.memory.clone());
    let reader = std::thread::spawn(move || {
        let timer = io.load(GuestPhys(0x608), 4).expect("a port");
        said.send(timer).expect("somebody listens");
        let period = memory.load(GuestPhys(0xfed0_0004), 4).expect("a register");
        said.send(period).expect("somebody listens");
        memory.store(GuestPhys(0xfed0_0010), 4, 1).expect("a register");
        said.send(0).expect("somebody listens");
    });
    let next = |ms| heard.recv_timeout(std::time::Duration::from_millis(ms));
    assert_eq!(next(20_000), Ok(3_579_545), "a second of the PM timer");
    assert_eq!(
        next(20_000),
        Ok(10_000_000),
        "a tick of the HPET, in femtoseconds"
    );
    assert!(next(20).is_err(), "a write waits");
    drop(held);
    assert_eq!(next(20_000), Ok(0));
    reader.join().unwrap();
}

/// With firmware the board is as after power-on: the image in its places, and nothing programmed but CMOS.
#[test]
fn starts_in_firmware() {
    let mut image = vec![0x11u8; 0x4_0000];
    image[0x3_fff0] = 0xea;
    let rig = Rig::with(64 * MIB, |config| {
        config.firmware.image = Some(FirmwareImage::rom(image.into()).unwrap());
        config.firmware.boot.once = Some("d".into());
    });
    for at in [0xffff_fff0, 0xf_fff0] {
        assert_eq!(rig.load(at, 1), 0xea, "{at:#x}");
    }
    assert_eq!(rig.load(0xfffc_0000, 1), 0x11);
    assert_eq!(rig.load(0xe_0000, 1), 0x11, "128 KiB of it below 1 MiB");
    assert_eq!(rig.load(0xd_ffff, 1), 0xff);
    assert_eq!(rig.load(0x40e, 2), 0, "no mini-POST");
    assert_eq!(rig.pc.rtc.cmos(0x3d), 0x03, "once");
    rig.pc.rtc.set_cmos(0x0f, 0x0a);
    rig.pc.reset();
    assert_eq!((rig.pc.rtc.cmos(0x3d), rig.pc.rtc.cmos(0x38)), (0x12, 0x30));
    assert_eq!(rig.pc.rtc.cmos(0x0f), 0x0a, "the shutdown code outlives a reset");
    let mut cpu = CpuState::default();
    let before = cpu.clone();
    rig.pc.reset_cpu(0, &mut cpu);
    assert_eq!((cpu.rip, cpu.seg[1].base), (before.rip, before.seg[1].base));
    rig.pc.reset_cpu(1, &mut cpu);
    assert_eq!(cpu.activity, Activity::WaitForSipi);
    // PAM: copied to the RAM behind it, the image shows there without writes.
    let pam = |value| {
        rig.pc
            .pci
            .function(devfn(0, 0))
            .unwrap()
            .config_write(0x59, 1, value)
    };
    pam(0x30);
    assert_eq!(rig.load(0xf_fff0, 1), 0);
    rig.pc.memory.store(GuestPhys(0xf_fff0), 1, 0x77).unwrap();
    pam(0x10);
    rig.pc.memory.store(GuestPhys(0xf_fff0), 1, 0x66).unwrap();
    assert_eq!(rig.load(0xf_fff0, 1), 0x77, "writes are dropped");
    pam(0x20);
    assert_eq!(rig.load(0xf_fff0, 1), 0xea, "ROM again");
    rig.pc.reset();
    assert_eq!(rig.load(0xf_fff0, 1), 0xea);
}
