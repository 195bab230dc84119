//! SCSI commands of a disk and a CD drive, without a bus: commands go in, plans come out.
//!
//! A transport (virtio-scsi, ATAPI over IDE or AHCI) hands a command to [`Unit::start`] and carries out the [`Plan`]: it
//! moves the bytes between initiator and medium itself, in portions as it likes, and tells [`Unit::failed`] what went
//! wrong. The unit never waits and holds no request, so its state is a few bytes. Mirrors QEMU's `hw/scsi/scsi-disk.c`
//! and `hw/ide/atapi.c` in behaviour.

mod block;
mod cd;
mod inquiry;
mod mode;
pub mod spec;
#[cfg(test)]
mod tests;

pub(crate) use inquiry::padded;

use hw_core::{Disk, DiskError, DiskOp, Medium};
use serde::{Deserialize, Serialize};
use spec::{op, sense};
use std::sync::Arc;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A direct-access device.
    Disk,
    /// A CD or DVD drive.
    Cd,
}

/// Sense key, additional sense code, and its qualifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sense(pub u8, pub u8, pub u8);

impl Sense {
    /// Fixed format, current error (SPC-4, 4.5.3).
    pub fn bytes(self) -> [u8; 18] {
        let mut bytes = [0; 18];
        (bytes[0], bytes[2], bytes[7]) = (0x70, self.0, 10);
        (bytes[12], bytes[13]) = (self.1, self.2);
        bytes
    }
}

/// What is to be done for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is done: these bytes for the initiator (who may want fewer), GOOD status.
    Done(Vec<u8>),
    /// It failed: CHECK CONDITION.
    Failed(Sense),
    /// Bytes of the medium for the initiator, then GOOD.
    Read {
        /// From here.
        offset: u64,
        /// So many, within the medium.
        length: u64,
    },
    /// Bytes of the initiator's for the medium, then GOOD.
    Write {
        /// From here.
        offset: u64,
        /// So many, within the medium.
        length: u64,
        /// On stable storage before GOOD.
        durable: bool,
    },
    /// So many bytes of parameters of the initiator's, with which [`Unit::parameters`] goes on.
    Parameters {
        /// Bytes.
        length: u32,
    },
    /// Requests to the disk, one after the other; then GOOD.
    Requests(Vec<DiskOp>),
}

/// What of a unit is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// Of the last command.
    sense: Sense,
    /// Told to the next command.
    attention: Vec<Sense>,
    locked: bool,
    /// Told to GET EVENT STATUS NOTIFICATION once.
    event: u8,
    write_cache_off: bool,
}

/// A logical unit.
pub struct Unit {
    kind: Kind,
    disk: Arc<dyn Disk>,
    /// For INQUIRY and MODE SENSE.
    names: Names,
    state: UnitState,
}

/// How a unit calls itself.
#[derive(Clone, Debug)]
pub struct Names {
    /// Vendor, at most 8 characters.
    pub vendor: String,
    /// Product, at most 16.
    pub product: String,
    /// Revision, at most 4.
    pub revision: String,
    /// Serial number.
    pub serial: String,
    /// World wide name, if it has one.
    pub wwn: Option<u64>,
}

impl Names {
    /// The usual ones; the serial number is the disk's.
    pub fn new(kind: Kind, disk: &dyn Disk) -> Self {
        let product = match kind {
            Kind::Disk => "REPRISE HARDDISK",
            Kind::Cd => "REPRISE CD-ROM",
        };
        Self {
            vendor: "REPRISE".into(),
            product: product.into(),
            revision: "1.0".into(),
            serial: disk.serial(),
            wwn: None,
        }
    }
}

/// Big-endian numbers of a command or of parameters; what is not there is 0.
fn be(bytes: &[u8], at: usize, length: usize) -> u64 {
    (at..at + length).fold(0, |value, index| {
        value << 8 | u64::from(bytes.get(index).copied().unwrap_or(0))
    })
}

/// Bytes of a command whose first is this (SPC-4, 4.2.5.1).
pub const fn command_length(opcode: u8) -> usize {
    match opcode >> 5 {
        0 => 6,
        1 | 2 => 10,
        4 => 16,
        _ => 12,
    }
}

impl Unit {
    /// A unit over `disk`.
    pub fn new(kind: Kind, disk: Arc<dyn Disk>, names: Names) -> Self {
        Self {
            kind,
            disk,
            names,
            state: UnitState {
                attention: vec![sense::RESET],
                ..UnitState::default()
            },
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The disk behind it.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// What has to be saved.
    pub fn state(&self) -> &UnitState {
        &self.state
    }

    /// Takes back what was saved.
    pub fn set_state(&mut self, state: UnitState) {
        self.state = state;
    }

    /// Power on, or the bus's reset.
    pub fn reset(&mut self) {
        self.state = UnitState {
            attention: vec![sense::RESET],
            ..UnitState::default()
        };
    }

    /// [`DiskClient::medium_changed`](hw_core::DiskClient::medium_changed).
    pub fn medium_changed(&mut self) {
        let attention = match self.kind {
            Kind::Cd => sense::MEDIUM_CHANGED,
            Kind::Disk => sense::CAPACITY_CHANGED,
        };
        if !self.state.attention.contains(&attention) {
            self.state.attention.push(attention);
        }
        // MMC-5, table 335: media removal, or new media.
        self.state.event = if self.disk.medium().is_some() { 2 } else { 3 };
    }

    /// [`DiskClient::eject_requested`](hw_core::DiskClient::eject_requested).
    pub fn eject_requested(&mut self) {
        self.state.event = 1;
    }

    /// A request of a plan failed: the sense with which the command ends.
    pub fn failed(&mut self, error: DiskError, writing: bool) -> Sense {
        self.state.sense = match error {
            DiskError::Io if writing => sense::WRITE_ERROR,
            DiskError::Io => sense::READ_ERROR,
            DiskError::NoSpace => sense::NO_SPACE,
            DiskError::ReadOnly => sense::WRITE_PROTECTED,
            DiskError::OutOfRange => sense::OUT_OF_RANGE,
            DiskError::NoMedium => sense::NO_MEDIUM,
            DiskError::Unsupported => sense::INVALID_OPCODE,
        };
        self.state.sense
    }

    /// Says what is to be done for `command`, whose bytes are at least those of its [length](command_length).
    pub fn start(&mut self, command: &[u8]) -> Plan {
        let mut whole = [0; 16];
        let length = command.len().min(16);
        whole[..length].copy_from_slice(&command[..length]);
        let opcode = whole[0];
        // What there is to say is said first, but not to those who only look (SPC-4, 5.14).
        let looks = match opcode {
            op::INQUIRY | op::REPORT_LUNS | op::REQUEST_SENSE => true,
            op::GET_EVENT_STATUS => self.kind == Kind::Cd,
            _ => false,
        };
        if let (false, Some(&attention)) = (looks, self.state.attention.first()) {
            return self.end(Err(attention), true);
        }
        let plan = self.plan(opcode, &whole);
        self.end(plan, false)
    }

    /// Goes on with the parameters for which [`start`](Self::start) asked.
    pub fn parameters(&mut self, command: &[u8], parameters: &[u8]) -> Plan {
        let mut whole = [0; 16];
        let length = command.len().min(16);
        whole[..length].copy_from_slice(&command[..length]);
        let plan = match whole[0] {
            op::MODE_SELECT_6 => self.mode_select(parameters, 4),
            op::MODE_SELECT_10 => self.mode_select(parameters, 8),
            op::UNMAP => self.unmap(parameters),
            op::WRITE_SAME_10 | op::WRITE_SAME_16 => self.write_same(&whole, parameters),
            _ => Err(sense::INVALID_OPCODE),
        };
        self.end(plan, false)
    }

    fn end(&mut self, plan: Result<Plan, Sense>, attention: bool) -> Plan {
        match plan {
            Ok(plan) => plan,
            Err(failed) => {
                if attention {
                    self.state.attention.remove(0);
                }
                self.state.sense = failed;
                Plan::Failed(failed)
            }
        }
    }

    fn medium(&self) -> Result<Medium, Sense> {
        self.disk.medium().ok_or(sense::NO_MEDIUM)
    }

    fn plan(&mut self, opcode: u8, command: &[u8; 16]) -> Result<Plan, Sense> {
        match opcode {
            op::REQUEST_SENSE => {
                let told = if self.state.attention.is_empty() {
                    std::mem::take(&mut self.state.sense)
                } else {
                    self.state.attention.remove(0)
                };
                return Ok(cut(told.bytes().to_vec(), command[4].into()));
            }
            op::INQUIRY => return self.inquiry(command),
            op::REPORT_LUNS => {
                let mut list = vec![0; 16];
                list[3] = 8;
                return Ok(cut(list, be(command, 6, 4)));
            }
            op::TEST_UNIT_READY => {
                self.medium()?;
                return Ok(Plan::Done(Vec::new()));
            }
            op::MODE_SENSE_6 => return self.mode_sense(command, false),
            op::MODE_SENSE_10 => return self.mode_sense(command, true),
            op::MODE_SELECT_6 => return Ok(parameters(command[4].into())),
            op::MODE_SELECT_10 => return Ok(parameters(be(command, 7, 2))),
            op::START_STOP => return self.start_stop(command),
            op::PREVENT_ALLOW => {
                self.state.locked = command[4] & 1 != 0;
                self.disk.set_locked(self.state.locked);
                return Ok(Plan::Done(Vec::new()));
            }
            op::RESERVE_6 | op::RELEASE_6 => return Ok(Plan::Done(Vec::new())),
            _ => {}
        }
        match self.kind {
            Kind::Disk => self.disk_command(opcode, command),
            Kind::Cd => self.cd_command(opcode, command),
        }
    }

    fn start_stop(&mut self, command: &[u8; 16]) -> Result<Plan, Sense> {
        let (start, eject, condition) = (command[4] & 1 != 0, command[4] & 2 != 0, command[4] >> 4);
        if self.kind == Kind::Cd && eject && condition == 0 {
            if !start && self.state.locked {
                return Err(sense::LOCKED);
            }
            self.disk.eject(!start);
        }
        Ok(Plan::Done(Vec::new()))
    }
}

/// At most as many bytes as the initiator has room for.
fn cut(mut bytes: Vec<u8>, room: u64) -> Plan {
    bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    Plan::Done(bytes)
}

fn parameters(length: u64) -> Plan {
    if length == 0 {
        Plan::Done(Vec::new())
    } else {
        Plan::Parameters {
            length: length as u32,
        }
    }
}
