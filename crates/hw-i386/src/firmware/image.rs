//! Firmware images: what they may be, and where they lie.

use crate::flash::{FlashUnit, spec::BLOCK};
use std::sync::Arc;

/// Sizes of a BIOS image: multiples of 64 KiB from the first to the last, in bytes.
pub const BIOS_SIZES: std::ops::RangeInclusive<usize> = 0x1_0000..=0x100_0000;

/// Firmware as the machine has it.
#[derive(Clone)]
pub enum FirmwareImage {
    /// A ROM whose end is at 4 GiB.
    Rom(Arc<[u8]>),
    /// Flash chips below 4 GiB: the first ends there, the second (firmware's variables) lies below it.
    Flash(Vec<FlashUnit>),
}

/// Why an image is no firmware.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not a multiple of 64 KiB, or too much.
    #[error("{0} bytes are no BIOS image: it has a multiple of 64 KiB, up to 16 MiB")]
    Size(usize),
    /// Not a multiple of a block, or too much.
    #[error("{0} bytes are no flash image: it has a multiple of 4 KiB, and both together at most 16 MiB")]
    FlashSize(usize),
    /// There is none to start in, or one too many.
    #[error("firmware lies in flash unit 0; there are units 0 and 1")]
    Units,
}

impl FirmwareImage {
    /// One or two flash chips.
    ///
    /// # Errors
    /// The sizes do not fit.
    pub fn flash(units: Vec<FlashUnit>) -> Result<Self, ImageError> {
        if !(1..=2).contains(&units.len()) {
            return Err(ImageError::Units);
        }
        let mut all = 0usize;
        for unit in &units {
            let len = unit.image.len();
            all = all.saturating_add(len);
            if len == 0 || !len.is_multiple_of(BLOCK) || all > *BIOS_SIZES.end() {
                return Err(ImageError::FlashSize(len));
            }
        }
        Ok(Self::Flash(units))
    }

    /// A ROM with these contents.
    ///
    /// # Errors
    /// Its size is none of [`BIOS_SIZES`].
    pub fn rom(bytes: Arc<[u8]>) -> Result<Self, ImageError> {
        let len = bytes.len();
        if BIOS_SIZES.contains(&len) && len.is_multiple_of(*BIOS_SIZES.start()) {
            Ok(Self::Rom(bytes))
        } else {
            Err(ImageError::Size(len))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (len, fits) in [
            (0, false),
            (0x1_0000, true),
            (0x4_0000, true),
            (0x4_0001, false),
            (0x100_0000, true),
            (0x101_0000, false),
        ] {
            let image = FirmwareImage::rom(vec![0; len].into());
            assert_eq!(image.is_ok(), fits, "{len:#x}");
        }
    }
}
