//! SMBIOS 2.8: who made this machine and what is in it.
//!
//! DMTF DSP0134 2.8.0. Flows into the F segment, or through fw_cfg to firmware that places it: the structures, then the
//! 31-byte entry point. What `-smbios` gives takes the place of what we would say.

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

/// A field of `-smbios type=N,name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmbiosField {
    /// Type of the structure.
    pub kind: u8,
    /// The field, one of [`FIELDS`].
    pub name: String,
    /// Its text.
    pub value: String,
}

/// What can be said of the structures of each type.
pub const FIELDS: &[(u8, &[&str])] = &[
    (kind::BIOS, &["vendor", "version", "date", "release", "uefi"]),
    (
        kind::SYSTEM,
        &[
            "manufacturer",
            "product",
            "version",
            "serial",
            "uuid",
            "sku",
            "family",
        ],
    ),
    (
        kind::CHASSIS,
        &["manufacturer", "version", "serial", "asset", "sku"],
    ),
];

/// Longest text of a field: structures have 16-bit lengths, and the F segment is small.
const TEXT_MAX: usize = 255;

impl SmbiosField {
    /// A field that makes sense.
    ///
    /// # Errors
    /// In words, without the option's name.
    pub fn new(kind: u8, name: &str, value: &str) -> Result<Self, String> {
        let Some((_, names)) = FIELDS.iter().find(|(number, _)| *number == kind) else {
            return Err(format!("type={kind}: types 0, 1 and 3 can be described"));
        };
        if !names.contains(&name) {
            return Err(format!(
                "'{name}' is no field of type {kind}; there are {}",
                names.join(", ")
            ));
        }
        if value.len() > TEXT_MAX || value.contains('\0') {
            return Err(format!("'{name}' has at most {TEXT_MAX} characters"));
        }
        match name {
            "release" => {
                release(value).ok_or_else(|| format!("release is MAJOR.MINOR, not '{value}'"))?;
            }
            "uefi" if !matches!(value, "on" | "off") => {
                return Err(format!("'uefi' expects 'on' or 'off', not '{value}'"));
            }
            "uuid" => {
                parse_uuid(value).ok_or_else(|| format!("'{value}' is no UUID"))?;
            }
            _ => {}
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// `8.15` as two bytes.
fn release(text: &str) -> Option<[u8; 2]> {
    let (major, minor) = text.split_once('.')?;
    Some([major.parse().ok()?, minor.parse().ok()?])
}

/// Reads a UUID as people write it: 8-4-4-4-12 hexadecimal digits.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    if !lengths.eq([8, 4, 4, 4, 12]) || !text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = groups.concat();
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A UUID as SMBIOS 2.6 and later has it: the first three groups are little-endian numbers.
fn smbios_uuid(mut uuid: [u8; 16]) -> [u8; 16] {
    uuid[..4].reverse();
    uuid[4..6].reverse();
    uuid[6..8].reverse();
    uuid
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

/// The structures, and how to find them.
pub(super) struct Smbios {
    all: Structures,
}

/// Puts all of it into the F segment.
pub(super) fn build(segment: &mut Segment, config: &TableConfig) {
    let smbios = structures(config, true);
    let table_at = segment.place(smbios.table());
    segment.place(&smbios.anchor(table_at as u32));
}

impl Smbios {
    /// The structures.
    pub(super) fn table(&self) -> &[u8] {
        &self.all.bytes
    }

    /// The entry point to structures at `table_at`.
    pub(super) fn anchor(&self, table_at: u32) -> Vec<u8> {
        let all = &self.all;
        let mut entry = b"_SM_\0\x1f".to_vec();
        entry.extend([2, 8]);
        entry.extend((all.largest as u16).to_le_bytes());
        entry.extend([0; 6]);
        entry.extend(b"_DMI_\0");
        entry.extend((all.bytes.len() as u16).to_le_bytes());
        entry.extend(table_at.to_le_bytes());
        entry.extend(all.count.to_le_bytes());
        entry.push(0x28);
        entry[0x15] = checksum(&entry[0x10..]);
        entry[4] = checksum(&entry);
        entry
    }
}

/// Texts of a structure: its strings by number, of which those that nobody gave have number 0.
struct Texts<'a> {
    config: &'a TableConfig,
    kind: u8,
    strings: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn new(config: &'a TableConfig, kind: u8) -> Self {
        Self {
            config,
            kind,
            strings: Vec::new(),
        }
    }

    fn given(&self, name: &str) -> Option<&'a str> {
        let all = self.config.smbios.iter().rev();
        let mut named = all.filter(|field| field.kind == self.kind && field.name == name);
        named.next().map(|field| field.value.as_str())
    }

    /// The string number of a field whose text is `usual` unless the user says otherwise.
    fn number(&mut self, name: &str, usual: &'a str) -> u8 {
        match self.given(name).unwrap_or(usual) {
            // An empty string would end the list.
            "" => 0,
            text => {
                self.strings.push(text);
                self.strings.len() as u8
            }
        }
    }
}

/// The structures of this machine. Type 0 is the firmware's own, unless the user describes it or there is none.
pub(super) fn structures(config: &TableConfig, with_bios: bool) -> Smbios {
    let mut all = Structures::default();
    let described = config.smbios.iter().any(|field| field.kind == kind::BIOS);
    if with_bios || described {
        let mut texts = Texts::new(config, kind::BIOS);
        let (vendor, version) = (
            texts.number("vendor", "Reprise"),
            texts.number("version", env!("CARGO_PKG_VERSION")),
        );
        let date = texts.number("date", "01/01/2026");
        let [major, minor] = texts.given("release").and_then(release).unwrap_or([0, 0]);
        // Characteristics: not supported; extension byte 2: a virtual machine, and whether it has UEFI.
        let uefi = if texts.given("uefi") == Some("on") { 8 } else { 0 };
        let body = body![
            [vendor, version],
            [0x00, 0xf0],
            [date, 0],
            8u64.to_le_bytes(),
            [0, 0x14 | uefi, major, minor, 0xff, 0xff]
        ];
        all.add(kind::BIOS, 0, &body, &texts.strings);
    }
    let mut texts = Texts::new(config, kind::SYSTEM);
    let uuid = texts
        .given("uuid")
        .and_then(parse_uuid)
        .or(config.uuid)
        .map_or([0; 16], smbios_uuid);
    let first = [
        texts.number("manufacturer", "Reprise"),
        texts.number("product", "Standard PC (i440FX + PIIX, 1996)"),
        texts.number("version", "pc"),
        texts.number("serial", ""),
    ];
    // Wake-up type: power switch.
    let last = [6, texts.number("sku", ""), texts.number("family", "")];
    all.add(kind::SYSTEM, 0x100, &body![first, uuid, last], &texts.strings);
    let mut texts = Texts::new(config, kind::CHASSIS);
    let first = [
        texts.number("manufacturer", "Reprise"),
        1,
        texts.number("version", "pc"),
        texts.number("serial", ""),
        texts.number("asset", ""),
    ];
    let sku = texts.number("sku", "");
    let chassis = body![first, [3, 3, 3, UNKNOWN], [0; 4], [0, 0, 0, 0, sku]];
    all.add(kind::CHASSIS, 0x300, &chassis, &texts.strings);
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

    Smbios { all }
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
