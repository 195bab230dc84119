//! The wire between a random number device and whatever is random.
//!
//! Requests flow from the device into an [`Entropy`], bytes come back later through its [`EntropyClient`]. Where they are
//! from is the machine's affair: a recorded run has them in its log. Requests in flight are the source's state.

use std::sync::Weak;

/// A source of random bytes. Requests are made under the big lock.
pub trait Entropy: Send + Sync {
    /// Asks for `length` bytes. `tag` comes back with them, never from inside this call; the device sees to it that it is
    /// not in flight already.
    fn request(&self, tag: u64, length: u32);

    /// Nothing asked for so far is answered any more (reset).
    fn forget(&self);

    /// Names the device. It is held weakly.
    fn attach(&self, client: Weak<dyn EntropyClient>);
}

/// The device behind an [`Entropy`]. Called under the big lock, on any thread.
pub trait EntropyClient: Send + Sync {
    /// Here are bytes, as many as were asked for or fewer.
    fn entropy(&self, tag: u64, bytes: &[u8]);
}
