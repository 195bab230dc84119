//! A web server on loopback, as a guest's user network sees it at 10.0.2.2.
//!
//! `/payload` is a file of numbers that no two places have in common; everything else is remembered and answered with a
//! script of one line, so that firmware without a console can say where it got to.

use crate::images::tool;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Size of what guests download.
const PAYLOAD: usize = 16 << 20;

/// The server; it serves until the process ends.
pub struct Server {
    port: u16,
    sum: String,
    asked: Receiver<String>,
}

impl Server {
    /// Starts it; the payload is also written into `place`, for its checksum.
    ///
    /// # Errors
    /// No port, or no `sha256sum`.
    pub fn start(place: &Path) -> Result<Self> {
        let payload = payload();
        let file = place.join("payload");
        std::fs::write(&file, &payload)?;
        let sum = tool(Command::new("sha256sum").arg(&file))?;
        let sum = sum.split_whitespace().next().context("a checksum")?.to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening on loopback")?;
        let port = listener.local_addr()?.port();
        let (sender, asked) = channel();
        let payload: &'static [u8] = payload.leak();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                // A guest that goes away in the middle is its row's failure, not the server's.
                std::thread::spawn(move || answer(stream, payload, &sender));
            }
        });
        Ok(Self { port, sum, asked })
    }

    /// What a guest on the user network asks for to get `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://10.0.2.2:{}/{path}", self.port)
    }

    /// SHA-256 of the payload.
    pub fn sum(&self) -> &str {
        &self.sum
    }

    /// Forgets what was asked for until now.
    pub fn forget(&self) {
        while self.asked.try_recv().is_ok() {}
    }

    /// Waits for a path to be asked for; none within `limit`: nothing.
    pub fn wait(&self, limit: Duration) -> Option<String> {
        self.asked.recv_timeout(limit).ok()
    }
}

fn answer(mut stream: TcpStream, payload: &[u8], asked: &Sender<String>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let path = request.split(' ').nth(1)?;
    let body: &[u8] = if path == "/payload" {
        payload
    } else {
        asked.send(path.to_owned()).ok()?;
        b"#!ipxe\necho the server answered\n"
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}

/// xorshift64 numbers.
fn payload() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..PAYLOAD / 8)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect()
}
