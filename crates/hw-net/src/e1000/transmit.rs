//! Descriptors to frames.

use super::E1000;
use super::spec::*;
use super::state::State;
use crate::cut::{Context, Work};
use hw_core::net::MAX_FRAME;

/// Descriptors in one go. A guest that has more goes on a little later.
const BATCH: usize = 4096;
/// Bytes of a frame to be cut, at most.
const LONGEST: usize = 256 << 10;

impl E1000 {
    /// Sends what the ring holds. True if more is left than is done in one go.
    pub(super) fn transmit(&self, state: &mut State) -> bool {
        let mut done = 0;
        while state.get(TCTL) & tctl::EN != 0 && state.get(TDH) != state.get(TDT) {
            let slots = state.get(TDLEN) / 16;
            if state.get(TDH) >= slots || !self.port.dma().is_enabled() {
                return false;
            }
            if done == BATCH {
                return true;
            }
            done += 1;
            let base = u64::from(state.get(TDBAH)) << 32 | u64::from(state.get(TDBAL));
            let at = base.wrapping_add(u64::from(state.get(TDH)) * 16);
            let mut descriptor = [0; 16];
            let _ = self.port.dma().read(at, &mut descriptor);
            let cause = self.descriptor(state, at, &descriptor);
            state.cause(cause);
            let next = state.get(TDH) + 1;
            state.set(TDH, if next >= slots { 0 } else { next });
        }
        if done > 0 {
            state.cause(cause::TXQE);
        }
        false
    }

    fn descriptor(&self, state: &mut State, at: u64, bytes: &[u8; 16]) -> u32 {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (lower, upper) = (word(8), word(12));
        let address = u64::from(word(4)) << 32 | u64::from(word(0));
        let legacy = lower & tx::DEXT == 0;
        if !legacy && lower & tx::DATA == 0 {
            let context = Context {
                ip_start: bytes[0],
                ip_sum: bytes[1],
                ip_end: u16::from_le_bytes([bytes[2], bytes[3]]),
                start: bytes[4],
                sum: bytes[5],
                end: u16::from_le_bytes([bytes[6], bytes[7]]),
                tcp: lower & tx::TCP != 0,
                ipv4: lower & tx::IPV4 != 0,
                headers: bytes[13],
                mss: u16::from_le_bytes([bytes[14], bytes[15]]),
            };
            if lower & tx::TSE != 0 {
                state.cut_context = context;
            } else {
                state.sum_context = context;
            }
        } else {
            let length = if legacy { lower & 0xffff } else { lower & 0xf_ffff } as usize;
            // What a frame is like is said by its first descriptor.
            if state.frame.is_empty() && !legacy {
                state.work = Work {
                    ip: upper & tx::IXSM != 0,
                    transport: upper & tx::TXSM != 0,
                    cut: lower & tx::TSE != 0,
                    tag: None,
                };
            }
            let room = LONGEST.saturating_sub(state.frame.len());
            let old = state.frame.len();
            state.frame.resize(old + length.min(room), 0);
            let _ = self.port.dma().read(address, &mut state.frame[old..]);
            if lower & tx::EOP != 0 {
                let frame = std::mem::take(&mut state.frame);
                let mut work = std::mem::take(&mut state.work);
                if lower & tx::VLE != 0 && state.get(CTRL) & ctrl::VME != 0 {
                    work.tag = Some((upper >> 16) as u16);
                }
                let mut context = if work.cut {
                    state.cut_context.clone()
                } else {
                    state.sum_context.clone()
                };
                if legacy && lower & tx::IC != 0 {
                    context = Context {
                        start: (upper >> 8) as u8,
                        sum: (lower >> 16) as u8,
                        ..Context::default()
                    };
                    work.transport = true;
                }
                self.send(state, frame, work, &context);
            }
        }
        if lower & (tx::RS | tx::RPS) == 0 {
            return 0;
        }
        let _ = self
            .port
            .dma()
            .store(at.wrapping_add(12), (upper | tx::DD).to_le_bytes());
        cause::TXDW
    }

    fn send(&self, state: &mut State, frame: Vec<u8>, work: Work, context: &Context) {
        let pad = state.get(TCTL) & tctl::PSP != 0;
        if !state.phy.link() {
            return;
        }
        context.apply(frame, work, self.net.abilities(), |mut frame, offload| {
            // Less than a header is no frame, more than the wire takes neither.
            if frame.len() < 14 || frame.len() > MAX_FRAME {
                return;
            }
            if pad && frame.len() < 60 {
                frame.resize(60, 0);
            }
            state.count(GPTC, 1);
            state.count(TPT, 1);
            state.count_long(GOTCL, frame.len() as u64 + 4);
            state.count_long(TOTL, frame.len() as u64 + 4);
            self.net.send(&frame, offload);
        });
    }
}
