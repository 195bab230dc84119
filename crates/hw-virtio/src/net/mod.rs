//! The network device (VIRTIO 1.2, 5.1).
//!
//! Frames flow from the transmit queue to a [`NetPort`], with what the driver left undone beside them, and from the port
//! into receive buffers, as many as a frame takes. Commands of the control queue set what is received. Mirrors QEMU's
//! `hw/net/virtio-net.c`.

mod config;
mod control;
mod filter;
mod header;
mod model;
mod receive;
pub mod spec;

pub use config::NetConfig;
pub use model::MODELS;

use crate::core::{Core, Effect, Offer};
use crate::device::{VirtioDevice, copy_config};
use crate::ring::Chain;
use crate::spec::{feature as ring_feature, kind};
use filter::Filter;
use hw_core::net::MAX_FRAME;
use hw_core::{DeviceCell, Dma, NetClient, NetPort, Offload, OffloadAbilities, SavedState, StateError};
use serde::{Deserialize, Serialize};
use spec::*;
use std::sync::Arc;

/// A network card on virtio.
pub struct Net {
    // Configuration.
    config: NetConfig,
    // Host glue.
    core: Arc<Core>,
    port: Arc<dyn NetPort>,
    // Volatile state.
    state: DeviceCell<State>,
    // Room that is used again; holds nothing between calls.
    spare: DeviceCell<Spare>,
}

/// Saved as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    filter: Filter,
    /// The network was told that there is no room.
    starved: bool,
    /// Receive offloads that the driver has switched off since it negotiated them.
    offloads_off: u64,
}

#[derive(Default)]
struct Spare {
    chain: Chain,
    frame: Vec<u8>,
}

impl Net {
    /// A card on `port`.
    pub fn new(config: NetConfig, port: Arc<dyn NetPort>, offer: Offer, dma: Dma) -> Arc<Self> {
        let features = config.features(port.abilities());
        let mut sizes = vec![config.rx_queue_size, config.tx_queue_size];
        if features & feature::CTRL_VQ != 0 {
            sizes.push(64);
        }
        let net = Arc::new(Self {
            core: Core::new(kind::NET, features, &sizes, offer, dma),
            state: DeviceCell::new(State::new(&config)),
            config,
            port,
            spare: DeviceCell::default(),
        });
        let client: Arc<dyn NetClient> = Arc::clone(&net) as _;
        net.port.attach(Arc::downgrade(&client));
        net
    }

    fn dma(&self) -> &Dma {
        self.core.dma()
    }

    /// Bytes of the header before frames.
    fn header_len(&self) -> usize {
        let long = ring_feature::VERSION_1 | feature::MRG_RXBUF;
        if self.core.features() & long != 0 {
            HEADER
        } else {
            SHORT_HEADER
        }
    }

    /// What driver and device agreed on, without what the driver has switched off.
    fn receive_features(&self) -> u64 {
        self.core.features() & !self.state.lock().offloads_off
    }

    /// Sends everything in the transmit queue.
    fn transmit(&self) {
        let (mut spare, mut sent) = (std::mem::take(&mut *self.spare.lock()), false);
        while self.core.pop(TX, &mut spare.chain) {
            if self.port.link_is_up()
                && let Some((len, offload)) = self.gather(&spare.chain, &mut spare.frame)
            {
                self.port.send(&spare.frame[..len], offload);
            }
            self.core.push(TX, spare.chain.token, 0);
            sent = true;
        }
        *self.spare.lock() = spare;
        if sent {
            self.core.signal(TX);
        }
    }

    /// Collects a frame, which begins `frame` then, and its length; none if it is no frame, or asks for what was not agreed on.
    fn gather(&self, chain: &Chain, frame: &mut Vec<u8>) -> Option<(usize, Offload)> {
        let header_len = self.header_len();
        let header = chain.header::<SHORT_HEADER>(self.dma(), 0)?;
        let len = usize::try_from(chain.readable_len())
            .ok()?
            .checked_sub(header_len)?;
        if len == 0 || len > MAX_FRAME {
            return None;
        }
        // It only grows, so that nothing is cleared for most frames.
        if frame.len() < len {
            frame.resize(len, 0);
        }
        let frame = &mut frame[..len];
        chain.read(self.dma(), header_len as u64, frame).ok()?;
        let offload = header::parse(&header, frame, self.core.features())?;
        Some((len, offload))
    }

    /// Tells the network what may be left to the driver.
    fn tell_abilities(&self) {
        let features = self.receive_features();
        let both = feature::GUEST_TSO4 | feature::GUEST_TSO6;
        self.port.set_card_abilities(OffloadAbilities {
            checksum: features & feature::GUEST_CSUM != 0,
            segment: features & both == both && features & feature::GUEST_CSUM != 0,
        });
    }

    /// There may be room for frames again.
    fn refilled(&self) {
        if std::mem::take(&mut self.state.lock().starved) {
            self.port.accepts_input();
        }
    }
}

impl State {
    fn new(config: &NetConfig) -> Self {
        Self {
            filter: Filter::new(config.mac),
            starved: false,
            offloads_off: 0,
        }
    }
}

impl VirtioDevice for Net {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        let mac = self.state.lock().filter.mac;
        let bytes = self.config.bytes(mac, self.port.link_is_up());
        copy_config(&bytes, offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        // Legacy drivers set the address here (5.1.4.3).
        let modern = ring_feature::VERSION_1 | feature::CTRL_MAC_ADDR;
        if self.core.features() & modern != 0 {
            return;
        }
        let mut state = self.state.lock();
        for (at, byte) in (offset..).zip(from) {
            if let Some(place) = usize::try_from(at)
                .ok()
                .and_then(|at| state.filter.mac.get_mut(at))
            {
                *place = *byte;
            }
        }
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(RX) => self.refilled(),
            Effect::Notify(TX) => self.transmit(),
            Effect::Notify(_) => self.control(),
            Effect::Negotiated(features) => {
                {
                    let mut state = self.state.lock();
                    state.offloads_off = 0;
                    state.filter.vlans = (features & feature::CTRL_VLAN != 0).then(Vec::new);
                }
                self.tell_abilities();
            }
            Effect::Started => {
                self.transmit();
                self.control();
                self.refilled();
            }
            Effect::Reset => {
                let starved = {
                    let mut state = self.state.lock();
                    let starved = state.starved;
                    *state = State::new(&self.config);
                    starved
                };
                self.tell_abilities();
                // Frames that wait are dropped, not delivered to whoever comes next.
                if starved {
                    self.port.accepts_input();
                }
            }
            Effect::QueueReset(_) | Effect::None => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        if !state.filter.is_plausible() {
            return Err(StateError::Damaged("no such filter".into()));
        }
        *self.state.lock() = state;
        Ok(())
    }

    fn restored(&self) {
        self.tell_abilities();
    }
}

/// State version 1.
const VERSION: u16 = 1;

#[cfg(test)]
mod tests;
