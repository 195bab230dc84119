//! Shapes: how operands are fetched and results stored, for whole families of instructions at once.
//!
//! Each module has a trait `Row` with the lane function, its type `F`, and `handler`, which picks the function for
//! the form of the instruction at hand. Legacy and VEX differ in operand positions, alignment and what happens
//! to the upper half of the destination; nothing else.

pub mod float;

/// Two sources of full width, lane by lane.
pub mod binary {
    use crate::Vcpu;
    use crate::fault::Exec;
    use crate::insn::{Handler, Insn};
    use crate::simd::access::*;
    use crate::simd::lane::Lane;
    use crate::simd::table::Form;
    use iced_x86::Instruction;

    /// Destination lane from first and second source.
    pub type F = fn(Lane, Lane) -> Lane;

    /// One instruction.
    pub trait Row {
        /// The lane function.
        const F: F;
        /// What MMX does: the low half of the lane function, unless elements cross halves.
        const MMX: fn(u64, u64) -> u64 = |a, b| (Self::F)(a.into(), b.into()) as u64;
    }

    /// The handler for this form.
    pub fn handler<R: Row>(insn: &Instruction) -> Option<Handler> {
        Some(match Form::of(insn)? {
            Form::Mmx if insn.memory_size().size() == 4 && insn.op1_kind() == iced_x86::OpKind::Memory => {
                mmx::<R, 4>
            }
            Form::Mmx => mmx::<R, 8>,
            Form::Sse => sse::<R>,
            Form::Vex => vex::<R>,
        })
    }

    fn mmx<R: Row, const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_mmx(cpu)?;
        let b = source_mm(cpu, insn, BYTES)?;
        let a = mm(cpu, insn.reg[0]);
        enter_mmx(cpu);
        set_mm(cpu, insn.reg[0], (R::MMX)(a, b));
        Ok(())
    }

    fn sse<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let b = source(cpu, insn, 1, 16)?;
        let a = xmm(cpu, insn.reg[0]);
        set_xmm(cpu, insn.reg[0], (R::F)(a, b));
        Ok(())
    }

    fn vex<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        let b = source_full(cpu, insn, 2)?;
        let a = ymm(cpu, insn.reg[1]);
        let high = if is_wide(insn) { (R::F)(a[1], b[1]) } else { 0 };
        set_ymm(cpu, insn.reg[0], [(R::F)(a[0], b[0]), high]);
        Ok(())
    }
}

/// Two sources of full width and an immediate; the function is told which lane it is for.
pub mod binary_imm {
    use crate::Vcpu;
    use crate::fault::Exec;
    use crate::insn::{Handler, Insn};
    use crate::simd::access::*;
    use crate::simd::lane::Lane;
    use crate::simd::table::Form;
    use iced_x86::Instruction;

    /// Destination lane from first and second source, immediate, lane number.
    pub type F = fn(Lane, Lane, u8, usize) -> Lane;

    /// One instruction.
    pub trait Row {
        /// The lane function.
        const F: F;
    }

    /// The handler for this form.
    pub fn handler<R: Row>(insn: &Instruction) -> Option<Handler> {
        match Form::of(insn)? {
            Form::Mmx => None,
            Form::Sse => Some(sse::<R>),
            Form::Vex => Some(vex::<R>),
        }
    }

    fn sse<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let b = source(cpu, insn, 1, 16)?;
        let a = xmm(cpu, insn.reg[0]);
        set_xmm(cpu, insn.reg[0], (R::F)(a, b, insn.imm as u8, 0));
        Ok(())
    }

    fn vex<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        let imm = insn.imm as u8;
        let b = source_full(cpu, insn, 2)?;
        let a = ymm(cpu, insn.reg[1]);
        let high = if is_wide(insn) {
            (R::F)(a[1], b[1], imm, 1)
        } else {
            0
        };
        set_ymm(cpu, insn.reg[0], [(R::F)(a[0], b[0], imm, 0), high]);
        Ok(())
    }
}

/// One source of full width, and an immediate that most ignore.
pub mod unary {
    use crate::Vcpu;
    use crate::fault::Exec;
    use crate::insn::{Handler, Insn};
    use crate::simd::access::*;
    use crate::simd::lane::Lane;
    use crate::simd::table::Form;
    use iced_x86::Instruction;

    /// Destination lane from source and immediate.
    pub type F = fn(Lane, u8) -> Lane;

    /// One instruction.
    pub trait Row {
        /// The lane function.
        const F: F;
    }

    /// The handler for this form.
    pub fn handler<R: Row>(insn: &Instruction) -> Option<Handler> {
        Some(match Form::of(insn)? {
            Form::Mmx => mmx::<R>,
            Form::Sse => sse::<R>,
            Form::Vex => vex::<R>,
        })
    }

    fn mmx<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_mmx(cpu)?;
        let a = source_mm(cpu, insn, 8)?;
        enter_mmx(cpu);
        set_mm(cpu, insn.reg[0], (R::F)(a.into(), insn.imm as u8) as u64);
        Ok(())
    }

    fn sse<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let a = source(cpu, insn, 1, 16)?;
        set_xmm(cpu, insn.reg[0], (R::F)(a, insn.imm as u8));
        Ok(())
    }

    fn vex<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        let imm = insn.imm as u8;
        let a = source_full(cpu, insn, 1)?;
        let high = if is_wide(insn) { (R::F)(a[1], imm) } else { 0 };
        set_ymm(cpu, insn.reg[0], [(R::F)(a[0], imm), high]);
        Ok(())
    }
}

/// Shifts of a full-width source by one count: an immediate, or the low quadword of a 128-bit operand.
pub mod shift {
    use crate::Vcpu;
    use crate::fault::Exec;
    use crate::insn::{Handler, Insn};
    use crate::simd::access::*;
    use crate::simd::lane::Lane;
    use crate::simd::table::Form;
    use iced_x86::{Instruction, OpKind};

    /// Destination lane from source and count.
    pub type F = fn(Lane, u64) -> Lane;

    /// One instruction.
    pub trait Row {
        /// The lane function.
        const F: F;
    }

    /// The handler for this form.
    pub fn handler<R: Row>(insn: &Instruction) -> Option<Handler> {
        let immediate = insn.op_kind(insn.op_count() - 1) == OpKind::Immediate8;
        Some(match (Form::of(insn)?, immediate) {
            (Form::Mmx, true) => mmx_imm::<R>,
            (Form::Mmx, false) => mmx::<R>,
            (Form::Sse, true) => sse_imm::<R>,
            (Form::Sse, false) => sse::<R>,
            (Form::Vex, true) => vex_imm::<R>,
            (Form::Vex, false) => vex::<R>,
        })
    }

    fn mmx_imm<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_mmx(cpu)?;
        let a = mm(cpu, insn.reg[0]);
        enter_mmx(cpu);
        set_mm(cpu, insn.reg[0], (R::F)(a.into(), insn.imm & 0xff) as u64);
        Ok(())
    }

    fn mmx<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_mmx(cpu)?;
        let count = source_mm(cpu, insn, 8)?;
        let a = mm(cpu, insn.reg[0]);
        enter_mmx(cpu);
        set_mm(cpu, insn.reg[0], (R::F)(a.into(), count) as u64);
        Ok(())
    }

    fn sse_imm<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let a = xmm(cpu, insn.reg[0]);
        set_xmm(cpu, insn.reg[0], (R::F)(a, insn.imm & 0xff));
        Ok(())
    }

    fn sse<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let count = source(cpu, insn, 1, 16)? as u64;
        let a = xmm(cpu, insn.reg[0]);
        set_xmm(cpu, insn.reg[0], (R::F)(a, count));
        Ok(())
    }

    fn vex_imm<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        shift_vex::<R>(cpu, insn, insn.imm & 0xff);
        Ok(())
    }

    fn vex<R: Row>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        let count = source(cpu, insn, 2, 16)? as u64;
        shift_vex::<R>(cpu, insn, count);
        Ok(())
    }

    fn shift_vex<R: Row>(cpu: &mut Vcpu, insn: &Insn, count: u64) {
        let a = ymm(cpu, insn.reg[1]);
        let high = if is_wide(insn) { (R::F)(a[1], count) } else { 0 };
        set_ymm(cpu, insn.reg[0], [(R::F)(a[0], count), high]);
    }
}

/// One source narrower than the destination (PMOVSX, broadcasts): the function makes lane `n` from the source.
pub mod widen {
    use crate::Vcpu;
    use crate::fault::Exec;
    use crate::insn::{Handler, Insn};
    use crate::simd::access::*;
    use crate::simd::lane::Lane;
    use crate::simd::table::Form;
    use iced_x86::Instruction;

    /// Destination lane from the source and the lane number.
    pub type F = fn(Lane, usize) -> Lane;

    /// One instruction.
    pub trait Row {
        /// The lane function.
        const F: F;
    }

    /// The handler for this form; how much memory it reads is what iced says of the form.
    pub fn handler<R: Row>(insn: &Instruction) -> Option<Handler> {
        Some(match (Form::of(insn)?, insn.memory_size().size()) {
            (Form::Mmx, _) => return None,
            (Form::Sse, 2) => sse::<R, 2>,
            (Form::Sse, 4) => sse::<R, 4>,
            (Form::Sse, _) => sse::<R, 8>,
            (Form::Vex, 1) => vex::<R, 1>,
            (Form::Vex, 2) => vex::<R, 2>,
            (Form::Vex, 4) => vex::<R, 4>,
            (Form::Vex, 16) => vex::<R, 16>,
            (Form::Vex, _) => vex::<R, 8>,
        })
    }

    fn sse<R: Row, const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_sse(cpu)?;
        let a = source(cpu, insn, 1, BYTES)?;
        set_xmm(cpu, insn.reg[0], (R::F)(a, 0));
        Ok(())
    }

    fn vex<R: Row, const BYTES: usize>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
        check_vex(cpu)?;
        let a = source(cpu, insn, 1, BYTES)?;
        let high = if is_wide(insn) { (R::F)(a, 1) } else { 0 };
        set_ymm(cpu, insn.reg[0], [(R::F)(a, 0), high]);
        Ok(())
    }
}
