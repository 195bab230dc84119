//! Sections in which no other worker of a group runs: what a virtual CPU needs for an access that the host cannot make
//! atomic, or before it relies on what the others must have seen.
//!
//! Workers say when they run ([`Exclusive::run`]) and leave soon after they are kicked. Whoever wants to be alone asks,
//! kicks, waits until nobody runs, and keeps the others from starting until it is done. Mirrors in purpose QEMU's
//! `start_exclusive` (`cpus-common.c`).
//!
//! Nobody may wait here under a lock that a running worker can want (the big lock).

use crate::lock::Owner;
use crate::sync::{Condvar, Mutex};

#[derive(Default)]
struct State {
    /// Workers that run.
    running: usize,
    /// Somebody is alone, or wants to be as soon as nobody runs.
    asked: bool,
}

/// A group of workers.
pub struct Exclusive {
    state: Mutex<State>,
    /// Nobody runs any more.
    quiet: Condvar,
    /// A section has ended.
    ended: Condvar,
    /// Who is alone.
    owner: Owner,
}

impl Default for Exclusive {
    fn default() -> Self {
        Self::new()
    }
}

impl Exclusive {
    /// Nobody runs.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            quiet: Condvar::new(),
            ended: Condvar::new(),
            owner: Owner::nobody(),
        }
    }

    fn start(&self) {
        let mut state = self.state.lock();
        while state.asked {
            self.ended.wait(&mut state);
        }
        state.running += 1;
    }

    fn end(&self) {
        let mut state = self.state.lock();
        state.running -= 1;
        if state.running == 0 && state.asked {
            self.quiet.notify_all();
        }
    }

    /// Runs `f` as a worker: waits for sections to end first, and keeps new ones from beginning until it returns or
    /// panics.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        /// The worker leaves, whatever becomes of it.
        struct Running<'a>(&'a Exclusive);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        self.start();
        let _running = Running(self);
        f()
    }

    /// Runs `f` while no worker runs. `kick` makes those that do leave soon; it is called once everybody who runs then
    /// was running before, and may not wait. Not from a worker that runs (see [`Exclusive::alone_within`]); from
    /// within another section of the same thread, `f` is just called.
    pub fn alone<R>(&self, kick: impl FnOnce(), f: impl FnOnce() -> R) -> R {
        /// Lets the others go on, whatever becomes of the section.
        struct Section<'a>(&'a Exclusive);
        impl Drop for Section<'_> {
            fn drop(&mut self) {
                self.0.owner.clear();
                self.0.state.lock().asked = false;
                self.0.ended.notify_all();
            }
        }
        if self.owner.held() {
            return f();
        }
        let mut state = self.state.lock();
        while state.asked {
            self.ended.wait(&mut state);
        }
        state.asked = true;
        if state.running > 0 {
            kick();
        }
        while state.running > 0 {
            self.quiet.wait(&mut state);
        }
        drop(state);
        self.owner.take();
        let _section = Section(self);
        f()
    }

    /// [`Exclusive::alone`] for a worker that runs: it does not count as running meanwhile. Others may have been alone
    /// before it is.
    pub fn alone_within<R>(&self, kick: impl FnOnce(), f: impl FnOnce() -> R) -> R {
        /// The worker runs on.
        struct Back<'a>(&'a Exclusive);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.start();
            }
        }
        if self.owner.held() {
            return f();
        }
        self.end();
        let _back = Back(self);
        self.alone(kick, f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// Many workers, many sections from inside and outside: a counter that only sections touch, without atomicity.
    #[test]
    fn nobody_is_alone_together() {
        const TIMES: u64 = 500;
        let group = Arc::new(Exclusive::new());
        let (value, leave, running) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let step = |value: &AtomicU64, running: &AtomicU64| {
            assert_eq!(running.load(Ordering::SeqCst), 0, "somebody runs");
            let seen = value.load(Ordering::Relaxed);
            std::thread::yield_now();
            value.store(seen + 1, Ordering::Relaxed);
        };
        let workers: Vec<_> = (0..4)
            .map(|n| {
                let (group, value, leave, running) =
                    (group.clone(), value.clone(), leave.clone(), running.clone());
                std::thread::spawn(move || {
                    for _ in 0..TIMES {
                        group.run(|| {
                            running.fetch_add(1, Ordering::SeqCst);
                            while !leave.swap(false, Ordering::SeqCst) && n != 0 {
                                std::hint::spin_loop();
                                if value.load(Ordering::Relaxed) >= TIMES {
                                    break;
                                }
                            }
                            running.fetch_sub(1, Ordering::SeqCst);
                            if n == 0 {
                                let kick = || leave.store(true, Ordering::SeqCst);
                                // The others leave one by one: a kick that one swallowed is given again by the next.
                                group.alone_within(kick, || group.alone(|| (), || step(&value, &running)));
                            }
                        });
                    }
                })
            })
            .collect();
        while value.load(Ordering::Relaxed) < TIMES {
            leave.store(true, Ordering::SeqCst);
            std::thread::yield_now();
        }
        for worker in workers {
            worker.join().expect("no panic");
        }
        group.alone(|| (), || step(&value, &running));
        assert_eq!(value.load(Ordering::Relaxed), TIMES + 1);
    }

    /// A panic in a section or of a worker leaves the group usable.
    #[test]
    fn panics_do_not_stick() {
        let group = Exclusive::new();
        let caught = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
        assert!(caught(&|| group.run(|| panic!("on purpose"))));
        assert!(caught(&|| group.alone(|| (), || panic!("on purpose"))));
        assert!(caught(
            &|| group.run(|| group.alone_within(|| (), || panic!("on purpose")))
        ));
        assert_eq!(group.run(|| group.alone_within(|| (), || 7)), 7);
    }
}
