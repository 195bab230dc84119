//! What a debugger outside the guest wants of one vCPU: stop addresses, watched memory, single steps.
//!
//! Not the guest's own debug registers (those are [`crate::debug`]), and nothing the guest can notice: no byte of its
//! memory changes, no count, no TLB entry. Whoever drives the debugger sets points between two runs; the engines then
//! keep translations from running over a stop address:
//!
//! ```text
//! set_stops -> blocks and regions over a stop address go; none starts at one, none runs into one
//!   -> the address is found by no jump cache -> the interpreter's slow way -> boundary -> StopReason::Debug
//! watch -> TLB words of those pages are flagged -> slow path -> exact comparison -> StopReason::Debug afterwards
//! ```
//!
//! Translations know the page offset of their code, not its linear address, so they stay clear of every address with
//! the offset of a stop; whether it is the stop itself is decided on the slow way.
//!
//! **When a stop holds** depends on the instant alone: it is hit each time RIP is a stop address and an instruction (or
//! another iteration of a repeated one) is about to be executed. Runs of any length and engine see the same hits.

use crate::Vcpu;
use crate::insn::seg;
use crate::vcpu::attention;
use softmmu::tlb::Access;
use softmmu::{GuestVirt, PAGE_SIZE};

/// Which accesses a watchpoint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchKind {
    /// Writes.
    Write,
    /// Reads.
    Read,
    /// Both.
    Access,
}

/// Watched memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watch {
    /// First linear address.
    pub addr: u64,
    /// Bytes, at least one.
    pub len: u64,
    /// Which accesses.
    pub kind: WatchKind,
}

impl Watch {
    fn fits(&self, addr: u64, len: u64, access: Access) -> bool {
        let wanted = match access {
            Access::Write => self.kind != WatchKind::Read,
            Access::Read => self.kind != WatchKind::Write,
            Access::Fetch => false,
        };
        let last = self.addr.saturating_add(self.len.max(1) - 1);
        wanted && addr <= last && self.addr <= addr.saturating_add(len.max(1) - 1)
    }

    /// The first bytes of the pages it is on.
    fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        let last = self.addr.saturating_add(self.len.max(1) - 1);
        (self.addr / PAGE_SIZE..=last / PAGE_SIZE).map(|page| page * PAGE_SIZE)
    }
}

/// Longest watched range; each page of it costs.
pub const MAX_WATCH: u64 = 16 * PAGE_SIZE;
/// Most stop addresses, and most watched ranges.
pub const MAX_POINTS: usize = 4096;

/// Why a run ended with [`StopReason::Debug`](crate::StopReason::Debug).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugStop {
    /// Before the instruction at this linear address, which is a stop address.
    Stop(u64),
    /// The step is done: an instruction is complete, or an event was delivered.
    Step,
    /// After an instruction that accessed watched memory: where the access began, and what was watched.
    Watch(u64, Watch),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    No,
    /// The next boundary begins it.
    Armed,
    /// The next boundary ends it.
    Done,
}

/// The debugger's side of one vCPU.
#[derive(Debug)]
pub struct Debugger {
    /// Sorted.
    stops: Vec<u64>,
    /// Their page offsets, one bit each.
    offsets: Box<[u64; PAGE_SIZE as usize / 64]>,
    /// Counts changes of `stops`.
    generation: u64,
    watches: Vec<Watch>,
    hit: Option<(u64, Watch)>,
    step: Step,
    /// Instant and address at which the last debug stop was reported: not again there.
    passed: Option<(u64, u64)>,
    stopped: Option<DebugStop>,
}

impl Default for Debugger {
    fn default() -> Self {
        Self {
            stops: Vec::new(),
            offsets: Box::new([0; PAGE_SIZE as usize / 64]),
            generation: 0,
            watches: Vec::new(),
            hit: None,
            step: Step::No,
            passed: None,
            stopped: None,
        }
    }
}

impl Debugger {
    /// Changes whenever the stop addresses do: a holder of translations compares it before a run.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is a stop at this offset (the page's number does not matter) of some page.
    #[inline]
    pub fn has_offset(&self, offset: u64) -> bool {
        let offset = offset % PAGE_SIZE;
        self.offsets[(offset / 64) as usize] & 1 << (offset % 64) != 0
    }

    /// The nearest such offset behind `offset` in the page.
    pub fn next_offset(&self, offset: u64) -> Option<u64> {
        if self.stops.is_empty() {
            return None;
        }
        (offset % PAGE_SIZE + 1..PAGE_SIZE).find(|&at| self.has_offset(at))
    }

    /// Whether one of `len` bytes from `offset` on has the offset of a stop.
    pub fn covers(&self, offset: u64, len: u64) -> bool {
        !self.stops.is_empty() && (offset..offset + len).any(|at| self.has_offset(at))
    }

    /// Whether this linear address is a stop.
    #[inline]
    pub fn is_stop(&self, linear: u64) -> bool {
        !self.stops.is_empty() && self.has_offset(linear) && self.stops.binary_search(&linear).is_ok()
    }

    /// Whether memory is watched.
    #[inline]
    pub fn watches(&self) -> bool {
        !self.watches.is_empty()
    }

    /// The stop addresses and watched ranges, as they were set.
    pub fn points(&self) -> (Vec<u64>, Vec<Watch>) {
        (self.stops.clone(), self.watches.clone())
    }

    /// Why the last run ended with [`StopReason::Debug`](crate::StopReason::Debug), once.
    pub fn take_stop(&mut self) -> Option<DebugStop> {
        self.stopped.take()
    }

    /// The next run executes one instruction or delivers one event, and stops. A halted CPU waits for the event.
    pub fn arm_step(&mut self) {
        self.step = Step::Armed;
    }

    /// Forgets a step that did not come to its end.
    pub fn disarm_step(&mut self) {
        self.step = Step::No;
    }

    /// Forgets that a stop was reported: where the CPU is, it is reported again. For who puts the CPU elsewhere in
    /// time.
    pub fn forget_passed(&mut self) {
        self.passed = None;
        self.hit = None;
        self.stopped = None;
    }

    /// What the boundary does not look at if nothing is set.
    #[inline]
    fn is_idle(&self) -> bool {
        self.stops.is_empty() && self.hit.is_none() && self.step == Step::No
    }
}

/// What a boundary has to do for the debugger.
pub(crate) enum Debugging {
    Nothing,
    /// Execute one instruction.
    Single,
    Stop,
}

impl Vcpu {
    /// Sets the linear addresses before whose instructions a run stops. Between two runs.
    pub fn set_stops(&mut self, stops: &[u64]) {
        let debugger = &mut self.debugger;
        let mut stops = stops.to_vec();
        stops.sort_unstable();
        stops.dedup();
        if stops == debugger.stops {
            return;
        }
        debugger.offsets.fill(0);
        for stop in &stops {
            let offset = stop % PAGE_SIZE;
            debugger.offsets[(offset / 64) as usize] |= 1 << (offset % 64);
        }
        debugger.stops = stops;
        debugger.generation += 1;
        if let Some(blocks) = &mut self.blocks {
            blocks.avoid_stops(&self.debugger);
        }
    }

    /// Sets the watched ranges. Between two runs.
    pub fn set_watches(&mut self, watches: &[Watch]) {
        let mut pages: Vec<GuestVirt> = watches.iter().flat_map(Watch::pages).map(GuestVirt).collect();
        pages.sort_unstable();
        pages.dedup();
        self.debugger.watches = watches.to_vec();
        self.tlb.watch_pages(pages);
    }

    /// Whether the instruction at `linear`, which is the next one, has to be reported first.
    #[inline]
    pub(crate) fn stops_before(&self, linear: u64) -> bool {
        self.debugger.is_stop(linear) && self.debugger.passed != Some((self.icount, linear))
    }

    /// An access of `len` bytes at `linear` was made.
    #[inline]
    pub(crate) fn debug_access(&mut self, linear: u64, len: u64, access: Access) {
        if self.debugger.watches() {
            self.compare_watches(linear, len, access);
        }
    }

    #[cold]
    fn compare_watches(&mut self, linear: u64, len: u64, access: Access) {
        let debugger = &mut self.debugger;
        let hit = debugger
            .watches
            .iter()
            .find(|watch| watch.fits(linear, len, access));
        if let (Some(watch), None) = (hit, debugger.hit) {
            debugger.hit = Some((linear.max(watch.addr), *watch));
            self.leave = true;
            self.attention |= attention::LOOK;
        }
    }

    /// The instruction did not complete: what it accessed does not count.
    #[inline]
    pub(crate) fn forget_watch_hit(&mut self) {
        self.debugger.hit = None;
    }

    /// Whether the last stop, if it was not asked for yet, was right behind an instruction: a step's or a watched access's.
    /// Nothing of the next instruction has happened then, not even its fetch.
    pub fn has_stopped_behind(&self) -> bool {
        let behind = matches!(
            self.debugger.stopped,
            Some(DebugStop::Step | DebugStop::Watch(..))
        );
        behind && self.deliveries() == 0
    }

    /// The first look of a boundary, before the budget: whether something has happened that ends the run.
    #[inline]
    pub(crate) fn debug_ended(&mut self) -> bool {
        if self.debugger.is_idle() {
            return false;
        }
        let ended = if let Some((addr, watch)) = self.debugger.hit.take() {
            DebugStop::Watch(addr, watch)
        } else if self.debugger.step == Step::Done {
            DebugStop::Step
        } else {
            return false;
        };
        self.debug_stop(ended);
        true
    }

    fn debug_stop(&mut self, why: DebugStop) {
        let at = self.code_address();
        self.debugger.step = Step::No;
        self.debugger.passed = Some((self.icount, at));
        self.debugger.stopped = Some(why);
    }

    /// What delivering an event changes, for [`Vcpu::debug_next`].
    #[inline]
    pub(crate) fn debug_place(&self) -> (u64, u16, u64) {
        let state = &self.state;
        (
            state.rip,
            state.seg[seg::CS as usize].selector,
            state.gpr[crate::state::gpr::RSP],
        )
    }

    /// The last look of a boundary, behind events: `before` is the place before them.
    #[inline]
    pub(crate) fn debug_next(&mut self, before: (u64, u16, u64)) -> Debugging {
        if self.debugger.is_idle() {
            return Debugging::Nothing;
        }
        self.debug_next_slow(before)
    }

    #[cold]
    fn debug_next_slow(&mut self, before: (u64, u16, u64)) -> Debugging {
        if self.debugger.step == Step::Armed && self.debug_place() != before {
            self.debugger.step = Step::Done;
        }
        if self.debug_ended() {
            return Debugging::Stop;
        }
        let linear = self.code_address();
        if self.stops_before(linear) {
            self.debug_stop(DebugStop::Stop(linear));
            return Debugging::Stop;
        }
        if self.debugger.step == Step::Armed {
            self.debugger.step = Step::Done;
            return Debugging::Single;
        }
        if self.debugger.is_stop(linear) {
            return Debugging::Single;
        }
        Debugging::Nothing
    }
}

#[cfg(test)]
mod tests;
