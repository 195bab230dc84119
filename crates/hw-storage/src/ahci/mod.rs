//! AHCI: the ICH9's Serial ATA controller with six ports, Intel 82801I, 14.4 (AHCI 1.3.1).
//!
//! Register accesses flow in through [`Ahci::window`] (BAR 5), commands and data come from memory by bus mastering,
//! requests go out to the drives' disks, tagged by slot, and answers come back through each drive's [`DiskClient`] in any
//! order; frames, data and interrupts flow back. Mirrors QEMU's `hw/ide/ahci.c` in behaviour.
//!
//! While the controller works it does not answer: regions that lead back into its own registers move nothing.

mod command;
mod drive;
mod model;
mod packet;
mod port;
mod saved;
pub mod spec;
mod table;
#[cfg(test)]
mod tests;

pub use model::{MODELS, UNITS};

use crate::scsi::{Kind, Names};
use drive::Drive;
use hw_core::{
    Device, DeviceCell, Disk, DiskClient, DiskResult, IoWindow, ResetPhase, SavedState, StateError,
};
use hw_pci::PciPort;
use port::{Act, Context, Port};
use softmmu::{AccessRules, Endian, IoResult};
use spec::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// The controller.
pub struct Ahci {
    // Configuration.
    name: String,
    // Host glue.
    port: PciPort,
    /// Set while it works: it does not hear itself.
    engaged: AtomicBool,
    // Volatile state.
    state: DeviceCell<State>,
}

struct State {
    interrupts: bool,
    pending: u32,
    ports: [Port; PORTS],
}

/// A drive as its disk sees it.
struct Link {
    controller: Weak<Ahci>,
    port: u8,
    kind: Kind,
    disk: Arc<dyn Disk>,
    /// The medium changed. A disk may say so while the unit talks to it, so the unit hears of it later.
    changed: AtomicBool,
    ejecting: AtomicBool,
}

impl DiskClient for Link {
    fn complete(&self, tag: u64, result: DiskResult) {
        if let Some(controller) = self.controller.upgrade() {
            controller.change(|state, cx| {
                state.ports[usize::from(self.port)].completed(tag, result, cx);
                false
            });
        }
    }

    fn medium_changed(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    fn eject_requested(&self) {
        self.ejecting.store(true, Ordering::Relaxed);
    }
}

/// Registers of four bytes, of which software may read and write parts.
const RULES: AccessRules = AccessRules {
    valid: (1, 8),
    impl_: (1, 4),
    unaligned: false,
    endian: Endian::Little,
};

impl State {
    fn read(&self, register: u64) -> u32 {
        match register {
            host::CAP => CAPABILITIES,
            host::GHC => GHC_AHCI | if self.interrupts { GHC_INTERRUPTS } else { 0 },
            host::IS => self.pending,
            host::PI => (1 << PORTS) - 1,
            host::VS => VERSION,
            _ => match place(register) {
                Some((port, register)) => self.ports[port].read(register),
                None => 0,
            },
        }
    }

    /// Writes a register; whether interrupts that wait are told again.
    fn write(&mut self, register: u64, value: u32, cx: &mut Context) -> bool {
        match register {
            host::GHC if value & GHC_RESET != 0 => self.reset(false, cx),
            host::GHC => {
                let before = std::mem::replace(&mut self.interrupts, value & GHC_INTERRUPTS != 0);
                return !before;
            }
            host::IS => {
                self.pending &= !value;
                return true;
            }
            _ => {
                if let Some((port, register)) = place(register) {
                    self.ports[port].write(register, value, cx);
                }
            }
        }
        false
    }

    fn reset(&mut self, hard: bool, cx: &mut Context) {
        (self.interrupts, self.pending) = (false, 0);
        for port in &mut self.ports {
            if let Some(drive) = &mut port.drive {
                drive.state.requests.clear();
                cx.acts.push(Act::Forget(Arc::clone(drive.disk())));
            }
            port.reset(hard);
        }
    }

    /// Gathers what the ports say: the level, and whether there is something new.
    fn interrupts(&mut self) -> (bool, bool) {
        let before = self.pending;
        for (index, port) in self.ports.iter().enumerate() {
            if port.interrupts_now() {
                self.pending |= 1 << index;
            }
        }
        (self.interrupts && self.pending != 0, self.pending & !before != 0)
    }
}

/// Port and register.
fn place(register: u64) -> Option<(usize, u64)> {
    let at = register.checked_sub(PORT_BASE)?;
    let port = (at / PORT_SIZE) as usize;
    (port < PORTS).then_some((port, at % PORT_SIZE))
}

/// Whether ones clear or set bits of the register, so that a part of it is written with zeros around.
fn acts_by_ones(register: u64) -> bool {
    match place(register) {
        Some((_, register)) => matches!(
            register,
            spec::port::IS | spec::port::SERR | spec::port::SACT | spec::port::CI
        ),
        None => register == host::IS,
    }
}

impl Ahci {
    /// A controller without drives.
    pub fn new(name: impl Into<String>, port: PciPort) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            port,
            engaged: AtomicBool::new(false),
            state: DeviceCell::new(State {
                interrupts: false,
                pending: 0,
                ports: std::array::from_fn(|_| Port::new()),
            }),
        })
    }

    /// Puts a drive behind port `number`, or the next free one. Its port, or none if it is taken, or all are.
    pub fn add_drive(
        self: &Arc<Self>,
        number: Option<u8>,
        kind: Kind,
        disk: Arc<dyn Disk>,
        names: Names,
    ) -> Option<u8> {
        let link = {
            let mut state = self.state.lock();
            let is_free = |&number: &u8| {
                let port = state.ports.get(usize::from(number));
                port.is_some_and(|port| port.drive.is_none())
            };
            let number = match number {
                Some(number) => Some(number).filter(is_free),
                None => (0..PORTS as u8).find(is_free),
            }?;
            let link = Arc::new(Link {
                controller: Arc::downgrade(self),
                port: number,
                kind,
                disk,
                changed: AtomicBool::new(false),
                ejecting: AtomicBool::new(false),
            });
            let port = &mut state.ports[usize::from(number)];
            port.drive = Some(Drive::new(Arc::clone(&link), names));
            port.link();
            link
        };
        let client: Arc<dyn DiskClient> = Arc::clone(&link) as _;
        link.disk.attach(Arc::downgrade(&client));
        Some(link.port)
    }

    /// The registers, for BAR 5.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new("ahci", (0, WINDOW), RULES, self, Self::read, Self::write)
    }

    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        if self.engaged.load(Ordering::Relaxed) {
            return Ok(u64::MAX);
        }
        let value = self.state.lock().read(offset & !3) >> (8 * (offset & 3));
        Ok(u64::from(value) & mask(size))
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let (register, shift) = (offset & !3, 8 * (offset & 3));
        let (value, mask) = ((value << shift) as u32, (mask(size) << shift) as u32);
        self.change(|state, cx| {
            let kept = if acts_by_ones(register) {
                0
            } else {
                state.read(register) & !mask
            };
            state.write(register, kept | value & mask, cx)
        });
        Ok(())
    }

    /// Changes the state; then does what follows. `f` says whether interrupts that wait are told again.
    fn change(&self, f: impl FnOnce(&mut State, &mut Context) -> bool) {
        if self.engaged.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut acts = Vec::new();
        let (level, told) = {
            let mut state = self.state.lock();
            let mut cx = Context {
                dma: self.port.dma(),
                acts: &mut acts,
            };
            let again = f(&mut state, &mut cx);
            let (level, new) = state.interrupts();
            (level, level && (new || again))
        };
        for act in acts {
            match act {
                Act::Submit(disk, tag, op) => disk.submit(tag, op),
                Act::Forget(disk) => disk.forget(),
            }
        }
        self.port.set_level(level);
        if told {
            self.port.notify(0);
        }
        self.engaged.store(false, Ordering::Relaxed);
    }
}

/// The bits of an access of so many bytes.
fn mask(size: u32) -> u64 {
    (1 << (8 * size.min(4))) - 1
}

impl Device for Ahci {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                let mut state = self.state.lock();
                (state.interrupts, state.pending) = (false, 0);
                for port in &mut state.ports {
                    port.reset(true);
                }
            }
            ResetPhase::Hold => {
                let disks: Vec<_> = {
                    let state = self.state.lock();
                    let drives = state.ports.iter().filter_map(|port| port.drive.as_ref());
                    drives.map(|drive| Arc::clone(drive.disk())).collect()
                };
                for disk in disks {
                    disk.forget();
                    disk.set_locked(false);
                    disk.set_write_cache(true);
                }
                self.port.set_level(false);
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        self.state.lock().save()
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let level = {
            let mut own = self.state.lock();
            own.load(state)?;
            own.interrupts().0
        };
        self.port.set_level(level);
        Ok(())
    }
}
