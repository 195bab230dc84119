//! Hextile: tiles of 16 by 16, a background and rectangles on it (RFC 6143, 7.7.4).

use super::super::pixel::PixelFormat;
use super::Rect;
use super::palette::Palette;
use hw_core::Surface;

const TILE: usize = 16;
const RAW: u8 = 1;
const BACKGROUND: u8 = 2;
const FOREGROUND: u8 = 4;
const RECTANGLES: u8 = 8;
const COLOURED: u8 = 16;
/// With more colours, raw pixels are hardly longer.
const MOST: usize = 32;

/// Rectangles of one colour each that cover what is not `background`.
fn rectangles(picture: &Surface, tile: Rect, background: u32) -> Vec<(u32, Rect)> {
    let mut found = Vec::new();
    let mut done = [0u16; TILE];
    let row = |y: usize| &picture.row(tile.y + y)[tile.x..][..tile.width];
    for y in 0..tile.height {
        for x in 0..tile.width {
            let colour = row(y)[x];
            if colour == background || done[y] >> x & 1 != 0 {
                continue;
            }
            let free = |y: usize, x: usize, done: &[u16; TILE]| row(y)[x] == colour && done[y] >> x & 1 == 0;
            let width = (x..tile.width).take_while(|&x| free(y, x, &done)).count();
            let below = (y + 1..tile.height).take_while(|&y| (x..x + width).all(|x| free(y, x, &done)));
            let height = 1 + below.count();
            for line in &mut done[y..y + height] {
                *line |= (((1u32 << width) - 1) << x) as u16;
            }
            found.push((colour, Rect { x, y, width, height }));
        }
    }
    found
}

fn places(rect: Rect) -> [u8; 2] {
    [
        (rect.x << 4 | rect.y) as u8,
        ((rect.width - 1) << 4 | (rect.height - 1)) as u8,
    ]
}

pub(super) fn put(format: &PixelFormat, picture: &Surface, rect: Rect, to: &mut Vec<u8>) {
    let (mut background, mut foreground) = (None, None);
    for tile in rect.tiles(TILE, TILE) {
        let at = to.len();
        let raw_len = 1 + tile.width * tile.height * format.size();
        to.push(0);
        let mut flags = 0;
        let colours = Palette::of(picture, tile, MOST);
        if let Some(palette) = &colours {
            let colours = palette.colours();
            // The first colour is that of the corner; most often that is the background.
            let back = colours[0];
            if background != Some(back) {
                flags |= BACKGROUND;
                format.put(back, to);
                background = Some(back);
            }
            if colours.len() > 1 {
                flags |= RECTANGLES;
                let single = colours.len() == 2;
                if single && foreground != Some(colours[1]) {
                    flags |= FOREGROUND;
                    format.put(colours[1], to);
                    foreground = Some(colours[1]);
                }
                if !single {
                    flags |= COLOURED;
                    foreground = None;
                }
                let rectangles = rectangles(picture, tile, back);
                to.push(rectangles.len().min(255) as u8);
                if rectangles.len() > 255 {
                    flags = RAW;
                }
                for (colour, rect) in rectangles {
                    if !single {
                        format.put(colour, to);
                    }
                    to.extend(places(rect));
                }
            }
        }
        if colours.is_none() || flags & RAW != 0 || to.len() - at > raw_len {
            to.truncate(at + 1);
            flags = RAW;
            for row in tile.rows(picture) {
                format.put_all(row, to);
            }
            // A raw tile leaves neither behind.
            (background, foreground) = (None, None);
        }
        to[at] = flags;
    }
}
