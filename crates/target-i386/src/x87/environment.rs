//! FNSTENV, FLDENV, FNSAVE, FRSTOR: four layouts, by operand size and mode.
//! SDM vol. 1, 8.1.10 and figures 8-9 to 8-12.

use super::control::{initialize, set_control};
use super::status::{check_available, enter, summarize};
use crate::{Exec, Insn, Vcpu};
use softfloat::F80;

/// Bytes of the environment with 16-bit and with 32-bit operand size.
const SHORT: usize = 14;
const LONG: usize = 28;
/// The eight registers behind it.
const REGISTERS: usize = 80;

/// Real-address and virtual-8086 mode keep linear pointers and the opcode.
fn linear_pointers(cpu: &Vcpu) -> bool {
    !cpu.mode.protected || cpu.mode.v86
}

/// The seven fields in memory order, each as wide as the widest layout has it.
fn fields(cpu: &Vcpu) -> [u32; 7] {
    let fpu = &cpu.state.fpu;
    let words = [fpu.control, fpu.status_word(), fpu.tag_word()].map(u32::from);
    let opcode = u32::from(fpu.opcode & 0x7ff);
    let (ip, dp) = (fpu.ip as u32, fpu.dp as u32);
    let pointers = if linear_pointers(cpu) {
        let ip = ip.wrapping_add(u32::from(fpu.cs) << 4);
        let dp = dp.wrapping_add(u32::from(fpu.ds) << 4);
        [ip & 0xffff, ip >> 16 << 12 | opcode, dp & 0xffff, dp >> 16 << 12]
    } else {
        [ip, u32::from(fpu.cs) | opcode << 16, dp, u32::from(fpu.ds)]
    };
    let [control, status, tags] = words;
    let [ip, ip_high, dp, dp_high] = pointers;
    [control, status, tags, ip, ip_high, dp, dp_high]
}

/// The image; the unused upper halves of the 32-bit layout read as ones where there is a word below.
fn image(cpu: &Vcpu, long: bool) -> ([u8; LONG], usize) {
    let mut image = [0; LONG];
    for (i, field) in fields(cpu).into_iter().enumerate() {
        if long {
            let upper_unused = i < 3 || i == 6 && !linear_pointers(cpu);
            let field = if upper_unused { field | 0xffff_0000 } else { field };
            image[4 * i..4 * i + 4].copy_from_slice(&field.to_le_bytes());
        } else {
            image[2 * i..2 * i + 2].copy_from_slice(&(field as u16).to_le_bytes());
        }
    }
    (image, if long { LONG } else { SHORT })
}

fn load_image(cpu: &mut Vcpu, image: &[u8], long: bool) {
    let word = |at: usize| u32::from(u16::from_le_bytes([image[at], image[at + 1]]));
    let field = |i: usize| {
        if long {
            word(4 * i) | word(4 * i + 2) << 16
        } else {
            word(2 * i)
        }
    };
    let linear = linear_pointers(cpu);
    let fpu = &mut cpu.state.fpu;
    fpu.set_status_word(field(1) as u16);
    fpu.set_tag_word(field(2) as u16);
    if linear {
        fpu.ip = u64::from(field(3) & 0xffff | field(4) >> 12 << 16);
        fpu.dp = u64::from(field(5) & 0xffff | field(6) >> 12 << 16);
        (fpu.cs, fpu.ds) = (0, 0);
        fpu.opcode = field(4) as u16 & 0x7ff;
    } else {
        fpu.ip = field(3).into();
        fpu.dp = field(5).into();
        fpu.cs = field(4) as u16;
        fpu.ds = field(6) as u16;
        fpu.opcode = if long { (field(4) >> 16) as u16 & 0x7ff } else { 0 };
    }
    set_control(cpu, field(0) as u16);
}

/// FNSTENV: masks all exceptions afterwards.
pub(super) fn fnstenv<const LONG_FORM: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    let (image, len) = image(cpu, LONG_FORM);
    cpu.write_bytes(insn.mem.seg, cpu.ea(insn), &image[..len])?;
    cpu.state.fpu.control |= 0x3f;
    summarize(cpu);
    Ok(())
}

/// FLDENV
pub(super) fn fldenv<const LONG_FORM: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let mut image = [0; LONG];
    let image = &mut image[..if LONG_FORM { LONG } else { SHORT }];
    cpu.read_bytes(insn.mem.seg, cpu.ea(insn), image)?;
    load_image(cpu, image, LONG_FORM);
    Ok(())
}

/// FNSAVE: environment and registers, then FNINIT.
pub(super) fn fnsave<const LONG_FORM: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_available(cpu)?;
    let (environment, len) = image(cpu, LONG_FORM);
    let mut image = [0; LONG + REGISTERS];
    image[..LONG].copy_from_slice(&environment);
    for i in 0..8 {
        let at = len + 10 * usize::from(i);
        image[at..at + 10].copy_from_slice(&cpu.state.fpu.get(i).to_bytes());
    }
    cpu.write_bytes(insn.mem.seg, cpu.ea(insn), &image[..len + REGISTERS])?;
    initialize(cpu);
    Ok(())
}

/// FRSTOR
pub(super) fn frstor<const LONG_FORM: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    enter(cpu)?;
    let len = if LONG_FORM { LONG } else { SHORT };
    let mut image = [0; LONG + REGISTERS];
    let image = &mut image[..len + REGISTERS];
    cpu.read_bytes(insn.mem.seg, cpu.ea(insn), image)?;
    load_image(cpu, image, LONG_FORM);
    let fpu = &mut cpu.state.fpu;
    for (i, bytes) in image[len..].chunks_exact(10).enumerate() {
        let physical = (usize::from(fpu.top) + i) & 7;
        fpu.st[physical] = F80::from_bytes(bytes.try_into().unwrap_or_default()).into();
    }
    Ok(())
}
