//! Pictures as files: PNG and PPM.

use hw_core::Surface;
use std::io::{self, Write};

/// How a picture is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Portable pixmap, binary: what `screendump` writes unless told otherwise.
    #[default]
    Ppm,
    /// Portable network graphics.
    Png,
}

impl Format {
    /// The format called `name`, as in `screendump -f`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ppm" => Some(Self::Ppm),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

fn bytes(surface: &Surface) -> Vec<u8> {
    surface
        .pixels
        .iter()
        .flat_map(|pixel| [(pixel >> 16) as u8, (pixel >> 8) as u8, *pixel as u8])
        .collect()
}

/// Writes `surface` in `format`.
///
/// # Errors
/// What writing failed with; a picture without pixels is none (a PNG has at least one).
pub fn write(surface: &Surface, format: Format, mut to: impl Write) -> io::Result<()> {
    if surface.pixels.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the display shows no picture",
        ));
    }
    let (width, height) = (surface.width, surface.height);
    match format {
        Format::Ppm => {
            write!(to, "P6\n{width} {height}\n255\n")?;
            to.write_all(&bytes(surface))?;
            to.flush()
        }
        Format::Png => {
            let side = |side: usize| {
                u32::try_from(side).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too large"))
            };
            let mut encoder = png::Encoder::new(to, side(width)?, side(height)?);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let mut writer = encoder.write_header()?;
            writer.write_image_data(&bytes(surface))?;
            Ok(writer.finish()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Surface {
        Surface {
            width: 2,
            height: 3,
            pixels: vec![0xff_0000, 0x00_ff00, 0x00_00ff, 0x12_3456, 0, 0xff_ffff],
        }
    }

    const RGB: &[u8] = &[
        255, 0, 0, 0, 255, 0, 0, 0, 255, 0x12, 0x34, 0x56, 0, 0, 0, 255, 255, 255,
    ];

    #[test]
    fn ppm() {
        let mut file = Vec::new();
        write(&picture(), Format::Ppm, &mut file).expect("a vector takes everything");
        assert_eq!(file, [b"P6\n2 3\n255\n", RGB].concat());
    }

    #[test]
    fn png() {
        let mut file = Vec::new();
        write(&picture(), Format::Png, &mut file).expect("a vector takes everything");
        let mut reader = png::Decoder::new(io::Cursor::new(file))
            .read_info()
            .expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        assert_eq!(
            (info.width, info.height, info.color_type),
            (2, 3, png::ColorType::Rgb)
        );
        assert_eq!(&pixels[..info.buffer_size()], RGB);
    }

    #[test]
    fn nothing_is_no_picture() {
        for format in [Format::Png, Format::Ppm] {
            assert!(write(&Surface::default(), format, Vec::new()).is_err());
        }
    }
}
