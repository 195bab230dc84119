//! Frames, shades and blocks: B0h to DFh of code page 437.
//!
//! A frame is four arms, each absent, a single line or two rails. A rail runs from its edge to the first rail of
//! the arm on its side; without such an arm through to the opposite one; without that, to the last rail of the arm on
//! the other side. Everything else about corners and crossings follows.

use super::Glyph;

/// Arms upwards, downwards, to the left and to the right: lines of each.
type Arms = [u8; 4];

/// Frames from B3h on.
#[rustfmt::skip]
const ARMS: [Arms; 40] = [
    [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 2, 0], [2, 2, 1, 0], [0, 2, 1, 0], // b3
    [0, 1, 2, 0], [2, 2, 2, 0], [2, 2, 0, 0], [0, 2, 2, 0], [2, 0, 2, 0], // b8
    [2, 0, 1, 0], [1, 0, 2, 0], [0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 1, 1], // bd
    [0, 1, 1, 1], [1, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 2], // c2
    [2, 2, 0, 1], [2, 0, 0, 2], [0, 2, 0, 2], [2, 0, 2, 2], [0, 2, 2, 2], // c7
    [2, 2, 0, 2], [0, 0, 2, 2], [2, 2, 2, 2], [1, 0, 2, 2], [2, 0, 1, 1], // cc
    [0, 1, 2, 2], [0, 2, 1, 1], [2, 0, 0, 1], [1, 0, 0, 2], [0, 1, 0, 2], // d1
    [0, 2, 0, 1], [2, 2, 1, 1], [1, 1, 2, 2], [1, 0, 1, 0], [0, 1, 0, 1], // d6
];

/// Columns of the rails of a vertical arm, first and last of each; rows of those of a horizontal one.
const COLUMNS: [&[(i32, i32)]; 3] = [&[], &[(3, 4)], &[(2, 3), (5, 6)]];
const ROWS: [&[(i32, i32)]; 3] = [&[], &[(7, 7)], &[(6, 6), (8, 8)]];

/// Where a rail ends, counted from its edge. `opposite` is the arm straight ahead; `sides` are the rails of the arms
/// on the rail's own side and on the other one, seen from the edge; `centre` is how far it is to the middle.
fn end(opposite: bool, own: Option<(i32, i32)>, other: Option<(i32, i32)>, centre: i32) -> i32 {
    match (own, other) {
        (Some((near, _)), _) => near,
        (None, _) if opposite => centre,
        (None, Some((_, far))) => far,
        (None, None) => centre,
    }
}

fn frame([up, down, left, right]: Arms) -> Glyph {
    let mut glyph = [0u8; 16];
    let mut fill = |(x0, x1): (i32, i32), (y0, y1): (i32, i32)| {
        for y in y0..=y1 {
            for x in x0..=x1 {
                glyph[y as usize] |= 0x80 >> x;
            }
        }
    };
    // Ends of the first and last rail of an arm's rails, seen from the low or from the high edge.
    let span = |rails: &[(i32, i32)], mirrored: Option<i32>| -> Option<(i32, i32)> {
        let (first, last) = (rails.first()?, rails.last()?);
        Some(match mirrored {
            None => (first.1, last.1),
            Some(high) => (high - last.0, high - first.0),
        })
    };
    for (arm, opposite, high) in [(up, down, None), (down, up, Some(15))] {
        let rails = COLUMNS[usize::from(arm)];
        for (n, &columns) in rails.iter().enumerate() {
            let [l, r] = [left, right].map(|arm| span(ROWS[usize::from(arm)], high));
            let reach = match (rails.len(), n) {
                // A single line passes between two arms only if it goes on.
                (1, _) if opposite != 0 => high.map_or(7, |high| high - 7),
                (1, _) if l.is_some() && r.is_some() => end(false, l, r, 7),
                (1, _) => end(false, None, l.or(r), 7),
                (_, 0) => end(opposite != 0, l, r, high.map_or(7, |high| high - 7)),
                _ => end(opposite != 0, r, l, high.map_or(7, |high| high - 7)),
            };
            fill(columns, high.map_or((0, reach), |high| (high - reach, high)));
        }
    }
    for (arm, opposite, high) in [(left, right, None), (right, left, Some(7))] {
        let rails = ROWS[usize::from(arm)];
        for (n, &rows) in rails.iter().enumerate() {
            let [u, d] = [up, down].map(|arm| span(COLUMNS[usize::from(arm)], high));
            let centre = 4;
            let reach = match (rails.len(), n) {
                (1, _) if opposite != 0 => centre,
                (1, _) if u.is_some() && d.is_some() => end(false, u, d, centre),
                (1, _) => end(false, None, u.or(d), centre),
                (_, 0) => end(opposite != 0, u, d, centre),
                _ => end(opposite != 0, d, u, centre),
            };
            fill(high.map_or((0, reach), |high| (high - reach, high)), rows);
        }
    }
    glyph
}

/// The glyph of `code`, which is one of B0h to DFh.
pub(super) fn glyph(code: u8) -> Glyph {
    let rows = |f: fn(usize) -> u8| std::array::from_fn(f);
    match code {
        0xb0 => rows(|y| if y % 2 == 0 { 0x22 } else { 0x88 }),
        0xb1 => rows(|y| if y % 2 == 0 { 0x55 } else { 0xaa }),
        0xb2 => rows(|y| if y % 2 == 0 { 0xdd } else { 0x77 }),
        0xb3..=0xda => frame(ARMS[usize::from(code - 0xb3)]),
        0xdb => [0xff; 16],
        0xdc => rows(|y| if y >= 8 { 0xff } else { 0 }),
        0xdd => [0xf0; 16],
        0xde => [0x0f; 16],
        _ => rows(|y| if y < 8 { 0xff } else { 0 }),
    }
}
