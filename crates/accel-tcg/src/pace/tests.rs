//! The pace against a host clock in our hands.

use super::*;
use crate::counted::InstructionTime;
use target_i386::InstructionCount;
use util_mainloop::clock::ManualClock;

struct Rig {
    clock: CountedClock,
    host: Arc<ManualClock>,
    count: Arc<InstructionCount>,
    pacer: Pacer,
}

const MS: i64 = 1_000_000;

impl Rig {
    fn new(pace: Pace, shift: u32) -> Self {
        let (host, count) = (
            Arc::new(ManualClock::new(0)),
            Arc::new(InstructionCount::default()),
        );
        let time = InstructionTime::from_shift(shift).expect("a shift");
        let clock = CountedClock::new(time, Arc::clone(&count)).beside(Arc::clone(&host) as _, pace);
        Self {
            clock,
            host,
            count,
            pacer: Pacer::new(),
        }
    }

    fn adjust(&mut self) -> u32 {
        let beside = self.clock.host_time().expect("it has one");
        self.pacer.adjust(&self.clock, beside);
        self.clock.instruction_time().shift().expect("a power of two")
    }

    fn align(&mut self) -> Due {
        self.pacer
            .align(&self.clock, self.clock.host_time().expect("it has one"))
    }
}

/// Hosts of different speeds: the shift settles where the guest keeps up, and time is continuous on the way.
#[test]
fn auto_follows_the_host() {
    // Host nanoseconds of an instruction, where the shift may end up.
    for (cost, low, high) in [(1, 0, 1), (8, 2, 4), (100, 6, 7), (2000, 10, 10)] {
        let mut rig = Rig::new(Pace::Auto, FIRST_SHIFT);
        let mut last = 0;
        for _ in 0..20_000 {
            let until = rig
                .pacer
                .deadline(&rig.clock, Pace::Auto)
                .expect("it looks again");
            // A guest with timers of its own: boundaries are nearer than the look's.
            let turn = rig.clock.budget_until(until).min(100_000);
            rig.count.set(rig.count.get() + turn);
            rig.host.advance(turn as i64 * cost);
            let before = rig.clock.now_ns();
            assert!(before >= last, "{before} after {last}");
            rig.adjust();
            last = rig.clock.now_ns();
            assert_eq!(last, before, "a new shift moves no time");
        }
        let shift = rig.adjust();
        assert!((low..=high).contains(&shift), "shift {shift} at {cost} ns each");
        let drift = rig.clock.drift().expect("it has a host clock").host_less_guest_ns;
        let fits = (1..=1024).contains(&cost);
        assert!(
            !fits || drift.abs() < 1000 * MS,
            "{drift} ns apart at {cost} ns each"
        );
    }
}

#[test]
fn auto_looks_when_it_is_time() {
    let mut rig = Rig::new(Pace::Auto, 3);
    rig.host.set(999 * MS);
    assert_eq!(rig.adjust(), 3, "neither clock has gone far enough");
    rig.host.set(1000 * MS);
    assert_eq!(rig.adjust(), 4, "a second of the host's");
    rig.host.set(1999 * MS);
    assert_eq!(rig.adjust(), 4);
    rig.clock.warp(100 * MS);
    assert_eq!(rig.adjust(), 5, "a tenth of a second of the guest's");
    // A snapshot of long ago, then of long after.
    rig.clock.set_warped_ns(0);
    rig.host.set(0);
    rig.adjust();
    assert_eq!(rig.pacer.next_guest_ns, EVERY_GUEST_NS);
    assert_eq!(rig.pacer.next_host_ns, EVERY_HOST_NS);
}

#[test]
fn aligned_guests_wait_and_are_told_of() {
    let mut rig = Rig::new(Pace::Align, 0);
    for (guest_ms, host_ms, expected) in [
        (0, 0, Due::Nothing),
        (3, 0, Due::Nothing),
        (4, 0, Due::Wait(4 * MS)),
        (20, 15, Due::Wait(5 * MS)),
        (20, 1019, Due::Nothing),
        (20, 1020, Due::Warn(1)),
        // Later and later, but not more often than every two seconds.
        (20, 2_500, Due::Nothing),
        (20, 3_020, Due::Warn(3)),
        (20, 5_019, Due::Nothing),
        (2_020, 5_030, Due::Nothing),
        (2_021, 6_030, Due::Warn(4)),
        // It has caught up, and falls back again.
        (9_000, 9_000, Due::Nothing),
        (9_000, 10_000, Due::Warn(1)),
    ] {
        rig.count.set(guest_ms * MS as u64);
        rig.host.set(host_ms * MS);
        assert_eq!(rig.align(), expected, "guest {guest_ms} ms, host {host_ms} ms");
    }
    let drift = rig.clock.drift().expect("it has a host clock");
    assert_eq!(
        drift.to_string(),
        "Host - Guest clock  1000 ms\nMax guest delay     4999 ms\nMax guest advance   5 ms\n"
    );
    let free = Rig::new(Pace::Free, 0)
        .clock
        .drift()
        .expect("it has a host clock");
    assert_eq!(
        free.to_string(),
        "Host - Guest clock  0 ms\nMax guest delay     NA\nMax guest advance   NA\n"
    );
}
