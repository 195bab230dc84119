//! ACPI tables: RSDP, RSDT, FADT, FACS, MADT, HPET, WAET (the DSDT is in [`super::dsdt`]).
//!
//! ACPI 1.0b layouts (RSDP revision 0, FADT revision 1), as QEMU's pc offers and every old OS reads; HPET table
//! from IA-PC HPET 1.0a, 3.2.4; WAET from Microsoft's specification of that name.

use super::linker::TableBlob;
use super::{TableConfig, checksum, dsdt};
use crate::board_spec::*;
use crate::ram_layout::TABLES_SIZE;
use acpi_tables::sdt::Sdt;

const OEM_ID: [u8; 6] = *b"REPRIS";
const OEM_TABLE_ID: [u8; 8] = *b"REPRISPC";

/// Offset of the FACS's address in the FADT.
const FADT_FACS: usize = 36;
/// Offset of the DSDT's address in the FADT.
const FADT_DSDT: usize = 40;

/// A table of `revision` with this body behind the standard header.
fn table(signature: [u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut sdt = Sdt::new(signature, 36, revision, OEM_ID, OEM_TABLE_ID, 1);
    sdt.append_slice(body);
    sdt.as_slice().to_vec()
}

/// Root pointer, revision 0, to an RSDT at `rsdt`.
pub(super) fn rsdp(rsdt: u32) -> Vec<u8> {
    let mut bytes = rsdp_unsummed(rsdt);
    bytes[8] = checksum(&bytes);
    bytes
}

/// The same, before somebody sums it up.
pub(super) fn rsdp_unsummed(rsdt: u32) -> Vec<u8> {
    let mut bytes = b"RSD PTR \0".to_vec();
    bytes.extend(OEM_ID);
    bytes.push(0);
    bytes.extend(rsdt.to_le_bytes());
    bytes
}

/// All tables, and the RSDT's offset among them.
pub(super) fn build(config: &TableConfig) -> (TableBlob, u32) {
    let mut blob = TableBlob::default();
    // The FACS has to lie on a 64-byte boundary.
    let facs = blob.append(&facs());
    let dsdt = blob.append_table(&table(*b"DSDT", 1, &dsdt::build(config)), []);
    let mut tables = vec![
        blob.append_table(
            &table(*b"FACP", 1, &fadt(config.pm_base, facs, dsdt)),
            [FADT_FACS, FADT_DSDT],
        ),
        blob.append_table(&table(*b"APIC", 1, &madt(config)), []),
    ];
    if config.hpet {
        tables.push(blob.append_table(&table(*b"HPET", 1, &hpet()), []));
    }
    tables.push(blob.append_table(&table(*b"WAET", 1, &2u32.to_le_bytes()), []));
    let body: Vec<u8> = tables.iter().flat_map(|at| at.to_le_bytes()).collect();
    let fields = (0..tables.len()).map(|n| 36 + 4 * n);
    let rsdt = blob.append_table(&table(*b"RSDT", 1, &body), fields);
    assert!(
        blob.bytes().len() as u64 <= TABLES_SIZE,
        "ACPI tables overflow their area"
    );
    (blob, rsdt)
}

fn facs() -> Vec<u8> {
    let mut bytes = b"FACS".to_vec();
    bytes.extend(64u32.to_le_bytes());
    bytes.resize(64, 0);
    bytes
}

/// Fixed features. Flags: WBINVD works, C1 everywhere, sleep button not fixed (the power button is), RTC wake
/// not in fixed space, platform clock. No reset register: guests reboot by keyboard controller or triple fault.
fn fadt(pm_base: u16, facs: u32, dsdt: u32) -> Vec<u8> {
    const FLAGS: u32 = 0x80a5;
    let pm = u32::from(pm_base);
    let mut body = vec![0u8; 116 - 36];
    let mut put = |offset: usize, value: u32, len: usize| {
        body[offset - 36..offset - 36 + len].copy_from_slice(&value.to_le_bytes()[..len]);
    };
    put(FADT_FACS, facs, 4);
    put(FADT_DSDT, dsdt, 4);
    put(44, 1, 1); // interrupt model: multiple APIC
    put(46, SCI_IRQ as u32, 2);
    put(48, SMI_CMD as u32, 4);
    put(52, ACPI_ENABLE as u32, 1);
    put(53, ACPI_DISABLE as u32, 1);
    put(56, pm, 4); // PM1a events
    put(64, pm + 4, 4); // PM1a control
    put(76, pm + 8, 4); // timer
    put(80, GPE0_BASE as u32, 4);
    put(88, 4, 1);
    put(89, 2, 1);
    put(91, 4, 1);
    put(92, GPE0_LEN as u32, 1);
    put(96, 0xfff, 2); // C2 and C3 latencies: not supported
    put(98, 0xfff, 2);
    put(108, 0x32, 1); // century in CMOS
    put(112, FLAGS, 4);
    body
}

fn madt(config: &TableConfig) -> Vec<u8> {
    const PCAT_COMPAT: u32 = 1;
    const LEVEL_HIGH: u16 = 0xd;
    let mut body = LAPIC_BASE.to_le_bytes().to_vec();
    body.extend(PCAT_COMPAT.to_le_bytes());
    for (cpu, &apic_id) in (0u8..).zip(&config.apic_ids) {
        body.extend([0, 8, cpu, apic_id, 1, 0, 0, 0]);
    }
    body.extend([1, 12, IOAPIC_ID, 0]);
    body.extend(IOAPIC_BASE.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    let mut source_override = |irq: u8, gsi: u8, flags: u16| {
        body.extend([2, 10, 0, irq, gsi, 0, 0, 0]);
        body.extend(flags.to_le_bytes());
    };
    source_override(0, 2, 0);
    for irq in LEVEL_IRQS {
        source_override(irq, irq, LEVEL_HIGH);
    }
    // NMI on LINT1 of every processor.
    body.extend([4, 6, 0xff, 0, 0, 1]);
    body
}

fn hpet() -> Vec<u8> {
    let mut body = HPET_ID.to_le_bytes().to_vec();
    body.extend([0, 0, 0, 0]); // system memory
    body.extend((HPET_BASE as u64).to_le_bytes());
    body.extend([0, 0, 0, 0]); // number, minimum tick, page protection
    body
}
