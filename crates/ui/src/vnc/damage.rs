//! Which parts of a client's picture are not what the screen shows: found by comparing, tile by tile.

use super::encode::Rect;
use hw_core::Surface;

/// Pixels of a tile, each way: wide, because rows are compared, and flat, because text scrolls by lines.
const WIDTH: usize = 64;
const HEIGHT: usize = 16;

/// A client's picture, and what of it has to be sent whatever it shows.
#[derive(Debug, Default)]
pub(super) struct Damage {
    picture: Surface,
    stale: Vec<bool>,
}

impl Damage {
    /// A picture of this size, none of which the client has.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            picture: Surface::new(width, height),
            stale: vec![true; width.div_ceil(WIDTH) * height.div_ceil(HEIGHT)],
        }
    }

    /// What the client has, where it is not stale.
    pub(super) fn picture(&self) -> &Surface {
        &self.picture
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.picture.width, self.picture.height)
    }

    fn columns(&self) -> usize {
        self.picture.width.div_ceil(WIDTH)
    }

    /// Tiles that `rect` touches: columns and rows.
    fn tiles(&self, rect: Rect) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (width, height) = self.size();
        let end =
            |at: usize, len: usize, most: usize, tile: usize| at.saturating_add(len).min(most).div_ceil(tile);
        (
            rect.x / WIDTH..end(rect.x, rect.width, width, WIDTH),
            rect.y / HEIGHT..end(rect.y, rect.height, height, HEIGHT),
        )
    }

    /// The client wants `rect` anew.
    pub(super) fn spoil(&mut self, rect: Rect) {
        let (columns, rows) = self.tiles(rect);
        for row in rows {
            for column in columns.clone() {
                let at = row * self.columns() + column;
                self.stale[at] = true;
            }
        }
    }

    fn tile(&self, column: usize, row: usize) -> Rect {
        let (x, y) = (column * WIDTH, row * HEIGHT);
        Rect {
            x,
            y,
            width: WIDTH.min(self.picture.width - x),
            height: HEIGHT.min(self.picture.height - y),
        }
    }

    /// Whether a tile is not what `screen` shows there. What is outside of the screen is black.
    fn differs(&self, screen: &Surface, rect: Rect) -> bool {
        (rect.y..rect.y + rect.height).any(|y| {
            let own = &self.picture.row(y)[rect.x..][..rect.width];
            if y >= screen.height {
                return own.iter().any(|&pixel| pixel != 0);
            }
            let shown = rect.width.min(screen.width.saturating_sub(rect.x));
            own[..shown] != screen.row(y)[rect.x.min(screen.width)..][..shown]
                || own[shown..].iter().any(|&pixel| pixel != 0)
        })
    }

    /// Makes the picture what `screen` shows within `wanted`, and names the parts that changed: tiles side by side and
    /// one below the other are one part. No more than about `most` pixels; the rest stays for the next time.
    pub(super) fn update(&mut self, screen: &Surface, wanted: Rect, most: usize) -> Vec<Rect> {
        let (columns, rows) = self.tiles(wanted);
        let mut found: Vec<Rect> = Vec::new();
        let mut pixels = 0;
        for row in rows {
            let mut column = columns.start;
            while column < columns.end {
                let begin = column;
                while column < columns.end && {
                    let rect = self.tile(column, row);
                    self.stale[row * self.columns() + column] || self.differs(screen, rect)
                } {
                    column += 1;
                }
                if begin == column {
                    column += 1;
                    continue;
                }
                let (first, last) = (self.tile(begin, row), self.tile(column - 1, row));
                let rect = Rect {
                    width: last.x + last.width - first.x,
                    ..first
                };
                self.take(screen, rect);
                for column in begin..column {
                    let at = row * self.columns() + column;
                    self.stale[at] = false;
                }
                pixels += rect.width * rect.height;
                let above = found.iter_mut().rev().find(|above| {
                    (above.x, above.width, above.y + above.height) == (rect.x, rect.width, rect.y)
                });
                match above {
                    Some(above) => above.height += rect.height,
                    None => found.push(rect),
                }
            }
            if pixels >= most {
                break;
            }
        }
        found
    }

    fn take(&mut self, screen: &Surface, rect: Rect) {
        for y in rect.y..rect.y + rect.height {
            let own = &mut self.picture.row_mut(y)[rect.x..][..rect.width];
            own.fill(0);
            if y < screen.height && rect.x < screen.width {
                let shown = rect.width.min(screen.width - rect.x);
                own[..shown].copy_from_slice(&screen.row(y)[rect.x..][..shown]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rect = Rect {
        x: 0,
        y: 0,
        width: usize::MAX,
        height: usize::MAX,
    };

    fn rect(x: usize, y: usize, width: usize, height: usize) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn first_all_then_what_changes() {
        let mut screen = Surface::new(200, 50);
        let mut damage = Damage::new(200, 50);
        assert_eq!(damage.update(&screen, ALL, usize::MAX), [rect(0, 0, 200, 50)]);
        assert_eq!(damage.update(&screen, ALL, usize::MAX), []);
        // Three tiles that touch, one that does not.
        for (x, y) in [(63, 0), (64, 15), (64, 16), (199, 49)] {
            screen.row_mut(y)[x] = 1;
        }
        assert_eq!(
            damage.update(&screen, ALL, usize::MAX),
            [rect(0, 0, 128, 16), rect(64, 16, 64, 16), rect(192, 48, 8, 2)]
        );
        assert_eq!(*damage.picture(), screen);
        damage.spoil(rect(70, 20, 1, 1));
        assert_eq!(damage.update(&screen, ALL, usize::MAX), [rect(64, 16, 64, 16)]);
    }

    #[test]
    fn what_is_not_wanted_or_too_much_waits() {
        let screen = Surface::new(128, 64);
        let mut damage = Damage::new(128, 64);
        assert_eq!(
            damage.update(&screen, rect(64, 0, 10, 10), usize::MAX),
            [rect(64, 0, 64, 16)]
        );
        assert_eq!(damage.update(&screen, ALL, 1), [rect(0, 0, 64, 16)]);
        assert_eq!(damage.update(&screen, ALL, usize::MAX), [rect(0, 16, 128, 48)]);
        assert_eq!(damage.update(&screen, rect(500, 500, 9, 9), usize::MAX), []);
    }

    #[test]
    fn a_screen_of_another_size_is_cut_and_filled() {
        let mut damage = Damage::new(100, 20);
        let mut screen = Surface::new(70, 30);
        screen.pixels.fill(7);
        damage.update(&screen, ALL, usize::MAX);
        let picture = damage.picture();
        assert_eq!(
            [picture.row(0)[69], picture.row(0)[70], picture.row(19)[0]],
            [7, 0, 7]
        );
        assert_eq!(damage.update(&screen, ALL, usize::MAX), []);
    }
}
