//! The host's end of a connection: bytes into it, bytes out of it, its end and its failures.

use super::super::Nat;
use super::{Connection, MSS, Phase, TIME_WAIT};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

/// Reads in one turn at most, so that others get theirs.
const READS: usize = 4;

/// What became of the host's end.
pub(super) enum Fate {
    Well,
    Broken,
}

/// Gives the host what it takes of what waits for it.
fn flush(connection: &mut Connection) -> Fate {
    let Some(socket) = &connection.socket else {
        return Fate::Well;
    };
    let rx = &mut connection.rx;
    while !rx.ring.is_empty() {
        match send(socket, rx.ring.slices().0, SendFlags::NOSIGNAL) {
            Ok(count) => rx.ring.consume(count),
            Err(Errno::AGAIN) => break,
            Err(Errno::INTR) => {}
            Err(_) => return Fate::Broken,
        }
    }
    if rx.ring.is_empty() && rx.fin && !rx.shut {
        rx.shut = true;
        let _ = shutdown(socket, Shutdown::Write);
    }
    // Room is worth a word when the guest could soon use it.
    let edge = rx.nxt.wrapping_add(rx.ring.room() as u32);
    let opened = edge.wrapping_sub(rx.edge);
    let left = rx.edge.wrapping_sub(rx.nxt);
    if opened >= 2 * u32::from(MSS) && opened < 1 << 30 && left < super::ROOM as u32 / 2 {
        rx.owed = rx.owed.max(1);
    }
    Fate::Well
}

/// Takes what the host has, as far as there is room.
fn fill(connection: &mut Connection) -> Fate {
    let Some(socket) = &connection.socket else {
        return Fate::Well;
    };
    let tx = &mut connection.tx;
    for _ in 0..READS {
        if tx.eof || tx.ring.room() == 0 {
            break;
        }
        match rustix::io::read(socket, tx.ring.writable()) {
            Ok(0) => tx.eof = true,
            Ok(count) => tx.ring.commit(count),
            Err(Errno::AGAIN) => break,
            Err(Errno::INTR) => {}
            Err(_) => return Fate::Broken,
        }
    }
    Fate::Well
}

impl Nat {
    /// The host's socket is ready for something, or has failed.
    pub(in super::super) fn tcp_ready(&mut self, id: u64) {
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        match connection.phase {
            Phase::Connecting => return self.tcp_connected(id),
            Phase::Open => {}
            _ => return,
        }
        let fate = match flush(connection) {
            Fate::Well => fill(connection),
            Fate::Broken => Fate::Broken,
        };
        self.tcp_settle(id, fate);
    }

    /// Gives the host what a batch of frames brought for it.
    pub(in super::super) fn tcp_flush(&mut self) {
        for id in std::mem::take(&mut self.tcp.dirty) {
            if let Some(connection) = self.tcp.all.get_mut(&id) {
                connection.dirty = false;
                let fate = flush(connection);
                self.tcp_settle(id, fate);
            }
        }
    }

    /// What follows from what was done with the host's socket.
    pub(super) fn tcp_settle(&mut self, id: u64, fate: Fate) {
        if matches!(fate, Fate::Broken) {
            return self.tcp_abort(id, true);
        }
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        if connection.phase == Phase::Open && connection.ended() {
            connection.phase = Phase::TimeWait;
            connection.socket = None;
            connection.tx.deadline = None;
            connection.end = Some(self.now + TIME_WAIT);
        }
        connection.watch_as_wished();
        self.tcp_queue(id);
    }

    /// The host's connection stands, or does not.
    fn tcp_connected(&mut self, id: u64) {
        let Some(connection) = self.tcp.all.get_mut(&id) else {
            return;
        };
        let Some(socket) = &connection.socket else { return };
        match rustix::net::sockopt::socket_error(socket) {
            Ok(Ok(())) => {
                connection.phase = Phase::SynReceived;
                connection.watch_as_wished();
                self.tcp_queue(id);
            }
            Ok(Err(error)) | Err(error) => self.tcp_refuse(id, error),
        }
    }

    /// Tells the guest that there is no connection.
    pub(super) fn tcp_refuse(&mut self, id: u64, error: Errno) {
        tracing::debug!(%error, "no connection");
        // A reset is the answer that every program understands, also where a router would have sent ICMP.
        self.tcp_abort(id, true);
    }
}
