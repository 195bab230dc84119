//! A TFTP server (RFC 1350, 2347 to 2349) for reading: files of one directory, for guests that boot over the network.
//!
//! The guest's acknowledgements drive it: each brings the next block, or the same again, so there are no timers.

use super::{Nat, frame};
use smoltcp::wire::IpProtocol;
use std::collections::VecDeque;
use std::fs::File;
use std::net::SocketAddrV4;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};

/// The server's port, from which it answers, too.
pub(super) const PORT: u16 = 69;
/// Transfers at the same time; the oldest makes way.
const SESSIONS: usize = 20;
/// Longest block: it fits a frame.
const BLOCK: usize = frame::MTU - frame::IP - 8 - 4;

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS: u16 = 6;

mod code {
    pub(super) const NOT_FOUND: u16 = 1;
    pub(super) const ACCESS: u16 = 2;
    pub(super) const ILLEGAL: u16 = 4;
}

struct Session {
    guest: SocketAddrV4,
    file: File,
    block_size: usize,
    /// Number of the block that was sent last; 0: the options.
    block: u64,
    /// Length of that block.
    sent: usize,
}

/// The transfers under way.
#[derive(Default)]
pub(super) struct Tftp(VecDeque<Session>);

/// The regular file at `name` below `root`, and nothing else, whatever links lead to.
fn open(root: &Path, name: &str) -> Result<File, (u16, &'static str)> {
    let not_found = (code::NOT_FOUND, "File not found");
    let name = Path::new(name.trim_start_matches('/'));
    if name.as_os_str().is_empty() || !name.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err((code::ACCESS, "Access violation"));
    }
    let root = root.canonicalize().map_err(|_| not_found)?;
    let path = root.join(name).canonicalize().map_err(|_| not_found)?;
    if !path.starts_with(&root) {
        return Err((code::ACCESS, "Access violation"));
    }
    // A pipe would be waited for.
    if !path.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err(not_found);
    }
    File::open(path).map_err(|_| (code::ACCESS, "Access violation"))
}

fn error(code: u16, text: &str) -> Vec<u8> {
    let mut packet = [ERROR.to_be_bytes(), code.to_be_bytes()].concat();
    packet.extend(text.as_bytes());
    packet.push(0);
    packet
}

impl Session {
    /// The block that is to be sent.
    fn data(&mut self) -> Option<Vec<u8>> {
        let mut packet = [DATA.to_be_bytes(), (self.block as u16).to_be_bytes()].concat();
        packet.resize(4 + self.block_size, 0);
        let offset = (self.block - 1).checked_mul(self.block_size as u64)?;
        let mut done = 0;
        while done < self.block_size {
            match self
                .file
                .read_at(&mut packet[4 + done..], offset + done as u64)
                .ok()?
            {
                0 => break,
                count => done += count,
            }
        }
        packet.truncate(4 + done);
        self.sent = done;
        Some(packet)
    }
}

impl Tftp {
    fn request(&mut self, root: &Path, guest: SocketAddrV4, rest: &[u8]) -> Vec<u8> {
        let texts: Option<Vec<&str>> = rest
            .strip_suffix(&[0])
            .unwrap_or(rest)
            .split(|&byte| byte == 0)
            .map(|text| std::str::from_utf8(text).ok())
            .collect();
        let Some([name, mode, options @ ..]) = texts.as_deref() else {
            return error(code::ILLEGAL, "Illegal request");
        };
        if !mode.eq_ignore_ascii_case("octet") {
            return error(code::ILLEGAL, "Unsupported transfer mode");
        }
        let file = match open(root, name) {
            Ok(file) => file,
            Err((code, text)) => return error(code, text),
        };
        let mut session = Session {
            guest,
            file,
            block_size: 512,
            block: 0,
            sent: 0,
        };
        let mut answer = OPTIONS.to_be_bytes().to_vec();
        let mut accept = |option: &str, value: u64| {
            answer.extend(option.as_bytes());
            answer.push(0);
            answer.extend(value.to_string().bytes());
            answer.push(0);
        };
        for option in options.chunks_exact(2).take(8) {
            if option[0].eq_ignore_ascii_case("tsize") {
                accept("tsize", session.file.metadata().map_or(0, |meta| meta.len()));
            } else if option[0].eq_ignore_ascii_case("blksize")
                && let Ok(size) = option[1].parse::<usize>()
                && size >= 8
            {
                session.block_size = size.min(BLOCK);
                accept("blksize", session.block_size as u64);
            }
        }
        if answer.len() == 2 {
            session.block = 1;
            match session.data() {
                Some(data) => answer = data,
                None => return error(0, "Read error"),
            }
        }
        self.0.push_back(session);
        answer
    }

    /// The answer to a packet.
    fn answer(&mut self, root: &Path, guest: SocketAddrV4, packet: &[u8]) -> Option<Vec<u8>> {
        let (kind, rest) = packet.split_first_chunk::<2>()?;
        let at = self.0.iter().position(|session| session.guest == guest);
        match u16::from_be_bytes(*kind) {
            READ => {
                if let Some(at) = at {
                    self.0.remove(at);
                }
                while self.0.len() >= SESSIONS {
                    self.0.pop_front();
                }
                Some(self.request(root, guest, rest))
            }
            WRITE => Some(error(code::ACCESS, "Access violation")),
            ACK => {
                let block = u16::from_be_bytes(*rest.first_chunk()?);
                let session = &mut self.0[at?];
                if block == session.block as u16 {
                    if session.block != 0 && session.sent < session.block_size {
                        self.0.remove(at?);
                        return None;
                    }
                    session.block += 1;
                } else if session.block == 0 || block != (session.block - 1) as u16 {
                    return None;
                }
                let data = session.data();
                if data.is_none() {
                    self.0.remove(at?);
                }
                Some(data.unwrap_or_else(|| error(0, "Read error")))
            }
            ERROR => {
                self.0.remove(at?);
                None
            }
            _ => Some(error(code::ILLEGAL, "Illegal operation")),
        }
    }
}

impl Nat {
    pub(super) fn tftp_from_guest(&mut self, guest: SocketAddrV4, packet: &[u8]) {
        let Some(root) = &self.config.tftp else { return };
        if let Some(answer) = self.tftp.answer(root, guest, packet) {
            let host = self.config.host;
            let datagram = frame::udp_datagram(SocketAddrV4::new(host, PORT), guest, &answer);
            self.send_ip(host, *guest.ip(), IpProtocol::Udp, &datagram);
        }
    }
}
