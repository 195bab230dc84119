//! What the interpreter pays: TLB hit, miss and fill; flush; dispatch; rebuilding a flat view.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use softmmu::*;
use util_mainloop::BigLock;

struct Nothing;

impl IoOps for Nothing {
    fn read(&self, offset: u64, _: u32) -> IoResult<u64> {
        Ok(offset)
    }
    fn write(&self, _: u64, _: u32, _: u64) -> IoResult<()> {
        Ok(())
    }
}

const RAM: u64 = 64 << 20;
const IO: u64 = 0xfe00_0000;

/// About what a PC with a handful of PCI devices maps.
fn pc() -> (Arc<AddressSpace>, MemoryRegion) {
    let map = MemoryMap::new(Arc::new(BigLock::new()));
    let system = MemoryRegion::container("system", u64::MAX);
    let ram = MemoryRegion::ram(RamBlock::new(&map, "ram", RAM).unwrap());
    let pci = MemoryRegion::container("pci", u64::MAX);
    system.add_subregion(0, &MemoryRegion::alias("ram-below-4g", &ram, 0, RAM), 0);
    system.add_subregion(0, &pci, -1);
    for segment in 0..13 {
        let pam = MemoryRegion::alias(format!("pam-{segment}"), &ram, 0xc0000 + segment * 0x4000, 0x4000);
        pam.set_readonly(segment % 2 == 0);
        system.add_subregion(0xc0000 + segment * 0x4000, &pam, 1);
    }
    for device in 0..48 {
        let io = MemoryRegion::io(
            format!("device-{device}"),
            0x1000,
            Arc::new(Nothing),
            AccessRules::UP_TO_4,
        );
        pci.add_subregion(IO + device * 0x2000, &io, 0);
    }
    let moving = MemoryRegion::io("moving", 0x100, Arc::new(Nothing), AccessRules::UP_TO_4);
    pci.add_subregion(0xfd00_0000, &moving, 0);
    (AddressSpace::new(&map, "memory", system), moving)
}

fn fill(space: &AddressSpace, page: u64) -> TlbFill {
    let paddr = GuestPhys(page * PAGE_SIZE % RAM);
    TlbFill {
        vaddr: GuestVirt(page * PAGE_SIZE),
        paddr,
        access: Access::Read,
        prot: Prot::READ_WRITE,
        global: false,
        page_size: PAGE_SIZE,
        translation: space.translate(paddr),
    }
}

fn tlb(c: &mut Criterion) {
    let (space, _) = pc();
    let mut tlb = Tlb::new(space.map().dirty().clone());
    let idx = MmuIndex::new(0);
    let pages = 256u64;
    for page in 0..pages {
        tlb.fill(idx, &fill(&space, page));
    }
    let mut group = c.benchmark_group("tlb");
    let mut at = 0u64;
    let mut next = move || {
        at = ((at + 0x1238) % (pages * PAGE_SIZE - 8)) & !7;
        GuestVirt(at)
    };
    group.bench_function("load hit", |b| b.iter(|| tlb.load::<u64>(idx, black_box(next()))));
    group.bench_function("store hit", |b| {
        b.iter(|| tlb.store(idx, black_box(next()), 1u64))
    });
    group.bench_function("cas hit", |b| b.iter(|| tlb.cas(idx, black_box(next()), 1u64, 1)));
    tlb.fill(
        idx,
        &TlbFill {
            access: Access::Fetch,
            ..fill(&space, 7)
        },
    );
    group.bench_function("fetch hit", |b| {
        b.iter(|| tlb.fetch(idx, black_box(GuestVirt(0x7123))))
    });
    let mut page = 0;
    group.bench_function("miss, translate, fill", |b| {
        b.iter(|| {
            page = (page + 1) % 8192;
            let vaddr = GuestVirt(page * PAGE_SIZE);
            if tlb.load::<u64>(idx, vaddr).is_none() && tlb.slow_load::<u64>(idx, vaddr) == Slow::Miss {
                tlb.fill(idx, &fill(&space, page));
            }
            tlb.load::<u64>(idx, vaddr)
        })
    });
    let (one, two) = (fill(&space, 3), fill(&space, 3 + 1024));
    tlb.fill(idx, &one);
    tlb.fill(idx, &two);
    let mut turn = 0;
    group.bench_function("victim swap", |b| {
        b.iter(|| {
            turn ^= 1024;
            tlb.slow_load::<u64>(idx, GuestVirt((3 + turn) * PAGE_SIZE))
        })
    });
    group.bench_function("flush page (absent)", |b| {
        b.iter(|| tlb.flush_page(black_box(GuestVirt(0x7000_0000_0000))))
    });
    for page in (8..10).chain(512..528) {
        tlb.fill(idx, &fill(&space, page));
    }
    group.bench_function("load across two pages, in halves", |b| {
        b.iter(|| {
            let at = black_box(GuestVirt(9 * PAGE_SIZE - 4));
            let whole = tlb.load::<u64>(idx, at);
            assert!(whole.is_none(), "no access across pages hits");
            (tlb.load::<u32>(idx, at), tlb.load::<u32>(idx, at.add(4)))
        })
    });
    group.bench_function("switch ASID and back, 16 loads", |b| {
        b.iter(|| {
            tlb.set_asid(1);
            tlb.set_asid(0);
            for page in 512..528 {
                let at = GuestVirt(page * PAGE_SIZE);
                if tlb.load::<u64>(idx, at).is_none() {
                    black_box(tlb.slow_load::<u64>(idx, at));
                }
            }
        })
    });
    group.bench_function("switch ASID (1024 entries)", |b| {
        b.iter(|| {
            tlb.set_asid(1);
            tlb.set_asid(0);
        })
    });
    group.bench_function("fill 64 and flush all", |b| {
        b.iter(|| {
            for page in 0..64 {
                tlb.fill(idx, &fill(&space, page));
            }
            tlb.flush_all();
        })
    });
    let code = fill(&space, 5);
    tlb.fill(idx, &code);
    let watch = space.map().dirty().code_watch();
    watch.watch_page(RamAddr(5 * PAGE_SIZE));
    tlb.protect_code(RamAddr(5 * PAGE_SIZE));
    let mut drained = Vec::new();
    group.bench_function("store to watched code", |b| {
        b.iter(|| {
            let _ = tlb.slow_store(idx, GuestVirt(5 * PAGE_SIZE + 64), 1u64);
            drained.clear();
            let _ = watch.take_news(&mut drained);
        })
    });
}

fn dispatch(c: &mut Criterion) {
    let (space, moving) = pc();
    let view = space.view();
    let mut group = c.benchmark_group("space");
    let mut device = 0;
    let mut next = move || {
        device = (device + 7) % 48;
        GuestPhys(IO + device * 0x2000 + 4)
    };
    group.bench_function("find", |b| b.iter(|| view.find(black_box(next())).is_some()));
    group.bench_function("page-walk load", |b| {
        b.iter(|| view.ram_load::<u64>(black_box(GuestPhys(0x20_0000))))
    });
    group.bench_function("load RAM", |b| {
        b.iter(|| space.load(black_box(GuestPhys(0x20_0000)), 8))
    });
    group.bench_function("load I/O", |b| b.iter(|| space.load(black_box(next()), 4)));
    let mut offset = 0;
    group.bench_function("rebuild the flat view", |b| {
        b.iter(|| {
            offset = (offset + 0x1000) & 0xffff;
            moving.set_address(0xfd00_0000 + offset);
        })
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = tlb, dispatch
}
criterion_main!(benches);
