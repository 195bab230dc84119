//! Opens what `-drive` names, and gives each drive its place.

use super::config::{DriveConfig, Interface, Media};
use super::drive::{Drive, Pace};
use super::written::Written;
use crate::requests::Requests;
use anyhow::{Context, Result, anyhow, bail};
use block::{Image, Options};
use hw_core::Disk;
use hw_i386::ide;
use replay::Disk as Fact;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// All drives of a machine.
#[derive(Default)]
pub(crate) struct Drives {
    /// In the order in which they were given.
    pub all: Vec<Arc<Drive>>,
    /// Those of which snapshots hold what was written.
    pub written: Vec<Arc<Written>>,
    places: BTreeMap<(u8, u32), usize>,
    taken: Vec<bool>,
}

/// A number for the order of places.
const fn rank(interface: Interface) -> u8 {
    match interface {
        Interface::Ide => 0,
        Interface::Floppy => 1,
        Interface::Virtio => 2,
        Interface::Pflash => 3,
        Interface::None => 4,
    }
}

/// The name that a drive has if the user gave none.
fn made_up(config: &DriveConfig, place: u32) -> String {
    match (config.interface, config.media) {
        (Interface::Ide, Media::Disk) => format!("ide{}-hd{}", place / 2, place % 2),
        (Interface::Ide, Media::Cdrom) => format!("ide{}-cd{}", place / 2, place % 2),
        (Interface::Floppy, _) => format!("floppy{place}"),
        (Interface::Virtio, _) => format!("virtio{place}"),
        (Interface::Pflash, _) => format!("pflash{place}"),
        (Interface::None, _) => format!("none{place}"),
    }
}

/// Opens the image of a drive as the machine needs it.
pub(crate) fn open_image(config: &DriveConfig, path: &Path) -> Result<Arc<dyn Image>, block::OpenError> {
    if config.snapshot {
        return Ok(block::open_overlay(path, config.format)?);
    }
    let options = Options {
        format: config.format,
        read_only: config.read_only || config.media == Media::Cdrom,
        discard: config.discard,
        lock: true,
    };
    block::open(path, &options)
}

impl Drives {
    /// Opens `configs`. What a run writes that is `logged` stays in memory.
    ///
    /// # Errors
    /// `-option value: reason` for the first that cannot be had.
    pub fn open(
        configs: &[DriveConfig],
        logged: bool,
        pace: impl Fn() -> Pace,
        requests: &Arc<Requests>,
    ) -> Result<Self> {
        let mut drives = Self::default();
        let mut ids: Vec<String> = Vec::new();
        for config in configs {
            let refuse = |reason: String| anyhow!("{}: {reason}", config.option);
            let place = drives.place(config).map_err(refuse)?;
            let id = config.id.clone().unwrap_or_else(|| made_up(config, place));
            if ids.contains(&id) {
                bail!(refuse(format!("Duplicate ID '{id}' for drive")));
            }
            let image = match &config.file {
                None => None,
                Some(path) if logged => {
                    let options = Options {
                        format: config.format,
                        ..Options::READ_ONLY
                    };
                    let base = block::open(path, &options).map_err(|error| refuse(error.to_string()))?;
                    let read_only = config.read_only || config.media == Media::Cdrom;
                    let written = Written::new(&id, base, read_only);
                    drives.written.push(Arc::clone(&written));
                    Some(written as Arc<dyn Image>)
                }
                Some(path) => Some(open_image(config, path).map_err(|error| refuse(error.to_string()))?),
            };
            if image.is_none() && config.media == Media::Disk && config.interface != Interface::Floppy {
                bail!(refuse("a disk needs an image (file=)".into()));
            }
            drives
                .places
                .insert((rank(config.interface), place), drives.all.len());
            drives.taken.push(config.interface != Interface::None);
            drives
                .all
                .push(Drive::new(id.clone(), config.clone(), image, pace(), requests));
            ids.push(id);
        }
        Ok(drives)
    }

    fn place(&self, config: &DriveConfig) -> Result<u32, String> {
        let rank = rank(config.interface);
        let is_free = |place: &u32| !self.places.contains_key(&(rank, *place));
        match config.index {
            Some(index) if index >= config.places() => Err(format!("index {index} is too high")),
            Some(index) if !is_free(&index) => Err(format!("drive with index {index} exists already")),
            Some(index) => Ok(index),
            // A CD is a CD's place, for those who look for one.
            None if config.interface == Interface::Ide && config.media == Media::Cdrom && is_free(&2) => {
                Ok(2)
            }
            None => (0..config.places())
                .find(is_free)
                .ok_or_else(|| "no place is free".into()),
        }
    }

    /// What is at a place of the IDE channels.
    pub fn on_ide(&self, place: u32) -> Option<(ide::Kind, Arc<dyn Disk>)> {
        let drive = &self.all[*self.places.get(&(rank(Interface::Ide), place))?];
        let kind = match drive.config().media {
            Media::Disk => ide::Kind::Disk,
            Media::Cdrom => ide::Kind::Cd,
        };
        Some((kind, Arc::clone(drive) as _))
    }

    /// A floppy drive.
    pub fn floppy(&self, place: u32) -> Option<Arc<dyn Disk>> {
        let index = *self.places.get(&(rank(Interface::Floppy), place))?;
        Some(Arc::clone(&self.all[index]) as _)
    }

    /// The ids of the drives behind an interface, in the order of their places.
    pub fn ids(&self, interface: Interface) -> Vec<String> {
        let places = self
            .places
            .range((rank(interface), 0)..=(rank(interface), u32::MAX));
        places
            .map(|(_, &index)| self.all[index].id().to_owned())
            .collect()
    }

    /// The drive with this id, for one device.
    ///
    /// # Errors
    /// There is none, or another device has it.
    pub fn take(&mut self, id: &str) -> Result<Arc<dyn Disk>, String> {
        let index = self
            .all
            .iter()
            .position(|drive| drive.id() == id)
            .ok_or_else(|| format!("can't find value '{id}'"))?;
        // An implicit device asks for its drive by name, too.
        let implicit = self.all[index].config().interface == Interface::Virtio;
        if std::mem::replace(&mut self.taken[index], true) && !implicit {
            return Err(format!("drive '{id}' is already in use by another device"));
        }
        Ok(Arc::clone(&self.all[index]) as _)
    }

    /// A drive whose image changes without a way back: a snapshot of now would find it as it is then.
    pub fn only_now(&self) -> Option<String> {
        let changes = |drive: &&Arc<Drive>| drive.image().is_some_and(|image| !image.read_only());
        let kept = |drive: &&Arc<Drive>| self.written.iter().any(|written| written.is_of(drive.id()));
        let found = self.all.iter().find(|drive| changes(drive) && !kept(drive));
        found.map(|drive| drive.id().to_owned())
    }

    /// The drive with this id.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, id: &str) -> Result<Arc<Drive>, String> {
        let drive = self.all.iter().find(|drive| drive.id() == id);
        drive
            .cloned()
            .ok_or_else(|| format!("Device '{id}' not found ('info block' lists them)"))
    }

    /// What a log must know of the images: their files' lengths and contents.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn facts(&self) -> Result<Vec<Fact>> {
        let mut facts = Vec::new();
        for drive in &self.all {
            let files = drive.image().map(|image| image.files()).unwrap_or_default();
            for file in files {
                let (len, digest) = contents(&file)
                    .with_context(|| format!("{}: reading the image", drive.config().option))?;
                facts.push(Fact {
                    name: format!("-drive {}={}", drive.id(), file.display()),
                    len,
                    digest,
                });
            }
        }
        Ok(facts)
    }
}

/// Length and digest of a file.
fn contents(path: &Path) -> std::io::Result<(u64, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let (mut hash, mut length) = (Xxh3::new(), 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((length, hash.finish())),
            read => {
                hash.write(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}
