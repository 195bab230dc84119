//! Identification, windows and capabilities, as a driver and firmware see them.

use super::*;
use crate::device::copy_config;
use crate::spec::kind;
use crate::testing::{Guest, Interface, Memory, capability};
use hw_core::DeviceCell;

/// A device with two queues and twelve bytes of configuration.
struct Toy {
    core: Arc<Core>,
    config: DeviceCell<[u8; 12]>,
    effects: DeviceCell<Vec<Effect>>,
}

impl VirtioDevice for Toy {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        copy_config(&*self.config.lock(), offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        let mut config = self.config.lock();
        for (i, byte) in from.iter().enumerate() {
            if let Some(at) = config.get_mut(offset as usize + i) {
                *at = *byte;
            }
        }
    }

    fn effect(&self, effect: Effect) {
        self.effects.lock().push(effect);
    }

    fn save(&self) -> SavedState {
        SavedState::encode(1, &*self.config.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.config.lock() = state.decode(1)?;
        Ok(())
    }
}

fn toy(of: u16, offer: Offer, vectors: u16) -> (Arc<Memory>, PciCard, Arc<Toy>) {
    let memory = Arc::new(Memory::new());
    let mut made = None;
    let card = card(
        &memory.slot("toy"),
        Transport { offer, vectors },
        12,
        |dma, offer| {
            let toy = Arc::new(Toy {
                core: Core::new(of, 1 << 5, &[64, 16], offer, dma),
                config: DeviceCell::new(*b"abcdefghijkl"),
                effects: DeviceCell::default(),
            });
            made = Some(Arc::clone(&toy));
            toy
        },
    );
    (memory, card, made.expect("made"))
}

const MODERN_ONLY: Offer = Offer {
    event_idx: true,
    indirect: true,
    packed: false,
    legacy: false,
    modern: true,
};

#[test]
fn identification() {
    // Type, transitional id, modern id.
    for (of, transitional, modern) in [
        (kind::NET, 0x1000, 0x1041),
        (kind::BLOCK, 0x1001, 0x1042),
        (kind::BALLOON, 0x1002, 0x1045),
        (kind::CONSOLE, 0x1003, 0x1043),
        (kind::SCSI, 0x1004, 0x1048),
        (kind::ENTROPY, 0x1005, 0x1044),
        (kind::NINE_P, 0x1009, 0x1049),
    ] {
        let (_, card, _) = toy(of, Offer::default(), 3);
        let read = |at, size| card.function.config_read(at, size);
        assert_eq!((read(0, 2), read(2, 2), read(8, 1)), (0x1af4, transitional, 0));
        assert_eq!((read(0x2c, 2), read(0x2e, 2)), (0x1af4, of.into()));
        let (_, card, _) = toy(of, MODERN_ONLY, 3);
        assert_eq!(card.function.config_read(2, 2), modern);
        assert_eq!(card.function.config_read(8, 1), 1);
    }
}

#[test]
fn windows_are_sized() {
    let (_, card, _) = toy(kind::BLOCK, Offer::default(), 3);
    for (register, size) in [
        (0x10, !0x3f | 1),
        (0x14, !0xfff),
        (0x20, !0x3fff | 12),
        (0x24, !0),
    ] {
        card.function.config_write(register, 4, !0);
        assert_eq!(card.function.config_read(register, 4), size, "{register:x}");
    }
    let (_, card, _) = toy(kind::BLOCK, MODERN_ONLY, 0);
    for register in [0x10, 0x14, 0x18, 0x1c] {
        card.function.config_write(register, 4, !0);
        assert_eq!(card.function.config_read(register, 4), 0, "{register:x}");
    }
}

#[test]
fn structures_lie_where_announced() {
    let (memory, card, toy) = toy(kind::BLOCK, Offer::default(), 3);
    let guest = Guest::new(&memory, &card, Interface::Modern);
    let field = |kind: u32, at: u8| {
        let base = capability(&*card.function, kind).expect("announced");
        card.function.config_read(base + at, 4)
    };
    for (kind, offset) in [(1, 0), (2, 0x3000), (3, 0x1000), (4, 0x2000)] {
        assert_eq!((field(kind, 4) & 0xff, field(kind, 8)), (4, offset));
    }
    assert_eq!((field(1, 12), field(2, 16), field(4, 12)), (0x40, 4, 12));
    assert_eq!(guest.read(0x12, 2), 2);
    assert_eq!(guest.config(4, 4), u64::from(u32::from_le_bytes(*b"efgh")));
    guest.set_config(4, 2, 0x5a59);
    assert_eq!(&toy.config.lock()[..], b"abcdYZghijkl");
    // The same in ports, behind the header; two registers longer with messages.
    let mut legacy = Guest::new(&memory, &card, Interface::Legacy);
    assert_eq!(legacy.port(0x14, 4), u64::from(u32::from_le_bytes(*b"abcd")));
    legacy.use_messages(3);
    assert_eq!(legacy.port(0x14, 2), 0xffff);
    assert_eq!(legacy.config(0, 4), u64::from(u32::from_le_bytes(*b"abcd")));
}

#[test]
fn access_by_configuration_space() {
    let (memory, card, _) = toy(kind::BLOCK, MODERN_ONLY, 3);
    let guest = Guest::new(&memory, &card, Interface::Modern);
    let at = capability(&*card.function, 5).expect("announced");
    let (read, write) = (
        |at, size| card.function.config_read(at, size),
        |at, size, value| card.function.config_write(at, size, value),
    );
    let aim = |offset, length| {
        write(at + 4, 1, 4);
        write(at + 8, 4, offset);
        write(at + 12, 4, length);
    };
    aim(0x12, 2);
    assert_eq!(read(at + 16, 4) & 0xffff, 2, "number of queues");
    aim(0x16, 2);
    write(at + 16, 2, 1);
    assert_eq!(guest.read(0x16, 2), 1, "queue selected");
    assert_eq!(guest.read(0x18, 2), 16);
    aim(0x2000, 4);
    assert_eq!(read(at + 16, 4), u32::from_le_bytes(*b"abcd"));
    aim(0x14, 1);
    write(at + 16, 1, 1);
    assert_eq!(guest.status(), 1);
    // Nothing happens where nothing is.
    for (offset, length) in [(0x3fff, 4), (0x4000, 1), (1, 2), (0, 3), (!0, 1), (0, 0)] {
        aim(offset, length);
        write(at + 16, 4, !0);
        let _ = read(at + 16, 4);
    }
    assert_eq!(guest.status(), 1);
}

#[test]
fn negotiation() {
    let (memory, card, toy) = toy(kind::BLOCK, Offer::default(), 3);
    let modern = Guest::new(&memory, &card, Interface::Modern);
    let offered = modern.offered();
    assert_eq!(offered, 1 << 5 | 1 << 28 | 1 << 29 | 1 << 32 | 1 << 40);
    assert!(!modern.negotiate(0), "a modern driver says that it is one");
    assert!(
        !modern.negotiate(1 << 32 | 1 << 7),
        "nothing that was not offered"
    );
    assert!(modern.negotiate(1 << 32 | 1 << 5));
    // Agreed is agreed.
    modern.write(12, 4, 0);
    assert_eq!(toy.core.features(), 1 << 32 | 1 << 5);
    toy.effects.lock().clear();
    modern.set_status(15);
    modern.notify(1);
    modern.notify(2);
    modern.set_status(0);
    let expected = [Effect::Started, Effect::Notify(1), Effect::Reset];
    assert_eq!(toy.effects.lock()[..], expected);
    let legacy = Guest::new(&memory, &card, Interface::Legacy);
    assert_eq!(legacy.offered(), 1 << 5 | 1 << 27 | 1 << 28 | 1 << 29);
    legacy.negotiate(!0);
    assert_eq!(toy.core.features(), legacy.offered());
}

#[test]
fn queues_are_set_up_within_bounds() {
    let (memory, card, _) = toy(kind::BLOCK, Offer::default(), 3);
    let guest = Guest::new(&memory, &card, Interface::Modern);
    guest.negotiate(1 << 32);
    // Wanted size, what it is then.
    for (wanted, size) in [(128, 64), (0, 64), (48, 64), (32, 32), (64, 64)] {
        guest.write(0x18, 2, wanted);
        assert_eq!(guest.read(0x18, 2), size, "{wanted}");
    }
    // Vector, what it is then.
    for (wanted, vector) in [(2, 2), (3, 0xffff), (0, 0), (0xffff, 0xffff)] {
        guest.write(0x1a, 2, wanted);
        guest.write(0x10, 2, wanted);
        assert_eq!((guest.read(0x1a, 2), guest.read(0x10, 2)), (vector, vector));
    }
    guest.write(0x20, 4, 0x1000);
    guest.write(0x24, 4, 7);
    guest.write(0x1c, 2, 1);
    guest.write(0x20, 4, 0x2000);
    assert_eq!((guest.read(0x20, 4), guest.read(0x24, 4)), (0x1000, 7), "in use");
    guest.write(0x16, 2, 2);
    assert_eq!(
        (guest.read(0x18, 2), guest.read(0x1c, 2)),
        (0, 0),
        "no such queue"
    );
}

/// A ring that lies in the device's own registers: memory is accessed with nothing locked.
#[test]
fn a_ring_in_the_own_registers() {
    let (memory, card, toy) = toy(kind::BLOCK, Offer::default(), 3);
    let guest = Guest::new(&memory, &card, Interface::Modern);
    guest.negotiate(1 << 32);
    for queue in 0..2 {
        guest.write(0x16, 2, queue);
        for at in [0x20, 0x28, 0x30] {
            guest.write(at, 4, 0);
            guest.write(at + 4, 4, 8);
        }
        guest.write(0x1c, 2, 1);
    }
    guest.set_status(15);
    let mut chain = crate::ring::Chain::default();
    for queue in 0..2 {
        let _ = toy.core.pop(queue, &mut chain);
        toy.core.complete(queue, chain.token, 4);
    }
    guest.set_status(0);
    assert_eq!(guest.status(), 0);
}

#[test]
fn without_bus_mastering_nothing_breaks() {
    let (memory, card, toy) = toy(kind::BLOCK, Offer::default(), 3);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    guest.start(0, 2);
    card.function.config_write(4, 2, 3);
    let mut chain = crate::ring::Chain::default();
    guest.rings[0].add(&memory, &[(0x8000, 4)], &[], None);
    assert!(!toy.core.pop(0, &mut chain));
    card.function.config_write(4, 2, 7);
    assert!(toy.core.pop(0, &mut chain));
}
