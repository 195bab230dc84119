//! What chipsets and devices do with memory, each as a short story.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use softmmu::*;
use util_mainloop::BigLock;
use vm_memory::{Bytes, VolatileMemory};

const MIB: u64 = 1 << 20;

/// Remembers what it was asked; reads give the offset.
#[derive(Default)]
struct Log(Mutex<Vec<(char, u64, u32, u64)>>);

impl Log {
    fn take(&self) -> Vec<(char, u64, u32, u64)> {
        std::mem::take(&mut self.0.lock())
    }
}

impl IoOps for Log {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        self.0.lock().push(('r', offset, size, 0));
        Ok(offset)
    }
    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        self.0.lock().push(('w', offset, size, value));
        Ok(())
    }
}

struct Board {
    lock: Arc<BigLock>,
    map: MemoryMap,
    ram: RamBlock,
    root: MemoryRegion,
    space: Arc<AddressSpace>,
}

/// 4 MiB of RAM at 0 in a 2^64-byte space.
fn board() -> Board {
    let lock = Arc::new(BigLock::new());
    let map = MemoryMap::new(lock.clone());
    let ram = RamBlock::new(&map, "ram", 4 * MIB).unwrap();
    let root = MemoryRegion::container("system", u64::MAX);
    root.add_subregion(0, &MemoryRegion::ram(ram.clone()), 0);
    let space = AddressSpace::new(&map, "memory", root.clone());
    Board {
        lock,
        map,
        ram,
        root,
        space,
    }
}

impl Board {
    fn get(&self, addr: u64, size: u32) -> u64 {
        self.space.load(GuestPhys(addr), size).unwrap()
    }
    fn put(&self, addr: u64, size: u32, value: u64) {
        self.space.store(GuestPhys(addr), size, value).unwrap();
    }
}

/// i440FX datasheet 3.2.14 (PAM): each segment reads and writes ROM or RAM, in all four ways.
#[test]
fn pam() {
    struct ToRam(RamBlock, u64);
    impl IoOps for ToRam {
        fn read(&self, _: u64, _: u32) -> IoResult<u64> {
            Err(IoError::Decode)
        }
        fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
            self.0
                .write(self.1 + offset, &value.to_le_bytes()[..size as usize])
                .ok_or(IoError::Device)
        }
    }

    let b = board();
    let bios = RamBlock::new(&b.map, "bios", 0x10000).unwrap();
    bios.store(0x10, 0xb105_u16).unwrap();
    let at = 0xf0000;
    // PCI hides RAM there; each PAM setting is a region over it, one enabled at a time.
    let pci = MemoryRegion::rom(bios.clone());
    b.root.add_subregion(at, &pci, 1);
    let ram = &b.space.view().find(GuestPhys(0)).unwrap().region.clone();
    let read_write = MemoryRegion::alias("pam-rw", ram, at, 0x10000);
    let read_only = MemoryRegion::alias("pam-r", ram, at, 0x10000);
    read_only.set_readonly(true);
    let write_only =
        MemoryRegion::rom_device(bios.clone(), Arc::new(ToRam(b.ram.clone(), at)), AccessRules::ANY);
    let ways = [read_write, read_only, write_only];
    for way in &ways {
        way.set_enabled(false);
        b.root.add_subregion(at, way, 2);
    }
    let select = |which: Option<usize>| {
        b.map.transaction(|_| {
            ways.iter()
                .enumerate()
                .for_each(|(i, way)| way.set_enabled(Some(i) == which))
        });
    };
    let addr = at + 0x10;
    // Neither: ROM, writes lost.
    b.put(addr, 2, 0x1111);
    assert_eq!((b.get(addr, 2), b.ram.load::<u16>(addr)), (0xb105, Some(0)));
    // Write only: reads ROM, shadows into RAM.
    select(Some(2));
    b.put(addr, 2, 0x2222);
    assert_eq!((b.get(addr, 2), b.ram.load::<u16>(addr)), (0xb105, Some(0x2222)));
    // Read only: RAM, writes dropped.
    select(Some(1));
    b.put(addr, 2, 0x3333);
    assert_eq!((b.get(addr, 2), b.ram.load::<u16>(addr)), (0x2222, Some(0x2222)));
    // Both.
    select(Some(0));
    b.put(addr, 2, 0x4444);
    assert_eq!((b.get(addr, 2), b.ram.load::<u16>(addr)), (0x4444, Some(0x4444)));
    select(None);
    assert_eq!(b.get(addr, 2), 0xb105);
}

/// The A20 gate closed: odd megabytes show the even ones below.
#[test]
fn a20() {
    let b = board();
    let ram = b.space.view().find(GuestPhys(0)).unwrap().region.clone();
    let gate = MemoryRegion::container("a20", 4 * MIB);
    for odd in [1, 3] {
        gate.add_subregion(
            odd * MIB,
            &MemoryRegion::alias("even", &ram, (odd - 1) * MIB, MIB),
            0,
        );
    }
    b.root.add_subregion(0, &gate, 100);
    b.put(0x500, 4, 0x1234);
    assert_eq!(b.get(MIB + 0x500, 4), 0x1234);
    gate.set_enabled(false);
    assert_eq!(b.get(MIB + 0x500, 4), 0);
    // Across the seam, in one load.
    b.put(MIB - 4, 8, 0x1122_3344_5566_7788);
    assert_eq!(b.get(MIB - 4, 8), 0x1122_3344_5566_7788);
    gate.set_enabled(true);
    b.put(0, 4, 0xaabb_ccdd);
    assert_eq!(b.get(MIB - 4, 8), 0xaabb_ccdd_5566_7788);
}

#[test]
fn registers_over_ram_split_and_fall_through() {
    let b = board();
    let log = Arc::new(Log::default());
    let io = MemoryRegion::io("uart", 8, log.clone(), AccessRules::BYTES);
    b.root.add_subregion(0x2000, &io, 1);
    // Two bytes of RAM below, then registers.
    b.put(0x1ffe, 4, 0x4433_2211);
    assert_eq!(log.take(), [('w', 0, 1, 0x33), ('w', 1, 1, 0x44)]);
    assert_eq!(b.get(0x1ffe, 4), 0x0100_2211);
    log.take();
    // RAM after the registers in the same page works, but not by TLB.
    b.put(0x2008, 4, 77);
    assert_eq!(b.get(0x2008, 4), 77);
    assert!(matches!(b.space.translate(GuestPhys(0x2008)), Translation::Io));
    assert!(matches!(
        b.space.translate(GuestPhys(0x3008)),
        Translation::Ram(_)
    ));
    io.set_address(0x2ffc);
    assert!(matches!(b.space.translate(GuestPhys(0x2008)), Translation::Io));
    io.set_enabled(false);
    assert!(matches!(
        b.space.translate(GuestPhys(0x2008)),
        Translation::Ram(_)
    ));
}

#[test]
fn unassigned() {
    let b = board();
    assert_eq!(b.get(1 << 40, 8), u64::MAX);
    assert_eq!(b.get(u64::MAX - 3, 8), 0xffff_ffff, "wraps to address 0");
    b.put(1 << 40, 8, 0);
    b.root
        .add_subregion(1 << 41, &MemoryRegion::reservation("hole", 0x1000), 0);
    assert_eq!(b.get(1 << 41, 4), 0xffff_ffff);
    let strict = AddressSpace::with_unassigned(
        &b.map,
        "strict",
        MemoryRegion::container("empty", 16),
        Unassigned::Error,
    );
    assert_eq!(strict.load(GuestPhys(0), 1), Err(IoError::Decode));
    assert_eq!(strict.store(GuestPhys(0), 1, 0), Err(IoError::Decode));
    let zeros = AddressSpace::with_unassigned(
        &b.map,
        "zeros",
        MemoryRegion::container("empty", 16),
        Unassigned::Value(0),
    );
    assert_eq!(zeros.load(GuestPhys(0), 4), Ok(0));
}

#[test]
fn rom_and_rom_device() {
    let b = board();
    let log = Arc::new(Log::default());
    let flash = RamBlock::new(&b.map, "flash", 0x1000).unwrap();
    let region = MemoryRegion::rom_device(flash.clone(), log.clone(), AccessRules::UP_TO_4);
    b.root.add_subregion(8 * MIB, &region, 0);
    b.space.write_rom(GuestPhys(8 * MIB), b"flash").unwrap();
    assert_eq!(b.get(8 * MIB, 4), u64::from(u32::from_le_bytes(*b"flas")));
    b.put(8 * MIB + 4, 4, 0x40);
    assert_eq!(log.take(), [('w', 4, 4, 0x40)]);
    region.set_romd_mode(false);
    assert_eq!(b.get(8 * MIB + 4, 4), 4);
    assert_eq!(log.take(), [('r', 4, 4, 0)]);
    assert!(matches!(b.space.translate(GuestPhys(8 * MIB)), Translation::Io));
    assert_eq!(b.space.write_rom(GuestPhys(1 << 40), b"x"), Err(IoError::Decode));
}

/// A device sees the lock held, from threads that hold it and from threads that do not.
#[test]
fn the_big_lock_around_callbacks() {
    struct Checks(Arc<BigLock>, bool);
    impl IoOps for Checks {
        fn read(&self, _: u64, _: u32) -> IoResult<u64> {
            Ok(u64::from(self.0.held() == self.1))
        }
        fn write(&self, _: u64, _: u32, _: u64) -> IoResult<()> {
            Ok(())
        }
    }
    let b = board();
    let locked = MemoryRegion::io(
        "locked",
        0x1000,
        Arc::new(Checks(b.lock.clone(), true)),
        AccessRules::ANY,
    );
    let free = MemoryRegion::io(
        "free",
        0x1000,
        Arc::new(Checks(b.lock.clone(), false)),
        AccessRules::ANY,
    );
    free.clear_global_locking();
    b.root.add_subregion(8 * MIB, &locked, 0);
    b.root.add_subregion(9 * MIB, &free, 0);
    assert_eq!((b.get(8 * MIB, 1), b.get(9 * MIB, 1)), (1, 1));
    assert!(!b.lock.held());
    let _guard = b.lock.lock();
    assert_eq!(b.get(8 * MIB, 1), 1);
    b.map
        .transaction(|t| t.map().transaction(|_| locked.set_enabled(false)));
    assert_eq!(b.get(8 * MIB, 1), 0xff);
    assert!(b.lock.held());
}

#[test]
fn a_device_cannot_reenter_its_registers() {
    struct Loops(Mutex<Option<Arc<AddressSpace>>>, AtomicUsize);
    impl IoOps for Loops {
        fn read(&self, _: u64, _: u32) -> IoResult<u64> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let space = self.0.lock().clone().unwrap();
            space.load(GuestPhys(8 * MIB), 4)
        }
        fn write(&self, _: u64, _: u32, _: u64) -> IoResult<()> {
            Ok(())
        }
    }
    let b = board();
    let loops = Arc::new(Loops(Mutex::new(Some(b.space.clone())), AtomicUsize::new(0)));
    b.root.add_subregion(
        8 * MIB,
        &MemoryRegion::io("dma", 16, loops.clone(), AccessRules::UP_TO_4),
        0,
    );
    assert_eq!(b.get(8 * MIB, 4), 0xffff_ffff, "the inner access floats");
    assert_eq!(loops.1.load(Ordering::Relaxed), 1);
    assert_eq!(b.get(8 * MIB, 4), 0xffff_ffff, "and the mark is gone again");
    assert_eq!(loops.1.load(Ordering::Relaxed), 2);
    *loops.0.lock() = None;
}

#[test]
fn commits_are_few_and_hooked() {
    let b = board();
    let kicks = Arc::new(AtomicU64::new(0));
    let count = kicks.clone();
    b.map.add_commit_hook(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let before = b.space.generation();
    let alias = MemoryRegion::alias("a", &b.root, 0, 0x1000);
    // An alias of the root inside the root would be a cycle; outside it is harmless, and a map may have both.
    let other = AddressSpace::new(&b.map, "other", alias.clone());
    b.map.transaction(|_| {
        for i in 0..10 {
            alias.set_alias_offset(i * 0x1000);
        }
        alias.set_alias_offset(0);
    });
    assert_eq!(
        (
            b.space.generation(),
            other.generation(),
            kicks.load(Ordering::Relaxed)
        ),
        (before, 0, 0)
    );
    alias.set_alias_offset(0x1000);
    assert_eq!(
        (
            b.space.generation(),
            other.generation(),
            kicks.load(Ordering::Relaxed)
        ),
        (before, 1, 1)
    );
    let mut cache = ViewCache::new(&b.space);
    assert!(!cache.refresh());
    b.root
        .add_subregion(8 * MIB, &MemoryRegion::reservation("r", 1), 0);
    assert!(cache.refresh());
    assert!(!cache.refresh(), "a change is reported once");
    assert_eq!(cache.generation(), b.space.generation());
}

#[test]
#[should_panic(expected = "cycle")]
fn a_cycle_is_refused() {
    let b = board();
    let alias = MemoryRegion::alias("a", &b.root, 0, 0x1000);
    b.root.add_subregion(0, &alias, 0);
}

#[test]
#[should_panic(expected = "another machine")]
fn two_machines_do_not_mix() {
    let (a, b) = (board(), board());
    a.root
        .add_subregion(0, &MemoryRegion::alias("theirs", &b.root, 0, 16), 0);
}

/// DMA, vm-memory and the CPU all tell the decoder.
#[test]
fn every_write_to_code_is_queued() {
    let b = board();
    let dirty = b.map.dirty().clone();
    let (code, mut writes) = (dirty.code_watch(), Vec::new());
    b.space.write(GuestPhys(0x1000), &[1, 2, 3]).unwrap();
    assert!(!code.has_news());
    code.watch_page(RamAddr(0x1000));
    assert!(dirty.is_code(RamAddr(0x1fff)) && !dirty.is_code(RamAddr(0x2000)));
    b.space.write(GuestPhys(0xff8), &[0; 16]).unwrap();
    b.put(0x1008, 4, 5);
    b.ram
        .region()
        .get_slice(0x1100, 8)
        .unwrap()
        .write_slice(&[9; 8], 0)
        .unwrap();
    b.space
        .view()
        .ram_cas(GuestPhys(0x1200), 0u32, 1)
        .unwrap()
        .unwrap();
    b.put(0x2000, 8, 5);
    assert!(code.has_news());
    assert!(!code.take_news(&mut writes));
    // 0xff8.. and 0x1008.. grew together.
    assert_eq!(
        writes,
        [(RamAddr(0x1000), 12), (RamAddr(0x1100), 8), (RamAddr(0x1200), 4)]
    );
    assert!(!code.has_news());
    code.unwatch(RamAddr(0x1000));
    b.put(0x1000, 8, 5);
    assert!(!code.has_news());
}

/// The display cleans pages while a TLB has fast writes to them: no write is lost.
#[test]
fn display_sees_every_write() {
    let b = board();
    let dirty = b.map.dirty().clone();
    let mut tlb = Tlb::new(dirty.clone());
    let idx = MmuIndex::new(0);
    let fill = |tlb: &mut Tlb| {
        tlb.fill(
            idx,
            &TlbFill {
                vaddr: GuestVirt(0x5000),
                paddr: GuestPhys(0x5000),
                access: Access::Write,
                prot: Prot::READ_WRITE,
                global: false,
                page_size: PAGE_SIZE,
                translation: b.space.translate(GuestPhys(0x5000)),
            },
        );
    };
    let pages = |dirty: &DirtyMemory| {
        let mut pages = Vec::new();
        dirty.take_dirty(DirtyClient::Vga, RamAddr(0x4000), 0x3000, |page| {
            pages.push(page.0)
        });
        pages
    };
    fill(&mut tlb);
    assert_eq!(pages(&dirty), [0x4000, 0x5000, 0x6000], "all is dirty at first");
    let cleaned = dirty.cleaned();
    assert!(
        tlb.store(idx, GuestVirt(0x5000), 1u8).is_some(),
        "this one slipped through"
    );
    tlb.reprotect();
    assert_eq!(pages(&dirty), [0x5000], "and is reported");
    assert!(dirty.cleaned() > cleaned);
    assert_eq!(pages(&dirty), [] as [u64; 0], "nothing written");
    assert!(tlb.store(idx, GuestVirt(0x5000), 1u8).is_none());
    assert_eq!(tlb.slow_store(idx, GuestVirt(0x5000), 2u8), Slow::Done(()));
    assert!(tlb.store(idx, GuestVirt(0x5001), 3u8).is_some(), "fast again");
    assert_eq!(pages(&dirty), [0x5000]);
}

/// ROM through the TLB: writes vanish, compare-and-swap compares.
#[test]
fn rom_behind_the_tlb() {
    let b = board();
    let rom = RamBlock::new(&b.map, "rom", 0x1000).unwrap();
    rom.store(0, 7u32).unwrap();
    b.root.add_subregion(8 * MIB, &MemoryRegion::rom(rom), 0);
    let mut tlb = Tlb::new(b.map.dirty().clone());
    let (idx, at) = (MmuIndex::new(1), GuestVirt(0x7000));
    tlb.fill(
        idx,
        &TlbFill {
            vaddr: at,
            paddr: GuestPhys(8 * MIB),
            access: Access::Write,
            prot: Prot::READ_WRITE,
            global: false,
            page_size: PAGE_SIZE,
            translation: b.space.translate(GuestPhys(8 * MIB)),
        },
    );
    assert_eq!(tlb.load::<u32>(idx, at), Some(7));
    assert_eq!(tlb.store(idx, at, 9u32), None);
    assert_eq!(tlb.slow_store(idx, at, 9u32), Slow::Done(()));
    assert_eq!(tlb.slow_cas(idx, at, 7u32, 9), Slow::Done(Ok(7)));
    assert_eq!(tlb.slow_cas(idx, at, 8u32, 9), Slow::Done(Err(7)));
    assert_eq!(tlb.load::<u32>(idx, at), Some(7));
}

#[test]
fn wide_and_unaligned_accesses() {
    let b = board();
    let mut tlb = Tlb::new(b.map.dirty().clone());
    let (idx, page) = (MmuIndex::new(0), GuestVirt(0xffff_f000));
    tlb.fill(
        idx,
        &TlbFill {
            vaddr: page,
            paddr: GuestPhys(0x3000),
            access: Access::Write,
            prot: Prot::READ_WRITE,
            global: false,
            page_size: PAGE_SIZE,
            translation: b.space.translate(GuestPhys(0x3000)),
        },
    );
    for offset in [0, 1, 7, 13, 4096 - 32] {
        let at = page.add(offset);
        let wide = [0x0123_4567_89ab_cdef_0011_2233_4455_6677_u128, u128::MAX ^ 0xf0];
        assert!(tlb.store(idx, at, wide).is_some());
        assert_eq!(tlb.load::<[u128; 2]>(idx, at), Some(wide));
        assert_eq!(tlb.load::<u64>(idx, at), Some(0x0011_2233_4455_6677));
        assert_eq!(tlb.load::<u16>(idx, at.add(1)), Some(0x5566));
        assert_eq!(tlb.cas(idx, at, 0x4455_6677_u32, 5), Some(Ok(0x4455_6677)));
        assert_eq!(tlb.cas(idx, at, 0x4455_6677_u32, 5), Some(Err(5)));
        let found = b.ram.load::<u128>(0x3000 + offset).unwrap();
        match tlb.cas(idx, at, found, 1u128) {
            Some(result) => assert_eq!(result, Ok(found)),
            None => assert_eq!(tlb.slow_cas(idx, at, found, 1u128), Slow::Done(Ok(found))),
        }
        assert_eq!(b.ram.load::<u128>(0x3000 + offset), Some(1));
        assert_eq!(b.ram.store(0x3000 + offset, 0u128), Some(()));
    }
    assert_eq!(tlb.load::<u16>(idx, page.add(4095)), None);
    assert_eq!(tlb.store(idx, page.add(4093), 0u32), None);
    let mut bytes = [0; 100];
    assert_eq!(tlb.write_bytes(idx, page.add(50), &[0x5a; 100]), Slow::Done(()));
    assert_eq!(tlb.read_bytes(idx, page.add(50), &mut bytes), Slow::Done(()));
    assert_eq!(bytes, [0x5a; 100]);
    assert_eq!(b.ram.load::<u8>(4 * MIB), None);
    assert_eq!(b.ram.load::<u16>(4 * MIB - 1), None);
    assert_eq!(b.ram.store(u64::MAX, 0u64), None);
}

/// A block outlives its region while a TLB points into it.
#[test]
fn a_tlb_keeps_what_it_points_into() {
    let b = board();
    let mut tlb = Tlb::new(b.map.dirty().clone());
    let idx = MmuIndex::new(0);
    {
        let block = RamBlock::new(&b.map, "hot-plugged", 0x1000).unwrap();
        let region = MemoryRegion::ram(block);
        b.root.add_subregion(8 * MIB, &region, 0);
        tlb.fill(
            idx,
            &TlbFill {
                vaddr: GuestVirt(0),
                paddr: GuestPhys(8 * MIB),
                access: Access::Write,
                prot: Prot::READ_WRITE,
                global: true,
                page_size: PAGE_SIZE,
                translation: b.space.translate(GuestPhys(8 * MIB)),
            },
        );
        b.root.remove_subregion(&region);
    }
    assert!(tlb.store(idx, GuestVirt(8), 1u64).is_some());
    assert_eq!(tlb.load::<u64>(idx, GuestVirt(8)), Some(1));
    tlb.flush_all();
    assert_eq!(tlb.load::<u64>(idx, GuestVirt(8)), None);
}

/// Two regions swap places for ever; readers by cache, by pin and by access never see one of them twice or not
/// at all.
#[test]
fn no_partial_view() {
    let b = board();
    let mark = |name: &str, value: u8| {
        let block = RamBlock::new(&b.map, name, 0x1000).unwrap();
        block.write(0, &[value; 0x1000]).unwrap();
        let region = MemoryRegion::ram(block);
        b.root.add_subregion(8 * MIB, &region, 0);
        region
    };
    let (one, two) = (mark("one", 1), mark("two", 2));
    two.set_address(8 * MIB + 0x1000);
    let (stop, noticed) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (b, stop, noticed) = (&b, &stop, &noticed);
            scope.spawn(move || {
                let seat = MemoryReader::new(&b.map);
                let mut cache = ViewCache::new(&b.space);
                let mut generation = cache.generation();
                while !stop.load(Ordering::Relaxed) {
                    let check = |view: &FlatView| {
                        let low = view.ram_load::<u8>(GuestPhys(8 * MIB)).unwrap();
                        let high = view.ram_load::<u8>(GuestPhys(8 * MIB + 0x1000)).unwrap();
                        assert_eq!(low + high, 3);
                    };
                    if reader == 0 {
                        if cache.refresh() {
                            noticed.store(true, Ordering::Relaxed);
                        }
                        assert!(cache.generation() >= generation);
                        generation = cache.generation();
                        check(cache.view());
                    } else {
                        let mut pin = seat.pin();
                        check(pin.view(&b.space));
                        pin.repin();
                        check(pin.view(&b.space));
                    }
                }
            });
        }
        let mut turn = 0;
        // However the host schedules, go on until the reader met at least one change.
        while turn < 2000 || !noticed.load(Ordering::Relaxed) {
            turn += 1;
            b.map.transaction(|_| {
                one.set_address(8 * MIB + 0x1000 * (turn & 1));
                two.set_address(8 * MIB + 0x1000 * (turn & 1 ^ 1));
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn describes_itself() {
    let b = board();
    let pam = MemoryRegion::alias(
        "pam",
        &MemoryRegion::rom(RamBlock::new(&b.map, "bios", 0x2000).unwrap()),
        0x1000,
        0x1000,
    );
    b.root.add_subregion(0xf0000, &pam, 1);
    let off = MemoryRegion::reservation("off", 0x10);
    off.set_enabled(false);
    b.root.add_subregion(8 * MIB, &off, -1);
    let expected = "\
address-space: memory
  0000000000000000-ffffffffffffffff (prio 0, container): system
    00000000000f0000-00000000000f0fff (prio 1, alias): pam @bios 0000000000001000-0000000000001fff
    0000000000000000-00000000003fffff (prio 0, ram): ram
    0000000000800000-000000000080000f (prio -1, reservation): off [disabled]
memory-region: bios
  0000000000000000-0000000000001fff (prio 0, ram): bios [read-only]
flat-view: memory (generation 1)
  0000000000000000-00000000000effff (ram): ram
  00000000000f0000-00000000000f0fff (ram): bios @0000000000001000 [read-only]
  00000000000f1000-00000000003fffff (ram): ram @00000000000f1000
";
    assert_eq!(b.map.describe(), expected);
}
