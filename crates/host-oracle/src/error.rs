//! What can go wrong around an instruction, as opposed to in it.

use std::io;

/// The oracle itself failed; what the *instruction* did wrong is an [`Outcome`](crate::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This system does not let one process trace another (container policy, Yama, seccomp).
    #[error("this host refuses ptrace ({step}: {source}): native comparison is not possible here")]
    Refused {
        /// The call that was refused.
        step: &'static str,
        /// The host's answer.
        source: io::Error,
    },
    /// A step of setting up or driving the child failed for another reason.
    #[error("native oracle: {step}: {source}")]
    Host {
        /// What was being done.
        step: &'static str,
        /// The host's answer.
        source: io::Error,
    },
    /// The child ended; make a new oracle.
    #[error("native oracle: the traced child ended (wait status {status:#x})")]
    Ended {
        /// The raw wait status.
        status: i32,
    },
    /// A caller gave code that does not fit the code area.
    #[error("{len} bytes of code do not fit the code area at address {rip:#x}")]
    Code {
        /// Address the code was to start at.
        rip: u64,
        /// Number of bytes.
        len: usize,
    },
}

impl Error {
    /// Wraps `errno`, telling refusal apart from failure.
    pub(crate) fn last(step: &'static str) -> Self {
        Self::from_io(step, io::Error::last_os_error())
    }

    pub(crate) fn from_io(step: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => Error::Refused { step, source },
            _ => Error::Host { step, source },
        }
    }
}
