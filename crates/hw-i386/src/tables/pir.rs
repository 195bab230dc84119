//! The $PIR table: which PIRQ each slot's pins are wired to, for systems without ACPI and MP tables.
//!
//! Microsoft, "PCI IRQ Routing Table Specification" 1.0.

use super::checksum;
use crate::board_spec::pirq;

/// ISA interrupts a PIRQ may be routed to: 3..=7, 9..=12, 14, 15.
const POSSIBLE: u16 = 0xdef8;
/// Link values are the PIIX3's register numbers.
const FIRST_LINK: u8 = 0x60;

pub(super) fn build() -> Vec<u8> {
    let slots = 1..32u8;
    let mut table = b"$PIR".to_vec();
    table.extend(0x0100u16.to_le_bytes());
    table.extend((32 + 16 * slots.len() as u16).to_le_bytes());
    table.extend([0, 1 << 3]); // the router is 0:1.0
    table.extend(0u16.to_le_bytes()); // no interrupt is PCI's alone
    table.extend(0x122e_8086u32.to_le_bytes()); // compatible with the first PIIX
    table.extend([0; 16]); // miniport data, reserved, checksum
    for slot in slots {
        table.extend([0, slot << 3]);
        for pin in 0..4 {
            table.push(FIRST_LINK + pirq(slot, pin));
            table.extend(POSSIBLE.to_le_bytes());
        }
        table.extend([slot, 0]);
    }
    table[31] = checksum(&table);
    table
}
