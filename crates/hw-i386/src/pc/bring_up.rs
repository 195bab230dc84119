//! How the board comes up: with firmware, or without one.
//!
//! Holds the fw_cfg device with what is in it, the firmware's image, and what both need of the board. Later than the board
//! itself come a kernel for firmware to load and the order of the devices on cards; both flow in through
//! [`Pc::set_boot_order`] and its neighbours, before the first reset.

use super::Pc;
use crate::board_spec;
use crate::firmware::{BootOrder, Described, FirmwareConfig, FirmwareImage, describe, set_boot_order};
use crate::fw_cfg::{Contents, FileError, FwCfg, Item, Maker};
use crate::mini_post;
use crate::piix3::PowerManagement;
use crate::piix3::spec::PMBASE;
use crate::ram_layout::{BIOS_SIZE, RamLayout};
use crate::rtc::Rtc;
use crate::tables::{self, TableConfig, Tables};
use hw_core::{Device, Dma};
use hw_pci::{Function, PciFunction};
use parking_lot::Mutex;
use softmmu::{AddressSpace, RamBlock};
use std::sync::Arc;

/// The board's firmware side.
pub(super) struct BringUp {
    /// The device.
    pub fw_cfg: Arc<FwCfg>,
    contents: Mutex<Contents>,
    config: FirmwareConfig,
    cpus: u8,
}

/// Bytes of the BIOS region.
pub(super) fn bios_size(config: &FirmwareConfig) -> u64 {
    match &config.image {
        None => BIOS_SIZE,
        Some(FirmwareImage::Rom(image)) => image.len() as u64,
    }
}

/// Where firmware has put the power-management registers; where SeaBIOS does, until somebody has.
fn pm_base(power: &Function<PowerManagement>) -> u16 {
    const ADDRESS: u16 = 0xffc0;
    match power.config().get16(PMBASE) & ADDRESS {
        0 => board_spec::PM_BASE,
        base => base,
    }
}

impl BringUp {
    /// A device that tells about the machine of `tables`, with DMA to `memory`.
    pub fn new(
        config: FirmwareConfig,
        tables: &TableConfig,
        power: &Arc<Function<PowerManagement>>,
        memory: &Arc<AddressSpace>,
    ) -> Result<Self, FileError> {
        let acpi_now: Maker = {
            let (tables, power) = (tables.clone(), Arc::clone(power));
            Arc::new(move || {
                let config = TableConfig {
                    pm_base: pm_base(&power),
                    ..tables.clone()
                };
                let acpi = tables::for_firmware(&config).acpi;
                acpi.map_or_else(Vec::new, |(blob, ..)| blob.bytes().to_vec())
            })
        };
        let cpus = tables.apic_ids.len();
        let contents = describe(&Described {
            config: &config,
            ram: tables.ram,
            cpus: cpus as u16,
            apic_ids: tables.apic_ids.iter().copied().max().map_or(0, u16::from) + 1,
            hpet: tables.hpet,
            tables: &tables::for_firmware(tables),
            acpi_now,
        })?;
        Ok(Self {
            fw_cfg: FwCfg::new(&contents, Dma::new(Arc::clone(memory))),
            contents: Mutex::new(contents),
            config,
            cpus: cpus as u8,
        })
    }

    /// Whether the machine starts in firmware.
    pub fn runs(&self) -> bool {
        self.config.image.is_some()
    }

    /// Puts the firmware into its region; without one, ones, and the F segment with the reset vector at its end.
    pub fn fill_bios(&self, bios: &RamBlock, tables: &Tables) {
        match &self.config.image {
            Some(FirmwareImage::Rom(image)) => {
                bios.write(0, image);
            }
            None => {
                let size = bios.size();
                let segment = tables.f_segment.len() as u64;
                bios.write(0, &vec![0xff; (size - segment) as usize]);
                bios.write(size - segment, &tables.f_segment);
            }
        }
    }

    /// The devices for the board's list. With firmware CMOS is filled once: what is in it outlives resets, and by its
    /// shutdown code firmware knows why there was one.
    pub fn devices(&self, rtc: &Arc<Rtc>, ram: &RamLayout) -> Vec<Arc<dyn Device>> {
        let mut devices: Vec<Arc<dyn Device>> = vec![self.fw_cfg.clone()];
        if self.runs() {
            mini_post::cmos(rtc, ram, self.cpus);
            devices.push(BootOrder::new(self.config.boot.clone(), rtc));
        }
        devices
    }

    /// Changes what fw_cfg holds.
    pub fn change<R>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<R, FileError>,
    ) -> Result<R, FileError> {
        let mut contents = self.contents.lock();
        let result = change(&mut contents)?;
        self.fw_cfg.fill(&contents);
        Ok(result)
    }
}

impl Pc {
    /// Whether the machine starts in firmware, and kernels are its business.
    pub fn has_firmware(&self) -> bool {
        self.firmware.runs()
    }

    /// The order in which firmware tries devices, as Open Firmware paths (`/pci@i0cf8/ethernet@3`). Before the first reset.
    ///
    /// # Errors
    /// None that a caller could help.
    pub fn set_boot_order(&self, paths: &[String]) -> Result<(), FileError> {
        let strict = self.firmware.config.boot.strict;
        self.firmware
            .change(|contents| set_boot_order(contents, paths, strict))
    }

    /// Adds a file for firmware (`vgaroms/NAME`, `genroms/NAME`, `bios-geometry`…). Before the first reset.
    ///
    /// # Errors
    /// There is one of that name, or the name is impossible.
    pub fn add_firmware_file(&self, name: &str, bytes: Arc<[u8]>) -> Result<(), FileError> {
        self.firmware
            .change(|contents| contents.add_file(name, Item::bytes(bytes)))
    }

    /// Digest of what fw_cfg holds, for a machine's identity.
    pub fn firmware_digest(&self) -> u64 {
        self.firmware.contents.lock().digest()
    }
}
