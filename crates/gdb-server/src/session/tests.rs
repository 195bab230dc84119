//! Conversations with a machine of two CPUs and a little memory.

use super::*;
use crate::{Points, Refused, Registers, Watch};
use proptest::prelude::*;

const BASE: u64 = 0x1000;

struct Toy {
    registers: [Registers; 2],
    memory: Vec<u8>,
    points: Points,
    replays: bool,
}

impl Toy {
    fn new() -> Self {
        let wide = |pc| Registers {
            wide: true,
            pc,
            ..Registers::default()
        };
        Self {
            registers: [wide(BASE), wide(BASE + 1)],
            memory: (0..=255).collect(),
            points: Points::default(),
            replays: false,
        }
    }
}

impl Debuggee for Toy {
    fn cpus(&self) -> usize {
        2
    }
    fn is_wide(&self) -> bool {
        true
    }
    fn describe_cpu(&self, cpu: usize) -> String {
        format!("CPU#{cpu}")
    }
    fn registers(&mut self, cpu: usize) -> Registers {
        self.registers[cpu].clone()
    }
    fn set_registers(&mut self, cpu: usize, new: &Registers) -> Result<(), Refused> {
        self.registers[cpu] = new.clone();
        Ok(())
    }
    fn read(&mut self, _: usize, space: Space, addr: u64, to: &mut [u8]) -> usize {
        let start = addr.wrapping_sub(if space == Space::Physical { 0 } else { BASE });
        let found = self
            .memory
            .iter()
            .skip(usize::try_from(start).unwrap_or(usize::MAX));
        to.iter_mut().zip(found).map(|(to, from)| *to = *from).count()
    }
    fn write(&mut self, _: usize, _: Space, addr: u64, from: &[u8]) -> Result<(), Refused> {
        let start = addr.checked_sub(BASE).ok_or(Refused)? as usize;
        let to = start
            .checked_add(from.len())
            .and_then(|end| self.memory.get_mut(start..end));
        to.ok_or(Refused)?.copy_from_slice(from);
        Ok(())
    }
    fn set_points(&mut self, points: &Points) {
        self.points = points.clone();
    }
    fn replays(&self) -> bool {
        self.replays
    }
}

fn open(replays: bool) -> Session<Toy> {
    let mut session = Session::new(Toy {
        replays,
        ..Toy::new()
    });
    session.begin();
    session
}

/// Sends one packet; orders, and the answer without acknowledgement, `$` and checksum.
fn send(session: &mut Session<Toy>, body: &str) -> (Vec<Order>, String) {
    let orders = session.feed(&enclose(body.as_bytes()));
    (orders, answer(session))
}

fn answer(session: &mut Session<Toy>) -> String {
    let text = String::from_utf8(session.take_output()).expect("packets are ASCII here");
    text.trim_start_matches('+')
        .trim_start_matches('$')
        .split('#')
        .next()
        .unwrap_or("")
        .to_owned()
}

#[test]
#[rustfmt::skip]
fn questions_and_answers() {
    let mut session = open(false);
    for (packet, expected) in [
        ("qfThreadInfo", "mp01.01,p01.02"),
        ("Hg2", "OK"),
        ("p10", "0110000000000000"),
        ("P10=7700000000000000", "OK"),
        ("p10", "7700000000000000"),
        ("p99", "E79"),
        ("m1010,4", "10111213"),
        ("m10fe,4", "feff"),
        ("m2000,4", "E0e"),
        ("M1010,2:aabb", "OK"),
        ("m1010,2", "aabb"),
        ("M2000,2:aabb", "E0e"),
        ("qqemu.PhyMemMode", "0"),
        ("Qqemu.PhyMemMode:1", "OK"),
        ("m10,1", "aa"),
        ("qqemu.PhyMemMode", "1"),
        ("Z2,1000,0", "E16"),
        ("qAttached", "1"),
        ("vNonsense", ""),
    ] {
        let (orders, text) = send(&mut session, packet);
        // Without the extension for processes.
        assert_eq!(text, expected.replace("p01.", ""), "{packet}");
        assert_eq!(orders, [], "{packet}");
    }
    assert!(send(&mut session, "qXfer:features:read:target.xml:0,ffb").1.contains("i386:x86-64"));
    assert!(!send(&mut session, "qSupported:swbreak+").1.contains("Reverse"));
}

#[test]
fn runs_and_stops() {
    let forward = |steps: &[usize], held: &[usize]| {
        Order::Resume(Motion::Forward {
            steps: steps.to_vec(),
            held: held.to_vec(),
        })
    };
    let mut session = open(false);
    send(&mut session, "Z0,1004,1");
    send(&mut session, "Z1,1008,1");
    send(&mut session, "Z2,1010,8");
    assert!(session.debuggee().points.is_empty(), "not before it runs");
    for (packet, order, stop, report) in [
        (
            "vCont;c",
            forward(&[], &[]),
            Stop::Breakpoint {
                cpu: 1,
                addr: BASE + 4,
            },
            "T05thread:02;swbreak:;",
        ),
        (
            "vCont;s:1;c",
            forward(&[0], &[]),
            Stop::Step { cpu: 0 },
            "T05thread:01;",
        ),
        (
            "vCont;s:2",
            forward(&[1], &[0]),
            Stop::Step { cpu: 1 },
            "T05thread:02;",
        ),
        (
            "vCont;c",
            forward(&[], &[]),
            Stop::Breakpoint {
                cpu: 0,
                addr: BASE + 8,
            },
            "T05thread:01;hwbreak:;",
        ),
        (
            "vCont;c",
            forward(&[], &[]),
            Stop::Watch {
                cpu: 0,
                addr: BASE + 16,
                kind: WatchKind::Write,
            },
            "T05thread:01;watch:1010;",
        ),
        ("vCont;c", forward(&[], &[]), Stop::Exited(3), "W03"),
    ] {
        let (orders, text) = send(&mut session, packet);
        assert_eq!((orders.as_slice(), text.as_str()), (&[order][..], ""), "{packet}");
        assert!(session.is_running());
        session.stopped(stop);
        assert_eq!(answer(&mut session), report, "{packet}");
    }
    let points = &session.debuggee().points;
    assert_eq!(points.stops(), [BASE + 4, BASE + 8]);
    let watch = Watch {
        addr: BASE + 16,
        len: 8,
        kind: WatchKind::Write,
    };
    assert!(points.watches.contains(&watch));
}

#[test]
fn interrupts() {
    let mut session = open(false);
    assert_eq!(session.feed(&[3]), [], "it stands already");
    send(&mut session, "vCont;c");
    assert_eq!(session.feed(&[3]), [Order::Interrupt]);
    session.stopped(Stop::Interrupted { cpu: 0 });
    assert_eq!(answer(&mut session), "T02thread:01;");
}

#[test]
fn backwards_only_with_a_past() {
    let mut session = open(true);
    assert!(
        send(&mut session, "qSupported:swbreak+")
            .1
            .contains("ReverseContinue+;ReverseStep+")
    );
    assert_eq!(send(&mut session, "bc").0, [Order::Resume(Motion::Back)]);
    session.stopped(Stop::Begin { cpu: 0 });
    assert_eq!(answer(&mut session), "T05thread:01;replaylog:begin;");
    assert_eq!(
        send(&mut session, "bs").0,
        [Order::Resume(Motion::StepBack { cpu: 0 })]
    );
    session.stopped(Stop::Step { cpu: 0 });
    send(&mut session, "vCont;c");
    session.stopped(Stop::End { cpu: 0 });
    assert!(answer(&mut session).contains("replaylog:end;"));
}

#[test]
fn monitor_commands() {
    let mut session = open(false);
    let (orders, _) = send(&mut session, "qRcmd,696e666f");
    assert_eq!(orders, [Order::Monitor("info".into())]);
    session.answer("ab");
    let expected = [enclose(b"O6162"), enclose(b"OK")].concat();
    assert_eq!(session.take_output(), expected);
}

#[test]
fn leaving() {
    let mut session = open(false);
    send(&mut session, "Z0,1004,1");
    send(&mut session, "vCont;c");
    session.stopped(Stop::Step { cpu: 0 });
    session.take_output();
    assert!(!session.debuggee().points.is_empty());
    let (orders, text) = send(&mut session, "D;1");
    assert_eq!((orders.as_slice(), text.as_str()), (&[Order::Detach][..], "OK"));
    assert!(
        session.debuggee().points.is_empty(),
        "breakpoints go with the debugger"
    );
    assert_eq!(send(&mut session, "k").0, [Order::Kill]);
}

#[test]
fn acknowledgements_end_when_asked() {
    let mut session = open(false);
    session.feed(&enclose(b"QStartNoAckMode"));
    session.take_output();
    session.feed(&enclose(b"qqemu.PhyMemMode"));
    assert_eq!(session.take_output(), enclose(b"0"));
}

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        "",
        "g",
        "G",
        "p",
        "P",
        "m",
        "M",
        "X",
        "Z0,",
        "Z2,",
        "z1,",
        "vCont;",
        "vCont;s:",
        "Hg",
        "Hc",
        "T",
        "bs",
        "c",
        "s",
        "qXfer:features:read:target.xml:",
        "qRcmd,",
        "qSupported:",
        "qThreadExtraInfo,",
        "D",
        "k",
        "QStartNoAckMode",
        "qfThreadInfo",
        "?",
        "vKill;",
        "qC",
    ]);
    let rest = prop_oneof![
        "[0-9a-f]{0,20}(,[0-9a-f]{0,20})?(:[0-9a-f]{0,40})?(=[0-9a-f]{0,40})?",
        prop::collection::vec(any::<u8>(), 0..60)
            .prop_map(|bytes| bytes.iter().map(|&b| char::from(b & 127)).collect::<String>()),
    ];
    let whole = (start, rest).prop_map(|(start, rest)| enclose(format!("{start}{rest}").as_bytes()));
    prop_oneof![
        4 => whole,
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(vec![3]),
    ]
}

proptest! {
    /// Whatever comes, the session lives and answers the next question.
    #[test]
    fn garbage_is_survived(packets in prop::collection::vec(packet(), 1..40), replays: bool) {
        let mut session = open(replays);
        for packet in packets {
            for order in session.feed(&packet) {
                match order {
                    Order::Resume(_) | Order::Interrupt => session.stopped(Stop::Interrupted { cpu: 0 }),
                    Order::Monitor(line) => session.answer(&line),
                    Order::Detach | Order::Kill | Order::Broken(_) => session.begin(),
                }
            }
            prop_assert!(session.take_output().len() < 1 << 20);
        }
        session.stopped(Stop::Interrupted { cpu: 0 });
        session.feed(b"#00#00");
        session.begin();
        prop_assert_eq!(send(&mut session, "m1010,1").1.len(), 2);
    }
}
