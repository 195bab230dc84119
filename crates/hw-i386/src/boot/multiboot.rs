//! Multiboot 0.6.96 (version 1): 32-bit ELF or address fields, modules, memory map.
//!
//! The kernel starts in flat protected mode with EAX = 2BADB002h and EBX = the information structure. Mirrors
//! QEMU's `hw/i386/multiboot.c`: the command line is "file args", `-initrd "a args,b"` gives modules.

use super::bytes::{Fields, put};
use super::elf::{self, Elf};
use super::{Blob, BootError, BootRequest, EntryMode, EntryState, Load, place};
use crate::ram_layout::{EBDA_START, MIB};
use softmmu::GuestPhys;

const HEADER_MAGIC: u32 = 0x1bad_b002;
const LOADER_MAGIC: u64 = 0x2bad_b002;
/// The header lies in the first 8 KiB.
const SEARCH: usize = 8192;
/// Header flag: address fields are valid.
const FLAG_ADDRESSES: u32 = 1 << 16;
/// Header flags that a loader must know: page-aligned modules, memory information, video mode.
const KNOWN: u32 = 0b11;

/// Information flags: memory, boot device, command line, modules, memory map, loader name.
const INFO_FLAGS: u32 = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9;
/// First hard disk, no partition.
const BOOT_DEVICE: u32 = 0x80ff_ffff;
const LOADER_NAME: &[u8] = b"Reprise\0";

/// Places inside the information page.
mod at {
    pub const LOADER_NAME: u64 = 0x80;
    pub const MEMORY_MAP: u64 = 0x100;
    pub const MODULES: u64 = 0x400;
    /// Modules that fit behind `MODULES`.
    pub const MAX_MODULES: usize = (0x1000 - MODULES as usize) / 16;
}

/// One element of a multiboot `-initrd` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleArgument {
    /// The file to open.
    pub path: String,
    /// Name and arguments as the kernel sees them.
    pub string: String,
}

/// Splits `a args,b` into files and strings; a doubled comma stands for one.
///
/// ```
/// let modules = hw_i386::boot::split_modules("a x y,b,,c");
/// assert_eq!((modules[0].path.as_str(), modules[0].string.as_str()), ("a", "a x y"));
/// assert_eq!(modules[1].path, "b,c");
/// ```
pub fn split_modules(argument: &str) -> Vec<ModuleArgument> {
    let mut items = vec![String::new()];
    let mut chars = argument.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ',' && chars.peek() != Some(&',') {
            items.push(String::new());
            continue;
        }
        if c == ',' {
            chars.next();
        }
        items.last_mut().expect("never empty").push(c);
    }
    items
        .into_iter()
        .map(|string| {
            let path = string.split(' ').next().unwrap_or_default().to_owned();
            ModuleArgument { path, string }
        })
        .collect()
}

/// Offset of the multiboot header: aligned to four, with the right checksum.
pub(super) fn find_header(image: &[u8]) -> Option<usize> {
    (0..image.len().min(SEARCH)).step_by(4).find(|&at| {
        let field = |n: usize| image.u32(at + n * 4);
        match (field(0), field(1), field(2)) {
            (Some(HEADER_MAGIC), Some(flags), Some(sum)) => {
                HEADER_MAGIC.wrapping_add(flags).wrapping_add(sum) == 0
            }
            _ => false,
        }
    })
}

/// Loads by the header's address fields.
fn by_address(request: &BootRequest<'_>, header: usize) -> Result<(Vec<Load>, u64, u64), BootError> {
    let image = &request.kernel;
    let field = |n: usize| {
        let want = (header + 32) as u64;
        image.u32(header + 12 + n * 4).ok_or(BootError::Truncated {
            have: image.len() as u64,
            want,
        })
    };
    let [header_addr, load_addr, load_end, bss_end, entry] =
        [field(0)?, field(1)?, field(2)?, field(3)?, field(4)?];
    let bad = BootError::Damaged("multiboot address fields");
    let skip = header_addr.checked_sub(load_addr).ok_or(bad.clone())? as usize;
    let start = header.checked_sub(skip).ok_or(bad.clone())?;
    let size = match load_end {
        0 => image.len() - start,
        end => end.checked_sub(load_addr).ok_or(bad.clone())? as usize,
    };
    let file_end = start.checked_add(size).ok_or(bad.clone())?;
    if file_end > image.len() {
        return Err(BootError::Truncated {
            have: image.len() as u64,
            want: file_end as u64,
        });
    }
    let loaded_end = load_addr as u64 + size as u64;
    let end = if bss_end == 0 { loaded_end } else { bss_end as u64 };
    if end < loaded_end {
        return Err(bad);
    }
    place::check_kernel(&request.ram, load_addr as u64, end - load_addr as u64)?;
    let loads = vec![
        Load::file(load_addr as u64, image, start..file_end),
        Load {
            at: GuestPhys(loaded_end),
            blob: Blob::Zeros(end - loaded_end),
        },
    ];
    Ok((loads, end, entry as u64))
}

pub(super) fn plan(request: &BootRequest<'_>) -> Result<(Vec<Load>, EntryState), BootError> {
    let image = &request.kernel;
    let header = find_header(image).ok_or(BootError::NotAKernel)?;
    let flags = image.u32(header + 4).ok_or(BootError::NotAKernel)?;
    if flags & 0xffff & !KNOWN != 0 {
        return Err(BootError::MultibootFlags(flags));
    }
    let (mut loads, kernel_end, entry) = if flags & FLAG_ADDRESSES != 0 {
        by_address(request, header)?
    } else if elf::is_64bit(image) {
        return Err(BootError::Multiboot64);
    } else if elf::is_elf(image) {
        let elf = Elf::parse(image)?;
        let (loads, end) = elf.loads(request)?;
        (loads, end, elf.physical_entry())
    } else {
        return Err(BootError::Damaged(
            "multiboot header without ELF or address fields",
        ));
    };

    let mut page = vec![0u8; 0x1000];
    let mut put32 = |offset: u64, value: u64| put(&mut page, offset as usize, &(value as u32).to_le_bytes());
    // Strings: the kernel's command line, then one per module.
    let line = match request.cmdline {
        "" => request.name.to_owned(),
        args => format!("{} {args}", request.name),
    };
    let mut strings = place::cmdline(&line, u64::MAX).map(|load| match load.blob {
        Blob::Bytes(bytes) => bytes,
        _ => Vec::new(),
    })?;
    if request.modules.len() > at::MAX_MODULES {
        return Err(BootError::SeveralInitrds);
    }
    // Modules lie behind the kernel (or from 1 MiB on), each on a page of its own.
    let mut next = kernel_end.max(MIB).next_multiple_of(4096);
    for (i, module) in request.modules.iter().enumerate() {
        let size = module.data.len() as u64;
        let limit = request.ram.tables_start();
        if next.checked_add(size).is_none_or(|end| end > limit) {
            let ram = request.ram.low();
            return Err(BootError::InitrdTooLarge {
                size,
                kernel_end: next,
                limit,
                ram,
            });
        }
        loads.push(Load::file(next, &module.data, 0..module.data.len()));
        let entry = at::MODULES + i as u64 * 16;
        put32(entry, next);
        put32(entry + 4, next + size);
        put32(entry + 8, place::CMDLINE + strings.len() as u64);
        strings.extend(module.string.bytes().filter(|&b| b != 0));
        strings.push(0);
        next = (next + size).next_multiple_of(4096);
    }
    if strings.len() as u64 > place::CMDLINE_END - place::CMDLINE {
        let max = place::CMDLINE_END - place::CMDLINE - 1;
        return Err(BootError::CommandLineTooLong {
            len: strings.len() as u64,
            max,
        });
    }
    let map = place::memory_map(&request.ram);
    for (i, range) in map.iter().enumerate() {
        // size (of the rest), base, length, type
        let entry = at::MEMORY_MAP + i as u64 * 24;
        put32(entry, 20);
        put32(entry + 4, range.start);
        put32(entry + 8, range.start >> 32);
        put32(entry + 12, range.size);
        put32(entry + 16, range.size >> 32);
        put32(entry + 20, range.kind as u64);
    }
    put32(0, INFO_FLAGS as u64);
    put32(4, EBDA_START / 1024);
    put32(8, request.ram.tables_start().saturating_sub(MIB) / 1024);
    put32(12, BOOT_DEVICE as u64);
    put32(16, place::CMDLINE);
    put32(20, request.modules.len() as u64);
    put32(24, place::INFO + at::MODULES);
    put32(44, map.len() as u64 * 24);
    put32(48, place::INFO + at::MEMORY_MAP);
    put32(64, place::INFO + at::LOADER_NAME);
    put(&mut page, at::LOADER_NAME as usize, LOADER_NAME);
    loads.push(Load::bytes(place::CMDLINE, strings));
    loads.push(Load::bytes(place::INFO, page));
    let entry = EntryState::new(EntryMode::Protected, entry);
    Ok((
        loads,
        EntryState {
            rax: LOADER_MAGIC,
            rbx: place::INFO,
            ..entry
        },
    ))
}
