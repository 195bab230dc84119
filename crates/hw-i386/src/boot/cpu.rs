//! The state in which the boot processor enters a kernel, and the GDT and page tables it needs.
//!
//! Linux boot protocol, "32-bit Boot Protocol" and "64-bit Boot Protocol"; Multiboot 0.6.96, 3.2; the PVH entry
//! of Xen's `docs/misc/pvh.pandoc`. Flows from the loaders into `target_i386::CpuState`.

use super::{Load, place};
use target_i386::CpuState;
use target_i386::state::{Activity, DescriptorTable, Segment, Shadow, gpr};

/// Selector of the flat code segment (Linux's `__BOOT_CS`).
pub const CODE_SELECTOR: u16 = 0x10;
/// Selector of the flat data segment (Linux's `__BOOT_DS`).
pub const DATA_SELECTOR: u16 = 0x18;
/// Selector of a task state segment that nobody uses.
const TSS_SELECTOR: u16 = 0x20;

const CODE32: u64 = 0x00cf_9b00_0000_ffff;
const CODE64: u64 = 0x00af_9b00_0000_ffff;
const DATA: u64 = 0x00cf_9300_0000_ffff;
const TSS: u64 = 0x0000_8b00_0000_0067;

const CR0_PE: u64 = 1;
const CR0_ET: u64 = 1 << 4;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// Mode of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryMode {
    /// Protected mode, flat segments, no paging.
    Protected,
    /// Long mode, the first 4 GiB mapped one to one.
    Long,
}

/// How the boot processor starts; registers not named are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryState {
    /// Mode.
    pub mode: EntryMode,
    /// First instruction.
    pub rip: u64,
    /// RAX.
    pub rax: u64,
    /// RBX.
    pub rbx: u64,
    /// RSI.
    pub rsi: u64,
}

impl EntryState {
    /// An entry at `rip` with all registers zero.
    pub fn new(mode: EntryMode, rip: u64) -> Self {
        Self {
            mode,
            rip,
            rax: 0,
            rbx: 0,
            rsi: 0,
        }
    }
}

/// A flat segment as the GDT entry `descriptor` gives it.
fn segment(selector: u16, descriptor: u64) -> Segment {
    let limit = (descriptor & 0xffff | descriptor >> 32 & 0xf_0000) as u32;
    let attr = (descriptor >> 32) as u32 & 0xf0_ff00;
    let limit = if attr & Segment::G != 0 {
        limit << 12 | 0xfff
    } else {
        limit
    };
    Segment {
        selector,
        base: 0,
        limit,
        attr,
    }
}

/// Puts a freshly reset processor into the plan's entry state. MTRRs are the mini-POST's business. A caller that
/// caches the processor's mode has to refresh it afterwards.
pub fn apply(entry: &EntryState, cpu: &mut CpuState) {
    let long = entry.mode == EntryMode::Long;
    cpu.gpr.fill(0);
    cpu.gpr[gpr::RAX] = entry.rax;
    cpu.gpr[gpr::RBX] = entry.rbx;
    cpu.gpr[gpr::RSI] = entry.rsi;
    cpu.gpr[gpr::RSP] = place::STACK_TOP;
    cpu.rip = entry.rip;
    cpu.flags.set(0);
    cpu.cpl = 0;
    cpu.seg = [segment(DATA_SELECTOR, DATA); 6];
    cpu.seg[1] = segment(CODE_SELECTOR, if long { CODE64 } else { CODE32 });
    cpu.ldtr = Segment::default();
    cpu.tr = segment(TSS_SELECTOR, TSS);
    cpu.gdtr = DescriptorTable {
        base: place::GDT,
        limit: 5 * 8 - 1,
    };
    cpu.idtr = DescriptorTable { base: 0, limit: 0 };
    cpu.cr0 = CR0_PE | CR0_ET | if long { CR0_PG } else { 0 };
    cpu.cr2 = 0;
    cpu.cr3 = if long { place::PAGE_TABLES } else { 0 };
    cpu.cr4 = if long { CR4_PAE } else { 0 };
    cpu.msr.efer = if long { EFER_LME | EFER_LMA } else { 0 };
    cpu.activity = Activity::Running;
    cpu.shadow = Shadow::None;
    cpu.nmi_blocked = false;
}

/// GDT and, for the 64-bit entry, page tables.
pub(super) fn tables(entry: &EntryState) -> Vec<Load> {
    let long = entry.mode == EntryMode::Long;
    let gdt = [0, 0, if long { CODE64 } else { CODE32 }, DATA, TSS];
    let mut loads = vec![Load::bytes(place::GDT, words(&gdt))];
    if long {
        // PML4[0] -> PDPT; PDPT[0..4] -> page directories; 2048 pages of 2 MiB. Present, writable, accessed.
        let mut pages = vec![0u64; 6 * 512];
        pages[0] = (place::PAGE_TABLES + 0x1000) | 0x23;
        for directory in 0..4u64 {
            pages[512 + directory as usize] = (place::PAGE_TABLES + 0x2000 + directory * 0x1000) | 0x23;
        }
        for page in 0..2048u64 {
            pages[1024 + page as usize] = page << 21 | 0xe3;
        }
        loads.push(Load::bytes(place::PAGE_TABLES, words(&pages)));
    }
    loads
}

fn words(values: &[u64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
