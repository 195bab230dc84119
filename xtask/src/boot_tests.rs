//! Boot tests: real guests, what is typed at them, and what must come back. One row per test.
//!
//! Counted time (`-icount …,sleep=off`) makes a boot independent of the host's load; rows marked `Host` run on
//! host time, once per kernel.

use crate::console::Console;
use crate::guests::{Flavour, Guests};
use crate::{multiboot, progress};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Which guest a row boots.
#[derive(Clone, Copy)]
enum Guest {
    /// A Debian kernel with an initramfs whose process 1 is this script.
    Linux(Flavour, &'static str),
    /// The kernel's `vmlinux`, unpacked from the bzImage, entered by PVH.
    Pvh(Flavour, &'static str),
    /// memtest86+ of this architecture.
    Memtest(&'static str),
    /// A multiboot program that writes 21h to port F4h.
    Multiboot,
    /// No `-kernel`: the guest that is built into the emulator.
    Embedded,
}

/// Clock of a row.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    /// Instructions.
    Counted,
    /// Instructions, in two runs that must agree in every byte and digest.
    CountedTwice,
    /// The host's.
    Host,
}

/// One step of a conversation with the console.
#[derive(Clone, Copy)]
enum Step {
    Expect(&'static str),
    Send(&'static str),
}
use Step::{Expect, Send};

struct Row {
    name: &'static str,
    guest: Guest,
    time: Time,
    append: &'static str,
    options: &'static [&'static str],
    steps: &'static [Step],
    status: i32,
}

/// Prints what the rows look for, then ends as `END` on the kernel command line says.
const REPORT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo \"machine $(uname -m)\"
echo \"clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)\"
echo \"memory $(($(sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) / 1024)) MiB\"
echo \"avx2 $(grep -c avx2 /proc/cpuinfo)\"
echo \"sum $(seq 1 1000 | md5sum)\"
case \"$(cat /proc/cmdline)\" in
*end=reboot*) reboot -f ;;
*end=shell*) exec setsid cttyhack sh ;;
*) poweroff -f ;;
esac
sleep 1000
";

const SUM: Step = Expect("sum 53d025127ae99ab79e8502aae2d9bea6");
const NO_APIC: &str = "nokaslr noapic nolapic acpi=off end=reboot";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "cloud", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::CountedTwice, append: "", options: &[],
          steps: &[Expect("machine x86_64"), Expect("clocksource tsc"), Expect("avx2 1"), SUM], status: 0 },
    Row { name: "cloud on host time", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Host, append: "end=shell", options: &["-m", "4G"],
          steps: &[Expect("clocksource tsc"), Expect("memory 39"), SUM, Expect("# "), Send("echo $((6*7))\r"), Expect("42"), Send("poweroff -f\r")], status: 0 },
    Row { name: "cloud reboots", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Counted, append: "end=reboot", options: &["-cpu", "max,-avx2"],
          steps: &[Expect("avx2 0"), SUM, Expect("Linux version"), Expect("machine x86_64")], status: KILLED },
    Row { name: "cloud without acpi and apic", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Counted, append: NO_APIC, options: &["-no-reboot"],
          steps: &[SUM], status: 0 },
    Row { name: "cloud by PVH", guest: Guest::Pvh(Flavour::Cloud, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("machine x86_64"), SUM], status: 0 },
    Row { name: "generic", guest: Guest::Linux(Flavour::Generic, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("clocksource tsc"), SUM], status: 0 },
    Row { name: "generic on host time without acpi and apic", guest: Guest::Linux(Flavour::Generic, REPORT), time: Time::Host, append: NO_APIC, options: &["-no-reboot"],
          steps: &[SUM], status: 0 },
    Row { name: "686-pae", guest: Guest::Linux(Flavour::Pae, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("machine i686"), Expect("clocksource tsc"), SUM], status: 0 },
    Row { name: "686-pae on host time without acpi and apic", guest: Guest::Linux(Flavour::Pae, REPORT), time: Time::Host, append: NO_APIC, options: &["-no-reboot", "-cpu", "pentium3,+pae"],
          steps: &[Expect("machine i686"), SUM], status: 0 },
    Row { name: "memtest86+ x64", guest: Guest::Memtest("x64"), time: Time::Counted, append: "console=ttyS0,115200", options: &["-m", "32"],
          steps: &[Expect("Memtest86+"), Expect("#5  [Moving inversions, random pattern]"), Expect("Errors: 0 ")], status: KILLED },
    Row { name: "memtest86+ ia32", guest: Guest::Memtest("ia32"), time: Time::Counted, append: "console=ttyS0,115200", options: &["-m", "32"],
          steps: &[Expect("Memtest86+"), Expect("#5  [Moving inversions, random pattern]"), Expect("Errors: 0 ")], status: KILLED },
    Row { name: "multiboot", guest: Guest::Multiboot, time: Time::Counted, append: "", options: &["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
          steps: &[], status: 0x43 },
    Row { name: "embedded guest", guest: Guest::Embedded, time: Time::Counted, append: "", options: &[],
          steps: &[Expect("> "), Send("help\r"), Expect("poweroff"), Send("poweroff\r")], status: 0 },
];

/// Status of rows that end when their steps are done, not by themselves.
const KILLED: i32 = -1;

/// Host time after which a row counts as hung.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs all rows whose name contains `filter`, two at a time.
///
/// # Errors
/// A guest cannot be had, or a row fails.
pub fn run(workspace: &Path, reprise: &Path, filter: &str) -> Result<()> {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.name.contains(filter)).collect();
    let guests = Guests::open(workspace)?;
    let commands = rows
        .iter()
        .map(|row| command(&guests, row))
        .collect::<Result<Vec<_>>>()?;
    let bar = progress::bar(rows.len() as u64);
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(index) else { break };
                    let result = if row.time == Time::CountedTwice {
                        repeat(reprise, &commands[index], row)
                    } else {
                        converse(reprise, &commands[index], row).map(drop)
                    };
                    match result {
                        Ok(()) => bar.suspend(|| println!("boot test {} ... ok", row.name)),
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            bar.suspend(|| println!("boot test {} ... FAILED\n{error:#}", row.name));
                        }
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", rows.len() - failed);
    if failed > 0 {
        bail!("{failed} boot tests failed");
    }
    Ok(())
}

fn command(guests: &Guests, row: &Row) -> Result<Vec<String>> {
    let mut args: Vec<String> = vec!["-nographic".into(), "-monitor".into(), "none".into()];
    if row.time != Time::Host {
        args.extend(["-icount".into(), "shift=1,sleep=off".into()]);
    }
    let mut append = row.append.to_owned();
    let mut kernel = None;
    match row.guest {
        Guest::Linux(flavour, init) | Guest::Pvh(flavour, init) => {
            let image = guests.kernel(flavour)?;
            kernel = Some(match row.guest {
                Guest::Pvh(..) => guests.vmlinux(&image)?,
                _ => image,
            });
            let initrd = guests.initramfs(flavour, "report", init)?;
            args.extend(["-initrd".into(), initrd.to_string_lossy().into_owned()]);
            append = format!("console=ttyS0 panic=-1 {append}");
        }
        Guest::Multiboot => kernel = Some(guests.write("exit.elf", &multiboot::exit_kernel(0xf4, 0x21))?),
        Guest::Memtest(arch) => kernel = Some(guests.memtest(arch)?),
        Guest::Embedded => {}
    }
    if let Some(kernel) = kernel {
        args.extend([
            "-kernel".into(),
            kernel.to_string_lossy().into_owned(),
            "-append".into(),
            append,
        ]);
    }
    args.extend(row.options.iter().map(|&o| o.to_owned()));
    Ok(args)
}

/// One run; everything printed, if the row runs to its end.
fn converse(reprise: &Path, args: &[String], row: &Row) -> Result<String> {
    let mut console = Console::start(reprise, args, LIMIT)?;
    for step in row.steps {
        match step {
            Expect(text) => console.expect(text)?,
            Send(text) => console.send(text)?,
        }
    }
    if row.status == KILLED {
        return Ok(String::new());
    }
    let (status, output) = console.finish().context("after the last step")?;
    if status != row.status {
        bail!("exit status {status}, not {}\n{output}", row.status);
    }
    Ok(output)
}

/// Runs a row twice and compares every byte printed and the digests of CPU, memory and devices at the end.
fn repeat(reprise: &Path, args: &[String], row: &Row) -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut args = args.to_vec();
        args.extend(["-d".into(), "digest".into()]);
        runs.push(converse(reprise, &args, row)?);
    }
    if !runs[0].contains("digest") {
        bail!("no digest was printed\n{}", runs[0]);
    }
    if let Some((a, b)) = runs[0].lines().zip(runs[1].lines()).find(|(a, b)| a != b) {
        bail!("two runs differ:\n{a}\n{b}");
    }
    Ok(())
}
