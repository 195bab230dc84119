//! Rings against a driver written from the specification, and against garbage.

use super::*;
use crate::testing::{DriverRing, Layout, MEMORY, Memory};
use proptest::prelude::*;
use std::collections::VecDeque;

fn queue(layout: &Layout) -> Queue {
    let mut queue = Queue::new(layout.size);
    (queue.descriptors, queue.driver, queue.device) = (layout.descriptors, layout.driver, layout.device);
    queue.enabled = true;
    queue.set_mode(Mode {
        event_idx: layout.event_idx,
        indirect: true,
        packed: layout.packed,
    });
    queue
}

const LAYOUTS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn a_chain_goes_there_and_back() {
    for (packed, event_idx) in LAYOUTS {
        let memory = Memory::new();
        let layout = Layout::at(0x1000, 8, packed, event_idx);
        let mut driver = DriverRing::new(&memory, layout);
        let (mut queue, mut chain) = (queue(&layout), Chain::default());
        assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(false));
        for round in 0..50_u32 {
            memory.write(0x8000, b"hello");
            let table = (round % 3 == 0).then_some(0x9000);
            let id = driver
                .add(&memory, &[(0x8000, 2), (0x8002, 3)], &[(0x8100, 4)], table)
                .expect("room");
            assert!(driver.kick(&memory), "an idle device wants to be told");
            assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(true));
            assert_eq!((chain.readable_len(), chain.writable_len()), (5, 4));
            assert_eq!(chain.header::<4>(&memory.dma, 1), Some(*b"ello"));
            assert_eq!(chain.header::<5>(&memory.dma, 1), None);
            assert_eq!(chain.write(&memory.dma, 1, b"wxyz"), Ok(3));
            queue.push(&memory.dma, chain.token, 4).expect("a ring");
            assert_eq!(queue.publish(&memory.dma), Ok(true), "interrupts are wanted");
            assert_eq!(queue.publish(&memory.dma), Ok(false), "once");
            assert_eq!(driver.take_used(&memory), [(id, 4)]);
            driver.want_interrupt(&memory, true);
            assert_eq!(memory.bytes(0x8101, 3), b"wxy");
            assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(false));
        }
    }
}

#[test]
fn a_chain_can_be_put_back() {
    for (packed, event_idx) in LAYOUTS {
        let memory = Memory::new();
        let layout = Layout::at(0x1000, 4, packed, event_idx);
        let mut driver = DriverRing::new(&memory, layout);
        let (mut queue, mut chain) = (queue(&layout), Chain::default());
        for _ in 0..20 {
            let id = driver
                .add(&memory, &[(0x8000, 1), (0x8001, 1), (0x8002, 1)], &[], None)
                .expect("room");
            for _ in 0..3 {
                assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(true));
                queue.unpop(chain.token);
            }
            assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(true));
            assert_eq!(chain.token.id, id);
            queue.push(&memory.dma, chain.token, 0).expect("a ring");
            queue.publish(&memory.dma).expect("a ring");
            assert_eq!(driver.take_used(&memory).len(), 1);
        }
    }
}

/// Writes a split descriptor.
fn put(memory: &Memory, at: u64, address: u64, length: u32, flags: u16, next: u16) {
    memory.write(at, &address.to_le_bytes());
    memory.write(at + 8, &length.to_le_bytes());
    memory.set_u16(at + 12, flags);
    memory.set_u16(at + 14, next);
}

#[test]
fn what_is_no_ring() {
    use spec::flag::*;
    // Descriptors 0 and 1 of a ring of 4, head 0 unless said otherwise; a table at 0x9000 with one entry.
    type Case = (
        &'static str,
        [(u64, u32, u16, u16); 2],
        (u64, u32, u16, u16),
        RingError,
    );
    let plain = (0x8000, 16, 0, 0);
    let cases: &[Case] = &[
        (
            "loop",
            [(0x8000, 16, NEXT, 1), (0x8000, 16, NEXT, 0)],
            plain,
            RingError::TooLong,
        ),
        (
            "next",
            [(0x8000, 16, NEXT, 4), plain],
            plain,
            RingError::Descriptor(4),
        ),
        (
            "order",
            [(0x8000, 16, NEXT | WRITE, 1), plain],
            plain,
            RingError::Order,
        ),
        (
            "wraps",
            [(u64::MAX, 2, 0, 0), plain],
            plain,
            RingError::Wraps(u64::MAX),
        ),
        (
            "empty table",
            [(0x9000, 0, INDIRECT, 0), plain],
            plain,
            RingError::TableSize(0),
        ),
        (
            "odd table",
            [(0x9000, 17, INDIRECT, 0), plain],
            plain,
            RingError::TableSize(17),
        ),
        (
            "large table",
            [(0x9000, 0x10_0000, INDIRECT, 0), plain],
            plain,
            RingError::TableSize(0x10_0000),
        ),
        (
            "table goes on",
            [(0x9000, 16, INDIRECT | NEXT, 1), plain],
            plain,
            RingError::Indirect,
        ),
        (
            "table in table",
            [(0x9000, 16, INDIRECT, 0), plain],
            (0x9000, 16, INDIRECT, 0),
            RingError::Indirect,
        ),
        (
            "loop in table",
            [(0x9000, 16, INDIRECT, 0), plain],
            (0x8000, 16, NEXT, 0),
            RingError::TooLong,
        ),
        (
            "leaves table",
            [(0x9000, 32, INDIRECT, 0), plain],
            (0x8000, 16, NEXT, 2),
            RingError::Descriptor(2),
        ),
        (
            "no memory",
            [(MEMORY, 16, INDIRECT, 0), plain],
            plain,
            RingError::Memory(DmaError::Unassigned(MEMORY)),
        ),
    ];
    for (name, descriptors, table, error) in cases {
        let memory = Memory::new();
        let layout = Layout::at(0x1000, 4, false, false);
        let mut queue = queue(&layout);
        for (i, &(address, length, flags, next)) in descriptors.iter().enumerate() {
            put(&memory, 0x1000 + 16 * i as u64, address, length, flags, next);
        }
        put(&memory, 0x9000, table.0, table.1, table.2, table.3);
        memory.set_u16(layout.driver + 2, 1);
        assert_eq!(
            queue.pop(&memory.dma, &mut Chain::default()),
            Err(*error),
            "{name}"
        );
    }
}

#[test]
fn heads_and_indexes_out_of_range() {
    let memory = Memory::new();
    let layout = Layout::at(0x1000, 4, false, false);
    memory.set_u16(layout.driver + 2, 5);
    let mut chain = Chain::default();
    assert_eq!(
        queue(&layout).pop(&memory.dma, &mut chain),
        Err(RingError::Index(5))
    );
    memory.set_u16(layout.driver + 2, 1);
    memory.set_u16(layout.driver + 4, 4);
    assert_eq!(
        queue(&layout).pop(&memory.dma, &mut chain),
        Err(RingError::Descriptor(4))
    );
}

#[test]
fn long_chains() {
    // A table may hold more than the queue, up to the limit of any chain.
    for (packed, entries, fits) in [
        (false, 1024, true),
        (false, 1025, false),
        (true, 1024, true),
        (true, 1025, false),
    ] {
        let memory = Memory::new();
        let layout = Layout::at(0x1000, 4, packed, false);
        let mut driver = DriverRing::new(&memory, layout);
        let buffers: Vec<_> = (0..entries).map(|i| (0x8000 + i, 1)).collect();
        driver.add(&memory, &buffers, &[], Some(0x20000)).expect("room");
        let mut chain = Chain::default();
        let popped = queue(&layout).pop(&memory.dma, &mut chain);
        assert_eq!(popped, if fits { Ok(true) } else { Err(RingError::TooLong) });
        assert_eq!(chain.readable.len(), 1024);
        assert!(
            !fits || chain.readable[1023].address == 0x8000 + 1023,
            "tables are read in order"
        );
    }
}

#[test]
fn silence() {
    for (packed, event_idx) in LAYOUTS {
        let memory = Memory::new();
        let layout = Layout::at(0x1000, 8, packed, event_idx);
        let mut driver = DriverRing::new(&memory, layout);
        let (mut queue, mut chain) = (queue(&layout), Chain::default());
        queue.set_notification(&memory.dma, false).expect("a ring");
        driver.add(&memory, &[(0x8000, 1)], &[], None);
        assert!(!driver.kick(&memory), "{layout:?}");
        assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(true));
        assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(false));
        driver.add(&memory, &[(0x8000, 1)], &[], None);
        assert!(!driver.kick(&memory), "still, {layout:?}");
        queue.set_notification(&memory.dma, true).expect("a ring");
        assert_eq!(
            queue.is_empty(&memory.dma),
            Ok(false),
            "what came meanwhile is found"
        );
        assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(true));
        assert_eq!(queue.pop(&memory.dma, &mut chain), Ok(false));
        driver.add(&memory, &[(0x8000, 1)], &[], None);
        assert!(driver.kick(&memory), "{layout:?}");
    }
}

/// What driver and device do in some order.
#[derive(Clone, Debug)]
enum Step {
    Add {
        readable: u8,
        writable: u8,
        indirect: bool,
    },
    Pop,
    /// Gives back one of the chains that are in the device.
    Push(u8),
    Publish,
    Take,
    Quiet(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, 0..4_u8, any::<bool>())
            .prop_map(|(readable, writable, indirect)| Step::Add { readable, writable, indirect }),
        4 => Just(Step::Pop),
        4 => any::<u8>().prop_map(Step::Push),
        2 => Just(Step::Publish),
        2 => Just(Step::Take),
        1 => any::<bool>().prop_map(Step::Quiet),
    ]
}

/// Runs the steps and holds against the driver: order, contents, and that nobody waits for the other for ever.
fn play(packed: bool, event_idx: bool, size: u16, steps: &[Step]) {
    let memory = Memory::new();
    let layout = Layout::at(0x1000, size, packed, event_idx);
    let mut driver = DriverRing::new(&memory, layout);
    let (mut queue, mut chain) = (queue(&layout), Chain::default());
    let mut expected: VecDeque<(u16, Vec<Segment>, Vec<Segment>)> = VecDeque::new();
    let mut inside: Vec<(Token, u32)> = Vec::new();
    let mut given: VecDeque<(u16, u32)> = VecDeque::new();
    let (mut shown, mut counter) = (0, 0_u32);
    // The device slept after an empty pop; the driver slept after taking everything.
    let (mut device_sleeps, mut driver_sleeps) = (false, false);
    for step in steps {
        match *step {
            Step::Add {
                readable,
                writable,
                indirect,
            } => {
                let mut buffer = || {
                    counter += 1;
                    (0x10000 + u64::from(counter % 0x8000), 1 + counter % 7)
                };
                let mut readable: Vec<_> = (0..readable).map(|_| buffer()).collect();
                let writable: Vec<_> = (0..writable).map(|_| buffer()).collect();
                if readable.len() + writable.len() == 0 {
                    readable.push(buffer());
                }
                let table = indirect.then_some(0x80000 + u64::from(counter % 0x400) * 0x100);
                let Some(id) = driver.add(&memory, &readable, &writable, table) else {
                    continue;
                };
                let segments = |of: &[(u64, u32)]| {
                    of.iter()
                        .map(|&(address, length)| Segment { address, length })
                        .collect::<Vec<_>>()
                };
                expected.push_back((id, segments(&readable), segments(&writable)));
                if driver.kick(&memory) {
                    device_sleeps = false;
                }
                assert!(!device_sleeps, "the device waits for a kick that never comes");
            }
            Step::Pop => match queue.pop(&memory.dma, &mut chain).expect("a ring") {
                true => {
                    let (id, readable, writable) = expected.pop_front().expect("nothing out of thin air");
                    assert_eq!(
                        (chain.token.id, &chain.readable, &chain.writable),
                        (id, &readable, &writable)
                    );
                    counter += 1;
                    inside.push((chain.token, counter));
                }
                false => {
                    assert!(expected.is_empty(), "a chain was not seen");
                    device_sleeps = true;
                }
            },
            Step::Push(which) if !inside.is_empty() => {
                let (token, written) = inside.swap_remove(usize::from(which) % inside.len());
                queue.push(&memory.dma, token, written).expect("a ring");
                given.push_back((token.id, written));
            }
            Step::Push(_) => {}
            Step::Publish => {
                shown = given.len();
                if queue.publish(&memory.dma).expect("a ring") {
                    driver_sleeps = false;
                }
                assert!(
                    !driver_sleeps || shown == 0,
                    "the driver waits for an interrupt that never comes"
                );
            }
            Step::Take => {
                let taken = driver.take_used(&memory);
                assert!(taken.len() >= shown, "what was published is there");
                for used in taken {
                    assert_eq!(Some(used), given.pop_front());
                }
                shown = 0;
                driver.want_interrupt(&memory, true);
                // As a driver does: ask, then look again (there is nobody else here).
                driver_sleeps = given.is_empty();
            }
            Step::Quiet(quiet) => {
                driver.want_interrupt(&memory, !quiet);
                driver_sleeps = false;
            }
        }
    }
}

proptest! {
    #[test]
    fn driver_and_device_agree(
        packed in any::<bool>(),
        event_idx in any::<bool>(),
        bits in 1..5_u32,
        steps in prop::collection::vec(step(), 0..400),
    ) {
        play(packed, event_idx, 1 << bits, &steps);
    }

    #[test]
    fn packed_rings_of_any_size(size in 1..20_u16, steps in prop::collection::vec(step(), 0..400)) {
        play(true, true, size, &steps);
    }

    /// Whatever memory holds: an error, or chains of bounded length.
    #[test]
    fn garbage(
        packed in any::<bool>(),
        event_idx in any::<bool>(),
        indirect in any::<bool>(),
        size in 1..=1024_u16,
        areas in prop::collection::vec(prop_oneof![0..MEMORY, any::<u64>(), MEMORY - 64..MEMORY + 64], 3),
        // Small numbers make flags, indexes and lengths that lead somewhere.
        words in prop::collection::vec(prop_oneof![0..8_u16, any::<u16>(), Just(0x8080), Just(0x80)], 64..512),
        steps in prop::collection::vec((0..6_u8, any::<u16>(), any::<u32>()), 1..64),
    ) {
        let memory = Memory::new();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        for at in (0..MEMORY - 1024).step_by(bytes.len()).take(64) {
            memory.write(at, &bytes);
        }
        let mut queue = Queue::new(size);
        (queue.descriptors, queue.driver, queue.device) = (areas[0], areas[1], areas[2]);
        queue.enabled = true;
        queue.set_mode(Mode { event_idx, indirect, packed });
        let mut chain = Chain::default();
        for (what, id, value) in steps {
            let token = Token { id, slots: value as u16 };
            let _ = match what {
                0 | 1 => queue.pop(&memory.dma, &mut chain),
                2 => queue.push(&memory.dma, token, value).map(|()| true),
                3 => queue.publish(&memory.dma),
                4 => queue.set_notification(&memory.dma, value & 1 != 0).map(|()| true),
                _ => {
                    queue.unpop(token);
                    Ok(true)
                }
            };
            prop_assert!(chain.readable.len() + chain.writable.len() <= 1024);
            let mut buffer = [0; 64];
            let _ = chain.read(&memory.dma, u64::from(value), &mut buffer);
            let _ = chain.write(&memory.dma, u64::from(id), &buffer);
            prop_assert!(queue.is_plausible());
        }
    }
}
