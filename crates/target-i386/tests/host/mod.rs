//! What the suites against the host CPU share: the guest that mirrors the oracle's child, the engine that runs it,
//! and how much is run. `accel-tcg` includes these files for its engines.

mod bench;

pub use bench::Bench;

use host_oracle::{Error, Oracle};
use target_i386::Vcpu;
use target_i386::testbench::TestBench;

/// Vector and, for page faults, the address.
pub type Raised = Option<(u8, u64)>;

/// Executes instructions of a bench.
pub trait Runner {
    /// Executes the instruction at RIP, all iterations if it `repeats`. A fault is undelivered afterwards: the state is
    /// the one before the instruction.
    fn step(&mut self, bench: &mut TestBench, repeats: bool) -> Raised;

    /// The suite is over: complaints about how it was run.
    fn finish(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What is compared with the host.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Its runner for a bench.
    pub runner: fn(&mut TestBench) -> Box<dyn Runner>,
    /// It runs one of so many cases.
    pub share: u64,
    /// It is compared with the interpreter, too, in everything: flags that no manual defines included.
    pub against_interpreter: bool,
}

/// The reference.
pub const INTERPRETER: Engine = Engine {
    runner: |_| Box::new(Interpreter),
    share: 1,
    against_interpreter: false,
};

struct Interpreter;

impl Runner for Interpreter {
    fn step(&mut self, bench: &mut TestBench, _: bool) -> Raised {
        let cpu: &mut Vcpu = &mut bench.cpu;
        let fault = cpu.step_raw().err()?;
        let page_fault = fault.vector() == 14;
        Some((fault.vector(), if page_fault { cpu.state.fault_addr } else { 0 }))
    }
}

/// A number in the environment.
pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The oracle, unless this host allows none, which is said.
pub fn oracle() -> Option<Oracle> {
    match Oracle::new() {
        Ok(oracle) => Some(oracle),
        Err(error @ Error::Refused { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
