//! TCP: each connection of a guest's ends here, and another one of the host's begins.
//!
//! [`ingress`] takes segments of the guest, [`egress`] makes segments for it, [`stream`] moves bytes from and to the host's
//! socket. Back pressure runs through all three: bytes for the guest are read from the host only while there is room for
//! them here, bytes for the host are acknowledged when they are taken, and the window says how much room is left for them.
//! The wire between is short and loses next to nothing, so there is no slow start, and what comes out of order is asked
//! for again (RFC 9293; window scale and MSS of RFC 7323 and 6691).

mod egress;
mod ingress;
mod stream;

use super::ring::Ring;
use super::{Nat, Source, host};
use crate::watch::Watch;
use smoltcp::wire::EthernetAddress;
use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use util_mainloop::Interest;

/// Connections at the same time.
const LIMIT: usize = 512;
/// Bytes that wait in either direction of a connection. Also the window that is offered.
const ROOM: usize = 512 << 10;
/// Scale of the windows we offer.
const SCALE: u8 = 7;
/// Bytes of payload in one piece, at most, in either direction: what a frame holds.
const MSS: u16 = 1460;
/// What the guest takes in one piece if it does not say (RFC 9293, 3.7.1).
const MSS_UNSAID: u16 = 536;
const SECOND: i64 = 1_000_000_000;
/// How long a segment waits for its acknowledgement at first: the guest may be slow.
const RTO: i64 = SECOND;
/// Times the wait doubles.
const BACKOFF: u8 = 6;
/// Attempts after which nobody is there any more.
const ATTEMPTS: u8 = 12;
/// Attempts to open a connection.
const ATTEMPTS_TO_OPEN: u8 = 6;
/// How long an end is remembered, in case the guest has not heard of it.
const TIME_WAIT: i64 = 5 * SECOND;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The guest asked for it, the host's connection is being made.
    Connecting,
    /// The host's connection stands; the guest has not acknowledged that.
    SynReceived,
    /// The host's connection stands; the guest was asked.
    SynSent,
    /// Bytes flow.
    Open,
    /// All is over.
    TimeWait,
}

/// Towards the guest. Sequence numbers wrap.
struct Transmit {
    /// First that is not acknowledged.
    una: u32,
    /// Next that is sent.
    nxt: u32,
    /// First that was never sent.
    max: u32,
    /// Bytes the guest has room for, from `una` on.
    window: u32,
    /// Scale of the windows it offers.
    scale: u8,
    mss: u16,
    /// Bytes that may be under way: fewer behind a loss.
    limit: u32,
    /// From `una` on.
    ring: Ring,
    /// The host's connection has come to its end; nothing is added to `ring` any more.
    eof: bool,
    /// The guest has acknowledged our end.
    done: bool,
    /// Acknowledgements in a row that acknowledged nothing.
    repeats: u8,
    /// One segment is to be sent whatever the window: to learn of it.
    probe: bool,
    /// When something is to be done about what is not acknowledged.
    deadline: Option<i64>,
    attempts: u8,
}

/// From the guest.
struct Receive {
    /// Next that is expected.
    nxt: u32,
    /// Not taken by the host yet.
    ring: Ring,
    /// Scale of the windows we offer.
    scale: u8,
    /// The guest has come to its end.
    fin: bool,
    /// The host has been told so.
    shut: bool,
    /// Acknowledgements to be sent.
    owed: u8,
    /// End of the window that was offered last.
    edge: u32,
}

/// One connection.
pub(super) struct Connection {
    /// Its ends, as the guest sees them.
    pub(super) guest: SocketAddrV4,
    pub(super) remote: SocketAddrV4,
    phase: Phase,
    /// Absent when all is over.
    socket: Option<Watch>,
    /// Waits for its turn.
    queued: bool,
    /// Has something for the host that the batch being worked on brought.
    dirty: bool,
    tx: Transmit,
    rx: Receive,
    /// When it is forgotten.
    end: Option<i64>,
}

impl Connection {
    fn new(guest: SocketAddrV4, remote: SocketAddrV4, phase: Phase, iss: u32) -> Self {
        Self {
            guest,
            remote,
            phase,
            socket: None,
            queued: false,
            dirty: false,
            tx: Transmit {
                una: iss,
                nxt: iss,
                max: iss,
                window: 0,
                scale: 0,
                mss: MSS_UNSAID,
                limit: u32::MAX,
                ring: Ring::new(ROOM),
                eof: false,
                done: false,
                repeats: 0,
                probe: false,
                deadline: None,
                attempts: 0,
            },
            rx: Receive {
                nxt: 0,
                ring: Ring::new(ROOM),
                scale: 0,
                fin: false,
                shut: false,
                owed: 0,
                edge: 0,
            },
            end: None,
        }
    }

    /// In the words of RFC 9293.
    pub(super) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Connecting | Phase::SynReceived => "SYN_RCVD",
            Phase::SynSent => "SYN_SENT",
            Phase::TimeWait => "TIME_WAIT",
            Phase::Open => match (self.tx.eof, self.rx.fin) {
                (false, false) => "ESTABLISHED",
                (true, false) => "FIN_WAIT",
                (false, true) => "CLOSE_WAIT",
                (true, true) => "LAST_ACK",
            },
        }
    }

    /// Bytes that wait for the host.
    pub(super) fn to_host(&self) -> usize {
        self.rx.ring.len()
    }

    /// Bytes that wait for the guest.
    pub(super) fn to_guest(&self) -> usize {
        self.tx.ring.len()
    }

    /// The sequence number of our end, until that is acknowledged.
    fn fin_at(&self) -> u32 {
        self.tx.una.wrapping_add(self.tx.ring.len() as u32)
    }

    fn ended(&self) -> bool {
        self.tx.done && self.rx.fin && self.rx.shut
    }

    /// What the host's socket is to be watched for.
    fn wish(&self) -> Interest {
        match self.phase {
            Phase::Connecting => Interest::WRITE,
            Phase::Open => Interest {
                read: !self.tx.eof && self.tx.ring.room() > 0,
                write: !self.rx.ring.is_empty(),
            },
            _ => Interest::NONE,
        }
    }

    fn watch_as_wished(&mut self) {
        let wish = self.wish();
        if let Some(socket) = &mut self.socket {
            socket.set(wish);
        }
    }
}

/// From the guest's end to the other.
type Ends = (SocketAddrV4, SocketAddrV4);

/// All connections.
#[derive(Default)]
pub(super) struct Table {
    by_ends: BTreeMap<Ends, u64>,
    all: BTreeMap<u64, Connection>,
    next: u64,
    /// Those with something for the host from the batch being worked on.
    dirty: Vec<u64>,
}

impl Table {
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.all.values()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Looks for room for one more.
    fn make_room(&mut self) -> bool {
        if self.all.len() >= LIMIT
            && let Some((&id, _)) = self.all.iter().find(|(_, c)| c.phase == Phase::TimeWait)
        {
            self.remove(id);
        }
        self.all.len() < LIMIT
    }

    fn insert(&mut self, connection: Connection) -> u64 {
        self.next += 1;
        self.by_ends
            .insert((connection.guest, connection.remote), self.next);
        self.all.insert(self.next, connection);
        self.next
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.all.remove(&id)?;
        self.by_ends.remove(&(connection.guest, connection.remote));
        Some(connection)
    }
}

impl Nat {
    /// Has `connection` say what it has to say when the card has room.
    fn tcp_queue(&mut self, id: u64) {
        if let Some(connection) = self.tcp.all.get_mut(&id)
            && !connection.queued
        {
            connection.queued = true;
            self.ready.push_back(Source::Tcp(id));
        }
    }

    /// Ends a connection at once: the host's side hears of it as a reset, and the guest, too, if `tell`.
    fn tcp_abort(&mut self, id: u64, tell: bool) {
        let Some(connection) = self.tcp.remove(id) else {
            return;
        };
        if let Some(socket) = &connection.socket {
            host::reset(socket);
        }
        if tell {
            let (seq, ack) = (connection.tx.nxt, connection.rx.nxt);
            self.tcp_reset(connection.remote, connection.guest, seq, Some(ack));
        }
    }

    /// Begins a connection that somebody made to a port of the host's.
    pub(super) fn tcp_to_guest(&mut self, fd: OwnedFd, remote: SocketAddrV4, guest: SocketAddrV4, port: u16) {
        let mut remote = remote;
        if remote.port() == 0 {
            remote.set_port(port.max(1));
        }
        // Two hosts may look the same from inside.
        let mut attempts = 0;
        while self.tcp.by_ends.contains_key(&(guest, remote)) && attempts < 1000 {
            attempts += 1;
            remote.set_port(49_152 + (remote.port().wrapping_mul(31).wrapping_add(attempts)) % 16_384);
        }
        if !self.tcp.make_room() || self.tcp.by_ends.contains_key(&(guest, remote)) {
            host::reset(&fd);
            return;
        }
        let iss = self.next_iss();
        let mut connection = Connection::new(guest, remote, Phase::SynSent, iss);
        connection.rx.scale = SCALE;
        let id = self.tcp.insert(connection);
        let socket = self.watch(fd, Interest::NONE, Source::Tcp(id));
        if let Some(connection) = self.tcp.all.get_mut(&id) {
            connection.socket = Some(socket);
        }
        self.tcp_queue(id);
    }

    /// A guest's place on the wire became known: who waits for that can ask it now.
    pub(super) fn tcp_neighbour_found(&mut self, ip: std::net::Ipv4Addr) {
        let waiting: Vec<u64> = self
            .tcp
            .all
            .iter()
            .filter(|(_, c)| c.phase == Phase::SynSent && *c.guest.ip() == ip && c.tx.max == c.tx.una)
            .map(|(&id, _)| id)
            .collect();
        for id in waiting {
            self.tcp_queue(id);
        }
    }

    /// Sends again what was not acknowledged, and forgets what is over.
    pub(super) fn tcp_tick(&mut self) {
        let now = self.now;
        let due: Vec<u64> = self
            .tcp
            .all
            .iter()
            .filter(|(_, c)| [c.tx.deadline, c.end].iter().flatten().any(|&at| at <= now))
            .map(|(&id, _)| id)
            .collect();
        for id in due {
            let Some(connection) = self.tcp.all.get_mut(&id) else {
                continue;
            };
            if connection.end.is_some_and(|at| at <= now) {
                self.tcp.remove(id);
                continue;
            }
            let tx = &mut connection.tx;
            let most = match connection.phase {
                Phase::Open => ATTEMPTS,
                _ => ATTEMPTS_TO_OPEN,
            };
            tx.deadline = Some(now + (RTO << tx.attempts.min(BACKOFF)));
            if connection.queued {
                // The card has not taken even what it was to be given before: no time has passed on the wire.
                continue;
            }
            tx.attempts += 1;
            if tx.attempts > most {
                self.tcp_abort(id, true);
                continue;
            }
            tx.nxt = tx.una;
            tx.limit = u32::from(tx.mss);
            tx.probe = true;
            self.tcp_queue(id);
        }
    }
}

/// The Ethernet address a connection's frames go to.
fn link_of(nat: &Nat, connection: &Connection) -> Option<super::frame::Link> {
    let to: EthernetAddress = nat.neighbours.get(*connection.guest.ip())?;
    Some(super::frame::Link { from: nat.mac, to })
}
