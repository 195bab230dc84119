//! The PS/2 mouse: standard, with wheel (id 3), with five buttons (id 4).

use super::spec::{ACK, QUEUE, RESEND, TEST_PASSED};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// State of the mouse; saved as it is, being nothing but protocol state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mouse {
    queue: VecDeque<u8>,
    argument_of: Option<u8>,
    /// Echoes what it is sent.
    wrap: bool,
    /// Sends packets only when asked.
    remote: bool,
    reporting: bool,
    double_scale: bool,
    resolution: u8,
    rate: u8,
    id: u8,
    /// The last two sample rates, by which drivers ask for the wheel.
    knocks: [u8; 2],
    /// Movement not yet reported; y grows upwards, z towards the user.
    moved: [i32; 3],
    /// Bit 0 left, 1 right, 2 middle, 3 and 4 side buttons.
    buttons: u8,
    reported_buttons: u8,
}

impl Default for Mouse {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            argument_of: None,
            wrap: false,
            remote: false,
            reporting: false,
            double_scale: false,
            resolution: 2,
            rate: 100,
            id: 0,
            knocks: [0; 2],
            moved: [0; 3],
            buttons: 0,
            reported_buttons: 0,
        }
    }
}

impl Mouse {
    /// Whether a loaded state is one that could have been reached.
    pub fn is_sane(&self) -> bool {
        self.queue.len() <= QUEUE
    }

    /// Takes the next byte; makes a new packet when the queue runs dry and something is left to report.
    pub fn pop(&mut self) -> Option<u8> {
        let byte = self.queue.pop_front();
        self.report();
        byte
    }

    fn reply(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.queue.len() < QUEUE {
                self.queue.push_back(byte);
            }
        }
    }

    /// The mouse moved (y upwards, z towards the user) or its buttons changed.
    pub fn moved(&mut self, delta: [i32; 3], buttons: u8) {
        for (sum, d) in self.moved.iter_mut().zip(delta) {
            *sum = sum.saturating_add(d).clamp(-100_000, 100_000);
        }
        self.buttons = buttons & 0x1f;
        self.report();
    }

    fn report(&mut self) {
        let news = self.moved != [0; 3] || self.buttons != self.reported_buttons;
        if self.reporting && !self.remote && news && self.queue.is_empty() {
            let packet = self.packet();
            self.reply(&packet);
        }
    }

    /// Takes up to 127 counts in each direction out of what is to be reported.
    fn packet(&mut self) -> Vec<u8> {
        let [dx, dy, dz] = [0, 1, 2].map(|axis| {
            let limit = if axis == 2 { 7 } else { 127 };
            let step = self.moved[axis].clamp(-limit, limit);
            self.moved[axis] -= step;
            step
        });
        let sign = |value: i32, bit: u8| if value < 0 { bit } else { 0 };
        self.reported_buttons = self.buttons;
        let first = 8 | sign(dx, 0x10) | sign(dy, 0x20) | self.buttons & 7;
        let mut packet = vec![first, dx as u8, dy as u8];
        match self.id {
            3 => packet.push(dz as u8),
            4 => packet.push(dz as u8 & 0x0f | (self.buttons & 0x18) << 1),
            _ => self.moved[2] = 0,
        }
        packet
    }

    fn defaults(&mut self) {
        let kept = (std::mem::take(&mut self.queue), self.id, self.buttons);
        *self = Self::default();
        (self.queue, self.id, self.buttons) = kept;
        self.reported_buttons = self.buttons;
    }

    /// A byte from the controller.
    pub fn write(&mut self, value: u8) {
        if self.wrap && value != 0xec && value != 0xff {
            return self.reply(&[value]);
        }
        match self.argument_of.take() {
            Some(0xe8) => {
                self.resolution = value & 3;
                self.reply(&[ACK]);
            }
            Some(0xf3) => {
                match (self.knocks, value) {
                    ([200, 100], 80) => self.id = 3,
                    ([200, 200], 80) => self.id = 4,
                    _ => {}
                }
                self.knocks = [self.knocks[1], value];
                self.rate = value;
                self.reply(&[ACK]);
            }
            _ => self.command(value),
        }
    }

    fn command(&mut self, value: u8) {
        // Every command but a poll discards a packet in the making.
        if value != 0xfe {
            self.queue.clear();
        }
        match value {
            0xff => {
                *self = Self::default();
                return self.reply(&[ACK, TEST_PASSED, 0]);
            }
            0xe6 | 0xe7 => self.double_scale = value == 0xe7,
            0xe8 | 0xf3 => self.argument_of = Some(value),
            0xe9 => {
                // Here left is bit 2, middle bit 1, right bit 0.
                let buttons = (self.buttons & 1) << 2 | (self.buttons >> 2 & 1) << 1 | self.buttons >> 1 & 1;
                let mode = u8::from(self.double_scale) << 4
                    | u8::from(self.reporting) << 5
                    | u8::from(self.remote) << 6;
                let (resolution, rate) = (self.resolution, self.rate);
                return self.reply(&[ACK, mode | buttons, resolution, rate]);
            }
            0xea => self.remote = false,
            0xeb => {
                let packet = self.packet();
                self.reply(&[ACK]);
                return self.reply(&packet);
            }
            0xec => self.wrap = false,
            0xee => self.wrap = true,
            0xf0 => self.remote = true,
            0xf2 => {
                let id = self.id;
                return self.reply(&[ACK, id]);
            }
            0xf4 => self.reporting = true,
            0xf5 => self.reporting = false,
            0xf6 => self.defaults(),
            _ => return self.reply(&[RESEND]),
        }
        self.reply(&[ACK]);
    }
}
