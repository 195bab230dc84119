//! iced's operands in our compact form.

use crate::insn::{HIGH_BYTE, InsnFlags, MemOperand, NO_REG, RIP_BASE, seg};
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
            let register = register(raw.op_register(op));
            if let Some(slot) = insn.reg.get_mut(op as usize) {
                *slot = register.number;
            }
            if insn.osize == 0 {
                insn.osize = register.size;
            }
            insn.flags |= register.flags;
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
            if let Some(asize) = count_size(raw.code()) {
                insn.mem.asize = asize;
                insn.mem.trunc = 64 - 8 * asize;
            }
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
        register(base).size
    } else if index != Register::None && register(index).size != 0 {
        register(index).size
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
            _ => register(base).number,
        },
        index: if index == Register::None {
            NO_REG
        } else {
            register(index).number
        },
        shift: raw.memory_index_scale().trailing_zeros() as u8,
        seg: effective_segment(raw, base),
        asize,
        trunc: 64 - 8 * asize,
    };
    if base == Register::None && is_moffs(raw.code()) {
        insn.imm = displacement;
    }
    let size = raw.memory_size().size();
    if insn.osize == 0 {
        insn.osize = size.min(255) as u8;
    }
    if size == 32 {
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

/// What of a register goes into an [`Insn`].
#[derive(Clone, Copy)]
struct Operand {
    /// As [`Insn::reg`] has it.
    number: u8,
    /// Bytes of a general register or the instruction pointer, else 0.
    size: u8,
    flags: InsnFlags,
}

fn register(register: Register) -> Operand {
    REGISTERS[register as usize & 0xff]
}

/// By iced's number of the register.
static REGISTERS: [Operand; 256] = {
    use Register as R;
    let mut all = [Operand {
        number: 0,
        size: 0,
        flags: InsnFlags::empty(),
    }; 256];
    // First, last, bytes, flags.
    let files = [
        (R::AL, R::R15L, 1, InsnFlags::empty()),
        (R::AX, R::R15W, 2, InsnFlags::empty()),
        (R::EAX, R::R15D, 4, InsnFlags::empty()),
        (R::RAX, R::R15, 8, InsnFlags::W),
        (R::EIP, R::EIP, 4, InsnFlags::empty()),
        (R::RIP, R::RIP, 8, InsnFlags::empty()),
        // In the order of `seg`.
        (R::ES, R::GS, 0, InsnFlags::empty()),
        (R::XMM0, R::XMM31, 0, InsnFlags::empty()),
        (R::YMM0, R::YMM31, 0, InsnFlags::VEX_L),
        (R::CR0, R::CR15, 0, InsnFlags::empty()),
        (R::DR0, R::DR15, 0, InsnFlags::empty()),
        (R::ST0, R::ST7, 0, InsnFlags::empty()),
        (R::MM0, R::MM7, 0, InsnFlags::empty()),
        (R::TR0, R::TR7, 0, InsnFlags::empty()),
    ];
    let mut file = 0;
    while file < files.len() {
        let (first, last, size, flags) = files[file];
        let mut n = first as usize;
        while n <= last as usize {
            let number = (n - first as usize) as u8;
            // Behind AL..BL come AH..BH, then SPL and on.
            let number = match (size, number) {
                (1, 4..=7) => number - 4 + HIGH_BYTE,
                (1, 8..) => number - 4,
                _ => number,
            };
            all[n] = Operand { number, size, flags };
            n += 1;
        }
        file += 1;
    }
    all
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers() {
        for iced in Register::values() {
            let ours = register(iced);
            let name = format!("{iced:?}");
            if iced.is_gpr8() {
                // iced counts AH..BH as 4..=7, and so SPL.
                let high = matches!(iced, Register::AH | Register::CH | Register::DH | Register::BH);
                let number = iced.full_register().number() as u8 + if high { HIGH_BYTE } else { 0 };
                assert_eq!((ours.number, ours.size), (number, 1), "{name}");
            } else if iced.is_gpr()
                || iced.is_segment_register()
                || iced.is_vector_register() && !iced.is_zmm()
                || iced.is_cr()
                || iced.is_dr()
                || iced.is_st()
                || iced.is_mm()
            {
                assert_eq!(usize::from(ours.number), iced.number(), "{name}");
            }
            if iced.is_gpr() || iced.is_ip() {
                assert_eq!(usize::from(ours.size), iced.size(), "{name}");
            }
            assert_eq!(ours.flags.contains(InsnFlags::W), iced.is_gpr64(), "{name}");
            assert_eq!(ours.flags.contains(InsnFlags::VEX_L), iced.is_ymm(), "{name}");
        }
    }
}
