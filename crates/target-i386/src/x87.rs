//! x87 instructions, with FXSAVE and FXRSTOR.
//!
//! Mirrors in behaviour QEMU's `target/i386/tcg/fpu_helper.c`; arithmetic is the `softfloat` crate's. Data
//! flows: decode asks [`lookup`] for a handler; a handler checks availability and pending exceptions
//! (`status`), reads its memory operand, computes, raises flags, and changes the stack (`stack`) last.
//! MMX registers are the significands of the same physical registers; `simd` reaches them directly.
//! SDM vol. 1, chapter 8; where Intel's and AMD's processors differ we follow AMD's (Zen 3), since `max`
//! is an AMD model.

mod arithmetic;
mod compare;
mod control;
mod environment;
mod fxsave;
pub(crate) mod image;
mod load;
pub(crate) mod native;
mod source;
mod stack;
mod status;
mod store;
mod transcendental;

pub(crate) use control::{CONTROL_BITS, CONTROL_ONES};
pub use status::check_pending;

use crate::Handler;
use arithmetic::{Add, Binary, Div, DivReverse, Mul, Sub, SubReverse};
use iced_x86::{Code, Instruction};
use source::{Double, Dword, Qword, Single, Word};

/// The encodings of one arithmetic operation.
struct Family {
    single: Handler,
    double: Handler,
    word: Handler,
    dword: Handler,
    to_st0: Handler,
    to_sti: Handler,
    to_sti_pop: Handler,
}

impl Family {
    const fn of<O: Binary>() -> Family {
        Family {
            single: arithmetic::memory::<O, Single>,
            double: arithmetic::memory::<O, Double>,
            word: arithmetic::memory::<O, Word>,
            dword: arithmetic::memory::<O, Dword>,
            to_st0: arithmetic::to_st0::<O>,
            to_sti: arithmetic::to_sti::<O>,
            to_sti_pop: arithmetic::to_sti_pop::<O>,
        }
    }
}

const ADD: Family = Family::of::<Add>();
const MUL: Family = Family::of::<Mul>();
const SUB: Family = Family::of::<Sub>();
const SUBR: Family = Family::of::<SubReverse>();
const DIV: Family = Family::of::<Div>();
const DIVR: Family = Family::of::<DivReverse>();

/// The handler of `instruction`, if it belongs here.
#[rustfmt::skip]
pub fn lookup(instruction: &Instruction) -> Option<Handler> {
    use Code as C;
    let handler: Handler = match instruction.code() {
        // D8, DC, DA, DE memory forms; D8, DC, DE register forms.
        C::Fadd_m32fp      => ADD.single,
        C::Fadd_m64fp      => ADD.double,
        C::Fiadd_m16int    => ADD.word,
        C::Fiadd_m32int    => ADD.dword,
        C::Fadd_st0_sti    => ADD.to_st0,
        C::Fadd_sti_st0    => ADD.to_sti,
        C::Faddp_sti_st0   => ADD.to_sti_pop,
        C::Fmul_m32fp      => MUL.single,
        C::Fmul_m64fp      => MUL.double,
        C::Fimul_m16int    => MUL.word,
        C::Fimul_m32int    => MUL.dword,
        C::Fmul_st0_sti    => MUL.to_st0,
        C::Fmul_sti_st0    => MUL.to_sti,
        C::Fmulp_sti_st0   => MUL.to_sti_pop,
        C::Fsub_m32fp      => SUB.single,
        C::Fsub_m64fp      => SUB.double,
        C::Fisub_m16int    => SUB.word,
        C::Fisub_m32int    => SUB.dword,
        C::Fsub_st0_sti    => SUB.to_st0,
        C::Fsub_sti_st0    => SUB.to_sti,
        C::Fsubp_sti_st0   => SUB.to_sti_pop,
        C::Fsubr_m32fp     => SUBR.single,
        C::Fsubr_m64fp     => SUBR.double,
        C::Fisubr_m16int   => SUBR.word,
        C::Fisubr_m32int   => SUBR.dword,
        C::Fsubr_st0_sti   => SUBR.to_st0,
        C::Fsubr_sti_st0   => SUBR.to_sti,
        C::Fsubrp_sti_st0  => SUBR.to_sti_pop,
        C::Fdiv_m32fp      => DIV.single,
        C::Fdiv_m64fp      => DIV.double,
        C::Fidiv_m16int    => DIV.word,
        C::Fidiv_m32int    => DIV.dword,
        C::Fdiv_st0_sti    => DIV.to_st0,
        C::Fdiv_sti_st0    => DIV.to_sti,
        C::Fdivp_sti_st0   => DIV.to_sti_pop,
        C::Fdivr_m32fp     => DIVR.single,
        C::Fdivr_m64fp     => DIVR.double,
        C::Fidivr_m16int   => DIVR.word,
        C::Fidivr_m32int   => DIVR.dword,
        C::Fdivr_st0_sti   => DIVR.to_st0,
        C::Fdivr_sti_st0   => DIVR.to_sti,
        C::Fdivrp_sti_st0  => DIVR.to_sti_pop,

        // Comparison. DC D0, DC D8, DE D0 are aliases.
        C::Fcom_m32fp      => compare::memory::<Single, 0>,
        C::Fcom_m64fp      => compare::memory::<Double, 0>,
        C::Ficom_m16int    => compare::memory::<Word, 0>,
        C::Ficom_m32int    => compare::memory::<Dword, 0>,
        C::Fcomp_m32fp     => compare::memory::<Single, 1>,
        C::Fcomp_m64fp     => compare::memory::<Double, 1>,
        C::Ficomp_m16int   => compare::memory::<Word, 1>,
        C::Ficomp_m32int   => compare::memory::<Dword, 1>,
        C::Fcom_st0_sti | C::Fcom_st0_sti_DCD0 => compare::sti_form::<false, 0>,
        C::Fcomp_st0_sti | C::Fcomp_st0_sti_DCD8 | C::Fcomp_st0_sti_DED0 => compare::sti_form::<false, 1>,
        C::Fucom_st0_sti   => compare::sti_form::<true, 0>,
        C::Fucomp_st0_sti  => compare::sti_form::<true, 1>,
        C::Fcompp          => compare::pop_both::<false>,
        C::Fucompp         => compare::pop_both::<true>,
        C::Fcomi_st0_sti   => compare::to_rflags::<false, 0>,
        C::Fcomip_st0_sti  => compare::to_rflags::<false, 1>,
        C::Fucomi_st0_sti  => compare::to_rflags::<true, 0>,
        C::Fucomip_st0_sti => compare::to_rflags::<true, 1>,
        C::Ftst            => compare::ftst,
        C::Fxam            => compare::fxam,
        C::Fcmovb_st0_sti   => compare::fcmov::<0x2>,
        C::Fcmovnb_st0_sti  => compare::fcmov::<0x3>,
        C::Fcmove_st0_sti   => compare::fcmov::<0x4>,
        C::Fcmovne_st0_sti  => compare::fcmov::<0x5>,
        C::Fcmovbe_st0_sti  => compare::fcmov::<0x6>,
        C::Fcmovnbe_st0_sti => compare::fcmov::<0x7>,
        C::Fcmovu_st0_sti   => compare::fcmov::<0xa>,
        C::Fcmovnu_st0_sti  => compare::fcmov::<0xb>,

        // Loads.
        C::Fld_m32fp       => load::memory::<Single>,
        C::Fld_m64fp       => load::memory::<Double>,
        C::Fld_m80fp       => load::extended,
        C::Fild_m16int     => load::memory::<Word>,
        C::Fild_m32int     => load::memory::<Dword>,
        C::Fild_m64int     => load::memory::<Qword>,
        C::Fbld_m80bcd     => load::decimal,
        C::Fld_sti         => load::register,
        C::Fld1            => load::constant::<0>,
        C::Fldl2t          => load::constant::<1>,
        C::Fldl2e          => load::constant::<2>,
        C::Fldpi           => load::constant::<3>,
        C::Fldlg2          => load::constant::<4>,
        C::Fldln2          => load::constant::<5>,
        C::Fldz            => load::constant::<6>,
        C::Fxch_st0_sti | C::Fxch_st0_sti_DDC8 | C::Fxch_st0_sti_DFC8 => load::fxch,

        // Stores.
        C::Fst_m32fp       => store::memory::<store::Single, false>,
        C::Fst_m64fp       => store::memory::<store::Double, false>,
        C::Fstp_m32fp      => store::memory::<store::Single, true>,
        C::Fstp_m64fp      => store::memory::<store::Double, true>,
        C::Fstp_m80fp      => store::memory::<store::Extended, true>,
        C::Fist_m16int     => store::memory::<store::Word, false>,
        C::Fist_m32int     => store::memory::<store::Dword, false>,
        C::Fistp_m16int    => store::memory::<store::Word, true>,
        C::Fistp_m32int    => store::memory::<store::Dword, true>,
        C::Fistp_m64int    => store::memory::<store::Qword, true>,
        C::Fisttp_m16int   => store::memory::<store::TruncatedWord, true>,
        C::Fisttp_m32int   => store::memory::<store::TruncatedDword, true>,
        C::Fisttp_m64int   => store::memory::<store::TruncatedQword, true>,
        C::Fbstp_m80bcd    => store::memory::<store::Decimal, true>,
        C::Fst_sti         => store::register::<false>,
        C::Fstp_sti | C::Fstp_sti_DFD0 | C::Fstp_sti_DFD8 => store::register::<true>,
        C::Fstpnce_sti     => store::without_check,

        // One operand, and the two of FSCALE and the remainders.
        C::Fchs            => arithmetic::fchs,
        C::Fabs            => arithmetic::fabs,
        C::Fsqrt           => arithmetic::fsqrt,
        C::Frndint         => arithmetic::frndint,
        C::Fscale          => arithmetic::fscale,
        C::Fxtract         => arithmetic::fxtract,
        C::Fprem           => arithmetic::fprem,
        C::Fprem1          => arithmetic::fprem1,

        // Transcendental.
        C::F2xm1           => transcendental::f2xm1,
        C::Fyl2x           => transcendental::fyl2x,
        C::Fyl2xp1         => transcendental::fyl2xp1,
        C::Fptan           => transcendental::fptan,
        C::Fpatan          => transcendental::fpatan,
        C::Fsin            => transcendental::fsin,
        C::Fcos            => transcendental::fcos,
        C::Fsincos         => transcendental::fsincos,

        // Control and environment.
        C::Wait            => control::fwait,
        C::Fninit          => control::fninit,
        C::Fnclex          => control::fnclex,
        C::Fldcw_m2byte    => control::fldcw,
        C::Fnstcw_m2byte   => control::fnstcw,
        C::Fnstsw_m2byte   => control::fnstsw,
        C::Fnstsw_AX       => control::fnstsw_ax,
        C::Fincstp         => control::fincstp,
        C::Fdecstp         => control::fdecstp,
        C::Ffree_sti       => control::ffree,
        C::Ffreep_sti      => control::ffreep,
        C::Fnop            => control::fnop,
        C::Fneni | C::Fndisi | C::Fnsetpm | C::Frstpm => control::ignored,
        C::Fnstenv_m14byte => environment::fnstenv::<false>,
        C::Fnstenv_m28byte => environment::fnstenv::<true>,
        C::Fldenv_m14byte  => environment::fldenv::<false>,
        C::Fldenv_m28byte  => environment::fldenv::<true>,
        C::Fnsave_m94byte  => environment::fnsave::<false>,
        C::Fnsave_m108byte => environment::fnsave::<true>,
        C::Frstor_m94byte  => environment::frstor::<false>,
        C::Frstor_m108byte => environment::frstor::<true>,
        C::Fxsave_m512byte    => fxsave::fxsave::<false>,
        C::Fxsave64_m512byte  => fxsave::fxsave::<true>,
        C::Fxrstor_m512byte   => fxsave::fxrstor::<false>,
        C::Fxrstor64_m512byte => fxsave::fxrstor::<true>,
        _ => return None,
    };
    Some(handler)
}

/// The 11 opcode bits that FOP holds: the low three of D8–DF, and ModRM. Zero for other instructions.
/// Decode puts them into `Insn::imm`, since x87 instructions have no immediate.
pub fn opcode(code: &[u8], bits: u32) -> u64 {
    let is_prefix = |byte: u8| {
        matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
            || bits == 64 && byte & 0xf0 == 0x40
    };
    let start = code
        .iter()
        .position(|&byte| !is_prefix(byte))
        .unwrap_or(code.len());
    match code[start..] {
        [first @ 0xd8..=0xdf, modrm, ..] => u64::from(first & 7) << 8 | u64::from(modrm),
        _ => 0,
    }
}

/// Whether x87 and MMX instructions run without a fault of their own, and none of theirs can become one.
pub(crate) fn runs_unattended(cpu: &crate::Vcpu) -> bool {
    const MASKS: u16 = 0x3f;
    let fpu = &cpu.state.fpu;
    status::check_available(cpu).is_ok() && fpu.status & status::ES == 0 && fpu.control & MASKS == MASKS
}
