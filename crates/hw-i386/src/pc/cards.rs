//! Cards in the board's PCI slots.
//!
//! The board offers a [`PciSlot`], a model makes a [`PciCard`] for it, and [`Pc::plug`] puts the card's function on the
//! bus and its devices at the end of the board's list.

use super::Pc;
use hw_core::model::ModelError;
use hw_core::{Device, Display, InputSink};
use hw_display::{Vga, VgaConfig, vga_card};
use hw_pci::{PciCard, PciSlot, devfn};
use softmmu::RamBlock;
use std::any::Any;
use std::sync::Arc;

/// First slot that is not the chipset's.
const FIRST: u8 = 2;

/// What the cards brought.
#[derive(Default)]
pub(super) struct Cards {
    memory: Vec<RamBlock>,
    displays: Vec<Arc<dyn Display>>,
    inputs: Vec<Arc<dyn InputSink>>,
    vga: Option<Arc<Vga>>,
    parts: Vec<(String, Arc<dyn Any + Send + Sync>)>,
}

impl Cards {
    /// The board's own display adapter.
    pub fn vga(&self) -> Option<&Vga> {
        self.vga.as_deref()
    }

    pub fn memory(&self) -> impl Iterator<Item = &RamBlock> {
        self.memory.iter()
    }
}

/// Why a card found no slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlugError {
    /// All are taken.
    #[error("no free PCI slot")]
    Full,
    /// That one is.
    #[error("PCI slot {0} is taken or does not exist")]
    Taken(u8),
    /// Another device has the name.
    #[error("Duplicate device ID '{0}'")]
    Name(String),
}

impl Pc {
    /// The slot for a device called `name`: that of this number, or the next free one.
    ///
    /// # Errors
    /// There is no such slot, or the name is taken.
    pub fn pci_slot(&self, name: &str, slot: Option<u8>) -> Result<PciSlot, PlugError> {
        if self.devices.iter().any(|device| device.name() == name) {
            return Err(PlugError::Name(name.to_owned()));
        }
        let slot = match slot {
            Some(slot) if slot >= 32 || self.pci.free_slot(slot) != Some(slot) => {
                return Err(PlugError::Taken(slot));
            }
            Some(slot) => slot,
            None => self.pci.free_slot(FIRST).ok_or(PlugError::Full)?,
        };
        Ok(PciSlot {
            name: name.to_owned(),
            devfn: devfn(slot, 0),
            spaces: self.parts.spaces.clone(),
            memory: Arc::clone(&self.bus_memory),
            pins: [1, 2, 3, 4].map(|pin| self.router.intx(slot, pin)),
            clock: self.clock.clone(),
        })
    }

    /// Plugs a card into the slot for which it was made, before the machine's first reset.
    pub fn plug(&mut self, devfn: u8, card: PciCard) {
        let name = card
            .devices
            .first()
            .map_or(String::new(), |device| device.name().to_owned());
        self.cards.parts.extend(card.part.map(|part| (name, part)));
        self.pci.add(devfn, Arc::clone(&card.function));
        self.devices.push(card.function);
        self.devices.extend(card.devices);
        self.cards.memory.extend(card.memory);
        self.cards.displays.extend(card.display);
        self.cards.inputs.extend(card.inputs);
    }

    /// Plugs in the board's display adapter, with `rom` as its video BIOS (empty: none), before any other card.
    ///
    /// # Errors
    /// The host has not that much memory, or the ROM is too large.
    pub fn plug_vga(&mut self, config: VgaConfig, rom: &[u8]) -> Result<(), ModelError> {
        let slot = self
            .pci_slot("vga", None)
            .map_err(|error| ModelError::Other(error.to_string()))?;
        let (vga, card) = vga_card(&slot, config, rom)?;
        self.cards.vga = Some(vga);
        self.plug(slot.devfn, card);
        Ok(())
    }

    /// Buses that cards have, with the cards' names.
    pub fn buses(&self) -> &[(String, Arc<dyn Any + Send + Sync>)] {
        &self.cards.parts
    }

    /// Adds a device that sits in no slot: a drive, whose state is the machine's.
    pub fn add_device(&mut self, device: Arc<dyn Device>) {
        self.devices.push(device);
    }

    /// The pictures that the machine makes; the first is what a screen shows.
    pub fn displays(&self) -> &[Arc<dyn Display>] {
        &self.cards.displays
    }

    /// Keyboards and pointers on cards; those that were added last come first for a person.
    pub fn inputs(&self) -> &[Arc<dyn InputSink>] {
        &self.cards.inputs
    }
}
