//! XSAVE and XRSTOR in every form and for every mask (trap 25).

use crate::machine::{End, Machine, UD, gp};
use target_i386::cpuid::Model;
use target_i386::features::Features;
use target_i386::state::{Fpu, gpr};
use target_i386::testbench::Mode;

const AREA: u64 = 0x9_0000;

/// modrm for [rbx] behind 0F AE or 0F C7.
const XSAVE: &[u8] = &[0x48, 0x0f, 0xae, 0x23];
const XSAVEOPT: &[u8] = &[0x48, 0x0f, 0xae, 0x33];
const XSAVEC: &[u8] = &[0x48, 0x0f, 0xc7, 0x23];
const XSAVES: &[u8] = &[0x48, 0x0f, 0xc7, 0x2b];
const XRSTOR: &[u8] = &[0x48, 0x0f, 0xae, 0x2b];
const XRSTORS: &[u8] = &[0x48, 0x0f, 0xc7, 0x1b];

fn machine(components: u64) -> Machine {
    let mut m = Machine::new(Mode::Long);
    *m.reg(gpr::RBX) = AREA;
    fill(&mut m, components);
    m
}

/// Puts something into the components of `mask`.
fn fill(m: &mut Machine, mask: u64) {
    let fpu = &mut m.bench.cpu.state.fpu;
    let mut new = Fpu {
        xcr0: 7,
        ..Fpu::default()
    };
    if mask & 1 != 0 {
        new.control = 0x27f;
        new.st[3].significand = 0x8000_0000_0000_1234;
        new.st[3].sign_exponent = 0x3fff;
        new.empty = !8;
    }
    for (n, register) in new.ymm.iter_mut().enumerate() {
        let n = n as u64;
        if mask & 2 != 0 {
            register[..2].copy_from_slice(&[n + 1, n + 100]);
        }
        if mask & 4 != 0 {
            register[2..].copy_from_slice(&[n + 1000, n + 10000]);
        }
    }
    if mask & 2 != 0 {
        new.mxcsr = 0x1fa0;
    }
    *fpu = new;
}

fn with_mask(m: &mut Machine, mask: u64) {
    (*m.reg(gpr::RAX), *m.reg(gpr::RDX)) = (mask, 0);
}

#[test]
fn every_mask_round_trips() {
    for (save, restore) in [
        (XSAVE, XRSTOR),
        (XSAVEOPT, XRSTOR),
        (XSAVEC, XRSTOR),
        (XSAVES, XRSTORS),
    ] {
        for used in 0..8 {
            for mask in 0..8_u64 {
                let mut m = machine(used);
                let saved = m.bench.cpu.state.fpu.clone();
                with_mask(&mut m, mask);
                assert_eq!(m.run(save), End::Done);
                // Everything else in the registers, then back.
                fill(&mut m, 7);
                let other = m.bench.cpu.state.fpu.clone();
                assert_eq!(m.run(restore), End::Done);
                let got = &m.bench.cpu.state.fpu;
                let what = format!("{save:x?} used {used} mask {mask}");
                let pick = |component: u64| if mask & component != 0 { &saved } else { &other };
                assert_eq!(
                    (got.control, got.empty, got.st),
                    (pick(1).control, pick(1).empty, pick(1).st),
                    "{what}"
                );
                for n in 0..16 {
                    assert_eq!(got.ymm[n][..2], pick(2).ymm[n][..2], "{what} xmm{n}");
                    assert_eq!(got.ymm[n][2..], pick(4).ymm[n][2..], "{what} ymm{n}");
                }
                let compact = save == XSAVEC || save == XSAVES;
                let mxcsr = if compact {
                    pick(2).mxcsr
                } else {
                    pick(if mask & 4 != 0 { 4 } else { 2 }).mxcsr
                };
                assert_eq!(got.mxcsr, mxcsr, "{what}");
            }
        }
    }
}

#[test]
fn headers() {
    for used in 0..8 {
        for mask in 0..8_u64 {
            let mut m = machine(used);
            m.bench.put(AREA + 512, &[0; 64]);
            m.bench.put(AREA + 512, &[0xc0]);
            with_mask(&mut m, mask);
            assert_eq!(m.run(XSAVE), End::Done);
            // Bits outside the mask stay, those inside tell what is in use.
            assert_eq!(m.bench.get::<16>(AREA + 512)[0], 0xc0 | (used & mask) as u8);
            assert_eq!(m.bench.get::<8>(AREA + 520), [0; 8]);
            assert_eq!(m.run(XSAVEC), End::Done);
            assert_eq!(u64::from_le_bytes(m.bench.get(AREA + 512)), used & mask);
            assert_eq!(u64::from_le_bytes(m.bench.get(AREA + 520)), 1 << 63 | mask);
        }
    }
}

#[test]
fn the_init_optimisation_writes_nothing() {
    let mut m = machine(0);
    m.bench.put(AREA, &[0xaa; 832]);
    with_mask(&mut m, 7);
    assert_eq!(m.run(XSAVEOPT), End::Done);
    assert_eq!(m.bench.get::<8>(AREA), [0xaa; 8]);
    assert_eq!(m.bench.get::<8>(AREA + 160), [0xaa; 8]);
    assert_eq!(m.bench.get::<8>(AREA + 576), [0xaa; 8]);
}

#[test]
#[rustfmt::skip]
fn checks() {
    type Change = fn(&mut Machine);
    let cases: &[(&[u8], Change, End)] = &[
        (XSAVE,   |m| m.bench.cpu.state.cr4 &= !(1 << 18),       UD),
        (XSAVE,   |m| m.bench.cpu.state.cr0 |= 8,                End::Exception(7, None)),
        (XSAVE,   |m| *m.reg(gpr::RBX) += 32,                    gp(0)),
        (XRSTOR,  |m| m.bench.put(AREA + 512, &[8]),             gp(0)),               // beyond XCR0
        (XRSTOR,  |m| m.bench.put(AREA + 520, &[1]),             gp(0)),               // XCOMP_BV without bit 63
        (XRSTOR,  |m| m.bench.put(AREA + 528, &[1]),             gp(0)),
        (XRSTOR,  |m| m.bench.put(AREA + 536, &[1]),             End::Done),           // not looked at in standard form
        (XRSTOR,  |m| m.bench.put(AREA + 24, &[0, 0, 1, 0]),     gp(0)),               // MXCSR
        (XRSTOR,  |m| { m.bench.put(AREA + 527, &[0x80]); m.bench.put(AREA + 520, &[7]); }, End::Done),
        (XRSTOR,  |m| { m.bench.put(AREA + 527, &[0x80]); m.bench.put(AREA + 512, &[1]); }, gp(0)), // not in XCOMP_BV
        (XRSTOR,  |m| { m.bench.put(AREA + 527, &[0x80]); m.bench.put(AREA + 536, &[1]); }, gp(0)),
        (XRSTORS, |_| {},                                        gp(0)),               // standard form
    ];
    for (n, (code, change, expected)) in cases.iter().enumerate() {
        let mut m = machine(7);
        with_mask(&mut m, 7);
        change(&mut m);
        m.bench.cpu.refresh_mode();
        assert_eq!(m.run(code), *expected, "case {n}");
    }
}

#[test]
#[rustfmt::skip]
fn xcr0() {
    let xsetbv: &[u8] = &[0x0f, 0x01, 0xd1];
    for (mode, ecx, value, expected) in [
        (Mode::Long,     0, 7,      End::Done),
        (Mode::Long,     0, 3,      End::Done),
        (Mode::Long,     0, 1,      End::Done),
        (Mode::Long,     0, 0,      gp(0)),
        (Mode::Long,     0, 6,      gp(0)),
        (Mode::Long,     0, 5,      gp(0)),       // AVX without SSE
        (Mode::Long,     0, 0x207,  gp(0)),       // PKRU
        (Mode::Long,     1, 7,      gp(0)),
        (Mode::LongUser, 0, 7,      gp(0)),
    ] {
        let mut m = Machine::new(mode);
        (*m.reg(gpr::RAX), *m.reg(gpr::RCX)) = (value, ecx);
        assert_eq!(m.run(xsetbv), expected, "{mode:?} {ecx} {value:#x}");
    }
    let mut m = Machine::with_model(Mode::Long, Model::with_features(Model::max().features - Features::AVX - Features::AVX2));
    *m.reg(gpr::RAX) = 7;
    assert_eq!(m.run(xsetbv), gp(0));
    // XGETBV(1): in use
    let mut m = machine(6);
    *m.reg(gpr::RCX) = 1;
    assert_eq!(m.run(&[0x0f, 0x01, 0xd0]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RAX], 6);
    *m.reg(gpr::RCX) = 2;
    assert_eq!(m.run(&[0x0f, 0x01, 0xd0]), gp(0));
}
