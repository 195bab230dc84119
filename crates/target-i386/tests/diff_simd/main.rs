//! Every SIMD instruction in the interpreter against the host CPU, and what makes them unavailable.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[allow(dead_code)] // each suite uses part of it
#[path = "../host/mod.rs"]
mod host;
#[path = "suite.rs"]
mod suite;

#[test]
fn every_simd_encoding_agrees_with_the_host() {
    suite::run(host::INTERPRETER);
}

#[test]
fn availability_and_alignment() {
    suite::availability(host::INTERPRETER);
}
