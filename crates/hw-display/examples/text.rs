//! A machine that is nothing but a VGA: writes a few lines in mode 3 and prints the picture as characters.
//!
//! Run with `cargo run -p hw-display --example text`.

use hw_core::testing::TestClock;
use hw_core::{Display, Surface};
use hw_display::{Vga, VgaConfig};
use softmmu::{AddressSpace, GuestPhys, MemoryMap, MemoryRegion};
use std::sync::Arc;
use util_mainloop::BigLock;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lock = Arc::new(BigLock::new());
    let map = MemoryMap::new(lock.clone());
    let clock = TestClock::new();
    let vga = Vga::new("vga", &map, &clock.clock(), VgaConfig::default())?;
    let root = MemoryRegion::container("system", 1 << 32);
    root.add_subregion(hw_display::spec::WINDOW.0, vga.window(), 0);
    let memory = AddressSpace::new(&map, "memory", root);
    vga.mode3();

    let _held = lock.lock();
    for (row, line) in [
        "\u{c9}\u{cd}\u{cd}\u{bb}",
        "\u{ba}OK\u{ba}",
        "\u{c8}\u{cd}\u{cd}\u{bc}",
    ]
    .iter()
    .enumerate()
    {
        for (column, character) in line.chars().enumerate() {
            let at = 0xb_8000 + (row * 80 + column) as u64 * 2;
            memory.store(GuestPhys(at), 2, 0x0a00 | u64::from(u32::from(character)))?;
        }
    }
    let mut picture = Surface::default();
    vga.draw(&mut picture);
    for y in 0..48 {
        let row: String = picture.row(y)[..40]
            .iter()
            .map(|&pixel| if pixel != 0 { '#' } else { '.' })
            .collect();
        println!("{row}");
    }
    Ok(())
}
