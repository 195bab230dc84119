//! The card driven through its registers and descriptors, as drivers do.

use super::*;
use crate::board::{Board, MAC, PORTS, assert_sums, pseudo, slot, tcp_frame};
use hw_core::testing::{Action, Rig, TestNet, check_actions, check_reset, check_saved_state};
use proptest::prelude::*;
use softmmu::GuestPhys;

const TX_RING: u64 = 0x1000;
const RX_RING: u64 = 0x2000;
const DATA: u64 = 0x1_0000;
const BUFFERS: u64 = 0x8_0000;
/// Descriptors in each ring.
const SLOTS: u32 = 16;

fn board() -> Board {
    board_with(OffloadAbilities::default())
}

/// Both rings on, receive buffers of 2 KiB all given.
fn board_with(abilities: OffloadAbilities) -> Board {
    let board = Board::new("e1000", (0, 1), abilities);
    for (register, value) in [
        (TDBAL, TX_RING as u32),
        (TDLEN, SLOTS * 16),
        (TCTL, tctl::EN | tctl::PSP),
        (RDBAL, RX_RING as u32),
        (RDLEN, SLOTS * 16),
        (IMS, cause::ALL),
    ] {
        board.write(register, value);
    }
    for slot in 0..u64::from(SLOTS) {
        board.put(RX_RING + slot * 16, &(BUFFERS + slot * 2048).to_le_bytes());
    }
    board.write(RDT, SLOTS - 1);
    board.write(RCTL, rctl::EN | rctl::BAM);
    board
}

impl Board {
    /// Writes a transmit descriptor.
    fn descriptor(&self, slot: u64, address: u64, lower: u32, upper: u32) {
        let mut bytes = address.to_le_bytes().to_vec();
        bytes.extend(lower.to_le_bytes());
        bytes.extend(upper.to_le_bytes());
        self.put(TX_RING + slot * 16, &bytes);
    }

    fn microwire(&self, pins: u32) -> bool {
        self.write(EECD, pins | eecd::REQ);
        self.read(EECD) & eecd::DO != 0
    }

    /// Reads a word of the EEPROM bit by bit.
    fn eeprom_word(&self, word: u32) -> u16 {
        self.microwire(0);
        self.microwire(eecd::SK);
        self.microwire(eecd::SK | eecd::CS);
        self.microwire(eecd::CS);
        let command = 0b110 << 6 | word;
        for bit in (0..9).rev() {
            let pins = eecd::CS | if command >> bit & 1 != 0 { eecd::DI } else { 0 };
            self.microwire(pins);
            self.microwire(pins | eecd::SK);
            self.microwire(pins);
        }
        let mut value = 0;
        for _ in 0..16 {
            value = value << 1 | u16::from(self.microwire(eecd::CS | eecd::SK));
            self.microwire(eecd::CS);
        }
        value
    }

    /// Status, errors, length and special of a receive descriptor, and the data in its buffer.
    fn received(&self, slot: u64) -> (u8, u16, u16, Vec<u8>) {
        let bytes = self.get(RX_RING + slot * 16, 16);
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(bytes[13], 0, "errors");
        (
            bytes[12],
            word(8),
            word(14),
            self.get(BUFFERS + slot * 2048, word(8).into()),
        )
    }
}

#[test]
fn the_eeprom_is_read_both_ways() {
    let board = board();
    assert_eq!(board.read(EECD) & (eecd::PRES | eecd::GNT), eecd::PRES);
    let mut sum = 0u16;
    for word in 0..64 {
        board.write(EERD, word << 8 | eerd::START);
        let answer = board.read(EERD);
        assert_ne!(answer & eerd::DONE, 0);
        assert_eq!(board.eeprom_word(word), (answer >> 16) as u16, "word {word}");
        sum = sum.wrapping_add((answer >> 16) as u16);
    }
    assert_eq!(sum, 0xbaba);
    let mac: Vec<u8> = (0..3)
        .flat_map(|word| board.eeprom_word(word).to_le_bytes())
        .collect();
    assert_eq!(mac, MAC);
    assert_eq!(board.read(RA.start).to_le_bytes(), MAC[..4]);
}

#[test]
fn the_transceiver_answers_at_its_address() {
    let board = board();
    let read = |phy: u32, register: u32| {
        board.write(MDIC, mdic::READ << 26 | phy << 21 | register << 16);
        board.read(MDIC)
    };
    assert_eq!(read(1, 2) & 0xffff, 0x0141);
    assert_eq!(read(1, 3) & 0xffff, 0x0c20);
    assert_eq!(read(1, 1) & 0x24, 0x24, "link, negotiated");
    assert_ne!(read(2, 2) & mdic::ERROR, 0);
    board.net.set_link(false);
    assert_eq!(read(1, 1) & 0x24, 0);
    assert_eq!(board.read(STATUS) & status::LINK_UP, 0);
    assert_eq!(board.read(ICR), cause::LSC);
    board.write(MDIC, mdic::WRITE << 26 | 1 << 21 | 0x8000);
    assert_eq!(read(1, 1) & 0x24, 0, "a reset plugs no cable in");
    board.net.set_link(true);
    assert_eq!(read(1, 1) & 0x24, 0x24);
}

#[test]
fn frames_in_pieces_are_sent() {
    let board = board();
    let frame = tcp_frame(100, (1, 2));
    board.put(DATA, &frame);
    board.descriptor(0, DATA, 50, 0);
    board.descriptor(1, DATA + 50, (frame.len() - 50) as u32 | tx::EOP | tx::RS, 0);
    board.descriptor(2, DATA, 20 | tx::EOP, 0);
    board.write(TDT, 2);
    assert_eq!(board.net.take(), [(frame.clone(), Offload::default())]);
    assert!(board.interrupts());
    assert_eq!(board.read(ICR), cause::TXDW | cause::TXQE);
    assert!(!board.interrupts(), "reading acknowledges");
    assert_eq!(board.read(ICR), 0);
    assert_eq!(board.get(TX_RING + 16 + 12, 1), [1], "done");
    assert_eq!(board.get(TX_RING + 12, 1), [0], "nobody asked");
    board.write(TDT, 3);
    let mut short = frame[..20].to_vec();
    short.resize(60, 0);
    assert_eq!(board.net.take(), [(short, Offload::default())], "padded");
    assert_eq!(
        (board.read(TPT), board.read(TPT)),
        (2, 0),
        "counted, and forgotten"
    );
    // Around the end.
    for slot in 3..SLOTS.into() {
        board.descriptor(slot, DATA, 60 | tx::EOP, 0);
    }
    board.write(TDT, 1);
    assert_eq!(board.net.take().len(), 13);
    assert_eq!(board.read(TDH), 1);
}

/// Context for [`tcp_frame`], in the bytes of a descriptor.
fn context(slot: u64, board: &Board, mss: u16, cut: bool) {
    let low = u64::from_le_bytes([14, 24, 33, 0, 34, 50, 0, 0]);
    let lower = tx::DEXT | tx::TCP | tx::IPV4 | if cut { tx::TSE } else { 0 };
    board.descriptor(slot, low, lower, u32::from(mss) << 16 | 54 << 8);
}

#[test]
fn checksums_are_inserted_or_left() {
    let checksum = OffloadAbilities {
        checksum: true,
        segment: false,
    };
    for (abilities, left) in [(OffloadAbilities::default(), None), (checksum, Some((34, 16)))] {
        let board = board_with(abilities);
        let frame = tcp_frame(301, (0, pseudo(321)));
        board.put(DATA, &frame);
        context(0, &board, 0, false);
        let command = frame.len() as u32 | tx::DEXT | tx::DATA | tx::EOP | tx::RS;
        board.descriptor(1, DATA, command, tx::IXSM | tx::TXSM);
        board.write(TDT, 2);
        let sent = board.net.take();
        assert_eq!(sent[0].1.checksum, left);
        let mut frame = sent[0].0.clone();
        if let Some((start, offset)) = left {
            crate::checksum::insert(&mut frame, start.into(), (start + offset).into(), 0);
        }
        assert_sums(&frame);
    }
}

#[test]
fn long_segments_are_cut_here_or_there() {
    let payload = 10_000;
    let both = OffloadAbilities {
        checksum: true,
        segment: true,
    };
    for abilities in [OffloadAbilities::default(), both] {
        let board = board_with(abilities);
        // As Linux leaves it: no length, no sum, a pseudo header without length.
        let mut frame = tcp_frame(payload, (0, pseudo(0)));
        frame[16..18].fill(0);
        let end = frame.len() as u32;
        board.put(DATA, &frame);
        context(0, &board, 1460, true);
        let command = tx::DEXT | tx::DATA | tx::TSE;
        board.descriptor(1, DATA, 54 | command, tx::IXSM | tx::TXSM);
        board.descriptor(2, DATA + 54, (end - 54) | command | tx::EOP | tx::RS, 0);
        board.write(TDT, 3);
        let sent = board.net.take();
        if abilities.segment {
            let [(whole, offload)] = &sent[..] else {
                panic!("{} frames", sent.len())
            };
            let segment = offload.segment.unwrap();
            assert_eq!((segment.size, segment.headers, segment.ipv6), (1460, 54, false));
            let mut whole = whole.clone();
            assert_eq!(whole[16..18], (end as u16 - 14).to_be_bytes());
            crate::checksum::insert(&mut whole, 34, 50, 0);
            assert_sums(&whole);
            continue;
        }
        assert_eq!(sent.len(), 7);
        let mut all = Vec::new();
        for (index, (piece, offload)) in sent.iter().enumerate() {
            assert_eq!(*offload, Offload::default());
            assert_sums(piece);
            assert_eq!(piece[16..18], (piece.len() as u16 - 14).to_be_bytes());
            assert_eq!(piece[18..20], (9 + index as u16).to_be_bytes(), "identification");
            assert_eq!(
                piece[38..42],
                (0x1000 + all.len() as u32).to_be_bytes(),
                "sequence"
            );
            assert_eq!(piece[47], if index == 6 { 0x19 } else { 0x10 }, "flags");
            all.extend_from_slice(&piece[54..]);
        }
        assert_eq!(all, frame[54..]);
    }
}

#[test]
fn frames_arrive_in_buffers() {
    let board = board();
    let frame = tcp_frame(6, (1, 2));
    let mut to_us = frame.clone();
    to_us[..6].copy_from_slice(&MAC);
    assert!(board.net.give(&to_us, Offload::default()));
    let (status, length, _, data) = board.received(0);
    assert_eq!((status, length), (rx::DD | rx::EOP | rx::IXSM, 64));
    assert_eq!((&data[..60], &data[60..]), (&to_us[..], &[0; 4][..]));
    assert!(board.interrupts());
    assert_eq!(board.read(ICR), cause::RXT0);
    // Longer than a buffer, without the checksum, with what is known of it said.
    board.write(RXCSUM, 0x300);
    board.write(RCTL, rctl::EN | rctl::BAM | rctl::SECRC | 1 << 16);
    let mut long = tcp_frame(1200, (1, 2));
    long[..6].copy_from_slice(&MAC);
    let verified = Offload {
        verified: true,
        ..Offload::default()
    };
    board.net.give(&long, verified);
    let first = board.received(1);
    let second = board.received(2);
    assert_eq!((first.0, first.1), (rx::DD | rx::IPCS | rx::TCPCS, 1024));
    assert_eq!(
        (second.0, second.1),
        (rx::DD | rx::EOP | rx::IPCS | rx::TCPCS, 230)
    );
    assert_eq!([first.3, second.3].concat(), long);
}

#[test]
fn what_is_not_for_it_is_left() {
    let group = [1, 0, 0x5e, 0, 0, 0xfb];
    let other = [2, 0, 0, 0, 0, 1];
    let every = [0xff; 6];
    let hash = usize::from(u16::from_le_bytes([0, 0xfb]) >> 4);
    for (to, bits, comes) in [
        (MAC, 0, true),
        (other, 0, false),
        (other, rctl::UPE, true),
        (group, 0, false),
        (group, rctl::UPE, false),
        (group, rctl::MPE, true),
        (every, 0, false),
        (every, rctl::BAM, true),
    ] {
        let board = board();
        board.write(RCTL, rctl::EN | bits);
        let mut frame = tcp_frame(10, (0, 0));
        frame[..6].copy_from_slice(&to);
        board.net.give(&frame, Offload::default());
        assert_eq!(board.read(GPRC) == 1, comes, "{to:x?} with {bits:#x}");
        assert_eq!(board.interrupts(), comes);
    }
    let board = board();
    board.write(MTA.start + hash / 32 * 4, 1 << (hash % 32));
    let mut frame = tcp_frame(10, (0, 0));
    frame[..6].copy_from_slice(&group);
    board.net.give(&frame, Offload::default());
    assert_eq!((board.read(GPRC), board.read(MPRC)), (1, 1));
    frame.resize(1600, 0);
    board.net.give(&frame, Offload::default());
    assert_eq!(board.read(GPRC), 0, "too long");
    board.write(RCTL, rctl::EN | rctl::LPE);
    board.net.give(&frame, Offload::default());
    assert_eq!(board.read(GPRC), 1);
}

#[test]
fn tags_are_taken_off_put_in_and_looked_at() {
    let board = board();
    board.write(CTRL, ctrl::VME);
    board.write(RCTL, rctl::EN | rctl::VFE);
    let mut frame = tcp_frame(100, (1, 2));
    frame[..6].copy_from_slice(&MAC);
    let plain = frame.clone();
    frame.splice(12..12, [0x81, 0, 0x20, 0x05]);
    board.net.give(&frame, Offload::default());
    assert_eq!(board.read(GPRC), 0, "another network's");
    board.write(VFTA.start, 1 << 5);
    board.net.give(&frame, Offload::default());
    let (status, length, special, data) = board.received(0);
    assert_eq!(
        (status & rx::VP, length, special),
        (rx::VP, plain.len() as u16 + 4, 0x2005)
    );
    assert_eq!(data[..plain.len()], plain);
    board.put(DATA, &plain);
    board.descriptor(0, DATA, plain.len() as u32 | tx::EOP | tx::VLE, 0x2005 << 16);
    board.write(TDT, 1);
    assert_eq!(board.net.take()[0].0, frame);
}

#[test]
fn a_full_ring_says_so() {
    let board = board();
    let mut frame = tcp_frame(10, (0, 0));
    frame[..6].copy_from_slice(&MAC);
    let given = (0..100)
        .take_while(|_| board.net.give(&frame, Offload::default()))
        .count();
    assert_eq!(given, SLOTS as usize - 1);
    assert_ne!(board.read(ICR) & cause::RXDMT0, 0);
    let told = board.net.told_of_room();
    board.write(RDT, 3);
    assert!(board.net.told_of_room() > told);
    assert!(board.net.give(&frame, Offload::default()));
    // A frame for which there are buffers, but not enough.
    board.write(RDT, 4);
    board.write(RDH, 3);
    board.write(RCTL, rctl::EN | rctl::LPE);
    frame.resize(5000, 1);
    assert!(board.net.give(&frame, Offload::default()));
    assert_ne!(board.read(ICR) & cause::RXO, 0);
    assert_eq!((board.read(MPC), board.read(RDH)), (1, 3));
}

#[test]
fn ports_reach_the_registers() {
    let board = board();
    let store = |at: u64, value: u64| board.ports.store(GuestPhys(PORTS + at), 4, value).unwrap();
    store(0, STATUS as u64);
    let value = board.ports.load(GuestPhys(PORTS + 4), 4).unwrap();
    assert_eq!(value, u64::from(status::FIXED | status::LINK_UP));
    store(0, IMC as u64);
    store(4, u64::from(u32::MAX));
    assert_eq!(board.read(IMS), 0);
}

#[test]
fn rings_that_lead_to_itself_lead_nowhere() {
    let board = board();
    // Descriptors, data and status all in its own registers.
    board.write(TDBAL, crate::board::WINDOW as u32);
    board.write(TDT, 5);
    board.write(TDBAL, TX_RING as u32);
    board.descriptor(7, crate::board::WINDOW + TDT as u64, 4 | tx::EOP | tx::RS, 0);
    board.write(TDT, 8);
    board.put(RX_RING, &(crate::board::WINDOW + TDT as u64).to_le_bytes());
    let mut frame = tcp_frame(10, (0, 0));
    frame[..6].copy_from_slice(&MAC);
    board.net.give(&frame, Offload::default());
    assert_eq!((board.read(TDT), board.read(GPRC)), (8, 1));
    // Heads and tails outside of the ring.
    for register in [TDH, TDT, RDH, RDT] {
        board.write(register, 0xffff);
    }
    board.write(TDT, 3);
    board.net.give(&frame, Offload::default());
}

#[test]
fn long_rings_take_turns() {
    let board = board();
    // Every descriptor of the longest ring is zero: no end, so no frame.
    board.write(TDBAL, 0x2_0000);
    board.write(TDLEN, 0xf_ff80);
    board.write(TDT, 20_000);
    assert!(board.read(TDH) < 20_000);
    board.clock.advance(1_000_000);
    assert_eq!(board.read(TDH), 20_000);
}

/// Device alone, as suites want it; bus mastering is on.
fn alone(ram: bool) -> (Rig, Arc<TestNet>) {
    let (slot, _, _, clock) = slot(ram);
    let net = TestNet::new(OffloadAbilities {
        checksum: true,
        segment: true,
    });
    let port = slot.port();
    port.dma().set_enabled(true);
    let device = E1000::new(
        "e1000",
        MAC,
        port,
        Arc::clone(&net) as Arc<dyn NetPort>,
        &slot.clock,
    );
    let rig = Rig {
        clock,
        windows: device.windows(),
        device,
        pins: None,
    };
    (rig, net)
}

#[test]
fn suites() {
    let (used, _net) = alone(true);
    let change = || {
        for (register, value) in [
            (RDBAL, 0x1000),
            (MDIC, 0x0421_1234),
            (EECD, 0x47),
            (TCTL, 10),
            (ICS, 4),
        ] {
            used.windows[0].ops.write(register as u64, 4, value).unwrap();
        }
    };
    change();
    check_saved_state(&*used.device, &*alone(true).0.device);
    check_reset(&*used.device, change);
}

fn action() -> impl Strategy<Value = Action> {
    let registers: Vec<u64> = PLAIN
        .iter()
        .map(|(register, _)| *register)
        .chain([
            CTRL, EECD, EERD, MDIC, ICR, ICS, IMS, IMC, RCTL, TCTL, TDT, RDT, RA.start,
        ])
        .map(|register| register as u64)
        .collect();
    let offset = prop_oneof![4 => prop::sample::select(registers), 1 => any::<u64>()];
    let value = prop_oneof![0..0x100_u64, any::<u64>(), Just(0x80)];
    prop_oneof![
        2 => (0..2_u8, offset.clone()).prop_map(|(w, o)| Action::Read(w, o, 2)),
        8 => (0..2_u8, offset, value).prop_map(|(w, o, v)| Action::Write(w, o, 2, v)),
        1 => (0..100_000_u32).prop_map(Action::Pass),
        1 => Just(Action::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_accesses(before in proptest::collection::vec(action(), 0..60), after in proptest::collection::vec(action(), 0..60)) {
        check_actions(|| alone(false).0, &before, &after);
    }

    /// Any descriptors, in small rings and in memory full of noise.
    #[test]
    fn any_descriptors(
        descriptors in proptest::collection::vec(any::<[u32; 4]>(), 1..16),
        lengths in proptest::collection::vec(0..3000u32, 16),
        frames in proptest::collection::vec((0..4000usize, any::<bool>()), 0..8),
        rctl in any::<u32>(),
        abilities in any::<(bool, bool)>(),
    ) {
        let board = board_with(OffloadAbilities { checksum: abilities.0, segment: abilities.1 });
        board.write(RCTL, rctl | rctl::EN);
        board.write(CTRL, ctrl::VME);
        for (slot, words) in descriptors.iter().enumerate() {
            // Mostly lengths that frames have, and addresses in RAM.
            let lower = words[2] & 0xfff0_0000 | lengths[slot];
            board.descriptor(slot as u64, u64::from(words[0] & 0xf_ffff) | u64::from(words[1] & 0xff) << 32, lower, words[3]);
        }
        board.write(TDT, descriptors.len() as u32);
        for (length, verified) in frames {
            let frame: Vec<u8> = (0..length).map(|i| (i * 31) as u8).collect();
            board.net.give(&frame, Offload { verified, ..Offload::default() });
        }
        prop_assert_eq!(board.read(TDH), descriptors.len() as u32);
    }
}
