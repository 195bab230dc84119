//! Intel 8042 as PC/AT keyboard controller; PS/2 keyboard and mouse protocol.
//!
//! IBM PS/2 hardware interface technical reference: "Keyboard and auxiliary device controller", "Keyboards
//! (101- and 102-key)", "Mouse".

/// Status register bits.
pub mod status {
    /// Output buffer full: a byte is at port 60h.
    pub const OUTPUT_FULL: u8 = 0x01;
    /// System flag: self test passed.
    pub const SYSTEM: u8 = 0x04;
    /// The last write was to port 64h.
    pub const COMMAND: u8 = 0x08;
    /// Keyboard is not locked.
    pub const UNLOCKED: u8 = 0x10;
    /// The byte is the mouse's.
    pub const AUX: u8 = 0x20;
}

/// Controller command byte ("CTR").
pub mod ctr {
    /// Raise IRQ 1.
    pub const KEYBOARD_INTERRUPT: u8 = 0x01;
    /// Raise IRQ 12.
    pub const AUX_INTERRUPT: u8 = 0x02;
    /// Copied to the status register.
    pub const SYSTEM: u8 = 0x04;
    /// Keyboard clock held low.
    pub const KEYBOARD_OFF: u8 = 0x10;
    /// Mouse clock held low.
    pub const AUX_OFF: u8 = 0x20;
    /// Translate scan code set 2 to set 1.
    pub const TRANSLATE: u8 = 0x40;
}

/// Output port bits.
pub mod output {
    /// Zero resets.
    pub const RESET: u8 = 0x01;
    /// Address line 20 is free.
    pub const A20: u8 = 0x02;
    /// IRQ 1.
    pub const OUTPUT_FULL: u8 = 0x10;
    /// IRQ 12.
    pub const AUX_FULL: u8 = 0x20;
    /// After reset: lines high, keyboard data and clock released.
    pub const AT_RESET: u8 = 0xcf;
}

/// Commands at port 64h.
pub mod command {
    /// Read the command byte.
    pub const READ_CTR: u8 = 0x20;
    /// Write the command byte.
    pub const WRITE_CTR: u8 = 0x60;
    /// Mouse off.
    pub const AUX_DISABLE: u8 = 0xa7;
    /// Mouse on.
    pub const AUX_ENABLE: u8 = 0xa8;
    /// Test the mouse port: 0 is good.
    pub const AUX_TEST: u8 = 0xa9;
    /// Self test: 55h is good.
    pub const SELF_TEST: u8 = 0xaa;
    /// Test the keyboard port: 0 is good.
    pub const KEYBOARD_TEST: u8 = 0xab;
    /// Keyboard off.
    pub const KEYBOARD_DISABLE: u8 = 0xad;
    /// Keyboard on.
    pub const KEYBOARD_ENABLE: u8 = 0xae;
    /// Read the input port.
    pub const READ_INPUT: u8 = 0xc0;
    /// Read the output port.
    pub const READ_OUTPUT: u8 = 0xd0;
    /// Write the output port.
    pub const WRITE_OUTPUT: u8 = 0xd1;
    /// The next byte comes back as if from the keyboard.
    pub const LOOP_KEYBOARD: u8 = 0xd2;
    /// The next byte comes back as if from the mouse.
    pub const LOOP_AUX: u8 = 0xd3;
    /// The next byte goes to the mouse.
    pub const WRITE_AUX: u8 = 0xd4;
    /// Close A20.
    pub const A20_OFF: u8 = 0xdd;
    /// Open A20.
    pub const A20_ON: u8 = 0xdf;
    /// First of sixteen: pulse the output port's low bits that are zero in the command.
    pub const PULSE: u8 = 0xf0;
}

/// The device acknowledges.
pub const ACK: u8 = 0xfa;
/// The device did not understand.
pub const RESEND: u8 = 0xfe;
/// Self test of a device passed.
pub const TEST_PASSED: u8 = 0xaa;
/// Bytes a device queues.
pub const QUEUE: usize = 16;
/// How long bytes of the mouse wait after its port was switched on, in nanoseconds.
pub const AUX_HOLD_NS: i64 = 1_000_000;

/// Scan code set 2 to set 1, as the controller translates. From 85h on every code stays what it is.
#[rustfmt::skip]
pub const TRANSLATION: [u8; 0x85] = [
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
    0x80, 0x81, 0x82, 0x41, 0x54,
];

/// Translates one code.
pub fn translate(code: u8) -> u8 {
    TRANSLATION.get(code as usize).copied().unwrap_or(code)
}
