//! `-device NAME,prop=value`: the devices that can be added, their properties and defaults.

use super::did_you_mean;
use super::draft::{Draft, Outcome, Refusal};
use super::keyval::{KeyVal, number};
use machine::DeviceConfig;
use machine::models::{self, BusModel, PciModel};

struct Property {
    name: &'static str,
    default: u64,
    max: u64,
    help: &'static str,
}

struct Device {
    name: &'static str,
    help: &'static str,
    properties: &'static [Property],
    /// Called with the properties' values, in table order, and `chardev=`.
    add: fn(&mut Draft, &[u64], Option<&str>) -> Outcome,
}

#[rustfmt::skip]
const DEVICES: &[Device] = &[
    Device { name: "isa-debug-exit", help: "a port whose written value v ends the emulator with status (v << 1) | 1",
        properties: &[
            Property { name: "iobase", default: 0x501, max: 0xffff, help: "first port" },
            Property { name: "iosize", default: 2, max: 8, help: "number of ports" },
        ],
        add: |draft, values, _| { draft.debug_exit = Some((values[0] as u16, values[1] as u8)); Ok(()) } },
    Device { name: "isa-debugcon", help: "a port that writes bytes to a character device (chardev=…, or -debugcon)",
        properties: &[
            Property { name: "iobase", default: 0xe9, max: 0xffff, help: "the port" },
            Property { name: "readback", default: 0xe9, max: 0xff, help: "what it reads as" },
        ],
        add: |draft, values, chardev| {
            draft.debugcon = Some((values[0] as u16, values[1] as u8, chardev.unwrap_or("null").to_owned()));
            Ok(())
        } },
];

/// Adds a device, or prints the lists.
pub fn add(draft: &mut Draft, argument: &str) -> Outcome {
    let mut list = KeyVal::parse(argument);
    let name = match list.first.take() {
        Some(name) => name,
        None => match list.pairs.iter().position(|(key, _)| key == "driver") {
            Some(at) => list.pairs.remove(at).1,
            None => return Err(Refusal::Reason("a device name is missing".into())),
        },
    };
    if name == "help" || name == "?" {
        return Err(Refusal::Help(overview()));
    }
    if let Some(model) = models::find_pci(&name) {
        return add_card(draft, model, list);
    }
    let on_buses = models::on_buses();
    if let Some(model) = on_buses.iter().find(|model| model.name == name) {
        return add_on_bus(draft, model, list);
    }
    let Some(device) = DEVICES.iter().find(|d| d.name == name) else {
        let hint = did_you_mean(&name, names());
        return Err(Refusal::Reason(format!(
            "'{name}' is not a valid device model name{hint}"
        )));
    };
    let mut values: Vec<u64> = device.properties.iter().map(|p| p.default).collect();
    let mut chardev = None;
    for (key, value) in &list.pairs {
        if key == "help" || key == "?" {
            return Err(Refusal::Help(describe(device)));
        }
        if key == "chardev" {
            chardev = Some(value.as_str());
            continue;
        }
        if key == "id" {
            continue;
        }
        let Some(at) = device.properties.iter().position(|p| p.name == key) else {
            let hint = did_you_mean(key, device.properties.iter().map(|p| p.name));
            return Err(Refusal::Reason(format!(
                "Property '{name}.{key}' not found{hint}"
            )));
        };
        values[at] = number(key, value)?;
        if values[at] > device.properties[at].max {
            return Err(Refusal::Reason(format!(
                "'{key}' is at most {:#x}",
                device.properties[at].max
            )));
        }
    }
    (device.add)(draft, &values, chardev)
}

/// A card: its properties are read when its backends are there, but for their names and the place.
fn add_card(draft: &mut Draft, model: &PciModel, list: KeyVal) -> Outcome {
    let mut device = DeviceConfig::new(model.name, &[]);
    for (key, value) in list.pairs {
        match key.as_str() {
            "help" | "?" => return Err(Refusal::Help(describe_card(model))),
            "id" => device.id = Some(value),
            "addr" => device.slot = Some(slot(&value)?),
            "bus" if value == "pci.0" => {}
            "bus" => {
                return Err(Refusal::Reason(format!(
                    "Bus '{value}' not found (pci.0 is there)"
                )));
            }
            _ if model.properties.iter().any(|property| property.name == key) => {
                device.properties.push((key, value))
            }
            _ => {
                let hint = did_you_mean(&key, model.properties.iter().map(|property| property.name));
                return Err(Refusal::Reason(format!(
                    "Property '{}.{key}' not found{hint}",
                    model.name
                )));
            }
        }
    }
    draft.devices.push(device);
    Ok(())
}

/// A device on the bus of a card.
fn add_on_bus(draft: &mut Draft, model: &BusModel, list: KeyVal) -> Outcome {
    let mut device = DeviceConfig::new(model.name, &[]);
    for (key, value) in list.pairs {
        match key.as_str() {
            "help" | "?" => {
                return Err(Refusal::Help(describe_properties(
                    model.name,
                    model.properties.iter(),
                )));
            }
            "id" => device.id = Some(value),
            "bus" => device.bus = Some(value),
            _ if model.properties.iter().any(|property| property.name == key) => {
                device.properties.push((key, value))
            }
            _ => {
                let hint = did_you_mean(&key, model.properties.iter().map(|property| property.name));
                return Err(Refusal::Reason(format!(
                    "Property '{}.{key}' not found{hint}",
                    model.name
                )));
            }
        }
    }
    draft.devices.push(device);
    Ok(())
}

/// The slot of `addr=`: hexadecimal, with an optional function, which can only be 0.
fn slot(text: &str) -> Result<u8, String> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|slot| (1..32).contains(slot))
        .ok_or_else(|| format!("addr is a slot from 1 to 1f, not '{text}'"))
}

/// All names.
fn names() -> impl Iterator<Item = &'static str> {
    let on_buses = models::on_buses().into_iter().map(|model| model.name);
    DEVICES
        .iter()
        .map(|device| device.name)
        .chain(models::pci().map(|model| model.name))
        .chain(on_buses)
}

fn overview() -> String {
    let lines = |rows: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
        rows.map(|(name, help)| format!("  {name:<28} {help}\n"))
            .collect::<String>()
    };
    format!(
        "Devices for -device NAME,prop=value ('NAME,help' lists properties):\nPCI cards\n{}On buses of cards\n{}ISA\n{}",
        lines(&mut models::pci().map(|model| (model.name, model.help))),
        lines(
            &mut models::on_buses()
                .into_iter()
                .map(|model| (model.name, model.help))
        ),
        lines(&mut DEVICES.iter().map(|device| (device.name, device.help))),
    )
}

fn describe_card(model: &PciModel) -> String {
    describe_properties(model.name, models::PCI_PROPERTIES.iter().chain(model.properties))
}

fn describe_properties<'a>(name: &str, properties: impl Iterator<Item = &'a models::Property>) -> String {
    let mut text = format!("{name} options:\n");
    for property in properties {
        let default = match property.default {
            "" => String::new(),
            default => format!(" (default: {default})"),
        };
        let usage = format!("{}=<{}>", property.name, property.kind);
        text.push_str(&format!("  {usage:<28} {}{default}\n", property.help));
    }
    text
}

fn describe(device: &Device) -> String {
    let mut text = format!("{} options:\n", device.name);
    for property in device.properties {
        text.push_str(&format!(
            "  {}=<number>  {} (default: {:#x})\n",
            property.name, property.help, property.default
        ));
    }
    text
}
