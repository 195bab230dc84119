//! Firmware files: where distributions put them, and what of them the board gets.
//!
//! `-bios`, `-L` and their neighbours flow in as names; files are read whole before anything runs. Mirrors QEMU's
//! `qemu_find_file`.

use crate::files::read;
use anyhow::{Context, Result, bail};
use hw_i386::firmware::{FirmwareConfig, FirmwareImage};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where distributions put firmware.
const DIRECTORIES: &[&str] = &["/usr/share/seabios", "/usr/share/qemu", "/usr/share/ovmf"];
/// SeaBIOS, as distributions call it: for all its drivers 128 KiB are too few.
const SEABIOS: &[&str] = &["bios-256k.bin", "bios.bin"];

/// What of a machine's configuration concerns firmware.
#[derive(Clone, Default)]
pub struct Firmware {
    /// The image's file name as given or found.
    pub name: String,
    /// For the board.
    pub board: FirmwareConfig,
}

impl fmt::Debug for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Firmware")
            .field("name", &self.name)
            .field("boot", &self.board.boot)
            .finish_non_exhaustive()
    }
}

impl Firmware {
    /// Whether the machine starts in firmware.
    pub fn runs(&self) -> bool {
        self.board.image.is_some()
    }

    /// Takes the image that `-bios` names, from the current directory or one of `directories` (`-L`); without a name, the
    /// SeaBIOS that is there.
    ///
    /// # Errors
    /// There is none, in words that say how to get one, or it is no image.
    pub fn load(&mut self, name: Option<&str>, directories: &[String]) -> Result<()> {
        let path = match name {
            Some(name) if Path::new(name).exists() => name.to_owned(),
            Some(name) => match find(&[name], directories) {
                Some(path) => path,
                None => bail!("-bios {name}: No such file or directory"),
            },
            None => find(SEABIOS, directories).with_context(|| {
                format!(
                    "there is no {} here to boot by; install the package 'seabios', or name a file with -bios",
                    SEABIOS[0]
                )
            })?,
        };
        let image = read("bios", &path)?;
        self.board.image = Some(FirmwareImage::rom(image).with_context(|| format!("-bios {path}"))?);
        self.name = path;
        Ok(())
    }

    /// Adds a file for firmware, read from `path`, which `option` named.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn add_file(&mut self, option: &str, name: &str, path: &str) -> Result<()> {
        let bytes = read(option, path)?;
        self.board.files.push((name.to_owned(), bytes));
        Ok(())
    }

    /// Everything that a guest can tell firmware's files by: what option gave it, and its bytes.
    pub(crate) fn files(&self) -> Vec<(String, Arc<[u8]>)> {
        let mut all = Vec::new();
        match &self.board.image {
            Some(FirmwareImage::Rom(image)) => all.push((format!("-bios {}", self.name), Arc::clone(image))),
            None => {}
        }
        let files = self.board.files.iter();
        all.extend(files.map(|(name, bytes)| (format!("-fw_cfg {name}"), Arc::clone(bytes))));
        all
    }

    /// What a guest can tell of the options, as text.
    pub(crate) fn describe(&self) -> String {
        let board = &self.board;
        if board.image.is_none() && board.uuid.is_none() && board.smbios.is_empty() {
            return String::new();
        }
        format!(
            "{:?} {:?} {:?} {}",
            board.boot, board.uuid, board.smbios, board.nographic
        )
    }
}

/// The first of `names` in the directories, those of the user's first.
fn find(names: &[&str], directories: &[String]) -> Option<String> {
    let usual = DIRECTORIES.iter().map(|directory| (*directory).to_owned());
    let all: Vec<String> = directories.iter().cloned().chain(usual).collect();
    names.iter().find_map(|name| {
        let paths = all.iter().map(|directory| format!("{directory}/{name}"));
        paths.into_iter().find(|path| Path::new(path).is_file())
    })
}
