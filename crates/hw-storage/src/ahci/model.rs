//! `ahci` as a model for a PCI slot, and disks and CD drives as models for its ports.

use super::Ahci;
use super::spec::{PORTS, WINDOW};
use crate::scsi::{Kind as UnitKind, Names};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{Bar, BarKind, ConfigSpace, Ids, PciCard, PciSlot, Plain};
use std::sync::Arc;

/// Intel ICH9, Serial ATA controller in AHCI mode.
const IDS: Ids = Ids {
    vendor: 0x8086,
    device: 0x2922,
    class: 0x01_0601,
    revision: 2,
};

/// BAR 5.
const REGISTERS: Bar = Bar {
    index: 5,
    kind: BarKind::Memory,
    size: WINDOW,
};

/// The model. The card's part is its [`Ahci`], the bus of [`UNITS`].
pub static MODELS: [Model<PciSlot, PciCard>; 1] = [Model {
    name: "ahci",
    aliases: &["ich9-ahci"],
    help: "Serial ATA controller with six ports",
    properties: &[],
    make: |slot, _| Ok(make(&slot)),
}];

fn make(slot: &PciSlot) -> PciCard {
    let mut config = ConfigSpace::new(IDS).with_bar(REGISTERS).with_pin(1);
    let msi = config.add_msi(1);
    let port = slot.port_with(None, Some(msi));
    let ahci = Ahci::new(slot.name.clone(), port.clone());
    let function = slot.function(&port, Plain(config), vec![ahci.window().region()]);
    let mut card = PciCard::new(function, Arc::clone(&ahci) as _);
    card.part = Some(ahci);
    card
}

const UNIT: &[Property] = &[
    Property {
        name: "drive",
        kind: Kind::Drive,
        default: "",
        help: "the disk",
    },
    Property {
        name: "port",
        kind: Kind::Number(PORTS as u64 - 1),
        default: "",
        help: "its port; if not set, the next free one",
    },
    Property {
        name: "serial",
        kind: Kind::Text,
        default: "",
        help: "serial number in place of the disk's",
    },
    Property {
        name: "model",
        kind: Kind::Text,
        default: "",
        help: "what it calls itself",
    },
];

/// Disks and CD drives, for the bus that an [`Ahci`] is; each gives its port's number.
pub static UNITS: [Model<Arc<Ahci>, u8>; 2] = [
    Model {
        name: "ide-hd",
        aliases: &[],
        help: "ATA disk",
        properties: UNIT,
        make: |ahci, values| add(&ahci, values, UnitKind::Disk),
    },
    Model {
        name: "ide-cd",
        aliases: &[],
        help: "ATAPI CD drive",
        properties: UNIT,
        make: |ahci, values| add(&ahci, values, UnitKind::Cd),
    },
];

fn add(ahci: &Arc<Ahci>, values: &Values, kind: UnitKind) -> Result<u8, ModelError> {
    let disk = values.drive("drive").ok_or(ModelError::Missing("drive"))?;
    let number = values.number("port").map(|number| number as u8);
    let mut names = Names::new(kind, &*disk);
    if let Some(serial) = values.text("serial") {
        names.serial = serial.into();
    }
    if let Some(model) = values.text("model") {
        names.product = model.into();
    }
    ahci.add_drive(number, kind, disk, names)
        .ok_or_else(|| ModelError::Value {
            property: "port".into(),
            reason: "is taken".into(),
        })
}
