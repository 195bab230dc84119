//! An EFI system partition with GRUB on it, as a disk without partitions.

use super::{need, tool};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

const TOOLS: &[(&str, &str)] = &[
    ("grub-common", "/usr/bin/grub-mkstandalone"),
    ("grub-efi-amd64-bin", "/usr/lib/grub/x86_64-efi/moddep.lst"),
    ("mtools", "/usr/bin/mformat"),
];
/// Modules of the GRUB: reading its configuration from memory, and what that says.
const MODULES: &str = "normal configfile memdisk tar echo halt";
const MIB: u64 = 16;

/// A FAT disk whose `EFI/BOOT/BOOTX64.EFI` is a GRUB with `config`.
///
/// # Errors
/// GRUB or mtools cannot be had, or fail.
pub fn system_partition(disk: &Path, config: &str) -> Result<()> {
    need(TOOLS)?;
    let (program, text) = (disk.with_extension("efi"), disk.with_extension("cfg"));
    std::fs::write(&text, config)?;
    tool(
        Command::new("grub-mkstandalone")
            .args(["-O", "x86_64-efi", "--locales=", "--fonts=", "--themes="])
            .arg(format!("--install-modules={MODULES}"))
            .arg("-o")
            .arg(&program)
            .arg(format!("boot/grub/grub.cfg={}", text.display())),
    )?;
    std::fs::File::create(disk)?.set_len(MIB << 20)?;
    let on_disk = |name: &str| {
        let mut command = Command::new(name);
        command.arg("-i").arg(disk);
        command
    };
    tool(on_disk("mformat").args(["-F", "-v", "REPRISE", "::"]))?;
    tool(on_disk("mmd").args(["::/EFI", "::/EFI/BOOT"]))?;
    tool(on_disk("mcopy").arg(&program).arg("::/EFI/BOOT/BOOTX64.EFI"))?;
    std::fs::remove_file(&program)?;
    std::fs::remove_file(&text)?;
    Ok(())
}
