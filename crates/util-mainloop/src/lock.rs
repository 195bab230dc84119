//! The locks of a machine and their order: gate (replay lock), big lock, leaves.
//!
//! Taking them the wrong way round, or twice, panics in release builds too: where replay could silently diverge or
//! two threads could hang, a message is better. [`Period`] is the type that gets it right by itself.

mod big;
mod order;
mod owner;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket;

pub use big::{BigCondvar, BigLock, BigLockGuard};
pub use order::{Gate, Held, Period};
pub(crate) use owner::Owner;
pub use owner::Witness;
pub use ticket::TicketLock;
