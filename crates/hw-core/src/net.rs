//! The wire between a network card and the network behind it.
//!
//! Frames flow both ways as Ethernet without checksum at the end. What a card leaves to its peer (checksums, cutting of
//! large segments) travels beside the bytes in [`Offload`], as in `struct virtio_net_hdr` (virtio 1.2, 5.1.6).

use std::sync::Weak;

/// Work on a frame that its sender left to whoever gets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// The checksum over the bytes from `start` to the end is to be put at `start + offset`, where the sum of the pseudo
    /// header is already.
    pub checksum: Option<(u16, u16)>,
    /// The frame is a TCP segment to be cut.
    pub segment: Option<Segment>,
    /// All checksums are known to be right.
    pub verified: bool,
}

/// How a large frame is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Over IPv6, otherwise IPv4.
    pub ipv6: bool,
    /// Bytes of payload in each piece.
    pub size: u16,
    /// Bytes of all headers.
    pub headers: u16,
}

/// Largest frame that passes a [`NetPort`]: 64 KiB of IP packet and an Ethernet header with VLAN tag.
pub const MAX_FRAME: usize = 65_535 + 18;

/// What a card may leave to a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffloadAbilities {
    /// [`Offload::checksum`] of what the card sends.
    pub checksum: bool,
    /// [`Offload::segment`] of what the card sends.
    pub segment: bool,
}

/// The network's end, as the card sees it. Called under the big lock.
pub trait NetPort: Send + Sync {
    /// Takes a frame; what the network cannot take is lost, as on a wire.
    fn send(&self, frame: &[u8], offload: Offload);

    /// What it can do for the card.
    fn abilities(&self) -> OffloadAbilities {
        OffloadAbilities::default()
    }

    /// What the card can do with frames it receives: only such work may be left to it.
    fn set_card_abilities(&self, _abilities: OffloadAbilities) {}

    /// The card has room again after [`NetClient::can_receive`] was false.
    fn accepts_input(&self) {}

    /// Names the card. It is held weakly.
    fn attach(&self, client: Weak<dyn NetClient>);

    /// Whether the cable is plugged in now.
    fn link_is_up(&self) -> bool {
        true
    }
}

/// The card. Called under the big lock, on any thread.
pub trait NetClient: Send + Sync {
    /// Whether [`receive`](Self::receive) would take a frame now.
    fn can_receive(&self) -> bool;

    /// A frame arrives, at most [`MAX_FRAME`] bytes. A card that filters drops what is not for it.
    fn receive(&self, frame: &[u8], offload: Offload);

    /// The cable was plugged in or out.
    fn link_changed(&self, _up: bool) {}
}

/// A port without a network.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNetwork;

impl NetPort for NoNetwork {
    fn send(&self, _frame: &[u8], _offload: Offload) {}

    fn attach(&self, _client: Weak<dyn NetClient>) {}
}
