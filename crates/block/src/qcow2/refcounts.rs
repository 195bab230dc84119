//! Whether the reference counts of an image can be trusted to say what is free, before anything is written to it.
//!
//! Whoever writes takes clusters whose count is 0. If what says so is damaged, tables that are in use are overwritten, so
//! an image whose own tables are not counted is opened for reading only. Data is not looked at: that would take as long
//! as a check of the whole image.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Offsets in entries of the L1 table and of the refcount table.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// What the check needs of a header that is sound in itself.
struct Layout {
    cluster: u64,
    bits: u32,
    l1: (u64, u64),
    refcounts: (u64, u64),
    /// log2 of the bits of a count.
    order: u32,
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |bytes| {
        u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
    })
}

fn word(bytes: &[u8], at: usize) -> u64 {
    long(bytes, at) >> 32
}

impl Layout {
    fn of(header: &[u8]) -> Self {
        let bits = word(header, 20) as u32;
        let cluster = 1 << bits;
        Self {
            cluster,
            bits,
            l1: (long(header, 40), word(header, 36) * 8),
            refcounts: (long(header, 48), word(header, 56) * cluster),
            order: if word(header, 4) == 2 {
                4
            } else {
                word(header, 96).min(6) as u32
            },
        }
    }

    /// Counts in a block.
    fn counts(&self) -> u64 {
        (self.cluster * 8) >> self.order
    }

    fn clusters(&self, (offset, bytes): (u64, u64)) -> std::ops::Range<u64> {
        offset >> self.bits..(offset + bytes).div_ceil(self.cluster)
    }
}

/// Reads a table of big-endian words.
fn table(file: &File, (offset, bytes): (u64, u64)) -> io::Result<Vec<u64>> {
    let mut data = vec![0; bytes as usize];
    file.read_exact_at(&mut data, offset)?;
    Ok((0..data.len() / 8).map(|index| long(&data, index * 8)).collect())
}

/// What is wrong, if anything. `header` has passed [`check`](super::header::check).
///
/// # Errors
/// The host could not read.
pub fn check(file: &File, header: &[u8]) -> io::Result<Result<(), &'static str>> {
    let layout = Layout::of(header);
    let length = file.metadata()?.len();
    let length = if length == 0 { u64::MAX >> 8 } else { length };
    let in_file = |(offset, bytes): (u64, u64)| offset.checked_add(bytes).is_some_and(|end| end <= length);
    if !in_file(layout.refcounts) || !in_file(layout.l1) {
        return Ok(Err("a table lies behind the end of the file"));
    }
    let blocks = table(file, layout.refcounts)?;
    // The clusters of all tables.
    let mut used = BTreeSet::from([0]);
    let mut overlap = false;
    let mut add = |cluster: u64| overlap |= !used.insert(cluster);
    layout.clusters(layout.refcounts).for_each(&mut add);
    layout.clusters(layout.l1).for_each(&mut add);
    let l1 = table(file, layout.l1)?;
    for offset in blocks.iter().chain(&l1).map(|entry| entry & OFFSET) {
        if offset == 0 {
            continue;
        }
        if !offset.is_multiple_of(layout.cluster) || !in_file((offset, 1)) {
            return Ok(Err("a table points to where no cluster is"));
        }
        add(offset >> layout.bits);
    }
    if overlap {
        return Ok(Err("tables overlap"));
    }
    // Their counts, block by block.
    let mut block = (u64::MAX, Vec::new());
    for cluster in used {
        let index = cluster / layout.counts();
        if block.0 != index {
            let offset = blocks.get(index as usize).map_or(0, |entry| entry & OFFSET);
            if offset == 0 {
                return Ok(Err("a table's cluster has no reference count"));
            }
            let mut data = vec![0; layout.cluster as usize];
            let has = length.saturating_sub(offset).min(layout.cluster) as usize;
            file.read_exact_at(&mut data[..has], offset)?;
            block = (index, data);
        }
        let bit = (cluster % layout.counts()) << layout.order;
        let (byte, width) = ((bit / 8) as usize, 1_usize << layout.order);
        let count = if width < 8 {
            u64::from(block.1[byte] >> (bit % 8)) & ((1 << width) - 1)
        } else {
            block.1[byte..byte + width / 8]
                .iter()
                .fold(0, |count, &byte| count << 8 | u64::from(byte))
        };
        if count == 0 {
            return Ok(Err("a table's cluster counts as free"));
        }
    }
    Ok(Ok(()))
}
