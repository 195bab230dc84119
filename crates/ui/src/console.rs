//! What a user interface plugs into: a screen to look at, keyboard and pointer to use.

use hw_core::{InputEvent, Surface, TextScreen};

/// A machine, as somebody in front of it has it. Called on the main loop's thread, with the locks of its turn held.
pub trait Console: Send + Sync {
    /// Draws what the screen shows now, in its size.
    fn draw(&self, surface: &mut Surface);

    /// The text screen, if it shows one.
    fn text(&self) -> Option<TextScreen>;

    /// Takes what somebody did; the parts belong together.
    fn input(&self, events: &[InputEvent]);

    /// Whether the pointer that is in use has positions.
    fn is_absolute(&self) -> bool;
}
