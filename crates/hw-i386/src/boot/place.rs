//! Fixed addresses of the boot data in conventional memory, and who may use which memory.
//!
//! Everything a loader passes lies between 64 KiB and 640 KiB; kernels get memory from 1 MiB up to the ACPI
//! tables at the top of low RAM. (AP trampolines below 64 KiB belong to the guest.)

use super::{BootError, Load};
use crate::ram_layout::{CONVENTIONAL_END, EBDA_START, F_SEGMENT, HIGH_START, MIB, RamLayout, TABLES_SIZE};

/// `boot_params`, PVH start info or multiboot information.
pub const INFO: u64 = 0x1_0000;
/// The GDT that the entry state's GDTR names.
pub const GDT: u64 = 0x1_1000;
/// Page tables of the 64-bit entry: PML4, PDPT and four page directories.
pub const PAGE_TABLES: u64 = 0x1_2000;
/// Top of a stack for kernels that push before they set one up.
pub const STACK_TOP: u64 = 0x2_0000;
/// The command line.
pub const CMDLINE: u64 = 0x2_0000;
/// Room for command line, module strings and lists.
pub const CMDLINE_END: u64 = 0x4_0000;

/// Kind of an e820 or start-info memory map entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum MemoryKind {
    /// Usable RAM.
    Ram = 1,
    /// Not to be used.
    Reserved = 2,
    /// ACPI tables, usable once read.
    Acpi = 3,
}

/// One entry of the memory map handed to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Kind.
    pub kind: MemoryKind,
}

/// The memory map of a PC with this RAM, in address order.
pub fn memory_map(ram: &RamLayout) -> Vec<MemoryRange> {
    use MemoryKind::*;
    let tables = ram.tables_start();
    let mut map = Vec::with_capacity(8);
    let mut push = |start: u64, end: u64, kind| {
        if end > start {
            map.push(MemoryRange {
                start,
                size: end - start,
                kind,
            });
        }
    };
    push(0, EBDA_START, Ram);
    push(EBDA_START, CONVENTIONAL_END, Reserved);
    push(F_SEGMENT, MIB, Reserved);
    push(MIB, tables, Ram);
    push(tables, ram.low(), Acpi);
    push(HIGH_START - crate::ram_layout::BIOS_SIZE, HIGH_START, Reserved);
    push(HIGH_START, HIGH_START + ram.high(), Ram);
    map
}

/// Checks that a kernel may occupy `start..start + size`.
pub fn check_kernel(ram: &RamLayout, start: u64, size: u64) -> Result<(), BootError> {
    let end = start
        .checked_add(size)
        .ok_or(BootError::Damaged("load address"))?;
    let free = |from, to| start >= from && end <= to;
    if free(MIB, ram.tables_start()) || free(CMDLINE_END, EBDA_START) {
        Ok(())
    } else if start >= MIB && end <= 0xe000_0000 - TABLES_SIZE {
        Err(BootError::OutOfMemory {
            need: end + TABLES_SIZE,
            have: ram.size(),
        })
    } else {
        Err(BootError::Placement { start, end })
    }
}

/// Highest page-aligned address for an initrd of `size` bytes that ends at or below `limit` and above `kernel_end`.
pub fn initrd(ram: &RamLayout, size: u64, kernel_end: u64, limit: u64) -> Result<u64, BootError> {
    let limit = limit.min(ram.tables_start());
    let too_large = BootError::InitrdTooLarge {
        size,
        kernel_end,
        limit,
        ram: ram.low(),
    };
    let start = limit.checked_sub(size).ok_or(too_large.clone())? & !0xfff;
    if start < kernel_end {
        Err(too_large)
    } else {
        Ok(start)
    }
}

/// The command line as a load, zero-terminated; `max` excludes the zero.
pub fn cmdline(text: &str, max: u64) -> Result<Load, BootError> {
    let len = text.len() as u64;
    let max = max.min(CMDLINE_END - CMDLINE - 0x1_0001);
    if text.as_bytes().contains(&0) {
        return Err(BootError::CommandLineZero);
    }
    if len > max {
        return Err(BootError::CommandLineTooLong { len, max });
    }
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    Ok(Load::bytes(CMDLINE, bytes))
}
