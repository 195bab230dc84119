//! savevm, loadvm, delvm and -loadvm: a guest goes on in another process as it did in the first, and whatever is not
//! a snapshot of this machine is one line.

use crate::monitor::{CLOCK, Client};
use crate::process::{file, finish, run, scratch, start};
use std::path::PathBuf;

/// An empty directory of a test's own.
fn directory(name: &str) -> PathBuf {
    let path = scratch(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("text")
}

/// The clock's guest, with this many rounds of a million instructions before it ends.
pub fn kernel(rounds: u8) -> String {
    let mut code = CLOCK.to_vec();
    code[1] = rounds;
    code[6..10].copy_from_slice(&500_000u32.to_le_bytes());
    file(&format!("clock-{rounds}.elf"), &crate::images::multiboot(&code))
}

#[test]
fn goes_on_in_another_process() {
    let snapshots = directory("snapshots-go-on");
    let kernel = kernel(150);
    let place = |name: &str| text(scratch(&format!("snapshots-{name}")));
    let fixed = "-m 32 -icount shift=3,sleep=off -device isa-debug-exit,iobase=0xf4 -d digest";
    let args = |name: &str| {
        let mut args: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
        let (log, serial) = (
            place(&format!("{name}.log")),
            format!("file:{}", place(&format!("{name}.serial"))),
        );
        for word in [
            "-kernel",
            &kernel,
            "-snapshots",
            &text(snapshots.clone()),
            "-D",
            &log,
            "-serial",
            &serial,
        ] {
            args.push(word.to_owned());
        }
        args
    };
    let ended = |name: &str| {
        let read = |what: &str| std::fs::read_to_string(place(&format!("{name}.{what}"))).expect("written");
        (read("serial"), read("log"))
    };

    let socket = scratch("snapshots.sock");
    let _ = std::fs::remove_file(&socket);
    let monitor = format!("unix:{},server,nowait", socket.display());
    let first = args("first");
    let mut first: Vec<&str> = first.iter().map(String::as_str).collect();
    first.extend(["-monitor", &monitor]);
    let child = start(&first);
    let mut client = Client::connect(&socket);
    for (line, expected) in [
        ("stop", ""),
        ("info snapshots", "There is no snapshot available.\n"),
        ("loadvm a", "a: there is no snapshot of that name\n"),
        (
            "savevm a/b",
            "a/b: a snapshot's name has 1 to 100 letters, digits, '-', '_' and '.', and no '.' at its start\n",
        ),
        ("savevm", "a snapshot's name is missing\n"),
        ("cont", ""),
        ("savevm a", ""),
        ("savevm b", ""),
        // Going back is no trouble for a running guest.
        ("loadvm a", ""),
        ("delvm b", ""),
        ("delvm b", "b: there is no snapshot of that name\n"),
        ("info status", "VM status: running\n"),
        ("stop", ""),
        ("savevm a", ""),
        ("info status", "VM status: paused\n"),
    ] {
        assert_eq!(client.ask(line), expected, "{line}");
    }
    let list = client.ask("info snapshots");
    let lines: Vec<_> = list.lines().collect();
    assert!(
        lines.len() == 2 && lines[1].starts_with("a ") && lines[1].contains(" KiB 20"),
        "{list}"
    );
    client.ask("cont");
    let finished = finish(child, &first);
    assert_eq!(finished.status, Some(0x21), "{finished:?}");

    let second = args("second");
    let mut second: Vec<&str> = second.iter().map(String::as_str).collect();
    second.extend(["-loadvm", "a"]);
    let finished = run(&second);
    assert_eq!(finished.status, Some(0x21), "{finished:?}");
    let (first, second) = (ended("first"), ended("second"));
    assert_eq!(first.1, second.1, "the digest at the end");
    assert!(!second.0.is_empty());
    assert!(first.0.ends_with(&second.0), "{} then {}", first.0, second.0);
}

#[test]
fn refusals_are_one_line() {
    let snapshots = directory("snapshots-refused");
    let kernel = kernel(151);
    let socket = scratch("snapshots-refused.sock");
    let _ = std::fs::remove_file(&socket);
    let (monitor, place) = (
        format!("unix:{},server,nowait", socket.display()),
        text(snapshots.clone()),
    );
    let args = [
        "-m",
        "32",
        "-kernel",
        &kernel,
        "-snapshots",
        &place,
        "-serial",
        "null",
        "-monitor",
        &monitor,
    ];
    let child = start(&args);
    let mut client = Client::connect(&socket);
    assert_eq!(client.ask("savevm good"), "");
    let path = |name: &str| snapshots.join(format!("{name}.reprise-snapshot"));
    let good = std::fs::read(path("good")).expect("it was saved");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    let mut newer = good.clone();
    newer[8] = 77;
    for (name, bytes) in [
        ("cut", &good[..good.len() - 30]),
        ("flipped", &flipped),
        ("newer", &newer),
        (
            "text",
            b"This is a text, which somebody has put into a wrong place.",
        ),
        ("empty", b""),
    ] {
        std::fs::write(path(name), bytes).expect("the directory is there");
    }
    let cases = [
        ("none", "there is no snapshot of that name"),
        ("../good", "a snapshot's name has 1 to 100 letters"),
        ("cut", "the snapshot is damaged: frame "),
        ("flipped", "the snapshot is damaged: frame "),
        ("newer", "format version 77 is not supported (this build knows 1)"),
        ("text", "this is not a snapshot"),
        ("empty", "this is not a snapshot"),
    ];
    for (name, expected) in cases {
        // Through the monitor the guest does not notice.
        client.ask("stop");
        let before = client.ask("info registers");
        let answer = client.ask(&format!("loadvm {name}"));
        assert!(answer.starts_with(&format!("{name}: {expected}")), "{answer}");
        assert_eq!(client.ask("info registers"), before);
        client.ask("cont");
        let line = refused(&[
            "-m",
            "32",
            "-kernel",
            &kernel,
            "-snapshots",
            &place,
            "-serial",
            "null",
            "-loadvm",
            name,
        ]);
        assert!(
            line.starts_with(&format!("reprise: -loadvm {name}: {expected}")),
            "{line}"
        );
    }
    client.ask("stop");
    drop(client);
    drop(child);
    for (options, expected) in [
        (
            &["-m", "64"][..],
            "memory is '32768 KiB' there and '65536 KiB' here",
        ),
        (&["-m", "32", "-cpu", "max,-avx"], "CPU's features is 'fpu,"),
        (&["-m", "32", "-machine", "hpet=off"], "it has a device 'hpet'"),
        (
            &["-m", "32", "-icount", "shift=3"],
            "virtual time is 'the host's' there and 'counted, ",
        ),
    ] {
        let mut args = vec![
            "-kernel",
            &kernel,
            "-snapshots",
            &place,
            "-serial",
            "null",
            "-loadvm",
            "good",
        ];
        args.extend(options);
        let line = refused(&args);
        let expected = format!("reprise: -loadvm good: the snapshot is of another machine: {expected}");
        assert!(line.starts_with(&expected), "{line}");
    }
    assert_eq!(std::fs::read(path("good")).expect("still there"), good);
}

/// What the command says when it refuses to start: one line.
fn refused(args: &[&str]) -> String {
    let finished = run(args);
    assert_eq!(finished.status, Some(1), "{args:?}: {finished:?}");
    assert_eq!(finished.stdout, "", "{args:?}");
    let lines: Vec<_> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{args:?}: {finished:?}");
    lines[0].to_owned()
}
