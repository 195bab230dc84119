//! What a block device offers, and its configuration structure (VIRTIO 1.2, 5.2.3 and 5.2.4).

use super::spec::*;
use hw_core::Disk;

/// Properties of a block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlkConfig {
    /// Request queues.
    pub queues: u16,
    /// Entries of each.
    pub queue_size: u16,
    /// The driver may switch the write cache.
    pub config_wce: bool,
    /// Offer discard; a disk that cannot does nothing.
    pub discard: bool,
    /// Offer write-zeroes.
    pub write_zeroes: bool,
    /// Serial number in place of the disk's.
    pub serial: Option<String>,
    /// Bytes of a logical block, if it is to be larger than the disk's.
    pub logical_block: u32,
    /// Bytes of a physical block.
    pub physical_block: u32,
}

impl Default for BlkConfig {
    fn default() -> Self {
        Self {
            queues: 1,
            queue_size: 256,
            config_wce: true,
            discard: true,
            write_zeroes: true,
            serial: None,
            logical_block: 512,
            physical_block: 512,
        }
    }
}

impl BlkConfig {
    /// Feature bits of the device with this disk.
    pub(super) fn features(&self, disk: &dyn Disk) -> u64 {
        let medium = disk.medium();
        let read_only = medium.is_some_and(|medium| medium.read_only);
        let mut bits = feature::SEG_MAX | feature::GEOMETRY | feature::BLK_SIZE;
        bits |= feature::TOPOLOGY | feature::FLUSH;
        let mut set = |on: bool, bit: u64| bits |= if on { bit } else { 0 };
        set(read_only, feature::RO);
        set(self.config_wce, feature::CONFIG_WCE);
        set(self.queues > 1, feature::MQ);
        set(self.discard && !read_only, feature::DISCARD);
        set(self.write_zeroes && !read_only, feature::WRITE_ZEROES);
        bits
    }

    /// Bytes of a logical block: what lengths and places are multiples of.
    pub(super) fn block(&self, disk: &dyn Disk) -> u32 {
        let own = disk.medium().map_or(512, |medium| medium.block_size);
        self.logical_block.max(own)
    }

    /// The serial number, at most [`ID_BYTES`].
    pub(super) fn id(&self, disk: &dyn Disk) -> Vec<u8> {
        let mut id = match &self.serial {
            Some(serial) => serial.clone().into_bytes(),
            None => disk.serial().into_bytes(),
        };
        id.truncate(ID_BYTES);
        id
    }

    /// The configuration structure now.
    pub(super) fn bytes(&self, disk: &dyn Disk, writeback: bool) -> [u8; CONFIG] {
        let medium = disk.medium();
        let sectors = medium.as_ref().map_or(0, |medium| medium.size / SECTOR);
        let block = self.block(disk);
        let physical = self.physical_block.max(block);
        let mut config = [0; CONFIG];
        let mut put = |at: usize, bytes: &[u8]| config[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &sectors.to_le_bytes());
        // Header and status take two descriptors of a chain.
        put(
            12,
            &(u32::from(self.queue_size).saturating_sub(2).max(1)).to_le_bytes(),
        );
        // No more than guessed, as by a BIOS.
        let cylinders = (sectors / (16 * 63)).clamp(2, 16383) as u16;
        put(16, &cylinders.to_le_bytes());
        put(18, &[16, 63]);
        put(20, &block.to_le_bytes());
        put(24, &[(physical / block).max(1).ilog2() as u8]);
        put(32, &[u8::from(writeback)]);
        put(34, &self.queues.to_le_bytes());
        put(36, &MAX_DISCARD_SECTORS.to_le_bytes());
        put(40, &1_u32.to_le_bytes());
        put(44, &(block / 512).to_le_bytes());
        put(48, &MAX_DISCARD_SECTORS.to_le_bytes());
        put(52, &1_u32.to_le_bytes());
        put(56, &[1]);
        config
    }
}
