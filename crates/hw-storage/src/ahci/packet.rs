//! PACKET: the command in the table goes to the SCSI unit, its answer to memory (ATA/ATAPI-6, 8.24; AHCI, 5.6.4).
//!
//! The controller moves data by its regions whether the command asks for DMA or PIO; more data than regions is cut off,
//! as on a drive whose host takes no more.

use super::command::Step;
use super::drive::{Drive, Job, PORTION, Request};
use crate::ata::spec::{SECTOR, error};
use crate::scsi::Plan;
use hw_core::{DiskOp, Dma};

impl Drive {
    pub(super) fn start_packet(&mut self, request: &mut Request, packet: &[u8; 16], dma: &Dma) -> Step {
        let Some(unit) = self.unit() else {
            return Step::Failed(error::ABRT);
        };
        let plan = match unit.start(packet) {
            Plan::Parameters { length } => {
                let mut parameters = vec![0; length.min(0xffff) as usize];
                match request.cursor.load(dma, &mut parameters) {
                    Err(_) => return Step::Fault,
                    Ok(false) => return Step::Failed(error::ABRT),
                    Ok(true) => {}
                }
                unit.parameters(packet, &parameters)
            }
            plan => plan,
        };
        match plan {
            Plan::Done(data) => match request.cursor.store(dma, &data) {
                Err(_) => Step::Fault,
                Ok(_) => Step::Packet(None),
            },
            Plan::Failed(sense) => Step::Packet(Some(sense)),
            Plan::Read { offset, length } => packet_read_on(request, offset, length),
            // CD drives ask for no more.
            Plan::Parameters { .. } | Plan::Write { .. } | Plan::Requests(_) => Step::Packet(None),
        }
    }

    /// Bytes of the CD have come; the next ones are at `(offset, left)`.
    pub(super) fn packet_answered(
        &mut self,
        request: &mut Request,
        (offset, left): (u64, u64),
        data: &[u8],
        dma: &Dma,
    ) -> Step {
        match request.cursor.store(dma, data) {
            Err(_) => Step::Fault,
            Ok(true) => packet_read_on(request, offset, left),
            Ok(false) => Step::Packet(None),
        }
    }
}

fn packet_read_on(request: &mut Request, offset: u64, left: u64) -> Step {
    let portion = left.min(u64::from(PORTION) * SECTOR) as u32;
    if portion == 0 {
        return Step::Packet(None);
    }
    request.job = Some(Job::Packet {
        offset,
        left,
        portion,
    });
    Step::Disk(DiskOp::Read {
        offset,
        length: portion,
    })
}
