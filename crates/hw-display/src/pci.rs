//! The VGA as a PCI card, 1234:1111, and the models that `-device` makes of it.
//!
//! BAR 0 is the linear frame buffer, BAR 2 the registers in memory, the expansion ROM the video BIOS that the machine
//! hands over (a device reads no files). The ports and the window at A0000h are where every VGA has them, whatever the
//! command register says. Mirrors QEMU's `hw/display/vga-pci.c`.

use crate::spec::{self, mmio};
use crate::{Vga, VgaConfig};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_core::{Device, Display};
use hw_pci::{Bar, BarKind, ConfigSpace, Function, Ids, PciCard, PciFunction, PciSlot, Plain};
use softmmu::{MemoryRegion, PAGE_SIZE, RamBlock};
use std::sync::Arc;

const VENDOR: u16 = 0x1234;
const DEVICE: u16 = 0x1111;
/// VGA compatible display controller.
const CLASS_VGA: u32 = 0x03_0000;
/// Another display controller.
const CLASS_OTHER: u32 = 0x03_8000;
/// The largest video BIOS, bytes.
const ROM_MAX: usize = 1 << 20;

/// Makes a VGA in `slot`. `rom` is its video BIOS; empty: none. The device itself comes along for what only a board
/// without firmware asks of it: [`Vga::mode3`].
///
/// # Errors
/// The configuration is none a VGA can have, the host has not that much memory, or the ROM is too large.
pub fn vga_card(slot: &PciSlot, config: VgaConfig, rom: &[u8]) -> Result<(Arc<Vga>, PciCard), ModelError> {
    card(slot, config, rom, true)
}

fn card(
    slot: &PciSlot,
    config: VgaConfig,
    rom: &[u8],
    legacy: bool,
) -> Result<(Arc<Vga>, PciCard), ModelError> {
    let other = |error: &dyn std::fmt::Display| ModelError::Other(error.to_string());
    let map = &slot.spaces.map;
    let vga = Vga::new(slot.name.clone(), map, &slot.clock, config).map_err(|error| other(&error))?;
    let ids = Ids {
        vendor: VENDOR,
        device: DEVICE,
        class: if legacy { CLASS_VGA } else { CLASS_OTHER },
        revision: 2,
    };
    let mut space = ConfigSpace::new(ids)
        .with_bar(Bar {
            index: 0,
            kind: BarKind::Prefetchable,
            size: vga.vram().size(),
        })
        .with_bar(Bar {
            index: 2,
            kind: BarKind::Memory,
            size: mmio::SIZE,
        });
    let mut windows = vec![vga.frame_buffer().clone(), vga.mmio().region()];
    let mut memory = vec![vga.vram().clone()];
    if rom.len() > ROM_MAX {
        return Err(ModelError::Other(format!(
            "the video BIOS has {} bytes; at most {ROM_MAX} fit",
            rom.len()
        )));
    }
    if !rom.is_empty() {
        let size = (rom.len() as u64).max(PAGE_SIZE).next_power_of_two();
        let block = RamBlock::new(map, format!("{}.rom", slot.name), size).map_err(|error| other(&error))?;
        block.write(0, rom);
        space = space.with_rom(size);
        windows.push(MemoryRegion::rom(block.clone()));
        memory.push(block);
    }
    if legacy {
        map.transaction(|_| {
            slot.spaces.memory.add_subregion(spec::WINDOW.0, vga.window(), 1);
            for window in vga.windows() {
                slot.spaces.io.add_subregion(window.base, &window.region(), 0);
            }
        });
    }
    let name = format!("{}-pci", slot.name);
    let function = Function::new(name, &slot.spaces, Plain(space), windows);
    let mut card = PciCard::new(
        function as Arc<dyn PciFunction>,
        Arc::clone(&vga) as Arc<dyn Device>,
    );
    card.memory = memory;
    card.display = Some(Arc::clone(&vga) as Arc<dyn Display>);
    Ok((vga, card))
}

/// Of all models here.
const PROPERTIES: &[Property] = &[
    Property {
        name: "vgamem_mb",
        kind: Kind::Number(256),
        default: "16",
        help: "memory in MiB, a power of two",
    },
    Property {
        name: "edid",
        kind: Kind::Switch,
        default: "on",
        help: "whether the monitor has a data sheet",
    },
    Property {
        name: "xres",
        kind: Kind::Number(4095),
        default: "1280",
        help: "preferred width",
    },
    Property {
        name: "yres",
        kind: Kind::Number(4095),
        default: "800",
        help: "preferred height",
    },
];

/// Reads a configuration from the properties of the models here.
///
/// # Errors
/// A size that no VGA has.
pub fn config(values: &Values) -> Result<VgaConfig, ModelError> {
    let number = |name| values.number(name).unwrap_or(0) as u32;
    let memory_mib = number("vgamem_mb");
    if !memory_mib.is_power_of_two() {
        return Err(ModelError::Value {
            property: "vgamem_mb".to_owned(),
            reason: format!("is a power of two from 1 to 256, not {memory_mib}"),
        });
    }
    Ok(VgaConfig {
        memory_mib,
        preferred: values.switch("edid").then(|| (number("xres"), number("yres"))),
    })
}

/// The models. A video BIOS comes with [`vga_card`] only.
pub const MODELS: &[Model<PciSlot, PciCard>] = &[
    Model {
        name: "VGA",
        aliases: &[],
        help: "standard VGA with Bochs VBE modes",
        properties: PROPERTIES,
        make: |slot, values| Ok(card(&slot, config(values)?, &[], true)?.1),
    },
    Model {
        name: "secondary-vga",
        aliases: &[],
        help: "the same without legacy ports and window, as a second display",
        properties: PROPERTIES,
        make: |slot, values| Ok(card(&slot, config(values)?, &[], false)?.1),
    },
];

#[cfg(test)]
mod tests;
