//! Which CPUID features an instruction needs: iced's facts mapped to ours.
//! SDM vol. 2, "CPUID Feature Flag" columns.

use crate::Features;
use iced_x86::{CpuidFeature, Instruction};

/// What a CPU must have to know the instruction; none if no CPU does.
pub fn needed(raw: &Instruction) -> Option<Features> {
    let mut features = raw.cpuid_features().iter();
    features.try_fold(Features::empty(), |all, &feature| {
        Some(all | needed_for(feature)?)
    })
}

fn needed_for(feature: CpuidFeature) -> Option<Features> {
    use CpuidFeature as C;
    use Features as F;
    Some(match feature {
        C::INTEL8086 | C::INTEL8086_ONLY | C::INTEL186 | C::INTEL286 | C::INTEL386 | C::INTEL486 => {
            F::empty()
        }
        // 386 and 486 models are not told apart below the 486; these have no feature bit.
        C::CPUID | C::MULTIBYTENOP | C::PAUSE | C::SMM | C::CLDEMOTE => F::empty(),
        // x87 without a unit is #NM or ignored, as CR0 says, not #UD.
        C::FPU | C::FPU287 | C::FPU287XL_ONLY | C::FPU387 | C::FPU387SL_ONLY => F::empty(),
        C::PREFETCHWT1 | C::PREFETCHITI => F::empty(),
        C::X64 => F::LM,
        C::ADX => F::ADX,
        C::AES => F::AES,
        C::AVX => F::AVX,
        C::AVX2 => F::AVX2,
        C::BMI1 => F::BMI1,
        C::BMI2 => F::BMI2,
        C::CLFLUSHOPT => F::CLFLUSHOPT,
        C::CLFSH => F::CLFLUSH,
        C::CLWB => F::CLWB,
        C::CLZERO => F::CLZERO,
        C::CMOV => F::CMOV,
        C::CMPXCHG16B => F::CX16,
        C::CX8 => F::CX8,
        C::F16C => F::F16C,
        C::FMA => F::FMA,
        C::FSGSBASE => F::FSGSBASE,
        C::FXSR => F::FXSR,
        C::INVPCID => F::INVPCID,
        C::LZCNT => F::ABM,
        C::MMX => F::MMX,
        C::MONITOR => F::MONITOR,
        C::MOVBE => F::MOVBE,
        C::MSR => F::MSR,
        C::PCLMULQDQ => F::PCLMULQDQ,
        C::POPCNT => F::POPCNT,
        C::PREFETCHW => F::PREFETCH,
        C::RDPID => F::RDPID,
        C::RDPMC => F::empty(),
        C::RDRAND => F::RDRAND,
        C::RDSEED => F::RDSEED,
        C::RDTSCP => F::RDTSCP,
        C::SEP => F::SEP,
        C::SHA => F::SHA,
        C::SMAP => F::SMAP,
        C::SSE => F::SSE,
        C::SSE2 => F::SSE2,
        C::SSE3 => F::SSE3,
        C::SSE4_1 => F::SSE41,
        C::SSE4_2 => F::SSE42,
        C::SSE4A => F::SSE4A,
        C::SSSE3 => F::SSSE3,
        C::SYSCALL => F::SYSCALL,
        C::TSC => F::TSC,
        C::VAES => F::VAES,
        C::VPCLMULQDQ => F::VPCLMULQDQ,
        C::WBNOINVD => F::WBNOINVD,
        C::XSAVE => F::XSAVE,
        C::XSAVEC => F::XSAVEC,
        C::XSAVEOPT => F::XSAVEOPT,
        C::XSAVES => F::XSAVES,
        _ => return None,
    })
}
