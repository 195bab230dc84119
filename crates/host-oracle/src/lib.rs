//! Runs single instructions on the host CPU, to compare the interpreter with.
//!
//! Mirrors nothing in QEMU (its nearest relative is the RISU tool). Data flows one way: a test
//! writes code, registers and memory into a [`State`] and the shared data area, [`Oracle::run`]
//! lets the silicon execute one instruction in a traced child process, and the same `State` then
//! holds what the CPU made of it.
//!
//! The child's address space holds nothing but the areas of [`layout`], so any other address
//! faults, and a seccomp filter turns every system call into a fault: random instruction bytes
//! cannot reach the machine that runs the test.
//!
//! ```
//! use host_oracle::{Error, Oracle, Outcome, State};
//!
//! let mut oracle = match Oracle::new() {
//!     Ok(oracle) => oracle,
//!     // A sandbox may forbid ptrace: skip, and say so.
//!     Err(error @ Error::Refused { .. }) => return println!("skipped: {error}"),
//!     Err(error) => panic!("{error}"),
//! };
//! let mut state = State::new();
//! state.gpr[0] = u64::MAX;
//! // add rax, 1
//! assert_eq!(oracle.run(&[0x48, 0x83, 0xc0, 0x01], &mut state).unwrap(), Outcome::Done);
//! assert_eq!(state.gpr[0], 0);
//! assert_eq!(state.rflags & 0x8d5, 0x55); // CF PF AF ZF
//! ```

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!("host-oracle drives an x86-64 Linux host; leave it out of the build elsewhere");

mod child;
mod error;
mod features;
pub mod layout;
mod oracle;
mod rng;
mod state;
mod trace;
mod verdict;
mod xsave;

pub use error::Error;
pub use features::{Features, features};
pub use oracle::{Fault, Mode, Oracle, Outcome, Signal};
pub use rng::Rng;
pub use state::{State, X87};
pub use verdict::{host_is_amd, judge};
