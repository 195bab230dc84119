//! Runs a loop twice under counted time: both runs see the same instruction counts, however busy the host is.
//!
//! `cargo run -p accel-tcg --example counted`

use accel_tcg::{
    CountedClock, CpuEvents, Cpus, Execution, ExecutionConfig, InstructionTime, Seat, Sleep, Threads,
    TimeBase,
};
use std::sync::Arc;
use std::sync::mpsc;
use target_i386::testbench::{Mode, TestBench};
use util_mainloop::lock::BigLock;
use util_mainloop::timer::TimerList;

/// A machine that expects no triple fault.
struct Events;

impl CpuEvents for Events {
    fn triple_fault(&self) {
        eprintln!("the loop went astray");
    }
}

/// Runs an endless loop for 3 ms of virtual time at 8 ns an instruction; the instruction counts at which timers of
/// 1, 2 and 3 ms found the CPU, and its RAX at the end.
fn run() -> (Vec<u64>, u64) {
    let mut bench = TestBench::new(Mode::Long);
    bench.code(&[0x48, 0xff, 0xc0, 0xeb, 0xfb]); // inc rax; jmp back
    let count = Arc::clone(bench.cpu.count());
    let time = InstructionTime::from_shift(3).expect("2^3 ns");
    let clock = Arc::new(CountedClock::new(time, Arc::clone(&count)));
    let timers = TimerList::new(Arc::clone(&clock) as _);
    let (sender, fired) = mpsc::channel();
    let timer_of = |ms: i64| {
        let (count, sender) = (Arc::clone(&count), sender.clone());
        let timer = timers.timer(Box::new(move || {
            let _ = sender.send(count.get());
        }));
        timer.arm(ms * 1_000_000);
        timer
    };
    let _timers = [1, 2, 3].map(timer_of);

    let lock = Arc::new(BigLock::new());
    let base = TimeBase::Counted {
        clock,
        timers: Arc::clone(&timers),
        sleep: Sleep::Off,
        journal: None,
    };
    let execution = Execution::new(&bench.cpu, ExecutionConfig::default());
    let seat = Seat {
        vcpu: bench.cpu,
        execution,
    };
    let cpu = Cpus::spawn(
        vec![seat],
        Threads::Single,
        Arc::clone(&lock),
        base,
        Arc::new(Events),
    )
    .expect("a thread");
    cpu.resume();
    let counts: Vec<u64> = fired.iter().take(3).collect();
    let mut big = lock.lock();
    cpu.pause(&mut big);
    let rax = cpu.run_on_cpu(&mut big, 0, |vcpu| vcpu.state.gpr[0]);
    drop(big);
    cpu.join();
    (counts, rax)
}

fn main() {
    let (first, second) = (run(), run());
    println!("timers of 1, 2 and 3 ms fired after {:?} instructions", first.0);
    println!("               in the second run after {:?}", second.0);
    println!(
        "RAX when the host got around to stopping the CPU: {} and {}",
        first.1, second.1
    );
    assert_eq!(first.0, second.0);
}
