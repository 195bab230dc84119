//! AVX2 gathers. SDM vol. 2, VPGATHERDD and kin.
//!
//! The one family that may be interrupted half-way: elements are taken in order from the lowest; each one
//! gathered is written to the destination and its mask element cleared, so a fault leaves the state from which
//! the instruction, run again, goes on. Mask elements not reached yet keep all their bits (as on AMD processors;
//! the SDM would have them turned into their signs).

use super::access::*;
use super::lane::quads;
use crate::Vcpu;
use crate::fault::{Exec, Fault};
use crate::insn::{Handler, Insn, RIP_BASE};
use iced_x86::{Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    // VEX.L shows in the wider of data and index registers.
    let wide = insn.op0_register().is_ymm() || insn.memory_index().is_ymm();
    Some(match (insn.mnemonic(), wide) {
        (M::Vpgatherdd | M::Vgatherdps, false) => gather::<4, 4, 4>,
        (M::Vpgatherdd | M::Vgatherdps, true)  => gather::<4, 4, 8>,
        (M::Vpgatherdq | M::Vgatherdpd, false) => gather::<4, 8, 2>,
        (M::Vpgatherdq | M::Vgatherdpd, true)  => gather::<4, 8, 4>,
        (M::Vpgatherqd | M::Vgatherqps, false) => gather::<8, 4, 2>,
        (M::Vpgatherqd | M::Vgatherqps, true)  => gather::<8, 4, 4>,
        (M::Vpgatherqq | M::Vgatherqpd, false) => gather::<8, 8, 2>,
        (M::Vpgatherqq | M::Vgatherqpd, true)  => gather::<8, 8, 4>,
        _ => return None,
    })
}

/// Element `i` of `BYTES` (4 or 8), sign-extended.
fn element<const BYTES: usize>(register: &[u64; 4], i: usize) -> u64 {
    match BYTES {
        4 => (register[i / 2] >> (i % 2 * 32)) as i32 as i64 as u64,
        _ => register[i & 3],
    }
}

fn set_element<const BYTES: usize>(register: &mut [u64; 4], i: usize, value: u64) {
    match BYTES {
        4 => {
            let (quad, at) = (&mut register[i / 2], i % 2 * 32);
            *quad = *quad & !(0xffff_ffff << at) | (value & 0xffff_ffff) << at;
        }
        _ => register[i & 3] = value,
    }
}

/// `COUNT` elements of `DATA` bytes at base + index * scale + displacement, indexes of `INDEX` bytes.
fn gather<const INDEX: usize, const DATA: usize, const COUNT: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let [destination, mask, index] =
        [insn.reg[0], insn.reg[2], insn.mem.index].map(|reg| usize::from(reg & 15));
    if destination == mask || destination == index || mask == index {
        return Err(Fault::UD);
    }
    let mem = &insn.mem;
    let base = if mem.base == RIP_BASE {
        cpu.state.rip
    } else {
        cpu.state.gpr[usize::from(mem.base & 31)]
    };
    let base = base.wrapping_add(mem.disp as i64 as u64);
    let ones = u64::MAX >> (mem.trunc & 63);
    let indexes = cpu.state.fpu.ymm[index];
    for i in 0..COUNT {
        if element::<DATA>(&cpu.state.fpu.ymm[mask], i) as i64 >= 0 {
            set_element::<DATA>(&mut cpu.state.fpu.ymm[mask], i, 0);
            continue;
        }
        let offset = element::<INDEX>(&indexes, i) << (mem.shift & 3);
        let value = load_at(cpu, mem.seg, base.wrapping_add(offset) & ones, DATA)?;
        set_element::<DATA>(&mut cpu.state.fpu.ymm[destination], i, value as u64);
        set_element::<DATA>(&mut cpu.state.fpu.ymm[mask], i, 0);
    }
    // Complete: mask clear, and what lies above the gathered elements is zero.
    let mut result = cpu.state.fpu.ymm[destination];
    for quad in result.iter_mut().skip((COUNT * DATA).div_ceil(8)) {
        *quad = 0;
    }
    set_ymm(cpu, insn.reg[0], super::lane::lanes(result));
    cpu.state.fpu.ymm[mask] = quads([0; 2]);
    Ok(())
}
