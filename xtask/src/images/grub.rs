//! GRUB for BIOS: a core image in the gap behind an MBR, and rescue CDs.
//!
//! `grub-install` wants block devices. What it does to a disk is little: the first sector loads the sector behind it,
//! that one loads the rest of the core image, whose place and length `grub-mkimage` has written into it.

use super::{SECTOR, need, tool};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Where Debian's package puts modules and boot sectors.
const MODULES: &str = "/usr/lib/grub/i386-pc";
/// First sector of the only partition: 1 MiB, where all partitioning tools put it.
pub const PARTITION_START: usize = 2048;
/// Modules that find `grub.cfg` on the first partition, and boot a kernel with words on a serial line.
const CORE: &[&str] = &[
    "biosdisk",
    "part_msdos",
    "ext2",
    "normal",
    "configfile",
    "serial",
    "terminal",
    "echo",
    "linux",
];

/// Packages needed here.
const TOOLS: &[(&str, &str)] = &[
    ("grub-common", "/usr/bin/grub-mkimage"),
    ("grub-pc-bin", "/usr/lib/grub/i386-pc/boot.img"),
];
/// Packages that make CDs.
const CD_TOOLS: &[(&str, &str)] = &[("xorriso", "/usr/bin/xorriso"), ("mtools", "/usr/bin/mformat")];

/// The sectors before the first partition: boot code, partition table with one Linux partition of `sectors` sectors
/// that is marked active, and the core image, which goes on with `/boot/grub/grub.cfg` of that partition.
///
/// # Errors
/// GRUB cannot be had, or its core image does not fit.
pub fn first_sectors(sectors: u32) -> Result<Vec<u8>> {
    need(TOOLS)?;
    let boot = std::fs::read(Path::new(MODULES).join("boot.img"))?;
    let core = core_image()?;
    let mut disk = vec![0; PARTITION_START * SECTOR];
    ensure!(
        SECTOR + core.len() <= disk.len(),
        "GRUB's core image is too large"
    );
    disk[..CODE].copy_from_slice(boot.get(..CODE).context("boot.img is too short")?);
    disk[SECTOR..SECTOR + core.len()].copy_from_slice(&core);
    // Which sector to load (the first of the core image), from the drive that the BIOS booted.
    disk[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&1u64.to_le_bytes());
    disk[BOOT_DRIVE] = 0xff;
    disk[DISK_ID..DISK_ID + 4].copy_from_slice(&0x5245_5052u32.to_le_bytes());
    disk[TABLE..TABLE + 16].copy_from_slice(&partition(PARTITION_START as u32, sectors));
    disk[SECTOR - 2..SECTOR].copy_from_slice(&[0x55, 0xaa]);
    Ok(disk)
}

/// Code in a master boot record ends where the disk's identity begins.
const CODE: usize = DISK_ID;
/// Master boot record: disk signature.
const DISK_ID: usize = 0x1b8;
/// Master boot record: partition table.
const TABLE: usize = 0x1be;
/// GRUB's boot.S: 64-bit number of the sector to load.
const KERNEL_SECTOR: usize = 0x5c;
/// GRUB's boot.S: BIOS drive to load from; FFh is the one that was booted.
const BOOT_DRIVE: usize = 0x64;

/// An active Linux partition as the table has it; cylinders, heads and sectors say "see the sector numbers".
fn partition(start: u32, sectors: u32) -> [u8; 16] {
    const FAR: [u8; 3] = [0xfe, 0xff, 0xff];
    let mut entry = [0; 16];
    entry[0] = 0x80;
    entry[1..4].copy_from_slice(&FAR);
    entry[4] = 0x83;
    entry[5..8].copy_from_slice(&FAR);
    entry[8..12].copy_from_slice(&start.to_le_bytes());
    entry[12..].copy_from_slice(&sectors.to_le_bytes());
    entry
}

fn core_image() -> Result<Vec<u8>> {
    let file = std::env::temp_dir().join(format!("reprise-core-{}.img", std::process::id()));
    tool(
        Command::new("grub-mkimage")
            .args(["-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o"])
            .arg(&file)
            .args(CORE),
    )?;
    let core = std::fs::read(&file)?;
    std::fs::remove_file(&file)?;
    Ok(core)
}

/// A CD that also boots as a disk, with `config` as its `grub.cfg` and `files` (path on the CD, bytes).
///
/// # Errors
/// GRUB or xorriso cannot be had, or fail.
pub fn rescue_cd(iso: &Path, config: &str, files: &[(&str, Vec<u8>)]) -> Result<()> {
    need(TOOLS)?;
    need(CD_TOOLS)?;
    let tree = iso.with_extension("tree");
    std::fs::create_dir_all(tree.join("boot/grub"))?;
    std::fs::write(tree.join("boot/grub/grub.cfg"), config)?;
    for (path, bytes) in files {
        std::fs::write(tree.join(path), bytes)?;
    }
    let done = tool(
        Command::new("grub-mkrescue")
            .args(["-d", MODULES, "-o"])
            .arg(iso)
            .arg(&tree),
    );
    std::fs::remove_dir_all(&tree)?;
    done.map(drop)
}

/// Commands that bring a GRUB menu to COM1.
pub const ON_SERIAL: &str = "\
serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=0
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_of_one_gibibyte() {
        let entry = partition(2048, 1 << 21);
        assert_eq!((entry[0], entry[4]), (0x80, 0x83));
        assert_eq!(&entry[8..], [0, 8, 0, 0, 0, 0, 0x20, 0]);
    }
}
