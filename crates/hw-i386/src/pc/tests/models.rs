//! Every device that `-device help` lists can be made, reset, saved and restored on this board.

use super::Rig;
use crate::models;
use crate::ram_layout::MIB;
use hw_core::model::{Backends, Values};
use hw_core::testing::{MemoryDisk, TestNet};
use hw_core::{CharSink, Disk, Entropy, EntropyClient, NetPort, NullSink, OffloadAbilities};
use std::sync::{Arc, Weak};

/// A backend of each kind, under any name.
#[derive(Default)]
struct Doubles {
    disks: Vec<Arc<MemoryDisk>>,
    macs: u8,
}

struct NoEntropy;

impl Entropy for NoEntropy {
    fn request(&self, _: u64, _: u32) {}
    fn forget(&self) {}
    fn attach(&self, _: Weak<dyn EntropyClient>) {}
}

impl Backends for Doubles {
    fn drive(&mut self, _: &str) -> Result<Arc<dyn Disk>, String> {
        let disk = MemoryDisk::new(vec![0; 1 << 20]);
        self.disks.push(Arc::clone(&disk));
        Ok(disk)
    }

    fn net(&mut self, _: &str) -> Result<Arc<dyn NetPort>, String> {
        Ok(TestNet::new(OffloadAbilities::default()))
    }

    fn char(&mut self, _: &str) -> Result<Arc<dyn CharSink>, String> {
        Ok(Arc::new(NullSink))
    }

    fn entropy(&mut self, _: &str) -> Result<Arc<dyn Entropy>, String> {
        Ok(Arc::new(NoEntropy))
    }

    fn next_mac(&mut self) -> [u8; 6] {
        self.macs += 1;
        [0x52, 0x54, 0, 0, 0, self.macs]
    }
}

/// What a model cannot be made without.
fn needed(properties: &[models::Property]) -> Vec<(String, String)> {
    let has = |name: &str| properties.iter().any(|property| property.name == name);
    let wanted = ["drive", "netdev", "chardev"]
        .into_iter()
        .filter(|name| has(name));
    wanted.map(|name| (name.to_owned(), "x".to_owned())).collect()
}

/// A board with the models from `from` on that fit into its slots, and devices on their buses; how many there were.
fn board(from: usize) -> (Rig, usize) {
    let mut rig = Rig::new();
    let mut backends = Doubles::default();
    let mut made = 0;
    for model in models::pci().skip(from) {
        let name = format!("{}-under-test", model.name);
        let Ok(slot) = rig.pc.pci_slot(&name, None) else {
            break;
        };
        let given = needed(model.properties);
        let values = Values::read(model.name, model.properties, &given, &mut backends)
            .unwrap_or_else(|error| panic!("{}: {error}", model.name));
        let devfn = slot.devfn;
        let card = (model.make)(slot, &values).unwrap_or_else(|error| panic!("{}: {error}", model.name));
        rig.pc.plug(devfn, card);
        made += 1;
    }
    for model in models::on_buses() {
        let given = needed(model.properties);
        let values = Values::read(model.name, model.properties, &given, &mut backends).unwrap();
        for (name, part) in rig.pc.buses().to_vec() {
            if let Some(plugged) = model.plug(&part, &values) {
                plugged.unwrap_or_else(|error| panic!("{} on {name}: {error}", model.name));
            }
        }
    }
    rig.pc.reset();
    (rig, made)
}

#[test]
fn every_listed_device_can_be_made() {
    let total = models::pci().count();
    assert!(total > 10, "the tables are connected");
    let mut from = 0;
    while from < total {
        let ((used, made), (fresh, _)) = (board(from), board(from));
        assert!(made > 0);
        used.clock.advance(10 * MIB as i64);
        fresh.clock.set(used.clock.now_ns());
        let saved = used.pc.save_devices();
        fresh
            .pc
            .load_devices(|name| {
                saved
                    .iter()
                    .find(|(device, _)| device == name)
                    .map(|(_, state)| state)
            })
            .unwrap_or_else(|error| panic!("{error}"));
        from += made;
    }
}

#[test]
fn names_and_defaults_are_sound() {
    let mut names: Vec<&str> = models::pci()
        .flat_map(|model| model.aliases.iter().copied().chain([model.name]))
        .collect();
    let on_buses = models::on_buses();
    names.extend(on_buses.iter().map(|model| model.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name twice");
    for model in models::pci() {
        assert!(!model.help.is_empty(), "{}", model.name);
        let values = Values::read(
            model.name,
            model.properties,
            &needed(model.properties),
            &mut Doubles::default(),
        );
        assert!(values.is_ok(), "{}: {:?}", model.name, values.err());
    }
}
