//! The CPUs' thread from outside: pause, queued work, exact turns under counted time, sleep, and its end.

use accel_tcg::{
    CountedClock, CpuEvents, Cpus, Execution, ExecutionConfig, InstructionTime, Pace, Seat, Sleep, Threads,
    Throttle, TimeBase,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use target_i386::InstructionCount;
use target_i386::testbench::{Mode, TestBench};
use util_mainloop::clock::{ClockSource, HostClock, ManualClock};
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
    late: AtomicU64,
}

impl CpuEvents for Events {
    fn triple_fault(&self) {
        self.faulted.store(true, Ordering::Release);
    }

    fn late(&self, seconds: i64) {
        self.late.store(seconds as u64, Ordering::Release);
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
    paced(code, sleep, Pace::Free, Arc::new(ManualClock::new(0)))
}

/// The same, beside a clock of the host's.
fn paced(code: &[u8], sleep: Sleep, pace: Pace, host: Arc<dyn ClockSource>) -> Rig {
    let mut bench = TestBench::new(Mode::Long);
    bench.code(code);
    let count = Arc::clone(bench.cpu.count());
    let time = InstructionTime::from_shift(0).expect("2^0 ns");
    let clock = Arc::new(CountedClock::new(time, Arc::clone(&count)).beside(host, pace));
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

/// P6, for counted time: the clock of a stopped machine stands still.
#[test]
fn stopped_means_no_time() {
    for code in [COUNT, HALT] {
        let rig = rig(code, Sleep::On);
        let timer = rig.timers.timer(Box::new(|| ()));
        timer.arm(3_600_000_000_000);
        let mut last = 0;
        for _ in 0..10 {
            rig.cpu.resume();
            std::thread::sleep(Duration::from_millis(2));
            let mut big = rig.lock.lock();
            rig.cpu.pause(&mut big);
            drop(big);
            let stopped = rig.clock.now_ns();
            assert!(stopped >= last, "{stopped} after {last}");
            std::thread::sleep(Duration::from_millis(2));
            assert_eq!(rig.clock.now_ns(), stopped);
            last = stopped;
        }
    }
}

/// Instructions that the CPU has completed.
fn executed(cpus: &Cpus, lock: &BigLock) -> u64 {
    cpus.run_on_cpu(&mut lock.lock(), 0, |vcpu| vcpu.icount)
}

/// Whether the CPU executes nothing for a while.
fn is_still(cpus: &Cpus, lock: &BigLock) -> bool {
    let before = executed(cpus, lock);
    std::thread::sleep(Duration::from_millis(20));
    executed(cpus, lock) == before
}

/// A CPU that is told to sleep executes nothing, gets one sleep however often it is told, and can be stopped.
#[test]
fn naps() {
    let Rig { cpu, lock, .. } = rig(COUNT, Sleep::Off);
    const HOUR: i64 = 3_600_000_000_000;
    cpu.resume();
    until("an instruction", || executed(&cpu, &lock) > 0);
    assert!(!is_still(&cpu, &lock));
    cpu.nap(HOUR);
    cpu.nap(HOUR);
    // Work is done meanwhile.
    until("it sleeps", || is_still(&cpu, &lock));
    cpu.pause(&mut lock.lock());
    let stopped = executed(&cpu, &lock);
    cpu.resume();
    until("it goes on", || executed(&cpu, &lock) > stopped);
    cpu.nap(HOUR);
    cpu.join();
}

/// A throttled CPU under counted time is at the same place after the same instructions.
#[test]
fn a_throttle_is_no_part_of_the_guest() {
    let at = |throttled: bool| {
        let rig = rig(COUNT, Sleep::Off);
        let host = Arc::new(ManualClock::new(0));
        let timers = TimerList::new(Arc::clone(&host) as _);
        let cpus = Arc::new(rig.cpu);
        let throttle = Throttle::new(&cpus, &timers);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let fired = {
            let (seen, count) = (Arc::clone(&seen), Arc::clone(&rig.count));
            move || seen.lock().push(count.get())
        };
        let timer = rig.timers.timer(Box::new(fired));
        timer.arm(30_000_000);
        if throttled {
            throttle.set(Some(50));
        }
        assert_eq!(throttle.percent(), throttled.then_some(50));
        cpus.resume();
        until("the timer", || {
            host.advance(20_000_000);
            timers.run_expired();
            !seen.lock().is_empty()
        });
        throttle.set(None);
        assert_eq!(throttle.percent(), None);
        cpus.join();
        seen.lock().clone()
    };
    assert_eq!(at(true), at(false));
    assert_eq!(at(false), [30_000_000]);
}

#[test]
fn a_throttle_holds_back() {
    let Rig { cpu, lock, .. } = rig(COUNT, Sleep::Off);
    let host = Arc::new(ManualClock::new(0));
    let timers = TimerList::new(Arc::clone(&host) as _);
    let cpus = Arc::new(cpu);
    let throttle = Throttle::new(&cpus, &timers);
    cpus.resume();
    until("an instruction", || executed(&cpus, &lock) > 0);
    assert!(timers.deadline().is_none());
    // Each tick is 0.99 s of sleep.
    throttle.set(Some(200));
    assert_eq!(throttle.percent(), Some(99));
    assert_eq!(timers.deadline(), Some(1_000_000_000));
    until("it sleeps", || {
        host.advance(1_000_000_000);
        timers.run_expired();
        is_still(&cpus, &lock)
    });
    drop(throttle);
    let before = executed(&cpus, &lock);
    until("it goes on", || executed(&cpus, &lock) > before);
    cpus.join();
}

/// `align=on`: a guest that is faster than its clock waits for the host's.
#[test]
fn aligned_guests_wait() {
    let host = Arc::new(ManualClock::new(0));
    let rig = paced(COUNT, Sleep::On, Pace::Align, Arc::clone(&host) as _);
    rig.cpu.resume();
    // Boundaries come every 3 ms of virtual time: it is ahead by two of them at most.
    for at in [0, 50_000_000, 200_000_000] {
        host.set(at);
        until("it catches up", || rig.clock.now_ns() > at + 3_000_000);
        std::thread::sleep(Duration::from_millis(20));
        let ahead = rig.clock.now_ns() - at;
        assert!(ahead <= 6_000_000, "{ahead} ns ahead at {at}");
    }
    let drift = rig.clock.drift().expect("it has a host clock");
    assert!(
        drift
            .max_ns
            .is_some_and(|(delay, advance)| delay > 0 && advance > 3_000_000),
        "{drift}"
    );
}

/// Late guests are told of, at most once for each second.
#[test]
fn late_guests_are_told_of() {
    let host = Arc::new(ManualClock::new(0));
    let rig = paced(COUNT, Sleep::On, Pace::Align, Arc::clone(&host) as _);
    host.set(7_500_000_000_000);
    rig.cpu.resume();
    until("somebody is told", || {
        rig.events.late.load(Ordering::Acquire) >= 7_400
    });
}

/// `shift=auto`: an idle guest's time goes with the host's, and not past it.
#[test]
fn idle_guests_follow_the_host() {
    let host = Arc::new(HostClock::new());
    let rig = paced(HALT, Sleep::On, Pace::Auto, Arc::clone(&host) as _);
    host.start();
    rig.cpu.resume();
    let mut last = 0;
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(20));
        let (guest, real) = (rig.clock.now_ns(), host.now_ns());
        assert!(
            guest >= last && guest <= real + 1_000_000,
            "{guest} of {real}, after {last}"
        );
        last = guest;
    }
    until("it keeps up", || host.now_ns() - rig.clock.now_ns() < 250_000_000);
}
