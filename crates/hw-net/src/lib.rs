#![doc = include_str!("../README.md")]

mod checksum;
mod cut;
mod e1000;
mod microwire;
mod rtl8139;

use hw_core::NetPort;
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_core::net::NoNetwork;
use hw_pci::{PciCard, PciSlot};
use std::sync::Arc;

/// The cards there are.
pub const MODELS: &[Model<PciSlot, PciCard>] = &[e1000::MODEL, rtl8139::MODEL];

/// What every card has.
const PROPERTIES: &[Property] = &[
    Property {
        name: "mac",
        kind: Kind::Mac,
        default: "",
        help: "Ethernet address",
    },
    Property {
        name: "netdev",
        kind: Kind::Net,
        default: "",
        help: "the network behind it",
    },
];

/// The card's address, and the network behind it; none is a cable that leads nowhere.
fn backend(values: &Values) -> Result<([u8; 6], Arc<dyn NetPort>), ModelError> {
    let mac = values.mac("mac").ok_or(ModelError::Missing("mac"))?;
    if mac[0] & 1 != 0 {
        return Err(ModelError::Value {
            property: "mac".into(),
            reason: "is a group's address".into(),
        });
    }
    let net = values.net("netdev").unwrap_or_else(|| Arc::new(NoNetwork));
    Ok((mac, net))
}

#[cfg(test)]
mod board;
