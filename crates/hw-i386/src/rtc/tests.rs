//! The clock against its data sheet and against what Linux does with it.

use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};
use spec::{SECOND, UPDATE_NS};

struct Board {
    clock: TestClock,
    rtc: Arc<Rtc>,
    irq: Arc<RecordingSink>,
}

/// 2023-11-14 22:13:20, a Tuesday.
const NOW: i64 = 1_700_000_000;

impl Board {
    fn new() -> Self {
        Self::with(RtcTime::Virtual, false)
    }

    fn with(time: RtcTime, reinjects: bool) -> Self {
        let (clock, irq) = (TestClock::new(), RecordingSink::new());
        let config = RtcConfig {
            unix_seconds: NOW,
            time,
            reinjects,
        };
        let rtc = Rtc::new(config, &clock.clock(), irq.line(8));
        Self { clock, rtc, irq }
    }

    /// Through the ports.
    fn read(&self, index: u8) -> u8 {
        let window = self.rtc.window();
        window.ops.write(0, 1, index.into()).unwrap();
        window.ops.read(1, 1).unwrap() as u8
    }

    fn write(&self, index: u8, value: u8) {
        let window = self.rtc.window();
        window.ops.write(0, 1, index.into()).unwrap();
        window.ops.write(1, 1, value.into()).unwrap();
    }

    /// Hours, minutes, seconds, day, month, year, century, as registers.
    fn time(&self) -> [u8; 7] {
        [4, 2, 0, 7, 8, 9, 0x32].map(|index| self.read(index))
    }
}

#[test]
fn power_on() {
    let b = Board::new();
    assert_eq!(
        (b.read(0x0a), b.read(0x0b), b.read(0x0c), b.read(0x0d)),
        (0x26, 0x02, 0, 0x80)
    );
    assert_eq!(b.time(), [0x22, 0x13, 0x20, 0x14, 0x11, 0x23, 0x20]);
    assert_eq!((b.read(6), b.read(0x37)), (3, 0x20));
    assert_eq!(b.rtc.window().ops.read(0, 1), Ok(0xff));
}

#[test]
fn formats() {
    // Register B, expected hour and minute.
    for (b_register, hour, minute) in [
        (0x02, 0x22, 0x13),
        (0x06, 22, 13),
        (0x00, 0x90, 0x13),
        (0x04, 0x8a, 13),
    ] {
        let b = Board::new();
        b.write(0x0b, b_register);
        assert_eq!((b.read(4), b.read(2)), (hour, minute), "B = {b_register:02x}");
    }
}

#[test]
fn time_goes_on_and_over_midnight() {
    let b = Board::new();
    b.clock.advance(SECOND - 1);
    assert_eq!(b.read(0), 0x20);
    b.clock.advance(1);
    assert_eq!(b.read(0), 0x21);
    b.clock.advance(2 * 3600 * SECOND);
    assert_eq!(b.time(), [0x00, 0x13, 0x21, 0x15, 0x11, 0x23, 0x20]);
    b.clock.advance(365 * 86_400 * SECOND);
    assert_eq!(
        b.time(),
        [0x00, 0x13, 0x21, 0x14, 0x11, 0x24, 0x20],
        "2024 is a leap year"
    );
}

#[test]
fn update_in_progress_before_each_second() {
    let b = Board::new();
    // Time within the second, UIP.
    for (at, uip) in [
        (0, false),
        (SECOND - UPDATE_NS - 1, false),
        (SECOND - UPDATE_NS, true),
        (SECOND - 1, true),
    ] {
        b.clock.advance_to(5 * SECOND + at);
        assert_eq!(b.read(0x0a) & 0x80 != 0, uip, "{at} ns into the second");
    }
    b.clock.advance_to(6 * SECOND);
    assert_eq!(b.read(0x0a) & 0x80, 0);
    b.write(0x0b, 0x82);
    b.clock.advance_to(7 * SECOND - 1);
    assert_eq!(b.read(0x0a) & 0x80, 0, "no updates while SET");
}

/// `mc146818_set_time` of Linux: halt, reset the divider, write, let go.
#[test]
fn setting_the_time() {
    let b = Board::new();
    b.clock.advance(300_000_000);
    b.write(0x0b, 0x82);
    b.write(0x0a, 0x76);
    for (index, value) in [
        (9, 0x99),
        (8, 0x12),
        (7, 0x31),
        (4, 0x23),
        (2, 0x59),
        (0, 0x59),
        (0x32, 0x19),
    ] {
        b.write(index, value);
    }
    b.clock.advance(10 * SECOND);
    assert_eq!(
        b.time(),
        [0x23, 0x59, 0x59, 0x31, 0x12, 0x99, 0x19],
        "stands still"
    );
    b.write(0x0b, 0x02);
    b.write(0x0a, 0x26);
    b.clock.advance(SECOND / 2 - 1);
    assert_eq!(b.read(0), 0x59);
    b.clock.advance(1);
    assert_eq!(
        b.time(),
        [0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x20],
        "first update after half a second"
    );
    // A running clock takes single registers too.
    b.write(4, 0x12);
    assert_eq!(b.time(), [0x12, 0x00, 0x00, 0x01, 0x01, 0x00, 0x20]);
}

#[test]
fn nonsense_times() {
    let b = Board::new();
    for index in [0, 2, 4, 6, 7, 8, 9, 0x32] {
        b.write(index, 0xff);
        b.clock.advance(SECOND);
        b.time();
    }
}

#[test]
fn periodic_rates() {
    // Rate select, interrupts in a second.
    for (rate, per_second) in [(1, 256), (2, 128), (3, 8192), (6, 1024), (13, 8), (15, 2), (0, 0)] {
        let b = Board::new();
        b.write(0x0a, 0x20 | rate);
        b.write(0x0b, 0x42);
        let mut flags = 0;
        let step = 10_000;
        for _ in 0..SECOND / step {
            b.clock.advance(step);
            if b.irq.level(8) {
                assert_eq!(b.read(0x0c) & 0xc0, 0xc0);
                flags += 1;
            }
        }
        assert_eq!((flags, b.irq.rises(8)), (per_second, per_second), "rate {rate}");
    }
}

#[test]
fn flags_without_interrupts() {
    let b = Board::new();
    b.clock.advance(SECOND);
    assert_eq!(b.clock.deadline(), None, "nobody listens, nothing is armed");
    // The alarm registers are 0: no match at 22:13:21.
    assert_eq!(b.read(0x0c), 0x50);
    assert_eq!(b.read(0x0c), 0x00);
    assert_eq!(b.irq.rises(8), 0);
}

#[test]
fn update_interrupt() {
    let b = Board::new();
    b.clock.advance(SECOND / 4);
    b.write(0x0b, 0x12);
    b.clock.advance_to(SECOND - 1);
    assert!(!b.irq.level(8));
    b.clock.advance_to(SECOND);
    assert!(b.irq.level(8));
    assert_eq!(b.read(0x0c) & 0x90, 0x90);
    assert!(!b.irq.level(8), "reading C lowers the line");
    b.clock.advance_to(3 * SECOND);
    assert_eq!(
        b.irq.rises(8),
        2,
        "one interrupt for the seconds nobody acknowledged"
    );
}

#[test]
fn alarms() {
    // Alarm hour, minute, second; seconds from 22:13:20 until it comes.
    for (hour, minute, second, after) in [
        (0x22, 0x13, 0x21, 1),
        (0x22, 0x14, 0x00, 40),
        (0xff, 0xff, 0x30, 10),
        (0xff, 0xff, 0xc0, 1),
        (0xff, 0x10, 0x00, 56 * 60 + 40),
        (0x22, 0x13, 0x20, 86_400),
        (0x00, 0x00, 0x00, 6400),
    ] {
        let b = Board::new();
        b.write(5, hour);
        b.write(3, minute);
        b.write(1, second);
        b.write(0x0b, 0x22);
        b.clock.advance_to(after * SECOND - 1);
        assert!(!b.irq.level(8), "{hour:x}:{minute:x}:{second:x} too early");
        b.clock.advance_to(after * SECOND);
        assert!(b.irq.level(8), "{hour:x}:{minute:x}:{second:x} missing");
        assert_eq!(b.read(0x0c) & 0xa0, 0xa0);
    }
    let b = Board::new();
    b.write(5, 0x99);
    b.write(0x0b, 0x22);
    assert_eq!(b.clock.deadline(), None, "an hour that never comes");
}

#[test]
fn ram() {
    let b = Board::new();
    b.rtc.set_cmos(0x34, 0x12);
    b.write(0x80 | 0x35, 0x34);
    assert_eq!((b.read(0x34), b.rtc.cmos(0x35)), (0x12, 0x34));
    hw_core::testing::reset(&*b.rtc);
    assert_eq!(b.read(0x34), 0x12, "battery");
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.write(0x0b, 0x72);
    used.clock.advance(SECOND * 3 + 5);
    used.write(0x40, 7);
    check_saved_state(&*used.rtc, &*fresh.rtc);
    check_reset(&*fresh.rtc, || {
        fresh.rtc.set_cmos(0x0b, fresh.rtc.cmos(0x0b) | 0x10)
    });
}

/// Ticks that nobody was there for come one by one as register C is read, a limited number between two ticks.
#[test]
fn lost_ticks_are_made_up_for() {
    let b = Board::with(RtcTime::Virtual, true);
    let period = SECOND / 8;
    b.write(0x0a, 0x2d);
    b.write(0x0b, 0x42);
    // The guest is away for `away` ticks, then reads C `acks` times each time that it sees the line high.
    let mut taken = 0;
    let mut ticks = 0;
    for (away, acks, seen) in [
        (1, 5, 1),
        (4, 5, 4),
        (1, 1, 1),
        (2, 1, 1),
        (1, 5, 2),
        (50, 99, 21),
        (1, 99, 21),
        (1, 99, 10),
        (1, 9, 1),
    ] {
        ticks += away;
        b.clock.advance_to(ticks * period);
        let mut found = 0;
        while b.irq.level(8) && found < acks {
            assert_eq!(b.read(0x0c) & 0xc0, 0xc0);
            found += 1;
        }
        assert_eq!(found, seen, "after tick {ticks}");
        taken += found;
    }
    assert_eq!(
        (taken, b.irq.rises(8) as i64),
        (ticks, ticks),
        "no tick is lost, none invented"
    );
}

#[test]
fn lost_ticks_follow_the_rate_and_go_with_the_interrupt() {
    let ticks_after = |change: fn(&Board)| {
        let b = Board::with(RtcTime::Virtual, true);
        b.write(0x0a, 0x2d);
        b.write(0x0b, 0x42);
        b.clock.advance_to(SECOND);
        change(&b);
        (0..99)
            .take_while(|_| b.irq.level(8) && b.read(0x0c) != 0)
            .count()
    };
    // 8 Hz: eight ticks, one of them seen.
    assert_eq!(ticks_after(|_| ()), 8);
    assert_eq!(
        ticks_after(|b| b.write(0x0a, 0x2c)),
        15,
        "seven at 8 Hz are fourteen at 16 Hz"
    );
    assert_eq!(ticks_after(|b| b.write(0x0a, 0x2f)), 2, "and one at 2 Hz");
    let off = |b: &Board| {
        b.write(0x0b, 0x02);
        b.write(0x0b, 0x42);
    };
    assert_eq!(ticks_after(off), 1);
}

#[test]
fn without_driftfix_lost_ticks_are_one() {
    let b = Board::new();
    b.write(0x0b, 0x42);
    b.clock.advance_to(SECOND);
    assert_eq!(b.read(0x0c) & 0xc0, 0xc0);
    assert!(!b.irq.level(8));
}

#[test]
fn host_time() {
    let clock = TestClock::new();
    clock.advance_to(1_000 * SECOND + SECOND / 3);
    let config = RtcConfig {
        unix_seconds: NOW,
        time: RtcTime::Host,
        ..RtcConfig::default()
    };
    let rtc = Rtc::new(config, &clock.clock(), IrqLine::disconnected());
    clock.advance_to(1_001 * SECOND - 1);
    assert_eq!(rtc.cmos(0), 0x20);
    clock.advance_to(1_001 * SECOND);
    assert_eq!(rtc.cmos(0), 0x21, "the host's seconds are the guest's");
}

/// A snapshot goes on where it was with `clock=rt`, and shows what the host's clock says with `clock=host`.
#[test]
fn other_hosts() {
    for (time, shown) in [
        (RtcTime::Realtime, 0x23),
        (RtcTime::Host, 0x50),
        (RtcTime::Virtual, 0x50),
    ] {
        let (there, here) = (Board::with(time, true), Board::with(time, true));
        there.write(0x0a, 0x2d);
        there.write(0x0b, 0x42);
        there.clock.advance_to(3 * SECOND);
        let saved = there.rtc.save();
        here.clock.advance_to(30 * SECOND);
        here.rtc.load(&saved).unwrap();
        assert_eq!(here.read(0), shown, "{time:?}");
        if time != RtcTime::Virtual {
            // 24 before, none for the time between.
            let ticks = (0..99).take_while(|_| here.rtc.cmos(0x0c) != 0).count();
            assert_eq!(ticks, 21, "{time:?}");
            assert_eq!(here.read(0x0c), 0);
        }
    }
}
