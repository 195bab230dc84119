//! Help, version and lists: on standard output, status 0, even into a pipe that nobody reads.

use crate::process::{command, run};

#[rustfmt::skip]
#[test]
fn lists() {
    for (args, part) in [
        (&["-h"][..], "-kernel FILE"),
        (&["--help"], "Ctrl-A x"),
        (&["-version"], "reprise version "),
        (&["-M", "help"], "i440FX"),
        (&["-machine", "help"], "i440FX"),
        (&["-cpu", "help"], "x86-64-v3"),
        (&["-device", "help"], "isa-debug-exit"),
        (&["-device", "isa-debug-exit,help"], "default: 0x501"),
        (&["-accel", "help"], "tcg"),
        (&["-display", "help"], "none"),
        (&["-d", "help"], "guest_errors"),
    ] {
        let finished = run(args);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(finished.stdout.contains(part), "{args:?}: {}", finished.stdout);
    }
}

#[test]
fn nobody_reads() {
    let (reader, writer) = std::io::pipe().expect("the host has pipes");
    drop(reader);
    let mut command = command(&["-h"]);
    command.stdout(writer);
    let output = command.output().expect("the command starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
