//! The baseline engine: every block translated once, entered through the jump cache, linked to its neighbours.
//!
//! ```text
//! boundary (events, budget) -> block at RIP: jump cache, else by RAM address, else translate -> generated code
//!   -> exit: link and go on, interpret one instruction, deliver a fault, or look at the boundary again
//! ```
//!
//! Generated code runs in slices of at most [`SLICE`] instructions, after which the boundary is looked at: that is
//! how requests from other threads get in. The budget is exact: a block that does not fit into what is left is
//! refused, and the interpreter runs the tail. Mirrors `cpu_exec` in QEMU's `accel/tcg/cpu-exec.c`.
#![allow(unsafe_code)] // enters generated code

mod cache;
mod listing;

pub use cache::Counters;

use crate::Look;
use crate::code_buffer::CodeBuffer;
use crate::optimizing::compile::Client;
use crate::optimizing::{self, At, RegionConfig, RegionCounters, Regions};
use crate::stats::{Part, Report, Stopwatch, Translation};
use crate::trace::{self, Runner};
use cache::{BlockId, Cache};
use softmmu::RamAddr;
use std::io;
use target_i386::jit::{Env, Exit, ExitKind, Finder, Jump, Key, Owed, Translator};
use target_i386::{Boundary, CodeHolder, Interpreter, StopReason, Vcpu, decode};

/// Most instructions between two looks at requests from other threads: about ten microseconds.
const SLICE: u64 = 16 << 10;
/// How many visits the end of a slice counts as.
const SAMPLE: u32 = 16;
/// Bytes of guest code looked at for one block.
const WINDOW: usize = 256;

/// The engine of one vCPU.
pub struct Baseline {
    cache: Cache,
    jumps: Box<[Jump]>,
    translator: Translator,
    /// Exits by kind.
    exits: [u64; 5],
    /// Loops that Cranelift compiled.
    regions: Option<Box<Regions>>,
    /// Look-ups that the jump cache did not answer.
    misses: u64,
    /// Blocks that were interpreted.
    interpreted: u64,
    look: Look,
    /// Whether blocks may be linked, and go into the jump cache.
    chain: bool,
    /// Whether each execution is shown.
    traced: bool,
    /// Whether each translation is.
    listed: bool,
    watch: Stopwatch,
    /// The debugger's stop addresses that the code keeps clear of: their generation.
    stops: u64,
}

impl CodeHolder for Baseline {
    fn written(&mut self, at: RamAddr, len: u64) {
        self.cache.written(at, len);
        if let Some(regions) = &mut self.regions {
            regions.written(at, len);
        }
    }
    fn granules(&self, page: RamAddr) -> u64 {
        let regions = self.regions.as_ref().map_or(0, |regions| regions.granules(page));
        self.cache.granules(page) | regions
    }
}

impl Baseline {
    /// An engine for `cpu` with `size` bytes for code.
    ///
    /// # Errors
    /// The host has no executable memory to give.
    pub fn new(cpu: &Vcpu, size: usize) -> io::Result<Self> {
        Self::with_look(cpu, size, Look::default())
    }

    /// The same, which shows what `look` asks for.
    ///
    /// # Errors
    /// As [`Baseline::new`].
    pub fn with_look(cpu: &Vcpu, size: usize, look: Look) -> io::Result<Self> {
        Ok(Self::in_buffer(cpu, CodeBuffer::for_look(size, &look)?, look))
    }

    /// The same, which has hot loops compiled by Cranelift, if that is possible; `size` is for all code. Behind it, why
    /// it is not possible.
    ///
    /// # Errors
    /// As [`Baseline::new`].
    pub fn with_regions(
        cpu: &Vcpu,
        size: usize,
        look: Look,
        config: RegionConfig,
    ) -> io::Result<(Self, io::Result<()>)> {
        let buffer = CodeBuffer::for_look(size, &look)?;
        let (blocks, rest) = buffer.split(size - size / optimizing::SHARE);
        let regions = Regions::new(rest, config, look.clone());
        let mut engine = Self::in_buffer(cpu, blocks, look);
        let made = regions.map(|regions| engine.regions = Some(Box::new(regions)));
        Ok((engine, made))
    }

    /// The same, with a compiler that other vCPUs use, too; `size` is for blocks.
    ///
    /// # Errors
    /// As [`Baseline::new`].
    pub fn with_client(
        cpu: &Vcpu,
        size: usize,
        look: Look,
        client: Client,
        config: RegionConfig,
    ) -> io::Result<Self> {
        let mut engine = Self::with_look(cpu, size, look.clone())?;
        engine.regions = Some(Box::new(Regions::with_client(client, config, look)));
        Ok(engine)
    }

    fn in_buffer(cpu: &Vcpu, buffer: CodeBuffer, look: Look) -> Self {
        let cache = Cache::new(buffer);
        let (thunks, at) = cache.thunks();
        listing::show_thunks(&look, at, thunks);
        let mut translator = Translator::new(cpu.features);
        if look.one_insn {
            translator = translator.one_by_one();
        }
        if look.out_asm {
            translator = translator.with_marks();
        }
        Self {
            cache,
            jumps: vec![Jump::NONE; Jump::ENTRIES].into_boxed_slice(),
            translator,
            exits: [0; 5],
            regions: None,
            misses: 0,
            interpreted: 0,
            chain: look.may_chain(),
            traced: look.at_executions(),
            listed: look.at_translations(),
            watch: Stopwatch::new(look.stats),
            stops: 0,
            look,
        }
    }

    /// What happened to regions so far.
    pub fn region_counters(&self) -> Option<RegionCounters> {
        self.regions.as_ref().map(|regions| regions.counters())
    }

    /// What it has done so far.
    pub fn report(&self, cpu: &Vcpu) -> Report {
        let counters = self.cache.counters;
        let name = match self.regions {
            Some(_) => "optimizing",
            None => "baseline",
        };
        Report {
            translation: Some(Translation {
                blocks: counters.blocks,
                instructions: counters.instructions,
                code_bytes: counters.code_bytes,
                buffer: self.cache.size() as u64,
                links: counters.links,
                invalidated: counters.invalidated,
                evicted: counters.evicted,
                exits: self.exits,
                misses: self.misses + cpu.jit.found,
                interpreted: self.interpreted,
            }),
            regions: self.region_counters(),
            times: self.watch.times(),
            ..Report::new(name, cpu)
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.cache.counters
    }

    /// How often generated code was left, by kind of exit.
    pub fn exits(&self) -> [u64; 5] {
        self.exits
    }

    /// Executes until `budget` instructions are complete or something else ends the run; as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let start = self.watch.start();
        let mut interpreter = cpu.take_interpreter();
        // It sees single instructions and short tails.
        interpreter.keep_blocks_short();
        cpu.begin_run(budget);
        if self.stops != cpu.debugger.generation() {
            self.avoid_stops(cpu);
        }
        if let Some(regions) = &mut self.regions {
            regions.begin(cpu);
        }
        let reason = self.run_blocks(cpu, &mut interpreter);
        if let Some(regions) = &mut self.regions {
            regions.end();
        }
        cpu.put_interpreter(interpreter);
        cpu.publish_count();
        self.watch.ran(start);
        reason
    }

    /// Drops the code that runs over a stop address of the debugger.
    #[cold]
    fn avoid_stops(&mut self, cpu: &Vcpu) {
        self.stops = cpu.debugger.generation();
        self.cache.avoid_stops(&cpu.debugger);
    }

    /// Finds or makes the code for the CPU's next instruction, as if it were to be entered; false if the interpreter has
    /// to run it. For benches.
    pub fn prepare(&mut self, cpu: &mut Vcpu) -> bool {
        cpu.jit_key()
            .is_some_and(|key| self.look_up(cpu, key, false).is_some())
    }

    fn run_blocks(&mut self, cpu: &mut Vcpu, interpreter: &mut Interpreter) -> StopReason {
        // The direct exit through which generated code was just left.
        let mut link = None;
        // The block at RIP does not fit into the budget.
        let mut tail = false;
        // Visits that the next look for a region counts as.
        let mut weight = 1;
        loop {
            self.watch.round();
            if !cpu.is_quiet() || cpu.budget_left() == 0 {
                // An event may have changed RIP: it is not the exit's target any more.
                link = None;
                match interpreter.boundary(cpu, self) {
                    Boundary::Run => {}
                    Boundary::Single => {
                        self.trace_interpreted(cpu);
                        interpreter.single(cpu);
                        tail = false;
                        continue;
                    }
                    Boundary::Stop(reason) => return reason,
                }
                self.watch.mark(Part::Boundary);
            }
            if std::mem::take(&mut tail) {
                // Boundaries that are not quiet (a masked interrupt is pending) have been looked at: go on in any case.
                self.interpret(cpu, interpreter);
                continue;
            }
            if self.regions.is_some() && self.run_region(cpu, interpreter, std::mem::replace(&mut weight, 1))
            {
                link = None;
                continue;
            }
            let evicted = self.cache.counters.evicted;
            let found = cpu
                .jit_key()
                .and_then(|key| Some((key, self.look_up(cpu, key, link.is_some())?)));
            self.watch.mark(Part::Lookup);
            let Some((key, (jump, id))) = found else {
                self.interpret(cpu, interpreter);
                link = None;
                continue;
            };
            if let (Some((from, n)), Some(to)) = (link.take(), id)
                && self.chain
                // Translating may have evicted the block that was left, or given its number away.
                && self.cache.counters.evicted == evicted
                && self.cache.block(from).is_alive()
            {
                self.cache.link(from, n, to);
            }
            if self.traced {
                self.trace_block(cpu, id);
            }
            let exit = self.enter(cpu, jump, key);
            self.watch.mark(Part::Generated);
            self.exits[exit.kind as usize] += 1;
            let block = self.cache.block(exit.block);
            if block.shows_flags_of_entry(exit)
                && let Some(debtor) = Owed::debtor(cpu.jit.owed)
                && let Some(owed) = self.cache.block(debtor).owed()
            {
                cpu.jit.flags = owed.make(&cpu.state.gpr, cpu.jit.snapshot);
            }
            let after = block.len() as u8 - exit.n.min(block.len() as u8);
            let offset = |n: u8| i32::from(block.offsets[usize::from(n)]);
            match exit.kind {
                ExitKind::Entry => {
                    cpu.leave_generated(0, Some(offset(0)));
                    if !block.is_alive() {
                        // The jump cache still led here.
                        self.jumps[Jump::index(cpu.code_address())] = Jump::NONE;
                        continue;
                    }
                    tail = cpu.budget_left() < block.len() as u64;
                    // A slice ended here: a sample of where time goes.
                    weight = SAMPLE;
                }
                ExitKind::Link => {
                    cpu.leave_generated(0, Some(block.target(exit.n)));
                    link = Some((exit.block, exit.n));
                }
                ExitKind::Interpret => {
                    cpu.leave_generated(after, Some(offset(exit.n)));
                    interpreter.instruction(cpu);
                    self.watch.mark(Part::Interpreter);
                }
                ExitKind::After => {
                    cpu.leave_generated(after - 1, None);
                    cpu.look_closely();
                }
                ExitKind::Fault => {
                    cpu.leave_generated(after, None);
                    cpu.deliver_generated_fault();
                    cpu.look_closely();
                }
            }
        }
    }

    /// Runs the region at the CPU's next instruction; false if there is none.
    fn run_region(&mut self, cpu: &mut Vcpu, interpreter: &mut Interpreter, weight: u32) -> bool {
        let Some(regions) = &mut self.regions else {
            return false;
        };
        regions.poll();
        let n = match regions.at(cpu, weight) {
            At::Nothing => return false,
            At::Region(n) => n,
            At::New(n, ram, key) => {
                // What leads to the block here shall find the region.
                self.cache.kill_at(ram, key.pack());
                n
            }
        };
        if optimizing::short(cpu, regions, n) {
            // Not the block: it would be linked.
            interpreter.block(cpu);
            self.watch.mark(Part::Interpreter);
        } else {
            self.watch.mark(Part::Lookup);
            optimizing::run_region(regions, cpu, interpreter, n, &mut self.watch);
        }
        true
    }

    /// The interpreter runs the block at RIP, as far as the budget allows.
    fn interpret(&mut self, cpu: &mut Vcpu, interpreter: &mut Interpreter) {
        self.trace_interpreted(cpu);
        self.interpreted += 1;
        interpreter.block(cpu);
        self.watch.mark(Part::Interpreter);
    }

    #[inline]
    fn trace_interpreted(&self, cpu: &Vcpu) {
        if self.traced {
            trace::execution(&self.look, cpu, Runner::Interpreter);
        }
    }

    #[cold]
    fn trace_block(&self, cpu: &Vcpu, id: Option<BlockId>) {
        // One that does not fit into the budget refuses, and is interpreted.
        if let Some(id) = id
            && self.cache.block(id).len() as u64 <= cpu.budget_left()
        {
            trace::execution(&self.look, cpu, Runner::Block(id));
        }
    }

    /// The code for the CPU's next instruction. None: the interpreter has to run it.
    #[inline]
    fn look_up(&mut self, cpu: &mut Vcpu, key: Key, for_link: bool) -> Option<(Jump, Option<BlockId>)> {
        let pc = cpu.code_address();
        let jump = self.jumps[Jump::index(pc)];
        if jump.pc == pc && jump.tag == cpu.jit_tag(pc, key) && !for_link {
            return Some((jump, None));
        }
        let (jump, id) = self.find(cpu, pc, key)?;
        Some((jump, Some(id)))
    }

    #[inline(never)]
    fn find(&mut self, cpu: &mut Vcpu, pc: u64, key: Key) -> Option<(Jump, BlockId)> {
        self.misses += 1;
        let ram = cpu.fetch_code()?;
        let id = match self.cache.find(ram, key.pack()) {
            Some(id) => id,
            None => {
                let start = self.watch.start();
                let id = self.translate(cpu, pc, ram, key);
                self.watch.translated(start);
                id?
            }
        };
        if std::mem::take(&mut self.cache.evicted) {
            self.jumps.fill(Jump::NONE);
        }
        if !key.flat_code && !cpu.within_code_limit(self.cache.block(id).guest_bytes()) {
            return None;
        }
        let jump = Jump {
            pc,
            tag: cpu.jit_tag(pc, key),
            rip_base: cpu.state.rip.wrapping_sub(pc & 0xfff),
            code: self.cache.code(id) as u64,
        };
        if key.flat_code && self.chain {
            self.jumps[Jump::index(pc)] = jump;
        }
        Some((jump, id))
    }

    fn translate(&mut self, cpu: &mut Vcpu, pc: u64, ram: RamAddr, key: Key) -> Option<BlockId> {
        if cpu.debugger.has_offset(pc) {
            return None;
        }
        let mut bytes = [0; WINDOW];
        let stop = cpu.debugger.next_offset(pc);
        let in_page = (stop.unwrap_or(softmmu::PAGE_SIZE) - pc % softmmu::PAGE_SIZE) as usize;
        let window = &mut bytes[..in_page.min(WINDOW)];
        cpu.read_code(pc, ram, window);
        let id = self.cache.next_id();
        let offset = (pc & 0xfff) as u16;
        let (translation, second) = match self.translator.translate(window, offset, key, id) {
            Some(translation) => (translation, None),
            // The stop is inside of it.
            None if stop.is_some() => return None,
            None => {
                let (linear, second) = cpu.fetch_second_page()?;
                let both = &mut bytes[..decode::MAX_LENGTH];
                cpu.read_code(linear, second, both.get_mut(in_page..)?);
                let translation = self.translator.translate_across(both, second, offset, key, id)?;
                (translation, Some(second))
            }
        };
        let id = self.cache.insert(ram, second, key.pack(), translation)?;
        if self.listed {
            let (host, code) = self.cache.listing(id);
            let (thunks, thunks_at) = self.cache.thunks();
            let placed = listing::Placed {
                id,
                pc,
                ram,
                key,
                guest: &bytes,
                offsets: &self.cache.block(id).offsets,
                marks: &translation.marks,
                host,
                code: &code,
                thunks,
                thunks_at,
            };
            placed.show(&self.look);
        }
        Some(id)
    }

    #[inline]
    fn enter(&mut self, cpu: &mut Vcpu, jump: Jump, key: Key) -> Exit {
        let slice = cpu.budget_left().min(SLICE) as i32;
        cpu.jit.jumps = self.jumps.as_mut_ptr() as u64;
        // Links are not made either where executions are to be seen.
        cpu.jit.finder = self.chain.then_some(Finder {
            holder: std::ptr::from_ref(&self.cache).cast(),
            find: find_placed,
        });
        cpu.enter_generated(slice, jump.rip_base, key);
        // SAFETY: the thunk has this signature, and the cache keeps it in executable memory.
        let enter: unsafe extern "C" fn(*mut Env, u64) -> u32 =
            unsafe { std::mem::transmute(self.cache.enter()) };
        // SAFETY: the code is a live block's, made for the CPU's present mode (the key) and its TLB; nobody else uses
        // the CPU while this thread holds `&mut Vcpu`.
        Exit::from_word(unsafe { enter(cpu.jit_env(), jump.code) })
    }
}

/// [`Finder::find`] of this engine.
///
/// # Safety
/// `holder` is a [`Cache`] that nobody changes meanwhile.
unsafe fn find_placed(holder: *const (), ram: RamAddr, key: u32) -> *const u8 {
    // SAFETY: the caller's promise: generated code runs, and what runs it holds `&mut Baseline` and waits.
    let cache = unsafe { &*holder.cast::<Cache>() };
    cache.find(ram, key).map_or(std::ptr::null(), |id| cache.code(id))
}
