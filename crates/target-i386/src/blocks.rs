//! Decoded blocks: where they are found, and how writes to their bytes make them go.
//!
//! Two look-ups lead to a block. The jump cache maps a linear address to a block directly; an entry is tagged with
//! the TLB's fetch tag of its half of the address space and the mode, so it can only hide a hit of the fetch TLB and
//! dies with it. Behind it, blocks are known by the RAM address of their first byte and the decoding mode, and
//! survive changes of the page tables. Code that is not in RAM is decoded for one execution.
//!
//! Mirrors the roles of QEMU's `tb_jmp_cache` and TB hash table; blocks never cross a page but for a last (then
//! only) instruction that does, which is known to both pages.

use crate::address_map::AddressMap;
use crate::debugger::Debugger;
use crate::decode::{self, Context, Decoded, MAX_LENGTH};
use crate::insn::InsnFlags;
use crate::insn::seg;
use crate::mem::Privilege;
use crate::run::CodeHolder;
use crate::{Fault, Insn, Vcpu, paging};
use softmmu::tlb::{Access, Probe};
use softmmu::{CodeWatch, GuestPhys, GuestVirt, PAGE_SIZE, RamAddr, granules};

/// Most instructions in a block.
const MAX_INSNS: usize = 64;
/// Bytes decoded from at most.
const WINDOW: usize = 256;
const JUMP_BITS: u32 = 12;
/// Decoded instructions kept before everything is forgotten: about 30 MiB.
const MAX_TOTAL: usize = 640 << 10;
/// Blocks (dead ones included) kept before everything is forgotten.
const MAX_BLOCKS: usize = 256 << 10;
/// Dead blocks kept before everything is forgotten, if they are more than the live ones: a guest that makes and drops
/// code for ever must not grow the process.
const MAX_DEAD: usize = 16 << 10;

/// Index of a block; never reused until everything is forgotten.
pub(crate) type BlockId = u32;

/// A straight run of instructions.
pub(crate) struct Block {
    /// Empty once the block is dead.
    pub insns: Box<[Insn]>,
    /// Bytes of all instructions.
    pub bytes: u32,
    /// Whether the run loop must look at the state again behind it.
    pub recheck: bool,
    ram: RamAddr,
    key: u32,
    /// The page on which the only instruction ends, if another.
    second: Option<RamAddr>,
}

#[derive(Clone, Copy)]
struct Jump {
    pc: u64,
    tag: u64,
    block: BlockId,
}

impl Jump {
    const NONE: Self = Self {
        pc: 0,
        tag: u64::MAX,
        block: 0,
    };
}

/// All decoded blocks of one vCPU.
pub(crate) struct BlockCache {
    blocks: Vec<Block>,
    jumps: Box<[Jump; 1 << JUMP_BITS]>,
    by_ram: AddressMap<BlockId>,
    by_page: AddressMap<Vec<BlockId>>,
    total: usize,
    /// Blocks that are empty because their bytes were written.
    dead: usize,
    /// Most instructions in a block.
    pub max_insns: usize,
    writes: Vec<(RamAddr, u32)>,
    scratch: Vec<Insn>,
}

/// Where code at an address is found.
pub(crate) enum Found {
    /// In the cache.
    Block(BlockId),
    /// Not in RAM: this one instruction, to be executed once.
    Uncached(Insn),
}

impl BlockCache {
    /// No blocks.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            blocks: Vec::new(),
            jumps: Box::new([Jump::NONE; 1 << JUMP_BITS]),
            by_ram: AddressMap::default(),
            by_page: AddressMap::default(),
            total: 0,
            dead: 0,
            max_insns: MAX_INSNS,
            writes: Vec::new(),
            scratch: Vec::with_capacity(MAX_INSNS),
        })
    }

    #[inline(always)]
    fn slot(pc: u64) -> usize {
        (pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - JUMP_BITS)) as usize
    }

    /// The block at a linear address, if the jump cache knows it.
    #[inline(always)]
    pub fn jump(&self, pc: u64, tag: u64) -> Option<&Block> {
        let jump = &self.jumps[Self::slot(pc)];
        if jump.pc == pc && jump.tag == tag {
            self.blocks.get(jump.block as usize)
        } else {
            None
        }
    }

    /// A block by its index.
    pub fn block(&self, id: BlockId) -> Option<&Block> {
        self.blocks.get(id as usize)
    }

    /// Finds or decodes the block at the CPU's current address.
    ///
    /// # Errors
    /// #PF of the fetch; #GP(0) for a fetch beyond the limit or from a non-canonical address.
    #[inline(never)]
    pub fn find(&mut self, cpu: &mut Vcpu, pc: u64) -> Result<Found, Fault> {
        let ram = match fetch(cpu, pc)? {
            Place::Ram(ram) => ram,
            Place::Other(at) => return self.decode_uncached(cpu, pc, at).map(Found::Uncached),
        };
        let key = cpu.mode.key;
        let id = match self.by_ram.get(&map_key(ram, key)) {
            Some(&id) if self.still_good(cpu, id, pc)? => id,
            _ => match self.build(cpu, pc, ram)? {
                Found::Block(id) => id,
                uncached => return Ok(uncached),
            },
        };
        // The tag of one half says nothing of a second page in the other.
        let second = self.blocks[id as usize].second.is_some();
        let known_by_tag = !(second && pc >= PAGE_SIZE.wrapping_neg());
        if known_by_tag && !cpu.debugger.has_offset(pc) {
            // Filling the second page may have flushed nothing, but the tag must be the present one.
            let tag = cpu.fetch_tag(pc);
            self.jumps[Self::slot(pc)] = Jump { pc, tag, block: id };
        }
        Ok(Found::Block(id))
    }

    /// For a block on two pages: whether the second is still where it was.
    fn still_good(&self, cpu: &mut Vcpu, id: BlockId, pc: u64) -> Result<bool, Fault> {
        match self.blocks[id as usize].second {
            None => Ok(true),
            Some(second) => match fetch(cpu, second_page(cpu, pc)?)? {
                Place::Ram(ram) => Ok(ram == second),
                Place::Other(_) => Ok(false),
            },
        }
    }

    fn build(&mut self, cpu: &mut Vcpu, pc: u64, ram: RamAddr) -> Result<Found, Fault> {
        let mostly_dead = self.dead >= MAX_DEAD && self.dead > self.blocks.len() / 2;
        if self.total >= MAX_TOTAL || self.blocks.len() >= MAX_BLOCKS || mostly_dead {
            self.forget_all();
        }
        // Watched before it is read: a write from now on is queued.
        watch(cpu, ram, WINDOW);
        let context = cpu.decode_context();
        let mut bytes = [0; WINDOW];
        let in_page = (PAGE_SIZE - pc % PAGE_SIZE) as usize;
        let window = &mut bytes[..in_page.min(WINDOW)];
        cpu.tlb.fetch_bytes(cpu.mode.fetch_mmu, GuestVirt(pc), window);
        self.scratch.clear();
        let mut run = decode::Run::new(window, context);
        let mut at = 0;
        while self.scratch.len() < self.max_insns && at < window.len() {
            if at > 0 && cpu.debugger.has_offset(pc + at as u64) {
                break;
            }
            match run.decode(at) {
                Decoded::Insn(insn) => {
                    at += insn.len as usize;
                    let last = insn.flags.contains(InsnFlags::ENDS_BLOCK);
                    self.scratch.push(insn);
                    if last {
                        break;
                    }
                }
                Decoded::Incomplete => break,
            }
        }
        let mut second = None;
        if self.scratch.is_empty() {
            let rest = in_page;
            let next = second_page(cpu, pc)?;
            let other = match fetch(cpu, next)? {
                Place::Ram(other) => other,
                // RAM running into a device: decode anew each time.
                Place::Other(_) => return self.decode_straddling(cpu, pc, rest, next).map(Found::Uncached),
            };
            watch(cpu, other, MAX_LENGTH);
            let mut both = [0; MAX_LENGTH];
            both[..rest].copy_from_slice(&bytes[..rest]);
            cpu.tlb
                .fetch_bytes(cpu.mode.fetch_mmu, GuestVirt(next), &mut both[rest..]);
            if let Decoded::Insn(insn) = decode::decode(&both, context) {
                self.scratch.push(insn);
            }
            second = Some(other);
        }
        Ok(Found::Block(self.insert(cpu, ram, second)))
    }

    /// Makes a block of `self.scratch`.
    fn insert(&mut self, cpu: &Vcpu, ram: RamAddr, second: Option<RamAddr>) -> BlockId {
        let id = self.blocks.len() as BlockId;
        let recheck = self
            .scratch
            .last()
            .is_some_and(|insn| insn.flags.contains(InsnFlags::RECHECK));
        let bytes = self.scratch.iter().map(|insn| u32::from(insn.len)).sum();
        self.total += self.scratch.len();
        let key = cpu.mode.key;
        self.blocks.push(Block {
            insns: self.scratch.as_slice().into(),
            bytes,
            recheck,
            ram,
            key,
            second,
        });
        if let Some(old) = self.by_ram.insert(map_key(ram, key), id) {
            self.bury(old);
        }
        self.by_page.entry(ram.page().0).or_default().push(id);
        if let Some(second) = second {
            self.by_page.entry(second.page().0).or_default().push(id);
        }
        id
    }

    /// Decodes one instruction that starts outside RAM, reading bytes through the address space.
    fn decode_uncached(&mut self, cpu: &mut Vcpu, pc: u64, at: GuestPhys) -> Result<Insn, Fault> {
        let context = cpu.decode_context();
        let in_page = (PAGE_SIZE - pc % PAGE_SIZE) as usize;
        let mut bytes = [0; MAX_LENGTH];
        for have in 0..MAX_LENGTH.min(in_page) {
            bytes[have] = cpu.memory.load(at.add(have as u64), 1).unwrap_or(0xff) as u8;
            if let Decoded::Insn(insn) = decode::decode(&bytes[..=have], context) {
                return Ok(once(insn));
            }
        }
        let next = second_page(cpu, pc)?;
        self.decode_straddling(cpu, pc, in_page, next)
    }

    /// Decodes an instruction across pages of which one at least is not RAM.
    fn decode_straddling(&self, cpu: &mut Vcpu, pc: u64, in_page: usize, next: u64) -> Result<Insn, Fault> {
        let context = cpu.decode_context();
        let mut bytes = [0; MAX_LENGTH];
        for have in 0..MAX_LENGTH {
            let linear = if have < in_page {
                pc.wrapping_add(have as u64)
            } else {
                next + (have - in_page) as u64
            };
            bytes[have] = match fetch(cpu, linear)? {
                Place::Other(at) => cpu.memory.load(at, 1).unwrap_or(0xff) as u8,
                Place::Ram(_) => {
                    let mut byte = [0];
                    cpu.tlb
                        .fetch_bytes(cpu.mode.fetch_mmu, GuestVirt(linear), &mut byte);
                    byte[0]
                }
            };
            if let Decoded::Insn(insn) = decode::decode(&bytes[..=have], context) {
                return Ok(once(insn));
            }
        }
        Ok(decode::stub(decode::raise_ud, 1))
    }

    /// Kills the blocks whose bytes have been written. True if others began to watch pages
    /// ([`CodeWatch::take_news`]).
    pub fn invalidate_written(&mut self, code: &CodeWatch, holder: &mut dyn CodeHolder) -> bool {
        let mut writes = std::mem::take(&mut self.writes);
        let watched = code.take_news(&mut writes);
        for (addr, len) in writes.drain(..) {
            holder.written(addr, u64::from(len));
            let left = self.invalidate(addr, u64::from(len)) | holder.granules(addr.page());
            // Only now: decoding watches more than it turns out to need, and writes beside code shall cost nothing.
            code.narrow(addr.page(), left);
        }
        self.writes = writes;
        watched
    }

    /// The granules of the page that blocks are left of.
    fn invalidate(&mut self, addr: RamAddr, len: u64) -> u64 {
        let page = addr.page();
        let Some(ids) = self.by_page.get_mut(&page.0) else {
            return 0;
        };
        let mut hit = Vec::new();
        let mut left = 0;
        let blocks = &self.blocks;
        ids.retain(|&id| {
            let block = &blocks[id as usize];
            if block.insns.is_empty() {
                return false;
            }
            let touched = block.covers(addr, len);
            if touched {
                hit.push(id);
            } else {
                left |= block.granules(page);
            }
            !touched
        });
        if ids.is_empty() {
            self.by_page.remove(&page.0);
        }
        for id in hit {
            let block = &self.blocks[id as usize];
            self.by_ram.remove(&map_key(block.ram, block.key));
            self.bury(id);
        }
        left
    }

    /// Empties a block that no map leads to; jump-cache entries find it empty.
    fn bury(&mut self, id: BlockId) {
        let block = &mut self.blocks[id as usize];
        self.total -= block.insns.len();
        self.dead += usize::from(!block.insns.is_empty());
        block.insns = Box::default();
    }

    /// Drops the blocks that run into a stop address, and forgets the short ways to those addresses.
    pub fn avoid_stops(&mut self, debugger: &Debugger) {
        for id in 0..self.blocks.len() {
            let block = &self.blocks[id];
            let mut at = block.ram.page_offset();
            let runs_into = block.insns.split_last().is_some_and(|(_, before)| {
                before.iter().any(|insn| {
                    at += u64::from(insn.len);
                    debugger.has_offset(at)
                })
            });
            if runs_into {
                let key = map_key(block.ram, block.key);
                if self.by_ram.get(&key) == Some(&(id as BlockId)) {
                    self.by_ram.remove(&key);
                }
                self.bury(id as BlockId);
            }
        }
        for jump in self.jumps.iter_mut() {
            if debugger.has_offset(jump.pc) {
                *jump = Jump::NONE;
            }
        }
    }

    /// Drops every block. Pages stay watched until the next write to one finds nothing made of it: somebody else may
    /// hold code from it.
    pub fn forget_all(&mut self) {
        self.by_page.clear();
        self.by_ram.clear();
        self.blocks.clear();
        self.jumps.fill(Jump::NONE);
        self.total = 0;
        self.dead = 0;
    }
}

impl Block {
    /// The granules of `page` that hold bytes of the block.
    fn granules(&self, page: RamAddr) -> u64 {
        let bytes = u64::from(self.bytes);
        let Some(second) = self.second else {
            return granules(self.ram, bytes);
        };
        let first = PAGE_SIZE - self.ram.page_offset();
        let mut mask = 0;
        if self.ram.page() == page {
            mask |= granules(self.ram, first);
        }
        if second.page() == page {
            mask |= granules(second, bytes.saturating_sub(first));
        }
        mask
    }

    /// Whether one of `len` bytes at `addr` (on one page) belongs to the block.
    fn covers(&self, addr: RamAddr, len: u64) -> bool {
        let overlap = |start: u64, bytes: u64| addr.0 < start + bytes && start < addr.0 + len;
        match self.second {
            None => overlap(self.ram.0, u64::from(self.bytes)),
            Some(second) => {
                let first = PAGE_SIZE - self.ram.page_offset();
                overlap(self.ram.0, first) || overlap(second.0, u64::from(self.bytes).saturating_sub(first))
            }
        }
    }
}

fn map_key(ram: RamAddr, key: u32) -> u64 {
    ram.0 << 8 | u64::from(key)
}

/// An instruction that must not be kept ends its block.
fn once(mut insn: Insn) -> Insn {
    insn.flags |= InsnFlags::ENDS_BLOCK;
    insn
}

/// Watches `len` bytes, as far as they lie on the page of `ram`.
fn watch(cpu: &mut Vcpu, ram: RamAddr, len: usize) {
    if cpu.code.watch(ram, len as u64) {
        cpu.tlb.protect_code(ram.page());
    }
    cpu.secure_code();
}

enum Place {
    Ram(RamAddr),
    Other(GuestPhys),
}

/// Translates a fetch address.
fn fetch(cpu: &mut Vcpu, pc: u64) -> Result<Place, Fault> {
    loop {
        match cpu.tlb.fetch(cpu.mode.fetch_mmu, GuestVirt(pc)) {
            Probe::Ram { ram, .. } => return Ok(Place::Ram(ram)),
            Probe::Io(at) => return Ok(Place::Other(at)),
            Probe::Miss => paging::fill(cpu, pc, Access::Fetch, Privilege::Current)?,
        }
    }
}

/// The linear address of the page after that of the next instruction, if code may run on into it. `page` is RIP at the
/// start of that instruction's page.
fn page_behind(cpu: &Vcpu, page: u64) -> Result<u64, Fault> {
    let next = page.wrapping_add(PAGE_SIZE);
    let linear = cpu.fast_seg[seg::CS as usize].base.wrapping_add(next) & cpu.mode.linear_mask;
    let allowed = if cpu.mode.long() {
        crate::mem::canonical(linear)
    } else {
        next <= u64::from(cpu.state.seg[seg::CS as usize].limit)
    };
    if allowed { Ok(linear) } else { Err(Fault::GP0) }
}

/// As `page_behind`, for the instruction at RIP, which is `pc` linearly.
fn second_page(cpu: &Vcpu, pc: u64) -> Result<u64, Fault> {
    page_behind(cpu, cpu.state.rip.wrapping_sub(pc % PAGE_SIZE))
}

impl Vcpu {
    /// The RAM address of the next instruction. None if the fetch faults or is not from RAM: the interpreter will
    /// see.
    pub fn fetch_code(&mut self) -> Option<RamAddr> {
        if !self.may_fetch() {
            return None;
        }
        match fetch(self, self.code_address()) {
            Ok(Place::Ram(ram)) => Some(ram),
            _ => None,
        }
    }

    /// The RAM address of the page behind the one that starts at RIP `page`, if code may run on there and the page is in
    /// the fetch TLB.
    pub(crate) fn fetched_behind(&self, page: u64) -> Option<RamAddr> {
        let linear = page_behind(self, page).ok()?;
        match self.tlb.fetch(self.mode.fetch_mmu, GuestVirt(linear)) {
            Probe::Ram { ram, .. } => Some(ram),
            _ => None,
        }
    }

    /// Where the instruction at RIP goes on if it runs over its page's end: linear and RAM address of the next page.
    /// None if the fetch from there faults, is not from RAM, or needs a page walk first: the interpreter will see.
    pub fn fetch_second_page(&self) -> Option<(u64, RamAddr)> {
        let page = self.state.rip.wrapping_sub(self.code_address() % PAGE_SIZE);
        Some((page_behind(self, page).ok()?, self.fetched_behind(page)?))
    }

    /// Copies code of one page, which is watched from now on: `pc` and `ram` are [`Vcpu::code_address`] and
    /// [`Vcpu::fetch_code`].
    pub fn read_code(&mut self, pc: u64, ram: RamAddr, to: &mut [u8]) {
        watch(self, ram, to.len());
        self.tlb.fetch_bytes(self.mode.fetch_mmu, GuestVirt(pc), to);
    }

    /// Whether `bytes` bytes of code from RIP on lie within CS's limit.
    pub fn within_code_limit(&self, bytes: u64) -> bool {
        self.state.rip.saturating_add(bytes) <= u64::from(self.state.seg[seg::CS as usize].limit) + 1
    }

    /// What a jump-cache entry for `pc` must have been made under to be good now.
    #[inline(always)]
    pub(crate) fn fetch_tag(&self, pc: u64) -> u64 {
        self.tlb.fetch_tag(pc >> 63 != 0) << 8 | u64::from(self.mode.tag)
    }

    fn decode_context(&self) -> Context {
        Context {
            bits: self.mode.code,
            real_like: !self.mode.protected || self.mode.v86,
            features: self.features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::gpr;
    use crate::testbench::{Mode, TestBench};

    #[test]
    fn dead_blocks_do_not_pile_up() {
        let mut bench = TestBench::new(Mode::Protected32);
        for n in 0..MAX_DEAD as u32 * 3 {
            // mov eax, n; jmp $
            let mut code = vec![0xb8];
            code.extend(n.to_le_bytes());
            code.extend([0xeb, 0xfe]);
            bench.code(&code);
            bench.run(2);
            assert_eq!(bench.cpu.state.gpr[gpr::RAX], u64::from(n));
        }
        let blocks = bench.cpu.blocks.as_ref().expect("kept between runs").blocks.len();
        assert!(blocks <= MAX_DEAD + 16, "{blocks} blocks for one that lives");
    }
}
