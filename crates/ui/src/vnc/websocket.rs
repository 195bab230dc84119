//! A stream inside a WebSocket, without its socket (RFC 6455): what a browser's noVNC speaks.
//!
//! Any path is accepted, and the `binary` subprotocol if it is offered: older clients insist on it, newer ones do not
//! know it. Framing is all a session needs of the protocol, so it is written out here.

use super::ProtocolError;
use super::sha1::{base64, sha1};

/// Appended to the client's key before it is hashed (RFC 6455, 1.3).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Handshakes that are longer are none.
const MOST_HEADER: usize = 16 << 10;
/// A client has little to say at once.
const MOST_FRAME: u64 = 1 << 20;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The state of one connection.
#[derive(Debug, Default)]
pub(super) struct WebSocket {
    open: bool,
    closed: bool,
    input: Vec<u8>,
}

/// The answer to a handshake's key.
fn accept(key: &str) -> String {
    base64(&sha1(format!("{key}{MAGIC}").as_bytes()))
}

impl WebSocket {
    /// Whether the handshake is done: before that nothing may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the peer has said goodbye.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes bytes from the peer. What they carry is appended to `data`, what the protocol itself has to answer to
    /// `reply`.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        data: &mut Vec<u8>,
        reply: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        self.input.extend(bytes);
        if !self.open {
            let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") else {
                return if self.input.len() > MOST_HEADER {
                    Err(ProtocolError::TooLong)
                } else {
                    Ok(())
                };
            };
            let header: Vec<u8> = self.input.drain(..end + 4).collect();
            reply.extend(handshake(&header)?.bytes());
            self.open = true;
        }
        let mut at = 0;
        while !self.closed
            && let Some(len) = self.frame(at, data, reply)?
        {
            at += len;
        }
        self.input.drain(..at);
        Ok(())
    }

    /// Takes the frame at `at`; its length, if it is all there.
    fn frame(
        &mut self,
        at: usize,
        data: &mut Vec<u8>,
        reply: &mut Vec<u8>,
    ) -> Result<Option<usize>, ProtocolError> {
        let input = &self.input[at..];
        let [first, second, ..] = *input else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(ProtocolError::WebSocket("extension that was not agreed"));
        }
        if second & 0x80 == 0 {
            return Err(ProtocolError::WebSocket("a client's frames are masked"));
        }
        let (len, head) = match second & 0x7f {
            126 => (
                input
                    .get(2..4)
                    .map(|bytes| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))),
                4,
            ),
            127 => (
                input
                    .get(2..10)
                    .map(|bytes| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))),
                10,
            ),
            len => (Some(len.into()), 2),
        };
        let Some(len) = len else {
            return Ok(None);
        };
        if len > MOST_FRAME {
            return Err(ProtocolError::TooLong);
        }
        let (start, end) = (head + 4, head + 4 + len as usize);
        let Some(payload) = input.get(start..end) else {
            return Ok(None);
        };
        let mask = &input[head..start];
        let payload = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask);
        match first & 0x0f {
            CONTINUATION | BINARY => data.extend(payload),
            TEXT => return Err(ProtocolError::WebSocket("text where bytes are expected")),
            PING if len < 126 => put(PONG, &payload.collect::<Vec<_>>(), reply),
            PONG => {}
            CLOSE => {
                put(CLOSE, &[], reply);
                self.closed = true;
            }
            _ => return Err(ProtocolError::WebSocket("unknown kind of frame")),
        }
        Ok(Some(end))
    }
}

/// Appends a frame to the client.
fn put(kind: u8, payload: &[u8], to: &mut Vec<u8>) {
    to.push(0x80 | kind);
    match payload.len() {
        len @ ..126 => to.push(len as u8),
        len @ ..0x1_0000 => {
            to.push(126);
            to.extend((len as u16).to_be_bytes());
        }
        len => {
            to.push(127);
            to.extend((len as u64).to_be_bytes());
        }
    }
    to.extend(payload);
}

/// Appends `data` as it goes to the client.
pub(super) fn wrap(data: &[u8], to: &mut Vec<u8>) {
    put(BINARY, data, to);
}

/// The answer to a request.
fn handshake(header: &[u8]) -> Result<String, ProtocolError> {
    let text = std::str::from_utf8(header).map_err(|_| ProtocolError::WebSocket("the request is no text"))?;
    if !text.starts_with("GET ") {
        return Err(ProtocolError::WebSocket("the request is no GET"));
    }
    let field = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
    };
    let upgrade = field("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let (Some(key), true) = (field("Sec-WebSocket-Key"), upgrade) else {
        return Err(ProtocolError::WebSocket("no upgrade is asked for"));
    };
    let offered = field("Sec-WebSocket-Protocol").unwrap_or("");
    let binary = offered.split(',').any(|protocol| protocol.trim() == "binary");
    let protocol = if binary {
        "Sec-WebSocket-Protocol: binary\r\n"
    } else {
        ""
    };
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{protocol}\r\n",
        accept(key)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REQUEST: &str = "GET /websockify HTTP/1.1\r\nHost: x\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, binary\r\n\r\n";

    fn opened() -> WebSocket {
        let mut socket = WebSocket::default();
        socket
            .receive(REQUEST.as_bytes(), &mut Vec::new(), &mut Vec::new())
            .expect("a handshake");
        socket
    }

    #[test]
    fn the_handshake_of_the_standard() {
        let (mut socket, mut data, mut reply) = (WebSocket::default(), Vec::new(), Vec::new());
        let (first, rest) = REQUEST.as_bytes().split_at(40);
        socket.receive(first, &mut data, &mut reply).expect("half of it");
        assert!(!socket.is_open() && reply.is_empty());
        socket.receive(rest, &mut data, &mut reply).expect("all of it");
        let reply = String::from_utf8(reply).expect("text");
        assert!(socket.is_open());
        assert!(reply.starts_with("HTTP/1.1 101 "));
        assert!(reply.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(reply.contains("Sec-WebSocket-Protocol: binary\r\n"));
    }

    #[test]
    fn frames() {
        let (mut socket, mut data, mut reply) = (opened(), Vec::new(), Vec::new());
        // The masked "Hello" of RFC 6455, 5.7, in binary; an empty ping; goodbye.
        let hello = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        for byte in hello {
            socket.receive(&[byte], &mut data, &mut reply).expect("a frame");
        }
        assert_eq!(data, b"Hello");
        socket
            .receive(
                &[0x89, 0x80, 0, 0, 0, 0, 0x88, 0x80, 0, 0, 0, 0],
                &mut data,
                &mut reply,
            )
            .expect("frames");
        assert_eq!(reply, [0x8a, 0, 0x88, 0]);
        assert!(socket.is_closed());
    }

    #[test]
    fn lengths_of_frames() {
        for (len, head) in [(5, 2), (126, 4), (0xffff, 4), (0x1_0000, 10)] {
            let mut frame = Vec::new();
            wrap(&vec![7; len], &mut frame);
            assert_eq!(frame.len(), len + head);
        }
    }

    #[test]
    fn what_is_refused() {
        let refused = |bytes: &[u8]| opened().receive(bytes, &mut Vec::new(), &mut Vec::new()).is_err();
        assert!(refused(&[0x82, 0x01, 0]), "not masked");
        assert!(refused(&[0x81, 0x80, 0, 0, 0, 0]), "text");
        assert!(
            refused(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            "endless"
        );
        let mut plain = WebSocket::default();
        assert!(
            plain
                .receive(b"GET / HTTP/1.1\r\n\r\n", &mut Vec::new(), &mut Vec::new())
                .is_err()
        );
        let mut long = WebSocket::default();
        assert!(
            long.receive(&[b'a'; 20_000], &mut Vec::new(), &mut Vec::new())
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut socket = opened();
            let mut data = Vec::new();
            let _ = socket.receive(&bytes, &mut data, &mut Vec::new());
            prop_assert!(data.len() <= bytes.len());
        }
    }
}
