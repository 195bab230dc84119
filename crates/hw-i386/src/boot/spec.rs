//! Linux/x86 boot protocol 2.15 (Documentation/arch/x86/boot.rst, zero-page.rst): offsets and bits.
//!
//! Offsets are the same in the first sectors of a bzImage and in `boot_params` from 1F1h on. They are kept as
//! numbers, not as a struct, because every read from an image has to be bounds-checked anyhow.

/// Number of setup sectors behind the first; 0 means 4.
pub const SETUP_SECTS: usize = 0x1f1;
/// Size of the protected-mode part in 16-byte units (u32).
pub const SYSSIZE: usize = 0x1f4;
/// AA55h.
pub const BOOT_FLAG: usize = 0x1fe;
/// The jump instruction; its second byte gives the end of the header.
pub const JUMP: usize = 0x200;
/// `HdrS`.
pub const HEADER: usize = 0x202;
/// The magic of [`HEADER`].
pub const HEADER_MAGIC: [u8; 4] = *b"HdrS";
/// Protocol version, major in the high byte (u16).
pub const VERSION: usize = 0x206;
/// Boot loader id.
pub const TYPE_OF_LOADER: usize = 0x210;
/// A loader without a number of its own.
pub const LOADER_UNDEFINED: u8 = 0xff;
/// Flag byte.
pub const LOADFLAGS: usize = 0x211;
/// [`LOADFLAGS`]: the protected-mode part loads at 1 MiB (not a zImage).
pub const LOADED_HIGH: u8 = 1 << 0;
/// Protected-mode entry (u32).
pub const CODE32_START: usize = 0x214;
/// Initrd address (u32).
pub const RAMDISK_IMAGE: usize = 0x218;
/// Initrd size (u32).
pub const RAMDISK_SIZE: usize = 0x21c;
/// Command line address (u32).
pub const CMD_LINE_PTR: usize = 0x228;
/// Highest address of the initrd's last byte (u32, 2.03).
pub const INITRD_ADDR_MAX: usize = 0x22c;
/// Alignment of a relocatable kernel (u32).
pub const KERNEL_ALIGNMENT: usize = 0x230;
/// Nonzero: relocatable.
pub const RELOCATABLE: usize = 0x234;
/// Flags of the 64-bit entry (u16, 2.12).
pub const XLOADFLAGS: usize = 0x236;
/// [`XLOADFLAGS`]: 64-bit entry at 200h.
pub const XLF_KERNEL_64: u16 = 1 << 0;
/// [`XLOADFLAGS`]: kernel, boot data and initrd may lie above 4 GiB.
pub const XLF_ABOVE_4G: u16 = 1 << 1;
/// Longest command line without the zero (u32, 2.06).
pub const CMDLINE_SIZE: usize = 0x238;
/// Preferred load address (u64, 2.10).
pub const PREF_ADDRESS: usize = 0x258;
/// Bytes of memory needed from the run-time start (u32, 2.10).
pub const INIT_SIZE: usize = 0x260;
/// First byte behind the header in `boot_params`.
pub const HEADER_END: usize = 0x290;
/// Smallest protocol with a preferred address and init size.
pub const MIN_VERSION: u16 = 0x20a;

/// Fields of `boot_params` outside the header.
pub mod params {
    /// ACPI RSDP address (u64).
    pub const RSDP: usize = 0x70;
    /// High half of the initrd address (u32).
    pub const EXT_RAMDISK_IMAGE: usize = 0xc0;
    /// High half of the initrd size (u32).
    pub const EXT_RAMDISK_SIZE: usize = 0xc4;
    /// High half of the command line address (u32).
    pub const EXT_CMD_LINE_PTR: usize = 0xc8;
    /// Extended memory above 1 MiB in KiB, capped (u32; for kernels that find no e820 map).
    pub const ALT_MEM_K: usize = 0x1e0;
    /// Number of e820 entries (u8).
    pub const E820_ENTRIES: usize = 0x1e8;
    /// Zero: the rest of the page is initialised.
    pub const SENTINEL: usize = 0x1ef;
    /// The e820 table.
    pub const E820_TABLE: usize = 0x2d0;
    /// Bytes of the structure.
    pub const SIZE: usize = 0x1000;
}
