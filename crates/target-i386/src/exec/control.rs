//! Flag instructions: CLC, STC, CMC, CLD, STD, LAHF, SAHF, CLI, STI, PUSHF, POPF.
//! SDM vol. 1, 7.3.13; vol. 3B, 21.3 (virtual interrupts of VME and PVI).

use crate::flags::bit;
use crate::mem::Word;
use crate::state::{Shadow, gpr::RAX};
use crate::{Exec, Fault, Handler, Insn, Vcpu};
use iced_x86::{Code, Instruction, Mnemonic};

const CR4_VME: u64 = 1 << 0;
const CR4_PVI: u64 = 1 << 1;
const AH: u8 = RAX as u8 + crate::insn::HIGH_BYTE;

fn clc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    cpu.state.flags.set_cf(false);
    Ok(())
}

fn stc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    cpu.state.flags.set_cf(true);
    Ok(())
}

fn cmc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let cf = cpu.state.flags.cf();
    cpu.state.flags.set_cf(!cf);
    Ok(())
}

fn cld(cpu: &mut Vcpu, _: &Insn) -> Exec {
    cpu.state.flags.put(bit::DF, false);
    Ok(())
}

fn std(cpu: &mut Vcpu, _: &Insn) -> Exec {
    cpu.state.flags.put(bit::DF, true);
    Ok(())
}

fn lahf(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let flags = cpu.state.flags.get() as u8;
    cpu.set_reg(AH, flags);
    Ok(())
}

fn sahf(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let value = u64::from(cpu.reg::<u8>(AH));
    cpu.state
        .flags
        .merge(bit::SF | bit::ZF | bit::AF | bit::PF | bit::CF, value);
    Ok(())
}

fn iopl(cpu: &Vcpu) -> u8 {
    (cpu.state.flags.control() >> 12 & 3) as u8
}

/// The flag that CLI and STI act on: IF, or VIF where virtual interrupts stand in for it.
fn interrupt_flag(cpu: &Vcpu) -> Result<u64, Fault> {
    let mode = &cpu.mode;
    if mode.real() || cpu.state.cpl <= iopl(cpu) {
        return Ok(bit::IF);
    }
    let virtual_flag = if mode.v86 { CR4_VME } else { CR4_PVI };
    if cpu.state.cpl == 3 && cpu.state.cr4 & virtual_flag != 0 {
        Ok(bit::VIF)
    } else {
        Err(Fault::GP0)
    }
}

fn cli(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let flag = interrupt_flag(cpu)?;
    cpu.state.flags.put(flag, false);
    Ok(())
}

fn sti(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let flag = interrupt_flag(cpu)?;
    if flag == bit::VIF && cpu.state.flags.has(bit::VIP) {
        return Err(Fault::GP0);
    }
    if flag == bit::IF && !cpu.state.flags.has(bit::IF) {
        cpu.state.shadow = Shadow::Sti;
    }
    cpu.state.flags.put(flag, true);
    Ok(())
}

fn pushf<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let mut image = cpu.state.flags.get() & !(bit::RF | bit::VM);
    if cpu.mode.v86 && iopl(cpu) < 3 {
        if T::BITS != 16 || cpu.state.cr4 & CR4_VME == 0 {
            return Err(Fault::GP0);
        }
        let virtual_if = if image & bit::VIF != 0 { bit::IF } else { 0 };
        image = image & !bit::IF | virtual_if | bit::IOPL;
    }
    cpu.push(T::from_u64(image))
}

fn popf<T: Word>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let old = cpu.state.flags.get();
    // What every privilege may change; RF is cleared, VM, VIF and VIP stay.
    let mut mask = bit::STATUS | bit::TF | bit::DF | bit::NT | bit::AC | bit::ID;
    if cpu.mode.v86 && iopl(cpu) < 3 {
        return popf_virtual::<T>(cpu, mask);
    }
    if cpu.mode.real() || cpu.state.cpl == 0 {
        mask |= bit::IF | bit::IOPL;
    } else if cpu.state.cpl <= iopl(cpu) {
        mask |= bit::IF;
    }
    if T::BITS == 16 {
        mask &= 0xffff;
    } else {
        mask |= bit::RF;
    }
    let image = cpu.pop::<T>()?.zext() & !bit::RF;
    set(cpu, old, mask, image);
    Ok(())
}

/// POPF in virtual-8086 mode below IOPL 3: with VME, IF of the image goes to VIF.
fn popf_virtual<T: Word>(cpu: &mut Vcpu, mask: u64) -> Exec {
    if T::BITS != 16 || cpu.state.cr4 & CR4_VME == 0 {
        return Err(Fault::GP0);
    }
    let old = cpu.state.flags.get();
    let saved = cpu.state.gpr;
    let image = cpu.pop::<u16>()?.zext();
    if image & bit::TF != 0 || image & bit::IF != 0 && old & bit::VIP != 0 {
        cpu.state.gpr = saved;
        return Err(Fault::GP0);
    }
    let virtual_if = if image & bit::IF != 0 { bit::VIF } else { 0 };
    set(cpu, old, mask & 0xffff | bit::VIF, image | virtual_if);
    Ok(())
}

fn set(cpu: &mut Vcpu, old: u64, mask: u64, image: u64) {
    let new = old & !mask | image & mask;
    cpu.state.flags.set(new);
    if (old ^ new) & (bit::AC | bit::TF | bit::RF) != 0 {
        cpu.refresh_mode();
    }
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    Some(match raw.mnemonic() {
        Mnemonic::Clc => clc,
        Mnemonic::Stc => stc,
        Mnemonic::Cmc => cmc,
        Mnemonic::Cld => cld,
        Mnemonic::Std => std,
        Mnemonic::Lahf => lahf,
        Mnemonic::Sahf => sahf,
        Mnemonic::Cli => cli,
        Mnemonic::Sti => sti,
        _ => {
            return Some(match raw.code() {
                Code::Pushfw => pushf::<u16>,
                Code::Pushfd => pushf::<u32>,
                Code::Pushfq => pushf::<u64>,
                Code::Popfw => popf::<u16>,
                Code::Popfd => popf::<u32>,
                Code::Popfq => popf::<u64>,
                _ => return None,
            });
        }
    })
}
