//! What comes from outside reaches the machine: one function for recordings and replays.

use super::SerialInput;
use crate::debug;
use crate::digest;
use crate::drives::Drives;
use crate::input::Input;
use crate::nets::Nets;
use crate::requests::{Requests, ResetCause};
use crate::snapshot::{MemoryDigest, Past};
use accel_tcg::Outside;
use hw_i386::pc::Pc;
use parking_lot::Mutex;
use replay::{Control, Divergence, Ending, Event, Replay, Shutdown};
use std::sync::Arc;
use target_i386::Vcpu;

/// One digest in so many covers memory: to find what was written costs more than to look at CPUs and devices.
pub const MEMORY_EVERY: u64 = 8;

/// How a replay came out.
#[derive(Debug)]
pub enum Verdict {
    /// Not what was recorded.
    Diverged(Divergence),
    /// It came to where the log ends.
    Ended(Ending),
}

/// Where a run was last compared with its log, in instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// CPUs and devices, and memory now and then.
    pub digest: Option<u64>,
    /// Registers.
    pub trail: Option<u64>,
}

/// The last of each kind and the one before it.
#[derive(Default)]
struct Checks {
    digests: [Option<u64>; 2],
    trail: [Option<u64>; 2],
}

fn note(pair: &mut [Option<u64>; 2], count: u64) {
    *pair = [Some(count), pair[0]];
}

/// What can have something for the guest.
pub struct Inlets {
    /// By driver number; none where a port has no backend.
    pub serials: Vec<Option<Arc<SerialInput>>>,
    /// Drives, whose media a person changes.
    pub drives: Arc<Drives>,
    /// Networks, by the numbers that events name them by.
    pub nets: Arc<Nets>,
    /// Keys and pointers.
    pub input: Arc<Input>,
}

/// The ways into one machine.
pub struct Outsides {
    pc: Arc<Pc>,
    requests: Arc<Requests>,
    replay: Arc<Replay>,
    inlets: Inlets,
    verdict: Mutex<Option<Verdict>>,
    /// What memory's digest is made of, and with.
    past: Arc<Mutex<Past>>,
    memory: Mutex<MemoryDigest>,
    /// Instructions between digests.
    digest_every: u64,
    /// Instructions at the last digests and marks of the trail. The very last may be the one that differs.
    checks: Mutex<Checks>,
}

impl Outsides {
    /// The ways into `pc`, through `inlets`.
    pub fn new(
        pc: Arc<Pc>,
        requests: Arc<Requests>,
        replay: Arc<Replay>,
        inlets: Inlets,
        past: Arc<Mutex<Past>>,
        digest_every: u64,
    ) -> Arc<Self> {
        let memory = if digest_every == 0 {
            MemoryDigest::default()
        } else {
            let mut past = past.lock();
            let (log, blocks) = past.memory.log_and_blocks();
            MemoryDigest::of_new(log, blocks)
        };
        Arc::new(Self {
            pc,
            requests,
            replay,
            inlets,
            past,
            memory: Mutex::new(memory),
            digest_every,
            verdict: Mutex::default(),
            checks: Mutex::default(),
        })
    }

    /// How the replay came out, if it has.
    pub fn take_verdict(&self) -> Option<Verdict> {
        self.verdict.lock().take()
    }

    /// Puts back what [`take_verdict`](Self::take_verdict) gave.
    pub fn put_verdict(&self, verdict: Verdict) {
        *self.verdict.lock() = Some(verdict);
    }

    /// Where the run was last compared before `count`.
    pub fn checked_before(&self, count: u64) -> Checked {
        let checks = self.checks.lock();
        let before = |pair: &[Option<u64>; 2]| pair.iter().flatten().copied().find(|&at| at < count);
        Checked {
            digest: before(&checks.digests),
            trail: before(&checks.trail),
        }
    }

    /// Of all RAM. The CPUs hold still; they protect pages again when they run on.
    pub fn memory_digest(&self) -> u64 {
        let mut past = self.past.lock();
        let (log, blocks) = past.memory.log_and_blocks();
        self.memory.lock().update(log, blocks)
    }

    fn serial(&self, driver: u32) -> Option<&SerialInput> {
        self.inlets.serials.get(driver as usize)?.as_deref()
    }

    /// Backends may send again what was dropped before.
    pub fn accept_input(&self) {
        self.inlets
            .serials
            .iter()
            .flatten()
            .for_each(|serial| serial.accept());
    }

    /// What the guest has sent reaches the host before anything that is said about it.
    pub fn flush_output(&self) {
        self.inlets
            .serials
            .iter()
            .flatten()
            .for_each(|serial| serial.flush());
    }

    fn end(&self, verdict: Verdict) {
        let status = u8::from(matches!(verdict, Verdict::Diverged(_)));
        // The first is the cause of the others.
        self.verdict.lock().get_or_insert(verdict);
        self.requests.end(status, Shutdown::None);
    }

    /// A flight recorder that wants a snapshot gets it from the main loop, which may be asleep.
    fn look_at_recorder(&self) {
        if self.replay.wants_snapshot() {
            self.requests.wake();
        }
    }

    /// What a person does, at an instant that the log has.
    pub fn control(&self, control: &Control) {
        match control {
            Control::Reset => self.requests.reset(ResetCause::Monitor),
            Control::PowerButton => self.pc.power_button(),
            Control::Nmi => self.pc.nmi(),
            Control::SendKey { keys, hold_ms } => self.inlets.input.press(keys, *hold_ms),
            Control::Eject { device, .. } => self.inlets.drives.eject(device),
            Control::MemoryWrite {
                address,
                vcpu: None,
                bytes,
            } => {
                // What is not there was not there in the recording.
                let _ = debug::write_physical(&self.pc, *address, bytes);
            }
            other => tracing::warn!("the log has {other:?}, which this machine cannot do"),
        }
    }
}

impl Outside for Outsides {
    fn apply(&self, event: Event, vcpus: &mut [&mut Vcpu]) {
        self.look_at_recorder();
        match event {
            Event::Control(Control::RegisterWrite {
                vcpu,
                register: debug::ALL_REGISTERS,
                bytes,
            }) => {
                if let Some(vcpu) = vcpus.get_mut(vcpu as usize) {
                    let _ = debug::set_registers(vcpu, &bytes);
                }
            }
            Event::CharInput { driver, bytes } => {
                if let Some(serial) = self.serial(driver) {
                    serial.arrive(&bytes);
                }
            }
            Event::CharEvent { driver, what } => {
                if let Some(serial) = self.serial(driver) {
                    serial.change(what);
                }
            }
            Event::Input(event) => self.inlets.input.arrive(&event),
            Event::InputSync => self.inlets.input.sync(),
            Event::Net { filter, flags, bytes } => {
                if let Some(net) = self.inlets.nets.all.get(filter as usize) {
                    net.arrive(flags, &bytes);
                }
            }
            Event::Control(control) => self.control(&control),
            Event::Shutdown { cause } => self.requests.leave_now(cause),
            other => tracing::warn!("the log has {other:?}, which this machine has no device for"),
        }
    }

    fn digest(&self, vcpus: &[&Vcpu]) -> Event {
        self.look_at_recorder();
        let count: u64 = vcpus.iter().map(|vcpu| vcpu.icount).sum();
        note(&mut self.checks.lock().digests, count);
        let with_memory = (count / self.digest_every.max(1)).is_multiple_of(MEMORY_EVERY);
        Event::Digest {
            vcpus: digest::vcpus(vcpus),
            devices: hw_core::digest(&self.pc.devices),
            memory: if with_memory { self.memory_digest() } else { 0 },
        }
    }

    fn trail(&self, vcpus: &[&Vcpu]) -> Event {
        let count = vcpus.iter().map(|vcpu| vcpu.icount).sum();
        note(&mut self.checks.lock().trail, count);
        Event::Trail {
            registers: digest::registers(vcpus),
        }
    }

    fn diverged(&self, divergence: Divergence) {
        self.end(Verdict::Diverged(divergence));
    }

    fn ended(&self, ending: Ending) {
        self.end(Verdict::Ended(ending));
    }
}
