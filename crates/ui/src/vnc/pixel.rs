//! The pixels a client wants (RFC 6143, 7.4).

use super::ProtocolError;

/// How a pixel is made of red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    bits: u8,
    depth: u8,
    big_endian: bool,
    /// Pixels are colours; otherwise numbers of a palette, which is then ours: three bits of red and green, two of blue.
    pub true_colour: bool,
    max: [u16; 3],
    shift: [u8; 3],
}

impl Default for PixelFormat {
    /// What [`hw_core::Surface`] has.
    fn default() -> Self {
        Self {
            bits: 32,
            depth: 24,
            big_endian: false,
            true_colour: true,
            max: [255; 3],
            shift: [16, 8, 0],
        }
    }
}

impl PixelFormat {
    /// Reads the 16 bytes of a message.
    ///
    /// # Errors
    /// Pixels of other sizes than 8, 16 and 32 bits, or colours that do not fit.
    pub fn read(bytes: &[u8; 16]) -> Result<Self, ProtocolError> {
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let mut format = Self {
            bits: bytes[0],
            depth: bytes[1],
            big_endian: bytes[2] != 0,
            true_colour: bytes[3] != 0,
            max: [word(4), word(6), word(8)],
            shift: [bytes[10], bytes[11], bytes[12]],
        };
        if !format.true_colour && format.bits == 8 {
            format.max = [7, 7, 3];
            format.shift = [0, 3, 6];
        }
        // All ones from the lowest bit, within the pixel.
        let fits = |(max, shift): (&u16, &u8)| {
            let width = u16::BITS - max.leading_zeros();
            *max > 0 && max.count_ones() == width && width + u32::from(*shift) <= u32::from(format.bits)
        };
        let mut colours = format.max.iter().zip(&format.shift);
        if !matches!(format.bits, 8 | 16 | 32) || !colours.all(fits) {
            return Err(ProtocolError::PixelFormat);
        }
        Ok(format)
    }

    /// The 16 bytes of a message.
    pub fn bytes(&self) -> [u8; 16] {
        let [red, green, blue] = self.max.map(u16::to_be_bytes);
        let flags = [self.big_endian, self.true_colour].map(u8::from);
        let [rs, gs, bs] = self.shift;
        [
            self.bits, self.depth, flags[0], flags[1], red[0], red[1], green[0], green[1], blue[0], blue[1],
            rs, gs, bs, 0, 0, 0,
        ]
    }

    /// Whether a pixel is what the surface has, byte by byte.
    fn is_native(&self) -> bool {
        Self {
            depth: 24,
            true_colour: true,
            ..*self
        } == Self::default()
    }

    fn value(&self, rgb: u32) -> u32 {
        [16, 8, 0]
            .into_iter()
            .zip(self.max)
            .zip(self.shift)
            .fold(0, |value, ((from, max), shift)| {
                let component = rgb >> from & 0xff;
                value | ((component * u32::from(max) + 127) / 255) << shift
            })
    }

    /// Appends a pixel.
    pub fn put(&self, rgb: u32, to: &mut Vec<u8>) {
        let value = self.value(rgb);
        match (self.bits, self.big_endian) {
            (8, _) => to.push(value as u8),
            (16, false) => to.extend((value as u16).to_le_bytes()),
            (16, true) => to.extend((value as u16).to_be_bytes()),
            (_, false) => to.extend(value.to_le_bytes()),
            (_, true) => to.extend(value.to_be_bytes()),
        }
    }

    /// Appends many.
    pub fn put_all(&self, row: &[u32], to: &mut Vec<u8>) {
        if self.is_native() {
            to.extend(row.iter().flat_map(|pixel| (pixel & 0xff_ffff).to_le_bytes()));
        } else {
            row.iter().for_each(|&pixel| self.put(pixel, to));
        }
    }

    /// Bytes of a pixel.
    pub fn size(&self) -> usize {
        usize::from(self.bits / 8)
    }

    /// Appends a pixel as ZRLE has it: of 32 bits only the three bytes with the colour, if it lies in three.
    pub fn put_compact(&self, rgb: u32, to: &mut Vec<u8>) {
        let at = to.len();
        self.put(rgb, to);
        if let Some(unused) = self.unused_byte() {
            to.remove(at + unused);
        }
    }

    /// Which byte of a pixel of 32 bits ZRLE leaves out.
    fn unused_byte(&self) -> Option<usize> {
        if self.bits != 32 || self.depth > 24 || !self.true_colour {
            return None;
        }
        let used = self
            .max
            .iter()
            .zip(self.shift)
            .fold(0, |used, (max, shift)| used | u32::from(*max) << shift);
        let high = |big| if big { 0 } else { 3 };
        if used & 0xff00_0000 == 0 {
            Some(high(self.big_endian))
        } else if used & 0xff == 0 {
            Some(high(!self.big_endian))
        } else {
            None
        }
    }

    /// Appends a pixel as tight has it: red, green, blue if the client has eight bits of each in 32.
    pub fn put_tight(&self, rgb: u32, to: &mut Vec<u8>) {
        if self.bits == 32 && self.depth == 24 && self.true_colour && self.max == [255; 3] {
            to.extend([(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8]);
        } else {
            self.put(rgb, to);
        }
    }
}

/// The message with the palette of clients without true colour.
pub fn colour_map() -> Vec<u8> {
    let mut message = vec![super::spec::server::COLOUR_MAP, 0, 0, 0, 1, 0];
    for index in 0..256u32 {
        let component = |value: u32, max: u32| ((value & max) * 0xffff / max) as u16;
        for value in [
            component(index, 7),
            component(index >> 3, 7),
            component(index >> 6, 3),
        ] {
            message.extend(value.to_be_bytes());
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(bits: u8, depth: u8, big: u8, max: [u16; 3], shift: [u8; 3]) -> PixelFormat {
        let [r, g, b] = max.map(u16::to_be_bytes);
        PixelFormat::read(&[
            bits, depth, big, 1, r[0], r[1], g[0], g[1], b[0], b[1], shift[0], shift[1], shift[2], 0, 0, 0,
        ])
        .expect("a format")
    }

    #[test]
    fn pixels() {
        let rgb565 = format(16, 16, 0, [31, 63, 31], [11, 5, 0]);
        let bgr233 = format(8, 8, 0, [7, 7, 3], [0, 3, 6]);
        let big = format(32, 24, 1, [255; 3], [16, 8, 0]);
        let high = format(32, 24, 0, [255; 3], [24, 16, 8]);
        type Case = (PixelFormat, u32, &'static [u8], &'static [u8], &'static [u8]);
        let cases: &[Case] = &[
            (
                PixelFormat::default(),
                0x12_3456,
                &[0x56, 0x34, 0x12, 0],
                &[0x56, 0x34, 0x12],
                &[0x12, 0x34, 0x56],
            ),
            (
                big,
                0x12_3456,
                &[0, 0x12, 0x34, 0x56],
                &[0x12, 0x34, 0x56],
                &[0x12, 0x34, 0x56],
            ),
            (
                high,
                0x12_3456,
                &[0, 0x56, 0x34, 0x12],
                &[0x56, 0x34, 0x12],
                &[0x12, 0x34, 0x56],
            ),
            (rgb565, 0xff_0000, &[0x00, 0xf8], &[0x00, 0xf8], &[0x00, 0xf8]),
            (rgb565, 0xff_ffff, &[0xff, 0xff], &[0xff, 0xff], &[0xff, 0xff]),
            (bgr233, 0x00_00ff, &[0xc0], &[0xc0], &[0xc0]),
        ];
        for (format, rgb, plain, compact, tight) in cases {
            let mut bytes = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
            format.put(*rgb, &mut bytes[0]);
            format.put_compact(*rgb, &mut bytes[1]);
            format.put_tight(*rgb, &mut bytes[2]);
            format.put_all(&[*rgb], &mut bytes[3]);
            assert_eq!(
                bytes,
                [*plain, *compact, *tight, *plain].map(<[u8]>::to_vec),
                "{format:?}"
            );
        }
    }

    #[test]
    fn formats_that_cannot_be() {
        let good = PixelFormat::default().bytes();
        assert_eq!(PixelFormat::read(&good).expect("our own"), PixelFormat::default());
        for (at, value) in [(0, 24), (0, 0), (0, 16), (10, 25), (10, 255), (5, 0), (7, 0x7e)] {
            let mut bytes = good;
            bytes[at] = value;
            assert!(PixelFormat::read(&bytes).is_err(), "byte {at} = {value}");
        }
    }
}
