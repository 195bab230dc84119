//! MP configuration table, for systems that run without ACPI.
//!
//! Intel MultiProcessor Specification 1.4, chapter 4.

use super::{Segment, TableConfig, checksum};
use crate::board_spec::*;

const BUS_PCI: u8 = 0;
const BUS_ISA: u8 = 1;
/// Interrupt flags: active high, level-triggered.
const LEVEL_HIGH: u16 = 0xd;
/// Integrated local APIC.
const LAPIC_VERSION: u8 = 0x14;
/// Every local APIC.
const ALL: u8 = 0xff;

/// Kinds of interrupt entries.
mod kind {
    pub const INT: u8 = 0;
    pub const NMI: u8 = 1;
    pub const EXTINT: u8 = 3;
}

/// Places the configuration table and the floating pointer to it.
pub(super) fn build(segment: &mut Segment, config: &TableConfig) {
    let table = configuration(config);
    let table_at = segment.place(&table);
    let mut pointer = b"_MP_".to_vec();
    pointer.extend((table_at as u32).to_le_bytes());
    // Length in paragraphs, revision 1.4, checksum, features: configuration table present, no IMCR.
    pointer.extend([1, 4, 0, 0, 0, 0, 0, 0]);
    pointer[10] = checksum(&pointer);
    segment.place(&pointer);
}

fn configuration(config: &TableConfig) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for (cpu, &apic_id) in config.apic_ids.iter().enumerate() {
        // Enabled; the first one boots.
        let mut entry = vec![0, apic_id, LAPIC_VERSION, 1 | u8::from(cpu == 0) << 1];
        entry.extend(config.cpu_signature.to_le_bytes());
        entry.extend(config.cpu_features.to_le_bytes());
        entry.extend([0; 8]);
        entries.push(entry);
    }
    for (id, name) in [(BUS_PCI, b"PCI   "), (BUS_ISA, b"ISA   ")] {
        entries.push([&[1, id], &name[..]].concat());
    }
    let mut ioapic = vec![2, IOAPIC_ID, 0x20, 1];
    ioapic.extend(IOAPIC_BASE.to_le_bytes());
    entries.push(ioapic);

    let mut interrupt = |entry: u8, kind: u8, flags: u16, bus: u8, irq: u8, apic: u8, pin: u8| {
        let [low, high] = flags.to_le_bytes();
        entries.push(vec![entry, kind, low, high, bus, irq, apic, pin]);
    };
    for slot in 1..32u8 {
        for pin in 0..4u8 {
            let irq = if slot == 1 && pin == 0 {
                SCI_IRQ
            } else {
                PIRQ_ROUTES[pirq(slot, pin) as usize]
            };
            interrupt(3, kind::INT, LEVEL_HIGH, BUS_PCI, slot << 2 | pin, IOAPIC_ID, irq);
        }
    }
    for irq in (0..16u8).filter(|&irq| irq != 2 && !PIRQ_ROUTES.contains(&irq)) {
        let pin = if irq == 0 { 2 } else { irq };
        let flags = if irq == SCI_IRQ { LEVEL_HIGH } else { 0 };
        interrupt(3, kind::INT, flags, BUS_ISA, irq, IOAPIC_ID, pin);
    }
    interrupt(4, kind::EXTINT, 0, BUS_ISA, 0, 0, 0);
    interrupt(4, kind::NMI, 0, BUS_ISA, 0, ALL, 1);

    let length = 44 + entries.iter().map(Vec::len).sum::<usize>();
    let mut table = b"PCMP".to_vec();
    table.extend((length as u16).to_le_bytes());
    table.extend([4, 0]); // revision 1.4, checksum
    table.extend(b"REPRISE PC          ");
    table.extend([0; 6]); // no OEM table
    table.extend((entries.len() as u16).to_le_bytes());
    table.extend(LAPIC_BASE.to_le_bytes());
    table.extend([0; 4]); // no extended table
    table.extend(entries.concat());
    table[7] = checksum(&table);
    table
}
