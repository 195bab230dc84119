//! `cargo xtask lockstep`: a Debian kernel in two engines side by side, to the shell and through a workload.
//!
//! This fetches the guest; the comparison is the example `lockstep` of crate `machine`, built in release. The checks of
//! every day run [`short`].

use crate::guests::{Flavour, Guests};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the command line asked for.
#[derive(Default)]
pub struct Options {
    /// Debian flavour; the cloud kernel when not given.
    pub flavour: Option<String>,
    /// A shell script that the guest runs instead of [`WORKLOAD`].
    pub script: Option<PathBuf>,
    /// Added to the kernel command line.
    pub append: String,
    /// For the example.
    pub rest: Vec<String>,
}

/// Process 1: what a shell would find, the script, and power-off.
const INIT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
cd /root
echo \"lockstep: $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s\"
sh /script
echo \"lockstep: script ended with $?\"
poweroff -f
";

/// Files, processes, pipes, signals, time, and compute.
pub const WORKLOAD: &str = "\
mount -t tmpfs tmp /tmp
cd /tmp
for n in 1 2 3 4 5 6 7 8; do mkdir -p d$n/e; seq 1 200 > d$n/e/f; done
find . -type f | xargs cat | sort -n | uniq -c | tail -1
tar cf - d* | gzip | gunzip | md5sum
dd if=/dev/zero bs=64k count=32 2>/dev/null | md5sum
for n in $(seq 1 40); do /bin/true & done; wait
echo 'BEGIN { for (i = 0; i < 20000; i++) s += i * i / 3; printf(\"%.3f\\n\", s) }' > a.awk
awk -f a.awk
yes | head -c 100000 | sha256sum
sleep 0.2; (sleep 5 & kill $!); dmesg | wc -l > /dev/null
cat /proc/interrupts /proc/meminfo > /dev/null
cp -r d1 d9 && rm -r d1 && ls | wc -l
";

/// Fetches the guest, builds the comparison and runs it.
///
/// # Errors
/// Something cannot be fetched or built, or the engines differ.
pub fn lockstep(workspace: &Path, options: Options) -> Result<()> {
    let flavour = match &options.flavour {
        None => Flavour::Cloud,
        Some(name) => {
            Flavour::parse(name).with_context(|| format!("no flavour '{name}': cloud, generic or 686-pae"))?
        }
    };
    let script = match &options.script {
        None => WORKLOAD.to_owned(),
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?,
    };
    let guests = Guests::open(workspace)?;
    let kernel = guests.kernel(flavour)?;
    let initrd = initrd(&guests, flavour, &script)?;
    let append = format!("console=ttyS0 panic=-1 {}", options.append);
    let files = [
        "--kernel".as_ref(),
        kernel.as_os_str(),
        "--initrd".as_ref(),
        initrd.as_os_str(),
    ];
    let append = ["--append".into(), append.trim().to_owned()];
    compare(
        workspace,
        &["--release"],
        &files,
        append.into_iter().chain(options.rest),
    )
}

/// An initial RAM disk whose shell runs `script` and then switches the machine off.
///
/// # Errors
/// Something cannot be fetched or written.
pub fn initrd(guests: &Guests, flavour: Flavour, script: &str) -> Result<PathBuf> {
    let mut archive = guests.archive(flavour, INIT)?;
    archive.program("script", script.as_bytes());
    guests.write("initramfs-lockstep.cpio", &archive.finish())
}

/// Engines compared by [`short`], for how many instructions of a boot, and with how many CPUs: the reference takes
/// longest.
const SHORT: &[(&str, &str, &str)] = &[
    ("interp,baseline", "200000000", "1"),
    ("baseline,optimizing", "200000000", "2"),
];

/// The first part of a boot in every engine, with the program that the other tests have built.
///
/// # Errors
/// As [`lockstep`].
pub fn short(workspace: &Path) -> Result<()> {
    let guests = Guests::open(workspace)?;
    let kernel = guests.kernel(Flavour::Cloud)?;
    for (engines, limit, cpus) in SHORT {
        let options = [
            "--append",
            "console=ttyS0 quiet",
            "--engines",
            engines,
            "--limit",
            limit,
            "--smp",
            cpus,
        ];
        let files = ["--kernel".as_ref(), kernel.as_os_str()];
        compare(workspace, &[], &files, options.into_iter().map(String::from))?;
    }
    Ok(())
}

/// Builds the comparison as `profile` says and runs it.
fn compare(
    workspace: &Path,
    profile: &[&str],
    files: &[&OsStr],
    options: impl IntoIterator<Item = String>,
) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .arg("run")
        .args(profile)
        .args(["--package", "machine", "--example", "lockstep", "--"])
        .args(files)
        .args(options)
        .status()?;
    if !status.success() {
        bail!("the engines are not in lockstep ({status})");
    }
    Ok(())
}
