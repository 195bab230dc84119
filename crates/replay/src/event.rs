//! What a log holds: the events.
//!
//! Mirrors the event ids of QEMU's `replay/`, without its INSTRUCTION events (every event carries its instant) and with
//! CONTROL, which is what monitors and debuggers do to a machine. *Asynchronous* events come from outside through the
//! queue; *synchronous* ones are made where the guest, or the machine at a boundary, asks.
//!
//! The order of the variants is the format: a change of it, or of a payload, raises [`FORMAT`](crate::FORMAT).

mod kind;
mod show;

pub use kind::Kind;

use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A character backend received bytes.
    CharInput {
        /// Which one, by the number the machine gave it.
        driver: u32,
        /// What was received.
        bytes: Vec<u8>,
    },
    /// A character backend changed.
    CharEvent {
        /// Which one.
        driver: u32,
        /// How.
        what: CharChange,
    },
    /// One part of a key press, a button press or a movement.
    Input(Input),
    /// The parts since the last one belong together.
    InputSync,
    /// A packet from the network.
    Net {
        /// The wrapped backend.
        filter: u32,
        /// Of the packet, as the network layer numbers them.
        flags: u32,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A disk request was completed; its contents are computed again.
    Block {
        /// The request, numbered in the order of asking.
        id: u64,
    },
    /// A bottom half that the guest can see runs.
    BottomHalf {
        /// As the machine numbers them.
        id: u64,
    },
    /// What a monitor, QMP client or debugger did.
    Control(Control),

    /// A clock of the host was read.
    Clock {
        /// Which clock.
        kind: ClockKind,
        /// What it showed.
        ns: i64,
    },
    /// How a write to a character backend ended, where the guest can see it.
    CharWrite {
        /// The backend.
        driver: u32,
        /// Bytes taken, or a negative error.
        result: i32,
        /// How far the buffer was written.
        offset: u32,
    },
    /// A device waited for bytes of a backend.
    CharReadAll {
        /// The backend.
        driver: u32,
        /// What it got.
        bytes: Vec<u8>,
    },
    /// A device waited for bytes of a backend and got none.
    CharReadAllError {
        /// The backend.
        driver: u32,
        /// The error's number.
        error: i32,
    },
    /// Audio that the host consumed.
    AudioOut {
        /// Frames played.
        played: u64,
    },
    /// Audio that the host captured.
    AudioIn {
        /// Frames captured.
        count: u64,
        /// The write position in the ring.
        position: u64,
        /// Left and right of each frame.
        samples: Vec<(u64, u64)>,
    },
    /// Random numbers drawn from the host.
    Random {
        /// The numbers.
        bytes: Vec<u8>,
    },
    /// The machine stops.
    Shutdown {
        /// Why.
        cause: Shutdown,
    },
    /// A point that both runs pass in the same order.
    Checkpoint(Checkpoint),
    /// An interrupt was taken; only in strict logs.
    Interrupt {
        /// By which vCPU.
        vcpu: u32,
        /// Its vector.
        vector: u8,
    },
    /// An exception was delivered; only in strict logs.
    Exception {
        /// On which vCPU.
        vcpu: u32,
        /// Its vector.
        vector: u8,
    },
    /// What the machine's state amounts to.
    Digest {
        /// All vCPUs.
        vcpus: u64,
        /// All devices, clocks and queues.
        devices: u64,
        /// RAM.
        memory: u64,
    },
    /// A snapshot was taken. Of no meaning to a replay, which passes over it.
    Snapshot {
        /// Its name.
        name: String,
    },
    /// The recorder gave up (a size limit); the run went on without it.
    Stopped {
        /// Why, for people.
        reason: String,
    },
    /// The recording ended in order.
    End {
        /// Digest of the whole machine.
        digest: u64,
    },
    /// What the registers of all vCPUs amount to: says between two digests how far everything seems to be right.
    Trail {
        /// Of general registers, RIP and RFLAGS.
        registers: u16,
    },
}

/// How a character backend changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CharChange {
    /// Somebody is at the other end.
    Opened,
    /// Nobody is.
    Closed,
    /// A break condition.
    Break,
}

/// A part of what a person does with keyboard and mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// A key.
    Key {
        /// Linux's input event code.
        code: u16,
        /// Pressed, or released.
        down: bool,
    },
    /// A button of the pointer.
    Button {
        /// Left, right, middle, wheel up, wheel down: from 0.
        button: u8,
        /// Pressed, or released.
        down: bool,
    },
    /// A movement.
    Relative {
        /// 0 is x, 1 is y.
        axis: u8,
        /// By how much.
        delta: i32,
    },
    /// A position.
    Absolute {
        /// 0 is x, 1 is y.
        axis: u8,
        /// Of 0..=32767.
        value: i32,
    },
}

/// What somebody outside did to the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Reset.
    Reset,
    /// The power button, pressed shortly.
    PowerButton,
    /// A non-maskable interrupt to every vCPU.
    Nmi,
    /// Keys pressed together and released.
    SendKey {
        /// Linux's input event codes, in the order of pressing.
        keys: Vec<u16>,
        /// For how much virtual time.
        hold_ms: u32,
    },
    /// A medium taken out.
    Eject {
        /// Of this drive.
        device: String,
        /// Also if the guest has locked it.
        force: bool,
    },
    /// Memory written by a debugger.
    MemoryWrite {
        /// Where.
        address: u64,
        /// By this vCPU's address space, or physical.
        vcpu: Option<u32>,
        /// What.
        bytes: Vec<u8>,
    },
    /// A register written by a debugger.
    RegisterWrite {
        /// Whose.
        vcpu: u32,
        /// Which, as the debugger numbers them.
        register: u32,
        /// Its bytes, lowest first.
        bytes: Vec<u8>,
    },
    /// Anything else, as a line that the machine reads.
    Other(String),
}

/// Clocks of the host that a guest can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClockKind {
    /// Time of day.
    Host,
    /// Monotonic time less pauses, running on real time under counted instructions too.
    VirtualRt,
}

/// Why a machine stops or starts over. QEMU's causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shutdown {
    /// No cause.
    None,
    /// An error of the host.
    HostError,
    /// `quit` in a monitor.
    QmpQuit,
    /// `system_reset` in a monitor.
    QmpReset,
    /// A signal.
    HostSignal,
    /// A window was closed.
    HostUi,
    /// The guest switched the machine off.
    GuestShutdown,
    /// The guest asked for a reset and `-no-reboot` makes that the end.
    GuestReset,
    /// The guest reported that it crashed.
    GuestPanic,
    /// A reset of a part of the machine.
    SubsystemReset,
    /// A snapshot is loaded.
    SnapshotLoad,
}

impl Shutdown {
    /// Whether the guest brings it about, so that a replay computes it again.
    pub fn is_guests(self) -> bool {
        matches!(
            self,
            Self::GuestShutdown | Self::GuestReset | Self::GuestPanic | Self::SubsystemReset
        )
    }
}

/// Points of the main loop whose order against the vCPU matters. QEMU's checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Checkpoint {
    /// An idle machine is about to warp.
    WarpStart,
    /// A warp is accounted.
    WarpAccount,
    /// A reset was asked for.
    ResetRequested,
    /// A suspension was asked for.
    SuspendRequested,
    /// Timers of virtual time run.
    ClockVirtual,
    /// Timers of the host's time of day run.
    ClockHost,
    /// Timers of virtual real time run.
    ClockVirtualRt,
    /// The machine is built.
    Init,
    /// The machine is reset.
    Reset,
}

impl Event {
    /// Whether it comes through the queue: in a replay the log sends it, and [`Replay::due`](crate::Replay::due)
    /// returns it. The end of a run by somebody outside is one of those.
    pub fn is_asynchronous(&self) -> bool {
        match self {
            Self::Shutdown { cause } => !cause.is_guests(),
            _ => self.kind().is_queued(),
        }
    }

    /// Whether a replay passes over it.
    pub fn is_remark(&self) -> bool {
        matches!(self, Self::Snapshot { .. })
    }
}
