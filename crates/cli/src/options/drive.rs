//! `-drive` and its short forms: what they say about an image and its place.

use super::did_you_mean;
use super::draft::{Draft, Outcome};
use super::keyval::{KeyVal, number, switch};
use machine::{DriveConfig, Format, Interface, Media, OnError};

/// Properties of `-drive`, for suggestions.
const PROPERTIES: &[&str] = &[
    "file",
    "if",
    "format",
    "media",
    "index",
    "id",
    "snapshot",
    "readonly",
    "cache",
    "discard",
    "werror",
    "rerror",
    "bus",
    "unit",
    "aio",
    "detect-zeroes",
    "driver",
    "auto-read-only",
    "copy-on-read",
];

fn one_of<T: Copy>(key: &str, value: &str, names: &[(&str, T)]) -> Result<T, String> {
    names
        .iter()
        .find(|(name, _)| *name == value)
        .map(|&(_, found)| found)
        .ok_or_else(|| {
            let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            format!("{key} is {}, not '{value}'", names.join(", "))
        })
}

fn small(key: &str, value: &str) -> Result<u32, String> {
    u32::try_from(number(key, value)?).map_err(|_| format!("{key} {value} is too high"))
}

/// `cache=`: whether every write is durable, and whether flushes may be left out.
fn cache(drive: &mut DriveConfig, mode: &str) -> Result<(), String> {
    (drive.write_through, drive.lazy) = one_of(
        "cache",
        mode,
        &[
            ("writeback", (false, false)),
            ("none", (false, false)),
            ("writethrough", (true, false)),
            ("directsync", (true, false)),
            ("unsafe", (false, true)),
        ],
    )?;
    Ok(())
}

/// `-drive`.
pub fn add(draft: &mut Draft, argument: &str) -> Outcome {
    let list = KeyVal::parse(argument);
    let mut drive = DriveConfig::new(format!("-drive {argument}"));
    if let Some(word) = &list.first {
        return Err(format!("'{word}' is no property of -drive; an image is given by file=").into());
    }
    let (mut bus, mut unit) = (None, None);
    let mut error = None;
    for (key, value) in &list.pairs {
        match key.as_str() {
            "file" => drive.file = (!value.is_empty()).then(|| value.into()),
            "if" => drive.interface = one_of(key, value, &Interface::NAMES)?,
            "format" | "driver" => {
                drive.format = Some(value.parse::<Format>().map_err(|error| error.to_string())?)
            }
            "media" => drive.media = one_of(key, value, &[("disk", Media::Disk), ("cdrom", Media::Cdrom)])?,
            "index" => drive.index = Some(small(key, value)?),
            "bus" => bus = Some(small(key, value)?),
            "unit" => unit = Some(small(key, value)?),
            "id" => drive.id = Some(value.clone()),
            "snapshot" => drive.snapshot = switch(key, value)?,
            "readonly" => drive.read_only = switch(key, value)?,
            "cache" => cache(&mut drive, value)?,
            "discard" => {
                drive.discard = one_of(
                    key,
                    value,
                    &[("unmap", true), ("on", true), ("ignore", false), ("off", false)],
                )?
            }
            "werror" => drive.on_write_error = one_of(key, value, &OnError::NAMES)?,
            "rerror" => {
                drive.on_read_error = one_of(key, value, &OnError::NAMES)?;
                error = (drive.on_read_error == OnError::NoSpace)
                    .then_some("rerror is report, ignore or stop: reading needs no space");
            }
            // How the host is asked makes no difference here.
            "aio" | "detect-zeroes" | "auto-read-only" | "copy-on-read" => {}
            _ => {
                let hint = did_you_mean(key, PROPERTIES.iter().copied());
                return Err(format!("'{key}' is no property of -drive{hint}").into());
            }
        }
    }
    if let Some(error) = error {
        return Err(error.into());
    }
    if bus.is_some() || unit.is_some() {
        let units = if drive.interface == Interface::Ide {
            2
        } else {
            drive.places()
        };
        let place = bus
            .unwrap_or(0)
            .checked_mul(units)
            .and_then(|first| first.checked_add(unit.unwrap_or(0)));
        if drive.index.is_some() {
            return Err("index= cannot be used with bus= and unit=".into());
        }
        drive.index = Some(place.ok_or("there is no such place")?);
    }
    draft.drives.push(drive);
    Ok(())
}

/// `-hda` to `-hdd`.
pub fn disk(draft: &mut Draft, option: &str, index: u32, file: &str) -> Outcome {
    draft.drives.push(DriveConfig {
        file: Some(file.into()),
        index: Some(index),
        ..DriveConfig::new(format!("-{option} {file}"))
    });
    Ok(())
}

/// A word that is no option: the first disk.
pub fn bare(draft: &mut Draft, file: &str) {
    draft.drives.push(DriveConfig {
        file: Some(file.into()),
        index: Some(0),
        ..DriveConfig::new(file)
    });
}

/// The empty CD drive of a machine whose place for one is free.
pub fn add_cd_drive(drives: &mut Vec<DriveConfig>) {
    let is_there = |drive: &DriveConfig| {
        drive.interface == Interface::Ide
            && (drive.index == Some(2) || drive.index.is_none() && drive.media == Media::Cdrom)
    };
    let on_ide = drives
        .iter()
        .filter(|drive| drive.interface == Interface::Ide)
        .count();
    if on_ide < 3 && !drives.iter().any(is_there) {
        drives.push(DriveConfig {
            index: Some(2),
            media: Media::Cdrom,
            ..DriveConfig::new("the usual CD drive")
        });
    }
}

/// `-cdrom`.
pub fn cdrom(draft: &mut Draft, file: &str) -> Outcome {
    draft.drives.push(DriveConfig {
        file: Some(file.into()),
        index: Some(2),
        media: Media::Cdrom,
        ..DriveConfig::new(format!("-cdrom {file}"))
    });
    Ok(())
}

/// `-fda` and `-fdb`.
pub fn floppy(draft: &mut Draft, option: &str, index: u32, file: &str) -> Outcome {
    draft.drives.push(DriveConfig {
        file: Some(file.into()),
        interface: Interface::Floppy,
        index: Some(index),
        ..DriveConfig::new(format!("-{option} {file}"))
    });
    Ok(())
}
