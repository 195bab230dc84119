//! Protocol sequences as drivers send them, and arbitrary accesses.

use super::*;
use hw_core::testing::{RecordingSink, TestClock, check_reset, check_saved_state};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Default)]
struct Resets(AtomicU32);

impl MachineRequests for Resets {
    fn reset(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn power_off(&self) {}
    fn debug_exit(&self, _status: u32) {}
}

struct Rig {
    clock: TestClock,
    irq: Arc<RecordingSink>,
    resets: Arc<Resets>,
    device: Arc<I8042>,
}

impl Rig {
    fn new() -> Self {
        let (clock, irq, resets) = (
            TestClock::new(),
            RecordingSink::new(),
            Arc::new(Resets::default()),
        );
        let lines = KeyboardLines {
            keyboard: irq.line(1),
            mouse: irq.line(12),
            a20: None,
        };
        let device = I8042::new(&clock.clock(), lines, resets.clone());
        Self {
            clock,
            irq,
            resets,
            device,
        }
    }

    fn command(&self, value: u8) {
        self.device.write_command(0, 1, value as u64).unwrap();
    }

    fn data(&self, value: u8) {
        self.device.write_data(0, 1, value as u64).unwrap();
    }

    fn status(&self) -> u8 {
        self.device.read_status(0, 1).unwrap() as u8
    }

    /// Everything there is to read.
    fn drain(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.status() & 1 != 0 {
            bytes.push(self.device.read_data(0, 1).unwrap() as u8);
        }
        bytes
    }

    /// What the mouse answers to these bytes.
    fn mouse(&self, bytes: &[u8]) -> Vec<u8> {
        self.clock.advance(2_000_000);
        bytes
            .iter()
            .flat_map(|&byte| {
                self.command(0xd4);
                self.data(byte);
                self.clock.advance(2_000_000);
                self.drain()
            })
            .collect()
    }
}

#[test]
fn controller_commands() {
    for (commands, answer) in [
        (&[0xaa][..], &[0x55][..]),
        (&[0xa9], &[0]),
        (&[0xab], &[0]),
        (&[0x20], &[3]),
        (&[0xa7, 0x20], &[0x23]),
        (&[0xad, 0x20], &[0x13]),
        (&[0xad, 0xae, 0x20], &[3]),
        (&[0xd0], &[0xcf]),
        (&[0xdd, 0xd0], &[0xcd]),
        (&[0xaa, 0xd0], &[0xdf]), // taken although the buffer is full
        (&[0x99], &[]),
        (&[0xff], &[]),
    ] {
        let rig = Rig::new();
        commands.iter().for_each(|&c| rig.command(c));
        assert_eq!(rig.drain(), answer, "{commands:02x?}");
    }
}

#[test]
fn unknown_commands_are_silent() {
    let rig = Rig::new();
    rig.command(0x99);
    assert!(rig.irq.take().is_empty());
}

#[test]
fn reset_pulses() {
    let rig = Rig::new();
    rig.command(0xff);
    assert_eq!(rig.resets.0.load(Ordering::Relaxed), 0);
    rig.command(0xfe);
    rig.command(0xd1);
    rig.data(0xfe);
    assert_eq!(rig.resets.0.load(Ordering::Relaxed), 2);
}

#[test]
fn keyboard_protocol() {
    for (bytes, translated, answer) in [
        (&[0xff][..], false, &[0xfa, 0xaa][..]),
        (&[0xf2], false, &[0xfa, 0xab, 0x83]),
        (&[0xf2], true, &[0xfa, 0xab, 0x41]),
        (&[0xed, 0x02], true, &[0xfa, 0xfa]),
        (&[0xf0, 0x00], false, &[0xfa, 0xfa, 2]),
        (&[0xf0, 0x01, 0xf0, 0x00], false, &[0xfa, 0xfa, 0xfa, 0xfa, 1]),
        (&[0xee], false, &[0xee]),
        (&[0x05], false, &[0xfe]),
    ] {
        let rig = Rig::new();
        rig.command(0x60);
        rig.data(if translated { 0x41 } else { 0x01 });
        bytes.iter().for_each(|&b| rig.data(b));
        assert_eq!(rig.drain(), answer, "{bytes:02x?}");
    }
}

#[test]
fn keys_are_translated_one_interrupt_each() {
    let rig = Rig::new();
    rig.command(0x60);
    rig.data(0x41);
    rig.irq.take();
    rig.device.keys(&[0x1c, 0xf0, 0x1c, 0xe0, 0xf0, 0x75]);
    assert_eq!(rig.drain(), [0x1e, 0x9e, 0xe0, 0xc8]);
    assert_eq!(rig.irq.take().len(), 8);
    rig.device.keys(&[0x1c; 17]);
    assert!(rig.drain().is_empty(), "too long for the queue");
}

#[test]
fn mouse_protocol() {
    for (bytes, answer) in [
        (&[0xff][..], &[0xfa, 0xaa, 0x00][..]),
        (&[0xf2], &[0xfa, 0]),
        (
            &[0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2],
            &[0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 3],
        ),
        (
            &[0xf3, 200, 0xf3, 200, 0xf3, 80, 0xf2],
            &[0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 4],
        ),
        (
            &[0xe8, 3, 0xe7, 0xf4, 0xe9],
            &[0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0x30, 3, 100],
        ),
        (&[0xee, 0x55, 0xec], &[0xfa, 0x55, 0xfa]),
        (&[0xeb], &[0xfa, 8, 0, 0]),
        (&[0x10], &[0xfe]),
    ] {
        assert_eq!(Rig::new().mouse(bytes), answer, "{bytes:02x?}");
    }
}

#[test]
fn mouse_packets() {
    let rig = Rig::new();
    assert_eq!(rig.mouse(&[0xf4]), [0xfa]);
    rig.device.mouse([5, -3, 0], 1);
    assert_eq!(rig.status() & 0x21, 0x21);
    assert!(rig.irq.level(12));
    assert_eq!(rig.drain(), [0x29, 5, 0xfd]);
    rig.device.mouse([200, 0, 0], 1);
    assert_eq!(rig.drain(), [0x09, 127, 0, 0x09, 73, 0]);
    // After the port was off, bytes wait a millisecond.
    rig.command(0xa7);
    rig.device.mouse([1, 0, 0], 0);
    rig.command(0xa8);
    assert!(rig.drain().is_empty());
    rig.clock.advance(1_000_000);
    assert_eq!(rig.drain(), [0x08, 1, 0]);
}

#[test]
fn suite() {
    let (used, fresh) = (Rig::new(), Rig::new());
    used.command(0xa7);
    used.data(0xf2);
    used.command(0xa8);
    check_saved_state(&*used.device, &*fresh.device);
    check_reset(&*used.device, || used.command(0xad));
}

proptest! {
    #[test]
    fn arbitrary_accesses(actions in prop::collection::vec((0u8..8, any::<u8>()), 0..300)) {
        let rig = Rig::new();
        for (kind, value) in actions {
            match kind {
                0 => rig.command(value),
                1 | 2 => rig.data(value),
                3 => rig.command(0xd4),
                4 => drop(rig.device.read_data(0, 1)),
                5 => rig.device.keys(&[0xf0, value]),
                6 => rig.device.mouse([value as i32 - 128, value as i32, -1], value),
                _ => rig.clock.advance(value as i64 * 10_000),
            }
            let state = rig.device.state.lock();
            prop_assert!(state.is_sane());
            prop_assert_eq!(state.interrupts(), (rig.irq.level(1), rig.irq.level(12)));
        }
        let other = Rig::new();
        let saved = rig.device.save();
        other.device.load(&saved).unwrap();
        prop_assert_eq!(other.device.save(), saved);
    }
}
