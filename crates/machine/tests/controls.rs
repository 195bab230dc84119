//! What people do to a machine by a monitor, by QMP or with a debugger: in a recording it is an event of its instant, and
//! comes again; in a replay it is refused with one line.

mod place;

use accel_tcg::{InstructionTime, Sleep};
use chardev::Ringbuf;
use machine::{Backend, BootFiles, Config, Digest, Log, Recording, Replaying, Time};
use place::Place;
use replay::inspect::Events;
use replay::{Control, Event, LogReader};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// Host time after which something counts as hung.
const LIMIT: Duration = Duration::from_secs(120);

fn config(append: &str) -> Config {
    let mut boot = BootFiles::embedded();
    boot.append = format!("console=ttyS0 {append}");
    Config {
        memory: 32 << 20,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::new(Ringbuf::new(1 << 16)) as _)],
        time: Time::Counted(InstructionTime::from_shift(0).expect("a shift"), Sleep::Off),
        ..Config::default()
    }
}

fn record(place: &Place) -> Log {
    Log::Record(Recording {
        digest_every: 1 << 18,
        ..Recording::to(place.file("log"))
    })
}

fn replay(place: &Place) -> Log {
    Log::Replay(Box::new(Replaying::open(place.file("log")).expect("a log")))
}

fn start(config: Config) -> mpsc::Receiver<(u8, Digest)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let outcome = machine::run_and_digest(config).expect("it runs");
        // Nobody waits any more if the test has failed.
        let _ = sender.send(outcome);
    });
    receiver
}

/// A connection to one of the machine's servers.
struct Peer(UnixStream);

impl Peer {
    fn new(socket: &Path) -> Self {
        let stream = (0..1000)
            .find_map(|_| {
                std::thread::sleep(Duration::from_millis(10));
                UnixStream::connect(socket).ok()
            })
            .expect("the machine listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        Self(stream)
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("an answer in time");
        byte[0]
    }

    /// A line of QMP that is no event.
    fn line(&mut self) -> String {
        loop {
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.push(self.byte());
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if !line.contains(r#""event""#) {
                return line;
            }
        }
    }

    fn qmp(socket: &Path) -> Self {
        let mut peer = Self::new(socket);
        peer.line();
        peer.ask(r#"{"execute":"qmp_capabilities"}"#);
        peer
    }

    fn ask(&mut self, message: &str) -> String {
        writeln!(self.0, "{message}").expect("the machine reads");
        self.line()
    }

    fn send_packet(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        write!(self.0, "${packet}#{sum:02x}").expect("the machine reads");
    }

    /// gdb's packet and the answer to it.
    fn packet(&mut self, packet: &str) -> String {
        self.send_packet(packet);
        while self.byte() != b'$' {}
        let mut answer = Vec::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => answer.push(byte),
            }
        }
        let _ = (self.byte(), self.byte());
        write!(self.0, "+").expect("the machine reads");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn server(socket: &Path) -> String {
    format!("unix:{},server=on,wait=off", socket.display())
}

fn controls(log: &Path) -> Vec<Control> {
    let events = Events::new(LogReader::open(log).expect("a log"));
    events
        .filter_map(|stamped| match stamped.event {
            Event::Control(control) => Some(control),
            _ => None,
        })
        .collect()
}

/// R15, in gdb's order of registers.
const R15: &str = "Pf=8877665544332211";
const SAME: &str = "M1f00000,4:deadbeef";

#[test]
fn what_a_debugger_writes_comes_again() {
    let place = Place::new();
    let mut first = config("run=mem,cpu,poweroff");
    first.gdb = Some(server(&place.file("gdb")));
    first.start_stopped = true;
    first.log = record(&place);
    let ended = start(first);
    let mut gdb = Peer::new(&place.file("gdb"));
    assert!(gdb.packet("?").starts_with('T'));
    // Before the first instruction, and behind some.
    assert_eq!(gdb.packet(SAME), "OK");
    assert_eq!(gdb.packet(R15), "OK");
    for _ in 0..3 {
        assert!(gdb.packet("vCont;s:1").starts_with('T'));
    }
    assert_eq!(gdb.packet("M1f00100,2:1234"), "OK");
    assert_eq!(gdb.packet("m1f00100,2"), "1234");
    assert_eq!(gdb.packet("Pe=0100000000000000"), "OK");
    gdb.send_packet("D;1");
    let recorded = ended.recv_timeout(LIMIT).expect("it ends");
    assert_eq!(recorded.0, 0);
    let kinds: Vec<bool> = controls(&place.file("log"))
        .iter()
        .map(|control| matches!(control, Control::MemoryWrite { .. }))
        .collect();
    assert_eq!(kinds, [true, false, true, false]);

    let mut second = config("run=mem,cpu,poweroff");
    second.log = replay(&place);
    assert_eq!(start(second).recv_timeout(LIMIT), Ok(recorded));

    // There, nobody writes.
    let mut third = config("run=mem,cpu,poweroff");
    third.gdb = Some(server(&place.file("gdb2")));
    third.start_stopped = true;
    third.log = replay(&place);
    let ended = start(third);
    let mut gdb = Peer::new(&place.file("gdb2"));
    assert!(gdb.packet("?").starts_with('T'));
    assert!(gdb.packet(SAME).starts_with('E'));
    assert!(gdb.packet(R15).starts_with('E'));
    gdb.send_packet("D;1");
    assert_eq!(ended.recv_timeout(LIMIT), Ok(recorded));
}

#[test]
fn what_a_qmp_client_does_comes_again_or_is_refused() {
    let place = Place::new();
    let mut first = config("");
    first.qmp = vec![server(&place.file("qmp"))];
    first.log = record(&place);
    let ended = start(first);
    let mut client = Peer::qmp(&place.file("qmp"));
    for command in ["inject-nmi", "system_powerdown", "system_reset"] {
        let answer = client.ask(&format!(r#"{{"execute":"{command}"}}"#));
        assert!(answer.starts_with(r#"{"return":{}}"#), "{command}: {answer}");
        // Each at an instant of its own, and the reset before the end.
        std::thread::sleep(Duration::from_millis(100));
    }
    client.ask(r#"{"execute":"quit"}"#);
    let recorded = ended.recv_timeout(LIMIT).expect("it ends");
    assert_eq!(
        controls(&place.file("log")),
        [Control::Nmi, Control::PowerButton, Control::Reset]
    );

    let mut second = config("");
    second.log = replay(&place);
    assert_eq!(start(second).recv_timeout(LIMIT), Ok(recorded));

    let mut third = config("");
    third.qmp = vec![server(&place.file("qmp2"))];
    third.start_stopped = true;
    third.log = replay(&place);
    let ended = start(third);
    let mut client = Peer::qmp(&place.file("qmp2"));
    for command in ["inject-nmi", "system_powerdown", "system_reset"] {
        let answer = client.ask(&format!(r#"{{"execute":"{command}"}}"#));
        for words in [r#""class":"GenericError""#, "replay_live"] {
            assert!(answer.contains(words), "{command}: {answer}");
        }
        let line = format!(
            r#"{{"execute":"human-monitor-command","arguments":{{"command-line":"{}"}}}}"#,
            command.trim_start_matches("inject-")
        );
        assert!(
            client.ask(&line).contains("replay_live"),
            "{command} in the monitor"
        );
    }
    client.ask(r#"{"execute":"cont"}"#);
    assert_eq!(ended.recv_timeout(LIMIT), Ok(recorded));
}
