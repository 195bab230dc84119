//! Events and recordings to test with.

use crate::*;
use proptest::prelude::*;

pub fn panics(f: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}

/// So many cases, or what `PROPTEST_CASES` says.
pub fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if asked { default.cases } else { cases },
        failure_persistence: None,
        ..default
    }
}

pub fn header() -> Header {
    Header {
        id: 42,
        ..Header::new(7, "test", vec![1, 2, 3], facts())
    }
}

pub fn facts() -> Facts {
    Facts {
        rtc_base_s: 1_767_225_600,
        random_seed: 5,
        tsc_hz: 1_000_000_000,
        shift: 1,
        strict: true,
        disks: vec![Disk {
            name: "ide0-hd0".into(),
            len: 1 << 30,
            digest: 99,
        }],
    }
}

/// One of every kind, and of every variant inside.
pub fn every_kind() -> Vec<Event> {
    let bytes = || b"\x00ls\r\xff".to_vec();
    vec![
        Event::CharInput {
            driver: 3,
            bytes: bytes(),
        },
        Event::CharEvent {
            driver: 1,
            what: CharChange::Break,
        },
        Event::Input(Input::Key { code: 30, down: true }),
        Event::Input(Input::Button {
            button: 2,
            down: false,
        }),
        Event::Input(Input::Relative { axis: 1, delta: -5 }),
        Event::Input(Input::Absolute {
            axis: 0,
            value: 32767,
        }),
        Event::InputSync,
        Event::Net {
            filter: 0,
            flags: 0x80,
            bytes: bytes(),
        },
        Event::Block { id: u64::MAX },
        Event::BottomHalf { id: 12 },
        Event::Control(Control::Reset),
        Event::Control(Control::PowerButton),
        Event::Control(Control::Nmi),
        Event::Control(Control::SendKey {
            keys: vec![29, 56, 111],
            hold_ms: 100,
        }),
        Event::Control(Control::Eject {
            device: "ide1-cd0".into(),
            force: true,
        }),
        Event::Control(Control::MemoryWrite {
            address: 0xffff_ffff_8100_0000,
            vcpu: Some(1),
            bytes: bytes(),
        }),
        Event::Control(Control::RegisterWrite {
            vcpu: 0,
            register: 16,
            bytes: bytes(),
        }),
        Event::Control(Control::Other("device_add x".into())),
        Event::Clock {
            kind: ClockKind::Host,
            ns: i64::MIN,
        },
        Event::Clock {
            kind: ClockKind::VirtualRt,
            ns: 1,
        },
        Event::CharWrite {
            driver: 0,
            result: -11,
            offset: 3,
        },
        Event::CharReadAll {
            driver: 0,
            bytes: bytes(),
        },
        Event::CharReadAllError { driver: 0, error: -5 },
        Event::AudioOut { played: 441 },
        Event::AudioIn {
            count: 1,
            position: 2,
            samples: vec![(3, u64::MAX)],
        },
        Event::Random { bytes: bytes() },
        Event::Shutdown {
            cause: Shutdown::HostSignal,
        },
        Event::Checkpoint(Checkpoint::ResetRequested),
        Event::Interrupt {
            vcpu: 1,
            vector: 0xec,
        },
        Event::Exception { vcpu: 0, vector: 14 },
        Event::Digest {
            vcpus: 1,
            devices: 2,
            memory: u64::MAX,
        },
        Event::Trail { registers: 0xfedc },
        Event::Snapshot {
            name: "before".into(),
        },
        Event::Stopped {
            reason: "a limit".into(),
        },
        Event::End { digest: 0xabc },
    ]
}

/// Any event that may stand in the middle of a log.
pub fn any_event() -> impl Strategy<Value = Event> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    let middle = every_kind().len() - 2;
    prop_oneof![
        4 => (0..middle).prop_map(|index| every_kind().swap_remove(index)),
        2 => (any::<u32>(), bytes()).prop_map(|(driver, bytes)| Event::CharInput { driver, bytes }),
        2 => any::<i64>().prop_map(|ns| Event::Clock { kind: ClockKind::Host, ns }),
        1 => (any::<u32>(), any::<u32>(), bytes())
            .prop_map(|(filter, flags, bytes)| Event::Net { filter, flags, bytes }),
        1 => any::<(u64, u64, u64)>()
            .prop_map(|(vcpus, devices, memory)| Event::Digest { vcpus, devices, memory }),
        1 => ".{0,40}".prop_map(|text| Event::Control(Control::Other(text))),
    ]
}

/// How far the next instant is: by count, by warp, by round.
fn any_step() -> impl Strategy<Value = (u64, i64, u32)> {
    prop_oneof![
        Just((0, 0, 0)),
        Just((0, 0, 1)),
        (1..300u64, Just(0), Just(0)),
        (0..u64::from(u32::MAX), 0..1_000_000_000i64, 0..3u32),
        Just((1 << 58, 1 << 58, u32::MAX)),
    ]
}

/// Events at instants that do not go back.
pub fn any_run(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(Instant, Event)>> {
    proptest::collection::vec((any_step(), any_event()), length).prop_map(|steps| {
        let mut at = Instant::START;
        let mut run = Vec::new();
        for ((count, warp_ns, round), event) in steps {
            let next = Instant {
                count: at.count.saturating_add(count),
                warp_ns: at.warp_ns.saturating_add(warp_ns),
                round: at.round,
            };
            let moved = (next.count, next.warp_ns) != (at.count, at.warp_ns);
            at = Instant {
                round: if moved {
                    round
                } else {
                    at.round.saturating_add(round)
                },
                ..next
            };
            run.push((at, event));
        }
        run
    })
}

/// A log of `run`, flushed after the events whose index `flush` accepts; closed if `close`.
pub fn written(run: &[(Instant, Event)], flush: impl Fn(usize) -> bool, close: bool) -> Vec<u8> {
    let (mut recorder, memory) = Recorder::memory(header());
    for (index, (at, event)) in run.iter().enumerate() {
        recorder.record(*at, event);
        if flush(index) {
            recorder.flush(*at);
        }
    }
    if close {
        let last = run.last().map_or(Instant::START, |(at, _)| *at);
        recorder.record(last, &Event::End { digest: 1 });
        recorder.close();
    } else {
        recorder.flush(Instant::START);
    }
    memory.bytes()
}

/// What can be read of a log, and why there is no more.
pub fn read(bytes: Vec<u8>) -> Result<(Vec<(Instant, Event)>, Ending), LogError> {
    let mut events = inspect::Events::new(LogReader::from_bytes(bytes)?);
    let run = events
        .by_ref()
        .map(|stamped| (stamped.at, stamped.event))
        .collect();
    Ok((run, events.ending().clone()))
}
