//! Makes the devices of `-device` and plugs them in.
//!
//! Text flows from a [`DeviceConfig`] through the model's properties into the model's function; what they name (drives,
//! networks, character devices) is looked up in the machine's backends, each of which serves one device.

use crate::drives::Drives;
use crate::rng::Rng;
use anyhow::{Result, anyhow};
use hw_core::model::{Backends, Values};
use hw_core::{CharSink, Disk, Entropy, NetPort};
use hw_i386::models;
use hw_i386::pc::Pc;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One `-device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Its model.
    pub model: String,
    /// Its name; the machine makes one up if there is none.
    pub id: Option<String>,
    /// The card on whose bus it is (`ID.0` or `ID`); none is the first that has such a bus.
    pub bus: Option<String>,
    /// The slot on the PCI bus; none is the next free one.
    pub slot: Option<u8>,
    /// Properties of the model, as text; a later one wins.
    pub properties: Vec<(String, String)>,
}

impl DeviceConfig {
    /// A device of `model` with these properties.
    pub fn new(model: &str, properties: &[(&str, &str)]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            model: model.to_owned(),
            properties: properties.iter().map(owned).collect(),
            ..Self::default()
        }
    }

    /// As a user would write it.
    pub fn describe(&self) -> String {
        let mut text = self.model.clone();
        let id = self.id.iter().map(|id| ("id", id.clone()));
        let bus = self.bus.iter().map(|bus| ("bus", bus.clone()));
        let slot = self.slot.map(|slot| ("addr", format!("{slot:#x}")));
        let properties = self
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in id.chain(bus).chain(slot).chain(properties) {
            text.push_str(&format!(",{name}={value}"));
        }
        text
    }
}

/// What devices are connected with.
pub(crate) struct Wires<'a> {
    pub drives: &'a mut Drives,
    pub nets: BTreeMap<String, Arc<dyn NetPort>>,
    pub chars: BTreeMap<String, Arc<dyn CharSink>>,
    /// Makes a source of random bytes, under this name.
    pub entropy: &'a dyn Fn(String) -> Result<Arc<Rng>, String>,
    /// Those that were made.
    pub rngs: Vec<Arc<Rng>>,
    /// The last byte of the next Ethernet address.
    pub next_mac: u8,
}

impl Backends for Wires<'_> {
    fn drive(&mut self, id: &str) -> Result<Arc<dyn Disk>, String> {
        self.drives.take(id)
    }

    fn net(&mut self, id: &str) -> Result<Arc<dyn NetPort>, String> {
        self.nets
            .remove(id)
            .ok_or_else(|| format!("can't find netdev '{id}', or another device has it"))
    }

    fn char(&mut self, id: &str) -> Result<Arc<dyn CharSink>, String> {
        self.chars
            .remove(id)
            .ok_or_else(|| format!("can't find chardev '{id}', or another device has it"))
    }

    fn entropy(&mut self, id: &str) -> Result<Arc<dyn Entropy>, String> {
        if !id.is_empty() {
            return Err(format!(
                "there is no source of randomness '{id}'; without rng= it is the machine's own"
            ));
        }
        let rng = (self.entropy)(format!("entropy{}", self.rngs.len()))?;
        self.rngs.push(Arc::clone(&rng));
        Ok(rng)
    }

    fn next_mac(&mut self) -> [u8; 6] {
        let last = self.next_mac;
        self.next_mac = last.wrapping_add(1);
        [0x52, 0x54, 0x00, 0x12, 0x34, last]
    }
}

impl Wires<'_> {
    /// Makes `device` and plugs it into `pc`.
    ///
    /// # Errors
    /// `-device …: reason`.
    pub fn plug(&mut self, pc: &mut Pc, device: &DeviceConfig) -> Result<()> {
        let refuse = |reason: String| anyhow!("-device {}: {reason}", device.describe());
        let Some(model) = models::find_pci(&device.model) else {
            return self.plug_on_bus(pc, device);
        };
        let values = Values::read(model.name, model.properties, &device.properties, self)
            .map_err(|error| refuse(error.to_string()))?;
        let name = device.id.clone().unwrap_or_else(|| made_up(pc, model.name));
        let slot = pc
            .pci_slot(&name, device.slot)
            .map_err(|error| refuse(error.to_string()))?;
        let devfn = slot.devfn;
        let card = (model.make)(slot, &values).map_err(|error| refuse(error.to_string()))?;
        pc.plug(devfn, card);
        Ok(())
    }
}

impl Wires<'_> {
    /// Makes a device that sits on the bus of a card.
    fn plug_on_bus(&mut self, pc: &Pc, device: &DeviceConfig) -> Result<()> {
        let refuse = |reason: String| anyhow!("-device {}: {reason}", device.describe());
        let models = models::on_buses();
        let model = models.iter().find(|model| model.name == device.model);
        let model =
            model.ok_or_else(|| refuse(format!("'{}' is not a valid device model name", device.model)))?;
        let mut properties = device.properties.clone();
        // Where a bus is a card's port, `ID.N` names that.
        let number = device.bus.as_deref().and_then(|bus| bus.split_once('.'));
        if let (Some((_, number)), true) = (number, model.has("port")) {
            properties.insert(0, ("port".into(), number.into()));
        }
        let values = Values::read(model.name, model.properties, &properties, self)
            .map_err(|error| refuse(error.to_string()))?;
        let wanted = device
            .bus
            .as_deref()
            .map(|bus| bus.split('.').next().unwrap_or(bus));
        let fits = |name: &str| wanted.is_none_or(|wanted| wanted == name);
        let buses = pc.buses().iter().filter(|(name, _)| fits(name));
        let mut answers = buses.filter_map(|(_, part)| model.plug(part, &values));
        match answers.next() {
            Some(plugged) => plugged.map_err(|error| refuse(error.to_string())),
            None => Err(refuse(match &device.bus {
                Some(bus) => format!("Bus '{bus}' not found"),
                None => format!("No bus found for device '{}'", device.model),
            })),
        }
    }
}

/// A name that no device has: that of the model and a number.
fn made_up(pc: &Pc, model: &str) -> String {
    let is_free = |name: &String| !pc.devices.iter().any(|device| device.name() == name);
    let mut names = (0..).map(|number: u32| format!("{model}{number}"));
    names.find(is_free).expect("there are more numbers than devices")
}
