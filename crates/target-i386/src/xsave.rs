//! The XSAVE family: XSAVE, XSAVEOPT, XSAVEC, XSAVES, XRSTOR, XRSTORS, XGETBV, XSETBV.
//!
//! Components are x87 (0), SSE (1) and AVX (2); AVX is the only one behind the header, so it lies at 576 in the
//! standard and the compacted form alike. XINUSE is computed from the state, never tracked, so it is exact.
//! SDM vol. 1, chapter 13.

use crate::control::{cr0, cr4, require_ring0};
use crate::features::Features;
use crate::simd::MXCSR_MASK;
use crate::state::{Float80, Fpu, gpr};
use crate::x87::image;
use crate::{Exec, Fault, Insn, Vcpu, Vector};
use iced_x86::Code;

const X87: u64 = 1 << 0;
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;
/// XCOMP_BV: the area is in compacted form.
const COMPACT: u64 = 1 << 63;

/// Offset of MXCSR in the legacy region.
const MXCSR_AT: u64 = 24;
/// Offset of the XMM registers.
const XMM_AT: u64 = 160;
/// Offset of the header.
const HEADER_AT: u64 = 512;
/// Offset of the upper halves of the YMM registers.
const YMM_AT: u64 = 576;

const MXCSR_INIT: u32 = 0x1f80;

/// Components that are not in their initial configuration (SDM vol. 1, 13.6; MXCSR does not count).
pub(crate) fn in_use(fpu: &Fpu) -> u64 {
    let x87 = fpu.control != 0x37f
        || fpu.status != 0
        || fpu.top != 0
        || fpu.empty != 0xff
        || (fpu.opcode, fpu.ip, fpu.dp, fpu.cs, fpu.ds) != (0, 0, 0, 0, 0)
        || fpu.st.iter().any(|st| *st != Float80::default());
    let sse = fpu.ymm.iter().any(|r| r[0] | r[1] != 0);
    let avx = fpu.ymm.iter().any(|r| r[2] | r[3] != 0);
    (if x87 { X87 } else { 0 }) | (if sse { SSE } else { 0 }) | (if avx { AVX } else { 0 })
}

fn enabled(cpu: &Vcpu) -> Exec {
    if cpu.state.cr4 & cr4::OSXSAVE != 0 {
        Ok(())
    } else {
        Err(Fault::UD)
    }
}

/// Segment, offset and REX.W of an area that may be used. Errors: #UD, #NM, #GP(0).
fn area(cpu: &Vcpu, insn: &Insn) -> Result<(u8, u64, bool), Fault> {
    enabled(cpu)?;
    if cpu.state.cr0 & cr0::TS != 0 {
        return Err(Fault::NM);
    }
    let (segment, at) = (insn.mem.seg, cpu.ea(insn));
    cpu.aligned(segment, at, 64)?;
    let wide = matches!(
        insn.code,
        Code::Xsave64_mem
            | Code::Xsaveopt64_mem
            | Code::Xsavec64_mem
            | Code::Xsaves64_mem
            | Code::Xrstor64_mem
            | Code::Xrstors64_mem
    );
    Ok((segment, at, wide))
}

fn requested(cpu: &Vcpu) -> u64 {
    let mask = cpu.state.gpr[gpr::RAX] & 0xffff_ffff | cpu.state.gpr[gpr::RDX] << 32;
    mask & cpu.state.fpu.xcr0
}

/// How many vector registers the mode can name.
fn registers(cpu: &Vcpu) -> usize {
    if cpu.mode.long() { 16 } else { 8 }
}

/// Writes the components of `write` and what goes with them; `mxcsr` says whether MXCSR and its mask do.
fn save(cpu: &mut Vcpu, (segment, at, wide): (u8, u64, bool), write: u64, mxcsr: bool) -> Exec {
    if write & X87 != 0 {
        let image = image::store(cpu, wide);
        cpu.write_bytes(segment, at, &image[..24])?;
        cpu.write_bytes(segment, at.wrapping_add(32), &image[32..160])?;
    }
    if mxcsr {
        let value = u64::from(cpu.state.fpu.mxcsr) | u64::from(MXCSR_MASK) << 32;
        cpu.write(segment, at.wrapping_add(MXCSR_AT), value)?;
    }
    for (component, base, lane) in [(SSE, XMM_AT, 0), (AVX, YMM_AT, 2)] {
        if write & component != 0 {
            for n in 0..registers(cpu) {
                let register = cpu.state.fpu.ymm[n];
                let to = at.wrapping_add(base + 16 * n as u64);
                cpu.write_u128(segment, to, [register[lane], register[lane + 1]])?;
            }
        }
    }
    Ok(())
}

/// Bytes from the start of the area that a save of `mask` may write.
fn length(mask: u64) -> u64 {
    if mask & AVX != 0 { YMM_AT + 256 } else { YMM_AT }
}

/// XSAVE and XSAVEOPT: standard form; the second leaves out what is in its initial configuration.
fn standard(cpu: &mut Vcpu, insn: &Insn, optimise: bool) -> Exec {
    let place = area(cpu, insn)?;
    let (segment, at, _) = place;
    let rfbm = requested(cpu);
    let used = in_use(&cpu.state.fpu);
    cpu.probe_write(segment, at, length(rfbm))?;
    let header = at.wrapping_add(HEADER_AT);
    let old = cpu.read::<u64>(segment, header)?;
    let write = if optimise { rfbm & used } else { rfbm };
    save(cpu, place, write, rfbm & (SSE | AVX) != 0)?;
    cpu.write(segment, header, old & !rfbm | used & rfbm)
}

/// XSAVE, XSAVE64.
pub(crate) fn xsave(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    standard(cpu, insn, false)
}

/// XSAVEOPT, XSAVEOPT64.
pub(crate) fn xsaveopt(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    standard(cpu, insn, true)
}

/// XSAVEC and XSAVES: compacted form, initial components left out.
fn compacted(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let place = area(cpu, insn)?;
    let (segment, at, _) = place;
    let rfbm = requested(cpu);
    let mut used = in_use(&cpu.state.fpu);
    if cpu.state.fpu.mxcsr != MXCSR_INIT {
        used |= SSE;
    }
    let write = rfbm & used;
    cpu.probe_write(segment, at, length(rfbm))?;
    save(cpu, place, write, write & SSE != 0)?;
    cpu.write_u128(segment, at.wrapping_add(HEADER_AT), [write, rfbm | COMPACT])
}

/// XSAVEC, XSAVEC64.
pub(crate) fn xsavec(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    compacted(cpu, insn)
}

/// XSAVES, XSAVES64: there are no supervisor components, so only the privilege differs.
pub(crate) fn xsaves(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enabled(cpu)?;
    require_ring0(cpu)?;
    compacted(cpu, insn)
}

/// XRSTOR, XRSTOR64.
pub(crate) fn xrstor(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let place = area(cpu, insn)?;
    restore(cpu, place, false)
}

/// XRSTORS, XRSTORS64: the compacted form only.
pub(crate) fn xrstors(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enabled(cpu)?;
    require_ring0(cpu)?;
    let place = area(cpu, insn)?;
    restore(cpu, place, true)
}

fn restore(cpu: &mut Vcpu, (segment, at, wide): (u8, u64, bool), supervisor: bool) -> Exec {
    let xcr0 = cpu.state.fpu.xcr0;
    let rfbm = requested(cpu);
    let mut header = [0; 64];
    cpu.read_bytes(segment, at.wrapping_add(HEADER_AT), &mut header)?;
    let word = |n: usize| u64::from_le_bytes(header[8 * n..8 * n + 8].try_into().unwrap_or_default());
    let (present, layout) = (word(0), word(1));
    let compact = layout & COMPACT != 0;
    let form = layout & !COMPACT;
    let bad = if compact {
        !cpu.has(Features::XSAVEC)
            || form & !xcr0 != 0
            || present & !form != 0
            || (2..8).any(|n| word(n) != 0)
    } else {
        supervisor || layout != 0 || word(2) != 0 || present & !xcr0 != 0
    };
    if bad {
        return Err(Fault::GP0);
    }
    let load = rfbm & present;

    // Everything is read and checked before anything changes.
    let mut x87 = [0; image::LEN];
    if load & X87 != 0 {
        cpu.read_bytes(segment, at, &mut x87)?;
    }
    let load_mxcsr = if compact {
        load & SSE != 0
    } else {
        rfbm & (SSE | AVX) != 0
    };
    let mxcsr = if load_mxcsr {
        let value = cpu.read::<u32>(segment, at.wrapping_add(MXCSR_AT))?;
        if value & !MXCSR_MASK != 0 {
            return Err(Fault::GP0);
        }
        Some(value)
    } else if compact && rfbm & SSE != 0 {
        Some(MXCSR_INIT)
    } else {
        None
    };
    let mut vectors = cpu.state.fpu.ymm;
    let count = registers(cpu);
    for (component, base, lane) in [(SSE, XMM_AT, 0), (AVX, YMM_AT, 2)] {
        if rfbm & component != 0 {
            for (n, register) in vectors[..count].iter_mut().enumerate() {
                let value = if load & component != 0 {
                    cpu.read_u128(segment, at.wrapping_add(base + 16 * n as u64))?
                } else {
                    [0; 2]
                };
                register[lane..lane + 2].copy_from_slice(&value);
            }
        }
    }

    cpu.state.fpu.ymm = vectors;
    if let Some(mxcsr) = mxcsr {
        cpu.state.fpu.mxcsr = mxcsr;
    }
    if rfbm & X87 != 0 {
        if load & X87 == 0 {
            x87[..2].copy_from_slice(&0x37f_u16.to_le_bytes());
        }
        image::load(cpu, &x87, wide);
    }
    Ok(())
}

/// XGETBV: XCR0, or with ECX 1 its components in use.
pub(crate) fn xgetbv(cpu: &mut Vcpu, _: &Insn) -> Exec {
    enabled(cpu)?;
    let fpu = &cpu.state.fpu;
    let value = match cpu.state.gpr[gpr::RCX] as u32 {
        0 => fpu.xcr0,
        1 if cpu.has(Features::XGETBV1) => fpu.xcr0 & in_use(fpu),
        _ => return Err(Fault::GP0),
    };
    cpu.state.gpr[gpr::RAX] = value & 0xffff_ffff;
    cpu.state.gpr[gpr::RDX] = value >> 32;
    Ok(())
}

/// XSETBV.
pub(crate) fn xsetbv(cpu: &mut Vcpu, _: &Insn) -> Exec {
    enabled(cpu)?;
    require_ring0(cpu)?;
    let value = cpu.state.gpr[gpr::RAX] & 0xffff_ffff | cpu.state.gpr[gpr::RDX] << 32;
    let good = cpu.state.gpr[gpr::RCX] as u32 == 0
        && value & !cpu.model.xcr0_mask() == 0
        && value & X87 != 0
        && (value & AVX == 0 || value & SSE != 0);
    if !good {
        return Err(Fault::with_code(Vector::Gp, 0));
    }
    cpu.state.fpu.xcr0 = value;
    Ok(())
}
