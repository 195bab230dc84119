//! Debug registers: MOV DR, instruction and data breakpoints, single steps, DR6.
//!
//! The run loop calls [`before_instruction`] and [`after_instruction`], the memory path [`watch`], port I/O
//! [`watch_port`]. Instruction breakpoints are faults; everything else is reported after the instruction that did it.
//! SDM vol. 3B, 19.2 and 19.3.

use crate::control::{cr4, require_ring0};
use crate::insn::seg;
use crate::{Exec, Fault, Insn, Vcpu, Vector};
use softmmu::tlb::Access;

/// DR7.GD: the next MOV to or from a debug register is a #DB.
pub(crate) const DR7_GD: u64 = 1 << 13;
/// DR6.BD: a debug register was accessed with GD set.
const DR6_BD: u64 = 1 << 13;
/// DR6.BS: single step.
const DR6_BS: u64 = 1 << 14;
/// DR6.BT: task switch.
const DR6_BT: u64 = 1 << 15;
/// DR6 bits that read as one.
const DR6_ONES: u64 = 0xffff_0ff0;
/// DR6 bits that can be written.
const DR6_WRITABLE: u64 = 0xe00f;
/// DR7 bits that can be written; bit 10 reads as one.
const DR7_WRITABLE: u64 = 0xffff_23ff;

/// #DB.
const DB: Fault = Fault::new(Vector::Db);

/// The condition a breakpoint watches for (DR7 R/W field).
mod condition {
    pub const EXECUTE: u64 = 0;
    pub const WRITE: u64 = 1;
    pub const PORT: u64 = 2;
}

/// Condition and length in bytes of breakpoint `n`; none if it is not enabled.
fn breakpoint(dr7: u64, n: usize) -> Option<(u64, u64)> {
    let enabled = dr7 >> (2 * n) & 3 != 0;
    let length = match dr7 >> (18 + 4 * n) & 3 {
        0 => 1,
        1 => 2,
        2 => 8,
        _ => 4,
    };
    enabled.then_some((dr7 >> (16 + 4 * n) & 3, length))
}

/// Which enabled breakpoints fit an access of `len` bytes at `addr`, as DR6 bits.
fn hits(cpu: &Vcpu, addr: u64, len: u64, fits: impl Fn(u64) -> bool) -> u8 {
    let dr = &cpu.state.dr;
    (0..4).fold(0, |bits, n| match breakpoint(dr.dr7, n) {
        Some((condition, length)) if fits(condition) => {
            let start = dr.addr[n] & !(length - 1);
            let (last, end) = (start.wrapping_add(length - 1), addr.wrapping_add(len - 1));
            bits | if addr <= last && start <= end { 1 << n } else { 0 }
        }
        _ => bits,
    })
}

/// Called before the instruction at the current RIP when RF is clear and a breakpoint is armed.
///
/// # Errors
/// #DB, as a fault, for an instruction breakpoint; DR6 is set.
pub fn before_instruction(cpu: &mut Vcpu) -> Exec {
    let at = cpu.linear(seg::CS, cpu.state.rip);
    let hit = hits(cpu, at, 1, |condition| condition == condition::EXECUTE);
    if hit == 0 {
        return Ok(());
    }
    cpu.state.dr.dr6 = cpu.state.dr.dr6 & !0xf | u64::from(hit);
    Err(DB)
}

/// Called after an instruction that started with TF set or hit data breakpoints ([`Vcpu::debug_hits`]).
///
/// # Errors
/// #DB, as a trap; DR6 is set.
pub fn after_instruction(cpu: &mut Vcpu, trap_flag: bool) -> Exec {
    let hit = std::mem::take(&mut cpu.debug_hits);
    if hit == 0 && !trap_flag {
        return Ok(());
    }
    let dr6 = &mut cpu.state.dr.dr6;
    if hit != 0 {
        *dr6 = *dr6 & !0xf | u64::from(hit);
    }
    if trap_flag {
        *dr6 |= DR6_BS;
    }
    Err(DB)
}

/// #DB for the T bit of a TSS just entered.
pub(crate) fn task_trap(cpu: &mut Vcpu) -> Fault {
    cpu.state.dr.dr6 |= DR6_BT;
    DB
}

/// Notes in [`Vcpu::debug_hits`] which data breakpoints an access hits.
pub fn watch(cpu: &mut Vcpu, addr: u64, len: u64, access: Access) {
    if access != Access::Fetch {
        let write = access == Access::Write;
        cpu.debug_hits |= hits(cpu, addr, len, |c| c == 3 || write && c == condition::WRITE);
    }
}

/// Notes which I/O breakpoints (CR4.DE) a port access hits.
pub(crate) fn watch_port(cpu: &mut Vcpu, port: u16, len: u64) {
    if cpu.state.dr.dr7 & 0xff != 0 && cpu.state.cr4 & cr4::DE != 0 {
        cpu.debug_hits |= hits(cpu, u64::from(port), len, |c| c == condition::PORT);
    }
}

/// The register behind a number: 4 and 5 are 6 and 7 without CR4.DE. Errors: #UD, #GP(0), #DB for GD.
fn select(cpu: &mut Vcpu, number: u8) -> Result<u8, Fault> {
    let number = match number {
        4 | 5 if cpu.state.cr4 & cr4::DE != 0 => return Err(Fault::UD),
        4 | 5 => number + 2,
        8.. => return Err(Fault::UD),
        _ => number,
    };
    require_ring0(cpu)?;
    if cpu.state.dr.dr7 & DR7_GD != 0 {
        cpu.state.dr.dr6 |= DR6_BD;
        return Err(DB);
    }
    Ok(number)
}

/// MOV r32/r64, DRn.
pub(crate) fn mov_from_dr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let number = select(cpu, insn.reg[1])?;
    let value = match number {
        6 => cpu.state.dr.dr6,
        7 => cpu.state.dr.dr7,
        n => cpu.state.dr.addr[n as usize & 3],
    };
    let value = if cpu.mode.long() {
        value
    } else {
        value & 0xffff_ffff
    };
    cpu.state.gpr[insn.reg[0] as usize & 15] = value;
    Ok(())
}

/// MOV DRn, r32/r64.
pub(crate) fn mov_to_dr(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let number = select(cpu, insn.reg[0])?;
    let value = cpu.state.gpr[insn.reg[1] as usize & 15];
    let value = if cpu.mode.long() {
        value
    } else {
        value & 0xffff_ffff
    };
    if number >= 6 && value >> 32 != 0 {
        return Err(Fault::GP0);
    }
    match number {
        6 => cpu.state.dr.dr6 = value & DR6_WRITABLE | DR6_ONES,
        7 => cpu.state.dr.dr7 = value & DR7_WRITABLE | 0x400,
        n => cpu.state.dr.addr[n as usize & 3] = value,
    }
    cpu.refresh_mode();
    Ok(())
}
