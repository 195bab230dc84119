//! Every encoding against a decoder of its own, made from the specification.

use super::*;
use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;

fn inflate(stream: &mut Decompress, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let begin = stream.total_in();
    loop {
        let done = (stream.total_in() - begin) as usize;
        out.reserve(4096);
        stream
            .decompress_vec(&data[done..], &mut out, FlushDecompress::Sync)
            .expect("compressed data");
        if stream.total_in() - begin == data.len() as u64 && out.len() < out.capacity() {
            return out;
        }
    }
}

/// Reads from a slice.
pub(crate) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(len);
        self.0 = rest;
        first
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn u16(&mut self) -> usize {
        self.take(2)
            .iter()
            .fold(0, |value, byte| value << 8 | usize::from(*byte))
    }

    pub(crate) fn u32(&mut self) -> usize {
        self.u16() << 16 | self.u16()
    }

    /// A pixel of 32 bits, low byte first.
    fn pixel(&mut self) -> u32 {
        let bytes = self.take(4);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn compact(&mut self) -> u32 {
        let bytes = self.take(3);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
    }

    fn tight(&mut self) -> u32 {
        let bytes = self.take(3);
        u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
    }
}

/// A client's half of the encodings, with pixels as the surface has them.
pub(crate) struct Decoder {
    pub(crate) picture: Surface,
    zlib: Decompress,
    zrle: Decompress,
    tight: [Decompress; 4],
}

impl Decoder {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let stream = || Decompress::new(true);
        Self {
            picture: Surface::new(width, height),
            zlib: stream(),
            zrle: stream(),
            tight: [stream(), stream(), stream(), stream()],
        }
    }

    fn fill(&mut self, rect: Rect, colour: u32) {
        for y in rect.y..rect.y + rect.height {
            self.picture.row_mut(y)[rect.x..][..rect.width].fill(colour);
        }
    }

    fn set(&mut self, rect: Rect, pixels: impl IntoIterator<Item = u32>) {
        let mut pixels = pixels.into_iter();
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                self.picture.row_mut(y)[x] = pixels.next().expect("as many pixels as places");
            }
        }
        assert!(pixels.next().is_none());
    }

    fn packed(&mut self, rect: Rect, palette: &[u32], bits: usize, from: &mut Bytes<'_>) {
        let mut pixels = Vec::new();
        for _ in 0..rect.height {
            let row = from.take((rect.width * bits).div_ceil(8));
            pixels.extend((0..rect.width).map(|x| {
                let byte = row[x * bits / 8];
                let shift = 8 - bits - x * bits % 8;
                palette[usize::from(byte >> shift) & ((1 << bits) - 1)]
            }));
        }
        self.set(rect, pixels);
    }

    pub(crate) fn rect(&mut self, rect: Rect, encoding: i32, from: &mut Bytes<'_>) {
        let count = rect.width * rect.height;
        match encoding {
            encoding::RAW => {
                let pixels: Vec<u32> = (0..count).map(|_| from.pixel()).collect();
                self.set(rect, pixels);
            }
            encoding::ZLIB => {
                let len = from.u32();
                let data = inflate(&mut self.zlib, from.take(len));
                self.rect(rect, encoding::RAW, &mut Bytes(&data));
            }
            encoding::HEXTILE => self.hextile(rect, from),
            encoding::ZRLE => {
                let len = from.u32();
                let data = inflate(&mut self.zrle, from.take(len));
                let mut data = Bytes(&data);
                for tile in rect.tiles(64, 64) {
                    let palette_len = usize::from(data.u8());
                    if palette_len == 0 {
                        let pixels: Vec<u32> =
                            (0..tile.width * tile.height).map(|_| data.compact()).collect();
                        self.set(tile, pixels);
                        continue;
                    }
                    let palette: Vec<u32> = (0..palette_len).map(|_| data.compact()).collect();
                    match palette_len {
                        1 => self.fill(tile, palette[0]),
                        2 => self.packed(tile, &palette, 1, &mut data),
                        3..=4 => self.packed(tile, &palette, 2, &mut data),
                        5..=16 => self.packed(tile, &palette, 4, &mut data),
                        other => panic!("subencoding {other}"),
                    }
                }
                assert!(data.0.is_empty());
            }
            encoding::TIGHT => self.tight(rect, from),
            other => panic!("encoding {other}"),
        }
    }

    fn hextile(&mut self, rect: Rect, from: &mut Bytes<'_>) {
        let (mut background, mut foreground) = (None, None);
        for tile in rect.tiles(16, 16) {
            let flags = from.u8();
            if flags & 1 != 0 {
                self.rect(tile, encoding::RAW, from);
                (background, foreground) = (None, None);
                continue;
            }
            if flags & 2 != 0 {
                background = Some(from.pixel());
            }
            if flags & 4 != 0 {
                foreground = Some(from.pixel());
            }
            self.fill(tile, background.expect("a background"));
            let rectangles = if flags & 8 != 0 { from.u8() } else { 0 };
            for _ in 0..rectangles {
                let colour = match flags & 16 {
                    0 => foreground.expect("a foreground"),
                    _ => from.pixel(),
                };
                let (place, size) = (usize::from(from.u8()), usize::from(from.u8()));
                let rect = Rect {
                    x: tile.x + (place >> 4),
                    y: tile.y + (place & 15),
                    width: (size >> 4) + 1,
                    height: (size & 15) + 1,
                };
                self.fill(rect, colour);
            }
            if flags & 16 != 0 {
                foreground = None;
            }
        }
    }

    fn tight(&mut self, rect: Rect, from: &mut Bytes<'_>) {
        let control = from.u8();
        if control >> 4 == 8 {
            let colour = from.tight();
            return self.fill(rect, colour);
        }
        assert!(control >> 4 < 8, "no JPEG was agreed on");
        let palette: Option<Vec<u32>> = (control & 0x40 != 0 && from.u8() == 1).then(|| {
            let len = usize::from(from.u8()) + 1;
            (0..len).map(|_| from.tight()).collect()
        });
        let bits = match &palette {
            None => 24,
            Some(palette) if palette.len() == 2 => 1,
            Some(_) => 8,
        };
        let len = (rect.width * bits).div_ceil(8) * rect.height;
        let data = if len < 12 {
            from.take(len).to_vec()
        } else {
            let mut compressed = 0;
            for n in 0..3 {
                let byte = usize::from(from.u8());
                compressed |= if n == 2 { byte } else { byte & 0x7f } << (7 * n);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            inflate(
                &mut self.tight[usize::from(control >> 4 & 3)],
                from.take(compressed),
            )
        };
        let mut data = Bytes(&data);
        match palette {
            Some(palette) => self.packed(rect, &palette, bits, &mut data),
            None => {
                let pixels: Vec<u32> = (0..rect.width * rect.height).map(|_| data.tight()).collect();
                self.set(rect, pixels);
            }
        }
        assert!(data.0.is_empty());
    }
}

/// Reads the rectangles of an update.
pub(crate) fn rects(count: usize, decoder: &mut Decoder, from: &mut Bytes<'_>) {
    for _ in 0..count {
        let rect = Rect {
            x: from.u16(),
            y: from.u16(),
            width: from.u16(),
            height: from.u16(),
        };
        let encoding = from.u32() as u32 as i32;
        decoder.rect(rect, encoding, from);
    }
}

const ALL: [i32; 5] = [
    encoding::RAW,
    encoding::HEXTILE,
    encoding::ZLIB,
    encoding::TIGHT,
    encoding::ZRLE,
];

/// A picture with so many colours in runs and blocks.
fn picture(width: usize, height: usize, colours: u32, seed: u32) -> Surface {
    let mut picture = Surface::new(width, height);
    for (n, pixel) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = (n % width, n / width);
        let mixed = ((x / 5 + y / 3 * 7) as u32 ^ seed).wrapping_mul(0x9e37_79b9) >> 16;
        let dots = if colours > 100 { n as u32 } else { 0 };
        *pixel = (mixed.wrapping_add(dots) % colours).wrapping_mul(0x01_0307) & 0xff_ffff;
    }
    picture
}

#[test]
fn pictures_arrive() {
    for encoding in ALL {
        for colours in [1, 2, 3, 4, 9, 16, 17, 60, 70, 60_000] {
            let mut encoder = Encoder {
                encoding,
                ..Encoder::default()
            };
            let mut decoder = Decoder::new(150, 70);
            // Several rectangles over one connection, also the same again.
            for (seed, rect) in [
                (1, (0, 0, 150, 70)),
                (2, (3, 5, 1, 1)),
                (2, (0, 0, 150, 70)),
                (3, (64, 16, 86, 33)),
            ] {
                let screen = picture(150, 70, colours, seed);
                let (x, y, width, height) = rect;
                let rect = Rect { x, y, width, height };
                let mut bytes = Vec::new();
                let count = encoder.rect(&screen, rect, &mut bytes);
                let mut from = Bytes(&bytes);
                rects(count, &mut decoder, &mut from);
                assert!(from.0.is_empty());
                for y in rect.y..rect.y + rect.height {
                    let [sent, got] = [&screen, &decoder.picture].map(|p| &p.row(y)[rect.x..][..rect.width]);
                    assert_eq!(sent, got, "encoding {encoding}, {colours} colours, row {y}");
                }
            }
        }
    }
}

#[test]
fn wide_pictures_are_cut_for_tight() {
    let screen = picture(5000, 40, 70_000, 1);
    let mut encoder = Encoder {
        encoding: encoding::TIGHT,
        ..Encoder::default()
    };
    let mut bytes = Vec::new();
    let rect = Rect {
        x: 0,
        y: 0,
        width: 5000,
        height: 40,
    };
    let count = encoder.rect(&screen, rect, &mut bytes);
    assert_eq!(count, 6);
    let mut decoder = Decoder::new(5000, 40);
    rects(count, &mut decoder, &mut Bytes(&bytes));
    assert_eq!(decoder.picture, screen);
}

#[test]
fn text_is_small() {
    // A screen of text: two colours; every encoding but raw has to see that.
    let screen = picture(720, 400, 2, 5);
    let rect = Rect {
        x: 0,
        y: 0,
        width: 720,
        height: 400,
    };
    for (encoding, most) in [
        (encoding::HEXTILE, 300_000),
        (encoding::ZLIB, 60_000),
        (encoding::TIGHT, 20_000),
        (encoding::ZRLE, 20_000),
    ] {
        let mut encoder = Encoder {
            encoding,
            ..Encoder::default()
        };
        let mut bytes = Vec::new();
        encoder.rect(&screen, rect, &mut bytes);
        assert!(bytes.len() < most, "encoding {encoding}: {} bytes", bytes.len());
    }
}

proptest! {
    #[test]
    fn any_pixels(
        pixels in prop::collection::vec(prop_oneof![Just(0), Just(0xff_ffff), 0..0x100_0000u32], 400),
        width in prop::sample::select(vec![1, 2, 16, 20, 25, 100, 400]),
        encoding in prop::sample::select(ALL.to_vec()),
    ) {
        let screen = Surface { width, height: 400 / width, pixels };
        let rect = Rect { x: 0, y: 0, width, height: screen.height };
        let mut encoder = Encoder { encoding, ..Encoder::default() };
        let mut bytes = Vec::new();
        let count = encoder.rect(&screen, rect, &mut bytes);
        let mut decoder = Decoder::new(width, screen.height);
        rects(count, &mut decoder, &mut Bytes(&bytes));
        prop_assert_eq!(decoder.picture, screen);
    }
}
