//! The stack and near control transfers, as instructions of every kind use them.

use super::{Word, canonical};
use crate::insn::seg;
use crate::state::gpr::RSP;
use crate::{Exec, Fault, Vcpu};

impl Vcpu {
    /// General register `n` at operand size `T` (bytes 16..=19: AH, CH, DH, BH).
    #[inline(always)]
    pub fn reg<T: Word>(&self, n: u8) -> T {
        T::read_reg(&self.state.gpr, n)
    }

    /// Writes general register `n`: bytes and words merge, doublewords zero-extend.
    #[inline(always)]
    pub fn set_reg<T: Word>(&mut self, n: u8, value: T) {
        value.write_reg(&mut self.state.gpr, n);
    }

    /// RSP, ESP or SP, as the stack size says.
    #[inline(always)]
    pub fn sp(&self) -> u64 {
        self.state.gpr[RSP] & self.mode.stack_mask
    }

    /// Writes RSP, ESP or SP; a 16-bit stack keeps the upper bits.
    #[inline(always)]
    pub fn set_sp(&mut self, value: u64) {
        let mask = self.mode.stack_mask;
        let keep = if mask == 0xffff { !0xffff } else { 0 };
        self.state.gpr[RSP] = self.state.gpr[RSP] & keep | value & mask;
    }

    /// Pushes a value; RSP changes only if the write succeeded.
    ///
    /// # Errors
    /// #SS(0), #PF, #AC.
    #[inline(always)]
    pub fn push<T: Word>(&mut self, value: T) -> Exec {
        let sp = self.sp().wrapping_sub(T::SIZE) & self.mode.stack_mask;
        self.write(seg::SS, sp, value)?;
        self.set_sp(sp);
        Ok(())
    }

    /// Pops a value.
    ///
    /// # Errors
    /// #SS(0), #PF, #AC.
    #[inline(always)]
    pub fn pop<T: Word>(&mut self) -> Result<T, Fault> {
        let sp = self.sp();
        let value = self.read(seg::SS, sp)?;
        self.set_sp(sp.wrapping_add(T::SIZE));
        Ok(value)
    }

    /// Checks a near-branch target.
    ///
    /// # Errors
    /// #GP(0): beyond CS's limit, or not canonical.
    #[inline(always)]
    pub fn check_target(&self, target: u64) -> Exec {
        let good = if self.mode.long() {
            canonical(target)
        } else {
            self.mode.flat_code || target <= u64::from(self.state.seg[seg::CS as usize].limit)
        };
        if good { Ok(()) } else { Err(Fault::GP0) }
    }

    /// Jumps within CS.
    ///
    /// # Errors
    /// As [`Vcpu::check_target`].
    #[inline(always)]
    pub fn jump(&mut self, target: u64) -> Exec {
        self.check_target(target)?;
        self.state.rip = target;
        Ok(())
    }
}
