//! What a person does to drives: looks, takes media out, puts others in.
//!
//! In a recorded run a medium that is taken out is an event of the log. Another one cannot be put in there: its contents
//! are no part of the log.

use crate::drives::{Drives, open_image};
use crate::running::Machine;
use block::Format;
use replay::{Control, Mode};
use std::fmt::Write;
use std::path::Path;

impl Machine {
    /// Takes the medium out of a drive.
    ///
    /// # Errors
    /// There is no such drive, its medium cannot be taken out, or the guest keeps it.
    pub fn eject(&mut self, id: &str, force: bool) -> Result<(), String> {
        let drive = self.drives.find(id)?;
        if !drive.is_removable() {
            return Err(format!("Device '{id}' is not removable"));
        }
        if drive.is_locked() && !force {
            drive.request_eject();
            return Err(format!(
                "Device '{id}' is locked; 'eject -f {id}' takes it out all the same"
            ));
        }
        self.control(Control::Eject {
            device: id.to_owned(),
            force,
        });
        Ok(())
    }

    /// Puts the image `file` into a drive.
    ///
    /// # Errors
    /// There is no such drive, its medium cannot be changed, or the image cannot be opened; what was in it stays.
    pub fn change_medium(&mut self, id: &str, file: &str, format: Option<&str>) -> Result<(), String> {
        let drive = self.drives.find(id)?;
        if !drive.is_removable() {
            return Err(format!("Device '{id}' is not removable"));
        }
        if self.replay.mode() != Mode::None {
            return Err("a recorded run has the media with which it began".into());
        }
        if drive.is_locked() {
            drive.request_eject();
            return Err(format!("Device '{id}' is locked"));
        }
        let mut config = drive.config().clone();
        config.format = match format {
            Some(name) => Some(name.parse::<Format>().map_err(|error| error.to_string())?),
            None => None,
        };
        // The same file again: its lock must go first.
        let before = drive.image();
        if before.is_some_and(|image| image.files().iter().any(|path| path == Path::new(file))) {
            drive.change(None);
        }
        let image = open_image(&config, Path::new(file)).map_err(|error| error.to_string())?;
        drive.change(Some(image));
        Ok(())
    }

    /// Text of the monitor's `info block`.
    pub fn describe_block(&self) -> String {
        self.drives.describe()
    }

    /// Text of the monitor's `info qtree`.
    pub fn describe_devices(&self) -> String {
        let mut text = String::new();
        for (devfn, function) in self.pc.pci.functions() {
            let _ = writeln!(text, "pci {:02x}.{} {}", devfn >> 3, devfn & 7, function.name());
        }
        let functions = self.pc.pci.functions();
        for device in &self.pc.devices {
            if !functions
                .iter()
                .any(|(_, function)| function.name() == device.name())
            {
                let _ = writeln!(text, "{}", device.name());
            }
        }
        text
    }
}

impl Drives {
    /// Does what a log has, or a person has done.
    pub(crate) fn eject(&self, id: &str) {
        match self.find(id) {
            Ok(drive) => drive.change(None),
            Err(reason) => tracing::warn!("the log ejects a drive: {reason}"),
        }
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for drive in &self.all {
            let config = drive.config();
            let _ = match drive.image() {
                None => writeln!(text, "{}: [not inserted]", drive.id()),
                Some(image) => {
                    let file = config
                        .file
                        .as_deref()
                        .unwrap_or(Path::new(""))
                        .display()
                        .to_string();
                    let files = image.files();
                    let file = files.first().map_or(file, |path| path.display().to_string());
                    let read_only = if config.read_only || image.read_only() {
                        ", read-only"
                    } else {
                        ""
                    };
                    writeln!(text, "{}: {file} ({}{read_only})", drive.id(), image.format())
                }
            };
            let removable = if drive.is_removable() { "" } else { "not " };
            let locked = if drive.is_locked() { "locked" } else { "not locked" };
            let _ = writeln!(text, "    Removable device: {removable}removable, {locked}");
            let cache = match (config.write_through, config.lazy) {
                (true, _) => "writethrough",
                (_, true) => "unsafe",
                _ => "writeback",
            };
            let _ = writeln!(text, "    Cache mode:       {cache}");
        }
        text
    }
}
