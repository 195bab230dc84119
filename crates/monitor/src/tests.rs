//! The monitor against a small pretended machine.

use super::*;

struct Toy(Vec<&'static str>);

impl Target for Toy {
    fn stop(&mut self) {
        self.0.push("stop");
    }
    fn cont(&mut self) {
        self.0.push("cont");
    }
    fn quit(&mut self) {
        self.0.push("quit");
    }
    fn system_reset(&mut self) {
        self.0.push("reset");
    }
    fn system_powerdown(&mut self) {
        self.0.push("powerdown");
    }
    fn nmi(&mut self) {
        self.0.push("nmi");
    }
    fn select_cpu(&mut self, n: usize) -> bool {
        n < 2
    }
    fn snapshot(&mut self, action: SnapshotAction, name: &str) -> Result<(), String> {
        if name == "bad" {
            return Err(format!("{action:?} fails"));
        }
        self.0.push("snapshot");
        Ok(())
    }
    fn info(&mut self, topic: InfoTopic) -> String {
        format!("{topic:?}\n")
    }
    fn read_virtual(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        for (i, byte) in (address..).zip(to) {
            *byte = u8::try_from(i).map_err(|_| Unreadable(i))?;
        }
        Ok(())
    }
    fn read_physical(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        self.read_virtual(address, to)
    }
    fn save_memory(&mut self, space: Space, address: u64, size: u64, path: &str) -> Result<(), String> {
        Err(format!("{space:?} {address:#x}+{size:#x} to {path}"))
    }
    fn register(&mut self, name: &str) -> Option<u64> {
        (name == "rip").then_some(0x40)
    }
    fn disassemble(&mut self, bytes: &[u8], _: u64) -> (usize, String) {
        (2, format!("op {}", bytes[0]))
    }
}

fn answer(line: &str) -> String {
    Monitor::new().command(line, &mut Toy(Vec::new()))
}

#[test]
fn answers() {
    for (line, expected) in [
        ("", ""),
        ("info status", "Status\n"),
        ("info snapshots", "Snapshots\n"),
        ("memsave 0x10 1+3 a", "Virtual 0x10+0x4 to a\n"),
        ("pmemsave $rip 8 \"b c\"", "Physical 0x40+0x8 to b c\n"),
        ("memsave 1 2", "an address, a size and a file's name are wanted\n"),
        ("savevm", "a snapshot's name is missing\n"),
        ("savevm good", ""),
        ("loadvm bad", "bad: Load fails\n"),
        ("delvm bad", "bad: Delete fails\n"),
        ("print $rip+2*3", "0x46\n"),
        ("p (1+2)*-1", "0xfffffffffffffffd\n"),
        ("p", "an address is missing\n"),
        ("p $xyz", "no register '$xyz'\n"),
        ("p 12q", "'12q' is no number\n"),
        ("x/4xb 0x10", "0000000000000010: 0x10 0x11 0x12 0x13\n"),
        ("xp /2dh 0x80", "0000000000000080: -32384 -31870\n"),
        (
            "x/2i $rip",
            "0x0000000000000040:  op 64\n0x0000000000000042:  op 66\n",
        ),
        (
            "x/2wx 0xfc",
            "00000000000000fc: 0xfffefdfc\ncannot access memory at 0x100\n",
        ),
        (
            "x/1q 0",
            "'q' is no format; there are x d u o c i and sizes b h w g\n",
        ),
        ("x/9999 0", "at most 4096 items\n"),
        ("jump", "unknown command: 'jump' ('help' lists them)\n"),
    ] {
        assert_eq!(answer(line), expected, "{line}");
    }
}

#[test]
fn actions() {
    let mut toy = Toy(Vec::new());
    for line in ["stop", "c", "system_reset", "system_powerdown", "nmi", "q"] {
        assert_eq!(Monitor::new().command(line, &mut toy), "");
    }
    assert_eq!(toy.0, ["stop", "cont", "reset", "powerdown", "nmi", "quit"]);
}

/// What a person types, and the line that results.
#[test]
fn editing() {
    for (typed, line) in [
        ("abc\r", "abc"),
        ("abx\x7fc\r", "abc"),
        ("bc\x01a\r", "abc"),
        ("ac\x1b[Db\r", "abc"),
        ("abcd\x1b[D\x1b[3~\r", "abc"),
        ("one two\x17\x17abc\r", "abc"),
        ("xyz\x15abc\r", "abc"),
        ("abcxyz\x02\x02\x02\x0b\r", "abc"),
        ("abc\x1b[A\r", "abc"),
    ] {
        let mut editor = LineEditor::default();
        let last = typed.bytes().map(|byte| editor.feed(byte, "> ")).last();
        assert_eq!(last, Some(Event::Line(line.into())), "{typed:?}");
    }
}

#[test]
fn history_and_draft() {
    let mut editor = LineEditor::default();
    let mut type_in = |text: &str| text.bytes().map(|byte| editor.feed(byte, "")).last();
    type_in("first\r");
    type_in("second\r");
    assert_eq!(type_in("dra\x1b[A\x1b[A\r"), Some(Event::Line("first".into())));
    assert_eq!(type_in("draft\x1b[A\x1b[B\r"), Some(Event::Line("draft".into())));
}

#[test]
fn completion() {
    let shown = |typed: &str| {
        let mut monitor = Monitor::new();
        String::from_utf8(monitor.feed(typed.as_bytes(), &mut Toy(Vec::new()))).unwrap()
    };
    assert!(shown("info reg\t").contains("info registers"));
    assert!(shown("syst\t").contains("system_"));
    assert!(shown("system_\t").contains("system_reset  system_powerdown"));
}

#[test]
fn any_bytes_are_harmless() {
    let mut monitor = Monitor::new();
    let mut seed = 1_u32;
    for _ in 0..100_000 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        monitor.feed(&[(seed >> 24) as u8], &mut Toy(Vec::new()));
    }
}
