//! A machine of a few lines that keeps ARCHITECTURE.md's rules of instants: instructions, timers, idle warps, requests
//! to a disk, host clocks; and a host that cuts its turns and sends its events at random.

use crate::tests::samples::header;
use crate::*;
use std::collections::VecDeque;
use std::sync::Arc;
use util_mainloop::BigLock;

/// Instructions of a recorded run.
const LENGTH: u64 = 3000;

/// Between digests.
const DIGEST_EVERY: u64 = 250;

/// What two runs are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The state after each applied event, timer and digest, and where.
    pub states: Vec<(Instant, u64)>,
    /// Where it ended.
    pub end: Instant,
}

struct Toy {
    replay: Arc<Replay>,
    state: u64,
    now: Instant,
    idle: bool,
    deadline: Option<i64>,
    requests: VecDeque<u64>,
    next_request: u64,
    host: u64,
    states: Vec<(Instant, u64)>,
}

fn mix(state: u64, value: u64) -> u64 {
    (state ^ value)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
        .wrapping_add(value)
}

impl Toy {
    fn new(replay: Arc<Replay>, program: u64, host: u64) -> Self {
        Self {
            replay,
            state: mix(1, program),
            now: Instant::START,
            idle: false,
            deadline: None,
            requests: VecDeque::new(),
            next_request: 0,
            host: mix(2, host),
            states: Vec::new(),
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.host = mix(self.host, 77);
        (self.host >> 11) % below
    }

    fn time(&self) -> i64 {
        self.now.virtual_ns(1)
    }

    fn saw(&mut self, value: u64) {
        self.state = mix(self.state, value);
        self.states.push((self.now, self.state));
    }

    /// Whatever the host has for the guest just now.
    fn host_does(&mut self) {
        if !self.requests.is_empty() && self.random(3) == 0 {
            let at = self.random(self.requests.len() as u64) as usize;
            let id = self.requests.remove(at).unwrap();
            self.replay.submit(Event::Block { id });
        }
        if self.random(9) == 0 {
            let bytes = vec![self.random(256) as u8; self.random(3) as usize];
            self.replay.submit(Event::CharInput { driver: 0, bytes });
        }
        if self.random(40) == 0 {
            self.replay.submit(Event::Control(Control::Nmi));
        }
    }

    fn apply(&mut self, event: &Event) {
        self.idle = false;
        let value = match event {
            Event::Block { id } => 1000 + id,
            Event::CharInput { bytes, .. } => bytes.iter().fold(3, |sum, byte| sum * 31 + u64::from(*byte)),
            other => other.kind() as u64,
        };
        self.saw(value);
    }

    fn instruction(&mut self) -> Result<(), Divergence> {
        let (now, host) = (self.now, self.host as i64);
        let choice = self.state % 97;
        match choice {
            0..4 => {
                self.state = mix(
                    self.state,
                    self.replay.clock(now, ClockKind::Host, || host)? as u64,
                )
            }
            4 => {
                let mut bytes = [0; 3];
                self.replay
                    .random(now, &mut bytes, |bytes| bytes.fill(host as u8))?;
                self.state = mix(self.state, u64::from(bytes[2]));
            }
            5..8 => self.idle = true,
            8..12 => self.deadline = Some(self.time() + (self.state >> 20) as i64 % 300),
            12..14 => {
                self.requests.push_back(self.next_request);
                self.next_request += 1;
            }
            _ => {}
        }
        self.state = mix(self.state, choice);
        self.now = Instant::new(now.count + 1, now.warp_ns, 0);
        Ok(())
    }

    /// Events, then timers, until there are neither.
    fn boundary(&mut self) -> Result<(), Divergence> {
        loop {
            while let Some(event) = self.replay.due(self.now)? {
                self.apply(&event);
            }
            let timer = self.deadline.is_some_and(|deadline| deadline <= self.time());
            if !timer || self.replay.awaited(self.now).is_some() {
                return Ok(());
            }
            // A timer may ask the host, and may arm itself again.
            self.deadline = self
                .state
                .is_multiple_of(3)
                .then(|| self.time() + (self.state >> 30) as i64 % 50);
            let (now, host) = (self.now, self.host as i64);
            let clock = self.replay.clock(now, ClockKind::VirtualRt, || host)?;
            self.idle = false;
            self.saw(clock as u64);
            self.now.round += 1;
        }
    }

    fn run(mut self) -> Result<Outcome, Divergence> {
        let replay = self.replay.clone();
        let recording = replay.mode() == Mode::Record;
        let mut next_digest = DIGEST_EVERY;
        let mut waited = 0;
        loop {
            self.host_does();
            let _period = replay.lock();
            self.boundary()?;
            if replay.awaited(self.now).is_some() {
                // In time the host completes everything that was asked for.
                waited += 1;
                if waited > 10_000 {
                    return Err(replay.stuck(self.now));
                }
                continue;
            }
            waited = 0;
            if self.now.count >= next_digest {
                let digest = Event::Digest {
                    vcpus: self.state,
                    devices: 0,
                    memory: 0,
                };
                replay.note(self.now, digest)?;
                self.states.push((self.now, self.state));
                next_digest += DIGEST_EVERY;
            }
            if recording && self.random(50) == 0 {
                replay.flush(self.now);
            }
            if !recording && replay.ended(self.now).is_some() {
                break;
            }
            if self.now.count >= LENGTH {
                replay.finish(self.now, Shutdown::GuestShutdown, self.state)?;
                break;
            }
            let stop = replay.next_stop(self.now)?;
            if stop.waiting {
                continue;
            }
            let target = |limit: u64| stop.count.unwrap_or(u64::MAX).min(limit);
            if !self.idle {
                let mut end = target(
                    (self.now.count + 1 + self.random(40))
                        .min(LENGTH)
                        .min(next_digest),
                );
                if let Some(deadline) = self.deadline {
                    // The first instruction boundary that is not before the deadline.
                    end = end.min(self.now.count + ((deadline - self.time() + 1) / 2) as u64);
                }
                if end <= self.now.count {
                    return Err(replay.divergence(Difference::NotIdle, self.now));
                }
                let armed = self.deadline;
                while self.now.count < end && !self.idle && self.deadline == armed {
                    self.instruction()?;
                }
                continue;
            }
            let deadline = self.deadline.map(|at| self.now.warp_ns + at - self.time());
            let mut warp = match (deadline, stop.warp_ns) {
                (Some(deadline), Some(stop)) => deadline.min(stop),
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) if recording => self.now.warp_ns + 1000,
                (None, None) => return Err(replay.stuck(self.now)),
            };
            if recording && self.random(2) == 0 {
                // Something may come before the deadline.
                warp = self.now.warp_ns + self.random((warp - self.now.warp_ns + 1) as u64) as i64;
            }
            if warp > self.now.warp_ns {
                self.now = Instant::new(self.now.count, warp, 0);
            } else if !recording {
                return Err(replay.stuck(self.now));
            }
        }
        Ok(Outcome {
            states: self.states,
            end: self.now,
        })
    }
}

/// Records a run of `program` on `host`.
pub fn record(program: u64, host: u64) -> (Vec<u8>, Outcome) {
    let (recorder, memory) = Recorder::memory(header());
    let replay = Replay::recorder(&BigLock::new(), recorder);
    let outcome = Toy::new(replay, program, host)
        .run()
        .expect("nothing to diverge from");
    (memory.bytes(), outcome)
}

/// Plays a log with `program` on `host`.
pub fn play(program: u64, host: u64, log: Vec<u8>) -> Result<Outcome, Divergence> {
    let player = Player::from_bytes(log).expect("a log with a header");
    let replay = Replay::player(&BigLock::new(), player);
    Toy::new(replay, program, host).run()
}
