//! The monitor over a socket while a guest runs: every command answers, and none of them changes what a guest under
//! counted time does.

use crate::images::multiboot;
use crate::process::{PATIENCE, file, finish, run, scratch, start};
use crate::pty::Session;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const PROMPT: &str = "(reprise) ";

/// A person's end of the monitor's socket.
pub struct Client(UnixStream);

impl Client {
    /// Connects as soon as there is somebody.
    pub fn connect(path: &Path) -> Self {
        let start = Instant::now();
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    stream
                        .set_read_timeout(Some(PATIENCE))
                        .expect("a timeout above zero");
                    let mut client = Self(stream);
                    client.answer();
                    return client;
                }
                Err(error) => assert!(start.elapsed() < PATIENCE, "{}: {error}", path.display()),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything up to the next prompt.
    fn answer(&mut self) -> String {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.ends_with(PROMPT) {
            let got = self.0.read(&mut buffer).expect("the monitor answers in time");
            assert_ne!(got, 0, "the monitor hung up after {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..got]));
        }
        text.truncate(text.len() - PROMPT.len());
        text
    }

    pub fn send(&mut self, keys: &[u8]) {
        self.0.write_all(keys).expect("the monitor listens");
    }

    /// Everything up to `end`.
    pub fn until(&mut self, end: &str) -> String {
        let (mut text, mut byte) = (String::new(), [0]);
        while !text.ends_with(end) {
            let got = self.0.read(&mut byte).expect("the monitor answers in time");
            assert_ne!(got, 0, "the monitor hung up after {text:?}");
            text.push(char::from(byte[0]));
        }
        text
    }

    /// The answer to one command, without its echo.
    pub fn ask(&mut self, line: &str) -> String {
        self.0
            .write_all(format!("{line}\n").as_bytes())
            .expect("the monitor listens");
        let answer = loop {
            // The echo redraws the prompt with each key; the line's end comes only with Enter.
            let text = self.answer();
            if let Some((_, answer)) = text.split_once("\r\n") {
                break answer.to_owned();
            }
        };
        answer.replace("\r\n", "\n")
    }
}

const ENGINE: &str = if cfg!(target_arch = "x86_64") {
    "engine=baseline\n"
} else {
    "engine=interp\n"
};

/// Each command, and what its answer must contain while the embedded guest waits at its prompt.
#[rustfmt::skip]
const COMMANDS: &[(&str, &[&str])] = &[
    ("help", &["system_powerdown", "info", "quit"]),
    ("help nmi", &["non-maskable"]),
    ("info", &["registers", "mtree"]),
    ("info status", &["VM status: running\n"]),
    ("info registers", &["RIP=", "CR3=", "YMM15=", "EFER="]),
    ("info mem", &["0000000000000000-", "rwx"]),
    ("info tlb", &[" -> "]),
    ("info mtree", &["system", "ram", "apic"]),
    ("info irq", &["IRQ"]),
    ("info pic", &["irr=", "imr="]),
    ("info lapic", &["LVT"]),
    ("info pci", &["8086", "Bus"]),
    ("info cpus", &["CPU #0", ENGINE]),
    ("info jit", &["instructions executed", "TLB misses"]),
    ("info name", &["test guest\n"]),
    ("info version", &[env!("CARGO_PKG_VERSION")]),
    ("print $cs*2", &["0x20\n"]),
    ("xp/4xw 0x100000", &["0000000000100000: 0x"]),
    ("x/2i $rip", &["cli", "0x000000000010"]),
    ("x/3000gx 0x100000", &["0000000000105db0:"]),
    ("x 0xffff800000000000", &["cannot access memory at 0xffff800000000000"]),
    ("xp 0xf000000000", &["0000f000000000"]),
    ("info nonsense", &["unknown topic", "registers"]),
    ("nonsense", &["unknown command: 'nonsense'"]),
    ("stop", &[""]),
    ("info status", &["VM status: paused\n"]),
    ("info registers", &["RIP="]),
    ("x/i $rip", &["0x0000"]),
    ("cont", &[""]),
    ("info status", &["VM status: running\n"]),
    ("system_powerdown", &[""]),
];

fn every_command_answers(name: &str, options: &[&str]) {
    let (socket, serial) = (
        scratch(&format!("{name}.sock")),
        scratch(&format!("{name}.serial")),
    );
    let (monitor, output) = (
        format!("unix:{},server,nowait", socket.display()),
        format!("file:{}", serial.display()),
    );
    // What an earlier run left would be taken for this one's.
    let _ = std::fs::remove_file(&serial);
    let _ = std::fs::remove_file(&socket);
    let args = [
        &["-name", "test guest", "-monitor", &monitor, "-serial", &output],
        options,
    ]
    .concat();
    let child = start(&args);
    let mut client = Client::connect(&socket);
    let prompts = |n: usize| {
        let start = Instant::now();
        while std::fs::read_to_string(&serial)
            .unwrap_or_default()
            .matches("reprise> ")
            .count()
            < n
        {
            assert!(start.elapsed() < PATIENCE, "the guest never came to prompt {n}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    prompts(1);
    let mut wrong = Vec::new();
    for (line, parts) in COMMANDS {
        let answer = client.ask(line);
        if let Some(part) = parts.iter().find(|part| !answer.contains(**part)) {
            wrong.push(format!("{line}: no {part:?} in\n{answer}"));
        }
    }
    assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
    let drift = client.ask("info jit");
    assert_eq!(
        drift.contains("Host - Guest clock"),
        options.contains(&"-icount"),
        "{drift}"
    );
    client.ask("system_reset");
    prompts(2);
    // An NMI ends a guest that does not expect one, in its own words; a stopped guest can still be reset.
    client.ask("nmi");
    client.ask("stop");
    client.ask("system_reset");
    assert_eq!(client.ask("info status"), "VM status: paused\n");
    client.ask("cont");
    prompts(3);
    client.0.write_all(b"quit\n").expect("the monitor listens");
    let finished = finish(child, &args);
    assert_eq!(
        (finished.status, finished.stderr.as_str()),
        (Some(0), ""),
        "{name}"
    );
}

#[test]
fn on_host_time() {
    every_command_answers("monitor-host", &[]);
}

#[test]
fn on_counted_time() {
    every_command_answers("monitor-counted", &["-icount", "shift=3,sleep=on"]);
}

#[test]
fn on_time_that_follows_the_host() {
    every_command_answers("monitor-auto", &["-icount", "auto"]);
}

/// Forty times: count down from five million, print the PIT's counter in digits `A`..`P`; then exit by port F4h.
#[rustfmt::skip]
pub const CLOCK: &[u8] = &[
    0xbf, 40, 0, 0, 0,                              // mov edi, 40
    0xb9, 0x40, 0x4b, 0x4c, 0x00,                   // again: mov ecx, 5000000
    0xe2, 0xfe,                                     // loop $
    0xb0, 0, 0xe6, 0x43, 0xe4, 0x40,                // latch channel 0, read its low byte
    0x88, 0xc4, 0x66, 0xba, 0xf8, 0x03,             // mov ah, al; mov dx, 3f8h
    0xc0, 0xe8, 0x04, 0x04, b'A', 0xee,             // high digit
    0x88, 0xe0, 0x24, 0x0f, 0x04, b'A', 0xee,       // low digit
    0xe4, 0x40,                                     // the high byte, unused
    0x4f, 0x75, 0xdb,                               // dec edi; jnz again
    0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd,       // out 0f4h, 10h
];

#[test]
fn counted_runs_do_not_notice_the_monitor() {
    let kernel = file("clock.elf", &multiboot(CLOCK));
    let place = |name: &str| scratch(name).into_os_string().into_string().expect("text");
    let ends = ["plain", "disturbed"].map(|run_name| {
        let serial = place(&format!("clock-{run_name}.serial"));
        let log = place(&format!("clock-{run_name}.log"));
        let socket = scratch(&format!("clock-{run_name}.sock"));
        let (output, monitor) = (
            format!("file:{serial}"),
            format!("unix:{},server,nowait", socket.display()),
        );
        let fixed = "-m 32 -icount shift=3,sleep=off -device isa-debug-exit,iobase=0xf4 -d digest";
        let mut args: Vec<&str> = fixed.split(' ').collect();
        args.extend([
            "-kernel", &kernel, "-D", &log, "-serial", &output, "-monitor", &monitor,
        ]);
        let finished = if run_name == "plain" {
            run(&args)
        } else {
            let _ = std::fs::remove_file(&socket);
            let child = start(&args);
            let mut client = Client::connect(&socket);
            for line in "stop,info registers,cont,info pic,stop,x/i $rip,info mem,cont,info tlb".split(',') {
                std::thread::sleep(Duration::from_millis(30));
                client.ask(line);
            }
            finish(child, &args)
        };
        assert_eq!(finished.status, Some(0x21), "{run_name}: {finished:?}");
        (
            std::fs::read_to_string(serial).expect("written"),
            std::fs::read_to_string(log).expect("written"),
        )
    });
    assert_eq!(ends[0].0.len(), 80);
    assert!(ends[0].1.contains("digest after 200"), "{}", ends[0].1);
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn lines_can_be_edited_and_completed() {
    let mut session = Session::start(&["-serial", "null", "-monitor", "stdio"]);
    session.expect(PROMPT);
    session.press("info sta\t\r");
    session.expect("VM status: running");
    session.press("infp\x7fo am\x1b[D\x1b[Dn\x1b[C\x1b[C\t\r");
    session.expect("(no name)");
    session.press("\x1b[A\x1b[A\r");
    session.expect("VM status: running");
    session.press("q\r");
    assert_eq!(session.end().0, Some(0));
}
