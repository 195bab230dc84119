//! What a qcow2 image's first bytes say, checked before anything follows from it.
//!
//! QEMU's docs/interop/qcow2.txt. All numbers are big-endian. The crate that reads and writes images checks what it
//! uses, too; here are the words for a user, and what is refused on purpose.

/// `QFI`, 251.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";
/// Length of a version 2 header, and of a version 3 one at least.
pub const LENGTHS: [usize; 2] = [72, 104];
/// log2 of the bytes of a cluster.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// QEMU's limits: bytes of the level 1 table, and of the refcount table.
const L1_BYTES: u64 = 32 << 20;
const REFCOUNT_TABLE_BYTES: u64 = 8 << 20;
/// No offset in an image reaches further.
const MAX_OFFSET: u64 = 1 << 56;

/// Incompatible features: what a program must know to use the image.
mod incompatible {
    pub const DIRTY: u64 = 1 << 0;
    pub const CORRUPT: u64 = 1 << 1;
    pub const DATA_FILE: u64 = 1 << 2;
    pub const COMPRESSION: u64 = 1 << 3;
    pub const SUBCLUSTERS: u64 = 1 << 4;
}

/// What is wrong with the header, if anything.
///
/// `start` is what the file has of its first [`LENGTHS`]`[1]` bytes.
pub fn check(start: &[u8], writing: bool) -> Result<(), String> {
    let word = |at: usize| {
        let bytes = start.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let long = |at: usize| {
        let bytes = start.get(at..at + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    };
    if !start.starts_with(&MAGIC) {
        return Err("Image is not in qcow2 format".into());
    }
    let cut = || "the qcow2 header is cut off".to_owned();
    let version = word(4).ok_or_else(cut)?;
    if !(2..=3).contains(&version) {
        return Err(format!("Unsupported qcow2 version {version}"));
    }
    if start.len() < LENGTHS[version as usize - 2] {
        return Err(cut());
    }
    let bits = word(20).ok_or_else(cut)?;
    if !CLUSTER_BITS.contains(&bits) {
        return Err(format!("Unsupported cluster size: 2^{bits}"));
    }
    let cluster = 1_u64 << bits;
    let size = long(24).ok_or_else(cut)?;
    if size > MAX_OFFSET {
        return Err("qcow2 image size is too large".into());
    }
    if word(32) != Some(0) {
        return Err("encrypted qcow2 images are not supported".into());
    }
    let table = |what: &str, at: u64, bytes: u64, limit: u64| {
        if bytes > limit {
            Err(format!("{what} is too large"))
        } else if !at.is_multiple_of(cluster) || at.checked_add(bytes).is_none_or(|end| end > MAX_OFFSET) {
            Err(format!("Invalid offset of {what}"))
        } else {
            Ok(())
        }
    };
    let l1_entries = u64::from(word(36).ok_or_else(cut)?);
    table("L1 table", long(40).ok_or_else(cut)?, l1_entries * 8, L1_BYTES)?;
    // An L1 entry stands for an L2 table, a cluster of 8-byte entries.
    if l1_entries < size.div_ceil(cluster * (cluster / 8)) {
        return Err("L1 table is too small".into());
    }
    let refcounts = u64::from(word(56).ok_or_else(cut)?) * cluster;
    if refcounts == 0 {
        return Err("Image does not contain a reference count table".into());
    }
    table(
        "refcount table",
        long(48).ok_or_else(cut)?,
        refcounts,
        REFCOUNT_TABLE_BYTES,
    )?;
    if version == 2 {
        return Ok(());
    }
    let features = long(72).ok_or_else(cut)?;
    let known = incompatible::DIRTY
        | incompatible::CORRUPT
        | incompatible::DATA_FILE
        | incompatible::COMPRESSION
        | incompatible::SUBCLUSTERS;
    if features & !known != 0 {
        return Err(format!("Unknown incompatible qcow2 features {features:#x}"));
    }
    if features & incompatible::CORRUPT != 0 && writing {
        return Err("qcow2: Image is corrupt; cannot be opened read/write".into());
    }
    if features & incompatible::DIRTY != 0 && writing {
        return Err("qcow2: the image was not closed; 'qemu-img check -r all' repairs it".into());
    }
    for (feature, what) in [
        (incompatible::DATA_FILE, "an external data file"),
        (incompatible::COMPRESSION, "another compression than zlib"),
        (incompatible::SUBCLUSTERS, "extended L2 entries"),
    ] {
        if features & feature != 0 {
            return Err(format!("qcow2 images with {what} are not supported"));
        }
    }
    Ok(())
}
