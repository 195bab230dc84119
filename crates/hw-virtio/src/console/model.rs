//! `virtio-serial-pci` and its other names as models, and its ports as models for it.

use super::{Serial, spec};
use crate::device::VirtioDevice;
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, refused, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{PciCard, PciSlot};
use std::sync::Arc;

const OWN: &[Property] = &[
    Property {
        name: "max_ports",
        kind: Kind::Number(spec::MAX_PORTS as u64),
        default: "31",
        help: "most ports",
    },
    Property {
        name: "chardev",
        kind: Kind::Char,
        default: "",
        help: "what a console on port 0 is connected to; without one, ports are devices of their own",
    },
];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models. The card's part is its [`Serial`], the bus of [`PORTS`].
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-serial-pci",
        "virtio-serial-pci-transitional",
        "virtio-serial-pci-non-transitional",
    ],
    &["virtio-serial"],
    "virtio consoles and serial ports",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let max_ports = match values.number("max_ports") {
        Some(ports @ 1..) => ports as u32,
        _ => return Err(refused("max_ports", "is at least 1")),
    };
    // One vector for the configuration, one for all queues: drivers share it.
    let transport = transport(values, flavour, 1)?;
    let mut part = None;
    let mut card = finish(slot, transport, spec::CONFIG, |dma, offer| {
        let serial = Serial::new(max_ports, offer, dma);
        part = Some(Arc::clone(&serial));
        serial as Arc<dyn VirtioDevice>
    })?;
    if let (Some(serial), Some(sink)) = (&part, values.char("chardev")) {
        let added = serial.add_port(Some(0), true, "", sink);
        added.map_err(|error| ModelError::Other(error.to_string()))?;
    }
    card.part = part.map(|serial| serial as _);
    Ok(card)
}

const PORT: &[Property] = &[
    Property {
        name: "chardev",
        kind: Kind::Char,
        default: "",
        help: "what it is connected to",
    },
    Property {
        name: "name",
        kind: Kind::Text,
        default: "",
        help: "its name for the guest, in /dev/virtio-ports",
    },
    Property {
        name: "nr",
        kind: Kind::Number(spec::MAX_PORTS as u64 - 1),
        default: "",
        help: "its number",
    },
];

/// Ports, for the bus that a [`Serial`] is; each gives its number.
pub static PORTS: [Model<Arc<Serial>, u32>; 2] = [
    Model {
        name: "virtconsole",
        aliases: &[],
        help: "console on a virtio-serial card",
        properties: PORT,
        make: |serial, values| add(&serial, values, true),
    },
    Model {
        name: "virtserialport",
        aliases: &[],
        help: "serial port on a virtio-serial card",
        properties: PORT,
        make: |serial, values| add(&serial, values, false),
    },
];

fn add(serial: &Arc<Serial>, values: &Values, console: bool) -> Result<u32, ModelError> {
    let sink = values.char("chardev").ok_or(ModelError::Missing("chardev"))?;
    let number = values.number("nr").map(|number| number as u32);
    let name = values.text("name").unwrap_or_default();
    serial
        .add_port(number, console, name, sink)
        .map_err(|error| ModelError::Other(error.to_string()))
}
