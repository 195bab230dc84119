//! The optimizing engine: hot loops compiled by Cranelift on a thread of their own, while something slower runs
//! everything else: the baseline engine, or ([`Optimizing`]) the interpreter.

pub mod compile;
pub mod listing;
pub mod module;
mod reclaim;
mod regions;

pub use crate::stats::RegionCounters;
pub use regions::{At, RegionConfig, Regions};

use crate::Look;
use crate::code_buffer::CodeBuffer;
use crate::stats::{Part, Report, Stopwatch};
use compile::{Client, Compiler};
use listing::Wish;
use std::io;
use std::sync::Arc;
use target_i386::clif::RegionExitKind;
use target_i386::{Boundary, Interpreter, StopReason, Vcpu};

/// Most instructions between two looks at requests from other threads.
pub const SLICE: u64 = 16 << 10;
/// Beside the baseline engine, regions get one part in so many of the memory for code.
pub const SHARE: usize = 4;

/// The compiling thread of a machine, with `size` bytes for code.
///
/// # Errors
/// The host has no executable memory or thread to give.
pub fn compiler(size: usize, look: &Look) -> io::Result<Arc<Compiler>> {
    Compiler::new(CodeBuffer::for_look(size, look)?, Wish::of(look))
}

/// Interpreter and regions: the translator of a host for which there is no one-pass emitter.
pub struct Optimizing {
    regions: Regions,
    watch: Stopwatch,
}

impl Optimizing {
    /// An engine with `size` bytes for code.
    ///
    /// # Errors
    /// The host has no executable memory to give.
    pub fn new(size: usize, config: RegionConfig) -> io::Result<Self> {
        Self::with_look(size, config, Look::default())
    }

    /// The same, which shows what `look` asks for, as far as it is about regions.
    ///
    /// # Errors
    /// As [`Optimizing::new`].
    pub fn with_look(size: usize, config: RegionConfig, look: Look) -> io::Result<Self> {
        let buffer = CodeBuffer::for_look(size, &look)?;
        Ok(Self {
            watch: Stopwatch::new(look.stats),
            regions: Regions::new(buffer, config, look)?,
        })
    }

    /// The same, with a compiler that other vCPUs use, too.
    pub fn with_client(client: Client, config: RegionConfig, look: Look) -> Self {
        Self {
            watch: Stopwatch::new(look.stats),
            regions: Regions::with_client(client, config, look),
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> RegionCounters {
        self.regions.counters()
    }

    /// What it has done so far.
    pub fn report(&self, cpu: &Vcpu) -> Report {
        Report {
            regions: Some(self.counters()),
            times: self.watch.times(),
            ..Report::new("interp+optimizing", cpu)
        }
    }

    /// Executes until `budget` instructions are complete or something else ends the run; as [`Vcpu::run`].
    pub fn run(&mut self, cpu: &mut Vcpu, budget: u64) -> StopReason {
        let start = self.watch.start();
        let mut interpreter = cpu.take_interpreter();
        cpu.begin_run(budget);
        self.regions.begin(cpu);
        let reason = self.run_blocks(cpu, &mut interpreter);
        self.regions.end();
        cpu.put_interpreter(interpreter);
        cpu.publish_count();
        self.watch.ran(start);
        reason
    }

    fn run_blocks(&mut self, cpu: &mut Vcpu, interpreter: &mut Interpreter) -> StopReason {
        loop {
            self.watch.round();
            if !cpu.is_quiet() || cpu.budget_left() == 0 {
                match interpreter.boundary(cpu, &mut self.regions) {
                    Boundary::Run => {}
                    Boundary::Single => {
                        interpreter.single(cpu);
                        continue;
                    }
                    Boundary::Stop(reason) => return reason,
                }
                self.watch.mark(Part::Boundary);
            }
            self.regions.poll();
            let at = self.regions.at(cpu, 1);
            self.watch.mark(Part::Lookup);
            match at {
                At::Region(n) | At::New(n, ..) if !short(cpu, &self.regions, n) => {
                    run_region(&mut self.regions, cpu, interpreter, n, &mut self.watch);
                }
                _ => interpreter.block(cpu),
            }
            self.watch.mark(Part::Interpreter);
        }
    }
}

/// Whether what is left of the budget gets nowhere in a region.
pub fn short(cpu: &Vcpu, regions: &Regions, n: usize) -> bool {
    cpu.budget_left() < regions.least(n)
}

/// Runs a region, and the instruction that it could not execute.
pub fn run_region(
    regions: &mut Regions,
    cpu: &mut Vcpu,
    interpreter: &mut Interpreter,
    n: usize,
    watch: &mut Stopwatch,
) {
    let slice = cpu.budget_left().min(SLICE);
    let exit = regions.enter(cpu, n, slice);
    watch.mark(Part::Regions);
    if exit.is_some_and(|exit| exit.kind == RegionExitKind::Interpret) {
        interpreter.instruction(cpu);
        watch.mark(Part::Interpreter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use target_i386::testbench::{CODE, DATA, Mode, TestBench};

    /// l: add eax, 3; inc ecx; jmp l
    const LOOP: &[u8] = &[0x83, 0xc0, 0x03, 0xff, 0xc1, 0xeb, 0xf9];
    /// mov byte [rdi], 5; jmp $
    const PATCH: &[u8] = &[0xc6, 0x07, 0x05, 0xeb, 0xfe];

    fn start() -> (TestBench, Optimizing) {
        let mut bench = TestBench::new(Mode::Long);
        bench.put(CODE, LOOP);
        bench.put(DATA, PATCH);
        bench.cpu.state.rip = CODE;
        bench.cpu.state.gpr[0] = 0;
        bench.cpu.state.gpr[1] = 0;
        let config = RegionConfig {
            hot: 2,
            wait: true,
            ..RegionConfig::default()
        };
        (bench, Optimizing::new(1 << 16, config).expect("memory for code"))
    }

    #[test]
    fn hot_loops_run_compiled_to_the_instruction() {
        let (mut bench, mut engine) = start();
        assert_eq!(engine.run(&mut bench.cpu, 3001), StopReason::Budget);
        let counters = engine.counters();
        assert_eq!((counters.installed, counters.instructions), (1, 3));
        assert!(counters.entered > 0);
        assert_eq!(bench.cpu.icount, 3001);
        assert_eq!(bench.cpu.state.gpr[..2], [3003, 1000]);
        assert_eq!(bench.cpu.state.rip, CODE + 3);
    }

    #[test]
    fn a_write_to_a_loop_ends_its_region() {
        let (mut bench, mut engine) = start();
        engine.run(&mut bench.cpu, 300);
        bench.cpu.state.rip = DATA;
        bench.cpu.state.gpr[7] = CODE + 2;
        engine.run(&mut bench.cpu, 10);
        assert_eq!(engine.counters().invalidated, 1);
        bench.cpu.state.rip = CODE;
        engine.run(&mut bench.cpu, 300);
        assert_eq!(bench.cpu.state.gpr[0], 300 + 500);
        assert_eq!(bench.cpu.state.gpr[1], 200);
    }

    /// The oldest regions go, and their room is used again.
    #[test]
    fn a_small_buffer_serves_many_loops() {
        const LOOPS: u64 = 64;
        let (mut bench, _) = start();
        let config = RegionConfig {
            hot: 2,
            wait: true,
            ..RegionConfig::default()
        };
        let mut engine = Optimizing::new(1, config).expect("memory for code");
        for n in 0..LOOPS {
            bench.put(CODE + 16 * n, LOOP);
        }
        for n in 0..2 * LOOPS {
            bench.cpu.state.rip = CODE + 16 * (n % LOOPS);
            bench.cpu.state.gpr[0] = 0;
            assert_eq!(engine.run(&mut bench.cpu, 300), StopReason::Budget);
            assert_eq!(bench.cpu.state.gpr[0], 300);
        }
        let counters = engine.counters();
        assert_eq!(counters.buffer, 4096);
        // The first ones are gone when their turn comes again.
        assert!(
            counters.compiled > LOOPS && counters.entered >= 2 * LOOPS,
            "{counters:?}"
        );
        assert!(counters.code_bytes > 3 * counters.buffer, "{counters:?}");
        assert!(
            counters.evicted > LOOPS && counters.reclaimed > LOOPS,
            "{counters:?}"
        );
        assert_eq!(counters.refused, 0);
    }

    #[test]
    fn writes_beside_a_loop_leave_it_alone() {
        let (mut bench, mut engine) = start();
        engine.run(&mut bench.cpu, 300);
        bench.cpu.state.rip = DATA;
        bench.cpu.state.gpr[7] = CODE + 0x800;
        engine.run(&mut bench.cpu, 1);
        assert_eq!(engine.counters().invalidated, 0);
    }
}
