//! Where a guest's random number device has its bytes from.
//!
//! On the host's time they are the host's. Where time is counted they follow from the machine's seed and how many were
//! asked for before, as RDRAND's do: every run has the same, so a log has none. Requests are answered a little later, by the
//! virtual clock.

use hw_core::{
    Device, DeviceCell, Entropy, EntropyClient, ResetPhase, SavedState, StateError, Timer, VirtualClock,
    schedule,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Weak};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Virtual time between a question and its answer, in nanoseconds.
const DELAY_NS: i64 = 10_000;
/// Most bytes of an answer; a device that asks for more gets fewer.
const MOST: u32 = 4096;

/// Where bytes are from.
pub(crate) enum Source {
    /// The host's random number generator.
    Host(File),
    /// A seed.
    Seed(u64),
}

/// Volatile state, which is the saved one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Tag, bytes, when.
    asked: VecDeque<(u64, u32, i64)>,
    /// Blocks of eight bytes that were made of the seed.
    blocks: u64,
}

/// A source of random bytes for one device.
pub(crate) struct Rng {
    name: String,
    source: Source,
    clock: VirtualClock,
    timer: Timer,
    client: Mutex<Option<Weak<dyn EntropyClient>>>,
    state: DeviceCell<State>,
}

impl Rng {
    /// A source called `name`.
    pub fn new(name: String, source: Source, clock: &VirtualClock) -> Arc<Self> {
        Arc::new_cyclic(|weak: &Weak<Self>| Self {
            name,
            source,
            timer: clock.device_timer(weak, Self::answer),
            clock: clock.clone(),
            client: Mutex::default(),
            state: DeviceCell::default(),
        })
    }

    fn answer(&self) {
        let now = self.clock.now_ns();
        loop {
            let (tag, bytes) = {
                let mut state = self.state.lock();
                let Some((tag, length, _)) = state.asked.front().copied().filter(|asked| asked.2 <= now)
                else {
                    break;
                };
                state.asked.pop_front();
                (tag, self.bytes(length, &mut state.blocks))
            };
            let client = self.client.lock().as_ref().and_then(Weak::upgrade);
            if let Some(client) = client {
                client.entropy(tag, &bytes);
            }
        }
        let next = self.state.lock().asked.front().map(|asked| asked.2);
        schedule(&self.timer, next);
    }

    fn bytes(&self, length: u32, blocks: &mut u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        match &self.source {
            Source::Host(file) => {
                let mut file = file;
                if let Err(error) = file.read_exact(&mut bytes) {
                    tracing::warn!("no random numbers from the host: {error}");
                    bytes.clear();
                }
            }
            Source::Seed(seed) => {
                for piece in bytes.chunks_mut(8) {
                    let block = xxh3_64_with_seed(&blocks.to_le_bytes(), *seed).to_le_bytes();
                    piece.copy_from_slice(&block[..piece.len()]);
                    *blocks += 1;
                }
            }
        }
        bytes
    }
}

impl Entropy for Rng {
    fn request(&self, tag: u64, length: u32) {
        let due = self.clock.now_ns().saturating_add(DELAY_NS);
        let next = {
            let mut state = self.state.lock();
            state.asked.push_back((tag, length.min(MOST), due));
            state.asked.front().map(|asked| asked.2)
        };
        schedule(&self.timer, next);
    }

    fn forget(&self) {
        self.state.lock().asked.clear();
        schedule(&self.timer, None);
    }

    fn attach(&self, client: Weak<dyn EntropyClient>) {
        *self.client.lock() = Some(client);
    }
}

/// State version 1.
const VERSION: u16 = 1;

impl Device for Rng {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            self.forget();
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, saved: &SavedState) -> Result<(), StateError> {
        let state: State = saved.decode(VERSION)?;
        let next = state.asked.front().map(|asked| asked.2);
        *self.state.lock() = state;
        schedule(&self.timer, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hw_core::testing::{TestClock, check_saved_state};

    #[derive(Default)]
    struct Client(Mutex<Vec<(u64, Vec<u8>)>>);

    impl EntropyClient for Client {
        fn entropy(&self, tag: u64, bytes: &[u8]) {
            self.0.lock().push((tag, bytes.to_vec()));
        }
    }

    fn rig(clock: &TestClock, seed: u64) -> (Arc<Rng>, Arc<Client>) {
        let rng = Rng::new("rng".into(), Source::Seed(seed), &clock.clock());
        let client = Arc::new(Client::default());
        let weak: Weak<Client> = Arc::downgrade(&client);
        rng.attach(weak);
        (rng, client)
    }

    #[test]
    fn seeded_bytes_are_the_same_in_every_run_and_come_later() {
        let clock = TestClock::new();
        let answers = |seed| {
            let (rng, client) = rig(&clock, seed);
            rng.request(1, 12);
            rng.request(2, 1 << 30);
            assert!(client.0.lock().is_empty(), "not from inside the question");
            clock.advance(DELAY_NS);
            std::mem::take(&mut *client.0.lock())
        };
        let first = answers(5);
        assert_eq!(
            first
                .iter()
                .map(|(tag, bytes)| (*tag, bytes.len()))
                .collect::<Vec<_>>(),
            [(1, 12), (2, 4096)]
        );
        assert_eq!(first, answers(5));
        assert_ne!(first, answers(6));
    }

    #[test]
    fn questions_survive_a_snapshot() {
        let clock = TestClock::new();
        let ((used, _), (fresh, client)) = (rig(&clock, 1), rig(&clock, 1));
        used.request(7, 8);
        check_saved_state(&*used, &*fresh);
        clock.advance(DELAY_NS);
        assert_eq!(client.0.lock()[0].0, 7);
    }
}
