//! Where the beam is: input status 1 and blinking, as functions of virtual time.
//!
//! The beam counts dots of the clock that the miscellaneous output register selects, on the grid of virtual time, so
//! a loop that waits for the retrace sees it at the same instant in every run.

use crate::spec::{crtc, misc, seq, status};
use crate::state::VgaState;
use hw_core::Frequency;

const CLOCK_25: Frequency = Frequency::new(25_175_000);
const CLOCK_28: Frequency = Frequency::new(28_322_000);

/// Half a period of a blinking cursor: 8 pictures at 60 Hz.
const CURSOR_NS: i64 = 133_333_333;
/// Half a period of blinking characters: twice as long.
const CHARACTER_NS: i64 = 2 * CURSOR_NS;

/// Whether a blinking cursor shows at `now`.
pub fn cursor_shows(now: i64) -> bool {
    now.div_euclid(CURSOR_NS) & 1 == 0
}

/// Whether blinking characters show at `now`.
pub fn characters_show(now: i64) -> bool {
    now.div_euclid(CHARACTER_NS) & 1 == 0
}

/// One picture, in dots and lines.
struct Frame {
    dots: i64,
    shown_dots: i64,
    lines: i64,
    shown_lines: i64,
    retrace: i64,
    retrace_end: i64,
}

/// The frame of 640 by 480 at 60 Hz: for registers that describe none, and for modes of the DISPI extension, which
/// does not program any timing.
const STANDARD: Frame = Frame {
    dots: 800,
    shown_dots: 640,
    lines: 525,
    shown_lines: 480,
    retrace: 490,
    retrace_end: 492,
};

fn frame(state: &VgaState) -> Frame {
    if state.dispi_enabled() {
        return STANDARD;
    }
    let lines = i64::from(state.vertical(crtc::V_TOTAL, 0x01, 0x20)) + 2;
    let shown_lines = i64::from(state.lines());
    let shown = i64::from(state.crtc[crtc::H_DISPLAY]) + 1;
    let characters = i64::from(state.crtc[crtc::H_TOTAL]) + 5;
    let retrace = i64::from(state.vertical(crtc::V_RETRACE, 0x04, 0x80));
    if lines <= shown_lines || characters <= shown || retrace >= lines || retrace == 0 {
        return STANDARD;
    }
    let clocking = state.sequencer[seq::CLOCKING];
    let width = if clocking & seq::EIGHT_DOTS != 0 { 8 } else { 9 };
    let width = if clocking & seq::HALF_CLOCK != 0 {
        width * 2
    } else {
        width
    };
    // The end is given by its low four bits.
    let end = i64::from(state.crtc[crtc::V_RETRACE_END] & 15);
    let height = match (end - retrace) & 15 {
        0 => 16,
        height => height,
    };
    Frame {
        dots: characters * width,
        shown_dots: shown * width,
        lines,
        shown_lines,
        retrace,
        retrace_end: (retrace + height).min(lines),
    }
}

/// Input status 1 at virtual time `now`.
pub fn input_status(state: &VgaState, now: i64) -> u8 {
    let frame = frame(state);
    let clock = if state.misc & misc::CLOCK_28 != 0 {
        CLOCK_28
    } else {
        CLOCK_25
    };
    let at = clock.ticks(now).rem_euclid(frame.dots * frame.lines);
    let (line, dot) = (at / frame.dots, at % frame.dots);
    let mut value = 0;
    if line >= frame.shown_lines || dot >= frame.shown_dots {
        value |= status::BLANK;
    }
    if (frame.retrace..frame.retrace_end).contains(&line) {
        value |= status::VERTICAL_RETRACE | status::BLANK;
    }
    value
}
