//! SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS, FS and GS bases (traps 29, 30, 31, 33).

use crate::machine::{End, HANDLERS, Machine, UD, gp};
use target_i386::cpuid::{Model, Vendor};
use target_i386::flags::bit;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, Mode, STACK, selector};

const NON_CANONICAL: u64 = 0x8000_0000_0000;
/// Kernel CS 8, and a user base so that SYSRET gives 33h and 3Bh... for 64-bit code: base + 16.
const STAR: u64 = (0x23 << 48) | (0x08 << 32);

fn model(vendor: Vendor) -> Model {
    Model {
        vendor,
        ..Model::max()
    }
}

fn prepared(mode: Mode, vendor: Vendor) -> Machine {
    let mut m = Machine::with_model(mode, model(vendor));
    let msr = &mut m.bench.cpu.state.msr;
    msr.star = STAR;
    msr.lstar = HANDLERS + 0x80 * 16;
    msr.fmask = bit::IF | bit::DF;
    msr.sysenter_cs = 8;
    msr.sysenter_esp = 0x6_0000;
    msr.sysenter_eip = HANDLERS + 0x81 * 16;
    m
}

#[test]
fn syscall_saves_and_masks() {
    let mut m = prepared(Mode::LongUser, Vendor::Amd);
    m.bench.cpu.state.flags.set(bit::IF | bit::DF | bit::CF | bit::RF);
    assert_eq!(m.run(&[0x0f, 0x05]), End::Exception(0x80, None));
    let state = &m.bench.cpu.state;
    assert_eq!(state.gpr[gpr::RCX], CODE + 2);
    assert_eq!(state.gpr[11], bit::FIXED | bit::IF | bit::DF | bit::CF);
    assert_eq!(state.flags.get(), bit::FIXED | bit::CF);
    assert_eq!(
        (state.seg[1].selector, state.seg[2].selector, state.cpl),
        (8, 0x10, 0)
    );
    assert_eq!(state.gpr[gpr::RSP], STACK);
}

#[test]
#[rustfmt::skip]
fn who_may() {
    use Vendor::{Amd, Intel};
    let (syscall, sysret, sysenter, sysexit): (&[u8], &[u8], &[u8], &[u8]) = (&[0x0f, 0x05], &[0x48, 0x0f, 0x07], &[0x0f, 0x34], &[0x0f, 0x35]);
    for (mode, vendor, code, sce, expected) in [
        (Mode::LongUser,   Amd,   syscall,  false, UD),
        (Mode::LongUser,   Intel, syscall,  true,  End::Exception(0x80, None)),
        (Mode::CompatUser, Intel, syscall,  true,  UD),
        (Mode::LongUser,   Amd,   sysret,   true,  gp(0)),
        (Mode::Long,       Amd,   sysret,   false, UD),
        (Mode::LongUser,   Amd,   sysenter, true,  UD),
        (Mode::LongUser,   Intel, sysenter, true,  End::Exception(0x81, None)),
        (Mode::CompatUser, Intel, sysenter, true,  End::Exception(0x81, None)),
        (Mode::Long,       Amd,   sysexit,  true,  UD),
        (Mode::LongUser,   Intel, sysexit,  true,  gp(0)),
    ] {
        let mut m = prepared(mode, vendor);
        if !sce {
            m.bench.cpu.state.msr.efer &= !1;
        }
        assert_eq!(m.run(code), expected, "{mode:?} {vendor:?} {code:x?}");
    }
}

#[test]
fn compat_syscall_uses_cstar() {
    let mut m = prepared(Mode::CompatUser, Vendor::Amd);
    m.bench.cpu.state.msr.cstar = HANDLERS + 0x82 * 16;
    assert_eq!(m.run(&[0x0f, 0x05]), End::Exception(0x82, None));
    assert!(m.bench.cpu.mode.long());
}

#[test]
fn sysret_to_a_non_canonical_address() {
    for (vendor, cpl) in [(Vendor::Intel, 0), (Vendor::Amd, 3)] {
        let mut m = prepared(Mode::Long, vendor);
        *m.reg(gpr::RCX) = NON_CANONICAL;
        *m.reg(11) = bit::IF;
        assert_eq!(m.run(&[0x48, 0x0f, 0x07]), gp(0), "{vendor:?}");
        assert_eq!(m.stacked(2) & 3, cpl, "{vendor:?}");
        assert_eq!(m.stacked(1), if cpl == 3 { NON_CANONICAL } else { CODE });
    }
}

#[test]
fn sysret_loads_user_segments() {
    // 64-bit: CS = base + 16, SS = base + 8; 32-bit: CS = base.
    for (code, cs, size) in [(&[0x48, 0x0f, 0x07][..], 0x33, 64), (&[0x0f, 0x07], 0x23, 32)] {
        let mut m = prepared(Mode::Long, Vendor::Amd);
        let target = 0x2_0000;
        m.bench.put(target, &[0xeb, 0xfe]);
        *m.reg(gpr::RCX) = target;
        *m.reg(11) = bit::CF | bit::VM | bit::RF;
        assert_eq!(m.run(code), End::At(target));
        let state = &m.bench.cpu.state;
        assert_eq!(
            (state.seg[1].selector, state.seg[2].selector, state.cpl),
            (cs, 0x2b, 3)
        );
        assert_eq!(m.bench.cpu.mode.code, size);
        assert_eq!(state.flags.get(), bit::FIXED | bit::CF);
    }
}

#[test]
fn sysexit_in_protected_mode() {
    let mut m = prepared(Mode::Protected32, Vendor::Amd);
    m.bench.put(0x2_0000, &[0xeb, 0xfe]);
    *m.reg(gpr::RDX) = 0x2_0000;
    *m.reg(gpr::RCX) = 0x3_0000;
    assert_eq!(m.run(&[0x0f, 0x35]), End::At(0x2_0000));
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.seg[1].selector, state.seg[2].selector, state.gpr[gpr::RSP]),
        (0x1b, 0x23, 0x3_0000)
    );
}

#[test]
fn swapgs_and_bases() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.msr.kernel_gs_base = 0xffff_8000_0000_1234;
    m.bench.cpu.state.seg[5].base = 0x5678;
    m.bench.cpu.refresh_mode();
    assert_eq!(m.run(&[0x0f, 0x01, 0xf8]), End::Done);
    assert_eq!(m.bench.cpu.state.seg[5].base, 0xffff_8000_0000_1234);
    assert_eq!(m.bench.cpu.state.msr.kernel_gs_base, 0x5678);
    let mut m = Machine::new(Mode::LongUser);
    assert_eq!(m.run(&[0x0f, 0x01, 0xf8]), gp(0));
}

#[test]
#[rustfmt::skip]
fn fsgsbase() {
    let wrfsbase: &[u8] = &[0xf3, 0x48, 0x0f, 0xae, 0xd0]; // wrfsbase rax
    for (mode, on, value, expected) in [
        (Mode::LongUser,   true,  0x1234,                End::Done),
        (Mode::LongUser,   true,  0xffff_8000_0000_0000, End::Done),
        (Mode::LongUser,   true,  NON_CANONICAL,         gp(0)),
        (Mode::LongUser,   false, 0x1234,                UD),
    ] {
        let mut m = Machine::new(mode);
        if on {
            m.bench.cpu.state.cr4 |= 1 << 16;
        }
        *m.reg(gpr::RAX) = value;
        assert_eq!(m.run(wrfsbase), expected, "{value:#x} {on}");
        if expected == End::Done {
            assert_eq!(m.bench.cpu.state.seg[4].base, value);
        }
    }
    assert_eq!(selector::CODE64, 8);
}
