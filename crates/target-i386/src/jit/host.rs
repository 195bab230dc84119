//! What of the host's instruction set the translator may emit.
//!
//! Code depends on it, results never do. Tests of the code itself fix it, so that they hold on every host. SDM vol. 2A,
//! CPUID.

use bitflags::bitflags;
#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

bitflags! {
    /// Instruction sets beyond x86-64's first.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Host: u32 {
        /// SSE3.
        const SSE3 = 1;
        /// SSSE3.
        const SSSE3 = 1 << 1;
        /// SSE4.1.
        const SSE4_1 = 1 << 2;
        /// SSE4.2, and CRC32.
        const SSE4_2 = 1 << 3;
        /// AESENC and kin.
        const AES = 1 << 4;
        /// PCLMULQDQ.
        const PCLMULQDQ = 1 << 5;
        /// SHA1RNDS4 and kin.
        const SHA = 1 << 6;
        /// 256-bit registers, and VEX.
        const AVX = 1 << 7;
        /// 256-bit integers.
        const AVX2 = 1 << 8;
        /// Fused multiply-add.
        const FMA = 1 << 9;
        /// Half-precision conversions.
        const F16C = 1 << 10;
        /// ANDN, BEXTR, BLSI and kin, TZCNT.
        const BMI1 = 1 << 11;
        /// BZHI, MULX, PDEP, PEXT, RORX, SARX, SHLX, SHRX.
        const BMI2 = 1 << 12;
        /// ADCX and ADOX.
        const ADX = 1 << 13;
        /// MOVBE.
        const MOVBE = 1 << 14;
        /// LZCNT.
        const LZCNT = 1 << 15;
        /// POPCNT.
        const POPCNT = 1 << 16;
        /// What Intel and AMD do differently is done as AMD does it.
        const AMD = 1 << 17;
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Host {
    /// What this host has: it is none for this code.
    pub fn detect() -> Self {
        Self::empty()
    }
}

#[cfg(target_arch = "x86_64")]
impl Host {
    /// What this host has; found out once, since CPUID is slow where the host is a guest itself.
    pub fn detect() -> Self {
        static FOUND: OnceLock<Host> = OnceLock::new();
        *FOUND.get_or_init(Self::ask)
    }

    fn ask() -> Self {
        let has = [
            (Self::SSE3, std::arch::is_x86_feature_detected!("sse3")),
            (Self::SSSE3, std::arch::is_x86_feature_detected!("ssse3")),
            (Self::SSE4_1, std::arch::is_x86_feature_detected!("sse4.1")),
            (Self::SSE4_2, std::arch::is_x86_feature_detected!("sse4.2")),
            (Self::AES, std::arch::is_x86_feature_detected!("aes")),
            (Self::PCLMULQDQ, std::arch::is_x86_feature_detected!("pclmulqdq")),
            (Self::SHA, std::arch::is_x86_feature_detected!("sha")),
            (Self::AVX, std::arch::is_x86_feature_detected!("avx")),
            (Self::AVX2, std::arch::is_x86_feature_detected!("avx2")),
            (Self::FMA, std::arch::is_x86_feature_detected!("fma")),
            (Self::F16C, std::arch::is_x86_feature_detected!("f16c")),
            (Self::BMI1, std::arch::is_x86_feature_detected!("bmi1")),
            (Self::BMI2, std::arch::is_x86_feature_detected!("bmi2")),
            (Self::ADX, std::arch::is_x86_feature_detected!("adx")),
            (Self::MOVBE, std::arch::is_x86_feature_detected!("movbe")),
            (Self::LZCNT, std::arch::is_x86_feature_detected!("lzcnt")),
            (Self::POPCNT, std::arch::is_x86_feature_detected!("popcnt")),
            (Self::AMD, is_amd()),
        ];
        has.into_iter()
            .filter(|&(_, has)| has)
            .fold(Self::empty(), |all, (one, _)| all | one)
    }
}

/// Whether the host's vendor is AMD.
#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat();
    name == b"AuthenticAMD" || name == b"HygonGenuine"
}
