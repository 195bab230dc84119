//! iced's operands in our compact form.

use crate::insn::{InsnFlags, MemOperand, NO_REG, RIP_BASE, seg};
use crate::{Exec, Insn, Vcpu};
use iced_x86::{Code, CodeSize, Instruction, OpKind, Register};

/// Everything of the instruction but its handler and what comes with that.
pub fn convert(raw: &Instruction) -> Insn {
    let mut insn = Insn {
        exec: unset,
        imm: 0,
        mem: MemOperand {
            disp: 0,
            base: NO_REG,
            index: NO_REG,
            shift: 0,
            seg: seg::DS,
            asize: 8,
            trunc: 0,
        },
        code: raw.code(),
        flags: InsnFlags::empty(),
        reg: [0; 4],
        len: raw.len() as u8,
        osize: 0,
    };
    for op in 0..raw.op_count() {
        operand(raw, op, &mut insn);
    }
    if let Some(asize) = count_size(raw.code()) {
        insn.mem.asize = asize;
        insn.mem.trunc = 64 - 8 * asize;
    }
    if raw.has_lock_prefix() {
        insn.flags |= InsnFlags::LOCK;
    }
    insn
}

fn unset(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    super::raise_ud(cpu, insn)
}

fn operand(raw: &Instruction, op: u32, insn: &mut Insn) {
    let kind = raw.op_kind(op);
    match kind {
        OpKind::Register => {
            let register = raw.op_register(op);
            if let Some(slot) = insn.reg.get_mut(op as usize) {
                *slot = number(register);
            }
            if register.is_gpr() && insn.osize == 0 {
                insn.osize = register.size() as u8;
            }
            if register.is_gpr64() {
                insn.flags |= InsnFlags::W;
            }
            if register.is_ymm() {
                insn.flags |= InsnFlags::VEX_L;
            }
        }
        OpKind::Memory => {
            insn.flags |= InsnFlags::MEM;
            memory(raw, insn);
        }
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
            insn.imm = raw.near_branch_target().wrapping_sub(raw.len() as u64);
            insn.osize = match kind {
                OpKind::NearBranch16 => 2,
                OpKind::NearBranch32 => 4,
                _ => 8,
            };
        }
        OpKind::FarBranch16 => {
            insn.imm = u64::from(raw.far_branch_selector()) << 32 | u64::from(raw.far_branch16());
            insn.osize = 2;
        }
        OpKind::FarBranch32 => {
            insn.imm = u64::from(raw.far_branch_selector()) << 32 | u64::from(raw.far_branch32());
            insn.osize = 4;
        }
        // ENTER's nesting, EXTRQ's and INSERTQ's second immediate.
        OpKind::Immediate8_2nd => insn.imm |= raw.immediate(op) << 16,
        OpKind::Immediate8
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate64
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => insn.imm |= raw.immediate(op),
        _ => string(raw, kind, insn),
    }
}

/// Operands through (E/R)SI and (E/R)DI: the address size and the source segment.
fn string(raw: &Instruction, kind: OpKind, insn: &mut Insn) {
    let (asize, source) = match kind {
        OpKind::MemorySegSI | OpKind::MemorySegDI => (2, true),
        OpKind::MemorySegESI | OpKind::MemorySegEDI => (4, true),
        OpKind::MemorySegRSI | OpKind::MemorySegRDI => (8, true),
        OpKind::MemoryESDI => (2, false),
        OpKind::MemoryESEDI => (4, false),
        _ => (8, false),
    };
    insn.mem.asize = asize;
    insn.mem.trunc = 64 - 8 * asize;
    if source {
        insn.mem.seg = segment(raw.memory_segment());
    }
    if insn.osize == 0 {
        insn.osize = raw.memory_size().size() as u8;
    }
}

fn memory(raw: &Instruction, insn: &mut Insn) {
    let (base, index) = (raw.memory_base(), raw.memory_index());
    let displacement = raw.memory_displacement64();
    let asize = if base != Register::None {
        base.size() as u8
    } else if index.is_gpr() {
        index.size() as u8
    } else {
        raw.memory_displ_size() as u8
    };
    let asize = if matches!(asize, 2 | 4 | 8) { asize } else { 8 };
    let rip_relative = matches!(base, Register::RIP | Register::EIP);
    insn.mem = MemOperand {
        // iced gives the target of a RIP-relative operand of an instruction at address 0.
        disp: if rip_relative {
            displacement.wrapping_sub(raw.len() as u64)
        } else {
            displacement
        } as i32,
        base: match base {
            Register::None => NO_REG,
            _ if rip_relative => RIP_BASE,
            register => number(register),
        },
        index: if index == Register::None {
            NO_REG
        } else {
            number(index)
        },
        shift: raw.memory_index_scale().trailing_zeros() as u8,
        seg: effective_segment(raw, base),
        asize,
        trunc: 64 - 8 * asize,
    };
    if is_moffs(raw.code()) {
        insn.imm = displacement;
    }
    if insn.osize == 0 {
        insn.osize = raw.memory_size().size().min(255) as u8;
    }
    if raw.memory_size().size() == 32 {
        insn.flags |= InsnFlags::VEX_L;
    }
}

/// The segment of a memory operand. 64-bit code ignores CS, DS, ES and SS prefixes, which matters where the fault is
/// #SS or #GP by segment.
fn effective_segment(raw: &Instruction, base: Register) -> u8 {
    let named = segment(raw.memory_segment());
    if raw.code_size() != CodeSize::Code64 || named >= seg::FS {
        return named;
    }
    if matches!(base.full_register(), Register::RSP | Register::RBP) {
        seg::SS
    } else {
        seg::DS
    }
}

/// Register number as [`Insn::reg`] has it.
fn number(register: Register) -> u8 {
    if register.is_gpr8() {
        let n = register as u8 - Register::AL as u8;
        return match n {
            0..=3 => n,
            4..=7 => n + 12,
            _ => n - 4,
        };
    }
    if register.is_segment_register() {
        return segment(register);
    }
    register.number() as u8
}

fn segment(register: Register) -> u8 {
    match register {
        Register::ES => seg::ES,
        Register::CS => seg::CS,
        Register::SS => seg::SS,
        Register::FS => seg::FS,
        Register::GS => seg::GS,
        _ => seg::DS,
    }
}

/// MOV between the accumulator and an absolute address, the one 64-bit address there is.
fn is_moffs(code: Code) -> bool {
    matches!(
        code,
        Code::Mov_AL_moffs8
            | Code::Mov_AX_moffs16
            | Code::Mov_EAX_moffs32
            | Code::Mov_RAX_moffs64
            | Code::Mov_moffs8_AL
            | Code::Mov_moffs16_AX
            | Code::Mov_moffs32_EAX
            | Code::Mov_moffs64_RAX
    )
}

/// Address size of instructions that count in CX, ECX or RCX.
fn count_size(code: Code) -> Option<u8> {
    match code {
        Code::Loop_rel8_16_CX
        | Code::Loop_rel8_32_CX
        | Code::Loope_rel8_16_CX
        | Code::Loope_rel8_32_CX
        | Code::Loopne_rel8_16_CX
        | Code::Loopne_rel8_32_CX
        | Code::Jcxz_rel8_16
        | Code::Jcxz_rel8_32 => Some(2),
        Code::Loop_rel8_16_ECX
        | Code::Loop_rel8_32_ECX
        | Code::Loop_rel8_64_ECX
        | Code::Loope_rel8_16_ECX
        | Code::Loope_rel8_32_ECX
        | Code::Loope_rel8_64_ECX
        | Code::Loopne_rel8_16_ECX
        | Code::Loopne_rel8_32_ECX
        | Code::Loopne_rel8_64_ECX
        | Code::Jecxz_rel8_16
        | Code::Jecxz_rel8_32
        | Code::Jecxz_rel8_64 => Some(4),
        _ => None,
    }
}
