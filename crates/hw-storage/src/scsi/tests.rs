//! Commands and what is planned for them.

use super::*;
use hw_core::testing::MemoryDisk;
use proptest::prelude::*;

fn unit(kind: Kind) -> (Unit, Arc<MemoryDisk>) {
    let disk = match kind {
        Kind::Disk => MemoryDisk::new(vec![0; 1000 * 512]),
        Kind::Cd => MemoryDisk::cd(Some(vec![0; 1000 * 2048])),
    };
    let names = Names::new(kind, &*disk);
    let mut unit = Unit::new(kind, Arc::clone(&disk) as Arc<dyn Disk>, names);
    assert_eq!(unit.start(&[0; 6]), Plan::Failed(sense::RESET));
    (unit, disk)
}

/// A command of ten bytes with an address and a count.
fn ten(opcode: u8, at: u32, count: u16) -> Vec<u8> {
    let mut command = vec![opcode, 0];
    command.extend(at.to_be_bytes());
    command.push(0);
    command.extend(count.to_be_bytes());
    command.push(0);
    command
}

fn sixteen(opcode: u8, flags: u8, at: u64, count: u32) -> Vec<u8> {
    let mut command = vec![opcode, flags];
    command.extend(at.to_be_bytes());
    command.extend(count.to_be_bytes());
    command.extend([0, 0]);
    command
}

#[test]
fn blocks_of_a_disk() {
    let (mut unit, _) = unit(Kind::Disk);
    let read = |first: u64, count: u64| Plan::Read {
        offset: first * 512,
        length: count * 512,
    };
    let write = |first: u64, count: u64, durable| Plan::Write {
        offset: first * 512,
        length: count * 512,
        durable,
    };
    let none = Plan::Done(Vec::new());
    for (command, plan) in [
        (vec![0x08, 0, 0, 5, 2, 0], read(5, 2)),
        (vec![0x08, 0, 0, 5, 0, 0], read(5, 256)),
        (ten(0x28, 998, 2), read(998, 2)),
        (ten(0x28, 999, 2), Plan::Failed(sense::OUT_OF_RANGE)),
        (ten(0x28, 999, 0), none.clone()),
        (ten(0x28, u32::MAX, 1), Plan::Failed(sense::OUT_OF_RANGE)),
        (vec![0xa8, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0], read(1, 4)),
        (sixteen(0x88, 0, 7, 9), read(7, 9)),
        (sixteen(0x88, 0, u64::MAX, 9), Plan::Failed(sense::OUT_OF_RANGE)),
        (sixteen(0x88, 0x20, 7, 9), Plan::Failed(sense::INVALID_FIELD)),
        (ten(0x2a, 3, 4), write(3, 4, false)),
        (sixteen(0x8a, 8, 3, 4), write(3, 4, true)),
        (ten(0x2e, 3, 4), write(3, 4, true)),
        (ten(0x35, 0, 0), Plan::Requests(vec![DiskOp::Flush])),
        (ten(0x2f, 0, 5), none.clone()),
        (
            sixteen(0x93, 9, 10, 20),
            Plan::Requests(vec![DiskOp::WriteZeroes {
                offset: 5120,
                length: 10240,
                may_unmap: true,
            }]),
        ),
        (sixteen(0x93, 8, 10, 20), Plan::Parameters { length: 512 }),
        (ten(0x42, 0, 24), Plan::Parameters { length: 24 }),
        (ten(0x43, 0, 24), Plan::Failed(sense::INVALID_OPCODE)),
        (vec![0xff; 16], Plan::Failed(sense::INVALID_OPCODE)),
    ] {
        assert_eq!(unit.start(&command), plan, "{command:x?}");
    }
    let Plan::Done(capacity) = unit.start(&ten(0x25, 0, 0)) else {
        panic!()
    };
    assert_eq!(capacity, [0, 0, 3, 0xe7, 0, 0, 2, 0]);
    let mut command = sixteen(0x9e, 0x10, 0, 32);
    let Plan::Done(capacity) = unit.start(&command) else {
        panic!()
    };
    assert_eq!((capacity.len(), capacity[7], capacity[14]), (32, 0xe7, 0x80));
    command[13] = 12;
    assert_eq!(unit.start(&command), Plan::Done(capacity[..12].to_vec()));
}

#[test]
fn parameters_of_a_disk() {
    let (mut unit, _) = unit(Kind::Disk);
    // UNMAP.
    let mut list = vec![0, 30, 0, 32, 0, 0, 0, 0];
    for (at, count) in [(5_u64, 3_u32), (100, 0)] {
        list.extend(at.to_be_bytes());
        list.extend(count.to_be_bytes());
        list.extend([0; 4]);
    }
    let discard = DiskOp::Discard {
        offset: 5 * 512,
        length: 3 * 512,
    };
    let command = ten(0x42, 0, 40);
    assert_eq!(unit.parameters(&command, &list), Plan::Requests(vec![discard]));
    list[8 + 16 + 7] = 255;
    (list[8 + 16 + 6], list[8 + 16 + 11]) = (255, 1);
    assert_eq!(
        unit.parameters(&command, &list),
        Plan::Failed(sense::OUT_OF_RANGE)
    );
    for length in 0..list.len() {
        assert_eq!(
            unit.parameters(&command, &list[..length]),
            Plan::Failed(sense::PARAMETER_LENGTH)
        );
    }
    // WRITE SAME.
    let Plan::Requests(requests) = unit.parameters(&ten(0x41, 10, 3), &[7; 512]) else {
        panic!()
    };
    assert_eq!(
        requests,
        [DiskOp::Write {
            offset: 5120,
            data: vec![7; 1536],
            durable: false
        }]
    );
    let Plan::Requests(requests) = unit.parameters(&ten(0x41, 990, 0), &[0; 512]) else {
        panic!()
    };
    assert_eq!(
        requests,
        [DiskOp::WriteZeroes {
            offset: 990 * 512,
            length: 5120,
            may_unmap: false
        }]
    );
    // The write cache.
    assert_eq!(
        unit.parameters(
            &[0x15, 0x10, 0, 0, 24, 0],
            &[vec![0, 0, 0, 0, 8, 18], vec![0; 18]].concat()
        ),
        Plan::Done(Vec::new())
    );
    assert!(matches!(
        unit.start(&ten(0x2a, 3, 4)),
        Plan::Write { durable: true, .. }
    ));
    let Plan::Done(page) = unit.start(&[0x1a, 8, 8, 0, 255, 0]) else {
        panic!()
    };
    assert_eq!(page[4..7], [8, 18, 0]);
    assert_eq!(
        unit.parameters(&[0x15, 0, 0, 0, 6, 0], &[0, 0, 0, 0, 8, 18]),
        Plan::Failed(sense::PARAMETER_LENGTH)
    );
    assert_eq!(
        unit.parameters(&[0x15, 0, 0, 0, 6, 0], &[0, 0, 0, 0, 0x33, 0]),
        Plan::Failed(sense::INVALID_PARAMETER)
    );
}

#[test]
fn what_units_say_of_themselves() {
    for (kind, first) in [(Kind::Disk, 0), (Kind::Cd, 5)] {
        let (mut unit, _) = unit(kind);
        let mut inquire = |page: Option<u8>, room: u8| match page {
            None => unit.start(&[0x12, 0, 0, 0, room, 0]),
            Some(page) => unit.start(&[0x12, 1, page, 0, room, 0]),
        };
        let Plan::Done(data) = inquire(None, 255) else {
            panic!()
        };
        assert_eq!((data[0], data.len(), data[4]), (first, 36, 31));
        assert_eq!(inquire(None, 5), Plan::Done(data[..5].to_vec()));
        let Plan::Done(pages) = inquire(Some(0), 255) else {
            panic!()
        };
        for page in &pages[4..] {
            let Plan::Done(data) = inquire(Some(*page), 255) else {
                panic!()
            };
            assert_eq!(
                (data[1], usize::from(data[3]) + 4),
                (*page, data.len()),
                "{page:x}"
            );
        }
        assert_eq!(inquire(Some(0xc0), 255), Plan::Failed(sense::INVALID_FIELD));
        let Plan::Done(all) = unit.start(&ten(0x5a, 0x003f_0000 << 8, 255)) else {
            panic!()
        };
        assert_eq!(usize::from(all[1]) + 2, all.len());
        let Plan::Done(luns) = unit.start(&[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0]) else {
            panic!()
        };
        assert_eq!((luns.len(), luns[3]), (16, 8));
    }
}

#[test]
fn attention_and_sense() {
    let (mut unit, disk) = unit(Kind::Cd);
    disk.change(None);
    unit.medium_changed();
    // Looking is allowed, once told it is forgotten.
    assert!(matches!(unit.start(&[0x12, 0, 0, 0, 36, 0]), Plan::Done(_)));
    assert_eq!(unit.start(&ten(0x28, 0, 1)), Plan::Failed(sense::MEDIUM_CHANGED));
    let Plan::Done(told) = unit.start(&[3, 0, 0, 0, 18, 0]) else {
        panic!()
    };
    assert_eq!((told[2], told[12]), (6, 0x28));
    assert_eq!(unit.start(&ten(0x28, 0, 1)), Plan::Failed(sense::NO_MEDIUM));
    assert_eq!(unit.failed(DiskError::Io, false), sense::READ_ERROR);
    let Plan::Done(told) = unit.start(&[3, 0, 0, 0, 18, 0]) else {
        panic!()
    };
    assert_eq!((told[2], told[12]), (3, 0x11));
}

#[test]
fn tables_of_contents() {
    let (mut unit, _) = unit(Kind::Cd);
    for (format, time, length) in [(0, 0, 20), (0, 2, 20), (1, 0, 12), (2, 2, 48)] {
        let Plan::Done(toc) = unit.start(&[0x43, time, format, 0, 0, 0, 0, 1, 0, 0]) else {
            panic!()
        };
        assert_eq!((toc.len(), usize::from(toc[1]) + 2), (length, length));
    }
    let Plan::Done(toc) = unit.start(&[0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0, 0]) else {
        panic!()
    };
    // 1000 blocks and two seconds: 15 s, 25 frames.
    assert_eq!(toc[4..], [0, 0x16, 0xaa, 0, 0, 0, 15, 25]);
    let Plan::Done(features) = unit.start(&ten(0x46, 0, 1000)) else {
        panic!()
    };
    assert_eq!((features[7], usize::from(features[3]) + 4), (8, features.len()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_command(
        kind in prop::bool::ANY,
        commands in prop::collection::vec((prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 1..20), prop::collection::vec(any::<u8>(), 0..600)), 1..8),
    ) {
        let (mut unit, disk) = unit(if kind { Kind::Disk } else { Kind::Cd });
        let size = disk.medium().unwrap().size;
        for (command, bytes) in commands {
            let mut plan = unit.start(&command);
            if let Plan::Parameters { length } = plan {
                let length = bytes.len().min(length as usize);
                plan = unit.parameters(&command, &bytes[..length]);
            }
            match plan {
                Plan::Done(data) => prop_assert!(data.len() < 4096),
                Plan::Read { offset, length } | Plan::Write { offset, length, .. } => {
                    prop_assert!(length > 0 && offset + length <= size);
                }
                Plan::Requests(requests) => prop_assert!(!requests.is_empty()),
                Plan::Failed(sense) => prop_assert!(sense != sense::NONE),
                Plan::Parameters { .. } => prop_assert!(false, "parameters twice"),
            }
        }
    }
}
