//! i440FX host bridge: who answers between C0000h and FFFFFh.
//!
//! Configuration writes flow into the enabled and read-only flags of memory regions: each of the thirteen
//! segments shows RAM, RAM without writes, or what PCI has there (BIOS ROM). SMRAM control can be written and read
//! back; there is no SMM behind it. Mirrors QEMU's `hw/pci-host/i440fx.c` and `pam.c`.

pub mod spec;

use hw_pci::{Behaviour, ConfigSpace};
use softmmu::{MemoryMap, MemoryRegion};
use spec::{PAM0, READ_RAM, SEGMENTS, WRITE_RAM};

/// The switchable regions below 1 MiB.
pub struct Pam {
    map: MemoryMap,
    segments: Vec<Switch>,
}

struct Switch {
    ram: MemoryRegion,
    rom: MemoryRegion,
}

impl Pam {
    /// Puts the segments into `system`: of `ram` (offset 0 = address 0) and of `pci` (the PCI memory space).
    pub fn new(map: &MemoryMap, system: &MemoryRegion, ram: &MemoryRegion, pci: &MemoryRegion) -> Self {
        let segments = SEGMENTS
            .iter()
            .map(|segment| {
                let switch = Switch {
                    ram: MemoryRegion::alias("pam-ram", ram, segment.start, segment.size),
                    rom: MemoryRegion::alias("pam-pci", pci, segment.start, segment.size),
                };
                switch.ram.set_enabled(false);
                system.add_subregion(segment.start, &switch.ram, 1);
                system.add_subregion(segment.start, &switch.rom, 1);
                switch
            })
            .collect();
        Self {
            map: map.clone(),
            segments,
        }
    }

    /// Attributes of each segment: two bits. "Write only" shows ROM and drops writes, as QEMU does.
    fn apply(&self, registers: &[u8]) {
        self.map.transaction(|_| {
            for (segment, switch) in SEGMENTS.iter().zip(&self.segments) {
                let attributes = registers[segment.register] >> segment.shift;
                let from_ram = attributes & READ_RAM != 0;
                switch.ram.set_enabled(from_ram);
                switch.rom.set_enabled(!from_ram);
                switch.ram.set_readonly(attributes & WRITE_RAM == 0);
            }
        });
    }
}

/// The host bridge's behaviour.
pub struct HostBridge {
    pam: Pam,
}

impl HostBridge {
    /// A bridge that switches `pam`.
    pub fn new(pam: Pam) -> Self {
        Self { pam }
    }
}

impl Behaviour for HostBridge {
    fn fresh(&self) -> ConfigSpace {
        ConfigSpace::new(spec::IDS)
            .with(hw_pci::spec::COMMAND, &[0x06, 0x00, 0x80, 0x02])
            .with(spec::SMRAM, &[spec::SMRAM_RESET])
            .writable(PAM0 - 9, &[0xff; 9]) // host bridge, DRAM and SDRAM control: stored only
            .writable(PAM0, &[0xf0, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33])
            .writable(0x60, &[0xff; 8]) // DRAM row boundaries
            .writable(spec::SMRAM, &[spec::SMRAM_WRITABLE])
    }

    fn changed(&self, config: &ConfigSpace) {
        self.pam.apply(&config.bytes()[PAM0..PAM0 + 7]);
    }
}
