//! The memory map of the pc machine: RAM below and above the hole, BIOS area, PCI space, ports.
//!
//! Builds the region tree once; from then on PAM, the A20 gate, BARs and the local APIC change parts of it.
//! Mirrors QEMU's `pc_memory_init` and `i440fx_init`:
//!
//! ```text
//! cpu (an alias in each CPU's memory, below its local APIC)
//!     ├─ system (0) ── ram below the hole (0), ram above 4 GiB (0)
//!     │             ├─ pam segments, a0000 window (1)
//!     │             └─ pci (-1) ── bios, isa-bios, text memory, BARs
//!     └─ a20-low (1)
//! ```

use crate::a20::A20Gate;
use crate::i440fx::Pam;
use crate::ram_layout::{HIGH_START, MIB, RamLayout};
use hw_pci::PciSpaces;
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion, RamBlock, RamError};
use std::sync::Arc;

/// The memory of one pc.
pub struct PcMemory {
    /// Where what lies.
    pub layout: RamLayout,
    /// All RAM in one block: low RAM, then high RAM.
    pub ram: RamBlock,
    /// The BIOS region.
    pub bios: RamBlock,
    /// Where a VGA would have its text.
    pub text: RamBlock,
    /// Memory as all CPUs see it, but for what each has of its own.
    pub cpu: MemoryRegion,
    /// Ports.
    pub io: Arc<AddressSpace>,
    /// Root of what devices see: for windows at fixed addresses.
    pub system: MemoryRegion,
    /// PCI memory and ports.
    pub spaces: PciSpaces,
    /// The A20 gate.
    pub a20: Arc<A20Gate>,
}

/// The BIOS region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BiosRegion {
    /// Bytes, a multiple of 4096.
    pub size: u64,
    /// Whether it lies below 4 GiB too, and not only its end below 1 MiB.
    pub below_4g: bool,
}

/// Text memory of a VGA in mode 3.
const TEXT: (u64, u64) = (0xb_8000, 0x8000);
/// The window of the VGA.
const VGA_WINDOW: (u64, u64) = (0xa_0000, 0x2_0000);
/// The end of the BIOS region shows below 1 MiB too.
const ISA_BIOS_SIZE: u64 = 0x2_0000;
const ALL: u64 = u64::MAX;

impl PcMemory {
    /// Builds the tree, with that BIOS region; returns it and the switches of the PAM registers.
    ///
    /// # Errors
    /// If the host has not that much memory.
    pub fn new(map: &MemoryMap, layout: RamLayout, region: BiosRegion) -> Result<(Self, Pam), RamError> {
        let bios_size = region.size;
        let ram = RamBlock::new(map, "pc.ram", layout.size())?;
        let bios = RamBlock::new(map, "pc.bios", bios_size)?;
        let text = RamBlock::new(map, "text", TEXT.1)?;
        let (memory, parts) = map.transaction(|_| {
            let ram_region = MemoryRegion::ram(ram.clone());
            let bios_region = MemoryRegion::rom(bios.clone());
            let system = MemoryRegion::container("system", ALL);
            let pci = MemoryRegion::container("pci", ALL);
            let io = MemoryRegion::container("io", 0x1_0000);

            let low = MemoryRegion::alias("ram-below-4g", &ram_region, 0, layout.low());
            system.add_subregion(0, &low, 0);
            if layout.high() > 0 {
                let high = MemoryRegion::alias("ram-above-4g", &ram_region, layout.low(), layout.high());
                system.add_subregion(HIGH_START, &high, 0);
            }
            system.add_subregion(0, &pci, -1);
            let vga = MemoryRegion::alias("vga-window", &pci, VGA_WINDOW.0, VGA_WINDOW.1);
            system.add_subregion(VGA_WINDOW.0, &vga, 1);

            let isa_size = bios_size.min(ISA_BIOS_SIZE);
            let isa_bios = MemoryRegion::alias("isa-bios", &bios_region, bios_size - isa_size, isa_size);
            if region.below_4g {
                pci.add_subregion(HIGH_START - bios_size, &bios_region, 0);
            }
            pci.add_subregion(MIB - isa_size, &isa_bios, 1);
            // Where PCI has nothing below 1 MiB it must not let RAM shine through the windows.
            pci.add_subregion(
                VGA_WINDOW.0,
                &MemoryRegion::reservation("empty", MIB - VGA_WINDOW.0),
                -1,
            );
            // There is no VGA; programs that write to its text memory find memory.
            pci.add_subregion(TEXT.0, &MemoryRegion::ram(text.clone()), 0);

            let pam = Pam::new(map, &system, &ram_region, &pci);
            let cpu_root = MemoryRegion::container("cpu", ALL);
            cpu_root.add_subregion(0, &MemoryRegion::alias("cpu-system", &system, 0, ALL), 0);
            let a20 = A20Gate::new(map, &cpu_root, &system, layout.low());
            let spaces = PciSpaces {
                map: map.clone(),
                memory: pci,
                io,
            };
            ((system, spaces, a20, cpu_root), pam)
        });
        let (system, spaces, a20, cpu_root) = memory;
        let io = AddressSpace::new(map, "io", spaces.io.clone());
        Ok((
            Self {
                layout,
                ram,
                bios,
                text,
                cpu: cpu_root,
                io,
                system,
                spaces,
                a20,
            },
            parts,
        ))
    }

    /// Writes `bytes` into RAM, whatever PAM and A20 say; false if not all of it is RAM.
    pub fn write_ram(&self, at: GuestPhys, bytes: &[u8]) -> bool {
        self.layout
            .ram_offset(at, bytes.len() as u64)
            .is_some_and(|offset| self.ram.write(offset, bytes).is_some())
    }
}
