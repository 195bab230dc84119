//! `virtio-blk-pci` and its other names as models.

use super::{Blk, BlkConfig, spec};
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, queue_size, refused, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{PciCard, PciSlot};

const OWN: &[Property] = &[
    Property {
        name: "drive",
        kind: Kind::Drive,
        default: "",
        help: "the disk",
    },
    Property {
        name: "serial",
        kind: Kind::Text,
        default: "",
        help: "serial number in place of the disk's, at most 20 bytes",
    },
    Property {
        name: "num-queues",
        kind: Kind::Number(64),
        default: "1",
        help: "request queues",
    },
    Property {
        name: "queue-size",
        kind: Kind::Number(1024),
        default: "256",
        help: "entries of each queue",
    },
    Property {
        name: "config-wce",
        kind: Kind::Switch,
        default: "on",
        help: "the guest may switch the write cache",
    },
    Property {
        name: "discard",
        kind: Kind::Switch,
        default: "on",
        help: "offer discard",
    },
    Property {
        name: "write-zeroes",
        kind: Kind::Switch,
        default: "on",
        help: "offer to write zeros without their bytes",
    },
    Property {
        name: "logical_block_size",
        kind: Kind::Size(32 << 10),
        default: "512",
        help: "bytes that requests are multiples of",
    },
    Property {
        name: "physical_block_size",
        kind: Kind::Size(1 << 20),
        default: "512",
        help: "bytes that requests had better be multiples of",
    },
];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models.
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-blk-pci",
        "virtio-blk-pci-transitional",
        "virtio-blk-pci-non-transitional",
    ],
    &["virtio-blk"],
    "virtio disk",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn block_size(values: &Values, name: &str) -> Result<u32, ModelError> {
    match values.number(name).unwrap_or(512) {
        size if size.is_power_of_two() && size >= 512 => Ok(size as u32),
        size => Err(refused(name, &format!("is a power of two from 512, not {size}"))),
    }
}

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let disk = values.drive("drive").ok_or(ModelError::Missing("drive"))?;
    let queues = match values.number("num-queues") {
        Some(queues @ 1..) => queues as u16,
        _ => return Err(refused("num-queues", "is at least 1")),
    };
    let serial = values.text("serial").map(str::to_owned);
    if serial
        .as_ref()
        .is_some_and(|serial| serial.len() > spec::ID_BYTES)
    {
        return Err(refused("serial", "is longer than 20 bytes"));
    }
    let config = BlkConfig {
        queues,
        queue_size: queue_size(values, "queue-size", 256)?,
        config_wce: values.switch("config-wce"),
        discard: values.switch("discard"),
        write_zeroes: values.switch("write-zeroes"),
        serial,
        logical_block: block_size(values, "logical_block_size")?,
        physical_block: block_size(values, "physical_block_size")?,
    };
    let transport = transport(values, flavour, queues)?;
    finish(slot, transport, spec::CONFIG, |dma, offer| {
        Blk::new(config, disk, offer, dma)
    })
}
