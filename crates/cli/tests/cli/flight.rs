//! `reprise record --ring`: somebody types for as long as they like, the recorder is killed, and what is left replays.

use crate::process::{run, scratch, start};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

fn segments(ring: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(ring) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("segment-0")).collect();
    names.sort();
    names
}

fn connect(socket: &Path) -> UnixStream {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return stream,
            Err(error) if Instant::now() < deadline => {
                assert!(matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ));
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Types `echo` lines, each its own, until the ring has forgotten its beginning; what was seen.
fn type_until_forgotten(stream: &mut UnixStream, ring: &Path) -> Vec<u8> {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    for line in 0..4000 {
        while !seen.ends_with(b"> ") {
            // Other tests of this process get signals: reading one byte exactly goes on behind them.
            stream.read_exact(&mut byte).expect("the guest speaks");
            seen.push(byte[0]);
        }
        if line % 16 == 0
            && segments(ring)
                .first()
                .is_some_and(|name| !name.ends_with("-00000000.rrlog"))
        {
            return seen;
        }
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(line);
        let words = format!(
            "{number:x} {:x} {:x}",
            number.rotate_left(21),
            number.rotate_left(42)
        );
        stream
            .write_all(format!("echo {words}\r").as_bytes())
            .expect("the guest listens");
        // So that the prompt that is there is not taken for the next.
        seen.extend(b"\x01");
    }
    panic!("the ring still has its beginning: {:?}", segments(ring));
}

#[test]
fn killed_while_it_flies() {
    let (ring, socket): (PathBuf, PathBuf) = (scratch("flight.ring"), scratch("flight.sock"));
    let output = scratch("flight.output");
    let _ = std::fs::remove_dir_all(&ring);
    let _ = std::fs::remove_file(&socket);
    let serial = format!("unix:{},server=on,wait=on", socket.display());
    let args = [
        "record",
        "--ring",
        "16K",
        text(&ring),
        "--",
        "-m",
        "32",
        "-icount",
        "shift=0,sleep=off",
        "-serial",
        &serial,
        "-monitor",
        "none",
    ];
    let recorder = start(&args);
    let mut stream = connect(&socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let mut seen = type_until_forgotten(&mut stream, &ring);
    // What is typed now is written out within a second.
    std::thread::sleep(Duration::from_millis(1500));
    drop(recorder);
    let _ = stream.read_to_end(&mut seen);
    seen.retain(|&byte| byte != 1);
    let seen = String::from_utf8_lossy(&seen).into_owned();

    let total: u64 = segments(&ring)
        .iter()
        .map(|name| std::fs::metadata(ring.join(name)).expect("a file").len())
        .sum();
    assert!(total < 20 << 10, "{total}");
    let file = format!("file:{}", output.display());
    let replay = ["replay", text(&ring), "-serial", &file];
    let replayed = run(&replay);
    assert_eq!(replayed.status, Some(0), "{replayed:?}");
    assert!(
        replayed
            .stderr
            .contains(", all as recorded; the log ends here without END"),
        "{replayed:?}"
    );
    let shown = std::fs::read_to_string(&output).expect("it was written");
    assert!(shown.matches("echo ").count() > 20, "{shown}");
    let at = seen
        .rfind(&shown)
        .unwrap_or_else(|| panic!("{shown}\nis not in\n{seen}"));
    assert!(
        seen.len() - at - shown.len() < 200,
        "{shown}\nis not near the end of\n{seen}"
    );

    let info = run(&["replay-log", "verify", text(&ring)]);
    assert_eq!(info.status, Some(0), "{info:?}");
}

#[test]
fn what_a_ring_refuses() {
    let ring = scratch("flight.refused");
    for (words, reason) in [
        (&["--ring", "1K"][..], "a limit of 1024 bytes is too small"),
        (
            &["--ring", "1M", "--max", "1M"],
            "--max ends a recording where --ring would forget its beginning",
        ),
        (&["--ring", "much"], "--ring much"),
    ] {
        let mut args = vec!["record"];
        args.extend(words);
        args.extend([text(&ring), "--", "-m", "32"]);
        let refused = run(&args);
        assert_eq!(
            (refused.status, refused.stderr.lines().count()),
            (Some(1), 1),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
}

#[test]
fn verified_while_it_runs() {
    let log = scratch("flight.verified");
    let kernel = crate::snapshots::kernel(20);
    let machine = "-m 32 -icount shift=3,sleep=off -device isa-debug-exit,iobase=0xf4 -serial null -kernel";
    let mut alone: Vec<&str> = machine.split(' ').collect();
    alone.push(&kernel);
    let mut args = vec!["record", "--verify", text(&log), "--"];
    args.extend(&alone);
    let (alone, verified) = (run(&alone), run(&args));
    assert_eq!(verified.status, alone.status, "{verified:?}");
    assert!(verified.stderr.ends_with(": all as recorded\n"), "{verified:?}");
    assert_eq!(run(&["replay", text(&log)]).status, alone.status);
    args.splice(2..2, ["--ring", "1M"]);
    let refused = run(&args);
    assert_eq!(
        (refused.status, refused.stderr.lines().count()),
        (Some(1), 1),
        "{refused:?}"
    );
}
