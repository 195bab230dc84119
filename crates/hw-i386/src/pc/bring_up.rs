//! How the board comes up: with firmware, or without one.
//!
//! Holds the fw_cfg device with what is in it, the firmware's image, and what both need of the board. Later than the board
//! itself come a kernel for firmware to load and the order of the devices on cards; both flow in through
//! [`Pc::set_boot_order`] and its neighbours, before the first reset.

use super::Pc;
use crate::board_spec;
use crate::boot::{BootError, Module};
use crate::firmware::{
    BootOrder, Described, FirmwareConfig, FirmwareImage, describe, loader_rom, offer, set_boot_order,
};
use crate::flash::{Flash, FlashUnit};
use crate::fw_cfg::{Contents, FileError, FwCfg, Item, Maker};
use crate::mini_post;
use crate::pc_memory::BiosRegion;
use crate::piix3::PowerManagement;
use crate::piix3::spec::PMBASE;
use crate::ram_layout::{BIOS_SIZE, HIGH_START, RamLayout};
use crate::rtc::Rtc;
use crate::tables::{self, TableConfig, Tables};
use hw_core::{Device, Dma};
use hw_pci::{Function, PciFunction};
use parking_lot::Mutex;
use softmmu::{AddressSpace, MemoryMap, MemoryRegion, RamBlock, RamError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The board's firmware side.
pub(super) struct BringUp {
    /// The device.
    pub fw_cfg: Arc<FwCfg>,
    contents: Mutex<Contents>,
    config: FirmwareConfig,
    cpus: u8,
    chips: Vec<Arc<Flash>>,
    /// Firmware gets a kernel, too.
    has_kernel: AtomicBool,
}

/// The BIOS region. Before flash stands a copy of its end, below 1 MiB: a chip is at one place.
pub(super) fn bios_region(config: &FirmwareConfig) -> BiosRegion {
    let (size, below_4g) = match &config.image {
        None => (BIOS_SIZE, true),
        Some(FirmwareImage::Rom(image)) => (image.len() as u64, true),
        Some(FirmwareImage::Flash(units)) => (flash_end(units).len() as u64, false),
    };
    BiosRegion { size, below_4g }
}

/// What of the first chip shows below 1 MiB.
fn flash_end(units: &[FlashUnit]) -> &[u8] {
    const SHOWN: usize = 0x2_0000;
    let image = units.first().map_or(&[][..], |unit| &unit.image);
    &image[image.len().saturating_sub(SHOWN)..]
}

/// Makes the flash chips, and puts their contents into them.
pub(super) fn chips(map: &MemoryMap, config: &FirmwareConfig) -> Result<Vec<Arc<Flash>>, RamError> {
    let Some(FirmwareImage::Flash(units)) = &config.image else {
        return Ok(Vec::new());
    };
    let mut chips = Vec::new();
    for (n, unit) in units.iter().enumerate() {
        let name = format!("flash{n}");
        let array = RamBlock::new(map, &name, unit.image.len() as u64)?;
        array.write(0, &unit.image);
        chips.push(Flash::new(name, array, unit));
    }
    Ok(chips)
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
    /// A device that tells about the machine of `tables`, with DMA to `memory`; and flash chips.
    pub fn new(
        config: FirmwareConfig,
        chips: Vec<Arc<Flash>>,
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
            chips,
            has_kernel: AtomicBool::new(false),
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
            Some(FirmwareImage::Flash(units)) => {
                bios.write(0, flash_end(units));
            }
            None => {
                let size = bios.size();
                let segment = tables.f_segment.len() as u64;
                bios.write(0, &vec![0xff; (size - segment) as usize]);
                bios.write(size - segment, &tables.f_segment);
            }
        }
    }

    /// Puts the flash chips into PCI memory, from 4 GiB downwards.
    pub fn place_flash(&self, pci: &MemoryRegion) {
        let mut end = HIGH_START;
        for chip in &self.chips {
            end -= chip.array().size();
            pci.add_subregion(end, &chip.region(), 0);
        }
    }

    /// Memory of the flash chips.
    pub fn memory(&self) -> impl Iterator<Item = &RamBlock> {
        self.chips.iter().map(|chip| chip.array())
    }

    /// The devices for the board's list. With firmware CMOS is filled once: what is in it outlives resets, and by its
    /// shutdown code firmware knows why there was one.
    pub fn devices(&self, rtc: &Arc<Rtc>, ram: &RamLayout) -> Vec<Arc<dyn Device>> {
        let mut devices: Vec<Arc<dyn Device>> = vec![self.fw_cfg.clone()];
        devices.extend(self.chips.iter().map(|chip| Arc::clone(chip) as Arc<dyn Device>));
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
        let kernel = self.firmware.has_kernel.load(Ordering::Relaxed);
        let kernel = kernel.then(|| loader_rom::PATH.to_owned());
        let paths: Vec<String> = kernel.into_iter().chain(paths.iter().cloned()).collect();
        self.firmware
            .change(|contents| set_boot_order(contents, &paths, strict))
    }

    /// Gives firmware a kernel to load, before anything else in the boot order. Before the first reset.
    ///
    /// # Errors
    /// It is no Linux image, or something does not fit.
    pub fn offer_kernel(
        &self,
        kernel: &Arc<[u8]>,
        modules: &[Module],
        cmdline: &str,
    ) -> Result<(), BootError> {
        let ram = self.parts.layout;
        let mut fits = Ok(());
        let strict = self.firmware.config.boot.strict;
        let done = self.firmware.change(|contents| {
            fits = offer(contents, kernel, modules, cmdline, &ram);
            contents.set_file(loader_rom::FILE, Item::bytes(loader_rom::ROM))?;
            set_boot_order(contents, &[loader_rom::PATH.to_owned()], strict)
        });
        debug_assert!(done.is_ok(), "names of our own");
        self.firmware.has_kernel.store(true, Ordering::Relaxed);
        fits
    }

    /// Adds a file for firmware (`vgaroms/NAME`, `genroms/NAME`, `bios-geometry`…). Before the first reset.
    ///
    /// # Errors
    /// There is one of that name, or the name is impossible.
    pub fn add_firmware_file(&self, name: &str, bytes: Arc<[u8]>) -> Result<(), FileError> {
        self.firmware
            .change(|contents| contents.add_file(name, Item::bytes(bytes)))
    }

    /// Digest of what the user tells firmware, for a machine's identity. All else that fw_cfg holds follows from the board.
    pub fn firmware_digest(&self) -> u64 {
        let config = &self.firmware.config;
        let told = format!(
            "{:?} {:?} {:?} {}",
            config.boot, config.uuid, config.smbios, config.nographic
        );
        let files = config
            .files
            .iter()
            .flat_map(|(name, bytes)| [name.as_bytes(), &**bytes]);
        let parts = files.chain([told.as_bytes()]);
        // FNV-1a, 64 bits; nobody who could choose the bytes gains by a collision.
        parts.flatten().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
    }
}
