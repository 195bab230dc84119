//! Firmware tables: ACPI, SMBIOS, MP and $PIR, from one description of the machine.
//!
//! Flows from [`TableConfig`] into [`Load`]s that the mini-POST writes: pointers and old tables into the F
//! segment, ACPI tables at the top of low RAM. What SeaBIOS and QEMU's `hw/i386/acpi-build.c`, `fw_cfg` and
//! `smbios` produce together.

mod acpi;
mod dsdt;
pub mod linker;
mod mp;
mod pir;
pub mod smbios;
#[cfg(test)]
mod tests;

use self::linker::TableBlob;
use self::smbios::SmbiosField;
use crate::boot::Load;
use crate::ram_layout::{F_SEGMENT, RamLayout};
use target_i386::cpuid::Layout;

/// What the tables tell about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableConfig {
    /// RAM.
    pub ram: RamLayout,
    /// APIC ids of the processors; the first one boots.
    pub apic_ids: Vec<u8>,
    /// How the processors are grouped, for SMBIOS.
    pub layout: Layout,
    /// Signature of the CPU (CPUID leaf 1 EAX), for the MP table and SMBIOS.
    pub cpu_signature: u32,
    /// Feature bits of the CPU (CPUID leaf 1 EDX).
    pub cpu_features: u32,
    /// Whether there are ACPI tables at all.
    pub acpi: bool,
    /// Whether there is an HPET.
    pub hpet: bool,
    /// Which of COM1..COM4 exist.
    pub serials: [bool; 4],
    /// Where the power-management registers are (PMBASE).
    pub pm_base: u16,
    /// The machine's UUID, if it has one.
    pub uuid: Option<[u8; 16]>,
    /// What the user says of SMBIOS structures.
    pub smbios: Vec<SmbiosField>,
}

/// The tables, placed.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The 64 KiB of the F segment.
    pub f_segment: Vec<u8>,
    /// The ACPI tables for the top of low RAM, if any.
    pub acpi: Option<Load>,
    /// Address of the RSDP, if there is ACPI.
    pub rsdp: Option<u64>,
}

/// The F segment while it is filled from the bottom.
struct Segment {
    bytes: Vec<u8>,
    next: usize,
}

impl Segment {
    /// The address that [`Self::place`] will use next.
    fn next_address(&self) -> u64 {
        F_SEGMENT + self.next as u64
    }

    /// Puts `table` on the next 16-byte boundary.
    fn place(&mut self, table: &[u8]) -> u64 {
        let address = self.next_address();
        self.bytes[self.next..self.next + table.len()].copy_from_slice(table);
        self.next = (self.next + table.len()).next_multiple_of(16);
        assert!(self.next < DUMMY_IRET as usize, "F segment overflows");
        address
    }
}

/// Offset of an IRET in the F segment: where unused interrupt vectors point (the IBM BIOS's address).
pub const DUMMY_IRET: u16 = 0xff53;

/// Code at the reset vector F000:FFF0. There is no firmware: a guest that jumps here asks for a reset, and gets
/// it from the keyboard controller. `mov al, 0feh; out 64h, al; hlt`, five bytes before the date.
const RESET_STUB: [u8; 5] = [0xb0, 0xfe, 0xe6, 0x64, 0xf4];

/// Makes all tables.
pub fn build(config: &TableConfig) -> Tables {
    let mut segment = Segment {
        bytes: vec![0; 0x1_0000],
        next: 0x100,
    };
    segment.bytes[DUMMY_IRET as usize] = 0xcf;
    segment.bytes[0xfff0..0xfff5].copy_from_slice(&RESET_STUB);
    segment.bytes[0xfff5..0xfffd].copy_from_slice(b"01/01/26");
    segment.bytes[0xfffe] = 0xfc; // model: AT

    smbios::build(&mut segment, config);
    mp::build(&mut segment, config);
    segment.place(&pir::build());
    let (acpi, rsdp) = if config.acpi {
        let (blob, rsdt) = acpi::build(config);
        let base = config.ram.tables_start();
        let root = segment.place(&acpi::rsdp(base as u32 + rsdt));
        (Some(Load::bytes(base, blob.placed(base as u32))), Some(root))
    } else {
        (None, None)
    };
    Tables {
        f_segment: segment.bytes,
        acpi,
        rsdp,
    }
}

/// What firmware gets, to place it by itself.
#[derive(Clone, Debug)]
pub struct FirmwareTables {
    /// ACPI: the tables, the root pointer, the records that place them.
    pub acpi: Option<(TableBlob, Vec<u8>, Vec<u8>)>,
    /// SMBIOS structures.
    pub smbios: Vec<u8>,
    /// The entry point to them, for address 0.
    pub smbios_anchor: Vec<u8>,
}

/// Makes the tables that firmware does not make by itself.
pub fn for_firmware(config: &TableConfig) -> FirmwareTables {
    let smbios = smbios::structures(config, false);
    FirmwareTables {
        acpi: config.acpi.then(|| {
            let (blob, rsdt) = acpi::build(config);
            let root = acpi::rsdp_unsummed(rsdt);
            let records = blob.loader(root.len());
            (blob, root, records)
        }),
        smbios: smbios.table().to_vec(),
        smbios_anchor: smbios.anchor(0),
    }
}

/// The byte that makes `bytes` sum to zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, b| sum.wrapping_sub(*b))
}
