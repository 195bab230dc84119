//! Event loop, timers, bottom halves and the big lock.
//!
//! The lowest crate: it knows no guest. Mirrors QEMU's `util/main-loop.c`, `util/async.c`, `util/qemu-timer.c` and
//! the BQL part of `system/cpus.c` in behaviour. Events flow from descriptors, threads and clocks into callbacks on
//! one thread, in a fixed order.
//!
//! * [`clock`]: four clocks and their sources; [`timer`]: timer lists on them, in (expiry, insertion) order, never early
//! * [`MainLoop`], [`LoopHandle`]: the poll loop; [`bh`]: bottom halves; [`notifier`]: others that join each poll
//! * [`wake`]: the handshake that ends a sleep; [`lock`]: the big lock and what comes before it
//! * [`Crew`], [`Requests`]: threads that work in turns, and what they are told meanwhile; [`Exclusive`]: being alone
//! * [`os`]: the host
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use util_mainloop::clock::{ClockKind, Clocks};
//! use util_mainloop::timer::TimerLists;
//! use util_mainloop::{BigLock, MainLoop, Timeout};
//!
//! let big_lock = BigLock::new();
//! let mut main_loop = MainLoop::new()?;
//! let lists = TimerLists::new(&Clocks::host());
//! let realtime = lists.list(ClockKind::Realtime);
//! main_loop.handle().add_timers(realtime);
//!
//! let fired = Arc::new(AtomicU32::new(0));
//! let timer = realtime.timer(Box::new({
//!     let fired = Arc::clone(&fired);
//!     move || {
//!         fired.fetch_add(1, Ordering::Relaxed);
//!     }
//! }));
//! timer.arm(realtime.now_ns() + 1_000_000);
//!
//! let mut period = big_lock.period();
//! while fired.load(Ordering::Relaxed) == 0 {
//!     main_loop.run_once(&mut period, Timeout::NEVER)?; // sleeps without the lock, calls back with it
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod bh;
pub mod clock;
pub mod crew;
mod exclusive;
mod fd;
pub mod lock;
mod main_loop;
pub mod notifier;
pub mod os;
pub mod requests;
pub mod sync;
pub mod thread;
pub mod timeout;
pub mod timer;
pub mod wake;

pub use bh::BottomHalf;
pub use crew::Crew;
pub use exclusive::Exclusive;
pub use fd::{FdToken, Interest, LoopFd, Ready};
pub use lock::{BigCondvar, BigLock, BigLockGuard, Gate, Period};
pub use main_loop::{LoopHandle, MainLoop};
pub use requests::Requests;
pub use timeout::Timeout;
