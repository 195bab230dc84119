//! `virtio-rng-pci` and its other names as models.

use super::Rng;
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{PciCard, PciSlot};

const OWN: &[Property] = &[Property {
    name: "rng",
    kind: Kind::Entropy,
    default: "",
    help: "where its bytes come from; if not set, from the machine's own source",
}];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models.
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-rng-pci",
        "virtio-rng-pci-transitional",
        "virtio-rng-pci-non-transitional",
    ],
    &["virtio-rng"],
    "virtio source of randomness",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let source = values.entropy("rng").ok_or(ModelError::Missing("rng"))?;
    let transport = transport(values, flavour, 1)?;
    finish(slot, transport, 0, |dma, offer| Rng::new(source, offer, dma))
}
