//! The choice of engine, as `-accel tcg,engine=NAME` names it, and what runs a vCPU with it.

#[cfg(target_arch = "x86_64")]
use crate::baseline::Baseline;
use crate::interpreter::Interpreting;
use crate::{Look, Report};
use std::str::FromStr;
use target_i386::{StopReason, Vcpu};

/// An engine that this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter: reference semantics for every instruction.
    Interpreter,
    /// One-pass translation of every block to x86-64 host code.
    #[cfg(target_arch = "x86_64")]
    Baseline,
}

impl Default for Engine {
    /// The fastest there is.
    fn default() -> Self {
        #[cfg(target_arch = "x86_64")]
        return Self::Baseline;
        #[cfg(not(target_arch = "x86_64"))]
        Self::Interpreter
    }
}

/// Not an engine of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEngine {
    /// One that is to come.
    #[error("engine '{0}' is not in this build yet; it has {HAVE}")]
    NotYet(String),
    /// No such name.
    #[error("'{0}' is not an engine of this build; it has {HAVE}")]
    Name(String),
}

#[cfg(target_arch = "x86_64")]
const HAVE: &str = "interp, baseline and auto";
#[cfg(not(target_arch = "x86_64"))]
const HAVE: &str = "interp and auto";

impl FromStr for Engine {
    type Err = UnknownEngine;

    /// `interp`, `baseline`, or `auto` for the fastest there is.
    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "auto" => Ok(Self::default()),
            "interp" => Ok(Self::Interpreter),
            #[cfg(target_arch = "x86_64")]
            "baseline" => Ok(Self::Baseline),
            "optimizing" | "interp+optimizing" => Err(UnknownEngine::NotYet(name.to_owned())),
            _ => Err(UnknownEngine::Name(name.to_owned())),
        }
    }
}

/// How vCPUs are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionConfig {
    /// The engine.
    pub engine: Engine,
    /// Bytes for generated code (`tb-size=`, which counts MiB).
    pub code_size: usize,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            code_size: 64 << 20,
        }
    }
}

/// What runs one vCPU.
pub struct Execution {
    runs: Runs,
    fallback: Option<String>,
}

enum Runs {
    Interpreter(Interpreting),
    #[cfg(target_arch = "x86_64")]
    Baseline(Box<Baseline>),
}

impl Execution {
    /// An execution of `cpu`. Without executable memory it falls back to the interpreter
    /// ([`Execution::fallback`]).
    pub fn new(cpu: &Vcpu, config: ExecutionConfig) -> Self {
        Self::with_look(cpu, config, Look::default())
    }

    /// The same, which shows what `look` asks for.
    pub fn with_look(cpu: &Vcpu, config: ExecutionConfig, look: Look) -> Self {
        let (runs, fallback) = match config.engine {
            Engine::Interpreter => (Runs::Interpreter(Interpreting::new(look)), None),
            #[cfg(target_arch = "x86_64")]
            Engine::Baseline => match Baseline::with_look(cpu, config.code_size, look.clone()) {
                Ok(baseline) => (Runs::Baseline(Box::new(baseline)), None),
                Err(error) => (
                    Runs::Interpreter(Interpreting::new(look)),
                    Some(format!(
                        "no memory for generated code ({error}); the guest is interpreted, which is slower"
                    )),
                ),
            },
        };
        let _ = cpu;
        Self { runs, fallback }
    }

    /// Why this is not the engine that was asked for, if it is not: for a warning.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// Executes as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        match &mut self.runs {
            Runs::Interpreter(interpreter) => interpreter.run(cpu, budget),
            #[cfg(target_arch = "x86_64")]
            Runs::Baseline(baseline) => baseline.run(cpu, budget),
        }
    }

    /// What it has done so far on `cpu`.
    pub fn report(&self, cpu: &Vcpu) -> Report {
        match &self.runs {
            Runs::Interpreter(interpreter) => interpreter.report(cpu),
            #[cfg(target_arch = "x86_64")]
            Runs::Baseline(baseline) => baseline.report(cpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use target_i386::testbench::{Mode, TestBench};

    #[test]
    fn names() {
        assert_eq!("auto".parse(), Ok(Engine::default()));
        assert_eq!("interp".parse(), Ok(Engine::Interpreter));
        for (name, part) in [
            ("warp", "'warp' is not an engine of this build"),
            ("optimizing", "engine 'optimizing' is not in this build yet"),
            (
                "interp+optimizing",
                "engine 'interp+optimizing' is not in this build yet",
            ),
        ] {
            let error = name.parse::<Engine>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    /// No host has that much: the guest runs, interpreted.
    #[test]
    fn without_memory_for_code() {
        let mut bench = TestBench::new(Mode::Long);
        bench.code(&[0x90, 0xf4]);
        let config = ExecutionConfig {
            engine: Engine::default(),
            code_size: usize::MAX / 4,
        };
        let mut execution = Execution::new(&bench.cpu, config);
        assert!(
            execution
                .fallback()
                .is_some_and(|line| line.starts_with("no memory"))
        );
        assert_eq!(execution.report(&bench.cpu).engine, "interp");
        assert_eq!(execution.run(&mut bench.cpu, 1), StopReason::Budget);
    }
}
