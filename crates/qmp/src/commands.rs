//! The command table: names, arguments, and what each asks of the machine.

use crate::{Error, Machine, ReplayInfo, ReplayMode, Status};
use serde_json::{Map, Value, json};

type Outcome = Result<Value, Error>;

/// Kinds of arguments.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
}

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Name, kind, and whether it must be there.
    arguments: &'static [(&'static str, Kind, bool)],
    run: fn(&mut dyn Machine, &Arguments) -> Outcome,
}

/// Checked arguments.
struct Arguments<'a>(&'a Map<String, Value>);

impl Arguments<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or("")
    }

    fn number(&self, name: &str) -> Result<u64, Error> {
        let number = self.0.get(name).and_then(Value::as_u64);
        number.ok_or_else(|| Error::generic(format!("Parameter '{name}' expects a non-negative number")))
    }
}

const ICOUNT: &[(&str, Kind, bool)] = &[("icount", Kind::Number, true)];
const LINE: &[(&str, Kind, bool)] = &[
    ("command-line", Kind::Text, true),
    ("cpu-index", Kind::Number, false),
];

/// `qmp_capabilities` is the session's, and `query-commands` the table's.
#[rustfmt::skip]
const COMMANDS: &[Command] = &[
    Command { name: "query-commands", arguments: &[], run: |_, _| Ok(list()) },
    Command { name: "query-version", arguments: &[], run: |_, _| Ok(version()) },
    Command { name: "query-status", arguments: &[], run: |m, _| Ok(status(m.status())) },
    Command { name: "query-name", arguments: &[], run: |m, _| Ok(m.name().map_or(json!({}), |name| json!({ "name": name }))) },
    Command { name: "query-cpus-fast", arguments: &[], run: |m, _| Ok(cpus(m)) },
    Command { name: "stop", arguments: &[], run: |m, _| { m.stop(); nothing() } },
    Command { name: "cont", arguments: &[], run: |m, _| { m.cont()?; nothing() } },
    Command { name: "quit", arguments: &[], run: |m, _| { m.quit(); nothing() } },
    Command { name: "system_reset", arguments: &[], run: |m, _| change(m, |m| m.system_reset()) },
    Command { name: "system_powerdown", arguments: &[], run: |m, _| change(m, |m| m.system_powerdown()) },
    Command { name: "inject-nmi", arguments: &[], run: |m, _| change(m, |m| m.inject_nmi()) },
    Command { name: "human-monitor-command", arguments: LINE, run: human },
    Command { name: "query-replay", arguments: &[], run: |m, _| Ok(replay(&m.replay())) },
    Command { name: "replay-break", arguments: ICOUNT, run: |m, a| { m.replay_break(a.number("icount")?)?; nothing() } },
    Command { name: "replay-delete-break", arguments: &[], run: |m, _| { m.replay_delete_break()?; nothing() } },
    Command { name: "replay-seek", arguments: ICOUNT, run: |m, a| { m.replay_seek(a.number("icount")?)?; nothing() } },
];

/// What a replay refuses.
fn change(machine: &mut dyn Machine, action: impl FnOnce(&mut dyn Machine)) -> Outcome {
    if let Some(reason) = machine.refuses_changes() {
        return Err(Error::generic(reason));
    }
    action(machine);
    nothing()
}

/// Runs a command.
///
/// # Errors
/// There is none of that name, an argument is wrong, or the machine refuses.
pub fn run(machine: &mut dyn Machine, name: &str, arguments: &Map<String, Value>) -> Outcome {
    let Some(command) = find(name) else {
        return Err(Error::not_found(format!("The command {name} has not been found")));
    };
    for (name, value) in arguments {
        let Some((_, kind, _)) = command.arguments.iter().find(|(known, ..)| known == name) else {
            return Err(Error::generic(format!("Parameter '{name}' is unexpected")));
        };
        let (fits, wanted) = match kind {
            Kind::Text => (value.is_string(), "string"),
            Kind::Number => (value.is_i64() || value.is_u64(), "integer"),
        };
        if !fits {
            return Err(Error::generic(format!(
                "Invalid parameter type for '{name}', expected: {wanted}"
            )));
        }
    }
    let missing = command
        .arguments
        .iter()
        .find(|(name, _, needed)| *needed && !arguments.contains_key(*name));
    if let Some((name, ..)) = missing {
        return Err(Error::generic(format!("Parameter '{name}' is missing")));
    }
    (command.run)(machine, &Arguments(arguments))
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

fn nothing() -> Outcome {
    Ok(json!({}))
}

fn list() -> Value {
    let names = std::iter::once("qmp_capabilities").chain(COMMANDS.iter().map(|command| command.name));
    names.map(|name| json!({ "name": name })).collect()
}

/// What `query-version` and the greeting say. Clients look for a version below the name they know.
pub fn version() -> Value {
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    json!({
        "qemu": {
            "major": number(env!("CARGO_PKG_VERSION_MAJOR")),
            "minor": number(env!("CARGO_PKG_VERSION_MINOR")),
            "micro": number(env!("CARGO_PKG_VERSION_PATCH")),
        },
        "package": concat!("reprise-", env!("CARGO_PKG_VERSION")),
    })
}

fn status(status: Status) -> Value {
    json!({ "status": status.name(), "running": status == Status::Running })
}

fn cpus(machine: &mut dyn Machine) -> Value {
    let cpus = machine.cpus().into_iter().enumerate();
    cpus.map(|(n, cpu)| {
        let [socket, core, thread] = cpu.place;
        json!({
            "cpu-index": n,
            "qom-path": format!("/machine/unattached/device[{n}]"),
            "thread-id": cpu.thread_id,
            "props": { "socket-id": socket, "core-id": core, "thread-id": thread },
            "target": "x86_64",
        })
    })
    .collect()
}

fn human(machine: &mut dyn Machine, arguments: &Arguments) -> Outcome {
    if arguments.0.contains_key("cpu-index") {
        let index = arguments.number("cpu-index")?;
        let count = machine.cpus().len() as u64;
        if index >= count {
            return Err(Error::generic(format!(
                "Parameter 'cpu-index' expects a CPU number below {count}"
            )));
        }
    }
    Ok(machine.monitor_command(arguments.text("command-line")).into())
}

fn replay(info: &ReplayInfo) -> Value {
    let mode = match info.mode {
        ReplayMode::None => "none",
        ReplayMode::Record => "record",
        ReplayMode::Play => "play",
    };
    let mut value = json!({ "mode": mode, "icount": info.icount });
    if let Some(filename) = &info.filename {
        value["filename"] = filename.as_str().into();
    }
    value
}
