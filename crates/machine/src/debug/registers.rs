//! The registers of a vCPU as gdb has them, and back.
//!
//! What a debugger sets is checked as little as hardware would let it: a mode that cannot be is the guest's end, not
//! ours. Selectors can be set where they are mere numbers (real and virtual-8086 mode); elsewhere a descriptor would
//! have to be loaded with them.

use gdb_server::{Refused, Registers};
use target_i386::Vcpu;
use target_i386::state::Float80;

/// CS, SS, DS, ES, FS, GS as numbers of segment registers.
const SEGMENTS: [usize; 6] = [1, 2, 3, 0, 4, 5];
const FS: usize = 4;
const GS: usize = 5;

/// Reads them.
pub fn of(cpu: &Vcpu, wide: bool) -> Registers {
    let state = &cpu.state;
    let fpu = &state.fpu;
    let general = |n: usize| {
        if wide {
            state.gpr[n]
        } else {
            state.gpr[n] & 0xffff_ffff
        }
    };
    Registers {
        wide,
        gpr: std::array::from_fn(general),
        pc: state.rip,
        flags: state.flags.get(),
        segments: SEGMENTS.map(|n| state.seg[n].selector),
        stack: std::array::from_fn(|i| {
            let value = fpu.st[(usize::from(fpu.top) + i) & 7];
            let mut bytes = [0; 10];
            bytes[..8].copy_from_slice(&value.significand.to_le_bytes());
            bytes[8..].copy_from_slice(&value.sign_exponent.to_le_bytes());
            bytes
        }),
        fpu: [
            u32::from(fpu.control),
            u32::from(fpu.status_word()),
            u32::from(fpu.tag_word()),
            u32::from(fpu.cs),
            fpu.ip as u32,
            u32::from(fpu.ds),
            fpu.dp as u32,
            u32::from(fpu.opcode & 0x7ff),
        ],
        xmm: fpu.ymm.map(|lanes| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&lanes[0].to_le_bytes());
            bytes[8..].copy_from_slice(&lanes[1].to_le_bytes());
            bytes
        }),
        mxcsr: fpu.mxcsr,
        fs_base: state.seg[FS].base,
        gs_base: state.seg[GS].base,
        kernel_gs_base: state.msr.kernel_gs_base,
        control: [
            state.cr0,
            state.cr2,
            state.cr3,
            state.cr4,
            u64::from(cpu.platform.task_priority()),
        ],
        efer: state.msr.efer,
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte))
}

/// Sets what differs from what there is.
///
/// # Errors
/// A selector in protected mode. Nothing has changed.
pub fn set(cpu: &mut Vcpu, new: &Registers) -> Result<(), Refused> {
    let old = of(cpu, new.wide);
    let real_like = cpu.mode.real() || cpu.mode.v86;
    if new.segments != old.segments && !real_like {
        return Err(Refused);
    }
    for (n, (new, old)) in new.segments.iter().zip(old.segments).enumerate() {
        if *new != old {
            let segment = &mut cpu.state.seg[SEGMENTS[n]];
            segment.selector = *new;
            segment.base = u64::from(*new) << 4;
        }
    }
    let count = if new.wide { 16 } else { 8 };
    for n in 0..count {
        if new.gpr[n] != old.gpr[n] {
            cpu.state.gpr[n] = new.gpr[n];
        }
    }
    if new.pc != old.pc {
        cpu.state.rip = new.pc;
    }
    if new.flags != old.flags {
        cpu.state.flags.set(new.flags);
    }
    set_floating(cpu, new, &old, count);
    let control = [
        &mut cpu.state.cr0,
        &mut cpu.state.cr2,
        &mut cpu.state.cr3,
        &mut cpu.state.cr4,
    ];
    let steers_paging = new.control[..4] != old.control[..4] || new.efer != old.efer;
    for (register, (new, old)) in control.into_iter().zip(new.control.iter().zip(old.control)) {
        if *new != old {
            *register = *new;
        }
    }
    if new.control[4] != old.control[4] {
        cpu.platform.set_task_priority((new.control[4] & 15) as u8);
    }
    for (value, (new, old)) in [
        (&mut cpu.state.seg[FS].base, (new.fs_base, old.fs_base)),
        (&mut cpu.state.msr.efer, (new.efer, old.efer)),
    ] {
        if new != old {
            *value = new;
        }
    }
    if new.gs_base != old.gs_base {
        cpu.state.seg[GS].base = new.gs_base;
    }
    if new.wide && new.kernel_gs_base != old.kernel_gs_base {
        cpu.state.msr.kernel_gs_base = new.kernel_gs_base;
    }
    if steers_paging {
        cpu.tlb.flush_all();
    }
    cpu.refresh_mode();
    Ok(())
}

fn set_floating(cpu: &mut Vcpu, new: &Registers, old: &Registers, count: usize) {
    let fpu = &mut cpu.state.fpu;
    if new.fpu != old.fpu {
        fpu.control = new.fpu[0] as u16;
        fpu.set_status_word(new.fpu[1] as u16);
        fpu.set_tag_word(new.fpu[2] as u16);
        fpu.cs = new.fpu[3] as u16;
        fpu.ds = new.fpu[5] as u16;
        fpu.opcode = (new.fpu[7] & 0x7ff) as u16;
        for (pointer, new, old) in [
            (&mut fpu.ip, new.fpu[4], old.fpu[4]),
            (&mut fpu.dp, new.fpu[6], old.fpu[6]),
        ] {
            // gdb sees the lower half only.
            if new != old {
                *pointer = u64::from(new);
            }
        }
    }
    for i in 0..8 {
        if new.stack[i] != old.stack[i] {
            fpu.st[(usize::from(fpu.top) + i) & 7] = Float80 {
                significand: word(&new.stack[i][..8]),
                sign_exponent: word(&new.stack[i][8..]) as u16,
            };
        }
    }
    for n in 0..count {
        if new.xmm[n] != old.xmm[n] {
            fpu.ymm[n][0] = word(&new.xmm[n][..8]);
            fpu.ymm[n][1] = word(&new.xmm[n][8..]);
        }
    }
    if new.mxcsr != old.mxcsr {
        fpu.mxcsr = new.mxcsr & 0xffff;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use target_i386::testbench::{Mode, TestBench};

    #[test]
    fn what_is_set_is_there() {
        for (mode, wide) in [(Mode::Long, true), (Mode::Protected32, false), (Mode::Real, true)] {
            let mut bench = TestBench::new(mode);
            let before = of(&bench.cpu, wide);
            assert_eq!(set(&mut bench.cpu, &before), Ok(()), "nothing to change");
            assert_eq!(of(&bench.cpu, wide), before);
            let mut new = before.clone();
            new.gpr[5] = 0x1234_5678;
            new.pc = 0x4321;
            new.flags ^= 0x41;
            new.xmm[7] = [9; 16];
            new.stack[2] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
            new.fpu[2] = 0xfffc;
            new.gs_base = 0x7000;
            new.control[1] = 0x5000;
            assert_eq!(set(&mut bench.cpu, &new), Ok(()));
            // ST(2) is written, so its tag is no longer what was set with it.
            let now = of(&bench.cpu, wide);
            assert_eq!(
                (now.gpr, now.pc, now.flags, now.xmm),
                (new.gpr, new.pc, new.flags, new.xmm)
            );
            assert_eq!(
                (now.stack, now.gs_base, now.control),
                (new.stack, new.gs_base, new.control)
            );
        }
    }

    #[test]
    fn selectors_are_numbers_in_real_mode_only() {
        let mut bench = TestBench::new(Mode::Real);
        let mut new = of(&bench.cpu, true);
        new.segments[2] = 0x1234;
        assert_eq!(set(&mut bench.cpu, &new), Ok(()));
        assert_eq!(bench.cpu.state.seg[3].base, 0x1_2340);
        let mut bench = TestBench::new(Mode::Protected32);
        let mut new = of(&bench.cpu, true);
        new.segments[2] = 0x1234;
        assert_eq!(set(&mut bench.cpu, &new), Err(Refused));
    }
}
