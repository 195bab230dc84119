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
    /// Cores of a die.
    pub cores: u32,
    /// Dies of a package.
    pub dies: u32,
}

impl Topology {
    /// Logical processors of a package.
    pub fn logical(&self) -> u32 {
        self.threads * self.cores * self.dies
    }

    /// Bits of the APIC id that number the threads of a core.
    pub fn thread_bits(&self) -> u32 {
        self.threads.next_power_of_two().trailing_zeros()
    }

    /// Bits that number the cores of a die.
    pub fn core_bits(&self) -> u32 {
        self.cores.next_power_of_two().trailing_zeros()
    }

    /// Bits that number the logical processors of a package.
    pub fn package_bits(&self) -> u32 {
        self.thread_bits() + self.core_bits() + self.dies.next_power_of_two().trailing_zeros()
    }

    /// Whether an AMD processor needs the leaves that tell of threads (TOPOEXT).
    fn extended(&self, model: &Model) -> bool {
        model.vendor == Vendor::Amd && self.threads > 1 && model.xlevel >= 0x8000_0008
    }
}

/// The highest basic leaf: dies are told of by a leaf of their own.
fn top_level(model: &Model, topology: &Topology) -> u32 {
    let dies = model.vendor == Vendor::Intel && topology.dies > 1 && model.level >= 4;
    if dies { 0x1f } else { model.level }
}

/// The highest extended leaf.
fn top_extended(model: &Model, topology: &Topology) -> u32 {
    if topology.extended(model) {
        0x8000_001e
    } else {
        model.xlevel
    }
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            apic_id: 0,
            threads: 1,
            cores: 1,
            dies: 1,
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
        0x8000_0000..=0x8fff_ffff if leaf <= top_extended(model, topology) => {
            extended(model, topology, leaf, subleaf)
        }
        0..=0x3fff_ffff if leaf <= top_level(model, topology) => {
            basic(model, topology, dynamic, leaf, subleaf)
        }
        // Intel answers an unknown leaf like the highest basic one, AMD with zeros.
        _ => match model.vendor {
            Vendor::Intel => basic(model, topology, dynamic, model.level, subleaf),
            Vendor::Amd => [0; 4],
        },
    }
}

fn basic(model: &Model, topology: &Topology, dynamic: &Dynamic, leaf: u32, subleaf: u32) -> Regs {
    let features = model.features;
    let logical = topology.logical();
    match leaf {
        0 => {
            let [ebx, edx, ecx] = three_words(model.vendor.signature());
            [top_level(model, topology), ebx, ecx, edx]
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
                ebx |= (1 << topology.package_bits()).min(255) << 16;
            }
            [model.signature(), ebx, ecx, edx]
        }
        // Descriptors 2Ch, 30h, 7Dh: L1 data and code 32 KiB, L2 2 MiB.
        2 if model.vendor == Vendor::Intel => [1, 0, 0, 0x002c_307d],
        4 if model.vendor == Vendor::Intel => {
            let mut regs = caches(topology, subleaf);
            if regs[0] != 0 {
                let cores = topology.package_bits() - topology.thread_bits();
                regs[0] |= ((1u32 << cores) - 1).min(63) << 26;
            }
            regs
        }
        // ARAT: the APIC timer never stops.
        6 => [if features.contains(Features::APIC) { 4 } else { 0 }, 0, 0, 0],
        7 if subleaf == 0 => [
            0,
            features.word(Word::L7Ebx),
            features.word(Word::L7Ecx),
            features.word(Word::L7Edx),
        ],
        0xb => extended_topology(topology, subleaf, false),
        0xd => xsave(model, dynamic, subleaf),
        0x1f if model.vendor == Vendor::Intel => extended_topology(topology, subleaf, true),
        _ => [0; 4],
    }
}

/// Deterministic cache parameters, in the form of leaves 4 (without the number of cores) and 8000001Dh.
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
    let eax = kind | level << 5 | 1 << 8 | (sharing.next_power_of_two() - 1) << 14;
    [eax, (ways - 1) << 22 | 63, sets - 1, 0]
}

/// Leaves Bh and 1Fh; only the second tells dies from packages.
fn extended_topology(topology: &Topology, subleaf: u32, dies: bool) -> Regs {
    let core = topology.thread_bits() + topology.core_bits();
    let (kind, bits, count) = match (subleaf, dies) {
        (0, _) => (1, topology.thread_bits(), topology.threads),
        (1, false) => (2, topology.package_bits(), topology.logical()),
        (1, true) => (2, core, topology.threads * topology.cores),
        (2, true) => (5, topology.package_bits(), topology.logical()),
        _ => (0, 0, 0),
    };
    [bits, count, kind << 8 | subleaf & 0xff, topology.apic_id]
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

fn extended(model: &Model, topology: &Topology, leaf: u32, subleaf: u32) -> Regs {
    let features = model.features;
    let amd = model.vendor == Vendor::Amd;
    match leaf {
        0x8000_0000 => {
            let [ebx, edx, ecx] = if amd {
                three_words(model.vendor.signature())
            } else {
                [0; 3]
            };
            [top_extended(model, topology), ebx, ecx, edx]
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
            if amd && topology.logical() > 1 {
                // CmpLegacy: the processors that leaf 1 counts are cores.
                ecx |= 1 << 1;
            }
            if topology.extended(model) {
                ecx |= 1 << 22;
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
            let ecx = if amd {
                topology.package_bits() << 12 | (topology.logical() - 1).min(255)
            } else {
                0
            };
            let ebx = if amd { features.word(Word::X8Ebx) } else { 0 };
            [eax, ebx, ecx, 0]
        }
        0x8000_001d if amd => caches(topology, subleaf),
        // Threads and number of the core; dies are nodes.
        0x8000_001e if amd => {
            let core = topology.apic_id >> topology.thread_bits();
            let node = topology.apic_id >> (topology.thread_bits() + topology.core_bits());
            let ebx = core & 0xff | (topology.threads - 1) << 8;
            [topology.apic_id, ebx, node & 0xff | (topology.dies - 1) << 8, 0]
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

    /// Six processors in a package: two threads, three cores. The id has three bits of one and two.
    #[test]
    #[rustfmt::skip]
    fn groups() {
        let amd = Topology { apic_id: 5, threads: 2, cores: 3, dies: 1 };
        let dies = Topology { apic_id: 13, threads: 2, cores: 3, dies: 2 };
        for (model, topology, l, s, expected) in [
            ("max",    amd,  0xb, 0, [1, 2, 0x100, 5]), ("max", amd, 0xb, 1, [3, 6, 0x201, 5]), ("max", amd, 0xb, 2, [0, 0, 2, 5]),
            ("max",    amd,  0x8000_001e, 0, [5, 0x102, 0, 0]),
            ("max",    Topology { threads: 1, ..amd }, 0x8000_001e, 0, [0; 4]),
            ("qemu32", dies, 0x1f, 0, [1, 2, 0x100, 13]), ("qemu32", dies, 0x1f, 1, [3, 6, 0x201, 13]),
            ("qemu32", dies, 0x1f, 2, [4, 12, 0x502, 13]), ("qemu32", dies, 0xb, 1, [4, 12, 0x201, 13]),
        ] {
            let model = Model::named(model).unwrap();
            assert_eq!(leaf(&model, &topology, &Dynamic::default(), l, s), expected, "{} leaf {l:#x}.{s}", model.name);
        }
        let max = Model::max();
        let ask = |l, r: usize| leaf(&max, &amd, &Dynamic::default(), l, 0)[r];
        assert_eq!((ask(1, 1) >> 16 & 0xff, ask(1, 1) >> 24), (8, 5));
        assert_eq!((ask(0x8000_0000, 0), ask(0x8000_0008, 2), ask(0x8000_0001, 2) >> 22 & 1), (0x8000_001e, 0x3005, 1));
        assert_eq!(leaf(&Model::named("qemu32").unwrap(), &dies, &Dynamic::default(), 4, 0)[0] >> 26, 7);
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
