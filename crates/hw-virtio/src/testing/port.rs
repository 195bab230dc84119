//! A network that remembers what it is sent, and tells a card what the test says.

use hw_core::{NetClient, NetPort, Offload, OffloadAbilities};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

#[derive(Default)]
struct State {
    sent: Vec<(Vec<u8>, Offload)>,
    card: OffloadAbilities,
    accepts: usize,
    client: Option<Weak<dyn NetClient>>,
    unplugged: bool,
}

pub struct TestPort {
    abilities: OffloadAbilities,
    state: Mutex<State>,
}

impl TestPort {
    pub fn new(able: bool) -> Arc<Self> {
        Arc::new(Self {
            abilities: OffloadAbilities {
                checksum: able,
                segment: able,
            },
            state: Mutex::default(),
        })
    }

    /// What was sent since the last call.
    pub fn sent(&self) -> Vec<(Vec<u8>, Offload)> {
        std::mem::take(&mut self.state.lock().sent)
    }

    /// What the card said it can do.
    pub fn card(&self) -> OffloadAbilities {
        self.state.lock().card
    }

    /// How often the card said that it has room again, since the last call.
    pub fn accepts(&self) -> usize {
        std::mem::take(&mut self.state.lock().accepts)
    }

    pub fn client(&self) -> Arc<dyn NetClient> {
        let client = self.state.lock().client.clone();
        client.and_then(|client| client.upgrade()).expect("a card")
    }

    pub fn plug(&self, up: bool) {
        self.state.lock().unplugged = !up;
        self.client().link_changed(up);
    }
}

impl NetPort for TestPort {
    fn send(&self, frame: &[u8], offload: Offload) {
        self.state.lock().sent.push((frame.to_vec(), offload));
    }

    fn abilities(&self) -> OffloadAbilities {
        self.abilities
    }

    fn set_card_abilities(&self, abilities: OffloadAbilities) {
        self.state.lock().card = abilities;
    }

    fn accepts_input(&self) {
        self.state.lock().accepts += 1;
    }

    fn attach(&self, client: Weak<dyn NetClient>) {
        self.state.lock().client = Some(client);
    }

    fn link_is_up(&self) -> bool {
        !self.state.lock().unplugged
    }
}
