//! A network that remembers what a card sends, and gives it what a test says.

use crate::net::{MAX_FRAME, NetClient, NetPort, Offload, OffloadAbilities};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// The network.
#[derive(Default)]
pub struct TestNet {
    abilities: OffloadAbilities,
    card: Mutex<CardSide>,
}

#[derive(Default)]
struct CardSide {
    client: Option<Weak<dyn NetClient>>,
    abilities: OffloadAbilities,
    sent: Vec<(Vec<u8>, Offload)>,
    room: usize,
}

impl TestNet {
    /// A network for which cards may leave work as `abilities` say.
    pub fn new(abilities: OffloadAbilities) -> Arc<Self> {
        Arc::new(Self {
            abilities,
            card: Mutex::default(),
        })
    }

    /// What the card sent since the last call.
    pub fn take(&self) -> Vec<(Vec<u8>, Offload)> {
        std::mem::take(&mut self.card.lock().sent)
    }

    /// How often the card said that it has room again.
    pub fn told_of_room(&self) -> usize {
        self.card.lock().room
    }

    /// What may be left to the card.
    pub fn card_abilities(&self) -> OffloadAbilities {
        self.card.lock().abilities
    }

    /// Gives the card a frame if it takes one; whether it did.
    ///
    /// # Panics
    /// If the frame is longer than any may be.
    pub fn give(&self, frame: &[u8], offload: Offload) -> bool {
        assert!(frame.len() <= MAX_FRAME);
        let client = self.client();
        let room = client.as_ref().is_some_and(|client| client.can_receive());
        if let (true, Some(client)) = (room, client) {
            client.receive(frame, offload);
        }
        room
    }

    /// Plugs the cable in or out.
    pub fn set_link(&self, up: bool) {
        if let Some(client) = self.client() {
            client.link_changed(up);
        }
    }

    fn client(&self) -> Option<Arc<dyn NetClient>> {
        self.card.lock().client.as_ref().and_then(Weak::upgrade)
    }
}

impl NetPort for TestNet {
    fn send(&self, frame: &[u8], offload: Offload) {
        assert!(frame.len() <= MAX_FRAME, "a frame of {} bytes", frame.len());
        if let Some(segment) = offload.segment {
            assert!(self.abilities.segment && segment.size > 0 && usize::from(segment.headers) < frame.len());
        }
        if let Some((start, offset)) = offload.checksum {
            assert!(self.abilities.checksum);
            assert!(usize::from(start) + usize::from(offset) + 2 <= frame.len());
        }
        self.card.lock().sent.push((frame.to_vec(), offload));
    }

    fn abilities(&self) -> OffloadAbilities {
        self.abilities
    }

    fn set_card_abilities(&self, abilities: OffloadAbilities) {
        self.card.lock().abilities = abilities;
    }

    fn accepts_input(&self) {
        self.card.lock().room += 1;
    }

    fn attach(&self, client: Weak<dyn NetClient>) {
        self.card.lock().client = Some(client);
    }
}
