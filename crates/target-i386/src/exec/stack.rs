//! PUSH, POP, PUSHA, POPA, ENTER, LEAVE.
//! SDM vol. 1, 7.3.1.4 and 6.5.

use super::{by_wide_size, is_immediate};
use crate::insn::seg;
use crate::mem::Word;
use crate::state::gpr::{RBP, RSP};
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic, OpKind};

fn push_r<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // PUSH RSP pushes the old value.
    let value = cpu.reg::<T>(insn.reg[0]);
    cpu.push(value)
}

fn push_i<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    cpu.push(T::from_u64(insn.imm))
}

fn push_m<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let value = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    cpu.push(value)
}

fn pop_r<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // POP RSP: the popped value wins over the increment.
    let value = cpu.pop::<T>()?;
    cpu.set_reg(insn.reg[0], value);
    Ok(())
}

fn pop_m<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // An address through RSP is formed after the increment; a fault takes the increment back.
    let saved = cpu.state.gpr[RSP];
    let value = cpu.pop::<T>()?;
    let offset = cpu.ea(insn);
    let written = cpu.write(insn.mem.seg, offset, value);
    if written.is_err() {
        cpu.state.gpr[RSP] = saved;
    }
    written
}

fn pusha<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let mask = cpu.mode.stack_mask;
    let old = cpu.sp();
    let bottom = old.wrapping_sub(8 * T::SIZE) & mask;
    if bottom <= old {
        cpu.probe_write(seg::SS, bottom, 8 * T::SIZE)?;
    } else {
        for n in 1..=8 {
            cpu.probe_write(seg::SS, old.wrapping_sub(n * T::SIZE) & mask, T::SIZE)?;
        }
    }
    for n in 0..8u8 {
        let value = cpu.reg::<T>(n);
        cpu.write(
            seg::SS,
            old.wrapping_sub((u64::from(n) + 1) * T::SIZE) & mask,
            value,
        )?;
    }
    cpu.set_sp(bottom);
    Ok(())
}

fn popa<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let mask = cpu.mode.stack_mask;
    let sp = cpu.sp();
    let mut values = [T::from_u64(0); 8];
    for (n, value) in values.iter_mut().enumerate() {
        // DI first; SP's slot is skipped below, but read like the others.
        *value = cpu.read::<T>(seg::SS, sp.wrapping_add(n as u64 * T::SIZE) & mask)?;
    }
    for (n, value) in values.into_iter().enumerate() {
        if n != 3 {
            cpu.set_reg(7 - n as u8, value);
        }
    }
    cpu.set_sp(sp.wrapping_add(8 * T::SIZE));
    Ok(())
}

fn enter<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let size = insn.imm & 0xffff;
    let nesting = insn.imm >> 16 & 31;
    let mask = cpu.mode.stack_mask;
    let old = cpu.state.gpr;
    let result = enter_frame::<T>(cpu, size, nesting, mask);
    if result.is_err() {
        cpu.state.gpr = old;
    }
    result
}

fn enter_frame<T: Word>(cpu: &mut Vcpu, size: u64, nesting: u64, mask: u64) -> Exec {
    let frame_base = cpu.state.gpr[RBP];
    cpu.push(T::from_u64(frame_base))?;
    let frame = cpu.sp();
    if nesting > 0 {
        for level in 1..nesting {
            let outer = cpu.read::<T>(seg::SS, frame_base.wrapping_sub(level * T::SIZE) & mask)?;
            cpu.push(outer)?;
        }
        cpu.push(T::from_u64(frame))?;
    }
    let sp = cpu.sp().wrapping_sub(size) & mask;
    // The new top of stack must be writable, although nothing is written there yet.
    cpu.check_alignment(cpu.linear(seg::SS, sp), T::ALIGN)?;
    cpu.probe_write(seg::SS, sp, T::SIZE)?;
    cpu.set_sp(sp);
    set_bp::<T>(cpu, frame);
    Ok(())
}

/// Writes BP, EBP or RBP by operand size.
fn set_bp<T: Word>(cpu: &mut Vcpu, value: u64) {
    cpu.set_reg(RBP as u8, T::from_u64(value));
}

fn leave<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let bp = cpu.state.gpr[RBP] & cpu.mode.stack_mask;
    let value = cpu.read::<T>(seg::SS, bp)?;
    cpu.set_sp(bp.wrapping_add(T::SIZE));
    set_bp::<T>(cpu, value.zext());
    Ok(())
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let moved = raw.stack_pointer_increment().unsigned_abs() as usize;
    Some(match raw.mnemonic() {
        Mnemonic::Push => match raw.op0_kind() {
            OpKind::Register if raw.op0_register().is_gpr() => by_wide_size!(moved, push_r),
            OpKind::Memory => by_wide_size!(moved, push_m),
            kind if is_immediate(kind) => by_wide_size!(moved, push_i),
            _ => return None,
        },
        Mnemonic::Pop => match raw.op0_kind() {
            OpKind::Register if raw.op0_register().is_gpr() => by_wide_size!(moved, pop_r),
            OpKind::Memory => by_wide_size!(moved, pop_m),
            _ => return None,
        },
        Mnemonic::Pusha if raw.code() == Code::Pushaw => pusha::<u16>,
        Mnemonic::Pushad => pusha::<u32>,
        Mnemonic::Popa if raw.code() == Code::Popaw => popa::<u16>,
        Mnemonic::Popad => popa::<u32>,
        Mnemonic::Enter => match raw.code() {
            Code::Enterw_imm16_imm8 => enter::<u16>,
            Code::Enterd_imm16_imm8 => enter::<u32>,
            _ => enter::<u64>,
        },
        Mnemonic::Leave => match raw.code() {
            Code::Leavew => leave::<u16>,
            Code::Leaved => leave::<u32>,
            _ => leave::<u64>,
        },
        _ => return None,
    })
}
