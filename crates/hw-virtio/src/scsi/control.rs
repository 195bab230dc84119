//! Task management (VIRTIO 1.2, 5.6.6.2): ending requests, resetting units.

use super::Scsi;
use super::request::{End, addressed};
use super::spec::*;
use crate::ring::Chain;
use hw_storage::scsi::Unit;

impl Scsi {
    /// Does everything in the control queue.
    pub(super) fn control(&self) {
        let (mut chain, mut done) = (Chain::default(), false);
        while self.core.pop(CONTROL, &mut chain) {
            let dma = self.core.dma();
            let kind = chain.header::<4>(dma, 0).map(u32::from_le_bytes);
            let answer = match kind {
                Some(control::TASK_MANAGEMENT) => match chain.header::<24>(dma, 0) {
                    Some(request) => vec![self.manage(&request)],
                    None => vec![response::FUNCTION_REJECTED],
                },
                // No event is ever told.
                Some(control::QUERY | control::SUBSCRIBE) => vec![0; 5],
                _ => {
                    self.core.fail("a control request of no known type");
                    return;
                }
            };
            let written = chain.write(dma, 0, &answer).unwrap_or(0);
            self.core.push(CONTROL, chain.token, written as u32);
            done = true;
        }
        if done {
            self.core.signal(CONTROL);
        }
    }

    fn manage(&self, request: &[u8; 24]) -> u8 {
        let [_, _, _, _, f0, f1, f2, f3, rest @ ..] = *request;
        let function = u32::from_le_bytes([f0, f1, f2, f3]);
        let [lun @ .., i0, i1, i2, i3, i4, i5, i6, i7] = rest;
        let id = u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
        let target = addressed(&lun).and_then(|number| Some((number, self.target(number)?)));
        let Some((number, target)) = target else {
            return response::BAD_TARGET;
        };
        match function {
            function::ABORT_TASK => self.abort(number, Some(id)),
            function::ABORT_TASK_SET | function::CLEAR_TASK_SET => self.abort(number, None),
            function::NEXUS_RESET | function::UNIT_RESET => {
                self.abort(number, None);
                target.with(Unit::reset);
            }
            _ => return response::FUNCTION_REJECTED,
        }
        response::FUNCTION_SUCCEEDED
    }

    /// Ends requests of a target, or the one called `id`, for the driver; what their disk still does is not looked at.
    fn abort(&self, target: u8, id: Option<u64>) {
        let aborted = {
            let mut state = self.state.lock();
            let (aborted, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.in_flight)
                .into_iter()
                .partition(|(_, request)| request.target == target && id.is_none_or(|id| id == request.id));
            state.in_flight = kept.into_iter().collect();
            state.bytes = state.in_flight.values().map(|request| request.bytes).sum();
            aborted
        };
        for (_, request) in aborted {
            let queue = usize::from(request.queue);
            self.end(
                queue,
                &request.chain,
                request.data_in,
                &End::host(response::ABORTED),
            );
            self.core.signal(queue);
        }
    }
}
