//! Port I/O: IN, OUT, INS, OUTS, and who may.
//!
//! A port access is a device access: the exact instruction count is published first, and the block ends behind the
//! instruction. A repeated string instruction does one iteration at a time, each an instruction of its own, so that
//! what a port access causes is taken between iterations. SDM vol. 1, chapter 19.

use crate::flags::bit;
use crate::insn::seg;
use crate::mem::{Privilege, Word};
use crate::segment::descriptor::kind;
use crate::state::gpr;
use crate::{Exec, Fault, Insn, InsnFlags, Vcpu, debug};
use softmmu::GuestPhys;

/// Checks IOPL and the TSS's permission map for `size` ports from `port`. Errors: #GP(0), #PF.
fn permit(cpu: &mut Vcpu, port: u16, size: u64) -> Exec {
    let iopl = (cpu.state.flags.get() >> 12 & 3) as u8;
    if !cpu.mode.protected || !cpu.mode.v86 && cpu.state.cpl <= iopl {
        return Ok(());
    }
    let tr = cpu.state.tr;
    let limit = u64::from(tr.limit);
    if !tr.present() || !matches!(tr.kind(), kind::TSS32 | kind::TSS32_BUSY) || limit < 103 {
        return Err(Fault::GP0);
    }
    let map =
        u64::from(cpu.read_linear::<u16>(cpu.truncate_linear(tr.base.wrapping_add(102)), Privilege::System)?);
    let at = map + u64::from(port / 8);
    // Two bytes are always read, so the map needs a byte of ones behind its end.
    if at + 1 > limit {
        return Err(Fault::GP0);
    }
    let bits = cpu.read_linear::<u16>(cpu.truncate_linear(tr.base.wrapping_add(at)), Privilege::System)?;
    let mask = (1 << size) - 1;
    if bits >> (port & 7) & mask != 0 {
        Err(Fault::GP0)
    } else {
        Ok(())
    }
}

/// Reads `size` bytes (1, 2, 4) from a port. Nobody there: ones.
fn port_read(cpu: &mut Vcpu, port: u16, size: u64) -> u64 {
    cpu.before_device();
    debug::watch_port(cpu, port, size);
    cpu.io
        .load(GuestPhys(u64::from(port)), size as u32)
        .unwrap_or(u64::MAX)
}

fn port_write(cpu: &mut Vcpu, port: u16, size: u64, value: u64) {
    cpu.before_device();
    debug::watch_port(cpu, port, size);
    // What no device decodes vanishes.
    let _ = cpu.io.store(GuestPhys(u64::from(port)), size as u32, value);
}

fn dx(cpu: &Vcpu) -> u16 {
    cpu.state.gpr[gpr::RDX] as u16
}

fn input<T: Word>(cpu: &mut Vcpu, port: u16) -> Exec {
    permit(cpu, port, T::SIZE)?;
    let value = port_read(cpu, port, T::SIZE);
    cpu.set_reg(gpr::RAX as u8, T::from_u64(value));
    Ok(())
}

fn output<T: Word>(cpu: &mut Vcpu, port: u16) -> Exec {
    permit(cpu, port, T::SIZE)?;
    let value = cpu.reg::<T>(gpr::RAX as u8).zext();
    port_write(cpu, port, T::SIZE, value);
    Ok(())
}

/// IN AL/AX/EAX, imm8.
pub(crate) fn in_imm<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    input::<T>(cpu, insn.imm as u8 as u16)
}

/// IN AL/AX/EAX, DX.
pub(crate) fn in_dx<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    input::<T>(cpu, dx(cpu))
}

/// OUT imm8, AL/AX/EAX.
pub(crate) fn out_imm<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    output::<T>(cpu, insn.imm as u8 as u16)
}

/// OUT DX, AL/AX/EAX.
pub(crate) fn out_dx<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    output::<T>(cpu, dx(cpu))
}

/// The mask of the address size of a string instruction.
fn address_mask(insn: &Insn) -> u64 {
    match insn.mem.asize {
        2 => 0xffff,
        4 => 0xffff_ffff,
        _ => u64::MAX,
    }
}

/// Replaces the part of a register that the address size covers; 32 bits clear the upper half.
fn set_counter(cpu: &mut Vcpu, register: usize, mask: u64, value: u64) {
    let keep = if mask == 0xffff { !0xffff } else { 0 };
    let register = &mut cpu.state.gpr[register];
    *register = *register & keep | value & mask;
}

/// One iteration of a (repeated) string instruction: `body` gets the index register's offset; then the index moves,
/// and while the count lasts RIP goes back to the instruction.
fn string(
    cpu: &mut Vcpu,
    insn: &Insn,
    size: u64,
    index: usize,
    body: impl FnOnce(&mut Vcpu, u64) -> Exec,
) -> Exec {
    let mask = address_mask(insn);
    let repeated = insn.flags.intersects(InsnFlags::REP | InsnFlags::REPNE);
    let count = cpu.state.gpr[gpr::RCX] & mask;
    if repeated && count == 0 {
        return Ok(());
    }
    let offset = cpu.state.gpr[index] & mask;
    body(cpu, offset)?;
    let step = if cpu.state.flags.has(bit::DF) {
        size.wrapping_neg()
    } else {
        size
    };
    set_counter(cpu, index, mask, offset.wrapping_add(step));
    if repeated {
        set_counter(cpu, gpr::RCX, mask, count - 1);
        if count > 1 {
            cpu.state.rip = cpu.state.rip.wrapping_sub(u64::from(insn.len)) & cpu.mode.ip_mask;
        }
    }
    Ok(())
}

/// INS: the destination is known to be writable before the port is read.
pub(crate) fn ins<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    string(cpu, insn, T::SIZE, gpr::RDI, |cpu, offset| {
        let port = dx(cpu);
        permit(cpu, port, T::SIZE)?;
        cpu.probe_write(seg::ES, offset, T::SIZE)?;
        let value = port_read(cpu, port, T::SIZE);
        cpu.write(seg::ES, offset, T::from_u64(value))
    })
}

/// OUTS.
pub(crate) fn outs<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let segment = insn.mem.seg;
    string(cpu, insn, T::SIZE, gpr::RSI, |cpu, offset| {
        let port = dx(cpu);
        permit(cpu, port, T::SIZE)?;
        let value = cpu.read::<T>(segment, offset)?.zext();
        port_write(cpu, port, T::SIZE, value);
        Ok(())
    })
}
