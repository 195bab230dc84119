//! The 82077AA floppy disk controller with up to two drives.
//!
//! Commands flow in through the FIFO byte by byte, one request out to the disk for each that moves data, the data through
//! channel 2 of the [`Dma8237`] (or the FIFO, if software wants that), results back through the FIFO, and IRQ 6 says when.
//! Mirrors QEMU's `hw/block/fdc.c` in behaviour.

mod command;
pub mod spec;
#[cfg(test)]
mod tests;

use crate::dma8237::Dma8237;
use hw_core::{
    Device, DeviceCell, Disk, DiskClient, DiskOp, DiskResult, IoWindow, IrqLine, ResetPhase, SavedState,
    StateError, Timer, VirtualClock, schedule,
};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult};
use spec::*;
use std::sync::{Arc, Weak};

/// What is being waited for with a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wait {
    Reset,
    /// READ ID, whose results are there.
    Sector,
}

/// Where a command stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Bytes of a command come; none yet is idle.
    #[default]
    Command,
    /// A request is with the disk.
    Disk,
    /// The CPU reads data.
    DataIn,
    /// The CPU writes data.
    DataOut,
    /// A timer runs.
    Wait,
    /// The CPU reads results.
    Result,
}

/// A read, write or format in the works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Transfer {
    write: bool,
    /// No data goes to memory.
    verify: bool,
    /// Both sides one after the other.
    multi: bool,
    drive: u8,
    cylinder: u8,
    head: u8,
    sector: u8,
    /// The last sector of a track.
    last: u8,
    /// Bytes at which the track ends.
    length: u32,
    /// Bytes moved.
    moved: u32,
    /// The DMA controller said that this is all.
    terminal: bool,
    format: bool,
}

/// What of a drive is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct DriveState {
    track: u8,
    /// The disk was changed and no step was made since.
    changed: bool,
    /// A seek that ends then, virtual ns.
    seek: Option<i64>,
    /// A seek has ended: told by SENSE INTERRUPT STATUS.
    ended: Option<u8>,
}

/// Volatile state, and the saved one (version 1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    dor: u8,
    tdr: u8,
    rate: u8,
    phase: Phase,
    /// Bytes of a command, or results.
    fifo: Vec<u8>,
    position: u32,
    data: Vec<u8>,
    transfer: Transfer,
    drives: [DriveState; 4],
    /// Drives whose reset is still to be told.
    resets: u8,
    interrupt: bool,
    wait: Option<(Wait, i64)>,
    /// SPECIFY, CONFIGURE, LOCK, PERPENDICULAR.
    specify: [u8; 2],
    configure: [u8; 2],
    lock: bool,
    perpendicular: u8,
}

/// What follows when the guard is gone.
#[derive(Default)]
struct Effect {
    submit: Option<(usize, DiskOp)>,
}

/// The controller.
pub struct Fdc {
    // Host glue.
    clock: VirtualClock,
    timer: Timer,
    irq: IrqLine,
    dma: Arc<Dma8237>,
    disks: [Option<Arc<dyn Disk>>; 2],
    clients: Vec<Arc<Client>>,
    // Volatile state.
    state: DeviceCell<State>,
}

/// One drive's ear.
struct Client {
    fdc: Weak<Fdc>,
    drive: usize,
}

impl DiskClient for Client {
    fn complete(&self, _tag: u64, result: DiskResult) {
        if let Some(fdc) = self.fdc.upgrade() {
            fdc.change(|state, fdc, _| {
                fdc.disk_answered(state, result);
                Effect::default()
            });
        }
    }

    fn medium_changed(&self) {
        if let Some(fdc) = self.fdc.upgrade() {
            fdc.state.lock().drives[self.drive].changed = true;
        }
    }
}

impl State {
    fn reset(&mut self) {
        self.phase = Phase::Command;
        self.fifo.clear();
        self.data.clear();
        self.position = 0;
        self.transfer = Transfer::default();
        self.interrupt = false;
        self.resets = 0;
        self.wait = None;
        for drive in &mut self.drives {
            (drive.seek, drive.ended) = (None, None);
        }
        if !self.lock {
            self.configure = [0, 0];
        }
    }

    /// Gives `results`, and says so unless it is a command that nobody waits for.
    fn give(&mut self, results: &[u8], interrupt: bool) {
        self.fifo = results.to_vec();
        self.position = 0;
        self.phase = Phase::Result;
        self.interrupt |= interrupt;
    }

    fn msr(&self) -> u8 {
        if self.dor & DOR_RUN == 0 || matches!(self.wait, Some((Wait::Reset, _))) {
            return 0;
        }
        let seeking = (0..4)
            .filter(|&drive| self.drives[drive].seek.is_some())
            .fold(0, |bits, drive| bits | 1 << drive);
        seeking
            | match self.phase {
                Phase::Command if self.fifo.is_empty() => RQM,
                Phase::Command => RQM | CB,
                Phase::Disk | Phase::Wait => CB,
                Phase::DataIn => RQM | DIO | NDMA | CB,
                Phase::DataOut => RQM | NDMA | CB,
                Phase::Result => RQM | DIO | CB,
            }
    }

    fn irq(&self) -> bool {
        self.interrupt && self.dor & DOR_GATE != 0
    }

    /// When something happens by itself.
    fn deadline(&self) -> Option<i64> {
        let seeks = self.drives.iter().filter_map(|drive| drive.seek);
        seeks.chain(self.wait.map(|(_, at)| at)).min()
    }

    /// What has happened until now.
    fn advance(&mut self, now: i64) {
        for (number, drive) in self.drives.iter_mut().enumerate() {
            if drive.seek.is_some_and(|at| at <= now) {
                drive.seek = None;
                drive.ended = drive.ended.or(Some(SEEK_END | number as u8));
                self.interrupt = true;
            }
        }
        match self.wait {
            Some((Wait::Reset, at)) if at <= now => {
                self.wait = None;
                self.resets = 4;
                self.interrupt = true;
            }
            Some((Wait::Sector, at)) if at <= now => {
                self.wait = None;
                self.phase = Phase::Result;
                self.position = 0;
                self.interrupt = true;
            }
            _ => {}
        }
    }

    /// Whether a loaded state is one that can be.
    fn is_sound(&self) -> bool {
        let fits = match self.phase {
            Phase::Result => (self.position as usize) < self.fifo.len(),
            Phase::DataIn | Phase::DataOut => (self.position as usize) < self.data.len(),
            Phase::Wait => self.wait.is_some() && !self.fifo.is_empty(),
            _ => true,
        };
        fits && self.fifo.len() <= 16
            && self.data.len() <= 1 << 16
            && self.transfer.drive < 4
            && self.resets <= 4
    }
}

impl Fdc {
    /// A controller with these drives; what is in them can change.
    pub fn new(
        disks: [Option<Arc<dyn Disk>>; 2],
        dma: &Arc<Dma8237>,
        irq: IrqLine,
        clock: &VirtualClock,
    ) -> Arc<Self> {
        let fdc = Arc::new_cyclic(|weak| Self {
            clock: clock.clone(),
            timer: clock.device_timer(weak, |fdc: &Self| fdc.change(|_, _, _| Effect::default())),
            irq,
            dma: Arc::clone(dma),
            disks,
            clients: (0..2)
                .map(|drive| {
                    Arc::new(Client {
                        fdc: Weak::clone(weak),
                        drive,
                    })
                })
                .collect(),
            state: DeviceCell::new(State {
                dor: DOR_RUN | DOR_GATE,
                ..State::default()
            }),
        });
        for client in &fdc.clients {
            if let Some(disk) = &fdc.disks[client.drive] {
                let client = Arc::downgrade(client);
                disk.attach(client);
            }
        }
        fdc
    }

    /// 3F0h to 3F5h, and 3F7h, in port space.
    pub fn windows(self: &Arc<Self>) -> [IoWindow; 2] {
        [
            IoWindow::new(
                "fdc",
                (PORT, 6),
                AccessRules::BYTES,
                self,
                |fdc: &Self, at, _| fdc.read(at),
                |fdc, at, _, value| fdc.write(at, value as u8),
            ),
            IoWindow::new(
                "fdc-dir",
                (PORT + reg::DIR, 1),
                AccessRules::BYTES,
                self,
                |fdc: &Self, _, _| fdc.read(reg::DIR),
                |fdc, _, _, value| fdc.write(reg::DIR, value as u8),
            ),
        ]
    }

    /// CMOS byte 10h: the first drive's type in the upper half.
    pub fn cmos_types(&self) -> u8 {
        let kind = |disk: &Option<Arc<dyn Disk>>| {
            let disk = disk.as_ref()?;
            Some(
                disk.medium()
                    .map_or(Layout::USUAL, |medium| Layout::of(medium.size))
                    .drive,
            )
        };
        kind(&self.disks[0]).unwrap_or(0) << 4 | kind(&self.disks[1]).unwrap_or(0)
    }

    /// Changes the state, and does what follows from it.
    fn change<R: Into<Effect>>(&self, act: impl FnOnce(&mut State, &Self, i64) -> R) {
        let now = self.clock.now_ns();
        let (effect, irq, deadline) = {
            let mut state = self.state.lock();
            state.advance(now);
            let effect: Effect = act(&mut state, self, now).into();
            (effect, state.irq(), state.deadline())
        };
        self.irq.set(irq);
        schedule(&self.timer, deadline);
        if let Some((drive, op)) = effect.submit
            && let Some(disk) = self.disks.get(drive).and_then(Option::as_ref)
        {
            disk.submit(0, op);
        }
    }

    fn read(&self, register: u64) -> IoResult<u64> {
        let mut value = 0;
        self.change(|state, fdc, _| {
            let drive = usize::from(state.dor & 3);
            value = match register {
                reg::SRA => {
                    u8::from(state.interrupt) << 7 | 0x40 | u8::from(state.drives[drive].track == 0) << 4
                }
                reg::SRB => 0xc0 | (state.dor & 0x30) >> 4 | (state.dor & 1) << 5,
                reg::DOR => state.dor,
                reg::TDR => state.tdr & 3,
                reg::MSR => state.msr(),
                reg::FIFO => fdc.fifo_read(state),
                reg::DIR => {
                    let out = fdc.medium(drive).is_none() || state.drives[drive].changed;
                    // Only a drive whose motor runs answers.
                    u8::from(out && state.dor >> (4 + drive) & 1 != 0) << 7
                }
                _ => 0xff,
            };
            Effect::default()
        });
        Ok(value.into())
    }

    fn write(&self, register: u64, value: u8) -> IoResult<()> {
        let resets = {
            let state = self.state.lock();
            match register {
                reg::DOR => value & DOR_RUN == 0 && state.dor & DOR_RUN != 0,
                reg::MSR => value & DSR_RESET != 0,
                _ => false,
            }
        };
        if resets {
            self.forget();
        }
        self.change(|state, fdc, now| match register {
            reg::DOR => {
                let before = std::mem::replace(&mut state.dor, value);
                if value & DOR_RUN == 0 {
                    state.reset();
                } else if before & DOR_RUN == 0 {
                    state.wait = Some((Wait::Reset, now.saturating_add(RESET_NS)));
                }
                Effect::default()
            }
            reg::TDR => {
                state.tdr = value;
                Effect::default()
            }
            reg::MSR => {
                state.rate = value & 3;
                if value & DSR_RESET != 0 && state.dor & DOR_RUN != 0 {
                    state.reset();
                    state.wait = Some((Wait::Reset, now.saturating_add(RESET_NS)));
                }
                Effect::default()
            }
            reg::FIFO => fdc.fifo_write(state, value, now),
            reg::DIR => {
                state.rate = value & 3;
                Effect::default()
            }
            _ => Effect::default(),
        });
        Ok(())
    }

    fn forget(&self) {
        for disk in self.disks.iter().flatten() {
            disk.forget();
        }
    }

    fn medium(&self, drive: usize) -> Option<hw_core::Medium> {
        self.disks.get(drive)?.as_ref()?.medium()
    }
}

const VERSION: u16 = 1;

impl Device for Fdc {
    fn name(&self) -> &str {
        "fdc"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                *self.state.lock() = State {
                    dor: DOR_RUN | DOR_GATE,
                    ..State::default()
                };
            }
            ResetPhase::Hold => {
                self.forget();
                self.irq.lower();
                schedule(&self.timer, None);
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        if !state.is_sound() {
            return Err(StateError::Damaged("no state of a floppy controller".into()));
        }
        let deadline = state.deadline();
        *self.state.lock() = state;
        schedule(&self.timer, deadline);
        Ok(())
    }
}
