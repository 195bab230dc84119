//! vCPUs that take turns on one thread: whose turn it is, for how long, and what a turn leaves behind.
//!
//! Data flows from the vCPUs' states into the choice, and from the choice into one run of one engine. The schedule is a
//! function of the guest alone: a slice is a number of instructions, and ends early only where the vCPU can go no
//! further (HLT, an offline processor) or says that it waits (PAUSE). Where a turn is cut for other reasons (a timer, an
//! order, a kick, a caller's count), the same vCPU goes on with what is left of its slice, so cuts change nothing.
//! Mirrors in purpose `rr_cpu_thread_fn` in QEMU's `accel/tcg/tcg-accel-ops-rr.c`.

use crate::engine::Execution;
use crate::stats::Report;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use target_i386::flags::bit;
use target_i386::interrupt::Delivery;
use target_i386::signals::request;
use target_i386::state::Activity;
use target_i386::{StopReason, Vcpu};
use util_mainloop::Exclusive;
use util_mainloop::lock::Period;

/// Instructions of a slice, where several vCPUs take turns.
pub const SLICE: u64 = 100_000;

/// A vCPU and what runs it.
pub struct Seat {
    /// The vCPU.
    pub vcpu: Box<Vcpu>,
    /// Its engine.
    pub execution: Execution,
}

/// What comes next.
pub(crate) enum Next {
    /// A turn of so many instructions.
    Run(u64),
    /// No vCPU can run.
    Idle,
}

/// The vCPUs of one thread.
pub(crate) struct Round {
    seats: Vec<Seat>,
    /// Whose slice it is.
    current: usize,
    /// Instructions left of it; 0: it is over.
    left: u64,
    /// Instructions of a whole one.
    slice: u64,
    /// `current` and `left` before the last choice.
    before: (usize, u64),
    /// By the machine's numbers, which CPUs a debugger holds where they are; those here begin at `first`.
    held: Arc<[AtomicBool]>,
    first: usize,
    /// Those who execute at the same time, on other threads.
    group: Option<Arc<Exclusive>>,
}

/// Whether a pending request would end the CPU's sleep.
fn can_wake(vcpu: &Vcpu) -> bool {
    let pending = vcpu.signals.pending();
    match vcpu.state.activity {
        Activity::Running => true,
        Activity::Halted => {
            pending & (request::INIT) != 0
                || pending & request::NMI != 0 && !vcpu.state.nmi_blocked
                || pending & request::INTR != 0 && vcpu.state.flags.has(bit::IF)
        }
        Activity::WaitForSipi => pending & (request::INIT | request::SIPI) != 0,
        Activity::Shutdown => pending & (request::INIT | request::NMI) != 0,
    }
}

impl Round {
    /// With the first one's turn to come.
    ///
    /// # Panics
    /// Without any.
    pub fn new(mut seats: Vec<Seat>) -> Self {
        assert!(!seats.is_empty(), "a machine has a CPU");
        let several = seats.len() > 1;
        for seat in &mut seats {
            seat.vcpu.gives_way = several;
        }
        Self {
            current: seats.len() - 1,
            left: 0,
            before: (0, 0),
            held: seats.iter().map(|_| AtomicBool::new(false)).collect(),
            first: 0,
            group: None,
            slice: if several { SLICE } else { u64::MAX },
            seats,
        }
    }

    /// A vCPU with a thread for itself, beside the others of `group`.
    pub fn alone(seat: Seat, group: Arc<Exclusive>) -> Self {
        let mut round = Self::new(vec![seat]);
        round.group = Some(group);
        round
    }

    /// Where somebody says which CPUs are held; `first` is the number of the first one here.
    pub fn obey(&mut self, held: &Arc<[AtomicBool]>, first: usize) {
        (self.held, self.first) = (Arc::clone(held), first);
    }

    /// Whether a CPU has something to execute, and may.
    fn can_run(&self, n: usize) -> bool {
        can_wake(self.vcpu(n)) && !self.held[self.first + n].load(Ordering::Acquire)
    }

    /// The vCPUs, in their order.
    pub fn vcpus(&self) -> impl Iterator<Item = &Vcpu> {
        self.seats.iter().map(|seat| &*seat.vcpu)
    }

    /// The same, to be changed.
    pub fn vcpus_mut(&mut self) -> impl Iterator<Item = &mut Vcpu> {
        self.seats.iter_mut().map(|seat| &mut *seat.vcpu)
    }

    /// One of them.
    pub fn vcpu(&self, n: usize) -> &Vcpu {
        &self.seats[n].vcpu
    }

    /// One of them.
    pub fn vcpu_mut(&mut self, n: usize) -> &mut Vcpu {
        &mut self.seats[n].vcpu
    }

    /// Whose turn it is, or was last.
    pub fn current(&self) -> usize {
        self.current
    }

    /// Whose slice it is, and how much is left of it: for snapshots.
    pub fn place(&self) -> (usize, u64) {
        (self.current, self.left)
    }

    /// Takes back what [`place`](Self::place) gave.
    pub fn set_place(&mut self, (current, left): (usize, u64)) {
        self.current = current.min(self.seats.len() - 1);
        self.left = left.min(self.slice);
        self.before = (self.current, self.left);
    }

    /// What was delivered in the last turn: by which vCPU, and with the counts of all.
    pub fn take_deliveries(&mut self) -> (usize, Vec<Delivery>) {
        let vcpu = &mut self.seats[self.current].vcpu;
        let others = vcpu.others;
        let mut list = vcpu.take_deliveries();
        for delivery in &mut list {
            delivery.icount = delivery.icount.wrapping_add(others);
        }
        (self.current, list)
    }

    /// What the engine of one did so far.
    pub fn report(&self, n: usize) -> Report {
        self.seats[n].execution.report(&self.seats[n].vcpu)
    }

    /// Instructions completed by all.
    pub fn instructions(&self) -> u64 {
        self.vcpus().fold(0, |sum, vcpu| sum.wrapping_add(vcpu.icount))
    }

    /// Whoever asked for attention has it.
    pub fn take_kicks(&self) -> bool {
        // All of them are taken: no short cut.
        let kicks = self.vcpus().map(|vcpu| vcpu.signals.take(request::EXIT));
        kicks.fold(0, |all, kick| all | kick) != 0
    }

    /// Whether somebody asks for attention.
    pub fn is_kicked(&self) -> bool {
        self.vcpus()
            .any(|vcpu| vcpu.signals.pending() & request::EXIT != 0)
    }

    /// Whether no vCPU can run.
    pub fn is_idle(&self) -> bool {
        !(0..self.seats.len()).any(|n| self.can_run(n))
    }

    /// What comes next: a turn that ends with its slice or after `limit` instructions, whatever is first.
    pub fn next(&mut self, limit: u64) -> Next {
        if self.choose() {
            Next::Run(self.left.min(limit))
        } else {
            Next::Idle
        }
    }

    /// Decides whose turn it is; false if nobody can run.
    fn choose(&mut self) -> bool {
        self.before = (self.current, self.left);
        if self.left > 0 && self.can_run(self.current) {
            return true;
        }
        let seats = self.seats.len();
        let after = (1..=seats).map(|n| (self.current + n) % seats);
        match after.into_iter().find(|&n| self.can_run(n)) {
            Some(next) => {
                self.current = next;
                self.left = self.slice;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }

    /// A turn of the vCPU that [`Round::next`] chose. The big lock is put down meanwhile.
    pub fn run(&mut self, period: &mut Period<'_>, budget: u64) -> StopReason {
        let total = self.instructions();
        let Seat { vcpu, execution } = &mut self.seats[self.current];
        let before = vcpu.icount;
        vcpu.others = total.wrapping_sub(before);
        let reason = period.without_big(|| match &self.group {
            Some(group) => group.run(|| execution.run(vcpu, budget)),
            None => execution.run(vcpu, budget),
        });
        if matches!(reason, StopReason::ExitRequest | StopReason::Debug) && vcpu.icount == before {
            // It did nothing: what happens now decides anew whose turn it is, as if nobody had asked so early.
            (self.current, self.left) = self.before;
            return reason;
        }
        self.left = self.left.saturating_sub(vcpu.icount.wrapping_sub(before));
        // By state, not by reason: the reason is another one where the turn was cut at this very instruction.
        if vcpu.gave_way || !can_wake(vcpu) {
            self.left = 0;
        }
        reason
    }
}
