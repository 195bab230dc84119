//! A kernel for firmware to load: cut into the pieces that fw_cfg has keys for, with places for them.
//!
//! A Linux image's header flows through here into the setup part that a loader would have left, as the boot protocol says
//! (Documentation/arch/x86/boot.rst, all versions); SeaBIOS runs [`super::loader_rom`], which puts the pieces in place, and
//! OVMF takes them from the same keys. Mirrors `x86_load_linux` in QEMU's `hw/i386/x86-common.c`.

use crate::boot::{BootError, Module};
use crate::fw_cfg::spec::key;
use crate::fw_cfg::{Contents, Item};
use crate::ram_layout::{MIB, RamLayout};
use std::sync::Arc;

/// Offsets in the first sectors of an image.
mod header {
    pub const SETUP_SECTS: usize = 0x1f1;
    pub const MAGIC: usize = 0x202;
    pub const VERSION: usize = 0x206;
    pub const TYPE_OF_LOADER: usize = 0x210;
    pub const LOADFLAGS: usize = 0x211;
    pub const RAMDISK_IMAGE: usize = 0x218;
    pub const RAMDISK_SIZE: usize = 0x21c;
    pub const HEAP_END: usize = 0x224;
    pub const CMD_LINE_PTR: usize = 0x228;
    pub const INITRD_ADDR_MAX: usize = 0x22c;
    pub const CMDLINE_SIZE: usize = 0x238;
    /// The command line's place for loaders before 2.02: a magic number, and an offset from the setup part.
    pub const OLD_CMDLINE_MAGIC: usize = 0x20;
    pub const OLD_CMDLINE_OFFSET: usize = 0x22;
}

/// A loader with no number of its own that knows QEMU's ways.
const LOADER: u8 = 0xb0;
const LOADED_HIGH: u8 = 1;
const CAN_USE_HEAP: u8 = 0x80;
/// Highest last byte of an initrd for protocols that do not say.
const OLD_INITRD_MAX: u32 = 0x37ff_ffff;
/// What firmware keeps of the top of low RAM, at most: SeaBIOS's tables, and a good deal more.
const FIRMWARE_KEEPS: u64 = MIB;

/// Where the pieces go.
struct Places {
    setup: u32,
    cmdline: u32,
    kernel: u32,
}

/// Puts a kernel, an initrd and a command line into fw_cfg.
///
/// # Errors
/// It is no Linux image, or something does not fit.
pub(crate) fn offer(
    contents: &mut Contents,
    kernel: &Arc<[u8]>,
    modules: &[Module],
    cmdline: &str,
    ram: &RamLayout,
) -> Result<(), BootError> {
    let initrd = match modules {
        [] => None,
        [one] => Some(&one.data),
        _ => return Err(BootError::SeveralInitrds),
    };
    let word = |at: usize| kernel.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    if kernel.get(header::MAGIC..header::MAGIC + 4) != Some(b"HdrS") {
        return Err(BootError::NotAKernel);
    }
    let byte = |at: usize| kernel.get(at).copied().unwrap_or(0);
    let version = u16::from_le_bytes([byte(header::VERSION), byte(header::VERSION + 1)]);
    let setup_size = match byte(header::SETUP_SECTS) {
        0 => 5 * 512,
        sectors => (usize::from(sectors) + 1) * 512,
    };
    if kernel.len() <= setup_size {
        return Err(BootError::Truncated {
            have: kernel.len() as u64,
            want: setup_size as u64 + 1,
        });
    }
    if cmdline.as_bytes().contains(&0) {
        return Err(BootError::CommandLineZero);
    }
    let max = match version {
        0x206.. => word(header::CMDLINE_SIZE).unwrap_or(255).clamp(255, 0xfff0),
        _ => 255,
    };
    // Below 640 KiB, behind a setup part at 90000h, there is no room for more.
    let max = if version < 0x202 || byte(header::LOADFLAGS) & LOADED_HIGH == 0 {
        max.min(0x7ff)
    } else {
        max
    };
    let mut text = cmdline.as_bytes().to_vec();
    if text.len() > max as usize {
        return Err(BootError::CommandLineTooLong {
            len: text.len() as u64,
            max: max.into(),
        });
    }
    text.push(0);
    text.resize(text.len().next_multiple_of(16), 0);

    let low_end = 0x9_a000 - text.len() as u32;
    let places = match (byte(header::LOADFLAGS) & LOADED_HIGH != 0, version) {
        (true, 0x202..) => Places {
            setup: 0x1_0000,
            cmdline: 0x2_0000,
            kernel: 0x10_0000,
        },
        (true, _) => Places {
            setup: 0x9_0000,
            cmdline: low_end,
            kernel: 0x10_0000,
        },
        (false, _) => Places {
            setup: 0x9_0000,
            cmdline: low_end,
            kernel: 0x1_0000,
        },
    };
    let mut setup = kernel[..setup_size].to_vec();
    let mut put = |at: usize, bytes: &[u8]| setup[at..at + bytes.len()].copy_from_slice(bytes);
    if version >= 0x202 {
        put(header::CMD_LINE_PTR, &places.cmdline.to_le_bytes());
    } else {
        put(header::OLD_CMDLINE_MAGIC, &0xa33fu16.to_le_bytes());
        let offset = (places.cmdline - places.setup) as u16;
        put(header::OLD_CMDLINE_OFFSET, &offset.to_le_bytes());
    }
    if version >= 0x200 {
        put(header::TYPE_OF_LOADER, &[LOADER]);
    }
    if version >= 0x201 {
        put(header::LOADFLAGS, &[byte(header::LOADFLAGS) | CAN_USE_HEAP]);
        let heap = places.cmdline - places.setup - 0x200;
        put(header::HEAP_END, &(heap as u16).to_le_bytes());
    }
    let mut initrd_at = 0;
    if let Some(initrd) = initrd {
        let size = initrd.len() as u64;
        let last = match version {
            0x203.. => word(header::INITRD_ADDR_MAX).unwrap_or(OLD_INITRD_MAX),
            _ => OLD_INITRD_MAX,
        };
        let limit = (u64::from(last) + 1).min(ram.low().saturating_sub(FIRMWARE_KEEPS));
        let kernel_end = u64::from(places.kernel) + (kernel.len() - setup_size) as u64;
        let start = limit.checked_sub(size).map(|at| at & !0xfff);
        initrd_at = match start {
            // Below the kernel's end it would be overwritten; 0.00 loaders knew no initrd.
            Some(at) if at >= kernel_end.max(MIB) && version >= 0x200 => at as u32,
            _ => {
                return Err(BootError::InitrdTooLarge {
                    size,
                    kernel_end,
                    limit,
                    ram: ram.low(),
                });
            }
        };
        put(header::RAMDISK_IMAGE, &initrd_at.to_le_bytes());
        put(header::RAMDISK_SIZE, &(size as u32).to_le_bytes());
        contents.set(key::INITRD_DATA, Item::bytes(Arc::clone(initrd)));
    }
    let mut number = |key: u16, value: u32| contents.set(key, Item::bytes(value.to_le_bytes()));
    number(key::INITRD_ADDR, initrd_at);
    number(key::INITRD_SIZE, initrd.map_or(0, |bytes| bytes.len() as u32));
    number(key::KERNEL_ADDR, places.kernel);
    number(key::KERNEL_SIZE, (kernel.len() - setup_size) as u32);
    number(key::SETUP_ADDR, places.setup);
    number(key::SETUP_SIZE, setup.len() as u32);
    number(key::CMDLINE_ADDR, places.cmdline);
    number(key::CMDLINE_SIZE, text.len() as u32);
    contents.set(key::CMDLINE_DATA, Item::bytes(text));
    contents.set(key::SETUP_DATA, Item::bytes(setup));
    let payload = setup_size..kernel.len();
    contents.set(key::KERNEL_DATA, Item::Fixed(Arc::clone(kernel), payload));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of two setup sectors and `payload` bytes.
    fn image(version: u16, loadflags: u8, payload: usize) -> Arc<[u8]> {
        let mut image = vec![0u8; 3 * 512 + payload];
        image[header::SETUP_SECTS] = 2;
        image[header::MAGIC..header::MAGIC + 4].copy_from_slice(b"HdrS");
        image[header::VERSION..header::VERSION + 2].copy_from_slice(&version.to_le_bytes());
        image[header::LOADFLAGS] = loadflags;
        image[header::INITRD_ADDR_MAX..header::INITRD_ADDR_MAX + 4]
            .copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
        image[header::CMDLINE_SIZE..header::CMDLINE_SIZE + 4].copy_from_slice(&2047u32.to_le_bytes());
        image.into()
    }

    fn offered(kernel: &Arc<[u8]>, initrd: usize, cmdline: &str) -> Result<Contents, BootError> {
        let mut contents = Contents::new();
        let initrd = (initrd > 0).then(|| Module {
            data: vec![0; initrd].into(),
            string: String::new(),
        });
        let modules: Vec<Module> = initrd.into_iter().collect();
        offer(
            &mut contents,
            kernel,
            &modules,
            cmdline,
            &RamLayout::new(64 * MIB),
        )?;
        Ok(contents)
    }

    fn number(contents: &Contents, key: u16) -> u32 {
        let bytes = contents.item(key).expect("an item").try_into();
        u32::from_le_bytes(bytes.expect("a number"))
    }

    #[test]
    fn places() {
        for (version, loadflags, setup, kernel, cmdline) in [
            (0x20f, 1, 0x1_0000, 0x10_0000, 0x2_0000),
            (0x202, 1, 0x1_0000, 0x10_0000, 0x2_0000),
            (0x201, 1, 0x9_0000, 0x10_0000, 0x9_9ff0),
            (0x207, 0, 0x9_0000, 0x1_0000, 0x9_9ff0),
            (0x200, 0, 0x9_0000, 0x1_0000, 0x9_9ff0),
        ] {
            let contents = offered(&image(version, loadflags, 100), 0, "quiet").expect("fits");
            let found =
                [key::SETUP_ADDR, key::KERNEL_ADDR, key::CMDLINE_ADDR].map(|key| number(&contents, key));
            assert_eq!(found, [setup, kernel, cmdline], "{version:x} {loadflags}");
            assert_eq!(number(&contents, key::KERNEL_SIZE), 100);
            assert_eq!(
                contents.item(key::CMDLINE_DATA),
                Some(&b"quiet\0\0\0\0\0\0\0\0\0\0\0"[..])
            );
            let header = contents.item(key::SETUP_DATA).expect("setup");
            assert_eq!((header.len(), header[header::TYPE_OF_LOADER]), (3 * 512, LOADER));
            if version >= 0x202 {
                let at = header::CMD_LINE_PTR;
                assert_eq!(header[at..at + 4], u32::to_le_bytes(cmdline));
            } else {
                assert_eq!(header[0x20..0x24], [0x3f, 0xa3, 0xf0, 0x9f]);
            }
        }
    }

    #[test]
    fn initrds() {
        let contents = offered(&image(0x20f, 1, 100), 5000, "").expect("fits");
        let at = number(&contents, key::INITRD_ADDR);
        assert_eq!(u64::from(at), 63 * MIB - 0x2000);
        assert_eq!(number(&contents, key::INITRD_SIZE), 5000);
        let large = offered(&image(0x20f, 1, 100), 64 << 20, "");
        assert!(matches!(large.err(), Some(BootError::InitrdTooLarge { .. })));
    }

    #[test]
    fn refusals() {
        let long = "x".repeat(2048);
        for (kernel, cmdline, expected) in [
            (
                image(0x20f, 1, 100),
                long.as_str(),
                BootError::CommandLineTooLong { len: 2048, max: 2047 },
            ),
            (
                image(0x201, 1, 100),
                &long[..256],
                BootError::CommandLineTooLong { len: 256, max: 255 },
            ),
            (image(0x20f, 1, 100), "a\0b", BootError::CommandLineZero),
            (
                image(0x20f, 1, 0),
                "",
                BootError::Truncated {
                    have: 1536,
                    want: 1537,
                },
            ),
            (vec![0; 100].into(), "", BootError::NotAKernel),
        ] {
            assert_eq!(offered(&kernel, 0, cmdline).err(), Some(expected));
        }
    }
}
