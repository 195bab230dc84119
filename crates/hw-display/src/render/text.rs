//! Text modes: characters from plane 0, attributes from plane 1, glyphs from plane 2.

use super::palette;
use super::scan::{Line, Scan, fetch};
use crate::spec::{attr, crtc, seq};
use crate::state::VgaState;
use crate::timing;
use hw_core::{Surface, TextCell, TextScreen};
use softmmu::RamBlock;

/// Lines of a glyph in memory.
const GLYPH: usize = 32;
/// Bytes of a font in its plane.
const FONT: usize = 256 * GLYPH;

/// Dots of a character: 8 or 9 in text, 8 in graphics, twice as many with the half dot clock.
pub(super) fn cell_width(state: &VgaState, text: bool) -> usize {
    let clocking = state.sequencer[seq::CLOCKING];
    let width = if text && clocking & seq::EIGHT_DOTS == 0 {
        9
    } else {
        8
    };
    if clocking & seq::HALF_CLOCK != 0 {
        width * 2
    } else {
        width
    }
}

/// The two fonts: the one of attributes with bit 3, and the other.
fn fonts(state: &VgaState, vram: &RamBlock) -> [Vec<u8>; 2] {
    let select = state.sequencer[seq::FONTS];
    let load = |low: u8, high: u8| {
        let start = u32::from(low & 3) * 0x4000 + u32::from(high & 1) * 0x2000;
        let mut planes = Vec::new();
        fetch(vram, start, FONT, &mut planes);
        planes.chunks_exact(4).map(|planes| planes[2]).collect()
    };
    let b: Vec<u8> = load(select, select >> 4);
    let a = if (select >> 2 & 3, select >> 5 & 1) == (select & 3, select >> 4 & 1) {
        b.clone()
    } else {
        load(select >> 2, select >> 5)
    };
    [b, a]
}

/// What characters look like now, whatever they are.
struct Look {
    colours: [u32; 16],
    fonts: [Vec<u8>; 2],
    nine: bool,
    stretch: usize,
    blink: bool,
    shows: bool,
    line_graphics: bool,
    underline: Option<u8>,
}

impl Look {
    fn new(state: &VgaState, vram: &RamBlock, now: i64) -> Self {
        let mode = state.attribute[attr::MODE];
        let clocking = state.sequencer[seq::CLOCKING];
        let colours = palette::sixteen(state);
        let planes = usize::from(state.attribute[attr::PLANES] & 15);
        Self {
            colours: std::array::from_fn(|index| colours[index & planes]),
            fonts: fonts(state, vram),
            nine: clocking & seq::EIGHT_DOTS == 0,
            stretch: if clocking & seq::HALF_CLOCK != 0 { 2 } else { 1 },
            blink: mode & attr::BLINK != 0,
            shows: timing::characters_show(now),
            line_graphics: mode & attr::LINE_GRAPHICS != 0,
            underline: (mode & attr::MONOCHROME != 0).then_some(state.crtc[crtc::UNDERLINE] & 0x1f),
        }
    }

    /// Foreground and background, blinking resolved.
    fn attribute(&self, attribute: u8) -> (u8, u8) {
        let (front, back) = (attribute & 15, attribute >> 4);
        match self.blink {
            false => (front, back),
            true if back & 8 != 0 && !self.shows => (back & 7, back & 7),
            true => (front, back & 7),
        }
    }

    /// One line of a character: its dots, leftmost in bit 8, and its colours.
    fn line(&self, character: u8, attribute: u8, row_scan: u8, cursor: bool) -> (u16, u32, u32) {
        let (front, back) = self.attribute(attribute);
        let font = &self.fonts[usize::from(attribute >> 3 & 1)];
        let glyph = font[usize::from(character) * GLYPH + usize::from(row_scan)];
        let mut dots = u16::from(glyph) << 1;
        // Box drawing reaches over the gap between characters.
        if self.line_graphics && (0xc0..=0xdf).contains(&character) {
            dots |= u16::from(glyph & 1);
        }
        if cursor || (self.underline == Some(row_scan) && attribute & 0x77 == 1) {
            dots = 0x1ff;
        }
        (
            dots,
            self.colours[usize::from(front)],
            self.colours[usize::from(back)],
        )
    }
}

/// The cursor: its address and its lines, if it shows at all.
fn cursor(state: &VgaState) -> Option<(u32, std::ops::RangeInclusive<u8>)> {
    let start = state.crtc[crtc::CURSOR_START];
    let lines = start & 0x1f..=state.crtc[crtc::CURSOR_END] & 0x1f;
    (start & 0x20 == 0 && !lines.is_empty()).then(|| (state.crtc_word(crtc::CURSOR), lines))
}

pub(super) fn draw(state: &VgaState, vram: &RamBlock, now: i64, surface: &mut Surface) {
    let look = Look::new(state, vram, now);
    let scan = Scan::new(state);
    let cursor = cursor(state).filter(|_| timing::cursor_shows(now));
    let (mut cells, mut fetched) = (Vec::new(), None);
    let width = if look.nine { 9 } else { 8 };
    let mut dots = Vec::with_capacity((scan.characters + 1) * width * look.stretch);
    for (y, line) in (0..surface.height).zip(scan.lines()) {
        if fetched != Some(line.address) {
            // One more than fits, for what panning brings in from the right.
            fetch(vram, line.address, scan.characters + 1, &mut cells);
            fetched = Some(line.address);
        }
        let Line {
            address, row_scan, ..
        } = line;
        dots.clear();
        for (n, cell) in cells.chunks_exact(4).enumerate() {
            let here = cursor.as_ref().is_some_and(|(at, lines)| {
                *at == address.wrapping_add(n as u32) & 0xffff && lines.contains(&row_scan)
            });
            let (bits, front, back) = look.line(cell[0], cell[1], row_scan, here);
            for dot in 0..width {
                let colour = if bits >> (8 - dot) & 1 != 0 { front } else { back };
                for _ in 0..look.stretch {
                    dots.push(colour);
                }
            }
        }
        // With nine dots, 8 means none and 0 to 7 one more.
        let panning = match (look.nine, line.panning) {
            (true, 8..) => 0,
            (true, panning) => usize::from(panning) + 1,
            (false, panning) => usize::from(panning & 7),
        };
        let panning = panning * look.stretch;
        surface
            .row_mut(y)
            .copy_from_slice(&dots[panning..][..scan.characters * width * look.stretch]);
    }
}

/// The characters themselves.
pub(super) fn screen(state: &VgaState, vram: &RamBlock, now: i64) -> TextScreen {
    let look = Look {
        fonts: [Vec::new(), Vec::new()],
        ..Look::new(state, vram, now)
    };
    let scan = Scan::new(state);
    let columns = scan.characters;
    let (mut screen, mut cells, mut last) = (
        TextScreen {
            columns,
            ..TextScreen::default()
        },
        Vec::new(),
        None,
    );
    for (_, line) in (0..state.lines()).zip(scan.lines()) {
        if last == Some(line.address) {
            continue;
        }
        last = Some(line.address);
        fetch(vram, line.address, columns, &mut cells);
        if let Some((at, _)) = cursor(state) {
            let column = at.wrapping_sub(line.address) & 0xffff;
            if (column as usize) < columns {
                screen.cursor = Some((column as usize, screen.rows));
            }
        }
        screen.rows += 1;
        screen.cells.extend(cells.chunks_exact(4).map(|cell| {
            let (front, back) = look.attribute(cell[1]);
            TextCell {
                character: cell[0],
                attribute: back << 4 | front,
            }
        }));
    }
    screen
}
