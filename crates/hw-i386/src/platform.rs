//! The board as a CPU sees it: clock, interrupt acknowledgement, local APIC registers that are not memory, FERR#.
//!
//! Calls flow in from the vCPU thread; those that change devices take the big lock first. INTA asks the local APIC,
//! and when that says ExtINT (or there is none) the 8259 pair.

#[cfg(test)]
mod tests;

use crate::apic::{LocalApic, Pending};
use crate::ferr::Ferr;
use crate::pic::PicPair;
use hw_core::{IrqSink, VirtualClock};
use softmmu::DispatchLock;
use std::sync::Arc;
use target_i386::{CpuSignals, Platform};

/// The board of one CPU.
pub struct CpuPlatform {
    clock: VirtualClock,
    lock: Arc<dyn DispatchLock>,
    apic: Option<Arc<LocalApic>>,
    pic: Arc<PicPair>,
    ferr: Arc<Ferr>,
}

impl CpuPlatform {
    /// A board with these parts. Without a local APIC, the 8259's INT must go to an [`IntrPin`].
    pub fn new(
        clock: VirtualClock,
        lock: Arc<dyn DispatchLock>,
        apic: Option<Arc<LocalApic>>,
        pic: Arc<PicPair>,
        ferr: Arc<Ferr>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            lock,
            apic,
            pic,
            ferr,
        })
    }

    /// Runs `f` on the local APIC under the big lock; `absent` if there is none.
    fn with_apic<R>(&self, absent: R, mut f: impl FnMut(&LocalApic) -> R) -> R {
        let mut result = absent;
        if let Some(apic) = &self.apic {
            self.lock.with(&mut || result = f(apic));
        }
        result
    }
}

impl Platform for CpuPlatform {
    fn virtual_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    fn acknowledge_interrupt(&self) -> Option<u8> {
        let mut vector = None;
        self.lock.with(&mut || {
            let pending = match &self.apic {
                Some(apic) => apic.acknowledge(),
                None if self.pic.int() => Pending::External,
                None => Pending::None,
            };
            vector = match pending {
                Pending::None => None,
                Pending::Vector(vector) => Some(vector),
                Pending::External => Some(self.pic.acknowledge()),
            };
        });
        vector
    }

    fn apic_base(&self) -> u64 {
        self.apic.as_ref().map_or(0, |apic| apic.base())
    }

    fn set_apic_base(&self, value: u64) -> bool {
        self.with_apic(false, |apic| apic.set_base(value))
    }

    fn task_priority(&self) -> u8 {
        self.apic.as_ref().map_or(0, |apic| apic.task_priority())
    }

    fn set_task_priority(&self, priority: u8) {
        self.with_apic((), |apic| apic.set_task_priority(priority));
    }

    fn apic_msr(&self, msr: u32) -> Option<u64> {
        self.with_apic(None, |apic| apic.msr(msr))
    }

    fn set_apic_msr(&self, msr: u32, value: u64) -> bool {
        self.with_apic(false, |apic| apic.set_msr(msr, value))
    }

    fn set_tsc_deadline(&self, tsc: u64, virtual_ns: i64) {
        self.with_apic((), |apic| apic.set_tsc_deadline(tsc, virtual_ns));
    }

    fn set_ferr(&self, level: bool) {
        self.lock.with(&mut || self.ferr.set_ferr(level));
    }
}

/// The INTR pin of a CPU without local APIC, as an interrupt sink (any pin number).
pub struct IntrPin(pub Arc<CpuSignals>);

impl IrqSink for IntrPin {
    fn set_irq(&self, _pin: u32, level: bool) {
        self.0.set_intr(level);
    }
}
