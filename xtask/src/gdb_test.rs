//! `cargo xtask gdb-test`: the real gdb, driven by a script, and a Debian kernel that does not notice.
//!
//! The same boot runs twice under counted time, once alone and once with breakpoints, watchpoints and steps: what gdb
//! says must be right, and both runs must end in the same digest. Then it goes back and forth in recordings.

mod distances;
mod oops;
mod replay;
mod session;

use crate::boot_tests::Options;
use crate::guests::{Flavour, Guests};
use crate::progress;
use crate::test::install;
use anyhow::{Context, Result, bail};
use session::limited;
use std::path::{Path, PathBuf};
use std::process::Command;

const INIT: &str = "#!/bin/sh\n/bin/busybox poweroff -f\n";

/// Without KASLR a kernel's first instruction is at 16 MiB; what is there now, the decompressor overwrites: a patched
/// byte would be lost. The symbol-less addresses behind it are found by disassembly.
const SCRIPT: &str = "\
set pagination off
set confirm off
set width 0
target remote SOCKET
printf \"start %lx\\n\", $pc
hbreak *0x1000000
continue
printf \"hardware %lx cr0 %x efer %x\\n\", $pc, $cr0, $efer
x/2i $pc
stepi
printf \"stepped %d\\n\", $pc > 0x1000000
info registers rip eflags cr3 mxcsr
delete
set $stack = $rsp
watch -l *(unsigned long *)($stack - 8)
continue
printf \"watched %d\\n\", *(unsigned long *)($stack - 8) != 0
delete
break *$pc
stepi
stepi
delete
info threads
monitor info status
maintenance packet Qqemu.PhyMemMode:1
x/1xb 0x1000000
maintenance packet Qqemu.PhyMemMode:0
set $keep = $rax
set $rax = 0x1234567890
printf \"rax %lx\\n\", $rax
set $rax = $keep
detach
";

/// What gdb has to say, in order.
const EXPECTED: &[&str] = &[
    "start 1000200",
    "Breakpoint 1, 0x0000000001000000 in",
    "hardware 1000000 cr0 80000011 efer 500",
    "=> 0x1000000:",
    "stepped 1",
    "PF",
    "Old value",
    "New value",
    "watched 1",
    "Thread 1.1 (CPU#0 [Running])",
    "received: \"OK\"",
    "rax 1234567890",
    "detached]",
];

/// What the parts of the test use.
struct Places<'a> {
    workspace: &'a Path,
    reprise: &'a Path,
    guests: &'a Guests,
    /// For files that nobody needs afterwards.
    dir: &'a Path,
}

type Part = fn(&Places<'_>) -> Result<()>;

/// Name, whether it takes too long for every day, and what it does.
const PARTS: &[(&str, bool, Part)] = &[
    ("engine-baseline", false, |places| compare(places, "baseline")),
    ("engine-interp", false, |places| compare(places, "interp")),
    ("back-and-forth", false, replay::run),
    ("oops", false, oops::run),
    ("distances", true, distances::run),
];

/// Runs it with a built emulator.
///
/// # Errors
/// A guest or gdb cannot be had, gdb says something else, or the guest noticed.
pub fn run(workspace: &Path, reprise: &Path, options: &Options) -> Result<()> {
    install_gdb()?;
    let dir = std::env::temp_dir().join(format!("reprise-gdb-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let guests = Guests::open(workspace)?;
    let places = Places {
        workspace,
        reprise,
        guests: &guests,
        dir: &dir,
    };
    let wanted = PARTS
        .iter()
        .filter(|(name, long, _)| name.contains(&options.filter) && (options.long || !long));
    let mut result = Ok(());
    for (name, _, part) in wanted {
        result = part(&places).with_context(|| format!("part {name}"));
        if result.is_err() {
            break;
        }
        progress::heading(&format!("gdb, {name}: ok"));
    }
    std::fs::remove_dir_all(&dir)?;
    result
}

impl Places<'_> {
    /// A kernel, and an initramfs that powers off.
    fn boot(&self) -> Result<(PathBuf, PathBuf)> {
        let kernel = self.guests.kernel(Flavour::Cloud)?;
        let initrd = self
            .guests
            .initramfs(Flavour::Cloud, "initramfs-gdb.cpio", INIT)?;
        Ok((kernel, initrd))
    }
}

fn compare(places: &Places<'_>, engine: &str) -> Result<()> {
    let (kernel, initrd) = places.boot()?;
    let dir = places.dir;
    let guest = |log: &Path| {
        let mut command = limited(places.reprise);
        command.arg("-kernel").arg(&kernel).arg("-initrd").arg(&initrd);
        command.args(["-append", "console=ttyS0 panic=-1 nokaslr quiet"]);
        command.args(["-icount", "shift=0,sleep=off", "-display", "none", "-no-reboot"]);
        command.args(["-accel", &format!("tcg,engine={engine}")]);
        command.args(["-serial", "null", "-monitor", "none", "-d", "digest", "-D"]);
        command.arg(log);
        command
    };
    let (plain_log, gdb_log) = (dir.join("plain"), dir.join("gdb"));
    let mut plain = guest(&plain_log).spawn()?;
    let name = format!("engine-{engine}");
    let said = session::run(&mut guest(&gdb_log), dir, &name, SCRIPT, EXPECTED);
    let status = plain.wait()?;
    let said = said?;
    if !status.success() {
        bail!("the plain run ended with {status}");
    }
    // On its standard error.
    if !said.contains("VM status: paused (debug)") {
        bail!("no answer of the monitor\n{said}");
    }
    let digest = |log: &Path| std::fs::read_to_string(log).context("reading a digest");
    let (plain, debugged) = (digest(&plain_log)?, digest(&gdb_log)?);
    if plain != debugged || !plain.contains("digest after") {
        bail!("the guest noticed the debugger:\n{plain}{debugged}");
    }
    Ok(())
}

fn install_gdb() -> Result<()> {
    if Command::new("gdb").arg("--version").output().is_ok() {
        return Ok(());
    }
    install(&["gdb"]).context("installing gdb")
}
