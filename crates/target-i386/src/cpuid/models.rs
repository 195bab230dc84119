//! The CPU models that `-cpu` offers, and the numbers CPUID tells about each.
//!
//! `max` has every feature implemented; the others are fixed sets, so that a guest meets the same CPU whatever
//! version of this project runs it. Family numbers of the classic models are those of the silicon (or of QEMU's
//! synthetic `qemu64`/`qemu32`).

use super::features::IMPLEMENTED;
use crate::features::Features;
use serde::{Deserialize, Serialize};

/// Whose rules hold where Intel's and AMD's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Vendor {
    /// GenuineIntel.
    Intel,
    /// AuthenticAMD.
    Amd,
}

impl Vendor {
    /// The twelve characters of leaf 0, in EBX, EDX, ECX order.
    pub const fn signature(self) -> &'static [u8; 12] {
        match self {
            Self::Intel => b"GenuineIntel",
            Self::Amd => b"AuthenticAMD",
        }
    }
}

/// One CPU model: all that CPUID and the feature checks need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Name for `-cpu`.
    pub name: String,
    /// Vendor.
    pub vendor: Vendor,
    /// Display family.
    pub family: u32,
    /// Display model.
    pub model: u32,
    /// Stepping, 0..=15.
    pub stepping: u32,
    /// Highest basic leaf.
    pub level: u32,
    /// Highest extended leaf, or 0 for none.
    pub xlevel: u32,
    /// Physical address width in bits: 32, 36 or 40.
    pub phys_bits: u8,
    /// Brand string, up to 47 bytes.
    pub brand: String,
    /// Features announced, and therefore available.
    pub features: Features,
}

impl Model {
    /// Whether the model announces `feature`.
    #[inline]
    pub const fn has(&self, feature: Features) -> bool {
        self.features.contains(feature)
    }

    /// The default model, `max`.
    pub fn max() -> Self {
        Self::named("max").expect("`max` is in the table")
    }

    /// `max` with exactly `features`, for tests of a feature's absence.
    pub fn with_features(features: Features) -> Self {
        Self {
            features,
            ..Self::max()
        }
    }

    /// The model called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let spec = SPECS.iter().find(|spec| spec.name == name)?;
        Some(Self {
            name: spec.name.to_owned(),
            vendor: spec.vendor,
            family: spec.fms.0,
            model: spec.fms.1,
            stepping: spec.fms.2,
            level: spec.level,
            xlevel: spec.xlevel,
            phys_bits: spec.phys_bits,
            brand: spec.brand.to_owned(),
            features: spec.features,
        })
    }

    /// CPUID leaf 1 EAX, also EDX after reset: family, model and stepping.
    pub const fn signature(&self) -> u32 {
        let (family, extended) = if self.family >= 15 {
            (15, self.family - 15)
        } else {
            (self.family, 0)
        };
        let extended_model = if self.family >= 15 || self.family == 6 {
            self.model >> 4
        } else {
            0
        };
        extended << 20
            | (extended_model & 15) << 16
            | family << 8
            | (self.model & 15) << 4
            | self.stepping & 15
    }

    /// Physical address bits that exist, as a mask.
    pub const fn phys_mask(&self) -> u64 {
        (1 << self.phys_bits) - 1
    }

    /// State components that XCR0 may enable (SDM vol. 1, 13.3), 0 without XSAVE.
    pub const fn xcr0_mask(&self) -> u64 {
        match (self.has(Features::XSAVE), self.has(Features::AVX)) {
            (false, _) => 0,
            (true, false) => 3,
            (true, true) => 7,
        }
    }
}

struct Spec {
    name: &'static str,
    description: &'static str,
    vendor: Vendor,
    fms: (u32, u32, u32),
    level: u32,
    xlevel: u32,
    phys_bits: u8,
    brand: &'static str,
    features: Features,
}

use Features as F;

const I486: F = F::FPU.union(F::VME).union(F::PSE);
const PENTIUM3: F = F::FPU
    .union(F::VME)
    .union(F::DE)
    .union(F::PSE)
    .union(F::TSC)
    .union(F::MSR)
    .union(F::PAE)
    .union(F::MCE)
    .union(F::CX8)
    .union(F::APIC)
    .union(F::SEP)
    .union(F::MTRR)
    .union(F::PGE)
    .union(F::MCA)
    .union(F::CMOV)
    .union(F::PAT)
    .union(F::PSE36)
    .union(F::MMX)
    .union(F::FXSR)
    .union(F::SSE);
const QEMU32: F = PENTIUM3.union(F::SSE2.union(F::SSE3).union(F::CLFLUSH).union(F::HYPERVISOR));
const QEMU64: F = QEMU32.union(
    F::LM
        .union(F::SYSCALL)
        .union(F::NX)
        .union(F::CX16)
        .union(F::LAHF_LM)
        .union(F::INVTSC)
        .union(F::TSC_DEADLINE)
        .union(F::XSAVEERPTR),
);
const V2: F = QEMU64.union(F::SSSE3.union(F::SSE41).union(F::SSE42).union(F::POPCNT));
const V3: F = V2.union(
    F::XSAVE
        .union(F::AVX)
        .union(F::AVX2)
        .union(F::BMI1)
        .union(F::BMI2)
        .union(F::F16C)
        .union(F::FMA)
        .union(F::ABM)
        .union(F::MOVBE),
);

const BRAND: &str = "Reprise virtual CPU";

/// `-cpu help` and the models behind it. The family of `max` is that of QEMU's TCG `max`, so that Linux picks the
/// same mitigations on both and comparisons compare emulators.
#[rustfmt::skip]
static SPECS: &[Spec] = &[
    Spec { name: "max",       description: "every feature implemented (default)", vendor: Vendor::Amd,   fms: (6, 6, 3),    level: 0xd, xlevel: 0x8000_0008, phys_bits: 40, brand: BRAND, features: IMPLEMENTED },
    Spec { name: "qemu64",    description: "64-bit baseline with SSE3, as QEMU",  vendor: Vendor::Amd,   fms: (15, 107, 1), level: 0xd, xlevel: 0x8000_0008, phys_bits: 40, brand: BRAND, features: QEMU64 },
    Spec { name: "x86-64-v2", description: "psABI level 2: SSE4.2, POPCNT",       vendor: Vendor::Amd,   fms: (15, 107, 1), level: 0xd, xlevel: 0x8000_0008, phys_bits: 40, brand: BRAND, features: V2 },
    Spec { name: "x86-64-v3", description: "psABI level 3: AVX2, BMI, FMA",       vendor: Vendor::Amd,   fms: (15, 107, 1), level: 0xd, xlevel: 0x8000_0008, phys_bits: 40, brand: BRAND, features: V3 },
    Spec { name: "qemu32",    description: "32-bit with SSE3, as QEMU",           vendor: Vendor::Intel, fms: (6, 6, 3),    level: 4,   xlevel: 0x8000_0004, phys_bits: 36, brand: BRAND, features: QEMU32 },
    Spec { name: "pentium3",  description: "32-bit with SSE",                     vendor: Vendor::Intel, fms: (6, 8, 3),    level: 3,   xlevel: 0,           phys_bits: 36, brand: "",    features: PENTIUM3 },
    Spec { name: "486",       description: "i486DX4: CPUID, no TSC, no CMPXCHG8B", vendor: Vendor::Intel, fms: (4, 8, 0),    level: 1,   xlevel: 0,           phys_bits: 32, brand: "",    features: I486 },
];

/// Name and one-line description of each model, for `-cpu help`.
pub fn models() -> impl Iterator<Item = (&'static str, &'static str)> {
    SPECS.iter().map(|spec| (spec.name, spec.description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        for (name, expected) in [
            ("max", 0x663),
            ("qemu64", 0x0006_0fb1),
            ("qemu32", 0x663),
            ("pentium3", 0x683),
            ("486", 0x480),
        ] {
            assert_eq!(Model::named(name).unwrap().signature(), expected, "{name}");
        }
    }

    #[test]
    fn every_model_is_closed_under_needs() {
        for (name, _) in models() {
            let model = Model::named(name).unwrap();
            assert_eq!(
                super::super::features::with_needs(model.features),
                model.features,
                "{name}"
            );
            assert!(IMPLEMENTED.contains(model.features), "{name}");
        }
    }
}
