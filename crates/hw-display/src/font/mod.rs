//! A font of 8 by 16 dots for code page 437, for machines whose firmware loads none.
//!
//! Drawn for this project. Letters and symbols are rows of dots in `glyphs.txt` (code, first row, rows); letters with
//! accents are put together from them; frames, shades and blocks are computed.

mod frames;

/// Rows of a glyph.
pub const HEIGHT: usize = 16;

/// A glyph: rows from the top, the leftmost dot in bit 7.
pub type Glyph = [u8; HEIGHT];

const GLYPHS: &str = include_str!("glyphs.txt");

/// A mark on a letter, and where its rows begin on a small one.
type Mark = (usize, &'static [u8]);

const ACUTE: Mark = (1, &[0x0c, 0x18, 0x30]);
const GRAVE: Mark = (1, &[0x60, 0x30, 0x18]);
const CIRCUMFLEX: Mark = (1, &[0x10, 0x38, 0x6c]);
const DIAERESIS: Mark = (2, &[0x6c, 0x6c]);
const RING: Mark = (1, &[0x38, 0x6c, 0x38]);
const TILDE: Mark = (2, &[0x76, 0xdc]);
const CEDILLA: Mark = (12, &[0x18, 0x0c, 0x38]);

/// Letters with marks.
#[rustfmt::skip]
const MARKED: &[(u8, u8, Mark)] = &[
    (0x80, b'C', CEDILLA), (0x81, b'u', DIAERESIS), (0x82, b'e', ACUTE), (0x83, b'a', CIRCUMFLEX),
    (0x84, b'a', DIAERESIS), (0x85, b'a', GRAVE), (0x86, b'a', RING), (0x87, b'c', CEDILLA),
    (0x88, b'e', CIRCUMFLEX), (0x89, b'e', DIAERESIS), (0x8a, b'e', GRAVE), (0x8b, b'i', DIAERESIS),
    (0x8c, b'i', CIRCUMFLEX), (0x8d, b'i', GRAVE), (0x8e, b'A', DIAERESIS), (0x8f, b'A', RING),
    (0x90, b'E', ACUTE), (0x93, b'o', CIRCUMFLEX), (0x94, b'o', DIAERESIS), (0x95, b'o', GRAVE),
    (0x96, b'u', CIRCUMFLEX), (0x97, b'u', GRAVE), (0x98, b'y', DIAERESIS), (0x99, b'O', DIAERESIS),
    (0x9a, b'U', DIAERESIS), (0xa0, b'a', ACUTE), (0xa1, b'i', ACUTE), (0xa2, b'o', ACUTE),
    (0xa3, b'u', ACUTE), (0xa4, b'n', TILDE), (0xa5, b'N', TILDE),
];

/// Glyphs that are others upside down.
const TURNED: &[(u8, u8)] = &[(0xa8, b'?'), (0xad, b'!')];
/// Glyphs that are others with the dots exchanged.
const INVERSE: &[(u8, u8)] = &[(0x08, 0x07), (0x0a, 0x09)];
/// A capital under a mark: two of its ten rows are left out.
const LOW_CAPITAL: [usize; 8] = [0, 1, 3, 4, 5, 6, 8, 9];

/// The whole font.
pub fn code_page_437() -> [Glyph; 256] {
    let mut font = [[0; HEIGHT]; 256];
    for line in GLYPHS.lines() {
        let mut words = line.split(' ');
        let mut number = |radix| {
            words
                .next()
                .and_then(|word| usize::from_str_radix(word, radix).ok())
        };
        let (Some(code), Some(first)) = (number(16), number(10)) else {
            continue;
        };
        for row in font[code & 0xff].iter_mut().skip(first) {
            *row = number(16).unwrap_or(0) as u8;
        }
    }
    for &(code, letter, mark) in MARKED {
        font[usize::from(code)] = marked(&font[usize::from(letter)], letter, mark);
    }
    for &(code, other) in TURNED {
        // Rows 2 to 11 are those of a capital; upside down it stands on the same line.
        let glyph = font[usize::from(other)];
        for row in 2..12 {
            font[usize::from(code)][row] = glyph[13 - row].reverse_bits() << 1;
        }
    }
    for &(code, other) in INVERSE {
        font[usize::from(code)] = font[usize::from(other)].map(|row| !row);
    }
    for code in 0xb0..=0xdf {
        font[usize::from(code)] = frames::glyph(code);
    }
    font
}

fn marked(letter: &Glyph, code: u8, (first, rows): Mark) -> Glyph {
    let mut glyph = *letter;
    // The dot of the i.
    glyph[..5]
        .iter_mut()
        .filter(|_| code == b'i')
        .for_each(|row| *row = 0);
    let mut first = first;
    if code.is_ascii_uppercase() && first < 12 {
        glyph[..4].fill(0);
        for (row, &from) in LOW_CAPITAL.iter().enumerate() {
            glyph[4 + row] = letter[2 + from];
        }
        first = first.saturating_sub(1);
    }
    for (row, &dots) in rows.iter().enumerate() {
        glyph[first + row] |= dots;
    }
    glyph
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(glyph: &Glyph) -> String {
        let row = |row: &u8| {
            (0..8)
                .map(|dot| if row << dot & 0x80 != 0 { '#' } else { '.' })
                .collect()
        };
        let rows: Vec<String> = glyph.iter().map(row).collect();
        rows.join("\n")
    }

    #[test]
    fn every_character_has_a_glyph_of_its_own() {
        let font = code_page_437();
        for (code, glyph) in font.iter().enumerate() {
            let empty = matches!(code, 0 | 0x20 | 0xff);
            assert_eq!(*glyph == [0; HEIGHT], empty, "{code:#x}");
            if !empty {
                let first = font.iter().position(|other| other == glyph);
                assert_eq!(first, Some(code), "{code:#x} looks like another");
            }
        }
    }

    #[test]
    fn frames_join() {
        let font = code_page_437();
        // A double frame's corner, and a crossing of both kinds.
        assert_eq!(
            picture(&font[0xc9]),
            "........\n........\n........\n........\n........\n........\n..######\n..##....\n..##.###\n\
             ..##.##.\n..##.##.\n..##.##.\n..##.##.\n..##.##.\n..##.##.\n..##.##."
        );
        for (above, below) in [
            (0xb3, 0xc5),
            (0xba, 0xce),
            (0xda, 0xc0),
            (0xc9, 0xc8),
            (0xd6, 0xd3),
        ] {
            assert_eq!(font[above][15], font[below][0], "{above:#x} over {below:#x}");
        }
    }

    #[test]
    fn marks_are_on_letters() {
        let font = code_page_437();
        assert_eq!(font[0x84][5..], font[usize::from(b'a')][5..]);
        assert_eq!(font[0x84][2], 0x6c);
        assert_eq!(font[0x8b][2..4], [0x6c, 0x6c], "no dot under the diaeresis");
    }
}
