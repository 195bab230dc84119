//! What `-drive` and its short forms say.

use block::Format;
use std::path::PathBuf;

/// Where a drive is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// One of the four places of the PIIX3's IDE channels.
    Ide,
    /// One of the two floppy drives.
    Floppy,
    /// A `virtio-blk-pci` of its own.
    Virtio,
    /// A bank of flash memory that the firmware lies in.
    Pflash,
    /// Wherever a `-device` names it.
    None,
}

impl Interface {
    /// All, by their names.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("ide", Self::Ide),
        ("floppy", Self::Floppy),
        ("virtio", Self::Virtio),
        ("pflash", Self::Pflash),
        ("none", Self::None),
    ];
}

/// What lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// A disk.
    Disk,
    /// A compact disc, which can be taken out.
    Cdrom,
}

/// What happens when the host fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnError {
    /// The guest gets the error.
    Report,
    /// The guest believes that all is well.
    Ignore,
    /// The machine stops, and tries again when it goes on.
    Stop,
    /// As `Stop` if the host's disk is full, otherwise as `Report`.
    NoSpace,
}

impl OnError {
    /// All, by their names for `werror=` and `rerror=`.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("report", Self::Report),
        ("ignore", Self::Ignore),
        ("stop", Self::Stop),
        ("enospc", Self::NoSpace),
    ];
}

/// One drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveConfig {
    /// The option with which it was given, for messages: `-drive file=…`, `-hda d.img`.
    pub option: String,
    /// Its name; the machine makes one up if there is none.
    pub id: Option<String>,
    /// The image; none is an empty drive.
    pub file: Option<PathBuf>,
    /// Its format; none: its first bytes say.
    pub format: Option<Format>,
    /// Where it is plugged in.
    pub interface: Interface,
    /// Which place there; none is the next free one.
    pub index: Option<u32>,
    /// What lies in it.
    pub media: Media,
    /// The guest cannot write.
    pub read_only: bool,
    /// What the guest writes is forgotten at the end.
    pub snapshot: bool,
    /// The guest's discards give storage back to the host.
    pub discard: bool,
    /// Every write is on stable storage before it completes (`cache=writethrough`, `directsync`).
    pub write_through: bool,
    /// What the guest flushes needs not be on stable storage (`cache=unsafe`).
    pub lazy: bool,
    /// When writing fails.
    pub on_write_error: OnError,
    /// When reading fails.
    pub on_read_error: OnError,
}

impl DriveConfig {
    /// A disk on the first free place of the IDE channels, given by `option`.
    pub fn new(option: impl Into<String>) -> Self {
        Self {
            option: option.into(),
            id: None,
            file: None,
            format: None,
            interface: Interface::Ide,
            index: None,
            media: Media::Disk,
            read_only: false,
            snapshot: false,
            discard: false,
            write_through: false,
            lazy: false,
            on_write_error: OnError::NoSpace,
            on_read_error: OnError::Report,
        }
    }

    /// Largest number of a place.
    pub fn places(&self) -> u32 {
        match self.interface {
            Interface::Ide => 4,
            Interface::Floppy | Interface::Pflash => 2,
            Interface::Virtio | Interface::None => 32,
        }
    }
}
