//! The console device with its ports: QEMU's `virtio-serial` (VIRTIO 1.2, 5.3).
//!
//! Bytes flow from a port's transmit queue to the [`CharSink`] behind it, and from there, as fast as the driver gives
//! buffers, into its receive queue. Control messages tell the driver which ports there are. Mirrors QEMU's
//! `hw/char/virtio-serial-bus.c` and `virtio-console.c`.

mod control;
mod model;
mod port;
pub mod spec;

pub use model::{MODELS, PORTS};
pub use port::PortError;

use crate::core::{Core, Effect, Offer};
use crate::device::{VirtioDevice, copy_config};
use crate::ring::Chain;
use crate::spec::kind;
use hw_core::{CharSink, DeviceCell, Dma, SavedState, StateError};
use parking_lot::Mutex;
use port::Port;
use serde::{Deserialize, Serialize};
use spec::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The device, which is the bus of its ports.
pub struct Serial {
    // Configuration.
    max_ports: u32,
    // Host glue.
    core: Arc<Core>,
    ports: Mutex<BTreeMap<u32, Arc<Port>>>,
    // Volatile state.
    state: DeviceCell<State>,
}

/// Saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The driver listens to control messages.
    ready: bool,
    /// Control messages that wait for buffers.
    messages: VecDeque<Vec<u8>>,
    /// Bit n: the driver has opened port n.
    open: u32,
    /// Bit n: somebody waits for room in port n.
    starved: u32,
}

impl Serial {
    /// A device for up to `max_ports` ports, at most [`MAX_PORTS`]; without any.
    pub fn new(max_ports: u32, offer: Offer, dma: Dma) -> Arc<Self> {
        let max_ports = max_ports.clamp(1, MAX_PORTS);
        let features = feature::MULTIPORT | feature::EMERG_WRITE;
        let sizes = vec![QUEUE; 2 * (max_ports as usize + 1)];
        Arc::new(Self {
            max_ports,
            core: Core::new(kind::CONSOLE, features, &sizes, offer, dma),
            ports: Mutex::default(),
            state: DeviceCell::default(),
        })
    }

    fn port(&self, number: u32) -> Option<Arc<Port>> {
        self.ports.lock().get(&number).cloned()
    }

    fn has_control(&self) -> bool {
        self.core.features() & feature::MULTIPORT != 0
    }

    /// Whether bytes for a port find a driver that wants them.
    fn is_open(&self, port: u32) -> bool {
        self.core.is_running() && (!self.has_control() || self.state.lock().open >> port & 1 != 0)
    }

    /// Sends on what the driver wrote to a port.
    fn transmit(&self, number: u32, queue: usize) {
        let (port, mut chain, mut done) = (self.port(number), Chain::default(), false);
        while self.core.pop(queue, &mut chain) {
            if let Some(port) = &port {
                self.write_out(&*port.sink, &chain);
            }
            self.core.push(queue, chain.token, 0);
            done = true;
        }
        if done {
            self.core.signal(queue);
        }
    }

    fn write_out(&self, sink: &dyn CharSink, chain: &Chain) {
        let (mut piece, mut at) = ([0; PIECE], 0);
        while at < MAX_CHAIN {
            match chain.read(self.core.dma(), at, &mut piece) {
                Ok(0) | Err(_) => break,
                Ok(len) => {
                    sink.write(&piece[..len]);
                    at += len as u64;
                }
            }
        }
    }

    /// The driver has given buffers to a port.
    fn refilled(&self, number: u32) {
        let waits = {
            let mut state = self.state.lock();
            let waits = state.starved >> number & 1 != 0;
            state.starved &= !(1 << number);
            waits
        };
        if let (true, Some(port)) = (waits, self.port(number)) {
            port.sink.accepts_input();
        }
    }

    fn notified(&self, queue: usize) {
        match port_of(queue) {
            _ if queue == CONTROL_RX => self.send_messages(),
            None => self.control(),
            Some((port, true)) => self.transmit(port, queue),
            Some((port, false)) => self.refilled(port),
        }
    }
}

/// State version 1.
const VERSION: u16 = 1;

impl VirtioDevice for Serial {
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn read_config(&self, offset: u64, to: &mut [u8]) {
        let mut config = [0; CONFIG];
        config[4..8].copy_from_slice(&self.max_ports.to_le_bytes());
        copy_config(&config, offset, to);
    }

    fn write_config(&self, offset: u64, from: &[u8]) {
        if let (CONFIG_EMERGENCY, [byte, ..], Some(port)) = (offset, from, self.port(0)) {
            port.sink.write(&[*byte]);
        }
    }

    fn effect(&self, effect: Effect) {
        match effect {
            Effect::Notify(queue) => self.notified(queue),
            Effect::Started => {
                for queue in 0..self.core.queues() {
                    self.notified(queue);
                }
            }
            Effect::Reset => {
                let starved = std::mem::take(&mut *self.state.lock()).starved;
                for number in (0..self.max_ports).filter(|number| starved >> number & 1 != 0) {
                    if let Some(port) = self.port(number) {
                        port.sink.accepts_input();
                    }
                }
            }
            Effect::QueueReset(_) | Effect::Negotiated(_) | Effect::None => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        if state.messages.len() > MAX_MESSAGES || (state.open | state.starved) >> self.max_ports != 0 {
            return Err(StateError::Damaged("no such ports".into()));
        }
        *self.state.lock() = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
