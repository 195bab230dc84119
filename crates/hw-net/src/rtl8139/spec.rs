//! Registers and descriptors of the RTL8139C+.
//!
//! Realtek, "RTL8139C(L)+ 3.3V Single Chip Fast Ethernet Controller" (2002), chapters 6 and 9.

/// Vendor and device.
pub(super) const IDS: (u16, u16) = (0x10ec, 0x8139);
/// By which drivers know that it is the one with rings.
pub(super) const REVISION: u8 = 0x20;
/// Bytes of both windows.
pub(super) const WINDOW: u64 = 0x100;

pub(super) const IDR: usize = 0x00;
pub(super) const MAR: usize = 0x08;
/// Four words, one for each transmit buffer; or the address of the dump of counters.
pub(super) const TSD: usize = 0x10;
/// Four addresses of transmit buffers; in the other mode the rings' two.
pub(super) const TSAD: usize = 0x20;
pub(super) const THPDS: usize = 0x28;
pub(super) const RBSTART: usize = 0x30;
pub(super) const CR: usize = 0x37;
pub(super) const CAPR: usize = 0x38;
pub(super) const CBR: usize = 0x3a;
pub(super) const IMR: usize = 0x3c;
pub(super) const ISR: usize = 0x3e;
pub(super) const TCR: usize = 0x40;
pub(super) const RCR: usize = 0x44;
pub(super) const TCTR: usize = 0x48;
pub(super) const MPC: usize = 0x4c;
pub(super) const EEPROM: usize = 0x50;
pub(super) const TIMER: usize = 0x54;
pub(super) const MSR: usize = 0x58;
pub(super) const HLTCLK: usize = 0x5b;
pub(super) const RERID: usize = 0x5e;
pub(super) const TSAD_ALL: usize = 0x60;
pub(super) const BMCR: usize = 0x62;
pub(super) const BMSR: usize = 0x64;
pub(super) const ANAR: usize = 0x66;
pub(super) const ANLPAR: usize = 0x68;
pub(super) const POLL: usize = 0xd9;
pub(super) const CPCR: usize = 0xe0;
pub(super) const RDSAR: usize = 0xe4;

/// Registers that hold what is written: first byte, length, and whether only while configuration is open to change.
pub(super) const STORED: &[(usize, usize, bool)] = &[
    (IDR, 6, true),
    (MAR, 8, false),
    (TSD, 0x24, false),
    (CAPR, 2, false),
    (IMR, 2, false),
    (TCR, 4, false),
    (RCR, 4, false),
    (EEPROM, 1, false),
    (0x51, 2, true),
    (TIMER, 4, false),
    (0x59, 2, true),
    (HLTCLK, 1, false),
    (0x5c, 2, false),
    (BMCR, 2, false),
    (ANAR, 2, false),
    (0x70, 2, false),
    (0x74, 2, false),
    (0x78, 0xc, false),
    (0x84, 0x54, false),
    (0xd8, 1, true),
    (CPCR, 2, false),
    (RDSAR, 8, false),
    (0xec, 1, false),
];

pub(super) mod cr {
    pub(in super::super) const BUFE: u8 = 1 << 0;
    pub(in super::super) const TE: u8 = 1 << 2;
    pub(in super::super) const RE: u8 = 1 << 3;
    pub(in super::super) const RST: u8 = 1 << 4;
}

pub(super) mod isr {
    pub(in super::super) const ROK: u16 = 1 << 0;
    pub(in super::super) const TOK: u16 = 1 << 2;
    pub(in super::super) const RXOVW: u16 = 1 << 4;
    pub(in super::super) const LINK: u16 = 1 << 5;
    pub(in super::super) const TDU: u16 = 1 << 7;
    pub(in super::super) const SOFTWARE: u16 = 1 << 8;
    pub(in super::super) const TIMEOUT: u16 = 1 << 14;
    /// All there are.
    pub(in super::super) const ALL: u16 = 0xe1ff;
}

pub(super) mod tsd {
    pub(in super::super) const SIZE: u32 = 0x1fff;
    pub(in super::super) const OWN: u32 = 1 << 13;
    pub(in super::super) const TOK: u32 = 1 << 15;
    pub(in super::super) const ABORTED: u32 = 1 << 30;
}

pub(super) mod tcr {
    /// What chip it is: bits 30 to 26, 23 and 22.
    pub(in super::super) const VERSION: u32 = 0x7480_0000;
    pub(in super::super) const VERSION_BITS: u32 = 0x7cc0_0000;
    /// Both bits: what is sent comes back.
    pub(in super::super) const LOOPBACK: u32 = 3 << 17;
}

pub(super) mod rcr {
    pub(in super::super) const ALL: u32 = 1 << 0;
    pub(in super::super) const MATCH: u32 = 1 << 1;
    pub(in super::super) const MULTICAST: u32 = 1 << 2;
    pub(in super::super) const BROADCAST: u32 = 1 << 3;
    pub(in super::super) const WRAP: u32 = 1 << 7;
}

/// EEPROM pins and mode.
pub(super) mod eeprom {
    pub(in super::super) const DO: u8 = 1 << 0;
    pub(in super::super) const DI: u8 = 1 << 1;
    pub(in super::super) const SK: u8 = 1 << 2;
    pub(in super::super) const CS: u8 = 1 << 3;
    pub(in super::super) const MODE: u8 = 3 << 6;
    pub(in super::super) const PROGRAM: u8 = 2 << 6;
    /// Configuration is open to change.
    pub(in super::super) const CONFIG: u8 = 3 << 6;
}

pub(super) mod cpcr {
    pub(in super::super) const TRANSMIT: u16 = 1 << 0;
    pub(in super::super) const RECEIVE: u16 = 1 << 1;
    pub(in super::super) const CHECKSUM: u16 = 1 << 5;
    pub(in super::super) const VLAN: u16 = 1 << 6;
}

pub(super) mod poll {
    pub(in super::super) const SOFTWARE: u8 = 1 << 0;
    pub(in super::super) const NORMAL: u8 = 1 << 6;
    pub(in super::super) const HIGH: u8 = 1 << 7;
}

/// Header of a frame in the receive buffer, and the same bits in a register.
pub(super) mod header {
    pub(in super::super) const OK: u16 = 1 << 0;
    pub(in super::super) const BROADCAST: u16 = 1 << 13;
    pub(in super::super) const MATCH: u16 = 1 << 14;
    pub(in super::super) const MULTICAST: u16 = 1 << 15;
}

/// Words of descriptors in rings.
pub(super) mod ring {
    pub(in super::super) const OWN: u32 = 1 << 31;
    pub(in super::super) const END: u32 = 1 << 30;
    pub(in super::super) const FIRST: u32 = 1 << 29;
    pub(in super::super) const LAST: u32 = 1 << 28;
    /// To send: cut, with the size in bits 26 to 16; otherwise checksums.
    pub(in super::super) const CUT: u32 = 1 << 27;
    pub(in super::super) const IP_SUM: u32 = 1 << 18;
    pub(in super::super) const UDP_SUM: u32 = 1 << 17;
    pub(in super::super) const TCP_SUM: u32 = 1 << 16;
    /// In the second word: there is a tag.
    pub(in super::super) const TAG: u32 = 1 << 17;
    /// Received.
    pub(in super::super) const MULTICAST: u32 = 1 << 26;
    pub(in super::super) const MATCH: u32 = 1 << 25;
    pub(in super::super) const BROADCAST: u32 = 1 << 24;
    pub(in super::super) const IS_TCP: u32 = 1 << 16;
    pub(in super::super) const IS_UDP: u32 = 2 << 16;
    /// In the second word: there was a tag.
    pub(in super::super) const HAD_TAG: u32 = 1 << 16;
    /// Bytes of a receive buffer.
    pub(in super::super) const SIZE: u32 = 0x1fff;
    /// Descriptors in a ring.
    pub(in super::super) const SLOTS: u64 = 64;
}
