//! PCI bus 0 and the ports through which configuration mechanism #1 reaches it.
//!
//! Guest accesses of CF8h and CFCh flow to the function that the address register names; nobody there reads as
//! ones. Byte CF9h, inside the address register's range, is the PIIX3's reset control. Mirrors QEMU's
//! `hw/pci/pci_host.c`.

use crate::config::BarKind;
use crate::function::PciFunction;
use crate::spec::*;
use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use parking_lot::Mutex;
use softmmu::{AccessRules, Endian, IoResult};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Device and function number: `slot << 3 | function`.
pub const fn devfn(slot: u8, function: u8) -> u8 {
    slot << 3 | function & 7
}

/// What answers at CF9h, inside the address register's range.
pub trait ResetRegister: Send + Sync {
    /// Guest read.
    fn read(&self) -> u8;
    /// Guest write.
    fn write(&self, value: u8);
}

/// Bus 0 with its configuration ports.
pub struct PciBus {
    // Host glue.
    functions: Mutex<BTreeMap<u8, Arc<dyn PciFunction>>>,
    reset_control: Arc<dyn ResetRegister>,
    // Volatile state: CONFIG_ADDRESS.
    address: DeviceCell<u32>,
}

/// Both ports: every size, at any offset.
const RULES: AccessRules = AccessRules {
    valid: (1, 4),
    impl_: (1, 4),
    unaligned: true,
    endian: Endian::Little,
};

impl PciBus {
    /// An empty bus.
    pub fn new(reset_control: Arc<dyn ResetRegister>) -> Arc<Self> {
        Arc::new(Self {
            functions: Mutex::new(BTreeMap::new()),
            reset_control,
            address: DeviceCell::default(),
        })
    }

    /// Plugs a function in.
    ///
    /// # Panics
    /// If the place is taken.
    pub fn add(&self, devfn: u8, function: Arc<dyn PciFunction>) {
        let taken = self.functions.lock().insert(devfn, function);
        assert!(
            taken.is_none(),
            "PCI slot {}.{} taken twice",
            devfn >> 3,
            devfn & 7
        );
    }

    /// Pulls a function out.
    pub fn remove(&self, devfn: u8) -> Option<Arc<dyn PciFunction>> {
        self.functions.lock().remove(&devfn)
    }

    /// The first slot from `from` on without any function.
    pub fn free_slot(&self, from: u8) -> Option<u8> {
        let functions = self.functions.lock();
        (from..32).find(|slot| functions.range(slot << 3..=slot << 3 | 7).next().is_none())
    }

    /// The function at a place.
    pub fn function(&self, devfn: u8) -> Option<Arc<dyn PciFunction>> {
        self.functions.lock().get(&devfn).cloned()
    }

    /// All functions in order of their number.
    pub fn functions(&self) -> Vec<(u8, Arc<dyn PciFunction>)> {
        self.functions
            .lock()
            .iter()
            .map(|(&devfn, function)| (devfn, Arc::clone(function)))
            .collect()
    }

    /// CF8h..CFFh for the port space.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new(
                "pci-conf-idx",
                (CONFIG_ADDRESS, 4),
                RULES,
                self,
                Self::read_address,
                Self::write_address,
            ),
            IoWindow::new(
                "pci-conf-data",
                (CONFIG_ADDRESS + 4, 4),
                RULES,
                self,
                Self::read_data,
                Self::write_data,
            ),
        ]
    }

    fn read_address(&self, offset: u64, size: u32) -> IoResult<u64> {
        Ok(match (offset, size) {
            (0, 4) => *self.address.lock() as u64,
            (1, 1) => self.reset_control.read() as u64,
            _ => u64::MAX,
        })
    }

    fn write_address(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        match (offset, size) {
            (0, 4) => *self.address.lock() = value as u32,
            (1, 1) => self.reset_control.write(value as u8),
            _ => {}
        }
        Ok(())
    }

    /// The function and offset that an access of CONFIG_DATA means.
    fn target(&self, offset: u64) -> Option<(Arc<dyn PciFunction>, u8)> {
        let address = *self.address.lock();
        let bus = address >> 16 & 0xff;
        if address & CONFIG_ENABLE == 0 || bus != 0 {
            return None;
        }
        let function = self.function((address >> 8) as u8)?;
        Some((function, (address & 0xfc) as u8 | offset as u8 & 3))
    }

    fn read_data(&self, offset: u64, size: u32) -> IoResult<u64> {
        Ok(match self.target(offset) {
            Some((function, at)) => function.config_read(at, size) as u64,
            None => u64::MAX,
        })
    }

    fn write_data(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        if let Some((function, at)) = self.target(offset) {
            function.config_write(at, size, value as u32);
        }
        Ok(())
    }

    /// The functions, their windows and interrupts as text: the monitor's `info pci`.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (devfn, function) in self.functions() {
            let config = function.config();
            let class = config.get16(CLASS + 1);
            let kind = match class {
                0x0600 => "Host bridge".to_owned(),
                0x0601 => "ISA bridge".to_owned(),
                0x0101 => "IDE controller".to_owned(),
                0x0680 => "Bridge".to_owned(),
                0x0100 => "SCSI controller".to_owned(),
                0x0106 => "SATA controller".to_owned(),
                0x0200 => "Ethernet controller".to_owned(),
                0x0300 => "VGA controller".to_owned(),
                0x0403 => "Audio controller".to_owned(),
                0x0c03 => "USB controller".to_owned(),
                other => format!("Class {other:04x}"),
            };
            let (vendor, device) = (config.get16(VENDOR), config.get16(DEVICE));
            let _ = writeln!(text, "  Bus  0, device {:3}, function {}:", devfn >> 3, devfn & 7);
            let _ = writeln!(text, "    {kind}: PCI device {vendor:04x}:{device:04x}");
            let pin = config.bytes()[INTERRUPT_PIN];
            if pin != 0 {
                let line = config.bytes()[INTERRUPT_LINE];
                let _ = writeln!(text, "      IRQ {line}, pin {}", (b'A' + ((pin - 1) & 3)) as char);
            }
            for bar in config.bars() {
                let space = match bar.kind {
                    BarKind::Io => "I/O",
                    BarKind::Memory => "32 bit memory",
                    BarKind::Prefetchable => "32 bit prefetchable memory",
                    BarKind::Memory64 => "64 bit memory",
                    BarKind::Prefetchable64 => "64 bit prefetchable memory",
                };
                let _ = match config.bar_address(bar) {
                    Some(at) => {
                        let last = at + bar.size - 1;
                        writeln!(
                            text,
                            "      BAR{}: {space} at {at:#06x} [{last:#06x}].",
                            bar.index
                        )
                    }
                    None => writeln!(text, "      BAR{}: {space} at 0xffffffffffffffff.", bar.index),
                };
            }
            let _ = writeln!(text, "      id \"{}\"", function.name());
        }
        text
    }
}

/// State version 1: CONFIG_ADDRESS.
const VERSION: u16 = 1;

impl Device for PciBus {
    fn name(&self) -> &str {
        "pci0"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.address.lock() = 0;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.address.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let address = state.decode(VERSION)?;
        *self.address.lock() = address;
        Ok(())
    }
}
