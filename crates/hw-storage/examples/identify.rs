//! Asks an IDE disk who it is, as a guest does: `cargo run -p hw-storage --example identify`.

use hw_core::testing::{MemoryDisk, RecordingSink};
use hw_core::{Dma, IrqLine};
use hw_storage::ide::{DriveConfig, Ide};
use hw_storage::scsi::Kind;
use softmmu::lock::Solo;
use softmmu::{AddressSpace, MemoryMap, MemoryRegion};
use std::sync::Arc;

fn main() {
    let map = MemoryMap::new(Arc::new(Solo::default()));
    let root = map.transaction(|_| MemoryRegion::container("system", u64::MAX));
    let dma = Dma::new(AddressSpace::new(&map, "memory", root));
    let disk = MemoryDisk::new(vec![0; 8 << 20]);
    let sink = RecordingSink::new();
    let drives = [[Some(DriveConfig::new(Kind::Disk, disk)), None], [None, None]];
    let ide = Ide::new(drives, [sink.line(14), IrqLine::disconnected()], dma);

    let [command, _control] = ide.windows(0);
    command.ops.write(7, 1, 0xec).expect("a command");
    println!("interrupt: {}", sink.level(14));
    println!("status: {:#x}", command.ops.read(7, 1).expect("a register"));
    let words: Vec<u16> = (0..256)
        .map(|_| command.ops.read(0, 2).expect("data") as u16)
        .collect();
    let model: Vec<u8> = words[27..47].iter().flat_map(|word| word.to_be_bytes()).collect();
    println!("model: {}", String::from_utf8_lossy(&model).trim_end());
    println!("sectors: {}", u32::from(words[60]) | u32::from(words[61]) << 16);
}
