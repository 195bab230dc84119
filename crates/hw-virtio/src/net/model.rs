//! `virtio-net-pci` and its other names as models.

use super::{Net, NetConfig, spec};
use crate::model::{Flavour, INTERFACES, TRANSPORT, finish, join, queue_size, refused, three, transport};
use hw_core::model::{Kind, Model, ModelError, Property, Values};
use hw_core::net::NoNetwork;
use hw_pci::{PciCard, PciSlot};
use spec::feature::*;
use std::sync::Arc;

const fn switch(name: &'static str, help: &'static str) -> Property {
    Property {
        name,
        kind: Kind::Switch,
        default: "on",
        help,
    }
}

/// Switches that take features away.
const SWITCHES: &[(&str, u64)] = &[
    ("csum", CSUM),
    ("guest_csum", GUEST_CSUM),
    ("host_tso4", HOST_TSO4),
    ("host_tso6", HOST_TSO6),
    ("guest_tso4", GUEST_TSO4),
    ("guest_tso6", GUEST_TSO6),
    ("mrg_rxbuf", MRG_RXBUF),
    ("status", STATUS),
    ("ctrl_vq", CTRL_VQ),
    ("ctrl_rx", CTRL_RX),
    ("ctrl_rx_extra", CTRL_RX_EXTRA),
    ("ctrl_vlan", CTRL_VLAN),
    ("ctrl_mac_addr", CTRL_MAC_ADDR),
    ("ctrl_guest_offloads", CTRL_GUEST_OFFLOADS),
];

const OWN: &[Property] = &[
    Property {
        name: "netdev",
        kind: Kind::Net,
        default: "",
        help: "the network",
    },
    Property {
        name: "mac",
        kind: Kind::Mac,
        default: "",
        help: "its address",
    },
    Property {
        name: "host_mtu",
        kind: Kind::Number(65535),
        default: "0",
        help: "MTU to announce, 0 for none",
    },
    Property {
        name: "rx_queue_size",
        kind: Kind::Number(1024),
        default: "256",
        help: "entries of the receive queue",
    },
    Property {
        name: "tx_queue_size",
        kind: Kind::Number(1024),
        default: "256",
        help: "entries of the transmit queue",
    },
    switch("csum", "the network finishes checksums"),
    switch("guest_csum", "the guest takes unfinished checksums"),
    switch("host_tso4", "the network cuts segments over IPv4"),
    switch("host_tso6", "the network cuts segments over IPv6"),
    switch("guest_tso4", "the guest takes large segments over IPv4"),
    switch("guest_tso6", "the guest takes large segments over IPv6"),
    switch("mrg_rxbuf", "frames may fill several receive buffers"),
    switch("status", "the guest can see the link"),
    switch("ctrl_vq", "control queue"),
    switch("ctrl_rx", "receive modes"),
    switch("ctrl_rx_extra", "more receive modes"),
    switch("ctrl_vlan", "filter of VLANs"),
    switch("ctrl_mac_addr", "the guest may set the address"),
    switch("ctrl_guest_offloads", "the guest may switch its offloads"),
];

const SHORT: [Property; OWN.len() + TRANSPORT.len()] = join([OWN, TRANSPORT, &[]]);
const ALL: [Property; SHORT.len() + INTERFACES.len()] = join([OWN, TRANSPORT, INTERFACES]);

/// The models.
pub static MODELS: [Model<PciSlot, PciCard>; 3] = three(
    [
        "virtio-net-pci",
        "virtio-net-pci-transitional",
        "virtio-net-pci-non-transitional",
    ],
    &["virtio-net"],
    "virtio network card",
    [&ALL, &SHORT],
    [
        |slot, values| make(&slot, values, Flavour::Open),
        |slot, values| make(&slot, values, Flavour::Transitional),
        |slot, values| make(&slot, values, Flavour::Modern),
    ],
);

fn make(slot: &PciSlot, values: &Values, flavour: Flavour) -> Result<PciCard, ModelError> {
    let port = values.net("netdev").unwrap_or_else(|| Arc::new(NoNetwork));
    let mac = values.mac("mac").ok_or(ModelError::Missing("mac"))?;
    if mac[0] & 1 != 0 {
        return Err(refused("mac", "is a multicast address"));
    }
    let mtu = match values.number("host_mtu") {
        None | Some(0) => None,
        Some(mtu @ 68..) => Some(mtu as u16),
        Some(_) => return Err(refused("host_mtu", "is at least 68")),
    };
    let config = NetConfig {
        mac,
        mtu,
        rx_queue_size: queue_size(values, "rx_queue_size", 256)?,
        tx_queue_size: queue_size(values, "tx_queue_size", 256)?,
        without: SWITCHES
            .iter()
            .filter(|(name, _)| !values.switch(name))
            .fold(0, |bits, (_, bit)| bits | bit),
    };
    let transport = transport(values, flavour, 3)?;
    finish(slot, transport, spec::CONFIG, |dma, offer| {
        Net::new(config, port, offer, dma)
    })
}
