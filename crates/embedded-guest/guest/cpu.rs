//! The processor: identification, sleeping, interrupt table.

use crate::console::Console;
use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, _rdtsc};
use core::fmt::Write;

/// CPUID features worth listing: leaf, register (a b c d = 0..3), bit, name.
#[rustfmt::skip]
const FEATURES: &[(u32, usize, u32, &str)] = &[
    (1, 3, 0, "fpu"), (1, 3, 4, "tsc"), (1, 3, 6, "pae"), (1, 3, 8, "cx8"), (1, 3, 9, "apic"), (1, 3, 15, "cmov"),
    (1, 3, 23, "mmx"), (1, 3, 25, "sse"), (1, 3, 26, "sse2"), (1, 2, 0, "sse3"), (1, 2, 1, "pclmulqdq"),
    (1, 2, 9, "ssse3"), (1, 2, 12, "fma"), (1, 2, 13, "cx16"), (1, 2, 17, "pcid"), (1, 2, 19, "sse4.1"),
    (1, 2, 20, "sse4.2"), (1, 2, 22, "movbe"), (1, 2, 23, "popcnt"), (1, 2, 24, "tsc-deadline"), (1, 2, 25, "aes"),
    (1, 2, 26, "xsave"), (1, 2, 28, "avx"), (1, 2, 29, "f16c"), (1, 2, 30, "rdrand"), (7, 1, 0, "fsgsbase"),
    (7, 1, 3, "bmi1"), (7, 1, 5, "avx2"), (7, 1, 7, "smep"), (7, 1, 8, "bmi2"), (7, 1, 18, "rdseed"),
    (7, 1, 20, "smap"), (7, 1, 29, "sha"), (7, 2, 2, "umip"),
];

/// One line: brand string.
pub fn describe(out: &mut Console) {
    let mut brand = [0; 48];
    if __cpuid(0x8000_0000).eax >= 0x8000_0004 {
        for (leaf, part) in (0x8000_0002..).zip(brand.chunks_exact_mut(16)) {
            let r = __cpuid(leaf);
            for (word, bytes) in [r.eax, r.ebx, r.ecx, r.edx].iter().zip(part.chunks_exact_mut(4)) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    let brand = core::str::from_utf8(&brand).unwrap_or("").trim_matches(['\0', ' ']);
    let _ = writeln!(out, "  cpu      {}", if brand.is_empty() { "x86-64" } else { brand });
}

/// The features that are there.
pub fn list_features(out: &mut Console) {
    describe(out);
    let max = __cpuid(0).eax;
    for &(leaf, register, bit, name) in FEATURES {
        if leaf <= max {
            let r = __cpuid_count(leaf, 0);
            if [r.eax, r.ebx, r.ecx, r.edx][register] >> bit & 1 != 0 {
                let _ = write!(out, " {name}");
            }
        }
    }
    let _ = writeln!(out);
}

/// Time-stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: every 64-bit CPU has RDTSC, and the guest runs at CPL 0.
    unsafe { _rdtsc() }
}

/// HLT until an interrupt, with no window between looking and sleeping (STI's shadow).
pub fn sleep_until_interrupt() {
    // SAFETY: the interrupt table is installed; handlers preserve all registers.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Stops for good.
pub fn halt_forever() -> ! {
    loop {
        // SAFETY: nothing runs after this.
        unsafe { asm!("cli", "hlt") };
    }
}

/// Reads an address far outside the identity map.
pub fn touch_nothing() {
    // SAFETY: it faults, which is what the user asked for; the handler does not return.
    unsafe { asm!("mov rax, [rax]", inout("rax") 0x7000_0000_0000_u64 => _) };
}

/// Loads IDTR.
///
/// # Safety
/// `base` is a table of valid gates that lives as long as the guest.
pub unsafe fn load_idt(base: u64, limit: u16) {
    let mut pointer = [0u8; 10];
    pointer[..2].copy_from_slice(&limit.to_le_bytes());
    pointer[2..].copy_from_slice(&base.to_le_bytes());
    // SAFETY: the caller's promise.
    unsafe { asm!("lidt [{}]", in(reg) &pointer) };
}
