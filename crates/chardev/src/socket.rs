//! A stream socket: local or TCP, listening or connecting.
//!
//! A listening one serves one client at a time; the next waits in the host's queue until the first has gone.
//! Without a client output is dropped.

use crate::port::Port;
use crate::reader::Reader;
use crate::spec::Address;
use crate::writer::Writer;
use crate::{Chardev, Context, Frontend, InUse, OpenError};
use parking_lot::Mutex;
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use util_mainloop::{FdToken, Interest};

struct Connection {
    reader: Arc<Reader>,
    writer: Arc<Writer>,
}

struct Inner {
    port: Arc<Port>,
    context: Context,
    connection: Mutex<Option<Connection>>,
    /// Absent for one that connects.
    listener: Option<Arc<OwnedFd>>,
    token: OnceLock<FdToken>,
}

/// A socket.
pub struct Socket {
    inner: Arc<Inner>,
    name: String,
    /// To be removed at the end.
    path: Option<PathBuf>,
}

impl Socket {
    /// Listens at `address`. With `wait`, returns only when the first client is there.
    ///
    /// # Errors
    /// The host refuses.
    pub fn listen(address: &Address, wait: bool, context: &Context) -> Result<Self, OpenError> {
        let bound = || -> io::Result<_> {
            let (listener, first) = match address {
                Address::Unix(path) => {
                    remove_socket(path);
                    let listener = UnixListener::bind(path)?;
                    let first = wait
                        .then(|| listener.accept())
                        .transpose()?
                        .map(|(s, _)| OwnedFd::from(s));
                    (OwnedFd::from(listener), first)
                }
                Address::Tcp { host, port } => {
                    let listener = TcpListener::bind((host.as_str(), *port))?;
                    let first = wait
                        .then(|| listener.accept())
                        .transpose()?
                        .map(|(s, _)| OwnedFd::from(s));
                    (OwnedFd::from(listener), first)
                }
            };
            rustix::io::ioctl_fionbio(&listener, true)?;
            Ok((listener, first))
        };
        let (listener, first) = bound().map_err(OpenError::host(address.to_string()))?;
        let path = if let Address::Unix(path) = address {
            Some(path.clone())
        } else {
            None
        };
        let name = match address {
            Address::Tcp { host, .. } => match bound_port(&listener) {
                Some(port) => format!("tcp:{host}:{port},server=on"),
                None => format!("{address},server=on"),
            },
            Address::Unix(_) => format!("{address},server=on"),
        };
        Self::new(Some(listener), first, name, path, context).map_err(OpenError::host(address.to_string()))
    }

    /// Connects to `address`.
    ///
    /// # Errors
    /// Nobody listens there, or the host refuses.
    pub fn connect(address: &Address, context: &Context) -> Result<Self, OpenError> {
        let fd = match address {
            Address::Unix(path) => UnixStream::connect(path).map(OwnedFd::from),
            Address::Tcp { host, port } => TcpStream::connect((host.as_str(), *port)).map(OwnedFd::from),
        };
        fd.and_then(|fd| Self::new(None, Some(fd), address.to_string(), None, context))
            .map_err(OpenError::host(address.to_string()))
    }

    fn new(
        listener: Option<OwnedFd>,
        first: Option<OwnedFd>,
        name: String,
        path: Option<PathBuf>,
        context: &Context,
    ) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            port: Port::new(false),
            context: context.clone(),
            connection: Mutex::default(),
            listener: listener.map(Arc::new),
            token: OnceLock::new(),
        });
        if let Some(listener) = &inner.listener {
            let weak = Arc::downgrade(&inner);
            let token = context
                .main_loop
                .add_fd(Arc::clone(listener), Interest::NONE, move |_| {
                    if let Some(inner) = weak.upgrade() {
                        inner.accept();
                    }
                });
            let _ = inner.token.set(token);
        }
        match first {
            Some(fd) => {
                rustix::io::ioctl_fionbio(&fd, true)?;
                inner.serve(fd);
            }
            None => inner.listen(Interest::READ),
        }
        Ok(Self { inner, name, path })
    }
}

/// The port a listener got, which matters when it asked for any (0).
fn bound_port(listener: &OwnedFd) -> Option<u16> {
    let address = rustix::net::getsockname(listener).ok()?;
    Some(std::net::SocketAddr::try_from(address).ok()?.port())
}

/// Removes what an earlier run left at `path`, if it is a socket and nothing else.
fn remove_socket(path: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        let _ = std::fs::remove_file(path);
    }
}

impl Inner {
    /// The writer of the present connection, which outlives the lock.
    fn writer(&self) -> Option<Arc<Writer>> {
        self.connection.lock().as_ref().map(|c| Arc::clone(&c.writer))
    }

    fn listen(&self, interest: Interest) {
        if let Some(&token) = self.token.get() {
            self.context.main_loop.set_interest(token, interest);
        }
    }

    fn accept(self: &Arc<Self>) {
        let Some(listener) = &self.listener else { return };
        match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(fd) => self.serve(fd),
            // Gone again before we looked, or out of descriptors: the listener stays watched.
            Err(error) => tracing::debug!(%error, "no connection after all"),
        }
    }

    fn serve(self: &Arc<Self>, fd: OwnedFd) {
        self.listen(Interest::NONE);
        // A key press is a small packet that must not wait; on a local socket this fails and does not matter.
        let _ = rustix::net::sockopt::set_tcp_nodelay(&fd, true);
        let fd = Arc::new(fd);
        let weak = Arc::downgrade(self);
        let gone = Box::new(move || {
            if let Some(inner) = weak.upgrade() {
                let connection = inner.connection.lock().take();
                drop(connection);
                inner.port.set_open(false);
                inner.listen(Interest::READ);
            }
        });
        let writer = Writer::new(&self.context.main_loop, Arc::clone(&fd));
        // Held over the making of the reader: its handler may run on the loop's thread before it is stored here.
        let mut connection = self.connection.lock();
        let reader = Reader::new(&self.context.main_loop, fd, Arc::clone(&self.port), gone);
        *connection = Some(Connection { reader, writer });
        drop(connection);
        self.port.set_open(true);
    }
}

impl Chardev for Socket {
    fn write(&self, data: &[u8]) {
        if let Some(writer) = self.inner.writer() {
            writer.write(data);
        }
    }

    fn attach(&self, frontend: Weak<dyn Frontend>) -> Result<(), InUse> {
        self.inner.port.attach(frontend)?;
        self.accept_input();
        Ok(())
    }

    fn accept_input(&self) {
        let reader = self
            .inner
            .connection
            .lock()
            .as_ref()
            .map(|c| Arc::clone(&c.reader));
        if let Some(reader) = reader {
            reader.accept_input();
        }
    }

    fn flush(&self) {
        if let Some(writer) = self.inner.writer() {
            writer.flush();
        }
    }

    fn waiting(&self) -> usize {
        self.inner.writer().map_or(0, |writer| writer.waiting())
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(&token) = self.inner.token.get() {
            self.inner.context.main_loop.remove_fd(token);
        }
        if let Some(path) = &self.path {
            remove_socket(path);
        }
    }
}

#[cfg(test)]
mod tests;
