//! The second half of `cargo xtask gdb-test`: the real gdb goes back and forth in the recorded boot of a Debian kernel.

use crate::progress;
use crate::test::check;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// Each run is killed after so many seconds.
const LIMIT: &str = "300";

const SCRIPT: &str = "\
set pagination off
set confirm off
set width 0
set remotetimeout 200
target remote SOCKET
printf \"start %lx\\n\", $pc
monitor replay_seek 100000000
maintenance flush register-cache
set $there = $pc
set $stack = $rsp
REVERSE10
printf \"back\\n\"
FORWARD10
printf \"forth %d\\n\", $pc == $there
watch -l *(unsigned long *)($stack - 8)
reverse-continue
set $store = $pc
set $before = *(unsigned long *)($stack - 8)
printf \"before the store %d\\n\", $rsp >= $stack - 8
stepi
printf \"stored %d\\n\", *(unsigned long *)($stack - 8) != $before
delete
hbreak *0x1000000
reverse-continue
printf \"kernel %lx\\n\", $pc
delete
reverse-continue
printf \"begin %lx\\n\", $pc
continue
reverse-stepi
stepi
printf \"end\\n\"
detach
";

/// What gdb has to say, in order.
const EXPECTED: &[&str] = &[
    "start 1000200",
    "back",
    "forth 1",
    "Old value",
    "New value",
    "before the store 1",
    "stored 1",
    "kernel 1000000",
    "No more reverse-execution history",
    "begin 1000200",
    "No more reverse-execution history",
    "No more reverse-execution history",
    "end",
    "detached]",
];

/// Records the boot of `kernel` with `initrd`, and has gdb go through it.
///
/// # Errors
/// It cannot be recorded, gdb says something else, or the replay is not what was recorded.
pub fn run(reprise: &Path, kernel: &Path, initrd: &Path, dir: &Path) -> Result<()> {
    let (log, socket, script) = (
        dir.join("log"),
        dir.join("socket-replay"),
        dir.join("script-replay"),
    );
    let limited = || {
        let mut command = Command::new("timeout");
        command.args(["-k", "2", LIMIT]);
        command
    };
    let mut record = limited();
    record.arg(reprise).arg("record").arg(&log).arg("--");
    record.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    record.args(["-append", "console=ttyS0 panic=-1 nokaslr quiet", "-no-reboot"]);
    record.args(["-display", "none", "-serial", "null", "-monitor", "none"]);
    check(record.stdin(Stdio::null())).context("recording a boot")?;
    let mut replay = limited();
    replay.arg(reprise).arg("replay").arg(&log).arg("-S").arg("-gdb");
    replay.arg(format!("unix:{},server=on,wait=off", socket.display()));
    let mut replay = replay.stdin(Stdio::null()).spawn()?;
    let text = SCRIPT
        .replace("SOCKET", &socket.display().to_string())
        .replace("REVERSE10", "reverse-stepi\n".repeat(10).trim_end())
        .replace("FORWARD10", "stepi\n".repeat(10).trim_end());
    std::fs::write(&script, text)?;
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let gdb = limited()
        .args(["gdb", "-batch", "-nx", "-x"])
        .arg(&script)
        .stdin(Stdio::null())
        .output()
        .context("starting gdb")?;
    let said = String::from_utf8_lossy(&gdb.stdout).into_owned() + &String::from_utf8_lossy(&gdb.stderr);
    let mut rest = said.as_str();
    for expected in EXPECTED {
        let Some(at) = rest.find(expected) else {
            let _ = replay.kill();
            bail!("gdb did not say {expected:?}\n{said}");
        };
        rest = &rest[at + expected.len()..];
    }
    let status = replay.wait()?;
    if !status.success() {
        bail!("the replay ended with {status}\n{said}");
    }
    progress::heading("gdb, back and forth in a replay: ok");
    Ok(())
}
