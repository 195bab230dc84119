//! From a text screen to what makes a terminal show it: only what has changed, in sequences of ECMA-48.

use super::code_page;
use hw_core::{TextCell, TextScreen};
use std::fmt::Write;

/// Colours of a VGA as terminals number them.
const COLOURS: [u8; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

/// What is to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Text.
    Text(TextScreen),
    /// A picture of this width and height, which a terminal does not show.
    Graphics(usize, usize),
}

/// A terminal, as far as it has been drawn on.
pub struct Painter {
    characters: [char; 256],
    size: (usize, usize),
    /// What is on it; none: nobody knows.
    cells: Option<Vec<TextCell>>,
    cursor: Option<(usize, usize)>,
}

impl Default for Painter {
    fn default() -> Self {
        Self {
            characters: code_page::table(),
            size: (0, 0),
            cells: None,
            cursor: None,
        }
    }
}

const BLANK: TextCell = TextCell {
    character: b' ',
    attribute: 0x07,
};

/// The cells of a screen of this size, `view` in its upper left corner.
fn layout(view: &View, (columns, rows): (usize, usize)) -> (Vec<TextCell>, Option<(usize, usize)>) {
    let mut cells = vec![BLANK; columns * rows];
    match view {
        View::Text(screen) => {
            let shown = screen.columns.min(columns);
            let lines = screen.cells.chunks_exact(screen.columns.max(1));
            for (to, from) in cells.chunks_exact_mut(columns.max(1)).zip(lines) {
                to[..shown].copy_from_slice(&from[..shown]);
            }
            let cursor = screen
                .cursor
                .filter(|&(column, row)| column < columns && row < rows);
            (cells, cursor)
        }
        View::Graphics(width, height) => {
            let words = format!("{width}x{height} graphic mode");
            let column = columns.saturating_sub(words.len()) / 2;
            for (cell, character) in cells
                .iter_mut()
                .skip(rows / 2 * columns + column)
                .zip(words.bytes())
            {
                cell.character = character;
            }
            (cells, None)
        }
    }
}

impl Painter {
    /// What makes a terminal of `size` (columns, rows) show `view`; empty if it does already.
    pub fn paint(&mut self, view: &View, size: (usize, usize)) -> String {
        let mut out = String::new();
        if self.size != size {
            self.size = size;
            self.cells = None;
        }
        let (cells, cursor) = layout(view, size);
        let old = self.cells.take();
        if old.is_none() {
            out.push_str("\x1b[0m\x1b[2J");
        }
        let old_cells = old.as_deref().unwrap_or(&[]);
        let (mut at, mut attribute) = (None, None);
        for (n, cell) in cells.iter().enumerate() {
            // The terminal has just been cleared to blanks.
            if *old_cells.get(n).unwrap_or(&BLANK) == *cell {
                continue;
            }
            let place = (n % size.0, n / size.0);
            if at != Some(place) {
                let _ = write!(out, "\x1b[{};{}H", place.1 + 1, place.0 + 1);
            }
            if attribute != Some(cell.attribute) {
                attribute = Some(cell.attribute);
                colours(cell.attribute, &mut out);
            }
            out.push(self.characters[usize::from(cell.character)]);
            // Behind the last column terminals differ.
            at = (place.0 + 1 < size.0).then_some((place.0 + 1, place.1));
        }
        if !out.is_empty() || old.is_none() || cursor != self.cursor {
            if attribute.is_some() {
                out.push_str("\x1b[0m");
            }
            match cursor {
                Some((column, row)) => {
                    let _ = write!(out, "\x1b[{};{}H\x1b[?25h", row + 1, column + 1);
                }
                None => out.push_str("\x1b[?25l"),
            }
        }
        self.cells = Some(cells);
        self.cursor = cursor;
        out
    }

    /// Somebody else has drawn on the terminal.
    pub fn forget(&mut self) {
        self.cells = None;
    }

    /// What leaves the terminal as it should be found.
    pub fn leave() -> &'static str {
        "\x1b[0m\x1b[?25h\x1b[2J\x1b[H"
    }
}

fn colours(attribute: u8, out: &mut String) {
    let number = |colour: u8, dark: u8, bright: u8| {
        let base = if colour & 8 != 0 { bright } else { dark };
        base + COLOURS[usize::from(colour & 7)]
    };
    let (front, back) = (number(attribute & 15, 30, 90), number(attribute >> 4, 40, 100));
    // Grey on black is what a terminal has by itself.
    let _ = match attribute {
        0x07 => write!(out, "\x1b[0m"),
        _ => write!(out, "\x1b[0;{front};{back}m"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(lines: &[&str], cursor: Option<(usize, usize)>) -> View {
        let columns = lines[0].len();
        let cells = lines
            .iter()
            .flat_map(|line| line.bytes())
            .map(|character| TextCell {
                character,
                attribute: 0x07,
            });
        View::Text(TextScreen {
            columns,
            rows: lines.len(),
            cells: cells.collect(),
            cursor,
        })
    }

    #[test]
    fn first_everything_then_what_changes() {
        let mut painter = Painter::default();
        let size = (4, 2);
        assert_eq!(
            painter.paint(&screen(&["ab  ", "   c"], Some((1, 1))), size),
            "\x1b[0m\x1b[2J\x1b[1;1H\x1b[0mab\x1b[2;4Hc\x1b[0m\x1b[2;2H\x1b[?25h"
        );
        assert_eq!(painter.paint(&screen(&["ab  ", "   c"], Some((1, 1))), size), "");
        assert_eq!(
            painter.paint(&screen(&["ax  ", "   c"], None), size),
            "\x1b[1;2H\x1b[0mx\x1b[0m\x1b[?25l"
        );
        painter.forget();
        assert!(
            painter
                .paint(&screen(&["ax  ", "   c"], None), size)
                .starts_with("\x1b[0m\x1b[2J")
        );
    }

    #[test]
    fn colours_and_frames() {
        let mut painter = Painter::default();
        let cells = vec![
            TextCell {
                character: 0xc9,
                attribute: 0x1e,
            },
            TextCell {
                character: 0xcd,
                attribute: 0x94,
            },
        ];
        let view = View::Text(TextScreen {
            columns: 2,
            rows: 1,
            cells,
            cursor: None,
        });
        let painted = painter.paint(&view, (2, 1));
        assert_eq!(
            painted,
            "\x1b[0m\x1b[2J\x1b[1;1H\x1b[0;93;44m╔\x1b[0;31;104m═\x1b[0m\x1b[?25l"
        );
    }

    #[test]
    fn terminals_of_other_sizes() {
        let mut painter = Painter::default();
        let large = screen(&["abcd", "efgh", "ijkl"], Some((3, 2)));
        let painted = painter.paint(&large, (2, 2));
        assert!(painted.contains("ab") && painted.contains("ef") && !painted.contains('c'));
        assert!(painted.ends_with("\x1b[?25l"), "the cursor is outside");
        assert!(painter.paint(&large, (9, 9)).contains("ijkl"));
        painter.paint(&large, (0, 0));
        let painted = painter.paint(&View::Graphics(640, 480), (40, 3));
        assert!(
            painted.contains("\x1b[2;11H\x1b[0m640x480\x1b[2;19Hgraphic\x1b[2;27Hmode"),
            "{painted:?}"
        );
        painter.paint(&View::Graphics(640, 480), (3, 1));
    }
}
