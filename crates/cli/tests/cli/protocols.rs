//! Programs at the other end of `-qmp` and `-gdb`: what they are told, and that a machine is not held up by them.

use crate::process::{PATIENCE, finish, scratch, start};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Connects as soon as there is somebody.
pub fn connect(path: &Path) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => {
                stream
                    .set_read_timeout(Some(PATIENCE))
                    .expect("a timeout above zero");
                stream
                    .set_write_timeout(Some(Duration::from_millis(200)))
                    .expect("a timeout above zero");
                return stream;
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "{}: {error}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A QMP client that has negotiated.
pub struct Client(BufReader<UnixStream>);

impl Client {
    pub fn connect(path: &Path) -> Self {
        let mut client = Self(BufReader::new(connect(path)));
        assert!(client.line().starts_with(r#"{"QMP":{"capabilities":["oob"]"#));
        assert_eq!(client.ask("qmp_capabilities"), r#"{"return":{}}"#);
        client
    }

    /// The next message.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("an answer in time");
        assert_ne!(read, 0, "it hung up");
        line.trim_end().to_owned()
    }

    /// The answer to a command.
    pub fn ask(&mut self, command: &str) -> String {
        self.send(&format!(r#"{{"execute":"{command}"}}"#));
        self.line()
    }

    pub fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("it listens");
    }

    /// The next event of that name; other messages are passed over.
    pub fn event(&mut self, name: &str) {
        let wanted = format!(r#""event":"{name}""#);
        while !self.line().contains(&wanted) {}
    }
}

#[test]
fn a_program_stops_continues_and_ends_a_machine() {
    let socket = scratch("protocols-qmp");
    let qmp = format!("unix:{},server=on,wait=off", socket.display());
    let running = start(&["-nodefaults", "-S", "-name", "x", "-qmp", &qmp]);
    let mut client = Client::connect(&socket);
    assert_eq!(
        client.ask("query-status"),
        r#"{"return":{"running":false,"status":"prelaunch"}}"#
    );
    assert_eq!(client.ask("query-name"), r#"{"return":{"name":"x"}}"#);
    assert_eq!(client.ask("cont"), r#"{"return":{}}"#);
    client.event("RESUME");
    assert_eq!(
        client.ask("query-status"),
        r#"{"return":{"running":true,"status":"running"}}"#
    );
    assert_eq!(client.ask("stop"), r#"{"return":{}}"#);
    client.event("STOP");
    client.send(r#"{"execute":"human-monitor-command","arguments":{"command-line":"info status"},"id":9}"#);
    assert_eq!(client.line(), r#"{"id":9,"return":"VM status: paused\n"}"#);
    assert!(client.ask("query-cpus-fast").contains(r#""cpu-index":0"#));
    assert!(client.ask("query-replay").contains(r#""mode":"none""#));
    client.send(r#"{"execute":"replay-seek","arguments":{"icount":1}}"#);
    assert!(client.line().contains("replay must be enabled to seek"));
    client.ask("cont");
    client.event("RESUME");
    client.ask("system_reset");
    client.event("RESET");
    client.ask("system_powerdown");
    client.event("POWERDOWN");
    client.ask("quit");
    client.event("SHUTDOWN");
    assert_eq!(finish(running, &["qmp"]).status, Some(0));
}

/// Questions without end, and nobody who reads the answers: others are served.
#[test]
fn a_peer_that_never_reads_holds_nobody_up() {
    let (first, second) = (scratch("clogged-first"), scratch("clogged-second"));
    let debugger = scratch("clogged-gdb");
    let unix = |path: &Path| format!("unix:{},server=on,wait=off", path.display());
    let running = start(&[
        "-nodefaults",
        "-qmp",
        &unix(&first),
        "-qmp",
        &unix(&second),
        "-gdb",
        &unix(&debugger),
    ]);
    for (path, question) in [
        (
            &first,
            r#"{"execute":"qmp_capabilities"}{"execute":"query-commands"}"#,
        ),
        (&debugger, "$g#67"),
    ] {
        let mut deaf = connect(path);
        let questions = question.repeat(4096 / question.len());
        // Until the machine takes no more.
        while deaf.write_all(questions.as_bytes()).is_ok() {}
        let mut client = Client::connect(&second);
        assert!(client.ask("query-status").contains("status"));
        drop(client);
        // It reads after all: the machine goes on with it.
        let mut buffer = vec![0; 1 << 16];
        for _ in 0..64 {
            assert_ne!(deaf.read(&mut buffer).expect("answers"), 0);
        }
    }
    let mut client = Client::connect(&second);
    client.ask("quit");
    client.event("SHUTDOWN");
    assert_eq!(finish(running, &["qmp"]).status, Some(0));
}

#[test]
fn garbage_ends_nothing() {
    let (qmp, gdb) = (scratch("garbage-qmp"), scratch("garbage-gdb"));
    let unix = |path: &Path| format!("unix:{}", path.display());
    let running = start(&["-nodefaults", "-qmp", &unix(&qmp), "-gdb", &unix(&gdb)]);
    let mut debugger = connect(&gdb);
    debugger
        .write_all(b"hello $vCont;s#zz$vCont;s:9999#00$m0,ffffffffffffffff#00\x03\x03$#00")
        .expect("it listens");
    let mut client = Client::connect(&qmp);
    client.send("hello\n[1]\n{]\n");
    for _ in 0..3 {
        assert!(client.line().contains("JSON parse error"));
    }
    assert!(
        client.ask("query-status").contains("debug"),
        "stopped by the debugger's coming"
    );
    client.ask("quit");
    assert_eq!(finish(running, &["qmp"]).status, Some(0));
}
