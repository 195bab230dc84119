//! Commands: from the request queues to units and disks, and their ends (VIRTIO 1.2, 5.6.6.1).

use super::spec::*;
use super::{Scsi, Target};
use crate::ring::Chain;
use hw_core::{DiskOp, DiskResult};
use hw_storage::scsi::{Plan, Sense};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A command at a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub queue: u16,
    pub chain: Chain,
    pub target: u8,
    /// The driver's name for it.
    pub id: u64,
    pub bytes: u64,
    /// Where data for the driver begins in the writable part.
    pub data_in: u64,
    pub writing: bool,
    /// What the disk is to do after what it does now.
    pub rest: Vec<Step>,
}

/// A [`DiskOp`] that can be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    Read {
        offset: u64,
        length: u32,
    },
    Write {
        offset: u64,
        data: Vec<u8>,
        durable: bool,
    },
    Flush,
    Discard {
        offset: u64,
        length: u64,
    },
    WriteZeroes {
        offset: u64,
        length: u64,
        may_unmap: bool,
    },
}

impl From<DiskOp> for Step {
    fn from(op: DiskOp) -> Self {
        match op {
            DiskOp::Read { offset, length } => Self::Read { offset, length },
            DiskOp::Write {
                offset,
                data,
                durable,
            } => Self::Write {
                offset,
                data,
                durable,
            },
            DiskOp::Flush => Self::Flush,
            DiskOp::Discard { offset, length } => Self::Discard { offset, length },
            DiskOp::WriteZeroes {
                offset,
                length,
                may_unmap,
            } => Self::WriteZeroes {
                offset,
                length,
                may_unmap,
            },
        }
    }
}

impl From<Step> for DiskOp {
    fn from(step: Step) -> Self {
        match step {
            Step::Read { offset, length } => Self::Read { offset, length },
            Step::Write {
                offset,
                data,
                durable,
            } => Self::Write {
                offset,
                data,
                durable,
            },
            Step::Flush => Self::Flush,
            Step::Discard { offset, length } => Self::Discard { offset, length },
            Step::WriteZeroes {
                offset,
                length,
                may_unmap,
            } => Self::WriteZeroes {
                offset,
                length,
                may_unmap,
            },
        }
    }
}

/// How a command ends.
pub(super) struct End {
    response: u8,
    sense: Option<Sense>,
    /// Bytes of data written for the driver.
    written: u64,
}

impl End {
    const GOOD: Self = Self::host(response::OK);

    /// As the host says, without the unit.
    pub const fn host(response: u8) -> Self {
        Self {
            response,
            sense: None,
            written: 0,
        }
    }

    fn failed(sense: Sense) -> Self {
        Self {
            sense: Some(sense),
            ..Self::GOOD
        }
    }
}

/// What came of a plan.
enum Next {
    End(End),
    Disk(DiskOp, Vec<Step>, u64),
}

/// Where the parts of a command are in its chain.
#[derive(Clone, Copy)]
struct Shape {
    data_out: u64,
    data_in: u64,
}

impl Scsi {
    /// Takes all commands of a queue, as far as there is room.
    pub(super) fn process(&self, queue: usize) {
        let mut ended = false;
        loop {
            let shape = {
                let mut state = self.state.lock();
                if state.bytes >= MAX_IN_FLIGHT {
                    state.stalled = true;
                    break;
                }
                Shape {
                    data_out: HEADER + u64::from(state.cdb_size),
                    data_in: RESPONSE as u64 + u64::from(state.sense_size),
                }
            };
            let mut chain = Chain::default();
            if !self.core.pop(queue, &mut chain) {
                break;
            }
            let header = chain.header::<{ HEADER as usize }>(self.core.dma(), 0);
            let whole = chain.readable_len() >= shape.data_out && chain.writable_len() >= shape.data_in;
            let (Some(header), true) = (header, whole) else {
                self.core.fail("a SCSI request without room for its parts");
                break;
            };
            let [lun @ .., i0, i1, i2, i3, i4, i5, i6, i7, _, _, _] = header;
            let id = u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
            let number = lun[1];
            let target = addressed(&lun).and_then(|number| self.target(number));
            let next = match &target {
                Some(target) => self.start(target, &chain, shape),
                None => Next::End(End::host(response::BAD_TARGET)),
            };
            match next {
                Next::End(end) => {
                    self.end(queue, &chain, shape.data_in, &end);
                    ended = true;
                }
                Next::Disk(op, rest, bytes) => {
                    let writing = !matches!(op, DiskOp::Read { .. });
                    let request = Request {
                        queue: queue as u16,
                        chain,
                        target: number,
                        id,
                        bytes,
                        data_in: shape.data_in,
                        writing,
                        rest,
                    };
                    self.submit(request, op);
                }
            }
        }
        if ended {
            self.core.signal(queue);
        }
    }

    fn submit(&self, request: Request, op: DiskOp) {
        let Some(target) = self.target(request.target) else {
            return;
        };
        let tag = {
            let mut state = self.state.lock();
            let tag = state.next_tag;
            state.next_tag = tag.wrapping_add(1);
            state.bytes = state.bytes.saturating_add(request.bytes);
            state.in_flight.insert(tag, request);
            tag
        };
        target.disk.submit(tag, op);
    }

    /// Has the unit look at a command.
    fn start(&self, target: &Arc<Target>, chain: &Chain, shape: Shape) -> Next {
        let mut cdb = vec![0; (shape.data_out - HEADER).max(16) as usize];
        let length = (shape.data_out - HEADER) as usize;
        if chain.read(self.core.dma(), HEADER, &mut cdb[..length]).is_err() {
            return Next::End(End::host(response::BAD_TARGET));
        }
        let plan = match target.with(|unit| unit.start(&cdb)) {
            Plan::Parameters { length } => {
                let room = chain.readable_len() - shape.data_out;
                let length = u64::from(length).min(room).min(MAX_PARAMETERS);
                let mut parameters = vec![0; length as usize];
                if chain
                    .read(self.core.dma(), shape.data_out, &mut parameters)
                    .is_err()
                {
                    return Next::End(End::host(response::OVERRUN));
                }
                target.with(|unit| unit.parameters(&cdb, &parameters))
            }
            plan => plan,
        };
        self.plan(plan, chain, shape)
    }

    fn plan(&self, plan: Plan, chain: &Chain, shape: Shape) -> Next {
        let (room_in, room_out) = (
            chain.writable_len() - shape.data_in,
            chain.readable_len() - shape.data_out,
        );
        let overrun = Next::End(End::host(response::OVERRUN));
        match plan {
            Plan::Done(bytes) => {
                let length = room_in.min(bytes.len() as u64) as usize;
                let written = chain.write(self.core.dma(), shape.data_in, &bytes[..length]);
                Next::End(End {
                    written: written.unwrap_or(0) as u64,
                    ..End::GOOD
                })
            }
            Plan::Failed(sense) => Next::End(End::failed(sense)),
            Plan::Read { length: 0, .. } | Plan::Write { length: 0, .. } => Next::End(End::GOOD),
            Plan::Read { offset, length } if length <= room_in.min(MAX_DATA) => {
                let op = DiskOp::Read {
                    offset,
                    length: length as u32,
                };
                Next::Disk(op, Vec::new(), length)
            }
            Plan::Write {
                offset,
                length,
                durable,
            } if length <= room_out.min(MAX_DATA) => {
                let mut data = vec![0; length as usize];
                if chain.read(self.core.dma(), shape.data_out, &mut data).is_err() {
                    return overrun;
                }
                Next::Disk(
                    DiskOp::Write {
                        offset,
                        data,
                        durable,
                    },
                    Vec::new(),
                    length,
                )
            }
            Plan::Requests(ops) => {
                let mut ops = ops.into_iter();
                match ops.next() {
                    Some(op) => Next::Disk(op, ops.map(Step::from).collect(), 0),
                    None => Next::End(End::GOOD),
                }
            }
            Plan::Read { .. } | Plan::Write { .. } | Plan::Parameters { .. } => overrun,
        }
    }

    /// A disk has done what it was asked.
    pub(super) fn completed(&self, tag: u64, result: DiskResult) {
        let (mut request, stalled) = {
            let mut state = self.state.lock();
            let Some(request) = state.in_flight.remove(&tag) else {
                return;
            };
            state.bytes = state.bytes.saturating_sub(request.bytes);
            let room = state.bytes < MAX_IN_FLIGHT;
            (request, room && std::mem::take(&mut state.stalled))
        };
        if result.is_ok() && !request.rest.is_empty() {
            let step = request.rest.remove(0);
            self.submit(request, step.into());
        } else {
            let end = self.outcome(&request, result);
            self.end(request.queue.into(), &request.chain, request.data_in, &end);
            self.core.signal(request.queue.into());
        }
        if stalled {
            for queue in REQUESTS..self.core.queues() {
                self.process(queue);
            }
        }
    }

    fn outcome(&self, request: &Request, result: DiskResult) -> End {
        match result {
            Ok(data) => {
                let written = self.core_write(request, &data);
                End { written, ..End::GOOD }
            }
            Err(error) => match self.target(request.target) {
                Some(target) => End::failed(target.with(|unit| unit.failed(error, request.writing))),
                None => End::host(response::BAD_TARGET),
            },
        }
    }

    fn core_write(&self, request: &Request, data: &[u8]) -> u64 {
        let room = request.chain.writable_len().saturating_sub(request.data_in);
        let length = room.min(data.len() as u64) as usize;
        let written = request
            .chain
            .write(self.core.dma(), request.data_in, &data[..length]);
        written.unwrap_or(0) as u64
    }

    /// Writes the response and gives the chain back; the driver is told by the caller.
    pub(super) fn end(&self, queue: usize, chain: &Chain, data_in: u64, end: &End) {
        let room = chain.writable_len().saturating_sub(data_in);
        let sense = end.sense.map(Sense::bytes).unwrap_or_default();
        let sense_room = (data_in as usize).saturating_sub(RESPONSE);
        let sense_len = if end.sense.is_some() {
            sense.len().min(sense_room)
        } else {
            0
        };
        let mut response = vec![0; data_in as usize];
        response[..4].copy_from_slice(&(sense_len as u32).to_le_bytes());
        let resid = u32::try_from(room.saturating_sub(end.written)).unwrap_or(u32::MAX);
        response[4..8].copy_from_slice(&resid.to_le_bytes());
        response[10] = if end.sense.is_some() {
            CHECK_CONDITION
        } else {
            GOOD
        };
        response[11] = end.response;
        response[RESPONSE..RESPONSE + sense_len].copy_from_slice(&sense[..sense_len]);
        let _ = chain.write(self.core.dma(), 0, &response);
        let written = data_in + end.written;
        self.core
            .push(queue, chain.token, u32::try_from(written).unwrap_or(u32::MAX));
    }
}

/// The target of a LUN field (5.6.6.1), if it names unit 0 of one.
pub(super) fn addressed(lun: &[u8; 8]) -> Option<u8> {
    let [1, target, high, low, ..] = *lun else {
        return None;
    };
    let unit = u16::from_be_bytes([high, low]) & 0x3fff;
    (unit == 0).then_some(target)
}
