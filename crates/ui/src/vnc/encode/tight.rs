//! Tight: fills, palettes and plain pixels, each kind with a stream of its own. JPEG and gradients are left out.

use super::palette::Palette;
use super::{Encoder, Rect};
use hw_core::Surface;

const FILL: u8 = 0x80;
/// A filter is named.
const FILTER: u8 = 0x40;
const PALETTE: u8 = 1;
/// Less than this is not compressed.
const LEAST: usize = 12;
/// With more colours, plain pixels compress as well.
const MOST: usize = 64;
/// Streams: plain pixels, two colours, more colours.
const PIXELS: usize = 0;
const TWO: usize = 1;
const INDEXED: usize = 2;

/// A length in one to three bytes of seven bits, lowest first.
fn length(len: usize, to: &mut Vec<u8>) {
    let more = |rest: usize| if rest != 0 { 0x80 } else { 0 };
    to.push((len & 0x7f) as u8 | more(len >> 7));
    if len >> 7 != 0 {
        to.push((len >> 7 & 0x7f) as u8 | more(len >> 14));
    }
    if len >> 14 != 0 {
        to.push((len >> 14) as u8);
    }
}

impl Encoder {
    /// Appends `rect`, which has at most 65,536 pixels.
    pub(super) fn tight(&mut self, picture: &Surface, rect: Rect, to: &mut Vec<u8>) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        let format = self.format;
        let stream = match Palette::of(picture, rect, MOST) {
            Some(palette) if palette.colours().len() == 1 => {
                to.push(FILL);
                format.put_tight(palette.colours()[0], to);
                self.scratch = data;
                return;
            }
            Some(palette) => {
                let count = palette.colours().len();
                let stream = if count == 2 { TWO } else { INDEXED };
                to.extend([FILTER | (stream as u8) << 4, PALETTE, (count - 1) as u8]);
                palette
                    .colours()
                    .iter()
                    .for_each(|&colour| format.put_tight(colour, to));
                palette.pack(picture, rect, if count == 2 { 1 } else { 8 }, &mut data);
                stream
            }
            None => {
                to.push((PIXELS as u8) << 4);
                rect.pixels(picture)
                    .for_each(|pixel| format.put_tight(pixel, &mut data));
                PIXELS
            }
        };
        if data.len() < LEAST {
            to.extend(&data);
        } else {
            let mut compressed = Vec::new();
            self.tight[stream].put(self.level, &data, &mut compressed);
            length(compressed.len(), to);
            to.extend(compressed);
        }
        self.scratch = data;
    }
}
