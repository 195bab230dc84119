//! What the user writes behind `-serial`, `-monitor` and `-chardev`.
//!
//! The short form names a backend and its place in one string (`unix:/tmp/m,server,nowait`); the long form of
//! `-chardev` is a backend and properties (`socket,id=m,path=/tmp/m,server=on,wait=off`). A comma inside a value is
//! written twice, as QEMU has it.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A local socket.
    Unix(PathBuf),
    /// A TCP port. An empty host in the option means this machine only.
    Tcp {
        /// Name or address.
        host: String,
        /// Port; 0 lets the host choose.
        port: u16,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// Which backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No device at all.
    None,
    /// A device with nothing behind it.
    Null,
    /// Standard input and output.
    Stdio {
        /// Whether Ctrl-C interrupts the process; if not said, it does unless there is a multiplexer.
        signals: Option<bool>,
    },
    /// Output into a file.
    File {
        /// Its path.
        path: PathBuf,
        /// Keep what is in it.
        append: bool,
    },
    /// A pseudo-terminal.
    Pty,
    /// A stream socket.
    Socket {
        /// Where.
        address: Address,
        /// Listen rather than connect.
        server: bool,
        /// Before anything runs, wait for a client.
        wait: bool,
    },
    /// The last output, kept in memory.
    Ringbuf {
        /// How much of it, bytes; a power of two.
        size: usize,
    },
    /// A `-chardev` by its id.
    Chardev {
        /// The id.
        id: String,
    },
}

/// A backend as the user described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name given by `-chardev …,id=`.
    pub id: Option<String>,
    /// Which backend.
    pub kind: Kind,
    /// Shared by several frontends (`mon:` or `mux=on`).
    pub mux: bool,
}

/// A description that makes no sense. Prints as `-option value: reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} {value}: {reason}")]
pub struct SpecError {
    option: String,
    value: String,
    reason: Reason,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("no character device given")]
    Empty,
    #[error("unknown character device{}", hint(.0))]
    UnknownBackend(Option<&'static str>),
    #[error("'{0}' is not supported")]
    Unsupported(&'static str),
    #[error("'{0}' needs {1}")]
    Missing(&'static str, &'static str),
    #[error("invalid port '{0}'")]
    Port(String),
    #[error("unknown property '{0}'")]
    UnknownProperty(String),
    #[error("property '{0}' needs a value")]
    NoValue(String),
    #[error("property '{0}' is 'on' or 'off', not '{1}'")]
    Switch(String, String),
    #[error("property 'size' is a power of two of at most 1 GiB, not '{0}'")]
    Size(String),
    #[error("'wait' needs 'server'")]
    WaitWithoutServer,
    #[error("the monitor cannot be multiplexed with itself")]
    NestedMux,
    #[error("'id' is missing")]
    NoId,
    #[error("invalid id '{0}'")]
    BadId(String),
    #[error("a path and a host or port exclude each other")]
    TwoAddresses,
}

fn hint(name: &Option<&'static str>) -> String {
    name.map_or_else(String::new, |name| format!(", did you mean '{name}'?"))
}

/// Backends by their names in the short form, for the hint.
const SHORT: &[&str] = &[
    "stdio", "null", "none", "pty", "ringbuf", "file", "unix", "tcp", "mon", "chardev",
];
/// The same for `-chardev`.
const LONG: &[&str] = &["stdio", "null", "pty", "ringbuf", "file", "socket"];
/// What QEMU has and this program does not.
const UNSUPPORTED: &[&str] = &[
    "vc",
    "telnet",
    "websocket",
    "udp",
    "pipe",
    "msmouse",
    "braille",
    "parallel",
    "serial",
    "memory",
    "wctablet",
];

const DEFAULT_RING: usize = 64 << 10;

impl Spec {
    /// Parses the short form: `stdio`, `mon:stdio`, `null`, `none`, `pty`, `ringbuf`, `file:PATH`,
    /// `unix:PATH[,server][,nowait]`, `tcp:HOST:PORT[,server][,nowait]`, `chardev:ID`. `option` is named in errors.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(option: &str, value: &str) -> Result<Self, SpecError> {
        short(value).map_err(|reason| SpecError {
            option: option.into(),
            value: value.into(),
            reason,
        })
    }

    /// Parses the long form of `-chardev`: `BACKEND,id=ID[,property=value…]`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse_chardev(value: &str) -> Result<Self, SpecError> {
        long(value).map_err(|reason| SpecError {
            option: "-chardev".into(),
            value: value.into(),
            reason,
        })
    }
}

/// A backend nobody knows, with the nearest name that is.
fn unknown(name: &str, known: &[&'static str]) -> Reason {
    if let Some(name) = UNSUPPORTED.iter().find(|&&n| n == name) {
        return Reason::Unsupported(name);
    }
    let near = known
        .iter()
        .map(|&k| (distance(name, k), k))
        .filter(|&(d, k)| d <= 2 && 2 * d < k.len())
        .min();
    Reason::UnknownBackend(near.map(|(_, name)| name))
}

/// How many letters are wrong, missing, too many or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swapped = if swap { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                replaced
                    .min(rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
                    .min(swapped)
            };
        }
    }
    rows[a.len()][b.len()]
}

/// Splits at single commas; a double one stands for itself.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ',' if chars.next_if_eq(&',').is_none() => fields.push(String::new()),
            c => fields.last_mut().expect("never empty").push(c),
        }
    }
    fields
}

/// The properties of a backend, taken out one by one; what is left at the end is unknown.
struct Properties(Vec<(String, Option<String>)>);

impl Properties {
    fn new(fields: &[String]) -> Self {
        let split = |field: &String| match field.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (field.clone(), None),
        };
        Self(fields.iter().map(split).collect())
    }

    /// The last one of that name.
    fn take(&mut self, name: &str) -> Option<(String, Option<String>)> {
        let mut found = None;
        self.0.retain(|property| {
            let same = property.0 == name;
            if same {
                found = Some(property.clone());
            }
            !same
        });
        found
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Reason> {
        match self.take(name) {
            None => Ok(None),
            Some((_, Some(value))) => Ok(Some(value)),
            Some((name, None)) => Err(Reason::NoValue(name)),
        }
    }

    /// `name`, `name=on`, `name=off`, and the old `noname`.
    fn switch(&mut self, name: &str) -> Result<Option<bool>, Reason> {
        if let Some((no, value)) = self.take(&format!("no{name}")) {
            return if value.is_none() {
                Ok(Some(false))
            } else {
                Err(Reason::UnknownProperty(no))
            };
        }
        match self.take(name) {
            None => Ok(None),
            Some((_, None)) => Ok(Some(true)),
            Some((name, Some(value))) => match value.as_str() {
                "on" | "yes" => Ok(Some(true)),
                "off" | "no" => Ok(Some(false)),
                _ => Err(Reason::Switch(name, value)),
            },
        }
    }

    fn size(&mut self) -> Result<usize, Reason> {
        let Some(text) = self.text("size")? else {
            return Ok(DEFAULT_RING);
        };
        let (digits, scale) = match text.char_indices().last() {
            Some((end, 'k' | 'K')) => (&text[..end], 1 << 10),
            Some((end, 'm' | 'M')) => (&text[..end], 1 << 20),
            _ => (text.as_str(), 1),
        };
        let size = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(scale));
        match size {
            Some(size) if size.is_power_of_two() && size <= 1 << 30 => Ok(size),
            _ => Err(Reason::Size(text)),
        }
    }

    fn socket(&mut self, address: Address) -> Result<Kind, Reason> {
        let server = self.switch("server")?.unwrap_or(false);
        let wait = self.switch("wait")?;
        if !server && wait == Some(true) {
            return Err(Reason::WaitWithoutServer);
        }
        Ok(Kind::Socket {
            address,
            server,
            wait: server && wait.unwrap_or(true),
        })
    }

    fn end(self) -> Result<(), Reason> {
        self.0
            .into_iter()
            .next()
            .map_or(Ok(()), |(name, _)| Err(Reason::UnknownProperty(name)))
    }
}

fn tcp(host: &str, port: &str) -> Result<Address, Reason> {
    let port = port.parse().map_err(|_| Reason::Port(port.to_owned()))?;
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Ok(Address::Tcp {
        host: host.to_owned(),
        port,
    })
}

fn short(value: &str) -> Result<Spec, Reason> {
    if let Some(rest) = value.strip_prefix("mon:") {
        let spec = short(rest)?;
        return if spec.mux {
            Err(Reason::NestedMux)
        } else {
            Ok(Spec { mux: true, ..spec })
        };
    }
    let fields = fields(value);
    let (name, place) = match fields[0].split_once(':') {
        Some((name, place)) => (name, Some(place)),
        None => (fields[0].as_str(), None),
    };
    let place = |needs: &'static str, name: &'static str| {
        place
            .filter(|place| !place.is_empty())
            .ok_or(Reason::Missing(name, needs))
    };
    let mut properties = Properties::new(&fields[1..]);
    let kind = match name {
        "" => return Err(Reason::Empty),
        "stdio" => Kind::Stdio {
            signals: properties.switch("signal")?,
        },
        "null" => Kind::Null,
        "none" => Kind::None,
        "pty" => Kind::Pty,
        "ringbuf" => Kind::Ringbuf {
            size: properties.size()?,
        },
        "file" => Kind::File {
            path: place("a path", "file")?.into(),
            append: properties.switch("append")?.unwrap_or(false),
        },
        "unix" => {
            let address = Address::Unix(place("a path", "unix")?.into());
            properties.socket(address)?
        }
        "tcp" => {
            let (host, port) = place("a host and a port", "tcp")?
                .rsplit_once(':')
                .ok_or(Reason::Missing("tcp", "a port"))?;
            properties.socket(tcp(host, port)?)?
        }
        "chardev" => Kind::Chardev {
            id: place("an id", "chardev")?.to_owned(),
        },
        _ => return Err(unknown(name, SHORT)),
    };
    if matches!(name, "stdio" | "null" | "none" | "pty" | "ringbuf") && fields[0].contains(':') {
        return Err(unknown(&fields[0], SHORT));
    }
    properties.end()?;
    Ok(Spec {
        id: None,
        kind,
        mux: false,
    })
}

fn long(value: &str) -> Result<Spec, Reason> {
    let mut fields = fields(value);
    let name = fields.remove(0);
    let mut properties = Properties::new(&fields);
    let path = |properties: &mut Properties, of: &'static str| {
        properties
            .text("path")?
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .ok_or(Reason::Missing(of, "a path"))
    };
    let kind = match name.as_str() {
        "" => return Err(Reason::Empty),
        "stdio" => Kind::Stdio {
            signals: properties.switch("signal")?,
        },
        "null" => Kind::Null,
        "pty" => Kind::Pty,
        "ringbuf" => Kind::Ringbuf {
            size: properties.size()?,
        },
        "file" => Kind::File {
            path: path(&mut properties, "file")?,
            append: properties.switch("append")?.unwrap_or(false),
        },
        "socket" => {
            let (host, port) = (properties.text("host")?, properties.text("port")?);
            let address = match (host, port) {
                (None, None) => Address::Unix(path(&mut properties, "socket")?),
                _ if properties.take("path").is_some() => return Err(Reason::TwoAddresses),
                (_, None) => return Err(Reason::Missing("socket", "a port")),
                (host, Some(port)) => tcp(&host.unwrap_or_default(), &port)?,
            };
            properties.socket(address)?
        }
        _ => return Err(unknown(&name, LONG)),
    };
    let id = properties.text("id")?.ok_or(Reason::NoId)?;
    let good = id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !good {
        return Err(Reason::BadId(id));
    }
    let mux = properties.switch("mux")?.unwrap_or(false);
    properties.end()?;
    Ok(Spec {
        id: Some(id),
        kind,
        mux,
    })
}
