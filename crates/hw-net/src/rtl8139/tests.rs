//! The card driven through its registers, as 8139too and 8139cp do.

use super::*;
use crate::board::{Board, MAC, assert_sums, pseudo, slot, tcp_frame};
use hw_core::testing::{Action, Rig, TestNet, check_actions, check_reset, check_saved_state};
use proptest::prelude::*;
use softmmu::GuestPhys;

const BUFFER: u64 = 0x1_0000;
const DATA: u64 = 0x8_0000;
const TX_RING: u64 = 0x1000;
const RX_RING: u64 = 0x2000;

fn board() -> Board {
    board_with(OffloadAbilities::default())
}

fn board_with(abilities: OffloadAbilities) -> Board {
    let board = Board::new("rtl8139", (1, 0), abilities);
    board.set8(CR, cr::RE | cr::TE);
    board.write(RBSTART, BUFFER as u32);
    board.write(RCR, rcr::MATCH | rcr::BROADCAST | rcr::WRAP);
    board.set16(IMR, 0xffff);
    board
}

/// The other way to use it.
fn rings(abilities: OffloadAbilities) -> Board {
    let board = board_with(abilities);
    board.set16(CPCR, cpcr::TRANSMIT | cpcr::RECEIVE | cpcr::CHECKSUM | cpcr::VLAN);
    board.write(TSAD, TX_RING as u32);
    board.write(RDSAR, RX_RING as u32);
    board
}

impl Board {
    fn set8(&self, at: usize, value: u8) {
        let at = GuestPhys(crate::board::WINDOW + at as u64);
        self.memory.store(at, 1, value.into()).unwrap();
    }

    fn set16(&self, at: usize, value: u16) {
        let at = GuestPhys(crate::board::WINDOW + at as u64);
        self.memory.store(at, 2, value.into()).unwrap();
    }

    fn get8(&self, at: usize) -> u8 {
        let at = GuestPhys(crate::board::WINDOW + at as u64);
        self.memory.load(at, 1).unwrap() as u8
    }

    fn get16(&self, at: usize) -> u16 {
        let at = GuestPhys(crate::board::WINDOW + at as u64);
        self.memory.load(at, 2).unwrap() as u16
    }

    fn ring_descriptor(&self, at: u64, words: [u32; 4]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(at, &bytes);
    }

    fn word(&self, at: u64) -> u32 {
        self.memory.load(GuestPhys(at), 4).unwrap() as u32
    }

    /// Takes what came into the buffer as drivers do: header, length, data.
    fn take_received(&self, next: &mut usize) -> Option<(u16, Vec<u8>)> {
        if self.get8(CR) & cr::BUFE != 0 {
            return None;
        }
        let size = 8192;
        let header = self.get(BUFFER + *next as u64, 4);
        let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let data = self.get(BUFFER + *next as u64 + 4, length - 4);
        *next = ((*next + 4 + length + 3) & !3) % size;
        self.set16(CAPR, (*next as u16).wrapping_sub(16));
        Some((u16::from_le_bytes([header[0], header[1]]), data))
    }
}

/// A frame to the card.
fn to_us(payload: usize) -> Vec<u8> {
    let mut frame = tcp_frame(payload, (1, 2));
    frame[..6].copy_from_slice(&MAC);
    frame
}

/// Reads a word of the EEPROM as 8139too does, with addresses of so many bits.
fn eeprom_word(board: &Board, word: u32, bits: u32) -> u16 {
    let base = eeprom::PROGRAM | eeprom::CS;
    board.set8(EEPROM, eeprom::PROGRAM);
    board.set8(EEPROM, base);
    let command = 6 << bits | word;
    for bit in (0..bits + 5).rev() {
        let data = if command >> bit & 1 != 0 { eeprom::DI } else { 0 };
        board.set8(EEPROM, base | data);
        board.set8(EEPROM, base | data | eeprom::SK);
    }
    board.set8(EEPROM, base);
    let mut value = 0;
    for _ in 0..16 {
        board.set8(EEPROM, base | eeprom::SK);
        value = value << 1 | u16::from(board.get8(EEPROM) & eeprom::DO);
        board.set8(EEPROM, base);
    }
    board.set8(EEPROM, 0);
    value
}

#[test]
fn identification() {
    let board = board();
    assert_ne!(eeprom_word(&board, 0, 8), 0x8129, "addresses are shorter");
    assert_eq!(eeprom_word(&board, 0, 6), 0x8129);
    let mac: Vec<u8> = (7..10)
        .flat_map(|word| eeprom_word(&board, word, 6).to_le_bytes())
        .collect();
    assert_eq!(mac, MAC);
    assert_eq!(board.read(TCR) & 0x7cc0_0000, 0x7480_0000);
    assert_eq!((0..6).map(|at| board.get8(at)).collect::<Vec<_>>(), MAC);
    board.set8(0, 2);
    assert_eq!(board.get8(0), MAC[0], "configuration is closed");
    board.set8(EEPROM, eeprom::CONFIG);
    board.set8(0, 2);
    assert_eq!(board.get8(0), 2);
    board.set8(CR, cr::RST);
    assert_eq!((board.get8(CR), board.get16(IMR)), (cr::BUFE, 0));
}

#[test]
fn four_buffers_take_turns() {
    let board = board();
    for n in 0..6 {
        let frame = tcp_frame(100 + n, (1, 2));
        let at = n % 4 * 4;
        board.put(DATA + n as u64 * 2048, &frame);
        board.write(TSAD + at, (DATA + n as u64 * 2048) as u32);
        board.write(TSD + at, frame.len() as u32);
        assert_eq!(board.net.take(), [(frame.clone(), Offload::default())]);
        assert_eq!(board.read(TSD + at), frame.len() as u32 | tsd::OWN | tsd::TOK);
        assert!(board.interrupts());
        board.set16(ISR, isr::TOK);
        assert!(!board.interrupts());
    }
    // Out of turn it waits.
    board.write(TSD + 12, 60);
    assert_eq!(board.net.take().len(), 0);
    board.write(TSD + 8, 60);
    assert_eq!(board.net.take().len(), 2);
    board.write(TSD, 0x1fff);
    assert_ne!(board.read(TSD) & tsd::ABORTED, 0);
    assert_eq!(board.get16(TSAD_ALL) & 0xff, 0x1f);
}

#[test]
fn the_buffer_goes_round() {
    let board = board();
    let mut next = 0;
    for n in 0..100 {
        let frame = to_us(20 + n * 13);
        assert!(board.net.give(&frame, Offload::default()), "{n}");
        assert_eq!(board.get16(ISR), isr::ROK);
        board.set16(ISR, isr::ROK);
        assert_eq!(
            board.take_received(&mut next),
            Some((header::OK | header::MATCH, frame))
        );
        assert_eq!(board.take_received(&mut next), None);
    }
    // Nobody takes anything: what does not fit is not given, or is counted.
    let given = (0..100)
        .take_while(|_| board.net.give(&to_us(1400), Offload::default()))
        .count();
    assert!((3..=5).contains(&given), "{given}");
    while board.take_received(&mut next).is_some() {}
    assert!(board.net.told_of_room() > 0);
    assert!(board.net.give(&to_us(1400), Offload::default()));
}

#[test]
fn who_is_meant() {
    let group = [1, 0, 0x5e, 0, 0, 1];
    for (to, bits, listed, comes) in [
        (MAC, rcr::MATCH, false, true),
        (MAC, 0, false, false),
        (MAC, rcr::ALL, false, true),
        ([2, 0, 0, 0, 0, 1], rcr::MATCH, false, false),
        ([2, 0, 0, 0, 0, 1], rcr::ALL, false, true),
        ([0xff; 6], rcr::BROADCAST, false, true),
        ([0xff; 6], rcr::MATCH, false, false),
        (group, rcr::MULTICAST, false, false),
        (group, rcr::MULTICAST, true, true),
        (group, rcr::MATCH, true, false),
    ] {
        let board = board();
        board.write(RCR, bits);
        board.write(MAR, 0);
        board.write(MAR + 4, 0);
        if listed {
            board.set8(MAR + hash_byte(&group), hash_mask(&group));
        }
        let mut frame = to_us(10);
        frame[..6].copy_from_slice(&to);
        board.net.give(&frame, Offload::default());
        assert_eq!(board.get16(ISR) == isr::ROK, comes, "{to:x?} with {bits:#x}");
    }
}

fn crc_bit(to: &[u8]) -> usize {
    // The CRC of Ethernet in its usual form, turned round: its lowest bits are the other one's highest.
    let crc = to.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0xedb8_8320 } else { 0 };
        }
        crc
    });
    (crc.reverse_bits() >> 26) as usize
}

fn hash_byte(to: &[u8]) -> usize {
    crc_bit(to) / 8
}

fn hash_mask(to: &[u8]) -> u8 {
    1 << (crc_bit(to) % 8)
}

#[test]
fn rings_carry_frames_both_ways() {
    let board = rings(OffloadAbilities::default());
    let frame = to_us(300);
    board.put(DATA, &frame);
    board.ring_descriptor(TX_RING, [ring::OWN | ring::FIRST | 100, 0, DATA as u32, 0]);
    let rest = frame.len() as u32 - 100;
    board.ring_descriptor(
        TX_RING + 16,
        [ring::OWN | ring::LAST | ring::END | rest, 0, DATA as u32 + 100, 0],
    );
    board.set8(POLL, poll::NORMAL);
    assert_eq!(board.net.take(), [(frame.clone(), Offload::default())]);
    assert_eq!(board.word(TX_RING) & ring::OWN, 0);
    assert_eq!(board.word(TX_RING + 16), ring::LAST | ring::END | rest);
    assert_eq!(board.get16(ISR), isr::TOK | isr::TDU);
    board.set16(ISR, 0xffff);
    // Back at the beginning, with a tag.
    board.ring_descriptor(
        TX_RING,
        [
            ring::OWN | ring::FIRST | ring::LAST | frame.len() as u32,
            ring::TAG | 0x0520,
            DATA as u32,
            0,
        ],
    );
    board.set8(POLL, poll::NORMAL);
    let mut tagged = frame.clone();
    tagged.splice(12..12, [0x81, 0, 0x20, 0x05]);
    assert_eq!(board.net.take()[0].0, tagged);

    assert!(!board.net.give(&frame, Offload::default()), "no descriptor");
    board.ring_descriptor(RX_RING, [ring::OWN | 1536, 0, BUFFER as u32, 0]);
    board.ring_descriptor(
        RX_RING + 16,
        [ring::OWN | ring::END | 1536, 0, BUFFER as u32 + 2048, 0],
    );
    let verified = Offload {
        verified: true,
        ..Offload::default()
    };
    assert!(board.net.give(&frame, verified));
    let length = frame.len() as u32 + 4;
    assert_eq!(
        board.word(RX_RING),
        ring::FIRST | ring::LAST | ring::MATCH | ring::IS_TCP | length
    );
    assert_eq!(board.get(BUFFER, frame.len()), frame);
    assert!(board.net.give(&tagged, Offload::default()));
    assert_eq!(
        board.word(RX_RING + 16),
        ring::FIRST | ring::LAST | ring::END | ring::MATCH | length
    );
    assert_eq!(board.word(RX_RING + 20), ring::HAD_TAG | 0x0520);
    assert_eq!(board.get(BUFFER + 2048, frame.len()), frame);
    assert!(
        !board.net.give(&frame, Offload::default()),
        "the first is not given again"
    );
    // Given back, and interrupts let through again: that is how it hears of room.
    let told = board.net.told_of_room();
    board.ring_descriptor(RX_RING, [ring::OWN | 100, 0, BUFFER as u32, 0]);
    board.set16(IMR, 0xffff);
    assert_eq!(board.net.told_of_room(), told + 1);
    // It is too short.
    board.set16(ISR, 0xffff);
    assert!(board.net.give(&frame, Offload::default()));
    assert_eq!((board.get16(ISR), board.read(MPC)), (isr::RXOVW, 1));
}

#[test]
fn checksums_and_long_segments() {
    let both = OffloadAbilities {
        checksum: true,
        segment: true,
    };
    for abilities in [OffloadAbilities::default(), both] {
        let board = rings(abilities);
        let payload = 9000;
        let frame = tcp_frame(payload, (7, 7));
        board.put(DATA, &frame);
        let command = ring::OWN | ring::FIRST | ring::LAST | ring::CUT | 1460 << 16 | frame.len() as u32;
        board.ring_descriptor(TX_RING, [command, 0, DATA as u32, 0]);
        board.set8(POLL, poll::NORMAL);
        let sent = board.net.take();
        if abilities.segment {
            let (mut whole, offload) = sent[0].clone();
            assert_eq!(offload.segment.unwrap().size, 1460);
            assert_eq!(whole[50..52], pseudo(20 + payload as u16).to_be_bytes());
            crate::checksum::insert(&mut whole, 34, 50, 0);
            assert_sums(&whole);
        } else {
            assert_eq!(sent.len(), 7);
            sent.iter().for_each(|(piece, _)| assert_sums(piece));
            let all: Vec<u8> = sent.iter().flat_map(|(piece, _)| piece[54..].to_vec()).collect();
            assert_eq!(all, frame[54..]);
        }
        let small = tcp_frame(333, (7, 7));
        board.put(DATA, &small);
        let command =
            ring::OWN | ring::FIRST | ring::LAST | ring::IP_SUM | ring::TCP_SUM | small.len() as u32;
        board.ring_descriptor(TX_RING + 16, [command, 0, DATA as u32, 0]);
        board.set8(POLL, poll::NORMAL);
        let (mut sent, offload) = board.net.take().remove(0);
        assert_eq!(offload.checksum.is_some(), abilities.checksum);
        if let Some((start, offset)) = offload.checksum {
            crate::checksum::insert(&mut sent, start.into(), (start + offset).into(), 0);
        }
        assert_sums(&sent);
    }
}

#[test]
fn the_counter_counts_and_wakes() {
    let board = board();
    board.write(TCTR, 0);
    board.clock.advance(1_000_000);
    assert_eq!(board.read(TCTR), 33_000);
    board.write(TIMER, 66_000);
    board.clock.advance(999_999);
    assert_eq!(board.get16(ISR), 0);
    board.clock.advance(1);
    assert_eq!(board.get16(ISR), isr::TIMEOUT);
}

#[test]
fn the_cable() {
    let board = board();
    assert_eq!((board.get16(BMSR) & 0x24, board.get8(MSR)), (0x24, 0));
    board.net.set_link(false);
    assert_eq!((board.get16(BMSR) & 0x24, board.get8(MSR)), (0, 4));
    assert_eq!(board.get16(ISR), isr::LINK);
    board.set16(BMCR, 0x9200);
    assert_eq!(board.get16(BMCR), 0x3100);
}

#[test]
fn rings_that_lead_to_itself_lead_nowhere() {
    let board = rings(OffloadAbilities::default());
    let own = crate::board::WINDOW as u32;
    board.write(TSAD, own);
    board.write(RDSAR, own);
    board.set8(POLL, poll::NORMAL | poll::HIGH);
    board.net.give(&to_us(10), Offload::default());
    // Descriptors that nobody can give back.
    board.write(TSAD, TX_RING as u32);
    for n in 0..64 {
        board.ring_descriptor(
            TX_RING + n * 16,
            [ring::OWN | ring::FIRST | ring::LAST | 60, 0, own, 0],
        );
    }
    board.set8(POLL, poll::NORMAL);
    assert_eq!(board.net.take().len(), 64);
}

/// Device alone, as suites want it; bus mastering is on.
fn alone(ram: bool) -> Rig {
    let (slot, _, _, clock) = slot(ram);
    let net = TestNet::new(OffloadAbilities::default());
    let port = slot.port();
    port.dma().set_enabled(true);
    let device = Rtl8139::new("rtl8139", MAC, port, net, &slot.clock);
    Rig {
        clock,
        windows: device.windows(),
        device,
        pins: None,
    }
}

#[test]
fn suites() {
    let used = alone(true);
    let change = || {
        for (register, size, value) in [
            (CR, 1, 0xc),
            (RCR, 4, 0xf),
            (EEPROM, 1, 0x8a),
            (TIMER, 4, 77),
            (CPCR, 2, 0x63),
        ] {
            used.windows[0].ops.write(register as u64, size, value).unwrap();
        }
    };
    change();
    check_saved_state(&*used.device, &*alone(true).device);
    check_reset(&*used.device, change);
}

fn action() -> impl Strategy<Value = Action> {
    let registers = [
        IDR,
        MAR,
        TSD,
        TSD + 4,
        TSAD,
        THPDS,
        RBSTART,
        CR,
        CAPR,
        CBR,
        IMR,
        ISR,
        TCR,
        RCR,
        TCTR,
        MPC,
        EEPROM,
        TIMER,
        MSR,
        TSAD_ALL,
        BMCR,
        BMSR,
        POLL,
        CPCR,
        RDSAR,
    ];
    let offset = prop_oneof![
        4 => prop::sample::select(registers.to_vec()).prop_map(|register| register as u64),
        1 => any::<u64>()
    ];
    let value = prop_oneof![0..0x100_u64, any::<u64>(), Just(0xc)];
    prop_oneof![
        2 => (0..2_u8, offset.clone(), 0..3_u8).prop_map(|(w, o, s)| Action::Read(w, o, s)),
        8 => (0..2_u8, offset, 0..3_u8, value).prop_map(|(w, o, s, v)| Action::Write(w, o, s, v)),
        1 => (0..100_000_u32).prop_map(Action::Pass),
        1 => Just(Action::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_accesses(before in proptest::collection::vec(action(), 0..60), after in proptest::collection::vec(action(), 0..60)) {
        check_actions(|| alone(false), &before, &after);
    }

    /// Any descriptors and any packets in them.
    #[test]
    fn any_descriptors(
        descriptors in proptest::collection::vec((any::<[u32; 4]>(), 0..3000u32), 1..16),
        bytes in proptest::collection::vec(any::<u8>(), 60..200),
        frames in proptest::collection::vec(0..4000usize, 0..8),
        abilities in any::<(bool, bool)>(),
    ) {
        let board = rings(OffloadAbilities { checksum: abilities.0, segment: abilities.1 });
        let mut packet = tcp_frame(1000, (1, 2));
        for (at, byte) in bytes.chunks_exact(2).map(|pair| (usize::from(pair[0]) % 60, pair[1])).take(3) {
            packet[at] = byte;
        }
        board.put(DATA, &packet);
        for (slot, (words, length)) in descriptors.iter().enumerate() {
            let command = words[0] & 0x7fff_0000 | ring::OWN | length;
            board.ring_descriptor(TX_RING + slot as u64 * 16, [command, words[1], DATA as u32 + (words[2] & 7), 0]);
            board.ring_descriptor(RX_RING + slot as u64 * 16, [words[3] | ring::OWN, 0, words[2] & 0xf_ffff, 0]);
        }
        board.set8(POLL, poll::NORMAL);
        for length in frames {
            board.net.give(&vec![0xff; length], Offload::default());
        }
    }
}
