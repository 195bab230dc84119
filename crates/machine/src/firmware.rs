//! Firmware files: where distributions put them, and what of them the board gets.
//!
//! `-bios`, `-L` and their neighbours flow in as names; files are read whole before anything runs. Mirrors QEMU's
//! `qemu_find_file`.

use crate::drives::{Drives, Interface};
use crate::files::read;
use anyhow::{Context, Result, anyhow, bail};
use block::Image;
use hw_i386::firmware::{FirmwareConfig, FirmwareImage};
use hw_i386::flash::{FlashStore, FlashUnit};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where distributions put firmware.
const DIRECTORIES: &[&str] = &["/usr/share/seabios", "/usr/share/qemu", "/usr/share/ovmf"];
/// The video BIOS of the standard VGA, from the package of SeaBIOS.
const VIDEO: &[&str] = &["vgabios-stdvga.bin"];
/// SeaBIOS, as distributions call it: for all its drivers 128 KiB are too few.
const SEABIOS: &[&str] = &["bios-256k.bin", "bios.bin"];

/// What of a machine's configuration concerns firmware.
#[derive(Clone)]
pub struct Firmware {
    /// The image that is to be loaded.
    pub wanted: Option<WantedFirmware>,
    /// The image's file name as found.
    pub name: String,
    /// The video BIOS, if there is one.
    pub video: Arc<[u8]>,
    /// For the board.
    pub board: FirmwareConfig,
}

impl Default for Firmware {
    fn default() -> Self {
        Self {
            wanted: None,
            name: String::new(),
            video: Arc::new([]),
            board: FirmwareConfig::default(),
        }
    }
}

/// An image as the user describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedFirmware {
    /// `-bios`; none: the SeaBIOS that is there.
    pub name: Option<String>,
    /// `-L`: where it is looked for first.
    pub directories: Vec<String>,
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
        self.wanted.is_some() || self.board.image.is_some()
    }

    /// Reads the image that is wanted, and the video BIOS of a machine with a VGA, from the current directory, those of the user's, or where distributions put it.
    ///
    /// # Errors
    /// There is none, in words that say how to get one, or it is no image.
    pub(crate) fn load(&mut self, has_vga: bool) -> Result<()> {
        let Some(WantedFirmware { name, directories }) = &self.wanted else {
            return Ok(());
        };
        let name = name.as_deref();
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
        // Without one the screen stays dark until an operating system drives it.
        if let Some(video) = find(VIDEO, directories).filter(|_| has_vga) {
            self.video = read("L", &video)?;
        }
        let image = read("bios", &path)?;
        self.board.image = Some(FirmwareImage::rom(image).with_context(|| format!("-bios {path}"))?);
        self.name = path;
        Ok(())
    }

    /// Takes the drives with `if=pflash` for flash chips, if there are any.
    ///
    /// # Errors
    /// An image cannot be read, or does not fit.
    pub(crate) fn take_flash(&mut self, drives: &Drives) -> Result<()> {
        let mut units = Vec::new();
        let mut options = Vec::new();
        for id in drives.ids(Interface::Pflash) {
            let drive = drives.find(&id).map_err(|error| anyhow!(error))?;
            let config = drive.config();
            let Some(image) = drive.image() else { continue };
            if image.size() > MAX_FLASH {
                bail!("{}: flash has at most 16 MiB", config.option);
            }
            let mut bytes = vec![0; image.size() as usize];
            image
                .read_at(0, &mut bytes)
                .with_context(|| format!("{}: reading the image", config.option))?;
            let readonly = config.read_only || image.read_only();
            let store: Arc<dyn FlashStore> = Arc::new(ImageStore {
                option: config.option.clone(),
                image,
            });
            units.push(FlashUnit {
                image: bytes.into(),
                readonly,
                store: (!readonly).then_some(store),
            });
            options.push(config.option.clone());
        }
        if !units.is_empty() {
            let image = FirmwareImage::flash(units).with_context(|| options.join(" "))?;
            self.board.image = Some(image);
        }
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
            // The flash chips are drives.
            Some(FirmwareImage::Flash(_)) | None => {}
        }
        if !self.video.is_empty() {
            all.push(("-L (video BIOS)".to_owned(), Arc::clone(&self.video)));
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

/// Most bytes of a flash chip's image.
const MAX_FLASH: u64 = 16 << 20;

/// A drive's image behind a flash chip. Variables are few and small: they are written at once.
struct ImageStore {
    option: String,
    image: Arc<dyn Image>,
}

impl FlashStore for ImageStore {
    fn store(&self, offset: u64, bytes: &[u8]) {
        if let Err(error) = self.image.write_at(offset, bytes) {
            crate::hints::say(&format!("warning: {}: {error}", self.option));
        }
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
