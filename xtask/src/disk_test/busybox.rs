//! The short way to try a disk and a network card: a Debian kernel with its modules, busybox as process 1.
//!
//! The guest asks for an address, downloads the payload, writes it to the disk, reads it back past its caches, and turns
//! itself off; the image is compared with the payload from outside.

use super::rows::{BusyboxGuest, Format};
use super::{COMMON, Scratch, Test, words};
use crate::guests::Guests;
use crate::images::{modules, tool};
use crate::replay_test;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the guest puts the payload on the disk.
const OFFSET: u64 = 1 << 20;

const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_scsi",
    "ata_piix",
    "ahci",
    "sd_mod",
    "virtio_net",
    "e1000",
    "8139cp",
    "8139too",
];

/// `url`, `sum` and `disk` are on the kernel command line, from where the kernel puts them into the environment.
const INIT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do
    insmod /modules/$module.ko || echo \"$module cannot be loaded\"
done
for try in $(seq 50); do
    [ -b $disk ] && [ -e /sys/class/net/eth0 ] && break
    usleep 100000
done
[ -b $disk ] || { echo \"no $disk\"; poweroff -f; }
echo \"disk of $(cat /sys/class/block/${disk#/dev/}/size) sectors\"
ip link set eth0 up
udhcpc -q -n -t 10 -i eth0 -s /udhcpc || poweroff -f
wget -q -O /payload $url
[ \"$(sha256sum < /payload)\" = \"$sum  -\" ] && echo 'the download is whole'
dd if=/payload of=$disk bs=64k seek=16 conv=fsync 2>/dev/null
echo 3 > /proc/sys/vm/drop_caches
[ \"$(dd if=$disk bs=64k skip=16 count=256 2>/dev/null | sha256sum)\" = \"$sum  -\" ] && echo 'the disk holds what was written'
for n in $(seq 20); do
    dd if=/payload of=$disk bs=512 count=3 skip=$((n * 17)) seek=$((40000 + n * 29)) conv=notrunc 2>/dev/null
    dd if=/payload bs=512 count=3 skip=$((n * 17)) 2>/dev/null > /a
    dd if=$disk iflag=direct bs=512 count=3 skip=$((40000 + n * 29)) 2>/dev/null > /b
    cmp /a /b || break
    [ $n = 20 ] && echo 'small pieces are in their places'
done
sync
poweroff -f
sleep 1000
";

const UDHCPC: &str = "\
#!/bin/sh
[ \"$1\" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo \"the address is $ip\"
";

/// What the guest says, in this order.
const SAYS: &[&str] = &[
    "disk of 131072 sectors",
    "the address is 10.0.2.15",
    "the download is whole",
    "the disk holds what was written",
    "small pieces are in their places",
];

/// The machine's options.
fn machine(test: &Test, guest: BusyboxGuest, image: &Path) -> Result<Vec<String>> {
    let (kernel, initrd) = boot(&test.guests, guest)?;
    let mut args = guest.bus.drive(0, image, guest.format.name());
    args.extend(words(&format!("-nic user,model={}", guest.nic)));
    args.extend([
        "-kernel".into(),
        kernel.display().to_string(),
        "-initrd".into(),
        initrd.display().to_string(),
        "-append".into(),
        format!(
            "console=ttyS0 panic=-1 loglevel=4 mitigations=off no_timer_check url={} sum={} disk=/dev/{}",
            test.server.url("payload"),
            test.server.sum(),
            guest.bus.disk(0)
        ),
    ]);
    Ok(args)
}

/// Records it, replays it, and compares what the guest says. The image stays as it was all the while.
///
/// # Errors
/// The replay is not the recording, or the image is another one.
pub fn recorded(test: &Test, guest: BusyboxGuest, scratch: &Scratch) -> Result<()> {
    ensure!(test.is_ours, "QEMU records in another way");
    let image = scratch.empty("disk", guest.format.name(), "64M")?;
    let before = std::fs::read(&image)?;
    let log = scratch.file("log").display().to_string();
    let mut args = words(&format!("record {log} -- {COMMON} -icount shift=1,sleep=off"));
    args.extend(machine(test, guest, &image)?);
    let mut console = test.console(&args)?;
    for text in SAYS {
        console.expect(text)?;
    }
    let (status, first) = console.finish()?;
    ensure!(status == 0, "the recording ended with {status}\n{first}");
    let (status, again) = test.console(&words(&format!("replay {log}")))?.finish()?;
    ensure!(status == 0, "the replay ended with {status}\n{again}");
    replay_test::same(&first, &again)?;
    ensure!(
        std::fs::read(&image)? == before,
        "the recording has changed the image"
    );
    Ok(())
}

/// Runs it.
///
/// # Errors
/// Something of that does not come about.
pub fn run(test: &Test, guest: BusyboxGuest, scratch: &Scratch) -> Result<()> {
    let image = scratch.empty("disk", guest.format.name(), "64M")?;
    let mut console = test.start(&machine(test, guest, &image)?)?;
    for text in SAYS {
        console.expect(text)?;
    }
    let (status, output) = console.finish().context("after the last check")?;
    ensure!(status == 0, "exit status {status}\n{output}");
    let mut raw = image.clone();
    if guest.format != Format::Raw {
        tool(Command::new("qemu-img").arg("check").arg(&image))?;
        raw = scratch.file("disk.raw");
        tool(
            Command::new("qemu-img")
                .args(["convert", "-f", "qcow2", "-O", "raw"])
                .arg(&image)
                .arg(&raw),
        )?;
    }
    let payload = std::fs::read(test.place.join("payload"))?;
    let mut found = vec![0; payload.len()];
    File::open(raw)?.read_exact_at(&mut found, OFFSET)?;
    ensure!(found == payload, "the image does not hold what the guest wrote");
    Ok(())
}

/// Kernel and initramfs of a guest.
pub fn boot(guests: &Guests, guest: BusyboxGuest) -> Result<(PathBuf, PathBuf)> {
    let kernel = guests.kernel(guest.flavour)?;
    let mut archive = guests.archive(guest.flavour, INIT)?;
    archive.program("udhcpc", UDHCPC.as_bytes());
    modules::add(&mut archive, &kernel, MODULES)?;
    let name = format!("initramfs-disks-{:?}.cpio", guest.flavour).to_lowercase();
    Ok((kernel, guests.write(&name, &archive.finish())?))
}
