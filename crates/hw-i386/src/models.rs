//! The models of devices that can be added to a pc, from all crates of devices.

pub use hw_core::model::Property;
use hw_core::model::{Kind, Model, ModelError, Values};
use hw_pci::{PciCard, PciSlot};
use std::any::Any;
use std::sync::Arc;

/// A card for a PCI slot.
pub type PciModel = Model<PciSlot, PciCard>;

/// All models for PCI slots.
pub fn pci() -> impl Iterator<Item = &'static PciModel> {
    hw_virtio::models()
        .chain(&hw_virtio::rng::MODELS)
        .chain(&hw_virtio::scsi::MODELS)
        .chain(&hw_storage::ahci::MODELS)
        .chain(hw_net::MODELS)
        .chain(hw_display::MODELS)
}

/// The model with this name, or other name.
pub fn find_pci(name: &str) -> Option<&'static PciModel> {
    pci().find(|model| model.name == name || model.aliases.contains(&name))
}

/// A device for a bus that a card has.
pub struct BusModel {
    /// Its name for `-device`.
    pub name: &'static str,
    /// One line.
    pub help: &'static str,
    /// Its properties.
    pub properties: &'static [Property],
    plug: Box<PlugIn>,
}

/// Makes a device on a card's part; none if the part is another kind of bus.
type PlugIn = dyn Fn(&Part, &Values) -> Option<Result<(), ModelError>>;
/// What a card has for other devices.
type Part = Arc<dyn Any + Send + Sync>;

impl BusModel {
    /// Whether it has this property.
    pub fn has(&self, property: &str) -> bool {
        self.properties.iter().any(|known| known.name == property)
    }

    /// Makes one on `part`; none if that is no bus for it.
    pub fn plug(&self, part: &Part, values: &Values) -> Option<Result<(), ModelError>> {
        (self.plug)(part, values)
    }
}

fn on_bus<T: Any + Send + Sync, C>(models: &'static [Model<Arc<T>, C>]) -> impl Iterator<Item = BusModel> {
    models.iter().map(|model| BusModel {
        name: model.name,
        help: model.help,
        properties: model.properties,
        plug: Box::new(|part, values| {
            let bus = Arc::clone(part).downcast::<T>().ok()?;
            Some((model.make)(bus, values).map(drop))
        }),
    })
}

/// All models for buses of cards.
pub fn on_buses() -> Vec<BusModel> {
    on_bus(&hw_virtio::scsi::UNITS)
        .chain(on_bus(&hw_storage::ahci::UNITS))
        .collect()
}

/// What every device on a bus has, beside its model's own properties.
pub const PCI_PROPERTIES: &[Property] = &[Property {
    name: "addr",
    kind: Kind::Text,
    default: "",
    help: "slot on the bus, hexadecimal, or slot.function",
}];
