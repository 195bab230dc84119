//! The block device driven through its registers and rings.

use super::spec::{feature, outcome, request};
use super::*;
use crate::model::{Flavour, transport};
use crate::pci::{Transport, card};
use crate::testing::{Guest, Interface, Memory, MemoryDisk};
use hw_core::testing::{check_reset, check_saved_state};
use hw_core::{DiskError, DiskOp};
use hw_pci::PciCard;
use proptest::prelude::*;

const SIZE: usize = 1 << 20;
const EVENT_IDX: u64 = crate::spec::feature::EVENT_IDX;
const PACKED: u64 = crate::spec::feature::RING_PACKED;

fn board(disk: &Arc<MemoryDisk>, config: BlkConfig) -> (Arc<Memory>, PciCard) {
    let memory = Arc::new(Memory::new());
    let card = on(&memory, disk, config);
    (memory, card)
}

fn on(memory: &Memory, disk: &Arc<MemoryDisk>, config: BlkConfig) -> PciCard {
    let transport = Transport {
        offer: Offer {
            packed: true,
            ..Offer::default()
        },
        vectors: config.queues + 1,
    };
    card(
        &memory.slot("disk0"),
        transport,
        spec::CONFIG as u64,
        |dma, offer| Blk::new(config, Arc::clone(disk) as Arc<dyn Disk>, offer, dma),
    )
}

/// Every interface with every kind of ring.
const WAYS: [(Interface, u64); 6] = [
    (Interface::Legacy, 0),
    (Interface::Legacy, EVENT_IDX),
    (Interface::Modern, 0),
    (Interface::Modern, EVENT_IDX),
    (Interface::Modern, PACKED),
    (Interface::Modern, PACKED | EVENT_IDX),
];

const HEADER_AT: u64 = 0x2_0000;
const DATA_AT: u64 = 0x3_0000;
const STATUS_AT: u64 = 0x2_8000;

fn header(guest: &Guest, slot: u64, kind: u32, sector: u64) -> (u64, u32) {
    let at = HEADER_AT + 16 * slot;
    guest.memory.write(at, &kind.to_le_bytes());
    guest.memory.write(at + 8, &sector.to_le_bytes());
    guest.memory.write(STATUS_AT + slot, &[0xee]);
    (at, 16)
}

fn read(guest: &mut Guest, slot: u64, sector: u64, length: u32) -> u16 {
    let header = header(guest, slot, request::IN, sector);
    guest.add(
        0,
        &[header],
        &[(DATA_AT + 0x1000 * slot, length), (STATUS_AT + slot, 1)],
    )
}

fn write(guest: &mut Guest, slot: u64, sector: u64, bytes: &[u8]) -> u16 {
    let header = header(guest, slot, request::OUT, sector);
    let at = DATA_AT + 0x1000 * slot;
    guest.memory.write(at, bytes);
    // Cut somewhere, as a driver may.
    let (first, rest) = (bytes.len() as u32 / 3, bytes.len() as u32);
    let data = [header, (at, first), (at + u64::from(first), rest - first)];
    guest.add(0, &data, &[(STATUS_AT + slot, 1)])
}

fn status(guest: &Guest, slot: u64) -> u8 {
    guest.memory.bytes(STATUS_AT + slot, 1)[0]
}

#[test]
fn reads_and_writes_by_every_interface() {
    for (interface, features) in WAYS {
        for messages in [false, true] {
            let disk = MemoryDisk::new(SIZE);
            let (memory, card) = board(&disk, BlkConfig::default());
            let mut guest = Guest::new(&memory, &card, interface);
            if messages {
                guest.use_messages(2);
            }
            assert_eq!(guest.config(0, 4), SIZE as u64 / 512);
            guest.start(features | feature::FLUSH, 1);
            let before = disk.contents();
            let id = read(&mut guest, 0, 3, 1024);
            assert!(guest.take(0).is_empty(), "the disk has not answered yet");
            disk.complete_all();
            assert_eq!(guest.take(0), [(id, 1025)]);
            assert_eq!(memory.bytes(DATA_AT, 1024), before[3 * 512..5 * 512]);
            assert_eq!(status(&guest, 0), outcome::OK);
            if messages {
                assert_eq!((memory.messages(), memory.pins.level(0)), (vec![0x41], false));
            } else {
                assert!(memory.pins.level(0), "{interface:?} {features:x}");
                assert_eq!(guest.isr(), 1);
                assert!(!memory.pins.level(0), "reading the cause acknowledges");
            }
            let bytes = [0x5a; 512];
            let id = write(&mut guest, 1, 9, &bytes);
            disk.complete_all();
            assert_eq!(guest.take(0), [(id, 1)]);
            assert_eq!(disk.contents()[9 * 512..10 * 512], bytes);
            let flush = header(&guest, 2, request::FLUSH, 0);
            guest.add(0, &[flush], &[(STATUS_AT + 2, 1)]);
            disk.complete_all();
            assert_eq!((disk.flushes(), status(&guest, 2)), (1, outcome::OK));
        }
    }
}

#[test]
fn many_in_flight_end_in_any_order() {
    for (interface, features) in WAYS {
        let disk = MemoryDisk::new(SIZE);
        let (memory, card) = board(&disk, BlkConfig::default());
        let mut guest = Guest::new(&memory, &card, interface);
        guest.start(features, 1);
        for round in 0..20_u64 {
            let ids: Vec<u16> = (0..5)
                .map(|slot| read(&mut guest, slot, round * 5 + slot, 512))
                .collect();
            let mut expected = Vec::new();
            for which in [3, 0, 1, 1, 0] {
                let mut left: Vec<u16> = ids.iter().copied().filter(|id| !expected.contains(id)).collect();
                expected.push(left.remove(which));
                disk.complete(which);
            }
            let taken: Vec<u16> = guest.take(0).iter().map(|used| used.0).collect();
            assert_eq!(taken, expected);
            for slot in 0..5 {
                let at = ((round * 5 + slot) * 512) as usize;
                assert_eq!(
                    memory.bytes(DATA_AT + 0x1000 * slot, 512),
                    disk.contents()[at..at + 512]
                );
            }
        }
    }
}

#[test]
fn what_goes_wrong_is_told() {
    let disk = MemoryDisk::new(SIZE);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(0, 1);
    let end = SIZE as u64 / 512;
    // Type, sector, bytes of data to write into, how it ends.
    let cases: &[(u32, u64, u32, u8)] = &[
        (request::IN, end, 512, outcome::IOERR),
        (request::IN, end - 1, 1024, outcome::IOERR),
        (request::IN, u64::MAX, 512, outcome::IOERR),
        (request::IN, u64::MAX / 512, 512, outcome::IOERR),
        (request::IN, 0, 511, outcome::IOERR),
        (request::IN, end - 1, 512, outcome::OK),
        (request::OUT, end + 1, 512, outcome::IOERR),
        (2, 0, 512, outcome::UNSUPP),
        (99, 0, 512, outcome::UNSUPP),
        (request::DISCARD, 0, 512, outcome::UNSUPP),
    ];
    for &(kind, sector, length, expected) in cases {
        let header = header(&guest, 0, kind, sector);
        guest.add(0, &[header], &[(DATA_AT, length), (STATUS_AT, 1)]);
        disk.complete_all();
        assert_eq!(guest.take(0).len(), 1, "type {kind} sector {sector}");
        assert_eq!(
            status(&guest, 0),
            expected,
            "type {kind} sector {sector:#x} length {length}"
        );
    }
    for (error, expected) in [
        (DiskError::Io, outcome::IOERR),
        (DiskError::NoSpace, outcome::IOERR),
        (DiskError::Unsupported, outcome::UNSUPP),
    ] {
        disk.fail(Some(error));
        read(&mut guest, 0, 0, 512);
        disk.complete_all();
        guest.take(0);
        assert_eq!(status(&guest, 0), expected);
    }
    disk.fail(None);
    assert_eq!(
        guest.status() & 64,
        0,
        "all that was the driver's to see, nothing is broken"
    );
    guest.isr();
    // No room for the status.
    let header = header(&guest, 0, request::OUT, 0);
    guest.add(0, &[header], &[]);
    assert_eq!(guest.status() & 64, 64, "needs reset");
    assert_eq!(guest.isr(), 2);
    guest.start(0, 1);
    read(&mut guest, 0, 0, 512);
    disk.complete_all();
    assert_eq!(
        (guest.take(0).len(), status(&guest, 0)),
        (1, outcome::OK),
        "reset helps"
    );
}

#[test]
fn identity_erasing_and_cache() {
    let disk = MemoryDisk::new(SIZE);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(feature::CONFIG_WCE | feature::DISCARD | feature::WRITE_ZEROES, 1);
    let id = header(&guest, 0, request::GET_ID, 0);
    guest.add(0, &[id], &[(DATA_AT, 20), (STATUS_AT, 1)]);
    assert_eq!(guest.take(0)[0].1, 21);
    assert_eq!(&memory.bytes(DATA_AT, 6), b"MEM0\0\0");
    for (slot, kind, flags) in [(1, request::DISCARD, 0_u32), (2, request::WRITE_ZEROES, 1)] {
        let header = header(&guest, slot, kind, 0);
        memory.write(DATA_AT, &(10 * slot).to_le_bytes());
        memory.write(DATA_AT + 8, &2_u32.to_le_bytes());
        memory.write(DATA_AT + 12, &flags.to_le_bytes());
        guest.add(0, &[header, (DATA_AT, 16)], &[(STATUS_AT + slot, 1)]);
        let op = disk.pending().pop().map(|(_, op)| op);
        let (offset, length) = (5120 * slot, 1024);
        let expected = if slot == 1 {
            DiskOp::Discard { offset, length }
        } else {
            DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap: true,
            }
        };
        assert_eq!(op, Some(expected));
        disk.complete_all();
        assert_eq!(status(&guest, slot), outcome::OK);
    }
    assert_eq!(guest.config(32, 1), 1);
    guest.set_config(32, 1, 0);
    assert!(!disk.write_cache() && guest.config(32, 1) == 0);
    guest.set_status(0);
    assert!(disk.write_cache(), "reset gives it back");
    // Drivers that cannot flush get a cache that needs none.
    guest.start(0, 1);
    assert!(!disk.write_cache());
    let generation = guest.read(0x15, 1);
    guest.isr();
    disk.resize(2 * SIZE);
    assert_eq!((guest.isr(), guest.config(0, 4)), (2, 2 * SIZE as u64 / 512));
    assert_ne!(guest.read(0x15, 1), generation);
}

#[test]
fn read_only() {
    let disk = MemoryDisk::read_only(SIZE);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    assert_ne!(guest.offered() & feature::RO, 0);
    guest.start(feature::RO, 1);
    write(&mut guest, 0, 0, &[1; 512]);
    disk.complete_all();
    assert_eq!(status(&guest, 0), outcome::IOERR);
}

#[test]
fn several_queues() {
    let config = BlkConfig {
        queues: 3,
        ..BlkConfig::default()
    };
    let disk = MemoryDisk::new(SIZE);
    let (memory, card) = board(&disk, config);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    assert_eq!(guest.config(34, 2), 3);
    guest.use_messages(4);
    guest.start(feature::MQ, 3);
    for queue in [2, 0, 1] {
        let header = header(&guest, 0, request::IN, 0);
        guest.add(queue, &[header], &[(DATA_AT, 512), (STATUS_AT, 1)]);
        disk.complete_all();
        assert_eq!(guest.take(queue).len(), 1);
        assert_eq!(memory.messages(), [0x41 + queue as u64]);
    }
}

#[test]
fn reset_forgets_what_is_in_flight() {
    let disk = MemoryDisk::new(SIZE);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(1 << 40, 1);
    read(&mut guest, 0, 0, 512);
    guest.set_status(0);
    assert!(disk.pending().is_empty());
    guest.start(1 << 40, 1);
    read(&mut guest, 0, 0, 512);
    // The queue alone (2.6.1): it can be set up again, and what ends later is not heard of.
    guest.write(0x3a, 2, 1);
    assert_eq!((guest.read(0x3a, 2), guest.read(0x1c, 2)), (0, 0));
    guest.rings.clear();
    guest.setup(0, 0x1000, 16, 1 << 32);
    disk.complete_all();
    assert!(guest.take(0).is_empty() && status(&guest, 0) == 0xee);
    read(&mut guest, 0, 0, 512);
    disk.complete_all();
    assert_eq!(guest.take(0).len(), 1);
}

#[test]
fn reset_and_saved_state() {
    let disk = MemoryDisk::new(SIZE);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    check_reset(&*card.devices[0], || guest.start(EVENT_IDX, 1));
    guest.start(EVENT_IDX, 1);
    read(&mut guest, 0, 7, 512);
    let other = board(&MemoryDisk::new(SIZE), BlkConfig::default());
    check_saved_state(&*card.devices[0], &*other.1.devices[0]);
}

#[test]
fn what_is_in_flight_ends_after_a_restore() {
    for (interface, features) in WAYS {
        let disk = MemoryDisk::new(SIZE);
        let (memory, first) = board(&disk, BlkConfig::default());
        let mut guest = Guest::new(&memory, &first, interface);
        guest.start(features, 1);
        let ids = [read(&mut guest, 0, 1, 512), read(&mut guest, 1, 2, 512)];
        disk.complete(1);
        let states = [first.function.save(), first.devices[0].save()];
        drop(first);
        // The disk goes on in the new machine; the memory is the same.
        let second = on(&memory, &disk, BlkConfig::default());
        second.function.load(&states[0]).expect("own state");
        second.devices[0].load(&states[1]).expect("own state");
        disk.complete_all();
        assert_eq!(guest.take(0), [(ids[1], 513), (ids[0], 513)]);
        assert_eq!(memory.bytes(DATA_AT, 512), disk.contents()[512..1024]);
        (guest.function, guest.device) = (Arc::clone(&second.function), Arc::clone(&second.devices[0]));
        read(&mut guest, 0, 3, 512);
        disk.complete_all();
        assert_eq!(guest.take(0).len(), 1, "and goes on");
    }
}

#[test]
fn requests_wait_for_room() {
    let disk = MemoryDisk::new(MAX_IN_FLIGHT as usize);
    let (memory, card) = board(&disk, BlkConfig::default());
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(EVENT_IDX | crate::spec::feature::INDIRECT_DESC, 1);
    // The same memory again and again: as much as a request may move, and more.
    for (segments, taken) in [(128, 2), (129, 0)] {
        for slot in 0..3 {
            let header = header(&guest, slot, request::IN, 0);
            let mut writable = vec![(0x8_0000, 0x8_0000); segments];
            writable.push((STATUS_AT + slot, 1));
            let table = Some(0x4_0000 + 0x1000 * slot);
            guest.rings[0]
                .add(&memory, &[header], &writable, table)
                .expect("room");
        }
        guest.notify(0);
        assert_eq!(disk.pending().len(), taken);
        if taken != 0 {
            disk.complete(0);
            assert_eq!(disk.pending().len(), taken, "the third took its place");
        }
        disk.complete_all();
        assert_eq!(guest.take(0).len(), 3);
        let expected = if taken == 0 { outcome::IOERR } else { outcome::OK };
        assert!((0..3).all(|slot| status(&guest, slot) == expected));
    }
}

#[test]
fn transports() {
    use hw_core::model::Values;
    let offer = |flavour| transport(&Values::default(), flavour, 1).map(|transport| transport.offer);
    assert!(matches!(
        offer(Flavour::Transitional),
        Ok(Offer {
            legacy: true,
            modern: true,
            ..
        })
    ));
    assert!(matches!(
        offer(Flavour::Modern),
        Ok(Offer {
            legacy: false,
            modern: true,
            ..
        })
    ));
    assert!(
        MODELS
            .iter()
            .all(|model| model.name.starts_with("virtio-blk-pci"))
    );
    assert!(
        !MODELS[1]
            .properties
            .iter()
            .any(|property| property.name == "disable-legacy")
    );
}

proptest! {
    /// Whatever a guest puts into rings and registers: no panic, and a reset helps.
    #[test]
    fn garbage(
        interface in prop_oneof![Just(Interface::Legacy), Just(Interface::Modern)],
        features in any::<u64>(),
        chains in prop::collection::vec(
            (
                prop::collection::vec((prop_oneof![0x2_0000..0x4_0000_u64, any::<u64>()], prop_oneof![0..64_u32, Just(512), any::<u32>()]), 0..4),
                prop::collection::vec((prop_oneof![0x2_0000..0x4_0000_u64, any::<u64>()], prop_oneof![0..64_u32, Just(513), any::<u32>()]), 0..4),
                prop_oneof![0..16_u32, any::<u32>()],
                prop_oneof![0..3000_u64, any::<u64>()],
            ), 1..12),
        pokes in prop::collection::vec((0..0x4000_u64, 0..3_u32, any::<u64>()), 0..40),
    ) {
        let disk = MemoryDisk::new(SIZE);
        let (memory, card) = board(&disk, BlkConfig::default());
        let mut guest = Guest::new(&memory, &card, interface);
        guest.start(features & guest.offered() & !PACKED, 1);
        for (i, (readable, writable, kind, sector)) in chains.iter().enumerate() {
            let header = header(&guest, i as u64, *kind, *sector);
            let mut all = vec![header];
            all.extend(readable);
            if let Some(_id) = guest.rings[0].add(&memory, &all, writable, None) {
                guest.notify(0);
            }
            if i % 3 == 2 {
                disk.complete_all();
            }
        }
        for (at, size, value) in pokes {
            let size = 1 << size;
            let at = at & !u64::from(size - 1);
            guest.write(at, size, value);
            guest.read(at, size);
            guest.set_port(at & 0x7c, size, value);
            guest.port(at & 0x7c, size);
        }
        disk.complete_all();
        guest.start(0, 1);
        read(&mut guest, 0, 0, 512);
        disk.complete_all();
        prop_assert_eq!(guest.take(0).len(), 1);
    }
}
