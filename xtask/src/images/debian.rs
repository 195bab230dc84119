//! A Debian 12 with systemd on a disk: MBR, one ext4 partition, GRUB; raw and qcow2; its kernels and initrds beside.
//!
//! `debootstrap` makes the tree (as root: it changes root into it), [`guest`](self) files and a kernel that other tests
//! boot too are put into it, `mke2fs -d` makes the file system from it. Nothing is mounted, no loop device is needed.

use super::{DISK_TOOLS, SECTOR, grub, made, need, tool};
use crate::guests::{Flavour, Guests};
use anyhow::{Context, Result, ensure};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Word size of a Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    Amd64,
    I386,
}

impl Arch {
    /// Debian's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::I386 => "i386",
        }
    }

    /// Its kernels; the first is what GRUB boots.
    fn kernels(self) -> &'static [Flavour] {
        match self {
            Self::Amd64 => &[Flavour::Cloud, Flavour::Generic],
            Self::I386 => &[Flavour::Pae],
        }
    }
}

/// What was made of a Debian: a directory with these files.
pub struct Debian {
    dir: PathBuf,
}

impl Debian {
    /// The disk as it is.
    pub fn raw(&self) -> PathBuf {
        self.dir.join("disk.raw")
    }

    /// The same disk as qcow2.
    pub fn qcow2(&self) -> PathBuf {
        self.dir.join("disk.qcow2")
    }

    /// A kernel of it, and the initrd that belongs to it.
    pub fn kernel(&self, flavour: Flavour) -> (PathBuf, PathBuf) {
        let file = |what: &str| self.dir.join(format!("{what}-{}", flavour.word()));
        (file("vmlinuz"), file("initrd"))
    }
}

/// Packages beyond those that any Debian has.
const PACKAGES: &str =
    "systemd,systemd-sysv,udev,dbus,initramfs-tools,zstd,e2fsprogs,iproute2,openssh-server,fio,wget,fdisk";
const SUITE: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org/debian";
/// For dpkg while it installs: nobody needs half a tree after a crash, and nobody reads manuals in the guest.
const DPKG: &str = "\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
";
/// Size of the partition, and the space before it.
const PARTITION_MIB: u64 = 1200;
/// To be raised when the code of this file makes another disk of the same texts.
const EDITION: u32 = 1;

/// Drivers of hardware that no emulator here has: three quarters of a generic kernel's modules.
const LEFT_OUT: &[&str] = &[
    "sound",
    "drivers/gpu",
    "drivers/iio",
    "drivers/infiniband",
    "drivers/media",
    "drivers/net/wireless",
    "drivers/staging",
];

/// Drivers in the initrd: every disk that the root file system may be on.
const INITRD_MODULES: &str = "\
virtio_pci
virtio_blk
virtio_scsi
ata_piix
ahci
sd_mod
sr_mod
ext4
";

/// Files of the guest: where, and what. Those in `/usr/local` are programs.
const FILES: &[(&str, &str)] = &[
    ("etc/hostname", "reprise\n"),
    ("etc/hosts", "127.0.0.1 localhost reprise\n"),
    ("etc/resolv.conf", "nameserver 10.0.2.3\n"),
    ("etc/fstab", "LABEL=reprise / ext4 errors=remount-ro 0 1\n"),
    // Not the first boot: no presets, no questions.
    ("etc/machine-id", "7265707269736500646562696170cafe\n"),
    ("etc/initramfs-tools/modules", INITRD_MODULES),
    (
        "etc/initramfs-tools/conf.d/reprise",
        "MODULES=list\nCOMPRESS=gzip\n",
    ),
    (
        "etc/systemd/network/all.network",
        "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n",
    ),
    (
        "etc/systemd/system/serial-getty@ttyS0.service.d/login.conf",
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I vt100\n",
    ),
    (
        "root/.bashrc",
        "PS1='guest# '\nbind 'set enable-bracketed-paste off'\n",
    ),
    ("root/.hushlogin", ""),
    ("usr/local/bin/check-disk", include_str!("debian/check-disk")),
    (
        "usr/local/bin/check-download",
        include_str!("debian/check-download"),
    ),
    (
        "usr/local/bin/write-records",
        include_str!("debian/write-records"),
    ),
];

/// Units that would only make a boot longer.
const MASKED: &[&str] = &[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-pstore.service",
    "systemd-networkd-wait-online.service",
];

/// The Debian of `arch`, made unless it is there.
///
/// # Errors
/// No root, no network, or a tool fails.
pub fn debian(guests: &Guests, arch: Arch) -> Result<Debian> {
    let dir = made(
        &guests.file(&format!("debian-{}", arch.name())),
        &recipe(arch),
        |dir, step| {
            need(DISK_TOOLS)?;
            std::fs::create_dir_all(dir)?;
            let tree = dir.join("tree");
            step.part("debootstrap");
            bootstrap(guests, arch, &tree)?;
            step.part("files of the guest");
            configure(&tree)?;
            let mut releases = Vec::new();
            for &flavour in arch.kernels() {
                step.part(&format!("kernel {}", flavour.word()));
                let release = add_kernel(guests, flavour, &tree)?;
                for (from, to) in [("vmlinuz", "vmlinuz"), ("initrd.img", "initrd")] {
                    let file = tree.join(format!("boot/{from}-{release}"));
                    std::fs::copy(file, dir.join(format!("{to}-{}", flavour.word())))?;
                }
                releases.push(release);
            }
            std::fs::create_dir_all(tree.join("boot/grub"))?;
            std::fs::write(tree.join("boot/grub/grub.cfg"), grub_config(&releases[0]))?;
            step.part("file system");
            write_disk(&dir.join("disk.raw"), &tree)?;
            step.part("qcow2");
            tool(Command::new("qemu-img").current_dir(dir).args([
                "convert",
                "-f",
                "raw",
                "-O",
                "qcow2",
                "disk.raw",
                "disk.qcow2",
            ]))?;
            Ok(std::fs::remove_dir_all(&tree)?)
        },
    )?;
    Ok(Debian { dir })
}

/// Everything that decides what is on the disk, apart from what Debian's servers have today.
fn recipe(arch: Arch) -> String {
    let mut text = format!(
        "edition {EDITION}\n{} {SUITE} {PACKAGES}\n{PARTITION_MIB} MiB\n{LEFT_OUT:?}\n{MASKED:?}\n{}",
        arch.name(),
        grub_config("RELEASE"),
    );
    for (path, content) in FILES {
        text.push_str(&format!("--- {path}\n{content}"));
    }
    text
}

/// What debootstrap makes, packed: the guest's files and kernels change more often than Debian 12 does.
fn base(guests: &Guests, arch: Arch) -> Result<PathBuf> {
    let recipe = format!("{} {SUITE} minbase {PACKAGES}\n{DPKG}", arch.name());
    let file = guests.file(&format!("debootstrap-{}.tar", arch.name()));
    made(&file, &recipe, |file, step| {
        need(&[("debootstrap", "/usr/sbin/debootstrap")])?;
        step.part("debootstrap, some minutes");
        let tree = file.with_extension("tree");
        let _ = std::fs::remove_dir_all(&tree);
        let settings = tree.join("etc/dpkg/dpkg.cfg.d");
        std::fs::create_dir_all(&settings)?;
        std::fs::write(settings.join("reprise"), DPKG)?;
        tool(
            Command::new("debootstrap")
                .arg("--variant=minbase")
                .arg(format!("--arch={}", arch.name()))
                .arg(format!("--include={PACKAGES}"))
                .arg(SUITE)
                .arg(&tree)
                .arg(MIRROR),
        )
        .with_context(|| format!("its log is {}/debootstrap/debootstrap.log", tree.display()))?;
        tool(Command::new("chroot").arg(&tree).args(["apt-get", "clean"]))?;
        let _ = std::fs::remove_dir_all(tree.join("var/lib/apt/lists"));
        step.part("packing");
        tool(
            Command::new("tar")
                .arg("-cf")
                .arg(file)
                .arg("-C")
                .arg(&tree)
                .arg("."),
        )?;
        Ok(std::fs::remove_dir_all(&tree)?)
    })
}

fn bootstrap(guests: &Guests, arch: Arch, tree: &Path) -> Result<()> {
    let user = tool(Command::new("id").arg("-u"))?;
    ensure!(user.trim() == "0", "debootstrap and chroot work for root only");
    let base = base(guests, arch)?;
    std::fs::create_dir_all(tree)?;
    tool(Command::new("tar").arg("-xpf").arg(base).arg("-C").arg(tree))?;
    Ok(())
}

fn configure(tree: &Path) -> Result<()> {
    for (path, content) in FILES {
        let file = tree.join(path);
        std::fs::create_dir_all(file.parent().context("a path below the root")?)?;
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, content)?;
        if path.starts_with("usr/local/") {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    let units = tree.join("etc/systemd/system");
    for unit in MASKED {
        let link = units.join(unit);
        let _ = std::fs::remove_file(&link);
        symlink("/dev/null", link)?;
    }
    tool(
        Command::new("chroot")
            .arg(tree)
            .args(["systemctl", "enable", "systemd-networkd.service"]),
    )?;
    Ok(())
}

/// Puts a kernel and its modules into the tree and makes its initrd; its release (`uname -r`).
fn add_kernel(guests: &Guests, flavour: Flavour, tree: &Path) -> Result<String> {
    let image = guests.kernel(flavour)?;
    let boot = image.parent().context("a kernel in a directory")?;
    let package = boot.parent().context("a package's tree")?;
    let release = image
        .file_name()
        .and_then(|name| name.to_str()?.strip_prefix("vmlinuz-"))
        .context("a kernel named vmlinuz-RELEASE")?
        .to_owned();
    for what in ["vmlinuz", "config"] {
        let name = format!("{what}-{release}");
        std::fs::copy(boot.join(&name), tree.join("boot").join(&name))?;
    }
    let modules = format!("lib/modules/{release}");
    std::fs::create_dir_all(tree.join("lib/modules"))?;
    tool(
        Command::new("cp")
            .arg("-a")
            .arg(package.join(&modules))
            .arg(tree.join("lib/modules/")),
    )?;
    for part in LEFT_OUT {
        let _ = std::fs::remove_dir_all(tree.join(&modules).join("kernel").join(part));
    }
    let inside = |words: &[&str]| tool(Command::new("chroot").arg(tree).args(words));
    inside(&["depmod", &release])?;
    inside(&["update-initramfs", "-c", "-k", &release])?;
    Ok(release)
}

fn grub_config(release: &str) -> String {
    format!(
        "{}echo 'GRUB loads Linux'\n\
         linux /boot/vmlinuz-{release} root=LABEL=reprise ro console=ttyS0,115200 {QUIET}\n\
         initrd /boot/initrd.img-{release}\nboot\n",
        grub::ON_SERIAL
    )
}

/// Kernel parameters of all boots: warnings only, so that they do not come between the lines that tests wait for, and no
/// look whether the timer ticks, which a busy host makes it do late.
pub const QUIET: &str = "loglevel=4 systemd.show_status=0 net.ifnames=0 mitigations=off no_timer_check";

fn write_disk(disk: &Path, tree: &Path) -> Result<()> {
    let sectors = (PARTITION_MIB << 20) / SECTOR as u64;
    let before = (grub::PARTITION_START * SECTOR) as u64;
    let mut file = std::fs::File::create(disk)?;
    file.set_len(before + (PARTITION_MIB << 20))?;
    tool(
        Command::new("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-L", "reprise", "-m", "0", "-d"])
            .arg(tree)
            // GRUB 2.06 reads no checksum seed; no journal replay is asked of a fresh file system.
            .args([
                "-O",
                "^metadata_csum_seed,^orphan_file",
                "-E",
                &format!("offset={before},root_owner=0:0"),
            ])
            .arg(disk)
            .arg(format!("{}k", PARTITION_MIB << 10)),
    )?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&grub::first_sectors(u32::try_from(sectors)?)?)?;
    Ok(())
}
