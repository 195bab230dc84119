//! The engines that generate code and what lies outside the CPU: the interpreter's suite of `target-i386`.

#[path = "../../target-i386/tests/devices/suite.rs"]
mod suite;

use accel_tcg::optimizing::RegionConfig;
use accel_tcg::{Engine, Execution, ExecutionConfig};
use suite::Run;
use target_i386::testbench::TestBench;

fn run(bench: &TestBench, engine: Engine) -> Run {
    let config = ExecutionConfig {
        engine,
        code_size: 1 << 20,
        regions: RegionConfig {
            hot: 1,
            wait: true,
            straight: true,
        },
        fault: None,
    };
    let mut execution = Execution::new(&bench.cpu, config);
    assert_eq!(execution.fallback(), None);
    Box::new(move |bench, budget| execution.run(&mut bench.cpu, budget))
}

const ENGINES: [suite::Engine; 3] = [
    |bench| run(bench, Engine::Baseline),
    |bench| run(bench, Engine::Optimizing),
    |bench| run(bench, Engine::InterpreterOptimizing),
];

#[test]
fn a_device_sees_the_exact_count() {
    ENGINES.into_iter().for_each(suite::a_device_sees_the_exact_count);
}

#[test]
fn dma_into_running_code_counts_from_the_next_instruction() {
    ENGINES
        .into_iter()
        .for_each(suite::dma_into_running_code_counts_from_the_next_instruction);
}

#[test]
fn code_outside_ram_runs_uncached() {
    ENGINES
        .into_iter()
        .for_each(suite::code_outside_ram_runs_uncached);
}

#[test]
fn an_exit_request_ends_the_run_between_blocks() {
    ENGINES
        .into_iter()
        .for_each(suite::an_exit_request_ends_the_run_between_blocks);
}

#[test]
fn a_changed_map_is_seen_by_the_next_instruction() {
    ENGINES
        .into_iter()
        .for_each(suite::a_changed_map_is_seen_by_the_next_instruction);
}
