//! A vCPU as data: all that decides what it does next, for snapshots.
//!
//! Beside the architectural state that is what has reached it and not been served (interrupt, NMI, INIT, start-up IPI),
//! the instruction count, and the contents of its TLB, which a guest can see. What is derived from memory and state
//! (mode, decoded blocks, generated code, jump caches) is not saved: the mode is computed anew, jump caches hold under
//! a fetch tag that a restored TLB renews, and code is dropped where memory is written
//! ([`CodeHolder`](crate::CodeHolder)), which is how a restored machine's memory comes back.

use crate::insn::seg;
use crate::mode::cr;
use crate::signals::request;
use crate::state::{Segment, ZERO_REG};
use crate::{CpuState, Vcpu};
use serde::{Deserialize, Serialize};
use softmmu::tlb::{TlbEntry, TlbPart, TlbState};
use softmmu::{GuestPhys, GuestVirt, MMU_INDEXES, MmuIndex, PAGE_MASK, PAGE_SHIFT, Prot};

/// Requests that are state of the machine, not of its threads.
const LATCHED: u32 = request::INTR | request::NMI | request::INIT | request::SIPI;
/// More entries than any TLB has.
const MAX_ENTRIES: usize = 1 << 17;

/// A vCPU at one boundary between two instructions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VcpuImage {
    state: CpuState,
    icount: u64,
    debug_hits: u8,
    inhibit_trap: bool,
    requests: u32,
    sipi_vector: u8,
    tlb: TlbImage,
}

/// [`TlbState`] with small numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TlbImage {
    asid: u16,
    next_victim: [u8; MMU_INDEXES],
    entries: Vec<EntryImage>,
}

/// MMU index, place, linear and physical page number, what it lets through, ASID, log2 of the page's size.
type EntryImage = (u8, u16, u64, u64, u8, u16, u8);

/// Places from here on are victims, and one is for all entries of the fetch table.
const VICTIM: u16 = 0x4000;
const FETCH: u16 = 0x8000;
const READ: u8 = 1;
const WRITE: u8 = 2;
const GLOBAL: u8 = 4;

/// An image that cannot be a vCPU's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible CPU state: {0}")]
pub struct BadImage(&'static str);

impl VcpuImage {
    /// Version of the encoded type.
    pub const VERSION: u16 = 1;

    /// Instructions completed.
    pub fn instructions(&self) -> u64 {
        self.icount
    }

    /// Whether a vCPU could be in this state: it may come from a file that somebody made.
    ///
    /// # Errors
    /// What is impossible.
    pub fn check(&self) -> Result<(), BadImage> {
        let CpuState {
            gpr,
            rip,
            seg,
            cpl,
            msr,
            fpu,
            ..
        } = &self.state;
        let long = msr.efer & cr::EFER_LMA != 0 && seg[seg::CS as usize].attr & Segment::L != 0;
        for (holds, what) in [
            (
                gpr[ZERO_REG..].iter().all(|&value| value == 0),
                "registers that do not exist",
            ),
            (*cpl <= 3, "privilege level"),
            (fpu.top <= 7, "top of the x87 stack"),
            // What is added to it must not overflow.
            (long || *rip >> 62 == 0, "RIP"),
            (fpu.xcr0 & !7 == 0, "XCR0"),
            (self.requests & !LATCHED == 0, "requests"),
            (self.tlb.entries.len() <= MAX_ENTRIES, "number of TLB entries"),
            (
                self.tlb.entries.iter().all(|entry| decode(entry).is_some()),
                "TLB entry",
            ),
        ] {
            if !holds {
                return Err(BadImage(what));
            }
        }
        Ok(())
    }
}

fn encode(entry: &TlbEntry) -> EntryImage {
    let place = match entry.part {
        TlbPart::Main(slot) => slot,
        TlbPart::Victim(at) => VICTIM + u16::from(at),
        TlbPart::Fetch => FETCH,
    };
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    let rights = bit(entry.prot.read, READ) | bit(entry.prot.write, WRITE) | bit(entry.global, GLOBAL);
    (
        entry.idx.raw() as u8,
        place,
        entry.vaddr.0 >> PAGE_SHIFT,
        entry.paddr.0 >> PAGE_SHIFT,
        rights,
        entry.asid,
        entry.page_size.trailing_zeros() as u8,
    )
}

fn decode(&(idx, place, vaddr, paddr, rights, asid, size): &EntryImage) -> Option<TlbEntry> {
    let address = |page: u64| (page <= PAGE_MASK >> PAGE_SHIFT).then_some(page << PAGE_SHIFT);
    Some(TlbEntry {
        idx: (usize::from(idx) < MMU_INDEXES).then(|| MmuIndex::new(idx))?,
        part: match place {
            FETCH => TlbPart::Fetch,
            0..VICTIM => TlbPart::Main(place),
            _ => TlbPart::Victim(u8::try_from(place - VICTIM).ok()?),
        },
        vaddr: GuestVirt(address(vaddr)?),
        paddr: GuestPhys(address(paddr)?),
        prot: Prot {
            read: rights & READ != 0,
            write: rights & WRITE != 0,
        },
        global: rights & GLOBAL != 0,
        asid,
        page_size: (PAGE_SHIFT..=30).contains(&u32::from(size)).then(|| 1 << size)?,
    })
}

impl Vcpu {
    /// The vCPU as data. It stands between two instructions; what a changed memory map asks of its TLB is done first,
    /// as it would be before the next instruction.
    pub fn image(&mut self) -> VcpuImage {
        if self.view.refresh() {
            self.tlb.flush_all();
        }
        let tlb = self.tlb.save();
        VcpuImage {
            state: self.state.clone(),
            icount: self.icount,
            debug_hits: self.debug_hits,
            inhibit_trap: self.inhibit_trap,
            requests: self.signals.pending() & LATCHED,
            sipi_vector: self.signals.sipi_vector(),
            tlb: TlbImage {
                asid: tlb.asid,
                next_victim: tlb.next_victim,
                entries: tlb.entries.iter().map(encode).collect(),
            },
        }
    }

    /// Becomes the vCPU of the image, which has passed [`VcpuImage::check`]. The board must have been restored before:
    /// its memory map is what TLB entries lead to, and lines that it drives meanwhile are overruled here. The published
    /// count, which may be that of several vCPUs, belongs to the clock.
    pub fn restore(&mut self, image: &VcpuImage) {
        self.state = image.state.clone();
        self.icount = image.icount;
        self.debug_hits = image.debug_hits;
        self.inhibit_trap = image.inhibit_trap;
        self.refresh_mode();
        self.signals.restore(LATCHED, image.requests, image.sipi_vector);
        self.view.refresh();
        let view = self.view.view();
        let tlb = TlbState {
            asid: image.tlb.asid,
            next_victim: image.tlb.next_victim,
            entries: image.tlb.entries.iter().filter_map(decode).collect(),
        };
        self.tlb.restore(&tlb, |at| view.translate(at));
        self.delivered = (u64::MAX, 0);
        self.look_closely();
    }

    /// Trackers have taken the dirty pages of a stopped machine: this vCPU, which has executed nothing since, tells of
    /// its next write to each.
    pub fn protect_cleaned(&mut self) {
        self.cleaned = self.dirty.cleaned();
        self.tlb.protect_cleaned();
    }
}

#[cfg(test)]
mod tests;
