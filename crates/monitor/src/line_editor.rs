//! A line editor without I/O: typed bytes in, terminal bytes and finished lines out.
//!
//! Keys: arrows, Home, End, Delete, Backspace, Ctrl-A/E/B/F/K/U/W/L/C, history by Up/Down, Tab. The terminal is any
//! that understands carriage return and `ESC [ K`.

/// Longest line; further typing is ignored.
const MAX_LINE: usize = 1024;
/// Lines of history kept.
const MAX_HISTORY: usize = 100;

/// What a byte led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Show these bytes.
    Echo(Vec<u8>),
    /// A finished line.
    Line(String),
    /// Tab: complete the line up to the cursor.
    Complete(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Started,
    /// Inside `ESC [`, with the number read so far.
    Bracket(u8),
}

/// The line being typed.
#[derive(Debug, Default)]
pub struct LineEditor {
    line: String,
    /// Byte position in `line`; lines are ASCII.
    cursor: usize,
    history: Vec<String>,
    /// Position in `history` while going through it.
    recalled: Option<usize>,
    /// The unfinished line that history recall replaced.
    draft: String,
    escape: Escape,
}

impl LineEditor {
    /// Takes one byte; `prompt` is what stands in front of the line.
    pub fn feed(&mut self, byte: u8, prompt: &str) -> Event {
        match (self.escape, byte) {
            (Escape::None, _) => self.key(byte, prompt),
            (Escape::Started, b'[' | b'O') => self.escaped(Escape::Bracket(0)),
            (Escape::Started, _) => self.escaped(Escape::None),
            (Escape::Bracket(n), b'0'..=b'9') => {
                self.escaped(Escape::Bracket(n.wrapping_mul(10).wrapping_add(byte - b'0')))
            }
            (Escape::Bracket(n), _) => {
                self.escape = Escape::None;
                self.bracket_key(byte, n);
                self.redraw(prompt)
            }
        }
    }

    fn escaped(&mut self, state: Escape) -> Event {
        self.escape = state;
        Event::Echo(Vec::new())
    }

    fn bracket_key(&mut self, byte: u8, number: u8) {
        match (byte, number) {
            (b'A', _) => self.recall(-1),
            (b'B', _) => self.recall(1),
            (b'C', _) => self.cursor = (self.cursor + 1).min(self.line.len()),
            (b'D', _) => self.cursor = self.cursor.saturating_sub(1),
            (b'H', _) | (b'~', 1 | 7) => self.cursor = 0,
            (b'F', _) | (b'~', 4 | 8) => self.cursor = self.line.len(),
            (b'~', 3) => self.delete(),
            _ => {}
        }
    }

    fn key(&mut self, byte: u8, prompt: &str) -> Event {
        const fn ctrl(letter: u8) -> u8 {
            letter & 0x1f
        }
        const ESC: u8 = 27;
        const DEL: u8 = 127;
        const A: u8 = ctrl(b'A');
        const B: u8 = ctrl(b'B');
        const C: u8 = ctrl(b'C');
        const D: u8 = ctrl(b'D');
        const E: u8 = ctrl(b'E');
        const F: u8 = ctrl(b'F');
        const H: u8 = ctrl(b'H');
        const K: u8 = ctrl(b'K');
        const L: u8 = ctrl(b'L');
        const N: u8 = ctrl(b'N');
        const P: u8 = ctrl(b'P');
        const U: u8 = ctrl(b'U');
        const W: u8 = ctrl(b'W');
        match byte {
            b'\r' | b'\n' => return Event::Line(self.take_line()),
            b'\t' => return Event::Complete(self.line[..self.cursor].to_owned()),
            ESC => return self.escaped(Escape::Started),
            A => self.cursor = 0,
            E => self.cursor = self.line.len(),
            B => self.cursor = self.cursor.saturating_sub(1),
            F => self.cursor = (self.cursor + 1).min(self.line.len()),
            C => self.replace(String::new()),
            D => self.delete(),
            H | DEL => {
                if self.cursor > 0 {
                    self.cursor -= 1;
                    self.line.remove(self.cursor);
                }
            }
            K => self.line.truncate(self.cursor),
            U => {
                self.line.drain(..self.cursor);
                self.cursor = 0;
            }
            W => {
                let kept = self.line[..self.cursor].trim_end();
                let start = kept.rfind(' ').map_or(0, |space| space + 1);
                self.line.drain(start..self.cursor);
                self.cursor = start;
            }
            L => {}
            P => self.recall(-1),
            N => self.recall(1),
            b' '..=b'~' => {
                if self.line.len() < MAX_LINE {
                    self.line.insert(self.cursor, char::from(byte));
                    self.cursor += 1;
                    if self.cursor == self.line.len() {
                        return Event::Echo(vec![byte]);
                    }
                }
            }
            _ => return Event::Echo(Vec::new()),
        }
        self.redraw(prompt)
    }

    fn delete(&mut self) {
        if self.cursor < self.line.len() {
            self.line.remove(self.cursor);
        }
    }

    fn replace(&mut self, line: String) {
        self.cursor = line.len();
        self.line = line;
    }

    fn take_line(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        self.cursor = 0;
        self.recalled = None;
        if !line.trim().is_empty() && self.history.last() != Some(&line) {
            self.history.push(line.clone());
            if self.history.len() > MAX_HISTORY {
                self.history.remove(0);
            }
        }
        line
    }

    fn recall(&mut self, step: isize) {
        let here = self.recalled.unwrap_or(self.history.len());
        let Some(there) = here.checked_add_signed(step).filter(|&i| i <= self.history.len()) else {
            return;
        };
        if self.recalled.is_none() {
            self.draft = self.line.clone();
        }
        let at_draft = there == self.history.len();
        self.recalled = (!at_draft).then_some(there);
        self.replace(if at_draft {
            self.draft.clone()
        } else {
            self.history[there].clone()
        });
    }

    /// Extends the line by what all `candidates` (whole words for the last word) share; lists them if that is
    /// nothing new. Returns what to show.
    pub fn complete(&mut self, candidates: &[&str], prompt: &str) -> Vec<u8> {
        let word_start = self.line[..self.cursor].rfind(' ').map_or(0, |space| space + 1);
        let typed = self.cursor - word_start;
        let Some(first) = candidates.first() else {
            return vec![7];
        };
        let shared = candidates.iter().fold(first.len(), |n, other| {
            first
                .bytes()
                .zip(other.bytes())
                .take(n)
                .take_while(|(a, b)| a == b)
                .count()
        });
        let mut addition = first.get(typed..shared).unwrap_or("").to_owned();
        if candidates.len() == 1 {
            addition.push(' ');
        }
        let mut shown = Vec::new();
        if addition.is_empty() {
            shown.extend(format!("\r\n{}\r\n", candidates.join("  ")).bytes());
        }
        self.line.insert_str(self.cursor, &addition);
        self.cursor += addition.len();
        if let Event::Echo(bytes) = self.redraw(prompt) {
            shown.extend(bytes);
        }
        shown
    }

    fn redraw(&self, prompt: &str) -> Event {
        let back = self.line.len() - self.cursor;
        let mut shown = format!("\r{prompt}{}\x1b[K", self.line);
        if back > 0 {
            shown.push_str(&format!("\x1b[{back}D"));
        }
        Event::Echo(shown.into_bytes())
    }
}
