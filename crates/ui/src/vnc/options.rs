//! What the user writes behind `-vnc`.
//!
//! `[host]:display`, `unix:path` or `none`, then options. Display `n` is TCP port 5900 + `n`, and 5700 + `n` for
//! WebSockets.

use std::fmt;
use std::path::PathBuf;

/// Port of display 0.
const BASE: u16 = 5900;
/// Port of display 0 for WebSockets.
const WEBSOCKET_BASE: u16 = 5700;
/// Displays there are.
const DISPLAYS: u16 = u16::MAX - BASE;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A local socket.
    Unix(PathBuf),
    /// TCP ports; an empty host is every address of this machine.
    Tcp {
        /// Name or address.
        host: String,
        /// First port that is tried.
        port: u16,
        /// Last one.
        last: u16,
    },
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
        }
    }
}

/// What happens when a client wants to be alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// The others are sent away.
    #[default]
    AllowExclusive,
    /// It is sent away.
    ForceShared,
    /// Nothing.
    Ignore,
}

/// A server as the user described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VncOptions {
    /// Where viewers connect; none: nowhere until the monitor says so.
    pub listen: Option<Listen>,
    /// Where browsers connect.
    pub websocket: Option<Listen>,
    /// A password is asked for; it is set later.
    pub password: bool,
    /// What exclusive clients get.
    pub share: Share,
}

/// Why an option was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("-vnc {text}: {reason}")]
pub struct OptionError {
    text: String,
    reason: String,
}

fn switch(value: Option<&str>, name: &str) -> Result<bool, String> {
    match value {
        None | Some("on" | "yes") => Ok(true),
        Some("off" | "no") => Ok(false),
        Some(other) => Err(format!("{name} is 'on' or 'off', not '{other}'")),
    }
}

fn display(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|display| *display <= DISPLAYS && text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| format!("the display is a number up to {DISPLAYS}, not '{text}'"))
}

/// The parts between commas; two commas are one in a value.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == ',' && characters.next_if_eq(&',').is_none() {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

impl VncOptions {
    /// Reads the option.
    ///
    /// # Errors
    /// It makes no sense, in one line.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        read(text).map_err(|reason| OptionError {
            text: text.to_owned(),
            reason,
        })
    }
}

fn read(text: &str) -> Result<VncOptions, String> {
    let parts = parts(text);
    let (place, rest) = parts.split_first().ok_or("no display")?;
    let (mut password, mut share, mut to, mut websocket) = (false, Share::default(), None, None);
    for part in rest {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part.as_str(), None),
        };
        match (name, value) {
            ("password", value) => password = switch(value, name)?,
            ("share", Some(value)) => {
                share = match value {
                    "allow-exclusive" => Share::AllowExclusive,
                    "force-shared" => Share::ForceShared,
                    "ignore" => Share::Ignore,
                    other => {
                        return Err(format!(
                            "share is allow-exclusive, force-shared or ignore, not '{other}'"
                        ));
                    }
                }
            }
            ("to", Some(value)) => to = Some(display(value)?),
            ("websocket", None | Some("on")) => websocket = Some(None),
            ("websocket", Some("off")) => websocket = None,
            ("websocket", Some(value)) => {
                let port = value.rsplit(':').next().unwrap_or(value);
                let port = port.parse::<u16>().ok().filter(|port| *port != 0);
                let port = port.ok_or_else(|| format!("websocket is 'on' or a port, not '{value}'"))?;
                let host = value.rsplit_once(':').map(|(host, _)| host.to_owned());
                websocket = Some(Some((host, port)));
            }
            // Of no consequence here: nothing is lossy, nothing is tuned, and one display is all there is.
            (
                "lossy" | "non-adaptive" | "power-control" | "ipv4" | "ipv6" | "key-delay-ms" | "id"
                | "display",
                _,
            ) => {}
            ("reverse" | "sasl" | "tls-creds" | "acl" | "audiodev" | "password-secret", _) => {
                return Err(format!("'{name}' is not supported"));
            }
            ("share" | "to", None) => return Err(format!("'{name}' needs a value")),
            _ => return Err(format!("unknown option '{name}'")),
        }
    }
    let mut number = None;
    let listen = if place == "none" {
        None
    } else if let Some(path) = place.strip_prefix("unix:") {
        if path.is_empty() {
            return Err("'unix:' needs a path".to_owned());
        }
        Some(Listen::Unix(PathBuf::from(path)))
    } else {
        let Some((host, shown)) = place.rsplit_once(':') else {
            return Err(format!(
                "'{place}' is no display: 'host:number', ':number', 'unix:path' or 'none'"
            ));
        };
        let first = display(shown)?;
        let last = to.unwrap_or(first);
        if last < first {
            return Err(format!("to={last} is below display {first}"));
        }
        number = Some(first);
        Some(Listen::Tcp {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: BASE + first,
            last: BASE + last,
        })
    };
    let own_host = match &listen {
        Some(Listen::Tcp { host, .. }) => host.clone(),
        _ => String::new(),
    };
    let websocket = match websocket {
        None => None,
        Some(Some((host, port))) => Some((host.unwrap_or(own_host), port)),
        Some(None) => {
            let number = number.ok_or("websocket needs a port where the display has no number")?;
            let port = WEBSOCKET_BASE.checked_add(number);
            Some((own_host, port.ok_or("no port is left for websocket")?))
        }
    };
    Ok(VncOptions {
        listen,
        websocket: websocket.map(|(host, port)| Listen::Tcp {
            host,
            port,
            last: port,
        }),
        password,
        share,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, last: u16) -> Option<Listen> {
        Some(Listen::Tcp {
            host: host.to_owned(),
            port,
            last,
        })
    }

    #[test]
    fn places() {
        for (text, listen, websocket) in [
            (":0", tcp("", 5900, 5900), None),
            ("localhost:3", tcp("localhost", 5903, 5903), None),
            ("[::1]:1,to=9", tcp("::1", 5901, 5909), None),
            ("unix:/tmp/a,,b", Some(Listen::Unix("/tmp/a,b".into())), None),
            ("none", None, None),
            (":1,websocket", tcp("", 5901, 5901), tcp("", 5701, 5701)),
            ("h:1,websocket=8080", tcp("h", 5901, 5901), tcp("h", 8080, 8080)),
            (
                "none,websocket=127.0.0.1:8080",
                None,
                tcp("127.0.0.1", 8080, 8080),
            ),
        ] {
            let options = VncOptions::parse(text).expect(text);
            assert_eq!((options.listen, options.websocket), (listen, websocket), "{text}");
        }
    }

    #[test]
    fn switches() {
        let options = VncOptions::parse(":0,password=on,share=force-shared,lossy=on").expect("options");
        assert_eq!((options.password, options.share), (true, Share::ForceShared));
        assert!(VncOptions::parse(":0,password").expect("options").password);
        assert!(!VncOptions::parse(":0,password=off").expect("options").password);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (text, error) in [
            (
                "",
                "-vnc : '' is no display: 'host:number', ':number', 'unix:path' or 'none'",
            ),
            (":x", "-vnc :x: the display is a number up to 59635, not 'x'"),
            (
                ":60000",
                "-vnc :60000: the display is a number up to 59635, not '60000'",
            ),
            (":+1", "-vnc :+1: the display is a number up to 59635, not '+1'"),
            (":5,to=3", "-vnc :5,to=3: to=3 is below display 5"),
            (":0,sasl=on", "-vnc :0,sasl=on: 'sasl' is not supported"),
            (":0,pasword=on", "-vnc :0,pasword=on: unknown option 'pasword'"),
            (
                ":0,share=no",
                "-vnc :0,share=no: share is allow-exclusive, force-shared or ignore, not 'no'",
            ),
            (
                ":0,password=1",
                "-vnc :0,password=1: password is 'on' or 'off', not '1'",
            ),
            ("unix:", "-vnc unix:: 'unix:' needs a path"),
            (
                "unix:/a,websocket",
                "-vnc unix:/a,websocket: websocket needs a port where the display has no number",
            ),
            (
                ":0,websocket=0",
                "-vnc :0,websocket=0: websocket is 'on' or a port, not '0'",
            ),
        ] {
            assert_eq!(VncOptions::parse(text).expect_err(text).to_string(), error);
        }
    }
}
