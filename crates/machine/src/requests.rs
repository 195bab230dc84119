//! What devices, signals and the monitor ask of the machine as a whole: reset, power-off, exit.
//!
//! Requests flow from any thread into one word of intentions, stop the CPU before its next instruction, and wake the
//! main loop, which carries them out (QEMU's `main_loop_should_exit`).

use crate::hints;
use parking_lot::Mutex;
use replay::{Event, Mode, Replay, Shutdown};
use std::sync::{Arc, OnceLock};
use util_mainloop::LoopHandle;

/// What is to be done, in order of precedence.
#[derive(Debug, Default)]
pub struct Pending {
    /// End the emulator with this status, for that reason.
    pub exit: Option<(u8, Shutdown)>,
    /// The guest switched itself off.
    pub power_off: bool,
    /// The guest, the monitor or a triple fault asked for a reset.
    pub reset: Option<ResetCause>,
    /// A CPU stopped for the debugger.
    pub debug: bool,
    /// The CPUs came to the count at which they were to stop.
    pub reached: bool,
    /// A drive's host failed, and the machine is to stop for it.
    pub io_error: bool,
    /// `exit` is what the log has.
    pub is_recorded: bool,
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
    replay: OnceLock<Arc<Replay>>,
    /// The status with which somebody outside wants to leave a recording, whose log will say when.
    leaving: Mutex<Option<u8>>,
}

impl Requests {
    /// An empty tray that wakes `main_loop`.
    pub fn new(main_loop: LoopHandle) -> Arc<Self> {
        Arc::new(Self {
            pending: Mutex::default(),
            main_loop,
            stop_cpu: OnceLock::new(),
            replay: OnceLock::new(),
            leaving: Mutex::default(),
        })
    }

    /// Says which log holds what is asked from outside.
    pub fn set_replay(&self, replay: &Arc<Replay>) {
        // As with `set_stop`: a second call would be a second machine's.
        let _ = self.replay.set(Arc::clone(replay));
    }

    /// Says how the CPU is stopped as soon as something is asked.
    pub fn set_stop(&self, stop_cpu: impl Fn() + Send + Sync + 'static) {
        // A machine has one CPU thread for its whole life; a second call would be a second machine's.
        let _ = self.stop_cpu.set(Box::new(stop_cpu));
    }

    /// The guest asks for the end with `status`; the first asker decides.
    pub fn exit(&self, status: u8) {
        self.end(status, Shutdown::GuestShutdown);
    }

    /// Somebody outside asks for the end: at once, but in a recording at an instant that the log has.
    pub fn leave(&self, status: u8, cause: Shutdown) {
        if let Some(replay) = self.replay.get()
            && replay.mode() == Mode::Record
        {
            // Asked twice, it is somebody who does not want to wait.
            let first = self.leaving.lock().replace(status).is_none();
            if first && replay.submit(Event::Shutdown { cause }).is_none() {
                self.main_loop.notify();
                return;
            }
        }
        self.end(status, cause);
    }

    /// Whether a recording is to end at its next boundary.
    pub fn is_leaving(&self) -> bool {
        self.leaving.lock().is_some()
    }

    /// The instant has come for which the log has an end from outside.
    pub fn leave_now(&self, cause: Shutdown) {
        let status = self.leaving.lock().unwrap_or(0);
        self.ask(|pending| {
            pending.is_recorded |= pending.exit.is_none();
            pending.exit.get_or_insert((status, cause));
        });
    }

    /// The emulator ends.
    pub fn end(&self, status: u8, cause: Shutdown) {
        self.ask(|pending| {
            pending.exit.get_or_insert((status, cause));
        });
    }

    /// The host failed the drive `id`, whose `werror=` or `rerror=` says that the machine stops.
    pub fn stop_for_io_error(&self, id: &str) {
        hints::say(&format!(
            "drive {id}: the host could not read or write; the machine stops ('cont' tries again)"
        ));
        self.ask(|pending| pending.io_error = true);
    }

    /// Nothing is asked, but there is something to look at.
    pub fn wake(&self) {
        self.main_loop.notify();
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
    fn late(&self, seconds: i64) {
        let next = seconds + 1;
        hints::say(&format!(
            "warning: the guest is now late by {seconds} to {next} seconds"
        ));
    }

    fn triple_fault(&self) {
        self.reset(ResetCause::Guest);
    }

    fn debug_stop(&self) {
        self.ask(|pending| pending.debug = true);
    }

    fn reached(&self) {
        self.ask(|pending| pending.reached = true);
    }

    fn ended(&self) {
        // The main loop finds out by itself, if it is awake.
        self.main_loop.notify();
    }
}
