//! The probes that operating systems rely on, and arbitrary accesses.

use super::spec::reg::*;
use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};
use parking_lot::Mutex;
use proptest::prelude::*;

#[derive(Default)]
struct Wire(Mutex<Vec<u8>>);

impl CharSink for Wire {
    fn write(&self, bytes: &[u8]) {
        self.0.lock().extend_from_slice(bytes);
    }
}

struct Rig {
    clock: TestClock,
    irq: Arc<RecordingSink>,
    wire: Arc<Wire>,
    port: Arc<Serial>,
}

impl Rig {
    fn new() -> Self {
        let (clock, irq, wire) = (TestClock::new(), RecordingSink::new(), Arc::new(Wire::default()));
        let port = Serial::new("serial0", &clock.clock(), irq.line(4), wire.clone());
        Self {
            clock,
            irq,
            wire,
            port,
        }
    }

    fn read(&self, offset: u64) -> u8 {
        self.port.read(offset, 1).unwrap() as u8
    }

    fn write(&self, offset: u64, value: u8) {
        self.port.write(offset, 1, value as u64).unwrap();
    }

    fn irq(&self) -> bool {
        self.irq.level(4)
    }
}

#[test]
fn identification_as_16550a() {
    let rig = Rig::new();
    rig.write(IIR_FCR, 1);
    assert_eq!(rig.read(IIR_FCR), 0xc1);
    rig.write(SCR, 0x5a);
    assert_eq!(rig.read(SCR), 0x5a);
    rig.write(IER, 0xff);
    assert_eq!(rig.read(IER), 0x0f);
    rig.write(IIR_FCR, 0);
    assert_eq!(rig.read(IIR_FCR) & 0xc0, 0);
    rig.write(LCR, 0x80);
    rig.write(DATA, 1);
    rig.write(IER, 0);
    assert_eq!((rig.read(DATA), rig.read(IER)), (1, 0));
}

#[test]
fn loopback() {
    let rig = Rig::new();
    // Linux: LOOP | OUT2 | RTS gives DCD and CTS.
    rig.write(MCR, 0x1a);
    assert_eq!(rig.read(MSR) & 0xf0, 0x90);
    assert_eq!(rig.read(MSR) & 0x0f, 0, "deltas clear on read");
    rig.write(MCR, 0x10);
    assert_eq!(rig.read(MSR), 0x09);
    rig.write(DATA, b'x');
    assert_eq!((rig.read(LSR) & 1, rig.read(DATA)), (1, b'x'));
    assert!(rig.wire.0.lock().is_empty());
    assert_eq!(rig.port.can_receive(), 0);
}

#[test]
fn transmit_interrupt() {
    let rig = Rig::new();
    rig.write(IER, 2);
    assert!(rig.irq(), "at once");
    assert_eq!(rig.read(IIR_FCR), 2);
    assert!(!rig.irq(), "cleared by reading IIR");
    rig.write(DATA, b'a');
    assert!(rig.irq());
    assert_eq!((rig.read(LSR), rig.wire.0.lock().as_slice()), (0x60, &b"a"[..]));
    rig.write(IER, 0);
    assert!(!rig.irq());
    rig.write(IER, 2);
    assert!(rig.irq(), "again when enabled again");
}

#[test]
fn receive_trigger_and_timeout() {
    let rig = Rig::new();
    rig.write(IIR_FCR, 0x81); // FIFO, trigger 8
    rig.write(IER, 1);
    assert_eq!(rig.port.can_receive(), 16);
    rig.port.receive(b"1234567");
    assert!(!rig.irq());
    rig.port.receive(b"8");
    assert_eq!((rig.irq(), rig.read(IIR_FCR)), (true, 0xc4));
    assert_eq!(rig.read(DATA), b'1');
    assert!(!rig.irq());
    // Four frames of 7 bits (LCR 0) at 9600 baud.
    rig.clock.advance(2_916_665);
    assert!(!rig.irq());
    rig.clock.advance(2);
    assert_eq!((rig.irq(), rig.read(IIR_FCR)), (true, 0xcc));
    for expected in b"2345678" {
        assert_eq!(rig.read(DATA), *expected);
    }
    assert!(!rig.irq());
    assert_eq!(rig.read(LSR), 0x60);
    assert_eq!(rig.clock.deadline(), None);
}

#[test]
fn overrun_and_break() {
    let rig = Rig::new();
    rig.write(IER, 4);
    rig.port.receive(b"a");
    assert!(!rig.irq());
    rig.port.receive(b"b");
    assert_eq!((rig.irq(), rig.read(IIR_FCR), rig.read(LSR)), (true, 6, 0x63));
    assert_eq!((rig.irq(), rig.read(DATA)), (false, b'b'));
    rig.port.receive_break();
    assert_eq!((rig.irq(), rig.read(LSR), rig.read(DATA)), (true, 0x71, 0));
}

#[test]
fn suite() {
    let (used, fresh) = (Rig::new(), Rig::new());
    used.write(IIR_FCR, 1);
    used.port.receive(b"abc");
    check_saved_state(&*used.port, &*fresh.port);
    assert_eq!(fresh.clock.deadline(), used.clock.deadline());
    check_reset(&*used.port, || used.write(SCR, 9));
}

proptest! {
    #[test]
    fn arbitrary_accesses(actions in prop::collection::vec((0u8..5, 0u64..8, any::<u8>()), 0..200)) {
        let rig = Rig::new();
        for (kind, offset, value) in actions {
            match kind {
                0 | 1 => rig.write(offset, value),
                2 => drop(rig.read(offset)),
                3 => rig.port.receive(&vec![value; (value & 31) as usize]),
                _ => rig.clock.advance(value as i64 * 100_000),
            }
            let uart = rig.port.uart.lock();
            prop_assert!(uart.fifo.len() <= 16);
            prop_assert_eq!(uart.lsr.contains(super::spec::Lsr::READY), !uart.fifo.is_empty());
            prop_assert_eq!(uart.interrupt(), rig.irq());
        }
        let other = Rig::new();
        let saved = rig.port.save();
        other.port.load(&saved).unwrap();
        prop_assert_eq!(other.port.save(), saved);
    }
}
