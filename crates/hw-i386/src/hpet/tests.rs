//! The HPET against its specification and the sequences of Linux.

use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};

struct Board {
    clock: TestClock,
    hpet: Arc<Hpet>,
    lines: Arc<RecordingSink>,
}

const CONFIG: u64 = 0x10;
const STATUS: u64 = 0x20;
const COUNTER: u64 = 0xf0;
const T0_CONFIG: u64 = 0x100;
const T0_CMP: u64 = 0x108;
const T1_CONFIG: u64 = 0x120;
const T1_CMP: u64 = 0x128;
const REPLACE: u32 = 2;
const GSI2: u32 = 3;

impl Board {
    fn new() -> Self {
        let (clock, sink) = (TestClock::new(), RecordingSink::new());
        let lines = HpetLines {
            legacy: [sink.line(0), sink.line(1)],
            replace: sink.line(REPLACE),
            gsi2: sink.line(GSI2),
        };
        let hpet = Hpet::new(&clock.clock(), lines);
        Self {
            clock,
            hpet,
            lines: sink,
        }
    }

    fn write(&self, offset: u64, value: u32) {
        self.hpet.write(offset, 4, value.into()).unwrap();
    }

    fn read(&self, offset: u64) -> u32 {
        self.hpet.read(offset, 4).unwrap() as u32
    }

    fn read64(&self, offset: u64) -> u64 {
        self.hpet.read(offset, 8).unwrap()
    }

    fn ticks(&self, ticks: i64) {
        self.clock.advance(ticks * 10);
    }
}

#[test]
fn identity() {
    let b = Board::new();
    assert_eq!((b.read(0), b.read(4)), (0x8086_a201, 10_000_000));
    assert_eq!(b.read64(0), 10_000_000 << 32 | 0x8086_a201);
    assert_eq!(b.read64(T0_CONFIG), 4 << 32 | 0x30);
    assert_eq!(b.read64(0x160), 0, "no fourth timer");
}

#[test]
fn counter() {
    let b = Board::new();
    b.ticks(1000);
    assert_eq!(b.read(COUNTER), 0, "halted");
    b.write(CONFIG, 1);
    b.ticks(1000);
    assert_eq!(b.read(COUNTER), 1000);
    b.write(CONFIG, 0);
    b.ticks(50);
    b.write(COUNTER, 0xffff_fff0);
    b.write(COUNTER + 4, 1);
    b.write(CONFIG, 1);
    b.ticks(0x20);
    assert_eq!(b.read64(COUNTER), 0x2_0000_0010);
    assert_eq!(b.read(COUNTER + 4), 2);
}

/// `hpet_clkevt_legacy_register` and `hpet_clkevt_set_state_periodic` of Linux.
#[test]
fn legacy_periodic() {
    let b = Board::new();
    b.write(CONFIG, 3);
    assert!(b.lines.level(REPLACE));
    let delta = 400_000;
    let start = b.read(COUNTER);
    b.write(T0_CONFIG, 0x14c);
    b.write(T0_CMP, start + delta);
    b.clock.advance(1000);
    b.write(T0_CMP, delta);
    assert_eq!(b.read(T0_CONFIG) & 0x40, 0, "the set-value bit clears itself");
    b.lines.take();
    b.ticks(i64::from(delta) - 101);
    assert_eq!(b.lines.rises(0), 0);
    b.ticks(1);
    assert_eq!(b.lines.rises(0), 1);
    assert_eq!(b.read(T0_CMP), start + 2 * delta, "the accumulator");
    b.ticks(i64::from(delta) * 999);
    assert_eq!(b.lines.rises(0), 1000);
    assert!(!b.lines.level(0), "edges are pulses");
}

#[test]
fn one_shot() {
    let b = Board::new();
    b.write(CONFIG, 3);
    b.write(T1_CONFIG, 0x104);
    b.write(T1_CMP, b.read(COUNTER) + 500);
    b.ticks(499);
    assert_eq!(b.lines.rises(1), 0);
    b.ticks(1);
    assert_eq!(b.lines.rises(1), 1);
    b.ticks(1_000_000);
    assert_eq!(b.lines.rises(1), 1);
    // Behind the counter: only after the 32 bits have wrapped. At the counter: now.
    b.write(T1_CMP, b.read(COUNTER) - 1);
    b.ticks((1 << 32) - 2);
    assert_eq!(b.lines.rises(1), 1);
    b.ticks(1);
    assert_eq!(b.lines.rises(1), 2);
    b.write(T1_CMP, b.read(COUNTER));
    assert_eq!(b.lines.rises(1), 3);
}

#[test]
fn levels_and_status() {
    let b = Board::new();
    b.write(CONFIG, 1);
    b.write(T0_CONFIG, 0x406);
    b.write(T0_CMP, 100);
    b.write(T0_CMP + 4, 0);
    b.ticks(100);
    assert!(b.lines.level(GSI2));
    assert_eq!(b.read(STATUS), 1);
    b.write(STATUS, 1);
    assert!(!b.lines.level(GSI2));
    assert_eq!(b.read(STATUS), 0);
}

#[test]
fn only_route_is_gsi_2() {
    let b = Board::new();
    b.write(CONFIG, 1);
    for (route, rises) in [(2, 1), (5, 0)] {
        b.lines.take();
        b.write(T0_CONFIG, 0x104 | route << 9);
        b.write(T0_CMP, b.read(COUNTER) + 10);
        b.ticks(10);
        assert_eq!(b.lines.rises(GSI2), rises);
    }
}

#[test]
fn late_host_gets_one_interrupt() {
    let b = Board::new();
    b.write(CONFIG, 3);
    b.write(T0_CONFIG, 0x4c);
    b.hpet.write(T0_CMP, 8, 1000).unwrap();
    b.lines.take();
    b.clock.jump_to(10 * 5500);
    assert_eq!((b.lines.rises(0), b.read64(T0_CMP)), (1, 6000));
}

#[test]
fn shortest_periods_terminate() {
    let b = Board::new();
    b.write(CONFIG, 3);
    for period in [0, 1, 2] {
        b.write(T0_CONFIG, 0x14c);
        b.write(T0_CMP, period);
        b.clock.advance_with(1_000_000_000, 1000);
    }
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.write(CONFIG, 3);
    used.write(T0_CONFIG, 0x14c);
    used.write(T0_CMP, 4000);
    used.ticks(10_000);
    check_saved_state(&*used.hpet, &*fresh.hpet);
    check_reset(&*fresh.hpet, || fresh.write(CONFIG, 1));
}
