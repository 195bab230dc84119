//! The network device driven through its registers and rings.

use super::spec::feature::*;
use super::*;
use crate::pci::{Transport, card};
use crate::spec::feature::{EVENT_IDX, RING_PACKED};
use crate::testing::{Guest, Interface, Memory, TestPort};
use hw_core::net::Segment;
use hw_core::testing::{check_reset, check_saved_state};
use hw_pci::PciCard;
use proptest::prelude::*;

const OWN_MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn on(memory: &Memory, port: &Arc<TestPort>, config: NetConfig) -> PciCard {
    let transport = Transport {
        offer: Offer {
            packed: true,
            ..Offer::default()
        },
        vectors: 4,
    };
    card(&memory.slot("net0"), transport, CONFIG as u64, |dma, offer| {
        Net::new(config, Arc::clone(port) as Arc<dyn NetPort>, offer, dma)
    })
}

fn board(able: bool) -> (Arc<Memory>, PciCard, Arc<TestPort>) {
    let (memory, port) = (Arc::new(Memory::new()), TestPort::new(able));
    let card = on(&memory, &port, NetConfig::new(OWN_MAC));
    (memory, card, port)
}

const WAYS: [(Interface, u64); 6] = [
    (Interface::Legacy, 0),
    (Interface::Legacy, EVENT_IDX | MRG_RXBUF),
    (Interface::Modern, 0),
    (Interface::Modern, EVENT_IDX | MRG_RXBUF),
    (Interface::Modern, RING_PACKED | MRG_RXBUF),
    (Interface::Modern, RING_PACKED | EVENT_IDX),
];

const BUFFERS: u64 = 0x2_0000;
const HEADER_AT: u64 = 0x8_0000;
const FRAME_AT: u64 = 0x8_1000;

fn header_len(interface: Interface, features: u64) -> u32 {
    if interface == Interface::Legacy && features & MRG_RXBUF == 0 {
        10
    } else {
        12
    }
}

/// A frame to `to` of `len` bytes.
fn frame(to: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
    frame[..6].copy_from_slice(&to);
    frame
}

/// Adds a receive buffer of `len` bytes in two pieces.
fn buffer(guest: &mut Guest, slot: u64, len: u32) -> u16 {
    let at = BUFFERS + 0x1000 * slot;
    guest.add(RX, &[], &[(at, 14), (at + 14, len - 14)])
}

/// A command of the control queue: its acknowledgement.
fn control(guest: &mut Guest, class: u8, command: u8, data: &[u8]) -> u8 {
    guest.memory.write(HEADER_AT, &[class, command]);
    guest.memory.write(HEADER_AT + 2, data);
    guest.memory.write(HEADER_AT + 0x800, &[0xee]);
    let len = data.len() as u32;
    guest.add(
        CTRL,
        &[(HEADER_AT, 2), (HEADER_AT + 2, len)],
        &[(HEADER_AT + 0x800, 1)],
    );
    assert_eq!(guest.take(CTRL).len(), 1);
    guest.memory.bytes(HEADER_AT + 0x800, 1)[0]
}

#[test]
fn frames_both_ways_by_every_interface() {
    for (interface, features) in WAYS {
        for messages in [false, true] {
            let (memory, card, port) = board(false);
            let mut guest = Guest::new(&memory, &card, interface);
            if messages {
                guest.use_messages(4);
            }
            guest.start(features | MAC | STATUS, 2);
            assert_eq!(
                guest.config(0, 4),
                u64::from(u32::from_le_bytes([0x52, 0x54, 0, 0x12]))
            );
            assert_eq!(guest.config(6, 2), 1, "link up");
            let head = header_len(interface, features);
            let sent = frame([1; 6], 333);
            memory.write(HEADER_AT, &[0; 12]);
            memory.write(FRAME_AT, &sent);
            for _ in 0..40 {
                let id = guest.add(
                    TX,
                    &[(HEADER_AT, head), (FRAME_AT, 100), (FRAME_AT + 100, 233)],
                    &[],
                );
                assert_eq!(port.sent(), [(sent.clone(), Offload::default())]);
                assert_eq!(guest.take(TX), [(id, 0)]);
            }
            assert!(!port.client().can_receive(), "no buffers yet");
            let id = buffer(&mut guest, 0, 1600);
            assert_eq!(port.accepts(), 1);
            assert!(port.client().can_receive());
            let received = frame(OWN_MAC, 1000);
            memory.messages();
            guest.isr();
            port.client().receive(&received, Offload::default());
            assert_eq!(guest.take(RX), [(id, head + 1000)]);
            let mut expected = vec![0; 10];
            expected.extend(if head == 12 { &[1, 0][..] } else { &[] });
            expected.extend(&received);
            assert_eq!(memory.bytes(BUFFERS, expected.len()), expected);
            if messages {
                assert_eq!(memory.messages(), [0x41]);
            } else {
                assert_eq!(guest.isr(), 1);
            }
        }
    }
}

#[test]
fn large_frames_take_several_buffers() {
    for features in [MRG_RXBUF, MRG_RXBUF | EVENT_IDX, MRG_RXBUF | RING_PACKED] {
        let (memory, card, port) = board(false);
        let mut guest = Guest::new(&memory, &card, Interface::Modern);
        guest.start(features, 2);
        for round in 0..10 {
            let large = frame([0xff; 6], 2500 + round);
            let mut ids = vec![buffer(&mut guest, 0, 1024), buffer(&mut guest, 1, 1024)];
            port.client().receive(&large, Offload::default());
            assert!(guest.take(RX).is_empty(), "two are not enough, and stay");
            ids.push(buffer(&mut guest, 2, 1024));
            port.client().receive(&large, Offload::default());
            let last = 12 + 2500 + round as u32 - 2048;
            assert_eq!(guest.take(RX), [(ids[0], 1024), (ids[1], 1024), (ids[2], last)]);
            assert_eq!(memory.u16(BUFFERS + 10), 3);
            let mut all = memory.bytes(BUFFERS + 12, 1012);
            all.extend(memory.bytes(BUFFERS + 0x1000, 1024));
            all.extend(memory.bytes(BUFFERS + 0x2000, last as usize));
            assert_eq!(all, large);
        }
    }
}

#[test]
fn without_mergeable_buffers_large_frames_are_lost() {
    let (memory, card, port) = board(false);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(0, 2);
    let id = buffer(&mut guest, 0, 1024);
    port.client().receive(&frame([0xff; 6], 1013), Offload::default());
    assert!(guest.take(RX).is_empty());
    port.client().receive(&frame([0xff; 6], 1012), Offload::default());
    assert_eq!(guest.take(RX), [(id, 1024)]);
}

#[test]
fn offloads() {
    let (memory, card, port) = board(true);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let all =
        CSUM | GUEST_CSUM | HOST_TSO4 | HOST_TSO6 | GUEST_TSO4 | GUEST_TSO6 | CTRL_VQ | CTRL_GUEST_OFFLOADS;
    assert_eq!(guest.offered() & all, all);
    guest.start(all, 3);
    let able = |checksum, segment| OffloadAbilities { checksum, segment };
    assert_eq!(port.card(), able(true, true));
    let mut bytes = frame([1; 6], 3000);
    // TCP at 34 with 24 bytes of header.
    bytes[34 + 12] = 0x60;
    memory.write(FRAME_AT, &bytes);
    // Header: flags, type, hdr_len, gso_size, csum_start, csum_offset. And what becomes of it.
    let tcp = |ipv6, size| {
        Some(Offload {
            checksum: Some((34, 16)),
            segment: Some(Segment {
                ipv6,
                size,
                headers: 58,
            }),
            verified: false,
        })
    };
    let checksum = |start, offset| {
        Some(Offload {
            checksum: Some((start, offset)),
            ..Offload::default()
        })
    };
    type Case = (u8, u8, u16, u16, u16, Option<Offload>);
    let cases: &[Case] = &[
        (0, 0, 0, 0, 0, Some(Offload::default())),
        (1, 0, 0, 34, 16, checksum(34, 16)),
        (1, 0, 0, 2990, 8, checksum(2990, 8)),
        (1, 0, 0, 2990, 9, None),
        (1, 0, 0, 0xffff, 0xffff, None),
        (1, 1, 1460, 34, 16, tcp(false, 1460)),
        (1, 4, 1440, 34, 16, tcp(true, 1440)),
        (1, 0x81, 1460, 34, 16, tcp(false, 1460)),
        (0, 1, 1460, 34, 16, None),
        (1, 1, 0, 34, 16, None),
        (1, 3, 1460, 34, 16, None),
        (1, 9, 1460, 34, 16, None),
        (1, 1, 1460, 2995, 0, None),
    ];
    for &(flags, gso, size, start, offset, ref expected) in cases {
        let mut header = vec![flags, gso, 0, 0];
        for field in [size, start, offset, 0] {
            header.extend(field.to_le_bytes());
        }
        memory.write(HEADER_AT, &header);
        guest.add(TX, &[(HEADER_AT, 12), (FRAME_AT, 3000)], &[]);
        assert_eq!(guest.take(TX).len(), 1);
        let sent: Vec<Offload> = port.sent().into_iter().map(|(_, offload)| offload).collect();
        assert_eq!(sent, Vec::from_iter(*expected), "{header:?}");
    }
    buffer(&mut guest, 0, 4096);
    port.client().receive(&bytes, tcp(false, 1460).expect("one"));
    assert_eq!(
        memory.bytes(BUFFERS, 12),
        [1, 1, 58, 0, 0xb4, 5, 34, 0, 16, 0, 1, 0]
    );
    guest.take(RX);
    buffer(&mut guest, 0, 4096);
    let verified = Offload {
        verified: true,
        ..Offload::default()
    };
    port.client().receive(&bytes, verified);
    assert_eq!(memory.bytes(BUFFERS, 1), [2]);
    // The driver switches some of it off.
    assert_eq!(
        control(&mut guest, class::GUEST_OFFLOADS, 0, &GUEST_CSUM.to_le_bytes()),
        ACK_OK
    );
    assert_eq!(port.card(), able(true, false));
    assert_eq!(
        control(&mut guest, class::GUEST_OFFLOADS, 0, &u64::MAX.to_le_bytes()),
        ACK_ERR
    );
    guest.take(RX);
    buffer(&mut guest, 0, 4096);
    port.client().receive(&bytes, tcp(false, 1460).expect("one"));
    assert!(guest.take(RX).is_empty(), "nobody can cut this");
    guest.set_status(0);
    assert_eq!(port.card(), able(false, false));
}

#[test]
fn filters() {
    let (memory, card, port) = board(false);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(CTRL_VQ | CTRL_RX | CTRL_RX_EXTRA | CTRL_VLAN | CTRL_MAC_ADDR, 3);
    let (other, group, all) = ([2, 0, 0, 0, 0, 9], [1, 0, 0x5e, 0, 0, 9], [0xff; 6]);
    let room = |guest: &mut Guest| {
        if !port.client().can_receive() {
            buffer(guest, 0, 2000);
        }
    };
    let gets = |guest: &mut Guest, expected: [bool; 4], what: &str| {
        for (to, expected) in [OWN_MAC, other, group, all].into_iter().zip(expected) {
            room(guest);
            port.client().receive(&frame(to, 100), Offload::default());
            assert_eq!(!guest.take(RX).is_empty(), expected, "{what}: {to:?}");
        }
    };
    gets(&mut guest, [true; 4], "promiscuous from the start");
    let rx = |guest: &mut Guest, mode, on| assert_eq!(control(guest, class::RX, mode, &[on]), ACK_OK);
    rx(&mut guest, 0, 0);
    gets(&mut guest, [true, false, false, true], "own and broadcast");
    let steps: &[(u8, [bool; 4])] = &[
        (1, [true, false, true, true]),
        (2, [true, true, false, true]),
        (4, [false, false, false, true]),
        (5, [true, false, false, false]),
    ];
    for &(mode, expected) in steps {
        rx(&mut guest, mode, 1);
        gets(&mut guest, expected, &format!("mode {mode}"));
        rx(&mut guest, mode, 0);
    }
    let mut tables = Vec::from(1_u32.to_le_bytes());
    tables.extend(other);
    tables.extend(1_u32.to_le_bytes());
    tables.extend(group);
    assert_eq!(control(&mut guest, class::MAC, MAC_TABLE_SET, &tables), ACK_OK);
    gets(&mut guest, [true; 4], "tables");
    tables[0] = 2;
    assert_eq!(control(&mut guest, class::MAC, MAC_TABLE_SET, &tables), ACK_ERR);
    let mut many = Vec::from(65_u32.to_le_bytes());
    many.extend([0; 65 * 6 + 4]);
    assert_eq!(control(&mut guest, class::MAC, MAC_TABLE_SET, &many), ACK_OK);
    gets(&mut guest, [true, true, false, true], "too many");
    assert_eq!(control(&mut guest, class::MAC, MAC_TABLE_SET, &[0; 8]), ACK_OK);
    assert_eq!(control(&mut guest, class::MAC, MAC_ADDR_SET, &other), ACK_OK);
    gets(&mut guest, [false, true, false, true], "another address");
    assert_eq!(guest.config(0, 2), 2);
    let tagged = |id: u16| {
        let mut frame = frame(all, 100);
        frame[12..14].copy_from_slice(&[0x81, 0]);
        frame[14..16].copy_from_slice(&(id | 0x2000).to_be_bytes());
        frame
    };
    for (command, expected) in [(VLAN_DEL, 0), (VLAN_ADD, 1), (VLAN_DEL, 0)] {
        assert_eq!(control(&mut guest, class::VLAN, command, &[5, 0]), ACK_OK);
        room(&mut guest);
        port.client().receive(&tagged(5), Offload::default());
        port.client().receive(&tagged(6), Offload::default());
        assert_eq!(guest.take(RX).len(), expected);
    }
    assert_eq!(control(&mut guest, class::VLAN, VLAN_ADD, &[0, 0x10]), ACK_ERR);
    assert_eq!(control(&mut guest, 9, 9, &[0]), ACK_ERR);
}

#[test]
fn the_link() {
    let (memory, card, port) = board(false);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(STATUS, 2);
    port.plug(false);
    assert_eq!((guest.isr(), guest.config(6, 2)), (2, 0));
    buffer(&mut guest, 0, 2000);
    port.client().receive(&frame(OWN_MAC, 60), Offload::default());
    memory.write(HEADER_AT, &[0; 12]);
    guest.add(TX, &[(HEADER_AT, 12), (FRAME_AT, 60)], &[]);
    assert!(guest.take(RX).is_empty() && guest.take(TX).len() == 1 && port.sent().is_empty());
    port.plug(true);
    assert_eq!((guest.isr() & 2, guest.config(6, 2)), (2, 1));
}

#[test]
fn legacy_drivers_set_the_address_in_the_configuration() {
    let (memory, card, port) = board(false);
    let mut guest = Guest::new(&memory, &card, Interface::Legacy);
    guest.start(MAC, 2);
    guest.set_config(4, 1, 0x77);
    guest.set_config(5, 1, 0x88);
    assert_eq!(guest.config(4, 2), 0x8877);
    assert!(port.client().can_receive() || port.accepts() == 0);
}

#[test]
fn reset_and_saved_state() {
    let (memory, card, port) = board(true);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let change = |guest: &mut Guest| {
        guest.start(CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR | CTRL_VLAN | GUEST_CSUM, 3);
        control(guest, class::RX, 0, &[0]);
        control(guest, class::VLAN, VLAN_ADD, &[5, 0]);
        control(guest, class::MAC, MAC_ADDR_SET, &[2, 0, 0, 0, 0, 9]);
        assert!(!port.client().can_receive());
    };
    check_reset(&*card.devices[0], || change(&mut guest));
    assert_eq!(port.accepts(), 1, "what waits is let go");
    change(&mut guest);
    let (_other_memory, other, other_port) = board(true);
    check_saved_state(&*card.devices[0], &*other.devices[0]);
    assert!(
        other_port.card().checksum,
        "the network hears of what was restored"
    );
}

#[test]
fn a_restored_card_goes_on() {
    for (interface, features) in WAYS {
        let (memory, first, port) = board(false);
        let mut guest = Guest::new(&memory, &first, interface);
        guest.start(features, 2);
        let ids = [buffer(&mut guest, 0, 2000), buffer(&mut guest, 1, 2000)];
        port.client().receive(&frame(OWN_MAC, 100), Offload::default());
        let states = [first.function.save(), first.devices[0].save()];
        drop(first);
        let second = on(&memory, &port, NetConfig::new(OWN_MAC));
        second.function.load(&states[0]).expect("own state");
        second.devices[0].load(&states[1]).expect("own state");
        port.client().receive(&frame(OWN_MAC, 100), Offload::default());
        let taken: Vec<u16> = guest.take(RX).iter().map(|used| used.0).collect();
        assert_eq!(taken, ids);
    }
}

proptest! {
    /// Whatever a guest puts into rings, and whatever arrives: no panic, and a reset helps.
    #[test]
    fn garbage(
        able in any::<bool>(),
        interface in prop_oneof![Just(Interface::Legacy), Just(Interface::Modern)],
        features in any::<u64>(),
        bytes in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 64..256),
        steps in prop::collection::vec(
            (
                0..4_usize,
                prop::collection::vec((0x8_0000..0x8_0100_u64, 0..300_u32), 0..4),
                prop::collection::vec((prop_oneof![0x2_0000..0x3_0000_u64, any::<u64>()], 0..3000_u32), 0..4),
                any::<u16>(),
            ), 1..40),
    ) {
        let (memory, card, port) = board(able);
        let mut guest = Guest::new(&memory, &card, interface);
        guest.start(features & guest.offered(), 2);
        if interface == Interface::Modern {
            guest.setup(2, 0x1000 + 2 * 0x6000, 16, features & guest.offered() | 1 << 32);
        }
        for (what, readable, writable, value) in &steps {
            memory.write(0x8_0000, &bytes);
            memory.write(0x8_0000 + u64::from(value % 64), &value.to_le_bytes());
            match *what {
                3 => {
                    let frame = frame([0xff; 6], 14 + usize::from(value % 4000));
                    let offload = Offload {
                        checksum: Some((*value, 3)),
                        verified: value & 1 != 0,
                        ..Offload::default()
                    };
                    if port.client().can_receive() {
                        port.client().receive(&frame, offload);
                    }
                }
                queue
                    if queue < guest.rings.len()
                        && readable.len() + writable.len() != 0
                        && guest.rings[queue].add(&memory, readable, writable, None).is_some() =>
                {
                    guest.notify(queue);
                }
                _ => {}
            }
        }
        guest.start(0, 2);
        port.sent();
        memory.write(HEADER_AT, &[0; 12]);
        guest.add(TX, &[(HEADER_AT, 12), (FRAME_AT, 60)], &[]);
        prop_assert_eq!(port.sent().len(), 1);
    }
}
