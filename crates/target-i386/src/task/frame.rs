//! The task-state segment as a row of fields, 16-bit and 32-bit.
//! SDM vol. 3A, 8.2.1 and 8.6.

use crate::mem::Privilege;
use crate::{Exec, Fault, Vcpu};

/// A task's registers.
pub(super) struct Frame {
    pub cr3: u64,
    pub ip: u64,
    pub flags: u64,
    pub gpr: [u64; 8],
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [u16; 6],
    pub ldt: u16,
    /// T: #DB on entry.
    pub trap: bool,
}

/// Bytes of a TSS that a switch needs.
pub(super) const fn size(wide: bool) -> u64 {
    if wide { 104 } else { 44 }
}

/// Offset of the instruction pointer, which starts the dynamic fields, and one past the last segment selector.
const fn dynamic(wide: bool) -> (u64, u64) {
    if wide { (0x20, 0x60) } else { (0x0e, 0x2a) }
}

impl Frame {
    /// Reads the TSS at `base`. Errors: #PF.
    pub fn read(cpu: &mut Vcpu, base: u64, wide: bool) -> Result<Self, Fault> {
        let word = |cpu: &mut Vcpu, at: u64| {
            cpu.read_linear::<u16>(base.wrapping_add(at) & 0xffff_ffff, Privilege::System)
        };
        let field = |cpu: &mut Vcpu, at: u64| {
            let at = base.wrapping_add(at) & 0xffff_ffff;
            if wide {
                cpu.read_linear::<u32>(at, Privilege::System).map(u64::from)
            } else {
                // The upper halves of a 16-bit task's registers are ones.
                cpu.read_linear::<u16>(at, Privilege::System)
                    .map(|v| 0xffff_0000 | u64::from(v))
            }
        };
        let (start, step) = if wide { (0x20, 4) } else { (0x0e, 2) };
        let narrow = |value: u64| if wide { value } else { value & 0xffff };
        let ip = narrow(field(cpu, start)?);
        let flags = narrow(field(cpu, start + step)?);
        let mut gpr = [0; 8];
        for (n, value) in gpr.iter_mut().enumerate() {
            *value = field(cpu, start + step * (2 + n as u64))?;
        }
        let mut segments = [0; 6];
        let count = if wide { 6 } else { 4 };
        for (n, selector) in segments[..count].iter_mut().enumerate() {
            *selector = word(cpu, start + step * (10 + n as u64))?;
        }
        let (ldt_at, cr3, trap) = if wide {
            (0x60, field(cpu, 0x1c)?, word(cpu, 0x64)? & 1 != 0)
        } else {
            (0x2a, 0, false)
        };
        Ok(Self {
            cr3,
            ip,
            flags,
            gpr,
            segments,
            ldt: word(cpu, ldt_at)?,
            trap,
        })
    }
}

/// Makes sure that [`save`] will not fault. Errors: #PF.
pub(super) fn probe_save_area(cpu: &mut Vcpu, base: u64, wide: bool) -> Exec {
    let (start, end) = dynamic(wide);
    cpu.probe_write_linear(
        base.wrapping_add(start) & 0xffff_ffff,
        end - start,
        Privilege::System,
    )
}

/// Writes the dynamic fields of the running task to its TSS. Errors: #PF, excluded by [`probe_save_area`].
pub(super) fn save(cpu: &mut Vcpu, base: u64, wide: bool, flags: u64) -> Exec {
    let (start, _) = dynamic(wide);
    let mut values = [0; 16];
    values[0] = cpu.state.rip;
    values[1] = flags;
    values[2..10].copy_from_slice(&cpu.state.gpr[..8]);
    for (value, segment) in values[10..].iter_mut().zip(&cpu.state.seg) {
        *value = u64::from(segment.selector);
    }
    let count = if wide { 16 } else { 14 };
    for (n, value) in values[..count].iter().enumerate() {
        let step = if wide { 4 } else { 2 };
        let at = base.wrapping_add(start + step * n as u64) & 0xffff_ffff;
        match (wide, n >= 10) {
            // The upper halves of selector fields are reserved and stay as they are.
            (true, false) => cpu.write_linear(at, Privilege::System, *value as u32)?,
            _ => cpu.write_linear(at, Privilege::System, *value as u16)?,
        }
    }
    Ok(())
}
