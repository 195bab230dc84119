//! ZRLE: tiles of 64 by 64, as colours, packed palettes or pixels, compressed together (RFC 6143, 7.7.6).

use super::super::pixel::PixelFormat;
use super::Rect;
use super::palette::Palette;
use hw_core::Surface;

const TILE: usize = 64;
const RAW: u8 = 0;

/// Appends `rect` before compression.
pub(super) fn put(format: &PixelFormat, picture: &Surface, rect: Rect, to: &mut Vec<u8>) {
    for tile in rect.tiles(TILE, TILE) {
        let Some(palette) = Palette::of(picture, tile, 16) else {
            to.push(RAW);
            tile.pixels(picture)
                .for_each(|pixel| format.put_compact(pixel, to));
            continue;
        };
        // One colour is a palette of one without indices.
        let count = palette.colours().len();
        to.push(count as u8);
        palette
            .colours()
            .iter()
            .for_each(|&colour| format.put_compact(colour, to));
        match count {
            1 => {}
            2 => palette.pack(picture, tile, 1, to),
            3..=4 => palette.pack(picture, tile, 2, to),
            _ => palette.pack(picture, tile, 4, to),
        }
    }
}
