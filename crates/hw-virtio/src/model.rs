//! `-device` models of virtio cards: properties of their transport, and the three names that QEMU gives each.
//!
//! `virtio-X-pci` is what its properties say, transitional by default; `-transitional` and `-non-transitional` say it by
//! name.

use crate::core::Offer;
use crate::device::VirtioDevice;
use crate::pci::{Transport, card};
use crate::spec::QUEUE_MAX;
use hw_core::Dma;
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{MAX_VECTORS, PciCard, PciSlot};
use std::sync::Arc;

const fn property(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Property {
    Property {
        name,
        kind,
        default,
        help,
    }
}

/// Which interfaces there are: only for the name that leaves it open.
pub(crate) const INTERFACES: &[Property] = &[
    property(
        "disable-legacy",
        Kind::Choice(&["on", "off", "auto"]),
        "auto",
        "no legacy interface",
    ),
    property("disable-modern", Kind::Switch, "off", "no modern interface"),
];

/// Properties of all virtio cards.
pub(crate) const TRANSPORT: &[Property] = &[
    property(
        "vectors",
        Kind::Number(MAX_VECTORS as u64),
        "",
        "MSI-X vectors, 0 for none; if not set, one for each queue and one more",
    ),
    property("event_idx", Kind::Switch, "on", "suppress notifications by index"),
    property("indirect_desc", Kind::Switch, "on", "indirect descriptors"),
    property("packed", Kind::Switch, "off", "packed rings"),
];

/// All properties of a card that has `N`.
pub(crate) const fn join<const N: usize>(parts: [&[Property]; 3]) -> [Property; N] {
    let mut all = [TRANSPORT[0]; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            all[at] = parts[part][i];
            at += 1;
            i += 1;
        }
        part += 1;
    }
    assert!(at == N);
    all
}

/// Which of the three names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// As `disable-legacy` and `disable-modern` say.
    Open,
    /// Both interfaces.
    Transitional,
    /// The modern one.
    Modern,
}

/// A model's function for one of its names.
pub(crate) type Make = fn(PciSlot, &Values) -> Result<PciCard, ModelError>;

/// The models of a device with its three names and a function for each; `short` are the properties without
/// [`INTERFACES`].
pub(crate) const fn three(
    names: [&'static str; 3],
    aliases: &'static [&'static str],
    help: &'static str,
    [all, short]: [&'static [Property]; 2],
    make: [Make; 3],
) -> [Model<PciSlot, PciCard>; 3] {
    let none: &'static [&'static str] = &[];
    [
        model(names[0], aliases, help, all, make[0]),
        model(names[1], none, help, short, make[1]),
        model(names[2], none, help, short, make[2]),
    ]
}

const fn model(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    properties: &'static [Property],
    make: Make,
) -> Model<PciSlot, PciCard> {
    Model {
        name,
        aliases,
        help,
        properties,
        make,
    }
}

/// What the properties say of the transport of a device with so many queues.
pub(crate) fn transport(values: &Values, flavour: Flavour, queues: u16) -> Result<Transport, ModelError> {
    let (legacy, modern) = match flavour {
        Flavour::Open => (
            values.text("disable-legacy") != Some("on"),
            !values.switch("disable-modern"),
        ),
        Flavour::Transitional => (true, true),
        Flavour::Modern => (false, true),
    };
    if !legacy && !modern {
        return Err(ModelError::Other(
            "disable-legacy and disable-modern leave no interface".into(),
        ));
    }
    let offer = Offer {
        event_idx: values.switch("event_idx"),
        indirect: values.switch("indirect_desc"),
        packed: values.switch("packed"),
        legacy,
        modern,
    };
    let vectors = values
        .number("vectors")
        .map_or(queues + 1, |vectors| vectors as u16);
    Ok(Transport { offer, vectors })
}

/// Makes a card of what a device's model made.
pub(crate) fn finish(
    slot: &PciSlot,
    transport: Transport,
    config_len: usize,
    make: impl FnOnce(Dma, Offer) -> Arc<dyn VirtioDevice>,
) -> Result<PciCard, ModelError> {
    Ok(card(slot, transport, config_len as u64, make))
}

/// A number that is a queue's size.
pub(crate) fn queue_size(values: &Values, name: &'static str, default: u16) -> Result<u16, ModelError> {
    let size = values.number(name).unwrap_or(default.into());
    match u16::try_from(size) {
        Ok(size) if size.is_power_of_two() && (2..=QUEUE_MAX).contains(&size) => Ok(size),
        _ => Err(refused(
            name,
            &format!("is a power of two from 2 to {QUEUE_MAX}, not {size}"),
        )),
    }
}

/// A value that a property does not take.
pub(crate) fn refused(property: &str, reason: &str) -> ModelError {
    ModelError::Value {
        property: property.into(),
        reason: reason.into(),
    }
}
