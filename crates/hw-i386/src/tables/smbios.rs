//! SMBIOS 2.8: who made this machine and what is in it.
//!
//! DMTF DSP0134 2.8.0. Flows into the F segment: the structures, then the 31-byte entry point.

use super::{Segment, TableConfig, checksum};
use crate::ram_layout::{HIGH_START, MIB};

/// Structure types, which serve as handles' high bytes too.
mod kind {
    pub const BIOS: u8 = 0;
    pub const SYSTEM: u8 = 1;
    pub const CHASSIS: u8 = 3;
    pub const PROCESSOR: u8 = 4;
    pub const MEMORY_ARRAY: u8 = 16;
    pub const MEMORY_DEVICE: u8 = 17;
    pub const MEMORY_MAPPING: u8 = 19;
    pub const BOOT: u8 = 32;
    pub const END: u8 = 127;
}

const UNKNOWN: u8 = 2;
const NO_HANDLE: [u8; 2] = 0xfffeu16.to_le_bytes();
const MEMORY_ARRAY_HANDLE: [u8; 2] = 0x1000u16.to_le_bytes();

/// Structures as they are appended.
#[derive(Default)]
struct Structures {
    bytes: Vec<u8>,
    count: u16,
    largest: usize,
}

impl Structures {
    /// Appends a structure: formatted part behind the header, then its strings.
    fn add(&mut self, kind: u8, handle: u16, body: &[u8], strings: &[&str]) {
        let start = self.bytes.len();
        self.bytes.extend([kind, 4 + body.len() as u8]);
        self.bytes.extend(handle.to_le_bytes());
        self.bytes.extend(body);
        for string in strings {
            self.bytes.extend(string.as_bytes());
            self.bytes.push(0);
        }
        if strings.is_empty() {
            self.bytes.push(0);
        }
        self.bytes.push(0);
        self.count += 1;
        self.largest = self.largest.max(self.bytes.len() - start);
    }
}

/// Fields one behind the other.
macro_rules! body {
    ($($field:expr),* $(,)?) => { [$(&$field[..]),*].concat() };
}

pub(super) fn build(segment: &mut Segment, config: &TableConfig) {
    let mut all = Structures::default();
    // Characteristics: not supported; extension byte 2: a virtual machine.
    all.add(
        kind::BIOS,
        0,
        &body![
            [1, 2],
            [0x00, 0xf0],
            [3, 0],
            8u64.to_le_bytes(),
            [0, 0x14, 0, 0, 0xff, 0xff]
        ],
        &["Reprise", env!("CARGO_PKG_VERSION"), "01/01/2026"],
    );
    // Wake-up type: power switch.
    let system = body![[1, 2, 3, 0], [0; 16], [6, 0, 0]];
    all.add(
        kind::SYSTEM,
        0x100,
        &system,
        &["Reprise", "Standard PC (i440FX + PIIX, 1996)", "pc"],
    );
    let chassis = body![[1, 1, 2, 0, 0], [3, 3, 3, UNKNOWN], [0; 4], [0, 0, 0, 0, 0]];
    all.add(kind::CHASSIS, 0x300, &chassis, &["Reprise", "pc"]);
    let cores = (config.layout.dies * config.layout.cores) as u8;
    let threads = cores.saturating_mul(config.layout.threads as u8);
    for cpu in 0..config.layout.sockets {
        let id = body![
            config.cpu_signature.to_le_bytes(),
            config.cpu_features.to_le_bytes()
        ];
        let processor = body![
            [1, 3, 1, 2],
            id,
            [3, 0, 0, 0],
            2000u16.to_le_bytes(),
            2000u16.to_le_bytes(),
            [0x41, 1], // populated and enabled; upgrade: other
            [0xff; 6], // no cache structures
            [0, 0, 0], // serial, asset, part
            [cores, cores, threads],
            2u16.to_le_bytes(), // characteristics: unknown
            1u16.to_le_bytes(), // family 2: other
        ];
        let socket = format!("CPU {cpu}");
        all.add(
            kind::PROCESSOR,
            0x400 + cpu as u16,
            &processor,
            &[&socket, "Reprise", "pc"],
        );
    }
    memory(&mut all, config);
    all.add(kind::BOOT, 0x2000, &[0; 7], &[]);
    all.add(kind::END, 0x7f00, &[], &[]);

    let table_at = segment.place(&all.bytes);
    let mut entry = b"_SM_\0\x1f".to_vec();
    entry.extend([2, 8]);
    entry.extend((all.largest as u16).to_le_bytes());
    entry.extend([0; 6]);
    entry.extend(b"_DMI_\0");
    entry.extend((all.bytes.len() as u16).to_le_bytes());
    entry.extend((table_at as u32).to_le_bytes());
    entry.extend(all.count.to_le_bytes());
    entry.push(0x28);
    entry[0x15] = checksum(&entry[0x10..]);
    entry[4] = checksum(&entry);
    segment.place(&entry);
}

fn memory(all: &mut Structures, config: &TableConfig) {
    let size = config.ram.size();
    let kib = size / 1024;
    // Capacity in KiB, or in bytes in the extended field.
    let (capacity, extended) = if kib < 0x8000_0000 {
        (kib as u32, 0)
    } else {
        (0x8000_0000, size)
    };
    // Location other, use system memory, no error correction, one device.
    let array = body![
        [1, 3, 3],
        capacity.to_le_bytes(),
        NO_HANDLE,
        1u16.to_le_bytes(),
        extended.to_le_bytes()
    ];
    all.add(kind::MEMORY_ARRAY, 0x1000, &array, &[]);

    let mib = size / MIB;
    let (small, large) = if mib < 0x7fff {
        (mib as u16, 0)
    } else {
        (0x7fff, mib as u32)
    };
    let device = body![
        MEMORY_ARRAY_HANDLE,
        NO_HANDLE,
        [0xff; 4], // widths unknown
        small.to_le_bytes(),
        [9, 0, 1, 0, 7], // DIMM, no set, locator, no bank, RAM
        2u16.to_le_bytes(),
        0u16.to_le_bytes(),
        [2, 0, 0, 0, 0], // maker, serial, asset, part, attributes
        large.to_le_bytes(),
        [0; 8], // speed and voltages unknown
    ];
    all.add(kind::MEMORY_DEVICE, 0x1100, &device, &["DIMM 0", "Reprise"]);

    let ranges = [(0, config.ram.low()), (HIGH_START, config.ram.high())];
    for (i, (start, len)) in ranges.into_iter().filter(|r| r.1 > 0).enumerate() {
        let last = start + len - 1;
        let (from, to, wide_from, wide_to) = if last / 1024 < u32::MAX as u64 {
            ((start / 1024) as u32, (last / 1024) as u32, 0, 0)
        } else {
            (u32::MAX, u32::MAX, start, last)
        };
        let mapping = body![
            from.to_le_bytes(),
            to.to_le_bytes(),
            MEMORY_ARRAY_HANDLE,
            [1],
            wide_from.to_le_bytes(),
            wide_to.to_le_bytes(),
        ];
        all.add(kind::MEMORY_MAPPING, 0x1300 + i as u16, &mapping, &[]);
    }
}
