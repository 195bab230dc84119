//! What devices, signals and the monitor ask of the machine as a whole: reset, power-off, exit.
//!
//! Requests flow from any thread into one word of intentions, stop the CPU before its next instruction, and wake the
//! main loop, which carries them out (QEMU's `main_loop_should_exit`).

use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use util_mainloop::LoopHandle;

/// What is to be done, in order of precedence.
#[derive(Debug, Default)]
pub struct Pending {
    /// End the emulator with this status.
    pub exit: Option<u8>,
    /// The guest switched itself off.
    pub power_off: bool,
    /// The guest, the monitor or a triple fault asked for a reset.
    pub reset: Option<ResetCause>,
    /// A CPU stopped for the debugger.
    pub debug: bool,
}

/// Who asked for a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetCause {
    /// The guest, by a port or a triple fault: ends the emulator under `-no-reboot`.
    Guest,
    /// A person: always carried out.
    Monitor,
}

/// The machine's in-tray.
pub struct Requests {
    pending: Mutex<Pending>,
    main_loop: LoopHandle,
    stop_cpu: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Requests {
    /// An empty tray that wakes `main_loop`.
    pub fn new(main_loop: LoopHandle) -> Arc<Self> {
        Arc::new(Self {
            pending: Mutex::default(),
            main_loop,
            stop_cpu: OnceLock::new(),
        })
    }

    /// Says how the CPU is stopped as soon as something is asked.
    pub fn set_stop(&self, stop_cpu: impl Fn() + Send + Sync + 'static) {
        // A machine has one CPU thread for its whole life; a second call would be a second machine's.
        let _ = self.stop_cpu.set(Box::new(stop_cpu));
    }

    /// Asks for the end with `status`; the first asker decides.
    pub fn exit(&self, status: u8) {
        self.ask(|pending| {
            pending.exit.get_or_insert(status);
        });
    }

    /// The guest switched itself off.
    pub fn power_off(&self) {
        self.ask(|pending| pending.power_off = true);
    }

    /// Asks for a reset.
    pub fn reset(&self, cause: ResetCause) {
        self.ask(|pending| {
            pending.reset.get_or_insert(cause);
        });
    }

    /// Everything asked since the last call.
    pub fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock())
    }

    /// Whether anything was asked since the last [`take`](Self::take).
    pub fn any(&self) -> bool {
        let pending = self.pending.lock();
        pending.exit.is_some() || pending.power_off || pending.reset.is_some()
    }

    fn ask(&self, note: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending.lock();
        note(&mut pending);
        // No instruction may run between a guest's reset write and the reset. Under the tray's lock: whoever has
        // taken the note may let the CPU run again, and a stop must not come after that.
        if let Some(stop_cpu) = self.stop_cpu.get() {
            stop_cpu();
        }
        drop(pending);
        self.main_loop.notify();
    }
}

impl accel_tcg::CpuEvents for Requests {
    fn triple_fault(&self) {
        self.reset(ResetCause::Guest);
    }

    fn debug_stop(&self) {
        self.ask(|pending| pending.debug = true);
    }

    fn ended(&self) {
        // The main loop finds out by itself, if it is awake.
        self.main_loop.notify();
    }
}
