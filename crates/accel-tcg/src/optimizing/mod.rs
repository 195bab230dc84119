//! The optimizing engine: hot loops compiled by Cranelift on a thread of their own, while something slower runs
//! everything else: the baseline engine, or ([`Optimizing`]) the interpreter.

pub mod compile;
pub mod module;
mod regions;

pub use regions::{At, RegionConfig, RegionCounters, Regions};

use std::io;
use target_i386::clif::RegionExitKind;
use target_i386::{Boundary, Interpreter, StopReason, Vcpu};

/// Most instructions between two looks at requests from other threads.
pub const SLICE: u64 = 16 << 10;

/// Interpreter and regions: the translator of a host for which there is no one-pass emitter.
pub struct Optimizing {
    regions: Regions,
}

impl Optimizing {
    /// An engine with `size` bytes for code.
    ///
    /// # Errors
    /// The host has no executable memory to give.
    pub fn new(size: usize, config: RegionConfig) -> io::Result<Self> {
        Ok(Self {
            regions: Regions::new(size, config)?,
        })
    }

    /// What happened so far.
    pub fn counters(&self) -> RegionCounters {
        self.regions.counters
    }

    /// Executes until `budget` instructions are complete or something else ends the run; as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let mut interpreter = cpu.take_interpreter();
        cpu.begin_run(budget);
        let reason = self.run_blocks(cpu, &mut interpreter);
        cpu.put_interpreter(interpreter);
        cpu.publish_count();
        reason
    }

    fn run_blocks(&mut self, cpu: &mut Vcpu, interpreter: &mut Interpreter) -> StopReason {
        loop {
            if !cpu.is_quiet() || cpu.budget_left() == 0 {
                match interpreter.boundary(cpu, &mut self.regions) {
                    Boundary::Run => {}
                    Boundary::Single => {
                        interpreter.single(cpu);
                        continue;
                    }
                    Boundary::Stop(reason) => return reason,
                }
            }
            self.regions.poll();
            match self.regions.at(cpu, 1) {
                At::Region(n) | At::New(n, ..) if !short(cpu, &self.regions, n) => {
                    run_region(&mut self.regions, cpu, interpreter, n);
                }
                _ => interpreter.block(cpu),
            }
        }
    }
}

/// Whether what is left of the budget gets nowhere in a region.
pub fn short(cpu: &Vcpu, regions: &Regions, n: usize) -> bool {
    cpu.budget_left() < regions.least(n)
}

/// Runs a region, and the instruction that it could not execute.
pub fn run_region(regions: &mut Regions, cpu: &mut Vcpu, interpreter: &mut Interpreter, n: usize) {
    let slice = cpu.budget_left().min(SLICE);
    if let Some(exit) = regions.enter(cpu, n, slice)
        && exit.kind == RegionExitKind::Interpret
    {
        interpreter.instruction(cpu);
    }
}
