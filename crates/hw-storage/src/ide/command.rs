//! What a drive does when a command is written: ATA8-ACS, 7; ATA/ATAPI-6, 8 and 9.

use super::drive::{Drive, Effect, Job, Phase, Transfer};
use crate::ata::identify::{self, Identity};
use crate::ata::spec::*;
use crate::ata::{Access, Geometry, Way};
use crate::scsi::{Kind, Plan};
use hw_core::DiskOp;

impl Drive {
    /// A command, other than diagnostics, which concern both drives.
    pub(super) fn command(&mut self, code: u8) -> Effect {
        let state = &mut self.state;
        if code == command::DEVICE_RESET {
            return if self.kind() == Kind::Cd {
                self.reset(false);
                Effect::NONE
            } else {
                self.abort()
            };
        }
        // Busy drives hear nothing else.
        if state.status & status::BSY != 0 {
            return Effect::NONE;
        }
        state.phase = Phase::Idle;
        state.buffer.clear();
        (state.position, state.piece) = (0, 0);
        state.error = 0;
        match (self.kind(), code) {
            (_, command::SET_FEATURES) => self.set_features(),
            (_, code)
                if [
                    command::STANDBY_IMMEDIATE,
                    command::IDLE_IMMEDIATE,
                    command::STANDBY,
                    command::IDLE,
                    command::SLEEP,
                ]
                .concat()
                .contains(&code) =>
            {
                self.done()
            }
            (_, code) if command::CHECK_POWER.contains(&code) => {
                // Active or idle.
                self.state.task.count[0] = 0xff;
                self.done()
            }
            (Kind::Cd, code) => self.packet_device_command(code),
            (Kind::Disk, code) => self.disk_command(code),
        }
    }

    fn abort(&mut self) -> Effect {
        self.fail(error::ABRT)
    }

    fn packet_device_command(&mut self, code: u8) -> Effect {
        match code {
            command::PACKET => {
                let state = &mut self.state;
                state.packet_dma = state.task.feature[0] & 1 != 0;
                // What the CPU takes at a time is kept where nothing overwrites it.
                (state.task.mid[1], state.task.high[1]) = (state.task.mid[0], state.task.high[0]);
                state.task.count[0] = COMMAND_OR_END;
                self.want(Phase::PacketOut, 12);
                Effect::NONE
            }
            command::IDENTIFY_PACKET => {
                self.state.buffer = identify::packet(&self.identity());
                self.state.task.count[0] = 0;
                self.offer(None);
                Effect::INTERRUPT
            }
            // Software that does not know packet devices learns from the registers what this is.
            command::IDENTIFY | 0x20 | 0x21 => {
                self.set_signature();
                self.abort()
            }
            _ => self.abort(),
        }
    }

    fn identity(&self) -> Identity<'_> {
        Identity {
            serial: self.serial(),
            model: self.model(),
            sectors: self.sectors(),
            geometry: Geometry::of(self.sectors()),
            current: self.state.current,
            multiple: self.state.multiple,
            mode: self.state.mode,
            write_cache: self.state.write_cache,
            can_discard: self.disk().medium().is_some_and(|medium| medium.can_discard),
            queues: false,
        }
    }

    fn disk_command(&mut self, code: u8) -> Effect {
        if let Some(access) = Access::of(code) {
            return self.access(access);
        }
        match code {
            command::IDENTIFY => {
                self.state.buffer = identify::disk(&self.identity());
                self.offer(None);
                Effect::INTERRUPT
            }
            command::FLUSH | command::FLUSH_EXT => self.ask(Job::Flush, DiskOp::Flush),
            0x40..=0x42 => {
                let ext = code == command::VERIFY_EXT;
                match self.range(ext) {
                    Some(_) => self.done(),
                    None => self.fail(error::IDNF),
                }
            }
            0x10..=0x1f => self.done(),
            0x70..=0x7f => match self.state.task.address(false, &self.state.current) {
                Some(at) if at < self.sectors() => self.done(),
                _ => self.fail(error::IDNF),
            },
            command::INITIALIZE_PARAMETERS => {
                let (heads, sectors) = ((self.state.task.device & 0xf) + 1, self.state.task.count[0]);
                if sectors == 0 {
                    return self.abort();
                }
                let track = u64::from(heads) * u64::from(sectors);
                self.state.current = Geometry {
                    cylinders: (self.sectors() / track).min(65535) as u16,
                    heads,
                    sectors,
                };
                self.done()
            }
            command::SET_MULTIPLE => {
                let count = self.state.task.count[0];
                if count > MAX_MULTIPLE || (count != 0 && !count.is_power_of_two()) {
                    return self.abort();
                }
                self.state.multiple = count;
                self.done()
            }
            command::READ_NATIVE_MAX | command::READ_NATIVE_MAX_EXT => {
                let ext = code == command::READ_NATIVE_MAX_EXT;
                let most = if ext { (1 << 48) - 1 } else { 0x0fff_ffff };
                let last = self.sectors().saturating_sub(1).min(most);
                self.state.task.device |= LBA;
                let current = self.state.current;
                self.state.task.set_address(last, ext, &current);
                self.done()
            }
            command::DATA_SET_MANAGEMENT => {
                let task = &self.state.task;
                // Trim, of at most eight blocks of ranges.
                if task.feature[0] & 1 == 0 || task.sectors(true) > 8 {
                    return self.abort();
                }
                self.wait_for_dma(Job::TrimList)
            }
            _ => self.abort(),
        }
    }

    /// First sector and number of sectors, if the medium has them.
    fn range(&self, ext: bool) -> Option<(u64, u32)> {
        let lba = self.state.task.address(ext, &self.state.current)?;
        let count = self.state.task.sectors(ext);
        (lba + u64::from(count) <= self.sectors()).then_some((lba, count))
    }

    fn access(&mut self, access: Access) -> Effect {
        if access.way == Way::Multiple && self.state.multiple == 0 {
            return self.abort();
        }
        let Some((lba, left)) = self.range(access.ext) else {
            return self.fail(error::IDNF);
        };
        if access.write && self.disk().medium().is_some_and(|medium| medium.read_only) {
            return self.abort();
        }
        let transfer = Transfer {
            lba,
            left,
            way: access.way,
            ext: access.ext,
            durable: access.durable || (access.write && !self.state.write_cache),
            portion: 0,
        };
        match (access.write, access.way) {
            (false, Way::Dma) => self.wait_for_dma(Job::Read(transfer)),
            (true, Way::Dma) => self.wait_for_dma(Job::Write(transfer)),
            (false, _) => self.read_on(transfer),
            (true, _) => {
                self.write_on(transfer);
                Effect::NONE
            }
        }
    }

    /// The ranges of a trim: 48 bits of address and 16 of length each.
    pub(super) fn trim(&mut self, list: &[u8]) -> Effect {
        let sectors = self.sectors();
        let mut ranges = Vec::new();
        for entry in list.chunks_exact(8) {
            let entry = u64::from_le_bytes(entry.try_into().expect("eight bytes"));
            let (lba, count) = (entry & ((1 << 48) - 1), entry >> 48);
            if count == 0 {
                continue;
            }
            if lba + count > sectors {
                return self.fail(error::IDNF);
            }
            ranges.push((lba * SECTOR, count * SECTOR));
        }
        ranges.reverse();
        self.discard_on(ranges)
    }

    pub(super) fn discard_on(&mut self, mut ranges: Vec<(u64, u64)>) -> Effect {
        match ranges.pop() {
            Some((offset, length)) => self.ask(Job::Discard(ranges), DiskOp::Discard { offset, length }),
            None => self.done(),
        }
    }

    fn set_features(&mut self) -> Effect {
        let task = &self.state.task;
        let disk = self.kind() == Kind::Disk;
        match task.feature[0] {
            // Transfer mode: PIO by default, PIO with flow control, multiword DMA, ultra DMA.
            0x03 => {
                let mode = task.count[0];
                match (mode >> 3, mode & 7) {
                    (0, _) | (1, 0..=4) => self.state.mode = 0,
                    (4, 0..=2) | (8, 0..=5) => self.state.mode = mode,
                    _ => return self.abort(),
                }
            }
            write_cache @ (0x02 | 0x82) if disk => {
                let on = write_cache == 0x02;
                self.state.write_cache = on;
                self.disk().set_write_cache(on);
                if !on {
                    return self.ask(Job::Flush, DiskOp::Flush);
                }
            }
            // Look-ahead, power management, reverting to defaults: nothing to do.
            0x05 | 0x85 | 0x42 | 0xc2 | 0xaa | 0x55 | 0x66 | 0xcc | 0x67 | 0x96 | 0x9a if disk => {}
            _ => return self.abort(),
        }
        self.done()
    }

    /// A packet command has come.
    pub(super) fn packet(&mut self, packet: &[u8]) -> Effect {
        let Some(unit) = &mut self.unit else {
            return self.abort();
        };
        let plan = unit.start(packet);
        self.follow(packet, plan)
    }

    pub(super) fn packet_parameters(&mut self, packet: &[u8], parameters: &[u8]) -> Effect {
        let Some(unit) = &mut self.unit else {
            return self.abort();
        };
        let plan = unit.parameters(packet, parameters);
        self.follow(packet, plan)
    }

    fn follow(&mut self, packet: &[u8], plan: Plan) -> Effect {
        match plan {
            Plan::Done(data) => self.packet_reply(data, None),
            Plan::Failed(sense) => self.packet_failed(sense),
            Plan::Read { offset, length } => {
                let dma = self.state.packet_dma;
                if dma {
                    return self.wait_for_dma(Job::PacketRead {
                        offset,
                        left: length,
                        portion: 0,
                        dma,
                    });
                }
                self.packet_read_on(offset, length, dma)
            }
            Plan::Parameters { length } => {
                let mut command = [0; 12];
                command.copy_from_slice(&packet[..12]);
                self.want(Phase::PacketParameters(command), length as usize);
                self.state.task.count[0] = 0;
                self.state.task.mid[0] = length as u8;
                self.state.task.high[0] = (length >> 8) as u8;
                Effect::INTERRUPT
            }
            // CD drives ask for no more.
            Plan::Write { .. } | Plan::Requests(_) => self.packet_done(),
        }
    }
}
