//! One client of the VNC server, without its socket: bytes in, bytes and input events out.
//!
//! A client asks for each update; it gets one when the screen is not what it has, and when everything that was sent to
//! it before is on its way. So a slow client sees fewer pictures, never old ones, and nothing piles up for it.

use super::damage::Damage;
use super::encode::{Encoder, Rect, head};
use super::pixel::{PixelFormat, colour_map};
use super::pointer::Pointer;
use super::spec::{self, client, encoding, security, server};
use super::typist::Typist;
use super::{ProtocolError, cursor, des};
use crate::keys::Layout;
use hw_core::{InputEvent, Surface};

/// Who may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    #[default]
    None,
    /// Whoever knows the password; while there is none, nobody.
    Password(Option<String>),
}

/// What a session needs to know from the start.
#[derive(Clone, Debug, Default)]
pub struct SessionConfig {
    /// Name of the machine.
    pub name: String,
    /// Who may come in.
    pub auth: Auth,
    /// The layout of the guest.
    pub layout: Layout,
}

/// What a session has to say to its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The client is in, and would share (or would rather be alone).
    Entered {
        /// Whether others may stay.
        shared: bool,
    },
    /// Somebody did something; the parts belong together.
    Input(Vec<InputEvent>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Version,
    Security,
    Response,
    Init,
    Ready,
    /// What is queued is the last there is.
    Over,
}

/// What a client wants to see.
#[derive(Clone, Copy, Debug)]
struct Request {
    rect: Rect,
}

/// Extensions a client has announced.
#[derive(Clone, Copy, Debug, Default)]
struct Extensions {
    desktop_size: bool,
    extended_desktop_size: bool,
    pointer_type: bool,
}

/// News that are sent as rectangles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Cursor,
    ExtendedKey,
    Pointer,
    /// Size, with reason and status.
    Desktop(u16, u16),
}

/// Encodings a client lists, at most.
const MOST_ENCODINGS: usize = 1024;
/// Clipboards are dropped; longer ones end the session.
const MOST_TEXT: u32 = 64 << 20;
/// Pixels of one update, about: the rest comes with the next.
const MOST_PIXELS: usize = 2 << 20;

/// One client.
pub struct Session {
    config: SessionConfig,
    challenge: [u8; 16],
    phase: Phase,
    /// Minor version, 3 to 8.
    version: u32,
    input: Vec<u8>,
    /// Bytes of a message that are of no interest.
    skip: u64,
    output: Vec<u8>,
    encoder: Encoder,
    extensions: Extensions,
    news: Vec<News>,
    damage: Damage,
    request: Option<Request>,
    absolute: bool,
    typist: Typist,
    pointer: Pointer,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) << 16 | u32::from(word(bytes, at + 2))
}

impl Session {
    /// A client that has just connected, to a screen of this size. `challenge` is 16 bytes nobody can guess.
    pub fn new(config: SessionConfig, challenge: [u8; 16], (width, height): (usize, usize)) -> Self {
        Self {
            typist: Typist::new(config.layout),
            config,
            challenge,
            phase: Phase::Version,
            version: 8,
            input: Vec::new(),
            skip: 0,
            output: spec::VERSION.to_vec(),
            encoder: Encoder::default(),
            extensions: Extensions::default(),
            news: Vec::new(),
            damage: Damage::new(width.clamp(1, 16_384), height.clamp(1, 16_384)),
            request: None,
            absolute: true,
            pointer: Pointer::default(),
        }
    }

    /// Bytes for the client, to be taken away as they are sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether nothing is to come but what is queued.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether an update would be sent if the screen changed.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Ready && self.request.is_some()
    }

    /// The machine's pointer has positions from now on, or movements.
    pub fn set_absolute(&mut self, absolute: bool) {
        if std::mem::replace(&mut self.absolute, absolute) != absolute {
            self.pointer.forget();
            // What it says is what holds when it is sent.
            if self.extensions.pointer_type && !self.news.contains(&News::Pointer) {
                self.news.push(News::Pointer);
            }
        }
    }

    /// Lets go of every key and button: the client is leaving.
    pub fn release(&mut self) -> Vec<InputEvent> {
        let mut events = self.typist.release();
        events.extend(self.pointer.release());
        events
    }

    /// Turns the client away, saying why if it can be told.
    pub fn refuse(&mut self, reason: &str) {
        if self.version >= 8 {
            self.output.extend((reason.len() as u32).to_be_bytes());
            self.output.extend(reason.as_bytes());
        }
        self.phase = Phase::Over;
    }

    /// Takes what the client has sent.
    ///
    /// # Errors
    /// It does not speak the protocol; what remains is to hang up.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<SessionEvent>, ProtocolError> {
        let mut events = Vec::new();
        loop {
            let skipped = self.skip.min(bytes.len() as u64);
            self.skip -= skipped;
            bytes = &bytes[skipped as usize..];
            if self.skip > 0 || self.phase == Phase::Over {
                return Ok(events);
            }
            self.input.extend(bytes);
            bytes = &[];
            // Taken out to be read while the rest of the session changes.
            let input = std::mem::take(&mut self.input);
            let mut at = 0;
            while self.phase != Phase::Over && self.skip == 0 {
                match self.message(&input[at..], &mut events)? {
                    Some(len) => at += len,
                    None => break,
                }
            }
            let skipped = self.skip.min((input.len() - at) as u64);
            self.skip -= skipped;
            at += skipped as usize;
            self.input = input[at..].to_vec();
            if skipped == 0 || self.skip > 0 {
                return Ok(events);
            }
        }
    }

    /// Takes the message at the beginning of `input`; its length, if it is all there.
    fn message(
        &mut self,
        input: &[u8],
        events: &mut Vec<SessionEvent>,
    ) -> Result<Option<usize>, ProtocolError> {
        let have = |len: usize| input.len() >= len;
        let len = match self.phase {
            Phase::Version => 12,
            Phase::Security | Phase::Init => 1,
            Phase::Response => 16,
            Phase::Over => return Ok(None),
            Phase::Ready => return self.request(input, events),
        };
        if !have(len) {
            return Ok(None);
        }
        match self.phase {
            Phase::Version => self.greet(&input[..12])?,
            Phase::Security => self.choose(input[0])?,
            Phase::Response => self.check(&input[..16]),
            _ => {
                self.welcome();
                events.push(SessionEvent::Entered {
                    shared: input[0] != 0,
                });
            }
        }
        Ok(Some(len))
    }

    fn security(&self) -> u8 {
        match self.config.auth {
            Auth::None => security::NONE,
            Auth::Password(_) => security::VNC,
        }
    }

    fn greet(&mut self, line: &[u8]) -> Result<(), ProtocolError> {
        let minor = line
            .strip_prefix(b"RFB 003.")
            .and_then(|rest| rest.strip_suffix(b"\n"))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<u32>().ok())
            .ok_or(ProtocolError::Version)?;
        // Whatever is between the three versions there are is the one below.
        self.version = match minor {
            ..=6 => 3,
            7 => 7,
            8.. => 8,
        };
        if self.version == 3 {
            self.output.extend(u32::from(self.security()).to_be_bytes());
            return self.choose(self.security());
        }
        self.output.extend([1, self.security()]);
        self.phase = Phase::Security;
        Ok(())
    }

    fn choose(&mut self, choice: u8) -> Result<(), ProtocolError> {
        if choice != self.security() {
            return Err(ProtocolError::Security);
        }
        if choice == security::VNC {
            self.output.extend(self.challenge);
            self.phase = Phase::Response;
        } else {
            if self.version == 8 {
                self.output.extend(0u32.to_be_bytes());
            }
            self.phase = Phase::Init;
        }
        Ok(())
    }

    fn check(&mut self, answer: &[u8]) {
        let right = match &self.config.auth {
            Auth::Password(Some(password)) => des::response(password, &self.challenge) == answer,
            Auth::Password(None) => false,
            Auth::None => true,
        };
        self.output.extend(u32::from(!right).to_be_bytes());
        if right {
            self.phase = Phase::Init;
        } else {
            self.refuse("Authentication failed");
        }
    }

    fn welcome(&mut self) {
        let (width, height) = self.damage.size();
        self.output.extend((width as u16).to_be_bytes());
        self.output.extend((height as u16).to_be_bytes());
        self.output.extend(PixelFormat::default().bytes());
        self.output.extend((self.config.name.len() as u32).to_be_bytes());
        self.output.extend(self.config.name.as_bytes());
        self.phase = Phase::Ready;
    }

    /// A message of a client that is in.
    fn request(
        &mut self,
        input: &[u8],
        events: &mut Vec<SessionEvent>,
    ) -> Result<Option<usize>, ProtocolError> {
        let Some(&kind) = input.first() else {
            return Ok(None);
        };
        // The fixed part, then what its fields add.
        let fixed = match kind {
            client::SET_PIXEL_FORMAT => 20,
            client::SET_ENCODINGS => 4,
            client::UPDATE_REQUEST => 10,
            client::KEY | client::CUT_TEXT | client::SET_DESKTOP_SIZE => 8,
            client::POINTER => 6,
            client::QEMU => 2,
            other => return Err(ProtocolError::Message(other)),
        };
        if input.len() < fixed {
            return Ok(None);
        }
        let len = match kind {
            client::SET_ENCODINGS => {
                let count = usize::from(word(input, 2));
                if count > MOST_ENCODINGS {
                    return Err(ProtocolError::TooLong);
                }
                4 + 4 * count
            }
            client::SET_DESKTOP_SIZE => 8 + 16 * usize::from(input[6]),
            client::QEMU if input[1] == 0 => 12,
            client::QEMU => return Err(ProtocolError::Message(kind)),
            _ => fixed,
        };
        if input.len() < len {
            return Ok(None);
        }
        match kind {
            client::SET_PIXEL_FORMAT => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&input[4..20]);
                self.encoder.format = PixelFormat::read(&bytes)?;
                if !self.encoder.format.true_colour {
                    self.output.extend(colour_map());
                }
            }
            client::SET_ENCODINGS => {
                let encodings: Vec<i32> = input[4..len]
                    .chunks_exact(4)
                    .map(|at| long(at, 0) as i32)
                    .collect();
                self.set_encodings(&encodings);
            }
            client::UPDATE_REQUEST => {
                let rect = Rect {
                    x: word(input, 2).into(),
                    y: word(input, 4).into(),
                    width: word(input, 6).into(),
                    height: word(input, 8).into(),
                };
                if input[1] == 0 {
                    self.damage.spoil(rect);
                }
                self.request = Some(Request { rect });
            }
            client::KEY => {
                let input = self.typist.key(long(input, 4), None, input[1] != 0);
                events.push(SessionEvent::Input(input));
            }
            client::QEMU => {
                let input = self
                    .typist
                    .key(long(input, 4), Some(long(input, 8)), word(input, 2) != 0);
                events.push(SessionEvent::Input(input));
            }
            client::POINTER => {
                let at = (word(input, 2), word(input, 4));
                let told = self.extensions.pointer_type;
                let input = self
                    .pointer
                    .moved(input[1], at, self.damage.size(), self.absolute, told);
                events.push(SessionEvent::Input(input));
            }
            client::CUT_TEXT => {
                // The guest has no clipboard. A negative length is that of the extended form.
                let len = long(input, 4) as i32;
                if len.unsigned_abs() > MOST_TEXT {
                    return Err(ProtocolError::TooLong);
                }
                self.skip = len.unsigned_abs().into();
            }
            _ => {
                // The guest's size is the guest's: prohibited.
                let request = 1;
                self.news.push(News::Desktop(request, 1));
            }
        }
        events.retain(|event| *event != SessionEvent::Input(Vec::new()));
        Ok(Some(len))
    }

    fn set_encodings(&mut self, encodings: &[i32]) {
        let has = |encoding| encodings.contains(&encoding);
        self.encoder.encoding = encodings
            .iter()
            .copied()
            .find(|&encoding| Encoder::knows(encoding))
            .unwrap_or(encoding::RAW);
        if let Some(level) = encodings
            .iter()
            .find(|level| (0..10).contains(&(**level - encoding::LEVEL_0)))
        {
            self.encoder.level = (level - encoding::LEVEL_0) as u32;
        }
        let before = self.extensions;
        self.extensions = Extensions {
            desktop_size: has(encoding::DESKTOP_SIZE),
            extended_desktop_size: has(encoding::EXTENDED_DESKTOP_SIZE),
            pointer_type: has(encoding::POINTER_TYPE),
        };
        self.news.retain(|news| matches!(news, News::Desktop(..)));
        if has(encoding::CURSOR) {
            self.news.push(News::Cursor);
        }
        if has(encoding::EXTENDED_KEY) {
            self.news.push(News::ExtendedKey);
        }
        if self.extensions.pointer_type {
            self.news.push(News::Pointer);
        }
        // A client learns that the server knows of it by its first size.
        if self.extensions.extended_desktop_size && !before.extended_desktop_size {
            self.news.push(News::Desktop(0, 0));
        }
    }

    /// Queues an update if the client has asked for one, has everything that was sent before, and would see something
    /// new. True if one was queued.
    pub fn update(&mut self, screen: &Surface) -> bool {
        let Some(request) = self.request else {
            return false;
        };
        if self.phase != Phase::Ready || !self.output.is_empty() || screen.pixels.is_empty() {
            return false;
        }
        let mut rects = Vec::new();
        let resizable = self.extensions.desktop_size || self.extensions.extended_desktop_size;
        let resized = resizable && (screen.width, screen.height) != self.damage.size();
        if resized {
            self.damage = Damage::new(screen.width, screen.height);
            self.news.retain(|news| !matches!(news, News::Desktop(0, _)));
            self.news.push(News::Desktop(0, 0));
            self.pointer.forget();
        }
        let mut count = 0;
        for news in std::mem::take(&mut self.news) {
            count += self.put_news(news, &mut rects);
        }
        // The client draws into the new size only when it has heard of it.
        if !resized {
            for rect in self.damage.update(screen, request.rect, MOST_PIXELS) {
                count += self.encoder.rect(self.damage.picture(), rect, &mut rects);
            }
        }
        if count == 0 {
            return false;
        }
        self.request = None;
        self.output.extend([server::UPDATE, 0]);
        // Tiles are so large that the largest picture has no more.
        self.output.extend((count.min(0xffff) as u16).to_be_bytes());
        self.output.append(&mut rects);
        true
    }

    /// Appends news; how many rectangles that are.
    fn put_news(&self, news: News, to: &mut Vec<u8>) -> usize {
        let (width, height) = self.damage.size();
        let rect = |x: u16, y: u16| Rect {
            x: x.into(),
            y: y.into(),
            width,
            height,
        };
        match news {
            News::Cursor => cursor::put(&self.encoder.format, to),
            News::ExtendedKey => head(rect(0, 0), encoding::EXTENDED_KEY, to),
            News::Pointer => head(rect(self.absolute.into(), 0), encoding::POINTER_TYPE, to),
            News::Desktop(reason, status) if self.extensions.extended_desktop_size => {
                head(rect(reason, status), encoding::EXTENDED_DESKTOP_SIZE, to);
                // One screen, number 0, over everything.
                to.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                to.extend((width as u16).to_be_bytes());
                to.extend((height as u16).to_be_bytes());
                to.extend([0; 4]);
            }
            News::Desktop(0, _) => head(rect(0, 0), encoding::DESKTOP_SIZE, to),
            News::Desktop(..) => return 0,
        }
        1
    }
}

#[cfg(test)]
mod tests;
