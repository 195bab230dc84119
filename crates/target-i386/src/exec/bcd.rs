//! AAA, AAS, AAD, AAM, DAA, DAS, SALC: not valid in 64-bit mode.
//! SDM vol. 1, 7.3.4. Undefined flags: OF clear for DAA/DAS; AAA/AAS leave SF, ZF, PF, OF of the result AL.

use crate::state::gpr::RAX;
use crate::{Exec, Fault, Handler, Insn, Vcpu, flags::bit};
use iced_x86::{Instruction, Mnemonic};

const AL: u8 = RAX as u8;
const AH: u8 = AL + crate::insn::HIGH_BYTE;

/// SF, ZF and PF of a byte; CF and AF as given; OF clear.
fn set_flags(cpu: &mut Vcpu, result: u8, cf: bool, af: bool) {
    let mut status = 0;
    for (on, mask) in [
        (cf, bit::CF),
        (af, bit::AF),
        (result == 0, bit::ZF),
        (result & 0x80 != 0, bit::SF),
        (result.count_ones() & 1 == 0, bit::PF),
    ] {
        if on {
            status |= mask;
        }
    }
    cpu.state.flags.set_status(status);
}

/// AAA (`SUBTRACT` false) and AAS.
fn ascii_adjust<const SUBTRACT: bool>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let ax = cpu.reg::<u16>(AL);
    let adjust = ax & 0xf > 9 || cpu.state.flags.af();
    let ax = match (adjust, SUBTRACT) {
        (false, _) => ax,
        (true, false) => ax.wrapping_add(0x106),
        (true, true) => ax.wrapping_sub(6).wrapping_sub(0x100),
    };
    let ax = ax & 0xff0f;
    cpu.set_reg(AL, ax);
    set_flags(cpu, ax as u8, adjust, adjust);
    Ok(())
}

fn aam(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let base = insn.imm as u8;
    let al = cpu.reg::<u8>(AL);
    let (Some(high), Some(low)) = (al.checked_div(base), al.checked_rem(base)) else {
        return Err(Fault::DE);
    };
    cpu.set_reg(AH, high);
    cpu.set_reg(AL, low);
    set_flags(cpu, low, false, false);
    Ok(())
}

fn aad(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let product = cpu.reg::<u8>(AH).wrapping_mul(insn.imm as u8);
    let al = cpu.reg::<u8>(AL).wrapping_add(product);
    cpu.set_reg(AL, u16::from(al));
    set_flags(cpu, al, false, false);
    Ok(())
}

/// DAA (`SUBTRACT` false) and DAS.
fn decimal_adjust<const SUBTRACT: bool>(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let old = cpu.reg::<u8>(AL);
    let old_cf = cpu.state.flags.cf();
    let low = old & 0xf > 9 || cpu.state.flags.af();
    let high = old > 0x99 || old_cf;
    let by = if low { 6 } else { 0 } + if high { 0x60 } else { 0 };
    let al = if SUBTRACT {
        old.wrapping_sub(by)
    } else {
        old.wrapping_add(by)
    };
    // DAS also carries when subtracting the 6 borrows.
    let cf = high || SUBTRACT && low && old < 6;
    cpu.set_reg(AL, al);
    set_flags(cpu, al, cf, low);
    Ok(())
}

fn salc(cpu: &mut Vcpu, _: &Insn) -> Exec {
    let value = if cpu.state.flags.cf() { 0xffu8 } else { 0 };
    cpu.set_reg(AL, value);
    Ok(())
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    Some(match raw.mnemonic() {
        Mnemonic::Aaa => ascii_adjust::<false>,
        Mnemonic::Aas => ascii_adjust::<true>,
        Mnemonic::Aam => aam,
        Mnemonic::Aad => aad,
        Mnemonic::Daa => decimal_adjust::<false>,
        Mnemonic::Das => decimal_adjust::<true>,
        Mnemonic::Salc => salc,
        _ => return None,
    })
}
