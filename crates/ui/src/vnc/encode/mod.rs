//! Rectangles of a picture as clients take them.

mod hextile;
mod palette;
mod tight;
mod zrle;

#[cfg(test)]
pub(super) mod tests;

use super::pixel::PixelFormat;
use super::spec::encoding;
use flate2::{Compress, Compression, FlushCompress};
use hw_core::Surface;

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Rect {
    /// Parts of at most so many pixels each way, row by row.
    fn tiles(self, width: usize, height: usize) -> impl Iterator<Item = Self> {
        (0..self.height).step_by(height).flat_map(move |y| {
            (0..self.width).step_by(width).map(move |x| Self {
                x: self.x + x,
                y: self.y + y,
                width: width.min(self.width - x),
                height: height.min(self.height - y),
            })
        })
    }

    fn rows(self, picture: &Surface) -> impl Iterator<Item = &[u32]> {
        (self.y..self.y + self.height).map(move |y| &picture.row(y)[self.x..][..self.width])
    }

    fn pixels(self, picture: &Surface) -> impl Iterator<Item = u32> {
        self.rows(picture).flatten().copied()
    }
}

/// A stream of compressed data that goes on from rectangle to rectangle.
struct Stream(Option<Compress>);

impl Stream {
    /// Appends `data`, compressed, so that the client can read all of it.
    fn put(&mut self, level: u32, data: &[u8], to: &mut Vec<u8>) {
        let stream = self
            .0
            .get_or_insert_with(|| Compress::new(Compression::new(level), true));
        let begin = stream.total_in();
        loop {
            let done = (stream.total_in() - begin) as usize;
            to.reserve(data.len().saturating_sub(done) / 2 + 256);
            // Compression into memory has no way to fail.
            if stream
                .compress_vec(&data[done..], to, FlushCompress::Sync)
                .is_err()
            {
                return;
            }
            // Room left over means that everything is out.
            if stream.total_in() - begin == data.len() as u64 && to.len() < to.capacity() {
                return;
            }
        }
    }
}

/// What rectangles are encoded with: format, encoding, and the streams of one client.
pub struct Encoder {
    /// Format of pixels.
    pub format: PixelFormat,
    /// The encoding.
    pub encoding: i32,
    /// Compression level, 0 to 9.
    pub level: u32,
    zlib: Stream,
    zrle: Stream,
    tight: [Stream; 3],
    /// Reused.
    scratch: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            format: PixelFormat::default(),
            encoding: encoding::RAW,
            // Most of what there is to win, at a third of the time of 6.
            level: 2,
            zlib: Stream(None),
            zrle: Stream(None),
            tight: [Stream(None), Stream(None), Stream(None)],
            scratch: Vec::new(),
        }
    }
}

/// The head of a rectangle in an update.
pub fn head(rect: Rect, encoding: i32, to: &mut Vec<u8>) {
    for value in [rect.x, rect.y, rect.width, rect.height] {
        to.extend((value as u16).to_be_bytes());
    }
    to.extend(encoding.to_be_bytes());
}

impl Encoder {
    /// Encodings that there are.
    pub fn knows(encoding: i32) -> bool {
        matches!(
            encoding,
            encoding::RAW | encoding::HEXTILE | encoding::ZLIB | encoding::TIGHT | encoding::ZRLE
        )
    }

    /// Appends `rect` of `picture`; the answer is of how many rectangles it was made.
    pub fn rect(&mut self, picture: &Surface, rect: Rect, to: &mut Vec<u8>) -> usize {
        match self.encoding {
            encoding::TIGHT => {
                // Wider ones are not allowed.
                let height = (0x1_0000 / rect.width.clamp(1, 2048)).max(1);
                let mut count = 0;
                for part in rect.tiles(2048, height) {
                    head(part, encoding::TIGHT, to);
                    self.tight(picture, part, to);
                    count += 1;
                }
                return count;
            }
            encoding::HEXTILE => {
                head(rect, encoding::HEXTILE, to);
                hextile::put(&self.format, picture, rect, to);
            }
            encoding::ZLIB | encoding::ZRLE => {
                head(rect, self.encoding, to);
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                let stream = if self.encoding == encoding::ZLIB {
                    self.raw(picture, rect, &mut scratch);
                    &mut self.zlib
                } else {
                    zrle::put(&self.format, picture, rect, &mut scratch);
                    &mut self.zrle
                };
                let at = to.len();
                to.extend([0; 4]);
                stream.put(self.level, &scratch, to);
                let len = (to.len() - at - 4) as u32;
                to[at..at + 4].copy_from_slice(&len.to_be_bytes());
                self.scratch = scratch;
            }
            _ => {
                head(rect, encoding::RAW, to);
                self.raw(picture, rect, to);
            }
        }
        1
    }

    fn raw(&self, picture: &Surface, rect: Rect, to: &mut Vec<u8>) {
        to.reserve(rect.width * rect.height * self.format.size());
        for row in rect.rows(picture) {
            self.format.put_all(row, to);
        }
    }
}
