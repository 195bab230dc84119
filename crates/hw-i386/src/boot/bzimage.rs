//! bzImage: Linux boot protocol 2.10 and later, entered at its 32-bit or 64-bit entry point.
//!
//! The setup sectors' header is copied into `boot_params`; the 16-bit setup code itself never runs. Mirrors what
//! QEMU's linuxboot option ROM achieves by way of a BIOS. Documentation/arch/x86/boot.rst.

use super::bytes::{Fields, put};
use super::place::{self, MemoryRange};
use super::spec::{self, params};
use super::{BootError, BootRequest, EntryMode, EntryState, Load};
use crate::ram_layout::{MIB, TABLES_SIZE};

/// Whether the image carries the Linux header.
pub(super) fn is_linux(image: &[u8]) -> bool {
    image.array(spec::HEADER) == Some(spec::HEADER_MAGIC)
}

/// Whether it is one of those images that only a BIOS can start.
pub(super) fn needs_bios(image: &[u8]) -> bool {
    is_linux(image) && matches!(Header::parse(image), Err(BootError::NeedsBios { .. }))
}

/// The fields of the setup header that decide how to load.
struct Header {
    /// Offset of the protected-mode part in the file.
    payload: usize,
    /// First byte behind the header in the file.
    end: usize,
    version: u16,
    code32_start: u32,
    initrd_max: u32,
    alignment: u32,
    relocatable: bool,
    xloadflags: u16,
    cmdline_size: u32,
    pref_address: u64,
    init_size: u32,
}

impl Header {
    fn parse(image: &[u8]) -> Result<Self, BootError> {
        let short = BootError::Truncated {
            have: image.len() as u64,
            want: spec::HEADER_END as u64,
        };
        let read = |at| image.u32(at).ok_or(short.clone());
        let version = image.u16(spec::VERSION).ok_or(short.clone())?;
        if version < spec::MIN_VERSION {
            return Err(BootError::NeedsBios {
                version,
                why: "is older than 2.10",
            });
        }
        if image.len() < spec::HEADER_END {
            return Err(short);
        }
        let sectors = match image[spec::SETUP_SECTS] {
            0 => 4,
            n => n as usize,
        };
        let payload = (sectors + 1) * 512;
        let want = payload as u64 + read(spec::SYSSIZE)? as u64 * 16;
        // The last paragraph may be partial.
        if (image.len() as u64) + 15 < want || image.len() <= payload {
            return Err(BootError::Truncated {
                have: image.len() as u64,
                want: want.max(payload as u64 + 1),
            });
        }
        if image[spec::LOADFLAGS] & spec::LOADED_HIGH == 0 {
            return Err(BootError::NeedsBios {
                version,
                why: "with a zImage",
            });
        }
        let code32_start = read(spec::CODE32_START)?;
        if code32_start == 0 {
            return Err(BootError::NeedsBios {
                version,
                why: "without a 32-bit entry",
            });
        }
        let end = spec::HEADER + image[spec::JUMP + 1] as usize;
        if end < spec::INIT_SIZE + 4 {
            return Err(BootError::Damaged("the header ends too early"));
        }
        Ok(Self {
            payload,
            end: end.min(spec::HEADER_END),
            version,
            code32_start,
            initrd_max: read(spec::INITRD_ADDR_MAX)?,
            alignment: read(spec::KERNEL_ALIGNMENT)?,
            relocatable: image[spec::RELOCATABLE] != 0,
            xloadflags: if version >= 0x20c {
                image.u16(spec::XLOADFLAGS).ok_or(short.clone())?
            } else {
                0
            },
            cmdline_size: read(spec::CMDLINE_SIZE)?,
            pref_address: image.u64(spec::PREF_ADDRESS).ok_or(short.clone())?,
            init_size: read(spec::INIT_SIZE)?,
        })
    }

    /// Load address and end of the memory the kernel needs before it reads the memory map.
    fn extent(&self, payload_len: u64) -> Result<(u64, u64), BootError> {
        let load = if self.relocatable {
            self.pref_address
        } else {
            self.code32_start as u64
        };
        if self.relocatable && self.alignment.is_power_of_two() && load & (self.alignment as u64 - 1) != 0 {
            return Err(BootError::Damaged("the preferred address is not aligned"));
        }
        let end = |start: u64, len: u64| start.checked_add(len).ok_or(BootError::Damaged("load address"));
        // The kernel decompresses at pref_address and needs init_size there.
        let end = end(load, payload_len)?.max(end(self.pref_address.max(load), self.init_size as u64)?);
        Ok((load, end))
    }
}

pub(super) fn plan(request: &BootRequest<'_>) -> Result<(Vec<Load>, EntryState), BootError> {
    let image = &request.kernel;
    let header = Header::parse(image)?;
    let (load, end) = header.extent((image.len() - header.payload) as u64)?;
    place::check_kernel(&request.ram, load, end - load)?;

    let mut page = vec![0u8; params::SIZE];
    put(
        &mut page,
        spec::SETUP_SECTS,
        &image[spec::SETUP_SECTS..header.end],
    );
    let above_4g = header.xloadflags & spec::XLF_ABOVE_4G != 0;
    let initrd_limit = if above_4g {
        1 << 32
    } else {
        header.initrd_max as u64 + 1
    };
    let mut loads = vec![Load::file(load, image, header.payload..image.len())];
    let cmdline = place::cmdline(request.cmdline, header.cmdline_size as u64)?;
    loads.extend(finish(&mut page, request, end, initrd_limit)?);
    put(&mut page, spec::CODE32_START, &(load as u32).to_le_bytes());
    tracing::debug!(
        version = format_args!("{:x}", header.version),
        load = format_args!("{load:#x}"),
        end = format_args!("{end:#x}"),
        "bzImage"
    );
    loads.push(cmdline);
    loads.push(Load::bytes(place::INFO, page));

    let long = header.xloadflags & spec::XLF_KERNEL_64 != 0 && request.long_mode;
    let (mode, rip) = if long {
        (EntryMode::Long, load + 0x200)
    } else {
        (EntryMode::Protected, load)
    };
    Ok((
        loads,
        EntryState {
            rsi: place::INFO,
            ..EntryState::new(mode, rip)
        },
    ))
}

/// Fills in what every Linux entry gets in `boot_params`: initrd, command line, memory map, loader id, RSDP.
/// Returns the initrd's load.
pub(super) fn finish(
    page: &mut [u8],
    request: &BootRequest<'_>,
    kernel_end: u64,
    initrd_limit: u64,
) -> Result<Option<Load>, BootError> {
    let mut load = None;
    if let Some(initrd) = super::single_initrd(request)? {
        let size = initrd.data.len() as u64;
        let at = place::initrd(&request.ram, size, kernel_end, initrd_limit)?;
        put(page, spec::RAMDISK_IMAGE, &(at as u32).to_le_bytes());
        put(page, spec::RAMDISK_SIZE, &(size as u32).to_le_bytes());
        put(
            page,
            params::EXT_RAMDISK_IMAGE,
            &((at >> 32) as u32).to_le_bytes(),
        );
        put(
            page,
            params::EXT_RAMDISK_SIZE,
            &((size >> 32) as u32).to_le_bytes(),
        );
        load = Some(Load::file(at, &initrd.data, 0..initrd.data.len()));
    }
    page[spec::TYPE_OF_LOADER] = spec::LOADER_UNDEFINED;
    page[params::SENTINEL] = 0;
    put(page, spec::CMD_LINE_PTR, &(place::CMDLINE as u32).to_le_bytes());
    put(page, params::EXT_CMD_LINE_PTR, &0u32.to_le_bytes());
    put(page, params::RSDP, &request.rsdp.unwrap_or(0).to_le_bytes());
    let extended = (request.ram.low().saturating_sub(MIB + TABLES_SIZE) / 1024) as u32;
    put(page, params::ALT_MEM_K, &extended.to_le_bytes());
    let map = place::memory_map(&request.ram);
    page[params::E820_ENTRIES] = map.len() as u8;
    for (i, range) in map.iter().enumerate() {
        put(page, params::E820_TABLE + i * 20, &e820_entry(range));
    }
    Ok(load)
}

fn e820_entry(range: &MemoryRange) -> [u8; 20] {
    let mut entry = [0; 20];
    put(&mut entry, 0, &range.start.to_le_bytes());
    put(&mut entry, 8, &range.size.to_le_bytes());
    put(&mut entry, 16, &(range.kind as u32).to_le_bytes());
    entry
}
