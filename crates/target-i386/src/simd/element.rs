//! Single elements between vector and general registers or memory, and sign masks.
//! SDM vol. 1, 5.6.3, 5.10.6, 5.10.7.

use super::access::*;
use super::lane::{Element, Lane, build};
use super::swar;
use super::table::Form;
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    let mmx = Form::of(insn) == Some(Form::Mmx);
    Some(match insn.mnemonic() {
        Mnemonic::Pinsrw if mmx                       => insert_mmx,
        Mnemonic::Pextrw if mmx                       => extract_mmx,
        Mnemonic::Pmovmskb if mmx                     => sign_mask_mmx,
        Mnemonic::Pinsrb     | Mnemonic::Vpinsrb      => insert::<1>,
        Mnemonic::Pinsrw     | Mnemonic::Vpinsrw      => insert::<2>,
        Mnemonic::Pinsrd     | Mnemonic::Vpinsrd      => insert::<4>,
        Mnemonic::Pinsrq     | Mnemonic::Vpinsrq      => insert::<8>,
        Mnemonic::Pextrb     | Mnemonic::Vpextrb      => extract::<1>,
        Mnemonic::Pextrw     | Mnemonic::Vpextrw      => extract::<2>,
        Mnemonic::Pextrd     | Mnemonic::Vpextrd      => extract::<4>,
        Mnemonic::Pextrq     | Mnemonic::Vpextrq      => extract::<8>,
        Mnemonic::Extractps  | Mnemonic::Vextractps   => extract::<4>,
        Mnemonic::Insertps   | Mnemonic::Vinsertps    => insertps,
        Mnemonic::Pmovmskb   | Mnemonic::Vpmovmskb    => sign_mask::<1>,
        Mnemonic::Movmskps   | Mnemonic::Vmovmskps    => sign_mask::<4>,
        Mnemonic::Movmskpd   | Mnemonic::Vmovmskpd    => sign_mask::<8>,
        _ => return None,
    })
}

/// `lane` with the element of `BYTES` at `index` (modulo the number of elements) replaced.
fn with_element<const BYTES: u32>(lane: Lane, index: u8, value: Lane) -> Lane {
    let at = u32::from(index) % (16 / BYTES) * BYTES * 8;
    let ones: Lane = (1 << (8 * BYTES)) - 1;
    lane & !(ones << at) | (value & ones) << at
}

/// The element of `BYTES` at `index` (modulo the number of elements).
fn element<const BYTES: u32>(lane: Lane, index: u8) -> u64 {
    let at = u32::from(index) % (16 / BYTES) * BYTES * 8;
    let ones: Lane = (1 << (8 * BYTES)) - 1;
    (lane >> at & ones) as u64
}

/// PINSRB/W/D/Q: from a general register or memory.
fn insert<const BYTES: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let position = if is_vex(insn) { 2 } else { 1 };
    let value = match insn.has_mem() {
        true => load(cpu, insn, BYTES as usize)?,
        false => gpr(cpu, insn.reg[position], true).into(),
    };
    let old = xmm(cpu, insn.reg[position - 1]);
    set_low(
        cpu,
        insn,
        insn.reg[0],
        with_element::<BYTES>(old, insn.imm as u8, value),
    );
    Ok(())
}

/// PEXTRB/W/D/Q, EXTRACTPS: to a general register, zero-extended, or to memory.
fn extract<const BYTES: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let value = element::<BYTES>(xmm(cpu, insn.reg[1]), insn.imm as u8);
    if insn.has_mem() {
        return store(cpu, insn, BYTES as usize, value.into());
    }
    set_gpr(cpu, insn.reg[0], value);
    Ok(())
}

fn insert_mmx(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let value = if insn.has_mem() {
        load(cpu, insn, 2)? as u64
    } else {
        gpr(cpu, insn.reg[1], true)
    };
    let at = (insn.imm & 3) * 16;
    let old = mm(cpu, insn.reg[0]);
    enter_mmx(cpu);
    set_mm(cpu, insn.reg[0], old & !(0xffff << at) | (value & 0xffff) << at);
    Ok(())
}

fn extract_mmx(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    enter_mmx(cpu);
    let value = mm(cpu, insn.reg[1]) >> ((insn.imm & 3) * 16) & 0xffff;
    set_gpr(cpu, insn.reg[0], value);
    Ok(())
}

/// INSERTPS: bits 7:6 choose the source element (of a register), 5:4 the place, 3:0 what becomes zero.
fn insertps(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let imm = insn.imm as u8;
    let position = if is_vex(insn) { 2 } else { 1 };
    let value = match insn.has_mem() {
        true => load(cpu, insn, 4)? as u32,
        false => element::<4>(xmm(cpu, insn.reg[position]), imm >> 6) as u32,
    };
    let old = u32::split(xmm(cpu, insn.reg[position - 1]));
    let place = usize::from(imm >> 4 & 3);
    let result = build(|i| match i {
        _ if imm >> i & 1 != 0 => 0,
        _ if i == place => value,
        _ => old[i],
    });
    set_low(cpu, insn, insn.reg[0], result);
    Ok(())
}

/// The top bits of the elements of `BYTES` of one lane.
fn signs<const BYTES: u32>(lane: Lane) -> u64 {
    if BYTES == 1 {
        return swar::byte_signs(lane);
    }
    (0..16 / BYTES).fold(0, |mask, i| {
        mask | ((lane >> (8 * BYTES * (i + 1) - 1)) as u64 & 1) << i
    })
}

/// PMOVMSKB, MOVMSKPS, MOVMSKPD: sign bits to a general register.
fn sign_mask<const BYTES: u32>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let [low, high] = ymm(cpu, insn.reg[1]);
    let upper = if is_wide(insn) { signs::<BYTES>(high) } else { 0 };
    set_gpr(cpu, insn.reg[0], signs::<BYTES>(low) | upper << (16 / BYTES));
    Ok(())
}

fn sign_mask_mmx(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    enter_mmx(cpu);
    let value = signs::<1>(mm(cpu, insn.reg[1]).into());
    set_gpr(cpu, insn.reg[0], value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_signs() {
        assert_eq!(with_element::<2>(Lane::MAX, 9, 0), Lane::MAX & !(0xffff << 16));
        assert_eq!(element::<8>(7 << 64, 1), 7);
        assert_eq!(signs::<1>(Lane::MAX), 0xffff);
        assert_eq!(signs::<4>(1 << 127 | 1 << 31), 0b1001);
        assert_eq!(signs::<8>(1 << 127), 0b10);
    }
}
