//! What IDENTIFY DEVICE and IDENTIFY PACKET DEVICE say: ATA8-ACS, 7.16 and 7.17.

use super::Geometry;
use super::spec::MAX_MULTIPLE;
use crate::scsi::padded;

/// What of a drive can change.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// At most 20 characters.
    pub serial: &'a str,
    /// At most 40.
    pub model: &'a str,
    /// Sectors of the medium.
    pub sectors: u64,
    /// By default.
    pub geometry: Geometry,
    /// As software has set it.
    pub current: Geometry,
    /// READ MULTIPLE: sectors at a time, 0 is off.
    pub multiple: u8,
    /// The transfer mode of SET FEATURES, or 0.
    pub mode: u8,
    /// Writes may be volatile.
    pub write_cache: bool,
    /// TRIM does something.
    pub can_discard: bool,
    /// Native command queuing, behind AHCI.
    pub queues: bool,
}

struct Words([u8; 512]);

impl Words {
    fn set(&mut self, word: usize, value: u16) {
        self.0[word * 2..word * 2 + 2].copy_from_slice(&value.to_le_bytes());
    }

    /// Text has its first character in the upper byte.
    fn text(&mut self, words: std::ops::Range<usize>, text: &str) {
        for (word, pair) in words.clone().zip(padded(text, words.len() * 2).chunks_exact(2)) {
            self.set(word, u16::from_be_bytes([pair[0], pair[1]]));
        }
    }

    fn number(&mut self, word: usize, value: u64, words: usize) {
        for index in 0..words {
            self.set(word + index, (value >> (16 * index)) as u16);
        }
    }

    /// Words 63 and 88: modes 0 to 2 and 0 to 5, and which is on.
    fn modes(&mut self, mode: u8) {
        let on = |kind: u8| {
            if mode >> 3 == kind { 0x100 << (mode & 7) } else { 0 }
        };
        self.set(63, 0x07 | on(4));
        self.set(88, 0x3f | on(8));
    }
}

/// The 512 bytes of a disk.
pub fn disk(identity: &Identity) -> Vec<u8> {
    let mut words = Words([0; 512]);
    let lba28 = identity.sectors.min(0x0fff_ffff);
    words.set(0, 0x0040);
    words.set(1, identity.geometry.cylinders);
    words.set(3, identity.geometry.heads.into());
    words.set(4, 512 * u16::from(identity.geometry.sectors));
    words.set(5, 512);
    words.set(6, identity.geometry.sectors.into());
    words.text(10..20, identity.serial);
    words.set(20, 3);
    words.set(21, 512);
    words.set(22, 4);
    words.text(23..27, "1.0");
    words.text(27..47, identity.model);
    words.set(47, 0x8000 | u16::from(MAX_MULTIPLE));
    words.set(48, 1);
    // LBA and DMA; IORDY.
    words.set(49, 0x0f00);
    words.set(50, 0x4000);
    words.set(51, 0x200);
    words.set(52, 0x200);
    words.set(53, 7);
    words.set(54, identity.current.cylinders);
    words.set(55, identity.current.heads.into());
    words.set(56, identity.current.sectors.into());
    words.number(57, identity.current.total(), 2);
    if identity.multiple != 0 {
        words.set(59, 0x100 | u16::from(identity.multiple));
    }
    words.number(60, lba28, 2);
    words.modes(identity.mode);
    words.set(64, 3);
    for cycle in 65..=68 {
        words.set(cycle, 120);
    }
    if identity.can_discard {
        // Trimmed blocks stay as they are.
        words.set(69, 1 << 14);
        words.set(105, 1);
        words.set(169, 1);
    }
    if identity.queues {
        words.set(75, 31);
        words.set(76, 1 << 8 | 1 << 2 | 1 << 1);
    }
    // READ LOG EXT, which tells why a queue stopped.
    let logs = u16::from(identity.queues) << 5;
    words.set(80, 0x1f0);
    words.set(81, 0x16);
    // NOP, DEVICE RESET of none, write cache; FLUSH, FLUSH EXT, 48 bits; 1 in bit 14.
    words.set(82, 1 << 14 | 1 << 5);
    words.set(83, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10);
    words.set(84, 1 << 14 | 1 << 6 | logs);
    words.set(85, 1 << 14 | u16::from(identity.write_cache) << 5);
    words.set(86, 1 << 13 | 1 << 12 | 1 << 10);
    words.set(87, 1 << 14 | 1 << 6 | logs);
    words.set(93, 0x6001);
    words.number(100, identity.sectors, 4);
    // A logical sector is a physical one.
    words.set(106, 0x6000);
    words.set(217, 1);
    checksum(words)
}

/// The 512 bytes of a CD drive.
pub fn packet(identity: &Identity) -> Vec<u8> {
    let mut words = Words([0; 512]);
    // ATAPI, CD-ROM, removable, DRQ within 50 µs, 12-byte commands.
    words.set(0, 0x85c0);
    words.text(10..20, identity.serial);
    words.set(20, 3);
    words.set(21, 512);
    words.set(22, 4);
    words.text(23..27, "1.0");
    words.text(27..47, identity.model);
    words.set(48, 1);
    words.set(49, 0x0f00);
    words.set(53, 7);
    words.modes(identity.mode);
    words.set(64, 3);
    for cycle in 65..=68 {
        words.set(cycle, 0xb4);
    }
    words.set(71, 30);
    words.set(72, 30);
    words.set(80, 0x1e);
    // PACKET and DEVICE RESET.
    words.set(82, 1 << 14 | 1 << 9 | 1 << 4);
    words.set(83, 1 << 14);
    words.set(84, 1 << 14);
    words.set(85, 1 << 14 | 1 << 9 | 1 << 4);
    words.set(87, 1 << 14);
    words.set(93, 0x6001);
    checksum(words)
}

/// Word 255: bytes sum to 0 with it.
fn checksum(mut words: Words) -> Vec<u8> {
    words.0[510] = 0xa5;
    let sum = words.0[..511]
        .iter()
        .fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    words.0[511] = sum.wrapping_neg();
    words.0.to_vec()
}
