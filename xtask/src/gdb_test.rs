//! `cargo xtask gdb-test`: the real gdb, driven by a script, and a Debian kernel that does not notice.
//!
//! The same boot runs twice under counted time, once alone and once with breakpoints, watchpoints and steps: what gdb
//! says must be right, and both runs must end in the same digest.

use crate::guests::{Flavour, Guests};
use crate::progress;
use crate::test::install;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Each run is killed after this.
const LIMIT: Duration = Duration::from_secs(300);

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

/// Runs it with a built emulator.
///
/// # Errors
/// A guest or gdb cannot be had, gdb says something else, or the guest noticed.
pub fn run(workspace: &Path, reprise: &Path) -> Result<()> {
    install_gdb()?;
    let guests = Guests::open(workspace)?;
    let kernel = guests.kernel(Flavour::Cloud)?;
    let initrd = guests.initramfs(Flavour::Cloud, "initramfs-gdb.cpio", INIT)?;
    let dir = std::env::temp_dir().join(format!("reprise-gdb-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = ["baseline", "interp"].iter().try_for_each(|engine| {
        compare(reprise, &kernel, &initrd, &dir, engine).with_context(|| format!("engine {engine}"))?;
        progress::heading(&format!("gdb, engine {engine}: ok"));
        Ok(())
    });
    let result = result.and_then(|()| crate::gdb_replay::run(reprise, &kernel, &initrd, &dir));
    std::fs::remove_dir_all(&dir)?;
    result
}

fn compare(reprise: &Path, kernel: &Path, initrd: &Path, dir: &Path, engine: &str) -> Result<()> {
    let guest = |log: &Path| {
        let mut command = Command::new("timeout");
        command
            .args(["-k", "2", &LIMIT.as_secs().to_string()])
            .arg(reprise);
        command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
        command.args(["-append", "console=ttyS0 panic=-1 nokaslr quiet"]);
        command.args(["-icount", "shift=0,sleep=off", "-display", "none", "-no-reboot"]);
        command.args(["-accel", &format!("tcg,engine={engine}")]);
        command.args(["-serial", "null", "-monitor", "none", "-d", "digest", "-D"]);
        command.arg(log).stdin(Stdio::null());
        command
    };
    let (plain_log, gdb_log, socket) = (dir.join("plain"), dir.join("gdb"), dir.join("socket"));
    let mut plain = guest(&plain_log).spawn()?;
    let mut debugged = guest(&gdb_log)
        .arg("-S")
        .arg("-gdb")
        .arg(format!("unix:{}", socket.display()))
        .spawn()?;
    let script = dir.join("script");
    std::fs::write(&script, SCRIPT.replace("SOCKET", &socket.display().to_string()))?;
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let gdb = Command::new("timeout")
        .args([
            "-k",
            "2",
            &LIMIT.as_secs().to_string(),
            "gdb",
            "-batch",
            "-nx",
            "-x",
        ])
        .arg(&script)
        .stdin(Stdio::null())
        .output()
        .context("starting gdb")?;
    let said = String::from_utf8_lossy(&gdb.stdout).into_owned() + &String::from_utf8_lossy(&gdb.stderr);
    if let Err(error) = in_order(&said) {
        let _ = debugged.kill();
        let _ = plain.kill();
        bail!("{error:#}\n{said}");
    }
    for (name, status) in [("plain", plain.wait()?), ("debugged", debugged.wait()?)] {
        if !status.success() {
            bail!("the {name} run ended with {status}\n{said}");
        }
    }
    let digest = |log: &Path| std::fs::read_to_string(log).context("reading a digest");
    let (plain, debugged) = (digest(&plain_log)?, digest(&gdb_log)?);
    if plain != debugged || !plain.contains("digest after") {
        bail!("the guest noticed the debugger:\n{plain}{debugged}");
    }
    Ok(())
}

/// Whether [`EXPECTED`] is in `said`.
fn in_order(said: &str) -> Result<()> {
    let mut rest = said;
    for expected in EXPECTED {
        let at = rest
            .find(expected)
            .with_context(|| format!("gdb did not say {expected:?}"))?;
        rest = &rest[at + expected.len()..];
    }
    // On its standard error.
    if !said.contains("VM status: paused (debug)") {
        bail!("no answer of the monitor");
    }
    Ok(())
}

fn install_gdb() -> Result<()> {
    if Command::new("gdb").arg("--version").output().is_ok() {
        return Ok(());
    }
    install(&["gdb"]).context("installing gdb")
}
