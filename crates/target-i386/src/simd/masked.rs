//! Masked loads and stores: only the elements that the mask selects are touched; in the AVX forms the others cannot
//! fault either.
//! SDM vol. 2: MASKMOVQ, MASKMOVDQU, VMASKMOV, VPMASKMOV.

use super::access::*;
use super::lane::{Lane, quads};
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use crate::state::gpr::RDI;
use iced_x86::{Instruction, Mnemonic, OpKind};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    let to_memory = insn.op0_kind() == OpKind::Memory;
    Some(match insn.mnemonic() {
        M::Maskmovq                         => mask_move_mmx,
        M::Maskmovdqu | M::Vmaskmovdqu      => mask_move,
        M::Vmaskmovps | M::Vpmaskmovd       => if to_memory { store_masked::<4> } else { load_masked::<4> },
        M::Vmaskmovpd | M::Vpmaskmovq       => if to_memory { store_masked::<8> } else { load_masked::<8> },
        _ => return None,
    })
}

/// Element `i` of `BYTES` of a 256-bit value.
fn element<const BYTES: usize>(value: [Lane; 2], i: usize) -> u64 {
    let at = i * BYTES;
    let quad = quads(value)[at / 8] >> (at % 8 * 8);
    if BYTES == 8 {
        quad
    } else {
        quad & ((1 << (8 * BYTES % 64)) - 1)
    }
}

fn selected<const BYTES: usize>(mask: [Lane; 2], i: usize) -> bool {
    element::<BYTES>(mask, i) >> (8 * BYTES - 1) & 1 != 0
}

/// Writes the selected elements.
fn store_elements<const BYTES: usize>(
    cpu: &mut Vcpu,
    seg: u8,
    address: impl Fn(usize) -> u64,
    count: usize,
    value: [Lane; 2],
    mask: [Lane; 2],
) -> Exec {
    for i in (0..count).filter(|&i| selected::<BYTES>(mask, i)) {
        store_at(cpu, seg, address(i), BYTES, element::<BYTES>(value, i).into())?;
    }
    Ok(())
}

/// VMASKMOVPS/PD, VPMASKMOVD/Q to memory.
fn store_masked<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let (mask, value) = (ymm(cpu, insn.reg[1]), ymm(cpu, insn.reg[2]));
    let (start, seg, count) = (cpu.ea(insn), insn.mem.seg, width(insn) * 16 / BYTES);
    let ones = u64::MAX >> (insn.mem.trunc & 63);
    let address = |i: usize| start.wrapping_add((i * BYTES) as u64) & ones;
    // All or none: what can fault does so before the first write.
    for i in (0..count).filter(|&i| selected::<BYTES>(mask, i)) {
        cpu.probe_write(seg, address(i), BYTES as u64)?;
    }
    store_elements::<BYTES>(cpu, seg, address, count, value, mask)
}

/// VMASKMOVPS/PD, VPMASKMOVD/Q from memory; elements that are not selected become zero.
fn load_masked<const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let mask = ymm(cpu, insn.reg[1]);
    let (start, seg) = (cpu.ea(insn), insn.mem.seg);
    let ones = u64::MAX >> (insn.mem.trunc & 63);
    let mut result: [Lane; 2] = [0; 2];
    for i in (0..width(insn) * 16 / BYTES).filter(|&i| selected::<BYTES>(mask, i)) {
        let at = i * BYTES;
        let value = load_at(cpu, seg, start.wrapping_add(at as u64) & ones, BYTES)?;
        result[at / 16] |= value << (at % 16 * 8);
    }
    set_ymm(cpu, insn.reg[0], result);
    Ok(())
}

/// MASKMOVDQU: bytes of the first operand selected by the second, to DS:rDI (decode gives segment and address size).
fn mask_move(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let (value, mask) = (xmm(cpu, insn.reg[1]), xmm(cpu, insn.reg[2]));
    mask_move_bytes(cpu, insn, 16, value, mask)
}

/// MASKMOVQ.
fn mask_move_mmx(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_mmx(cpu)?;
    let (value, mask) = (mm(cpu, insn.reg[1]), mm(cpu, insn.reg[2]));
    enter_mmx(cpu);
    mask_move_bytes(cpu, insn, 8, value.into(), mask.into())
}

/// Writes the selected bytes, all or none. As on AMD processors, all of the operand must be writable even if
/// no byte is selected (the SDM leaves that open).
fn mask_move_bytes(cpu: &mut Vcpu, insn: &Insn, count: usize, value: Lane, mask: Lane) -> Exec {
    let (start, seg) = (cpu.state.gpr[RDI], insn.mem.seg);
    let ones = u64::MAX >> (insn.mem.trunc & 63);
    let address = |i: usize| start.wrapping_add(i as u64) & ones;
    let mask = [mask, 0];
    cpu.probe_write(seg, address(0), count as u64)?;
    store_elements::<1>(cpu, seg, address, count, [value, 0], mask)
}
