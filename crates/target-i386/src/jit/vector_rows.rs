//! Which vector instructions the host's own units execute.
//!
//! Not those whose result is the processor's choice (RCPPS, RSQRTPS and kin), those that touch several places in
//! memory (gathers) or an implicit one (MASKMOVDQU), those between MMX and XMM registers, and what the host does not
//! have. They call their handlers.

use super::encoding::Encoding;
use super::env::Key;
use super::plan::{Held, Writes};
use super::rows::{Row, Template, straight};
use super::vector::{self, Vectors, operands};
use super::vector_state::vectors;
use crate::Insn;
use iced_x86::{CpuidFeature, EncodingKind, Instruction, Mnemonic};

/// Whether the host has all that the instruction belongs to.
pub(super) fn host_has(raw: &Instruction) -> bool {
    use CpuidFeature as F;
    raw.cpuid_features().iter().all(|feature| match feature {
        F::SSE | F::SSE2 | F::MMX => true,
        F::SSE3 => std::arch::is_x86_feature_detected!("sse3"),
        F::SSSE3 => std::arch::is_x86_feature_detected!("ssse3"),
        F::SSE4_1 => std::arch::is_x86_feature_detected!("sse4.1"),
        F::SSE4_2 => std::arch::is_x86_feature_detected!("sse4.2"),
        F::AES => std::arch::is_x86_feature_detected!("aes"),
        F::PCLMULQDQ => std::arch::is_x86_feature_detected!("pclmulqdq"),
        F::SHA => std::arch::is_x86_feature_detected!("sha"),
        F::AVX => std::arch::is_x86_feature_detected!("avx"),
        F::AVX2 => std::arch::is_x86_feature_detected!("avx2"),
        F::FMA => std::arch::is_x86_feature_detected!("fma"),
        F::F16C => std::arch::is_x86_feature_detected!("f16c"),
        F::BMI1 => std::arch::is_x86_feature_detected!("bmi1"),
        F::BMI2 => std::arch::is_x86_feature_detected!("bmi2"),
        F::ADX => std::arch::is_x86_feature_detected!("adx"),
        F::MOVBE => std::arch::is_x86_feature_detected!("movbe"),
        F::LZCNT => std::arch::is_x86_feature_detected!("lzcnt"),
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
pub(super) fn row(raw: &Instruction, insn: &Insn, e: &Encoding, key: Key) -> Option<Row> {
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
        return (key.bits == 64 && host_has(raw)).then(|| made(vector::zero));
    }
    let registers = || (0..raw.op_count()).map(|op| raw.op_register(op));
    if !registers().any(|register| register.is_xmm() || register.is_ymm())
        || registers().any(|register| register.is_mm())
        || excluded(raw)
        || !host_has(raw)
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
