//! P6: virtual time goes on and never back, and stands still while the machine is stopped.

use super::*;
use accel_tcg::Sleep;
use proptest::prelude::*;
use util_mainloop::MainLoop;

fn counted(shift: u32, sleep: Sleep) -> Time {
    Time::Counted(InstructionTime::from_shift(shift).expect("a shift"), sleep)
}

/// All ways to keep time.
fn ways() -> Vec<(Time, Pace)> {
    vec![
        (Time::Host, Pace::Free),
        (counted(0, Sleep::Off), Pace::Free),
        (counted(10, Sleep::On), Pace::Align),
        (counted(3, Sleep::On), Pace::Auto),
    ]
}

/// What happens to a clock.
#[derive(Clone, Copy, Debug)]
enum Step {
    Run(u32),
    Warp(u32),
    Shift(u32),
    Start,
    Stop,
    Save,
    Load,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u32>().prop_map(Step::Run),
        any::<u32>().prop_map(Step::Warp),
        (0..12u32).prop_map(Step::Shift),
        Just(Step::Start),
        Just(Step::Stop),
        Just(Step::Save),
        Just(Step::Load),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn never_back(steps in steps(), way in 0..4usize) {
        let main_loop = MainLoop::new().unwrap();
        let (kind, pace) = ways()[way];
        let time = VirtualTime::new(kind, pace, &main_loop.handle());
        let clock = match time.base(None) {
            TimeBase::Counted { clock, .. } => Some(clock),
            TimeBase::Host => None,
        };
        let now = || time.virtual_timers.now_ns();
        let (mut running, mut last, mut saved) = (false, now(), None);
        for step in steps {
            match (step, &clock) {
                // Instructions are executed while the machine runs only.
                (Step::Run(n), Some(_)) if running => time.count.set(time.count.get() + u64::from(n)),
                (Step::Warp(ns), Some(clock)) if running => clock.warp(ns.into()),
                (Step::Shift(shift), Some(clock)) if pace == Pace::Auto => {
                    let before = now();
                    clock.set_shift(shift);
                    prop_assert_eq!(now(), before, "a shift moves no time");
                }
                (Step::Start, _) => {
                    time.start();
                    running = true;
                }
                (Step::Stop, _) => {
                    time.stop();
                    running = false;
                }
                (Step::Save, _) if !running => saved = Some((time.save(), now())),
                (Step::Load, _) if !running => {
                    if let Some((state, then)) = &saved {
                        prop_assert_eq!(time.load(state), Ok(()));
                        prop_assert_eq!(now(), *then, "what was saved");
                        prop_assert_eq!(&time.save(), state);
                        last = *then;
                    }
                }
                _ => {}
            }
            let shown = now();
            prop_assert!(shown >= last, "{shown} after {last}, by {step:?}");
            prop_assert!(running || now() == shown, "time passes in a stopped machine");
            last = shown;
        }
    }
}

#[test]
fn a_stopped_machine_has_no_time() {
    for (kind, pace) in ways() {
        let main_loop = MainLoop::new().unwrap();
        let time = VirtualTime::new(kind, pace, &main_loop.handle());
        let shown = || (time.virtual_timers.now_ns(), time.ticks.now_ns());
        time.start();
        std::thread::sleep(std::time::Duration::from_millis(2));
        time.stop();
        let first = shown();
        assert!(first.1 >= 2_000_000, "host time passed while it ran: {kind:?}");
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_eq!(shown(), first, "{kind:?}");
    }
}

#[test]
fn another_way_is_refused() {
    let main_loop = MainLoop::new().unwrap();
    let of = |(kind, pace): (Time, Pace)| VirtualTime::new(kind, pace, &main_loop.handle());
    let [host, free, aligned, auto] = [0, 1, 2, 3].map(|n| of(ways()[n]));
    assert!(host.load(&free.save()).is_err());
    assert!(free.load(&host.save()).is_err());
    let impossible = ClockState::Counted {
        instructions: 1,
        warped_ns: 2,
        shift: 11,
    };
    assert!(auto.load(&impossible).is_err());
    host.start();
    assert!(host.load(&ClockState::Host(5)).is_err(), "it runs");
    let names = [&host, &free, &aligned, &auto].map(VirtualTime::describe);
    assert_eq!(
        names,
        [
            "the host's",
            "counted, 4294967296/2^32 ns",
            "counted, 4398046511104/2^32 ns",
            "counted, as the host goes"
        ]
    );
}
