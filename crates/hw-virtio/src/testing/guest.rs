//! A driver's half of the transport: finds the windows, negotiates, sets queues up, notifies.

use super::{DriverRing, Layout, MESSAGES, Memory};
use hw_core::Device;
use hw_pci::{PciCard, PciFunction};
use softmmu::{AddressSpace, GuestPhys};
use std::sync::Arc;

/// By which interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    Legacy,
    Modern,
}

const LEGACY: u64 = 0xc000;
const TABLE: u64 = 0xfe10_0000;
/// Above 4 GiB: the window is a 64-bit one.
const MODERN: u64 = 0x8_0000_0000;

pub struct Guest {
    pub memory: Arc<Memory>,
    pub function: Arc<dyn PciFunction>,
    pub device: Arc<dyn Device>,
    pub interface: Interface,
    pub rings: Vec<DriverRing>,
    msix: bool,
}

/// Where the capability of a type lies in configuration space.
pub fn capability(function: &dyn PciFunction, kind: u32) -> Option<u8> {
    let mut at = function.config_read(0x34, 1) as u8;
    for _ in 0..20 {
        if at == 0 {
            break;
        }
        if function.config_read(at, 1) == 9 && function.config_read(at + 3, 1) == kind {
            return Some(at);
        }
        at = function.config_read(at + 1, 1) as u8;
    }
    None
}

impl Guest {
    /// Opens the windows of a card.
    pub fn new(memory: &Arc<Memory>, card: &PciCard, interface: Interface) -> Self {
        let function = Arc::clone(&card.function);
        function.config_write(0x10, 4, LEGACY as u32);
        function.config_write(0x14, 4, TABLE as u32);
        function.config_write(0x20, 4, MODERN as u32);
        function.config_write(0x24, 4, (MODERN >> 32) as u32);
        function.config_write(0x04, 2, 7);
        Self {
            memory: Arc::clone(memory),
            function,
            device: Arc::clone(&card.devices[0]),
            interface,
            rings: Vec::new(),
            msix: false,
        }
    }

    fn load(space: &AddressSpace, at: u64, size: u32) -> u64 {
        space.load(GuestPhys(at), size).expect("a register")
    }

    fn store(space: &AddressSpace, at: u64, size: u32, value: u64) {
        space.store(GuestPhys(at), size, value).expect("a register");
    }

    /// Reads the modern window.
    pub fn read(&self, at: u64, size: u32) -> u64 {
        Self::load(&self.memory.space, MODERN + at, size)
    }

    /// Writes the modern window.
    pub fn write(&self, at: u64, size: u32, value: u64) {
        Self::store(&self.memory.space, MODERN + at, size, value);
    }

    /// Reads the legacy header.
    pub fn port(&self, at: u64, size: u32) -> u64 {
        Self::load(&self.memory.ports, LEGACY + at, size)
    }

    /// Writes the legacy header.
    pub fn set_port(&self, at: u64, size: u32, value: u64) {
        Self::store(&self.memory.ports, LEGACY + at, size, value);
    }

    pub fn status(&self) -> u8 {
        match self.interface {
            Interface::Legacy => self.port(0x12, 1) as u8,
            Interface::Modern => self.read(0x14, 1) as u8,
        }
    }

    pub fn set_status(&self, status: u8) {
        match self.interface {
            Interface::Legacy => self.set_port(0x12, 1, status.into()),
            Interface::Modern => self.write(0x14, 1, status.into()),
        }
    }

    pub fn isr(&self) -> u8 {
        match self.interface {
            Interface::Legacy => self.port(0x13, 1) as u8,
            Interface::Modern => self.read(0x1000, 1) as u8,
        }
    }

    /// What the device offers.
    pub fn offered(&self) -> u64 {
        match self.interface {
            Interface::Legacy => self.port(0, 4),
            Interface::Modern => {
                self.write(0, 4, 0);
                let low = self.read(4, 4);
                self.write(0, 4, 1);
                low | self.read(4, 4) << 32
            }
        }
    }

    /// Bytes of the device's configuration.
    pub fn config(&self, at: u64, size: u32) -> u64 {
        match self.interface {
            Interface::Legacy => self.port(if self.msix { 0x18 } else { 0x14 } + at, size),
            Interface::Modern => self.read(0x2000 + at, size),
        }
    }

    pub fn set_config(&self, at: u64, size: u32, value: u64) {
        match self.interface {
            Interface::Legacy => self.set_port(if self.msix { 0x18 } else { 0x14 } + at, size, value),
            Interface::Modern => self.write(0x2000 + at, size, value),
        }
    }

    /// Switches MSI-X on with vector `n` sending `0x40 + n`.
    pub fn use_messages(&mut self, vectors: u64) {
        let space = &self.memory.space;
        for vector in 0..vectors {
            Self::store(space, TABLE + 16 * vector, 4, MESSAGES);
            Self::store(space, TABLE + 16 * vector + 8, 4, 0x40 + vector);
            Self::store(space, TABLE + 16 * vector + 12, 4, 0);
        }
        let mut at = self.function.config_read(0x34, 1) as u8;
        while self.function.config_read(at, 1) != 0x11 {
            at = self.function.config_read(at + 1, 1) as u8;
        }
        self.function.config_write(at + 2, 2, 0x8000);
        self.msix = true;
    }

    /// Writes the features; whether the device agreed.
    pub fn negotiate(&self, features: u64) -> bool {
        self.set_status(0);
        assert_eq!(self.status(), 0);
        self.set_status(1);
        self.set_status(3);
        if self.interface == Interface::Legacy {
            self.set_port(4, 4, features);
            return true;
        }
        self.write(8, 4, 0);
        self.write(12, 4, features & 0xffff_ffff);
        self.write(8, 4, 1);
        self.write(12, 4, features >> 32);
        self.set_status(11);
        self.status() & 8 != 0
    }

    /// Sets a queue up at `base`, smaller than offered if the interface allows it. Vector `index + 1` is its own.
    pub fn setup(&mut self, index: u16, base: u64, size: u16, features: u64) {
        let packed = features & 1 << 34 != 0;
        let event_idx = features & 1 << 29 != 0;
        let vector = u64::from(index) + 1;
        let layout = match self.interface {
            Interface::Legacy => {
                self.set_port(14, 2, index.into());
                let layout = Layout::at(base, self.port(12, 2) as u16, false, event_idx);
                self.set_port(8, 4, base / 4096);
                if self.msix {
                    self.set_port(0x16, 2, vector);
                }
                layout
            }
            Interface::Modern => {
                self.write(0x16, 2, index.into());
                self.write(0x18, 2, size.into());
                let layout = Layout::at(base, self.read(0x18, 2) as u16, packed, event_idx);
                for (at, address) in [
                    (0x20, layout.descriptors),
                    (0x28, layout.driver),
                    (0x30, layout.device),
                ] {
                    self.write(at, 4, address);
                    self.write(at + 4, 4, address >> 32);
                }
                if self.msix {
                    self.write(0x1a, 2, vector);
                }
                self.write(0x1c, 2, 1);
                layout
            }
        };
        self.rings.push(DriverRing::new(&self.memory, layout));
    }

    /// All of it: features, queues from 0x1000 on each in 0x6000 bytes, ready.
    pub fn start(&mut self, features: u64, queues: u16) {
        let features = match self.interface {
            Interface::Legacy => features & 0xffff_ffff,
            Interface::Modern => features | 1 << 32,
        };
        assert!(self.negotiate(features), "features refused");
        self.rings.clear();
        for queue in 0..queues {
            self.setup(queue, 0x1000 + 0x6000 * u64::from(queue), 16, features);
        }
        self.set_status(if self.interface == Interface::Legacy {
            7
        } else {
            15
        });
    }

    /// Adds a chain and notifies if the device wants it.
    pub fn add(&mut self, queue: usize, readable: &[(u64, u32)], writable: &[(u64, u32)]) -> u16 {
        let id = self.rings[queue]
            .add(&self.memory, readable, writable, None)
            .expect("room in the ring");
        if self.rings[queue].kick(&self.memory) {
            self.notify(queue);
        }
        id
    }

    pub fn notify(&self, queue: usize) {
        match self.interface {
            Interface::Legacy => self.set_port(16, 2, queue as u64),
            Interface::Modern => self.write(0x3000 + 4 * queue as u64, 2, queue as u64),
        }
    }

    /// What came back, and interrupts wanted again.
    pub fn take(&mut self, queue: usize) -> Vec<(u16, u32)> {
        let taken = self.rings[queue].take_used(&self.memory);
        self.rings[queue].want_interrupt(&self.memory, true);
        taken
    }
}
