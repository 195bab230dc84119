//! Numbers of the pc board that several parts must agree on: addresses, interrupt wiring, power management.
//!
//! As QEMU's `pc-i440fx` machine with SeaBIOS leaves them. Tables, mini-POST and devices all read them here.

/// Local APICs.
pub const LAPIC_BASE: u32 = 0xfee0_0000;
/// I/O APIC.
pub const IOAPIC_BASE: u32 = 0xfec0_0000;
/// I/O APIC id in MADT and MP table.
pub const IOAPIC_ID: u8 = 0;
/// HPET.
pub const HPET_BASE: u32 = 0xfed0_0000;
/// HPET capability and id register, low half.
pub const HPET_ID: u32 = 0x8086_a201;

/// Base of the PM registers that the mini-POST programs: PM1 events; control at +4, timer at +8.
pub const PM_BASE: u16 = 0x600;
/// SMBus registers.
pub const SMBUS_BASE: u16 = 0x700;
/// General-purpose event block.
pub const GPE0_BASE: u16 = 0xafe0;
/// Bytes of the GPE block: status and enable halves.
pub const GPE0_LEN: u8 = 4;
/// SMI command port.
pub const SMI_CMD: u16 = 0xb2;
/// Value for [`SMI_CMD`] that turns ACPI on.
pub const ACPI_ENABLE: u8 = 0xf1;
/// Value for [`SMI_CMD`] that turns ACPI off.
pub const ACPI_DISABLE: u8 = 0xf0;
/// The system control interrupt.
pub const SCI_IRQ: u8 = 9;

/// ISA interrupts behind PIRQA..PIRQD after POST.
pub const PIRQ_ROUTES: [u8; 4] = [10, 10, 11, 11];
/// ELCR after POST: IRQ 10 and 11 are level-triggered.
pub const ELCR: [u8; 2] = [0x00, 0x0c];
/// Interrupts whose MADT override says level-triggered, active high.
pub const LEVEL_IRQS: [u8; 4] = [5, 9, 10, 11];

/// The PIRQ (0..=3) behind pin INTA..INTD (0..=3) of a slot on bus 0.
pub const fn pirq(slot: u8, pin: u8) -> u8 {
    slot.wrapping_sub(1).wrapping_add(pin) & 3
}

/// COM ports: I/O base and ISA interrupt.
pub const COM_PORTS: [(u16, u8); 4] = [(0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3)];
