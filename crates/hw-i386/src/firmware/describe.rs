//! The machine as fw_cfg tells it to firmware.
//!
//! Numbers and tables flow in from the board; out come the items that SeaBIOS and OVMF ask for, under QEMU's names and
//! keys. ACPI tables are made when they are selected: where firmware puts the power-management registers is its choice.

use super::FirmwareConfig;
use crate::board_spec::{HPET_BASE, HPET_ID};
use crate::fw_cfg::spec::key;
use crate::fw_cfg::{Contents, FileError, Item, Maker};
use crate::ram_layout::{HIGH_START, RamLayout};
use crate::tables::FirmwareTables;
use crate::tables::linker::{LOADER_FILE, RSDP_FILE, TABLES_FILE};

/// What there is to tell.
pub struct Described<'a> {
    /// What the user says.
    pub config: &'a FirmwareConfig,
    /// RAM.
    pub ram: RamLayout,
    /// CPUs.
    pub cpus: u16,
    /// One more than the highest APIC id.
    pub apic_ids: u16,
    /// Whether there is an HPET.
    pub hpet: bool,
    /// Tables, as they are before firmware has run.
    pub tables: &'a FirmwareTables,
    /// ACPI tables as they are at the moment.
    pub acpi_now: Maker,
}

/// S1 and S2 are not there, S5 is with sleep type 0, S3 and S4 are disabled (`etc/system-states`).
const SYSTEM_STATES: [u8; 6] = [0x80, 0, 0, 1, 2, 0x80];

/// All items.
///
/// # Errors
/// A file of the user's has an impossible name, or that of one of ours.
pub fn describe(machine: &Described<'_>) -> Result<Contents, FileError> {
    let config = machine.config;
    let mut contents = Contents::new();
    let number16 = |n: u16| Item::bytes(n.to_le_bytes());
    let switch = |on: bool| number16(on.into());
    contents.set(key::UUID, Item::bytes(config.uuid.unwrap_or_default()));
    contents.set(key::RAM_SIZE, Item::bytes(machine.ram.size().to_le_bytes()));
    contents.set(key::NOGRAPHIC, switch(config.nographic));
    contents.set(key::NB_CPUS, number16(machine.cpus));
    contents.set(key::MAX_CPUS, number16(machine.apic_ids));
    contents.set(key::NUMA, Item::bytes(numa(machine.apic_ids)));
    contents.set(key::BOOT_MENU, switch(config.boot.menu == Some(true)));
    contents.set(key::ACPI_TABLES, number16(0));
    contents.set(key::IRQ0_OVERRIDE, Item::bytes(1u32.to_le_bytes()));
    contents.set(key::HPET, Item::bytes(hpet(machine.hpet)));

    let mut file = |name: &str, bytes: Vec<u8>| contents.add_file(name, Item::bytes(bytes));
    file("etc/e820", e820(&machine.ram))?;
    file("etc/system-states", SYSTEM_STATES.to_vec())?;
    file("etc/smbios/smbios-tables", machine.tables.smbios.clone())?;
    file("etc/smbios/smbios-anchor", machine.tables.smbios_anchor.clone())?;
    // All ones: for ever.
    let wait = config.boot.reboot_timeout.map_or(u32::MAX, u32::from);
    file("etc/boot-fail-wait", wait.to_le_bytes().to_vec())?;
    if let Some(time) = config.boot.splash_time {
        file("etc/boot-menu-wait", time.to_le_bytes().to_vec())?;
    }
    if let Some((_, rsdp, records)) = &machine.tables.acpi {
        file(RSDP_FILE, rsdp.clone())?;
        file(LOADER_FILE, records.clone())?;
        let make = Maker::clone(&machine.acpi_now);
        contents.add_file(TABLES_FILE, Item::live(move || make()))?;
    }
    for (name, bytes) in &config.files {
        contents.add_file(name, Item::bytes(bytes.clone()))?;
    }
    set_boot_order(&mut contents, &[], config.boot.strict)?;
    Ok(contents)
}

/// Says in which order devices, named by their Open Firmware paths, are tried.
///
/// # Errors
/// None that the board could not have helped.
pub(crate) fn set_boot_order(
    contents: &mut Contents,
    paths: &[String],
    strict: bool,
) -> Result<(), FileError> {
    let halt = (strict && !paths.is_empty()).then(|| "HALT".to_owned());
    let lines: Vec<String> = paths.iter().cloned().chain(halt).collect();
    let mut text = lines.join("\n").into_bytes();
    if !text.is_empty() {
        text.push(0);
    }
    contents.set_file("bootorder", Item::bytes(text))
}

/// Memory: base, length and kind of each range. Firmware knows best what of it is its own.
fn e820(ram: &RamLayout) -> Vec<u8> {
    const USABLE: u32 = 1;
    let ranges = [(0, ram.low()), (HIGH_START, ram.high())];
    let ranges = ranges.into_iter().filter(|range| range.1 > 0);
    ranges
        .flat_map(|(start, len)| {
            let (start, len) = (u64::to_le_bytes(start), len.to_le_bytes());
            [&start[..], &len, &USABLE.to_le_bytes()].concat()
        })
        .collect()
}

/// No NUMA nodes: their number, then one word for each CPU.
fn numa(cpus: u16) -> Vec<u8> {
    vec![0; 8 * (1 + usize::from(cpus))]
}

/// Number of HPETs, then eight places: id (u32), address (u64), minimum tick (u16), page protection (u8).
fn hpet(present: bool) -> Vec<u8> {
    const PLACES: usize = 8;
    const PLACE: usize = 15;
    let mut bytes = vec![u8::from(present)];
    if present {
        bytes.extend(HPET_ID.to_le_bytes());
        bytes.extend(u64::from(HPET_BASE).to_le_bytes());
        bytes.extend(100u16.to_le_bytes());
    }
    bytes.resize(1 + PLACES * PLACE, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::BootSettings;
    use std::sync::Arc;

    fn described(config: &FirmwareConfig) -> Result<Contents, FileError> {
        let tables = FirmwareTables {
            acpi: None,
            smbios: vec![1],
            smbios_anchor: vec![2],
        };
        describe(&Described {
            config,
            ram: RamLayout::new(4 << 30),
            cpus: 2,
            apic_ids: 4,
            hpet: true,
            tables: &tables,
            acpi_now: Arc::new(Vec::new),
        })
    }

    #[test]
    fn files() {
        let mut config = FirmwareConfig {
            boot: BootSettings {
                splash_time: Some(500),
                strict: true,
                ..BootSettings::default()
            },
            files: vec![("opt/x".into(), Arc::from(*b"text"))],
            ..FirmwareConfig::default()
        };
        let mut contents = described(&config).expect("sound");
        assert_eq!(contents.file("etc/boot-menu-wait"), Some(&[0xf4, 1][..]));
        assert_eq!(contents.file("etc/boot-fail-wait"), Some(&[0xff; 4][..]));
        assert_eq!(contents.file("opt/x"), Some(&b"text"[..]));
        assert_eq!(contents.file("etc/e820").map(<[u8]>::len), Some(40));
        assert_eq!(contents.file("bootorder"), Some(&b""[..]));
        let paths = ["/a".to_owned(), "/b".to_owned()];
        set_boot_order(&mut contents, &paths, true).expect("room");
        assert_eq!(contents.file("bootorder"), Some(&b"/a\n/b\nHALT\0"[..]));
        config.files.push(("etc/e820".into(), Arc::from([])));
        assert_eq!(
            described(&config).err(),
            Some(FileError::Duplicate("etc/e820".into()))
        );
    }
}
