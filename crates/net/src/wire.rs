//! The wire between a network and the card in front of it.
//!
//! Frames flow from the card into a [`Network`] and from there, on the main loop's thread, into the [`Card`], which says
//! first whether it has room. They are Ethernet without checksum at the end; what their sender left to whoever gets them
//! is in [`Offload`], as in `struct virtio_net_hdr` (virtio 1.2, 5.1.6). The types repeat those of the device side field by
//! field, so that networks can be used, and tested, without any device.

use std::sync::Weak;

/// Largest frame: 64 KiB of IP packet and an Ethernet header with VLAN tag.
pub const MAX_FRAME: usize = 65_535 + 18;

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

/// What one side may leave to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// [`Offload::checksum`].
    pub checksum: bool,
    /// [`Offload::segment`].
    pub segment: bool,
}

/// A network, as the card sees it. Shared by [`Arc`](std::sync::Arc).
pub trait Network: Send + Sync {
    /// Takes a frame, from any thread, and does nothing else before it returns: what comes of it comes later, from the
    /// main loop. What cannot be taken is lost, as on a wire.
    fn send(&self, frame: &[u8], offload: Offload);

    /// What the card may leave to it.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// What may be left to the card in frames it receives. Nothing, unless said.
    fn set_card_abilities(&self, _abilities: Abilities) {}

    /// The card has room again after [`Card::can_receive`] was false. From any thread; frames come later.
    fn accept_input(&self) {}

    /// Names the card. It is held weakly.
    fn attach(&self, card: Weak<dyn Card>);

    /// What the monitor calls it, such as `user,net=10.0.2.0,restrict=off`.
    fn describe(&self) -> String;
}

/// The card. All calls come on the main loop's thread with its locks held, and none from inside [`Network::send`].
pub trait Card: Send + Sync {
    /// Whether [`receive`](Self::receive) would take a frame now.
    fn can_receive(&self) -> bool;

    /// A frame arrives, at most [`MAX_FRAME`] bytes.
    fn receive(&self, frame: &[u8], offload: Offload);
}
