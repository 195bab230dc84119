//! The interpreter and what lies outside the CPU.

mod suite;

use suite::Engine;

const INTERPRETER: Engine = |_| Box::new(|bench, budget| bench.run(budget));

#[test]
fn a_device_sees_the_exact_count() {
    suite::a_device_sees_the_exact_count(INTERPRETER);
}

#[test]
fn dma_into_running_code_counts_from_the_next_instruction() {
    suite::dma_into_running_code_counts_from_the_next_instruction(INTERPRETER);
}

#[test]
fn code_outside_ram_runs_uncached() {
    suite::code_outside_ram_runs_uncached(INTERPRETER);
}

#[test]
fn an_exit_request_ends_the_run_between_blocks() {
    suite::an_exit_request_ends_the_run_between_blocks(INTERPRETER);
}

#[test]
fn a_changed_map_is_seen_by_the_next_instruction() {
    suite::a_changed_map_is_seen_by_the_next_instruction(INTERPRETER);
}
