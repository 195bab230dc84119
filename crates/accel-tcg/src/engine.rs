//! The choice of engine, as `-accel tcg,engine=NAME` names it, and what runs a vCPU with it.

#[cfg(target_arch = "x86_64")]
use crate::baseline::Baseline;
use crate::interpreter::Interpreting;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::optimizing::{self, Optimizing, RegionConfig};
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
    /// The baseline engine, with hot loops compiled by Cranelift.
    #[cfg(target_arch = "x86_64")]
    Optimizing,
    /// The interpreter, with hot loops compiled by Cranelift.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    InterpreterOptimizing,
}

impl Default for Engine {
    /// The fastest there is.
    fn default() -> Self {
        #[cfg(target_arch = "x86_64")]
        return Self::Baseline;
        #[cfg(target_arch = "aarch64")]
        return Self::InterpreterOptimizing;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        Self::Interpreter
    }
}

/// Not an engine of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an engine of this build; it has {HAVE}")]
pub struct UnknownEngine(String);

#[cfg(target_arch = "x86_64")]
const HAVE: &str = "interp, baseline, optimizing, interp+optimizing and auto";
#[cfg(target_arch = "aarch64")]
const HAVE: &str = "interp, interp+optimizing and auto";
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const HAVE: &str = "interp and auto";

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
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            "interp+optimizing" => Ok(Self::InterpreterOptimizing),
            _ => Err(UnknownEngine(name.to_owned())),
        }
    }
}

/// A bit that turns over by itself: what looks for faults is tested with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The only engine that has the fault.
    pub engine: Engine,
    /// Behind the instruction with this number, counted over all vCPUs.
    pub count: u64,
    /// In this general register of the vCPU that executed it.
    pub register: usize,
    /// This bit.
    pub bit: u32,
}

/// How vCPUs are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionConfig {
    /// The engine.
    pub engine: Engine,
    /// Bytes for generated code (`tb-size=`, which counts MiB).
    pub code_size: usize,
    /// When loops are compiled, if the engine does that.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub regions: RegionConfig,
    /// What goes wrong on purpose.
    pub fault: Option<Fault>,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            code_size: 64 << 20,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            regions: RegionConfig::default(),
            fault: None,
        }
    }
}

/// Why there is no generated code.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn without(error: &std::io::Error) -> String {
    format!("no memory for generated code ({error}); the guest is interpreted, which is slower")
}

/// Least memory for the code of one vCPU.
const LEAST_SHARE: usize = 4 << 20;

/// What each of `cpus` gets of `size` bytes.
fn share(size: usize, cpus: usize) -> usize {
    (size / cpus).max(LEAST_SHARE.min(size))
}

/// What runs one vCPU.
pub struct Execution {
    runs: Runs,
    fallback: Option<String>,
    fault: Option<Fault>,
}

enum Runs {
    Interpreter(Interpreting),
    #[cfg(target_arch = "x86_64")]
    Baseline(Box<Baseline>),
    /// Interpreter and regions.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Optimizing(Box<Optimizing>),
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
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            // Regions have no line for each block.
            Engine::InterpreterOptimizing if look.at_executions() => {
                (Runs::Interpreter(Interpreting::new(look)), None)
            }
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Engine::InterpreterOptimizing => {
                match Optimizing::with_look(config.code_size, config.regions, look.clone()) {
                    Ok(optimizing) => (Runs::Optimizing(Box::new(optimizing)), None),
                    Err(error) => (Runs::Interpreter(Interpreting::new(look)), Some(without(&error))),
                }
            }
            #[cfg(target_arch = "x86_64")]
            Engine::Baseline | Engine::Optimizing => {
                let optimize = config.engine == Engine::Optimizing && !look.at_executions();
                let made = if optimize {
                    Baseline::with_regions(cpu, config.code_size, look.clone(), config.regions)
                } else {
                    Baseline::with_look(cpu, config.code_size, look.clone())
                        .map(|baseline| (baseline, Ok(())))
                };
                match made {
                    Ok((baseline, optimized)) => {
                        let fallback = optimized.err().map(|error| {
                            format!(
                                "hot loops cannot be compiled ({error}); the baseline engine goes on without"
                            )
                        });
                        (Runs::Baseline(Box::new(baseline)), fallback)
                    }
                    Err(error) => (Runs::Interpreter(Interpreting::new(look)), Some(without(&error))),
                }
            }
        };
        let _ = cpu;
        let fault = config.fault.filter(|fault| fault.engine == config.engine);
        Self {
            runs,
            fallback,
            fault,
        }
    }

    /// Executions of all vCPUs of a machine: they share the memory for code, and the thread that compiles regions.
    pub fn for_all(cpus: &[Box<Vcpu>], config: ExecutionConfig, look: &Look) -> Vec<Self> {
        let [_, _, ..] = cpus else {
            let each = cpus.iter().map(|cpu| Self::with_look(cpu, config, look.clone()));
            return each.collect();
        };
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        if let Some(executions) = Self::with_one_compiler(cpus, config, look) {
            return executions;
        }
        let config = ExecutionConfig {
            code_size: share(config.code_size, cpus.len()),
            ..config
        };
        let each = cpus.iter().map(|cpu| Self::with_look(cpu, config, look.clone()));
        each.collect()
    }

    /// As [`Execution::for_all`] where regions are compiled; none if they are not, or cannot be for all.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn with_one_compiler(cpus: &[Box<Vcpu>], config: ExecutionConfig, look: &Look) -> Option<Vec<Self>> {
        let part = match config.engine {
            _ if look.at_executions() => return None,
            Engine::InterpreterOptimizing => config.code_size,
            #[cfg(target_arch = "x86_64")]
            Engine::Optimizing => config.code_size / optimizing::SHARE,
            _ => return None,
        };
        let compiler = optimizing::compiler(part, look).ok()?;
        let runs = |cpu: &Vcpu| {
            let client = compiler.client();
            #[cfg(target_arch = "x86_64")]
            if config.engine == Engine::Optimizing {
                let size = share(config.code_size - part, cpus.len());
                let made = Baseline::with_client(cpu, size, look.clone(), client, config.regions).ok()?;
                return Some(Runs::Baseline(Box::new(made)));
            }
            let _ = cpu;
            let made = Optimizing::with_client(client, config.regions, look.clone());
            Some(Runs::Optimizing(Box::new(made)))
        };
        let executions = cpus.iter().map(|cpu| {
            Some(Self {
                runs: runs(cpu)?,
                fallback: None,
                fault: config.fault.filter(|fault| fault.engine == config.engine),
            })
        });
        executions.collect()
    }

    /// Why this is not the engine that was asked for, if it is not: for a warning.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// Executes as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        match self.fault {
            Some(fault) => self.run_with(fault, cpu, budget),
            None => self.run_well(cpu, budget),
        }
    }

    #[cold]
    fn run_with(&mut self, fault: Fault, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let before = |cpu: &Vcpu| fault.count.saturating_sub(cpu.icount.wrapping_add(cpu.others));
        let first = before(cpu);
        if !(1..=budget).contains(&first) {
            return self.run_well(cpu, budget);
        }
        let reason = self.run_well(cpu, first);
        if before(cpu) > 0 {
            return reason;
        }
        cpu.state.gpr[fault.register & 15] ^= 1 << (fault.bit & 63);
        if reason == StopReason::Budget && budget > first {
            return self.run_well(cpu, budget - first);
        }
        reason
    }

    fn run_well(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        match &mut self.runs {
            Runs::Interpreter(interpreter) => interpreter.run(cpu, budget),
            #[cfg(target_arch = "x86_64")]
            Runs::Baseline(baseline) => baseline.run(cpu, budget),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Runs::Optimizing(optimizing) => optimizing.run(cpu, budget),
        }
    }

    /// What it has done so far on `cpu`.
    pub fn report(&self, cpu: &Vcpu) -> Report {
        match &self.runs {
            Runs::Interpreter(interpreter) => interpreter.report(cpu),
            #[cfg(target_arch = "x86_64")]
            Runs::Baseline(baseline) => baseline.report(cpu),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Runs::Optimizing(optimizing) => optimizing.report(cpu),
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
        let error = "warp".parse::<Engine>().unwrap_err().to_string();
        assert!(error.contains("'warp' is not an engine of this build"), "{error}");
    }

    /// No host has that much: the guest runs, interpreted.
    #[test]
    fn without_memory_for_code() {
        let mut bench = TestBench::new(Mode::Long);
        bench.code(&[0x90, 0xf4]);
        let config = ExecutionConfig {
            engine: Engine::default(),
            code_size: usize::MAX / 4,
            ..ExecutionConfig::default()
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
