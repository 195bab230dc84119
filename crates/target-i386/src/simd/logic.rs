//! Bitwise logic and bit tests. SDM vol. 1, 5.4.4, 5.6.1.3 and 5.12.7.

use super::access::*;
use super::lane::Lane;
use super::table::rows;
use crate::Vcpu;
use crate::fault::Exec;
use crate::flags::bit;
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    match insn.mnemonic() {
        Mnemonic::Ptest | Mnemonic::Vptest => return Some(test::<{ Lane::MAX }>),
        Mnemonic::Vtestps => return Some(test::<SIGNS_PS>),
        Mnemonic::Vtestpd => return Some(test::<SIGNS_PD>),
        _ => {}
    }
    rows! { insn;
        binary: Pand  | Vpand  | Andps  | Vandps  | Andpd  | Vandpd  => |a, b| a & b;
        binary: Pandn | Vpandn | Andnps | Vandnps | Andnpd | Vandnpd => |a, b| !a & b;
        binary: Por   | Vpor   | Orps   | Vorps   | Orpd   | Vorpd   => |a, b| a | b;
        binary: Pxor  | Vpxor  | Xorps  | Vxorps  | Xorpd  | Vxorpd  => |a, b| a ^ b;
    }
}

const SIGNS_PS: Lane = 0x8000_0000_8000_0000_8000_0000_8000_0000;
const SIGNS_PD: Lane = 0x8000_0000_0000_0000_8000_0000_0000_0000;

/// PTEST, VTESTPS, VTESTPD: ZF and CF from AND and AND-NOT over the bits of `MASK`; the other flags become 0.
fn test<const MASK: Lane>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check(cpu, insn)?;
    let b = source_full(cpu, insn, 1)?;
    let a = ymm(cpu, insn.reg[0]);
    let (mut and, mut and_not) = (0, 0);
    for i in 0..width(insn) {
        and |= a[i] & b[i] & MASK;
        and_not |= !a[i] & b[i] & MASK;
    }
    let zf = if and == 0 { bit::ZF } else { 0 };
    let cf = if and_not == 0 { bit::CF } else { 0 };
    cpu.state.flags.merge(bit::STATUS, zf | cf);
    Ok(())
}
