//! The TLB against a list of the fills that no flush has taken back: a hit must be one of them.

use std::sync::Arc;

use proptest::prelude::*;
use softmmu::lock::Solo;
use softmmu::*;

const RAM: u64 = 1 << 20;
/// Where the I/O region lies.
const IO: u64 = 1 << 30;

#[derive(Clone, Debug)]
enum Op {
    Fill {
        idx: u8,
        page: u64,
        frame: u64,
        access: Access,
        write: bool,
        global: bool,
        large: bool,
    },
    Use {
        idx: u8,
        page: u64,
        access: Access,
    },
    Asid(u16),
    All,
    Index(u8),
    NonGlobal,
    OfAsid(u16),
    Page(u64),
    PageOfAsid(u64, u16),
    Watch(u64),
    Unwatch(u64),
    /// A tracker takes all pages that were written; the CPU stands still.
    Take,
    /// A store that generated code is to make once it was announced.
    Announce {
        idx: u8,
        page: u64,
    },
    /// Restores the TLB from its saved state.
    Reload,
}

/// Linear pages that collide in the direct-mapped table, in the same and in neighbouring large pages.
fn page() -> impl Strategy<Value = u64> {
    (0u64..5, 0u64..4, any::<bool>())
        .prop_map(|(set, way, high)| (set << 12 | way << 22) | if high { 0xffff_8000_0000_0000 } else { 0 })
}

/// Few frames, so that watched ones are written; those from 0x100 on are I/O.
fn frame() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..6, 1 => 0x100u64..0x102]
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![Just(Access::Read), Just(Access::Write), Just(Access::Fetch)]
}

fn op() -> impl Strategy<Value = Op> {
    // More than the TLB keeps sets of slots for.
    let asid = prop_oneof![4 => 0u16..3, 1 => 3u16..16];
    prop_oneof![
        12 => (0u8..2, page(), frame(), access(), any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.3)).prop_map(
            |(idx, page, frame, access, write, global, large)| Op::Fill { idx, page, frame, access, write, global, large }),
        16 => (0u8..2, page(), access()).prop_map(|(idx, page, access)| Op::Use { idx, page, access }),
        4 => asid.clone().prop_map(Op::Asid),
        1 => Just(Op::All),
        1 => (0u8..2).prop_map(Op::Index),
        1 => Just(Op::NonGlobal),
        1 => asid.clone().prop_map(Op::OfAsid),
        3 => page().prop_map(Op::Page),
        2 => (page(), asid).prop_map(|(page, asid)| Op::PageOfAsid(page, asid)),
        2 => frame().prop_map(Op::Watch),
        2 => frame().prop_map(Op::Unwatch),
        1 => Just(Op::Take),
        4 => (0u8..2, page()).prop_map(|(idx, page)| Op::Announce { idx, page }),
        1 => Just(Op::Reload),
    ]
}

#[derive(Clone, Debug)]
struct Filled {
    idx: u8,
    fetch: bool,
    page: u64,
    paddr: u64,
    prot: Prot,
    global: bool,
    asid: u16,
    size: u64,
}

impl Filled {
    fn visible(&self, asid: u16) -> bool {
        self.global || self.asid == asid
    }
    fn covers(&self, page: u64) -> bool {
        (self.page ^ page) & !(self.size - 1) == 0
    }
}

struct World {
    space: Arc<AddressSpace>,
    block: RamBlock,
    dirty: Arc<DirtyMemory>,
    code: CodeWatch,
    tlb: Box<Tlb>,
    live: Vec<Filled>,
    queue: Vec<(RamAddr, u32)>,
    /// Fetches that hit: half, tag, index, page, answer.
    hits: Vec<(bool, u64, u8, u64, Probe)>,
}

impl World {
    fn new() -> Self {
        let map = MemoryMap::new(Arc::new(Solo::default()));
        let block = RamBlock::new(&map, "ram", RAM).unwrap();
        let root = MemoryRegion::container("root", u64::MAX);
        root.add_subregion(0, &MemoryRegion::ram(block.clone()), 0);
        let space = AddressSpace::new(&map, "memory", root);
        let dirty = map.dirty().clone();
        // Each page says which it is, in every eighth byte.
        for page in 0..RAM / PAGE_SIZE {
            block.store(page * PAGE_SIZE, page).unwrap();
        }
        Self {
            tlb: Tlb::new(dirty.clone()),
            code: dirty.code_watch(),
            space,
            block,
            dirty,
            live: Vec::new(),
            queue: Vec::new(),
            hits: Vec::new(),
        }
    }

    fn forget(&mut self, gone: impl Fn(&Filled) -> bool) {
        self.live.retain(|filled| !gone(filled));
    }

    fn apply(&mut self, op: &Op) {
        self.change(op);
        for (high, tag, idx, page, answer) in &self.hits {
            if self.tlb.fetch_tag(*high) == *tag {
                let now = self.tlb.fetch(MmuIndex::new(*idx), GuestVirt(*page));
                assert_eq!(now, *answer, "{op:?} left the tag of {page:#x}");
            }
        }
        for entry in self.tlb.entries() {
            let known = self.live.iter().any(|f| {
                (MmuIndex::new(f.idx), f.fetch, f.page)
                    == (entry.idx, entry.part == TlbPart::Fetch, entry.vaddr.0)
                    && (f.paddr, f.global, f.asid, f.size)
                        == (entry.paddr.0, entry.global, entry.asid, entry.page_size)
                    && f.prot == entry.prot
            });
            assert!(known, "{op:?} left {entry:?}");
            if matches!(entry.part, TlbPart::Main(_)) && entry.prot.read && entry.paddr.0 < RAM {
                let visible = entry.global || entry.asid == self.tlb.asid();
                let hit = self.tlb.load::<u64>(entry.idx, entry.vaddr).is_some();
                assert_eq!(hit, visible, "{op:?} left {entry:?}");
            }
        }
    }

    fn change(&mut self, op: &Op) {
        let asid = self.tlb.asid();
        match *op {
            Op::Fill {
                idx,
                page,
                frame,
                access,
                write,
                global,
                large,
            } => {
                let paddr = if frame < RAM / PAGE_SIZE {
                    frame * PAGE_SIZE
                } else {
                    IO + frame * PAGE_SIZE
                };
                let prot = Prot { read: true, write };
                let page_size = if large { 2 << 20 } else { PAGE_SIZE };
                let fetch = access == Access::Fetch;
                self.tlb.fill(
                    MmuIndex::new(idx),
                    &TlbFill {
                        vaddr: GuestVirt(page | 0x123),
                        paddr: GuestPhys(paddr | 0x123),
                        access,
                        prot,
                        global,
                        page_size,
                        translation: self.space.translate(GuestPhys(paddr)),
                    },
                );
                self.forget(|f| f.idx == idx && f.fetch == fetch && f.page == page && f.visible(asid));
                self.live.push(Filled {
                    idx,
                    fetch,
                    page,
                    paddr,
                    prot,
                    global,
                    asid,
                    size: page_size,
                });
                let found = self.tlb.probe(MmuIndex::new(idx), GuestVirt(page), access);
                assert_eq!(
                    found == Probe::Miss,
                    access == Access::Write && !write,
                    "a fill serves its access"
                );
            }
            Op::Use { idx, page, access } => self.touch(idx, page, access),
            Op::Asid(asid) => self.tlb.set_asid(asid),
            Op::All => {
                self.tlb.flush_all();
                self.live.clear();
            }
            Op::Index(idx) => {
                self.tlb.flush_index(MmuIndex::new(idx));
                self.forget(|f| f.idx == idx);
            }
            Op::NonGlobal => {
                self.tlb.flush_non_global();
                self.forget(|f| !f.global);
            }
            Op::OfAsid(of) => {
                self.tlb.flush_asid(of);
                self.forget(|f| !f.global && f.asid == of);
            }
            Op::Page(page) => {
                self.tlb.flush_page(GuestVirt(page | 0xabc));
                self.forget(|f| f.covers(page) && f.visible(asid));
            }
            Op::PageOfAsid(page, of) => {
                self.tlb.flush_page_asid(GuestVirt(page), of);
                self.forget(|f| f.covers(page) && !f.global && f.asid == of);
            }
            Op::Watch(frame) => {
                self.code.watch_page(RamAddr(frame * PAGE_SIZE));
                self.tlb.protect_code(RamAddr(frame * PAGE_SIZE));
            }
            Op::Unwatch(frame) => self.code.unwatch(RamAddr(frame * PAGE_SIZE)),
            Op::Take => {
                self.dirty
                    .take_dirty(DirtyClient::Migration, RamAddr(0), RAM, |_| {});
                self.tlb.protect_cleaned();
            }
            Op::Announce { idx, page } => self.announce(MmuIndex::new(idx), GuestVirt(page + 8)),
            Op::Reload => {
                let state = self.tlb.save();
                let mut other = Tlb::new(self.dirty.clone());
                other.restore(&state, |paddr| self.space.translate(paddr));
                assert_eq!(other.save(), state);
                self.tlb.restore(&state, |paddr| self.space.translate(paddr));
            }
        }
    }

    fn announce(&mut self, mmu: MmuIndex, at: GuestVirt) {
        let Probe::Ram { ram, .. } = self.tlb.probe(mmu, at, Access::Write) else {
            return;
        };
        self.tlb.announce_store(mmu, at, 4);
        let host = self.tlb.plain_host(mmu, at, 4, Access::Write);
        let code = self.dirty.is_code(ram);
        assert_eq!(host.is_none(), code, "only watched pages are not let through");
        assert!(code || self.dirty.is_dirty(DirtyClient::Migration, ram));
        assert_eq!(
            self.tlb.store(mmu, at, 0u32).is_none(),
            code,
            "later stores neither"
        );
        assert!(!self.code.has_news());
    }

    /// The accesses a vCPU would make, fast then slow, and what each is allowed to find.
    fn touch(&mut self, idx: u8, page: u64, access: Access) {
        let (mmu, vaddr, asid) = (MmuIndex::new(idx), GuestVirt(page), self.tlb.asid());
        let allowed: Vec<_> = self
            .live
            .iter()
            .filter(|f| {
                f.idx == idx && f.page == page && f.visible(asid) && f.fetch == (access == Access::Fetch)
            })
            .filter(|f| {
                f.fetch
                    || if access == Access::Write {
                        f.prot.write
                    } else {
                        f.prot.read
                    }
            })
            .cloned()
            .collect();
        let may = |paddr: u64| allowed.iter().any(|f| f.paddr == paddr);
        let ram_at = |frame: u64| frame * PAGE_SIZE;
        match access {
            Access::Read => {
                if let Some(frame) = self.tlb.load::<u64>(mmu, vaddr) {
                    assert!(may(ram_at(frame)), "read a stale page");
                }
                match self.tlb.slow_load::<u64>(mmu, vaddr) {
                    Slow::Done(frame) => assert!(may(ram_at(frame)), "read a stale page"),
                    Slow::Io(paddr) => assert!(may(paddr.0)),
                    Slow::Miss => assert_eq!(self.tlb.load::<u64>(mmu, vaddr), None),
                }
                // Over the end of the page: never fast.
                assert_eq!(self.tlb.load::<u16>(mmu, vaddr.add(PAGE_SIZE - 1)), None);
            }
            Access::Write => {
                let at = vaddr.add(8);
                let fast = self.tlb.store(mmu, at, 0u32).is_some();
                let paddr = match self.tlb.probe(mmu, at, Access::Write) {
                    Probe::Ram { paddr, ram } => {
                        assert_eq!(paddr.0, ram.0, "RAM is mapped one to one");
                        assert!(!(fast && self.dirty.is_code(ram)), "wrote watched code unseen");
                        let taken = !self.dirty.is_dirty(DirtyClient::Migration, ram);
                        assert!(!(fast && taken), "wrote a taken page unseen");
                        paddr.0 - 8
                    }
                    Probe::Io(paddr) => paddr.0 - 8,
                    Probe::Miss => return assert!(!fast),
                };
                assert!(may(paddr), "wrote a stale page");
                self.queue.clear();
                match self.tlb.slow_store(mmu, at, 0xdead_beef_u32) {
                    Slow::Done(()) => {
                        assert_eq!(self.block.load::<u32>(paddr + 8), Some(0xdead_beef));
                        let code = self.dirty.is_code(RamAddr(paddr));
                        let _ = self.code.take_news(&mut self.queue);
                        assert_eq!(
                            !self.queue.is_empty(),
                            code,
                            "a watched write is queued, no other is"
                        );
                        assert_eq!(
                            self.tlb.store(mmu, at, 1u32).is_none(),
                            code,
                            "the fast path comes back"
                        );
                        assert!(!self.code.has_news());
                    }
                    Slow::Io(at) => assert_eq!(at.0, paddr + 8),
                    Slow::Miss => panic!("probe hit and store missed"),
                }
            }
            Access::Fetch => match self.tlb.fetch(mmu, vaddr) {
                hit @ Probe::Ram { paddr, .. } => {
                    let high = page >> 63 != 0;
                    self.hits.push((high, self.tlb.fetch_tag(high), idx, page, hit));
                    assert!(may(paddr.0));
                    let mut bytes = [0; 8];
                    assert!(self.tlb.fetch_bytes(mmu, vaddr, &mut bytes));
                    assert_eq!(ram_at(u64::from_le_bytes(bytes)), paddr.0);
                }
                Probe::Io(paddr) => assert!(may(paddr.0)),
                Probe::Miss => {
                    assert!(allowed.is_empty(), "a fetch entry left without a flush");
                }
            },
        }
    }
}

proptest! {
    #[test]
    fn hits_only_what_was_filled(ops in prop::collection::vec(op(), 1..300)) {
        let (mut a, mut b) = (World::new(), World::new());
        for op in &ops {
            a.apply(op);
        }
        // The content is a function of the calls, and one that was saved and restored goes on alike.
        for op in ops.iter().filter(|op| !matches!(op, Op::Reload)) {
            b.apply(op);
        }
        assert_eq!(a.tlb.save(), b.tlb.save());
    }
}
