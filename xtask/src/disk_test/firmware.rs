//! Guests that print something and are done: rescue CDs, iPXE, memtest86+, the installer, OVMF, a boot sector.

use super::rows::{Bus, Prints};
use super::{Scratch, Test, words};
use crate::guests::Guests;
use crate::images::{boot_sector, efi, grub, made};
use Step::{Asked, Expect, Send};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::time::Duration;

/// A step of a conversation.
pub enum Step {
    /// This must appear on the console.
    Expect(&'static str),
    /// Type this.
    Send(&'static str),
    /// A path that starts so must be asked for at the web server.
    Asked(&'static str),
}

/// How a machine ends.
#[derive(PartialEq)]
enum End {
    /// The guest turns it off.
    PowersOff,
    /// It goes on until it is killed.
    Killed,
}

/// A command line, and what comes of it.
pub struct Machine {
    args: Vec<String>,
    steps: &'static [Step],
    end: End,
}

/// How long an iPXE may take to ask.
const ASKED_WITHIN: Duration = Duration::from_secs(300);

/// Runs it.
///
/// # Errors
/// Something is not printed, or an image cannot be made.
pub fn run(test: &Test, guest: Prints, scratch: &Scratch) -> Result<()> {
    let machine = machine(test, guest, scratch)?;
    test.server.forget();
    let mut console = test.start(&machine.args)?;
    for step in machine.steps {
        match step {
            Expect(text) => console.expect(text)?,
            Send(text) => console.send(text)?,
            Asked(start) => match test.server.wait(ASKED_WITHIN) {
                Some(path) => ensure!(path.starts_with(start), "{path} was asked for, not {start}…"),
                None => {
                    let printed = console.kill()?;
                    anyhow::bail!("{start}… was not asked for at the web server\n{printed}");
                }
            },
        }
    }
    if machine.end == End::PowersOff {
        let (status, output) = console.finish().context("after the last step")?;
        ensure!(status == 0, "exit status {status}\n{output}");
    }
    if guest == Prints::Floppy {
        boot_sector::check_written(&scratch.file("floppy"))?;
    }
    Ok(())
}

/// Makes the images of a guest, and the command line for it.
pub fn machine(test: &Test, guest: Prints, scratch: &Scratch) -> Result<Machine> {
    let guests = &test.guests;
    let machine = |args: String, steps, end| Machine {
        args: words(&args),
        steps,
        end,
    };
    Ok(match guest {
        Prints::RescueCd => {
            let cd = rescue(guests)?;
            machine(format!("-cdrom {} -boot d", cd.display()), RESCUE, End::PowersOff)
        }
        Prints::RescueDisk => {
            let disk = scratch.copy(&rescue(guests)?, "disk")?;
            let args = Bus::Virtio.drive(0, &disk, "raw").join(" ");
            machine(args, RESCUE, End::PowersOff)
        }
        Prints::Ipxe(nic) => {
            let script = scratch.file("script");
            std::fs::write(&script, ipxe_script(test))?;
            let program = guests.packages().unpacked("ipxe")?.join("boot/ipxe.lkrn");
            machine(
                format!(
                    "-kernel {} -initrd {} -nic user,model={nic}",
                    program.display(),
                    script.display()
                ),
                IPXE,
                End::Killed,
            )
        }
        Prints::IpxeCd => {
            let program = guests.packages().unpacked("ipxe")?.join("boot/ipxe.lkrn");
            let cd = scratch.file("ipxe.iso");
            // The port of the web server is in the script: this CD is made for one run.
            let config = format!("{}linux16 /ipxe.lkrn\ninitrd16 /script\nboot\n", grub::ON_SERIAL);
            let files = [
                ("ipxe.lkrn", std::fs::read(program)?),
                ("script", ipxe_script(test).into_bytes()),
            ];
            grub::rescue_cd(&cd, &config, &files)?;
            machine(
                format!("-cdrom {} -boot d -nic user,model=virtio-net-pci", cd.display()),
                IPXE,
                End::Killed,
            )
        }
        Prints::MemtestCd(arch) => {
            let cd = memtest(guests, arch)?;
            machine(format!("-cdrom {} -boot d", cd.display()), MEMTEST, End::Killed)
        }
        Prints::Installer => {
            let dir = guests
                .packages()
                .unpacked("debian-installer-12-netboot-amd64")?
                .join(INSTALLER);
            Machine {
                args: vec![
                    "-kernel".into(),
                    dir.join("linux").display().to_string(),
                    "-initrd".into(),
                    dir.join("initrd.gz").display().to_string(),
                    "-append".into(),
                    "console=ttyS0,115200 mitigations=off".into(),
                ],
                steps: &[Expect("Select a language"), Expect("English")],
                end: End::Killed,
            }
        }
        Prints::OvmfShell => {
            let firmware = ovmf(guests)?.join("ovmf/OVMF.fd");
            machine(
                format!("-bios {} -nic none", firmware.display()),
                OVMF_SHELL,
                End::PowersOff,
            )
        }
        Prints::OvmfFlash => machine(flash(guests, scratch)?, OVMF_SHELL, End::PowersOff),
        Prints::OvmfGrub(bus) => {
            let partition = made(&guests.file("efi-grub.img"), EFI_GRUB, |file, _| {
                efi::system_partition(file, EFI_GRUB)
            })?;
            let disk = scratch.copy(&partition, "esp")?;
            let args = format!(
                "{} {}",
                flash(guests, scratch)?,
                bus.drive(0, &disk, "raw").join(" ")
            );
            machine(args, &[Expect("EFI GRUB is here")], End::PowersOff)
        }
        Prints::Floppy => {
            let floppy = scratch.file("floppy");
            std::fs::write(&floppy, boot_sector::floppy())?;
            machine(
                format!("-drive file={},format=raw,if=floppy -boot a", floppy.display()),
                FLOPPY,
                End::PowersOff,
            )
        }
    })
}

const RESCUE: &[Step] = &[
    Expect("rescue: GRUB is here"),
    Expect("rescue: a file of the CD"),
    Expect("rescue: halting"),
];
const IPXE: &[Step] = &[Asked("/ipxe/10.0.2.15/52%3A54%3A00%3A")];
const MEMTEST: &[Step] = &[Expect("Memtest86+"), Expect("Pass"), Expect("Test")];
const OVMF_SHELL: &[Step] = &[
    Expect("UEFI Interactive Shell"),
    Expect("Shell> "),
    Send("reset -s\r"),
];
const FLOPPY: &[Step] = &[
    Expect("floppy: boot sector"),
    Expect("floppy: second stage"),
    Expect("floppy: all checks passed"),
];

/// Where the installer's package has kernel and initrd.
const INSTALLER: &str = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";

const EFI_GRUB: &str = "\
echo 'EFI GRUB is here'
sleep 1
halt
";

fn rescue(guests: &Guests) -> Result<PathBuf> {
    let config = format!(
        "{}echo 'rescue: GRUB is here'\ncat /message\necho 'rescue: halting'\nsleep 1\nhalt\n",
        grub::ON_SERIAL
    );
    made(&guests.file("rescue.iso"), &config, |file, _| {
        grub::rescue_cd(
            file,
            &config,
            &[("message", b"rescue: a file of the CD\n".to_vec())],
        )
    })
}

fn memtest(guests: &Guests, arch: &str) -> Result<PathBuf> {
    let config = format!(
        "{}linux16 /memtest.bin console=ttyS0,115200\nboot\n",
        grub::ON_SERIAL
    );
    made(
        &guests.file(&format!("memtest-{arch}.iso")),
        &config,
        |file, _| {
            let program = std::fs::read(guests.memtest(arch)?)?;
            grub::rescue_cd(file, &config, &[("memtest.bin", program)])
        },
    )
}

/// Says where it got to by what it asks the web server for: its words may be on a screen that nobody sees.
fn ipxe_script(test: &Test) -> String {
    format!(
        "#!ipxe\ndhcp\necho the address is ${{net0/ip}}\nchain {}/${{net0/ip}}/${{net0/mac}}\npoweroff\n",
        test.server.url("ipxe")
    )
}

/// Where OVMF's files are.
fn ovmf(guests: &Guests) -> Result<PathBuf> {
    Ok(guests.packages().unpacked("ovmf")?.join("usr/share"))
}

/// OVMF as code that is only read, and variables of this row's own.
fn flash(guests: &Guests, scratch: &Scratch) -> Result<String> {
    let dir = ovmf(guests)?.join("OVMF");
    let variables = scratch.copy(&dir.join("OVMF_VARS_4M.fd"), "variables")?;
    Ok(format!(
        "-drive if=pflash,unit=0,format=raw,readonly=on,file={} -drive if=pflash,unit=1,format=raw,file={} -nic none",
        dir.join("OVMF_CODE_4M.fd").display(),
        variables.display()
    ))
}
