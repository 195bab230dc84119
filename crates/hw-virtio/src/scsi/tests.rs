//! The SCSI host driven through its registers and rings.

use super::*;
use crate::pci::{Transport, card};
use crate::testing::{Guest, Interface, Memory, MemoryDisk};
use hw_core::DiskError;
use hw_core::testing::{check_reset, check_saved_state};
use hw_pci::PciCard;
use proptest::prelude::*;

const SIZE: usize = 1 << 20;
const COMMAND_AT: u64 = 0x5_0000;
const ANSWER_AT: u64 = 0x5_8000;
const DATA_AT: u64 = 0x6_0000;

fn on(memory: &Memory, disk: &Arc<MemoryDisk>) -> PciCard {
    let transport = Transport {
        offer: Offer::default(),
        vectors: 4,
    };
    card(&memory.slot("scsi0"), transport, CONFIG as u64, |dma, offer| {
        let scsi = Scsi::new(1, 64, offer, dma);
        let names = Names::new(Kind::Disk, &**disk);
        assert_eq!(
            scsi.add_target(None, Kind::Disk, Arc::clone(disk) as _, names.clone()),
            Some(0)
        );
        assert_eq!(
            scsi.add_target(Some(0), Kind::Disk, Arc::clone(disk) as _, names),
            None
        );
        scsi
    })
}

fn board() -> (Arc<Memory>, PciCard, Arc<MemoryDisk>) {
    let (memory, disk) = (Arc::new(Memory::new()), MemoryDisk::new(SIZE));
    let card = on(&memory, &disk);
    (memory, card, disk)
}

/// Sends a command to a target with data out and room for data in.
fn send(guest: &mut Guest, slot: u64, target: u8, cdb: &[u8], out: u32, room: u32) -> u16 {
    let mut command = vec![1, target, 0x40, 0, 0, 0, 0, 0];
    command.extend((slot + 7).to_le_bytes());
    command.extend([0; 3]);
    command.extend(cdb);
    command.resize(51, 0);
    let (at, answer) = (COMMAND_AT + 0x100 * slot, ANSWER_AT + 0x100 * slot);
    guest.memory.write(at, &command);
    guest.memory.write(answer, &[0xee; 108]);
    let data = DATA_AT + 0x1000 * slot;
    let mut readable = vec![(at, 51)];
    readable.extend((out != 0).then_some((data, out)));
    let mut writable = vec![(answer, 108)];
    writable.extend((room != 0).then_some((data, room)));
    guest.add(REQUESTS, &readable, &writable)
}

/// Response, status, residual count, sense key.
fn answer(guest: &Guest, slot: u64) -> (u8, u8, u32, u8) {
    let at = ANSWER_AT + 0x100 * slot;
    let bytes = guest.memory.bytes(at, 108);
    let sense = if bytes[0] == 0 { 0 } else { bytes[RESPONSE + 2] };
    (bytes[11], bytes[10], guest.memory.u32(at + 4), sense)
}

fn read10(block: u8, count: u8) -> [u8; 10] {
    [0x28, 0, 0, 0, 0, block, 0, 0, count, 0]
}

/// Starts, and takes the unit's word that it was reset.
fn start(guest: &mut Guest) {
    guest.start(0, 3);
    send(guest, 0, 0, &[0; 6], 0, 0);
    assert_eq!(answer(guest, 0), (0, CHECK_CONDITION, 0, 6));
    guest.take(REQUESTS);
}

#[test]
fn commands() {
    for interface in [Interface::Legacy, Interface::Modern] {
        let (memory, card, disk) = board();
        let mut guest = Guest::new(&memory, &card, interface);
        assert_eq!(
            (guest.config(0, 4), guest.config(20, 4), guest.config(24, 4)),
            (1, 96, 32)
        );
        start(&mut guest);
        let id = send(&mut guest, 0, 0, &[0x12, 0, 0, 0, 36, 0], 0, 40);
        assert_eq!(guest.take(REQUESTS), [(id, 108 + 36)]);
        assert_eq!(answer(&guest, 0), (0, GOOD, 4, 0));
        assert_eq!(memory.bytes(DATA_AT + 8, 7), b"REPRISE");
        let ids = [
            send(&mut guest, 0, 0, &read10(3, 2), 0, 1024),
            send(&mut guest, 1, 0, &read10(9, 1), 0, 512),
        ];
        disk.complete(1);
        disk.complete(0);
        assert_eq!(guest.take(REQUESTS), [(ids[1], 620), (ids[0], 1132)]);
        assert_eq!(memory.bytes(DATA_AT, 1024), disk.contents()[1536..2560]);
        assert_eq!(answer(&guest, 1), (0, GOOD, 0, 0));
        memory.write(DATA_AT, &[0x77; 512]);
        send(&mut guest, 0, 0, &[0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0], 512, 0);
        disk.complete_all();
        assert_eq!(answer(&guest, 0), (0, GOOD, 0, 0));
        assert_eq!(disk.contents()[2560..3072], [0x77; 512]);
        send(&mut guest, 0, 0, &[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0);
        disk.complete_all();
        assert_eq!((answer(&guest, 0).1, disk.flushes()), (GOOD, 1));
    }
}

#[test]
fn what_goes_wrong_is_told() {
    let (memory, card, disk) = board();
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    start(&mut guest);
    send(&mut guest, 0, 3, &read10(0, 1), 0, 512);
    assert_eq!(answer(&guest, 0).0, response::BAD_TARGET);
    send(&mut guest, 0, 0, &read10(0, 2), 0, 512);
    assert_eq!(answer(&guest, 0).0, response::OVERRUN);
    send(&mut guest, 0, 0, &[0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0], 0, 512);
    assert_eq!(answer(&guest, 0), (0, CHECK_CONDITION, 512, 5));
    disk.fail(Some(DiskError::Io));
    send(&mut guest, 0, 0, &read10(0, 1), 0, 512);
    disk.complete_all();
    assert_eq!(answer(&guest, 0), (0, CHECK_CONDITION, 512, 3));
    disk.fail(None);
    guest.take(REQUESTS);
    // Task management ends what is in flight.
    send(&mut guest, 0, 0, &read10(0, 1), 0, 512);
    memory.write(COMMAND_AT + 0x800, &[0; 24]);
    memory.write(COMMAND_AT + 0x808, &[1, 0, 0x40, 0, 0, 0, 0, 0, 7]);
    guest.add(CONTROL, &[(COMMAND_AT + 0x800, 24)], &[(ANSWER_AT + 0x800, 1)]);
    assert_eq!(guest.take(CONTROL).len(), 1);
    assert_eq!(memory.bytes(ANSWER_AT + 0x800, 1), [response::FUNCTION_SUCCEEDED]);
    assert_eq!(
        (guest.take(REQUESTS).len(), answer(&guest, 0).0),
        (1, response::ABORTED)
    );
    disk.complete_all();
    assert!(guest.take(REQUESTS).is_empty());
    guest.add(REQUESTS, &[(COMMAND_AT, 8)], &[(ANSWER_AT, 108)]);
    assert_eq!(guest.status() & 64, 64, "no request at all");
}

#[test]
fn reset_and_saved_state() {
    let (memory, card, disk) = board();
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let change = |guest: &mut Guest| {
        start(guest);
        send(guest, 0, 0, &read10(0, 1), 0, 512);
    };
    check_reset(&*card.devices[0], || change(&mut guest));
    assert!(disk.pending().is_empty());
    change(&mut guest);
    check_saved_state(&*card.devices[0], &*board().1.devices[0]);
    let states = [card.function.save(), card.devices[0].save()];
    drop(card);
    let second = on(&memory, &disk);
    second.function.load(&states[0]).expect("own state");
    second.devices[0].load(&states[1]).expect("own state");
    disk.complete_all();
    assert_eq!(
        (guest.take(REQUESTS).len(), answer(&guest, 0)),
        (1, (0, GOOD, 0, 0))
    );
}

proptest! {
    /// Whatever commands there are: no panic, and a reset helps.
    #[test]
    fn garbage(
        commands in prop::collection::vec(
            (0..2_u8, prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..32), 0..2000_u32, 0..2000_u32), 1..12),
        sizes in (0..300_u32, 0..300_u32),
    ) {
        let (memory, card, disk) = board();
        let mut guest = Guest::new(&memory, &card, Interface::Modern);
        start(&mut guest);
        for (i, (target, cdb, out, room)) in commands.iter().enumerate() {
            send(&mut guest, i as u64 % 8, *target, cdb, *out, *room);
            disk.complete_all();
            guest.take(REQUESTS);
        }
        guest.set_config(20, 4, sizes.0.into());
        guest.set_config(24, 4, sizes.1.into());
        send(&mut guest, 0, 0, &read10(0, 1), 0, 512);
        disk.complete_all();
        start(&mut guest);
    }
}
