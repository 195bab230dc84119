//! The suites against the host CPU on the engines that generate code: every instruction is a block of its own, and
//! is compared with the interpreter, too.
//!
//! Suites and settings are those of `target-i386`; a third of the cases runs.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod generated;

#[path = "../../../target-i386/tests/host/mod.rs"]
mod host;
#[path = "../../../target-i386/tests/diff_int/suite.rs"]
mod integer;
#[path = "../../../target-i386/tests/diff_simd/suite.rs"]
mod simd;
#[path = "../../../target-i386/tests/x87_host/suite.rs"]
mod x87;

use accel_tcg::Engine;

const BASELINE: host::Engine = host::Engine {
    runner: |bench| generated::runner(bench, Engine::Baseline),
    share: 3,
    against_interpreter: true,
};

/// Each case is compiled by Cranelift, which takes its time.
const REGIONS: host::Engine = host::Engine {
    runner: |bench| generated::runner(bench, Engine::InterpreterOptimizing),
    share: 12,
    against_interpreter: true,
};

#[test]
fn integer_instructions() {
    integer::run(BASELINE);
}

#[test]
fn integer_instructions_in_regions() {
    integer::run(REGIONS);
}

#[test]
fn simd_instructions() {
    simd::run(BASELINE);
}

#[test]
fn availability_and_alignment_of_simd() {
    simd::availability(BASELINE);
}

#[test]
fn x87_instructions() {
    x87::run(BASELINE);
}
