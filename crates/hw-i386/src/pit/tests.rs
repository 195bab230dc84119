//! The 8254 against its data sheet, and the sequences by which operating systems measure time with it.

use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};

struct Board {
    clock: TestClock,
    pit: Arc<Pit>,
    irq: Arc<RecordingSink>,
}

impl Board {
    fn new() -> Self {
        let (clock, irq) = (TestClock::new(), RecordingSink::new());
        let pit = Pit::new(&clock.clock(), irq.line(0));
        Self { clock, pit, irq }
    }

    fn out(&self, port: u64, value: u8) {
        match port {
            0x61 => self.pit.write_control_b(value).unwrap(),
            _ => self.pit.write_counter(port - spec::PORT, value).unwrap(),
        }
    }

    fn inb(&self, port: u64) -> u8 {
        match port {
            0x61 => self.pit.read_control_b(),
            _ => self.pit.read_counter(port - spec::PORT),
        }
    }

    /// To `ticks` input clocks after virtual time 0.
    fn at_tick(&self, ticks: i64) {
        self.clock.advance_to(spec::CLOCK.ns(ticks));
    }

    /// Writes control word and a two-byte count of counter 0.
    fn program(&self, control: u8, count: u16) {
        self.out(0x43, control);
        self.out(0x40, count as u8);
        self.out(0x40, (count >> 8) as u8);
    }

    fn count(&self, counter: u8) -> u16 {
        self.out(0x43, counter << 6);
        let port = spec::PORT + u64::from(counter);
        u16::from_le_bytes([self.inb(port), self.inb(port)])
    }

    fn status(&self, counter: u8) -> u8 {
        self.out(0x43, 0xe0 | 2 << counter);
        self.inb(spec::PORT + u64::from(counter))
    }
}

#[test]
fn counting_by_mode() {
    // Control, count, ticks after the write, expected count, expected OUT. The count is loaded one tick after it
    // was written.
    let cases: &[(u8, u16, i64, u16, bool)] = &[
        (0x30, 1000, 1, 1000, false),
        (0x30, 1000, 1000, 1, false),
        (0x30, 1000, 1001, 0, true),
        (0x30, 1000, 1002, 0xffff, true),
        (0x34, 1000, 1, 1000, true),
        (0x34, 1000, 1000, 1, false),
        (0x34, 1000, 1001, 1000, true),
        (0x34, 0, 1, 0, true),
        (0x34, 0, 2, 0xffff, true),
        (0x36, 1000, 1, 1000, true),
        (0x36, 1000, 500, 2, true),
        (0x36, 1000, 501, 1000, false),
        (0x36, 1000, 1001, 1000, true),
        (0x36, 5, 3, 0, true),
        (0x36, 5, 4, 4, false),
        (0x36, 5, 6, 4, true),
        (0x38, 1000, 1000, 1, true),
        (0x38, 1000, 1001, 0, false),
        (0x38, 1000, 1002, 0xffff, true),
        (0x31, 0x1000, 2, 0x0999, false),
        (0x31, 0, 2, 0x9999, false),
        (0x35, 0x0010, 10, 0x0001, false),
    ];
    for &(control, count, ticks, value, out) in cases {
        let b = Board::new();
        b.program(control, count);
        b.at_tick(ticks);
        let (got, status) = (b.count(0), b.status(0));
        assert_eq!(
            (got, status & 0x80 != 0),
            (value, out),
            "control {control:02x} count {count} after {ticks}"
        );
    }
}

#[test]
fn read_back_and_latches() {
    let b = Board::new();
    b.program(0x34, 0x1234);
    assert_eq!(
        b.status(0),
        0xf4,
        "OUT, null count until the next tick, both bytes, mode 2"
    );
    b.at_tick(1);
    assert_eq!(b.status(0), 0xb4);
    // Status comes first, then the latched count, whatever time passes.
    b.out(0x43, 0xc2);
    b.at_tick(100);
    b.out(0x43, 0x00);
    assert_eq!([b.inb(0x40), b.inb(0x40), b.inb(0x40)], [0xb4, 0x34, 0x12]);
    b.out(0x43, 0x14);
    b.out(0x40, 0x50);
    b.at_tick(200);
    assert_eq!(b.status(0) & 0x3f, 0x14, "low byte only");
    assert_eq!(b.inb(0x43), 0xff);
}

#[test]
fn null_count_after_control_word() {
    let b = Board::new();
    b.out(0x43, 0x34);
    b.irq.take();
    b.at_tick(50);
    assert_eq!(b.status(0) & spec::STATUS_NULL_COUNT, spec::STATUS_NULL_COUNT);
    assert_eq!(b.irq.rises(0), 0);
}

#[test]
fn new_period_waits_for_the_old_one() {
    let b = Board::new();
    b.program(0x34, 1000);
    b.at_tick(101);
    b.out(0x40, 200);
    b.out(0x40, 0);
    b.at_tick(601);
    assert_eq!(b.count(0), 400, "still the old period");
    b.at_tick(1001 + 50);
    assert_eq!(b.count(0), 150);
    b.irq.take();
    b.at_tick(1001 + 200);
    assert_eq!(b.irq.rises(0), 1);
}

#[test]
fn periodic_interrupt_does_not_drift() {
    let b = Board::new();
    b.program(0x34, 11932);
    b.irq.take();
    // 100 Hz as Linux programs it, for an hour.
    b.clock.advance_to(3_600_000_000_000);
    let expected = (spec::CLOCK.ticks(3_600_000_000_000) - 1) / 11932;
    assert_eq!(b.irq.rises(0) as i64, expected);
    assert!(b.irq.level(0));
}

#[test]
fn late_host_gets_one_interrupt() {
    let b = Board::new();
    b.program(0x34, 1000);
    b.irq.take();
    b.clock.jump_to(spec::CLOCK.ns(10_500));
    assert_eq!(b.irq.rises(0), 1);
    b.at_tick(11_001);
    assert_eq!(b.irq.rises(0), 2, "and the grid is kept");
}

#[test]
fn one_shot_of_linux() {
    let b = Board::new();
    b.program(0x38, 5000);
    b.irq.take();
    b.at_tick(5001);
    assert_eq!(b.irq.rises(0), 0);
    b.at_tick(5002);
    assert_eq!(b.irq.rises(0), 1);
    b.at_tick(200_000);
    assert_eq!(b.irq.rises(0), 1);
}

/// `pit_calibrate_tsc` of Linux: counter 2 in mode 0, gate open, speaker off, poll OUT in port 61h.
#[test]
fn calibration_through_port_61() {
    let b = Board::new();
    b.out(0x61, (b.inb(0x61) & !0x02) | 0x01);
    b.out(0x43, 0xb0);
    let latch = (1_193_182 / 100) as u16;
    b.out(0x42, latch as u8);
    b.out(0x42, (latch >> 8) as u8);
    let start = b.clock.now_ns();
    assert_eq!(b.inb(0x61) & spec::B_OUT2, 0);
    while b.inb(0x61) & spec::B_OUT2 == 0 {
        b.clock.advance(1000);
    }
    let took = b.clock.now_ns() - start;
    assert!((9_999_000..10_003_000).contains(&took), "{took} ns for 10 ms");
}

#[test]
fn gate_of_counter_2() {
    let b = Board::new();
    // Mode 0: the gate holds the count.
    b.out(0x61, 0x01);
    b.out(0x43, 0xb0);
    b.out(0x42, 100);
    b.out(0x42, 0);
    b.at_tick(11);
    b.out(0x61, 0x00);
    b.at_tick(500);
    assert_eq!(b.count(2), 90);
    b.out(0x61, 0x01);
    b.at_tick(510);
    assert_eq!(b.count(2), 80);
    // Mode 1: the gate's rise starts it, and starts it over.
    b.out(0x61, 0x00);
    b.out(0x43, 0xb2);
    b.out(0x42, 50);
    b.out(0x42, 0);
    assert_ne!(b.inb(0x61) & spec::B_OUT2, 0);
    b.out(0x61, 0x01);
    b.at_tick(520);
    assert_eq!(b.inb(0x61) & spec::B_OUT2, 0);
    b.at_tick(510 + 51);
    assert_ne!(b.inb(0x61) & spec::B_OUT2, 0);
}

#[test]
fn refresh_bit_toggles_every_15_us() {
    let b = Board::new();
    let mut last = b.inb(0x61) & spec::B_REFRESH;
    let mut toggles = 0;
    for _ in 0..1_000_000 / 500 {
        b.clock.advance(500);
        let now = b.inb(0x61) & spec::B_REFRESH;
        toggles += u32::from(now != last);
        last = now;
    }
    assert!((66..=67).contains(&toggles), "{toggles} in a millisecond");
}

#[test]
fn speaker() {
    let b = Board::new();
    b.out(0x43, 0xb6);
    b.out(0x42, 0xa9);
    b.out(0x42, 0x04);
    assert_eq!(b.pit.speaker(), Speaker::Silent);
    b.out(0x61, 0x03);
    assert_eq!(b.pit.speaker(), Speaker::Tone(0x4a9));
    assert_eq!(b.inb(0x61) & 0x0f, 0x03);
}

#[test]
fn illegal_counts_are_harmless() {
    for control in 0x30..0x40 {
        let b = Board::new();
        b.program(control, 1);
        b.clock.advance(1_000_000);
        b.program(control, 0xffff);
        b.clock.advance(1_000_000);
    }
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.program(0x34, 1000);
    used.clock.advance(5_000_000);
    used.out(0x61, 0x01);
    check_saved_state(&*used.pit, &*fresh.pit);
    check_reset(&*fresh.pit, || fresh.program(0x30, 77));
}
