//! The rows of `disk-test`.
//!
//! Debian in all combinations of architecture, boot, image format and bus would take an hour; [`SHORT`] names those that
//! meet every value of each once, all others are long.

use crate::guests::Flavour;
use crate::images::debian::Arch;

/// How a Debian comes to its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// SeaBIOS and GRUB.
    Bios,
    /// `-kernel` and `-initrd`.
    Direct(Flavour),
}

/// Format of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Raw,
    Qcow2,
    /// A qcow2 over a raw one.
    Overlay,
}

/// What a disk is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Ide,
    Virtio,
    Ahci,
    Scsi,
}

/// A Debian and its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebianGuest {
    pub arch: Arch,
    pub boot: Boot,
    pub format: Format,
    pub bus: Bus,
    /// Network card, as `-nic model=` names it.
    pub nic: &'static str,
}

/// A kernel with busybox, and its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyboxGuest {
    pub flavour: Flavour,
    pub format: Format,
    pub bus: Bus,
    /// Network card, as `-nic model=` names it.
    pub nic: &'static str,
}

/// How firmware, boot loaders and small programs are booted; they print something, and that is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prints {
    /// A GRUB rescue image as a CD.
    RescueCd,
    /// The same as a virtio disk.
    RescueDisk,
    /// iPXE by `-kernel`, on this network card.
    Ipxe(&'static str),
    /// iPXE by GRUB from a CD.
    IpxeCd,
    /// memtest86+ of this architecture by GRUB from a CD.
    MemtestCd(&'static str),
    /// The Debian installer by `-kernel`.
    Installer,
    /// OVMF by `-bios` to its shell.
    OvmfShell,
    /// OVMF as a pair of flash chips to its shell.
    OvmfFlash,
    /// OVMF to a GRUB on a disk of this bus.
    OvmfGrub(Bus),
    /// Our own boot sector on a floppy.
    Floppy,
}

/// What a row boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    Busybox(BusyboxGuest),
    /// The same, recorded and replayed.
    Recorded(BusyboxGuest),
    Debian(DebianGuest),
    /// A writer that is killed, on a virtio disk of this format.
    Kill(Format),
    Prints(Prints),
}

/// One row.
pub struct Row {
    pub name: String,
    pub guest: Guest,
    /// Only with `--long`, or when named in full.
    pub long: bool,
}

/// Debian rows of every run.
const SHORT: &[&str] = &[
    "debian amd64 bios raw ide",
    "debian amd64 bios qcow2 virtio",
    "debian amd64 kernel raw virtio",
    "debian amd64 kernel qcow2 ide",
    "debian i386 bios qcow2 ide",
    "debian i386 kernel raw virtio",
];

const VIRTIO_NET: &str = "virtio-net-pci";

/// Each kind of disk and card, and each kernel, with little around it.
#[rustfmt::skip]
const BUSYBOX: &[BusyboxGuest] = &[
    BusyboxGuest { flavour: Flavour::Cloud, format: Format::Raw, bus: Bus::Virtio, nic: VIRTIO_NET },
    BusyboxGuest { flavour: Flavour::Cloud, format: Format::Qcow2, bus: Bus::Ide, nic: VIRTIO_NET },
    BusyboxGuest { flavour: Flavour::Pae, format: Format::Qcow2, bus: Bus::Virtio, nic: "e1000" },
    BusyboxGuest { flavour: Flavour::Pae, format: Format::Raw, bus: Bus::Ide, nic: "rtl8139" },
    BusyboxGuest { flavour: Flavour::Generic, format: Format::Raw, bus: Bus::Ahci, nic: "e1000" },
    BusyboxGuest { flavour: Flavour::Generic, format: Format::Qcow2, bus: Bus::Scsi, nic: "rtl8139" },
];

/// All rows.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = BUSYBOX.iter().map(busybox).collect();
    rows.push(plain("recorded virtio", Guest::Recorded(BUSYBOX[0])));
    rows.push(plain("recorded ide", Guest::Recorded(BUSYBOX[1])));
    for (arch, flavour) in [(Arch::Amd64, Flavour::Cloud), (Arch::I386, Flavour::Pae)] {
        for boot in [Boot::Bios, Boot::Direct(flavour)] {
            for format in [Format::Raw, Format::Qcow2] {
                for bus in [Bus::Ide, Bus::Virtio] {
                    rows.push(debian(DebianGuest {
                        arch,
                        boot,
                        format,
                        bus,
                        nic: VIRTIO_NET,
                    }));
                }
            }
        }
    }
    // The cloud kernel has no drivers for these.
    let generic = DebianGuest {
        arch: Arch::Amd64,
        boot: Boot::Direct(Flavour::Generic),
        format: Format::Raw,
        bus: Bus::Virtio,
        nic: VIRTIO_NET,
    };
    rows.push(debian(DebianGuest {
        bus: Bus::Ahci,
        nic: "e1000",
        ..generic
    }));
    rows.push(debian(DebianGuest {
        bus: Bus::Scsi,
        nic: "rtl8139",
        ..generic
    }));
    rows.push(debian(DebianGuest {
        boot: Boot::Direct(Flavour::Cloud),
        format: Format::Overlay,
        ..generic
    }));
    rows.extend([
        plain("kill raw", Guest::Kill(Format::Raw)),
        plain("kill qcow2", Guest::Kill(Format::Qcow2)),
        prints("rescue cd", Prints::RescueCd),
        prints("rescue disk", Prints::RescueDisk),
        prints("ipxe virtio-net", Prints::Ipxe(VIRTIO_NET)),
        prints("ipxe e1000", Prints::Ipxe("e1000")),
        prints("ipxe cd", Prints::IpxeCd),
        prints("memtest cd", Prints::MemtestCd("x64")),
        long(prints("memtest cd ia32", Prints::MemtestCd("ia32"))),
        prints("installer", Prints::Installer),
        prints("ovmf shell", Prints::OvmfShell),
        prints("ovmf flash shell", Prints::OvmfFlash),
        prints("ovmf grub virtio", Prints::OvmfGrub(Bus::Virtio)),
        long(prints("ovmf grub ide", Prints::OvmfGrub(Bus::Ide))),
        prints("floppy", Prints::Floppy),
    ]);
    rows
}

fn plain(name: &str, guest: Guest) -> Row {
    Row {
        name: name.to_owned(),
        guest,
        long: false,
    }
}

fn prints(name: &str, guest: Prints) -> Row {
    plain(name, Guest::Prints(guest))
}

fn long(row: Row) -> Row {
    Row { long: true, ..row }
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Overlay => "overlay",
        }
    }
}

impl Bus {
    fn word(self) -> &'static str {
        match self {
            Self::Ide => "ide",
            Self::Virtio => "virtio",
            Self::Ahci => "ahci",
            Self::Scsi => "scsi",
        }
    }
}

fn busybox(&guest: &BusyboxGuest) -> Row {
    let name = format!(
        "busybox {} {} {} {}",
        guest.flavour.word(),
        guest.format.word(),
        guest.bus.word(),
        guest.nic
    );
    plain(&name, Guest::Busybox(guest))
}

fn debian(guest: DebianGuest) -> Row {
    let boot = match guest.boot {
        Boot::Bios => "bios",
        Boot::Direct(Flavour::Generic) => "generic kernel",
        Boot::Direct(_) => "kernel",
    };
    let mut name = format!(
        "debian {} {boot} {} {}",
        guest.arch.name(),
        guest.format.word(),
        guest.bus.word()
    );
    if guest.nic != VIRTIO_NET {
        name.push(' ');
        name.push_str(guest.nic);
    }
    Row {
        long: !SHORT.contains(&name.as_str()),
        name,
        guest: Guest::Debian(guest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_short_ones_exist() {
        let mut names: Vec<String> = rows().into_iter().map(|row| row.name).collect();
        assert!(SHORT.iter().all(|short| names.iter().any(|name| name == short)));
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
