//! The interpreter as an engine: [`Vcpu::run`], or the same loop with a line for each block.

use crate::Look;
use crate::stats::{Report, Stopwatch};
use crate::trace::{self, Runner};
use target_i386::{Boundary, StopReason, Vcpu};

/// Interprets one vCPU.
pub struct Interpreting {
    look: Look,
    watch: Stopwatch,
}

impl Interpreting {
    /// Shows what `look` asks for, as far as an interpreter has it.
    pub fn new(look: Look) -> Self {
        Self {
            watch: Stopwatch::new(look.stats),
            look,
        }
    }

    /// Executes as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let start = self.watch.start();
        let reason = if self.look.at_executions() {
            self.run_shown(cpu, budget)
        } else {
            cpu.run(budget)
        };
        self.watch.ran(start);
        reason
    }

    fn run_shown(&self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let mut interpreter = cpu.take_interpreter();
        cpu.begin_run(budget);
        let reason = loop {
            let mut single = false;
            if !cpu.is_quiet() || cpu.budget_left() == 0 {
                match interpreter.boundary(cpu, &mut ()) {
                    Boundary::Run => {}
                    Boundary::Single => single = true,
                    Boundary::Stop(reason) => break reason,
                }
            }
            trace::execution(&self.look, cpu, Runner::Interpreter);
            if single {
                interpreter.single(cpu);
            } else {
                interpreter.block(cpu);
            }
        };
        cpu.put_interpreter(interpreter);
        cpu.publish_count();
        reason
    }

    /// What it has done so far.
    pub fn report(&self, cpu: &Vcpu) -> Report {
        Report {
            times: self.watch.times(),
            ..Report::new("interp", cpu)
        }
    }
}
