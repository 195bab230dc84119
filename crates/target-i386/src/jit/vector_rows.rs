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
