//! The multiplexer's keys: Ctrl-A, then one more. Pure: bytes in, actions out.

/// The first byte of every command: Ctrl-A.
pub(super) const ESCAPE: u8 = 0x01;

/// What a key press means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Input for the frontend in focus.
    Byte(u8),
    /// The first half of a command, or an unknown command: nothing.
    Nothing,
    Help,
    Exit,
    Break,
    Switch,
    Timestamps,
}

/// Remembers whether the last byte was the escape.
#[derive(Debug, Default)]
pub(super) struct Keys {
    escaped: bool,
}

impl Keys {
    pub(super) fn press(&mut self, byte: u8) -> Action {
        if !std::mem::take(&mut self.escaped) {
            self.escaped = byte == ESCAPE;
            return if self.escaped {
                Action::Nothing
            } else {
                Action::Byte(byte)
            };
        }
        match byte {
            ESCAPE => Action::Byte(ESCAPE),
            b'h' | b'?' => Action::Help,
            b'x' => Action::Exit,
            b'b' => Action::Break,
            b'c' => Action::Switch,
            b't' => Action::Timestamps,
            _ => Action::Nothing,
        }
    }
}

/// What Ctrl-A h prints.
pub(super) const HELP: &str = "\r
C-a h    print this help\r
C-a x    exit the emulator\r
C-a b    send a break (magic sysrq)\r
C-a c    switch between console and monitor\r
C-a t    timestamps on or off\r
C-a C-a  send C-a\r
";

#[cfg(test)]
mod tests {
    use super::Action::{Break, Byte, Exit, Help, Nothing, Switch, Timestamps};
    use super::*;

    #[test]
    fn keys() {
        let cases: &[(&[u8], &[Action])] = &[
            (b"ab", &[Byte(b'a'), Byte(b'b')]),
            (b"\x03", &[Byte(3)]),
            (b"\x01h\x01?", &[Nothing, Help, Nothing, Help]),
            (b"\x01xx", &[Nothing, Exit, Byte(b'x')]),
            (
                b"\x01b\x01c\x01t",
                &[Nothing, Break, Nothing, Switch, Nothing, Timestamps],
            ),
            (b"\x01\x01h", &[Nothing, Byte(1), Byte(b'h')]),
            (b"\x01qx", &[Nothing, Nothing, Byte(b'x')]),
            (b"\x01\x03\x03", &[Nothing, Nothing, Byte(3)]),
        ];
        for (keys, actions) in cases {
            let mut state = Keys::default();
            assert_eq!(
                keys.iter().map(|&key| state.press(key)).collect::<Vec<_>>(),
                *actions,
                "{keys:?}"
            );
        }
    }
}
