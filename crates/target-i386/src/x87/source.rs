//! Memory sources of arithmetic, comparison and loads: binary32, binary64, 16- and 32-bit integers.

use crate::{Fault, Insn, Vcpu};
use softfloat::x87::Operand;
use softfloat::{F32, F64};

/// A memory format that widens without loss.
pub(super) trait Source {
    /// Reads the memory operand.
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault>;
}

/// m32fp.
pub(super) struct Single;
/// m64fp.
pub(super) struct Double;
/// m16int.
pub(super) struct Word;
/// m32int.
pub(super) struct Dword;
/// m64int.
pub(super) struct Qword;

impl Source for Single {
    #[inline]
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault> {
        cpu.read::<u32>(insn.mem.seg, cpu.ea(insn)).map(|x| F32(x).into())
    }
}

impl Source for Double {
    #[inline]
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault> {
        cpu.read::<u64>(insn.mem.seg, cpu.ea(insn)).map(|x| F64(x).into())
    }
}

impl Source for Word {
    #[inline]
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault> {
        cpu.read::<u16>(insn.mem.seg, cpu.ea(insn))
            .map(|x| (x as i16).into())
    }
}

impl Source for Dword {
    #[inline]
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault> {
        cpu.read::<u32>(insn.mem.seg, cpu.ea(insn))
            .map(|x| (x as i32).into())
    }
}

impl Source for Qword {
    #[inline]
    fn read(cpu: &mut Vcpu, insn: &Insn) -> Result<Operand, Fault> {
        cpu.read::<u64>(insn.mem.seg, cpu.ea(insn))
            .map(|x| (x as i64).into())
    }
}
