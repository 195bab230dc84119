//! Checksums, pointers and the fields that operating systems decide by.

use super::*;
use crate::boot::Blob;
use crate::ram_layout::{GIB, MIB};

fn layout(sockets: u32) -> Layout {
    Layout {
        cpus: sockets,
        sockets,
        ..Layout::default()
    }
}

fn config(size: u64) -> TableConfig {
    TableConfig {
        ram: RamLayout::new(size),
        apic_ids: vec![0, 1],
        layout: layout(2),
        cpu_signature: 0x663,
        cpu_features: 0x78b_fbff,
        acpi: true,
        hpet: true,
        serials: [true, false, false, false],
        pm_base: 0x600,
        uuid: None,
        smbios: Vec::new(),
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |s, b| s.wrapping_add(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Offset of a 16-byte aligned signature in the F segment.
fn find(segment: &[u8], signature: &[u8]) -> usize {
    (0..segment.len())
        .step_by(16)
        .find(|&at| segment[at..].starts_with(signature))
        .expect("signature")
}

/// The ACPI tables by signature, each with a good checksum.
fn acpi_tables(config: &TableConfig) -> Vec<(String, Vec<u8>)> {
    let tables = build(config);
    let load = tables.acpi.unwrap();
    let Blob::Bytes(area) = &load.blob else { panic!() };
    let table = |address: u32| {
        let at = (address as u64 - load.at.0) as usize;
        let len = u32_at(area, at + 4) as usize;
        area[at..at + len].to_vec()
    };
    let rsdp = (tables.rsdp.unwrap() - F_SEGMENT) as usize;
    let rsdp = &tables.f_segment[rsdp..rsdp + 20];
    assert_eq!((&rsdp[..8], sum(rsdp)), (&b"RSD PTR "[..], 0));
    let rsdt = table(u32_at(rsdp, 16));
    let mut all: Vec<_> = rsdt[36..].chunks(4).map(|p| table(u32_at(p, 0))).collect();
    let fadt = all[0].clone();
    all.push(table(u32_at(&fadt, 40)));
    all.push(rsdt);
    all.iter().for_each(|t| assert_eq!(sum(t), 0));
    all.push(table(u32_at(&fadt, 36)));
    all.into_iter()
        .map(|t| (String::from_utf8_lossy(&t[..4]).into_owned(), t))
        .collect()
}

#[test]
fn acpi() {
    let tables = acpi_tables(&config(512 * MIB));
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["FACP", "APIC", "HPET", "WAET", "DSDT", "RSDT", "FACS"]);
    let fadt = &tables[0].1;
    assert_eq!(
        (fadt.len(), fadt[8], fadt[46], u32_at(fadt, 112)),
        (116, 1, 9, 0x80a5)
    );
    assert_eq!(
        (u32_at(fadt, 56), u32_at(fadt, 64), u32_at(fadt, 76)),
        (0x600, 0x604, 0x608)
    );
    let madt = &tables[1].1;
    assert_eq!(madt.len(), 44 + 2 * 8 + 12 + 5 * 10 + 6);
    assert_eq!(madt[44 + 16 + 12..44 + 16 + 22], [2, 10, 0, 0, 2, 0, 0, 0, 0, 0]);
    assert_eq!(u32_at(&tables[2].1, 44), 0xfed0_0000);
}

#[test]
fn largest_machine_fits() {
    for size in [16 * MIB, 3 * GIB + 500 * MIB, 64 * GIB, 4096 * GIB] {
        let config = TableConfig {
            apic_ids: (0..64).collect(),
            layout: layout(64),
            serials: [true; 4],
            ..config(size)
        };
        assert!(acpi_tables(&config).len() == 7);
    }
    let none = build(&TableConfig {
        acpi: false,
        ..config(GIB)
    });
    assert!(none.acpi.is_none() && none.rsdp.is_none());
}

#[test]
fn old_tables() {
    let segment = build(&config(8 * GIB)).f_segment;
    let mp = find(&segment, b"_MP_");
    assert_eq!(sum(&segment[mp..mp + 16]), 0);
    let table = (u32_at(&segment, mp + 4) as u64 - F_SEGMENT) as usize;
    let len = u16::from_le_bytes([segment[table + 4], segment[table + 5]]) as usize;
    assert_eq!(
        (&segment[table..table + 4], sum(&segment[table..table + len])),
        (&b"PCMP"[..], 0)
    );
    let pir = find(&segment, b"$PIR");
    let len = u16::from_le_bytes([segment[pir + 6], segment[pir + 7]]) as usize;
    assert_eq!(sum(&segment[pir..pir + len]), 0);
    let smbios = find(&segment, b"_SM_");
    assert_eq!(sum(&segment[smbios..smbios + 0x1f]), 0);
    assert_eq!(sum(&segment[smbios + 0x10..smbios + 0x1f]), 0);
    // Walk the structures: types in order, each ended by two zeros.
    let mut at = (u32_at(&segment, smbios + 0x18) as u64 - F_SEGMENT) as usize;
    let mut kinds = Vec::new();
    loop {
        kinds.push(segment[at]);
        if segment[at] == 127 {
            break;
        }
        at += segment[at + 1] as usize;
        while segment[at..at + 2] != [0, 0] {
            at += 1;
        }
        at += 2;
    }
    assert_eq!(kinds, [0, 1, 3, 4, 4, 16, 17, 19, 19, 32, 127]);
    assert_eq!(segment[0xfff0..0xfff5], RESET_STUB);
}

/// Development aid: writes the ACPI tables where `ACPI_DUMP` says, for iasl.
#[test]
fn dump_for_iasl() {
    let Some(dir) = std::env::var_os("ACPI_DUMP") else {
        return;
    };
    for (name, bytes) in acpi_tables(&config(4 * GIB)) {
        std::fs::write(std::path::Path::new(&dir).join(format!("{name}.dat")), bytes).unwrap();
    }
}

/// What `-smbios` and `-uuid` say is in the structures, in the order of their strings.
#[test]
fn described_smbios() {
    let mut config = config(512 * MIB);
    config.uuid = smbios::parse_uuid("00112233-4455-6677-8899-aabbccddeeff");
    let firmware = for_firmware(&config);
    let [kind, length] = [firmware.smbios[0], firmware.smbios[1]];
    assert_eq!((kind, length), (1, 27), "the first structure is the system's");
    assert_eq!(
        firmware.smbios[8..16],
        [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]
    );
    assert_eq!(
        (&firmware.smbios_anchor[..4], sum(&firmware.smbios_anchor)),
        (&b"_SM_"[..], 0)
    );
    let field = |kind, name, value| SmbiosField::new(kind, name, value).expect("sound");
    config.smbios = vec![
        field(0, "vendor", "Maker"),
        field(0, "release", "3.7"),
        field(1, "serial", "S-1"),
        field(1, "product", ""),
    ];
    let bytes = for_firmware(&config).smbios;
    assert_eq!((bytes[0], bytes[4], bytes[20], bytes[21]), (0, 1, 3, 7));
    assert!(bytes[24..].starts_with(b"Maker\0"));
    let system = bytes.windows(4).position(|w| w == [1, 27, 0, 1]).expect("type 1");
    assert_eq!(bytes[system + 4..system + 8], [1, 0, 2, 3], "no product");
    assert!(bytes[system + 27..].starts_with(b"Reprise\0pc\0S-1\0\0"));
    for (kind, name, value, reason) in [
        (2, "serial", "", "type=2: types 0, 1 and 3 can be described"),
        (
            3,
            "family",
            "",
            "'family' is no field of type 3; there are manufacturer, version, serial, asset, sku",
        ),
        (1, "uuid", "1-2", "'1-2' is no UUID"),
        (0, "release", "1", "release is MAJOR.MINOR, not '1'"),
    ] {
        assert_eq!(SmbiosField::new(kind, name, value), Err(reason.to_owned()));
    }
}
