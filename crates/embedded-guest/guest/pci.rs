//! PCI configuration space, mechanism 1: what is on bus 0.

use crate::console::Console;
use crate::port;
use core::fmt::Write;

fn read(device: u32, function: u32, register: u32) -> u32 {
    port::write32(0xcf8, 1 << 31 | device << 11 | function << 8 | register);
    port::read32(0xcfc)
}

fn functions() -> impl Iterator<Item = (u32, u32, u32)> {
    (0..32).flat_map(|device| {
        let multi = read(device, 0, 12) >> 16 & 0x80 != 0;
        let present = read(device, 0, 0) as u16 != 0xffff;
        (0..if !present { 0 } else if multi { 8 } else { 1 }).filter_map(move |function| {
            let id = read(device, function, 0);
            (id as u16 != 0xffff).then_some((device, function, id))
        })
    })
}

/// One line: how many functions.
pub fn describe(out: &mut Console) {
    let _ = writeln!(out, "  pci      {} functions on bus 0", functions().count());
}

/// Every function with its identity and class.
pub fn list(out: &mut Console) {
    for (device, function, id) in functions() {
        let class = read(device, function, 8) >> 16;
        let _ = writeln!(out, "00:{device:02x}.{function} {:04x}:{:04x} class {class:04x}", id & 0xffff, id >> 16);
    }
}
