//! Which instruction a replay went wrong at: the run is made again, with every engine, as far as the log goes along.
//!
//! ```text
//! configuration, log, count at which the replay differed
//!   -> a machine for each engine, which follows the log in its caller's hands (`Stepper`)
//!   -> who goes along, who does not -> two that differ -> bisection by snapshots -> the instruction, both states
//! ```
//!
//! The log holds of the recorded machine only what digests and the trail between them say of it. Whoever goes along with
//! all of them is taken for the recorded machine, instruction by instruction. If nobody does, and all engines do the same,
//! then what differs is no instruction: it came from outside and was not recorded, or the recording's own machine went
//! wrong; the trail's interval is all that can be known.

use super::outside::MEMORY_EVERY;
use super::{Log, Replaying};
use crate::symbols::Symbols;
use crate::{Backend, Config, MemoryDigest, Moment, Stepper, StepperEnd, Time};
use accel_tcg::{Engine, Sleep};
use anyhow::Result;
use migration::Snapshot;
use replay::Position;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Over shorter distances both engines run straight from where they are known to be equal: a stop on the way would be
/// one more place at which translated code begins, and might hide what it does wrong.
const STRAIGHT: u64 = 1 << 20;

/// What a search begins with.
pub struct Search {
    /// The replaying machine, without what is of no meaning to its guest.
    config: Config,
    path: PathBuf,
    digest_every: u64,
    symbols: Option<Arc<Symbols>>,
}

/// How an engine fares with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// To the count.
    There,
    /// It is not what was recorded, at this count.
    Wrong(u64),
    /// To an end of the guest's, or of the log, at this count.
    End(u64),
}

/// A moment to start from.
struct Start {
    count: u64,
    snapshot: Snapshot,
    position: Option<Position>,
}

/// A machine with one of the engines.
struct Side {
    engine: Engine,
    stepper: Stepper,
    memory: MemoryDigest,
}

impl Side {
    fn run_to(&mut self, count: u64) -> Came {
        loop {
            match self.stepper.run_to(count) {
                None => return Came::There,
                Some(StepperEnd::Diverged) => return Came::Wrong(self.stepper.instructions()),
                Some(StepperEnd::Reset) => self.stepper.reset(),
                Some(StepperEnd::Off | StepperEnd::Idle | StepperEnd::Endless | StepperEnd::LogEnd) => {
                    return Came::End(self.stepper.instructions());
                }
            }
        }
    }

    fn start(&mut self) -> Start {
        Start {
            count: self.stepper.instructions(),
            position: self.stepper.position(),
            snapshot: self.stepper.save_snapshot(),
        }
    }

    fn go_to(&mut self, start: &Start) -> Result<()> {
        self.stepper.load_snapshot(&start.snapshot)?;
        if let Some(position) = &start.position {
            self.stepper.seek(position)?;
        }
        Ok(())
    }

    fn moment(&mut self) -> Moment {
        let memory = self.stepper.memory_digest(&mut self.memory);
        self.stepper.moment_with(memory)
    }
}

/// An engine by the name that `-accel tcg,engine=` has for it.
fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Interpreter => "interp",
        #[cfg(target_arch = "x86_64")]
        Engine::Baseline => "baseline",
        #[cfg(target_arch = "x86_64")]
        Engine::Optimizing => "optimizing",
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        Engine::InterpreterOptimizing => "interp+optimizing",
    }
}

const ENGINES: &[Engine] = &[
    Engine::Interpreter,
    #[cfg(target_arch = "x86_64")]
    Engine::Baseline,
    #[cfg(target_arch = "x86_64")]
    Engine::Optimizing,
];

impl Search {
    /// For a replay that is about to be made from `config`; none if it is no replay.
    pub fn prepare(config: &Config) -> Option<Self> {
        let Log::Replay(replaying) = &config.log else {
            return None;
        };
        let Time::Counted(time, _) = config.time else {
            return None;
        };
        let quiet = |backend: &Backend| match backend {
            Backend::Described(text) if text == "none" => Backend::Described("none".into()),
            _ => Backend::Described("null".into()),
        };
        let twin = Config {
            memory: config.memory,
            cpu: config.cpu.clone(),
            layout: config.layout,
            boot: config.boot.clone(),
            serials: config.serials.iter().map(quiet).collect(),
            debug_console: config.debug_console.clone().map(|mut console| {
                console.backend = "null".into();
                console
            }),
            debug_exit: config.debug_exit,
            time: Time::Counted(time, Sleep::Off),
            rtc: config.rtc,
            execution: config.execution,
            hpet: config.hpet,
            acpi: config.acpi,
            exit_on_reset: config.exit_on_reset,
            ..Config::default()
        };
        Some(Self {
            config: twin,
            path: replaying.path().to_owned(),
            digest_every: replaying.digest_every(),
            symbols: config.symbols.clone(),
        })
    }

    fn side(&self, engine: Engine) -> Result<Side> {
        let config = &self.config;
        let mut execution = config.execution;
        execution.engine = engine;
        let twin = Config {
            cpu: config.cpu.clone(),
            boot: config.boot.clone(),
            serials: config.serials.clone(),
            debug_console: config.debug_console.clone(),
            snapshots: config.snapshots.clone(),
            log: Log::Replay(Box::new(Replaying::open(&self.path)?)),
            execution,
            name: None,
            monitor: None,
            gdb: None,
            load_snapshot: None,
            qmp: Vec::new(),
            look: accel_tcg::Look::default(),
            symbols: None,
            report: None,
            ..*config
        };
        Ok(Side {
            engine,
            stepper: Stepper::new(twin)?,
            memory: MemoryDigest::new(),
        })
    }

    /// Looks for the instruction before `count`, where the replay was not as recorded any more; `say` is given lines.
    ///
    /// # Errors
    /// The log or the machine cannot be had again.
    pub fn run(&self, count: u64, say: &mut dyn FnMut(&str)) -> Result<()> {
        let used = self.config.execution.engine;
        let full = self.digest_every.saturating_mul(MEMORY_EVERY);
        let sure = match full {
            0 => 0,
            full => count.saturating_sub(1) / full * full,
        };
        say(&format!(
            "looking for the instruction: running again to {sure}, then with each engine to {count} (Ctrl-C ends this)"
        ));
        let mut first = self.side(used)?;
        if let came @ (Came::Wrong(_) | Came::End(_)) = first.run_to(sure) {
            say(&format!("{}: {}", name(used), told(came, sure)));
            say("this machine does not do the same twice: no instruction can be named");
            return Ok(());
        }
        let start = first.start();
        // What comes at `count` itself is compared on the way to the next instruction.
        let end = count.saturating_add(1);
        let came = first.run_to(end);
        say(&format!("{}: {}", name(used), told(came, end)));
        if !matches!(came, Came::Wrong(_)) {
            say(
                "the same engine goes along now: what it did wrong it does not do always, and no instruction can be named",
            );
            return Ok(());
        }
        let mut good = None;
        let mut other = None;
        for &engine in ENGINES.iter().filter(|&&engine| engine != used) {
            let mut side = self.side(engine)?;
            side.go_to(&start)?;
            let its = side.run_to(end);
            say(&format!("{}: {}", name(engine), told(its, end)));
            let wrong = matches!(its, Came::Wrong(_));
            if !wrong {
                good = Some(side);
                break;
            }
            if its != came || side.moment() != first.moment() {
                other.get_or_insert(side);
            }
        }
        let goes_along = good.is_some();
        match good.or(other) {
            Some(mut second) => self.bisect(&mut first, &mut second, start, end, goes_along, say),
            None => {
                say(
                    "every engine does the same, and not what was recorded: something from outside is not in the log, or the",
                );
                say("machine went wrong while it was recorded; between the counts named above");
                Ok(())
            }
        }
    }

    /// Both are equal at `good` and not at `bad`.
    fn bisect(
        &self,
        first: &mut Side,
        second: &mut Side,
        mut good: Start,
        mut bad: u64,
        goes_along: bool,
        say: &mut dyn FnMut(&str),
    ) -> Result<()> {
        // The last count at which they were equal; straight runs start before it.
        let mut equal = good.count;
        while bad - equal > 1 {
            let middle = equal + (bad - equal) / 2;
            if self.same(first, second, &good, middle)? {
                equal = middle;
                if bad - middle > STRAIGHT {
                    good = first.start();
                }
            } else {
                bad = middle;
            }
        }
        // Both before it, and who executes it.
        self.same(first, second, &good, equal)?;
        let registers = first.stepper.registers();
        let before = first.stepper.counts();
        let places: Vec<_> = (0..before.len())
            .map(|n| first.stepper.next_instruction_of(n))
            .collect();
        let moved = |side: &Side| {
            let now = side.stepper.counts();
            before.iter().zip(now).position(|(then, now)| *then != now)
        };
        self.same(first, second, &good, bad)?;
        let (this, that) = (name(first.engine), name(second.engine));
        let cpu = moved(first).or_else(|| moved(second));
        let mut text = format!("instruction {bad} is the first that {this} does otherwise than {that}");
        if goes_along {
            let _ = write!(text, ", which does what was recorded");
        }
        text.push_str(":\n");
        match cpu {
            Some(n) => {
                let place = &places[n];
                let symbol = self
                    .symbols
                    .as_ref()
                    .and_then(|symbols| symbols.name(place.address));
                let symbol = symbol.map_or(String::new(), |symbol| format!(" <{symbol}>"));
                let _ = writeln!(text, "  CPU#{n} at {:#x}{symbol}: {}", place.address, place.text);
            }
            None => text.push_str("  (no instruction: what came at this count differs)\n"),
        }
        text.push_str("the machine before it, in both:\n");
        for line in registers.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.push_str("behind it:\n");
        for line in first.stepper.differences(&second.stepper, this, that).lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.lines().for_each(say);
        Ok(())
    }

    /// Whether both are the same at `count`, run there from `start`.
    fn same(&self, first: &mut Side, second: &mut Side, start: &Start, count: u64) -> Result<bool> {
        first.go_to(start)?;
        second.go_to(start)?;
        Ok(first.run_to(count) == second.run_to(count) && first.moment() == second.moment())
    }
}

fn told(came: Came, goal: u64) -> String {
    match came {
        Came::There => "goes along".into(),
        Came::Wrong(at) => format!("is not as recorded at {at}"),
        Came::End(at) if at < goal => format!("goes along, and ends at {at}"),
        Came::End(_) => "goes along, and ends".into(),
    }
}
