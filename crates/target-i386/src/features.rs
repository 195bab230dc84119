//! CPU features as a set: what the CPU model announces, asked at decode and by system instructions.
//!
//! One bit per CPUID feature bit that changes what this crate does. [`Features::WORDS`] maps each to its place
//! in CPUID, so that the model table and CPUID itself come from the same list. SDM vol. 2A, CPUID; APM vol. 3,
//! appendix E.

use bitflags::bitflags;

/// Where CPUID reports a feature: leaf, subleaf, register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Leaf 1, EDX.
    L1Edx,
    /// Leaf 1, ECX.
    L1Ecx,
    /// Leaf 7 subleaf 0, EBX.
    L7Ebx,
    /// Leaf 7 subleaf 0, ECX.
    L7Ecx,
    /// Leaf 7 subleaf 0, EDX.
    L7Edx,
    /// Leaf D subleaf 1, EAX.
    LDEax,
    /// Leaf 8000_0001, EDX (bits that AMD repeats from leaf 1 are not listed).
    X1Edx,
    /// Leaf 8000_0001, ECX.
    X1Ecx,
    /// Leaf 8000_0007, EDX.
    X7Edx,
    /// Leaf 8000_0008, EBX.
    X8Ebx,
}

macro_rules! features {
    ($($bit:literal $name:ident $text:literal $word:ident $pos:literal;)*) => {
        bitflags! {
            /// A set of CPU features.
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct Features: u128 {
                $(
                    #[doc = concat!("CPUID name: ", $text, ".")]
                    const $name = 1 << $bit;
                )*
            }
        }

        impl Features {
            /// Each feature with its name on the command line and its place in CPUID.
            pub const WORDS: &[(Self, &'static str, Word, u8)] = &[
                $((Self::$name, $text, Word::$word, $pos),)*
            ];
        }
    };
}

#[rustfmt::skip]
features! {
    0   FPU          "fpu"          L1Edx 0;
    1   VME          "vme"          L1Edx 1;
    2   DE           "de"           L1Edx 2;
    3   PSE          "pse"          L1Edx 3;
    4   TSC          "tsc"          L1Edx 4;
    5   MSR          "msr"          L1Edx 5;
    6   PAE          "pae"          L1Edx 6;
    7   MCE          "mce"          L1Edx 7;
    8   CX8          "cx8"          L1Edx 8;
    9   APIC         "apic"         L1Edx 9;
    10  SEP          "sep"          L1Edx 11;
    11  MTRR         "mtrr"         L1Edx 12;
    12  PGE          "pge"          L1Edx 13;
    13  MCA          "mca"          L1Edx 14;
    14  CMOV         "cmov"         L1Edx 15;
    15  PAT          "pat"          L1Edx 16;
    16  PSE36        "pse36"        L1Edx 17;
    17  CLFLUSH      "clflush"      L1Edx 19;
    18  MMX          "mmx"          L1Edx 23;
    19  FXSR         "fxsr"         L1Edx 24;
    20  SSE          "sse"          L1Edx 25;
    21  SSE2         "sse2"         L1Edx 26;
    22  SS           "ss"           L1Edx 27;
    23  HT           "ht"           L1Edx 28;

    24  SSE3         "pni"          L1Ecx 0;
    25  PCLMULQDQ    "pclmulqdq"    L1Ecx 1;
    26  MONITOR      "monitor"      L1Ecx 3;
    27  SSSE3        "ssse3"        L1Ecx 9;
    28  FMA          "fma"          L1Ecx 12;
    29  CX16         "cx16"         L1Ecx 13;
    30  PCID         "pcid"         L1Ecx 17;
    31  SSE41        "sse4.1"       L1Ecx 19;
    32  SSE42        "sse4.2"       L1Ecx 20;
    33  X2APIC       "x2apic"       L1Ecx 21;
    34  MOVBE        "movbe"        L1Ecx 22;
    35  POPCNT       "popcnt"       L1Ecx 23;
    36  TSC_DEADLINE "tsc-deadline" L1Ecx 24;
    37  AES          "aes"          L1Ecx 25;
    38  XSAVE        "xsave"        L1Ecx 26;
    39  AVX          "avx"          L1Ecx 28;
    40  F16C         "f16c"         L1Ecx 29;
    41  RDRAND       "rdrand"       L1Ecx 30;
    42  HYPERVISOR   "hypervisor"   L1Ecx 31;

    43  FSGSBASE     "fsgsbase"     L7Ebx 0;
    44  TSC_ADJUST   "tsc-adjust"   L7Ebx 1;
    45  BMI1         "bmi1"         L7Ebx 3;
    46  AVX2         "avx2"         L7Ebx 5;
    47  SMEP         "smep"         L7Ebx 7;
    48  BMI2         "bmi2"         L7Ebx 8;
    49  ERMS         "erms"         L7Ebx 9;
    50  INVPCID      "invpcid"      L7Ebx 10;
    51  RDSEED       "rdseed"       L7Ebx 18;
    52  ADX          "adx"          L7Ebx 19;
    53  SMAP         "smap"         L7Ebx 20;
    54  CLFLUSHOPT   "clflushopt"   L7Ebx 23;
    55  CLWB         "clwb"         L7Ebx 24;
    56  SHA          "sha-ni"       L7Ebx 29;

    57  UMIP         "umip"         L7Ecx 2;
    58  VAES         "vaes"         L7Ecx 9;
    59  VPCLMULQDQ   "vpclmulqdq"   L7Ecx 10;
    60  RDPID        "rdpid"        L7Ecx 22;
    61  FSRM         "fsrm"         L7Edx 4;

    62  XSAVEOPT     "xsaveopt"     LDEax 0;
    63  XSAVEC       "xsavec"       LDEax 1;
    64  XGETBV1      "xgetbv1"      LDEax 2;
    65  XSAVES       "xsaves"       LDEax 3;

    66  SYSCALL      "syscall"      X1Edx 11;
    67  NX           "nx"           X1Edx 20;
    68  MMXEXT       "mmxext"       X1Edx 22;
    69  FXSR_OPT     "fxsr-opt"     X1Edx 25;
    70  PDPE1GB      "pdpe1gb"      X1Edx 26;
    71  RDTSCP       "rdtscp"       X1Edx 27;
    72  LM           "lm"           X1Edx 29;

    73  LAHF_LM      "lahf-lm"      X1Ecx 0;
    74  CMP_LEGACY   "cmp-legacy"   X1Ecx 1;
    75  CR8LEGACY    "cr8legacy"    X1Ecx 4;
    76  ABM          "abm"          X1Ecx 5;
    77  SSE4A        "sse4a"        X1Ecx 6;
    78  MISALIGNSSE  "misalignsse"  X1Ecx 7;
    79  PREFETCH     "3dnowprefetch" X1Ecx 8;
    80  TOPOEXT      "topoext"      X1Ecx 22;

    81  INVTSC       "invtsc"       X7Edx 8;
    82  WBNOINVD     "wbnoinvd"     X8Ebx 9;
    83  CLZERO       "clzero"       X8Ebx 0;
    84  XSAVEERPTR   "xsaveerptr"   X8Ebx 2;
}

impl Features {
    /// The feature with this command-line name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The bits of one CPUID word.
    pub fn word(self, word: Word) -> u32 {
        Self::WORDS
            .iter()
            .filter(|row| row.2 == word && self.contains(row.0))
            .fold(0, |bits, row| bits | 1 << row.3)
    }
}

/// As the number of its bits: sets are small, and numbers stay what they are when names are added.
impl serde::Serialize for Features {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.bits().serialize(to)
    }
}

impl<'de> serde::Deserialize<'de> for Features {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_bits(u128::deserialize(from)?)
            .ok_or_else(|| serde::de::Error::custom("features that this build does not know"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names() {
        assert_eq!((Features::FPU | Features::SSE2).word(Word::L1Edx), 1 | 1 << 26);
        assert_eq!(Features::by_name("bmi2"), Some(Features::BMI2));
        assert_eq!(Features::by_name("nonsense"), None);
        for (i, (bit, name, ..)) in Features::WORDS.iter().enumerate() {
            assert_eq!(bit.bits().count_ones(), 1, "{name}");
            assert!(
                Features::WORDS[..i]
                    .iter()
                    .all(|row| row.0 != *bit && row.1 != *name),
                "{name} twice"
            );
        }
    }
}
