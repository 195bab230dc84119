//! Opens what `-serial`, `-monitor` and `-debugcon` name, and puts the monitor behind Ctrl-A c where asked.
//!
//! Parsing comes first for all of them, opening later: a refused option must not leave a socket or a raw terminal.

use crate::config::Backend;
use crate::console::MonitorConsole;
use crate::hints::OnTerminal;
use crate::requests::Requests;
use anyhow::{Result, anyhow, bail};
use chardev::{Chardev, Context, Event, Kind, Mux, Spec, open};
use replay::Shutdown;
use std::sync::Arc;

/// Most serial ports a PC has.
pub const MAX_SERIALS: usize = 4;

/// The character devices of a machine as the user described them, checked but not opened.
pub struct Described {
    serials: Vec<Wanted>,
    monitor: Option<(String, Spec)>,
    debug_console: Option<(String, Spec)>,
    gdb: Option<(String, Spec)>,
    qmp: Vec<(String, Spec)>,
}

/// A backend of a serial port that makes sense.
enum Wanted {
    Opened(Arc<dyn Chardev>),
    Described(String, Spec),
}

impl Wanted {
    fn described(&self) -> Option<&Spec> {
        match self {
            Self::Opened(_) => None,
            Self::Described(_, spec) => Some(spec),
        }
    }
}

/// The same, open.
pub struct Backends {
    /// One per serial port; none where the port does not exist.
    pub serials: Vec<Option<Arc<dyn Chardev>>>,
    /// Port E9h's output.
    pub debug_console: Option<Arc<dyn Chardev>>,
    /// Monitors of their own and behind multiplexers.
    pub monitors: Vec<MonitorConsole>,
    /// The debugger's line.
    pub gdb: Option<Arc<dyn Chardev>>,
    /// Those of QMP clients.
    pub qmp: Vec<Arc<dyn Chardev>>,
    /// What serves standard input and output, if the first serial port is on them.
    pub stdio: Option<OnTerminal>,
}

impl Described {
    /// Parses all descriptions.
    ///
    /// # Errors
    /// `-option value: reason` for the first that makes no sense.
    pub fn new(
        serials: &[Backend],
        monitor: Option<&str>,
        debug_console: Option<&str>,
        gdb: Option<&str>,
        qmp: &[String],
    ) -> Result<Self> {
        if serials.len() > MAX_SERIALS {
            bail!(
                "-serial {}: a PC has {MAX_SERIALS} serial ports",
                serials[MAX_SERIALS].describe()
            );
        }
        let parse = |option: &str, value: &str| -> Result<(String, Spec)> {
            Ok((format!("{option} {value}"), Spec::parse(option, value)?))
        };
        let described = Self {
            serials: serials
                .iter()
                .map(|backend| match backend {
                    Backend::Opened(device) => Ok(Wanted::Opened(Arc::clone(device))),
                    Backend::Described(value) => {
                        let (option, spec) = parse("-serial", value)?;
                        Ok(Wanted::Described(option, spec))
                    }
                })
                .collect::<Result<_>>()?,
            monitor: monitor.map(|value| parse("-monitor", value)).transpose()?,
            debug_console: debug_console.map(|value| parse("-debugcon", value)).transpose()?,
            gdb: gdb.map(|value| server("-gdb", value)).transpose()?,
            qmp: qmp
                .iter()
                .map(|value| server("-qmp", value))
                .collect::<Result<_>>()?,
        };
        let stdio = described
            .all()
            .filter(|spec| matches!(spec.kind, Kind::Stdio { .. }));
        if stdio.count() > 1 {
            bail!("cannot use stdio by multiple character devices");
        }
        Ok(described)
    }

    /// Whether one of them is standard input and output.
    pub fn uses_stdio(&self) -> bool {
        self.all().any(|spec| matches!(spec.kind, Kind::Stdio { .. }))
    }

    fn all(&self) -> impl Iterator<Item = &Spec> {
        let others = self
            .monitor
            .iter()
            .chain(&self.debug_console)
            .chain(&self.gdb)
            .chain(&self.qmp)
            .map(|(_, spec)| spec);
        self.serials.iter().filter_map(Wanted::described).chain(others)
    }

    /// Opens everything; Ctrl-A x on a multiplexer asks `requests` for the end.
    ///
    /// # Errors
    /// `-option value: reason` for the first that the host refuses.
    pub fn open(self, context: &Context, requests: &Arc<Requests>) -> Result<Backends> {
        let mut monitors = Vec::new();
        let first = self.serials.first().and_then(Wanted::described);
        let stdio = first
            .filter(|spec| matches!(spec.kind, Kind::Stdio { .. }))
            .map(|spec| {
                if spec.mux {
                    OnTerminal::Keys
                } else {
                    OnTerminal::Plain
                }
            });
        let mut user = |option: &String, spec: &Spec| -> Result<Option<Arc<dyn Chardev>>> {
            if spec.kind == Kind::None {
                return Ok(None);
            }
            let backend = open(spec, context).map_err(|error| anyhow!("{option}: {error}"))?;
            if !spec.mux {
                return Ok(Some(backend));
            }
            let requests = Arc::clone(requests);
            let mux = Mux::new(backend, context, move || requests.leave(0, Shutdown::HostUi))?;
            let user = mux.port();
            monitors.push(MonitorConsole::new(mux.port(), Event::FocusIn)?);
            Ok(Some(user))
        };
        let mut serials = Vec::new();
        for wanted in &self.serials {
            serials.push(match wanted {
                Wanted::Opened(device) => Some(Arc::clone(device)),
                Wanted::Described(option, spec) => user(option, spec)?,
            });
        }
        let debug_console = match &self.debug_console {
            Some((option, spec)) => user(option, spec)?,
            None => None,
        };
        if let Some((option, spec)) = &self.monitor
            && spec.kind != Kind::None
        {
            let backend = open(spec, context).map_err(|error| anyhow!("{option}: {error}"))?;
            monitors.push(MonitorConsole::new(backend, Event::Opened)?);
        }
        let served = |server: &&(String, Spec)| server.1.kind != Kind::None;
        let line = |(option, spec): &(String, Spec)| {
            open(spec, context).map_err(|error| anyhow!("{option}: {error}"))
        };
        let gdb = self.gdb.iter().find(served).map(line).transpose()?;
        let qmp = self.qmp.iter().filter(served).map(line).collect::<Result<_>>()?;
        Ok(Backends {
            gdb,
            qmp,
            serials,
            debug_console,
            monitors,
            stdio,
        })
    }
}

/// The line of a protocol server: a socket listens, and does not hold up the machine, unless the user says otherwise.
fn server(option: &str, value: &str) -> Result<(String, Spec)> {
    let mut spec = Spec::parse(option, value)?;
    if spec.mux {
        bail!("{option} {value}: a protocol cannot be multiplexed");
    }
    if let Kind::Socket { server, wait, .. } = &mut spec.kind
        && !*server
    {
        (*server, *wait) = (true, false);
    }
    Ok((format!("{option} {value}"), spec))
}
