//! The guests we boot: Debian kernels, memtest86+, and an initramfs around busybox.
//!
//! Data flows from Debian packages ([`crate::apt`]) into files below `guests/`.

use crate::apt::{Apt, GUESTS};
use crate::cpio::Archive;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// A kernel of Debian 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `cloud-amd64`: small, LZ4 packed, drivers for clouds only.
    Cloud,
    /// `amd64`: the generic kernel.
    Generic,
    /// `686-pae`: 32 bits.
    Pae,
}

impl Flavour {
    fn metapackage(self) -> &'static str {
        match self {
            Self::Cloud => "linux-image-cloud-amd64",
            Self::Generic => "linux-image-amd64",
            Self::Pae => "linux-image-686-pae:i386",
        }
    }

    /// Debian's name of the architecture.
    fn architecture(self) -> &'static str {
        if self == Self::Pae { "i386" } else { "amd64" }
    }

    /// What it is called here.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::Generic => "generic",
            Self::Pae => "686-pae",
        }
    }

    /// Reads a name as typed on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "cloud" | "cloud-amd64" => Some(Self::Cloud),
            "generic" | "amd64" => Some(Self::Generic),
            "686-pae" | "i386" => Some(Self::Pae),
            _ => None,
        }
    }
}

/// Guest files of one workspace.
pub struct Guests {
    apt: Apt,
    dir: PathBuf,
}

impl Guests {
    /// Opens `guests/` of the workspace.
    ///
    /// # Errors
    /// No apt on this system.
    pub fn open(workspace: &Path) -> Result<Self> {
        Ok(Self {
            apt: Apt::open(workspace)?,
            dir: workspace.join(GUESTS),
        })
    }

    /// The bzImage of a Debian kernel.
    ///
    /// # Errors
    /// The package cannot be had or holds no kernel.
    pub fn kernel(&self, flavour: Flavour) -> Result<PathBuf> {
        let meta = flavour.metapackage();
        let mut package = self.apt.dependency_of(meta)?;
        if let (Some((_, arch)), false) = (meta.split_once(':'), package.contains(':')) {
            package = format!("{package}:{arch}");
        }
        let boot = self.apt.unpacked(&package)?.join("boot");
        file_starting_with(&boot, "vmlinuz")
    }

    /// memtest86+ for `x64` or `ia32`.
    ///
    /// # Errors
    /// The package cannot be had.
    pub fn memtest(&self, arch: &str) -> Result<PathBuf> {
        let boot = self.apt.unpacked("memtest86+")?.join("boot");
        file_starting_with(&boot, &format!("memtest86+{arch}.bin"))
    }

    /// SeaBIOS, as QEMU's users have it.
    ///
    /// # Errors
    /// The package cannot be had.
    pub fn seabios(&self) -> Result<PathBuf> {
        let share = self.apt.unpacked("seabios")?.join("usr/share/seabios");
        file_starting_with(&share, "bios-256k.bin")
    }

    /// OVMF's code, and variables that a guest may write.
    ///
    /// # Errors
    /// The package cannot be had, or the variables not be copied.
    pub fn ovmf(&self) -> Result<(PathBuf, PathBuf)> {
        let share = self.apt.unpacked("ovmf")?.join("usr/share/OVMF");
        let vars = std::fs::read(share.join("OVMF_VARS_4M.fd")).context("reading OVMF's variables")?;
        Ok((share.join("OVMF_CODE_4M.fd"), self.write("OVMF_VARS.fd", &vars)?))
    }

    /// An initramfs with busybox for the kernel's word size, running `init` (a shell script) as process 1.
    ///
    /// # Errors
    /// busybox cannot be had, or the file cannot be written.
    pub fn initramfs(&self, flavour: Flavour, name: &str, init: &str) -> Result<PathBuf> {
        let archive = self.archive(flavour, init)?;
        let arch = flavour.architecture();
        self.write(&format!("initramfs-{name}-{arch}.cpio"), &archive.finish())
    }

    /// The same, open for more files.
    ///
    /// # Errors
    /// busybox cannot be had.
    pub fn archive(&self, flavour: Flavour, init: &str) -> Result<Archive> {
        let tree = self
            .apt
            .unpacked(&format!("busybox-static:{}", flavour.architecture()))?;
        let busybox = std::fs::read(tree.join("bin/busybox")).context("reading busybox")?;
        let mut archive = Archive::default();
        for dir in ["bin", "sbin", "dev", "proc", "sys", "tmp", "root", "etc"] {
            archive.directory(dir);
        }
        archive
            .char_device("dev/console", 5, 1)
            .char_device("dev/null", 1, 3);
        archive
            .program("bin/busybox", &busybox)
            .symlink("bin/sh", "busybox")
            .program("init", init.as_bytes());
        Ok(archive)
    }

    /// An initramfs with one static program as process 1, and nothing else.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bare_initramfs(&self, name: &str, init: &[u8]) -> Result<PathBuf> {
        let mut archive = Archive::default();
        for dir in ["dev", "proc", "sys", "tmp"] {
            archive.directory(dir);
        }
        archive.char_device("dev/console", 5, 1).program("init", init);
        self.write(&format!("initramfs-{name}.cpio"), &archive.finish())
    }

    /// Where a file of that name would be in `guests/`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The packages that guests are made of.
    pub fn packages(&self) -> &Apt {
        &self.apt
    }

    /// Puts a file that was made here into `guests/`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.dir.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// Process 1 of an interactive boot: mounts the usual, greets, and stays in a shell on the console.
pub const SHELL_INIT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root PS1='reprise:\\w# '
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo
echo \"Linux $(uname -r) on $(uname -m), up after $(cut -d' ' -f1 /proc/uptime) s. 'poweroff -f' ends it.\"
cd /root
exec setsid cttyhack sh
";

fn file_starting_with(dir: &Path, prefix: &str) -> Result<PathBuf> {
    std::fs::read_dir(dir)
        .with_context(|| format!("looking into {}", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .with_context(|| format!("no {prefix}* in {}", dir.display()))
}

impl Guests {
    /// The ELF kernel inside a bzImage, next to it in `guests/`.
    ///
    /// # Errors
    /// The payload is packed in a way that no tool here unpacks.
    pub fn vmlinux(&self, bzimage: &Path) -> Result<PathBuf> {
        let name = bzimage
            .file_name()
            .context("a kernel file")?
            .to_string_lossy()
            .replace("vmlinuz", "vmlinux");
        let path = self.dir.join(name);
        if !path.exists() {
            std::fs::write(&path, crate::payload::unpack(&std::fs::read(bzimage)?)?)?;
        }
        Ok(path)
    }
}
