//! A machine that starts as real ones do: at the reset vector, in a firmware image that finds out by itself what it runs
//! on.
//!
//! What the user says flows through [`FirmwareConfig`] into the board: the image into the address space's top, everything
//! else into fw_cfg ([`describe`]) and CMOS ([`BootOrder`]). A machine without an image has fw_cfg too, for the drivers of
//! operating systems. Mirrors QEMU's `hw/i386/pc_sysfw.c`, `hw/i386/fw_cfg.c` and `hw/nvram/fw_cfg.c`.

mod boot_order;
mod describe;
mod image;
mod kernel;
pub mod loader_rom;

pub use boot_order::{BootOrder, BootSettings, OrderError};
pub(crate) use describe::set_boot_order;
pub use describe::{Described, describe};
pub use image::{BIOS_SIZES, FirmwareImage, ImageError};
pub(crate) use kernel::offer;

use crate::tables::smbios::SmbiosField;
use std::sync::Arc;

/// What concerns firmware, and what it is told.
#[derive(Clone, Default)]
pub struct FirmwareConfig {
    /// The firmware; none: kernels are entered directly, and the mini-POST does firmware's work.
    pub image: Option<FirmwareImage>,
    /// There is no display: firmware should use the first serial port.
    pub nographic: bool,
    /// The machine's UUID.
    pub uuid: Option<[u8; 16]>,
    /// What the user says of SMBIOS structures.
    pub smbios: Vec<SmbiosField>,
    /// What to boot from.
    pub boot: BootSettings,
    /// Files for fw_cfg, by name: the user's own, and option ROMs (`genroms/NAME`).
    pub files: Vec<(String, Arc<[u8]>)>,
}
