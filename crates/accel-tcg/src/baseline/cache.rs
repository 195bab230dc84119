//! Translated blocks: found by the RAM address of their first byte and the mode, linked to each other, killed by writes
//! to their bytes, and evicted by age.
//!
//! The buffer is a ring of segments. Code is placed at the cursor; when that enters the next segment, the blocks there
//! (the oldest) go. A killed block keeps its place until then: its first instruction becomes a jump to its own refusal,
//! so stale pointers to it (jump cache) lead back to the run loop. Mirrors QEMU's `accel/tcg/tb-maint.c`.

use crate::code_buffer::CodeBuffer;
use softmmu::{PAGE_SIZE, RamAddr};
use target_i386::AddressMap;
use target_i386::debugger::Debugger;
use target_i386::jit::{Exit, ExitKind, Helper, Link, Owed, Taker, Thunks, Translation};

/// Number of a block, as exit words have it.
pub type BlockId = u32;

/// Where code can be entered: a multiple of this.
const ALIGN: usize = 16;
/// Pieces that are evicted at once.
const SEGMENTS: usize = 16;

/// A placed block.
pub struct Block {
    ram: RamAddr,
    /// The page into which its one instruction runs over the end of the first.
    second: Option<RamAddr>,
    key: u32,
    /// Offset of its code in the buffer.
    code: usize,
    code_len: usize,
    /// Offset of each instruction from the page's start, and of the first byte behind.
    pub offsets: Box<[u16]>,
    exits: Box<[DirectExit]>,
    /// Who is linked to it: block and link number.
    incoming: Vec<(BlockId, u8)>,
    refuse: usize,
    /// Offset in the buffer where it is entered with owed flags.
    open: usize,
    taker: Option<Taker>,
    owed: Option<Owed>,
    alive: bool,
    /// Held for the code, which points at them.
    _helpers: Box<[Box<Helper>]>,
}

/// A direct exit of a placed block.
struct DirectExit {
    link: Link,
    /// What it is linked to.
    to: Option<BlockId>,
}

impl Block {
    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Offset in the page of the target of direct exit `n`.
    pub fn target(&self, n: u8) -> i32 {
        self.exits[usize::from(n)].link.target
    }

    /// Whether it may be entered.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether it was left at `exit` with the flags with which it was entered.
    pub fn shows_flags_of_entry(&self, exit: Exit) -> bool {
        let way_out = match exit.kind {
            // A dead one refuses entry with flags in memory only: no link leads to it.
            ExitKind::Entry => self.alive,
            ExitKind::Interpret => true,
            ExitKind::Link | ExitKind::After | ExitKind::Fault => false,
        };
        way_out && self.taker.is_some_and(|taker| taker.shows(exit.n))
    }

    /// The flags that it owes.
    pub fn owed(&self) -> Option<&Owed> {
        self.owed.as_ref()
    }

    /// Bytes of guest code.
    pub fn guest_bytes(&self) -> u64 {
        u64::from(self.offsets[self.len()] - self.offsets[0])
    }

    /// Where its bytes are: address and number, on one page each.
    fn pieces(&self) -> impl Iterator<Item = (RamAddr, u64)> + use<> {
        let bytes = self.guest_bytes();
        let first = bytes.min(PAGE_SIZE - self.ram.page_offset());
        let second = self.second.map(|second| (second, bytes - first));
        std::iter::once((self.ram, first)).chain(second)
    }

    fn covers(&self, addr: RamAddr, len: u64) -> bool {
        self.pieces()
            .any(|(start, bytes)| addr.0 < start.0 + bytes && start.0 < addr.0 + len)
    }

    fn granules(&self, page: RamAddr) -> u64 {
        self.pieces()
            .filter(|(start, _)| start.page() == page)
            .fold(0, |all, (start, bytes)| all | softmmu::granules(start, bytes))
    }
}

/// What happened to the cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Blocks translated.
    pub blocks: u64,
    /// Guest instructions translated.
    pub instructions: u64,
    /// Bytes of host code.
    pub code_bytes: u64,
    /// Direct exits linked.
    pub links: u64,
    /// Blocks killed by writes.
    pub invalidated: u64,
    /// Blocks evicted by age.
    pub evicted: u64,
}

/// All translated blocks of one vCPU.
pub struct Cache {
    buffer: CodeBuffer,
    thunks: Thunks,
    /// Offset at which the next block goes.
    cursor: usize,
    /// First offset behind the thunks.
    start: usize,
    segment_len: usize,
    /// The segment in which the cursor stands.
    segment: usize,
    blocks: Vec<Option<Block>>,
    free: Vec<BlockId>,
    /// Blocks of each segment.
    in_segment: Vec<Vec<BlockId>>,
    by_ram: AddressMap<BlockId>,
    by_page: AddressMap<Vec<BlockId>>,
    /// Something was evicted since the jump cache was cleared.
    pub evicted: bool,
    /// For statistics.
    pub counters: Counters,
}

impl Cache {
    /// A cache in `buffer`.
    pub fn new(mut buffer: CodeBuffer) -> Self {
        let thunks = Thunks::new();
        buffer.write(0, &thunks.code);
        let start = thunks.code.len().next_multiple_of(ALIGN);
        Self {
            cursor: start,
            start,
            segment_len: (buffer.len() - start) / SEGMENTS,
            segment: 0,
            buffer,
            thunks,
            blocks: Vec::new(),
            free: Vec::new(),
            in_segment: vec![Vec::new(); SEGMENTS],
            by_ram: AddressMap::default(),
            by_page: AddressMap::default(),
            evicted: false,
            counters: Counters::default(),
        }
    }

    /// Host address of the entry thunk.
    pub fn enter(&self) -> *const u8 {
        self.buffer.base().wrapping_add(self.thunks.enter)
    }

    /// Host address of a block's code.
    pub fn code(&self, id: BlockId) -> *const u8 {
        self.buffer.base().wrapping_add(self.block(id).code)
    }

    /// The block.
    ///
    /// # Panics
    /// If there is none of that number: numbers come from this cache and from code in it.
    pub fn block(&self, id: BlockId) -> &Block {
        self.blocks[id as usize]
            .as_ref()
            .expect("the number of a block in the cache")
    }

    fn block_mut(&mut self, id: BlockId) -> &mut Block {
        self.blocks[id as usize]
            .as_mut()
            .expect("the number of a block in the cache")
    }

    /// The block at a RAM address in a mode.
    pub fn find(&self, ram: RamAddr, key: u32) -> Option<BlockId> {
        self.by_ram.get(&map_key(ram, key)).copied()
    }

    /// The number that the next block will have; none if there are too many.
    pub fn next_id(&mut self) -> BlockId {
        if let Some(&id) = self.free.last() {
            return id;
        }
        if self.blocks.len() >= Exit::BLOCKS as usize {
            self.enter_segment((self.segment + 1) % SEGMENTS);
            return self.next_id();
        }
        self.free.push(self.blocks.len() as BlockId);
        self.blocks.push(None);
        self.next_id()
    }

    /// Places a translation that was made for [`Cache::next_id`], and keeps what its code needs. `second` is the page
    /// into which its instruction runs.
    pub fn insert(
        &mut self,
        ram: RamAddr,
        second: Option<RamAddr>,
        key: u32,
        translation: &mut Translation,
    ) -> Option<BlockId> {
        let len = translation.code.len();
        if len > self.segment_len {
            return None;
        }
        let id = self.free.pop()?;
        let at = self.allocate(len);
        for &(from, thunk) in &translation.relocs {
            let displacement = self.thunks.offset(thunk) as i64 - (at + from + 4) as i64;
            translation.code[from..from + 4].copy_from_slice(&(displacement as i32).to_le_bytes());
        }
        self.buffer.write(at, &translation.code);
        self.counters.blocks += 1;
        self.counters.instructions += translation.offsets.len() as u64 - 1;
        self.counters.code_bytes += len as u64;
        let unlinked = |&link: &Link| DirectExit { link, to: None };
        self.blocks[id as usize] = Some(Block {
            ram,
            second,
            key,
            code: at,
            code_len: len,
            offsets: translation.offsets.as_slice().into(),
            exits: translation.links.iter().map(unlinked).collect(),
            incoming: Vec::new(),
            refuse: at + translation.refuse as usize,
            open: at + translation.open as usize,
            taker: translation.taker,
            owed: translation.owed,
            alive: true,
            _helpers: translation.helpers.drain(..).collect(),
        });
        self.in_segment[self.segment].push(id);
        self.by_ram.insert(map_key(ram, key), id);
        for page in [Some(ram), second].into_iter().flatten() {
            self.by_page.entry(page.page().0).or_default().push(id);
        }
        Some(id)
    }

    fn allocate(&mut self, len: usize) -> usize {
        let end = |segment: usize| self.start + (segment + 1) * self.segment_len;
        if self.cursor + len > end(self.segment) {
            self.enter_segment((self.segment + 1) % SEGMENTS);
        }
        let at = self.cursor;
        self.cursor = (at + len).next_multiple_of(ALIGN);
        at
    }

    /// Evicts the oldest segment and goes on there.
    fn enter_segment(&mut self, segment: usize) {
        let ids = std::mem::take(&mut self.in_segment[segment]);
        self.evicted |= !ids.is_empty();
        for id in ids {
            self.kill(id);
            self.blocks[id as usize] = None;
            self.free.push(id);
            self.counters.evicted += 1;
        }
        self.segment = segment;
        self.cursor = (self.start + segment * self.segment_len).next_multiple_of(ALIGN);
    }

    /// Links direct exit `n` of `from` to `to`.
    pub fn link(&mut self, from: BlockId, n: u8, to: BlockId) {
        let block = self.block(from);
        let link = block.exits[usize::from(n)].link;
        let Some(at) = link.at else {
            return;
        };
        let code = block.code;
        let owed = block.owed.filter(|_| link.settles.is_some());
        let target = self.block(to);
        let takes = owed.is_some_and(|owed| target.taker.is_some_and(|taker| taker.takes(&owed)));
        let (entry, open) = (target.code, target.open);
        match link.settles {
            Some(_) if takes => self.buffer.patch_branch(code + at as usize, open),
            // The jump leads to what stores the flags.
            Some(settles) => self.buffer.patch_branch(code + settles.jump as usize, entry),
            None => self.buffer.patch_branch(code + at as usize, entry),
        }
        self.block_mut(from).exits[usize::from(n)].to = Some(to);
        self.block_mut(to).incoming.push((from, n));
        self.counters.links += 1;
    }

    /// Takes a block out of every map, and makes every way into it lead to the run loop.
    fn kill(&mut self, id: BlockId) {
        let block = self.block_mut(id);
        if !std::mem::take(&mut block.alive) {
            return;
        }
        let (ram, second, key, code, refuse) = (block.ram, block.second, block.key, block.code, block.refuse);
        let incoming = std::mem::take(&mut block.incoming);
        if self.by_ram.get(&map_key(ram, key)) == Some(&id) {
            self.by_ram.remove(&map_key(ram, key));
        }
        for page in [Some(ram), second].into_iter().flatten() {
            if let Some(ids) = self.by_page.get_mut(&page.page().0) {
                ids.retain(|&other| other != id);
                if ids.is_empty() {
                    self.by_page.remove(&page.page().0);
                }
            }
        }
        for (from, n) in incoming {
            self.unlink(from, n);
        }
        // Nobody keeps the number of a dead block.
        for n in 0..self.block(id).exits.len() {
            if let Some(to) = self.block_mut(id).exits[n].to.take() {
                self.block_mut(to).incoming.retain(|&link| link != (id, n as u8));
            }
        }
        // jmp refuse
        let mut jump = [0xe9, 0, 0, 0, 0];
        jump[1..].copy_from_slice(&((refuse as i64 - (code as i64 + 5)) as i32).to_le_bytes());
        self.buffer.write(code, &jump);
    }

    /// Makes a direct exit leave again.
    fn unlink(&mut self, from: BlockId, n: u8) {
        let n = usize::from(n);
        let block = self.block_mut(from);
        let exit = &mut block.exits[n];
        exit.to = None;
        let link = exit.link;
        let code = block.code;
        if let Some(at) = link.at {
            let stub = code + link.stub as usize;
            let mut unlinked = stub;
            if let Some(settles) = link.settles {
                self.buffer.patch_branch(code + settles.jump as usize, stub);
                unlinked = code + settles.start as usize;
            }
            self.buffer.patch_branch(code + at as usize, unlinked);
        }
    }

    /// Kills the block at a RAM address in a mode: something better is there.
    pub fn kill_at(&mut self, ram: RamAddr, key: u32) {
        if let Some(id) = self.find(ram, key) {
            self.kill(id);
        }
    }

    /// Kills the blocks that start at a stop address of the debugger, or run over one.
    pub fn avoid_stops(&mut self, debugger: &Debugger) {
        let over = |block: &Block| {
            let starts = &block.offsets[..block.len()];
            block.alive && starts.iter().any(|&at| debugger.has_offset(u64::from(at)))
        };
        let hit: Vec<BlockId> = (0..self.blocks.len() as BlockId)
            .filter(|&id| self.blocks[id as usize].as_ref().is_some_and(over))
            .collect();
        for id in hit {
            self.kill(id);
        }
    }

    /// Kills the blocks of which a byte was written.
    pub fn written(&mut self, addr: RamAddr, len: u64) {
        let Some(ids) = self.by_page.get(&addr.page().0) else {
            return;
        };
        let hit: Vec<BlockId> = ids
            .iter()
            .copied()
            .filter(|&id| self.block(id).covers(addr, len))
            .collect();
        self.counters.invalidated += hit.len() as u64;
        for id in hit {
            self.kill(id);
        }
    }

    /// The granules of the page that blocks are left of.
    pub fn granules(&self, page: RamAddr) -> u64 {
        debug_assert!(page.0.is_multiple_of(PAGE_SIZE));
        let ids = self.by_page.get(&page.0).into_iter().flatten();
        ids.fold(0, |all, &id| all | self.block(id).granules(page))
    }

    /// Bytes for code.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// The thunks and their host address, for listings.
    pub fn thunks(&self) -> (&Thunks, u64) {
        (&self.thunks, self.buffer.base() as u64)
    }

    /// A block's code, for listings.
    pub fn listing(&self, id: BlockId) -> (u64, Vec<u8>) {
        let block = self.block(id);
        (
            self.code(id) as u64,
            self.buffer.bytes(block.code, block.code_len),
        )
    }
}

/// RAM offsets are below 2^42, packed keys below 2^10.
fn map_key(ram: RamAddr, key: u32) -> u64 {
    ram.0 << 10 | u64::from(key)
}
