//! The TLB's content as data: for `info tlb`, digests and snapshots.

use crate::addr::{GuestPhys, GuestVirt};
use crate::flat::Translation;
use crate::tlb::Tlb;
use crate::tlb::entry::{Entry, Full};
use crate::tlb::table::VICTIMS;
use crate::tlb::types::{Access, MmuIndex, TlbEntry, TlbFill, TlbPart, TlbState};

fn shown(idx: MmuIndex, part: TlbPart, full: &Full) -> TlbEntry {
    TlbEntry {
        idx,
        part,
        vaddr: GuestVirt(full.vpage),
        paddr: GuestPhys(full.ppage),
        prot: full.prot,
        global: full.global,
        asid: full.asid,
        page_size: full.page_mask.wrapping_add(1),
    }
}

impl Tlb {
    /// Every entry, of every ASID, in a fixed order: by index the main table and the victims, then the fetch table
    /// sorted.
    pub fn entries(&self) -> impl Iterator<Item = TlbEntry> + use<> {
        let mut entries = Vec::new();
        for idx in MmuIndex::all() {
            let table = &self.tables[idx.raw()];
            table.for_each_slot(|slot, full| entries.push(shown(idx, TlbPart::Main(slot as u16), full)));
            let victims = table
                .victims()
                .map(|(at, full)| shown(idx, TlbPart::Victim(at as u8), full));
            entries.extend(victims);
        }
        let mut fetch: Vec<_> = self
            .fetch
            .iter()
            .map(|e| shown(e.idx, TlbPart::Fetch, &e.full))
            .collect();
        fetch.sort_unstable();
        entries.extend(fetch);
        entries.into_iter()
    }

    /// All that a later [`Tlb::restore`] needs to miss and hit as this TLB would.
    pub fn save(&self) -> TlbState {
        TlbState {
            asid: self.asid,
            next_victim: std::array::from_fn(|idx| self.tables[idx].next_victim),
            entries: self.entries().collect(),
        }
    }

    /// Becomes the saved TLB. `translate` says what memory is at a physical page now; saved entries that cannot
    /// be (a state from elsewhere is input, not truth) are skipped.
    pub fn restore(&mut self, state: &TlbState, mut translate: impl FnMut(GuestPhys) -> Translation) {
        self.flush_all();
        for saved in &state.entries {
            self.asid = saved.asid;
            let fetch = saved.part == TlbPart::Fetch;
            let fill = TlbFill {
                vaddr: saved.vaddr,
                paddr: saved.paddr,
                access: if fetch { Access::Fetch } else { Access::Read },
                prot: saved.prot,
                global: saved.global,
                page_size: saved.page_size,
                translation: translate(saved.paddr),
            };
            let ram = fill.translation.page();
            self.blocks.keep(&ram);
            let entry = || Entry::new(&fill, ram, &self.dirty);
            let full = Full::new(&fill, saved.asid);
            let table = &mut self.tables[saved.idx.raw()];
            match saved.part {
                TlbPart::Fetch => self.fetch.enter(saved.idx, &fill, ram, saved.asid),
                TlbPart::Main(slot) if usize::from(slot) == super::slot_of(full.vpage) => {
                    table.put(usize::from(slot), entry(), full);
                }
                TlbPart::Victim(at) if usize::from(at) < VICTIMS => {
                    table.set_victim(usize::from(at), entry(), full);
                }
                TlbPart::Main(_) | TlbPart::Victim(_) => {}
            }
        }
        for (table, next) in self.tables.iter_mut().zip(state.next_victim) {
            table.next_victim = next % VICTIMS as u8;
        }
        self.asid = state.asid;
        self.fetch.tags.set_asid(state.asid);
        self.fetch.tags.renew();
        self.tables
            .iter_mut()
            .for_each(|table| table.park_all_but(state.asid));
        self.flag_watched();
    }
}
