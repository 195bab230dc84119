//! `-nic`, `-netdev` and `-object filter-dump`: networks, their cards, and copies of what passes.

use super::draft::{Draft, Outcome, Refusal};
use super::keyval::{KeyVal, number};
use machine::{DeviceConfig, DumpConfig, NetKind, NetSpec};

/// The card of a `-nic` that names none.
const USUAL_CARD: &str = "e1000";

/// Names that cards have for `model=`, and the models' own.
const CARDS: &[(&str, &str)] = &[("virtio", "virtio-net-pci"), ("e1000-82540em", "e1000")];

fn read(option: &str, argument: &str) -> Result<NetSpec, Refusal> {
    NetSpec::parse(option, argument).map_err(|error| {
        // Its text begins with the option, as ours does.
        let text = error.to_string();
        let reason = text
            .strip_prefix(&format!("{option} {argument}: "))
            .unwrap_or(&text);
        Refusal::Reason(reason.to_owned())
    })
}

/// `-netdev`.
pub fn netdev(draft: &mut Draft, argument: &str) -> Outcome {
    if matches!(argument, "help" | "?") {
        return Err(Refusal::Help(
            "Networks for -netdev and -nic:\n  user     a NAT in the emulator, with DHCP, DNS and TFTP\n  socket   a wire to another emulator\n".into(),
        ));
    }
    let spec = read("-netdev", argument)?;
    draft.networks.push(spec);
    Ok(())
}

/// `-nic`, and `-net` as far as it means the same.
pub fn nic(draft: &mut Draft, argument: &str) -> Outcome {
    if matches!(argument, "help" | "?" | "model=help") {
        return Err(Refusal::Help(format!(
            "Cards for -nic KIND,model=CARD:\n  {}\nKinds: user, socket, none\n",
            cards().collect::<Vec<_>>().join("\n  ")
        )));
    }
    draft.no_network = true;
    let mut spec = read("-nic", argument)?;
    if matches!(spec.kind, NetKind::None) {
        return Ok(());
    }
    let id = spec
        .id
        .take()
        .unwrap_or_else(|| format!("nic{}", draft.networks.len()));
    let wanted = spec.model.as_deref().unwrap_or(USUAL_CARD);
    let known = CARDS.iter().find(|(name, _)| *name == wanted);
    let model = known.map_or(wanted, |(_, model)| model);
    if !cards().any(|card| card == model) {
        return Err(format!("Unsupported NIC model: {wanted} ('-nic model=help' lists them)").into());
    }
    let mut properties = vec![("netdev", id.as_str())];
    properties.extend(spec.mac.as_deref().map(|mac| ("mac", mac)));
    draft.devices.push(DeviceConfig::new(model, &properties));
    draft.networks.push(NetSpec { id: Some(id), ..spec });
    Ok(())
}

/// The network of a machine about which nothing was said.
pub fn add_usual(networks: &mut Vec<NetSpec>, devices: &mut Vec<DeviceConfig>) {
    let Ok(spec) = NetSpec::parse("-nic", "user,id=nic0") else {
        return;
    };
    devices.push(DeviceConfig::new(USUAL_CARD, &[("netdev", "nic0")]));
    networks.push(spec);
}

/// Models that take a network.
fn cards() -> impl Iterator<Item = &'static str> {
    let is_card = |model: &&machine::models::PciModel| {
        let mut properties = model.properties.iter();
        properties.any(|property| property.name == "netdev")
    };
    machine::models::pci().filter(is_card).map(|model| model.name)
}

/// `-object`.
pub fn object(draft: &mut Draft, argument: &str) -> Outcome {
    let list = KeyVal::parse(argument);
    match list.first.as_deref() {
        Some("filter-dump") => {}
        Some(other) => return Err(format!("invalid object type: {other}").into()),
        None => return Err("an object's type is missing".into()),
    }
    let (mut network, mut file, mut limit) = (None, None, None);
    for (key, value) in &list.pairs {
        match key.as_str() {
            "id" => {}
            "netdev" => network = Some(value.clone()),
            "file" => file = Some(value.into()),
            "maxlen" => limit = Some(u32::try_from(number(key, value)?).map_err(|_| "maxlen is too high")?),
            _ => return Err(format!("Property 'filter-dump.{key}' not found").into()),
        }
    }
    draft.dumps.push(DumpConfig {
        network: network.ok_or("netdev= is missing")?,
        file: file.ok_or("file= is missing")?,
        limit,
    });
    Ok(())
}
