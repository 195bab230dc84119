//! VIRTIO 1.2, 5.1: numbers of the network device.

/// Feature bits (5.1.3), as masks.
pub mod feature {
    /// The device finishes checksums.
    pub const CSUM: u64 = 1 << 0;
    /// The driver takes frames with unfinished checksums.
    pub const GUEST_CSUM: u64 = 1 << 1;
    /// The driver can switch its receive offloads.
    pub const CTRL_GUEST_OFFLOADS: u64 = 1 << 2;
    /// The device says its MTU.
    pub const MTU: u64 = 1 << 3;
    /// The device has an address.
    pub const MAC: u64 = 1 << 5;
    /// The driver takes large TCP segments over IPv4.
    pub const GUEST_TSO4: u64 = 1 << 7;
    /// And over IPv6.
    pub const GUEST_TSO6: u64 = 1 << 8;
    /// The device cuts large TCP segments over IPv4.
    pub const HOST_TSO4: u64 = 1 << 11;
    /// And over IPv6.
    pub const HOST_TSO6: u64 = 1 << 12;
    /// Frames may fill several receive buffers.
    pub const MRG_RXBUF: u64 = 1 << 15;
    /// The configuration has a status.
    pub const STATUS: u64 = 1 << 16;
    /// There is a control queue.
    pub const CTRL_VQ: u64 = 1 << 17;
    /// Receive modes can be set.
    pub const CTRL_RX: u64 = 1 << 18;
    /// VLANs are filtered.
    pub const CTRL_VLAN: u64 = 1 << 19;
    /// More receive modes.
    pub const CTRL_RX_EXTRA: u64 = 1 << 20;
    /// The address can be set by the control queue.
    pub const CTRL_MAC_ADDR: u64 = 1 << 23;
}

/// Receive queue.
pub const RX: usize = 0;
/// Transmit queue.
pub const TX: usize = 1;
/// Control queue.
pub const CTRL: usize = 2;

/// Bytes of a header with `num_buffers` (5.1.6): by version 1, or with mergeable buffers.
pub const HEADER: usize = 12;
/// And without.
pub const SHORT_HEADER: usize = 10;
/// Header flag: the checksum is unfinished.
pub const NEEDS_CSUM: u8 = 1;
/// Header flag: checksums were verified.
pub const DATA_VALID: u8 = 2;
/// Header: nothing to cut.
pub const GSO_NONE: u8 = 0;
/// Header: a TCP segment over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// And over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// With ECN, which nobody here treats differently.
pub const GSO_ECN: u8 = 0x80;

/// Classes of control commands (5.1.6.5).
pub mod class {
    /// Receive modes.
    pub const RX: u8 = 0;
    /// Addresses.
    pub const MAC: u8 = 1;
    /// VLANs.
    pub const VLAN: u8 = 2;
    /// Receive offloads.
    pub const GUEST_OFFLOADS: u8 = 5;
}

/// Commands of class MAC.
pub const MAC_TABLE_SET: u8 = 0;
/// The device's own address.
pub const MAC_ADDR_SET: u8 = 1;
/// Commands of class VLAN: receive this one.
pub const VLAN_ADD: u8 = 0;
/// And do not any more.
pub const VLAN_DEL: u8 = 1;
/// A command was understood.
pub const ACK_OK: u8 = 0;
/// It was not.
pub const ACK_ERR: u8 = 1;
/// Most addresses of a table; with more, all frames of its kind are received.
pub const TABLE_MAX: usize = 64;
/// Configuration: the link is up.
pub const STATUS_LINK_UP: u16 = 1;
/// Bytes of the configuration: address, status, queue pairs, MTU.
pub const CONFIG: usize = 12;
