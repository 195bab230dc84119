//! The models of devices that can be added to a pc, from all crates of devices.

use hw_core::model::{Kind, Model, Property};
use hw_pci::{PciCard, PciSlot};

/// A card for a PCI slot.
pub type PciModel = Model<PciSlot, PciCard>;

/// All models for PCI slots.
pub fn pci() -> impl Iterator<Item = &'static PciModel> {
    hw_virtio::models()
        .chain(&hw_virtio::rng::MODELS)
        .chain(hw_net::MODELS)
        .chain(hw_display::MODELS)
}

/// The model with this name, or other name.
pub fn find_pci(name: &str) -> Option<&'static PciModel> {
    pci().find(|model| model.name == name || model.aliases.contains(&name))
}

/// What every device on a bus has, beside its model's own properties.
pub const PCI_PROPERTIES: &[Property] = &[Property {
    name: "addr",
    kind: Kind::Text,
    default: "",
    help: "slot on the bus, hexadecimal, or slot.function",
}];
