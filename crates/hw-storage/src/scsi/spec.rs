//! SCSI: SPC-4, SBC-3 and MMC-5: operation codes, sense codes.

/// Operation codes.
pub mod op {
    /// TEST UNIT READY.
    pub const TEST_UNIT_READY: u8 = 0x00;
    /// REZERO UNIT.
    pub const REZERO_UNIT: u8 = 0x01;
    /// REQUEST SENSE.
    pub const REQUEST_SENSE: u8 = 0x03;
    /// READ (6).
    pub const READ_6: u8 = 0x08;
    /// WRITE (6).
    pub const WRITE_6: u8 = 0x0a;
    /// INQUIRY.
    pub const INQUIRY: u8 = 0x12;
    /// MODE SELECT (6).
    pub const MODE_SELECT_6: u8 = 0x15;
    /// RESERVE (6).
    pub const RESERVE_6: u8 = 0x16;
    /// RELEASE (6).
    pub const RELEASE_6: u8 = 0x17;
    /// MODE SENSE (6).
    pub const MODE_SENSE_6: u8 = 0x1a;
    /// START STOP UNIT.
    pub const START_STOP: u8 = 0x1b;
    /// PREVENT ALLOW MEDIUM REMOVAL.
    pub const PREVENT_ALLOW: u8 = 0x1e;
    /// READ CAPACITY (10).
    pub const READ_CAPACITY_10: u8 = 0x25;
    /// READ (10).
    pub const READ_10: u8 = 0x28;
    /// WRITE (10).
    pub const WRITE_10: u8 = 0x2a;
    /// SEEK (10).
    pub const SEEK_10: u8 = 0x2b;
    /// WRITE AND VERIFY (10).
    pub const WRITE_VERIFY_10: u8 = 0x2e;
    /// VERIFY (10).
    pub const VERIFY_10: u8 = 0x2f;
    /// SYNCHRONIZE CACHE (10).
    pub const SYNCHRONIZE_CACHE_10: u8 = 0x35;
    /// WRITE SAME (10).
    pub const WRITE_SAME_10: u8 = 0x41;
    /// UNMAP.
    pub const UNMAP: u8 = 0x42;
    /// READ TOC/PMA/ATIP.
    pub const READ_TOC: u8 = 0x43;
    /// GET CONFIGURATION.
    pub const GET_CONFIGURATION: u8 = 0x46;
    /// GET EVENT STATUS NOTIFICATION.
    pub const GET_EVENT_STATUS: u8 = 0x4a;
    /// READ DISC INFORMATION.
    pub const READ_DISC_INFORMATION: u8 = 0x51;
    /// MODE SELECT (10).
    pub const MODE_SELECT_10: u8 = 0x55;
    /// MODE SENSE (10).
    pub const MODE_SENSE_10: u8 = 0x5a;
    /// READ (16).
    pub const READ_16: u8 = 0x88;
    /// WRITE (16).
    pub const WRITE_16: u8 = 0x8a;
    /// WRITE AND VERIFY (16).
    pub const WRITE_VERIFY_16: u8 = 0x8e;
    /// VERIFY (16).
    pub const VERIFY_16: u8 = 0x8f;
    /// SYNCHRONIZE CACHE (16).
    pub const SYNCHRONIZE_CACHE_16: u8 = 0x91;
    /// WRITE SAME (16).
    pub const WRITE_SAME_16: u8 = 0x93;
    /// SERVICE ACTION IN (16): READ CAPACITY (16) is action 10h.
    pub const SERVICE_ACTION_IN_16: u8 = 0x9e;
    /// REPORT LUNS.
    pub const REPORT_LUNS: u8 = 0xa0;
    /// READ (12).
    pub const READ_12: u8 = 0xa8;
    /// WRITE (12).
    pub const WRITE_12: u8 = 0xaa;
    /// READ DVD STRUCTURE.
    pub const READ_DVD_STRUCTURE: u8 = 0xad;
    /// SET CD SPEED.
    pub const SET_CD_SPEED: u8 = 0xbb;
    /// MECHANISM STATUS.
    pub const MECHANISM_STATUS: u8 = 0xbd;
    /// READ CD.
    pub const READ_CD: u8 = 0xbe;
}

/// Sense keys, and what goes with them.
pub mod sense {
    use super::super::Sense;

    /// Nothing to say.
    pub const NONE: Sense = Sense(0, 0, 0);
    /// The host could not read.
    pub const READ_ERROR: Sense = Sense(3, 0x11, 0);
    /// The host could not write.
    pub const WRITE_ERROR: Sense = Sense(3, 0x0c, 0);
    /// The host has no room.
    pub const NO_SPACE: Sense = Sense(7, 0x27, 7);
    /// No such command.
    pub const INVALID_OPCODE: Sense = Sense(5, 0x20, 0);
    /// Blocks that the medium has not.
    pub const OUT_OF_RANGE: Sense = Sense(5, 0x21, 0);
    /// A field of the command has a value that is not supported.
    pub const INVALID_FIELD: Sense = Sense(5, 0x24, 0);
    /// No such logical unit.
    pub const NO_UNIT: Sense = Sense(5, 0x25, 0);
    /// A field of the parameters has a value that is not supported.
    pub const INVALID_PARAMETER: Sense = Sense(5, 0x26, 0);
    /// Less parameters than the command says.
    pub const PARAMETER_LENGTH: Sense = Sense(5, 0x1a, 0);
    /// Saving parameters is not supported.
    pub const SAVING: Sense = Sense(5, 0x39, 0);
    /// Another medium; the state of the unit is not what it was.
    pub const MEDIUM_CHANGED: Sense = Sense(6, 0x28, 0);
    /// Power on or reset.
    pub const RESET: Sense = Sense(6, 0x29, 0);
    /// Another size.
    pub const CAPACITY_CHANGED: Sense = Sense(6, 0x2a, 9);
    /// No medium.
    pub const NO_MEDIUM: Sense = Sense(2, 0x3a, 0);
    /// The medium may not be taken out.
    pub const LOCKED: Sense = Sense(5, 0x53, 2);
    /// Write-protected.
    pub const WRITE_PROTECTED: Sense = Sense(7, 0x27, 0);
    /// The medium cannot be read so.
    pub const INCOMPATIBLE: Sense = Sense(5, 0x30, 0);
    /// A sector is of another kind.
    pub const ILLEGAL_MODE: Sense = Sense(5, 0x64, 0);
}
