//! The choice of engine, as `-accel tcg,engine=NAME` names it, and what runs a vCPU with it.

#[cfg(target_arch = "x86_64")]
use crate::baseline::Baseline;
#[cfg(target_arch = "x86_64")]
use crate::optimizing::{Optimizing, RegionConfig};
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
    /// The baseline engine, with hot loops compiled by Cranelift.
    #[cfg(target_arch = "x86_64")]
    Optimizing,
    /// The interpreter, with hot loops compiled by Cranelift.
    #[cfg(target_arch = "x86_64")]
    InterpreterOptimizing,
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
#[error(
    "'{0}' is not an engine of this build; it has interp, baseline, optimizing, interp+optimizing and auto"
)]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    /// `interp`, `baseline`, `optimizing`, `interp+optimizing`, or `auto` for what is best by experience.
    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "auto" => Ok(Self::default()),
            "interp" => Ok(Self::Interpreter),
            #[cfg(target_arch = "x86_64")]
            "baseline" => Ok(Self::Baseline),
            #[cfg(target_arch = "x86_64")]
            "optimizing" => Ok(Self::Optimizing),
            #[cfg(target_arch = "x86_64")]
            "interp+optimizing" => Ok(Self::InterpreterOptimizing),
            _ => Err(UnknownEngine(name.to_owned())),
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
    /// When loops are compiled, if the engine does that.
    #[cfg(target_arch = "x86_64")]
    pub regions: RegionConfig,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            code_size: 64 << 20,
            #[cfg(target_arch = "x86_64")]
            regions: RegionConfig::default(),
        }
    }
}

/// What runs one vCPU.
pub enum Execution {
    /// The interpreter.
    Interpreter,
    /// The baseline engine.
    #[cfg(target_arch = "x86_64")]
    Baseline(Box<Baseline>),
    /// Interpreter and regions.
    #[cfg(target_arch = "x86_64")]
    Optimizing(Box<Optimizing>),
}

impl Execution {
    /// An execution of `cpu`. Without executable memory it falls back to the interpreter, with a warning.
    pub fn new(cpu: &Vcpu, config: ExecutionConfig) -> Self {
        match config.engine {
            Engine::Interpreter => Self::Interpreter,
            #[cfg(target_arch = "x86_64")]
            Engine::InterpreterOptimizing => match Optimizing::new(config.code_size, config.regions) {
                Ok(optimizing) => Self::Optimizing(Box::new(optimizing)),
                Err(error) => {
                    tracing::warn!("no memory for generated code ({error}): interpreting");
                    Self::Interpreter
                }
            },
            #[cfg(target_arch = "x86_64")]
            Engine::Baseline | Engine::Optimizing => match Baseline::new(cpu, config.code_size) {
                Ok(mut baseline) => {
                    if config.engine == Engine::Optimizing
                        && let Err(error) = baseline.optimize(config.code_size, config.regions)
                    {
                        tracing::warn!("no memory for optimized code ({error}): going without");
                    }
                    Self::Baseline(Box::new(baseline))
                }
                Err(error) => {
                    tracing::warn!("no memory for generated code ({error}): interpreting");
                    Self::Interpreter
                }
            },
        }
    }

    /// Executes as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        match self {
            Self::Interpreter => cpu.run(budget),
            #[cfg(target_arch = "x86_64")]
            Self::Baseline(baseline) => baseline.run(cpu, budget),
            #[cfg(target_arch = "x86_64")]
            Self::Optimizing(optimizing) => optimizing.run(cpu, budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!("auto".parse(), Ok(Engine::default()));
        assert_eq!("interp".parse(), Ok(Engine::Interpreter));
        assert!(
            "warp"
                .parse::<Engine>()
                .unwrap_err()
                .to_string()
                .contains("'warp'")
        );
    }
}
