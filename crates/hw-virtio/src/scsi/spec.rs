//! VIRTIO 1.2, 5.6: numbers of the SCSI host.

/// Queue of task management.
pub const CONTROL: usize = 0;
/// Queue of events; nothing is ever told there.
pub const EVENT: usize = 1;
/// First queue of requests.
pub const REQUESTS: usize = 2;
/// Bytes of a request before its command: LUN, tag, task attribute, priority, CRN.
pub const HEADER: u64 = 19;
/// Bytes of a response before its sense data.
pub const RESPONSE: usize = 12;
/// Bytes of sense data, unless the driver says otherwise.
pub const SENSE_SIZE: u32 = 96;
/// Bytes of a command, unless the driver says otherwise.
pub const CDB_SIZE: u32 = 32;
/// Most that the driver may say of either.
pub const MAX_SIZE: u32 = 256;
/// Bytes of the configuration.
pub const CONFIG: usize = 36;
/// Offset of `sense_size` in it; `cdb_size` follows.
pub const CONFIG_SENSE_SIZE: u64 = 20;
/// Most bytes that one request moves.
pub const MAX_DATA: u64 = 32 << 20;
/// Bytes in flight above which no more requests are taken.
pub const MAX_IN_FLIGHT: u64 = 128 << 20;
/// Most bytes of parameters of one command.
pub const MAX_PARAMETERS: u64 = 64 << 10;

/// What the host says of a request (5.6.6.1).
pub mod response {
    /// The unit's status counts.
    pub const OK: u8 = 0;
    /// The command moves more than there are buffers for.
    pub const OVERRUN: u8 = 1;
    /// Task management ended it.
    pub const ABORTED: u8 = 2;
    /// There is no such unit.
    pub const BAD_TARGET: u8 = 3;
    /// Task management was done.
    pub const FUNCTION_SUCCEEDED: u8 = 10;
    /// Task management was not understood.
    pub const FUNCTION_REJECTED: u8 = 11;
}

/// Types of control requests (5.6.6.2).
pub mod control {
    /// Task management.
    pub const TASK_MANAGEMENT: u32 = 0;
    /// Which events could be told.
    pub const QUERY: u32 = 1;
    /// Which events are to be told.
    pub const SUBSCRIBE: u32 = 2;
}

/// Task management functions.
pub mod function {
    /// End one request.
    pub const ABORT_TASK: u32 = 0;
    /// End all of a unit.
    pub const ABORT_TASK_SET: u32 = 1;
    /// The same, of all initiators.
    pub const CLEAR_TASK_SET: u32 = 3;
    /// Reset the target.
    pub const NEXUS_RESET: u32 = 4;
    /// Reset the unit.
    pub const UNIT_RESET: u32 = 5;
}

/// SCSI status: good.
pub const GOOD: u8 = 0;
/// SCSI status: look at the sense data.
pub const CHECK_CONDITION: u8 = 2;
