//! The monitor's data sheet, as a guest reads it: 128 bytes of EDID 1.4 (VESA E-EDID Standard, release A, revision 2).

/// Bytes of the block.
pub const SIZE: usize = 128;

/// Manufacturer, three letters of five bits each: "RPR".
const MANUFACTURER: [u8; 2] = letters(*b"RPR");
/// Millimetres of a monitor with 96 dots per inch, from pixels.
const fn millimetres(pixels: u32) -> u32 {
    pixels * 254 / 960
}

const fn letters([a, b, c]: [u8; 3]) -> [u8; 2] {
    let value = ((a - b'@') as u16) << 10 | ((b - b'@') as u16) << 5 | (c - b'@') as u16;
    value.to_be_bytes()
}

/// A detailed timing with reduced blanking (VESA CVT-RB shapes) of `width` by `height` at 60 Hz.
fn timing(width: u32, height: u32) -> [u8; 18] {
    let (h_blank, h_front, h_sync) = (160, 48, 32);
    let (v_blank, v_front, v_sync) = ((height / 25).clamp(23, 255), 3, 6);
    // In units of 10 kHz.
    let clock = ((width + h_blank) * (height + v_blank) * 60 / 10_000).min(0xffff) as u16;
    let [clock_low, clock_high] = clock.to_le_bytes();
    let (w_mm, h_mm) = (millimetres(width), millimetres(height));
    let high = |a: u32, b: u32| ((a >> 8 & 15) << 4 | b >> 8 & 15) as u8;
    [
        clock_low,
        clock_high,
        width as u8,
        h_blank as u8,
        high(width, h_blank),
        height as u8,
        v_blank as u8,
        high(height, v_blank),
        h_front as u8,
        h_sync as u8,
        (v_front << 4 | v_sync) as u8,
        0,
        w_mm as u8,
        h_mm as u8,
        high(w_mm, h_mm),
        0,
        0,
        0x18, // digital, separate sync
    ]
}

/// A descriptor with text of at most 13 bytes.
fn text(tag: u8, text: &str) -> [u8; 18] {
    let mut block = [b' '; 18];
    block[..5].copy_from_slice(&[0, 0, 0, tag, 0]);
    for (to, from) in block[5..].iter_mut().zip(text.bytes().chain([b'\n'])) {
        *to = from;
    }
    block
}

/// The block of a monitor that likes `width` by `height` best; each at most 4095.
pub fn block(width: u32, height: u32) -> [u8; SIZE] {
    let (width, height) = (width.clamp(64, 4095), height.clamp(64, 4095));
    let mut edid = [0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| edid[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
    put(8, &MANUFACTURER);
    put(10, &[0x11, 0x11]); // product: the PCI device number
    put(16, &[1, 36, 1, 4]); // week 1 of 2026, EDID 1.4
    put(20, &[0xa5]); // digital, 8 bits per colour, DisplayPort
    let centimetres = |pixels| (millimetres(pixels) / 10).min(255) as u8;
    put(21, &[centimetres(width), centimetres(height), 120, 0x06]); // gamma 2.2; RGB; first timing preferred
    put(25, &[0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54]); // sRGB
    put(35, &[0x21, 0x08, 0x00]); // 640x480, 800x600, 1024x768 at 60 Hz
    // Standard timings: 1280x800, 1280x1024, 1440x900, 1680x1050, 1920x1080 at 60 Hz, the rest unused.
    put(38, &[0x81, 0x00, 0x81, 0x80, 0x95, 0x00, 0xb3, 0x00, 0xd1, 0xc0]);
    put(48, &[1, 1, 1, 1, 1, 1]);
    put(54, &timing(width, height));
    put(72, &text(0xfc, "Reprise"));
    put(90, &text(0xff, "0"));
    // Range limits: 50-125 Hz, 30-160 kHz, up to 1200 MHz of pixels, no formula.
    put(108, &[0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 120, 1, 0x0a]);
    put(120, &[b' '; 6]);
    let sum = edid.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    edid[SIZE - 1] = sum.wrapping_neg();
    edid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_zero_and_the_first_timing_is_what_was_asked_for() {
        for (width, height) in [(1280, 800), (640, 480), (1920, 1080), (4000, 3000)] {
            let edid = block(width, height);
            assert_eq!(edid.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
            let timing = &edid[54..72];
            assert_eq!(u32::from(timing[2]) | u32::from(timing[4] & 0xf0) << 4, width);
            assert_eq!(u32::from(timing[5]) | u32::from(timing[7] & 0xf0) << 4, height);
        }
    }

    #[test]
    fn the_manufacturer_is_three_letters() {
        let value = u16::from_be_bytes(MANUFACTURER);
        let letter = |shift: u32| (b'@' + (value >> shift & 31) as u8) as char;
        assert_eq!([letter(10), letter(5), letter(0)], ['R', 'P', 'R']);
    }
}
