//! The entropy device driven through its registers and ring.

use super::*;
use crate::pci::{Transport, card};
use crate::testing::{Guest, Interface, Memory};
use hw_core::testing::{check_reset, check_saved_state};
use hw_pci::PciCard;
use parking_lot::Mutex;
use std::sync::Weak;

#[derive(Default)]
struct Source {
    asked: Mutex<Vec<(u64, u32)>>,
    client: Mutex<Option<Weak<dyn EntropyClient>>>,
}

impl Source {
    fn answer(&self, which: usize, bytes: &[u8]) {
        let (tag, _) = self.asked.lock().remove(which);
        let client = self.client.lock().clone().and_then(|client| client.upgrade());
        client.expect("a device").entropy(tag, bytes);
    }
}

impl Entropy for Source {
    fn request(&self, tag: u64, length: u32) {
        self.asked.lock().push((tag, length));
    }

    fn forget(&self) {
        self.asked.lock().clear();
    }

    fn attach(&self, client: Weak<dyn EntropyClient>) {
        *self.client.lock() = Some(client);
    }
}

fn on(memory: &Memory, source: &Arc<Source>) -> PciCard {
    let transport = Transport {
        offer: Offer::default(),
        vectors: 2,
    };
    card(&memory.slot("rng0"), transport, 0, |dma, offer| {
        Rng::new(Arc::clone(source) as Arc<dyn Entropy>, offer, dma)
    })
}

#[test]
fn bytes_arrive_in_any_order_and_after_a_restore() {
    for interface in [Interface::Legacy, Interface::Modern] {
        let (memory, source) = (Arc::new(Memory::new()), Arc::new(Source::default()));
        let first = on(&memory, &source);
        let mut guest = Guest::new(&memory, &first, interface);
        guest.start(0, 1);
        let ids = [
            guest.add(0, &[], &[(0x2_0000, 4), (0x2_0100, 4)]),
            guest.add(0, &[], &[(0x2_1000, 0x10000)]),
        ];
        assert_eq!(source.asked.lock()[..], [(0, 8), (1, 4096)]);
        source.answer(1, b"xyz");
        assert_eq!(guest.take(0), [(ids[1], 3)]);
        assert_eq!(memory.bytes(0x2_1000, 3), b"xyz");
        let states = [first.function.save(), first.devices[0].save()];
        drop(first);
        let second = on(&memory, &source);
        second.function.load(&states[0]).expect("own state");
        second.devices[0].load(&states[1]).expect("own state");
        source.answer(0, b"abcdefgh");
        assert_eq!(guest.take(0), [(ids[0], 8)]);
        assert_eq!(memory.bytes(0x2_0100, 4), b"efgh");
    }
}

#[test]
fn reset_and_saved_state() {
    let (memory, source) = (Arc::new(Memory::new()), Arc::new(Source::default()));
    let card = on(&memory, &source);
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let change = |guest: &mut Guest| {
        guest.start(0, 1);
        guest.add(0, &[], &[(0x2_0000, 4)]);
    };
    check_reset(&*card.devices[0], || change(&mut guest));
    assert!(source.asked.lock().is_empty());
    change(&mut guest);
    let other = (Memory::new(), Arc::new(Source::default()));
    check_saved_state(&*card.devices[0], &*on(&other.0, &other.1).devices[0]);
}
