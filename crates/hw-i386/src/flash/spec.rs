//! Intel/Sharp extended command set (CFI command set 0001h; Common Flash Interface, JESD68.01), one byte wide.

/// Bytes of a block, the unit of erasing: what firmware volumes on a PC are made for.
pub const BLOCK: usize = 0x1000;
/// Bytes of the write buffer.
pub const BUFFER: usize = 0x800;
/// Manufacturer: Intel.
pub const MANUFACTURER: u8 = 0x89;
/// Device code.
pub const DEVICE: u8 = 0x18;

/// First bytes of commands.
pub mod command {
    /// Program one byte.
    pub const PROGRAM: u8 = 0x10;
    /// The same.
    pub const PROGRAM_ALTERNATE: u8 = 0x40;
    /// Erase a block; [`CONFIRM`] follows.
    pub const ERASE: u8 = 0x20;
    /// Clear the status register.
    pub const CLEAR_STATUS: u8 = 0x50;
    /// Lock or unlock a block; a second byte says which.
    pub const LOCK: u8 = 0x60;
    /// Read the status register.
    pub const READ_STATUS: u8 = 0x70;
    /// Read identifiers.
    pub const READ_ID: u8 = 0x90;
    /// Read the query table.
    pub const QUERY: u8 = 0x98;
    /// Write to the buffer: length less one, bytes, then [`CONFIRM`].
    pub const WRITE_BUFFER: u8 = 0xe8;
    /// Second byte of an erase, a lock, a buffered write.
    pub const CONFIRM: u8 = 0xd0;
    /// Second byte of a lock.
    pub const LOCK_BLOCK: u8 = 0x01;
    /// Back to the array.
    pub const READ_ARRAY: u8 = 0xff;
}

/// Bits of the status register.
pub mod status {
    /// The last operation is done.
    pub const READY: u8 = 0x80;
    /// A block was not erased.
    pub const ERASE_ERROR: u8 = 0x20;
    /// A byte was not programmed; with [`ERASE_ERROR`]: a wrong sequence.
    pub const PROGRAM_ERROR: u8 = 0x10;
}

/// The query table from offset 10h on, for `size` bytes (a multiple of [`BLOCK`]).
pub fn query(size: usize) -> [u8; 0x21] {
    let mut table = [0; 0x21];
    table[..3].copy_from_slice(b"QRY");
    table[3] = 1; // command set
    table[5] = 0x31; // where its extended table is
    table[0x0b] = 0x45; // 4.5 to 5.5 V
    table[0x0c] = 0x55;
    table[0x0f] = 7; // typical times, as powers of two: a byte, 128 us
    table[0x10] = 7; // a buffer
    table[0x11] = 10; // a block, 1 s
    table[0x13] = 4; // maximal times, in multiples of the typical
    table[0x14] = 4;
    table[0x15] = 4;
    table[0x17] = size.ilog2() as u8; // the size is rounded down to a power of two
    table[0x1a] = BUFFER.ilog2() as u8;
    table[0x1c] = 1; // one region of equal blocks
    let blocks = (size / BLOCK).saturating_sub(1) as u16;
    table[0x1d..0x1f].copy_from_slice(&blocks.to_le_bytes());
    table[0x1f..0x21].copy_from_slice(&((BLOCK / 256) as u16).to_le_bytes());
    table
}
