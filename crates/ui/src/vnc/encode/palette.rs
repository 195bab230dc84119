//! The few colours of a rectangle.

use super::Rect;
use hw_core::Surface;

/// Colours in the order in which they were met.
#[derive(Default)]
pub(super) struct Palette(Vec<u32>);

impl Palette {
    /// The colours of `rect`; none if there are more than `most`.
    pub(super) fn of(picture: &Surface, rect: Rect, most: usize) -> Option<Self> {
        let mut palette = Self::default();
        let mut last = None;
        for pixel in rect.pixels(picture) {
            if last == Some(pixel) {
                continue;
            }
            last = Some(pixel);
            if !palette.0.contains(&pixel) {
                if palette.0.len() == most {
                    return None;
                }
                palette.0.push(pixel);
            }
        }
        Some(palette)
    }

    pub(super) fn colours(&self) -> &[u32] {
        &self.0
    }

    /// The number of a colour, which is one of them.
    pub(super) fn index(&self, colour: u32) -> u8 {
        self.0.iter().position(|known| *known == colour).unwrap_or(0) as u8
    }

    /// Appends the pixels of `rect`, `bits` of each, rows beginning with a byte.
    pub(super) fn pack(&self, picture: &Surface, rect: Rect, bits: usize, to: &mut Vec<u8>) {
        for row in rect.rows(picture) {
            for pixels in row.chunks(8 / bits) {
                let mut byte = 0;
                for (n, pixel) in pixels.iter().enumerate() {
                    byte |= self.index(*pixel) << (8 - bits * (n + 1));
                }
                to.push(byte);
            }
        }
    }
}
