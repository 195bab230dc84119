//! The table of system instructions: which handler executes which of iced's codes.
//!
//! Segments, far transfers, interrupts, control and debug registers, MSRs, I/O, XSAVE. Every instruction listed here
//! ends its block, since it may change the mode, the mapping or what is accepted next.

use crate::insn::seg;
use crate::interrupt::{iret, software};
use crate::segment::{load, query, tables};
use crate::{Exec, Fault, Handler, Insn, Vcpu};
use crate::{control, debug, io, msr, privileged, reset, syscall, transfer, xsave};
use iced_x86::{Code, Instruction};

/// The handler of `instruction`, if it belongs here.
#[rustfmt::skip]
pub fn lookup(instruction: &Instruction) -> Option<Handler> {
    use Code as C;
    Some(match instruction.code() {
        // Segment registers.
        C::Mov_Sreg_rm16 | C::Mov_Sreg_r32m16 | C::Mov_Sreg_r64m16 => load::mov_to_sreg,
        C::Mov_rm16_Sreg | C::Mov_r32m16_Sreg | C::Mov_r64m16_Sreg => load::mov_from_sreg,
        C::Pushw_ES | C::Pushw_CS | C::Pushw_SS | C::Pushw_DS | C::Pushw_FS | C::Pushw_GS => load::push_sreg::<u16>,
        C::Pushd_ES | C::Pushd_CS | C::Pushd_SS | C::Pushd_DS | C::Pushd_FS | C::Pushd_GS => load::push_sreg::<u32>,
        C::Pushq_FS | C::Pushq_GS => load::push_sreg::<u64>,
        C::Popw_ES | C::Popw_SS | C::Popw_DS | C::Popw_FS | C::Popw_GS => load::pop_sreg::<u16>,
        C::Popd_ES | C::Popd_SS | C::Popd_DS | C::Popd_FS | C::Popd_GS => load::pop_sreg::<u32>,
        C::Popq_FS | C::Popq_GS => load::pop_sreg::<u64>,
        C::Les_r16_m1616 | C::Les_r32_m1632 => |c, i| load::load_far_pointer(c, i, seg::ES),
        C::Lds_r16_m1616 | C::Lds_r32_m1632 => |c, i| load::load_far_pointer(c, i, seg::DS),
        C::Lss_r16_m1616 | C::Lss_r32_m1632 | C::Lss_r64_m1664 => |c, i| load::load_far_pointer(c, i, seg::SS),
        C::Lfs_r16_m1616 | C::Lfs_r32_m1632 | C::Lfs_r64_m1664 => |c, i| load::load_far_pointer(c, i, seg::FS),
        C::Lgs_r16_m1616 | C::Lgs_r32_m1632 | C::Lgs_r64_m1664 => |c, i| load::load_far_pointer(c, i, seg::GS),
        // Questions about selectors.
        C::Lar_r16_rm16 | C::Lar_r32_r32m16 | C::Lar_r64_r64m16 => query::lar,
        C::Lsl_r16_rm16 | C::Lsl_r32_r32m16 | C::Lsl_r64_r64m16 => query::lsl,
        C::Verr_rm16 | C::Verr_r32m16 | C::Verr_r64m16 => query::verr,
        C::Verw_rm16 | C::Verw_r32m16 | C::Verw_r64m16 => query::verw,
        C::Arpl_rm16_r16 | C::Arpl_r32m16_r32 => query::arpl,
        // Descriptor tables. A 16-bit operand size loads 24 bits of base.
        C::Lgdt_m1632_16 => tables::lgdt::<2>,
        C::Lgdt_m1632 | C::Lgdt_m1664 => tables::lgdt::<4>,
        C::Lidt_m1632_16 => tables::lidt::<2>,
        C::Lidt_m1632 | C::Lidt_m1664 => tables::lidt::<4>,
        C::Sgdt_m1632_16 | C::Sgdt_m1632 | C::Sgdt_m1664 => tables::sgdt,
        C::Sidt_m1632_16 | C::Sidt_m1632 | C::Sidt_m1664 => tables::sidt,
        C::Lldt_rm16 | C::Lldt_r32m16 | C::Lldt_r64m16 => tables::lldt,
        C::Ltr_rm16 | C::Ltr_r32m16 | C::Ltr_r64m16 => tables::ltr,
        C::Sldt_rm16 | C::Sldt_r32m16 | C::Sldt_r64m16 => tables::sldt,
        C::Str_rm16 | C::Str_r32m16 | C::Str_r64m16 => tables::str,
        // Far transfers.
        C::Jmp_ptr1616 | C::Jmp_m1616 => transfer::jump::jmp_far::<2>,
        C::Jmp_ptr1632 | C::Jmp_m1632 => transfer::jump::jmp_far::<4>,
        C::Jmp_m1664 => transfer::jump::jmp_far::<8>,
        C::Call_ptr1616 | C::Call_m1616 => transfer::call::call_far::<2>,
        C::Call_ptr1632 | C::Call_m1632 => transfer::call::call_far::<4>,
        C::Call_m1664 => transfer::call::call_far::<8>,
        C::Retfw | C::Retfw_imm16 => transfer::ret::ret_far::<2>,
        C::Retfd | C::Retfd_imm16 => transfer::ret::ret_far::<4>,
        C::Retfq | C::Retfq_imm16 => transfer::ret::ret_far::<8>,
        // Interrupts.
        C::Int_imm8 => software::int,
        C::Int3 => software::int3,
        C::Into => software::into,
        C::Int1 => software::int1,
        C::Iretw => iret::iret::<2>,
        C::Iretd => iret::iret::<4>,
        C::Iretq => iret::iret::<8>,
        // Fast system calls.
        C::Syscall => syscall::syscall,
        C::Sysretd => syscall::sysret::<false>,
        C::Sysretq => syscall::sysret::<true>,
        C::Sysenter => syscall::sysenter,
        C::Sysexitd => syscall::sysexit::<false>,
        C::Sysexitq => syscall::sysexit::<true>,
        C::Swapgs => privileged::swapgs,
        C::Rdfsbase_r32 | C::Rdfsbase_r64 => privileged::rdfsbase,
        C::Rdgsbase_r32 | C::Rdgsbase_r64 => privileged::rdgsbase,
        C::Wrfsbase_r32 | C::Wrfsbase_r64 => privileged::wrfsbase,
        C::Wrgsbase_r32 | C::Wrgsbase_r64 => privileged::wrgsbase,
        // Control and debug registers, MSRs.
        C::Mov_r32_cr | C::Mov_r64_cr => control::mov_from_cr,
        C::Mov_cr_r32 | C::Mov_cr_r64 => control::mov_to_cr,
        C::Mov_r32_dr | C::Mov_r64_dr => debug::mov_from_dr,
        C::Mov_dr_r32 | C::Mov_dr_r64 => debug::mov_to_dr,
        C::Clts => control::clts,
        C::Lmsw_rm16 | C::Lmsw_r32m16 | C::Lmsw_r64m16 => control::lmsw,
        C::Smsw_rm16 | C::Smsw_r32m16 | C::Smsw_r64m16 => control::smsw,
        C::Rdmsr => msr::rdmsr,
        C::Wrmsr => msr::wrmsr,
        C::Cpuid => privileged::cpuid,
        C::Rdpid_r32 | C::Rdpid_r64 => privileged::rdpid,
        // Extended state.
        C::Xsave_mem | C::Xsave64_mem => xsave::xsave,
        C::Xsaveopt_mem | C::Xsaveopt64_mem => xsave::xsaveopt,
        C::Xsavec_mem | C::Xsavec64_mem => xsave::xsavec,
        C::Xsaves_mem | C::Xsaves64_mem => xsave::xsaves,
        C::Xrstor_mem | C::Xrstor64_mem => xsave::xrstor,
        C::Xrstors_mem | C::Xrstors64_mem => xsave::xrstors,
        C::Xgetbv => xsave::xgetbv,
        C::Xsetbv => xsave::xsetbv,
        // TLB, caches, the rest.
        C::Hlt => privileged::hlt,
        C::Invlpg_m => privileged::invlpg,
        C::Invpcid_r32_m128 | C::Invpcid_r64_m128 => privileged::invpcid,
        C::Invd | C::Wbinvd | C::Wbnoinvd => privileged::cache_control,
        C::Stac => privileged::stac,
        C::Clac => privileged::clac,
        C::Rsm => reset::rsm,
        // Ports.
        C::In_AL_imm8 => io::in_imm::<u8>,
        C::In_AX_imm8 => io::in_imm::<u16>,
        C::In_EAX_imm8 => io::in_imm::<u32>,
        C::In_AL_DX => io::in_dx::<u8>,
        C::In_AX_DX => io::in_dx::<u16>,
        C::In_EAX_DX => io::in_dx::<u32>,
        C::Out_imm8_AL => io::out_imm::<u8>,
        C::Out_imm8_AX => io::out_imm::<u16>,
        C::Out_imm8_EAX => io::out_imm::<u32>,
        C::Out_DX_AL => io::out_dx::<u8>,
        C::Out_DX_AX => io::out_dx::<u16>,
        C::Out_DX_EAX => io::out_dx::<u32>,
        C::Insb_m8_DX => io::ins::<u8>,
        C::Insw_m16_DX => io::ins::<u16>,
        C::Insd_m32_DX => io::ins::<u32>,
        C::Outsb_DX_m8 => io::outs::<u8>,
        C::Outsw_DX_m16 => io::outs::<u16>,
        C::Outsd_DX_m32 => io::outs::<u32>,
        _ => return None,
    })
}

/// Reads operand `op`, a 16-bit register or memory operand (registers may be encoded wider).
pub(crate) fn read_rm16(cpu: &mut Vcpu, insn: &Insn, op: usize) -> Result<u16, Fault> {
    if insn.has_mem() {
        let at = cpu.ea(insn);
        cpu.read::<u16>(insn.mem.seg, at)
    } else {
        Ok(cpu.reg::<u16>(insn.reg[op]))
    }
}

/// Writes 16 bits to a memory destination, or as many as the operand size says to a register.
pub(crate) fn write_rm16_or_register(cpu: &mut Vcpu, insn: &Insn, value: u64) -> Exec {
    if insn.has_mem() {
        let at = cpu.ea(insn);
        return cpu.write(insn.mem.seg, at, value as u16);
    }
    match insn.osize {
        2 => cpu.set_reg(insn.reg[0], value as u16),
        4 => cpu.set_reg(insn.reg[0], value as u32),
        _ => cpu.set_reg(insn.reg[0], value),
    }
    Ok(())
}
