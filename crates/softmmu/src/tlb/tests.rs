//! What fetch tags promise: each case says which halves' tags a step leaves alone.

use std::sync::Arc;

use super::*;
use crate::addr::{GuestPhys, PAGE_SIZE};
use crate::flat::Translation;

const LOW: u64 = 0x40_0000;
const HIGH: u64 = 0xffff_ffff_8100_0000;
const KERNEL: MmuIndex = MmuIndex::new(0);
const USER: MmuIndex = MmuIndex::new(2);

/// A step of a case.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Fills a fetch page of the address space in force.
    Local(u64),
    /// Fills a global fetch page.
    Global(u64),
    /// Fills a data page.
    Data(u64),
    Asid(u16),
    FlushAsid(u16),
    FlushNonGlobal,
    FlushAll,
    FlushIndex(MmuIndex),
    FlushPage(u64),
    FlushPageAsid(u64, u16),
    /// Restores what was just saved.
    Reload,
}
use Do::*;

fn apply(tlb: &mut Tlb, step: Do) {
    let mut fill = |vaddr: u64, access, global| {
        tlb.fill(
            if vaddr >> 63 != 0 { KERNEL } else { USER },
            &TlbFill {
                vaddr: GuestVirt(vaddr),
                paddr: GuestPhys(0),
                access,
                prot: Prot::READ,
                global,
                page_size: PAGE_SIZE,
                translation: Translation::Io,
            },
        );
    };
    match step {
        Local(vaddr) => fill(vaddr, Access::Fetch, false),
        Global(vaddr) => fill(vaddr, Access::Fetch, true),
        Data(vaddr) => fill(vaddr, Access::Read, false),
        Asid(asid) => tlb.set_asid(asid),
        FlushAsid(asid) => tlb.flush_asid(asid),
        FlushNonGlobal => tlb.flush_non_global(),
        FlushAll => tlb.flush_all(),
        FlushIndex(idx) => tlb.flush_index(idx),
        FlushPage(vaddr) => tlb.flush_page(GuestVirt(vaddr)),
        FlushPageAsid(vaddr, asid) => tlb.flush_page_asid(GuestVirt(vaddr), asid),
        Reload => {
            let state = tlb.save();
            tlb.restore(&state, |_| Translation::Io);
        }
    }
}

/// A user page, a global kernel page.
const USUAL: &[Do] = &[Local(LOW), Global(HIGH)];
/// The same in two address spaces, the second in force.
const TWO: &[Do] = &[Local(LOW), Global(HIGH), Asid(1), Local(LOW)];

#[test]
#[rustfmt::skip]
fn tags_change_with_what_they_stand_for() {
    // Before, then; whether the low and the high tag are as before.
    let cases: &[(&[Do], &[Do], bool, bool)] = &[
        (&[], &[Local(LOW), Global(HIGH)], true, true),
        (USUAL, &[Data(LOW), FlushPage(LOW + PAGE_SIZE), FlushPageAsid(HIGH, 0), FlushAsid(1)], true, true),
        (USUAL, &[FlushAsid(0)], false, true),
        (USUAL, &[FlushNonGlobal], false, true),
        (USUAL, &[FlushAll], false, false),
        (USUAL, &[Reload], false, false),
        (USUAL, &[FlushIndex(USER)], false, true),
        (USUAL, &[FlushIndex(KERNEL)], true, false),
        (USUAL, &[FlushPage(LOW)], false, true),
        (USUAL, &[FlushPage(HIGH)], true, false),
        (USUAL, &[FlushPageAsid(LOW, 0)], false, true),
        (USUAL, &[Local(LOW)], false, true),
        (USUAL, &[Local(HIGH)], true, false),
        (USUAL, &[Asid(1)], false, true),
        (USUAL, &[Asid(1), Asid(0)], true, true),
        (USUAL, &[Asid(1), Local(LOW), Asid(2), Local(LOW), FlushAsid(2), Asid(0)], true, true),
        (USUAL, &[Asid(1), FlushAsid(0), Asid(0)], false, true),
        (USUAL, &[Asid(1), FlushPageAsid(LOW, 0), Asid(0)], false, true),
        (USUAL, &[Asid(1), FlushPage(LOW), Asid(0)], true, true),
        (USUAL, &[Asid(1), FlushAll, Asid(0)], false, false),
        (USUAL, &[Asid(1), Reload, Asid(0)], false, false),
        (TWO, &[FlushAsid(0)], true, true),
        (TWO, &[FlushPageAsid(LOW, 0)], true, true),
        (TWO, &[Asid(0), FlushAsid(0), Asid(1)], true, true),
        (TWO, &[Asid(0), FlushNonGlobal, Asid(1)], false, true),
        // A global page of the low half is everyone's.
        (&[Global(LOW)], &[Asid(1), FlushPage(LOW), Asid(0)], false, true),
        (&[Global(LOW)], &[Asid(1), FlushAsid(1), FlushNonGlobal, Asid(0)], true, true),
        // A page of the high half that is not global makes every change of address space count, both ways.
        (&[Local(HIGH)], &[Asid(1)], false, false),
        (&[Local(HIGH)], &[Asid(1), Asid(0)], true, false),
        (&[Global(HIGH), Asid(3), Local(HIGH + PAGE_SIZE), Asid(1)], &[Asid(2), Asid(1)], true, false),
        (&[Local(HIGH)], &[Asid(0)], true, true),
        (&[Local(HIGH), FlushAsid(0)], &[Asid(1)], false, true),
        (&[Local(HIGH), FlushAll], &[Asid(1)], false, true),
        (&[Local(HIGH), Reload], &[Asid(1)], false, false),
    ];
    for (before, then, low, high) in cases {
        let mut tlb = Tlb::new(Arc::new(DirtyMemory::new()));
        before.iter().for_each(|step| apply(&mut tlb, *step));
        let tags = [tlb.fetch_tag(false), tlb.fetch_tag(true)];
        then.iter().for_each(|step| apply(&mut tlb, *step));
        let kept = (tlb.fetch_tag(false) == tags[0], tlb.fetch_tag(true) == tags[1]);
        assert_eq!(kept, (*low, *high), "{before:?} then {then:?}");
    }
}
