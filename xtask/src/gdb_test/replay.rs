//! The real gdb goes back and forth in the recorded boot of a Debian kernel.

use super::Places;
use super::session::{self, limited};
use crate::test::check;
use anyhow::{Context, Result};

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

/// Records a boot, and has gdb go through it.
///
/// # Errors
/// It cannot be recorded, gdb says something else, or the replay is not what was recorded.
pub fn run(places: &Places<'_>) -> Result<()> {
    let (kernel, initrd) = places.boot()?;
    let Places { reprise, dir, .. } = *places;
    let log = dir.join("log");
    let mut record = limited(reprise);
    record.arg("record").arg(&log).arg("--");
    record.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    record.args(["-append", "console=ttyS0 panic=-1 nokaslr quiet", "-no-reboot"]);
    record.args(["-display", "none", "-serial", "null", "-monitor", "none"]);
    check(&mut record).context("recording a boot")?;
    let mut replay = limited(reprise);
    replay.arg("replay").arg(&log);
    let script = SCRIPT
        .replace("REVERSE10", "reverse-stepi\n".repeat(10).trim_end())
        .replace("FORWARD10", "stepi\n".repeat(10).trim_end());
    session::run(&mut replay, dir, "replay", &script, EXPECTED)?;
    Ok(())
}
