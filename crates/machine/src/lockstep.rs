//! A machine that is driven to exact instruction counts, so that two of them with different engines can be compared
//! at the same moment: "the same guest from every engine".
//!
//! Runs on its caller's thread and under counted time with nobody waiting (`sleep=off`), where a guest's whole life
//! is determined by its configuration, or by the log that it follows. There is no main loop: nothing else comes from
//! outside, and resets and power-off end it.

use crate::assemble::{self, Parts};
use crate::config::{Config, Time};
use crate::digest::{self, Digest, Hashed};
use crate::requests::{Pending, Requests};
use crate::rr::{Outsides, SerialInput, Verdict};
use crate::snapshot::Past;
use crate::virtual_time::VirtualTime;
use accel_tcg::{Pace, Sleep, Turn, Turns};
use anyhow::{Result, bail};
use chardev::Chardev;
use hw_i386::pc::Pc;
use iced_x86::{Decoder, DecoderOptions, FastFormatter};
use parking_lot::Mutex;
use replay::{LogError, Mode, Position, Replay};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use target_i386::CpuState;
use target_i386::registers;
use util_mainloop::BigLock;
use xxhash_rust::xxh3::Xxh3;

/// Everything that must be the same in two machines at the same instruction count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Registers, memory and devices.
    pub digest: Digest,
    /// What the TLB holds: guests can see it.
    pub tlb: u64,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tlb {:016x}", self.digest, self.tlb)
    }
}

/// Why a machine does not run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepperEnd {
    /// The guest switched itself off, or asked for the emulator's end.
    Off,
    /// The guest reset itself, or faulted three times over.
    Reset,
    /// Halted with no timer armed: nothing will happen any more.
    Idle,
    /// A CPU delivers faults for ever, and completes no instruction.
    Endless,
    /// It does not do what its log has.
    Diverged,
    /// Its log ends.
    LogEnd,
}

/// The instruction that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Linear address.
    pub address: u64,
    /// Disassembly, or what is known if the code cannot be read.
    pub text: String,
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:16x}  {}", self.address, self.text)
    }
}

/// A machine in its caller's hands.
pub struct Stepper {
    pub(crate) turns: Turns,
    pub(crate) pc: Arc<Pc>,
    pub(crate) lock: Arc<BigLock>,
    pub(crate) time: VirtualTime,
    pub(crate) past: Arc<Mutex<Past>>,
    chardevs: Vec<Arc<dyn Chardev>>,
    requests: Arc<Requests>,
    /// Frontends are held weakly by their backends.
    _inputs: Vec<Option<Arc<SerialInput>>>,
    replay: Arc<Replay>,
    outsides: Arc<Outsides>,
}

impl Stepper {
    /// A machine in its first state, with its kernel loaded.
    ///
    /// # Errors
    /// What is wrong with the configuration: for one, time that is not counted with `sleep=off`.
    pub fn new(config: Config) -> Result<Self> {
        if !matches!(config.time, Time::Counted(_, Sleep::Off)) || config.pace != Pace::Free {
            bail!("only counted instructions with sleep=off make two runs the same");
        }
        let parts = assemble::parts(config)?;
        let past = Arc::new(Mutex::new(Past::new(
            &parts.pc,
            &parts.vcpus,
            &parts.time,
            &parts.config.rtc,
            &parts.peripherals.drives.written,
        )));
        let outsides = parts.outsides(&past);
        let base = parts.time.base(parts.journal(&outsides));
        let Parts {
            config,
            vcpus,
            pc,
            lock,
            time,
            ..
        } = parts;
        let seats = assemble::seats(vcpus, config.execution, &config.look);
        let turns = Turns::new(seats, Arc::clone(&lock), base);
        let mut stepper = Self {
            turns,
            pc,
            lock,
            time,
            past,
            chardevs: parts.chardevs,
            requests: parts.requests,
            _inputs: parts.inputs,
            replay: parts.replay,
            outsides,
        };
        // The turn ends behind the instruction that asked.
        let signals: Vec<_> = stepper
            .turns
            .vcpus()
            .map(|vcpu| Arc::clone(&vcpu.signals))
            .collect();
        stepper
            .requests
            .set_stop(move || signals.iter().for_each(|signals| signals.kick()));
        stepper.reset();
        Ok(stepper)
    }

    /// Puts everything into its first state and loads the kernel again.
    pub fn reset(&mut self) {
        let lock = Arc::clone(&self.lock);
        let _big = lock.lock();
        self.pc.reset();
        for n in 0..self.cpus() {
            let vcpu = self.turns.vcpu_mut(n);
            target_i386::reset::reset(vcpu);
            self.pc.reset_cpu(n, &mut vcpu.state);
            vcpu.refresh_mode();
        }
    }

    /// Where it stands in its log, if it follows one.
    pub fn position(&self) -> Option<Position> {
        let _period = self.lock.period();
        self.replay.position()
    }

    /// Goes on at another place of its log: a snapshot of that moment was loaded.
    ///
    /// # Errors
    /// Not a place of its log.
    pub fn seek(&mut self, position: &Position) -> Result<(), LogError> {
        let _period = self.lock.period();
        // What the former way was about is over.
        self.requests.take();
        self.outsides.take_verdict();
        self.replay.seek(position)
    }

    /// What the log says to this run, if it has said so.
    fn verdict(&self) -> Option<StepperEnd> {
        let verdict = self
            .outsides
            .take_verdict()
            .filter(|_| self.replay.mode() == Mode::Play)?;
        self.requests.take();
        Some(match verdict {
            Verdict::Diverged(divergence) => {
                tracing::debug!("{divergence}");
                StepperEnd::Diverged
            }
            Verdict::Ended(_) => StepperEnd::LogEnd,
        })
    }

    /// Runs until exactly `count` instructions are complete; an end that came before.
    pub fn run_to(&mut self, count: u64) -> Option<StepperEnd> {
        let requests = Arc::clone(&self.requests);
        let turn = self.turns.run_to(count, || requests.any());
        for chardev in &self.chardevs {
            chardev.flush();
        }
        if let Some(end) = self.verdict() {
            return Some(end);
        }
        match turn {
            Turn::Reached => None,
            Turn::Idle => Some(StepperEnd::Idle),
            Turn::Shutdown => Some(StepperEnd::Reset),
            Turn::Endless => Some(StepperEnd::Endless),
            Turn::Interrupted => {
                let Pending { reset, .. } = requests.take();
                Some(if reset.is_some() {
                    StepperEnd::Reset
                } else {
                    StepperEnd::Off
                })
            }
        }
    }

    /// Instructions executed so far.
    pub fn instructions(&self) -> u64 {
        self.turns.instructions()
    }

    /// How many CPUs there are.
    pub fn cpus(&self) -> usize {
        self.turns.vcpus().count()
    }

    /// Whose turn it is, or was last.
    pub fn current(&self) -> usize {
        self.turns.current()
    }

    /// Instructions that each CPU has completed.
    pub fn counts(&self) -> Vec<u64> {
        self.turns.vcpus().map(|vcpu| vcpu.icount).collect()
    }

    /// Digests of everything.
    pub fn moment(&self) -> Moment {
        self.moment_with(digest::memory(self.pc.ram()))
    }

    /// The same, of which that of memory is known.
    pub fn moment_with(&self, memory: u64) -> Moment {
        let lock = Arc::clone(&self.lock);
        let _big = lock.lock();
        let mut tlb = Hashed(Xxh3::new());
        for vcpu in self.turns.vcpus() {
            vcpu.tlb.save().hash(&mut tlb);
        }
        Moment {
            digest: Digest {
                instructions: self.turns.instructions(),
                cpu: digest::of_cpus(self.turns.vcpus().map(digest::cpu)),
                memory,
                devices: hw_core::digest(&self.pc.devices),
            },
            tlb: tlb.finish(),
        }
    }

    /// The state of the CPU whose turn it is.
    pub fn state(&self) -> &CpuState {
        &self.turns.vcpu(self.turns.current()).state
    }

    /// The CPUs' states as `info registers` shows them.
    pub fn registers(&self) -> String {
        let one = |vcpu: &target_i386::Vcpu| registers::describe(&vcpu.state, vcpu.icount);
        self.turns.vcpus().map(one).collect()
    }

    /// Names and digests of the devices.
    pub fn devices(&self) -> Vec<(String, u64)> {
        let devices = self.pc.devices.iter();
        devices
            .map(|device| {
                let one = std::slice::from_ref(device);
                (device.name().to_owned(), hw_core::digest(one))
            })
            .collect()
    }

    /// What is in the TLB, a line an entry.
    pub fn tlb(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (n, vcpu) in self.turns.vcpus().enumerate() {
            let save = vcpu.tlb.save();
            lines.extend(save.entries.iter().map(|entry| format!("cpu {n} {entry:x?}")));
            lines.push(format!(
                "cpu {n} asid {:x}, next victims {:?}",
                save.asid, save.next_victim
            ));
        }
        lines
    }

    /// The first byte of RAM in which this machine and another differ, and both values.
    pub fn memory_difference(&self, other: &Self) -> Option<(u64, u8, u8)> {
        const CHUNK: usize = 1 << 16;
        let (mut a, mut b) = (vec![0; CHUNK], vec![0; CHUNK]);
        for offset in (0..self.pc.ram().size()).step_by(CHUNK) {
            let length = CHUNK.min((self.pc.ram().size() - offset) as usize);
            let read = |stepper: &Self, to: &mut Vec<u8>| stepper.pc.ram().read(offset, &mut to[..length]);
            if read(self, &mut a).is_none() || read(other, &mut b).is_none() {
                return None;
            }
            if let Some(at) = (0..length).find(|&at| a[at] != b[at]) {
                return Some((offset + at as u64, a[at], b[at]));
            }
        }
        None
    }

    /// In what this machine and another differ, for people: a line each for `this` and `that`.
    pub fn differences(&self, other: &Self, this: &str, that: &str) -> String {
        let mut text = String::new();
        let width = this.len().max(that.len());
        let mut lines = |what: &str, a: &str, b: &str| {
            for (a, b) in a.lines().zip(b.lines()).filter(|(a, b)| a != b) {
                text.push_str(&format!(
                    "{what}, {this:width$}: {a}\n{what}, {that:width$}: {b}\n"
                ));
            }
        };
        lines("registers", &self.registers(), &other.registers());
        // What registers do not show.
        let (s, t) = (self.state(), other.state());
        if s != t && self.registers() == other.registers() {
            let (s, t) = (format!("{s:x?}"), format!("{t:x?}"));
            lines("state", &s.replace(", ", "\n"), &t.replace(", ", "\n"));
        }
        for ((name, a), (_, b)) in self.devices().iter().zip(other.devices()) {
            lines(name, &format!("{a:016x}"), &format!("{b:016x}"));
        }
        if let Some((at, x, y)) = self.memory_difference(other) {
            lines(
                &format!("memory at {at:#x}"),
                &format!("{x:#04x}"),
                &format!("{y:#04x}"),
            );
        }
        let (s, t) = (self.tlb(), other.tlb());
        for (who, only, other) in [(this, &s, &t), (that, &t, &s)] {
            for line in only.iter().filter(|line| !other.contains(line)).take(10) {
                text.push_str(&format!("TLB, {who} only: {line}\n"));
            }
        }
        text
    }

    /// The instruction that comes next, as far as it can be read without a page fault.
    pub fn next_instruction(&mut self) -> Next {
        self.next_instruction_of(self.turns.current())
    }

    /// The instruction that CPU `n` executes next.
    pub fn next_instruction_of(&self, n: usize) -> Next {
        let vcpu = self.turns.vcpu(n);
        let address = vcpu.code_address();
        let mut bytes = [0u8; 15];
        let readable = vcpu.mode.fetch_mmu;
        let mut have = 0;
        while have < bytes.len()
            && vcpu.tlb.fetch_bytes(
                readable,
                softmmu::GuestVirt(address.wrapping_add(have as u64)),
                &mut bytes[have..=have],
            )
        {
            have += 1;
        }
        let mut text = String::new();
        if have == 0 {
            text.push_str("(not in the TLB)");
        } else {
            let mut decoder = Decoder::with_ip(
                vcpu.mode.code,
                &bytes[..have],
                vcpu.state.rip,
                DecoderOptions::NONE,
            );
            FastFormatter::new().format(&decoder.decode(), &mut text);
        }
        Next { address, text }
    }
}
