//! One client: greeting, capabilities, commands, events.

use crate::splitter::{Piece, Splitter};
use crate::{Error, Event, Machine, Timestamp, commands};
use serde_json::{Map, Value, json};

/// One client's conversation.
#[derive(Debug, Default)]
pub struct Session {
    splitter: Splitter,
    /// Capabilities are negotiated: commands and events flow.
    ready: bool,
    /// Out-of-band execution is enabled.
    oob: bool,
    output: Vec<u8>,
}

/// What a client sends.
struct Request {
    name: String,
    arguments: Map<String, Value>,
    out_of_band: bool,
}

impl Session {
    /// A client that has just connected: it is greeted.
    pub fn new() -> Self {
        let mut session = Self::default();
        session.send(&json!({ "QMP": { "version": commands::version(), "capabilities": ["oob"] } }));
        session
    }

    /// Takes what the client sent, and runs each complete command on `machine`.
    pub fn feed(&mut self, bytes: &[u8], machine: &mut dyn Machine) {
        for &byte in bytes {
            match self.splitter.feed(byte) {
                None => {}
                Some(Piece::Mistake(text)) => self.answer(Err(Error::generic(text)), None),
                Some(Piece::Message(text)) => self.message(&text, machine),
            }
        }
    }

    /// Tells the client of an event, once it has negotiated.
    pub fn event(&mut self, event: Event, at: Timestamp) {
        if self.ready {
            self.send(&event.to_json(at));
        }
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn send(&mut self, message: &Value) {
        self.output.extend_from_slice(message.to_string().as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, outcome: Result<Value, Error>, id: Option<Value>) {
        let mut answer = match outcome {
            Ok(value) => json!({ "return": value }),
            Err(error) => json!({ "error": error.to_json() }),
        };
        if let Some(id) = id {
            answer["id"] = id;
        }
        self.send(&answer);
    }

    fn message(&mut self, text: &[u8], machine: &mut dyn Machine) {
        let mut members = match serde_json::from_slice(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return self.answer(Err(Error::generic("QMP input must be a JSON object")), None),
            Err(error) => {
                let text = format!("JSON parse error, {error}");
                return self.answer(Err(Error::generic(text)), None);
            }
        };
        let id = members.remove("id");
        let outcome = self
            .request(members)
            .and_then(|request| self.run(&request, machine));
        self.answer(outcome, id);
    }

    fn request(&self, members: Map<String, Value>) -> Result<Request, Error> {
        let mut name = None;
        let mut arguments = Map::new();
        let mut out_of_band = false;
        for (member, value) in members {
            match (member.as_str(), value) {
                ("execute", Value::String(command)) if name.is_none() => name = Some(command),
                ("exec-oob", Value::String(command)) if self.oob && name.is_none() => {
                    name = Some(command);
                    out_of_band = true;
                }
                ("execute", Value::String(_)) | ("exec-oob", Value::String(_)) if self.oob => {
                    let text = "QMP input member 'exec-oob' clashes with 'execute'";
                    return Err(Error::generic(text));
                }
                ("execute", _) => {
                    return Err(Error::generic("QMP input member 'execute' must be a string"));
                }
                ("arguments", Value::Object(given)) => arguments = given,
                ("arguments", _) => {
                    return Err(Error::generic("QMP input member 'arguments' must be an object"));
                }
                (other, _) => {
                    return Err(Error::generic(format!(
                        "QMP input member '{other}' is unexpected"
                    )));
                }
            }
        }
        Ok(Request {
            name: name.ok_or_else(|| Error::generic("QMP input lacks member 'execute'"))?,
            arguments,
            out_of_band,
        })
    }

    fn run(&mut self, request: &Request, machine: &mut dyn Machine) -> Result<Value, Error> {
        let name = request.name.as_str();
        if name == "qmp_capabilities" {
            if self.ready {
                let text = "Capabilities negotiation is already complete, command ignored";
                return Err(Error::not_found(text));
            }
            self.oob = wants_oob(&request.arguments)?;
            self.ready = true;
            return Ok(json!({}));
        }
        if !self.ready {
            let text = "Expecting capabilities negotiation with 'qmp_capabilities'";
            return Err(Error::not_found(text));
        }
        if request.out_of_band && commands::find(name).is_some() {
            return Err(Error::generic(format!("The command {name} does not support OOB")));
        }
        commands::run(machine, name, &request.arguments)
    }
}

/// Whether a client's bytes hold a whole `stop` or `quit`. They are looked at where a command takes long, before their
/// turn; where they begin within a message, what is on its line is not seen.
pub fn wants_end(bytes: &[u8]) -> bool {
    let mut splitter = Splitter::default();
    let mut pieces = bytes.iter().filter_map(|&byte| splitter.feed(byte));
    pieces.any(|piece| {
        let Piece::Message(text) = piece else {
            return false;
        };
        let message: Value = serde_json::from_slice(&text).unwrap_or_default();
        matches!(message["execute"].as_str(), Some("stop" | "quit"))
    })
}

/// Whether `{"enable": ["oob"]}` enables it.
fn wants_oob(arguments: &Map<String, Value>) -> Result<bool, Error> {
    if let Some(other) = arguments.keys().find(|name| *name != "enable") {
        return Err(Error::generic(format!("Parameter '{other}' is unexpected")));
    }
    let Some(enable) = arguments.get("enable") else {
        return Ok(false);
    };
    let Some(list) = enable.as_array() else {
        return Err(Error::generic(
            "Invalid parameter type for 'enable', expected: array",
        ));
    };
    if let Some(other) = list.iter().find(|name| name.as_str() != Some("oob")) {
        return Err(Error::generic(format!(
            "Parameter 'enable' does not accept value {other}"
        )));
    }
    Ok(!list.is_empty())
}

#[cfg(test)]
mod tests;
