//! What the machine boots from, and what its firmware is told: `-bios -L -boot -fw_cfg -option-rom -smbios -uuid`.

use super::did_you_mean;
use super::draft::{Draft, Outcome};
use super::keyval::{KeyVal, number, switch};
use anyhow::Result;

use machine::{
    BootFiles, BootSettings, DriveConfig, Firmware, Interface, SmbiosField, WantedFirmware, parse_uuid,
};

/// What was said of firmware so far.
#[derive(Default)]
pub struct Options {
    bios: Option<String>,
    directories: Vec<String>,
    /// Something was named that only firmware boots from.
    pub wanted: bool,
    boot: BootSettings,
    uuid: Option<[u8; 16]>,
    smbios: Vec<SmbiosField>,
    files: Vec<Given>,
}

/// A file for fw_cfg.
enum Given {
    File {
        option: &'static str,
        name: String,
        path: String,
    },
    Text {
        name: String,
        text: String,
    },
}

pub fn bios(draft: &mut Draft, value: &str) -> Outcome {
    draft.firmware.bios = Some(value.to_owned());
    Ok(())
}

pub fn directory(draft: &mut Draft, value: &str) -> Outcome {
    draft.firmware.directories.push(value.to_owned());
    draft.firmware.wanted = true;
    Ok(())
}

pub fn boot(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let options = &mut draft.firmware;
    let first = list.first.iter().map(|order| ("order", order.as_str()));
    for (key, value) in first.chain(list.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))) {
        let letters = |value: &str| BootSettings::check(value).map_err(|error| error.to_string());
        let milliseconds = |value: &str| {
            u16::try_from(number(key, value)?).map_err(|_| format!("'{key}' is at most 65535 (milliseconds)"))
        };
        match key {
            "order" => {
                letters(value)?;
                options.boot.order = value.to_owned();
            }
            "once" => {
                letters(value)?;
                options.boot.once = Some(value.to_owned());
            }
            "menu" => options.boot.menu = Some(switch(key, value)?),
            "strict" => options.boot.strict = switch(key, value)?,
            "splash-time" => options.boot.splash_time = Some(milliseconds(value)?),
            "reboot-timeout" if value == "-1" => options.boot.reboot_timeout = None,
            "reboot-timeout" => options.boot.reboot_timeout = Some(milliseconds(value)?),
            "splash" => {
                let kind = if value.ends_with(".bmp") { "bmp" } else { "jpg" };
                options.files.push(Given::File {
                    option: "boot splash=",
                    name: format!("bootsplash.{kind}"),
                    path: value.to_owned(),
                });
            }
            _ => {
                let known = [
                    "order",
                    "once",
                    "menu",
                    "strict",
                    "splash",
                    "splash-time",
                    "reboot-timeout",
                ];
                let hint = did_you_mean(key, known.into_iter());
                return Err(format!("'{key}' is no property of -boot{hint}").into());
            }
        }
    }
    options.wanted = true;
    Ok(())
}

pub fn fw_cfg(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let (mut name, mut file, mut string) = (list.first, None, None);
    for (key, value) in list.pairs {
        match key.as_str() {
            "name" => name = Some(value),
            "file" => file = Some(value),
            "string" => string = Some(value),
            _ => {
                return Err(
                    format!("'{key}' is no property of -fw_cfg; name=, file= and string= are").into(),
                );
            }
        }
    }
    let name = name.ok_or("name= is missing")?;
    if !name.starts_with("opt/") {
        eprintln!("reprise: warning: -fw_cfg {value}: names outside of 'opt/' are the firmware's own");
    }
    draft.firmware.files.push(match (file, string) {
        (Some(path), None) => Given::File {
            option: "fw_cfg",
            name,
            path,
        },
        (None, Some(text)) => Given::Text { name, text },
        _ => return Err("one of file= and string= belongs to it".into()),
    });
    Ok(())
}

pub fn option_rom(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let named = list.pairs.iter().find(|(key, _)| key == "romfile");
    let path = list
        .first
        .or(named.map(|(_, file)| file.clone()))
        .ok_or("a file is missing")?;
    let name = path.rsplit('/').next().unwrap_or(&path);
    draft.firmware.files.push(Given::File {
        option: "option-rom",
        name: format!("genroms/{name}"),
        path,
    });
    Ok(())
}

pub fn smbios(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let mut kind = None;
    for (key, value) in &list.pairs {
        match key.as_str() {
            "type" => {
                let number = number(key, value)?;
                kind = Some(u8::try_from(number).map_err(|_| format!("type is 0 to 255, not {number}"))?);
            }
            "file" => return Err("structures from files are not supported in this version".into()),
            _ => {
                let kind = kind.ok_or("type= comes first")?;
                draft.firmware.smbios.push(SmbiosField::new(kind, key, value)?);
            }
        }
    }
    kind.ok_or("type= is missing")?;
    Ok(())
}

pub fn uuid(draft: &mut Draft, value: &str) -> Outcome {
    let uuid = parse_uuid(value).ok_or("not a UUID; it looks like 550e8400-e29b-41d4-a716-446655440000")?;
    draft.firmware.uuid = Some(uuid);
    Ok(())
}

impl Options {
    /// Finds and reads the files: an image if one was named or is needed, and what it is told.
    ///
    /// # Errors
    /// A line for the user.
    pub fn finish(
        self,
        kernel: Option<&BootFiles>,
        drives: &[DriveConfig],
        has_viewers: bool,
    ) -> Result<Firmware> {
        let mut firmware = Firmware::default();
        let in_flash = |drive: &DriveConfig| drive.interface == Interface::Pflash;
        let needed = match kernel {
            // Firmware that lies in flash needs no other.
            _ if drives.iter().any(in_flash) => false,
            Some(kernel) => kernel.needs_bios(),
            None => self.wanted || !drives.is_empty(),
        };
        if self.bios.is_some() || needed {
            firmware.wanted = Some(WantedFirmware {
                name: self.bios,
                directories: self.directories,
            });
        }
        // Without somebody in front of the screen, the first serial port is it.
        firmware.board.nographic = !has_viewers;
        firmware.board.boot = self.boot;
        firmware.board.uuid = self.uuid;
        firmware.board.smbios = self.smbios;
        for given in self.files {
            match given {
                Given::File { option, name, path } => firmware.add_file(option, &name, &path)?,
                Given::Text { name, text } => firmware.board.files.push((name, text.into_bytes().into())),
            }
        }
        Ok(firmware)
    }
}
