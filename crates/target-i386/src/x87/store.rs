//! FST(P), FIST(P), FISTTP, FBSTP. SDM vol. 1, 8.3.3.
//!
//! Memory is written before any state changes, so that a page fault leaves the instruction restartable.

use super::stack::sti;
use super::status::{conclude, enter, enter_register, point_memory, raise, stack_fault};
use crate::{Exec, Fault, Insn, Vcpu};
use softfloat::x87::{self, Ctx};
use softfloat::{F80, Flags, Rounding};

/// A memory format that ST(0) is stored in.
pub(super) trait Target {
    /// What is written.
    type Bits: Copy;
    /// The masked response to storing an empty register.
    const INDEFINITE: Self::Bits;
    /// Converts.
    fn convert(x: F80, ctx: &mut Ctx) -> Self::Bits;
    /// Writes the memory operand.
    fn write(cpu: &mut Vcpu, insn: &Insn, bits: Self::Bits) -> Result<(), Fault>;
}

macro_rules! target {
    ($($(#[$doc:meta])* $name:ident, $bits:ty, $indefinite:expr, |$x:ident, $ctx:ident| $convert:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;
        impl Target for $name {
            type Bits = $bits;
            const INDEFINITE: $bits = $indefinite;
            #[inline]
            fn convert($x: F80, $ctx: &mut Ctx) -> $bits {
                $convert
            }
            #[inline]
            fn write(cpu: &mut Vcpu, insn: &Insn, bits: $bits) -> Result<(), Fault> {
                cpu.write(insn.mem.seg, cpu.ea(insn), bits)
            }
        }
    )*};
}

target! {
    /// m32fp
    Single, u32, 0xffc0_0000, |x, ctx| x87::to_f32(x, ctx).0;
    /// m64fp
    Double, u64, 0xfff8 << 48, |x, ctx| x87::to_f64(x, ctx).0;
    /// m16int in the current direction
    Word, u16, 1 << 15, |x, ctx| x87::to_i16(x, ctx.rounding, ctx) as u16;
    /// m32int in the current direction
    Dword, u32, 1 << 31, |x, ctx| x87::to_i32(x, ctx.rounding, ctx) as u32;
    /// m64int in the current direction
    Qword, u64, 1 << 63, |x, ctx| x87::to_i64(x, ctx.rounding, ctx) as u64;
    /// m16int truncated
    TruncatedWord, u16, 1 << 15, |x, ctx| x87::to_i16(x, Rounding::Zero, ctx) as u16;
    /// m32int truncated
    TruncatedDword, u32, 1 << 31, |x, ctx| x87::to_i32(x, Rounding::Zero, ctx) as u32;
    /// m64int truncated
    TruncatedQword, u64, 1 << 63, |x, ctx| x87::to_i64(x, Rounding::Zero, ctx) as u64;
}

/// m80fp
pub(super) struct Extended;

impl Target for Extended {
    type Bits = F80;
    const INDEFINITE: F80 = F80::INDEFINITE;
    fn convert(x: F80, _: &mut Ctx) -> F80 {
        x
    }
    fn write(cpu: &mut Vcpu, insn: &Insn, x: F80) -> Result<(), Fault> {
        cpu.write_f80(insn.mem.seg, cpu.ea(insn), x.sig, x.sign_exp)
    }
}

/// m80bcd
pub(super) struct Decimal;

impl Target for Decimal {
    type Bits = [u8; 10];
    const INDEFINITE: [u8; 10] = [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];
    fn convert(x: F80, ctx: &mut Ctx) -> [u8; 10] {
        x87::to_packed_bcd(x, ctx)
    }
    fn write(cpu: &mut Vcpu, insn: &Insn, bytes: [u8; 10]) -> Result<(), Fault> {
        cpu.write_bytes(insn.mem.seg, cpu.ea(insn), &bytes)
    }
}

/// FST m32fp, FISTP m16int, …
pub(super) fn memory<T: Target, const POP: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let fpu = &cpu.state.fpu;
    let mut ctx = fpu.ctx();
    if fpu.is_empty(0) {
        let masked = fpu.masked(Flags::INVALID);
        if masked {
            T::write(cpu, insn, T::INDEFINITE)?;
        }
        point_memory(cpu, insn);
        stack_fault(cpu, false);
        if masked && POP {
            cpu.state.fpu.pop();
        }
        return Ok(());
    }
    let bits = T::convert(fpu.get(0), &mut ctx);
    if !ctx.store_refused() {
        T::write(cpu, insn, bits)?;
    }
    point_memory(cpu, insn);
    cpu.state.fpu.set_c1(ctx.rounded_up);
    raise(cpu, ctx.flags);
    if POP && !ctx.store_refused() {
        cpu.state.fpu.pop();
    }
    Ok(())
}

/// FST ST(i), FSTP ST(i)
pub(super) fn register<const POP: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let (fpu, i) = (&mut cpu.state.fpu, sti(insn));
    let value = if fpu.is_empty(0) {
        if !stack_fault(cpu, false) {
            return Ok(());
        }
        F80::INDEFINITE
    } else {
        let (value, ctx) = (fpu.get(0), fpu.ctx());
        conclude(cpu, &ctx);
        value
    };
    cpu.state.fpu.set(i, value);
    if POP {
        cpu.state.fpu.pop();
    }
    Ok(())
}

/// FSTPNCE ST(i) (D9 D8): as FSTP, but an empty ST(0) is popped without being stored.
pub(super) fn without_check(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter_register(cpu, insn)?;
    let (fpu, i) = (&mut cpu.state.fpu, sti(insn));
    if !fpu.is_empty(0) {
        let value = fpu.get(0);
        fpu.set(i, value);
    }
    fpu.set_c1(false);
    fpu.pop();
    Ok(())
}
