//! How guests end, and what status that gives.

use crate::images::multiboot;
use crate::process::{Running, file, finish, run, scratch, start};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

/// `out 0f4h, al`, then halt.
const EXIT_WITH_21: &[u8] = &[0x66, 0xba, 0xf4, 0, 0xb0, 0x21, 0xee, 0xf4, 0xeb, 0xfd];
/// `lidt` of an empty table, then `int3`: triple fault.
const TRIPLE_FAULT: &[u8] = &[0x6a, 0, 0x6a, 0, 0x0f, 0x01, 0x1c, 0x24, 0xcc];
/// A far call into memory that is not there.
const INTO_NOTHING: &[u8] = &[0xb8, 0, 0, 0, 0xe0, 0xff, 0xe0];
/// `cli; hlt` for ever.
const SLEEP: &[u8] = &[0xfa, 0xf4, 0xeb, 0xfd];
/// Reset by port CF9h.
const RESET: &[u8] = &[0x66, 0xba, 0xf9, 0x0c, 0xb0, 6, 0xee, 0xf4, 0xeb, 0xfd];
/// Prints "A" on COM1, then `jmp $`.
const SPIN: &[u8] = &[0x66, 0xba, 0xf8, 3, 0xb0, b'A', 0xee, 0xeb, 0xfe];
/// Enables ACPI by the SMI command port, then S5 by PM1 control at 604h.
const POWER_OFF: &[u8] = &[
    0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef, 0xf4, 0xeb, 0xfd,
];

/// The RTC's year to port f4h.
const YEAR: &[u8] = &[
    0xb0, 9, 0xe6, 0x70, 0xe4, 0x71, 0x66, 0xba, 0xf4, 0, 0xee, 0xf4, 0xeb, 0xfd,
];

#[rustfmt::skip]
#[test]
fn statuses() {
    let debug_exit: &[&str] = &["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
    for (name, code, options, expected) in [
        ("exit-21", EXIT_WITH_21, debug_exit, 0x43),
        ("exit-counted", EXIT_WITH_21, &["-device", "isa-debug-exit,iobase=0xf4", "-icount", "shift=3,sleep=off"], 0x43),
        ("triple-fault", TRIPLE_FAULT, &["-no-reboot"], 0),
        ("into-nothing", INTO_NOTHING, &["-no-reboot"], 0),
        ("reset", RESET, &["-no-reboot"], 0),
        ("power-off", POWER_OFF, &[], 0),
        ("date", YEAR, &[debug_exit, &["-rtc", "base=2006-06-17T16:01:21"]].concat(), 0x0d),
        ("date-vm", YEAR, &[debug_exit, &["-rtc", "base=2006-06-17", "-rtc", "clock=vm,driftfix=slew"]].concat(), 0x0d),
        ("date-rt", YEAR, &[debug_exit, &["-rtc", "base=2006-06-17,clock=rt"]].concat(), 0x0d),
        ("date-counted", YEAR, &[debug_exit, &["-icount", "3"]].concat(), 0x4d),
        ("date-counted-host", YEAR, &[debug_exit, &["-icount", "3", "-rtc", "base=2006-06-17,clock=host"]].concat(), 0x0d),
    ] {
        let kernel = file(&format!("{name}.elf"), &multiboot(code));
        let finished = run(&[&["-kernel", &kernel, "-m", "32"], options].concat());
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(expected), ""), "{name}");
    }
}

/// The date is in the log: a replay needs neither the option nor the day of the recording.
#[test]
fn dates_are_recorded() {
    let kernel = file("recorded-date.elf", &multiboot(YEAR));
    let log = scratch("recorded-date.rrlog").display().to_string();
    let machine = [
        "-kernel",
        &kernel,
        "-m",
        "32",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=4",
    ];
    for (options, replay_options, expected) in [
        (
            &["-rtc", "base=2006-06-17,driftfix=slew"][..],
            &["-rtc", "driftfix=slew"][..],
            0x0d,
        ),
        (&["-rtc", "base=utc"], &[], 0),
    ] {
        let recorded = run(&[&["record", &log, "--"], &machine[..], options].concat());
        if expected != 0 {
            assert_eq!(recorded.status, Some(expected), "{recorded:?}");
        }
        assert_eq!(run(&["replay", &log]).status, recorded.status);
        let rr = format!("shift=0,rr=replay,rrfile={log}");
        let again = run(&[&machine[..], &["-icount", &rr], replay_options].concat());
        assert_eq!(again.status, recorded.status, "{again:?}");
        let other = run(&[
            &machine[..],
            &["-icount", &rr, "-rtc", "base=1999-12-31"],
            replay_options,
        ]
        .concat());
        assert_eq!(other.status, Some(1));
        assert!(other.stderr.contains("another date"), "{other:?}");
    }
}

/// Waits until `child`'s log holds `text` often enough.
fn wait_for(log: &std::path::Path, text: &str, times: usize) {
    for _ in 0..1200 {
        let found = std::fs::read_to_string(log).unwrap_or_default();
        if found.matches(text).count() >= times {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} never showed {times} times {text:?}", log.display());
}

fn terminate(child: &Running) {
    let pid = Pid::from_raw(child.id() as i32).expect("a process has a number");
    kill_process(pid, Signal::TERM).expect("it is our child");
}

/// Starts a guest and ends it by SIGTERM once it has printed (or, without a letter, after a moment).
fn terminated(name: &str, code: &[u8], options: &[&str], prints: Option<usize>) {
    let kernel = file(&format!("{name}.elf"), &multiboot(code));
    let log = scratch(&format!("{name}.serial"));
    let _ = std::fs::remove_file(&log);
    let serial = format!("file:{}", log.display());
    let args = [&["-kernel", &kernel, "-m", "32", "-serial", &serial], options].concat();
    let child = start(&args);
    match prints {
        Some(times) => wait_for(&log, "A", times),
        None => {
            wait_for(&log, "", 1);
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    terminate(&child);
    let finished = finish(child, &args);
    assert_eq!(finished.status, Some(0), "{name}: {finished:?}");
    let line = finished.stderr.trim_end();
    assert!(
        line.starts_with("reprise: terminating on signal 15 from pid "),
        "{name}: {line:?}"
    );
    assert!(
        line.contains(&format!("pid {} (", std::process::id())) && line.ends_with(')'),
        "{name}: {line:?}"
    );
}

#[test]
fn a_sleeping_guest_hears_sigterm() {
    terminated("sleep", SLEEP, &[], None);
    terminated("sleep-counted", SLEEP, &["-icount", "shift=3,sleep=on"], None);
}

#[test]
fn a_spinning_guest_hears_sigterm() {
    terminated("spin", SPIN, &[], Some(1));
    terminated("spin-counted", SPIN, &["-icount", "shift=0,sleep=off"], Some(1));
}

/// Prints "A", then faults thrice: each reset prints again.
#[test]
fn resets_go_on() {
    let code: Vec<u8> = SPIN[..7].iter().chain(TRIPLE_FAULT).copied().collect();
    terminated("reset-loop", &code, &[], Some(5));
}

#[test]
fn no_shutdown_keeps_the_process() {
    let code: Vec<u8> = SPIN[..7].iter().chain(POWER_OFF).copied().collect();
    terminated("no-shutdown", &code, &["-no-shutdown"], Some(1));
}
