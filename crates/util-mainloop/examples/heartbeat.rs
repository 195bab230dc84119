//! A small event loop: a heartbeat timer, lines from standard input, and a worker thread that reports by a bottom half.
//!
//! `cargo run -p util-mainloop --example heartbeat`, type a few lines, end with Ctrl-D.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use util_mainloop::clock::{ClockKind, Clocks};
use util_mainloop::timer::{Timer, TimerLists};
use util_mainloop::{BigLock, Interest, MainLoop, Timeout};

fn main() -> std::io::Result<()> {
    let big_lock = Arc::new(BigLock::new());
    let mut main_loop = MainLoop::new()?;
    let handle = main_loop.handle();
    let clocks = Clocks::host();
    let lists = TimerLists::new(&clocks);
    for kind in ClockKind::ALL {
        handle.add_timers(lists.list(kind));
    }

    // Virtual time passes only between start and stop.
    clocks.ticks().start();
    let virt = lists.list(ClockKind::Virtual);
    let timer: Arc<parking_lot::Mutex<Option<Timer>>> = Arc::default();
    let beat = virt.timer(Box::new({
        let (virt, timer) = (Arc::downgrade(virt), Arc::clone(&timer));
        move || {
            let (Some(virt), timer) = (virt.upgrade(), timer.lock()) else {
                return;
            };
            println!("beat at {} ms", virt.now_ns() / 1_000_000);
            timer.as_ref().expect("armed").arm(virt.now_ns() + 500_000_000);
        }
    }));
    beat.arm(0);
    *timer.lock() = Some(beat);

    // A worker counts, and has the loop's thread print now and then.
    let count = Arc::new(AtomicU64::new(0));
    let report = handle.bottom_half({
        let count = Arc::clone(&count);
        move || println!("the worker has counted to {}", count.load(Ordering::Relaxed))
    });
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(std::time::Duration::from_millis(7));
            if (count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(100) {
                report.schedule(); // any number of times before it runs: one report
            }
        }
    });

    let done = Arc::new(AtomicBool::new(false));
    handle.add_fd(Arc::new(std::io::stdin()), Interest::READ, {
        let (done, lock) = (Arc::clone(&done), Arc::clone(&big_lock));
        move |_| {
            assert!(lock.held(), "callbacks run under the locks of the turn");
            let mut line = String::new();
            match std::io::stdin().read_line(&mut line) {
                Ok(0) | Err(_) => done.store(true, Ordering::Relaxed),
                Ok(_) => println!("line: {}", line.trim_end()),
            }
        }
    });

    let mut period = big_lock.period();
    while !done.load(Ordering::Relaxed) {
        main_loop.run_once(&mut period, Timeout::NEVER)?;
    }
    Ok(())
}
