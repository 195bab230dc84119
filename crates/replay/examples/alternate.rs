//! Two threads share the replay lock, as a main loop and a vCPU do: nobody overtakes, nobody starves.
//!
//! `cargo run -p replay --example alternate`

use replay::{Mode, Replay};
use std::sync::Barrier;
use util_mainloop::BigLock;

fn main() {
    let big_lock = BigLock::new();
    let replay = Replay::new(Mode::Record, &big_lock);
    replay.start().expect("nothing is in the way");
    let start = Barrier::new(2);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            start.wait();
            for slice in 0..5 {
                let _slice = replay.lock();
                println!("vCPU: slice {slice}, without the big lock");
                work();
            }
        });
        start.wait();
        for turn in 0..5 {
            let _period = big_lock.period();
            println!("main: turn {turn}, with both");
            work();
        }
    });
}

/// Long enough for the other thread to get in line.
fn work() {
    for _ in 0..10_000 {
        std::thread::yield_now();
    }
}
