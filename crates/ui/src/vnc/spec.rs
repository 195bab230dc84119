//! Numbers of the RFB protocol.
//!
//! RFC 6143, "The Remote Framebuffer Protocol", and the community's registry of extensions (`rfbproto`): extended
//! desktop size, pointer type change, QEMU's extended key event, tight.

/// What the server says first.
pub const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// Security types.
pub mod security {
    /// Nobody asks.
    pub const NONE: u8 = 1;
    /// A password, by DES and a challenge.
    pub const VNC: u8 = 2;
}

/// Messages of the client.
pub mod client {
    /// Format of pixels.
    pub const SET_PIXEL_FORMAT: u8 = 0;
    /// Encodings, best first.
    pub const SET_ENCODINGS: u8 = 2;
    /// It wants an update.
    pub const UPDATE_REQUEST: u8 = 3;
    /// A key.
    pub const KEY: u8 = 4;
    /// Position and buttons.
    pub const POINTER: u8 = 5;
    /// Its clipboard.
    pub const CUT_TEXT: u8 = 6;
    /// It wants another size.
    pub const SET_DESKTOP_SIZE: u8 = 251;
    /// QEMU's messages.
    pub const QEMU: u8 = 255;
}

/// Messages of the server.
pub mod server {
    /// Rectangles.
    pub const UPDATE: u8 = 0;
    /// The palette of clients without true colour.
    pub const COLOUR_MAP: u8 = 1;
}

/// Encodings, and what is announced among them.
pub mod encoding {
    /// Pixels.
    pub const RAW: i32 = 0;
    /// Tiles of 16 by 16.
    pub const HEXTILE: i32 = 5;
    /// Pixels, compressed.
    pub const ZLIB: i32 = 6;
    /// Palettes and pixels, compressed.
    pub const TIGHT: i32 = 7;
    /// Tiles of 64 by 64, compressed together.
    pub const ZRLE: i32 = 16;
    /// The size may change.
    pub const DESKTOP_SIZE: i32 = -223;
    /// The size may change, and by whom.
    pub const EXTENDED_DESKTOP_SIZE: i32 = -308;
    /// The client draws the pointer.
    pub const CURSOR: i32 = -239;
    /// The pointer's positions may be movements.
    pub const POINTER_TYPE: i32 = -257;
    /// Keys have scan codes.
    pub const EXTENDED_KEY: i32 = -258;
    /// Compression level 0; level 9 is 9 above.
    pub const LEVEL_0: i32 = -256;
}
