//! FXSAVE and FXRSTOR. SDM vol. 2A; layout in vol. 1, 10.5.1.

use super::image;
use super::status::check_available;
use crate::simd::MXCSR_MASK;
use crate::{Exec, Fault, Insn, Vcpu};

/// Bytes that FXSAVE writes: x87, MXCSR, and sixteen XMM registers; the rest of the 512 is the system's.
const LEN: usize = 416;
const CR4_OSFXSR: u64 = 1 << 9;

/// How many XMM registers the mode can name.
fn registers(cpu: &Vcpu) -> usize {
    if cpu.mode.long() { 16 } else { 8 }
}

/// FXSAVE, FXSAVE64
pub(super) fn fxsave<const WIDE: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    let (seg, offset) = (insn.mem.seg, cpu.ea(insn));
    cpu.aligned(seg, offset, 16)?;
    let mut area = [0; LEN];
    area[..image::LEN].copy_from_slice(&image::store(cpu, WIDE));
    let fpu = &cpu.state.fpu;
    area[24..28].copy_from_slice(&fpu.mxcsr.to_le_bytes());
    area[28..32].copy_from_slice(&MXCSR_MASK.to_le_bytes());
    let mut len = image::LEN;
    if cpu.state.cr4 & CR4_OSFXSR != 0 {
        for (slot, ymm) in area[image::LEN..]
            .chunks_exact_mut(16)
            .zip(&fpu.ymm[..registers(cpu)])
        {
            slot[..8].copy_from_slice(&ymm[0].to_le_bytes());
            slot[8..].copy_from_slice(&ymm[1].to_le_bytes());
            len += 16;
        }
    }
    cpu.write_bytes(seg, offset, &area[..len])
}

/// FXRSTOR, FXRSTOR64
pub(super) fn fxrstor<const WIDE: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    let (seg, offset) = (insn.mem.seg, cpu.ea(insn));
    cpu.aligned(seg, offset, 16)?;
    let mut area = [0; LEN];
    let sse = cpu.state.cr4 & CR4_OSFXSR != 0;
    let count = if sse { registers(cpu) } else { 0 };
    let len = image::LEN + 16 * count;
    cpu.read_bytes(seg, offset, &mut area[..len])?;
    let mut x87 = [0; image::LEN];
    x87.copy_from_slice(&area[..image::LEN]);
    if sse {
        let mxcsr = u32::from_le_bytes([area[24], area[25], area[26], area[27]]);
        if mxcsr & !MXCSR_MASK != 0 {
            return Err(Fault::GP0);
        }
        let fpu = &mut cpu.state.fpu;
        fpu.mxcsr = mxcsr;
        for (slot, ymm) in area[image::LEN..].chunks_exact(16).zip(&mut fpu.ymm[..count]) {
            let (low, high) = slot.split_at(8);
            ymm[0] = u64::from_le_bytes(low.try_into().unwrap_or_default());
            ymm[1] = u64::from_le_bytes(high.try_into().unwrap_or_default());
        }
    }
    image::load(cpu, &x87, WIDE);
    Ok(())
}
