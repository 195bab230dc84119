//! A stranger's first map: RAM, an alias and an I/O region, read through a TLB, changed while a reader runs.
//!
//! `cargo run -p softmmu --example map`

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use softmmu::{
    Access, AccessRules, AddressSpace, GuestPhys, GuestVirt, IoOps, IoResult, MemoryMap, MemoryRegion,
    MmuIndex, PAGE_SIZE, Prot, RamBlock, Slow, Tlb, TlbFill, ViewCache,
};
use util_mainloop::BigLock;

/// A register that counts its reads.
#[derive(Default)]
struct Counter(AtomicU64);

impl IoOps for Counter {
    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        self.0.store(value, Ordering::Relaxed);
        Ok(())
    }
}

const RAM_SIZE: u64 = 1 << 20;
const WINDOW: u64 = 0xc000_0000;
const COUNTER: u64 = 0xfed0_0000;

/// A very small vCPU: one TLB, linear addresses equal to physical ones.
struct Reader {
    tlb: Box<Tlb>,
    memory: ViewCache,
    kernel: MmuIndex,
}

impl Reader {
    fn new(memory: &Arc<AddressSpace>) -> Self {
        let dirty = memory.map().dirty().clone();
        Self {
            tlb: Tlb::new(dirty),
            memory: ViewCache::new(memory),
            kernel: MmuIndex::new(0),
        }
    }

    /// Between two instructions: the map changed, so what was learned of it goes.
    fn boundary(&mut self) -> bool {
        let changed = self.memory.refresh();
        if changed {
            self.tlb.flush_all();
        }
        changed
    }

    fn load(&mut self, at: GuestVirt) -> u32 {
        loop {
            if let Some(value) = self.tlb.load(self.kernel, at) {
                return value;
            }
            match self.tlb.slow_load(self.kernel, at) {
                Slow::Done(value) => return value,
                Slow::Io(paddr) => {
                    return self
                        .memory
                        .space()
                        .load(paddr, 4)
                        .map_or(u32::MAX, |value| value as u32);
                }
                Slow::Miss => {}
            }
            // A real vCPU walks page tables here.
            let paddr = GuestPhys(at.0);
            let translation = self.memory.view().translate(paddr);
            self.tlb.fill(
                self.kernel,
                &TlbFill {
                    vaddr: at,
                    paddr,
                    access: Access::Read,
                    prot: Prot::READ_WRITE,
                    global: false,
                    page_size: PAGE_SIZE,
                    translation,
                },
            );
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let map = MemoryMap::new(Arc::new(BigLock::new()));
    let system = MemoryRegion::container("system", u64::MAX);
    let ram = MemoryRegion::ram(RamBlock::new(&map, "ram", RAM_SIZE)?);
    let window = MemoryRegion::alias("window", &ram, 0, PAGE_SIZE);
    let counter = MemoryRegion::io("counter", 16, Arc::new(Counter::default()), AccessRules::ONLY_4);
    map.transaction(|_| {
        system.add_subregion(0, &ram, 0);
        system.add_subregion(WINDOW, &window, 0);
        system.add_subregion(COUNTER, &counter, 0);
    });
    let memory = AddressSpace::new(&map, "memory", system);
    print!("{}", memory.describe());

    // Each page of RAM says which it is.
    for page in 0..RAM_SIZE / PAGE_SIZE {
        memory.store(GuestPhys(page * PAGE_SIZE), 4, page)?;
    }

    let mut cpu = Reader::new(&memory);
    println!("RAM page 3 says {}", cpu.load(GuestVirt(3 * PAGE_SIZE)));
    println!("the window shows page {}", cpu.load(GuestVirt(WINDOW)));
    println!(
        "the counter reads {} then {}",
        cpu.load(GuestVirt(COUNTER)),
        cpu.load(GuestVirt(COUNTER))
    );

    // Move the window while another vCPU looks through it: it never sees anything but whole pages of RAM, and the
    // last one in the end.
    let stop = AtomicBool::new(false);
    let (reads, changes, last) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut cpu = Reader::new(&memory);
            let (mut reads, mut changes) = (0u64, 0u64);
            loop {
                let stopping = stop.load(Ordering::Acquire);
                changes += u64::from(cpu.boundary());
                let page = cpu.load(GuestVirt(WINDOW));
                assert!(u64::from(page) < RAM_SIZE / PAGE_SIZE);
                reads += 1;
                if stopping {
                    return (reads, changes, page);
                }
            }
        });
        for turn in 0..10_000u64 {
            window.set_alias_offset(turn % (RAM_SIZE / PAGE_SIZE) * PAGE_SIZE);
        }
        window.set_alias_offset(42 * PAGE_SIZE);
        stop.store(true, Ordering::Release);
        reader.join().expect("the reader met no contradiction")
    });
    println!("{reads} reads while the window moved, {changes} changes noticed; it ended at page {last}");
    assert_eq!(last, 42);
    Ok(())
}
