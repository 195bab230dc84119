//! Cuts a stream into JSON objects without keeping more than one, and that bounded.
//!
//! Only brackets and strings are looked at; whether it is JSON, the parser says. What cannot start an object is one
//! mistake up to the end of its line.

/// Longest message in bytes.
pub const MAX_MESSAGE: usize = 1 << 20;

/// A piece of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What has the brackets of an object.
    Message(Vec<u8>),
    /// Something else, or too long.
    Mistake(&'static str),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    /// Between messages.
    #[default]
    Nothing,
    Message,
    String,
    /// Behind a backslash.
    Escape,
    /// In what is no message, up to the end of its line.
    Junk,
    /// In a message that is too long.
    TooLong,
}

/// Cuts a stream.
#[derive(Debug, Default)]
pub struct Splitter {
    message: Vec<u8>,
    depth: usize,
    within: Within,
}

impl Splitter {
    /// Takes one byte.
    pub fn feed(&mut self, byte: u8) -> Option<Piece> {
        // What no JSON has: a client that wants to start anew sends it, as QEMU's do.
        if byte == 0xff {
            *self = Self::default();
            return None;
        }
        match self.within {
            Within::Nothing => match byte {
                b'{' => {
                    self.message.push(byte);
                    (self.depth, self.within) = (1, Within::Message);
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => {
                    self.within = Within::Junk;
                    return Some(Piece::Mistake("JSON parse error, expecting an object"));
                }
            },
            Within::Junk | Within::TooLong => {
                if byte == b'\n' {
                    self.within = Within::Nothing;
                }
            }
            Within::Message | Within::String | Within::Escape => return self.inside(byte),
        }
        None
    }

    fn inside(&mut self, byte: u8) -> Option<Piece> {
        if self.message.len() >= MAX_MESSAGE {
            self.message = Vec::new();
            self.within = Within::TooLong;
            return Some(Piece::Mistake("JSON message is too long"));
        }
        self.message.push(byte);
        match (self.within, byte) {
            (Within::Escape, _) | (Within::Message, b'"') => self.within = Within::String,
            (Within::String, b'\\') => self.within = Within::Escape,
            (Within::String, b'"') => self.within = Within::Message,
            (Within::Message, b'{' | b'[') => self.depth += 1,
            (Within::Message, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.within = Within::Nothing;
                    return Some(Piece::Message(std::mem::take(&mut self.message)));
                }
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let pieces = text.iter().filter_map(|&byte| splitter.feed(byte));
        pieces
            .map(|piece| match piece {
                Piece::Message(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Piece::Mistake(_) => "?".into(),
            })
            .collect()
    }

    #[test]
    #[rustfmt::skip]
    fn pieces() {
        for (text, expected) in [
            (&b"{}{ }"[..], &["{}", "{ }"][..]),
            (b"\r\n{\"a\":[{}]}\n{", &["{\"a\":[{}]}"]),
            (br#"{"}":"\"}{"}"#, &[r#"{"}":"\"}{"}"#]),
            (b"hello {}\n{}", &["?", "{}"]),
            (b"{\"a\": \xff{}", &["{}"]),
            (b"]]]\n", &["?"]),
            (b"{]", &["{]"]),
        ] {
            assert_eq!(split(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn long_messages_are_given_up() {
        let mut text = vec![b'{'; MAX_MESSAGE + 5];
        text.extend(b"\n{}");
        assert_eq!(split(&text), ["?", "{}"]);
    }
}
