//! From a kernel's oops back to the store that caused it: a module of a Debian kernel smashes a pointer, the kernel dies of
//! it when it powers off.
//!
//! A recording of that; then gdb goes to the oops, finds the pointer by the registers that the kernel died with, watches it
//! and goes back. Where that must lead, the guest has told: it printed the addresses of its symbols.

use super::Places;
use super::session::{self, limited};
use crate::guests::Flavour;
use crate::kernel_module;
use anyhow::{Context, Result, ensure};
use std::process::Stdio;

/// `die_addr` is told of the faulting registers as its second argument.
/// The first argument of a function called through a pointer is the block that holds the pointer, by the kernel's own
/// convention; `di` is at this offset in its `struct pt_regs`.
const SCRIPT: &str = "\
set pagination off
set confirm off
set width 0
set remotetimeout 200
target remote SOCKET
hbreak *DIE
continue
set $block = *(unsigned long *)($rsi + 112)
printf \"smashed %lx\\n\", *(unsigned long *)$block
delete
watch -l *(unsigned long *)$block
reverse-continue
printf \"culprit %lx, was %lx\\n\", $pc, *(unsigned long *)$block
stepi
printf \"then %lx\\n\", *(unsigned long *)$block
reverse-stepi
printf \"again %lx, was %lx\\n\", $pc, *(unsigned long *)$block
delete
hbreak *DIE
continue
printf \"dies again %d\\n\", *(unsigned long *)($rsi + 112) == $block
delete
continue
detach
";

/// The word behind the name, in the module's source.
const SMASHED: &str = "6b636162206f67";

/// Records the oops, and has gdb walk back from it.
///
/// # Errors
/// It cannot be made or recorded, gdb ends elsewhere, or the replay is not what was recorded.
pub fn run(places: &Places<'_>) -> Result<()> {
    let Places {
        workspace,
        reprise,
        guests,
        dir,
    } = *places;
    let flavour = Flavour::Cloud;
    let module = kernel_module::build(guests, flavour, &workspace.join("xtask/guest-modules/greeter.c"))?;
    let init = "#!/bin/sh\n/bin/busybox mount -t proc proc /proc\n/bin/busybox insmod /greeter.ko\n\
        /bin/busybox grep -F -e ' die_addr' -e greeter_ /proc/kallsyms\n/bin/busybox poweroff -f\n";
    let mut archive = guests.archive(flavour, init)?;
    archive.program("greeter.ko", &module);
    let initrd = guests.write("initramfs-oops-amd64.cpio", &archive.finish())?;
    let log = dir.join("log-oops");
    let mut record = limited(reprise);
    record.arg("record").arg(&log).arg("--");
    record.arg("-kernel").arg(guests.kernel(flavour)?);
    record.arg("-initrd").arg(initrd);
    record.args(["-append", "console=ttyS0 panic=-1 oops=panic nokaslr loglevel=4"]);
    record.args([
        "-no-reboot",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-monitor",
        "none",
    ]);
    let recorded = record.output().context("recording an oops")?;
    let console = String::from_utf8_lossy(&recorded.stdout);
    ensure!(recorded.status.success(), "{}\n{console}", recorded.status);
    ensure!(
        console.contains("general protection fault"),
        "the kernel did not die\n{console}"
    );
    let symbol = |name: &str| {
        let mut words = console.lines().map(str::split_whitespace);
        words
            .find_map(|mut words| {
                let addr = words.next()?;
                (words.nth(1)? == name).then(|| addr.trim_start_matches('0').to_owned())
            })
            .with_context(|| format!("the guest did not tell where {name} is\n{console}"))
    };
    let (die, culprit, healthy) = (
        symbol("die_addr")?,
        symbol("greeter_culprit")?,
        symbol("greeter_say_goodbye")?,
    );
    let mut replay = limited(reprise);
    replay.arg("replay").arg(&log).stdout(Stdio::null());
    let expected = [
        format!("smashed {SMASHED}"),
        "Old value = ".into(),
        "New value = ".into(),
        format!("culprit {culprit}, was {healthy}"),
        format!("then {SMASHED}"),
        format!("again {culprit}, was {healthy}"),
        "dies again 1".into(),
        "No more reverse-execution history".into(),
        "detached]".into(),
    ];
    let script = SCRIPT.replace("DIE", &format!("0x{die}"));
    session::run(&mut replay, dir, "oops", &script, &expected)?;
    Ok(())
}
