//! The I/O APIC with a local APIC behind it: edges, levels, ends.

use super::*;
use crate::apic::{ApicConfig, LocalApic, Pending};
use hw_core::testing::{TestClock, check_reset, check_saved_state};
use target_i386::CpuSignals;

struct Board {
    ioapic: Arc<IoApic>,
    apic: Arc<LocalApic>,
    _clock: TestClock,
}

impl Board {
    fn new() -> Self {
        let (clock, bus) = (TestClock::new(), ApicBus::new());
        let config = ApicConfig {
            id: 0,
            bsp: true,
            x2apic: false,
        };
        let apic = LocalApic::new(config, &bus, Arc::new(CpuSignals::new()), &clock.clock());
        apic.write_register(0xf0, 0x1ff);
        let ioapic = IoApic::new(&bus);
        Self {
            ioapic,
            apic,
            _clock: clock,
        }
    }

    fn write(&self, index: u32, value: u32) {
        self.ioapic.write_register(spec::INDEX, index).unwrap();
        self.ioapic.write_register(spec::DATA, value).unwrap();
    }

    fn read(&self, index: u32) -> u32 {
        self.ioapic.write_register(spec::INDEX, index).unwrap();
        self.ioapic.read_register(spec::DATA)
    }

    fn entry(&self, pin: u32, low: u32) {
        self.write(0x10 + 2 * pin, low);
    }

    fn take(&self) -> Option<u8> {
        match self.apic.acknowledge() {
            Pending::Vector(vector) => Some(vector),
            _ => None,
        }
    }

    fn eoi(&self) {
        self.apic.write_register(0xb0, 0);
    }
}

#[test]
fn registers() {
    let b = Board::new();
    assert_eq!(
        (b.read(1), b.read(0x10), b.read(0x3f)),
        (0x0017_0020, 0x1_0000, 0)
    );
    b.write(0, 0xffff_ffff);
    assert_eq!((b.read(0), b.read(2)), (0x0f00_0000, 0x0f00_0000));
    b.write(0x11, 0xffff_ffff);
    b.write(0x10, !0x8000);
    assert_eq!((b.read(0x10), b.read(0x11)), (0x0001_2fff, 0xff00_0000));
    assert_eq!((b.read(0x40), b.read(0xff)), (0, 0));
}

#[test]
fn edges() {
    let b = Board::new();
    b.ioapic.set_irq(4, true);
    b.entry(4, 0x34);
    assert_eq!(b.take(), None, "an edge at a masked pin is lost");
    b.ioapic.set_irq(4, true);
    assert_eq!(b.take(), None, "no edge");
    b.ioapic.set_irq(4, false);
    b.ioapic.set_irq(4, true);
    b.ioapic.set_irq(4, false);
    assert_eq!(b.take(), Some(0x34));
    b.eoi();
    assert_eq!(b.take(), None);
}

#[test]
fn levels_and_remote_irr() {
    let b = Board::new();
    b.entry(10, 0x803a);
    b.ioapic.set_irq(10, true);
    assert_eq!((b.take(), b.read(0x24)), (Some(0x3a), 0xc03a));
    b.ioapic.set_irq(10, true);
    assert_eq!(b.take(), None);
    b.eoi();
    assert_eq!(
        b.take(),
        Some(0x3a),
        "still asserted: sent again from within the EOI"
    );
    b.ioapic.set_irq(10, false);
    b.eoi();
    assert_eq!((b.take(), b.read(0x24)), (None, 0x803a));
    // Asserted while masked, then unmasked.
    b.entry(10, 0x1_803a);
    b.ioapic.set_irq(10, true);
    assert_eq!(b.take(), None);
    b.entry(10, 0x803a);
    assert_eq!(b.take(), Some(0x3a));
}

#[test]
fn ending_without_the_local_apic() {
    let b = Board::new();
    b.entry(10, 0x803a);
    b.ioapic.set_irq(10, true);
    assert_eq!(b.take(), Some(0x3a));
    b.ioapic.set_irq(10, false);
    b.ioapic.write_register(spec::EOI, 0x3a).unwrap();
    assert_eq!(b.read(0x24), 0x803a, "the EOI register");
    b.ioapic.set_irq(10, true);
    assert_eq!(b.read(0x24), 0xc03a);
    b.entry(10, 0x1_003a);
    b.entry(10, 0x1_803a);
    assert_eq!(b.read(0x24), 0x1_803a, "the detour over edge");
}

#[test]
fn nobody_there() {
    let b = Board::new();
    b.write(0x25, 0x0900_0000);
    b.entry(10, 0x803a);
    b.ioapic.set_irq(10, true);
    assert_eq!(b.read(0x24), 0x803a, "not accepted, so not in service");
}

#[test]
fn external_interrupts() {
    let b = Board::new();
    b.entry(0, 0x700);
    b.ioapic.set_irq(0, true);
    assert_eq!(b.apic.acknowledge(), Pending::External);
    assert_eq!(b.apic.acknowledge(), Pending::None);
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.entry(10, 0x803a);
    used.ioapic.set_irq(10, true);
    check_saved_state(&*used.ioapic, &*fresh.ioapic);
    check_reset(&*fresh.ioapic, || fresh.entry(3, 0x33));
}
