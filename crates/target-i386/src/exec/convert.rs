//! CBW, CWDE, CDQE, CWD, CDQ, CQO.
//! SDM vol. 1, 7.3.1.5.

use crate::mem::Word;
use crate::state::gpr::{RAX, RDX};
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic};

fn widen<S: Word, T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let value = cpu.reg::<S>(RAX as u8).sext();
    cpu.set_reg(RAX as u8, T::from_u64(value));
    Ok(())
}

fn spread<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let sign = (cpu.reg::<T>(RAX as u8).sext() as i64 >> 63) as u64;
    cpu.set_reg(RDX as u8, T::from_u64(sign));
    Ok(())
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    Some(match raw.mnemonic() {
        Mnemonic::Cbw => widen::<u8, u16>,
        Mnemonic::Cwde => widen::<u16, u32>,
        Mnemonic::Cdqe => widen::<u32, u64>,
        Mnemonic::Cwd => spread::<u16>,
        Mnemonic::Cdq => spread::<u32>,
        Mnemonic::Cqo => spread::<u64>,
        _ => return None,
    })
}
