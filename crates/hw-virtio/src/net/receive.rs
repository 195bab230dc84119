//! Frames from the network into receive buffers (VIRTIO 1.2, 5.1.6.4).
//!
//! A frame takes one buffer, or with mergeable buffers as many as it needs; if there are not enough, none is used and the
//! frame is lost, as with a card whose ring is full.

use super::Net;
use super::spec::*;
use crate::ring::{Chain, Token};
use hw_core::{NetClient, Offload};

impl Net {
    /// Puts header and frame into buffers; false if there was no room.
    fn deliver(&self, header: &[u8], frame: &[u8], mergeable: bool) -> bool {
        let mut chain = std::mem::take(&mut self.spare.lock().chain);
        let done = self.fill(header, frame, mergeable, &mut chain);
        self.spare.lock().chain = chain;
        done
    }

    fn fill(&self, header: &[u8], frame: &[u8], mergeable: bool, chain: &mut Chain) -> bool {
        if !self.core.pop(RX, chain) {
            return false;
        }
        let head = header.len() as u64;
        let room = chain.writable_len();
        if room < head {
            self.core.fail("a receive buffer without room for the header");
            return false;
        }
        let len = (room - head).min(frame.len() as u64) as usize;
        if len < frame.len() && !mergeable {
            self.core.unpop(RX, chain.token);
            return false;
        }
        let mut fits = chain.write(self.dma(), head, &frame[..len]).is_ok();
        if len == frame.len() {
            fits &= chain.write(self.dma(), 0, header).is_ok();
            self.core.push(
                RX,
                chain.token,
                if fits { (head as usize + len) as u32 } else { 0 },
            );
            return true;
        }
        self.fill_more(header, frame, len, chain)
    }

    /// Goes on in further buffers, `done` bytes being in the first.
    fn fill_more(&self, header: &[u8], frame: &[u8], mut done: usize, first: &Chain) -> bool {
        let mut used: Vec<(Token, u32)> = vec![(first.token, (header.len() + done) as u32)];
        let mut chain = Chain::default();
        while done < frame.len() {
            if !self.core.pop(RX, &mut chain) {
                for (token, _) in used.iter().rev() {
                    self.core.unpop(RX, *token);
                }
                return false;
            }
            let len = chain.writable_len().min((frame.len() - done) as u64) as usize;
            // A buffer where no memory is takes what it would have taken.
            let _ = chain.write(self.dma(), 0, &frame[done..done + len]);
            used.push((chain.token, len as u32));
            done += len;
        }
        let mut header = <[u8; HEADER]>::try_from(header).unwrap_or_default();
        header[10..].copy_from_slice(&(used.len() as u16).to_le_bytes());
        let _ = first.write(self.dma(), 0, &header);
        for (token, written) in used {
            self.core.push(RX, token, written);
        }
        true
    }
}

impl NetClient for Net {
    fn can_receive(&self) -> bool {
        // A card that nobody drives takes frames and drops them.
        if !self.core.is_running() || !self.core.is_empty(RX) {
            return true;
        }
        self.state.lock().starved = true;
        false
    }

    fn receive(&self, frame: &[u8], offload: Offload) {
        if !self.core.is_running() || !self.port.link_is_up() || !self.state.lock().filter.takes(frame) {
            return;
        }
        let features = self.receive_features();
        let Some(header) = super::header::build(offload, features) else {
            return;
        };
        let mergeable = features & feature::MRG_RXBUF != 0;
        if self.deliver(&header[..self.header_len()], frame, mergeable) {
            self.core.signal(RX);
        }
    }

    fn link_changed(&self, _up: bool) {
        self.core.config_changed();
    }
}
