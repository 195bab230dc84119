//! Who can end a journey through a replay before it is there: a debugger by Ctrl-C or by leaving, a person at a monitor
//! by Ctrl-C, `stop` or `quit`, a QMP client by `stop` or `quit`.
//!
//! ```text
//! connections -> their inboxes: looked into between two turns of the main loop, nothing is taken -> `travel`
//! ```
//!
//! Whatever else arrives on the way is worked on afterwards, in its order, and so is what ended the journey.

/// Looks into one connection's inbox.
pub type Look = Box<dyn Fn() -> bool + Send + Sync>;

/// All connections of a machine.
pub struct Interruptions(Vec<Look>);

impl Interruptions {
    /// Of these connections.
    pub fn new(looks: impl IntoIterator<Item = Look>) -> Self {
        Self(looks.into_iter().collect())
    }

    /// Whether somebody has had enough.
    pub fn any(&self) -> bool {
        self.0.iter().any(|look| look())
    }
}

/// Whether a person typed Ctrl-C, or a whole line that stops the machine or ends the emulator.
pub fn typed(bytes: &[u8]) -> bool {
    let mut lines = bytes.split_inclusive(|byte| matches!(byte, b'\r' | b'\n'));
    let whole = |line: &&[u8]| matches!(line.last(), Some(b'\r' | b'\n'));
    bytes.contains(&0x03) || lines.any(|line| whole(&line) && is_end(line.trim_ascii()))
}

fn is_end(line: &[u8]) -> bool {
    matches!(line, b"s" | b"stop" | b"q" | b"quit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        for (typed, ends) in [
            ("", false),
            ("\x03", true),
            ("info replay\r\x03", true),
            ("stop", false),
            ("stop\r", true),
            ("info replay\nquit\n", true),
            (" q \r\n", true),
            ("stopwatch\r", false),
            ("print 1\r", false),
        ] {
            assert_eq!(super::typed(typed.as_bytes()), ends, "{typed:?}");
        }
        let both = Interruptions::new([Box::new(|| false) as Look, Box::new(|| true)]);
        assert!(both.any());
        assert!(!Interruptions::new([]).any());
    }
}
