//! What a drive does with a command: ATA8-ACS, 7; queued ones: Serial ATA 3.0, 13.6.
//!
//! A command makes a [`Step`], and so does each answer of the disk, until the last step ends it with a frame.

use super::drive::{Drive, Job, PORTION, QueueError, Request};
use super::port::{Act, Context, Port};
use super::spec::*;
use crate::ata::spec::{COMMAND_OR_END, LBA, MAX_MULTIPLE, SECTOR, TO_HOST, command, error, status};
use crate::ata::{Access, Geometry, TaskFile, identify};
use crate::scsi::{Kind, Sense};
use hw_core::{DiskError, DiskOp, DiskResult, Dma};
use std::sync::Arc;

/// What comes next of a command.
pub(super) enum Step {
    /// The disk is asked.
    Disk(DiskOp),
    /// It ended well.
    Done,
    /// It ends with these bytes for the host.
    Data(Vec<u8>),
    /// It ended badly, with this error register.
    Failed(u8),
    /// A packet command ended, badly with sense data.
    Packet(Option<Sense>),
    /// Memory does not answer.
    Fault,
}

const READY: u32 = (status::DRDY | status::DSC) as u32;

impl Port {
    /// A command has come.
    pub(super) fn command(&mut self, mut request: Request, packet: &[u8; 16], cx: &mut Context) {
        let Some(drive) = &mut self.drive else { return };
        let slot = 1 << request.slot;
        if request.is_queued() {
            let tag = request.task.count[0] >> 3;
            let step = if tag != request.slot || drive.state.queue_error.is_some() || drive.kind() == Kind::Cd
            {
                Step::Failed(error::ABRT)
            } else {
                drive.start_queued(&mut request, cx.dma)
            };
            if matches!(step, Step::Disk(_)) {
                // Taken: the next one may come.
                self.regs.issue &= !slot;
                self.post_register(&request.task, READY, false, cx);
                if self.regs.halted {
                    return;
                }
            }
            return self.follow(request, step, cx);
        }
        if !drive.state.requests.is_empty() {
            // Queued commands and others do not mix: all of them end.
            drive.state.queue_error = Some(QueueError {
                tag: None,
                status: READY as u8 | status::ERR,
                error: error::ABRT,
                task: request.task,
            });
            return self.follow(request, Step::Failed(error::ABRT), cx);
        }
        self.regs.tfd = u32::from(status::BSY);
        let step = match (drive.kind(), request.code) {
            (Kind::Cd, command::PACKET) => drive.start_packet(&mut request, packet, cx.dma),
            (Kind::Cd, code) => drive.start_packet_device(code, &mut request),
            (Kind::Disk, _) => drive.start(&mut request, cx.dma),
        };
        self.follow(request, step, cx);
    }

    /// The disk answered.
    pub(super) fn completed(&mut self, tag: u64, result: DiskResult, cx: &mut Context) {
        let Some(drive) = &mut self.drive else { return };
        let request = u8::try_from(tag)
            .ok()
            .and_then(|slot| drive.state.requests.remove(&slot));
        let Some(mut request) = request else { return };
        let step = drive.answered(&mut request, result, cx.dma);
        self.follow(request, step, cx);
        self.run(cx);
    }

    fn follow(&mut self, mut request: Request, step: Step, cx: &mut Context) {
        let step = match step {
            Step::Data(data) => match self.pio(&mut request, &data, cx) {
                Some(step) => step,
                None => return,
            },
            step => step,
        };
        match step {
            Step::Disk(op) => {
                let Some(drive) = &mut self.drive else { return };
                cx.acts
                    .push(Act::Submit(Arc::clone(drive.disk()), request.slot.into(), op));
                drive.state.requests.insert(request.slot, request);
            }
            Step::Done if request.is_queued() => {
                if request.cursor.told {
                    self.regs.interrupts |= interrupt::DPS;
                }
                self.post_bits(1 << request.slot, READY, cx);
            }
            Step::Done => self.end(&request, READY, cx),
            Step::Failed(error) if request.is_queued() => self.queue_failed(&request, error, cx),
            Step::Failed(error) => self.end(&request, failed(error), cx),
            Step::Packet(sense) => {
                request.task.count[0] = COMMAND_OR_END | TO_HOST;
                let tfd = sense.map_or(READY, |sense| {
                    let aborted = if sense.0 == 5 { error::ABRT } else { 0 };
                    failed(sense.0 << 4 | aborted)
                });
                self.end(&request, tfd, cx);
            }
            Step::Fault | Step::Data(_) => self.fatal(interrupt::HBFS, cx),
        }
    }

    /// Data by PIO setup, the end of which is the command's; or what comes next instead.
    fn pio(&mut self, request: &mut Request, data: &[u8], cx: &mut Context) -> Option<Step> {
        match request.cursor.store(cx.dma, data) {
            Err(_) => return Some(Step::Fault),
            Ok(false) => {
                self.regs.interrupts |= interrupt::OFS;
                return Some(Step::Failed(error::ABRT));
            }
            Ok(true) => {}
        }
        self.tell_moved(request, cx);
        self.post_pio(&request.task, data.len() as u32, READY, true, cx);
        if !self.regs.halted {
            self.regs.issue &= !(1 << request.slot);
        }
        None
    }

    /// A command that is not queued ends with these status and error registers.
    fn end(&mut self, request: &Request, tfd: u32, cx: &mut Context) {
        self.tell_moved(request, cx);
        if tfd & u32::from(status::ERR) == 0 {
            self.post_register(&request.task, tfd, true, cx);
            if !self.regs.halted {
                self.regs.issue &= !(1 << request.slot);
            }
            return;
        }
        self.post_register(&request.task, tfd, true, cx);
        self.fatal(interrupt::TFES, cx);
    }

    /// A queued command failed, and all others end with it; which it was stands in log 10h.
    fn queue_failed(&mut self, request: &Request, error: u8, cx: &mut Context) {
        let tfd = failed(error);
        let refused = self.regs.issue & 1 << request.slot != 0;
        if let Some(drive) = &mut self.drive
            && drive.state.queue_error.is_none()
        {
            drive.state.queue_error = Some(QueueError {
                tag: Some(request.slot),
                status: tfd as u8,
                error,
                task: request.task,
            });
        }
        if refused {
            // Not even taken.
            self.post_register(&request.task, tfd, true, cx);
        } else {
            self.post_bits(0, tfd, cx);
        }
        self.fatal(interrupt::TFES, cx);
    }
}

fn failed(error: u8) -> u32 {
    READY | u32::from(status::ERR) | u32::from(error) << 8
}

impl Drive {
    /// First sector and number of sectors, if the medium has them.
    fn range(&self, task: &TaskFile, ext: bool) -> Option<(u64, u32)> {
        let sectors = self.sectors();
        let lba = task.address(ext, &Geometry::of(sectors))?;
        let count = task.sectors(ext);
        (lba + u64::from(count) <= sectors).then_some((lba, count))
    }

    fn is_read_only(&self) -> bool {
        self.disk().medium().is_some_and(|medium| medium.read_only)
    }

    fn start_queued(&self, request: &mut Request, dma: &Dma) -> Step {
        // The length is where other commands have their features.
        let task = TaskFile {
            count: request.task.feature,
            ..request.task
        };
        let Some((lba, left)) = self.range(&task, true) else {
            return Step::Failed(error::IDNF);
        };
        if request.code == command::READ_QUEUED {
            return read_on(request, lba, left);
        }
        if self.is_read_only() {
            return Step::Failed(error::ABRT);
        }
        let durable = task.device & 0x80 != 0 || !self.state.write_cache;
        write_on(request, (lba, left), durable, dma)
    }

    fn start(&mut self, request: &mut Request, dma: &Dma) -> Step {
        let task = request.task;
        if let Some(access) = Access::of(request.code) {
            let Some((lba, left)) = self.range(&task, access.ext) else {
                return Step::Failed(error::IDNF);
            };
            if !access.write {
                return read_on(request, lba, left);
            }
            if self.is_read_only() {
                return Step::Failed(error::ABRT);
            }
            let durable = access.durable || !self.state.write_cache;
            return write_on(request, (lba, left), durable, dma);
        }
        match request.code {
            command::IDENTIFY => Step::Data(identify::disk(&self.identity())),
            command::FLUSH | command::FLUSH_EXT => {
                request.job = Some(Job::Flush);
                Step::Disk(DiskOp::Flush)
            }
            command::SET_FEATURES => self.set_features(request),
            0x40..=0x42 => match self.range(&task, request.code == command::VERIFY_EXT) {
                Some(_) => Step::Done,
                None => Step::Failed(error::IDNF),
            },
            0x10..=0x1f | 0x70..=0x7f | command::INITIALIZE_PARAMETERS => Step::Done,
            command::SET_MULTIPLE => {
                let count = task.count[0];
                if count > MAX_MULTIPLE || (count != 0 && !count.is_power_of_two()) {
                    return Step::Failed(error::ABRT);
                }
                self.state.multiple = count;
                Step::Done
            }
            command::READ_NATIVE_MAX | command::READ_NATIVE_MAX_EXT => {
                let ext = request.code == command::READ_NATIVE_MAX_EXT;
                let most = if ext { (1 << 48) - 1 } else { 0x0fff_ffff };
                let last = self.sectors().saturating_sub(1).min(most);
                request.task.device |= LBA;
                request.task.set_address(last, ext, &Geometry::of(self.sectors()));
                Step::Done
            }
            command::DATA_SET_MANAGEMENT => self.trim(request, dma),
            code if READ_LOG.contains(&code) => self.read_log(request),
            code => common(code, request),
        }
    }

    /// Commands of packet devices, other than PACKET.
    fn start_packet_device(&mut self, code: u8, request: &mut Request) -> Step {
        match code {
            command::IDENTIFY_PACKET => Step::Data(identify::packet(&self.identity())),
            command::SET_FEATURES => self.set_features(request),
            command::DEVICE_RESET => {
                request.task = self.greeting();
                Step::Done
            }
            // Software that does not know packet devices learns from the registers what this is.
            command::IDENTIFY | 0x20 | 0x21 => {
                request.task = self.greeting();
                Step::Failed(error::ABRT)
            }
            _ => common(code, request),
        }
    }

    fn set_features(&mut self, request: &mut Request) -> Step {
        let disk = self.kind() == Kind::Disk;
        match request.task.feature[0] {
            // Transfer mode: PIO by default, PIO with flow control, multiword DMA, ultra DMA.
            0x03 => {
                let mode = request.task.count[0];
                match (mode >> 3, mode & 7) {
                    (0, _) | (1, 0..=4) => self.state.mode = 0,
                    (4, 0..=2) | (8, 0..=6) => self.state.mode = mode,
                    _ => return Step::Failed(error::ABRT),
                }
            }
            write_cache @ (0x02 | 0x82) if disk => {
                self.state.write_cache = write_cache == 0x02;
                self.disk().set_write_cache(self.state.write_cache);
                if !self.state.write_cache {
                    request.job = Some(Job::Flush);
                    return Step::Disk(DiskOp::Flush);
                }
            }
            // Look-ahead, power management, reverting to defaults: nothing to do.
            0x05 | 0x85 | 0x42 | 0xc2 | 0xaa | 0x55 | 0x66 | 0xcc if disk => {}
            _ => return Step::Failed(error::ABRT),
        }
        Step::Done
    }

    /// DATA SET MANAGEMENT: ranges of 48 bits of address and 16 of length each.
    fn trim(&self, request: &mut Request, dma: &Dma) -> Step {
        let (task, sectors) = (&request.task, self.sectors());
        let blocks = task.sectors(true);
        if task.feature[0] & 1 == 0 || blocks > 8 || self.is_read_only() {
            return Step::Failed(error::ABRT);
        }
        let mut list = vec![0; blocks as usize * SECTOR as usize];
        match request.cursor.load(dma, &mut list) {
            Err(_) => return Step::Fault,
            Ok(false) => return Step::Failed(error::ABRT),
            Ok(true) => {}
        }
        let mut ranges = Vec::new();
        for entry in list.as_chunks::<8>().0 {
            let entry = u64::from_le_bytes(*entry);
            let (lba, count) = (entry & ((1 << 48) - 1), entry >> 48);
            if count == 0 {
                continue;
            }
            if lba + count > sectors {
                return Step::Failed(error::IDNF);
            }
            ranges.push((lba * SECTOR, count * SECTOR));
        }
        ranges.reverse();
        discard_on(request, ranges)
    }

    /// READ LOG EXT: the directory, and why the queue stopped, which with that goes on.
    fn read_log(&mut self, request: &Request) -> Step {
        let task = &request.task;
        // Page number: address bits 15 to 8 and 47 to 40.
        if task.sectors(true) != 1 || task.mid != [0, 0] {
            return Step::Failed(error::ABRT);
        }
        let mut page = vec![0; SECTOR as usize];
        match task.low[0] {
            LOG_DIRECTORY => {
                page[0] = 1;
                page[usize::from(LOG_QUEUE_ERROR) * 2] = 1;
            }
            LOG_QUEUE_ERROR => {
                if let Some(stopped) = self.state.queue_error.take() {
                    let failed = &stopped.task;
                    page[0] = stopped.tag.unwrap_or(0x80);
                    (page[2], page[3]) = (stopped.status, stopped.error);
                    page[4..8].copy_from_slice(&[
                        failed.low[0],
                        failed.mid[0],
                        failed.high[0],
                        failed.device,
                    ]);
                    page[8..11].copy_from_slice(&[failed.low[1], failed.mid[1], failed.high[1]]);
                    page[12..14].copy_from_slice(&failed.count);
                } else {
                    page[0] = 0x80;
                }
                let sum = page.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
                page[511] = sum.wrapping_neg();
            }
            _ => return Step::Failed(error::ABRT),
        }
        Step::Data(page)
    }

    /// The disk answered a request of this command.
    fn answered(&mut self, request: &mut Request, result: DiskResult, dma: &Dma) -> Step {
        let job = request.job.take();
        let data = match result {
            Ok(data) => data,
            Err(failed) => return self.refused(job.as_ref(), request, failed),
        };
        match job {
            Some(Job::Read { lba, left, portion }) if data.len() as u64 == u64::from(portion) * SECTOR => {
                match request.cursor.store(dma, &data) {
                    Err(_) => Step::Fault,
                    Ok(false) => Step::Failed(error::ABRT),
                    Ok(true) if left == portion => Step::Done,
                    Ok(true) => read_on(request, lba + u64::from(portion), left - portion),
                }
            }
            Some(Job::Write {
                lba,
                left,
                portion,
                durable,
            }) if portion < left => {
                write_on(request, (lba + u64::from(portion), left - portion), durable, dma)
            }
            Some(Job::Write { .. } | Job::Flush) => Step::Done,
            Some(Job::Discard(ranges)) => discard_on(request, ranges),
            Some(Job::Packet {
                offset,
                left,
                portion,
            }) if data.len() == portion as usize => {
                let next = (offset + u64::from(portion), left - u64::from(portion));
                self.packet_answered(request, next, &data, dma)
            }
            // Not as many bytes as were asked for.
            _ => Step::Failed(error::ABRT),
        }
    }

    fn refused(&mut self, job: Option<&Job>, request: &mut Request, failed: DiskError) -> Step {
        let (lba, read) = match job {
            Some(Job::Packet { .. }) => {
                let sense = self.unit().map(|unit| unit.failed(failed, false));
                return Step::Packet(Some(sense.unwrap_or_default()));
            }
            Some(Job::Read { lba, .. }) => (*lba, true),
            Some(Job::Write { lba, .. }) => (*lba, false),
            _ => return Step::Failed(error::ABRT),
        };
        let ext = request.is_queued() || Access::of(request.code).is_some_and(|access| access.ext);
        request.task.set_address(lba, ext, &Geometry::of(self.sectors()));
        Step::Failed(match failed {
            DiskError::OutOfRange => error::IDNF,
            DiskError::Io if read => error::UNC,
            _ => error::ABRT,
        })
    }
}

/// What disks and packet devices have in common: power management.
fn common(code: u8, request: &mut Request) -> Step {
    let sleeps = [
        command::STANDBY_IMMEDIATE,
        command::IDLE_IMMEDIATE,
        command::STANDBY,
        command::IDLE,
        command::SLEEP,
    ];
    if command::CHECK_POWER.contains(&code) {
        // Active or idle.
        request.task.count[0] = 0xff;
        return Step::Done;
    }
    if sleeps.as_flattened().contains(&code) {
        Step::Done
    } else {
        Step::Failed(error::ABRT)
    }
}

/// Asks for the next sectors.
fn read_on(request: &mut Request, lba: u64, left: u32) -> Step {
    let portion = left.min(PORTION);
    request.job = Some(Job::Read { lba, left, portion });
    Step::Disk(DiskOp::Read {
        offset: lba * SECTOR,
        length: portion * SECTOR as u32,
    })
}

/// Writes the next sectors.
fn write_on(request: &mut Request, (lba, left): (u64, u32), durable: bool, dma: &Dma) -> Step {
    let portion = left.min(PORTION);
    let mut data = vec![0; portion as usize * SECTOR as usize];
    match request.cursor.load(dma, &mut data) {
        Err(_) => return Step::Fault,
        Ok(false) => return Step::Failed(error::ABRT),
        Ok(true) => {}
    }
    request.job = Some(Job::Write {
        lba,
        left,
        portion,
        durable,
    });
    Step::Disk(DiskOp::Write {
        offset: lba * SECTOR,
        data,
        durable,
    })
}

fn discard_on(request: &mut Request, mut ranges: Vec<(u64, u64)>) -> Step {
    match ranges.pop() {
        Some((offset, length)) => {
            request.job = Some(Job::Discard(ranges));
            Step::Disk(DiskOp::Discard { offset, length })
        }
        None => Step::Done,
    }
}
