//! Paging through the TLB: dirty and accessed bits, WP, SMEP, SMAP, PCID, global pages, INVLPG, PAE (traps 31 to 33).

use crate::machine::{End, Machine, gp, pf};
use target_i386::flags::bit;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, Mode, PAGE_TABLES, selector};

/// Linear address under test, mapped by an own page table to `FRAME`.
const AT: u64 = 0x4000_0000;
const TABLE: u64 = 0x60_0000;
const FRAME: u64 = 0x61_0000;
const OTHER: u64 = 0x62_0000;
const DIRECTORY: u64 = PAGE_TABLES + 0x3000;

const P: u64 = 1;
const W: u64 = 2;
const U: u64 = 4;
const A: u64 = 0x20;
const D: u64 = 0x40;
const G: u64 = 0x100;
const NX: u64 = 1 << 63;

fn mapped(mode: Mode, entry: u64) -> Machine {
    let mut m = Machine::new(mode);
    m.bench.put(DIRECTORY, &(TABLE | 0x67).to_le_bytes());
    m.bench.put(TABLE, &entry.to_le_bytes());
    m.bench.put(FRAME, &0x1111_u64.to_le_bytes());
    m.bench.put(OTHER, &0x2222_u64.to_le_bytes());
    m.bench.cpu.tlb.flush_all();
    *m.reg(gpr::RBX) = AT;
    m
}

fn entry(m: &Machine) -> u64 {
    u64::from_le_bytes(m.bench.get(TABLE))
}

const LOAD: &[u8] = &[0x48, 0x8b, 0x03]; // mov rax, [rbx]
const STORE: &[u8] = &[0x48, 0x89, 0x0b]; // mov [rbx], rcx
const CALL: &[u8] = &[0xff, 0xd3]; // call rbx

#[test]
fn bits_come_with_the_access_that_needs_them() {
    let mut m = mapped(Mode::LongUser, FRAME | P | W | U);
    assert_eq!(m.run(LOAD), End::Done);
    assert_eq!(entry(&m), FRAME | P | W | U | A);
    // The entry is in the TLB now, but a write walks again.
    assert_eq!(m.run(STORE), End::Done);
    assert_eq!(entry(&m), FRAME | P | W | U | A | D);
    // And stays as cleared without a flush.
    m.bench.put(TABLE, &(FRAME | P | W | U).to_le_bytes());
    assert_eq!(m.run(STORE), End::Done);
    assert_eq!(entry(&m), FRAME | P | W | U);
}

#[test]
#[rustfmt::skip]
fn end_to_end() {
    const SMEP: u64 = 1 << 20;
    const SMAP: u64 = 1 << 21;
    for (mode, entry, cr4, flags, wp, code, expected) in [
        (Mode::LongUser, 0,                           0,    0,       true,  LOAD,  pf(4)),
        (Mode::LongUser, FRAME | P,                   0,    0,       true,  LOAD,  pf(5)),
        (Mode::LongUser, FRAME | P | U,               0,    0,       true,  STORE, pf(7)),
        (Mode::LongUser, FRAME | P | U | W | NX,      0,    0,       true,  CALL,  pf(0x15)),
        (Mode::LongUser, FRAME | P | U | 1 << 45,     0,    0,       true,  LOAD,  pf(0xd)),
        (Mode::Long,     0,                           0,    0,       true,  CALL,  pf(0x10)),
        (Mode::Long,     FRAME | P,                   0,    0,       true,  STORE, pf(3)),
        (Mode::Long,     FRAME | P,                   0,    0,       false, STORE, End::Done),
        (Mode::Long,     FRAME | P | W,               0,    0,       true,  STORE, End::Done),
        (Mode::Long,     FRAME | P | W | U,           SMAP, bit::AC, true,  LOAD,  End::Done),
    ] {
        let mut m = mapped(mode, entry);
        m.bench.cpu.state.cr4 |= cr4;
        let _ = SMEP;
        m.bench.cpu.state.flags.put(flags, true);
        if !wp {
            m.bench.cpu.state.cr0 &= !(1 << 16);
        }
        m.bench.cpu.refresh_mode();
        assert_eq!(m.run(code), expected, "{mode:?} {entry:#x} cr4 {cr4:#x} {code:x?}");
        if expected != End::Done {
            assert_eq!(m.bench.cpu.state.cr2, AT);
        }
    }
}

/// Makes the low 16 MiB the supervisor's, so that SMEP and SMAP leave the machine alive.
fn supervisor_only(m: &mut Machine) {
    for page in 0..8 {
        m.bench.put(
            PAGE_TABLES + 0x2000 + page * 8,
            &(page << 21 | 0xe3_u64).to_le_bytes(),
        );
    }
    m.bench.cpu.tlb.flush_all();
}

#[test]
fn smep_and_smap() {
    // (cr4, AC, code, expected)
    for (cr4, ac, code, expected) in [
        (1 << 20, false, CALL, pf(0x11)),
        (1 << 20, false, LOAD, End::Done),
        (1 << 21, false, LOAD, pf(1)),
        (1 << 21, false, STORE, pf(3)),
        (1 << 21, true, LOAD, End::Done),
        (1 << 21, true, STORE, End::Done),
        // stac; mov rax, [rbx]; clac; mov rax, [rbx]
        (
            1 << 21,
            false,
            &[
                0x0f, 0x01, 0xcb, 0x48, 0x8b, 0x03, 0x0f, 0x01, 0xca, 0x48, 0x8b, 0x03,
            ],
            pf(1),
        ),
    ] {
        let mut m = mapped(Mode::Long, FRAME | P | W | U);
        supervisor_only(&mut m);
        m.bench.cpu.state.cr4 |= cr4;
        m.bench.cpu.state.flags.put(bit::AC, ac);
        m.bench.cpu.refresh_mode();
        assert_eq!(m.run(code), expected, "cr4 {cr4:#x} ac {ac} {code:x?}");
    }
}

#[test]
fn implicit_accesses_obey_smap_whatever_ac_says() {
    // The GDT moves to a user page: a segment load reads it as the system.
    let mut m = mapped(Mode::Long, FRAME | P | W | U);
    supervisor_only(&mut m);
    m.bench
        .put(FRAME + 0x10, &0x00cf_9300_0000_ffff_u64.to_le_bytes());
    m.bench.cpu.state.gdtr.base = AT;
    m.bench.cpu.state.cr4 |= 1 << 21;
    m.bench.cpu.state.flags.put(bit::AC, true);
    m.bench.cpu.refresh_mode();
    *m.reg(gpr::RAX) = u64::from(selector::DATA);
    // Delivery reads the GDT too: #PF, then #DF, then shutdown.
    assert_eq!(m.run(&[0x8e, 0xd8]), End::Shutdown);
    assert_eq!(m.bench.cpu.state.cr2, AT + 8);
}

#[test]
fn translations_live_until_flushed() {
    let remap = |m: &mut Machine| m.bench.put(TABLE, &(OTHER | P | W | U | A | D).to_le_bytes());
    let invlpg: &[u8] = &[0x0f, 0x01, 0x3b, 0x48, 0x8b, 0x03]; // invlpg [rbx]; mov rax, [rbx]
    let cr3: &[u8] = &[0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x48, 0x8b, 0x03]; // mov rax, cr3; mov cr3, rax; load
    let pge: &[u8] = &[0x0f, 0x20, 0xe0, 0x34, 0x80, 0x0f, 0x22, 0xe0, 0x48, 0x8b, 0x03]; // toggle CR4.PGE; load
    for (global, code, sees) in [
        (0, LOAD, 0x1111),
        (0, invlpg, 0x2222),
        (0, cr3, 0x2222),
        (G, LOAD, 0x1111),
        (G, invlpg, 0x2222),
        (G, cr3, 0x1111),
        (G, pge, 0x2222),
    ] {
        let mut m = mapped(Mode::Long, FRAME | P | W | U | A | D | global);
        m.bench.cpu.state.cr4 |= 1 << 7;
        assert_eq!(m.run(LOAD), End::Done);
        remap(&mut m);
        assert_eq!(m.run(code), End::Done);
        assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], sees, "global {global} {code:x?}");
    }
}

#[test]
fn pcid_keeps_spaces_apart() {
    let mut m = mapped(Mode::Long, FRAME | P | W | U | A | D);
    m.bench.cpu.state.cr4 |= 1 << 17;
    let switch = |m: &mut Machine, pcid: u64, keep: bool| {
        *m.reg(gpr::RAX) = PAGE_TABLES | pcid | u64::from(keep) << 63;
        assert_eq!(m.run(&[0x0f, 0x22, 0xd8]), End::Done);
        assert_eq!(m.bench.cpu.state.cr3, PAGE_TABLES | pcid, "bit 63 is not kept");
    };
    let load = |m: &mut Machine| {
        assert_eq!(m.run(LOAD), End::Done);
        m.bench.cpu.state.gpr[gpr::RAX]
    };
    switch(&mut m, 1, false);
    assert_eq!(load(&mut m), 0x1111);
    m.bench.put(TABLE, &(OTHER | P | W | U | A | D).to_le_bytes());
    switch(&mut m, 2, false);
    assert_eq!(load(&mut m), 0x2222);
    switch(&mut m, 1, true);
    assert_eq!(load(&mut m), 0x1111, "kept");
    // invpcid of the other space changes nothing, of this one all. invpcid rax, [rdx]
    for (pcid, sees) in [(2, 0x1111), (1, 0x2222)] {
        m.bench
            .put(0x9_0000, &[u64::to_le_bytes(pcid), AT.to_le_bytes()].concat());
        (*m.reg(gpr::RAX), *m.reg(gpr::RDX)) = (0, 0x9_0000);
        assert_eq!(m.run(&[0x66, 0x0f, 0x38, 0x82, 0x02]), End::Done);
        assert_eq!(load(&mut m), sees);
    }
    switch(&mut m, 1, false);
    assert_eq!(load(&mut m), 0x2222);
}

#[test]
#[rustfmt::skip]
fn invpcid_checks() {
    for (kind, pcid, linear, expected) in [
        (0, 0_u64,   AT,                    End::Done),
        (0, 1,       AT,                    gp(0)),      // without CR4.PCIDE
        (0, 0,       0x8000_0000_0000,      gp(0)),
        (1, 0x1000,  0,                     gp(0)),
        (2, 0x1000,  0,                     End::Done),
        (3, 0,       0,                     End::Done),
        (4, 0,       0,                     gp(0)),
    ] {
        let mut m = Machine::new(Mode::Long);
        m.bench.put(0x9_0000, &[pcid.to_le_bytes(), u64::to_le_bytes(linear)].concat());
        (*m.reg(gpr::RAX), *m.reg(gpr::RDX)) = (kind, 0x9_0000);
        assert_eq!(m.run(&[0x66, 0x0f, 0x38, 0x82, 0x02]), expected, "{kind} {pcid:#x} {linear:#x}");
    }
}

#[test]
fn large_pages_die_whole() {
    let mut m = Machine::new(Mode::Long);
    let at = 0x4020_0000_u64;
    m.bench.put(DIRECTORY + 8, &(0x60_0000_u64 | 0xe7).to_le_bytes());
    m.bench.put(0x60_0000, &1_u64.to_le_bytes());
    m.bench.put(0x60_5000, &2_u64.to_le_bytes());
    m.bench.put(0x80_5000, &3_u64.to_le_bytes());
    m.bench.cpu.tlb.flush_all();
    *m.reg(gpr::RBX) = at + 0x5000;
    m.run(LOAD);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 2);
    m.bench.put(DIRECTORY + 8, &(0x80_0000_u64 | 0xe7).to_le_bytes());
    *m.reg(gpr::RDX) = at;
    // invlpg [rdx], elsewhere in the page
    m.run(&[0x0f, 0x01, 0x3a, 0x48, 0x8b, 0x03]);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 3);
}

#[test]
#[rustfmt::skip]
fn canonical_addresses() {
    let bad = 0x8000_0000_0000;
    for (code, rbx, rsp, expected) in [
        (LOAD,                      bad,      None,      gp(0)),
        (LOAD,                      bad - 4,  None,      gp(0)),                        // the last byte
        (&[0x48, 0x8b, 0x04, 0x24], 0,        Some(bad), End::Exception(12, Some(0))),  // mov rax, [rsp]
        (&[0x50],                   0,        Some(bad + 0x1000), End::Exception(12, Some(0))),
        (CALL,                      bad,      None,      gp(0)),
        (&[0xff, 0xe3],             bad,      None,      gp(0)),                        // jmp rbx
    ] {
        let mut m = Machine::new(Mode::LongUser);
        *m.reg(gpr::RBX) = rbx;
        if let Some(rsp) = rsp {
            *m.reg(gpr::RSP) = rsp;
        }
        assert_eq!(m.run(code), expected, "{code:x?} {rbx:#x}");
    }
}

#[test]
fn code_on_two_pages_faults_on_the_second() {
    for len in 1..10_u64 {
        let mut m = mapped(Mode::LongUser, FRAME | P | W | U);
        // mov rax, imm64 so that `len` bytes are on the mapped page.
        m.bench.put(
            FRAME + 0x1000 - len,
            &[&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8][..len as usize]].concat(),
        );
        m.bench.code(&[0xff, 0xe3]);
        *m.reg(gpr::RBX) = AT + 0x1000 - len;
        m.bench.run(1);
        assert_eq!(m.resume(0), pf(0x14), "{len}");
        assert_eq!(
            (m.bench.cpu.state.cr2, m.stacked(1)),
            (AT + 0x1000, AT + 0x1000 - len)
        );
    }
    assert_ne!(CODE, 0);
}

#[test]
fn pae_pointers_are_cached() {
    let mut m = Machine::new(Mode::Protected32);
    // PDPT at 60_0020h, directories identity-map 1 GiB.
    let pdpt = 0x60_0020;
    m.bench.put(pdpt, &((PAGE_TABLES + 0x2000) | 1).to_le_bytes());
    m.bench.cpu.state.cr4 |= 0x20;
    assert_eq!(target_i386::control::write_cr3(&mut m.bench.cpu, pdpt), Ok(()));
    *m.reg(gpr::RAX) = m.bench.cpu.state.cr0 | 1 << 31;
    assert_eq!(m.run(&[0x0f, 0x22, 0xc0]), End::Done);
    // The entry in memory goes; what was loaded stays until CR3 is written.
    m.bench.put(pdpt, &0_u64.to_le_bytes());
    m.bench.cpu.tlb.flush_all();
    assert_eq!(m.run(&[0xa1, 0, 0, 9, 0]), End::Done);
    // A reserved bit in an entry: #GP(0) and the old CR3.
    m.bench.put(pdpt, &((PAGE_TABLES + 0x2000) | 3).to_le_bytes());
    assert_eq!(m.run(&[0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8]), gp(0));
}
