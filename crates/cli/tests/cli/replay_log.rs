//! `reprise replay-log` over logs that are made here: what it prints, how it fails.

use crate::process::{Finished, command, file, run};
use replay::{ClockKind, Event, Facts, Header, Instant, Recorder, Replay, Shutdown};
use util_mainloop::BigLock;

/// A log of a few events; `clock` is what differs.
fn log(clock: i64) -> Vec<u8> {
    let facts = Facts {
        rtc_base_s: 1_767_225_600,
        tsc_hz: 1_000_000_000,
        ..Facts::default()
    };
    let (recorder, memory) = Recorder::memory(Header::new(3, "test\n1.0", vec![0; 9], facts));
    let replay = Replay::recorder(&BigLock::new(), recorder);
    let _period = replay.lock();
    replay.submit(Event::CharInput {
        driver: 0,
        bytes: b"ls\r".to_vec(),
    });
    replay.due(Instant::new(1000, 0, 0)).expect("recording");
    replay
        .clock(Instant::new(2000, 500, 0), ClockKind::Host, || clock)
        .expect("recording");
    replay
        .finish(Instant::new(4500, 500, 0), Shutdown::GuestShutdown, 0xd1)
        .expect("recording");
    memory.bytes()
}

fn replay_log(args: &[&str]) -> Finished {
    let mut words = vec!["replay-log"];
    words.extend(args);
    run(&words)
}

#[test]
fn prints_what_is_in_a_log() {
    let path = file("whole.rrlog", &log(7));
    let shown = replay_log(&["dump", &path]);
    assert_eq!(
        shown.stdout,
        "#0 at 1000: char-input driver=0 \"ls\\r\"\n\
         #1 at 2000+500ns: clock Host ns=7\n\
         #2 at 4500+500ns: shutdown GuestShutdown\n\
         #3 at 4500+500ns: end digest=00000000000000d1\n"
    );
    assert_eq!((shown.status, shown.stderr.as_str()), (Some(0), ""));
    let part = replay_log(&["dump", &path, "1", "2"]);
    assert_eq!(part.stdout.lines().count(), 2);
    assert!(part.stdout.starts_with("#1 "), "{part:?}");
    let info = replay_log(&["info", &path]);
    for line in [
        "format           2, machine version 3\n",
        "recorded by      test\\n1.0\n",
        "rtc base         1767225600 s after 1970\n",
        "events           4 (#0 to #3)\n",
        "instants         0 to 4500+500ns\n",
        "ending           the recording ends here\n",
    ] {
        assert!(info.stdout.contains(line), "{line}: {}", info.stdout);
    }
    let stats = replay_log(&["stats", &path]);
    assert!(
        stats.stdout.contains("char-input                      1"),
        "{}",
        stats.stdout
    );
    // 5000 ns of virtual time.
    assert!(stats.stdout.contains(" s of virtual time: "), "{}", stats.stdout);
    let verify = replay_log(&["verify", &path]);
    assert_eq!(
        verify.stdout,
        "good: 4 events in 1 frames; the recording ends here\n"
    );
}

#[test]
fn several_logs_are_told_apart() {
    let paths = [file("one.rrlog", &log(1)), file("two.rrlog", &log(2))];
    let shown = replay_log(&["verify", &paths[0], &paths[1]]);
    assert_eq!(shown.stdout.lines().count(), 5, "{shown:?}");
    assert!(shown.stdout.starts_with(&format!("{}:\n", paths[0])));
    let same = replay_log(&["diff", &paths[0], &paths[0]]);
    assert_eq!((same.status, same.stdout.as_str()), (Some(0), "4 equal events\n"));
    let differ = replay_log(&["diff", &paths[0], &paths[1]]);
    assert_eq!(
        (differ.status, differ.stdout.as_str()),
        (
            Some(1),
            "  #0 at 1000: char-input driver=0 \"ls\\r\"\n\
             - #1 at 2000+500ns: clock Host ns=1\n\
             + #1 at 2000+500ns: clock Host ns=2\n\
             1 equal events\n"
        )
    );
}

#[test]
fn torn_and_damaged_logs() {
    let whole = log(7);
    // The frame's last byte, and the index behind it.
    let torn = file("torn.rrlog", &whole[..whole.len() - 140]);
    let shown = replay_log(&["verify", &torn]);
    assert_eq!(shown.status, Some(0), "{shown:?}");
    assert!(
        shown.stdout.contains("the log ends here without END"),
        "{shown:?}"
    );
    let mut bytes = whole.clone();
    let middle = whole.len() - 200;
    bytes[middle] ^= 0x10;
    let damaged = file("damaged.rrlog", &bytes);
    let shown = replay_log(&["verify", &damaged]);
    assert_eq!(shown.status, Some(1), "{shown:?}");
    assert!(shown.stdout.starts_with("wrong: "), "{shown:?}");
    assert_eq!(shown.stderr, "");
}

#[test]
fn refusals_are_one_line() {
    let foreign = file("foreign.rrlog", b"not a log at all, but long enough to be one");
    let newer = {
        let mut bytes = log(0);
        bytes[8] = 9;
        file("newer.rrlog", &bytes)
    };
    let good = file("good.rrlog", &log(0));
    for (args, line) in [
        (
            &[][..],
            "replay-log: one of info, dump, verify, stats, diff, and a log".to_owned(),
        ),
        (
            &["look", &good],
            "replay-log look: not one of info, dump, verify, stats, diff".into(),
        ),
        (&["info"], "replay-log info: which log?".into()),
        (&["dump"], "replay-log dump: which log?".into()),
        (&["dump", &good, "x"], "replay-log dump x: not a number".into()),
        (&["diff", &good], "replay-log diff: two logs".into()),
        (
            &["info", &foreign],
            format!("replay-log {foreign}: not a replay log"),
        ),
        (
            &["verify", &newer],
            format!("replay-log {newer}: format 9 is newer than this program's (2)"),
        ),
        (
            &["stats", "/no/such/log"],
            "replay-log /no/such/log: No such file or directory (os error 2)".into(),
        ),
        (
            &["dump", "/"],
            "replay-log /: no segments of a replay log in this directory".into(),
        ),
    ] {
        let shown = replay_log(args);
        assert_eq!(
            (shown.status, shown.stdout.as_str(), shown.stderr),
            (Some(1), "", format!("reprise: {line}\n")),
            "{args:?}"
        );
    }
}

#[test]
fn a_closed_pipe_is_enough() {
    let path = file("pipe.rrlog", &log(0));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let done = command(&["replay-log", "dump", &path])
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]));
}
