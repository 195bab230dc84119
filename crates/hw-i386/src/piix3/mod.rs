//! PIIX3: ISA bridge with the PIRQ router, the configuration of IDE, and the PIIX4's power management function.
//!
//! Mirrors QEMU's `hw/isa/piix.c`, `hw/ide/piix.c` and `hw/acpi/piix4.c` as far as configuration space goes; the
//! PM registers themselves are a device of their own that this function moves and opens.

pub mod pirq;
pub mod spec;

use hw_pci::spec::{COMMAND, HEADER_TYPE, INTERRUPT_PIN, MULTIFUNCTION};
use hw_pci::{Bar, BarKind, Behaviour, ConfigSpace};
use pirq::PirqRouter;
use softmmu::MemoryRegion;
use spec::*;
use std::sync::Arc;

/// Function 0: the ISA bridge.
pub struct IsaBridge {
    router: Arc<PirqRouter>,
}

impl IsaBridge {
    /// A bridge that programs `router`.
    pub fn new(router: Arc<PirqRouter>) -> Self {
        Self { router }
    }
}

impl Behaviour for IsaBridge {
    fn fresh(&self) -> ConfigSpace {
        ConfigSpace::new(ISA_IDS)
            .with(COMMAND, &[0x07, 0x00, 0x00, 0x02])
            .with(HEADER_TYPE, &[MULTIFUNCTION])
            .with(0x4c, &[0x4d, 0x00, 0x03, 0x00])
            .with(PIRQRC, &[PIRQ_OFF; 4])
            .with(0x69, &[0x02])
            .with(0x70, &[0x80])
            .with(0x76, &[0x0c, 0x0c, 0x02])
            .with(0xa0, &[0x08])
            .writable(0x4c, &[0xff; 4])
            .writable(PIRQRC, &[0x8f; 4])
            .writable(0x69, &[0xfe])
            .writable(0x6a, &[0xff, 0xff])
            .writable(0x70, &[0xff, 0xff])
            .writable(0x76, &[0x8f, 0x8f])
            .writable(0x78, &[0xff, 0xff])
            .writable(0x80, &[0x7f])
            .writable(0x82, &[0x0f])
            .writable(0xa0, &[0xff; 15])
    }

    fn changed(&self, config: &ConfigSpace) {
        let registers = &config.bytes()[PIRQRC..PIRQRC + 4];
        self.router
            .set_routes([registers[0], registers[1], registers[2], registers[3]]);
    }
}

/// Function 1: IDE. The channels are a device of their own, whose bus master registers are behind BAR 4.
pub struct IdeController;

impl Behaviour for IdeController {
    fn fresh(&self) -> ConfigSpace {
        ConfigSpace::new(IDE_IDS)
            .with(COMMAND, &[0x00, 0x00, 0x80, 0x02])
            .with_bar(Bar {
                index: 4,
                kind: BarKind::Io,
                size: BMDMA_SIZE,
            })
            .writable(IDETIM, &[0xff, 0xf3, 0xff, 0xf3])
            .writable(0x44, &[0xff])
    }
}

/// Function 3: power management; opens and moves the register windows.
pub struct PowerManagement {
    pm: MemoryRegion,
    smbus: MemoryRegion,
}

impl PowerManagement {
    /// A function that moves `pm` and `smbus`, which are in the port space already.
    pub fn new(pm: MemoryRegion, smbus: MemoryRegion) -> Self {
        Self { pm, smbus }
    }
}

impl Behaviour for PowerManagement {
    fn fresh(&self) -> ConfigSpace {
        ConfigSpace::new(PM_IDS)
            .with(COMMAND, &[0x00, 0x00, 0x80, 0x02])
            .with(INTERRUPT_PIN, &[1])
            .with(PMBASE, &[1, 0, 0, 0])
            .with(DEVACTB, &[0, 0, 0, 2])
            .with(SMBBASE, &[1, 0, 0, 0])
            .writable(PMBASE, &[0xc0, 0xff])
            .writable(0x44, &[0xff; 0x1c])
            .writable(PMREGMISC, &[0x01])
            .writable(SMBBASE, &[0xf0, 0xff])
            .writable(SMBHSTCFG, &[0x0f])
    }

    fn changed(&self, config: &ConfigSpace) {
        for (region, base, mask, open) in [
            (&self.pm, PMBASE, 0xffc0, config.bytes()[PMREGMISC] & 1 != 0),
            (&self.smbus, SMBBASE, 0xfff0, config.bytes()[SMBHSTCFG] & 1 != 0),
        ] {
            let address = (config.get16(base) & mask) as u64;
            let open = open && address != 0 && address + region.size() <= 0x1_0000;
            if open {
                region.set_address(address);
            }
            region.set_enabled(open);
        }
    }
}
