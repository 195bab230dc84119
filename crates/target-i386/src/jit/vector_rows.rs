//! Which vector instructions the host's own units execute.
//!
//! Not those whose result is the processor's choice (RCPPS, RSQRTPS and kin), those that touch several places in
//! memory (gathers) or an implicit one (MASKMOVDQU), those between MMX and XMM registers, and what the host does not
//! have. They call their handlers.

use super::encoding::Encoding;
use super::env::Key;
use super::host::Host;
use super::plan::{Held, Writes};
use super::rows::{Row, Template, straight};
use super::vector::{self, Vectors, operands};
use super::vector_state::vectors;
use crate::Insn;
use iced_x86::{CpuidFeature, EncodingKind, Instruction, Mnemonic};

/// Whether the host has all that the instruction belongs to.
pub(super) fn host_has(raw: &Instruction, host: Host) -> bool {
    use CpuidFeature as F;
    raw.cpuid_features().iter().all(|feature| match feature {
        F::SSE | F::SSE2 | F::MMX => true,
        F::SSE3 => host.contains(Host::SSE3),
        F::SSSE3 => host.contains(Host::SSSE3),
        F::SSE4_1 => host.contains(Host::SSE4_1),
        F::SSE4_2 => host.contains(Host::SSE4_2),
        F::AES => host.contains(Host::AES),
        F::PCLMULQDQ => host.contains(Host::PCLMULQDQ),
        F::SHA => host.contains(Host::SHA),
        F::AVX => host.contains(Host::AVX),
        F::AVX2 => host.contains(Host::AVX2),
        F::FMA => host.contains(Host::FMA),
        F::F16C => host.contains(Host::F16C),
        F::BMI1 => host.contains(Host::BMI1),
        F::BMI2 => host.contains(Host::BMI2),
        F::ADX => host.contains(Host::ADX),
        F::MOVBE => host.contains(Host::MOVBE),
        F::LZCNT => host.contains(Host::LZCNT),
        _ => false,
    })
}

/// Whether results differ between processors, or operands are more than ModRM says.
fn excluded(raw: &Instruction) -> bool {
    use Mnemonic as M;
    matches!(
        raw.mnemonic(),
        M::Rcpps
            | M::Rcpss
            | M::Rsqrtps
            | M::Rsqrtss
            | M::Vrcpps
            | M::Vrcpss
            | M::Vrsqrtps
            | M::Vrsqrtss
            | M::Maskmovdqu
            | M::Vmaskmovdqu
    ) || raw.is_vsib()
}

/// The row of a vector instruction; none if its handler is to be called.
pub(super) fn row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key, host: Host) -> Option<Row> {
    let vex = match raw.code().encoding() {
        EncodingKind::VEX => true,
        EncodingKind::Legacy => false,
        _ => return None,
    };
    let need = Vectors::Needs(if vex { vectors::AVX } else { vectors::SSE });
    let made = |emit: Template| {
        let mut row = straight(emit, insn.has_mem());
        row.vectors = need;
        row
    };
    if matches!(raw.mnemonic(), Mnemonic::Vzeroupper | Mnemonic::Vzeroall) {
        // Outside 64-bit mode the upper eight registers stay.
        return (key.bits == 64 && host_has(raw, host)).then(|| made(vector::zero));
    }
    let registers = || (0..raw.op_count()).map(|op| raw.op_register(op));
    if !registers().any(|register| register.is_xmm() || register.is_ymm())
        || registers().any(|register| register.is_mm())
        || excluded(raw)
        || !host_has(raw, host)
    {
        return None;
    }
    if key.bits == 16 && insn.has_mem() && !key.flat {
        return None;
    }
    // The fourth register of the VEX blends is in the immediate, with a bit that has no meaning outside 64-bit mode.
    if key.bits != 64 && vex && e.map == 3 && matches!(e.code, 0x4a..=0x4c) {
        return None;
    }
    operands(e.map, e.code, raw)?;
    if raw.rflags_modified() == 0 {
        return Some(made(vector::same));
    }
    let mut row = made(vector::same_with_flags);
    row.effects.writes = Writes::All;
    row.effects.leaves = Held::All;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;
    use crate::Features;
    use crate::decode::{Context, Decoded, decode_into};
    use softmmu::MmuIndex;

    fn key(bits: u32) -> Key {
        Key {
            bits,
            real_like: false,
            mmu: MmuIndex::new(1),
            flat: true,
            flat_code: true,
            stack: if bits == 64 { 8 } else { 4 },
        }
    }

    fn vectors_of(bytes: &[u8], bits: u32, host: Host) -> Vectors {
        let context = Context {
            bits,
            real_like: false,
            features: Features::all(),
        };
        let mut raw = Instruction::default();
        let Decoded::Insn(insn) = decode_into(bytes, context, &mut raw) else {
            panic!("{bytes:02x?} is cut short");
        };
        let e = Encoding::parse(bytes, bits == 64, false);
        rows::row(&raw, &insn, &e, key(bits), host).vectors
    }

    #[test]
    #[rustfmt::skip]
    fn what_runs_natively() {
        const SSE: Vectors = Vectors::Needs(vectors::SSE);
        const X87: Vectors = Vectors::Needs(vectors::X87);
        for (bytes, bits, expected) in [
            (&[0x0f, 0x28, 0x03][..], 64, SSE),                        // movaps xmm0, [rbx]
            (&[0xf2, 0x0f, 0x58, 0xc1], 64, SSE),                      // addsd xmm0, xmm1
            (&[0xf2, 0x49, 0x0f, 0x2a, 0xc4], 64, SSE),                // cvtsi2sd xmm0, r12
            (&[0x66, 0x0f, 0x2f, 0xc1], 32, SSE),                      // comisd xmm0, xmm1
            (&[0x0f, 0x53, 0xc1], 64, Vectors::Drops),                 // rcpps xmm0, xmm1
            (&[0x66, 0x0f, 0xf7, 0xc1], 64, Vectors::Drops),           // maskmovdqu xmm0, xmm1
            (&[0xf3, 0x0f, 0xd6, 0xc1], 64, Vectors::Drops),           // movq2dq xmm0, mm1
            (&[0x0f, 0xae, 0x13], 64, Vectors::Drops),                 // ldmxcsr [rbx]
            (&[0x0f, 0xfc, 0xc1], 64, X87),                            // paddb mm0, mm1
            (&[0x0f, 0x77], 64, X87),                                  // emms
            (&[0xd8, 0xc1], 64, X87),                                  // fadd st, st1
            (&[0xdb, 0x2b], 32, X87),                                  // fld tbyte [ebx]
            (&[0xd9, 0xfe], 64, Vectors::Drops),                       // fsin
            (&[0xd9, 0xf8], 64, Vectors::Drops),                       // fprem
            (&[0xd9, 0x33], 64, Vectors::Drops),                       // fnstenv [rbx]
            (&[0x01, 0xc8], 64, Vectors::Keeps),                       // add eax, ecx
        ] {
            assert_eq!(vectors_of(bytes, bits, Host::all()), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn vex_needs_what_the_host_has() {
        const AVX: Vectors = Vectors::Needs(vectors::AVX);
        let without_fma = Host::all() - Host::FMA;
        for (bytes, host, expected) in [
            // vpaddd ymm0, ymm1, ymm2
            (&[0xc5, 0xf5, 0xfe, 0xc2][..], Host::all(), AVX),
            (&[0xc5, 0xf5, 0xfe, 0xc2], Host::AVX, Vectors::Drops),
            // vfmadd231pd ymm0, ymm1, ymm2
            (&[0xc4, 0xe2, 0xf5, 0xb8, 0xc2], Host::all(), AVX),
            (&[0xc4, 0xe2, 0xf5, 0xb8, 0xc2], without_fma, Vectors::Drops),
            // vpgatherdd xmm0, [rax + xmm1], xmm2
            (&[0xc4, 0xe2, 0x69, 0x90, 0x04, 0x08], Host::all(), Vectors::Drops),
        ] {
            assert_eq!(vectors_of(bytes, 64, host), expected, "{bytes:02x?} {host:?}");
        }
    }
}
