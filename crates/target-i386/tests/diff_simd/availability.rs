//! What the host cannot show in user mode: control bits that make SIMD instructions unavailable, and the order of
//! those checks. Expected results are the SDM's (vol. 3A, 2.5, 14.1 and 15.6; vol. 2A, 2.4).

use crate::host::{Bench, Engine};
use host_oracle::layout::{DATA_BASE, DATA_LEN};
use host_oracle::{Mode, State};
use target_i386::CpuState;

const EM: u64 = 1 << 2;
const TS: u64 = 1 << 3;
const NE: u64 = 1 << 5;
const OSFXSR: u64 = 1 << 9;
const OSXMMEXCPT: u64 = 1 << 10;
const OSXSAVE: u64 = 1 << 18;

const ADDPS: &[u8] = &[0x0f, 0x58, 0xc1];
const DIVPS: &[u8] = &[0x0f, 0x5e, 0xc1];
const PADDB_MM: &[u8] = &[0x0f, 0xfc, 0xc1];
const EMMS: &[u8] = &[0x0f, 0x77];
const VADDPS: &[u8] = &[0xc5, 0xfc, 0x58, 0xc1];
const VZEROUPPER: &[u8] = &[0xc5, 0xf8, 0x77];
const AESENC: &[u8] = &[0x66, 0x0f, 0x38, 0xdc, 0xc1];
const CRC32: &[u8] = &[0xf2, 0x0f, 0x38, 0xf1, 0xc1];
const MOVNTI: &[u8] = &[0x0f, 0xc3, 0x03];
const PREFETCHT0: &[u8] = &[0x0f, 0x18, 0x0b];
const LDMXCSR: &[u8] = &[0x0f, 0xae, 0x13];
const STMXCSR: &[u8] = &[0x0f, 0xae, 0x1b];
const MOVAPS_LOAD: &[u8] = &[0x0f, 0x28, 0x03];
const MOVUPS_LOAD: &[u8] = &[0x0f, 0x10, 0x03];
const MOVNTPS: &[u8] = &[0x0f, 0x2b, 0x03];
const VMOVAPS_YMM: &[u8] = &[0xc5, 0xfc, 0x28, 0x03];
const VADDPS_MEM: &[u8] = &[0xc5, 0xfc, 0x58, 0x03];
const PADDB_MEM: &[u8] = &[0x66, 0x0f, 0xfc, 0x03];
const PCMPISTRI_MEM: &[u8] = &[0x66, 0x0f, 0x3a, 0x63, 0x03, 0x00];
/// VPGATHERDD with mask, index and destination all different, and with two of them the same.
const GATHER: &[u8] = &[0xc4, 0xe2, 0x71, 0x90, 0x04, 0x13];
const GATHER_SAME: &[u8] = &[0xc4, 0xe2, 0x69, 0x90, 0x04, 0x13];

type Setup = fn(&mut CpuState);

/// Operand address, relative to the data area.
const ALIGNED: u64 = 64;
const UNALIGNED: u64 = 65;
const UNMAPPED: u64 = DATA_LEN as u64 + 64;
const UNMAPPED_UNALIGNED: u64 = DATA_LEN as u64 + 65;

/// Runs the cases on `engine`.
pub fn run(engine: Engine) {
    /// What it shows, instruction, operand's address, change of the usual set-up, vector of the fault.
    type Case = (&'static str, &'static [u8], u64, Setup, Option<u8>);
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("SSE available",                    ADDPS,      ALIGNED, |_| {}, None),
        ("SSE under EM",                     ADDPS,      ALIGNED, |s| s.cr0 |= EM, Some(6)),
        ("SSE with TS",                      ADDPS,      ALIGNED, |s| s.cr0 |= TS, Some(7)),
        ("SSE without OSFXSR",               ADDPS,      ALIGNED, |s| s.cr4 &= !OSFXSR, Some(6)),
        ("no OSFXSR comes before TS",        ADDPS,      ALIGNED, |s| { s.cr4 &= !OSFXSR; s.cr0 |= TS }, Some(6)),
        ("EM comes before TS",               ADDPS,      ALIGNED, |s| s.cr0 |= EM | TS, Some(6)),
        ("TS comes before the page fault",   MOVUPS_LOAD, UNMAPPED, |s| s.cr0 |= TS, Some(7)),
        ("AES with TS",                      AESENC,     ALIGNED, |s| s.cr0 |= TS, Some(7)),
        ("CRC32 needs no vector state",      CRC32,      ALIGNED, |s| { s.cr4 = 0x20; s.cr0 |= EM | TS }, None),
        ("MOVNTI needs no vector state",     MOVNTI,     ALIGNED, |s| { s.cr4 = 0x20; s.cr0 |= EM | TS }, None),
        ("a prefetch needs and faults nothing", PREFETCHT0, UNMAPPED, |s| { s.cr4 = 0x20; s.cr0 |= EM | TS }, None),
        ("MMX without OSFXSR",               PADDB_MM,   ALIGNED, |s| s.cr4 &= !OSFXSR, None),
        ("MMX under EM",                     PADDB_MM,   ALIGNED, |s| s.cr0 |= EM | TS, Some(6)),
        ("MMX with TS",                      PADDB_MM,   ALIGNED, |s| s.cr0 |= TS, Some(7)),
        ("MMX with an x87 exception pending", PADDB_MM,  ALIGNED, |s| { s.cr0 |= NE; s.fpu.status |= 0x8081 }, Some(16)),
        ("TS comes before #MF",              EMMS,       ALIGNED, |s| { s.cr0 |= TS; s.fpu.status |= 0x8081 }, Some(7)),
        ("EMMS with an x87 exception pending", EMMS,     ALIGNED, |s| { s.cr0 |= NE; s.fpu.status |= 0x8081 }, Some(16)),
        ("AVX available",                    VADDPS,     ALIGNED, |_| {}, None),
        ("AVX without OSXSAVE",              VADDPS,     ALIGNED, |s| s.cr4 &= !OSXSAVE, Some(6)),
        ("AVX without XCR0.AVX",             VADDPS,     ALIGNED, |s| s.fpu.xcr0 = 3, Some(6)),
        ("AVX without XCR0.SSE",             VZEROUPPER, ALIGNED, |s| s.fpu.xcr0 = 1, Some(6)),
        ("AVX with TS",                      VADDPS,     ALIGNED, |s| s.cr0 |= TS, Some(7)),
        ("no XCR0.AVX comes before TS",      VADDPS,     ALIGNED, |s| { s.fpu.xcr0 = 3; s.cr0 |= TS }, Some(6)),
        ("EM does not matter to AVX",        VADDPS,     ALIGNED, |s| s.cr0 |= EM, None),
        ("OSFXSR does not matter to AVX",    VADDPS,     ALIGNED, |s| s.cr4 &= !OSFXSR, None),
        ("division by zero, unmasked",       DIVPS,      ALIGNED, |s| s.fpu.mxcsr = 0x1d80, Some(19)),
        ("the same without OSXMMEXCPT",      DIVPS,      ALIGNED, |s| { s.fpu.mxcsr = 0x1d80; s.cr4 &= !OSXMMEXCPT }, Some(6)),
        ("LDMXCSR under EM",                 LDMXCSR,    ALIGNED, |s| s.cr0 |= EM, Some(6)),
        ("LDMXCSR of reserved bits",         LDMXCSR,    ALIGNED, |_| {}, Some(13)),
        ("STMXCSR with TS",                  STMXCSR,    ALIGNED, |s| s.cr0 |= TS, Some(7)),
        ("STMXCSR",                          STMXCSR,    ALIGNED, |_| {}, None),
        ("MOVAPS unaligned",                 MOVAPS_LOAD, UNALIGNED, |_| {}, Some(13)),
        ("#GP of alignment before #PF",      MOVAPS_LOAD, UNMAPPED_UNALIGNED, |_| {}, Some(13)),
        ("MOVAPS unmapped",                  MOVAPS_LOAD, UNMAPPED, |_| {}, Some(14)),
        ("MOVUPS unaligned",                 MOVUPS_LOAD, UNALIGNED, |_| {}, None),
        ("MOVNTPS unaligned",                MOVNTPS,    UNALIGNED, |_| {}, Some(13)),
        ("VMOVAPS YMM at half its size",     VMOVAPS_YMM, ALIGNED + 16, |_| {}, Some(13)),
        ("VMOVAPS YMM",                      VMOVAPS_YMM, ALIGNED, |_| {}, None),
        ("legacy arithmetic unaligned",      PADDB_MEM,  UNALIGNED, |_| {}, Some(13)),
        ("VEX arithmetic unaligned",         VADDPS_MEM, UNALIGNED, |_| {}, None),
        ("PCMPISTRI unaligned",              PCMPISTRI_MEM, UNALIGNED, |_| {}, None),
        ("gather",                           GATHER,     ALIGNED, |_| {}, None),
        ("gather with mask = index",         GATHER_SAME, ALIGNED, |_| {}, Some(6)),
    ];
    let mut bench = Bench::new(engine);
    bench.enter(Mode::Long);
    let memory = vec![0x5a; DATA_LEN];
    let mut after = vec![0; DATA_LEN];
    for &(name, code, at, setup, expected) in cases {
        let mut state = State::new();
        state.gpr[3] = DATA_BASE + at;
        state.ymm[0] = [0x3f80_0000_3f80_0000; 4];
        let before = state.clone();
        bench.put_data(0, &memory);
        let fault = bench.run_after(setup, code, &mut state);
        assert_eq!(bench.disagreement(), None, "{name}");
        assert_eq!(fault.map(|(vector, _)| vector), expected, "{name}");
        if expected.is_some() {
            let unchanged = State {
                mxcsr: state.mxcsr,
                x87: state.x87,
                ..before
            };
            assert_eq!(state, unchanged, "{name}: nothing else may change");
            bench.data(&mut after);
            assert_eq!(after, memory, "{name}: nor memory");
        }
        if expected == Some(19) {
            assert_eq!(state.mxcsr, 0x1d84, "{name}: the flag is set");
        }
    }
}
