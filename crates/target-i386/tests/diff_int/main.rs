//! Every integer instruction in the interpreter against the host CPU.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[allow(dead_code)] // each suite uses part of it
#[path = "../host/mod.rs"]
mod host;
#[path = "suite.rs"]
mod suite;

#[test]
fn integer_instructions_match_the_host() {
    suite::run(host::INTERPRETER);
}
