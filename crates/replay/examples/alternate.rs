//! Two threads share the replay lock, as a main loop and a vCPU do: nobody overtakes, nobody starves.
//!
//! `cargo run -p replay --example alternate`

use replay::{Mode, Replay};
use util_mainloop::BigLock;

fn main() {
    let big_lock = BigLock::new();
    let replay = Replay::new(Mode::Record, &big_lock);
    replay.start().expect("nothing is in the way");
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for slice in 0..5 {
                let _slice = replay.lock();
                println!("vCPU: slice {slice}, without the big lock");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        for turn in 0..5 {
            let _period = big_lock.period();
            println!("main: turn {turn}, with both");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
}
