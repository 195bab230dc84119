//! Recordings and replays that begin with a snapshot, and snapshots with which they must not.

use super::*;

const LINES: &[&str] = &["echo abc", "poweroff"];

fn with(place: &Place, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config(0, Sleep::Off);
    config.snapshots = place.0.clone();
    change(&mut config);
    config
}

fn named(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// Snapshots of a recording with a ring, first and last, as `early` and `late`.
fn snapshots(place: &Place) {
    let recording = Recording {
        digest_every: 1 << 13,
        ring: Some(16 << 10),
        ..Recording::to(place.file("ring"))
    };
    record_as(place, config(0, Sleep::Off), &["bench", "poweroff"], 5, recording);
    let mut found: Vec<_> = std::fs::read_dir(place.file("ring"))
        .expect("a directory")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "reprise-snapshot"))
        .collect();
    found.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    for (path, name) in [(found.first(), "early"), (found.last(), "late")] {
        let to = place.file(&format!("{name}.reprise-snapshot"));
        std::fs::copy(path.expect("there are some"), to).expect("room");
    }
}

fn refusal(log: &Path, config: Config) -> String {
    let error = replay(log, config, Engine::default()).expect_err("another beginning");
    format!("{error:#}")
}

#[test]
fn the_beginning_is_saved() {
    let place = Place::new();
    snapshots(&place);
    let (recorded, seen) = record(
        &place,
        with(&place, |config| config.log_snapshot = named("begin")),
        LINES,
        1,
    );
    let log = place.file("log");
    for name in [named("begin"), None] {
        let replayed = replay(
            &log,
            with(&place, |config| config.log_snapshot = name),
            Engine::default(),
        );
        let replayed = replayed.expect("it replays");
        assert_eq!((replayed.status, replayed.digest), (0, recorded.digest));
        assert_eq!(replayed.output, plain(&seen));
    }
    for (name, reason) in [
        ("early", "rrsnapshot=early: the snapshot is not of this recording"),
        ("nothing", "rrsnapshot=nothing: there is no snapshot of that name"),
    ] {
        let config = with(&place, |config| config.log_snapshot = named(name));
        assert_eq!(refusal(&log, config), reason);
    }
    let config = with(&place, |config| config.load_snapshot = named("early"));
    assert_eq!(
        refusal(&log, config),
        "-loadvm early: the snapshot is not of this recording"
    );

    // What was saved on the way serves as well, by either name.
    let ring = place.file("ring");
    let whole = replay(&ring, with(&place, |_| ()), Engine::default()).expect("it replays");
    let late = replay(
        &ring,
        with(&place, |config| config.log_snapshot = named("late")),
        Engine::default(),
    );
    let late = late.expect("it replays");
    assert_eq!((late.status, late.digest), (0, whole.digest));
    assert!(whole.output.ends_with(&late.output));
}

#[test]
fn loaded_before_the_recording() {
    let place = Place::new();
    snapshots(&place);
    let loaded = || with(&place, |config| config.load_snapshot = named("early"));
    let (recorded, seen) = record(&place, loaded(), LINES, 2);
    let log = place.file("log");
    let replayed = replay(&log, loaded(), Engine::Interpreter).expect("it replays");
    assert_eq!((replayed.status, replayed.digest), (0, recorded.digest));
    assert_eq!(replayed.output, plain(&seen));
    let refused = |config| refusal(&log, config).replace(&log.display().to_string(), "LOG");
    assert_eq!(
        refused(with(&place, |_| ())),
        "replay LOG: recorded with -loadvm early"
    );
    let file = |name: &str| place.file(&format!("{name}.reprise-snapshot"));
    assert_ne!(
        std::fs::read(file("late")).ok(),
        std::fs::read(file("early")).ok()
    );
    std::fs::copy(file("late"), file("early")).expect("room");
    assert_eq!(
        refused(loaded()),
        "replay LOG: -loadvm early has changed since the recording"
    );
    let without_log = with(&place, |config| config.log_snapshot = named("begin"));
    let error = machine::run(without_log).expect_err("there is no log");
    assert!(
        format!("{error:#}").starts_with("-icount rrsnapshot=: "),
        "{error:#}"
    );
}
