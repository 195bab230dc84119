//! What a machine tells everybody who is connected.

use serde_json::{Value, json};

/// The host's time of day. The caller reads the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// And microseconds.
    pub microseconds: i64,
}

impl Timestamp {
    /// From nanoseconds since 1970.
    pub fn from_ns(ns: i64) -> Self {
        Self {
            seconds: ns.div_euclid(1_000_000_000),
            microseconds: ns.rem_euclid(1_000_000_000) / 1000,
        }
    }
}

/// Who wanted a reset or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The guest switched itself off.
    GuestShutdown,
    /// The guest reset itself.
    GuestReset,
    /// `quit`.
    HostQuit,
    /// `system_reset`.
    HostReset,
    /// A signal of the host's.
    HostSignal,
    /// The terminal or the debugger.
    HostUi,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::GuestShutdown => "guest-shutdown",
            Self::GuestReset => "guest-reset",
            Self::HostQuit => "host-qmp-quit",
            Self::HostReset => "host-qmp-system-reset",
            Self::HostSignal => "host-signal",
            Self::HostUi => "host-ui",
        }
    }

    fn to_json(self) -> Value {
        let guest = matches!(self, Self::GuestShutdown | Self::GuestReset);
        json!({ "guest": guest, "reason": self.name() })
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The emulator ends, or the guest has switched itself off.
    Shutdown(Cause),
    /// The machine was reset.
    Reset(Cause),
    /// The power button was pressed.
    Powerdown,
    /// The guest does not run any more.
    Stop,
    /// It runs.
    Resume,
}

impl Event {
    pub(crate) fn to_json(self, at: Timestamp) -> Value {
        let (name, data) = match self {
            Self::Shutdown(cause) => ("SHUTDOWN", Some(cause)),
            Self::Reset(cause) => ("RESET", Some(cause)),
            Self::Powerdown => ("POWERDOWN", None),
            Self::Stop => ("STOP", None),
            Self::Resume => ("RESUME", None),
        };
        let mut message = json!({
            "timestamp": { "seconds": at.seconds, "microseconds": at.microseconds },
            "event": name,
        });
        if let Some(cause) = data {
            message["data"] = cause.to_json();
        }
        message
    }
}
