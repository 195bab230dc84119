//! A wire to another emulator: frames over a stream, or in datagrams.
//!
//! Mirrors QEMU's `-netdev socket`: over a stream each frame comes behind its length in four bytes, the highest first;
//! in datagrams, to one peer or to all of a multicast group, each is a frame. A listener serves one peer at a time. Frames
//! that the other side does not take are lost, whole ones only.

#[cfg(test)]
mod tests;

use crate::outlet::Outlet;
use crate::spec::{Properties, Reason};
use crate::watch::Watch;
use crate::{Card, Context, MAX_FRAME, Network, Offload};
use parking_lot::Mutex;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sendto};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::{BottomHalf, Interest};

/// Bytes that wait for a peer; more is lost.
const WAITING: usize = 1 << 20;
/// Bytes of a length.
const LENGTH: usize = 4;
/// Frames taken in one go.
const BATCH: usize = 64;

/// Where the other end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketSpec {
    /// Wait for a peer here.
    Listen(SocketAddrV4),
    /// A peer waits there.
    Connect(SocketAddrV4),
    /// All of a group, seen through the interface with this address.
    Multicast(SocketAddrV4, Ipv4Addr),
    /// One peer, and the address it sends to.
    Datagram(SocketAddrV4, SocketAddrV4),
}

/// `[host]:port`.
fn resolve(text: &str) -> Result<SocketAddrV4, Reason> {
    let read = || {
        let (host, port) = text.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        if host.is_empty() {
            return Some(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
        }
        let found = (host, port).to_socket_addrs().ok()?;
        found.into_iter().find_map(|address| match address {
            std::net::SocketAddr::V4(address) => Some(address),
            std::net::SocketAddr::V6(_) => None,
        })
    };
    read().ok_or_else(|| Reason::Address(text.to_owned()))
}

impl SocketSpec {
    pub(crate) fn read(properties: Properties) -> Result<Self, Reason> {
        let (mut way, mut local) = (None, None);
        for (name, value) in properties {
            match name.as_str() {
                "listen" | "connect" | "mcast" | "udp" if way.is_none() => way = Some((name, value)),
                "listen" | "connect" | "mcast" | "udp" => {
                    way = None;
                    break;
                }
                "localaddr" => local = Some(value),
                "fd" => return Err(Reason::Absent("a socket by its number (fd)")),
                _ => return Err(Reason::Property(name)),
            }
        }
        let one = Reason::Words("exactly one of listen=, connect=, mcast= or udp= is required");
        let (name, value) = way.ok_or(one)?;
        let address = resolve(&value)?;
        match (name.as_str(), local) {
            ("listen", None) => Ok(Self::Listen(address)),
            ("connect", None) => Ok(Self::Connect(address)),
            ("mcast", local) => {
                if !address.ip().is_multicast() {
                    return Err(Reason::Words("specified mcastaddr is not a multicast address"));
                }
                let local = match local {
                    None => Ipv4Addr::UNSPECIFIED,
                    Some(text) => text.parse().map_err(|_| Reason::Address(text))?,
                };
                Ok(Self::Multicast(address, local))
            }
            ("udp", None) => Err(Reason::Words("localaddr= is mandatory with udp=")),
            ("udp", Some(local)) => Ok(Self::Datagram(address, resolve(&local)?)),
            _ => Err(Reason::Words("localaddr= is only valid with mcast= or udp=")),
        }
    }
}

/// A peer at the other end of a stream.
struct Stream {
    watch: Watch,
    /// What came, from the length of a frame on.
    input: Vec<u8>,
    /// What it has not taken.
    output: VecDeque<u8>,
}

enum End {
    /// Nobody.
    Free,
    Stream(Stream),
    /// Datagrams, to this address.
    Datagrams(Watch, SocketAddrV4),
}

struct Inner {
    context: Context,
    outlet: Outlet,
    end: Mutex<End>,
    listener: Mutex<Option<Watch>>,
    half: OnceLock<BottomHalf>,
}

/// A wire to another emulator.
pub struct Socket {
    inner: Arc<Inner>,
    name: String,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    /// The host refuses, or nobody is there.
    pub fn new(spec: &SocketSpec, context: &Context) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            context: context.clone(),
            outlet: Outlet::default(),
            end: Mutex::new(End::Free),
            listener: Mutex::new(None),
            half: OnceLock::new(),
        });
        let weak = Arc::downgrade(&inner);
        let half = context.main_loop.bottom_half(move || {
            if let Some(inner) = weak.upgrade() {
                inner.deliver();
            }
        });
        let _ = inner.half.set(half);
        let mut name = format!("socket: {spec:?}");
        match *spec {
            SocketSpec::Listen(at) => {
                let listener = TcpListener::bind(at)?;
                listener.set_nonblocking(true)?;
                name = format!("socket: wait from {}", listener.local_addr()?);
                let weak = Arc::downgrade(&inner);
                let watch = Watch::new(&context.main_loop, listener.into(), Interest::READ, move |_| {
                    if let Some(inner) = weak.upgrade() {
                        inner.accept();
                    }
                });
                *inner.listener.lock() = Some(watch);
            }
            SocketSpec::Connect(to) => {
                let stream = TcpStream::connect(to)?;
                stream.set_nonblocking(true)?;
                name = format!("socket: connect to {to}");
                inner.serve(stream.into());
            }
            SocketSpec::Multicast(group, local) => {
                // Several emulators of one host are members.
                let fd = rustix::net::socket_with(
                    rustix::net::AddressFamily::INET,
                    rustix::net::SocketType::DGRAM,
                    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                    None,
                )?;
                rustix::net::sockopt::set_socket_reuseaddr(&fd, true)?;
                rustix::net::bind(&fd, &group)?;
                let socket = UdpSocket::from(fd);
                socket.join_multicast_v4(group.ip(), &local)?;
                socket.set_multicast_loop_v4(true)?;
                rustix::net::sockopt::set_ip_multicast_if(&socket, &local)?;
                name = format!("socket: mcast={group}");
                inner.datagrams(socket.into(), group);
            }
            SocketSpec::Datagram(peer, local) => {
                let socket = UdpSocket::bind(local)?;
                socket.set_nonblocking(true)?;
                name = format!("socket: udp={peer}");
                inner.datagrams(socket.into(), peer);
            }
        }
        Ok(Self { inner, name })
    }

    /// The address a listener has.
    pub fn local(&self) -> Option<std::net::SocketAddr> {
        let listener = self.inner.listener.lock();
        let any = rustix::net::getsockname(listener.as_ref()?.as_fd()).ok()?;
        std::net::SocketAddr::try_from(any).ok()
    }
}

impl Inner {
    fn watch(self: &Arc<Self>, fd: OwnedFd) -> Watch {
        let weak = Arc::downgrade(self);
        Watch::new(&self.context.main_loop, fd, Interest::READ, move |ready| {
            if let Some(inner) = weak.upgrade() {
                if ready.write {
                    inner.flush();
                }
                inner.deliver();
            }
        })
    }

    fn accept(self: &Arc<Self>) {
        let mut listener = self.listener.lock();
        let Some(watch) = &mut *listener else { return };
        if let Ok(fd) = accept_with(&*watch, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            watch.set(Interest::NONE);
            self.serve(fd);
        }
    }

    fn serve(self: &Arc<Self>, fd: OwnedFd) {
        let _ = rustix::net::sockopt::set_tcp_nodelay(&fd, true);
        let watch = self.watch(fd);
        *self.end.lock() = End::Stream(Stream {
            watch,
            input: Vec::new(),
            output: VecDeque::new(),
        });
    }

    fn datagrams(self: &Arc<Self>, fd: OwnedFd, to: SocketAddrV4) {
        let watch = self.watch(fd);
        *self.end.lock() = End::Datagrams(watch, to);
    }

    /// The peer has gone; the next may come.
    fn close(&self, end: &mut End) {
        *end = End::Free;
        if let Some(watch) = &mut *self.listener.lock() {
            watch.set(Interest::READ);
        }
    }

    fn send(&self, frame: &[u8]) {
        let mut end = self.end.lock();
        match &mut *end {
            End::Free => {}
            End::Datagrams(watch, to) => {
                let _ = sendto(&*watch, frame, SendFlags::NOSIGNAL, &*to);
            }
            End::Stream(stream) => {
                if stream.output.len() + LENGTH + frame.len() > WAITING {
                    tracing::debug!("a frame is lost");
                    return;
                }
                stream.output.extend((frame.len() as u32).to_be_bytes());
                stream.output.extend(frame);
                if stream.flush().is_err() {
                    // The loop's thread, which reads, finds out, too.
                    stream.output.clear();
                }
            }
        }
    }

    fn flush(&self) {
        let mut end = self.end.lock();
        if let End::Stream(stream) = &mut *end
            && stream.flush().is_err()
        {
            self.close(&mut end);
        }
    }

    /// Gives the card what came, as long as it has room; what it has none for stays with the host.
    fn deliver(&self) {
        let mut buffer = vec![0; MAX_FRAME];
        for _ in 0..BATCH {
            let card = self.outlet.ready();
            let frame = {
                let mut end = self.end.lock();
                end.set_reading(card.is_some());
                if card.is_none() {
                    return;
                }
                match end.next(&mut buffer) {
                    Ok(frame) => frame,
                    Err(()) => return self.close(&mut end),
                }
            };
            match (card, frame) {
                (Some(card), Some(frame)) => card.receive(&frame, Offload::default()),
                _ => return,
            }
        }
        if let Some(half) = self.half.get() {
            half.schedule();
        }
    }
}

impl Stream {
    fn flush(&mut self) -> Result<(), ()> {
        while !self.output.is_empty() {
            match send(&self.watch, self.output.as_slices().0, SendFlags::NOSIGNAL) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(()),
            }
        }
        let mut interest = self.watch.interest();
        interest.write = !self.output.is_empty();
        self.watch.set(interest);
        Ok(())
    }

    /// The next whole frame. An error: the peer has gone, or speaks something else.
    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<Vec<u8>>, ()> {
        loop {
            if let Some((length, rest)) = self.input.split_first_chunk::<LENGTH>() {
                let length = u32::from_be_bytes(*length) as usize;
                if length > MAX_FRAME {
                    return Err(());
                }
                if rest.len() >= length {
                    let frame = rest[..length].to_vec();
                    self.input.drain(..LENGTH + length);
                    return Ok(Some(frame));
                }
            }
            match recv(&self.watch, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, 0)) => return Err(()),
                Ok((_, count)) => self.input.extend_from_slice(&buffer[..count]),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(()),
            }
        }
    }
}

impl End {
    fn set_reading(&mut self, on: bool) {
        let watch = match self {
            Self::Free => return,
            Self::Stream(stream) => &mut stream.watch,
            Self::Datagrams(watch, _) => watch,
        };
        let mut interest = watch.interest();
        interest.read = on;
        watch.set(interest);
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<Option<Vec<u8>>, ()> {
        match self {
            Self::Free => Ok(None),
            Self::Stream(stream) => stream.next(buffer),
            Self::Datagrams(watch, _) => match recv(&*watch, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, count)) => Ok(Some(buffer[..count.min(MAX_FRAME)].to_vec())),
                // An error belongs to a datagram that was sent.
                Err(_) => Ok(None),
            },
        }
    }
}

impl Network for Socket {
    fn send(&self, frame: &[u8], _: Offload) {
        if frame.len() <= MAX_FRAME {
            self.inner.send(frame);
        }
    }

    fn accept_input(&self) {
        if let Some(half) = self.inner.half.get() {
            half.schedule();
        }
    }

    fn attach(&self, card: Weak<dyn Card>) {
        self.inner.outlet.attach(card);
        self.accept_input();
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}
