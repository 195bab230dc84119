//! Devices that can be added: their names, properties and defaults, and how one is made.
//!
//! A crate of devices offers tables of [`Model`]s, one for each kind of socket (a PCI slot, an ISA bus, a SCSI target);
//! the board knows the sockets, the machine the backends. Options flow as text into [`Values`], checked against the
//! [`Property`]s; then the model's function makes the device in the socket. Mirrors QEMU's qdev.

use crate::{CharSink, Disk, Entropy, NetPort};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a property holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `on` or `off`.
    Switch,
    /// A number, decimal or hexadecimal (`0x`), from 0 to this.
    Number(u64),
    /// Bytes, with a suffix K, M or G, up to this.
    Size(u64),
    /// Text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An Ethernet address, `52:54:00:12:34:56`; without one the machine gives the next free.
    Mac,
    /// The id of a `-drive`.
    Drive,
    /// The id of a `-netdev`.
    Net,
    /// The id of a `-chardev`.
    Char,
    /// The id of an `-object rng-…`; without one the machine's own source.
    Entropy,
}

impl fmt::Display for Kind {
    /// As `-device NAME,help` names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => write!(f, "on|off"),
            Self::Number(_) => write!(f, "number"),
            Self::Size(_) => write!(f, "size"),
            Self::Text => write!(f, "text"),
            Self::Choice(words) => write!(f, "{}", words.join("|")),
            Self::Mac => write!(f, "MAC address"),
            Self::Drive => write!(f, "id of a drive"),
            Self::Net => write!(f, "id of a netdev"),
            Self::Char => write!(f, "id of a chardev"),
            Self::Entropy => write!(f, "id of an rng"),
        }
    }
}

/// A property of a model.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// As a user would write it; empty: nothing.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
}

/// A value of a property.
#[derive(Clone)]
pub enum Value {
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of [`Kind::Number`] and [`Kind::Size`].
    Number(u64),
    /// Of [`Kind::Text`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Mac`].
    Mac([u8; 6]),
    /// Of [`Kind::Drive`].
    Drive(Arc<dyn Disk>),
    /// Of [`Kind::Net`].
    Net(Arc<dyn NetPort>),
    /// Of [`Kind::Char`].
    Char(Arc<dyn CharSink>),
    /// Of [`Kind::Entropy`].
    Entropy(Arc<dyn Entropy>),
}

/// Where ids of backends lead. A drive, network or character device serves one device: the second is refused.
pub trait Backends {
    /// The `-drive` with this id.
    ///
    /// # Errors
    /// There is none, or it is taken, in words.
    fn drive(&mut self, id: &str) -> Result<Arc<dyn Disk>, String>;
    /// The `-netdev` with this id.
    ///
    /// # Errors
    /// There is none, or it is taken, in words.
    fn net(&mut self, id: &str) -> Result<Arc<dyn NetPort>, String>;
    /// The `-chardev` with this id.
    ///
    /// # Errors
    /// There is none, or it is taken, in words.
    fn char(&mut self, id: &str) -> Result<Arc<dyn CharSink>, String>;
    /// The next Ethernet address.
    fn next_mac(&mut self) -> [u8; 6];
    /// The source of randomness with this id, or the machine's own for an empty one.
    ///
    /// # Errors
    /// There is none, in words.
    fn entropy(&mut self, id: &str) -> Result<Arc<dyn Entropy>, String> {
        Err(format!("there is no source of randomness '{id}'"))
    }
}

/// Why properties were refused, or a device could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The model has no such property.
    #[error("Property '{model}.{property}' not found")]
    NoProperty {
        /// The model.
        model: String,
        /// What was given.
        property: String,
    },
    /// A value that the property does not take.
    #[error("{property}: {reason}")]
    Value {
        /// The property.
        property: String,
        /// Why.
        reason: String,
    },
    /// A property without which there is no device.
    #[error("{0} property not set")]
    Missing(&'static str),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// The properties of one device that is being made.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Reads `given` (names and texts, a later one wins) against `properties`; what is not given has its default.
    ///
    /// # Errors
    /// A name the model does not have, or a value the property does not take.
    pub fn read(
        model: &str,
        properties: &[Property],
        given: &[(String, String)],
        backends: &mut dyn Backends,
    ) -> Result<Self, ModelError> {
        if let Some((name, _)) = given
            .iter()
            .find(|(name, _)| !properties.iter().any(|property| property.name == name))
        {
            return Err(ModelError::NoProperty {
                model: model.to_owned(),
                property: name.clone(),
            });
        }
        let mut values = BTreeMap::new();
        for property in properties {
            let text = given.iter().rev().find(|(name, _)| name == property.name);
            let text = text.map_or(property.default, |(_, text)| text.as_str());
            let value = read(property.kind, text, backends).map_err(|reason| ModelError::Value {
                property: property.name.to_owned(),
                reason,
            })?;
            if let Some(value) = value {
                values.insert(property.name, value);
            }
        }
        Ok(Self(values))
    }

    /// A switch; off if the model has none of that name.
    pub fn switch(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Value::Switch(true)))
    }

    /// A number or size, if set.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(&Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// A text or word, if set.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An Ethernet address, if set.
    pub fn mac(&self, name: &str) -> Option<[u8; 6]> {
        match self.0.get(name) {
            Some(&Value::Mac(mac)) => Some(mac),
            _ => None,
        }
    }

    /// A drive, if set.
    pub fn drive(&self, name: &str) -> Option<Arc<dyn Disk>> {
        match self.0.get(name) {
            Some(Value::Drive(disk)) => Some(Arc::clone(disk)),
            _ => None,
        }
    }

    /// A network, if set.
    pub fn net(&self, name: &str) -> Option<Arc<dyn NetPort>> {
        match self.0.get(name) {
            Some(Value::Net(port)) => Some(Arc::clone(port)),
            _ => None,
        }
    }

    /// A source of randomness, if there is one.
    pub fn entropy(&self, name: &str) -> Option<Arc<dyn Entropy>> {
        match self.0.get(name) {
            Some(Value::Entropy(source)) => Some(Arc::clone(source)),
            _ => None,
        }
    }

    /// A character device, if set.
    pub fn char(&self, name: &str) -> Option<Arc<dyn CharSink>> {
        match self.0.get(name) {
            Some(Value::Char(sink)) => Some(Arc::clone(sink)),
            _ => None,
        }
    }
}

/// Reads `on`, `off` and their like.
fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "yes" | "true" => Ok(true),
        "off" | "no" | "false" => Ok(false),
        _ => Err(format!("expects 'on' or 'off', not '{text}'")),
    }
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The standard library takes a sign, too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

fn size(text: &str) -> Option<u64> {
    let shift = match text.chars().last()? {
        'k' | 'K' => 10,
        'm' | 'M' => 20,
        'g' | 'G' => 30,
        't' | 'T' => 40,
        _ => return number(text),
    };
    number(&text[..text.len() - 1])?.checked_mul(1 << shift)
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut bytes {
        let part = parts
            .next()
            .filter(|part| part.len() <= 2 && !part.starts_with('+'))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

fn read(kind: Kind, text: &str, backends: &mut dyn Backends) -> Result<Option<Value>, String> {
    if text.is_empty() && kind == Kind::Mac {
        return Ok(Some(Value::Mac(backends.next_mac())));
    }
    if text.is_empty() && kind == Kind::Entropy {
        return Ok(backends.entropy("").ok().map(Value::Entropy));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let at_most = |number: u64, max: u64| {
        (number <= max)
            .then_some(Value::Number(number))
            .ok_or_else(|| format!("is at most {max:#x}, not {text}"))
    };
    Ok(Some(match kind {
        Kind::Switch => Value::Switch(switch(text)?),
        Kind::Number(max) => at_most(
            number(text).ok_or_else(|| format!("expects a number, not '{text}'"))?,
            max,
        )?,
        Kind::Size(max) => at_most(
            size(text).ok_or_else(|| format!("expects a size, not '{text}'"))?,
            max,
        )?,
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Choice(words) if words.contains(&text) => Value::Text(text.to_owned()),
        Kind::Choice(words) => return Err(format!("is one of {}, not '{text}'", words.join(", "))),
        Kind::Mac => Value::Mac(mac(text).ok_or_else(|| format!("'{text}' is no MAC address"))?),
        Kind::Drive => Value::Drive(backends.drive(text)?),
        Kind::Net => Value::Net(backends.net(text)?),
        Kind::Char => Value::Char(backends.char(text)?),
        Kind::Entropy => Value::Entropy(backends.entropy(text)?),
    }))
}

/// A model: a device that can be added to sockets of type `S`, giving a `C`.
pub struct Model<S: 'static, C: 'static> {
    /// Its name for `-device`.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// One line.
    pub help: &'static str,
    /// Its properties.
    pub properties: &'static [Property],
    /// Makes one in `socket`.
    pub make: fn(socket: S, values: &Values) -> Result<C, ModelError>,
}

#[cfg(test)]
mod tests;
