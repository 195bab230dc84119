//! The pte matrix: every leaf entry against every access, by an independent model; then sizes, bits and formats.

use super::walk::{AccessKind, Context, PhysMem, Rights, code, read_pdptes};
use std::cell::RefCell;

const P: u64 = 1;
const W: u64 = 2;
const U: u64 = 4;
const A: u64 = 0x20;
const D: u64 = 0x40;
const PS: u64 = 0x80;
const G: u64 = 0x100;
const NX: u64 = 1 << 63;
/// An address bit that a 40-bit physical address does not have.
const BEYOND: u64 = 1 << 45;

const PG: u64 = 1 << 31;
const WP: u64 = 1 << 16;
const PSE: u64 = 1 << 4;
const PAE: u64 = 1 << 5;
const PGE: u64 = 1 << 7;
const SMEP: u64 = 1 << 20;
const SMAP: u64 = 1 << 21;
const LME_LMA: u64 = 0x500;
const NXE: u64 = 1 << 11;

/// 64 KiB of memory.
struct Memory(RefCell<Vec<u8>>);

impl Memory {
    fn new() -> Self {
        Self(RefCell::new(vec![0; 0x1_0000]))
    }
    fn put(&self, at: u64, value: u64, size: usize) {
        let at = at as usize;
        self.0.borrow_mut()[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
}

impl PhysMem for Memory {
    fn read_u32(&self, at: u64) -> u32 {
        self.read_u64(at) as u32
    }
    fn read_u64(&self, at: u64) -> u64 {
        let at = at as usize;
        u64::from_le_bytes(self.0.borrow()[at..at + 8].try_into().unwrap())
    }
    fn swap_u32(&self, at: u64, old: u32, new: u32) -> bool {
        assert_eq!(self.read_u32(at), old);
        self.put(at, u64::from(new), 4);
        true
    }
    fn swap_u64(&self, at: u64, old: u64, new: u64) -> bool {
        assert_eq!(self.read_u64(at), old);
        self.put(at, new, 8);
        true
    }
}

fn long() -> Context {
    Context {
        cr0: PG | WP | 1,
        cr3: 0x1000,
        cr4: PAE | PGE,
        efer: LME_LMA | NXE,
        pdpte: [0; 4],
        phys_mask: (1 << 40) - 1,
        gigabyte_pages: true,
        pse36: true,
    }
}

/// Tables for linear 0x12345678 at 1000h..4000h in 4-level format; the last entry is `leaf` at `level`.
fn four_levels(leaf: u64, level: u64, path: u64) -> Memory {
    let memory = Memory::new();
    let at = |level: u64| (5 - level) * 0x1000 + (LINEAR >> (12 + 9 * (level - 1)) & 0x1ff) * 8;
    for l in level + 1..=4 {
        memory.put(at(l), ((6 - l) * 0x1000) | path, 8);
    }
    memory.put(at(level), leaf, 8);
    memory
}

const LINEAR: u64 = 0x1234_5678;
const KINDS: [AccessKind; 3] = [AccessKind::Read, AccessKind::Write, AccessKind::Fetch];
const RIGHTS: [Rights; 3] = [Rights::User, Rights::Supervisor, Rights::SupervisorAc];

/// What the SDM says of an access (vol. 3A, 5.6 and 5.7), written without looking at the walk.
fn model(entry: u64, path: u64, cx: &Context, kind: AccessKind, rights: Rights) -> Result<(), u16> {
    let (nxe, smep) = (cx.efer & NXE != 0, cx.cr4 & SMEP != 0);
    let user_access = rights == Rights::User;
    let mut error = 0;
    if kind == AccessKind::Write {
        error |= code::W;
    }
    if user_access {
        error |= code::U;
    }
    if kind == AccessKind::Fetch && (nxe || smep) {
        error |= code::I;
    }
    if entry & P == 0 {
        return Err(error);
    }
    if entry & BEYOND != 0 || entry & NX != 0 && !nxe {
        return Err(error | code::P | code::RSVD);
    }
    let user_page = entry & path & U != 0;
    let writable = entry & path & W != 0;
    let executable = entry & NX == 0;
    let fine = if user_access {
        user_page
            && match kind {
                AccessKind::Read => true,
                AccessKind::Write => writable,
                AccessKind::Fetch => executable,
            }
    } else {
        let smap_blocks = cx.cr4 & SMAP != 0 && user_page && rights == Rights::Supervisor;
        match kind {
            AccessKind::Read => !smap_blocks,
            AccessKind::Write => !smap_blocks && (writable || cx.cr0 & WP == 0),
            AccessKind::Fetch => executable && !(smep && user_page),
        }
    };
    if fine { Ok(()) } else { Err(error | code::P) }
}

#[test]
fn matrix() {
    let mut cases = 0;
    let subset = |bits: &[u64], n: usize| {
        bits.iter()
            .enumerate()
            .filter(|(i, _)| n >> i & 1 != 0)
            .fold(0, |a, (_, b)| a | b)
    };
    for entry in 0..64 {
        let entry = 0xa000 | subset(&[P, W, U, NX, BEYOND, D], entry);
        for path in [P | W | U, P | W, P | U, P] {
            for control in 0..16 {
                let mut cx = long();
                cx.cr0 = PG | 1 | subset(&[WP], control);
                cx.cr4 |= subset(&[SMEP, SMAP], control >> 1);
                cx.efer = LME_LMA | subset(&[NXE], control >> 3);
                for kind in KINDS {
                    for rights in RIGHTS {
                        let memory = four_levels(entry, 1, path);
                        let got = cx.translate(&memory, LINEAR, kind, rights);
                        let expected = model(entry, path, &cx, kind, rights);
                        let what = format!("entry {entry:#x} path {path:#x} {cx:x?} {kind:?} {rights:?}");
                        assert_eq!(got.map(|_| ()), expected, "{what}");
                        let leaf = memory.read_u64(0x4000 + (LINEAR >> 12 & 0x1ff) * 8);
                        match got {
                            Ok(page) => {
                                assert_eq!(page.phys, 0xa678, "{what}");
                                let dirty = if kind == AccessKind::Write { D } else { 0 };
                                assert_eq!(leaf, entry | A | dirty, "{what}");
                                // The rights that go into the TLB are those of the other accesses.
                                let may = |kind| model(leaf, path, &cx, kind, rights).is_ok();
                                assert_eq!(page.read, may(AccessKind::Read), "{what}");
                                assert_eq!(page.write, may(AccessKind::Write) && leaf & D != 0, "{what}");
                                assert_eq!(page.fetch, may(AccessKind::Fetch), "{what}");
                            }
                            Err(_) => assert_eq!(leaf, entry, "a fault sets no bits: {what}"),
                        }
                        cases += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cases, 64 * 4 * 16 * 9);
}

#[test]
#[rustfmt::skip]
fn sizes_and_reserved_bits_of_four_levels() {
    let all = P | W | U;
    for (leaf, level, gigabyte, expected) in [
        (0xaa_4000_0000 | all | PS,                         3, true,  Ok((0xaa_4000_0000 | LINEAR & 0x3fff_ffff, 1 << 30))),
        (0x4000_0000 | all | PS,                            3, false, Err(code::P | code::RSVD)),
        (0x4000_2000 | all | PS,                            3, true,  Err(code::P | code::RSVD)), // bit 13
        (0x0060_0000 | all | PS,                            2, true,  Ok((0x0060_0000 | LINEAR & 0x1f_ffff, 2 << 20))),
        (0x0060_1000 | all | PS,                            2, true,  Ok((0x0060_0000 | LINEAR & 0x1f_ffff, 2 << 20))), // bit 12 is PAT
        (0x0060_2000 | all | PS,                            2, true,  Err(code::P | code::RSVD)),
        (0x2000 | all | PS,                                 4, true,  Err(code::P | code::RSVD)), // PS in a PML4E
        (0xa000 | all | PS | 0x7ff << 52,                   1, true,  Ok((0xa678, 4096))),        // PAT and ignored bits
    ] {
        let cx = Context { gigabyte_pages: gigabyte, ..long() };
        let memory = four_levels(leaf, level, all);
        let got = cx.translate(&memory, LINEAR, AccessKind::Read, Rights::Supervisor).map(|page| (page.phys, page.size));
        assert_eq!(got, expected, "{leaf:#x} at level {level}");
    }
}

#[test]
fn global_needs_pge() {
    let memory = four_levels(0xa000 | P | G, 1, P);
    for (pge, expected) in [(PGE, true), (0, false)] {
        let cx = Context {
            cr4: PAE | pge,
            ..long()
        };
        assert_eq!(
            cx.translate(&memory, LINEAR, AccessKind::Read, Rights::Supervisor)
                .unwrap()
                .global,
            expected
        );
    }
}

#[test]
#[rustfmt::skip]
fn legacy_format() {
    let all = P | W | U;
    for (pde, pte, cr4, pse36, expected) in [
        (0x2000 | all,              0xa000 | all, 0,   true,  Ok((0xa678, 4096))),
        (0x2000 | all | PS,         0xa000 | all, 0,   true,  Ok((0xa678, 4096))),            // PS without CR4.PSE
        (0x2000 | all,              0,            PSE, true,  Err(code::U)),
        (0,                         0xa000 | all, PSE, true,  Err(code::U)),
        (0x0340_0000 | all | PS,    0,            PSE, true,  Ok((0x0340_0000 | LINEAR & 0x3f_ffff, 4 << 20))),
        (0x0341_4000 | all | PS,    0,            PSE, true,  Ok((0x0a_0340_0000 | LINEAR & 0x3f_ffff, 4 << 20))), // PSE-36
        (0x0341_4000 | all | PS,    0,            PSE, false, Err(code::P | code::U | code::RSVD)),
        (0x0360_0000 | all | PS,    0,            PSE, true,  Err(code::P | code::U | code::RSVD)), // bit 21
        (0x2000 | all,              0xa000 | P,   0,   true,  Err(code::P | code::U)),
        (0x2000 | P,                0xa000 | all, 0,   true,  Err(code::P | code::U)),
    ] {
        let memory = Memory::new();
        memory.put(0x1000 + (LINEAR >> 22) * 4, pde, 4);
        memory.put(0x2000 + (LINEAR >> 12 & 0x3ff) * 4, pte, 4);
        let cx = Context { cr4, efer: 0, pse36, ..long() };
        let got = cx.translate(&memory, LINEAR, AccessKind::Read, Rights::User).map(|page| (page.phys, page.size));
        assert_eq!(got, expected, "pde {pde:#x} pte {pte:#x}");
    }
}

#[test]
#[rustfmt::skip]
fn pae_format() {
    let all = P | W | U;
    for (pdpte, pde, pte, expected) in [
        (0x2000 | P, 0x3000 | all,           0xa000 | all,            Ok((0xa678, 4096))),
        (0,          0x3000 | all,           0xa000 | all,            Err(code::U)),
        (0x2000 | P, 0x3000 | all,           0xa000 | all | 1 << 52,  Err(code::P | code::U | code::RSVD)),
        (0x2000 | P, 0x3000 | all | 1 << 62, 0xa000 | all,            Err(code::P | code::U | code::RSVD)),
        (0x2000 | P, 0x60_0000 | all | PS,   0,                       Ok((0x60_0000 | LINEAR & 0x1f_ffff, 2 << 20))),
        (0x2000 | P, 0x60_4000 | all | PS,   0,                       Err(code::P | code::U | code::RSVD)),
    ] {
        let memory = Memory::new();
        memory.put(0x2000 + (LINEAR >> 21 & 0x1ff) * 8, pde, 8);
        memory.put(0x3000 + (LINEAR >> 12 & 0x1ff) * 8, pte, 8);
        let cx = Context { efer: 0, pdpte: [pdpte, 0, 0, 0], ..long() };
        let got = cx.translate(&memory, LINEAR, AccessKind::Read, Rights::User).map(|page| (page.phys, page.size));
        assert_eq!(got, expected, "pdpte {pdpte:#x} pde {pde:#x} pte {pte:#x}");
    }
}

#[test]
fn pdptes_with_reserved_bits_are_refused() {
    let mask = (1 << 40) - 1;
    for (entry, good) in [
        (0, true),
        (0x2001, true),
        (0x2003, false),
        (0x2021, false),
        (0x2019, true),
        (0x2101, false),
        (1 << 45 | 1, false),
        (1 << 45, true),
    ] {
        let memory = Memory::new();
        memory.put(0x1048, entry, 8);
        assert_eq!(
            read_pdptes(&memory, 0x1040, mask),
            good.then_some([0, entry, 0, 0]),
            "{entry:#x}"
        );
    }
}

/// Memory in which another processor wins the first race for an entry.
struct Racing(Memory, RefCell<u32>);

impl PhysMem for Racing {
    fn read_u32(&self, at: u64) -> u32 {
        self.0.read_u32(at)
    }
    fn read_u64(&self, at: u64) -> u64 {
        self.0.read_u64(at)
    }
    fn swap_u32(&self, at: u64, old: u32, new: u32) -> bool {
        self.0.swap_u32(at, old, new)
    }
    fn swap_u64(&self, at: u64, old: u64, new: u64) -> bool {
        let mut races = self.1.borrow_mut();
        if *races > 0 {
            *races -= 1;
            self.0.put(at, old & !W, 8);
            return false;
        }
        self.0.swap_u64(at, old, new)
    }
}

#[test]
fn a_lost_race_walks_again() {
    let all = P | W | U | A;
    let memory = Racing(four_levels(0xa000 | all, 1, all), RefCell::new(1));
    // The first swap is the leaf's, for D; the other processor takes W away meanwhile.
    let got = long().translate(&memory, LINEAR, AccessKind::Write, Rights::User);
    assert_eq!(got, Err(code::P | code::W | code::U));
}
