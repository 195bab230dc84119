//! The mini-POST: leaves the machine as a BIOS would, without running one.
//!
//! After each reset, from the host: interrupt routing, PCI resources, power-management base, interrupt controllers,
//! timer, CMOS, BIOS data area, tables. Values are those SeaBIOS leaves on QEMU's pc (see `board_spec`), so that an
//! operating system entered directly finds what it expects.

use crate::board_spec::*;
use crate::pc_memory::PcMemory;
use crate::piix3::spec::{IDETIM, PIRQRC, PMBASE, PMREGMISC, SMBBASE, SMBHSTCFG};
use crate::ram_layout::{EBDA_START, F_SEGMENT, HIGH_START, MIB, PCI_HOLE_END, RamLayout};
use crate::rtc::Rtc;
use crate::tables::{DUMMY_IRET, Tables};
use hw_pci::spec::{BAR0, COMMAND, INTERRUPT_LINE, INTERRUPT_PIN};
use hw_pci::{BarKind, PciBus, PciFunction, devfn};
use softmmu::{AddressSpace, GuestPhys};
use std::sync::Arc;
use target_i386::CpuState;

/// First port given to BARs.
const BAR_PORTS: u64 = 0xc000;
/// Command register of every function: answer ports and memory, report errors.
const COMMAND_AFTER_POST: u32 = 0x0103;

/// Programs PCI: routing, resources, fixed functions. Puts RAM behind the BIOS area.
pub(crate) fn pci(bus: &PciBus, ram: &RamLayout) {
    let write = |slot: u8, function: u8, at: usize, size: u32, value: u32| {
        if let Some(function) = bus.function(devfn(slot, function)) {
            function.config_write(at as u8, size, value);
        }
    };
    // F segment: RAM, writes dropped; the rest of the BIOS area too.
    write(0, 0, crate::i440fx::spec::PAM0, 1, 0x10);
    for register in 1..7 {
        write(0, 0, crate::i440fx::spec::PAM0 + register, 1, 0x11);
    }
    for (i, irq) in PIRQ_ROUTES.iter().enumerate() {
        write(1, 0, PIRQRC + i, 1, *irq as u32);
    }
    write(1, 1, IDETIM, 4, 0x8000_8000); // both channels decode
    write(1, 3, PMBASE, 4, PM_BASE as u32 | 1);
    write(1, 3, PMREGMISC, 1, 1);
    write(1, 3, SMBBASE, 4, SMBUS_BASE as u32 | 1);
    write(1, 3, SMBHSTCFG, 1, 9);

    assign_bars(&bus.functions(), ram);
    for (devfn, function) in bus.functions() {
        let pin = function.config().bytes()[INTERRUPT_PIN];
        if pin != 0 {
            let (slot, function_number) = (devfn >> 3, devfn & 7);
            // Slot 1's pin A is the power-management function, which has the SCI.
            let irq = match (slot, function_number) {
                (1, 3) => SCI_IRQ,
                _ => PIRQ_ROUTES[pirq(slot, pin - 1) as usize],
            };
            function.config_write(INTERRUPT_LINE as u8, 1, irq as u32);
        }
        let command = function.config().get16(COMMAND) as u32;
        function.config_write(COMMAND as u8, 2, command | COMMAND_AFTER_POST);
    }
}

/// Gives every BAR an address: ports upwards from C000h, memory downwards from the end of the hole; the largest
/// first, so that all are aligned without gaps.
fn assign_bars(functions: &[(u8, Arc<dyn PciFunction>)], ram: &RamLayout) {
    let mut bars: Vec<_> = functions
        .iter()
        .flat_map(|(_, function)| {
            function
                .config()
                .bars()
                .iter()
                .map(|bar| (*bar, function))
                .collect::<Vec<_>>()
        })
        .collect();
    bars.sort_by_key(|(bar, _)| std::cmp::Reverse(bar.size));
    let (mut port, mut memory) = (BAR_PORTS, PCI_HOLE_END);
    for (bar, function) in bars {
        let size = bar.size;
        let address = if bar.kind == BarKind::Io {
            let at = port.next_multiple_of(size);
            port = at + size;
            at
        } else {
            memory = memory.saturating_sub(size) & !(size - 1);
            memory
        };
        let fits = if bar.kind == BarKind::Io {
            port <= 0x1_0000
        } else {
            memory >= ram.pci_hole_start()
        };
        if fits {
            function.config_write((BAR0 + bar.index * 4) as u8, 4, address as u32);
        }
    }
}

/// Interrupt controllers, timer and keyboard controller, programmed through their ports as a BIOS does.
#[rustfmt::skip]
const PORTS: &[(u16, u8)] = &[
    // 8259: edge mode, vectors 08h and 70h, cascade on 2, 8086 mode; all masked.
    (0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, 0xff),
    (0xa0, 0x11), (0xa1, 0x70), (0xa1, 0x02), (0xa1, 0x01), (0xa1, 0xff),
    (0x4d0, ELCR[0]), (0x4d1, ELCR[1]),
    // 8254 channel 0: mode 2, 18.2 Hz.
    (0x43, 0x34), (0x40, 0x00), (0x40, 0x00),
    // i8042: keyboard interrupt, system flag, mouse off, translation.
    (0x64, 0x60), (0x60, 0x65),
];

pub(crate) fn ports(io: &AddressSpace) {
    for &(port, value) in PORTS {
        // A port that nobody answers (a device left out) takes the write like an empty bus.
        let _ = io.store(GuestPhys(port as u64), 1, value as u64);
    }
}

/// CMOS bytes: equipment, memory sizes, boot order, processors.
pub(crate) fn cmos(rtc: &Rtc, ram: &RamLayout, cpus: u8) {
    let extended = (ram.low().saturating_sub(MIB) / 1024).min(0xffff) as u16;
    let above_16m = (ram.low().saturating_sub(16 * MIB) >> 16).min(0xffff) as u16;
    let above_4g = (ram.high() >> 16).min(0xff_ffff) as u32;
    let [ext_low, ext_high] = extended.to_le_bytes();
    let [mid_low, mid_high] = above_16m.to_le_bytes();
    let [high0, high1, high2, _] = above_4g.to_le_bytes();
    let values = [
        (0x0f, 0x00), // shutdown code
        (0x10, 0x00), // floppy types
        (0x12, 0x00), // disk types
        (0x14, 0x06), // equipment: FPU, mouse
        (0x15, 0x80), // 640 KiB
        (0x16, 0x02),
        (0x17, ext_low),
        (0x18, ext_high),
        (0x30, ext_low),
        (0x31, ext_high),
        (0x34, mid_low),
        (0x35, mid_high),
        (0x38, 0x30), // third boot device: CD
        (0x39, 0x00),
        (0x3d, 0x12), // disk, then floppy
        (0x5b, high0),
        (0x5c, high1),
        (0x5d, high2),
        (0x5f, cpus.saturating_sub(1)),
    ];
    for (index, value) in values {
        rtc.set_cmos(index, value);
    }
    checksum(rtc);
}

/// CMOS bytes of floppy drives: `types` as in byte 10h, the first drive's in the upper half.
pub(crate) fn floppies(rtc: &Rtc, types: u8) {
    rtc.set_cmos(0x10, types);
    let equipment = rtc.cmos(0x14) & !0xc1;
    let drives = u8::from(types & 0xf0 != 0) + u8::from(types & 0x0f != 0);
    let present = if drives == 0 { 0 } else { 1 | (drives - 1) << 6 };
    rtc.set_cmos(0x14, equipment | present);
    checksum(rtc);
}

fn checksum(rtc: &Rtc) {
    // The AT's checksum over 10h..=2Dh, high byte first.
    let sum = (0x10..=0x2du8).fold(0u16, |sum, index| sum.wrapping_add(rtc.cmos(index) as u16));
    rtc.set_cmos(0x2e, (sum >> 8) as u8);
    rtc.set_cmos(0x2f, sum as u8);
}

/// Interrupt vectors, BIOS data area, EBDA, tables.
pub(crate) fn memory(memory: &PcMemory, tables: &Tables, serials: &[bool; 4]) {
    let vector = ((F_SEGMENT as u32) >> 4 << 16 | DUMMY_IRET as u32).to_le_bytes();
    memory.write_ram(GuestPhys(0), &vector.repeat(256));

    let mut area = [0u8; 0x100];
    let mut put = |at: usize, value: u16| area[at - 0x400..at - 0x3fe].copy_from_slice(&value.to_le_bytes());
    let ports = (0..4).filter(|&i| serials[i]).map(|i| COM_PORTS[i].0);
    let count = ports.clone().count() as u16;
    for (i, port) in ports.enumerate() {
        put(0x400 + 2 * i, port);
    }
    put(0x40e, (EBDA_START >> 4) as u16);
    put(0x410, 0x0026 | count << 9); // FPU, mouse, 80-column colour, serial ports
    put(0x413, (EBDA_START / 1024) as u16);
    put(0x41a, 0x1e); // empty keyboard buffer
    put(0x41c, 0x1e);
    put(0x449, 0x03); // mode 3
    put(0x44a, 80);
    put(0x44c, 0x1000);
    put(0x463, 0x3d4);
    put(0x480, 0x1e);
    put(0x482, 0x3e);
    put(0x484, 24);
    put(0x485, 16);
    put(0x496, 0x10); // enhanced keyboard
    memory.write_ram(GuestPhys(0x400), &area);
    memory.write_ram(GuestPhys(EBDA_START), &[1]); // its size in KiB
    memory.write_ram(GuestPhys(F_SEGMENT), &tables.f_segment);
    if let Some(acpi) = &tables.acpi {
        acpi.pieces(|at, bytes| {
            memory.write_ram(at, bytes);
        });
    }
}

/// MTRRs: write-back but for the hole, the VGA window and the (write-protected) BIOS area. Without them enabled
/// Linux gives up PAT. SDM vol. 3A, 12.11.
pub(crate) fn mtrrs(cpu: &mut CpuState, ram: &RamLayout, physical_bits: u32) {
    const ENABLED_WRITE_BACK: u64 = 0xc06;
    const VALID: u64 = 1 << 11;
    const WRITE_BACK: u64 = 0x0606_0606_0606_0606;
    const WRITE_PROTECTED: u64 = 0x0505_0505_0505_0505;
    cpu.msr.mtrr_fixed = [WRITE_PROTECTED; 11];
    cpu.msr.mtrr_fixed[..3].copy_from_slice(&[WRITE_BACK, WRITE_BACK, 0]);
    let hole = HIGH_START - ram.pci_hole_start();
    let mask = ((1u64 << physical_bits.clamp(32, 52)) - 1) & !(hole - 1);
    cpu.msr.mtrr_var = Default::default();
    cpu.msr.mtrr_var[0] = (ram.pci_hole_start(), mask | VALID);
    cpu.msr.mtrr_def_type = ENABLED_WRITE_BACK;
}
