//! Every x87 encoding in the interpreter against the host CPU.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[allow(dead_code)] // each suite uses part of it
#[path = "../host/mod.rs"]
mod host;
#[path = "suite.rs"]
mod suite;

#[test]
fn every_encoding_from_random_states() {
    suite::run(host::INTERPRETER);
}
