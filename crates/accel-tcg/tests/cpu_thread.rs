//! The CPUs' thread from outside: pause, queued work, exact turns under counted time, sleep, and its end.

use accel_tcg::{
    CountedClock, CpuEvents, Cpus, Execution, ExecutionConfig, InstructionTime, Seat, Sleep, Threads,
    TimeBase,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use target_i386::InstructionCount;
use target_i386::testbench::{Mode, TestBench};
use util_mainloop::lock::BigLock;
use util_mainloop::timer::TimerList;

/// inc rax; jmp back
const COUNT: &[u8] = &[0x48, 0xff, 0xc0, 0xeb, 0xfb];
/// hlt; jmp back
const HALT: &[u8] = &[0xf4, 0xeb, 0xfd];

#[derive(Default)]
struct Events {
    faulted: AtomicBool,
    ended: AtomicBool,
}

impl CpuEvents for Events {
    fn triple_fault(&self) {
        self.faulted.store(true, Ordering::Release);
    }

    fn ended(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

struct Rig {
    cpu: Cpus,
    lock: Arc<BigLock>,
    events: Arc<Events>,
    timers: Arc<TimerList>,
    clock: Arc<CountedClock>,
    count: Arc<InstructionCount>,
}

/// A CPU at `code`, not yet running, at one nanosecond an instruction.
fn rig(code: &[u8], sleep: Sleep) -> Rig {
    let mut bench = TestBench::new(Mode::Long);
    bench.code(code);
    let count = Arc::clone(bench.cpu.count());
    let time = InstructionTime::from_shift(0).expect("2^0 ns");
    let clock = Arc::new(CountedClock::new(time, Arc::clone(&count)));
    let timers = TimerList::new(Arc::clone(&clock) as _);
    let (lock, events) = (Arc::new(BigLock::new()), Arc::new(Events::default()));
    let base = TimeBase::Counted {
        clock: Arc::clone(&clock),
        timers: Arc::clone(&timers),
        sleep,
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
        Arc::clone(&events) as _,
    )
    .expect("a thread");
    Rig {
        cpu,
        lock,
        events,
        timers,
        clock,
        count,
    }
}

/// Waits for what another thread will do.
fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..60_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("never: {what}");
}

#[test]
fn stopped_means_still() {
    let rig = rig(COUNT, Sleep::Off);
    for _ in 0..50 {
        let before = rig.count.get();
        rig.cpu.resume();
        assert!(!rig.cpu.is_paused());
        until("an instruction", || {
            let mut big = rig.lock.lock();
            rig.cpu.run_on_cpu(&mut big, 0, |vcpu| vcpu.icount) > before
        });
        let mut big = rig.lock.lock();
        rig.cpu.pause(&mut big);
        let first = rig
            .cpu
            .run_on_cpu(&mut big, 0, |vcpu| (vcpu.icount, vcpu.state.gpr[0]));
        assert_eq!(
            first,
            rig.cpu
                .run_on_cpu(&mut big, 0, |vcpu| (vcpu.icount, vcpu.state.gpr[0]))
        );
        assert_eq!(first.0.div_ceil(2), first.1, "half of the instructions are INC");
    }
}

#[test]
fn work_is_done_in_order() {
    let rig = rig(COUNT, Sleep::Off);
    let mut big = rig.lock.lock();
    for n in 1..=10_u64 {
        rig.cpu
            .async_run_on_cpu(0, move |vcpu| vcpu.state.gpr[3] = vcpu.state.gpr[3] * 10 + n % 10);
    }
    assert_eq!(
        rig.cpu.run_on_cpu(&mut big, 0, |vcpu| vcpu.state.gpr[3]),
        1_234_567_890
    );
}

/// A timer finds exactly as many instructions done as its time takes, also if it is armed late or pulled forward.
#[test]
fn timers_fire_to_the_instruction() {
    let rig = rig(COUNT, Sleep::Off);
    let seen = Arc::new(AtomicU64::new(0));
    let timer = {
        let (count, seen) = (Arc::clone(&rig.count), Arc::clone(&seen));
        rig.timers
            .timer(Box::new(move || seen.store(count.get(), Ordering::Release)))
    };
    rig.cpu.resume();
    for _ in 0..20 {
        seen.store(0, Ordering::Release);
        let at = {
            let mut big = rig.lock.lock();
            rig.cpu.pause(&mut big);
            let at = rig.timers.now_ns() + 12_345;
            timer.arm(at + 1_000_000_000);
            timer.arm(at);
            rig.cpu.resume();
            at
        };
        until("the timer", || seen.load(Ordering::Acquire) != 0);
        assert_eq!(seen.load(Ordering::Acquire) as i64, at);
    }
}

/// Idle time is jumped over, or slept through; either way the clock shows the deadline.
#[test]
fn idle_time() {
    for sleep in [Sleep::Off, Sleep::On] {
        let rig = rig(HALT, sleep);
        let seen = Arc::new(AtomicU64::new(0));
        let timer = {
            let (clock, seen) = (Arc::downgrade(&rig.timers), Arc::clone(&seen));
            rig.timers.timer(Box::new(move || {
                let now = clock.upgrade().map_or(0, |timers| timers.now_ns());
                seen.store(now as u64, Ordering::Release);
            }))
        };
        timer.arm(20_000_000);
        rig.cpu.resume();
        until("the timer", || seen.load(Ordering::Acquire) != 0);
        assert_eq!(seen.load(Ordering::Acquire), 20_000_000, "{sleep:?}");
        assert_eq!(
            rig.clock.warped_ns(),
            20_000_000 - 1,
            "{sleep:?}: one instruction was executed"
        );
    }
}

#[test]
fn a_sleeping_cpu_can_be_stopped_and_ended() {
    let rig = rig(HALT, Sleep::On);
    let timer = rig.timers.timer(Box::new(|| {}));
    timer.arm(i64::MAX / 2);
    rig.cpu.resume();
    until("an instruction", || rig.count.get() > 0);
    let mut big = rig.lock.lock();
    rig.cpu.pause(&mut big);
    assert_eq!(rig.cpu.run_on_cpu(&mut big, 0, |vcpu| vcpu.icount), 1);
    drop(big);
    rig.cpu.resume();
    rig.cpu.join();
    assert!(rig.cpu.is_finished() && rig.events.ended.load(Ordering::Acquire));
}

#[test]
fn a_triple_fault_is_told() {
    // lidt [zeroed memory]; ud2
    let rig = rig(&[0x0f, 0x01, 0x1c, 0x25, 0, 0xa0, 0, 0, 0x0f, 0x0b], Sleep::Off);
    rig.cpu.resume();
    until("the fault", || rig.events.faulted.load(Ordering::Acquire));
}

/// A bug of ours on the CPU's thread must end in a message, not in a hang.
#[test]
fn a_panic_does_not_hang_the_machine() {
    let rig = rig(COUNT, Sleep::Off);
    rig.cpu.async_run_on_cpu(0, |_| panic!("on purpose"));
    until("the end", || rig.events.ended.load(Ordering::Acquire));
    rig.cpu.pause(&mut rig.lock.lock());
    assert!(rig.cpu.is_finished());
}

#[test]
fn dropping_ends_the_thread() {
    let rig = rig(COUNT, Sleep::Off);
    rig.cpu.resume();
    let events = Arc::clone(&rig.events);
    drop(rig);
    assert!(events.ended.load(Ordering::Acquire));
}
