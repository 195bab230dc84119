//! Unpacks the ELF kernel inside an LZ4-packed bzImage.
//!
//! Offsets are those of the Linux boot protocol (Documentation/arch/x86/boot.rst); the payload is LZ4's legacy
//! frame: a magic, then blocks of at most 8 MiB, each with its packed size in front.

use anyhow::{Context, Result, bail};

const LEGACY_MAGIC: u32 = 0x184c_2102;
const BLOCK: usize = 8 << 20;

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let field = bytes.get(at..at + 4).context("file is too short")?;
    Ok(u32::from_le_bytes(field.try_into()?))
}

/// The ELF file packed into `bzimage`.
///
/// # Errors
/// Not a bzImage, or not packed with LZ4.
pub fn unpack(bzimage: &[u8]) -> Result<Vec<u8>> {
    let setup_sectors = usize::from(*bzimage.get(0x1f1).context("file is too short")?);
    let start = (setup_sectors + 1) * 512 + u32_at(bzimage, 0x248)? as usize;
    let length = u32_at(bzimage, 0x24c)? as usize;
    // The last four bytes are the unpacked size, appended by the kernel's build.
    let payload = bzimage
        .get(start..start + length.saturating_sub(4))
        .context("payload lies outside the file")?;
    if u32_at(payload, 0)? != LEGACY_MAGIC {
        bail!("the kernel is not packed with LZ4");
    }
    let mut elf = Vec::new();
    let mut at = 4;
    while at + 4 <= payload.len() {
        let size = u32_at(payload, at)? as usize;
        let block = payload
            .get(at + 4..at + 4 + size)
            .context("a block lies outside the payload")?;
        elf.extend(lz4_flex::block::decompress(block, BLOCK)?);
        at += 4 + size;
    }
    Ok(elf)
}
