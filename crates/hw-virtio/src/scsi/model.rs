//! `virtio-scsi-pci` and its other names as models, and disks and CD drives as models for it.

use super::{Scsi, spec};
use crate::device::VirtioDevice;
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, queue_size, refused, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{PciCard, PciSlot};
use hw_storage::scsi::{Kind as UnitKind, Names};
use std::sync::Arc;

const OWN: &[Property] = &[
    Property {
        name: "num_queues",
        kind: Kind::Number(64),
        default: "1",
        help: "request queues",
    },
    Property {
        name: "virtqueue_size",
        kind: Kind::Number(1024),
        default: "256",
        help: "entries of each queue",
    },
];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models. The card's part is its [`Scsi`], the bus of [`UNITS`].
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-scsi-pci",
        "virtio-scsi-pci-transitional",
        "virtio-scsi-pci-non-transitional",
    ],
    &["virtio-scsi"],
    "virtio SCSI host",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let queues = match values.number("num_queues") {
        Some(queues @ 1..) => queues as u16,
        _ => return Err(refused("num_queues", "is at least 1")),
    };
    let size = queue_size(values, "virtqueue_size", 256)?;
    let transport = transport(values, flavour, queues + 2)?;
    let mut part = None;
    let mut card = finish(slot, transport, spec::CONFIG, |dma, offer| {
        let scsi = Scsi::new(queues, size, offer, dma);
        part = Some(Arc::clone(&scsi));
        scsi as Arc<dyn VirtioDevice>
    })?;
    card.part = part.map(|scsi| scsi as _);
    Ok(card)
}

const UNIT: &[Property] = &[
    Property {
        name: "drive",
        kind: Kind::Drive,
        default: "",
        help: "the disk",
    },
    Property {
        name: "scsi-id",
        kind: Kind::Number(255),
        default: "",
        help: "its target; if not set, the next free one",
    },
    Property {
        name: "serial",
        kind: Kind::Text,
        default: "",
        help: "serial number in place of the disk's",
    },
];

/// Disks and CD drives, for the bus that a [`Scsi`] is; each gives its target's number.
pub static UNITS: [Model<Arc<Scsi>, u8>; 2] = [
    Model {
        name: "scsi-hd",
        aliases: &[],
        help: "SCSI disk",
        properties: UNIT,
        make: |scsi, values| add(&scsi, values, UnitKind::Disk),
    },
    Model {
        name: "scsi-cd",
        aliases: &[],
        help: "SCSI CD drive",
        properties: UNIT,
        make: |scsi, values| add(&scsi, values, UnitKind::Cd),
    },
];

fn add(scsi: &Arc<Scsi>, values: &Values, kind: UnitKind) -> Result<u8, ModelError> {
    let disk = values.drive("drive").ok_or(ModelError::Missing("drive"))?;
    let mut names = Names::new(kind, &*disk);
    if let Some(serial) = values.text("serial") {
        names.serial = serial.into();
    }
    let number = values.number("scsi-id").map(|number| number as u8);
    scsi.add_target(number, kind, disk, names)
        .ok_or_else(|| refused("scsi-id", "is taken"))
}
