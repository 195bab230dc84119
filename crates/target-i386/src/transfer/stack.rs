//! A stack that a transfer or an event pushes on before it becomes the CPU's own, and where rings keep theirs.
//! SDM vol. 3A, 6.8.5 (stack switching), 8.2.1 and 8.7 (TSS).

use crate::insn::seg;
use crate::mem::{Privilege, canonical};
use crate::segment::descriptor::kind;
use crate::state::{Segment, gpr::RSP};
use crate::{Exec, Fault, Vcpu, Vector};
use softmmu::tlb::Access;

/// A stack being filled.
pub(crate) struct Stack {
    /// Its segment (unused in 64-bit mode but for loading SS).
    pub ss: Segment,
    /// Stack pointer within `mask`.
    pub sp: u64,
    mask: u64,
    privilege: Privilege,
    fault: Fault,
}

impl Stack {
    /// The stack `ss`:`sp` of a legacy-mode ring `cpl`; `fault` when it has no room.
    pub fn legacy(ss: Segment, sp: u64, cpl: u8, fault: Fault) -> Self {
        let mask = if ss.attr & Segment::DB != 0 {
            0xffff_ffff
        } else {
            0xffff
        };
        Self {
            ss,
            sp: sp & mask,
            mask,
            privilege: rights(cpl),
            fault,
        }
    }

    /// A 64-bit stack.
    pub fn long(ss: Segment, sp: u64, cpl: u8, fault: Fault) -> Self {
        Self {
            ss,
            sp,
            mask: u64::MAX,
            privilege: rights(cpl),
            fault,
        }
    }

    /// The CPU's present stack.
    pub fn current(cpu: &Vcpu) -> Self {
        let privilege = if cpu.state.cpl == 3 {
            Privilege::User
        } else {
            Privilege::Current
        };
        let ss = cpu.state.seg[seg::SS as usize];
        Self {
            ss,
            sp: cpu.sp(),
            mask: cpu.mode.stack_mask,
            privilege,
            fault: Fault::SS0,
        }
    }

    fn long_mode(&self) -> bool {
        self.mask == u64::MAX
    }

    /// The linear address of `size` bytes at `sp`. Errors: the stack's fault.
    fn address(&self, sp: u64, size: u64) -> Result<u64, Fault> {
        if self.long_mode() {
            return if canonical(sp) && canonical(sp.wrapping_add(size - 1)) {
                Ok(sp)
            } else {
                Err(self.fault)
            };
        }
        let (limit, last) = (u64::from(self.ss.limit), sp + size - 1);
        let inside = if self.ss.attr & (Segment::CODE | Segment::DC) == Segment::DC {
            sp > limit && last <= self.mask
        } else {
            last <= limit
        };
        if inside {
            Ok(self.ss.base.wrapping_add(sp) & 0xffff_ffff)
        } else {
            Err(self.fault)
        }
    }

    /// Pushes the low `size` bytes (2, 4 or 8) of `value`.
    pub fn push(&mut self, cpu: &mut Vcpu, size: u64, value: u64) -> Exec {
        let sp = self.sp.wrapping_sub(size) & self.mask;
        let at = self.address(sp, size)?;
        match size {
            2 => cpu.write_linear(at, self.privilege, value as u16)?,
            4 => cpu.write_linear(at, self.privilege, value as u32)?,
            _ => cpu.write_linear(at, self.privilege, value)?,
        }
        cpu.watch(at, size, Access::Write);
        self.sp = sp;
        Ok(())
    }

    /// Reads `size` bytes, `skip` bytes above the pointer, zero-extended.
    pub fn peek(&self, cpu: &mut Vcpu, size: u64, skip: u64) -> Result<u64, Fault> {
        let sp = self.sp.wrapping_add(skip) & self.mask;
        let at = self.address(sp, size)?;
        let value = match size {
            2 => u64::from(cpu.read_linear::<u16>(at, self.privilege)?),
            4 => u64::from(cpu.read_linear::<u32>(at, self.privilege)?),
            _ => cpu.read_linear::<u64>(at, self.privilege)?,
        };
        cpu.watch(at, size, Access::Read);
        Ok(value)
    }

    /// Moves the pointer up without reading.
    pub fn drop_bytes(&mut self, count: u64) {
        self.sp = self.sp.wrapping_add(count) & self.mask;
    }

    /// Makes the pointer the CPU's RSP; a 16-bit stack leaves the upper bits.
    pub fn commit_pointer(&self, cpu: &mut Vcpu) {
        let keep = if self.mask == 0xffff { !0xffff } else { 0 };
        cpu.state.gpr[RSP] = cpu.state.gpr[RSP] & keep | self.sp;
    }
}

fn rights(cpl: u8) -> Privilege {
    if cpl == 3 {
        Privilege::User
    } else {
        Privilege::System
    }
}

/// Reads SSn:ESPn of ring `level` from the TSS. Errors: #TS(TR) beyond its limit, #PF.
pub(crate) fn ring_stack(cpu: &mut Vcpu, level: u8) -> Result<(u16, u64), Fault> {
    let tr = cpu.state.tr;
    let n = u64::from(level);
    let wide = !matches!(tr.kind(), kind::TSS16 | kind::TSS16_BUSY);
    let (at, last) = if wide {
        (4 + 8 * n, 4 + 8 * n + 5)
    } else {
        (2 + 4 * n, 2 + 4 * n + 3)
    };
    if last > u64::from(tr.limit) {
        return Err(Fault::with_code(Vector::Ts, tr.selector & !3));
    }
    let at = tr.base.wrapping_add(at) & 0xffff_ffff;
    if wide {
        let sp = cpu.read_linear::<u32>(at, Privilege::System)?;
        Ok((
            cpu.read_linear(at.wrapping_add(4) & 0xffff_ffff, Privilege::System)?,
            u64::from(sp),
        ))
    } else {
        let sp = cpu.read_linear::<u16>(at, Privilege::System)?;
        Ok((
            cpu.read_linear(at.wrapping_add(2) & 0xffff_ffff, Privilege::System)?,
            u64::from(sp),
        ))
    }
}

/// Reads RSPn (`ist` 0) or ISTn from the 64-bit TSS. Errors: #TS(TR) beyond its limit, #SS(0) if not canonical, #PF.
pub(crate) fn long_stack(cpu: &mut Vcpu, level: u8, ist: u8) -> Result<u64, Fault> {
    let tr = cpu.state.tr;
    let at = if ist != 0 {
        36 + 8 * (u64::from(ist) - 1)
    } else {
        4 + 8 * u64::from(level)
    };
    if at + 7 > u64::from(tr.limit) {
        return Err(Fault::with_code(Vector::Ts, tr.selector & !3));
    }
    let sp = cpu.read_linear::<u64>(tr.base.wrapping_add(at), Privilege::System)?;
    if canonical(sp) { Ok(sp) } else { Err(Fault::SS0) }
}
