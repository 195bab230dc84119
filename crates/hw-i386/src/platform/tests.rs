//! The interrupt path of the whole board: devices' lines to vectors the CPU gets, by 8259, IO-APIC and local APIC.

use super::*;
use crate::apic::{ApicBus, ApicConfig};
use crate::gsi::{GsiRouter, LegacyInput, LegacyTimers};
use crate::hpet::{Hpet, HpetLines};
use crate::ioapic::IoApic;
use crate::pit::Pit;
use hw_core::IrqLine;
use hw_core::testing::TestClock;
use softmmu::IoOps;
use softmmu::lock::Solo;
use target_i386::signals::request;

struct Board {
    clock: TestClock,
    platform: Arc<CpuPlatform>,
    signals: Arc<CpuSignals>,
    router: Arc<GsiRouter>,
    pic: Arc<PicPair>,
    ioapic: Arc<IoApic>,
    pit: Arc<Pit>,
    hpet: Arc<Hpet>,
}

fn out(windows: &[hw_core::IoWindow], port: u64, value: u8) {
    let window = windows
        .iter()
        .find(|w| (w.base..w.base + w.size).contains(&port))
        .expect("port");
    window.ops.write(port - window.base, 1, value.into()).unwrap();
}

impl Board {
    fn new(with_apic: bool) -> Self {
        let clock = TestClock::new();
        let signals = Arc::new(CpuSignals::new());
        let bus = ApicBus::new();
        let config = ApicConfig {
            id: 0,
            bsp: true,
            x2apic: false,
        };
        let apic = with_apic.then(|| LocalApic::new(config, &bus, Arc::clone(&signals), &clock.clock()));
        let int = match &apic {
            Some(apic) => IrqLine::new(Arc::clone(apic) as Arc<dyn IrqSink>, 0),
            None => IrqLine::new(Arc::new(IntrPin(Arc::clone(&signals))), 0),
        };
        let pic = PicPair::new(int);
        let ioapic = IoApic::new(&bus);
        let router = GsiRouter::new(&pic, Some(&ioapic));
        let timers = LegacyTimers::new(router.isa(0), router.isa(8));
        let pit = Pit::new(&clock.clock(), timers.input(LegacyInput::Pit));
        let lines = HpetLines {
            legacy: [timers.input(LegacyInput::Hpet0), timers.input(LegacyInput::Hpet1)],
            replace: timers.input(LegacyInput::Replace),
            gsi2: router.gsi(2),
        };
        let hpet = Hpet::new(&clock.clock(), lines);
        let ferr = Ferr::new(router.isa(13));
        let lock = Arc::new(Solo::default());
        let platform = CpuPlatform::new(clock.clock(), lock, apic, Arc::clone(&pic), ferr);
        let board = Self {
            clock,
            platform,
            signals,
            router,
            pic,
            ioapic,
            pit,
            hpet,
        };
        board.initialise_pic();
        board
    }

    fn initialise_pic(&self) {
        let windows = self.pic.windows();
        for (port, value) in [
            (0x20, 0x11),
            (0x21, 0x20),
            (0x21, 4),
            (0x21, 1),
            (0xa0, 0x11),
            (0xa1, 0x28),
        ] {
            out(&windows, port, value);
        }
        for (port, value) in [(0xa1, 2), (0xa1, 1)] {
            out(&windows, port, value);
        }
    }

    fn apic(&self) -> &LocalApic {
        self.platform.apic.as_ref().unwrap()
    }

    fn take(&self) -> Option<u8> {
        let intr = self.signals.pending() & request::INTR != 0;
        let vector = self.platform.acknowledge_interrupt();
        assert_eq!(intr, vector.is_some(), "INTR and INTA agree");
        vector
    }

    /// Vector `vector` for IO-APIC pin `pin`, in APIC mode: 8259 masked, LINT0 masked.
    fn apic_mode(&self, pin: u64, entry: u64) {
        let windows = self.pic.windows();
        out(&windows, 0x21, 0xff);
        out(&windows, 0xa1, 0xff);
        self.apic().write_register(0xf0, 0x1ff);
        self.apic().write_register(0x350, 0x1_0700);
        let ops = self.ioapic.window().ops;
        ops.write(0, 4, 0x10 + 2 * pin).unwrap();
        ops.write(0x10, 4, entry).unwrap();
    }
}

#[test]
fn pic_mode_with_and_without_local_apic() {
    for with_apic in [true, false] {
        let b = Board::new(with_apic);
        b.router.isa(4).raise();
        assert_eq!(b.take(), Some(0x24));
        assert_eq!(b.take(), None);
        b.router.isa(6).raise();
        assert_eq!(b.take(), None, "4 is in service");
        b.router.isa(14).raise();
        assert_eq!(b.take(), Some(0x2e), "the slave's stand above 3 to 7");
    }
}

#[test]
fn timer_reaches_ioapic_pin_2() {
    let b = Board::new(true);
    b.apic_mode(2, 0x30);
    let windows = b.pit.windows();
    for (port, value) in [(0x43, 0x34), (0x40, 0x9c), (0x40, 0x2e)] {
        out(&windows, port, value);
    }
    for _ in 0..10 {
        b.clock.advance(10_000_000);
        assert_eq!(b.take(), Some(0x30));
        b.apic().write_register(0xb0, 0);
    }
}

#[test]
fn pit_through_lint0_as_virtual_wire() {
    let b = Board::new(true);
    out(&b.pit.windows(), 0x43, 0x34);
    out(&b.pit.windows(), 0x40, 0x9c);
    out(&b.pit.windows(), 0x40, 0x2e);
    while b.take().is_some() {
        out(&b.pic.windows(), 0x20, 0x20);
    }
    b.clock.advance(10_100_000);
    assert_eq!(b.take(), Some(0x20));
}

#[test]
fn hpet_replaces_the_pit() {
    let b = Board::new(true);
    b.apic_mode(2, 0x30);
    let ops: Arc<dyn IoOps> = b.hpet.window().ops;
    ops.write(0x10, 4, 3).unwrap();
    ops.write(0x100, 4, 0x4c).unwrap();
    ops.write(0x108, 8, 100_000).unwrap();
    let mut ticks = 0;
    for _ in 0..100 {
        b.clock.advance(1_000_000);
        while b.take().is_some() {
            ticks += 1;
            b.apic().write_register(0xb0, 0);
        }
    }
    assert_eq!(ticks, 100, "1 kHz from the HPET, nothing from the PIT");
}

#[test]
fn level_interrupt_of_a_pci_device() {
    let b = Board::new(true);
    b.apic_mode(11, 0x803b);
    let line = b.router.isa(11);
    line.raise();
    assert_eq!(b.take(), Some(0x3b));
    b.apic().write_register(0xb0, 0);
    assert_eq!(b.take(), Some(0x3b));
    line.lower();
    b.apic().write_register(0xb0, 0);
    assert_eq!(b.take(), None);
}

#[test]
fn ferr_is_irq_13() {
    let b = Board::new(true);
    b.platform.set_ferr(true);
    b.platform.set_ferr(false);
    assert_eq!(b.take(), Some(0x2d), "FERR is latched until port F0 is written");
    let ops = b.platform.ferr.window().ops;
    ops.write(0, 1, 0).unwrap();
    assert_eq!(b.take(), None);
}

#[test]
fn what_a_cpu_without_local_apic_sees() {
    let b = Board::new(false);
    assert_eq!(
        (b.platform.apic_base(), b.platform.set_apic_base(0xfee0_0900)),
        (0, false)
    );
    b.platform.set_task_priority(5);
    assert_eq!(
        (b.platform.task_priority(), b.platform.apic_msr(0x802)),
        (0, None)
    );
    b.clock.advance(5);
    assert_eq!(b.platform.virtual_ns(), 5);
}

#[test]
fn task_priority_is_cr8() {
    let b = Board::new(true);
    b.apic_mode(4, 0x54);
    b.platform.set_task_priority(5);
    b.router.isa(4).raise();
    assert_eq!(b.take(), None);
    b.platform.set_task_priority(4);
    assert_eq!(b.take(), Some(0x54));
    assert_eq!(b.platform.task_priority(), 4);
}
