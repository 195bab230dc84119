//! BT, BTS, BTR, BTC, BSF, BSR, LZCNT, TZCNT, POPCNT.
//! SDM vol. 1, 7.3.7. Flags the manual leaves undefined keep their values after BT
//! and its kin, and are clear after scans and counts.

use super::{Binary, binary, by_wide_size, operand_size};
use crate::flags::bit;
use crate::insn::InsnFlags;
use crate::mem::Word;
use crate::{Exec, Handler, Insn, Vcpu};
use iced_x86::{Instruction, Mnemonic, OpKind};

/// What BT and its kin do to the bit `mask` of `a`.
trait BitOp: 'static {
    const WRITES: bool = true;
    fn apply(a: u64, mask: u64) -> u64;
}

struct Test;
impl BitOp for Test {
    const WRITES: bool = false;
    fn apply(a: u64, _: u64) -> u64 {
        a
    }
}
struct Set;
impl BitOp for Set {
    #[inline(always)]
    fn apply(a: u64, mask: u64) -> u64 {
        a | mask
    }
}
struct Reset;
impl BitOp for Reset {
    #[inline(always)]
    fn apply(a: u64, mask: u64) -> u64 {
        a & !mask
    }
}
struct Complement;
impl BitOp for Complement {
    #[inline(always)]
    fn apply(a: u64, mask: u64) -> u64 {
        a ^ mask
    }
}

#[inline(always)]
fn on_register<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn, offset: u64) -> Exec {
    let mask = 1 << (offset as u32 % T::BITS);
    let a = cpu.reg::<T>(insn.reg[0]).zext();
    cpu.state.flags.set_cf(a & mask != 0);
    if O::WRITES {
        cpu.set_reg(insn.reg[0], T::from_u64(O::apply(a, mask)));
    }
    Ok(())
}

#[inline(always)]
fn on_memory<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn, at: u64, offset: u64) -> Exec {
    let mask = 1 << (offset as u32 % T::BITS);
    let old = if O::WRITES {
        let lock = insn.flags.contains(InsnFlags::LOCK);
        cpu.rmw::<T, _>(insn.mem.seg, at, lock, |a| {
            (T::from_u64(O::apply(a.zext(), mask)), a)
        })?
    } else {
        cpu.read::<T>(insn.mem.seg, at)?
    };
    cpu.state.flags.set_cf(old.zext() & mask != 0);
    Ok(())
}

fn bt_rr<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let offset = cpu.reg::<T>(insn.reg[1]).zext();
    on_register::<O, T>(cpu, insn, offset)
}

fn bt_ri<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    on_register::<O, T>(cpu, insn, insn.imm)
}

fn bt_mr<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    // The register's signed bit offset selects an operand far from the address given.
    let offset = cpu.reg::<T>(insn.reg[1]).sext() as i64;
    let unit = offset.div_euclid(i64::from(T::BITS));
    let mask = u64::MAX >> (insn.mem.trunc & 63);
    let at = cpu.ea(insn).wrapping_add((unit as u64).wrapping_mul(T::SIZE)) & mask;
    on_memory::<O, T>(cpu, insn, at, offset as u64)
}

fn bt_mi<O: BitOp, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let at = cpu.ea(insn);
    on_memory::<O, T>(cpu, insn, at, insn.imm)
}

fn select<O: BitOp>(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    Some(match binary(raw)? {
        Binary::RegReg => by_wide_size!(size, bt_rr::<O>),
        Binary::RegImm => by_wide_size!(size, bt_ri::<O>),
        Binary::MemReg => by_wide_size!(size, bt_mr::<O>),
        Binary::MemImm => by_wide_size!(size, bt_mi::<O>),
        Binary::RegMem => return None,
    })
}

/// Bit scans and counts.
trait Count: 'static {
    /// Result for `a`, given the old destination; sets flags.
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, old: u64) -> T;
}

/// ZF, and the other status flags clear.
#[inline(always)]
fn set_zf(cpu: &mut Vcpu, zf: bool) {
    cpu.state.flags.set_status(if zf { bit::ZF } else { 0 });
}

struct Bsf;
impl Count for Bsf {
    #[inline(always)]
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, old: u64) -> T {
        set_zf(cpu, a.zext() == 0);
        if a.zext() == 0 {
            T::from_u64(old)
        } else {
            T::from_u64(u64::from(a.zext().trailing_zeros()))
        }
    }
}

struct Bsr;
impl Count for Bsr {
    #[inline(always)]
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, old: u64) -> T {
        set_zf(cpu, a.zext() == 0);
        if a.zext() == 0 {
            T::from_u64(old)
        } else {
            T::from_u64(63 - u64::from(a.zext().leading_zeros()))
        }
    }
}

struct Tzcnt;
impl Count for Tzcnt {
    #[inline(always)]
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, _: u64) -> T {
        let count = a.zext().trailing_zeros().min(T::BITS);
        set_zf(cpu, count == 0);
        cpu.state.flags.set_cf(a.zext() == 0);
        T::from_u64(u64::from(count))
    }
}

struct Lzcnt;
impl Count for Lzcnt {
    #[inline(always)]
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, _: u64) -> T {
        let count = a.zext().leading_zeros() - (64 - T::BITS);
        set_zf(cpu, count == 0);
        cpu.state.flags.set_cf(a.zext() == 0);
        T::from_u64(u64::from(count))
    }
}

struct Popcnt;
impl Count for Popcnt {
    #[inline(always)]
    fn apply<T: Word>(cpu: &mut Vcpu, a: T, _: u64) -> T {
        let count = u64::from(a.zext().count_ones());
        set_zf(cpu, count == 0);
        T::from_u64(count)
    }
}

#[inline(always)]
fn finish<O: Count, T: Word>(cpu: &mut Vcpu, insn: &Insn, a: T, keeps: bool) -> Exec {
    let old = cpu.state.gpr[insn.reg[0] as usize & 15];
    let result = O::apply(cpu, a, old);
    // BSF and BSR of zero leave all 64 bits of the destination, of a 32-bit one too.
    if !(keeps && a.zext() == 0) {
        cpu.set_reg(insn.reg[0], result);
    }
    Ok(())
}

fn scan_r<O: Count, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.reg::<T>(insn.reg[1]);
    finish::<O, T>(cpu, insn, a, true)
}

fn scan_m<O: Count, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    finish::<O, T>(cpu, insn, a, true)
}

fn count_r<O: Count, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.reg::<T>(insn.reg[1]);
    finish::<O, T>(cpu, insn, a, false)
}

fn count_m<O: Count, T: Word>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let a = cpu.read::<T>(insn.mem.seg, cpu.ea(insn))?;
    finish::<O, T>(cpu, insn, a, false)
}

pub(super) fn lookup(raw: &Instruction) -> Option<Handler> {
    let size = operand_size(raw);
    let register = raw.op1_kind() == OpKind::Register;
    Some(match (raw.mnemonic(), register) {
        (Mnemonic::Bt, _) => return select::<Test>(raw),
        (Mnemonic::Bts, _) => return select::<Set>(raw),
        (Mnemonic::Btr, _) => return select::<Reset>(raw),
        (Mnemonic::Btc, _) => return select::<Complement>(raw),
        (Mnemonic::Bsf, true) => by_wide_size!(size, scan_r::<Bsf>),
        (Mnemonic::Bsf, false) => by_wide_size!(size, scan_m::<Bsf>),
        (Mnemonic::Bsr, true) => by_wide_size!(size, scan_r::<Bsr>),
        (Mnemonic::Bsr, false) => by_wide_size!(size, scan_m::<Bsr>),
        (Mnemonic::Tzcnt, true) => by_wide_size!(size, count_r::<Tzcnt>),
        (Mnemonic::Tzcnt, false) => by_wide_size!(size, count_m::<Tzcnt>),
        (Mnemonic::Lzcnt, true) => by_wide_size!(size, count_r::<Lzcnt>),
        (Mnemonic::Lzcnt, false) => by_wide_size!(size, count_m::<Lzcnt>),
        (Mnemonic::Popcnt, true) => by_wide_size!(size, count_r::<Popcnt>),
        (Mnemonic::Popcnt, false) => by_wide_size!(size, count_m::<Popcnt>),
        _ => return None,
    })
}
