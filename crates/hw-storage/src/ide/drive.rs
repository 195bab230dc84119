//! A drive on an IDE cable: registers, the data port, and what a command waits for.
//!
//! Commands flow in through the registers, requests out to the disk one at a time, and data through the buffer: by the
//! CPU piece by piece, or by the channel's bus master as a whole. Nothing here drives a line; what has to happen is told
//! as an [`Effect`].

use super::bus_master::{BusMaster, Short};
use crate::ata::spec::*;
use crate::ata::{Geometry, TaskFile, Way};
use crate::scsi::{Kind, Sense, Unit, UnitState};
use hw_core::{Disk, DiskError, DiskOp, DiskResult, Dma};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sectors that one request of a DMA command asks for, at most.
const DMA_SECTORS: u32 = 2048;

/// What follows from something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The drive asks for the CPU's attention.
    pub interrupt: bool,
    /// A request for the disk.
    pub submit: Option<DiskOp>,
}

impl Effect {
    pub(super) const NONE: Self = Self {
        interrupt: false,
        submit: None,
    };
    pub(super) const INTERRUPT: Self = Self {
        interrupt: true,
        submit: None,
    };

    fn submit(op: DiskOp) -> Self {
        Self {
            interrupt: false,
            submit: Some(op),
        }
    }
}

/// Sectors that are left to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transfer {
    pub lba: u64,
    pub left: u32,
    pub way: Way,
    pub ext: bool,
    pub durable: bool,
    /// Sectors in the buffer, or asked for.
    pub portion: u32,
}

/// What a command still has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Job {
    Read(Transfer),
    Write(Transfer),
    Flush,
    /// Ranges, offset and length in bytes, the next one last.
    Discard(Vec<(u64, u64)>),
    /// The parameters of DATA SET MANAGEMENT.
    TrimList,
    /// Bytes of a CD.
    PacketRead {
        offset: u64,
        left: u64,
        portion: u32,
        dma: bool,
    },
    /// The buffer is what a packet command answers.
    PacketReply,
}

/// Where a command stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    #[default]
    Idle,
    /// The CPU reads the buffer; then there may be more.
    In(Option<Job>),
    /// The CPU fills the buffer.
    Out(Job),
    /// The CPU writes a packet command's twelve bytes.
    PacketOut,
    /// The CPU writes the parameters of this packet command.
    PacketParameters([u8; 12]),
    /// The bus master has to be started.
    Dma(Job),
    /// A request is with the disk.
    Disk(Job),
}

/// What of a drive is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveState {
    pub(super) task: TaskFile,
    pub(super) status: u8,
    pub(super) error: u8,
    pub(super) multiple: u8,
    pub(super) current: Geometry,
    pub(super) mode: u8,
    pub(super) write_cache: bool,
    pub(super) phase: Phase,
    pub(super) buffer: Vec<u8>,
    pub(super) position: u32,
    /// Where in the buffer the CPU is told of the next piece.
    pub(super) piece: u32,
    /// The packet command that is in the works uses DMA.
    pub(super) packet_dma: bool,
    pub(super) unit: Option<UnitState>,
}

/// A drive.
pub struct Drive {
    kind: Kind,
    disk: Arc<dyn Disk>,
    model: String,
    serial: String,
    pub(super) unit: Option<Unit>,
    pub(super) state: DriveState,
}

impl Drive {
    /// A drive in its state after power on.
    pub(super) fn new(
        kind: Kind,
        disk: Arc<dyn Disk>,
        model: String,
        serial: String,
        unit: Option<Unit>,
    ) -> Self {
        let geometry = Geometry::of(sectors(&*disk));
        let mut drive = Self {
            kind,
            disk,
            model,
            serial,
            unit,
            state: DriveState {
                task: TaskFile::default(),
                status: 0,
                error: 0,
                multiple: 0,
                current: geometry,
                mode: 0,
                write_cache: true,
                phase: Phase::Idle,
                buffer: Vec::new(),
                position: 0,
                piece: 0,
                packet_dma: false,
                unit: None,
            },
        };
        drive.reset(true);
        drive
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    pub(super) fn sectors(&self) -> u64 {
        sectors(&*self.disk)
    }

    /// Reset by software, or of the machine (`hard`).
    pub(super) fn reset(&mut self, hard: bool) {
        let state = &mut self.state;
        state.phase = Phase::Idle;
        state.buffer.clear();
        (state.position, state.piece, state.packet_dma) = (0, 0, false);
        if hard {
            state.task = TaskFile::default();
            (state.multiple, state.mode, state.write_cache) = (0, 0, true);
            state.current = Geometry::of(sectors(&*self.disk));
            if let Some(unit) = &mut self.unit {
                unit.reset();
            }
        }
        self.set_signature();
    }

    /// The registers after reset and diagnostics: which kind of drive it is.
    pub(super) fn set_signature(&mut self) {
        let (state, packet) = (&mut self.state, self.kind == Kind::Cd);
        let [mid, high] = if packet { PACKET_SIGNATURE } else { [0, 0] };
        state.task.device &= SLAVE;
        state.task.count[0] = 1;
        state.task.low[0] = 1;
        (state.task.mid[0], state.task.high[0]) = (mid, high);
        state.error = 1;
        state.status = if packet { 0 } else { status::DRDY | status::DSC };
    }

    /// The command ends well.
    pub(super) fn done(&mut self) -> Effect {
        self.state.phase = Phase::Idle;
        self.state.status = status::DRDY | status::DSC;
        Effect::INTERRUPT
    }

    /// The command ends badly.
    pub(super) fn fail(&mut self, error: u8) -> Effect {
        self.state.phase = Phase::Idle;
        self.state.status = status::DRDY | status::DSC | status::ERR;
        self.state.error = error;
        Effect::INTERRUPT
    }

    /// The packet command ends.
    fn packet_end(&mut self, failed: Option<Sense>) -> Effect {
        self.state.phase = Phase::Idle;
        self.state.task.count[0] = COMMAND_OR_END | TO_HOST;
        self.state.status = status::DRDY | status::DSC;
        self.state.error = 0;
        if let Some(sense) = failed {
            self.state.error = sense.0 << 4;
            if sense.0 == 5 {
                self.state.error |= error::ABRT;
            }
            self.state.status |= status::ERR;
        }
        Effect::INTERRUPT
    }

    /// Offers the CPU what is in the buffer.
    pub(super) fn offer(&mut self, then: Option<Job>) {
        let state = &mut self.state;
        state.phase = Phase::In(then);
        state.position = 0;
        state.piece = state.buffer.len() as u32;
        state.status = status::DRDY | status::DSC | status::DRQ;
    }

    /// Wants `length` bytes of the CPU.
    pub(super) fn want(&mut self, phase: Phase, length: usize) {
        let state = &mut self.state;
        state.buffer.clear();
        state.buffer.resize(length, 0);
        state.phase = phase;
        state.position = 0;
        state.piece = length as u32;
        state.status = status::DRDY | status::DSC | status::DRQ;
    }

    /// Waits for the bus master.
    pub(super) fn wait_for_dma(&mut self, job: Job) -> Effect {
        self.state.phase = Phase::Dma(job);
        self.state.status = status::DRDY | status::DSC | status::DRQ;
        Effect::NONE
    }

    /// Whether the bus master is all that is missing.
    pub(super) fn wants_dma(&self) -> bool {
        matches!(self.state.phase, Phase::Dma(_))
    }

    /// Asks the disk.
    pub(super) fn ask(&mut self, job: Job, op: DiskOp) -> Effect {
        self.state.phase = Phase::Disk(job);
        self.state.status = status::BSY;
        Effect::submit(op)
    }

    /// Sectors of the next portion.
    fn portion(&self, transfer: &Transfer) -> u32 {
        let most = match transfer.way {
            Way::Pio => 1,
            Way::Multiple => self.state.multiple.max(1).into(),
            Way::Dma => DMA_SECTORS,
        };
        transfer.left.min(most)
    }

    /// Asks for the next sectors.
    pub(super) fn read_on(&mut self, mut transfer: Transfer) -> Effect {
        transfer.portion = self.portion(&transfer);
        self.ask(
            Job::Read(transfer),
            DiskOp::Read {
                offset: transfer.lba * SECTOR,
                length: transfer.portion * SECTOR as u32,
            },
        )
    }

    /// Wants the next sectors of the CPU.
    pub(super) fn write_on(&mut self, mut transfer: Transfer) {
        transfer.portion = self.portion(&transfer);
        self.want(
            Phase::Out(Job::Write(transfer)),
            transfer.portion as usize * SECTOR as usize,
        );
    }

    /// The next bytes of a CD. A piece for the CPU is as long as it said in the cylinder registers.
    pub(super) fn packet_read_on(&mut self, offset: u64, left: u64, dma: bool) -> Effect {
        let most = if dma {
            u64::from(DMA_SECTORS) * SECTOR
        } else {
            (self.piece_limit() as u64 / 2048).max(1) * 2048
        };
        let portion = left.min(most) as u32;
        self.ask(
            Job::PacketRead {
                offset,
                left,
                portion,
                dma,
            },
            DiskOp::Read {
                offset,
                length: portion,
            },
        )
    }

    /// Bytes that the CPU takes at a time from a packet command.
    fn piece_limit(&self) -> usize {
        let task = &self.state.task;
        match usize::from(u16::from_le_bytes([task.mid[1], task.high[1]])) {
            0 | 0xffff => 0xfffe,
            1 => 2,
            limit => limit & !1,
        }
    }

    /// Offers the CPU the next piece of what a packet command answers.
    pub(super) fn packet_piece(&mut self) -> Effect {
        let limit = self.piece_limit();
        let state = &mut self.state;
        let length = (state.buffer.len() - state.position as usize).min(limit);
        state.piece = state.position + length as u32;
        state.task.mid[0] = length as u8;
        state.task.high[0] = (length >> 8) as u8;
        state.task.count[0] = TO_HOST;
        state.status = status::DRDY | status::DSC | status::DRQ;
        Effect::INTERRUPT
    }

    /// Offers what a packet command answers.
    pub(super) fn packet_reply(&mut self, data: Vec<u8>, then: Option<Job>) -> Effect {
        if data.is_empty() {
            return self.packet_end(None);
        }
        self.state.buffer = data;
        if self.state.packet_dma {
            return self.wait_for_dma(Job::PacketReply);
        }
        self.offer(then);
        self.packet_piece()
    }

    pub(super) fn packet_failed(&mut self, sense: Sense) -> Effect {
        self.packet_end(Some(sense))
    }

    pub(super) fn packet_done(&mut self) -> Effect {
        self.packet_end(None)
    }

    /// The CPU reads from the data port.
    pub(super) fn data_read(&mut self, size: u32) -> (u32, Effect) {
        let state = &mut self.state;
        let left = state.piece.saturating_sub(state.position);
        if state.status & status::DRQ == 0 || !matches!(state.phase, Phase::In(_)) || left == 0 {
            return (0, Effect::NONE);
        }
        let at = state.position as usize;
        let take = size.min(left) as usize;
        let mut bytes = [0; 4];
        bytes[..take].copy_from_slice(&state.buffer[at..at + take]);
        state.position += take as u32;
        let effect = if state.position == state.piece {
            self.piece_taken()
        } else {
            Effect::NONE
        };
        (u32::from_le_bytes(bytes), effect)
    }

    fn piece_taken(&mut self) -> Effect {
        let state = &mut self.state;
        let whole = state.position as usize >= state.buffer.len();
        if self.kind == Kind::Cd && state.task.count[0] == TO_HOST {
            if !whole {
                return self.packet_piece();
            }
            return match std::mem::take(&mut state.phase) {
                Phase::In(Some(Job::PacketRead {
                    offset, left, dma, ..
                })) => self.packet_read_on(offset, left, dma),
                _ => self.packet_end(None),
            };
        }
        match std::mem::take(&mut state.phase) {
            Phase::In(Some(Job::Read(transfer))) => self.read_on(transfer),
            _ => {
                // The end of a read by the CPU is not told.
                state.status = status::DRDY | status::DSC;
                Effect::NONE
            }
        }
    }

    /// The CPU writes to the data port.
    pub(super) fn data_write(&mut self, size: u32, value: u32) -> Effect {
        let state = &mut self.state;
        let wants = matches!(
            state.phase,
            Phase::Out(_) | Phase::PacketOut | Phase::PacketParameters(_)
        );
        let left = state.piece.saturating_sub(state.position);
        if state.status & status::DRQ == 0 || !wants || left == 0 {
            return Effect::NONE;
        }
        let at = state.position as usize;
        let take = size.min(left) as usize;
        state.buffer[at..at + take].copy_from_slice(&value.to_le_bytes()[..take]);
        state.position += take as u32;
        if state.position < state.piece {
            return Effect::NONE;
        }
        let data = std::mem::take(&mut state.buffer);
        match std::mem::take(&mut state.phase) {
            Phase::Out(Job::Write(transfer)) => self.write_portion(transfer, data),
            Phase::PacketOut => self.packet(&data),
            Phase::PacketParameters(command) => self.packet_parameters(&command, &data),
            _ => self.fail(error::ABRT),
        }
    }

    fn write_portion(&mut self, transfer: Transfer, data: Vec<u8>) -> Effect {
        let op = DiskOp::Write {
            offset: transfer.lba * SECTOR,
            data,
            durable: transfer.durable,
        };
        self.ask(Job::Write(transfer), op)
    }

    /// The bus master is active: moves what can be moved.
    pub(super) fn dma_start(&mut self, master: &mut BusMaster, dma: &Dma) -> Effect {
        match std::mem::take(&mut self.state.phase) {
            Phase::Dma(Job::Read(transfer)) => self.read_on(transfer),
            Phase::Dma(Job::Write(mut transfer)) => {
                transfer.portion = self.portion(&transfer);
                let mut data = vec![0; transfer.portion as usize * SECTOR as usize];
                match master.load(dma, &mut data) {
                    Ok(()) => self.write_portion(transfer, data),
                    Err(short) => self.dma_short(master, short),
                }
            }
            Phase::Dma(Job::TrimList) => {
                let mut list = vec![0; self.state.task.sectors(true) as usize * SECTOR as usize];
                match master.load(dma, &mut list) {
                    Ok(()) => {
                        master.finished();
                        self.trim(&list)
                    }
                    Err(short) => self.dma_short(master, short),
                }
            }
            Phase::Dma(Job::PacketRead {
                offset, left, dma, ..
            }) => self.packet_read_on(offset, left, dma),
            Phase::Dma(Job::PacketReply) => {
                let data = std::mem::take(&mut self.state.buffer);
                match master.store(dma, &data) {
                    Ok(()) => {
                        master.finished();
                        self.packet_end(None)
                    }
                    Err(short) => self.dma_short(master, short),
                }
            }
            phase => {
                self.state.phase = phase;
                Effect::NONE
            }
        }
    }

    /// Less memory than data: the command ends; only broken memory is an error that is told.
    fn dma_short(&mut self, master: &mut BusMaster, short: Short) -> Effect {
        master.stopped(short);
        match short {
            Short::Table => {
                self.done();
                Effect::NONE
            }
            Short::Memory => self.fail(error::ABRT),
        }
    }

    /// The disk has answered.
    pub(super) fn complete(&mut self, result: DiskResult, master: &mut BusMaster, dma: &Dma) -> Effect {
        let Phase::Disk(job) = std::mem::take(&mut self.state.phase) else {
            return Effect::NONE;
        };
        let data = match result {
            Ok(data) => data,
            Err(failed) => return self.failed(&job, failed, master),
        };
        match job {
            Job::Read(transfer) if data.len() as u64 == u64::from(transfer.portion) * SECTOR => {
                self.have_read(transfer, data, master, dma)
            }
            Job::Write(mut transfer) => {
                transfer.lba += u64::from(transfer.portion);
                transfer.left -= transfer.portion;
                if transfer.left == 0 {
                    self.moved(&transfer);
                    if transfer.way == Way::Dma {
                        master.finished();
                    }
                    return self.done();
                }
                if transfer.way == Way::Dma {
                    return self.dma_on(Job::Write(transfer), master, dma);
                }
                self.write_on(transfer);
                Effect::INTERRUPT
            }
            Job::Flush => self.done(),
            Job::Discard(ranges) => self.discard_on(ranges),
            Job::PacketRead {
                offset,
                left,
                portion,
                dma: by_dma,
            } if data.len() == portion as usize => {
                let (offset, left) = (offset + u64::from(portion), left - u64::from(portion));
                let more = (left > 0).then_some(Job::PacketRead {
                    offset,
                    left,
                    portion: 0,
                    dma: by_dma,
                });
                if !by_dma {
                    self.state.buffer = data;
                    self.offer(more);
                    return self.packet_piece();
                }
                if !master.is_active() {
                    // Stopped in between: what was read is lost.
                    return self.dma_short(master, Short::Table);
                }
                match (master.store(dma, &data), more) {
                    (Err(short), _) => self.dma_short(master, short),
                    (Ok(()), Some(job)) => self.dma_on(job, master, dma),
                    (Ok(()), None) => {
                        master.finished();
                        self.packet_end(None)
                    }
                }
            }
            // Not as many bytes as were asked for.
            _ => self.fail(error::ABRT),
        }
    }

    fn have_read(
        &mut self,
        mut transfer: Transfer,
        data: Vec<u8>,
        master: &mut BusMaster,
        dma: &Dma,
    ) -> Effect {
        transfer.lba += u64::from(transfer.portion);
        transfer.left -= transfer.portion;
        self.moved(&transfer);
        if transfer.way != Way::Dma {
            self.state.buffer = data;
            self.offer((transfer.left > 0).then_some(Job::Read(transfer)));
            return Effect::INTERRUPT;
        }
        if !master.is_active() {
            return self.dma_short(master, Short::Table);
        }
        match master.store(dma, &data) {
            Err(short) => self.dma_short(master, short),
            Ok(()) if transfer.left > 0 => self.dma_on(Job::Read(transfer), master, dma),
            Ok(()) => {
                master.finished();
                self.done()
            }
        }
    }

    /// More is to be moved, if the bus master still is at it.
    fn dma_on(&mut self, job: Job, master: &mut BusMaster, dma: &Dma) -> Effect {
        let effect = self.wait_for_dma(job);
        if master.is_active() {
            return self.dma_start(master, dma);
        }
        effect
    }

    /// The registers say how far it came.
    fn moved(&mut self, transfer: &Transfer) {
        let state = &mut self.state;
        state.task.count = [transfer.left as u8, (transfer.left >> 8) as u8];
        let last = transfer.lba.saturating_sub(1);
        state.task.set_address(last, transfer.ext, &state.current);
    }

    fn failed(&mut self, job: &Job, failed: DiskError, master: &mut BusMaster) -> Effect {
        match job {
            Job::PacketRead { dma, .. } => {
                if *dma {
                    master.finished();
                }
                let sense = self.unit.as_mut().map(|unit| unit.failed(failed, false));
                self.packet_end(Some(sense.unwrap_or_default()))
            }
            Job::Read(transfer) | Job::Write(transfer) => {
                let state = &mut self.state;
                state.task.set_address(transfer.lba, transfer.ext, &state.current);
                let read = matches!(job, Job::Read(_));
                self.fail(match failed {
                    DiskError::OutOfRange => error::IDNF,
                    DiskError::Io if read => error::UNC,
                    _ => error::ABRT,
                })
            }
            _ => self.fail(error::ABRT),
        }
    }

    /// The state, with the unit's.
    pub(super) fn save(&self) -> DriveState {
        DriveState {
            unit: self.unit.as_ref().map(|unit| unit.state().clone()),
            ..self.state.clone()
        }
    }

    /// Takes back what was saved; `false` if it cannot be this drive's.
    pub(super) fn check(&self, state: &DriveState) -> bool {
        let length = state.buffer.len() as u64;
        let sectors_of = |job: &Job| match job {
            Job::Read(transfer) | Job::Write(transfer) => {
                transfer.portion <= DMA_SECTORS
                    && transfer.portion <= transfer.left
                    && transfer.lba <= 1 << 48
                    && transfer.left <= 0x1_0000
            }
            Job::PacketRead {
                left,
                portion,
                offset,
                ..
            } => u64::from(*portion) <= *left && offset.checked_add(*left).is_some(),
            _ => true,
        };
        let sound = match &state.phase {
            Phase::In(Some(job)) | Phase::Out(job) | Phase::Dma(job) | Phase::Disk(job) => sectors_of(job),
            _ => true,
        };
        sound
            && u64::from(state.piece) <= length
            && state.position <= state.piece
            && length <= 0x1_0000 * SECTOR
            && state.unit.is_some() == self.unit.is_some()
            && state.current.heads != 0
            && state.current.sectors != 0
    }

    pub(super) fn load(&mut self, state: &DriveState) {
        self.state = state.clone();
        if let (Some(unit), Some(state)) = (&mut self.unit, self.state.unit.take()) {
            unit.set_state(state);
        }
    }
}

fn sectors(disk: &dyn Disk) -> u64 {
    disk.medium().map_or(0, |medium| medium.size / SECTOR)
}
