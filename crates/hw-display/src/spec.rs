//! Numbers of the VGA and of the Bochs "DISPI" extension.
//!
//! Sources: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem" (May 1992); the FreeVGA notes on CRTC
//! timing; "VBE DISPI" as documented with the Bochs VGA BIOS; QEMU's `docs/specs/standard-vga.rst`.

/// First port of the registers in either place (3B0h to 3DFh).
pub const PORTS: (u64, u64) = (0x3b0, 0x30);
/// DISPI: index at 1CEh, data at 1CFh and at 1D0h.
pub const DISPI_PORTS: (u64, u64) = (0x1ce, 3);
/// The window in memory: A0000h to BFFFFh.
pub const WINDOW: (u64, u64) = (0xa_0000, 0x2_0000);

/// Ports, by their place in colour mode.
pub mod port {
    /// Attribute controller: index and data by turns.
    pub const ATTRIBUTE: u16 = 0x3c0;
    /// Attribute controller: data to be read.
    pub const ATTRIBUTE_DATA: u16 = 0x3c1;
    /// Miscellaneous output (write), input status 0 (read).
    pub const MISC_WRITE: u16 = 0x3c2;
    /// Sequencer index.
    pub const SEQUENCER: u16 = 0x3c4;
    /// Sequencer data.
    pub const SEQUENCER_DATA: u16 = 0x3c5;
    /// Mask of the colours on their way to the DAC.
    pub const DAC_MASK: u16 = 0x3c6;
    /// Index to read from (write), state (read).
    pub const DAC_READ: u16 = 0x3c7;
    /// Index to write to.
    pub const DAC_WRITE: u16 = 0x3c8;
    /// Red, green and blue by turns.
    pub const DAC_DATA: u16 = 0x3c9;
    /// Feature control (read).
    pub const FEATURE_READ: u16 = 0x3ca;
    /// Miscellaneous output (read).
    pub const MISC_READ: u16 = 0x3cc;
    /// Graphics controller index.
    pub const GRAPHICS: u16 = 0x3ce;
    /// Graphics controller data.
    pub const GRAPHICS_DATA: u16 = 0x3cf;
    /// CRT controller index.
    pub const CRTC: u16 = 0x3d4;
    /// CRT controller data.
    pub const CRTC_DATA: u16 = 0x3d5;
    /// Input status 1 (read), feature control (write).
    pub const STATUS: u16 = 0x3da;
}

/// Miscellaneous output.
pub mod misc {
    /// CRTC and status are at 3Dxh, not at 3Bxh.
    pub const COLOUR: u8 = 0x01;
    /// The dot clock: 28.322 MHz rather than 25.175 MHz (the low one of two bits).
    pub const CLOCK_28: u8 = 0x04;
}

/// Input status 1.
pub mod status {
    /// The beam is outside of the picture.
    pub const BLANK: u8 = 0x01;
    /// The beam returns to the top.
    pub const VERTICAL_RETRACE: u8 = 0x08;
}

/// Registers of the sequencer.
pub mod seq {
    /// Clocking mode: bit 0 characters are 8 dots wide, bit 3 dots last twice as long, bit 5 screen off.
    pub const CLOCKING: usize = 1;
    /// Planes that writes reach.
    pub const MAP_MASK: usize = 2;
    /// Fonts A and B.
    pub const FONTS: usize = 3;
    /// Memory mode: bit 1 all 256 KiB, bit 2 not odd/even, bit 3 chain 4.
    pub const MEMORY: usize = 4;
    /// See [`CLOCKING`].
    pub const EIGHT_DOTS: u8 = 0x01;
    /// See [`CLOCKING`].
    pub const HALF_CLOCK: u8 = 0x08;
    /// See [`CLOCKING`].
    pub const SCREEN_OFF: u8 = 0x20;
    /// See [`MEMORY`].
    pub const SEQUENTIAL: u8 = 0x04;
    /// See [`MEMORY`].
    pub const CHAIN_4: u8 = 0x08;
    /// Bits that exist.
    pub const BITS: [u8; 8] = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff];
}

/// Registers of the graphics controller.
pub mod gfx {
    /// Set/reset: a bit for each plane.
    pub const SET_RESET: usize = 0;
    /// Planes that take set/reset instead of what is written.
    pub const ENABLE_SET_RESET: usize = 1;
    /// Colour for read mode 1.
    pub const COLOUR_COMPARE: usize = 2;
    /// Rotation (bits 2-0) and function (bits 4-3: copy, and, or, xor).
    pub const ROTATE: usize = 3;
    /// Plane that is read.
    pub const READ_MAP: usize = 4;
    /// Bits 1-0 write mode, 3 read mode, 4 odd/even, 6-5 how planes become pixels.
    pub const MODE: usize = 5;
    /// Bit 0 graphics, 3-2 where the window lies.
    pub const MISC: usize = 6;
    /// Planes that read mode 1 compares.
    pub const COLOUR_CARE: usize = 7;
    /// Bits that come from what is written; the others from the latches.
    pub const BIT_MASK: usize = 8;
    /// See [`MODE`].
    pub const READ_MODE_1: u8 = 0x08;
    /// See [`MODE`].
    pub const ODD_EVEN: u8 = 0x10;
    /// Bits that exist.
    pub const BITS: [u8; 16] = [
        0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0, 0, 0, 0, 0, 0, 0,
    ];
}

/// Registers of the attribute controller.
pub mod attr {
    /// Bit 1 monochrome, 2 line graphics reach the ninth dot, 3 blinking, 5 panning ends at the split, 6 pixels of eight
    /// bits, 7 palette bits 5-4 come from [`COLOUR_SELECT`].
    pub const MODE: usize = 0x10;
    /// Planes that are shown.
    pub const PLANES: usize = 0x12;
    /// Dots by which the picture moves to the left.
    pub const PANNING: usize = 0x13;
    /// Upper bits of colours.
    pub const COLOUR_SELECT: usize = 0x14;
    /// How many there are.
    pub const COUNT: usize = 0x15;
    /// In the index: the palette belongs to the screen, not to the CPU.
    pub const PALETTE_SHOWS: u8 = 0x20;
    /// See [`MODE`].
    pub const MONOCHROME: u8 = 0x02;
    /// See [`MODE`].
    pub const LINE_GRAPHICS: u8 = 0x04;
    /// See [`MODE`].
    pub const BLINK: u8 = 0x08;
    /// See [`MODE`].
    pub const SPLIT_STAYS: u8 = 0x20;
    /// See [`MODE`].
    pub const SELECT_5_4: u8 = 0x80;
}

/// Registers of the CRT controller.
pub mod crtc {
    /// Characters in a line, retrace included, less 5.
    pub const H_TOTAL: usize = 0x00;
    /// Characters shown in a line, less 1.
    pub const H_DISPLAY: usize = 0x01;
    /// Lines, less 2 (low bits; the upper ones are in [`OVERFLOW`]).
    pub const V_TOTAL: usize = 0x06;
    /// Upper bits of vertical values.
    pub const OVERFLOW: usize = 0x07;
    /// Bits 4-0 first line of a row, 6-5 characters by which the picture moves to the left.
    pub const PRESET_ROW: usize = 0x08;
    /// Bits 4-0 lines of a row less 1, 6 a bit of line compare, 7 each line twice.
    pub const MAX_SCAN: usize = 0x09;
    /// First line of the cursor; bit 5 hides it.
    pub const CURSOR_START: usize = 0x0a;
    /// Last line of the cursor.
    pub const CURSOR_END: usize = 0x0b;
    /// Address of the first character (high, then low).
    pub const START: usize = 0x0c;
    /// Address of the cursor (high, then low).
    pub const CURSOR: usize = 0x0e;
    /// First line of the vertical retrace.
    pub const V_RETRACE: usize = 0x10;
    /// Bits 3-0 end of the retrace, 7 protects registers 0 to 7.
    pub const V_RETRACE_END: usize = 0x11;
    /// Lines shown, less 1.
    pub const V_DISPLAY: usize = 0x12;
    /// Half of the characters by which rows are apart.
    pub const OFFSET: usize = 0x13;
    /// Line of the underline.
    pub const UNDERLINE: usize = 0x14;
    /// Bits 0 and 1: address bits 13 and 14 count on, 6 byte addresses.
    pub const MODE: usize = 0x17;
    /// Line behind which the picture begins again at address 0.
    pub const LINE_COMPARE: usize = 0x18;
    /// How many there are.
    pub const COUNT: usize = 0x19;
    /// See [`V_RETRACE_END`].
    pub const PROTECT: u8 = 0x80;
    /// In [`OVERFLOW`]: not protected.
    pub const LINE_COMPARE_8: u8 = 0x10;
}

/// Registers of the DISPI extension.
pub mod dispi {
    /// Identification.
    pub const ID: usize = 0;
    /// Pixels in a row.
    pub const X: usize = 1;
    /// Rows.
    pub const Y: usize = 2;
    /// Bits of a pixel.
    pub const BPP: usize = 3;
    /// See the switches below.
    pub const ENABLE: usize = 4;
    /// Bank of 64 KiB in the window.
    pub const BANK: usize = 5;
    /// Pixels in a row of memory.
    pub const VIRTUAL_WIDTH: usize = 6;
    /// Rows in memory.
    pub const VIRTUAL_HEIGHT: usize = 7;
    /// First pixel shown.
    pub const X_OFFSET: usize = 8;
    /// First row shown.
    pub const Y_OFFSET: usize = 9;
    /// How many are stored.
    pub const COUNT: usize = 10;
    /// Read only: memory in units of 64 KiB.
    pub const MEMORY: u16 = 0x0a;

    /// The newest identification.
    pub const ID_5: u16 = 0xb0c5;
    /// The oldest.
    pub const ID_0: u16 = 0xb0c0;
    /// In [`ENABLE`]: on.
    pub const ENABLED: u16 = 0x01;
    /// In [`ENABLE`]: X, Y and BPP read as the most there can be.
    pub const CAPABILITIES: u16 = 0x02;
    /// In [`ENABLE`]: the DAC has eight bits.
    pub const DAC_8: u16 = 0x20;
    /// In [`ENABLE`]: memory is not cleared.
    pub const NO_CLEAR: u16 = 0x80;
    /// Most pixels in a row.
    pub const MAX_X: u16 = 16_000;
    /// Most rows.
    pub const MAX_Y: u16 = 12_000;
}

/// The function's memory BAR 2.
pub mod mmio {
    /// Bytes.
    pub const SIZE: u64 = 0x1000;
    /// EDID, up to here.
    pub const EDID_END: u64 = 0x400;
    /// Ports 3C0h to 3DFh.
    pub const VGA: (u64, u64) = (0x400, 0x20);
    /// DISPI registers, a word each.
    pub const DISPI: (u64, u64) = (0x500, 0x16);
    /// Extension: its size, then the order of bytes of the frame buffer.
    pub const EXTENSION: (u64, u64) = (0x600, 8);
    /// Value of the order register: little.
    pub const LITTLE: u32 = 0x1e1e_1e1e;
    /// Value of the order register: big.
    pub const BIG: u32 = 0xbebe_bebe;
}
