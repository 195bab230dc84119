//! Which code is hot, which regions there are, and whether they are still true.
//!
//! ```text
//! visits of an address -> hot -> copy of its page -> Region -> compiler thread
//!   -> ready -> at its address again, bytes the same (and watched from here on) -> installed -> written: gone
//! ```
//!
//! A region is known by the RAM address of its entry and the mode. The table in front of that is tagged as jump caches
//! are: an entry is good under the fetch tag it was made under. Regions come and go at the vCPU's boundary only; the
//! room of those that go is used again once no vCPU can be inside. When there is none for a new one, the oldest go.
#![allow(unsafe_code)] // enters generated code

use super::compile::{Answer, Client, Compiled, Compiler, Ticket};
use super::listing::{Placed, Wish};
use crate::Look;
use crate::code_buffer::{CodeBuffer, serialize};
use crate::stats::RegionCounters;
use cranelift_module::FuncId;
use softmmu::{GuestVirt, PAGE_SIZE, RamAddr};
use std::collections::{HashMap, VecDeque};
use std::io;
use target_i386::clif::{Region, RegionExit};
use target_i386::debugger::Debugger;
use target_i386::jit::{Env, Key};
use target_i386::{CodeHolder, Vcpu};

/// When regions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionConfig {
    /// Visits of an address that make it hot.
    pub hot: u32,
    /// Wait for the compiler instead of going on: for tests.
    pub wait: bool,
    /// Compile what is no loop, too: for tests.
    pub straight: bool,
}

impl Default for RegionConfig {
    fn default() -> Self {
        Self {
            hot: 1600,
            wait: false,
            straight: false,
        }
    }
}

/// Entries of the table.
const SLOTS: usize = 1 << 12;
/// Regions that were written to so often are not made again.
const PATIENCE: u8 = 4;
/// Addresses that are remembered to be no loop, before all are forgotten.
const REMEMBERED: usize = 1 << 16;
/// Requests in flight.
const IN_FLIGHT: usize = 16;
/// What part of the room is made free at least when some is missing.
const EVICTED: usize = 8;

/// RAM address of the entry, and mode.
type Place = (u64, u32);

#[derive(Clone, Copy)]
struct Slot {
    pc: u64,
    tag: u64,
    visits: u32,
    region: Option<usize>,
}

const NO_SLOT: Slot = Slot {
    pc: 0,
    // No tag is all ones.
    tag: u64::MAX,
    visits: 0,
    region: None,
};

enum State {
    /// The compiler has it.
    Asked,
    /// Compiled, and not yet looked at.
    Ready(Box<Compiled>),
    Installed(usize),
    /// Not a loop, or not to be compiled.
    Never,
}

impl State {
    /// The code that there is.
    fn code(&self, installed: &[Option<Installed>]) -> Option<(FuncId, usize)> {
        match self {
            Self::Ready(compiled) => Some((compiled.id, compiled.len)),
            Self::Installed(n) => {
                let region = installed.get(*n)?.as_ref()?;
                Some((region.id, region.len))
            }
            Self::Asked | Self::Never => None,
        }
    }
}

struct Installed {
    place: Place,
    page: RamAddr,
    /// Offset in the page and length of what it was made of.
    pieces: Vec<(u16, u16)>,
    key: Key,
    id: FuncId,
    /// Host address and bytes of its code.
    code: u64,
    len: usize,
    /// Least budget with which entering gets anywhere.
    least: u64,
}

impl Installed {
    fn covers(&self, at: RamAddr, len: u64) -> bool {
        self.pieces.iter().any(|&(offset, bytes)| {
            let start = self.page.0 + u64::from(offset);
            at.0 < start + u64::from(bytes) && start < at.0 + len
        })
    }
}

/// What there is at an address.
pub enum At {
    /// Nothing.
    Nothing,
    /// A region, by number.
    Region(usize),
    /// A region that was just installed: other code at this RAM address is to be unlinked.
    New(usize, RamAddr, Key),
}

/// The regions of one vCPU.
pub struct Regions {
    config: RegionConfig,
    client: Client,
    look: Look,
    slots: Box<[Slot]>,
    states: HashMap<Place, State>,
    installed: Vec<Option<Installed>>,
    spare: Vec<usize>,
    /// Places whose regions have code, by its age; each once.
    order: VecDeque<Place>,
    by_page: HashMap<u64, Vec<usize>>,
    /// What was asked for, with the linear address it was seen at.
    asked: HashMap<Ticket, (Place, u64)>,
    next_ticket: Ticket,
    /// How often writes hit the region at a place.
    broken: HashMap<Place, u8>,
    counters: RegionCounters,
    /// The debugger's stop addresses that the regions keep clear of: their generation.
    stops: u64,
}

fn slot_of(pc: u64) -> usize {
    (pc.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize & (SLOTS - 1)
}

impl Drop for Regions {
    /// Other vCPUs of the machine may go on: their compiler gets the room back.
    fn drop(&mut self) {
        while let Some(answer) = self.client.answer() {
            self.take(answer);
        }
        self.make_room(usize::MAX);
    }
}

impl CodeHolder for Regions {
    fn written(&mut self, at: RamAddr, len: u64) {
        let Some(all) = self.by_page.get(&at.page().0) else {
            return;
        };
        let hit: Vec<Place> = all
            .iter()
            .filter_map(|&n| self.installed[n].as_ref())
            .filter(|region| region.covers(at, len))
            .map(|region| region.place)
            .collect();
        if hit.is_empty() {
            return;
        }
        for place in hit {
            self.counters.invalidated += 1;
            self.drop_region(place, true);
        }
        self.forget_dropped();
    }

    fn granules(&self, page: RamAddr) -> u64 {
        let all = self.by_page.get(&page.0).into_iter().flatten();
        all.filter_map(|&n| self.installed[n].as_ref())
            .flat_map(|region| &region.pieces)
            .fold(0, |mask, &(offset, len)| {
                mask | softmmu::granules(RamAddr(page.0 + u64::from(offset)), u64::from(len))
            })
    }
}

impl Regions {
    /// No regions, and a thread that compiles some into `buffer`.
    ///
    /// # Errors
    /// Those of [`Compiler::new`].
    pub fn new(buffer: CodeBuffer, config: RegionConfig, look: Look) -> io::Result<Self> {
        let compiler = Compiler::new(buffer, Wish::of(&look))?;
        Ok(Self::with_client(compiler.client(), config, look))
    }

    /// No regions, and a compiler that others use, too.
    pub fn with_client(client: Client, config: RegionConfig, look: Look) -> Self {
        Self {
            config,
            client,
            look,
            slots: vec![NO_SLOT; SLOTS].into_boxed_slice(),
            states: HashMap::new(),
            installed: Vec::new(),
            spare: Vec::new(),
            order: VecDeque::new(),
            by_page: HashMap::new(),
            asked: HashMap::new(),
            next_ticket: 0,
            broken: HashMap::new(),
            counters: RegionCounters::default(),
            stops: 0,
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> RegionCounters {
        RegionCounters {
            buffer: self.client.compiler().size() as u64,
            reclaimed: self.client.reclaimed(),
            ..self.counters
        }
    }

    /// The vCPU begins a run.
    pub fn begin(&mut self, cpu: &Vcpu) {
        self.client.enter();
        if self.stops != cpu.debugger.generation() {
            self.avoid_stops(&cpu.debugger);
        }
    }

    /// Drops the regions that run over a stop address of the debugger. All addresses may be looked at again.
    #[cold]
    fn avoid_stops(&mut self, debugger: &Debugger) {
        self.stops = debugger.generation();
        let hit: Vec<Place> = self
            .installed
            .iter()
            .flatten()
            .filter(|region| {
                let over = |&(at, len): &(u16, u16)| debugger.covers(u64::from(at), u64::from(len));
                region.pieces.iter().any(over)
            })
            .map(|region| region.place)
            .collect();
        for place in hit {
            self.drop_region(place, false);
        }
        self.slots.fill(NO_SLOT);
    }

    /// The run is over.
    pub fn end(&mut self) {
        self.client.leave();
    }

    /// The vCPU is in no region: dead code may go, and what the compiler has to say is looked at.
    #[inline]
    pub fn poll(&mut self) {
        self.client.pass();
        if !self.asked.is_empty() {
            while let Some(answer) = self.client.answer() {
                self.take(answer);
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        self.counters.compile_time += answer.time;
        let Some((place, pc)) = self.asked.remove(&answer.ticket) else {
            return;
        };
        // The next visit looks again.
        self.slots[slot_of(pc)] = NO_SLOT;
        match (answer.compiled, answer.full) {
            (Some(compiled), _) => {
                self.counters.compiled += 1;
                self.counters.instructions += compiled.region.len() as u64;
                self.counters.code_bytes += compiled.len as u64;
                if self.look.at_regions() {
                    self.show(&compiled, answer.ticket, place, pc);
                }
                self.order.push_back(place);
                self.states.insert(place, State::Ready(Box::new(compiled)));
            }
            (None, Some(missing)) if missing <= self.client.compiler().size() => {
                self.make_room(missing.max(self.client.compiler().size() / EVICTED));
                // Who is hot still will ask again.
                self.states.remove(&place);
            }
            _ => {
                self.counters.refused += 1;
                self.states.insert(place, State::Never);
            }
        }
    }

    #[cold]
    fn show(&self, compiled: &Compiled, ticket: Ticket, place: Place, pc: u64) {
        let placed = Placed {
            number: ticket,
            pc,
            ram: RamAddr(place.0),
            region: &compiled.region,
            host: compiled.code,
            len: compiled.len,
            listing: compiled.listing.as_deref(),
        };
        placed.show(&self.look);
    }

    /// Drops the oldest, until so many bytes are free or on their way.
    fn make_room(&mut self, bytes: usize) {
        let mut freed = 0;
        while freed < bytes
            && let Some(&oldest) = self.order.front()
        {
            freed += self.drop_region(oldest, false);
            self.counters.evicted += 1;
        }
        self.forget_dropped();
    }

    /// Drops the region at a place that is in `order`; how many bytes it had. [`Regions::forget_dropped`] is next.
    fn drop_region(&mut self, place: Place, written: bool) -> usize {
        if self.order.front() == Some(&place) {
            self.order.pop_front();
        } else {
            self.order.retain(|&other| other != place);
        }
        let Some(state) = self.states.remove(&place) else {
            return 0;
        };
        let code = state.code(&self.installed);
        if let State::Installed(n) = state {
            self.uninstall(n);
        }
        if written {
            let times = self.broken.entry(place).or_default();
            *times += 1;
            if *times >= PATIENCE {
                self.states.insert(place, State::Never);
            }
        }
        let Some((id, len)) = code else { return 0 };
        self.client.retire(id);
        len
    }

    /// Takes a region out of every table but the one by address.
    fn uninstall(&mut self, n: usize) {
        let Some(region) = self.installed.get_mut(n).and_then(Option::take) else {
            return;
        };
        self.spare.push(n);
        if let Some(all) = self.by_page.get_mut(&region.page.0) {
            all.retain(|&other| other != n);
            if all.is_empty() {
                self.by_page.remove(&region.page.0);
            }
        }
    }

    /// Clears the table's entries of regions that were dropped.
    fn forget_dropped(&mut self) {
        for slot in &mut self.slots {
            if slot.region.is_some_and(|n| self.installed[n].is_none()) {
                *slot = NO_SLOT;
            }
        }
    }

    /// What there is at the CPU's next instruction; counts the visit `weight` times.
    #[inline]
    pub fn at(&mut self, cpu: &mut Vcpu, weight: u32) -> At {
        let Some(key) = cpu.jit_key() else {
            return At::Nothing;
        };
        let pc = cpu.code_address();
        let tag = cpu.jit_tag(pc, key);
        let hot = self.config.hot;
        let slot = &mut self.slots[slot_of(pc)];
        if slot.pc == pc && slot.tag == tag {
            if let Some(n) = slot.region {
                return self.enterable(key, n);
            }
            let before = slot.visits;
            slot.visits = before.saturating_add(weight);
            if before >= hot || slot.visits < hot {
                return At::Nothing;
            }
        }
        self.look(cpu, pc, key, weight)
    }

    fn enterable(&self, key: Key, n: usize) -> At {
        match &self.installed[n] {
            Some(region) if key == region.key => At::Region(n),
            _ => At::Nothing,
        }
    }

    #[inline(never)]
    fn look(&mut self, cpu: &mut Vcpu, pc: u64, key: Key, weight: u32) -> At {
        let Some(ram) = cpu.fetch_code() else {
            return At::Nothing;
        };
        // The fetch may have filled the TLB.
        let tag = cpu.jit_tag(pc, key);
        let place = (ram.0, key.pack());
        let slot = &mut self.slots[slot_of(pc)];
        if slot.pc != pc || slot.tag != tag {
            *slot = Slot {
                pc,
                tag,
                visits: weight,
                region: None,
            };
        }
        if slot.visits >= self.config.hot && !self.states.contains_key(&place) {
            self.ask(cpu, pc, place, key);
        }
        match self.states.get(&place) {
            Some(&State::Installed(n)) => {
                self.slots[slot_of(pc)].region = Some(n);
                self.enterable(key, n)
            }
            Some(State::Ready(_)) => self.install(cpu, pc, ram, place),
            _ => At::Nothing,
        }
    }

    /// Makes a region of the loop around the CPU's next instruction, if there is one, and has it compiled.
    fn ask(&mut self, cpu: &mut Vcpu, pc: u64, place: Place, key: Key) {
        if self.asked.len() >= IN_FLIGHT {
            self.slots[slot_of(pc)].visits = 0;
            return;
        }
        if self.states.len() >= REMEMBERED {
            self.states.retain(|_, state| !matches!(state, State::Never));
            self.broken.clear();
        }
        let mut page = [0; PAGE_SIZE as usize];
        cpu.tlb
            .fetch_bytes(cpu.mode.fetch_mmu, GuestVirt(pc & !(PAGE_SIZE - 1)), &mut page);
        let form = if self.config.straight {
            Region::straight
        } else {
            Region::form
        };
        let Some(region) = form(&page, (pc % PAGE_SIZE) as u16, key, cpu.features) else {
            self.counters.refused += 1;
            self.states.insert(place, State::Never);
            return;
        };
        self.states.insert(place, State::Asked);
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.asked.insert(ticket, (place, pc));
        self.client.compile(ticket, Box::new(region));
        while self.config.wait && !self.asked.is_empty() {
            match self.client.wait() {
                Some(answer) => self.take(answer),
                None => self.asked.clear(),
            }
        }
    }

    /// Installs what the compiler made, if the guest's bytes are what it was made of.
    fn install(&mut self, cpu: &mut Vcpu, pc: u64, ram: RamAddr, place: Place) -> At {
        let Some(State::Ready(compiled)) = self.states.get(&place) else {
            return At::Nothing;
        };
        let (base, page) = (pc & !(PAGE_SIZE - 1), ram.page());
        // Not before the debugger's stop has gone.
        let over = |(at, bytes): &(u16, Box<[u8]>)| cpu.debugger.covers(u64::from(*at), bytes.len() as u64);
        if compiled.region.bytes.iter().any(over) {
            return At::Nothing;
        }
        let mut same = true;
        for (offset, bytes) in &compiled.region.bytes {
            let mut now = vec![0; bytes.len()];
            // Watched from here on: the next write to it is told.
            cpu.read_code(
                base + u64::from(*offset),
                RamAddr(page.0 + u64::from(*offset)),
                &mut now,
            );
            same &= now[..] == bytes[..];
        }
        if !same {
            self.counters.stale += 1;
            self.drop_region(place, false);
            return At::Nothing;
        }
        serialize();
        let region = Installed {
            place,
            page,
            pieces: compiled
                .region
                .bytes
                .iter()
                .map(|(offset, bytes)| (*offset, bytes.len() as u16))
                .collect(),
            key: compiled.region.key,
            id: compiled.id,
            code: compiled.code,
            len: compiled.len,
            least: compiled.region.first_len() as u64,
        };
        let key = region.key;
        let n = self.spare.pop().unwrap_or(self.installed.len());
        if n == self.installed.len() {
            self.installed.push(None);
        }
        self.installed[n] = Some(region);
        self.by_page.entry(page.0).or_default().push(n);
        self.states.insert(place, State::Installed(n));
        // Watching may have changed the tag.
        self.slots[slot_of(pc)] = Slot {
            pc,
            tag: cpu.jit_tag(pc, key),
            visits: 0,
            region: Some(n),
        };
        self.counters.installed += 1;
        At::New(n, ram, key)
    }

    /// The least budget with which entering a region gets anywhere.
    pub fn least(&self, n: usize) -> u64 {
        let region = self.installed.get(n).and_then(Option::as_ref);
        region.map_or(u64::MAX, |region| region.least)
    }

    /// Runs a region for up to `slice` instructions; the CPU's state is exact again behind it.
    ///
    /// `n` is what [`Regions::at`] has just given.
    pub fn enter(&mut self, cpu: &mut Vcpu, n: usize, slice: u64) -> Option<RegionExit> {
        let region = self.installed.get(n)?.as_ref()?;
        self.counters.entered += 1;
        let before = cpu.icount;
        cpu.enter_region(slice.min(i32::MAX as u64) as i32);
        // SAFETY: the compiler thread made the function with this signature and placed it in executable memory, which
        // `self.client` keeps mapped; its room is used again only when this vCPU has passed (`poll`) since the region
        // was in `installed`.
        let function: unsafe extern "C" fn(*mut Env) -> u64 = unsafe { std::mem::transmute(region.code) };
        // SAFETY: made for the CPU's present mode and the bytes at its RIP (`at`); nobody else uses the CPU while this
        // thread holds `&mut Vcpu`.
        let exit = RegionExit::from_word(unsafe { function(cpu.jit_env()) });
        cpu.leave_region(exit);
        self.counters.executed += cpu.icount.wrapping_sub(before);
        Some(exit)
    }
}
