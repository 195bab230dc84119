//! What differences between the host CPU and the interpreter mean.
//!
//! The guest CPU models an AMD processor, and the manuals leave some results to the vendor (fault order, saved
//! pointers, partial registers). On an AMD host every difference is a bug of ours; on another vendor's the
//! differences are shown, and it takes a person to tell bug from vendor.

use std::arch::x86_64::__cpuid;

/// Whether the host is of the vendor that the guest CPU models.
#[must_use]
pub fn host_is_amd() -> bool {
    let leaf = __cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
}

/// Ends a differential suite: fails if there are `differences` that this host can judge.
///
/// # Panics
/// On an AMD host, if there is any difference.
pub fn judge(differences: &[String]) {
    if differences.is_empty() {
        return;
    }
    let report = format!("{} kinds differ\n{}", differences.len(), differences.join("\n"));
    assert!(!host_is_amd(), "{report}");
    println!("{report}\nnot judged: the guest CPU models an AMD processor, and this host is none");
}
