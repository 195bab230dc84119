//! QEMU's firmware configuration device (`docs/specs/fw_cfg.rst`): ports, keys, the DMA descriptor, the directory.

/// Selector (u16, little-endian) at +0, data (bytes) at +1.
pub const PORT: u64 = 0x510;
/// DMA address, big-endian: high half at +0, low half at +4; writing the low half starts a transfer.
pub const DMA_PORT: u64 = 0x514;
/// What the DMA address reads as: "QEMU CFG".
pub const DMA_SIGNATURE: u64 = 0x5145_4d55_2043_4647;
/// Bits of [`key::ID`]: the traditional interface, and DMA.
pub const FEATURES: u32 = 3;

/// Bit of a key: what belongs to this architecture.
pub const ARCH_LOCAL: u16 = 0x8000;
/// Bit of a key that once opened an item for writing by the data port; it does nothing.
pub const WRITE_CHANNEL: u16 = 0x4000;
/// First key of a file.
pub const FILE_FIRST: u16 = 0x20;
/// Most files there can be: up to the write channel's bit.
pub const FILES_MAX: usize = 0x3fe0;
/// Bytes of a file's name in the directory, the final zero included.
pub const NAME_SIZE: usize = 56;

/// Keys of items without names. Numbers in them are little-endian.
pub mod key {
    /// "QEMU".
    pub const SIGNATURE: u16 = 0x00;
    /// u32: [`super::FEATURES`].
    pub const ID: u16 = 0x01;
    /// Sixteen bytes.
    pub const UUID: u16 = 0x02;
    /// u64: bytes of RAM.
    pub const RAM_SIZE: u16 = 0x03;
    /// u16: there is no display, the firmware should use the first serial port.
    pub const NOGRAPHIC: u16 = 0x04;
    /// u16: CPUs at start.
    pub const NB_CPUS: u16 = 0x05;
    /// u32: where the protected-mode part of a kernel goes.
    pub const KERNEL_ADDR: u16 = 0x07;
    /// u32: its size.
    pub const KERNEL_SIZE: u16 = 0x08;
    /// u32: where the initrd goes.
    pub const INITRD_ADDR: u16 = 0x0a;
    /// u32: its size.
    pub const INITRD_SIZE: u16 = 0x0b;
    /// u64s: number of NUMA nodes, then details.
    pub const NUMA: u16 = 0x0d;
    /// u16: show the boot menu.
    pub const BOOT_MENU: u16 = 0x0e;
    /// u16: one more than the highest APIC id there can be.
    pub const MAX_CPUS: u16 = 0x0f;
    /// u32: where a kernel that is no Linux is entered.
    pub const KERNEL_ENTRY: u16 = 0x10;
    /// The protected-mode part of a kernel.
    pub const KERNEL_DATA: u16 = 0x11;
    /// The initrd.
    pub const INITRD_DATA: u16 = 0x12;
    /// u32: where the command line goes.
    pub const CMDLINE_ADDR: u16 = 0x13;
    /// u32: its size with the final zero.
    pub const CMDLINE_SIZE: u16 = 0x14;
    /// The command line.
    pub const CMDLINE_DATA: u16 = 0x15;
    /// u32: where the real-mode part of a kernel goes.
    pub const SETUP_ADDR: u16 = 0x16;
    /// u32: its size.
    pub const SETUP_SIZE: u16 = 0x17;
    /// The real-mode part of a kernel.
    pub const SETUP_DATA: u16 = 0x18;
    /// The directory of files.
    pub const FILE_DIR: u16 = 0x19;
    /// ACPI tables that the user added.
    pub const ACPI_TABLES: u16 = 0x8000;
    /// SMBIOS fields and tables in an old form.
    pub const SMBIOS: u16 = 0x8001;
    /// u32: interrupt 0 is on pin 2 of the I/O APIC.
    pub const IRQ0_OVERRIDE: u16 = 0x8002;
    /// What HPETs there are.
    pub const HPET: u16 = 0x8004;
}

/// Bits of the DMA descriptor's control word; bits 16 to 31 are a key.
pub mod control {
    /// The transfer failed.
    pub const ERROR: u32 = 1;
    /// From the item to memory.
    pub const READ: u32 = 2;
    /// Only the offset moves.
    pub const SKIP: u32 = 4;
    /// Select the key first.
    pub const SELECT: u32 = 8;
    /// From memory into the item.
    pub const WRITE: u32 = 16;
}
