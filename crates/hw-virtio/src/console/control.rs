//! Control messages (VIRTIO 1.2, 5.3.6.2): which ports there are, which are consoles, which are open.

use super::Serial;
use super::spec::*;
use crate::ring::Chain;

impl Serial {
    /// Tells the driver something of a port, as soon as it gives a buffer.
    pub(super) fn post(&self, port: u32, event: u16, value: u16, more: &[u8]) {
        let mut message = Vec::with_capacity(MESSAGE + more.len());
        message.extend(port.to_le_bytes());
        message.extend(event.to_le_bytes());
        message.extend(value.to_le_bytes());
        message.extend(more);
        {
            let mut state = self.state.lock();
            if state.messages.len() >= MAX_MESSAGES {
                tracing::warn!("a driver asks for control messages and gives no buffers");
                return;
            }
            state.messages.push_back(message);
        }
        self.send_messages();
    }

    /// Puts waiting messages into buffers.
    pub(super) fn send_messages(&self) {
        let (mut chain, mut done) = (Chain::default(), false);
        loop {
            // Looked at before it is taken: a message without a buffer stays.
            if self.state.lock().messages.is_empty() || !self.core.pop(CONTROL_RX, &mut chain) {
                break;
            }
            let message = self.state.lock().messages.pop_front().unwrap_or_default();
            let written = chain.write(self.core.dma(), 0, &message).unwrap_or(0);
            self.core.push(CONTROL_RX, chain.token, written as u32);
            done = true;
        }
        if done {
            self.core.signal(CONTROL_RX);
        }
    }

    /// Does what the driver says.
    pub(super) fn control(&self) {
        let (mut chain, mut done) = (Chain::default(), false);
        while self.core.pop(CONTROL_TX, &mut chain) {
            let message = chain.header::<MESSAGE>(self.core.dma(), 0);
            self.core.push(CONTROL_TX, chain.token, 0);
            done = true;
            if let Some([p0, p1, p2, p3, e0, e1, v0, v1]) = message {
                let port = u32::from_le_bytes([p0, p1, p2, p3]);
                self.said(port, u16::from_le_bytes([e0, e1]), u16::from_le_bytes([v0, v1]));
            }
        }
        if done {
            self.core.signal(CONTROL_TX);
        }
    }

    fn said(&self, number: u32, event: u16, value: u16) {
        if event == event::DEVICE_READY {
            let ports: Vec<u32> = self.ports.lock().keys().copied().collect();
            self.state.lock().ready = value == 1;
            for port in ports.into_iter().filter(|_| value == 1) {
                self.post(port, event::DEVICE_ADD, 1, &[]);
            }
            return;
        }
        let Some(port) = self.port(number) else {
            return;
        };
        match event {
            event::PORT_READY if value == 1 => {
                if port.console {
                    self.post(number, event::CONSOLE_PORT, 1, &[]);
                }
                if !port.name.is_empty() {
                    self.post(number, event::PORT_NAME, 1, port.name.as_bytes());
                }
                self.post(number, event::PORT_OPEN, 1, &[]);
            }
            event::PORT_OPEN => {
                {
                    let mut state = self.state.lock();
                    state.open = state.open & !(1 << number) | u32::from(value == 1) << number;
                }
                if value == 1 {
                    self.refilled(number);
                }
            }
            _ => {}
        }
    }
}
