//! The run loop: blocks, boundaries between them, exact instruction counts.
//!
//! ```text
//! boundary: code writes, map changes, budget, exit, interrupts  (one look at atomics when nothing is up)
//!   -> block by jump cache, else by RAM address, else decode
//!   -> instructions until the block's end, a fault, or `leave`
//! ```
//!
//! A block runs only as far as the budget allows, so a run stops after exactly its budget. An instruction that
//! talked to a device, wrote decoded code, or faulted ends the block early; what it caused holds from the next
//! instruction on. Single steps (shadows, TF, RF, armed breakpoints) go through the same code one by one.
//! Mirrors `cpu_exec` in QEMU's `accel/tcg/cpu-exec.c`.

use crate::blocks::{BlockCache, Found};
use crate::debugger::Debugging;
use crate::insn::seg;
use crate::signals::request;
use crate::state::{Activity, Shadow};
use crate::vcpu::attention;
use crate::{Fault, Insn, StopReason, Vcpu, debug, flags, interrupt};
use softmmu::RamAddr;

/// Events delivered without one instruction between them, after which a guest is not waited for.
const MOST_DELIVERIES: u32 = 1000;

/// Events delivered without one instruction between them, after which a run ends, once: a guest whose handlers fault for
/// ever completes no instruction, and no budget would end it. No guest that does anything gets there.
const ENDLESS_DELIVERIES: u32 = 1 << 20;

/// What a boundary between blocks decides.
pub enum Boundary {
    /// Execute a block.
    Run,
    /// Execute one instruction with everything that can surround it: [`Interpreter::single`].
    Single,
    /// Leave the run loop.
    Stop(StopReason),
}

/// The interpreter of one vCPU: its decoded blocks. Taken out of the CPU while it runs, so that handlers can borrow
/// the CPU and their instruction.
pub struct Interpreter(Box<BlockCache>);

/// Another holder of code derived from guest memory, told of writes to it.
pub trait CodeHolder {
    /// `len` bytes at `at`, on one page, were written: drop what was made of them.
    fn written(&mut self, at: RamAddr, len: u64);
    /// Which [`granules`](softmmu::granules) of this page hold bytes that something is still derived from.
    fn granules(&self, page: RamAddr) -> u64;
}

/// The interpreter alone.
impl CodeHolder for () {
    fn written(&mut self, _: RamAddr, _: u64) {}
    fn granules(&self, _: RamAddr) -> u64 {
        0
    }
}

impl Vcpu {
    /// Takes the interpreter out, for a run loop of the caller's own; give it back by [`Vcpu::put_interpreter`].
    pub fn take_interpreter(&mut self) -> Interpreter {
        Interpreter(self.blocks.take().unwrap_or_else(BlockCache::new))
    }

    /// Ends what [`Vcpu::take_interpreter`] began.
    pub fn put_interpreter(&mut self, interpreter: Interpreter) {
        self.blocks = Some(interpreter.0);
    }

    /// Starts a run of `budget` instructions.
    pub fn begin_run(&mut self, budget: u64) {
        self.stop_at = self.icount.saturating_add(budget);
        self.gave_way = false;
        self.refresh_attention();
        self.attention |= attention::LOOK;
    }

    /// Whether the next boundary is nothing to look at, but for the budget.
    #[inline(always)]
    pub fn is_quiet(&self) -> bool {
        self.signals.pending() | self.attention == 0 && !self.code.has_news()
    }

    /// Makes the next boundary look at everything.
    #[inline]
    pub fn look_closely(&mut self) {
        self.attention |= attention::LOOK;
    }

    /// Instructions left of the budget.
    #[inline(always)]
    pub fn budget_left(&self) -> u64 {
        self.stop_at.saturating_sub(self.icount)
    }

    /// The linear address of the next instruction.
    #[inline(always)]
    pub fn code_address(&self) -> u64 {
        self.fast_seg[seg::CS as usize].base.wrapping_add(self.state.rip) & self.mode.linear_mask
    }

    /// Executes until `budget` instructions are complete or something else ends the run; `icount` advances by
    /// exactly the number completed.
    pub fn run(&mut self, budget: u64) -> StopReason {
        let mut interpreter = self.take_interpreter();
        self.begin_run(budget);
        let reason = self.run_blocks(&mut interpreter.0);
        self.put_interpreter(interpreter);
        self.publish_count();
        reason
    }

    fn run_blocks(&mut self, cache: &mut BlockCache) -> StopReason {
        loop {
            if !self.is_quiet() || self.icount >= self.stop_at {
                match self.boundary(cache, &mut ()) {
                    Boundary::Run => {}
                    Boundary::Single => {
                        self.single(cache);
                        continue;
                    }
                    Boundary::Stop(reason) => return reason,
                }
            }
            self.step_block(cache);
        }
    }

    /// Finds the block at RIP and runs it. False if its first instruction did not complete.
    #[inline(always)]
    fn step_block(&mut self, cache: &mut BlockCache) -> bool {
        let pc = self.code_address();
        if let Some(block) = cache.jump(pc, self.fetch_tag(pc))
            && !block.insns.is_empty()
        {
            if block.recheck {
                self.attention |= attention::LOOK;
            }
            return self.execute(&block.insns, block.bytes);
        }
        self.step_slow(cache, pc)
    }

    #[inline(never)]
    fn step_slow(&mut self, cache: &mut BlockCache, pc: u64) -> bool {
        if self.stops_before(pc) {
            self.attention |= attention::LOOK;
            return false;
        }
        let fault = match self.find_code(cache, pc) {
            Ok(Found::Block(id)) => {
                let Some(block) = cache.block(id) else {
                    return false;
                };
                if block.recheck {
                    self.attention |= attention::LOOK;
                }
                return self.execute(&block.insns, block.bytes);
            }
            Ok(Found::Uncached(insn)) => {
                self.attention |= attention::LOOK;
                let bytes = u32::from(insn.len);
                return self.execute(std::slice::from_ref(&insn), bytes);
            }
            Err(fault) => fault,
        };
        interrupt::raise(self, fault);
        self.attention |= attention::LOOK;
        false
    }

    /// Executes the instruction at RIP, all chunks of a REP, without looking at events and without delivering
    /// its fault: for tests and tools.
    ///
    /// # Errors
    /// The fault, of the fetch or the instruction; RIP is as before.
    pub fn step_raw(&mut self) -> crate::Exec {
        let mut cache = self.blocks.take().unwrap_or_else(BlockCache::new);
        let result = self.step_raw_in(&mut cache);
        self.blocks = Some(cache);
        self.refresh_attention();
        result
    }

    fn step_raw_in(&mut self, cache: &mut BlockCache) -> crate::Exec {
        let start = self.state.rip;
        self.stop_at = u64::MAX;
        loop {
            self.hear_of_code(cache, &mut ());
            let pc = self.fast_seg[seg::CS as usize].base.wrapping_add(start) & self.mode.linear_mask;
            let insn = match self.find_code(cache, pc)? {
                Found::Uncached(insn) => insn,
                Found::Block(id) => match cache.block(id).and_then(|block| block.insns.first()) {
                    Some(insn) => *insn,
                    None => continue,
                },
            };
            if self.within_limit(&[insn]).is_empty() && !self.mode.flat_code {
                return Err(Fault::GP0);
            }
            self.leave = false;
            self.state.rip = start.wrapping_add(u64::from(insn.len)) & self.mode.ip_mask;
            let result = (insn.exec)(self, &insn);
            self.icount += u64::from(result.is_ok());
            self.iterations = 0;
            if result.is_err() {
                self.state.rip = start;
                return result;
            }
            // A REP that has iterations left stands at its own address; a jump to itself does, too.
            if self.state.rip != start || !crate::exec::string::repeated(&insn) {
                return Ok(());
            }
        }
    }

    /// Whether RIP may be fetched from, as far as segmentation goes.
    pub(crate) fn may_fetch(&self) -> bool {
        let rip = self.state.rip;
        if self.mode.long() {
            crate::mem::canonical(rip)
        } else {
            self.mode.flat_code || rip <= u64::from(self.state.seg[seg::CS as usize].limit)
        }
    }

    fn find_code(&mut self, cache: &mut BlockCache, pc: u64) -> Result<Found, Fault> {
        if self.may_fetch() {
            cache.find(self, pc)
        } else {
            Err(Fault::GP0)
        }
    }

    /// Runs instructions within the budget and the code limit. False if the first did not complete.
    #[inline(always)]
    fn execute(&mut self, insns: &[Insn], bytes: u32) -> bool {
        let start = self.icount;
        let room = self.stop_at - start;
        let mut insns = if (insns.len() as u64) <= room {
            insns
        } else {
            &insns[..room as usize]
        };
        let mut rip = self.state.rip;
        if !self.mode.flat_code && rip + u64::from(bytes) > u64::from(self.state.seg[seg::CS as usize].limit)
        {
            insns = self.within_limit(insns);
            if insns.is_empty() {
                interrupt::raise(self, Fault::GP0);
                self.attention |= attention::LOOK;
                return false;
            }
        }
        let mask = self.mode.ip_mask;
        let mut count = start;
        self.leave = false;
        for insn in insns {
            let next = rip.wrapping_add(u64::from(insn.len)) & mask;
            self.state.rip = next;
            self.icount = count;
            if let Err(fault) = (insn.exec)(self, insn) {
                self.state.rip = rip;
                self.icount = count + std::mem::take(&mut self.iterations);
                self.fault(fault);
                return count != start;
            }
            count += 1;
            rip = next;
            if self.leave {
                self.attention |= attention::LOOK;
                break;
            }
        }
        self.icount = count + std::mem::take(&mut self.iterations);
        true
    }

    #[cold]
    #[inline(never)]
    fn fault(&mut self, fault: Fault) {
        interrupt::raise(self, fault);
        self.attention |= attention::LOOK;
    }

    /// The leading instructions that lie within CS's limit.
    #[cold]
    fn within_limit<'a>(&self, insns: &'a [Insn]) -> &'a [Insn] {
        let limit = u64::from(self.state.seg[seg::CS as usize].limit);
        let mut end = self.state.rip;
        let fit = insns.iter().take_while(|insn| {
            end = end.saturating_add(u64::from(insn.len));
            end <= limit + 1
        });
        &insns[..fit.count()]
    }

    /// Adds completed iterations of a REP instruction to the count, all but the last of those it completes now.
    #[inline]
    pub fn count_iterations(&mut self, iterations: u64) {
        self.icount += iterations;
        self.iterations += iterations;
    }

    /// Drops what was made of bytes that were written, and protects pages that others made code of since this vCPU
    /// last executed: before its first store after that.
    fn hear_of_code(&mut self, cache: &mut BlockCache, holder: &mut dyn CodeHolder) {
        if !self.code.has_news() {
            return;
        }
        if cache.invalidate_written(&self.code, holder) {
            self.tlb.protect_watched();
        }
    }

    /// Whether the last thing that happened was that an instruction completed. The delivery of an event counts no
    /// instruction, so a count alone names the moment before it: whoever asks the CPU to stop is let in there, whenever
    /// he asked. (Unless a guest does nothing but fault, which must not keep him out.)
    fn is_between_instructions(&self) -> bool {
        let (at, times) = self.delivered;
        at != self.icount || times > MOST_DELIVERIES
    }

    /// How many events were delivered since an instruction completed: where the CPU stands beyond its count.
    pub fn deliveries(&self) -> u32 {
        let (at, times) = self.delivered;
        if at == self.icount { times } else { 0 }
    }

    /// Whether it delivers events for ever and completes no instruction.
    pub fn is_endless(&self) -> bool {
        self.deliveries() >= ENDLESS_DELIVERIES
    }

    /// An event is delivered now.
    pub(crate) fn note_delivery(&mut self) {
        let times = if self.delivered.0 == self.icount {
            self.delivered.1.saturating_add(1)
        } else {
            1
        };
        self.delivered = (self.icount, times);
        if times == ENDLESS_DELIVERIES {
            self.signals.kick();
        }
    }

    #[inline(never)]
    fn boundary(&mut self, cache: &mut BlockCache, holder: &mut dyn CodeHolder) -> Boundary {
        self.hear_of_code(cache, holder);
        self.signals.take(request::MAP_CHANGED | request::CODE_WRITTEN);
        if self.view.refresh() {
            self.tlb.flush_all();
        }
        let cleaned = self.dirty.cleaned();
        if cleaned != self.cleaned {
            self.cleaned = cleaned;
            self.tlb.reprotect();
        }
        if self.debug_ended() {
            return Boundary::Stop(StopReason::Debug);
        }
        if self.icount >= self.stop_at {
            return Boundary::Stop(StopReason::Budget);
        }
        if self.gave_way {
            return Boundary::Stop(StopReason::GaveWay);
        }
        if self.is_between_instructions() && self.signals.take(request::EXIT) != 0 {
            return Boundary::Stop(StopReason::ExitRequest);
        }
        let before = self.debug_place();
        const EVENTS: u32 = request::INTR | request::NMI | request::INIT | request::SIPI;
        if self.signals.pending() & EVENTS != 0
            && (self.state.shadow == Shadow::None || self.state.activity != Activity::Running)
        {
            interrupt::service(self);
            // A request may come with a write to code that it is about (Linux patches code, then interrupts everybody).
            self.hear_of_code(cache, holder);
        }
        match self.state.activity {
            Activity::Running => {}
            Activity::Halted | Activity::WaitForSipi => return Boundary::Stop(StopReason::Halted),
            Activity::Shutdown => return Boundary::Stop(StopReason::Shutdown),
        }
        self.refresh_attention();
        match self.debug_next(before) {
            Debugging::Nothing => {}
            Debugging::Single => return Boundary::Single,
            Debugging::Stop => return Boundary::Stop(StopReason::Debug),
        }
        if self.attention == 0 {
            Boundary::Run
        } else {
            Boundary::Single
        }
    }

    /// One instruction with everything that can surround it: shadows, RF, breakpoints, TF.
    #[inline(never)]
    fn single(&mut self, cache: &mut BlockCache) {
        let shadow = std::mem::take(&mut self.state.shadow);
        let trap = self.state.flags.has(flags::bit::TF);
        let resume = self.state.flags.has(flags::bit::RF);
        self.inhibit_trap = false;
        if self.attention & attention::BREAKPOINTS != 0
            && !resume
            && shadow != Shadow::MovSs
            && let Err(fault) = debug::before_instruction(self)
        {
            interrupt::raise(self, fault);
            return;
        }
        // RF covers this instruction; a fault pushes it set again.
        self.state.flags.put(flags::bit::RF, false);
        let stop_at = self.stop_at;
        self.stop_at = self.icount + 1;
        let before = self.icount;
        let complete = self.step_block(cache);
        self.stop_at = stop_at;
        self.attention |= attention::LOOK;
        if !complete && self.icount == before {
            return;
        }
        let trap = trap && !self.inhibit_trap;
        if (trap || self.debug_hits != 0)
            && self.state.shadow != Shadow::MovSs
            && let Err(fault) = debug::after_instruction(self, trap)
        {
            interrupt::raise(self, fault);
        }
    }
}

impl Interpreter {
    /// Decodes few instructions at a time: for an engine that hardly needs it.
    pub fn keep_blocks_short(&mut self) {
        self.0.max_insns = 4;
    }

    /// Looks at everything that can happen between two blocks: code writes, map changes, budget, requests, events.
    pub fn boundary(&mut self, cpu: &mut Vcpu, holder: &mut dyn CodeHolder) -> Boundary {
        cpu.boundary(&mut self.0, holder)
    }

    /// One instruction with everything that can surround it.
    pub fn single(&mut self, cpu: &mut Vcpu) {
        cpu.single(&mut self.0);
    }

    /// One block, as far as the budget allows.
    pub fn block(&mut self, cpu: &mut Vcpu) {
        cpu.step_block(&mut self.0);
    }

    /// The one instruction at RIP (one chunk of a REP); its fault is delivered.
    pub fn instruction(&mut self, cpu: &mut Vcpu) {
        let pc = cpu.code_address();
        if cpu.stops_before(pc) {
            cpu.attention |= attention::LOOK;
            return;
        }
        let result = match cpu.find_code(&mut self.0, pc) {
            Ok(Found::Block(id)) => match self.0.block(id).map(|block| block.insns.as_ref()) {
                Some([insn, ..]) => {
                    cpu.execute(std::slice::from_ref(insn), u32::from(insn.len));
                    Ok(())
                }
                _ => Ok(()),
            },
            Ok(Found::Uncached(insn)) => {
                cpu.execute(std::slice::from_ref(&insn), u32::from(insn.len));
                Ok(())
            }
            Err(fault) => Err(fault),
        };
        if let Err(fault) = result {
            interrupt::raise(cpu, fault);
        }
        cpu.attention |= attention::LOOK;
    }
}
