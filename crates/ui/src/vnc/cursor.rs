//! The pointer that a client draws by itself: a small arrow, for screens on which the guest draws none.

use super::encode::{Rect, head};
use super::pixel::PixelFormat;
use super::spec::encoding;

/// Rows of the arrow: `#` black, `.` white.
const ARROW: [&[u8]; 12] = [
    b"#       ",
    b"##      ",
    b"#.#     ",
    b"#..#    ",
    b"#...#   ",
    b"#....#  ",
    b"#.....# ",
    b"#...####",
    b"#.#.#   ",
    b"## #.#  ",
    b"   #.#  ",
    b"    #   ",
];

/// Appends the arrow as a rectangle, its tip at 0, 0.
pub(super) fn put(format: &PixelFormat, to: &mut Vec<u8>) {
    let rect = Rect {
        x: 0,
        y: 0,
        width: 8,
        height: ARROW.len(),
    };
    head(rect, encoding::CURSOR, to);
    for dot in ARROW.iter().copied().flatten() {
        format.put(if *dot == b'.' { 0xff_ffff } else { 0 }, to);
    }
    for row in ARROW {
        to.push(row.iter().fold(0, |mask, dot| mask << 1 | u8::from(*dot != b' ')));
    }
}
