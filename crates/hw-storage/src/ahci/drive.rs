//! A drive behind a port: what it is, what it remembers, and the commands it works on.

use super::Link;
use super::table::Cursor;
use crate::ata::TaskFile;
use crate::ata::identify::Identity;
use crate::ata::spec::{PACKET_SIGNATURE, SECTOR, status};
use crate::ata::{Geometry, spec::command};
use crate::scsi::{Kind, Names, Unit, UnitState};
use hw_core::Disk;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Sectors that one request to the disk moves, at most.
pub(super) const PORTION: u32 = 2048;

/// What a command still has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Job {
    /// Sectors to memory; `portion` of them are asked for.
    Read { lba: u64, left: u32, portion: u32 },
    /// Sectors from memory.
    Write {
        lba: u64,
        left: u32,
        portion: u32,
        durable: bool,
    },
    /// Everything to stable storage.
    Flush,
    /// Ranges, offset and length in bytes, the next one last.
    Discard(Vec<(u64, u64)>),
    /// Bytes of a CD.
    Packet { offset: u64, left: u64, portion: u32 },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub slot: u8,
    pub code: u8,
    pub task: TaskFile,
    pub cursor: Cursor,
    pub job: Option<Job>,
}

impl Request {
    /// Whether it is one of many at a time.
    pub fn is_queued(&self) -> bool {
        matches!(self.code, command::READ_QUEUED | command::WRITE_QUEUED)
    }
}

/// Why the queue stopped: what log 10h says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QueueError {
    /// The command's tag; none if it was no queued one.
    pub tag: Option<u8>,
    pub status: u8,
    pub error: u8,
    pub task: TaskFile,
}

/// What of a drive is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DriveState {
    pub mode: u8,
    pub multiple: u8,
    pub write_cache: bool,
    /// Software holds it in reset.
    pub held: bool,
    /// Queued commands are refused until log 10h is read.
    pub queue_error: Option<QueueError>,
    /// With the disk, by slot, which is the tag.
    pub requests: BTreeMap<u8, Request>,
    pub unit: Option<UnitState>,
}

/// A drive.
pub(super) struct Drive {
    link: Arc<Link>,
    names: Names,
    unit: Option<Unit>,
    pub state: DriveState,
}

impl Drive {
    /// A drive after power on.
    pub fn new(link: Arc<Link>, names: Names) -> Self {
        let unit =
            (link.kind == Kind::Cd).then(|| Unit::new(link.kind, Arc::clone(&link.disk), names.clone()));
        Self {
            link,
            names,
            unit,
            state: DriveState {
                mode: 0,
                multiple: 0,
                write_cache: true,
                held: false,
                queue_error: None,
                requests: BTreeMap::new(),
                unit: None,
            },
        }
    }

    pub fn kind(&self) -> Kind {
        self.link.kind
    }

    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.link.disk
    }

    pub fn sectors(&self) -> u64 {
        self.disk().medium().map_or(0, |medium| medium.size / SECTOR)
    }

    /// The packet device's unit, which has heard of everything.
    pub fn unit(&mut self) -> Option<&mut Unit> {
        let unit = self.unit.as_mut()?;
        if self.link.changed.swap(false, Ordering::Relaxed) {
            unit.medium_changed();
        }
        if self.link.ejecting.swap(false, Ordering::Relaxed) {
            unit.eject_requested();
        }
        Some(unit)
    }

    /// Reset of the link or by software, or of the machine (`hard`).
    pub fn reset(&mut self, hard: bool) {
        let state = &mut self.state;
        state.queue_error = None;
        state.held = false;
        if hard {
            (state.mode, state.multiple, state.write_cache) = (0, 0, true);
            state.requests.clear();
            if let Some(unit) = self.unit() {
                unit.reset();
            }
        }
    }

    /// PxSIG.
    pub fn signature(&self) -> u32 {
        let [mid, high] = self.signature_bytes();
        u32::from_le_bytes([1, 1, mid, high])
    }

    fn signature_bytes(&self) -> [u8; 2] {
        match self.kind() {
            Kind::Disk => [0, 0],
            Kind::Cd => PACKET_SIGNATURE,
        }
    }

    /// The registers after a reset.
    pub fn greeting(&self) -> TaskFile {
        let [mid, high] = self.signature_bytes();
        TaskFile {
            count: [1, 0],
            low: [1, 0],
            mid: [mid, 0],
            high: [high, 0],
            ..TaskFile::default()
        }
    }

    /// The status register after a reset.
    pub fn idle_status(&self) -> u32 {
        match self.kind() {
            Kind::Disk => u32::from(status::DRDY | status::DSC),
            Kind::Cd => 0,
        }
    }

    /// For IDENTIFY.
    pub fn identity(&self) -> Identity<'_> {
        let sectors = self.sectors();
        Identity {
            serial: &self.names.serial,
            model: &self.names.product,
            sectors,
            geometry: Geometry::of(sectors),
            current: Geometry::of(sectors),
            multiple: self.state.multiple,
            mode: self.state.mode,
            write_cache: self.state.write_cache,
            can_discard: self.disk().medium().is_some_and(|medium| medium.can_discard),
            queues: true,
        }
    }

    /// The state, with the unit's.
    pub fn save(&self) -> DriveState {
        DriveState {
            unit: self.unit.as_ref().map(|unit| unit.state().clone()),
            ..self.state.clone()
        }
    }

    /// Whether this can be the drive's state.
    pub fn check(&self, state: &DriveState) -> bool {
        let sound = |(&slot, request): (&u8, &Request)| {
            u32::from(slot) < super::spec::SLOTS
                && slot == request.slot
                && match &request.job {
                    Some(
                        Job::Read { lba, left, portion }
                        | Job::Write {
                            lba, left, portion, ..
                        },
                    ) => *portion <= PORTION && portion <= left && *left <= 0x1_0000 && *lba <= 1 << 48,
                    Some(Job::Packet {
                        offset,
                        left,
                        portion,
                    }) => u64::from(*portion) <= *left && offset.checked_add(*left).is_some(),
                    Some(_) => true,
                    None => false,
                }
        };
        state.unit.is_some() == self.unit.is_some() && state.requests.iter().all(sound)
    }

    pub fn load(&mut self, state: DriveState) {
        self.state = state;
        if let (Some(unit), Some(state)) = (&mut self.unit, self.state.unit.take()) {
            unit.set_state(state);
        }
    }
}
