//! The wire between a display adapter and whoever looks at it.
//!
//! Nothing flows to the device: a viewer asks for the picture when it wants one, and compares it with the one it has.
//! So what the guest can see does not depend on whether, or how often, somebody looks.

/// A picture: rows from the top, each from the left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `0x00RRGGBB`, `width * height` of them.
    pub pixels: Vec<u32>,
}

impl Surface {
    /// A black picture of this size.
    pub fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![0; width * height],
        }
    }

    /// Changes the size; what was drawn is lost if that is another one.
    pub fn resize(&mut self, width: usize, height: usize) {
        if (self.width, self.height) != (width, height) {
            *self = Self::new(width, height);
        }
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, y: usize) -> &[u32] {
        &self.pixels[y * self.width..][..self.width]
    }

    /// A row, to be drawn.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, y: usize) -> &mut [u32] {
        &mut self.pixels[y * self.width..][..self.width]
    }
}

/// One place of a text screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextCell {
    /// The character, by code page 437.
    pub character: u8,
    /// Foreground in the low half, background in the high one, as in a VGA's text memory (blinking resolved).
    pub attribute: u8,
}

/// A text screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextScreen {
    /// Characters in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// `columns * rows` places.
    pub cells: Vec<TextCell>,
    /// Column and row of the cursor, if it shows.
    pub cursor: Option<(usize, usize)>,
}

/// A display adapter. Called under the big lock, on any thread.
pub trait Display: Send + Sync {
    /// Draws what a screen would show now, in its size (at most 16384 each way).
    fn draw(&self, surface: &mut Surface);

    /// The text screen, if one is shown: for terminals.
    fn text(&self) -> Option<TextScreen>;
}
