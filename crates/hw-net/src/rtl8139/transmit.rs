//! From four buffers, or from rings of descriptors, to frames.

use super::Rtl8139;
use super::spec::*;
use super::state::State;
use crate::checksum;
use crate::cut::{Context, Work};
use hw_core::Offload;
use hw_core::net::MAX_FRAME;

/// Bytes of a frame to be cut, at most.
const LONGEST: usize = 64 << 10;
/// Descriptors in one go: more than twice a ring means that nobody takes the mark off.
const BATCH: usize = 2 * ring::SLOTS as usize;

impl Rtl8139 {
    /// Sends the buffers that software has given, in turn.
    pub(super) fn send_buffers(&self, state: &mut State) {
        for _ in 0..4 {
            let at = usize::from(state.buffer) * 4;
            let status = state.get32(TSD + at);
            if status & tsd::OWN != 0 || state.get8(CR) & cr::TE == 0 {
                return;
            }
            let length = (status & tsd::SIZE) as usize;
            let mut frame = vec![0; length];
            let _ = self.port.dma().read(state.get32(TSAD + at).into(), &mut frame);
            // More than the chip takes is given up.
            let result = if length <= 1792 {
                self.put_out(state, frame, Offload::default());
                tsd::TOK
            } else {
                tsd::ABORTED
            };
            state.set32(TSD + at, status | tsd::OWN | result);
            state.buffer = (state.buffer + 1) % 4;
            state.cause(isr::TOK);
        }
    }

    /// Sends what a ring holds: the usual one, or that of high priority.
    pub(super) fn send_ring(&self, state: &mut State, high: bool) {
        let base = state.get64(if high { THPDS } else { TSAD });
        let which = usize::from(high);
        let mut sent = false;
        for _ in 0..BATCH {
            if state.get8(CR) & cr::TE == 0 || !self.port.dma().is_enabled() {
                return;
            }
            let slot = u64::from(state.sending[which]) % ring::SLOTS;
            let at = base.wrapping_add(slot * 16);
            let mut descriptor = [0; 16];
            let found = self.port.dma().read(at, &mut descriptor);
            let word = |at: usize| {
                u32::from_le_bytes([
                    descriptor[at],
                    descriptor[at + 1],
                    descriptor[at + 2],
                    descriptor[at + 3],
                ])
            };
            let command = word(0);
            // Where nobody answers, everything is set.
            if found.is_err() || descriptor == [0xff; 16] || command & ring::OWN == 0 {
                break;
            }
            let address = u64::from(word(12)) << 32 | u64::from(word(8));
            self.take(state, command, word(4), address);
            let _ = self.port.dma().store(at, (command & !ring::OWN).to_le_bytes());
            state.sending[which] = if command & ring::END != 0 {
                0
            } else {
                ((slot + 1) % ring::SLOTS) as u8
            };
            sent = true;
        }
        if sent {
            state.cause(isr::TOK | isr::TDU);
        }
    }

    /// Takes one descriptor.
    fn take(&self, state: &mut State, command: u32, tag: u32, address: u64) {
        if command & ring::FIRST != 0 {
            let cut = command & ring::CUT != 0;
            state.frame.clear();
            state.work = Work {
                ip: cut || command & ring::IP_SUM != 0,
                transport: cut || command & (ring::TCP_SUM | ring::UDP_SUM) != 0,
                cut,
                tag: (tag & ring::TAG != 0).then_some((tag as u16).swap_bytes()),
            };
            state.mss = (command >> 16 & 0x7ff) as u16;
        }
        let old = state.frame.len();
        let length = (command & 0xffff) as usize;
        state
            .frame
            .resize(old + length.min(LONGEST.saturating_sub(old)), 0);
        let _ = self.port.dma().read(address, &mut state.frame[old..]);
        if command & ring::LAST == 0 {
            return;
        }
        let mut frame = std::mem::take(&mut state.frame);
        let mut work = state.work;
        let context = prepare(&mut frame, &mut work, state.mss);
        context.apply(frame, work, self.net.abilities(), |frame, offload| {
            self.put_out(state, frame, offload);
        });
    }

    fn put_out(&self, state: &mut State, mut frame: Vec<u8>, offload: Offload) {
        if frame.len() < 14 || frame.len() > MAX_FRAME {
            return;
        }
        if frame.len() < 60 {
            frame.resize(60, 0);
        }
        if state.get32(TCR) & tcr::LOOPBACK == tcr::LOOPBACK {
            self.put(state, &frame, Offload::default());
        } else if state.link {
            self.net.send(&frame, offload);
        }
    }
}

/// Looks where the parts of a frame are, and writes into its checksum fields what cutting and summing begin with. Takes
/// back what cannot be done with such a frame.
fn prepare(frame: &mut [u8], work: &mut Work, mss: u16) -> Context {
    let nothing = Work {
        tag: work.tag,
        ..Work::default()
    };
    let ip = 14;
    if frame.len() < ip + 20 || frame[12..14] != [8, 0] || frame[ip] >> 4 != 4 {
        *work = nothing;
        return Context::default();
    }
    let start = ip + usize::from(frame[ip] & 15) * 4;
    let tcp = frame[ip + 9] == 6;
    let sum = start + if tcp { 16 } else { 6 };
    let whole = if tcp { 20 } else { 8 };
    if start < ip + 20 || frame.len() < start {
        *work = nothing;
        return Context::default();
    }
    if !matches!(frame[ip + 9], 6 | 17) || frame.len() < start + whole || (work.cut && !tcp) {
        (work.transport, work.cut) = (false, false);
    }
    if work.ip {
        frame[ip + 10..ip + 12].fill(0);
    }
    let headers = if tcp && work.transport {
        start + usize::from(frame[start + 12] >> 4) * 4
    } else {
        0
    };
    // Where that is one piece, it is nothing but a frame to be summed.
    work.cut &= mss > 0 && headers >= start + 20 && frame.len() > headers + usize::from(mss);
    if work.transport {
        // The length is that of IP: what is behind it is padding, which the sum does not mind.
        let length = if work.cut { 0 } else { (frame.len() - start) as u16 };
        let mut pseudo = checksum::sum(frame[ip + 9].into(), &frame[ip + 12..ip + 20]);
        pseudo = checksum::sum(pseudo, &length.to_be_bytes());
        frame[sum..sum + 2].copy_from_slice(&pseudo.to_be_bytes());
    }
    Context {
        ip_start: ip as u8,
        ip_sum: (ip + 10) as u8,
        ip_end: (start - 1) as u16,
        start: start as u8,
        sum: sum as u8,
        end: 0,
        tcp,
        ipv4: true,
        headers: headers as u8,
        mss,
    }
}
