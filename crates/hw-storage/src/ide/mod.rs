//! IDE: two channels with two drives each, and the PIIX3's bus master.
//!
//! Register accesses flow in through the windows of [`Ide::windows`] (command and control blocks, in port space) and
//! [`Ide::bus_master_window`] (BAR 4 of the PCI function), requests out to the drives' disks, answers back through each
//! drive's [`DiskClient`]; IRQ 14 and 15 flow out. Mirrors QEMU's `hw/ide/core.c` and `hw/ide/pci.c` in behaviour.
//!
//! A channel without drives reads as ones, as a bus that nobody drives; the empty place beside a drive reads as zeros.

mod bus_master;
mod command;
mod drive;
pub mod spec;
#[cfg(test)]
mod tests;

use crate::ata::spec as ata;
pub use crate::scsi::Kind;
use crate::scsi::{Names, Unit};
use bus_master::BusMaster;
use drive::{Drive, DriveState, Effect};
use hw_core::{
    Device, DeviceCell, Disk, DiskClient, DiskOp, DiskResult, Dma, IoWindow, IrqLine, ResetPhase, SavedState,
    StateError,
};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, Endian, IoResult};
use spec::*;
use std::sync::{Arc, Weak};

/// A drive to be put on a cable.
#[derive(Clone)]
pub struct DriveConfig {
    /// Disk or CD drive.
    pub kind: Kind,
    /// What is in it.
    pub disk: Arc<dyn Disk>,
    /// What it calls itself, at most 40 characters; the usual if empty.
    pub model: String,
    /// At most 20 characters; the disk's if empty.
    pub serial: String,
}

impl DriveConfig {
    /// A drive with the usual names.
    pub fn new(kind: Kind, disk: Arc<dyn Disk>) -> Self {
        Self {
            kind,
            disk,
            model: String::new(),
            serial: String::new(),
        }
    }
}

/// Both channels.
pub struct Ide {
    // Host glue.
    irqs: [IrqLine; 2],
    dma: Dma,
    disks: [[Option<Arc<dyn Disk>>; 2]; 2],
    /// The disks know these; they hold them weakly.
    clients: Vec<Arc<Client>>,
    // Volatile state.
    channels: DeviceCell<[Channel; 2]>,
}

/// One cable.
struct Channel {
    drives: [Option<Drive>; 2],
    registers: Registers,
}

/// What of a channel is saved beside its drives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Registers {
    selected: u8,
    control: u8,
    /// The selected drive asks for attention.
    pending: bool,
    /// The line, as it was driven.
    level: bool,
    master: BusMaster,
}

/// The saved state, version 1.
#[derive(Serialize, Deserialize)]
struct State([(Registers, [Option<DriveState>; 2]); 2]);

const VERSION: u16 = 1;

/// One drive's ear.
struct Client {
    ide: Weak<Ide>,
    channel: usize,
    unit: usize,
}

impl DiskClient for Client {
    fn complete(&self, _tag: u64, result: DiskResult) {
        if let Some(ide) = self.ide.upgrade() {
            ide.change(self.channel, |channel, dma| {
                let drive = channel.drives[self.unit].as_mut()?;
                let effect = drive.complete(result, &mut channel.registers.master, dma);
                Some((self.unit, effect))
            });
        }
    }

    fn medium_changed(&self) {
        self.with_unit(Unit::medium_changed);
    }

    fn eject_requested(&self) {
        self.with_unit(Unit::eject_requested);
    }
}

impl Client {
    fn with_unit(&self, act: fn(&mut Unit)) {
        if let Some(ide) = self.ide.upgrade() {
            let mut channels = ide.channels.lock();
            let drive = channels[self.channel].drives[self.unit].as_mut();
            if let Some(unit) = drive.and_then(|drive| drive.unit.as_mut()) {
                act(unit);
            }
        }
    }
}

/// Data in words, everything else in bytes.
const COMMAND_RULES: AccessRules = AccessRules {
    valid: (1, 4),
    impl_: (1, 4),
    unaligned: true,
    endian: Endian::Little,
};

fn make(config: DriveConfig, number: usize) -> Drive {
    let DriveConfig {
        kind,
        disk,
        mut model,
        mut serial,
    } = config;
    let mut names = Names::new(kind, &*disk);
    if serial.is_empty() {
        serial = disk.serial();
    }
    if serial.is_empty() {
        serial = format!("RP{number:05}");
    }
    names.serial.clone_from(&serial);
    if model.is_empty() {
        model = match kind {
            Kind::Disk => "REPRISE HARDDISK".into(),
            Kind::Cd => "REPRISE DVD-ROM".into(),
        };
    }
    let unit = (kind == Kind::Cd).then(|| Unit::new(kind, Arc::clone(&disk), names));
    Drive::new(kind, disk, model, serial, unit)
}

impl Ide {
    /// Two channels with these drives (master, slave), on IRQ 14 and 15, with this way to memory.
    pub fn new(drives: [[Option<DriveConfig>; 2]; 2], irqs: [IrqLine; 2], dma: Dma) -> Arc<Self> {
        let disks = std::array::from_fn(|channel| {
            std::array::from_fn(|unit| {
                let drive: &Option<DriveConfig> = &drives[channel][unit];
                drive.as_ref().map(|drive| Arc::clone(&drive.disk))
            })
        });
        let mut number = 0;
        let channels = drives.map(|drives| Channel {
            drives: drives.map(|drive| {
                number += 1;
                drive.map(|drive| make(drive, number))
            }),
            registers: Registers::default(),
        });
        let ide = Arc::new_cyclic(|weak| {
            let clients = (0..4).map(|place| {
                Arc::new(Client {
                    ide: Weak::clone(weak),
                    channel: place / 2,
                    unit: place % 2,
                })
            });
            Self {
                irqs,
                dma,
                disks,
                clients: clients.collect(),
                channels: DeviceCell::new(channels),
            }
        });
        for client in &ide.clients {
            if let Some(disk) = &ide.disks[client.channel][client.unit] {
                let client = Arc::downgrade(client);
                disk.attach(client);
            }
        }
        ide
    }

    /// Command and control blocks of a channel (0 or 1), in port space: 1F0h and 3F6h, 170h and 376h.
    pub fn windows(self: &Arc<Self>, channel: usize) -> [IoWindow; 2] {
        let (command, control) = PORTS[channel & 1];
        let names = [["ide0-command", "ide0-control"], ["ide1-command", "ide1-control"]][channel & 1];
        let bytes = AccessRules::BYTES;
        if channel & 1 == 0 {
            [
                IoWindow::new(
                    names[0],
                    (command, 8),
                    COMMAND_RULES,
                    self,
                    |ide: &Self, at, size| ide.read_command(0, at, size),
                    |ide, at, size, value| ide.write_command(0, at, size, value),
                ),
                IoWindow::new(
                    names[1],
                    (control, 1),
                    bytes,
                    self,
                    |ide: &Self, _, _| ide.read_alternate(0),
                    |ide, _, _, value| ide.write_control(0, value as u8),
                ),
            ]
        } else {
            [
                IoWindow::new(
                    names[0],
                    (command, 8),
                    COMMAND_RULES,
                    self,
                    |ide: &Self, at, size| ide.read_command(1, at, size),
                    |ide, at, size, value| ide.write_command(1, at, size, value),
                ),
                IoWindow::new(
                    names[1],
                    (control, 1),
                    bytes,
                    self,
                    |ide: &Self, _, _| ide.read_alternate(1),
                    |ide, _, _, value| ide.write_control(1, value as u8),
                ),
            ]
        }
    }

    /// The bus master's registers of both channels, for BAR 4.
    pub fn bus_master_window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "bmdma",
            (0, BMDMA_SIZE),
            AccessRules::BYTES,
            self,
            |ide: &Self, at, _| {
                let channels = ide.channels.lock();
                Ok(channels[at as usize >> 3 & 1]
                    .registers
                    .master
                    .read(at & 7)
                    .into())
            },
            |ide, at, _, value| {
                ide.change(at as usize >> 3 & 1, |channel, dma| {
                    if !channel.registers.master.write(at & 7, value as u8) {
                        return None;
                    }
                    let unit = usize::from(channel.registers.selected);
                    let drive = channel.drives[unit].as_mut()?;
                    Some((unit, drive.dma_start(&mut channel.registers.master, dma)))
                });
                Ok(())
            },
        )
    }

    /// Changes a channel, and does what follows from it: a drive's effect, and the line.
    fn change(&self, index: usize, act: impl FnOnce(&mut Channel, &Dma) -> Option<(usize, Effect)>) {
        let (submit, line) = {
            let mut channels = self.channels.lock();
            let channel = &mut channels[index];
            let mut effect = act(channel, &self.dma);
            if let Some((unit, effect)) = &mut effect {
                channel.catch_up(*unit, effect, &self.dma);
            }
            let mut submit = None;
            if let Some((unit, effect)) = effect {
                submit = effect.submit.map(|op| (unit, op));
                if effect.interrupt && unit == usize::from(channel.registers.selected) {
                    channel.registers.pending = true;
                }
            }
            (submit, channel.drive_line())
        };
        if let Some(level) = line {
            self.irqs[index].set(level);
        }
        if let Some((unit, op)) = submit {
            self.submit(index, unit, op);
        }
    }

    fn submit(&self, channel: usize, unit: usize, op: DiskOp) {
        if let Some(disk) = &self.disks[channel][unit] {
            // A drive has one request at a time.
            disk.submit(0, op);
        }
    }

    fn read_command(&self, index: usize, offset: u64, size: u32) -> IoResult<u64> {
        if offset == DATA && size > 1 {
            let mut value = 0;
            self.change(index, |channel, _| {
                let unit = usize::from(channel.registers.selected);
                let Some(drive) = channel.drives[unit].as_mut() else {
                    value = channel.absent(size);
                    return None;
                };
                let (read, effect) = drive.data_read(size);
                value = read.into();
                Some((unit, effect))
            });
            return Ok(value);
        }
        let mut value = 0;
        for byte in 0..u64::from(size) {
            let mut register = 0;
            self.change(index, |channel, _| {
                register = channel.read(offset + byte);
                None
            });
            value |= u64::from(register) << (8 * byte);
        }
        Ok(value)
    }

    fn write_command(&self, index: usize, offset: u64, size: u32, value: u64) -> IoResult<()> {
        if offset == DATA && size > 1 {
            self.change(index, |channel, _| {
                let unit = usize::from(channel.registers.selected);
                let drive = channel.drives[unit].as_mut()?;
                Some((unit, drive.data_write(size, value as u32)))
            });
            return Ok(());
        }
        for byte in 0..u64::from(size) {
            let value = (value >> (8 * byte)) as u8;
            if offset + byte == STATUS && value == ata::command::DEVICE_RESET {
                // What is in flight is given up.
                self.give_up(index, |channel, unit| {
                    unit == usize::from(channel.registers.selected)
                });
            }
            self.change(index, |channel, _| channel.write(offset + byte, value));
        }
        Ok(())
    }

    fn read_alternate(&self, index: usize) -> IoResult<u64> {
        Ok(self.channels.lock()[index].status().into())
    }

    fn write_control(&self, index: usize, value: u8) -> IoResult<()> {
        let begins = {
            let channels = self.channels.lock();
            value & CONTROL_SRST != 0 && channels[index].registers.control & CONTROL_SRST == 0
        };
        if begins {
            self.give_up(index, |_, _| true);
        }
        self.change(index, |channel, _| {
            let before = std::mem::replace(&mut channel.registers.control, value);
            if value & CONTROL_SRST != 0 {
                for drive in channel.drives.iter_mut().flatten() {
                    drive.reset(false);
                    drive.state.status = ata::status::BSY;
                }
                channel.registers.pending = false;
            } else if before & CONTROL_SRST != 0 {
                channel.registers.selected = 0;
                for drive in channel.drives.iter_mut().flatten() {
                    drive.set_signature();
                }
            }
            None
        });
        Ok(())
    }

    /// Nothing that the disks of these drives are doing is waited for any more.
    fn give_up(&self, index: usize, which: impl Fn(&Channel, usize) -> bool) {
        let disks: Vec<_> = {
            let channels = self.channels.lock();
            (0..2)
                .filter(|&unit| which(&channels[index], unit))
                .filter_map(|unit| self.disks[index][unit].clone())
                .collect()
        };
        for disk in disks {
            disk.forget();
        }
    }
}

impl Channel {
    /// A bus master that was started before the drive was ready for it is started now.
    fn catch_up(&mut self, unit: usize, effect: &mut Effect, dma: &Dma) {
        if !self.registers.master.is_active() || *effect != Effect::NONE {
            return;
        }
        if let Some(drive) = self.drives[unit].as_mut().filter(|drive| drive.wants_dma()) {
            *effect = drive.dma_start(&mut self.registers.master, dma);
        }
    }

    /// The line's level, if it changes.
    fn drive_line(&mut self) -> Option<bool> {
        let registers = &mut self.registers;
        let level = registers.pending && registers.control & CONTROL_NIEN == 0;
        if level == registers.level {
            return None;
        }
        registers.level = level;
        if level {
            registers.master.interrupted();
        }
        Some(level)
    }

    /// What is read where no drive answers: zeros, also on a channel without any. Ones would be a drive that is busy, for
    /// which UEFI waits half a minute each time.
    fn absent(&self, _size: u32) -> u64 {
        0
    }

    fn selected(&self) -> Option<&Drive> {
        self.drives[usize::from(self.registers.selected)].as_ref()
    }

    fn status(&self) -> u8 {
        self.selected()
            .map_or(self.absent(1) as u8, |drive| drive.state.status)
    }

    fn read(&mut self, register: u64) -> u8 {
        let Some(drive) = self.selected() else {
            return self.absent(1) as u8;
        };
        let state = &drive.state;
        let depth = usize::from(self.registers.control & CONTROL_HOB != 0);
        match register {
            ERROR => state.error,
            COUNT => state.task.count[depth],
            LOW => state.task.low[depth],
            MID => state.task.mid[depth],
            HIGH => state.task.high[depth],
            DEVICE => state.task.device | 0xa0,
            STATUS => {
                let status = state.status;
                self.registers.pending = false;
                status
            }
            _ => 0,
        }
    }

    fn write(&mut self, register: u64, value: u8) -> Option<(usize, Effect)> {
        // Reset holds everything.
        if self.registers.control & CONTROL_SRST != 0 {
            return None;
        }
        self.registers.control &= !CONTROL_HOB;
        if register == STATUS {
            return self.command(value);
        }
        // Both drives listen.
        for drive in self.drives.iter_mut().flatten() {
            let task = &mut drive.state.task;
            let pair = match register {
                ERROR => &mut task.feature,
                COUNT => &mut task.count,
                LOW => &mut task.low,
                MID => &mut task.mid,
                HIGH => &mut task.high,
                DEVICE => {
                    task.device = value;
                    continue;
                }
                _ => continue,
            };
            *pair = [value, pair[0]];
        }
        if register == DEVICE {
            let unit = u8::from(value & ata::SLAVE != 0);
            if unit != self.registers.selected {
                self.registers.selected = unit;
                self.registers.pending = false;
            }
        }
        None
    }

    fn command(&mut self, code: u8) -> Option<(usize, Effect)> {
        self.registers.pending = false;
        if code == ata::command::DIAGNOSTIC {
            // Both drives, but not one that is busy; the first reports.
            for drive in self.drives.iter_mut().flatten() {
                if drive.state.status & ata::status::BSY != 0 {
                    return None;
                }
                drive.set_signature();
            }
            self.registers.selected = 0;
            return self.drives[0].is_some().then_some((0, Effect::INTERRUPT));
        }
        let unit = usize::from(self.registers.selected);
        let drive = self.drives[unit].as_mut()?;
        Some((unit, drive.command(code)))
    }
}

impl Device for Ide {
    fn name(&self) -> &str {
        "ide"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                for channel in self.channels.lock().iter_mut() {
                    channel.registers = Registers::default();
                    for drive in channel.drives.iter_mut().flatten() {
                        drive.reset(true);
                    }
                }
            }
            ResetPhase::Hold => {
                for disk in self.disks.iter().flatten().flatten() {
                    disk.forget();
                    disk.set_locked(false);
                    disk.set_write_cache(true);
                }
                for irq in &self.irqs {
                    irq.lower();
                }
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        let channels = self.channels.lock();
        let state = State([0, 1].map(|index| {
            let channel: &Channel = &channels[index];
            let drives = [0, 1].map(|unit| channel.drives[unit].as_ref().map(Drive::save));
            (channel.registers.clone(), drives)
        }));
        SavedState::encode(VERSION, &state)
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let State(saved) = state.decode(VERSION)?;
        let mut channels = self.channels.lock();
        for (channel, (registers, drives)) in channels.iter().zip(&saved) {
            let fits = channel
                .drives
                .iter()
                .zip(drives)
                .all(|(drive, saved)| match (drive, saved) {
                    (Some(drive), Some(saved)) => drive.check(saved),
                    (None, None) => true,
                    _ => false,
                });
            if !fits || registers.selected > 1 {
                return Err(StateError::Damaged("not these drives".into()));
            }
        }
        for (channel, (registers, drives)) in channels.iter_mut().zip(saved) {
            channel.registers = registers;
            for (drive, saved) in channel.drives.iter_mut().zip(drives) {
                if let (Some(drive), Some(saved)) = (drive, saved) {
                    drive.load(&saved);
                }
            }
        }
        Ok(())
    }
}
