//! Strict logs: interrupts and exceptions are events, and each of them counts.

use super::*;

fn strict() -> Config {
    let mut config = config(0, Sleep::Off);
    config.strict_log = true;
    config
}

#[test]
fn interrupts_and_exceptions_are_compared() {
    let place = Place::new();
    let lines = ["cpu", "echo abc", "poweroff"];
    let (recorded, seen) = record(&place, strict(), &lines, 4);
    let log = place.file("log");
    let events: Vec<_> = Events::new(LogReader::open(&log).expect("a log")).collect();
    let interrupts = events
        .iter()
        .filter(|stamped| matches!(stamped.event, Event::Interrupt { .. }));
    assert!(interrupts.count() > 0);
    for engine in [Engine::default(), Engine::Interpreter] {
        // Not told: the log says so.
        for config in [strict(), config(0, Sleep::Off)] {
            let replayed = replay(&log, config, engine).expect("it replays");
            assert_eq!(
                (replayed.status, &replayed.digest),
                (0, &recorded.digest),
                "{engine:?}"
            );
            assert_eq!(replayed.output, plain(&seen));
        }
    }
    let changed = place.file("changed");
    let status = |change: fn(Event) -> Event| {
        rewritten(&log, &changed, change);
        let outcome = replay(&changed, strict(), Engine::default());
        outcome.expect("the log is sound").status
    };
    assert_eq!(status(|event| event), 0, "copied as it is");
    let other_vector = |event| match event {
        Event::Interrupt { vcpu, vector } => Event::Interrupt {
            vcpu,
            vector: vector ^ 1,
        },
        other => other,
    };
    assert_eq!(status(other_vector), 1, "another vector");
    let no_interrupt = |event| match event {
        Event::Interrupt { vcpu, vector } => Event::Exception { vcpu, vector },
        other => other,
    };
    assert_eq!(status(no_interrupt), 1, "something else");

    // What was not written cannot be compared.
    record(&place, config(0, Sleep::Off), &["poweroff"], 4);
    let error = replay(&log, strict(), Engine::default()).expect_err("the log has none");
    assert!(
        format!("{error:#}").contains("recorded without rrstrict=on"),
        "{error:#}"
    );
}
