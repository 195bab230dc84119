//! The console device driven through its registers and rings.

use super::*;
use crate::pci::{Transport, card};
use crate::testing::{Guest, Interface, Memory};
use hw_core::CharInput;
use hw_core::testing::{check_reset, check_saved_state};
use hw_pci::PciCard;
use proptest::prelude::*;
use std::sync::Weak;

#[derive(Default)]
struct Line {
    bytes: Mutex<Vec<u8>>,
    accepts: Mutex<usize>,
    input: Mutex<Option<Weak<dyn CharInput>>>,
}

impl Line {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock())
    }

    fn input(&self) -> Arc<dyn CharInput> {
        let input = self.input.lock().clone();
        input.and_then(|input| input.upgrade()).expect("a port")
    }
}

impl CharSink for Line {
    fn write(&self, bytes: &[u8]) {
        self.bytes.lock().extend(bytes);
    }

    fn accepts_input(&self) {
        *self.accepts.lock() += 1;
    }

    fn attach(&self, input: Weak<dyn CharInput>) {
        *self.input.lock() = Some(input);
    }
}

struct Board {
    memory: Arc<Memory>,
    card: PciCard,
    serial: Arc<Serial>,
    lines: [Arc<Line>; 2],
}

/// A console on port 0, a named port on port 1.
fn board() -> Board {
    let memory = Arc::new(Memory::new());
    let transport = Transport {
        offer: Offer::default(),
        vectors: 2,
    };
    let mut made = None;
    let card = card(&memory.slot("serial0"), transport, CONFIG as u64, |dma, offer| {
        let serial = Serial::new(3, offer, dma);
        made = Some(Arc::clone(&serial));
        serial
    });
    let (serial, lines) = (made.expect("made"), [(); 2].map(|()| Arc::new(Line::default())));
    let sink = |n: usize| Arc::clone(&lines[n]) as Arc<dyn CharSink>;
    assert_eq!(serial.add_port(None, true, "", sink(0)), Ok(0));
    assert_eq!(serial.add_port(None, false, "org.test", sink(1)), Ok(1));
    Board {
        memory,
        card,
        serial,
        lines,
    }
}

const TO_DEVICE: u64 = 0x5_0000;
const FROM_DEVICE: u64 = 0x6_0000;

fn say(guest: &mut Guest, port: u32, event: u16, value: u16) {
    guest.memory.write(TO_DEVICE, &port.to_le_bytes());
    guest.memory.set_u16(TO_DEVICE + 4, event);
    guest.memory.set_u16(TO_DEVICE + 6, value);
    guest.add(CONTROL_TX, &[(TO_DEVICE, 8)], &[]);
    assert_eq!(guest.take(CONTROL_TX).len(), 1);
}

/// Gives four buffers and takes the messages that come.
fn hear(guest: &mut Guest) -> Vec<(u32, u16, u16, Vec<u8>)> {
    let mut buffers = Vec::new();
    for slot in 0..4 {
        let at = FROM_DEVICE + 0x100 * slot;
        if let Some(id) = guest.rings[CONTROL_RX].add(&guest.memory, &[], &[(at, 0x100)], None) {
            buffers.push((id, at));
        }
    }
    guest.notify(CONTROL_RX);
    let mut heard = Vec::new();
    for (id, len) in guest.take(CONTROL_RX) {
        let (_, at) = buffers
            .iter()
            .find(|buffer| buffer.0 == id)
            .copied()
            .unwrap_or((0, FROM_DEVICE));
        let more = guest.memory.bytes(at + 8, len as usize - 8);
        heard.push((
            guest.memory.u32(at),
            guest.memory.u16(at + 4),
            guest.memory.u16(at + 6),
            more,
        ));
    }
    heard
}

#[test]
fn ports_are_announced_and_opened() {
    let Board {
        memory,
        card,
        serial,
        lines,
    } = board();
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    assert_eq!(guest.config(4, 4), 3);
    guest.start(feature::MULTIPORT, 6);
    say(&mut guest, 0xffff_ffff, event::DEVICE_READY, 1);
    let none = Vec::new;
    let added = [
        (0, event::DEVICE_ADD, 1, none()),
        (1, event::DEVICE_ADD, 1, none()),
    ];
    assert_eq!(hear(&mut guest), added);
    // Two buffers are left, and used from now on.
    say(&mut guest, 1, event::PORT_READY, 1);
    let count = guest.take(CONTROL_RX).len();
    assert_eq!(count, 2, "a name, and that it is open");
    assert_eq!(memory.bytes(FROM_DEVICE + 0x208, 8), b"org.test");
    say(&mut guest, 0, event::PORT_READY, 1);
    let told = [
        (0, event::CONSOLE_PORT, 1, none()),
        (0, event::PORT_OPEN, 1, none()),
    ];
    assert_eq!(hear(&mut guest), told);
    let input = lines[1].input();
    let (rx, tx) = queues_of(1);
    let id = guest.add(rx, &[], &[(0x7_0000, 3), (0x7_1000, 5)]);
    assert_eq!(input.can_receive(), 0, "not opened yet");
    say(&mut guest, 1, event::PORT_OPEN, 1);
    assert_eq!(*lines[1].accepts.lock(), 1);
    assert_eq!(input.can_receive(), 8);
    input.receive(b"hello");
    assert_eq!(guest.take(rx), [(id, 5)]);
    assert_eq!(memory.bytes(0x7_1000, 2), b"lo");
    memory.write(0x7_0000, b"abcdef");
    guest.add(tx, &[(0x7_0000, 4), (0x7_0004, 2)], &[]);
    assert_eq!((guest.take(tx).len(), lines[1].take()), (1, b"abcdef".to_vec()));
    assert!(lines[0].take().is_empty());
    // One more comes while the driver listens.
    let late = Arc::new(Line::default());
    assert_eq!(serial.add_port(None, false, "", late as _), Ok(2));
    assert_eq!(guest.take(CONTROL_RX).len(), 1);
    let full = serial.add_port(None, false, "", Arc::new(Line::default()) as _);
    assert_eq!(full, Err(PortError::Full(3)));
}

#[test]
fn a_console_without_control_queues() {
    let Board {
        memory, card, lines, ..
    } = board();
    for interface in [Interface::Legacy, Interface::Modern] {
        let mut guest = Guest::new(&memory, &card, interface);
        guest.start(feature::EMERG_WRITE, 2);
        let input = lines[0].input();
        assert_eq!(input.can_receive(), 0);
        let id = guest.add(0, &[], &[(0x7_0000, 4)]);
        assert_eq!(input.can_receive(), 4);
        input.receive(b"ab");
        assert_eq!(guest.take(0), [(id, 2)]);
        memory.write(0x7_0000, b"out");
        guest.add(1, &[(0x7_0000, 3)], &[]);
        guest.set_config(8, 4, u64::from(b'!'));
        assert_eq!(lines[0].take(), b"out!");
    }
}

#[test]
fn reset_and_saved_state() {
    let Board { memory, card, .. } = board();
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let change = |guest: &mut Guest| {
        guest.start(feature::MULTIPORT, 6);
        say(guest, 0, event::DEVICE_READY, 1);
        say(guest, 1, event::PORT_OPEN, 1);
    };
    check_reset(&*card.devices[0], || change(&mut guest));
    change(&mut guest);
    check_saved_state(&*card.devices[0], &*board().card.devices[0]);
}

proptest! {
    /// Whatever the driver says: messages that wait are bounded, and nothing panics.
    #[test]
    fn garbage(said in prop::collection::vec((0..4_u32, 0..9_u16, 0..3_u16), 0..300)) {
        let Board { memory, card, serial, lines } = board();
        let mut guest = Guest::new(&memory, &card, Interface::Modern);
        guest.start(feature::MULTIPORT, 6);
        for (port, event, value) in said {
            say(&mut guest, port, event, value);
            lines[1].input().receive(b"x");
            let _ = lines[0].input().can_receive();
            prop_assert!(serial.state.lock().messages.len() <= MAX_MESSAGES);
        }
    }
}
