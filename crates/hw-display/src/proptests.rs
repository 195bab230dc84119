//! Arbitrary accesses to every register: nothing the guest does may panic, a state loaded half-way goes on as the
//! device it came from, and a picture can be drawn at any time.

use crate::tests::rig;
use hw_core::testing::{Action, check_actions};
use hw_core::{Device, Display, SavedState, Surface};
use proptest::prelude::*;

fn action() -> impl Strategy<Value = Action> {
    // Few bits reach modes, all bits reach everything else.
    let value = prop_oneof![any::<u64>(), 0..0x100_u64, (0..8u32).prop_map(|n| 1 << n)];
    let offset = prop_oneof![0..0x40_u64, any::<u64>(), 0x400..0x620_u64];
    prop_oneof![
        2 => (any::<u8>(), offset.clone(), any::<u8>()).prop_map(|(w, o, s)| Action::Read(w, o, s)),
        8 => (any::<u8>(), offset, any::<u8>(), value).prop_map(|(w, o, s, v)| Action::Write(w, o, s, v)),
        1 => any::<u32>().prop_map(Action::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn accesses(
        before in prop::collection::vec(action(), 0..200),
        after in prop::collection::vec(action(), 0..60),
    ) {
        check_actions(|| rig().0, &before, &after);
    }

    /// Registers of any value, reachable or not, as a damaged file could have them.
    #[test]
    fn any_state_is_drawn(bytes in prop::collection::vec(any::<u8>(), 900..1000), ns in any::<u32>()) {
        let (rig, vga) = rig();
        rig.clock.advance(ns.into());
        let mut saved = vga.save();
        // The palette's length is all that must be as it was.
        let len = saved.bytes.len();
        saved.bytes[..80].copy_from_slice(&bytes[..80]);
        saved.bytes[len - 40..].copy_from_slice(&bytes[80..120]);
        let loaded = vga.load(&SavedState { version: saved.version, bytes: saved.bytes }).is_ok();
        if loaded {
            let (width, height) = crate::render::size_of(&vga.registers_for_test());
            // Pictures that take seconds to draw are no better test.
            if width * height <= 4 << 20 {
                let mut surface = Surface::default();
                vga.draw(&mut surface);
                prop_assert_eq!(surface.pixels.len(), surface.width * surface.height);
                vga.text();
            }
        }
    }
}
