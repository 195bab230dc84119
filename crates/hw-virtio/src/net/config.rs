//! What a network device offers, and its configuration structure (VIRTIO 1.2, 5.1.3 and 5.1.4).

use super::spec::*;
use hw_core::OffloadAbilities;

/// Properties of a network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConfig {
    /// Its address.
    pub mac: [u8; 6],
    /// The network's MTU, if it is to be told.
    pub mtu: Option<u16>,
    /// Entries of the receive queue.
    pub rx_queue_size: u16,
    /// Entries of the transmit queue.
    pub tx_queue_size: u16,
    /// Feature bits that are not offered, whatever the port can.
    pub without: u64,
}

impl NetConfig {
    /// Everything, with this address.
    pub fn new(mac: [u8; 6]) -> Self {
        Self {
            mac,
            mtu: None,
            rx_queue_size: 256,
            tx_queue_size: 256,
            without: 0,
        }
    }

    /// Feature bits of the device on a port that can do this.
    pub(super) fn features(&self, port: OffloadAbilities) -> u64 {
        use feature::*;
        let mut bits =
            MAC | MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | CTRL_RX_EXTRA | CTRL_VLAN | CTRL_MAC_ADDR;
        let mut set = |on: bool, bit: u64| bits |= if on { bit } else { 0 };
        set(self.mtu.is_some(), MTU);
        // A network that finishes a card's work knows what it may leave to one.
        set(port.checksum, CSUM | GUEST_CSUM | CTRL_GUEST_OFFLOADS);
        set(port.segment, HOST_TSO4 | HOST_TSO6 | GUEST_TSO4 | GUEST_TSO6);
        bits &= !self.without;
        // What depends on another feature is not offered without it (5.1.3.1).
        for (needed, dependent) in [
            (
                CTRL_VQ,
                CTRL_RX | CTRL_RX_EXTRA | CTRL_VLAN | CTRL_MAC_ADDR | CTRL_GUEST_OFFLOADS,
            ),
            (CSUM, HOST_TSO4 | HOST_TSO6),
            (GUEST_CSUM, GUEST_TSO4 | GUEST_TSO6),
        ] {
            if bits & needed == 0 {
                bits &= !dependent;
            }
        }
        bits
    }

    /// The configuration structure now.
    pub(super) fn bytes(&self, mac: [u8; 6], link: bool) -> [u8; CONFIG] {
        let mut config = [0; CONFIG];
        config[..6].copy_from_slice(&mac);
        let status = if link { STATUS_LINK_UP } else { 0 };
        config[6..8].copy_from_slice(&status.to_le_bytes());
        config[8..10].copy_from_slice(&1_u16.to_le_bytes());
        config[10..].copy_from_slice(&self.mtu.unwrap_or(0).to_le_bytes());
        config
    }
}
