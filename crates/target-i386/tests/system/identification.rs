//! CPUID as an instruction; instructions that exist only when CPUID says so (traps 33, 35, 37).

use crate::machine::{End, Machine, UD};
use target_i386::cpuid::{Model, models};
use target_i386::features::Features;
use target_i386::state::gpr;
use target_i386::testbench::Mode;

fn cpuid(m: &mut Machine, leaf: u64, subleaf: u64) -> [u64; 4] {
    (*m.reg(gpr::RAX), *m.reg(gpr::RCX)) = (leaf, subleaf);
    assert_eq!(m.run(&[0x0f, 0xa2]), End::Done);
    let state = &m.bench.cpu.state;
    [
        state.gpr[gpr::RAX],
        state.gpr[gpr::RBX],
        state.gpr[gpr::RCX],
        state.gpr[gpr::RDX],
    ]
}

#[test]
fn follows_the_state() {
    let mut m = Machine::new(Mode::LongUser);
    assert_eq!(cpuid(&mut m, 1, 0)[2] >> 27 & 1, 1);
    m.bench.cpu.state.cr4 &= !(1 << 18);
    assert_eq!(cpuid(&mut m, 1, 0)[2] >> 27 & 1, 0);
    assert_eq!(cpuid(&mut m, 0xd, 0)[1], 832);
    m.bench.cpu.state.fpu.xcr0 = 3;
    assert_eq!(cpuid(&mut m, 0xd, 0)[1], 576);
}

#[test]
fn max_announces_nothing_unimplemented() {
    // SVM, PKU, LA57, MONITOR, x2APIC, SMX, VMX, AVX-512F, RTM.
    let mut m = Machine::new(Mode::Long);
    for (leaf, register, bits) in [
        (1, 2, 1 << 3 | 1 << 5 | 1 << 6 | 1 << 21),
        (7, 1, 1 << 4 | 1 << 11 | 1 << 16),
        (7, 2, 1 << 3 | 1 << 16),
        (0x8000_0001, 2, 1 << 2),
    ] {
        assert_eq!(cpuid(&mut m, leaf, 0)[register] & bits, 0, "leaf {leaf:#x}");
    }
}

#[test]
#[rustfmt::skip]
fn absent_features_are_undefined_instructions() {
    for (feature, mode, code) in [
        (Features::SMAP,     Mode::Long,     &[0x0f, 0x01, 0xcb][..]),              // STAC
        (Features::XSAVE,    Mode::Long,     &[0x0f, 0x01, 0xd0]),                  // XGETBV
        (Features::INVPCID,  Mode::Long,     &[0x66, 0x0f, 0x38, 0x82, 0x02]),
        (Features::FSGSBASE, Mode::Long,     &[0xf3, 0x48, 0x0f, 0xae, 0xc0]),
        (Features::RDTSCP,   Mode::Long,     &[0x0f, 0x01, 0xf9]),
        (Features::SYSCALL,  Mode::LongUser, &[0x0f, 0x05]),
        (Features::SEP,      Mode::Protected32, &[0x0f, 0x34]),
    ] {
        let mut m = Machine::with_model(mode, Model::with_features(Model::max().features - feature));
        assert_eq!(m.run(code), UD, "{feature:?}");
    }
    for code in [&[0x0f, 0x01, 0xc8][..], &[0x0f, 0x01, 0xc9], &[0x0f, 0xaa], &[0x0f, 0x0b], &[0x0f, 0x01, 0xd9]] {
        assert_eq!(Machine::new(Mode::Long).run(code), UD, "{code:x?}");
    }
}

#[test]
fn every_model_answers_every_leaf() {
    for (name, _) in models() {
        let model = Model::named(name).unwrap();
        let mode = if model.has(Features::LM) {
            Mode::Long
        } else {
            Mode::Protected32
        };
        let mut m = Machine::with_model(mode, model.clone());
        for leaf in (0..0x20)
            .chain(0x4000_0000..0x4000_0003)
            .chain(0x8000_0000..0x8000_0020)
        {
            for subleaf in 0..4 {
                cpuid(&mut m, leaf, subleaf);
            }
        }
        assert_eq!(cpuid(&mut m, 0, 0)[0], u64::from(model.level), "{name}");
    }
}

#[test]
fn reset_puts_the_signature_in_edx() {
    let mut m = Machine::new(Mode::Long);
    target_i386::reset::reset(&mut m.bench.cpu);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.gpr[gpr::RDX], state.rip, state.cr0),
        (0x663, 0xfff0, 0x6000_0010)
    );
    assert_eq!(
        (state.dr.dr6, state.dr.dr7, state.fpu.mxcsr),
        (0xffff_0ff0, 0x400, 0x1f80)
    );
}
