//! MOV, MOVZX, MOVSX, LEA, XLAT, MOVBE, BSWAP, MOVNTI, CMOVcc, SETcc.
//! SDM vol. 1, 7.3.1.

use super::{Binary, binary, by_condition, by_size, by_wide_size, operand_size, size_of_operand};
use crate::mem::Word;
use crate::state::gpr;
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

fn mov_rr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.reg::<T>(insn.reg[1]);
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn mov_ri<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.set_reg(insn.reg[0], T::from_u64(insn.imm));
    Ok(())
}

fn mov_rm<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn mov_mr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.write(insn.mem.seg, cpu.ea(insn), cpu.reg::<T>(insn.reg[1]))
}

fn mov_mi<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.write(insn.mem.seg, cpu.ea(insn), T::from_u64(insn.imm))
}

fn mov_load_moffs<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<T>(insn.mem.seg, insn.imm)?;
    cpu.set_reg(gpr::RAX as u8, value);
    Ok(())
}

fn mov_store_moffs<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.write(insn.mem.seg, insn.imm, cpu.reg::<T>(gpr::RAX as u8))
}

fn mov(raw: &Instruction) -> Option<Handler> {
    match raw.code() {
        Code::Mov_AL_moffs8 | Code::Mov_AX_moffs16 | Code::Mov_EAX_moffs32 | Code::Mov_RAX_moffs64 => {
            return Some(by_size!(operand_size(raw), mov_load_moffs));
        }
        Code::Mov_moffs8_AL | Code::Mov_moffs16_AX | Code::Mov_moffs32_EAX | Code::Mov_moffs64_RAX => {
            return Some(by_size!(operand_size(raw), mov_store_moffs));
        }
        _ => {}
    }
    let size = operand_size(raw);
    Some(match binary(raw)? {
        Binary::RegReg => by_size!(size, mov_rr),
        Binary::RegImm => by_size!(size, mov_ri),
        Binary::RegMem => by_size!(size, mov_rm),
        Binary::MemReg => by_size!(size, mov_mr),
        Binary::MemImm => by_size!(size, mov_mi),
    })
}

fn movzx_rr<S: Word, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.reg::<S>(insn.reg[1]);
    cpu.set_reg(insn.reg[0], T::from_u64(value.zext()));
    Ok(())
}

fn movzx_rm<S: Word, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<S>(insn.mem.seg, cpu.ea(insn))?;
    cpu.set_reg(insn.reg[0], T::from_u64(value.zext()));
    Ok(())
}

fn movsx_rr<S: Word, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.reg::<S>(insn.reg[1]);
    cpu.set_reg(insn.reg[0], T::from_u64(value.sext()));
    Ok(())
}

fn movsx_rm<S: Word, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<S>(insn.mem.seg, cpu.ea(insn))?;
    cpu.set_reg(insn.reg[0], T::from_u64(value.sext()));
    Ok(())
}

macro_rules! extend {
    ($raw:expr, $rr:ident, $rm:ident) => {{
        let to = operand_size($raw);
        let register = $raw.op1_kind() == OpKind::Register;
        match (size_of_operand($raw, 1), register) {
            (1, true) => by_wide_size!(to, $rr::<u8>),
            (1, false) => by_wide_size!(to, $rm::<u8>),
            (2, true) => by_wide_size!(to, $rr::<u16>),
            (2, false) => by_wide_size!(to, $rm::<u16>),
            (_, true) => by_wide_size!(to, $rr::<u32>),
            (_, false) => by_wide_size!(to, $rm::<u32>),
        }
    }};
}

fn lea<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.ea(insn);
    cpu.set_reg(insn.reg[0], T::from_u64(offset));
    Ok(())
}

fn xlat(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let mask = u64::MAX >> (insn.mem.trunc & 63);
    let offset = cpu.state.gpr[gpr::RBX].wrapping_add(cpu.state.gpr[gpr::RAX] & 0xff) & mask;
    let value = cpu.read::<u8>(insn.mem.seg, offset)?;
    cpu.set_reg(0, value);
    Ok(())
}

fn swap<T: Word>(value: T) -> T {
    T::from_u64(value.zext().swap_bytes() >> (64 - T::BITS))
}

fn bswap<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // With a 16-bit operand the result is undefined; AMD and Intel CPUs write zero.
    let value = if T::BITS == 16 {
        T::from_u64(0)
    } else {
        swap(cpu.reg::<T>(insn.reg[0]))
    };
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn movbe_rm<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    cpu.set_reg(insn.reg[0], swap(value));
    Ok(())
}

fn movbe_mr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.write(insn.mem.seg, cpu.ea(insn), swap(cpu.reg::<T>(insn.reg[1])))
}

fn cmov_rr<T: Word, const C: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // The destination is written either way: a 32-bit form clears the upper half.
    let from = if cpu.state.flags.condition(C) {
        insn.reg[1]
    } else {
        insn.reg[0]
    };
    let value = cpu.reg::<T>(from);
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn cmov_rm<T: Word, const C: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let read = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    let value = if cpu.state.flags.condition(C) {
        read
    } else {
        cpu.reg::<T>(insn.reg[0])
    };
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn set_r<const C: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = u8::from(cpu.state.flags.condition(C));
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn set_m<const C: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.write(insn.mem.seg, cpu.ea(insn), u8::from(cpu.state.flags.condition(C)))
}

fn cmov(raw: &Instruction, code: u8) -> Handler {
    match (operand_size(raw), raw.op1_kind() == OpKind::Register) {
        (2, true) => by_condition!(code, cmov_rr::<u16>),
        (2, false) => by_condition!(code, cmov_rm::<u16>),
        (4, true) => by_condition!(code, cmov_rr::<u32>),
        (4, false) => by_condition!(code, cmov_rm::<u32>),
        (_, true) => by_condition!(code, cmov_rr::<u64>),
        (_, false) => by_condition!(code, cmov_rm::<u64>),
    }
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    use iced_x86::ConditionCode;
    let size = operand_size(raw);
    Some(match raw.mnemonic() {
        Mnemonic::Mov => return mov(raw),
        Mnemonic::Movzx => extend!(raw, movzx_rr, movzx_rm),
        Mnemonic::Movsx => extend!(raw, movsx_rr, movsx_rm),
        // With a 16- or 32-bit destination it moves as many bits (66 63: 16).
        Mnemonic::Movsxd => match (size, raw.op1_kind() == OpKind::Register) {
            (2, true) => mov_rr::<u16>,
            (2, false) => mov_rm::<u16>,
            (4, true) => mov_rr::<u32>,
            (4, false) => mov_rm::<u32>,
            (_, true) => movsx_rr::<u32, u64>,
            (_, false) => movsx_rm::<u32, u64>,
        },
        Mnemonic::Lea => by_wide_size!(size, lea),
        Mnemonic::Xlatb => xlat,
        Mnemonic::Bswap => by_wide_size!(size, bswap),
        Mnemonic::Movbe if raw.op0_kind() == OpKind::Register => by_wide_size!(size, movbe_rm),
        Mnemonic::Movbe => by_wide_size!(size, movbe_mr),
        Mnemonic::Movnti => by_wide_size!(size, mov_mr),
        mnemonic => {
            let condition = raw.condition_code();
            if condition == ConditionCode::None {
                return None;
            }
            let code = condition as u8 - ConditionCode::o as u8;
            match mnemonic {
                Mnemonic::Seto
                | Mnemonic::Setno
                | Mnemonic::Setb
                | Mnemonic::Setae
                | Mnemonic::Sete
                | Mnemonic::Setne
                | Mnemonic::Setbe
                | Mnemonic::Seta
                | Mnemonic::Sets
                | Mnemonic::Setns
                | Mnemonic::Setp
                | Mnemonic::Setnp
                | Mnemonic::Setl
                | Mnemonic::Setge
                | Mnemonic::Setle
                | Mnemonic::Setg => {
                    if raw.op0_kind() == OpKind::Register {
                        by_condition!(code, set_r)
                    } else {
                        by_condition!(code, set_m)
                    }
                }
                Mnemonic::Cmovo
                | Mnemonic::Cmovno
                | Mnemonic::Cmovb
                | Mnemonic::Cmovae
                | Mnemonic::Cmove
                | Mnemonic::Cmovne
                | Mnemonic::Cmovbe
                | Mnemonic::Cmova
                | Mnemonic::Cmovs
                | Mnemonic::Cmovns
                | Mnemonic::Cmovp
                | Mnemonic::Cmovnp
                | Mnemonic::Cmovl
                | Mnemonic::Cmovge
                | Mnemonic::Cmovle
                | Mnemonic::Cmovg => cmov(raw, code),
                _ => return None,
            }
        }
    })
}
