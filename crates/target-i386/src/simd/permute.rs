//! AVX and AVX2: permutations across lanes, lane insertion and extraction, broadcasts, clearing.
//! SDM vol. 1, 5.13 and 14.

use super::access::*;
use super::lane::{Element, Lane, build, halves, quads};
use super::shuffle::select;
use super::table::rows;
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn, InsnFlags};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    let immediate = insn.op2_kind() == OpKind::Immediate8;
    match insn.mnemonic() {
        M::Vpermilps if immediate            => return permilps_imm(insn),
        M::Vpermilpd if immediate            => return Some(permilpd_imm),
        M::Vperm2f128  | M::Vperm2i128       => return Some(perm2),
        M::Vpermq      | M::Vpermpd          => return Some(permq),
        M::Vpermd      | M::Vpermps          => return Some(permd),
        M::Vinsertf128 | M::Vinserti128      => return Some(insert128),
        M::Vextractf128 | M::Vextracti128    => return Some(extract128),
        M::Vzeroupper                        => return Some(zero_upper),
        M::Vzeroall                          => return Some(zero_all),
        _ => {}
    }
    rows! { insn;
        binary: Vpermilps                    => permilps;
        binary: Vpermilpd                    => permilpd;
        widen:  Vpbroadcastb                 => |a, _| u8::join([a as u8; 16]);
        widen:  Vpbroadcastw                 => |a, _| u16::join([a as u16; 8]);
        widen:  Vpbroadcastd | Vbroadcastss  => |a, _| u32::join([a as u32; 4]);
        widen:  Vpbroadcastq | Vbroadcastsd  => |a, _| u64::join([a as u64; 2]);
        widen:  Vbroadcastf128 | Vbroadcasti128 => |a, _| a;
    }
}

fn permilps_imm(insn: &Instruction) -> Option<Handler> {
    rows! { insn; unary: Vpermilps => select; }
}

/// VPERMILPS with control vector: two bits choose within the lane.
fn permilps(a: Lane, control: Lane) -> Lane {
    let (a, control) = (u32::split(a), u32::split(control));
    build(|i| a[control[i] as usize & 3])
}

/// VPERMILPD with control vector: bit 1 chooses.
fn permilpd(a: Lane, control: Lane) -> Lane {
    let (a, control) = (u64::split(a), u64::split(control));
    build(|i| a[(control[i] >> 1 & 1) as usize])
}

/// VPERMILPD with immediate: one bit for each element of the whole register.
fn permilpd_imm(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let a = source_full(cpu, insn, 1)?;
    let choose = |lane: Lane, imm: u64| {
        let a = u64::split(lane);
        halves(a[(imm & 1) as usize], a[(imm >> 1 & 1) as usize])
    };
    let high = if is_wide(insn) {
        choose(a[1], insn.imm >> 2)
    } else {
        0
    };
    set_ymm(cpu, insn.reg[0], [choose(a[0], insn.imm), high]);
    Ok(())
}

/// VPERM2F128: each result lane is one of four, or zero.
fn perm2(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let b = source_full(cpu, insn, 2)?;
    let a = ymm(cpu, insn.reg[1]);
    let choose = |control: u64| match control & 0xb {
        0 => a[0],
        1 => a[1],
        2 => b[0],
        3 => b[1],
        _ => 0,
    };
    set_ymm(cpu, insn.reg[0], [choose(insn.imm), choose(insn.imm >> 4)]);
    Ok(())
}

/// VPERMQ, VPERMPD: quadwords by immediate.
fn permq(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let a = quads(source_full(cpu, insn, 1)?);
    let choose = |i: u32| a[(insn.imm >> (2 * i) & 3) as usize];
    set_ymm(
        cpu,
        insn.reg[0],
        [halves(choose(0), choose(1)), halves(choose(2), choose(3))],
    );
    Ok(())
}

/// VPERMD, VPERMPS: doublewords of the last operand by the indexes in the second.
fn permd(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let [low, high] = source_full(cpu, insn, 2)?;
    let a: [[u32; 4]; 2] = [u32::split(low), u32::split(high)];
    let index = ymm(cpu, insn.reg[1]);
    let result = index.map(|lane| {
        let index = u32::split(lane);
        build(|i| a[(index[i] >> 2 & 1) as usize][(index[i] & 3) as usize])
    });
    set_ymm(cpu, insn.reg[0], result);
    Ok(())
}

fn insert128(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let b = source(cpu, insn, 2, 16)?;
    let mut result = ymm(cpu, insn.reg[1]);
    result[(insn.imm & 1) as usize] = b;
    set_ymm(cpu, insn.reg[0], result);
    Ok(())
}

fn extract128(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let value = ymm(cpu, insn.reg[1])[(insn.imm & 1) as usize];
    if insn.has_mem() {
        return store(cpu, insn, 16, value);
    }
    set_ymm(cpu, insn.reg[0], [value, 0]);
    Ok(())
}

/// How many registers the mode can name: outside 64-bit mode the upper eight keep their contents.
fn registers(insn: &Insn) -> usize {
    if insn.flags.contains(InsnFlags::LONG) {
        16
    } else {
        8
    }
}

fn zero_upper(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    for register in &mut cpu.state.fpu.ymm[..registers(insn)] {
        [register[2], register[3]] = [0, 0];
    }
    Ok(())
}

fn zero_all(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    cpu.state.fpu.ymm[..registers(insn)].fill([0; 4]);
    Ok(())
}
