//! The local APIC against SDM volume 3, chapter 11, alone and with a second one on the bus.

use super::*;
use hw_core::testing::{TestClock, check_reset, check_saved_state};
use target_i386::signals::request;

struct Board {
    clock: TestClock,
    bus: Arc<ApicBus>,
    apics: Vec<Arc<LocalApic>>,
    signals: Vec<Arc<CpuSignals>>,
}

const TPR: u64 = 0x80;
const EOI: u64 = 0xb0;
const LDR: u64 = 0xd0;
const DFR: u64 = 0xe0;
const SVR: u64 = 0xf0;
const ESR: u64 = 0x280;
const ICR: u64 = 0x300;
const ICR_HIGH: u64 = 0x310;
const LVT_TIMER: u64 = 0x320;
const LVT0: u64 = 0x350;
const LVT1: u64 = 0x360;
const LVT_ERROR: u64 = 0x370;
const INITIAL: u64 = 0x380;
const CURRENT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;

impl Board {
    /// `n` software-enabled local APICs, the first being the bootstrap processor's.
    fn new(n: u32) -> Self {
        let board = Self::at_reset(n);
        board
            .apics
            .iter()
            .for_each(|apic| apic.write_register(SVR, 0x1ff));
        board
    }

    fn at_reset(n: u32) -> Self {
        let (clock, bus) = (TestClock::new(), ApicBus::new());
        let signals: Vec<_> = (0..n).map(|_| Arc::new(CpuSignals::new())).collect();
        let apics = (0..n)
            .map(|id| {
                let config = ApicConfig {
                    id,
                    bsp: id == 0,
                    x2apic: true,
                };
                LocalApic::new(config, &bus, Arc::clone(&signals[id as usize]), &clock.clock())
            })
            .collect();
        Self {
            clock,
            bus,
            apics,
            signals,
        }
    }

    fn write(&self, register: u64, value: u32) {
        self.apics[0].write_register(register, value);
    }

    fn read(&self, register: u64) -> u32 {
        self.apics[0].read_register(register)
    }

    fn intr(&self, cpu: usize) -> bool {
        self.signals[cpu].pending() & request::INTR != 0
    }

    /// The vector CPU `cpu` takes, if INTR is high.
    fn take(&self, cpu: usize) -> Option<u8> {
        if !self.intr(cpu) {
            return None;
        }
        match self.apics[cpu].acknowledge() {
            Pending::Vector(vector) => Some(vector),
            _ => None,
        }
    }

    fn fixed(&self, vector: u8) {
        self.bus.msi(0xfee0_0000, vector.into());
    }
}

#[test]
fn registers_after_reset() {
    let b = Board::at_reset(2);
    for (register, value) in [
        (0x20, 0),
        (0x30, 0x0005_0014),
        (TPR, 0),
        (SVR, 0xff),
        (LDR, 0),
        (DFR, u32::MAX),
        (LVT_TIMER, 0x1_0000),
        (LVT0, 0x700),
        (LVT1, 0x1_0000),
        (INITIAL, 0),
        (CURRENT, 0),
    ] {
        assert_eq!(b.read(register), value, "register {register:x}");
    }
    assert_eq!(
        b.apics[1].read_register(LVT0),
        0x1_0000,
        "only the bootstrap processor is wired to the 8259"
    );
    assert_eq!((b.apics[0].base(), b.apics[1].base()), (0xfee0_0900, 0xfee0_0800));
    assert_eq!(b.apics[1].read_register(0x20), 1 << 24);
}

#[test]
fn priorities() {
    let b = Board::new(1);
    b.fixed(0x31);
    b.fixed(0x45);
    b.fixed(0x41);
    assert_eq!(b.take(0), Some(0x45));
    assert_eq!(b.take(0), None, "41 has the class of 45 in service");
    assert_eq!(b.read(0xa0), 0x40);
    b.fixed(0x51);
    assert_eq!(b.take(0), Some(0x51));
    b.write(EOI, 0);
    b.write(EOI, 0);
    assert_eq!(b.take(0), Some(0x41));
    b.write(EOI, 0);
    b.write(TPR, 0x30);
    assert_eq!((b.take(0), b.read(0xa0)), (None, 0x30));
    b.apics[0].set_task_priority(2);
    assert_eq!((b.read(TPR), b.take(0)), (0x20, Some(0x31)));
    b.write(EOI, 0);
    assert_eq!(b.read(0x210), 0);
}

#[test]
fn software_disabled_takes_nothing() {
    let b = Board::new(1);
    b.write(LVT_TIMER, 0x40);
    b.write(SVR, 0xff);
    assert_eq!(b.read(LVT_TIMER), 0x1_0040, "disabling masks");
    b.write(LVT_TIMER, 0x40);
    assert_eq!(b.read(LVT_TIMER), 0x1_0040, "and keeps masked");
    b.fixed(0x40);
    assert_eq!(b.take(0), None);
}

#[test]
fn timer_periods() {
    // Divide register, divisor.
    for (divide, divisor) in [
        (0, 2),
        (1, 4),
        (2, 8),
        (3, 16),
        (8, 32),
        (9, 64),
        (10, 128),
        (11, 1),
    ] {
        let b = Board::new(1);
        b.write(LVT_TIMER, 0x2_0040);
        b.write(DIVIDE, divide);
        b.write(INITIAL, 1000);
        let period = 1000 * divisor;
        b.clock.advance(period - 1);
        assert_eq!((b.take(0), b.read(CURRENT)), (None, 1), "divisor {divisor}");
        for _ in 0..3 {
            b.clock.advance(1);
            assert_eq!(b.take(0), Some(0x40), "divisor {divisor}");
            b.write(EOI, 0);
            assert_eq!(b.read(CURRENT), 1000);
            b.clock.advance(period - 1);
            assert_eq!(b.take(0), None);
        }
    }
}

#[test]
fn timer_one_shot() {
    let b = Board::new(1);
    b.write(DIVIDE, 11);
    b.write(LVT_TIMER, 0x40);
    b.write(INITIAL, 500);
    b.clock.advance(200);
    assert_eq!(b.read(CURRENT), 300);
    b.clock.advance(300);
    assert_eq!(
        (b.take(0), b.read(CURRENT), b.read(INITIAL)),
        (Some(0x40), 0, 500)
    );
    b.write(EOI, 0);
    b.clock.advance(10_000);
    assert_eq!((b.take(0), b.clock.deadline()), (None, None));
    // Masked, it counts and does not interrupt.
    b.write(LVT_TIMER, 0x1_0040);
    b.write(INITIAL, 100);
    b.clock.advance(100);
    b.write(LVT_TIMER, 0x40);
    b.clock.advance(1000);
    assert_eq!(b.take(0), None);
    // A count of 0 stops it.
    b.write(INITIAL, 100);
    b.write(INITIAL, 0);
    b.clock.advance(1000);
    assert_eq!(b.take(0), None);
}

#[test]
fn timer_changes_in_flight() {
    let b = Board::new(1);
    b.write(DIVIDE, 11);
    b.write(LVT_TIMER, 0x40);
    b.write(INITIAL, 1000);
    b.clock.advance(400);
    b.write(DIVIDE, 0);
    assert_eq!(b.read(CURRENT), 600);
    b.clock.advance(200);
    assert_eq!(b.read(CURRENT), 500);
    b.write(LVT_TIMER, 0x2_0040);
    b.clock.advance(1000);
    assert_eq!((b.take(0), b.read(CURRENT)), (Some(0x40), 1000));
    b.write(EOI, 0);
    b.write(LVT_TIMER, 0x4_0040);
    assert_eq!((b.read(INITIAL), b.clock.deadline()), (0, None));
}

#[test]
fn timer_faster_than_the_guest() {
    let b = Board::new(1);
    b.write(DIVIDE, 11);
    b.write(LVT_TIMER, 0x2_0040);
    b.write(INITIAL, 1);
    b.clock.advance(1_000_000_000);
    assert_eq!(
        b.clock.deadline(),
        None,
        "no further expiry while the request is pending"
    );
    assert_eq!(b.take(0), Some(0x40));
    assert_eq!(b.clock.deadline(), Some(b.clock.now_ns() + 1));
}

#[test]
fn timer_tsc_deadline() {
    let b = Board::new(1);
    b.apics[0].set_tsc_deadline(5, 100);
    assert_eq!(
        b.apics[0].msr(spec::MSR_TSC_DEADLINE),
        Some(0),
        "ignored in another mode"
    );
    b.write(LVT_TIMER, 0x4_0040);
    b.apics[0].set_tsc_deadline(3000, 1000);
    b.write(INITIAL, 5);
    assert_eq!((b.read(INITIAL), b.read(CURRENT)), (0, 0));
    b.clock.advance(999);
    assert_eq!(
        (b.take(0), b.apics[0].msr(spec::MSR_TSC_DEADLINE)),
        (None, Some(3000))
    );
    b.clock.advance(1);
    assert_eq!(
        (b.take(0), b.apics[0].msr(spec::MSR_TSC_DEADLINE)),
        (Some(0x40), Some(0))
    );
    b.write(EOI, 0);
    // In the past: at once. Disarmed: never.
    b.apics[0].set_tsc_deadline(1, 1);
    b.clock.advance(0);
    assert_eq!(b.take(0), Some(0x40));
    b.write(EOI, 0);
    b.apics[0].set_tsc_deadline(9000, 3000);
    b.apics[0].set_tsc_deadline(0, 0);
    b.clock.advance(10_000);
    assert_eq!(b.take(0), None);
}

#[test]
fn destinations() {
    // DFR, LDR of the four CPUs, destination, logical, CPUs that get it.
    let flat = u32::MAX;
    let cluster = 0x0fff_ffff;
    type Case = (u32, [u32; 4], u32, bool, &'static [usize]);
    let cases: &[Case] = &[
        (flat, [1, 2, 4, 8], 2, false, &[2]),
        (flat, [1, 2, 4, 8], 0xff, false, &[0, 1, 2, 3]),
        (flat, [1, 2, 4, 8], 9, false, &[]),
        (flat, [1, 2, 4, 8], 0x05, true, &[0, 2]),
        (flat, [1, 2, 4, 8], 0xff, true, &[0, 1, 2, 3]),
        (flat, [1, 2, 4, 8], 0xf0, true, &[]),
        (cluster, [0x11, 0x12, 0x21, 0x22], 0x13, true, &[0, 1]),
        (cluster, [0x11, 0x12, 0x21, 0x22], 0x21, true, &[2]),
        (cluster, [0x11, 0x12, 0x21, 0x22], 0xf2, true, &[1, 3]),
        (cluster, [0x11, 0x12, 0x21, 0x22], 0xff, true, &[0, 1, 2, 3]),
    ];
    for &(dfr, ldr, destination, logical, expected) in cases {
        let b = Board::new(4);
        for (apic, ldr) in b.apics.iter().zip(ldr) {
            apic.write_register(DFR, dfr);
            apic.write_register(LDR, ldr << 24);
        }
        b.write(ICR_HIGH, destination << 24);
        b.write(ICR, 0x4040 | u32::from(logical) << 11);
        let got: Vec<_> = (0..4).filter(|&cpu| b.take(cpu) == Some(0x40)).collect();
        assert_eq!(
            got, expected,
            "dfr {dfr:x} destination {destination:x} logical {logical}"
        );
    }
}

#[test]
fn shorthands() {
    for (shorthand, expected) in [(1, &[1][..]), (2, &[0, 1, 2]), (3, &[0, 2])] {
        let b = Board::new(3);
        b.apics[1].write_register(ICR, 0x4040 | shorthand << 18);
        let got: Vec<_> = (0..3).filter(|&cpu| b.take(cpu) == Some(0x40)).collect();
        assert_eq!(got, expected, "shorthand {shorthand}");
    }
}

#[test]
fn lowest_priority_goes_to_the_idlest() {
    let b = Board::new(3);
    b.write(TPR, 0x50);
    b.apics[1].write_register(TPR, 0x20);
    b.apics[2].write_register(TPR, 0x20);
    b.bus.msi(0xfeef_f000, 0x0160);
    assert_eq!(
        (0..3).map(|cpu| b.take(cpu)).collect::<Vec<_>>(),
        [None, Some(0x60), None]
    );
}

#[test]
fn init_and_startup() {
    let b = Board::new(2);
    b.apics[1].write_register(TPR, 0x50);
    // What SeaBIOS and Linux send: INIT assert, INIT level de-assert, start-up.
    b.write(ICR_HIGH, 1 << 24);
    b.write(ICR, 0xc500);
    assert_eq!(b.signals[1].take(request::INIT), request::INIT);
    assert_eq!(
        (b.apics[1].read_register(TPR), b.apics[1].read_register(SVR)),
        (0, 0xff)
    );
    b.write(ICR, 0x8500);
    assert_eq!(b.signals[1].pending(), 0);
    b.write(ICR, 0x4699);
    assert_eq!(
        (b.signals[1].take(request::SIPI), b.signals[1].sipi_vector()),
        (request::SIPI, 0x99)
    );
    b.write(ICR, 0x4400);
    assert_eq!(b.signals[1].take(request::NMI), request::NMI);
    assert_eq!(b.signals[0].pending(), 0);
    assert_eq!((b.read(ICR), b.read(ICR_HIGH)), (0x4400, 1 << 24));
}

#[test]
fn pins() {
    let b = Board::at_reset(1);
    // Virtual wire at reset: ExtINT passes through although software-disabled.
    b.apics[0].set_irq(0, true);
    assert!(b.intr(0));
    assert_eq!(b.apics[0].acknowledge(), Pending::External);
    b.apics[0].set_irq(0, false);
    assert!(!b.intr(0));
    assert_eq!(b.apics[0].acknowledge(), Pending::None);
    b.write(SVR, 0x1ff);
    b.write(LVT1, 0x400);
    b.apics[0].set_irq(1, true);
    b.apics[0].set_irq(1, true);
    assert_eq!(b.signals[0].take(request::NMI), request::NMI);
    assert_eq!(b.signals[0].pending(), 0);
    // LINT0 as an edge, then as a level with its own remote IRR.
    b.write(LVT0, 0x50);
    b.apics[0].set_irq(0, true);
    assert_eq!(b.take(0), Some(0x50));
    b.write(EOI, 0);
    assert_eq!(b.take(0), None);
    b.write(LVT0, 0x8050);
    assert_eq!((b.take(0), b.read(LVT0)), (Some(0x50), 0xc050));
    b.write(EOI, 0);
    assert_eq!(b.take(0), Some(0x50), "still high");
    b.apics[0].set_irq(0, false);
    b.write(EOI, 0);
    assert_eq!((b.take(0), b.read(LVT0)), (None, 0x8050));
}

#[test]
fn fixed_before_external() {
    let b = Board::new(1);
    b.write(LVT0, 0x700);
    b.apics[0].set_irq(0, true);
    b.fixed(0x40);
    assert_eq!(b.apics[0].acknowledge(), Pending::Vector(0x40));
    assert_eq!(b.apics[0].acknowledge(), Pending::External);
    assert!(b.intr(0), "the 8259 has not lowered its line");
}

#[test]
fn errors() {
    let b = Board::new(1);
    b.write(LVT_ERROR, 0xfe);
    b.write(ICR, 0x4_4005);
    assert_eq!((b.take(0), b.read(ESR)), (Some(0xfe), 0));
    b.write(ESR, 0);
    assert_eq!(b.read(ESR), esr(5));
    b.write(EOI, 0);
    b.fixed(3);
    b.read(0x3f0);
    b.write(ESR, 0);
    assert_eq!(b.read(ESR), esr(6) | esr(7));
    b.write(ESR, 0);
    assert_eq!(b.read(ESR), 0);

    fn esr(bit: u32) -> u32 {
        1 << bit
    }
}

#[test]
fn base_register() {
    let b = Board::at_reset(1);
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    b.apics[0].set_base_hook(move |base, there| log.lock().push((base, there)));
    // Value, accepted.
    for (value, ok) in [
        (0xfee0_0801, false),
        (0xfee0_0400, false),
        (0x1_fee0_0800, true),
        (0xfee0_0c00, true),
        (0xfee0_0800, false),
        (0xfee0_0000, true),
        (0xfee0_0c00, false),
        (0xfee0_0900, true),
    ] {
        assert_eq!(b.apics[0].set_base(value), ok, "{value:x}");
    }
    assert_eq!(
        b.apics[0].base(),
        0xfee0_0900,
        "the bootstrap bit is not writable"
    );
    let expected = [
        (0xfee0_0000, true),
        (0x1_fee0_0000, true),
        (0xfee0_0000, false),
        (0xfee0_0000, false),
        (0xfee0_0000, true),
    ];
    assert_eq!(*seen.lock(), expected);
}

#[test]
fn disabled_in_base_passes_the_8259_through() {
    let b = Board::new(1);
    assert!(b.apics[0].set_base(0xfee0_0000));
    b.fixed(0x40);
    assert!(!b.intr(0));
    b.apics[0].set_irq(0, true);
    assert_eq!(b.apics[0].acknowledge(), Pending::External);
    b.apics[0].set_irq(1, true);
    assert_eq!(b.signals[0].take(request::NMI), request::NMI);
}

#[test]
fn x2apic() {
    let b = Board::new(2);
    assert_eq!(
        (b.apics[0].msr(0x802), b.apics[0].set_msr(0x808, 0)),
        (None, false)
    );
    assert!(b.apics.iter().all(|apic| apic.set_base(0xfee0_0c00)));
    assert_eq!((b.apics[1].msr(0x802), b.apics[1].msr(0x80d)), (Some(1), Some(2)));
    assert!(b.apics[0].set_msr(0x830, 1 << 32 | 0x4041));
    assert_eq!(
        (b.take(1), b.apics[0].msr(0x830)),
        (Some(0x41), Some(1 << 32 | 0x4041))
    );
    assert!(b.apics[1].set_msr(0x80b, 0) && b.apics[1].set_msr(0x83f, 0x42));
    assert_eq!(b.take(1), Some(0x42));
    for (msr, value) in [
        (0x802, 0),
        (0x803, 0),
        (0x80e, 0),
        (0x810, 0),
        (0x808, 1 << 32),
        (0x8ff, 0),
    ] {
        assert!(!b.apics[0].set_msr(msr, value), "{msr:x}");
    }
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(1), Board::at_reset(1));
    used.write(LVT_TIMER, 0x2_0040);
    used.write(INITIAL, 1000);
    used.clock.advance(10_500);
    used.fixed(0x90);
    check_saved_state(&*used.apics[0], &*fresh.apics[0]);
    assert!(fresh.intr(0), "INTR follows a loaded state");
    check_reset(&*fresh.apics[0], || fresh.write(SVR, 0x1ff));
}
