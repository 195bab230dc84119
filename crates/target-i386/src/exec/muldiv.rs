//! MUL, IMUL, DIV, IDIV.
//!
//! Flags that the SDM leaves undefined: after a multiplication SF, ZF, PF and AF are clear, so that no engine needs
//! what was there before; after a division all six keep their values (AMD). SDM vol. 1, 7.3.2.4.

use super::{by_size, by_wide_size, is_immediate, operand_size};
use crate::flags::bit;
use crate::mem::Word;
use crate::state::gpr::{RAX, RDX};
use crate::{Exec, Fault, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// Stores the double-width product: AX, or (E/R)DX:(E/R)AX.
#[inline(always)]
fn set_wide<T: Word>(cpu: &mut Vcpu, value: u128) {
    if T::BITS == 8 {
        cpu.set_reg(RAX as u8, value as u16);
    } else {
        cpu.set_reg(RAX as u8, T::from_u64(value as u64));
        cpu.set_reg(RDX as u8, T::from_u64((value >> T::BITS) as u64));
    }
}

/// AX, or (E/R)DX:(E/R)AX.
#[inline(always)]
fn wide<T: Word>(cpu: &Vcpu) -> u128 {
    if T::BITS == 8 {
        u128::from(cpu.reg::<u16>(RAX as u8))
    } else {
        u128::from(cpu.reg::<T>(RAX as u8).zext()) | u128::from(cpu.reg::<T>(RDX as u8).zext()) << T::BITS
    }
}

#[inline(always)]
fn mul<T: Word>(cpu: &mut Vcpu, b: T) {
    let product = u128::from(cpu.reg::<T>(RAX as u8).zext()) * u128::from(b.zext());
    set_wide::<T>(cpu, product);
    let high = product >> T::BITS != 0;
    set_overflow(cpu, high);
}

#[inline(always)]
fn imul<T: Word>(cpu: &mut Vcpu, b: T) {
    let a = cpu.reg::<T>(RAX as u8);
    let product = signed(a) * signed(b);
    set_wide::<T>(cpu, product as u128);
    set_overflow(cpu, exceeds::<T>(product));
}

#[inline(always)]
fn signed<T: Word>(value: T) -> i128 {
    i128::from(value.sext() as i64)
}

#[inline(always)]
fn exceeds<T: Word>(product: i128) -> bool {
    signed(T::from_u64(product as u64)) != product
}

#[inline(always)]
fn set_overflow(cpu: &mut Vcpu, over: bool) {
    cpu.state
        .flags
        .set_status(if over { bit::CF | bit::OF } else { 0 });
}

#[inline(always)]
fn div<T: Word>(cpu: &mut Vcpu, b: T) -> Exec {
    let divisor = u128::from(b.zext());
    let dividend = wide::<T>(cpu);
    if divisor == 0 {
        return Err(Fault::DE);
    }
    // Narrow division where it fits: the 128-bit one is a call.
    let (quotient, remainder) = if dividend >> 64 == 0 {
        let (n, d) = (dividend as u64, divisor as u64);
        (u128::from(n / d), n % d)
    } else {
        (dividend / divisor, (dividend % divisor) as u64)
    };
    if quotient >> T::BITS != 0 {
        return Err(Fault::DE);
    }
    set_quotient(cpu, T::from_u64(quotient as u64), T::from_u64(remainder));
    Ok(())
}

#[inline(always)]
fn idiv<T: Word>(cpu: &mut Vcpu, b: T) -> Exec {
    let divisor = signed(b);
    // Twice the operand's width, sign-extended to 128 bits.
    let unused = 128 - 2 * T::BITS;
    let dividend = (wide::<T>(cpu) << unused) as i128 >> unused;
    let (Some(quotient), Some(remainder)) = (dividend.checked_div(divisor), dividend.checked_rem(divisor))
    else {
        return Err(Fault::DE);
    };
    let result = T::from_u64(quotient as u64);
    if signed(result) != quotient {
        return Err(Fault::DE);
    }
    set_quotient(cpu, result, T::from_u64(remainder as u64));
    Ok(())
}

#[inline(always)]
fn set_quotient<T: Word>(cpu: &mut Vcpu, quotient: T, remainder: T) {
    if T::BITS == 8 {
        cpu.set_reg(RAX as u8, (quotient.zext() | remainder.zext() << 8) as u16);
    } else {
        cpu.set_reg(RAX as u8, quotient);
        cpu.set_reg(RDX as u8, remainder);
    }
}

macro_rules! forms {
    ($($r:ident $m:ident $op:ident;)*) => { $(
        fn $r<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
            let b = cpu.reg::<T>(insn.reg[0]);
            let _: () = $op(cpu, b).done()?;
            Ok(())
        }
        fn $m<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
            let b = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
            let _: () = $op(cpu, b).done()?;
            Ok(())
        }
    )* };
}

/// Lets multiplications, which cannot fail, share the forms of divisions.
trait Done {
    fn done(self) -> Exec;
}
impl Done for () {
    #[inline(always)]
    fn done(self) -> Exec {
        Ok(())
    }
}
impl Done for Exec {
    #[inline(always)]
    fn done(self) -> Exec {
        self
    }
}

forms! {
    mul_r mul_m mul;
    imul_r imul_m imul;
    div_r div_m div;
    idiv_r idiv_m idiv;
}

#[inline(always)]
fn product<T: Word>(cpu: &mut Vcpu, insn: &Insn, a: T, b: T) -> Exec {
    let product = signed(a) * signed(b);
    cpu.set_reg(insn.reg[0], T::from_u64(product as u64));
    set_overflow(cpu, exceeds::<T>(product));
    Ok(())
}

fn imul_rr<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (a, b) = (cpu.reg::<T>(insn.reg[0]), cpu.reg::<T>(insn.reg[1]));
    product(cpu, insn, a, b)
}

fn imul_rm<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let b = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    let a = cpu.reg::<T>(insn.reg[0]);
    product(cpu, insn, a, b)
}

fn imul_rri<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.reg::<T>(insn.reg[1]);
    product(cpu, insn, a, T::from_u64(insn.imm))
}

fn imul_rmi<T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    product(cpu, insn, a, T::from_u64(insn.imm))
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    let memory = raw.op0_kind() == OpKind::Memory;
    Some(match (raw.mnemonic(), raw.op_count(), memory) {
        (Mnemonic::Mul, _, false) => by_size!(size, mul_r),
        (Mnemonic::Mul, _, true) => by_size!(size, mul_m),
        (Mnemonic::Div, _, false) => by_size!(size, div_r),
        (Mnemonic::Div, _, true) => by_size!(size, div_m),
        (Mnemonic::Idiv, _, false) => by_size!(size, idiv_r),
        (Mnemonic::Idiv, _, true) => by_size!(size, idiv_m),
        (Mnemonic::Imul, 1, false) => by_size!(size, imul_r),
        (Mnemonic::Imul, 1, true) => by_size!(size, imul_m),
        (Mnemonic::Imul, 2, _) if raw.op1_kind() == OpKind::Memory => by_wide_size!(size, imul_rm),
        (Mnemonic::Imul, 2, _) => by_wide_size!(size, imul_rr),
        (Mnemonic::Imul, _, _) if raw.op1_kind() == OpKind::Memory => by_wide_size!(size, imul_rmi),
        (Mnemonic::Imul, _, _) if is_immediate(raw.op2_kind()) => by_wide_size!(size, imul_rri),
        _ => return None,
    })
}
