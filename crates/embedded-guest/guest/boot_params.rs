//! What the loader handed over: `boot_params` of the Linux boot protocol.

use crate::console::Console;
use core::fmt::Write;

/// The 4 KiB page at RSI (Documentation/arch/x86/zero-page.rst).
#[repr(C, align(8))]
pub struct BootParams([u8; 4096]);

/// One range of the e820 map.
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// 1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI non-volatile.
    pub kind: u32,
}

impl BootParams {
    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    fn u64_at(&self, at: usize) -> u64 {
        u64::from(self.u32_at(at)) | u64::from(self.u32_at(at + 4)) << 32
    }

    /// The e820 map.
    pub fn map(&self) -> impl Iterator<Item = Range> + '_ {
        (0..usize::from(self.0[0x1e8]).min(128)).map(|i| 0x2d0 + i * 20).map(|at| Range {
            start: self.u64_at(at),
            size: self.u64_at(at + 8),
            kind: self.u32_at(at + 16),
        })
    }

    /// Physical address of ACPI's root pointer, 0 if the loader gave none.
    pub fn rsdp(&self) -> u64 {
        self.u64_at(0x70)
    }

    /// The kernel command line.
    pub fn command_line(&self) -> &str {
        let address = u64::from(self.u32_at(0x228)) | u64::from(self.u32_at(0xc8)) << 32;
        if address == 0 {
            return "";
        }
        // SAFETY: the boot protocol promises a terminated string inside the identity map, at most the 255 bytes
        // that our header allows.
        let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, 256) };
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(0);
        core::str::from_utf8(&bytes[..length]).unwrap_or("")
    }
}

/// One line: usable memory.
pub fn describe(out: &mut Console, params: &BootParams) {
    let usable: u64 = params.map().filter(|range| range.kind == 1).map(|range| range.size).sum();
    let _ = writeln!(out, "  memory   {} MiB usable", usable >> 20);
}

/// The whole map.
pub fn list_map(out: &mut Console, params: &BootParams) {
    for range in params.map() {
        let kind = match range.kind {
            1 => "RAM",
            2 => "reserved",
            3 => "ACPI tables",
            4 => "ACPI non-volatile",
            _ => "other",
        };
        let _ = writeln!(out, "{:#014x} {:#014x} {kind}", range.start, range.start + range.size);
    }
}
