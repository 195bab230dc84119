//! The balloon driven through its registers and rings.

use super::*;
use crate::pci::{Transport, card};
use crate::testing::{Guest, Interface, Memory};
use hw_core::testing::{check_reset, check_saved_state};
use hw_pci::PciCard;

fn board() -> (Arc<Memory>, PciCard, Arc<Balloon>) {
    let memory = Arc::new(Memory::new());
    let transport = Transport {
        offer: Offer::default(),
        vectors: 4,
    };
    let mut made = None;
    let card = card(
        &memory.slot("balloon0"),
        transport,
        CONFIG as u64,
        |dma, offer| {
            let balloon = Balloon::new(false, offer, dma);
            made = Some(Arc::clone(&balloon));
            balloon
        },
    );
    (memory, card, made.expect("made"))
}

#[derive(Default)]
struct Host(Mutex<Vec<(u64, u64)>>);

impl PageHost for Host {
    fn give_back(&self, address: u64, length: u64) {
        self.0.lock().push((address, length));
    }
}

#[test]
fn pages_targets_and_statistics() {
    for interface in [Interface::Legacy, Interface::Modern] {
        let (memory, card, balloon) = board();
        let host = Arc::new(Host::default());
        balloon.set_host(Arc::clone(&host) as _);
        let mut guest = Guest::new(&memory, &card, interface);
        guest.start(STATS_VQ, 3);
        balloon.set_target(600);
        assert_eq!((guest.isr() & 2, guest.config(0, 4)), (2, 600));
        let pages: Vec<u8> = (0..600_u32)
            .map(|i| 100 + i + if i < 500 { 0 } else { 50 })
            .flat_map(u32::to_le_bytes)
            .collect();
        memory.write(0x2_0000, &pages);
        let id = guest.add(INFLATE, &[(0x2_0000, 1000), (0x2_03e8, 1400)], &[]);
        assert_eq!(guest.take(INFLATE), [(id, 0)]);
        let expected = [(100 * PAGE, 500 * PAGE), (650 * PAGE, 100 * PAGE)];
        assert_eq!(std::mem::take(&mut *host.0.lock()), expected);
        guest.set_config(4, 4, 600);
        assert_eq!(balloon.actual(), 600);
        guest.add(DEFLATE, &[(0x2_0000, 400)], &[]);
        assert!(guest.take(DEFLATE).len() == 1 && host.0.lock().is_empty());
        memory.write(0x3_0000, &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 200, 200]);
        let id = guest.add(STATS, &[(0x3_0000, 12)], &[]);
        assert!(guest.take(STATS).is_empty(), "kept");
        assert_eq!(balloon.statistics(), BTreeMap::from([(4, 1 << 32)]));
        balloon.refresh_statistics();
        assert_eq!(guest.take(STATS), [(id, 0)]);
    }
}

#[test]
fn reset_and_saved_state() {
    let (memory, card, balloon) = board();
    let mut guest = Guest::new(&memory, &card, Interface::Modern);
    let change = |guest: &mut Guest| {
        guest.start(STATS_VQ, 3);
        guest.set_config(4, 4, 7);
        guest.add(STATS, &[(0x3_0000, 20)], &[]);
    };
    check_reset(&*card.devices[0], || change(&mut guest));
    change(&mut guest);
    balloon.set_target(5);
    let other = board();
    check_saved_state(&*card.devices[0], &*other.1.devices[0]);
    assert_eq!(other.2.actual(), 7);
}
