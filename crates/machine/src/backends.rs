//! Opens what `-serial`, `-monitor` and `-debugcon` name, and puts the monitor behind Ctrl-A c where asked.
//!
//! Parsing comes first for all of them, opening later: a refused option must not leave a socket or a raw terminal.

use crate::console::MonitorConsole;
use crate::requests::Requests;
use anyhow::{Context as _, Result, bail};
use chardev::{Chardev, Context, Event, Kind, Mux, Spec, open};
use std::sync::Arc;

/// Most serial ports a PC has.
pub const MAX_SERIALS: usize = 4;

/// The character devices of a machine as the user described them, checked but not opened.
pub struct Described {
    serials: Vec<(String, Spec)>,
    monitor: Option<(String, Spec)>,
    debug_console: Option<(String, Spec)>,
}

/// The same, open.
pub struct Backends {
    /// One per serial port; none where the port does not exist.
    pub serials: Vec<Option<Arc<dyn Chardev>>>,
    /// Port E9h's output.
    pub debug_console: Option<Arc<dyn Chardev>>,
    /// Monitors of their own and behind multiplexers.
    pub monitors: Vec<MonitorConsole>,
    /// Whether the first serial port is on this terminal.
    pub serial_on_terminal: bool,
}

impl Described {
    /// Parses all descriptions.
    ///
    /// # Errors
    /// `-option value: reason` for the first that makes no sense.
    pub fn new(serials: &[String], monitor: Option<&str>, debug_console: Option<&str>) -> Result<Self> {
        if serials.len() > MAX_SERIALS {
            bail!("-serial {}: a PC has {MAX_SERIALS} serial ports", serials[MAX_SERIALS]);
        }
        let parse = |option: &str, value: &str| -> Result<(String, Spec)> {
            Ok((format!("{option} {value}"), Spec::parse(option, value)?))
        };
        let described = Self {
            serials: serials.iter().map(|value| parse("-serial", value)).collect::<Result<_>>()?,
            monitor: monitor.map(|value| parse("-monitor", value)).transpose()?,
            debug_console: debug_console.map(|value| parse("-debugcon", value)).transpose()?,
        };
        let stdio = described.all().filter(|(_, spec)| matches!(spec.kind, Kind::Stdio { .. }));
        if stdio.count() > 1 {
            bail!("cannot use stdio by multiple character devices");
        }
        Ok(described)
    }

    fn all(&self) -> impl Iterator<Item = &(String, Spec)> {
        self.serials.iter().chain(&self.monitor).chain(&self.debug_console)
    }

    /// Opens everything; Ctrl-A x on a multiplexer asks `requests` for the end.
    ///
    /// # Errors
    /// `-option value: reason` for the first that the host refuses.
    pub fn open(self, context: &Context, requests: &Arc<Requests>) -> Result<Backends> {
        let mut monitors = Vec::new();
        let serial_on_terminal =
            self.serials.first().is_some_and(|(_, spec)| matches!(spec.kind, Kind::Stdio { .. }));
        let mut user = |(option, spec): &(String, Spec)| -> Result<Option<Arc<dyn Chardev>>> {
            if spec.kind == Kind::None {
                return Ok(None);
            }
            let backend = open(spec, context).with_context(|| option.clone())?;
            if !spec.mux {
                return Ok(Some(backend));
            }
            let requests = Arc::clone(requests);
            let mux = Mux::new(backend, context, move || requests.exit(0))?;
            let user = mux.port();
            monitors.push(MonitorConsole::new(mux.port(), Event::FocusIn)?);
            Ok(Some(user))
        };
        let serials = self.serials.iter().map(&mut user).collect::<Result<_>>()?;
        let debug_console = self.debug_console.as_ref().map(&mut user).transpose()?.flatten();
        if let Some((option, spec)) = &self.monitor
            && spec.kind != Kind::None
        {
            monitors.push(MonitorConsole::new(open(spec, context).with_context(|| option.clone())?, Event::Opened)?);
        }
        Ok(Backends { serials, debug_console, monitors, serial_on_terminal })
    }
}
