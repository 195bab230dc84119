//! A port of the console device: what is behind it, and bytes on their way to the driver.

use super::Serial;
use super::spec::*;
use crate::ring::Chain;
use hw_core::{CharInput, CharSink};
use std::sync::{Arc, Weak};

/// One port.
pub(super) struct Port {
    pub name: String,
    pub console: bool,
    pub sink: Arc<dyn CharSink>,
    /// Kept for the sink, which holds it weakly.
    _input: Arc<Input>,
}

/// Why a port could not be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The number is another port's.
    #[error("port {0} is taken")]
    Taken(u32),
    /// The device has no such port.
    #[error("port {0} is past the last one, {1}")]
    TooLarge(u32, u32),
    /// Port 0 is for consoles: drivers without control queues take it for one.
    #[error("port 0 is kept for a console")]
    ForConsole,
    /// No number is free.
    #[error("all {0} ports are taken")]
    Full(u32),
    /// The name does not fit into a message.
    #[error("a port's name is at most {MAX_NAME} bytes")]
    Name,
}

/// The receiving side of a port.
struct Input {
    serial: Weak<Serial>,
    number: u32,
}

impl Serial {
    /// Adds a port with what is behind it: `number`, or the next free one. Its number.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn add_port(
        self: &Arc<Self>,
        number: Option<u32>,
        console: bool,
        name: &str,
        sink: Arc<dyn CharSink>,
    ) -> Result<u32, PortError> {
        if name.len() > MAX_NAME {
            return Err(PortError::Name);
        }
        let number = {
            let mut ports = self.ports.lock();
            let first = u32::from(!console);
            let free = || (first..self.max_ports).find(|number| !ports.contains_key(number));
            let number = match number {
                Some(0) if !console => return Err(PortError::ForConsole),
                Some(number) if number >= self.max_ports => {
                    return Err(PortError::TooLarge(number, self.max_ports - 1));
                }
                Some(number) if ports.contains_key(&number) => return Err(PortError::Taken(number)),
                Some(number) => number,
                None => free().ok_or(PortError::Full(self.max_ports))?,
            };
            let input = Arc::new(Input {
                serial: Arc::downgrade(self),
                number,
            });
            let side: Arc<dyn CharInput> = Arc::clone(&input) as _;
            sink.attach(Arc::downgrade(&side));
            let port = Port {
                name: name.to_owned(),
                console,
                sink,
                _input: input,
            };
            ports.insert(number, Arc::new(port));
            number
        };
        // A driver that is there already hears of it.
        if self.state.lock().ready {
            self.post(number, event::DEVICE_ADD, 1, &[]);
        }
        Ok(number)
    }
}

impl CharInput for Input {
    fn can_receive(&self) -> usize {
        let Some(serial) = self.serial.upgrade() else {
            return 0;
        };
        let (queue, _) = queues_of(self.number);
        let mut chain = Chain::default();
        if serial.is_open(self.number) && serial.core.pop(queue, &mut chain) {
            serial.core.unpop(queue, chain.token);
            let room = chain.writable_len().min(PIECE as u64) as usize;
            if room != 0 {
                return room;
            }
        }
        serial.state.lock().starved |= 1 << self.number;
        0
    }

    fn receive(&self, mut bytes: &[u8]) {
        let Some(serial) = self.serial.upgrade() else {
            return;
        };
        let (queue, _) = queues_of(self.number);
        let (mut chain, mut done) = (Chain::default(), false);
        while !bytes.is_empty() && serial.is_open(self.number) && serial.core.pop(queue, &mut chain) {
            let written = chain.write(serial.core.dma(), 0, bytes).unwrap_or(0);
            bytes = &bytes[written..];
            serial.core.push(queue, chain.token, written as u32);
            done = true;
        }
        if done {
            serial.core.signal(queue);
        }
    }
}
