//! Going to and fro in a replay, as people at the monitor, programs at QMP and debuggers do it: everything through real
//! sockets, with journeys that somebody ends, and runs that leave their recording.

use crate::images::multiboot;
use crate::monitor::{self, CLOCK};
use crate::process::{PATIENCE, Running, file, finish, run, scratch, start};
use crate::protocols::{Client, connect};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unix(path: &Path) -> String {
    format!("unix:{},server=on,wait=off", path.display())
}

/// Reads until `end` comes.
fn until(stream: &mut UnixStream, end: &str) -> String {
    let (mut seen, mut byte) = (String::new(), [0]);
    while !seen.ends_with(end) {
        let read = stream.read(&mut byte).expect("it goes on in time");
        assert_ne!(read, 0, "it hung up after {seen:?}");
        seen.push(char::from(byte[0]));
    }
    seen
}

/// A recording of the embedded guest, to which somebody types `lines`; and how many instructions it has.
fn record(name: &str, cpus: &str, lines: &[&str]) -> (String, u64) {
    let (log, serial) = (scratch(&format!("{name}.log")), scratch(&format!("{name}-typed")));
    let _ = std::fs::remove_file(&serial);
    let device = format!("unix:{},server=on,wait=on", serial.display());
    let args = [
        "record",
        &text(&log),
        "--",
        "-nodefaults",
        "-m",
        "32",
        "-smp",
        cpus,
        "-serial",
        &device,
    ];
    let running = start(&args);
    let mut typist = connect(&serial);
    for line in lines {
        until(&mut typist, "reprise> ");
        typist
            .write_all(format!("{line}\r").as_bytes())
            .expect("it listens");
    }
    assert_eq!(finish(running, &args).status, Some(0));
    let log = text(&log);
    let length = length(&log);
    (log, length)
}

/// A recording of a guest that counts to 200 millions.
fn record_counting(name: &str) -> (String, u64) {
    let kernel = file(&format!("{name}.elf"), &multiboot(CLOCK));
    let log = text(&scratch(&format!("{name}.log")));
    let fixed = "-m 32 -nodefaults -icount shift=3,sleep=off -device isa-debug-exit,iobase=0xf4 -kernel";
    let mut args = vec!["record", &log, "--"];
    args.extend(fixed.split(' ').chain([kernel.as_str()]));
    assert_eq!(run(&args).status, Some(0x21));
    let length = length(&log);
    (log, length)
}

/// Instructions of a recording, as its replay tells.
fn length(log: &str) -> u64 {
    let replayed = run(&["replay", log, "-serial", "null"]);
    let told = replayed.stderr.split_once("replayed ").map(|(_, rest)| rest);
    let number = told.and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("{replayed:?}"))
}

/// A replay that waits, with something at each of these options.
fn replay(log: &str, name: &str, options: &[&str], more: &[&str]) -> (Running, Vec<PathBuf>) {
    let places: Vec<PathBuf> = options
        .iter()
        .map(|option| scratch(&format!("{name}{option}")))
        .collect();
    let mut args: Vec<String> = ["replay", log, "-S"].map(String::from).to_vec();
    for (option, place) in options.iter().zip(&places) {
        let _ = std::fs::remove_file(place);
        args.extend([(*option).to_owned(), unix(place)]);
    }
    args.extend(more.iter().map(|word| (*word).to_owned()));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    (start(&args), places)
}

/// A debugger's end.
struct Debugger(UnixStream);

impl Debugger {
    fn send(&mut self, body: &str, more: &[u8]) {
        let sum = body.bytes().fold(0u8, |sum, byte| sum.wrapping_add(byte));
        let mut bytes = format!("${body}#{sum:02x}").into_bytes();
        bytes.extend_from_slice(more);
        self.0.write_all(&bytes).expect("it listens");
    }

    fn answer(&mut self) -> String {
        until(&mut self.0, "$");
        let body = until(&mut self.0, "#");
        let mut sum = [0; 2];
        self.0.read_exact(&mut sum).expect("a sum");
        self.0.write_all(b"+").expect("it listens");
        body[..body.len() - 1].to_owned()
    }

    fn ask(&mut self, body: &str) -> String {
        self.send(body, b"");
        self.answer()
    }

    /// A line for the monitor, and its answer.
    fn monitor(&mut self, line: &str) -> String {
        let hex: String = line.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{hex}"), b"");
        let mut told = String::new();
        loop {
            let answer = self.answer();
            let Some(hex) = answer.strip_prefix('O').filter(|hex| *hex != "K") else {
                return told;
            };
            let bytes = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
            told.extend(bytes.map(|byte| char::from(byte.expect("hex"))));
        }
    }
}

#[test]
fn a_program_goes_through_a_replay() {
    let (log, length) = record("travel-qmp", "1", &["cpu", "echo some words", "poweroff"]);
    let (running, places) = replay(&log, "travel-qmp", &["-qmp"], &["-serial", "null"]);
    let mut client = Client::connect(&places[0]);
    let command = |client: &mut Client, name: &str, icount: u64| {
        client.send(&format!(
            r#"{{"execute":"{name}","arguments":{{"icount":{icount}}}}}"#
        ));
        client.line()
    };
    let done = r#"{"return":{}}"#;
    let is_at = |client: &mut Client, icount: u64| {
        let told = client.ask("query-replay");
        assert!(
            told.contains(r#""mode":"play""#) && told.contains(&format!(r#""icount":{icount}"#)),
            "{told} at {icount}"
        );
    };
    is_at(&mut client, 0);
    assert_eq!(command(&mut client, "replay-break", length / 3), done);
    assert_eq!(client.ask("cont"), done);
    client.event("STOP");
    is_at(&mut client, length / 3);
    assert!(command(&mut client, "replay-break", 5).contains("is in the past"));
    assert_eq!(command(&mut client, "replay-break", length / 3 + 100), done);
    assert_eq!(client.ask("replay-delete-break"), done);
    for to in [length / 2, length / 4, length - 1, 0, length / 3] {
        assert_eq!(command(&mut client, "replay-seek", to), done);
        is_at(&mut client, to);
    }
    assert!(
        command(&mut client, "replay-seek", length * 2).contains(&format!("ends at instruction {length}"))
    );
    assert_eq!(command(&mut client, "replay-seek", length / 3), done);
    client.send(r#"{"execute":"human-monitor-command","arguments":{"command-line":"info replay"}}"#);
    assert!(
        client
            .line()
            .contains(&format!("replaying: instruction {}", length / 3))
    );
    // No break is left: to the end.
    assert_eq!(client.ask("cont"), done);
    client.event("SHUTDOWN");
    let finished = finish(running, &["replay"]);
    assert_eq!(finished.status, Some(0));
    assert!(finished.stderr.contains("all as recorded"), "{finished:?}");
}

#[test]
fn a_person_goes_through_a_replay() {
    let (log, length) = record("travel-hmp", "1", &["cpu", "echo some words", "poweroff"]);
    let (running, places) = replay(&log, "travel-hmp", &["-monitor"], &["-serial", "null"]);
    let mut client = monitor::Client::connect(&places[0]);
    let at = |count: u64| format!("replaying: instruction {count}\n");
    assert!(client.ask("info replay").starts_with(&at(0)));
    assert_eq!(client.ask(&format!("replay_break {}", length / 3)), "");
    assert!(
        client
            .ask("info replay")
            .contains(&format!("stops at instruction {}\n", length / 3))
    );
    client.ask("cont");
    let begin = Instant::now();
    while !client.ask("info status").contains("paused") {
        assert!(begin.elapsed() < PATIENCE, "it does not stop");
    }
    assert!(client.ask("info replay").starts_with(&at(length / 3)));
    assert!(client.ask("replay_break 5").contains("is in the past"));
    assert_eq!(client.ask("replay_delete_break"), "");
    assert!(!client.ask("info replay").contains("stops at"));
    for to in [length / 2, length / 4, length - 1, 0] {
        assert_eq!(client.ask(&format!("replay_seek {to}")), "");
        assert!(client.ask("info replay").starts_with(&at(to)));
        assert_eq!(client.ask("info status"), "VM status: paused\n");
    }
    assert!(
        client
            .ask(&format!("replay_seek {}", length + 1))
            .contains(&format!("ends at instruction {length}"))
    );
    assert!(client.ask("info replay").contains("the recording ends here\n"));
    assert!(client.ask("replay_live").contains("go back first"));
    client.send(b"cont\n");
    let finished = finish(running, &["replay"]);
    assert_eq!(finished.status, Some(0));
    assert!(finished.stderr.contains("all as recorded"), "{finished:?}");
}

/// In the middle of a replay, by everybody who can: what is typed from then on is what happens, to the guest's power-off.
#[test]
fn going_live() {
    let (log, length) = record("travel-live", "1", &["cpu", "echo recorded words", "poweroff"]);
    for (n, by) in ["-monitor", "-qmp", "-gdb"].into_iter().enumerate() {
        for (m, at) in [length / 2, length / 9, length - length / 50]
            .into_iter()
            .enumerate()
        {
            let name = format!("travel-live-{n}-{m}");
            let (running, places) = replay(&log, &name, &["-serial", by], &[]);
            let mut serial = connect(&places[0]);
            let seek = format!("replay_seek {at}");
            match by {
                "-monitor" => {
                    let mut client = monitor::Client::connect(&places[1]);
                    assert_eq!(client.ask(&seek), "");
                    assert_eq!(client.ask("replay_live"), "");
                    assert!(client.ask("info replay").contains("not a replay"));
                    client.ask("cont");
                }
                "-qmp" => {
                    let mut client = Client::connect(&places[1]);
                    for line in [&seek, "replay_live"] {
                        client.send(&format!(
                            r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{line}"}}}}"#
                        ));
                        assert_eq!(client.line(), r#"{"return":""}"#);
                    }
                    assert!(client.ask("query-replay").contains(r#""mode":"none""#));
                    client.ask("cont");
                    client.event("RESUME");
                }
                _ => {
                    let mut debugger = Debugger(connect(&places[1]));
                    assert_eq!(debugger.monitor(&seek), "");
                    assert_eq!(debugger.monitor("replay_live"), "");
                    assert!(debugger.monitor("info replay").contains("not a replay"));
                    assert_eq!(debugger.ask("D"), "OK");
                }
            }
            // Wherever the guest was, and with what in its line.
            serial.write_all(b"\r\r").expect("it listens");
            until(&mut serial, "reprise> \r\nreprise> ");
            serial.write_all(b"echo other words\r").expect("it listens");
            until(&mut serial, "\nother words\r\n");
            until(&mut serial, "reprise> ");
            serial.write_all(b"poweroff\r").expect("it listens");
            let finished = finish(running, &["replay"]);
            assert_eq!(finished.status, Some(0), "by {by} at {at}: {finished:?}");
        }
    }
}

/// A journey of seconds ends as soon as somebody wants it, and what came meanwhile is worked on.
#[test]
fn journeys_can_be_ended() {
    let (log, length) = record_counting("travel-ended");
    let slow = ["-serial", "null", "-accel", "tcg,engine=interp"];
    let (running, places) = replay(&log, "travel-ended", &["-monitor", "-qmp"], &slow);
    let mut person = monitor::Client::connect(&places[0]);
    let mut program = Client::connect(&places[1]);
    let pause = || std::thread::sleep(Duration::from_millis(100));
    let mut last = 0;
    let mut ended = |told: &str| {
        let at = told
            .split_once("interrupted at instruction ")
            .map(|(_, rest)| rest);
        let digits = at.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        let count: u64 = digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("{told}"));
        assert!(last <= count && count < length - 1, "{told} after {last}");
        last = count;
    };
    for end in [&b"\x03"[..], b"stop\n"] {
        person.send(format!("replay_seek {}\n", length - 1).as_bytes());
        pause();
        person.send(end);
        let told = person.until("interrupted at instruction ");
        ended(&(told + &person.until("\n")));
        person.send(b"info status\n");
        person.until("VM status: paused\r\n");
    }
    program.send(&format!(
        r#"{{"execute":"replay-seek","arguments":{{"icount":{}}}}}"#,
        length - 1
    ));
    pause();
    program.send(r#"{"execute":"query-name"}{"execute":"stop"}"#);
    ended(&program.line());
    for _ in 0..2 {
        assert_eq!(program.line(), r#"{"return":{}}"#);
    }
    // What does not end it, waits for it.
    person.send(b"replay_seek 3000000\ninfo replay\n");
    person.until("replaying: instruction 3000000\r\n");
    // The emulator's end ends it, too.
    person.send(format!("replay_seek {}\n", length - 1).as_bytes());
    pause();
    program.send(r#"{"execute":"quit"}"#);
    assert_eq!(finish(running, &["replay"]).status, Some(0));
}

#[test]
fn a_debugger_ends_its_journeys() {
    let (log, length) = record_counting("travel-gdb");
    let (running, places) = replay(&log, "travel-gdb", &["-gdb"], &["-serial", "null"]);
    let mut debugger = Debugger(connect(&places[0]));
    assert!(
        debugger
            .ask("qSupported:multiprocess+;swbreak+;hwbreak+")
            .contains("ReverseContinue+")
    );
    assert!(debugger.ask("vCont;c").contains("replaylog:end"));
    let at = |debugger: &mut Debugger| {
        let told = debugger.monitor("info replay");
        let count = told
            .lines()
            .next()
            .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        count.unwrap_or_else(|| panic!("{told}"))
    };
    assert_eq!(at(&mut debugger), length);
    // What never comes, so that there is something to search for.
    assert_eq!(debugger.ask("Z0,123456,1"), "OK");
    // Together with the order: before anything was searched.
    debugger.send("bc", b"\x03");
    assert!(debugger.answer().starts_with("T02"));
    assert_eq!(at(&mut debugger), length);
    // On the way: at the beginning of what was searched, or it is all over.
    debugger.send("bc", b"");
    std::thread::sleep(Duration::from_millis(50));
    debugger.0.write_all(b"\x03").expect("it listens");
    let told = debugger.answer();
    assert!(
        told.starts_with("T02") || told.contains("replaylog:begin"),
        "{told}"
    );
    let between = at(&mut debugger);
    assert!(between <= length);
    if told.starts_with("T02") {
        debugger.send("bs", b"\x03");
        assert!(debugger.answer().starts_with("T02"));
        assert_eq!(at(&mut debugger), between - 1);
    }
    assert_eq!(debugger.ask("z0,123456,1"), "OK");
    // An address that comes every other instruction: the last is found without looking at all of them.
    assert!(
        debugger
            .monitor(&format!("replay_seek {}", length / 2 + 1000))
            .is_empty()
    );
    let registers = debugger.ask("g");
    let rip: Vec<u8> = (0..8)
        .map(|n| u8::from_str_radix(&registers[256 + 2 * n..][..2], 16).expect("hex"))
        .collect();
    let rip = u64::from_le_bytes(rip.try_into().expect("eight"));
    assert!(
        debugger
            .monitor(&format!("replay_seek {}", length - 1))
            .is_empty()
    );
    assert_eq!(debugger.ask(&format!("Z0,{rip:x},1")), "OK");
    let begin = Instant::now();
    assert!(debugger.ask("bc").contains("swbreak"));
    assert!(begin.elapsed() < PATIENCE / 2);
    let hit = at(&mut debugger);
    assert!(hit > length - 1000 && hit < length - 1, "{hit} of {length}");
    assert_eq!(debugger.ask(&format!("z0,{rip:x},1")), "OK");
    assert!(debugger.ask("bc").contains("replaylog:begin"));
    assert_eq!(at(&mut debugger), 0);
    debugger.send("k", b"");
    assert_eq!(finish(running, &["replay"]).status, Some(0));
}

/// Orders to some CPUs only: obeyed by a machine that lives, and by a replay as far as its recording allows.
#[test]
fn a_debugger_holds_cpus() {
    let socket = scratch("travel-hold-gdb");
    let _ = std::fs::remove_file(&socket);
    for time in [&["-icount", "shift=3"][..], &[]] {
        let device = unix(&socket);
        let mut args = vec!["-nodefaults", "-m", "32", "-smp", "2", "-S", "-gdb", &device];
        args.extend(time);
        let running = start(&args);
        let mut debugger = Debugger(connect(&socket));
        debugger.ask("qSupported:multiprocess+");
        let registers = |debugger: &mut Debugger| {
            debugger.ask("Hgp1.1");
            debugger.ask("g")
        };
        // The second has nothing to do.
        for (order, moves) in [("vCont;c:p1.2", false), ("vCont;c:p1.1", true)] {
            let before = registers(&mut debugger);
            debugger.send(order, b"");
            std::thread::sleep(Duration::from_millis(300));
            debugger.0.write_all(b"\x03").expect("it listens");
            assert!(debugger.answer().starts_with("T02"));
            assert_eq!(registers(&mut debugger) != before, moves, "{order} {time:?}");
        }
        debugger.send("k", b"");
        assert_eq!(finish(running, &args).status, Some(0));
    }
    let (log, _) = record("travel-hold", "2", &["poweroff"]);
    let (running, places) = replay(&log, "travel-hold", &["-gdb"], &["-serial", "null"]);
    let mut debugger = Debugger(connect(&places[0]));
    debugger.ask("qSupported:multiprocess+");
    debugger.send("vCont;c:p1.1", b"");
    assert!(debugger.answer().starts_with('O'), "the reason");
    assert!(debugger.answer().starts_with("T02"));
    assert!(debugger.ask("vCont;s:p1.1").starts_with("T05"));
    assert!(debugger.ask("vCont;c").contains("replaylog:end"));
    debugger.send("k", b"");
    assert_eq!(finish(running, &["replay"]).status, Some(0));
}
