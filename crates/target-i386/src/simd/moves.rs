//! Moves of whole registers, halves and scalars. SDM vol. 1, 5.4.1, 5.5.1.1, 5.6.1.1, 5.6.3, 5.7.
//!
//! Non-temporal moves are ordinary ones with an alignment rule: there is no cache to bypass.

use super::access::*;
use super::lane::{Lane, halves};
use super::table::{Form, is_vector};
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    let form = Form::of(insn)?;
    let to_memory = insn.op0_kind() == OpKind::Memory;
    // MOVSD is a string instruction too.
    let vector = is_vector(insn, 0) || is_vector(insn, 1);
    Some(match insn.mnemonic() {
        M::Movups | M::Vmovups | M::Movupd | M::Vmovupd
        | M::Movdqu | M::Vmovdqu | M::Lddqu | M::Vlddqu  => whole::<false>(to_memory),
        M::Movaps | M::Vmovaps | M::Movapd | M::Vmovapd
        | M::Movdqa | M::Vmovdqa | M::Movntps | M::Vmovntps
        | M::Movntpd | M::Vmovntpd | M::Movntdq | M::Vmovntdq
        | M::Movntdqa | M::Vmovntdqa                     => whole::<true>(to_memory),
        M::Movss | M::Vmovss                             => scalar::<4>(insn),
        M::Movsd | M::Vmovsd if vector                   => scalar::<8>(insn),
        M::Movq | M::Movd | M::Vmovd | M::Vmovq          => quad(insn, form),
        M::Movlps | M::Vmovlps | M::Movlpd | M::Vmovlpd  => if to_memory { store_half::<0> } else { load_half::<0> },
        M::Movhps | M::Vmovhps | M::Movhpd | M::Vmovhpd  => if to_memory { store_half::<64> } else { load_half::<64> },
        M::Movhlps | M::Vmovhlps                         => high_to_low,
        M::Movlhps | M::Vmovlhps                         => low_to_high,
        M::Movddup | M::Vmovddup                         => duplicate,
        M::Movq2dq                                       => mm_to_xmm,
        M::Movdq2q                                       => xmm_to_mm,
        M::Movntq                                        => store_mm,
        _ => return None,
    })
}

fn whole<const ALIGNED: bool>(to_memory: bool) -> Handler {
    if to_memory {
        store_whole::<ALIGNED>
    } else {
        load_whole::<ALIGNED>
    }
}

/// MOVUPS, MOVAPS and kin, to a register from register or memory.
fn load_whole<const ALIGNED: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let wide = is_wide(insn);
    if !insn.has_mem() {
        // The register form of either direction: which operand field is which no longer matters.
        let [low, high] = ymm(cpu, insn.reg[1]);
        match is_vex(insn) {
            true => set_ymm(cpu, insn.reg[0], [low, if wide { high } else { 0 }]),
            false => set_xmm(cpu, insn.reg[0], low),
        }
        return Ok(());
    }
    if ALIGNED {
        check_aligned(cpu, insn, if wide { 32 } else { 16 })?;
    }
    if wide {
        let value = load_wide(cpu, insn)?;
        set_ymm(cpu, insn.reg[0], value);
    } else {
        let value = load(cpu, insn, 16)?;
        set_low(cpu, insn, insn.reg[0], value);
    }
    Ok(())
}

/// MOVUPS, MOVAPS, MOVNTPS and kin, to memory.
fn store_whole<const ALIGNED: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let wide = is_wide(insn);
    if ALIGNED {
        check_aligned(cpu, insn, if wide { 32 } else { 16 })?;
    }
    let value = ymm(cpu, insn.reg[1]);
    if wide {
        store_wide(cpu, insn, value)
    } else {
        store(cpu, insn, 16, value[0])
    }
}

/// MOVSS and MOVSD: a load clears the rest of the XMM register, a register move merges, a store stores.
fn scalar<const BYTES: usize>(insn: &Instruction) -> Handler {
    if insn.op0_kind() == OpKind::Memory {
        store_low::<BYTES>
    } else if insn.op1_kind() == OpKind::Memory {
        load_low::<BYTES>
    } else {
        merge_low::<BYTES>
    }
}

/// MOVD and MOVQ between any two places.
fn quad(insn: &Instruction, form: Form) -> Handler {
    let (to, from) = (insn.op0_register(), insn.op1_register());
    let long = insn.mnemonic() == Mnemonic::Movq || insn.mnemonic() == Mnemonic::Vmovq;
    let to_memory = insn.op0_kind() == OpKind::Memory;
    match (form == Form::Mmx, to_memory, long) {
        (true, true, true) => store_mm,
        (true, true, false) => store_mm_low,
        (true, false, _) if to.is_gpr() => {
            if long {
                mm_to_gpr::<true>
            } else {
                mm_to_gpr::<false>
            }
        }
        (true, false, true) if from.is_gpr() => gpr_to_mm::<true>,
        (true, false, true) => load_mm::<8>,
        (true, false, false) if from.is_gpr() => gpr_to_mm::<false>,
        (true, false, false) => load_mm::<4>,
        (false, true, true) => store_low::<8>,
        (false, true, false) => store_low::<4>,
        (false, false, _) if to.is_gpr() => {
            if long {
                xmm_to_gpr::<true>
            } else {
                xmm_to_gpr::<false>
            }
        }
        (false, false, true) if from.is_gpr() => gpr_to_xmm::<true>,
        (false, false, true) => load_low::<8>,
        (false, false, false) if from.is_gpr() => gpr_to_xmm::<false>,
        (false, false, false) => load_low::<4>,
    }
}

/// The low `BYTES` of register or memory, zero-extended over the XMM register.
fn load_low<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = source(cpu, insn, 1, BYTES)?;
    set_low(cpu, insn, insn.reg[0], value & low_mask::<BYTES>());
    Ok(())
}

fn store_low<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = xmm(cpu, insn.reg[1]);
    store(cpu, insn, BYTES, value)
}

const fn low_mask<const BYTES: usize>() -> Lane {
    (1 << (8 * BYTES)) - 1
}

/// The low `BYTES` of the last source over the first source.
fn merge_low<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let first = if is_vex(insn) { 1 } else { 0 };
    let (a, b) = (xmm(cpu, insn.reg[first]), xmm(cpu, insn.reg[first + 1]));
    let mask = low_mask::<BYTES>();
    set_low(cpu, insn, insn.reg[0], a & !mask | b & mask);
    Ok(())
}

/// MOVLPS and MOVHPS from memory; `SHIFT` is where the quadword goes.
fn load_half<const SHIFT: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = load(cpu, insn, 8)?;
    let old = xmm(cpu, insn.reg[if is_vex(insn) { 1 } else { 0 }]);
    set_low(
        cpu,
        insn,
        insn.reg[0],
        old & !(low_mask::<8>() << SHIFT) | value << SHIFT,
    );
    Ok(())
}

fn store_half<const SHIFT: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = xmm(cpu, insn.reg[1]) >> SHIFT;
    store(cpu, insn, 8, value)
}

fn two_sources(cpu: &Vcpu, insn: &Insn) -> (Lane, Lane) {
    let first = if is_vex(insn) { 1 } else { 0 };
    (xmm(cpu, insn.reg[first]), xmm(cpu, insn.reg[first + 1]))
}

fn high_to_low(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let (a, b) = two_sources(cpu, insn);
    set_low(cpu, insn, insn.reg[0], halves((b >> 64) as u64, (a >> 64) as u64));
    Ok(())
}

fn low_to_high(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let (a, b) = two_sources(cpu, insn);
    set_low(cpu, insn, insn.reg[0], halves(a as u64, b as u64));
    Ok(())
}

/// MOVDDUP: the XMM form reads 8 bytes, the YMM form 32.
fn duplicate(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let twice = |lane: Lane| halves(lane as u64, lane as u64);
    if is_wide(insn) {
        let value = source_full(cpu, insn, 1)?;
        set_ymm(cpu, insn.reg[0], value.map(twice));
    } else {
        let value = source(cpu, insn, 1, 8)?;
        set_low(cpu, insn, insn.reg[0], twice(value));
    }
    Ok(())
}

fn gpr_to_xmm<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = gpr(cpu, insn.reg[1], LONG);
    set_low(cpu, insn, insn.reg[0], value.into());
    Ok(())
}

fn xmm_to_gpr<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = xmm(cpu, insn.reg[1]) as u64;
    set_gpr(cpu, insn.reg[0], if LONG { value } else { value & 0xffff_ffff });
    Ok(())
}

fn gpr_to_mm<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let value = gpr(cpu, insn.reg[1], LONG);
    enter_mmx(cpu);
    set_mm(cpu, insn.reg[0], value);
    Ok(())
}

fn mm_to_gpr<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    enter_mmx(cpu);
    let value = mm(cpu, insn.reg[1]);
    set_gpr(cpu, insn.reg[0], if LONG { value } else { value & 0xffff_ffff });
    Ok(())
}

fn load_mm<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let value = source_mm(cpu, insn, BYTES)?;
    enter_mmx(cpu);
    set_mm(cpu, insn.reg[0], value);
    Ok(())
}

fn store_mm(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let value = mm(cpu, insn.reg[1]);
    store(cpu, insn, 8, value.into())?;
    enter_mmx(cpu);
    Ok(())
}

fn store_mm_low(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let value = mm(cpu, insn.reg[1]);
    store(cpu, insn, 4, value.into())?;
    enter_mmx(cpu);
    Ok(())
}

fn mm_to_xmm(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_sse(cpu)?;
    check_mmx(cpu)?;
    enter_mmx(cpu);
    let value = mm(cpu, insn.reg[1]);
    set_xmm(cpu, insn.reg[0], value.into());
    Ok(())
}

fn xmm_to_mm(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_sse(cpu)?;
    check_mmx(cpu)?;
    enter_mmx(cpu);
    let value = xmm(cpu, insn.reg[1]) as u64;
    set_mm(cpu, insn.reg[0], value);
    Ok(())
}
