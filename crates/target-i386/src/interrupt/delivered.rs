//! What was delivered, as a list, for who writes each of it down (strict logs of record and replay).
//!
//! Every engine delivers through [`interrupt`](super), which adds to the list; the run loop's caller takes it between two
//! runs. Without a list this costs a look per delivery, and nothing per instruction.

use super::{Event, Source};
use crate::Vcpu;

/// Deliveries in a list after which the CPU leaves its run to have it taken: a guest may do nothing but fault.
const MOST: usize = 1 << 16;

/// An interrupt that was taken, or an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The CPU's instructions before it.
    pub icount: u64,
    /// Its vector.
    pub vector: u8,
    /// From outside: an interrupt or NMI.
    pub is_interrupt: bool,
}

impl Vcpu {
    /// Keeps a list of deliveries from now on.
    pub fn keep_deliveries(&mut self) {
        self.deliveries_kept.get_or_insert_default();
    }

    /// What was delivered since the last call, in order; nothing without a list.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        self.deliveries_kept
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// `event` is about to be delivered; what that raises is another.
    pub(super) fn note_event(&mut self, event: &Event) {
        let icount = self.icount;
        let Some(list) = &mut self.deliveries_kept else {
            return;
        };
        list.push(Delivery {
            icount,
            vector: event.vector,
            is_interrupt: event.source == Source::External,
        });
        if list.len() >= MOST {
            self.signals.kick();
        }
    }
}
