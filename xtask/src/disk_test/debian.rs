//! A Debian: boots to its login, checks a second disk, downloads, is logged into by ssh, powers off; its disk is sound.

use super::rows::{Boot, Bus, DebianGuest, Format};
use super::{Scratch, Test, words};
use crate::console::Console;
use crate::guests::Flavour;
use crate::images::debian::{Arch, Debian, QUIET, debian};
use crate::images::{grub, need, tool};
use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

const PROMPT: &str = "guest# ";
const SCRATCH_SIZE: &str = "256M";

/// Runs it.
///
/// # Errors
/// Something of that does not come about.
pub fn run(test: &Test, guest: DebianGuest, scratch: &Scratch) -> Result<()> {
    need(&[("openssh-client", "/usr/bin/ssh")])?;
    let debian = debian(&test.guests, guest.arch)?;
    let (root, format) = (root(&debian, guest.format, scratch)?, guest.format.name());
    // What a guest writes most to has the format, too.
    let second = scratch.empty(
        "second",
        if format == "raw" { "raw" } else { "qcow2" },
        SCRATCH_SIZE,
    )?;
    let port = free_port()?;
    let mut args = Vec::new();
    for (index, image) in [&root, &second].into_iter().enumerate() {
        args.extend(guest.bus.drive(index, image, format));
    }
    args.extend(words(&format!(
        "-nic user,model={},hostfwd=tcp:127.0.0.1:{port}-:22",
        guest.nic
    )));
    if let Boot::Direct(flavour) = guest.boot {
        args.extend(direct(&debian, flavour, &guest.bus.disk(0)));
    }
    let mut console = test.start(&args)?;
    converse(test, guest, scratch, port, &mut console)?;
    let (status, _) = console.finish().context("after the guest had powered off")?;
    ensure!(status == 0, "exit status {status} after power off");
    sound(&root, format, scratch)
}

/// The root disk of a row.
fn root(debian: &Debian, format: Format, scratch: &Scratch) -> Result<std::path::PathBuf> {
    match format {
        Format::Raw => scratch.copy(&debian.raw(), "root"),
        Format::Qcow2 => scratch.copy(&debian.qcow2(), "root"),
        Format::Overlay => {
            let image = scratch.file("root");
            tool(
                Command::new("qemu-img")
                    .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
                    .arg(std::path::absolute(debian.raw())?)
                    .arg(&image),
            )?;
            Ok(image)
        }
    }
}

/// Options that boot a kernel of `debian`, which is on `disk`, without its boot loader.
pub fn direct(debian: &Debian, flavour: Flavour, disk: &str) -> Vec<String> {
    let (kernel, initrd) = debian.kernel(flavour);
    vec![
        "-kernel".into(),
        kernel.to_string_lossy().into_owned(),
        "-initrd".into(),
        initrd.to_string_lossy().into_owned(),
        "-append".into(),
        format!("root=/dev/{disk}1 ro console=ttyS0,115200 {QUIET}"),
    ]
}

fn converse(
    test: &Test,
    guest: DebianGuest,
    scratch: &Scratch,
    port: u16,
    console: &mut Console,
) -> Result<()> {
    if guest.boot == Boot::Bios {
        console.expect("GRUB loads Linux")?;
    }
    console.expect("login: root (automatic login)")?;
    console.expect(PROMPT)?;
    let mut command = |text: &str, expected: &str| -> Result<()> {
        console.send(&format!("{text}\r"))?;
        console
            .expect(expected)
            .with_context(|| format!("after: {text}"))?;
        console.expect(PROMPT)
    };
    let bits = if guest.arch == Arch::I386 {
        "i686"
    } else {
        "x86_64"
    };
    command("uname -m; findmnt -no SOURCE /; echo", bits)?;
    command(
        &format!("check-disk /dev/{}", guest.bus.disk(1)),
        "holds what was written",
    )?;
    command(
        &format!(
            "check-download {} {}",
            test.server.url("payload"),
            test.server.sum()
        ),
        "the download is whole",
    )?;
    let key = scratch.file("key");
    tool(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
            .arg(&key),
    )?;
    let public = std::fs::read_to_string(key.with_extension("pub"))?;
    command(
        &format!(
            "mkdir -pm 700 .ssh; echo '{}' > .ssh/authorized_keys; wc -l .ssh/*",
            public.trim()
        ),
        "1 .ssh/authorized_keys",
    )?;
    ssh(port, &key)?;
    console.send("systemctl poweroff\r")?;
    console.expect("Power down")
}

/// Half a megabyte through ssh and back as a checksum.
fn ssh(port: u16, key: &Path) -> Result<()> {
    let data: String = (0..65_536).map(|n| format!("{n:07}\n")).collect();
    let sum = |mut command: Command| -> Result<String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Nobody reads: that is told by what the program says, below.
        let _ = child.stdin.take().context("piped")?.write_all(data.as_bytes());
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{:?} failed: {}\n{}",
            command.get_program(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let mut there = Command::new("timeout");
    there
        .args(["100", "ssh", "-i"])
        .arg(key)
        .args(["-p", &port.to_string()]);
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "BatchMode=yes",
        "ConnectTimeout=60",
    ] {
        there.args(["-o", option]);
    }
    there.args(["root@127.0.0.1", "sha256sum"]);
    let (here, there) = (
        sum(Command::new("sha256sum"))?,
        sum(there).context("ssh into the guest")?,
    );
    ensure!(here == there, "ssh carried something else: {here} became {there}");
    Ok(())
}

/// Looks at a disk from outside: the image, and the file system in it.
fn sound(image: &Path, format: &str, scratch: &Scratch) -> Result<()> {
    let mut raw = image.to_owned();
    if format == "qcow2" {
        tool(Command::new("qemu-img").arg("check").arg(image))?;
        raw = scratch.file("root.raw");
        tool(
            Command::new("qemu-img")
                .args(["convert", "-f", "qcow2", "-O", "raw"])
                .arg(image)
                .arg(&raw),
        )?;
    }
    let mut place = raw.into_os_string();
    place.push(format!(
        "?offset={}",
        grub::PARTITION_START * crate::images::SECTOR
    ));
    tool(Command::new("e2fsck").arg("-fn").arg(place))
        .map(drop)
        .context("the root file system after power off")
}

/// A port of the host that nobody listens at.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Bus {
    /// The option that puts an image on it.
    pub fn drive(self, index: usize, image: &Path, format: &str) -> Vec<String> {
        let file = image.display();
        match self {
            Self::Ide => words(&format!(
                "-drive file={file},format={format},if=ide,index={index}"
            )),
            Self::Virtio => words(&format!(
                "-drive file={file},format={format},if=virtio,index={index}"
            )),
            Self::Ahci => {
                let controller = if index == 0 { "-device ahci,id=ahci " } else { "" };
                words(&format!(
                    "{controller}-drive file={file},format={format},if=none,id=d{index} \
                     -device ide-hd,drive=d{index},bus=ahci.{index}"
                ))
            }
            Self::Scsi => {
                let controller = if index == 0 {
                    "-device virtio-scsi-pci,id=scsi "
                } else {
                    ""
                };
                words(&format!(
                    "{controller}-drive file={file},format={format},if=none,id=d{index} \
                     -device scsi-hd,drive=d{index},bus=scsi.0,scsi-id={index}"
                ))
            }
        }
    }

    /// How Linux calls the disk at `index`.
    pub fn disk(self, index: usize) -> String {
        let letter = char::from(b'a' + index as u8);
        match self {
            Self::Virtio => format!("vd{letter}"),
            Self::Ide | Self::Ahci | Self::Scsi => format!("sd{letter}"),
        }
    }
}

impl Format {
    /// What `-drive format=` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 | Self::Overlay => "qcow2",
        }
    }
}
