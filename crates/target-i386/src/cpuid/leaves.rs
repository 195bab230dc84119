//! What each CPUID leaf answers.
//! SDM vol. 2A, CPUID; APM vol. 3, appendix E.

use super::models::{Model, Vendor};
use crate::features::{Features, Word};
use crate::tsc::TSC_HZ;

/// The signature at 40000000h.
pub const HYPERVISOR_SIGNATURE: &[u8; 12] = b"RepriseVirt\0";

/// Where a processor stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Topology {
    /// Initial local APIC id.
    pub apic_id: u32,
    /// Threads of a core.
    pub threads: u32,
    /// Cores of a package.
    pub cores: u32,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            apic_id: 0,
            threads: 1,
            cores: 1,
        }
    }
}

/// What CPUID mirrors of the processor's present state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dynamic {
    /// CR4.OSXSAVE.
    pub osxsave: bool,
    /// IA32_APIC_BASE's enable bit: leaf 1 announces an APIC only while it is enabled.
    pub apic_enabled: bool,
    /// XCR0.
    pub xcr0: u64,
    /// IA32_XSS.
    pub xss: u64,
}

/// Bytes of the XSAVE area for the components of `mask`, in standard or compacted form (SDM vol. 1, 13.4).
pub const fn xsave_size(mask: u64, compact: bool) -> u32 {
    // Component 2 (AVX) is 256 bytes; right behind the header at 576 in both forms, as it is the only one.
    let _ = compact;
    if mask & 4 != 0 { 832 } else { 576 }
}

type Regs = [u32; 4];

/// EAX, EBX, ECX, EDX of `leaf` and `subleaf`.
pub fn leaf(model: &Model, topology: &Topology, dynamic: &Dynamic, leaf: u32, subleaf: u32) -> Regs {
    match leaf {
        0x4000_0000..=0x4fff_ffff if model.has(Features::HYPERVISOR) => hypervisor(leaf),
        0x8000_0000..=0x8fff_ffff if leaf <= model.xlevel => extended(model, topology, leaf),
        0..=0x3fff_ffff if leaf <= model.level => basic(model, topology, dynamic, leaf, subleaf),
        // Intel answers an unknown leaf like the highest basic one, AMD with zeros.
        _ => match model.vendor {
            Vendor::Intel => basic(model, topology, dynamic, model.level, subleaf),
            Vendor::Amd => [0; 4],
        },
    }
}

fn basic(model: &Model, topology: &Topology, dynamic: &Dynamic, leaf: u32, subleaf: u32) -> Regs {
    let features = model.features;
    let logical = (topology.threads * topology.cores).min(255);
    match leaf {
        0 => {
            let [ebx, edx, ecx] = three_words(model.vendor.signature());
            [model.level, ebx, ecx, edx]
        }
        1 => {
            let mut ecx = features.word(Word::L1Ecx);
            if dynamic.osxsave {
                ecx |= 1 << 27;
            }
            let mut edx = features.word(Word::L1Edx);
            if !dynamic.apic_enabled {
                edx &= !(1 << 9);
            }
            let mut ebx = topology.apic_id << 24;
            if features.contains(Features::CLFLUSH) {
                ebx |= 8 << 8;
            }
            if logical > 1 {
                edx |= 1 << 28;
                ebx |= logical.next_power_of_two().min(255) << 16;
            }
            [model.signature(), ebx, ecx, edx]
        }
        // Descriptors 2Ch, 30h, 7Dh: L1 data and code 32 KiB, L2 2 MiB.
        2 if model.vendor == Vendor::Intel => [1, 0, 0, 0x002c_307d],
        4 if model.vendor == Vendor::Intel => caches(topology, subleaf),
        // ARAT: the APIC timer never stops.
        6 => [if features.contains(Features::APIC) { 4 } else { 0 }, 0, 0, 0],
        7 if subleaf == 0 => [
            0,
            features.word(Word::L7Ebx),
            features.word(Word::L7Ecx),
            features.word(Word::L7Edx),
        ],
        0xb => extended_topology(topology, subleaf),
        0xd => xsave(model, dynamic, subleaf),
        _ => [0; 4],
    }
}

/// Leaf 4: deterministic cache parameters.
fn caches(topology: &Topology, subleaf: u32) -> Regs {
    let ways = 8;
    // (type, level, bytes, threads sharing)
    let (kind, level, bytes, sharing) = match subleaf {
        0 => (1, 1, 32 << 10, topology.threads),
        1 => (2, 1, 32 << 10, topology.threads),
        2 => (3, 2, 2 << 20, topology.threads),
        _ => return [0; 4],
    };
    let sets = bytes / 64 / ways;
    let cores = topology.cores.next_power_of_two() - 1;
    let eax = kind | level << 5 | 1 << 8 | (sharing.next_power_of_two() - 1) << 14 | cores << 26;
    [eax, (ways - 1) << 22 | 63, sets - 1, 0]
}

fn extended_topology(topology: &Topology, subleaf: u32) -> Regs {
    let thread_bits = topology.threads.next_power_of_two().trailing_zeros();
    let core_bits = topology.cores.next_power_of_two().trailing_zeros();
    match subleaf {
        0 => [thread_bits, topology.threads, 1 << 8, topology.apic_id],
        1 => [
            thread_bits + core_bits,
            topology.threads * topology.cores,
            2 << 8 | 1,
            topology.apic_id,
        ],
        _ => [0, 0, subleaf & 0xff, topology.apic_id],
    }
}

fn xsave(model: &Model, dynamic: &Dynamic, subleaf: u32) -> Regs {
    let supported = model.xcr0_mask();
    match subleaf {
        _ if supported == 0 => [0; 4],
        0 => [
            supported as u32,
            xsave_size(dynamic.xcr0, false),
            xsave_size(supported, false),
            0,
        ],
        1 => {
            let compact = model.has(Features::XSAVEC) || model.has(Features::XSAVES);
            let size = if compact {
                xsave_size(dynamic.xcr0 | dynamic.xss, true)
            } else {
                0
            };
            [model.features.word(Word::LDEax), size, 0, 0]
        }
        2 if supported & 4 != 0 => [256, 576, 0, 0],
        _ => [0; 4],
    }
}

fn hypervisor(leaf: u32) -> Regs {
    match leaf {
        0x4000_0000 => {
            let [ebx, ecx, edx] = three_words(HYPERVISOR_SIGNATURE);
            [0x4000_0001, ebx, ecx, edx]
        }
        // EAX: TSC frequency in kHz.
        0x4000_0001 => [(TSC_HZ / 1000) as u32, 0, 0, 0],
        _ => [0; 4],
    }
}

fn extended(model: &Model, topology: &Topology, leaf: u32) -> Regs {
    let features = model.features;
    let amd = model.vendor == Vendor::Amd;
    match leaf {
        0x8000_0000 => {
            let [ebx, edx, ecx] = if amd {
                three_words(model.vendor.signature())
            } else {
                [0; 3]
            };
            [model.xlevel, ebx, ecx, edx]
        }
        0x8000_0001 => {
            let mut edx = features.word(Word::X1Edx);
            let mut ecx = features.word(Word::X1Ecx) & !(1 << 1);
            if amd {
                // AMD repeats these bits of leaf 1.
                edx |= features.word(Word::L1Edx) & 0x0183_f3ff;
            } else {
                edx &= !(1 << 22);
            }
            if amd && topology.threads * topology.cores > 1 {
                // CmpLegacy: the processors that leaf 1 counts are cores.
                ecx |= 1 << 1;
            }
            [if amd { model.signature() } else { 0 }, 0, ecx, edx]
        }
        0x8000_0002..=0x8000_0004 => {
            let mut text = [0; 48];
            let bytes = &model.brand.as_bytes()[..model.brand.len().min(47)];
            text[..bytes.len()].copy_from_slice(bytes);
            let at = (leaf - 0x8000_0002) as usize * 16;
            std::array::from_fn(|i| {
                let at = at + i * 4;
                u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]])
            })
        }
        // L1: 64 KiB each, 2-way, 64-byte lines; 32+128 entries of TLB with 4 KiB pages and 8 with large ones.
        0x8000_0005 if amd => [0x01ff_01ff, 0x01ff_01ff, 0x4002_0140, 0x4002_0140],
        // L2: 512 KiB, 16-way.
        0x8000_0006 => [0, 0x4200_4200, 0x0200_8140, 0],
        0x8000_0007 => [0, 0, 0, features.word(Word::X7Edx)],
        0x8000_0008 => {
            let linear = if features.contains(Features::LM) { 48 } else { 32 };
            let eax = u32::from(model.phys_bits) | linear << 8;
            let logical = topology.threads * topology.cores;
            let bits = logical.next_power_of_two().trailing_zeros();
            let ecx = if amd {
                bits << 12 | (logical - 1).min(255)
            } else {
                0
            };
            let ebx = if amd { features.word(Word::X8Ebx) } else { 0 };
            [eax, ebx, ecx, 0]
        }
        _ => [0; 4],
    }
}

fn three_words(text: &[u8; 12]) -> [u32; 3] {
    std::array::from_fn(|i| {
        u32::from_le_bytes([text[i * 4], text[i * 4 + 1], text[i * 4 + 2], text[i * 4 + 3]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(model: &str, leaf_: u32, subleaf: u32, dynamic: Dynamic) -> Regs {
        leaf(
            &Model::named(model).unwrap(),
            &Topology::default(),
            &dynamic,
            leaf_,
            subleaf,
        )
    }

    #[test]
    #[rustfmt::skip]
    fn answers() {
        let boot = Dynamic { osxsave: false, apic_enabled: true, xcr0: 1, xss: 0 };
        let avx = Dynamic { osxsave: true, apic_enabled: true, xcr0: 7, xss: 0 };
        for (model, l, s, dynamic, register, mask, expected) in [
            ("max",      0,           0, boot, 0, !0,        0xd),
            ("max",      0,           0, boot, 1, !0,        0x6874_7541), // "Auth"
            ("max",      1,           0, boot, 0, !0,        0x663),
            ("max",      1,           0, boot, 2, 1 << 27,   0),           // OSXSAVE mirrors CR4
            ("max",      1,           0, avx,  2, 1 << 27,   1 << 27),
            ("max",      1,           0, boot, 2, 1 << 21,   0),           // no x2APIC
            ("max",      1,           0, boot, 2, 1 << 3,    0),           // no MONITOR
            ("max",      1,           0, boot, 2, 1 << 24,   1 << 24),     // TSC deadline
            ("max",      1,           0, boot, 3, 1 << 9,    1 << 9),
            ("max",      1,           0, Dynamic { apic_enabled: false, ..boot }, 3, 1 << 9, 0),
            ("max",      7,           0, boot, 2, 1 << 3 | 1 << 16, 0),    // no PKU, no LA57
            ("max",      7,           1, boot, 0, !0,        0),
            ("max",      0xd,         0, boot, 0, !0,        7),
            ("max",      0xd,         0, boot, 1, !0,        576),
            ("max",      0xd,         0, avx,  1, !0,        832),
            ("max",      0xd,         0, boot, 2, !0,        832),
            ("max",      0xd,         1, boot, 0, !0,        0xf),
            ("max",      0xd,         1, avx,  1, !0,        832),
            ("max",      0xd,         2, boot, 0, !0,        256),
            ("max",      0xd,         2, boot, 1, !0,        576),
            ("max",      0xd,         3, boot, 0, !0,        0),
            ("qemu64",   0xd,         0, boot, 0, !0,        0),
            ("max",      0x4000_0000, 0, boot, 0, !0,        0x4000_0001),
            ("max",      0x4000_0000, 0, boot, 1, !0,        0x7270_6552), // "Repr"
            ("max",      0x4000_0100, 0, boot, 0, !0,        0),
            ("max",      0x8000_0000, 0, boot, 0, !0,        0x8000_0008),
            ("max",      0x8000_0001, 0, boot, 2, 1 << 2,    0),           // no SVM
            ("max",      0x8000_0007, 0, boot, 3, 1 << 8,    1 << 8),      // invariant TSC
            ("max",      0x8000_0008, 0, boot, 0, 0xffff,    0x3028),
            ("max",      0x8000_000a, 0, boot, 0, !0,        0),
            ("max",      0x1234,      0, boot, 0, !0,        0),
            ("486",      1,           0, boot, 3, !0,        0xb),
            ("486",      0x8000_0000, 0, boot, 0, !0,        0x480),       // Intel: as the highest basic leaf
            ("pentium3", 0,           0, boot, 1, !0,        0x756e_6547), // "Genu"
            ("qemu64",   1,           0, boot, 2, 1 << 9,    0),           // no SSSE3
        ] {
            let got = ask(model, l, s, dynamic)[register];
            assert_eq!(got & mask, expected, "{model} leaf {l:#x}.{s} register {register}: {got:#x}");
        }
    }
}
