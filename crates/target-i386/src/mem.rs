//! Guest memory as instructions see it: segment and offset, then linear address, then TLB.
//!
//! `read`/`write`/`rmw` check the segment (limit, type, canonical form) and go through the TLB with the current
//! privilege; `*_linear` take a linear address and an explicit [`Privilege`], for descriptor tables, TSS and
//! stack switches, which the CPU accesses as supervisor whatever CPL is.
//! An access that spans two pages checks both before it writes either byte. An access that reaches a device
//! publishes the exact instruction count first and makes the run loop leave the block after this instruction.
//! SDM vol. 3A, 5.3 (limits) and 3.3.7.1 (canonical form).

mod linear;
mod operand;
mod stack;

pub use operand::{Operand, Word};

use crate::insn::{RIP_BASE, seg};
use crate::mode::check;
use crate::state::Segment;
use crate::{Fault, Insn, Vcpu, Vector};
use softmmu::{Access, GuestVirt};

/// With whose rights a linear access is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The current privilege level's: user at CPL 3.
    Current,
    /// Implicit supervisor access (GDT, LDT, IDT, TSS, stacks of inner rings); SMAP applies whatever AC says.
    System,
    /// User rights whatever CPL is.
    User,
}

/// Whether bits 63..=47 are all equal (SDM vol. 1, 3.3.7.1; no LA57).
#[inline(always)]
pub const fn canonical(addr: u64) -> bool {
    (((addr << 16) as i64) >> 16) as u64 == addr
}

impl Vcpu {
    /// The offset of the memory operand: base + index * scale + displacement, truncated to the address size.
    #[inline(always)]
    pub fn ea(&self, insn: &Insn) -> u64 {
        let mem = &insn.mem;
        let gpr = &self.state.gpr;
        let base = if mem.base == RIP_BASE {
            self.state.rip
        } else {
            gpr[mem.base as usize & 31]
        };
        let index = gpr[mem.index as usize & 31] << (mem.shift & 3);
        base.wrapping_add(index).wrapping_add(mem.disp as i64 as u64) & (u64::MAX >> (mem.trunc & 63))
    }

    /// The linear address of `seg:offset`, without any check.
    #[inline(always)]
    pub fn linear(&self, seg: u8, offset: u64) -> u64 {
        self.fast_seg[seg as usize & 7].base.wrapping_add(offset) & self.mode.linear_mask
    }

    /// Checks `len` bytes at `seg:offset` against the segment and gives the linear address.
    ///
    /// # Errors
    /// #SS(0) through SS, else #GP(0): beyond the limit, wrong type, unusable, or not canonical.
    pub fn checked_linear(&self, seg: u8, offset: u64, len: u64, write: bool) -> Result<u64, Fault> {
        let addr = self.linear(seg, offset);
        let fault = if seg == seg::SS { Fault::SS0 } else { Fault::GP0 };
        if self.mode.long() {
            let last = addr.wrapping_add(len.wrapping_sub(1));
            return if canonical(addr) && canonical(last) {
                Ok(addr)
            } else {
                Err(fault)
            };
        }
        let s = &self.state.seg[seg as usize % 6];
        let real_like = !self.mode.protected || self.mode.v86;
        if !real_like {
            let code = s.attr & Segment::CODE != 0;
            let readable = !code || s.attr & Segment::RW != 0;
            let writable = !code && s.attr & Segment::RW != 0;
            if !s.present() || !(if write { writable } else { readable }) {
                return Err(if s.present() { Fault::GP0 } else { fault });
            }
        }
        let last = offset.wrapping_add(len.wrapping_sub(1));
        let inside = if s.attr & (Segment::CODE | Segment::DC) == Segment::DC {
            let top = if s.attr & Segment::DB != 0 {
                0xffff_ffff
            } else {
                0xffff
            };
            offset > u64::from(s.limit) && last <= top && last >= offset
        } else {
            last <= u64::from(s.limit) && last >= offset
        };
        if inside { Ok(addr) } else { Err(fault) }
    }

    /// Reads an operand.
    ///
    /// # Errors
    /// #GP(0) or #SS(0) from the segment, #PF, #AC.
    #[inline(always)]
    pub fn read<T: Operand>(&mut self, seg: u8, offset: u64) -> Result<T, Fault> {
        let fast = self.fast_seg[seg as usize & 7];
        let addr = fast.base.wrapping_add(offset) & self.mode.linear_mask;
        if fast.check & check::READ == 0
            && let Some(value) = self.tlb.load::<T>(self.mode.mmu, GuestVirt(addr))
        {
            return Ok(value);
        }
        self.read_checked(seg, offset)
    }

    /// Writes an operand.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    #[inline(always)]
    pub fn write<T: Operand>(&mut self, seg: u8, offset: u64, value: T) -> Result<(), Fault> {
        let fast = self.fast_seg[seg as usize & 7];
        let addr = fast.base.wrapping_add(offset) & self.mode.linear_mask;
        if fast.check & check::WRITE == 0
            && let Some(()) = self.tlb.store::<T>(self.mode.mmu, GuestVirt(addr), value)
        {
            return Ok(());
        }
        self.write_checked(seg, offset, value)
    }

    #[cold]
    #[inline(never)]
    fn read_checked<T: Operand>(&mut self, seg: u8, offset: u64) -> Result<T, Fault> {
        let addr = self.checked_linear(seg, offset, T::SIZE, false)?;
        self.check_alignment(addr, T::ALIGN)?;
        let value = self.read_linear(addr, Privilege::Current)?;
        self.watch(addr, T::SIZE, Access::Read);
        Ok(value)
    }

    #[cold]
    #[inline(never)]
    fn write_checked<T: Operand>(&mut self, seg: u8, offset: u64, value: T) -> Result<(), Fault> {
        let addr = self.checked_linear(seg, offset, T::SIZE, true)?;
        self.check_alignment(addr, T::ALIGN)?;
        self.write_linear(addr, Privilege::Current, value)?;
        self.watch(addr, T::SIZE, Access::Write);
        Ok(())
    }

    /// #AC(0) for a misaligned user access with CR0.AM and RFLAGS.AC set; before any page fault, as on AMD.
    pub(crate) fn check_alignment(&self, addr: u64, align: u64) -> Result<(), Fault> {
        if !self.mode.align_check || addr & (align - 1) == 0 {
            return Ok(());
        }
        Err(Fault::with_code(Vector::Ac, 0))
    }

    /// Reads, computes and writes back. `f` gets the old value and gives the new one and a result; it must have
    /// no effect of its own, since it may run more than once. With `lock` the exchange is atomic towards other
    /// vCPUs and devices. The operand is known to be writable before anything is read.
    ///
    /// # Errors
    /// As a write: #PF has W set.
    #[inline(always)]
    pub fn rmw<T: Operand, R>(
        &mut self,
        seg: u8,
        offset: u64,
        lock: bool,
        mut f: impl FnMut(T) -> (T, R),
    ) -> Result<R, Fault> {
        let fast = self.fast_seg[seg as usize & 7];
        let addr = GuestVirt(fast.base.wrapping_add(offset) & self.mode.linear_mask);
        if fast.check == 0 {
            let mmu = self.mode.mmu;
            if !lock {
                if let Some(old) = self.tlb.load::<T>(mmu, addr) {
                    let (new, result) = f(old);
                    if let Some(()) = self.tlb.store(mmu, addr, new) {
                        return Ok(result);
                    }
                }
            } else {
                while let Some(old) = self.tlb.load::<T>(mmu, addr) {
                    let (new, result) = f(old);
                    match self.tlb.cas(mmu, addr, old, new) {
                        Some(Ok(_)) => return Ok(result),
                        Some(Err(_)) => {}
                        None => break,
                    }
                }
            }
        }
        self.rmw_checked(seg, offset, lock, f)
    }

    #[cold]
    #[inline(never)]
    fn rmw_checked<T: Operand, R>(
        &mut self,
        seg: u8,
        offset: u64,
        lock: bool,
        f: impl FnMut(T) -> (T, R),
    ) -> Result<R, Fault> {
        let addr = self.checked_linear(seg, offset, T::SIZE, true)?;
        if !self.mode.long() {
            self.checked_linear(seg, offset, T::SIZE, false)?;
        }
        self.check_alignment(addr, T::ALIGN)?;
        let result = self.rmw_linear(addr, Privilege::Current, lock, f)?;
        self.watch(addr, T::SIZE, Access::Write);
        Ok(result)
    }

    /// Checks that `len` bytes (up to a page) at `seg:offset` can be written.
    ///
    /// # Errors
    /// What the write would raise.
    pub fn probe_write(&mut self, seg: u8, offset: u64, len: u64) -> Result<(), Fault> {
        let addr = self.checked_linear(seg, offset, len, true)?;
        self.probe_linear(addr, len, Access::Write, Privilege::Current)
    }

    /// Checks that `len` bytes (up to a page) at `seg:offset` can be read.
    ///
    /// # Errors
    /// What the read would raise.
    pub fn probe_read(&mut self, seg: u8, offset: u64, len: u64) -> Result<(), Fault> {
        let addr = self.checked_linear(seg, offset, len, false)?;
        self.probe_linear(addr, len, Access::Read, Privilege::Current)
    }

    /// Reads 16 bytes, lowest lane first; no alignment asked for (see [`Vcpu::aligned`]).
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    #[inline(always)]
    pub fn read_u128(&mut self, seg: u8, offset: u64) -> Result<[u64; 2], Fault> {
        self.read::<u128>(seg, offset)
            .map(|v| [v as u64, (v >> 64) as u64])
    }

    /// Writes 16 bytes.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    #[inline(always)]
    pub fn write_u128(&mut self, seg: u8, offset: u64, value: [u64; 2]) -> Result<(), Fault> {
        self.write(seg, offset, u128::from(value[0]) | u128::from(value[1]) << 64)
    }

    /// Reads 32 bytes, lowest lane first.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    #[inline(always)]
    pub fn read_u256(&mut self, seg: u8, offset: u64) -> Result<[u64; 4], Fault> {
        let v = self.read::<[u128; 2]>(seg, offset)?;
        Ok([v[0] as u64, (v[0] >> 64) as u64, v[1] as u64, (v[1] >> 64) as u64])
    }

    /// Writes 32 bytes.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    #[inline(always)]
    pub fn write_u256(&mut self, seg: u8, offset: u64, value: [u64; 4]) -> Result<(), Fault> {
        let half = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        self.write(seg, offset, [half(value[0], value[1]), half(value[2], value[3])])
    }

    /// #GP(0) unless the linear address of `seg:offset` is a multiple of `align` (MOVAPS, CMPXCHG16B, FXSAVE).
    ///
    /// # Errors
    /// #GP(0).
    #[inline(always)]
    pub fn aligned(&self, seg: u8, offset: u64, align: u64) -> Result<(), Fault> {
        if self.linear(seg, offset) & (align - 1) == 0 {
            Ok(())
        } else {
            Err(Fault::GP0)
        }
    }

    /// Reads an 80-bit extended value: significand, then sign and exponent.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    pub fn read_f80(&mut self, seg: u8, offset: u64) -> Result<(u64, u16), Fault> {
        let mut bytes = [0; 10];
        self.read_bytes(seg, offset, &mut bytes)?;
        let (low, high) = (bytes[..8].try_into(), bytes[8..].try_into());
        Ok((
            u64::from_le_bytes(low.unwrap_or_default()),
            u16::from_le_bytes(high.unwrap_or_default()),
        ))
    }

    /// Writes an 80-bit extended value, all ten bytes or none.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    pub fn write_f80(
        &mut self,
        seg: u8,
        offset: u64,
        significand: u64,
        sign_exponent: u16,
    ) -> Result<(), Fault> {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&significand.to_le_bytes());
        bytes[8..].copy_from_slice(&sign_exponent.to_le_bytes());
        self.write_bytes(seg, offset, &bytes)
    }

    /// Reads up to a page of bytes.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    pub fn read_bytes(&mut self, seg: u8, offset: u64, to: &mut [u8]) -> Result<(), Fault> {
        let len = to.len() as u64;
        let addr = self.checked_linear(seg, offset, len, false)?;
        self.read_bytes_linear(addr, Privilege::Current, to)?;
        self.watch(addr, len, Access::Read);
        Ok(())
    }

    /// Writes up to a page of bytes: all or none.
    ///
    /// # Errors
    /// As [`Vcpu::read`].
    pub fn write_bytes(&mut self, seg: u8, offset: u64, from: &[u8]) -> Result<(), Fault> {
        let len = from.len() as u64;
        let addr = self.checked_linear(seg, offset, len, true)?;
        self.write_bytes_linear(addr, Privilege::Current, from)?;
        self.watch(addr, len, Access::Write);
        Ok(())
    }

    /// Notes data breakpoints that an access hits, for [`crate::debug`] to report after the instruction.
    #[inline(always)]
    pub(crate) fn watch(&mut self, addr: u64, len: u64, access: Access) {
        if self.state.dr.dr7 & 0xff != 0 {
            crate::debug::watch(self, addr, len, access);
        }
    }
}
