//! The sockets of the VNC server, and the timer by which screens get to clients.
//!
//! Everything happens on the main loop's thread, with the locks of its turn held. The server's own lock is a leaf: it is
//! put down before the console is asked for a picture or told of input.

use super::options::{Listen, Share, VncOptions};
use super::session::{Auth, Session, SessionConfig, SessionEvent};
use super::websocket::{self, WebSocket};
use crate::Console;
use crate::keys::Layout;
use hw_core::{InputEvent, Surface};
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use util_mainloop::timer::{Timer, TimerList};
use util_mainloop::{FdToken, Interest, LoopHandle, Ready};

/// Between two looks at a screen that changes: 30 a second.
const BUSY_NS: i64 = 33_000_000;
/// Between two looks at one that has not changed for long.
const IDLE_NS: i64 = 200_000_000;
/// Looks without a change after which a screen counts as idle.
const PATIENCE: u32 = 30;
/// Clients at once, at most.
const MOST_CLIENTS: usize = 64;
/// Read at a time, at most.
const CHUNK: usize = 16 << 10;

/// Why a server could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum VncError {
    /// The host refuses.
    #[error("cannot listen at {place}: {source}")]
    Listen {
        /// Where.
        place: String,
        /// What the host said.
        source: io::Error,
    },
    /// There is no source of challenges.
    #[error("cannot read /dev/urandom: {0}")]
    Random(io::Error),
}

/// A client, for `info vnc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Where it comes from; empty for a local socket.
    pub address: String,
    /// Whether it comes through a WebSocket.
    pub websocket: bool,
}

struct Client {
    fd: Arc<OwnedFd>,
    token: FdToken,
    session: Session,
    websocket: Option<WebSocket>,
    address: String,
    /// On its way, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
}

impl Client {
    /// Moves what the session has to say to the wire. False: the connection is over.
    fn flush(&mut self, main_loop: &LoopHandle) -> bool {
        let ready = self.websocket.as_ref().is_none_or(WebSocket::is_open);
        if ready && !self.session.output().is_empty() {
            let data = std::mem::take(self.session.output());
            match &self.websocket {
                Some(_) => websocket::wrap(&data, &mut self.outgoing),
                None if self.outgoing.is_empty() => self.outgoing = data,
                None => self.outgoing.extend(data),
            }
        }
        while self.sent < self.outgoing.len() {
            match rustix::net::send(
                &self.fd,
                &self.outgoing[self.sent..],
                rustix::net::SendFlags::NOSIGNAL,
            ) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return false,
            }
        }
        let done = self.sent == self.outgoing.len();
        if done {
            self.outgoing.clear();
            self.sent = 0;
        }
        main_loop.set_interest(self.token, if done { Interest::READ } else { Interest::BOTH });
        let over = self.session.is_over() || self.websocket.as_ref().is_some_and(WebSocket::is_closed);
        !(done && over)
    }

    /// Whether all that was said has left.
    fn is_clear(&self) -> bool {
        self.outgoing.is_empty()
    }
}

struct Listener {
    token: FdToken,
    place: String,
    /// To be removed at the end.
    path: Option<PathBuf>,
}

#[derive(Default)]
struct Inner {
    clients: BTreeMap<u64, Client>,
    last: u64,
    listeners: Vec<Listener>,
    password: Option<String>,
    /// The last picture, whose buffer is used again.
    surface: Surface,
    /// Looks since the last change.
    idle: u32,
}

/// A VNC server. Dropping it hangs up on everybody.
pub struct Server {
    main_loop: LoopHandle,
    realtime: Arc<TimerList>,
    console: Arc<dyn Console>,
    name: String,
    layout: Layout,
    ask_password: bool,
    share: Share,
    timer: Timer,
    inner: Mutex<Inner>,
}

fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Server {
    /// Opens the sockets that `options` name, for viewers of `console`; `name` is what they show in their title, `layout`
    /// what the guest believes its keyboard to be.
    ///
    /// # Errors
    /// The host refuses.
    pub fn open(
        options: &VncOptions,
        console: Arc<dyn Console>,
        (name, layout): (&str, Layout),
        (main_loop, realtime): (&LoopHandle, &Arc<TimerList>),
    ) -> Result<Arc<Self>, VncError> {
        random().map_err(VncError::Random)?;
        let server = Arc::new_cyclic(|this: &Weak<Self>| {
            let weak = Weak::clone(this);
            Self {
                main_loop: main_loop.clone(),
                realtime: Arc::clone(realtime),
                console,
                name: name.to_owned(),
                layout,
                ask_password: options.password,
                share: options.share,
                timer: realtime.timer(Box::new(move || {
                    if let Some(server) = weak.upgrade() {
                        server.refresh();
                    }
                })),
                inner: Mutex::default(),
            }
        });
        for (place, websocket) in [(&options.listen, false), (&options.websocket, true)] {
            if let Some(place) = place {
                server.listen(place, websocket)?;
            }
        }
        Ok(server)
    }

    /// Sets the password, or takes it away; without one nobody comes in where one is asked for. Who is in stays.
    pub fn set_password(&self, password: Option<String>) {
        self.inner.lock().password = password;
    }

    /// Where the server listens, as `host:port` or `unix:path`.
    pub fn places(&self) -> Vec<String> {
        self.inner
            .lock()
            .listeners
            .iter()
            .map(|listener| listener.place.clone())
            .collect()
    }

    /// Who is there.
    pub fn clients(&self) -> Vec<ClientInfo> {
        let info = |client: &Client| ClientInfo {
            address: client.address.clone(),
            websocket: client.websocket.is_some(),
        };
        self.inner.lock().clients.values().map(info).collect()
    }

    fn listen(self: &Arc<Self>, place: &Listen, websocket: bool) -> Result<(), VncError> {
        let (fd, place, path) = bind(place).map_err(|source| VncError::Listen {
            place: place.to_string(),
            source,
        })?;
        let (weak, fd) = (Arc::downgrade(self), Arc::new(fd));
        let listening = Arc::clone(&fd);
        let token = self.main_loop.add_fd(fd, Interest::READ, move |_| {
            if let Some(server) = weak.upgrade() {
                server.accept(&listening, websocket);
            }
        });
        self.inner.lock().listeners.push(Listener { token, place, path });
        Ok(())
    }

    fn accept(self: &Arc<Self>, listener: &OwnedFd, websocket: bool) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = match accept_with(listener, flags) {
            Ok(fd) => Arc::new(fd),
            Err(error) => return tracing::debug!(%error, "no connection after all"),
        };
        let challenge = match random() {
            Ok(challenge) => challenge,
            Err(error) => return tracing::warn!(%error, "no challenge for a VNC client"),
        };
        let _ = rustix::net::sockopt::set_tcp_nodelay(&fd, true);
        let peer = rustix::net::getpeername(&fd).ok().flatten();
        let address = peer.and_then(|peer| std::net::SocketAddr::try_from(peer).ok());
        let mut surface = Surface::default();
        self.console.draw(&mut surface);
        let mut inner = self.inner.lock();
        if inner.clients.len() >= MOST_CLIENTS {
            return tracing::warn!("a VNC client was turned away: there are {MOST_CLIENTS} already");
        }
        inner.last += 1;
        let id = inner.last;
        let weak = Arc::downgrade(self);
        let token = self
            .main_loop
            .add_fd(Arc::clone(&fd), Interest::READ, move |ready| {
                if let Some(server) = weak.upgrade() {
                    server.ready(id, ready);
                }
            });
        let config = SessionConfig {
            name: self.name.clone(),
            auth: if self.ask_password {
                Auth::Password(inner.password.clone())
            } else {
                Auth::None
            },
            layout: self.layout,
        };
        let size = (surface.width, surface.height);
        let mut client = Client {
            fd,
            token,
            session: Session::new(config, challenge, size),
            websocket: websocket.then(WebSocket::default),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            outgoing: Vec::new(),
            sent: 0,
        };
        client.session.set_absolute(self.console.is_absolute());
        let alive = client.flush(&self.main_loop);
        inner.clients.insert(id, client);
        drop(inner);
        if !alive {
            self.remove(id);
        }
    }

    /// A client's socket is ready.
    fn ready(&self, id: u64, ready: Ready) {
        let mut events = Vec::new();
        let mut alive = !ready.error;
        {
            let mut inner = self.inner.lock();
            let Some(client) = inner.clients.get_mut(&id) else {
                return;
            };
            if ready.read || ready.hangup {
                match receive(client) {
                    Ok(Some(found)) => events = found,
                    Ok(None) => {}
                    Err(reason) => {
                        tracing::debug!(client = client.address, reason, "VNC client ends");
                        alive = false;
                    }
                }
            }
            alive &= client.flush(&self.main_loop);
        }
        for event in events {
            match event {
                SessionEvent::Input(events) => self.console.input(&events),
                SessionEvent::Entered { shared } => alive &= self.entered(id, shared),
            }
        }
        if !alive {
            return self.remove(id);
        }
        // An answer to input, or to a request, is looked for soon, whatever the pace was.
        self.inner.lock().idle = 0;
        self.timer.anticipate(self.realtime.now_ns() + BUSY_NS / 4);
    }

    /// A client is in; false if it has to leave because others are.
    fn entered(&self, id: u64, shared: bool) -> bool {
        let others: Vec<u64> = {
            let inner = self.inner.lock();
            inner
                .clients
                .keys()
                .copied()
                .filter(|&other| other != id)
                .collect()
        };
        match self.share {
            _ if shared => true,
            Share::Ignore => true,
            Share::ForceShared => false,
            Share::AllowExclusive => {
                for other in others {
                    self.remove(other);
                }
                true
            }
        }
    }

    /// Hangs up.
    fn remove(&self, id: u64) {
        let Some(mut client) = self.inner.lock().clients.remove(&id) else {
            return;
        };
        self.main_loop.remove_fd(client.token);
        let released: Vec<InputEvent> = client.session.release();
        if !released.is_empty() {
            self.console.input(&released);
        }
    }

    /// Looks at the screen for everybody who waits for it.
    fn refresh(&self) {
        let mut surface = {
            let mut inner = self.inner.lock();
            if inner.clients.is_empty() {
                // The next client starts the timer again.
                return;
            }
            if !inner
                .clients
                .values()
                .any(|client| client.session.is_waiting() && client.is_clear())
            {
                drop(inner);
                return self.timer.arm(self.realtime.now_ns() + BUSY_NS);
            }
            std::mem::take(&mut inner.surface)
        };
        self.console.draw(&mut surface);
        let absolute = self.console.is_absolute();
        let mut gone = Vec::new();
        let pace = {
            let mut inner = self.inner.lock();
            let mut changed = false;
            for (&id, client) in &mut inner.clients {
                client.session.set_absolute(absolute);
                if client.is_clear() && client.session.update(&surface) {
                    changed = true;
                    if !client.flush(&self.main_loop) {
                        gone.push(id);
                    }
                }
            }
            inner.surface = surface;
            inner.idle = if changed { 0 } else { inner.idle.saturating_add(1) };
            if inner.idle < PATIENCE { BUSY_NS } else { IDLE_NS }
        };
        for id in gone {
            self.remove(id);
        }
        self.timer.arm(self.realtime.now_ns() + pace);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        for client in inner.clients.values() {
            self.main_loop.remove_fd(client.token);
        }
        for listener in &inner.listeners {
            self.main_loop.remove_fd(listener.token);
            if let Some(path) = &listener.path {
                remove_socket(path);
            }
        }
    }
}

/// Reads what has come. None: nothing after all. An error is a reason to hang up.
fn receive(client: &mut Client) -> Result<Option<Vec<SessionEvent>>, String> {
    let mut buffer = [0; CHUNK];
    let count = match rustix::io::read(&client.fd, &mut buffer) {
        Ok(0) => return Err("it hung up".to_owned()),
        Ok(count) => count,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut data = Vec::new();
    let bytes = match &mut client.websocket {
        None => &buffer[..count],
        Some(socket) => {
            let received = socket.receive(&buffer[..count], &mut data, &mut client.outgoing);
            received.map_err(|error| error.to_string())?;
            &data
        }
    };
    client
        .session
        .receive(bytes)
        .map(Some)
        .map_err(|error| error.to_string())
}

/// Removes what an earlier run left at `path`, if it is a socket and nothing else.
fn remove_socket(path: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        let _ = std::fs::remove_file(path);
    }
}

fn bind(place: &Listen) -> io::Result<(OwnedFd, String, Option<PathBuf>)> {
    let (fd, name, path) = match place {
        Listen::Unix(path) => {
            remove_socket(path);
            let listener = UnixListener::bind(path)?;
            (OwnedFd::from(listener), place.to_string(), Some(path.clone()))
        }
        Listen::Tcp { host, port, last } => {
            let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
            for port in *port..=*last {
                // Every address of this machine, with both protocols where the host has both.
                let hosts: &[&str] = if host.is_empty() {
                    &["::", "0.0.0.0"]
                } else {
                    &[host]
                };
                for host in hosts {
                    if result.is_err() {
                        let addresses = (*host, port).to_socket_addrs();
                        result = addresses
                            .and_then(|addresses| TcpListener::bind(&*addresses.collect::<Vec<_>>()));
                    }
                }
            }
            let listener = result?;
            let name = listener.local_addr()?.to_string();
            (OwnedFd::from(listener), name, None)
        }
    };
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok((fd, name, path))
}

#[cfg(test)]
mod tests;
