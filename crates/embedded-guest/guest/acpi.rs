//! Just enough ACPI to name the tables and to switch off: RSDP, RSDT, FADT.
//! ACPI specification 6.5, 5.2.

use crate::boot_params::BootParams;
use crate::console::Console;
use crate::{cpu, port};
use core::fmt::Write;

/// Reads a little-endian value from physical memory.
fn read<const N: usize>(address: u64) -> [u8; N] {
    // SAFETY: the loader's tables lie in the identity map; any byte pattern is a valid array.
    unsafe { (address as *const [u8; N]).read_unaligned() }
}

fn tables(params: &BootParams) -> impl Iterator<Item = u64> {
    let rsdt = match params.rsdp() {
        0 => 0,
        rsdp => u64::from(u32::from_le_bytes(read(rsdp + 16))),
    };
    let entries = match rsdt {
        0 => 0,
        rsdt => u64::from(u32::from_le_bytes(read(rsdt + 4))).saturating_sub(36) / 4,
    };
    (0..entries).map(move |i| u64::from(u32::from_le_bytes(read(rsdt + 36 + i * 4))))
}

/// One line: signatures of the tables.
pub fn describe(out: &mut Console, params: &BootParams) {
    let _ = write!(out, "  acpi    ");
    for table in tables(params) {
        let signature: [u8; 4] = read(table);
        let _ = write!(out, " {}", core::str::from_utf8(&signature).unwrap_or("????"));
    }
    let _ = writeln!(out);
}

/// Enters S5. Returns (false) only if there is no FADT.
pub fn power_off(params: &BootParams) -> bool {
    let Some(fadt) = tables(params).find(|&table| read(table) == *b"FACP") else { return false };
    let control = u32::from_le_bytes(read(fadt + 64)) as u16;
    // SLP_EN with SLP_TYP 0, which is S5 on this machine's PIIX4 power management.
    port::write16(control, 1 << 13);
    cpu::halt_forever()
}
