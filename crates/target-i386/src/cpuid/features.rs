//! Which features exist here, what needs what, and the names `-cpu` understands beyond the table's own.
//!
//! [`Features`] lists CPUID bits; a bit is announced only if it is in [`IMPLEMENTED`]. Adding a feature brings what
//! it needs, removing one takes along what needs it, so a model never announces AVX2 without AVX.

use crate::features::Features as F;

/// Every feature that the emulator implements: what `max` announces.
pub const IMPLEMENTED: F = {
    let mut set = F::empty();
    let mut i = 0;
    while i < NEEDS.len() {
        set = set.union(NEEDS[i].0);
        i += 1;
    }
    set
};

/// Each implemented feature with those it cannot be without.
#[rustfmt::skip]
const NEEDS: &[(F, F)] = &[
    (F::FPU,          F::empty()),
    (F::VME,          F::empty()),
    (F::DE,           F::empty()),
    (F::PSE,          F::empty()),
    (F::TSC,          F::empty()),
    (F::MSR,          F::empty()),
    (F::PAE,          F::empty()),
    (F::MCE,          F::empty()),
    (F::CX8,          F::empty()),
    (F::APIC,         F::MSR),
    (F::SEP,          F::MSR),
    (F::MTRR,         F::MSR),
    (F::PGE,          F::empty()),
    (F::MCA,          F::MCE.union(F::MSR)),
    (F::CMOV,         F::empty()),
    (F::PAT,          F::MSR),
    (F::PSE36,        F::PSE),
    (F::CLFLUSH,      F::empty()),
    (F::MMX,          F::FPU),
    (F::FXSR,         F::FPU),
    (F::SSE,          F::FXSR.union(F::MMX)),
    (F::SSE2,         F::SSE),
    (F::SSE3,         F::SSE2),
    (F::PCLMULQDQ,    F::SSE2),
    (F::SSSE3,        F::SSE3),
    (F::FMA,          F::AVX),
    (F::CX16,         F::LM.union(F::CX8)),
    (F::PCID,         F::LM.union(F::PGE)),
    (F::SSE41,        F::SSSE3),
    (F::SSE42,        F::SSE41),
    (F::MOVBE,        F::empty()),
    (F::POPCNT,       F::empty()),
    (F::TSC_DEADLINE, F::TSC.union(F::APIC)),
    (F::AES,          F::SSE2),
    (F::XSAVE,        F::FXSR.union(F::SSE)),
    (F::AVX,          F::XSAVE.union(F::SSE42)),
    (F::F16C,         F::AVX),
    (F::RDRAND,       F::empty()),
    (F::HYPERVISOR,   F::empty()),
    (F::FSGSBASE,     F::LM),
    (F::TSC_ADJUST,   F::TSC.union(F::MSR)),
    (F::BMI1,         F::empty()),
    (F::AVX2,         F::AVX),
    (F::SMEP,         F::empty()),
    (F::BMI2,         F::empty()),
    (F::ERMS,         F::empty()),
    (F::INVPCID,      F::empty()),
    (F::RDSEED,       F::empty()),
    (F::SMAP,         F::empty()),
    (F::CLFLUSHOPT,   F::CLFLUSH),
    (F::CLWB,         F::CLFLUSH),
    (F::SHA,          F::SSSE3),
    (F::UMIP,         F::empty()),
    (F::XSAVEOPT,     F::XSAVE),
    (F::XSAVEC,       F::XSAVE),
    (F::XGETBV1,      F::XSAVE),
    (F::XSAVES,       F::XSAVEC),
    (F::SYSCALL,      F::MSR),
    (F::NX,           F::PAE.union(F::MSR)),
    (F::MMXEXT,       F::MMX),
    (F::PDPE1GB,      F::LM),
    (F::RDTSCP,       F::TSC),
    (F::LM,           F::PAE.union(F::SYSCALL)),
    (F::LAHF_LM,      F::LM),
    (F::ABM,          F::empty()),
    (F::PREFETCH,     F::empty()),
    (F::INVTSC,       F::TSC),
    (F::XSAVEERPTR,   F::empty()),
];

/// Other spellings of names in the feature table.
const ALIASES: &[(&str, F)] = &[
    ("clfsh", F::CLFLUSH),
    ("sse3", F::SSE3),
    ("pclmuldq", F::PCLMULQDQ),
    ("xd", F::NX),
    ("i64", F::LM),
    ("lzcnt", F::ABM),
    ("sha", F::SHA),
];

/// Names that `-cpu` understands, of features that do not exist here: asking for one warns, or fails with
/// `enforce`.
pub const KNOWN_UNSUPPORTED: &[&str] = &[
    "3dnow",
    "3dnowext",
    "acpi",
    "amx-bf16",
    "amx-int8",
    "amx-tile",
    "arch-capabilities",
    "avx-vnni",
    "avx512-bf16",
    "avx512-fp16",
    "avx512-vpopcntdq",
    "avx512bitalg",
    "avx512bw",
    "avx512cd",
    "avx512dq",
    "avx512er",
    "avx512f",
    "avx512ifma",
    "avx512pf",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vl",
    "avx512vnni",
    "bus-lock-detect",
    "cldemote",
    "dca",
    "ds",
    "ds-cpl",
    "dtes64",
    "est",
    "extapic",
    "fma4",
    "gfni",
    "hle",
    "ia64",
    "ibpb",
    "ibrs",
    "ibs",
    "intel-pt",
    "la57",
    "lwp",
    "md-clear",
    "movdir64b",
    "movdiri",
    "mpx",
    "nodeid-msr",
    "npt",
    "nrip-save",
    "osvw",
    "pbe",
    "pcommit",
    "pdcm",
    "perfctr-core",
    "pks",
    "pku",
    "pn",
    "rtm",
    "serialize",
    "skinit",
    "smx",
    "spec-ctrl",
    "ssbd",
    "stibp",
    "svm",
    "tbm",
    "tm",
    "tm2",
    "virt-ssbd",
    "vmx",
    "waitpkg",
    "wdt",
    "xop",
    "xtpr",
];

/// Lower case, with '_' for '-' and '.': how names are compared.
pub fn canonical(name: &str) -> String {
    name.chars()
        .map(|c| {
            if matches!(c, '-' | '.') {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// The feature `-cpu` calls `name`, implemented or not.
pub fn by_name(name: &str) -> Option<F> {
    let name = canonical(name);
    let table = F::WORDS.iter().map(|row| (row.1, row.0));
    table
        .chain(ALIASES.iter().copied())
        .find(|(n, _)| canonical(n) == name)
        .map(|(_, feature)| feature)
}

/// Every name that [`by_name`] finds.
pub fn names() -> impl Iterator<Item = &'static str> {
    F::WORDS
        .iter()
        .map(|row| row.1)
        .chain(ALIASES.iter().map(|row| row.0))
}

/// `set` and everything its members need.
pub fn with_needs(mut set: F) -> F {
    loop {
        let more = NEEDS
            .iter()
            .filter(|(f, _)| set.intersects(*f))
            .fold(set, |all, (_, needs)| all | *needs);
        if more == set {
            return set;
        }
        set = more;
    }
}

/// `set` without `feature` and without everything that needs it.
pub fn without(set: F, feature: F) -> F {
    let mut gone = feature;
    loop {
        let more = NEEDS
            .iter()
            .filter(|(_, needs)| gone.intersects(*needs))
            .fold(gone, |all, (f, _)| all | *f);
        if more == gone {
            return set - gone;
        }
        gone = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_takes_dependants_along() {
        let left = without(IMPLEMENTED, F::AVX);
        assert!(!left.intersects(F::AVX | F::AVX2 | F::FMA | F::F16C));
        assert!(left.contains(F::SSE42 | F::XSAVE));
        assert_eq!(IMPLEMENTED - left, F::AVX | F::AVX2 | F::FMA | F::F16C);
    }

    #[test]
    fn adding_brings_needs() {
        let all = with_needs(F::AVX2);
        assert!(all.contains(F::AVX | F::XSAVE | F::SSE42 | F::SSE | F::FXSR | F::FPU));
        assert_eq!(with_needs(IMPLEMENTED), IMPLEMENTED);
    }

    #[test]
    fn names_are_found() {
        for (name, expected) in [
            ("sse4_2", F::SSE42),
            ("SSE4.2", F::SSE42),
            ("tsc_deadline", F::TSC_DEADLINE),
            ("lzcnt", F::ABM),
        ] {
            assert_eq!(by_name(name), Some(expected), "{name}");
        }
        assert!(KNOWN_UNSUPPORTED.iter().all(|n| by_name(n).is_none()));
    }
}
