//! `virtio-balloon-pci` and its other names as models.

use super::{Balloon, CONFIG};
use crate::device::VirtioDevice;
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_pci::{PciCard, PciSlot};
use std::sync::Arc;

const OWN: &[Property] = &[Property {
    name: "deflate-on-oom",
    kind: Kind::Switch,
    default: "off",
    help: "the guest takes pages back rather than kill processes",
}];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models. The card's part is its [`Balloon`].
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-balloon-pci",
        "virtio-balloon-pci-transitional",
        "virtio-balloon-pci-non-transitional",
    ],
    &["virtio-balloon"],
    "virtio memory balloon",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let transport = transport(values, flavour, 3)?;
    let mut part = None;
    let mut card = finish(slot, transport, CONFIG, |dma, offer| {
        let balloon = Balloon::new(values.switch("deflate-on-oom"), offer, dma);
        part = Some(Arc::clone(&balloon));
        balloon as Arc<dyn VirtioDevice>
    })?;
    card.part = part.map(|balloon| balloon as _);
    Ok(card)
}
