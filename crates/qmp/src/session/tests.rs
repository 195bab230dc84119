//! Conversations with a machine that notes what it is asked.

use super::*;
use crate::{Cause, Cpu, Status};
use proptest::prelude::*;

#[derive(Default)]
struct Toy {
    asked: Vec<&'static str>,
    stopped: bool,
    off: bool,
    replays: bool,
}

impl Machine for Toy {
    fn name(&mut self) -> Option<String> {
        None
    }
    fn status(&mut self) -> Status {
        if self.stopped {
            Status::Paused
        } else {
            Status::Running
        }
    }
    fn cpus(&mut self) -> Vec<Cpu> {
        vec![Cpu {
            thread_id: 7,
            place: [0, 1, 0],
        }]
    }
    fn stop(&mut self) {
        self.stopped = true;
    }
    fn cont(&mut self) -> Result<(), Error> {
        if self.off {
            return Err(Error::generic("Resetting the Virtual Machine is required"));
        }
        self.stopped = false;
        Ok(())
    }
    fn quit(&mut self) {
        self.asked.push("quit");
    }
    fn system_reset(&mut self) {
        self.asked.push("reset");
    }
    fn system_powerdown(&mut self) {
        self.asked.push("powerdown");
    }
    fn inject_nmi(&mut self) {
        self.asked.push("nmi");
    }
    fn refuses_changes(&mut self) -> Option<String> {
        self.replays.then(|| "as recorded".into())
    }
    fn monitor_command(&mut self, line: &str) -> String {
        format!("<{line}>")
    }
}

/// Messages, each on a line.
fn lines(session: &mut Session) -> Vec<String> {
    let text = String::from_utf8(session.take_output()).expect("JSON is UTF-8");
    text.lines().map(str::to_owned).collect()
}

fn ask(session: &mut Session, machine: &mut Toy, text: &str) -> String {
    session.feed(text.as_bytes(), machine);
    lines(session).join("\n")
}

fn ready() -> (Session, Toy) {
    let (mut session, mut machine) = (Session::new(), Toy::default());
    ask(&mut session, &mut machine, r#"{"execute":"qmp_capabilities"}"#);
    (session, machine)
}

#[test]
fn greeting_then_capabilities_first() {
    let (mut session, mut machine) = (Session::new(), Toy::default());
    let greeting = lines(&mut session).remove(0);
    let greeting: Value = serde_json::from_str(&greeting).expect("JSON");
    assert_eq!(greeting["QMP"]["capabilities"], json!(["oob"]));
    assert!(greeting["QMP"]["version"]["qemu"]["major"].is_u64());
    session.event(Event::Stop, Timestamp::from_ns(0));
    assert_eq!(lines(&mut session), [""; 0], "no events before");
    for (message, expected) in [
        (
            r#"{"execute":"query-status"}"#,
            r#"{"error":{"class":"CommandNotFound","desc":"Expecting capabilities negotiation with 'qmp_capabilities'"}}"#,
        ),
        (
            r#"{"execute":"qmp_capabilities","arguments":{"enable":["x"]}}"#,
            r#"{"error":{"class":"GenericError","desc":"Parameter 'enable' does not accept value \"x\""}}"#,
        ),
        (
            r#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":1}"#,
            r#"{"id":1,"return":{}}"#,
        ),
        (
            r#"{"execute":"qmp_capabilities"}"#,
            r#"{"error":{"class":"CommandNotFound","desc":"Capabilities negotiation is already complete, command ignored"}}"#,
        ),
        (
            r#"{"exec-oob":"stop","id":"a"}"#,
            r#"{"error":{"class":"GenericError","desc":"The command stop does not support OOB"},"id":"a"}"#,
        ),
    ] {
        assert_eq!(ask(&mut session, &mut machine, message), expected, "{message}");
    }
}

#[test]
#[rustfmt::skip]
fn commands_and_mistakes() {
    let error = |text: &str| format!(r#"{{"error":{{"class":"GenericError","desc":"{text}"}}}}"#);
    let (mut session, mut machine) = ready();
    for (message, expected) in [
        (r#"{"execute":"query-status","id":{"a":[1]}}"#, r#"{"id":{"a":[1]},"return":{"running":true,"status":"running"}}"#.to_owned()),
        (r#"{"execute":"stop"}"#, r#"{"return":{}}"#.into()),
        (r#"{"execute":"query-status"}"#, r#"{"return":{"running":false,"status":"paused"}}"#.into()),
        (r#"{"execute":"cont"}"#, r#"{"return":{}}"#.into()),
        (r#"{"execute":"query-name"}"#, r#"{"return":{}}"#.into()),
        (r#"{"execute":"query-cpus-fast"}"#, r#"{"return":[{"cpu-index":0,"props":{"core-id":1,"socket-id":0,"thread-id":0},"qom-path":"/machine/unattached/device[0]","target":"x86_64","thread-id":7}]}"#.into()),
        (r#"{"execute":"human-monitor-command","arguments":{"command-line":"info x"}}"#, r#"{"return":"<info x>"}"#.into()),
        (r#"{"execute":"human-monitor-command","arguments":{"command-line":"x","cpu-index":1}}"#, error("Parameter 'cpu-index' expects a CPU number below 1")),
        (r#"{"execute":"human-monitor-command"}"#, error("Parameter 'command-line' is missing")),
        (r#"{"execute":"human-monitor-command","arguments":{"command-line":1}}"#, error("Invalid parameter type for 'command-line', expected: string")),
        (r#"{"execute":"stop","arguments":{"now":1}}"#, error("Parameter 'now' is unexpected")),
        (r#"{"execute":"fly"}"#, r#"{"error":{"class":"CommandNotFound","desc":"The command fly has not been found"}}"#.into()),
        (r#"{"execute":7}"#, error("QMP input member 'execute' must be a string")),
        (r#"{"id":7}"#, r#"{"error":{"class":"GenericError","desc":"QMP input lacks member 'execute'"},"id":7}"#.into()),
        (r#"{"execute":"stop","arguments":[]}"#, error("QMP input member 'arguments' must be an object")),
        (r#"{"execute":"stop","x":1}"#, error("QMP input member 'x' is unexpected")),
        (r#"{"exec-oob":"stop"}"#, error("QMP input member 'exec-oob' is unexpected")),
        (r#"{"execute":"query-replay"}"#, r#"{"return":{"icount":0,"mode":"none"}}"#.into()),
        (r#"{"execute":"replay-seek","arguments":{"icount":5}}"#, error("replay must be enabled to seek")),
        (r#"{"execute":"replay-break","arguments":{"icount":-5}}"#, error("Parameter 'icount' expects a non-negative number")),
        (r#"{"execute":"replay-break","arguments":{"icount":5}}"#, error("setting the breakpoint is allowed only in play mode")),
        (r#"{"execute":"replay-delete-break"}"#, error("replay breakpoints are allowed only in play mode")),
        ("hello\n", error("JSON parse error, expecting an object")),
    ] {
        assert_eq!(ask(&mut session, &mut machine, message), expected, "{message}");
    }
    assert!(ask(&mut session, &mut machine, "{]}\n").contains("JSON parse error"));
    for (command, asked) in [("quit", "quit"), ("system_reset", "reset"), ("system_powerdown", "powerdown"), ("inject-nmi", "nmi")] {
        ask(&mut session, &mut machine, &format!(r#"{{"execute":"{command}"}}"#));
        assert_eq!(machine.asked.pop(), Some(asked));
    }
    machine.replays = true;
    for command in ["system_reset", "system_powerdown", "inject-nmi"] {
        let refused = ask(&mut session, &mut machine, &format!(r#"{{"execute":"{command}"}}"#));
        assert_eq!(refused, error("as recorded"), "{command}");
    }
    assert!(machine.asked.is_empty());
    machine.off = true;
    assert!(ask(&mut session, &mut machine, r#"{"execute":"cont"}"#).contains("GenericError"));
    let names = ask(&mut session, &mut machine, r#"{"execute":"query-commands"}"#);
    assert!(names.contains(r#"{"name":"qmp_capabilities"}"#) && names.contains(r#"{"name":"replay-seek"}"#));
}

#[test]
fn events_have_a_time_and_a_cause() {
    let (mut session, _) = ready();
    let at = Timestamp::from_ns(1_700_000_000_123_456_789);
    for event in [
        Event::Stop,
        Event::Shutdown(Cause::GuestShutdown),
        Event::Reset(Cause::HostReset),
    ] {
        session.event(event, at);
    }
    let time = r#""timestamp":{"microseconds":123456,"seconds":1700000000}"#;
    assert_eq!(
        lines(&mut session),
        [
            format!(r#"{{"event":"STOP",{time}}}"#),
            format!(r#"{{"data":{{"guest":true,"reason":"guest-shutdown"}},"event":"SHUTDOWN",{time}}}"#),
            format!(
                r#"{{"data":{{"guest":false,"reason":"host-qmp-system-reset"}},"event":"RESET",{time}}}"#
            ),
        ]
    );
}

proptest! {
    /// Whatever comes, in whatever pieces, each answer is JSON, and after a new line the next command is answered.
    #[test]
    fn garbage_is_survived(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "\\{[\"a-z:,\\[\\]{}0-9\\\\ ]{0,40}\\}".prop_map(String::into_bytes),
                Just(br#"{"execute":"query-status"}"#.to_vec()),
                Just(vec![b'['; 300]),
                Just(b"{\"id\":".repeat(200)),
            ],
            0..20,
        ),
    ) {
        let (mut session, mut machine) = ready();
        for piece in pieces {
            session.feed(&piece, &mut machine);
            for line in lines(&mut session) {
                let answer: Value = serde_json::from_str(&line).expect("answers are JSON");
                prop_assert!(answer.get("return").is_some() != answer.get("error").is_some());
            }
        }
        session.feed(b"\xff", &mut machine);
        let answer = ask(&mut session, &mut machine, r#"{"execute":"query-status","id":"last"}"#);
        prop_assert!(answer.contains(r#""id":"last""#));
    }
}

#[test]
fn what_ends_a_long_command() {
    for (bytes, ends) in [
        ("", false),
        (r#"{"execute":"stop"}"#, true),
        (r#"{"execute":"query-name"}{"id":1,"execute":"quit"}"#, true),
        (
            r#"{"execute":"query-name","arguments":{"execute":"stop"}}"#,
            false,
        ),
        (r#"{"execute":"stop""#, false),
        ("[\"stop\"]\n{\"execute\":\"stop\"}", true),
        (r#"{"execute":7}"#, false),
    ] {
        assert_eq!(crate::wants_end(bytes.as_bytes()), ends, "{bytes}");
    }
}
