//! One virtual CPU: architectural state, TLB, buses, and the lines that reach it from outside.

use crate::blocks::BlockCache;
use crate::cpuid::{Model, Topology};
use crate::mode::{FastSegment, Mode};
use crate::{CpuSignals, CpuState, Features, Platform};
use softmmu::tlb::Tlb;
use softmmu::{AddressSpace, CodeWatch, DirtyMemory, ViewCache};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why [`Vcpu::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The instruction budget is used up, to the instruction.
    Budget,
    /// HLT (or wait-for-SIPI) with nothing to deliver.
    Halted,
    /// [`CpuSignals::kick`].
    ExitRequest,
    /// PAUSE, where another vCPU may want the turn ([`Vcpu::gives_way`]).
    GaveWay,
    /// Triple fault.
    Shutdown,
    /// The debugger's: [`Debugger::take_stop`](crate::debugger::Debugger::take_stop) says why.
    Debug,
}

/// A published instruction count: of all vCPUs that take turns on a thread together, which is what a virtual clock under
/// `-icount` reads, or of one that has its thread for itself.
///
/// Exact whenever the CPU can be observed from outside: in a device callback, at RDTSC, and between runs.
#[derive(Debug, Default)]
pub struct InstructionCount(AtomicU64);

impl InstructionCount {
    /// Instructions completed.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Publishes.
    #[inline]
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Release);
    }
}

/// The other vCPUs of a machine, which execute on threads of their own while this one does.
pub trait Others: Send + Sync {
    /// Calls `f` while none of them executes anything. They look at everything new before they execute again. Called
    /// by the vCPU that these are the others of, within its run; never under the big lock.
    fn stop_while(&self, f: &mut dyn FnMut());
}

/// Boundaries that the run loop looks at closely (bits of `Vcpu::attention`).
pub(crate) mod attention {
    /// Not running.
    pub const ACTIVITY: u32 = 1 << 0;
    /// An interrupt shadow is in force.
    pub const SHADOW: u32 = 1 << 1;
    /// RFLAGS.TF.
    pub const TRAP: u32 = 1 << 2;
    /// RFLAGS.RF.
    pub const RESUME: u32 = 1 << 3;
    /// A breakpoint is armed in DR7.
    pub const BREAKPOINTS: u32 = 1 << 4;
    /// A data breakpoint was hit.
    pub const DEBUG_HIT: u32 = 1 << 5;
    /// Something happened that the next boundary must look into.
    pub const LOOK: u32 = 1 << 6;
}

/// What a vCPU is made from.
pub struct VcpuParts {
    /// Guest physical memory.
    pub memory: Arc<AddressSpace>,
    /// Port I/O space, 64 KiB.
    pub io: Arc<AddressSpace>,
    /// Requests from outside.
    pub signals: Arc<CpuSignals>,
    /// The board.
    pub platform: Arc<dyn Platform>,
    /// Where the instruction count is published.
    pub count: Arc<InstructionCount>,
    /// What kind of CPU it is.
    pub model: Arc<Model>,
    /// Where it stands among the others.
    pub topology: Topology,
}

/// How often the fast ways to memory failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryCounts {
    /// TLB misses that a page walk answered: reads, writes, fetches.
    pub fills: [u64; 3],
    /// Page walks that ended in a fault.
    pub faults: u64,
    /// Slow paths that generated code took: reads, writes.
    pub slow: [u64; 2],
}

/// One virtual CPU.
pub struct Vcpu {
    /// Architectural state. After changing what [`Vcpu::refresh_mode`] names, call it.
    pub state: CpuState,
    /// Instructions that this vCPU completed since the machine was made (architecture: "The instruction count").
    pub icount: u64,
    /// Instructions that those vCPUs completed which take turns with this one: part of what is published. To be set
    /// before a run.
    pub others: u64,
    /// Those who execute at the same time, if any do.
    pub parallel: Option<Arc<dyn Others>>,
    /// Whether PAUSE ends a run ([`StopReason::GaveWay`]): others take turns with this vCPU.
    pub gives_way: bool,
    /// PAUSE was the last instruction of the last run, and gave way.
    pub gave_way: bool,
    /// The cached mode.
    pub mode: Mode,
    /// What kind of CPU it is.
    pub model: Arc<Model>,
    /// Where it stands among the others.
    pub topology: Topology,
    /// What the CPU model announces; decode refuses the rest.
    pub features: Features,
    /// Guest physical memory.
    pub memory: Arc<AddressSpace>,
    /// The view of `memory` that TLB fills and page walks use; refreshed at block boundaries only.
    pub view: ViewCache,
    /// Port I/O space, 64 KiB.
    pub io: Arc<AddressSpace>,
    /// Requests from outside.
    pub signals: Arc<CpuSignals>,
    /// The board.
    pub platform: Arc<dyn Platform>,
    /// Linear-address translations. Flush through the methods of [`Tlb`]; block look-up follows.
    pub tlb: Tlb,
    /// Data breakpoints (bits 0..=3) that the current instruction has hit; `debug` reports and clears them.
    pub debug_hits: u8,
    /// Set by an instruction after which no single-step trap comes although TF was set before it (INT n,
    /// SYSCALL with TF masked, an event delivered instead).
    pub inhibit_trap: bool,
    /// What a debugger outside wants of it.
    pub debugger: crate::debugger::Debugger,
    /// What only generated code uses.
    pub jit: crate::jit::Env,
    pub(crate) dirty: Arc<DirtyMemory>,
    /// What code is derived from, and which writes to it are still to be heard of.
    pub(crate) code: CodeWatch,
    pub(crate) count: Arc<InstructionCount>,
    pub(crate) fast_seg: [FastSegment; 8],
    /// [`attention`] bits.
    pub(crate) attention: u32,
    /// Leave the block after the current instruction.
    pub(crate) leave: bool,
    /// The value of `icount` at which the current run stops.
    pub(crate) stop_at: u64,
    /// Iterations of the current REP instruction already in `icount`.
    pub(crate) iterations: u64,
    /// `dirty.cleaned()` as last seen.
    pub(crate) cleaned: u64,
    /// The value of `icount` when an event was last delivered, and how many were since an instruction completed.
    pub(crate) delivered: (u64, u32),
    /// What was delivered, if somebody wants to know.
    pub(crate) deliveries_kept: Option<Vec<crate::interrupt::Delivery>>,
    pub(crate) blocks: Option<Box<BlockCache>>,
    /// For statistics.
    pub counts: MemoryCounts,
}

impl Vcpu {
    /// A vCPU with zeroed state; `system::reset` (or a loader) gives it a meaningful one. Boxed, since generated
    /// code addresses its fields and the TLB relative to one pointer.
    pub fn new(parts: VcpuParts) -> Box<Self> {
        let dirty = parts.memory.map().dirty().clone();
        let mut cpu = Box::new(Self {
            state: CpuState::default(),
            icount: 0,
            others: 0,
            parallel: None,
            gives_way: false,
            gave_way: false,
            mode: Mode::default(),
            features: parts.model.features,
            model: parts.model,
            topology: parts.topology,
            view: ViewCache::new(&parts.memory),
            memory: parts.memory,
            io: parts.io,
            signals: parts.signals,
            platform: parts.platform,
            tlb: *Tlb::new(dirty.clone()),
            debug_hits: 0,
            inhibit_trap: false,
            debugger: crate::debugger::Debugger::default(),
            jit: crate::jit::Env::default(),
            code: dirty.code_watch(),
            dirty,
            count: parts.count,
            fast_seg: [FastSegment::default(); 8],
            attention: 0,
            leave: false,
            stop_at: 0,
            iterations: 0,
            cleaned: 0,
            delivered: (u64::MAX, 0),
            deliveries_kept: None,
            blocks: None,
            counts: MemoryCounts::default(),
        });
        cpu.refresh_mode();
        cpu
    }

    /// Where the instruction count is published.
    pub fn count(&self) -> &Arc<InstructionCount> {
        &self.count
    }

    /// Whether the CPU model has all of `features`.
    #[inline]
    pub fn has(&self, features: Features) -> bool {
        self.features.contains(features)
    }

    /// Calls `f` while no other vCPU executes. Between two instructions, or in one: the block is left behind it.
    pub(crate) fn alone<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let Some(others) = self.parallel.clone() else {
            return f(self);
        };
        let (mut f, mut result) = (Some(f), None);
        others.stop_while(&mut || {
            self.protect_news();
            if let Some(f) = f.take() {
                result = Some(f(self));
            }
        });
        // They may have stopped this one meanwhile, which relies on that it looks before it writes on.
        self.protect_news();
        self.leave = true;
        result.expect("`stop_while` calls what it is given")
    }

    /// Stores to pages that others made code of are seen from now on; the news stay for the next boundary.
    fn protect_news(&mut self) {
        if self.code.has_news() {
            self.tlb.protect_watched();
        }
    }

    /// Comes back when no other vCPU can write to a watched page unseen: what was watched so far can be read, and what is
    /// made of it relied on. (vCPUs that take turns protect pages before they execute again anyway.)
    #[inline]
    pub(crate) fn secure_code(&mut self) {
        if self.parallel.is_none() {
            return;
        }
        let watched = self.dirty.watched();
        if self.dirty.secured() < watched {
            self.alone(|cpu| cpu.dirty.secure(watched));
        }
    }

    /// Publishes the exact count, for whoever reads the clock next.
    #[inline]
    pub fn publish_count(&self) {
        self.count.set(self.others.wrapping_add(self.icount));
    }

    /// Iterations (or instructions) the current one may still complete within the budget, at least 1.
    #[inline]
    pub fn remaining(&self) -> u64 {
        self.stop_at.saturating_sub(self.icount).max(1)
    }
}
