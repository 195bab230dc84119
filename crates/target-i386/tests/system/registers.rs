//! Control registers and MSRs: reserved bits, illegal transitions, exact read-back (traps 31, 32, 33, 34, 36).

use crate::machine::{End, Machine, UD, gp};
use target_i386::cpuid::Model;
use target_i386::features::Features;
use target_i386::msr;
use target_i386::state::gpr;
use target_i386::testbench::{Mode, selector};

const PG: u64 = 1 << 31;
const PE: u64 = 1;

fn mov_to_cr(number: u8) -> [u8; 3] {
    [0x0f, 0x22, 0xc0 | number << 3]
}

fn write_cr(mode: Mode, number: u8, value: u64) -> End {
    let mut m = Machine::new(mode);
    *m.reg(gpr::RAX) = value;
    m.run(&mov_to_cr(number))
}

#[test]
#[rustfmt::skip]
fn control_register_writes() {
    for (mode, number, value, expected) in [
        (Mode::Long,        0, 0x8001_0033,           End::Done),
        (Mode::Long,        0, 0x1_8001_0033,         gp(0)),     // upper half
        (Mode::Long,        0, 0x0001_0033,           gp(0)),     // paging off in 64-bit mode
        (Mode::Long,        0, 0x8001_0032,           gp(0)),     // PG without PE
        (Mode::Long,        0, 0xa001_0033,           gp(0)),     // NW without CD
        (Mode::Long,        0, 0xe001_0033,           End::Done),
        (Mode::LongUser,    0, 0x8001_0033,           gp(0)),
        (Mode::Protected32, 0, PG,                    gp(0)),
        (Mode::Long,        3, 1 << 40,               gp(0)),     // beyond 40 bits
        (Mode::Long,        3, 1 << 63,               gp(0)),     // without PCIDE
        (Mode::Long,        4, 0x620,                 End::Done),
        (Mode::Long,        4, 0x600,                 gp(0)),     // PAE off in long mode
        (Mode::Long,        4, 0x620 | 1 << 12,       gp(0)),     // LA57
        (Mode::Long,        4, 0x620 | 1 << 22,       gp(0)),     // PKE
        (Mode::Long,        4, 0x620 | 1 << 13,       gp(0)),     // VMXE
        (Mode::Long,        4, 0x620 | 1 << 31,       gp(0)),
        (Mode::Long,        4, 0x620 | 1 << 17,       End::Done), // PCIDE
        (Mode::Protected32, 4, 0x620 | 1 << 17,       gp(0)),     // PCIDE outside long mode
        (Mode::Long,        1, 0,                     UD),
        (Mode::Long,        5, 0,                     UD),
        (Mode::Long,        2, u64::MAX,              End::Done),
    ] {
        assert_eq!(write_cr(mode, number, value), expected, "{mode:?} cr{number} {value:#x}");
    }
}

#[test]
fn cr4_bits_follow_the_model() {
    for (feature, cr4) in [
        (Features::SMEP, 1 << 20),
        (Features::SMAP, 1 << 21),
        (Features::UMIP, 1 << 11),
        (Features::PCID, 1 << 17),
        (Features::FSGSBASE, 1 << 16),
        (Features::XSAVE, 1 << 18),
        (Features::VME, 1),
        (Features::PGE, 1 << 7),
    ] {
        let without = Model::with_features(Model::max().features - feature);
        let mut m = Machine::with_model(Mode::Long, without);
        m.bench.cpu.state.cr4 = 0x620;
        *m.reg(gpr::RAX) = 0x620 | cr4;
        assert_eq!(m.run(&mov_to_cr(4)), gp(0), "{feature:?}");
        // Not by MOV: the bench's pages are the user's, and SMEP and SMAP work at once.
        let mut m = Machine::new(Mode::Long);
        assert_eq!(
            target_i386::control::write_cr4(&mut m.bench.cpu, 0x620 | cr4),
            Ok(()),
            "{feature:?}"
        );
    }
}

#[test]
fn entering_and_leaving_long_mode() {
    let mut m = Machine::new(Mode::Protected32);
    let cr3 = target_i386::testbench::PAGE_TABLES;
    m.bench.cpu.state.cr3 = cr3;
    m.bench.cpu.state.msr.efer = 1 << 8;
    let cr0 = m.bench.cpu.state.cr0 | PG;
    *m.reg(gpr::RAX) = cr0;
    assert_eq!(m.run(&mov_to_cr(0)), End::Done);
    assert_eq!(m.bench.cpu.state.msr.efer, 0x500);
    assert!(m.bench.cpu.mode.lma && m.bench.cpu.mode.code == 32);
    // EFER.LME cannot change now; leaving works from compatibility mode.
    assert!(msr::write(&mut m.bench.cpu, msr::number::EFER, 0).is_err());
    *m.reg(gpr::RAX) = cr0 & !PG;
    assert_eq!(m.run(&mov_to_cr(0)), End::Done);
    assert_eq!(m.bench.cpu.state.msr.efer, 0x100);
    // Without PAE it is refused.
    let mut m = Machine::new(Mode::Protected32);
    m.bench.cpu.state.cr4 = 0;
    m.bench.cpu.state.msr.efer = 1 << 8;
    *m.reg(gpr::RAX) = m.bench.cpu.state.cr0 | PG;
    assert_eq!(m.run(&mov_to_cr(0)), gp(0));
}

#[test]
fn pcid_needs_a_clear_cr3() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.cr3 |= 5;
    *m.reg(gpr::RAX) = 0x620 | 1 << 17;
    assert_eq!(m.run(&mov_to_cr(4)), gp(0));
}

#[test]
fn cr8_is_the_task_priority() {
    let mut m = Machine::new(Mode::Long);
    *m.reg(gpr::RAX) = 9;
    // mov cr8, rax; mov rbx, cr8
    assert_eq!(
        m.run(&[0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x20, 0xc3]),
        End::Done
    );
    assert_eq!(
        (m.bench.cpu.state.gpr[gpr::RBX], *m.bench.board.priority.lock()),
        (9, 9)
    );
    *m.reg(gpr::RAX) = 16;
    assert_eq!(m.run(&[0x44, 0x0f, 0x22, 0xc0]), gp(0));
}

#[test]
fn lmsw_sets_pe_and_never_clears_it() {
    let mut m = Machine::new(Mode::Protected32);
    // lmsw ax; smsw ebx; clts; smsw ecx
    *m.reg(gpr::RAX) = 0xe;
    assert_eq!(
        m.run(&[0x0f, 0x01, 0xf0, 0x0f, 0x01, 0xe3, 0x0f, 0x06, 0x0f, 0x01, 0xe1]),
        End::Done
    );
    assert_eq!(m.bench.cpu.state.gpr[gpr::RBX] & 0xf, 0xf);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RCX] & 0xf, 7);
    assert_eq!(m.bench.cpu.state.cr0 & PE, 1);
}

#[test]
fn umip() {
    for (on, expected) in [(true, gp(0)), (false, End::Done)] {
        for code in [
            &[0x0f, 0x01, 0xe0][..],               // smsw eax
            &[0x0f, 0x00, 0xc0],                   // sldt eax
            &[0x0f, 0x00, 0xc8],                   // str eax
            &[0x0f, 0x01, 0x04, 0x25, 0, 0, 9, 0], // sgdt [90000h]
            &[0x0f, 0x01, 0x0c, 0x25, 0, 0, 9, 0], // sidt [90000h]
        ] {
            let mut m = Machine::new(Mode::LongUser);
            if on {
                m.bench.cpu.state.cr4 |= 1 << 11;
            }
            assert_eq!(m.run(code), expected, "{code:x?} umip {on}");
        }
    }
}

#[test]
#[rustfmt::skip]
fn msr_writes() {
    use msr::number as n;
    let bad = 0x8000_0000_0000_u64;
    for (number, value, back) in [
        (n::LSTAR,          0xffff_ffff_8000_0000, Some(0xffff_ffff_8000_0000)),
        (n::LSTAR,          bad,                   None),
        (n::CSTAR,          bad,                   None),
        (n::FS_BASE,        bad,                   None),
        (n::GS_BASE,        bad,                   None),
        (n::KERNEL_GS_BASE, bad,                   None),
        (n::SYSENTER_EIP,   bad,                   None),
        (n::GS_BASE,        0xffff_8880_0000_0000, Some(0xffff_8880_0000_0000)),
        (n::FMASK,          0x4_7700,              Some(0x4_7700)),
        (n::STAR,           0x23_0010 << 32,       Some(0x23_0010 << 32)),
        (n::EFER,           0xd01,                 Some(0xd01)),
        (n::EFER,           0xd01 | 1 << 12,       None),                       // SVME
        (n::EFER,           0xd01 | 1 << 14,       None),                       // FFXSR
        (n::EFER,           0xc01,                 None),                       // LME under paging
        (n::PAT,            0x0007_0106_0007_0106, Some(0x0007_0106_0007_0106)),
        (n::PAT,            0x0302_0106_0007_0106, None),
        (n::MTRR_DEF_TYPE,  0xc06,                 Some(0xc06)),
        (n::MTRR_DEF_TYPE,  0xc07,                 None),
        (n::MTRR_CAP,       0,                     None),
        (0x200,             0x8000_0006,           Some(0x8000_0006)),
        (0x201,             0xff_8000_0800,        Some(0xff_8000_0800)),
        (0x26f,             0x0505_0505_0505_0505, Some(0x0505_0505_0505_0505)),
        (n::TSC_AUX,        0x1_0000_0003,         Some(3)),                    // AMD drops the upper half
        (n::XSS,            0,                     Some(0)),
        (n::XSS,            1 << 8,                None),
        (n::MC0_CTL,        0,                     Some(0)),
        (n::MC0_CTL + 1,    1,                     None),
        (n::MCG_CTL,        5,                     Some(5)),
        (n::DE_CFG,         2,                     Some(2)),
        (0x800,             0,                     None),                       // no x2APIC
        (0x1234_5678,       7,                     Some(0)),                    // unknown
    ] {
        let mut m = Machine::new(Mode::Long);
        *m.reg(gpr::RCX) = u64::from(number);
        *m.reg(gpr::RAX) = value & 0xffff_ffff;
        *m.reg(gpr::RDX) = value >> 32;
        let got = m.run(&[0x0f, 0x30]);
        assert_eq!(got, if back.is_some() { End::Done } else { gp(0) }, "wrmsr {number:#x} {value:#x}");
        if let Some(back) = back {
            assert_eq!(m.run(&[0x0f, 0x32]), End::Done);
            let got = m.bench.cpu.state.gpr[gpr::RAX] | m.bench.cpu.state.gpr[gpr::RDX] << 32;
            assert_eq!(got, back, "rdmsr {number:#x}");
        }
    }
}

#[test]
fn rdmsr_is_for_ring_0() {
    for code in [[0x0f, 0x32], [0x0f, 0x30]] {
        assert_eq!(Machine::new(Mode::LongUser).run(&code), gp(0));
    }
}

#[test]
fn tsc_adjusts() {
    let mut m = Machine::new(Mode::Long);
    let before = msr::read(&m.bench.cpu, 0x10).unwrap();
    msr::write(&mut m.bench.cpu, 0x10, 1_000_000).unwrap();
    let adjust = msr::read(&m.bench.cpu, 0x3b).unwrap();
    assert_eq!(adjust, 1_000_000 - before);
    msr::write(&mut m.bench.cpu, 0x3b, 0).unwrap();
    assert_eq!(msr::read(&m.bench.cpu, 0x10).unwrap(), before);
}

#[test]
fn tsd_keeps_rdtsc_to_ring_0() {
    for (mode, tsd, expected) in [
        (Mode::LongUser, true, gp(0)),
        (Mode::LongUser, false, End::Done),
        (Mode::Long, true, End::Done),
    ] {
        let mut m = Machine::new(mode);
        if tsd {
            m.bench.cpu.state.cr4 |= 1 << 2;
        }
        assert_eq!(m.run(&[0x0f, 0x31]), expected);
    }
}

#[test]
fn lgdt_checks_its_base() {
    for (base, expected) in [(0xffff_8000_0000_0000_u64, End::Done), (0x8000_0000_0000, gp(0))] {
        let mut m = Machine::new(Mode::Long);
        m.bench.put(0x9_0000, &0x1ff_u16.to_le_bytes());
        m.bench.put(0x9_0002, &base.to_le_bytes());
        // lgdt [90000h]
        let code = [0x0f, 0x01, 0x14, 0x25, 0, 0, 9, 0];
        assert_eq!(m.run(&code), expected, "{base:#x}");
    }
    let mut m = Machine::new(Mode::LongUser);
    assert_eq!(m.run(&[0x0f, 0x01, 0x14, 0x25, 0, 0, 9, 0]), gp(0));
    assert_eq!(selector::CODE64, 8);
}
