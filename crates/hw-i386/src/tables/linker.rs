//! ACPI tables before anybody knows where they will lie, and the two ways to place them.
//!
//! The generator puts tables one behind the other and notes which fields are pointers and checksums. The mini-POST asks
//! for the bytes at an address; firmware gets bytes, and records that tell it how to place them itself (QEMU's table
//! loader, `hw/acpi/bios-linker-loader.c`): allocate a file, add its address to a field, sum a range up.

use super::checksum;

/// Name of the file of tables in fw_cfg.
pub const TABLES_FILE: &str = "etc/acpi/tables";
/// Name of the file of the root pointer.
pub const RSDP_FILE: &str = "etc/acpi/rsdp";
/// Name of the file of records.
pub const LOADER_FILE: &str = "etc/table-loader";

/// Bytes of a record.
const RECORD: usize = 128;
/// Bytes of a file's name in a record.
const NAME: usize = 56;

/// Records' commands.
mod command {
    pub const ALLOCATE: u32 = 1;
    pub const ADD_POINTER: u32 = 2;
    pub const ADD_CHECKSUM: u32 = 3;
}

/// Where a file is to be put.
#[derive(Clone, Copy)]
enum Zone {
    High = 1,
    FSegment = 2,
}

/// Alignment of the tables: what the FACS wants.
const ALIGNMENT: usize = 64;

/// Tables, placed relative to their beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableBlob {
    bytes: Vec<u8>,
    /// Offsets of 32-bit fields that point into the blob: they hold offsets.
    pointers: Vec<usize>,
    /// First byte, length and place of a checksum, which is zero here.
    sums: Vec<(usize, usize, usize)>,
}

impl TableBlob {
    /// Appends bytes and returns their offset.
    pub fn append(&mut self, bytes: &[u8]) -> u32 {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        at as u32
    }

    /// Appends a table with the standard header, whose checksum is to be made, and whose fields at `pointers` hold
    /// offsets in the blob.
    pub fn append_table(&mut self, table: &[u8], pointers: impl IntoIterator<Item = usize>) -> u32 {
        const CHECKSUM: usize = 9;
        let at = self.append(table) as usize;
        self.bytes[at + CHECKSUM] = 0;
        self.pointers
            .extend(pointers.into_iter().map(|offset| at + offset));
        self.sums.push((at, table.len(), at + CHECKSUM));
        at as u32
    }

    /// The bytes as firmware gets them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes for the address `base`.
    pub fn placed(&self, base: u32) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for &at in &self.pointers {
            let field: &mut [u8] = &mut bytes[at..at + 4];
            let offset = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
            field.copy_from_slice(&base.wrapping_add(offset).to_le_bytes());
        }
        for &(start, len, at) in &self.sums {
            bytes[at] = checksum(&bytes[start..start + len]);
        }
        bytes
    }

    /// The records that place these tables, and a root pointer of `rsdp_len` bytes that has the root table's offset at 16
    /// and its checksum at 8.
    pub fn loader(&self, rsdp_len: usize) -> Vec<u8> {
        let mut all = vec![
            allocate(RSDP_FILE, 16, Zone::FSegment),
            allocate(TABLES_FILE, ALIGNMENT as u32, Zone::High),
        ];
        // A table's sum comes after its pointers; the root pointer is last, when all it leads to is done.
        let mut pointers = self.pointers.clone();
        pointers.sort_unstable();
        all.extend(
            pointers
                .iter()
                .map(|&at| add_pointer(TABLES_FILE, TABLES_FILE, at)),
        );
        all.extend(
            self.sums
                .iter()
                .map(|&(start, len, at)| add_checksum(TABLES_FILE, at, start, len)),
        );
        all.push(add_pointer(RSDP_FILE, TABLES_FILE, 16));
        all.push(add_checksum(RSDP_FILE, 8, 0, rsdp_len));
        all.concat()
    }
}

/// A name as records have it.
fn name(text: &str) -> [u8; NAME] {
    let mut field = [0; NAME];
    field[..text.len()].copy_from_slice(text.as_bytes());
    field
}

fn record(command: u32, fields: &[&[u8]]) -> Vec<u8> {
    let mut record = command.to_le_bytes().to_vec();
    fields.iter().for_each(|field| record.extend_from_slice(field));
    record.resize(RECORD, 0);
    record
}

fn allocate(file: &str, alignment: u32, zone: Zone) -> Vec<u8> {
    record(
        command::ALLOCATE,
        &[&name(file), &alignment.to_le_bytes(), &[zone as u8]],
    )
}

fn add_pointer(into: &str, to: &str, at: usize) -> Vec<u8> {
    record(
        command::ADD_POINTER,
        &[&name(into), &name(to), &(at as u32).to_le_bytes(), &[4]],
    )
}

fn add_checksum(file: &str, at: usize, start: usize, len: usize) -> Vec<u8> {
    let [at, start, len] = [at, start, len].map(|n| (n as u32).to_le_bytes());
    record(command::ADD_CHECKSUM, &[&name(file), &at, &start, &len])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A firmware that does what the records say gets what the mini-POST places.
    #[test]
    fn both_ways_are_one() {
        let mut blob = TableBlob::default();
        blob.append(b"FACS");
        let mut table = [0u8; 44];
        table[36..40].copy_from_slice(&0u32.to_le_bytes());
        let first = blob.append_table(&table, [36]);
        table[36..40].copy_from_slice(&first.to_le_bytes());
        blob.append_table(&table, [36]);
        const BASE: u32 = 0x7ff_0040;
        let mut bytes = blob.bytes().to_vec();
        let mut rsdp = vec![0u8; 20];
        let u32_at = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4"));
        let records = blob.loader(rsdp.len());
        assert_eq!(records.len() % RECORD, 0);
        for record in records.chunks(RECORD) {
            let into_rsdp = record[4..].starts_with(RSDP_FILE.as_bytes());
            let file = if into_rsdp { &mut rsdp } else { &mut bytes };
            match u32_at(record, 0) {
                command::ALLOCATE => {}
                command::ADD_POINTER => {
                    let at = u32_at(record, 116) as usize;
                    assert_eq!(record[120], 4);
                    let value = u32_at(file, at) + BASE;
                    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
                }
                command::ADD_CHECKSUM => {
                    let [at, start, len] = [60, 64, 68].map(|at| u32_at(record, at) as usize);
                    file[at] = checksum(&file[start..start + len]);
                }
                other => panic!("command {other}"),
            }
        }
        assert_eq!(bytes, blob.placed(BASE));
        assert_eq!(u32_at(&rsdp, 16), BASE);
        assert_eq!(checksum(&rsdp), 0);
    }
}
