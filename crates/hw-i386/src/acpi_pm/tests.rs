//! ACPI fixed hardware: timer, events, enabling, sleeping; and the empty SMBus.

use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};
use std::sync::atomic::{AtomicU32, Ordering};

struct Board {
    clock: TestClock,
    pm: Arc<AcpiPm>,
    sci: Arc<RecordingSink>,
    power_offs: Arc<AtomicU32>,
}

const STATUS: u64 = 0;
const ENABLE: u64 = 2;
const CONTROL: u64 = 4;
const TIMER: u64 = 8;

impl Board {
    fn new() -> Self {
        let (clock, sci) = (TestClock::new(), RecordingSink::new());
        let power_offs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&power_offs);
        let pm = AcpiPm::new(&clock.clock(), sci.line(9), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self {
            clock,
            pm,
            sci,
            power_offs,
        }
    }

    fn read(&self, offset: u64, size: u32) -> u32 {
        self.pm.read_pm(offset, size).unwrap() as u32
    }

    fn write(&self, offset: u64, value: u16) {
        self.pm.write_pm(offset, 2, value.into()).unwrap();
    }

    fn command(&self, value: u8) {
        self.pm.apm_window().ops.write(0, 1, value.into()).unwrap();
    }
}

#[test]
fn timer_counts_and_wraps() {
    let b = Board::new();
    // Nanoseconds, timer.
    for (ns, value) in [
        (0, 0),
        (1_000_000_000, 3_579_545),
        (4_686_968_874, 0xff_ffff),
        (4_686_968_875, 0),
        (5_000_000_000, 5 * 3_579_545 - (1 << 24)),
    ] {
        b.clock.advance_to(ns);
        assert_eq!(b.read(TIMER, 4), value, "at {ns} ns");
    }
    assert_eq!(b.read(TIMER + 1, 1), b.read(TIMER, 4) >> 8 & 0xff);
    assert_eq!(b.read(TIMER + 3, 1), 0);
}

#[test]
fn timer_status_when_the_top_bit_changes() {
    let b = Board::new();
    b.command(spec::ACPI_ENABLE);
    b.clock.advance_to(2_300_000_000);
    assert_eq!(b.read(STATUS, 2), 0);
    b.clock.advance_to(2_400_000_000);
    assert_eq!(b.read(STATUS, 2), 1, "set at half the range");
    assert!(!b.sci.level(9));
    b.write(ENABLE, 1);
    assert!(b.sci.level(9));
    b.write(STATUS, 1);
    assert!(!b.sci.level(9));
    let wrap = spec::CLOCK.ns(1 << 24);
    assert_eq!(b.clock.deadline(), Some(wrap));
    b.clock.advance_to(wrap);
    assert!(b.sci.level(9), "and at the wrap");
}

#[test]
fn enabling() {
    let b = Board::new();
    b.write(CONTROL, 1);
    assert_eq!(b.read(CONTROL, 2), 0, "SCI_EN is the firmware's");
    b.command(spec::ACPI_ENABLE);
    assert_eq!(
        (b.read(CONTROL, 2), b.pm.apm_window().ops.read(0, 1)),
        (1, Ok(0xf1))
    );
    b.command(0x42);
    assert_eq!(b.read(CONTROL, 2), 1);
    b.command(spec::ACPI_DISABLE);
    assert_eq!(b.read(CONTROL, 2), 0);
}

#[test]
fn power_button() {
    let b = Board::new();
    b.command(spec::ACPI_ENABLE);
    b.write(ENABLE, 0x0120);
    assert_eq!(b.read(ENABLE, 2), 0x0120);
    b.pm.power_button();
    assert!(b.sci.level(9));
    b.write(STATUS, 0x0001);
    assert!(b.sci.level(9), "ones clear only what they name");
    b.write(STATUS, 0x0100);
    assert!(!b.sci.level(9));
}

#[test]
fn sleeping() {
    // Control, times powered off.
    for (control, offs) in [(0x2001, 1), (0x2801, 1), (0x2401, 0), (0x0001, 0), (0x1c00, 0)] {
        let b = Board::new();
        b.write(CONTROL, control);
        assert_eq!(b.power_offs.load(Ordering::Relaxed), offs, "{control:04x}");
        assert_eq!(
            b.read(CONTROL, 2),
            u32::from(control) & 0x1c00,
            "SLP_EN reads as 0"
        );
    }
}

#[test]
fn general_purpose_events() {
    let b = Board::new();
    let gpe = b.pm.gpe_window().ops;
    b.command(spec::ACPI_ENABLE);
    b.pm.raise_gpe(1);
    assert_eq!((gpe.read(0, 1), b.sci.level(9)), (Ok(2), false));
    gpe.write(2, 1, 2).unwrap();
    assert!(b.sci.level(9));
    gpe.write(0, 1, 0xff).unwrap();
    assert_eq!(
        (gpe.read(0, 1), gpe.read(2, 1), b.sci.level(9)),
        (Ok(0), Ok(2), false)
    );
}

#[test]
fn empty_smbus() {
    let bus = SmbusHost::new();
    let ops = bus.window().ops;
    ops.write(4, 1, 0xa1).unwrap();
    ops.write(2, 1, 0x48).unwrap();
    assert_eq!(
        (ops.read(0, 1), ops.read(2, 1)),
        (Ok(0x04), Ok(0x08)),
        "device error; start reads as 0"
    );
    ops.write(0, 1, 0x1e).unwrap();
    assert_eq!(ops.read(0, 1), Ok(0));
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.command(spec::ACPI_ENABLE);
    used.write(ENABLE, 1);
    used.clock.advance_to(3_000_000_000);
    check_saved_state(&*used.pm, &*fresh.pm);
    check_reset(&*fresh.pm, || fresh.write(ENABLE, 0x100));
    let (used, fresh) = (SmbusHost::new(), SmbusHost::new());
    used.window().ops.write(7, 1, 9).unwrap();
    check_saved_state(&*used, &*fresh);
}
