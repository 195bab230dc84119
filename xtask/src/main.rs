//! Project chores: `cargo xtask help` lists them.
//!
//! Arguments flow from `main` into one module per chore; chores share [`guests`], [`apt`] and [`progress`].

mod apt;
mod bench;
mod bless;
mod boot;
mod boot_tests;
mod c_program;
mod console;
mod cpio;
mod disk_test;
mod gdb_test;
mod guests;
mod images;
mod kernel_module;
mod lockstep;
mod multiboot;
mod payload;
mod progress;
mod replay_bench;
mod replay_test;
mod snapshots;
mod test;
mod tidy;

use anyhow::{Context, Result, bail};
use lexopt::Arg::{Long, Value};
use lexopt::ValueExt;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask CHORE

  boot [--flavour cloud|generic|686-pae] [--kernel FILE] [--initrd FILE] [--append TEXT] [-- OPTIONS]
              boots a Debian kernel to a busybox shell (fetches both; no root needed)
  test        all checks: format, lints, unit, doc and loom tests, a short lockstep, snapshots, boot tests
  boot-test [NAME] [--long] [--reprise FILE]
              the boot tests whose name contains NAME; with --long more rounds of those that check
              self-modifying code and memory, and some that take too long for every day
  disk-test [ROW...] [--long] [--qemu] [--reprise FILE] [--make] [--verbose]
              guests from disks, CDs, floppies and firmware: Debian with systemd (mkfs, fsck, fio, downloads,
              ssh), GRUB, iPXE, memtest86+, the installer, OVMF; disks of an emulator that is killed. ROW is a
              part of a name; --qemu proves the guests under QEMU, --make only makes their images (as root)
  bench [--runs N] [--only NAME,NAME] [--family NAME,NAME] [--reprise-args TEXT] [--reprise FILE]
        [--against COMMAND|none] [--scale FACTOR] [--limit SECONDS] [--cpu-time]
              boots, programs and system calls in reprise and in QEMU's TCG (where installed, or
              in any COMMAND that takes QEMU's options), alternately, and on the host; writes
              target/bench/report.txt and report.html; --cpu-time where the host is busy
  bench smp [--runs N] [--only NAME,NAME] [--reprise-args TEXT] [--reprise FILE] [--against COMMAND|none]
            [--scale FACTOR] [--limit SECONDS]
              two virtual CPUs with thread=multi: how independent jobs scale beside two processes of the
              host, and contention beside QEMU; writes target/bench/smp.txt
  lockstep [--flavour NAME] [--script FILE] [--append TEXT] [--engines A,B] [--every N]
           [--until TEXT] [--limit N] [--memory MIB] [--tb-size KIB] [--shift N]
              boots Debian under counted instructions with two engines side by side, compares
              registers, memory, TLB and devices every million instructions to the shell and through
              a workload (FILE, or one that is built in), and finds the instruction where they part
  snapshots [--smp N] [--every N] [--number N] [--memory MIB] [--engine NAME] [--shift N]
              takes snapshots along a Debian boot and a workload, says what they cost, and compares
              what follows each of them, restored, with what followed it the first time
  replay-test [NAME] [--pairs N] [--reprise FILE]
              guests (whose name contains NAME) recorded and replayed on all engines, N pairs; killed
              recorders, cut and changed logs; a table of what recording costs
  replay-bench [--runs N] [--reprise FILE] [--cpu-time]
              a boot as it is, with counted time, recorded and replayed, in reprise and in QEMU (where
              installed), alternately; what logs weigh, for the boot and for an idle second
  gdb-test [PART] [--long] [--reprise FILE]
              the real gdb, driven by a script: a guest that does not notice, back and forth in recordings,
              from an oops back to its cause; with --long how long the ways take with 20 G instructions
  fuzz-cpu [--times N] [--seed N]
              random instructions on the host CPU and in the interpreter, compared; N times as
              many as in test (default 10: two million)
  fuzz-readers [--times N] [--seed N]
              logs and snapshots that nobody recorded, with checksums that are right, for their readers and
              for a machine that loads them; N times as many as in test (default 10)
  bless [NAME]
              writes what the translator makes now into the filetests (those whose name contains
              NAME); look at the difference before you commit it
  tidy        layering, file headers, where unsafe code may be
  help        this text
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    // xtask/ lies directly below the workspace.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("no workspace around xtask")?;
    let mut args = lexopt::Parser::from_env();
    let chore = match args.next()? {
        Some(Value(chore)) => chore.string()?,
        None => "help".into(),
        Some(Long("help")) => "help".into(),
        Some(other) => return Err(other.unexpected().into()),
    };
    match chore.as_str() {
        "boot" => boot::boot(workspace, boot_options(&mut args)?),
        "test" => test::test(workspace),
        "tidy" => tidy::tidy(workspace),
        "boot-test" => {
            let options = boot_test_options(&mut args)?;
            let reprise = match &options.reprise {
                Some(program) => program.clone(),
                None => boot::build(workspace, true)?,
            };
            boot_tests::run(workspace, &reprise, &options)
        }
        "disk-test" => {
            let options = disk_test_options(&mut args)?;
            let emulator = match &options.reprise {
                _ if options.qemu => "qemu-system-x86_64".into(),
                _ if options.make => "none".into(),
                Some(program) => program.clone(),
                None => boot::build(workspace, true)?,
            };
            disk_test::run(workspace, &emulator, &options)
        }
        "bench" => match bench_options(&mut args)? {
            options if options.smp => bench::smp::bench(workspace, &options),
            options => bench::bench(workspace, &options),
        },
        "bless" => {
            let filter = args.next()?.map_or(Ok(String::new()), |arg| match arg {
                Value(name) => Ok(name.string()?),
                other => Err(anyhow::Error::from(other.unexpected())),
            })?;
            bless::bless(workspace, &filter)
        }
        "gdb-test" => {
            let options = boot_test_options(&mut args)?;
            let reprise = match &options.reprise {
                Some(program) => program.clone(),
                None => boot::build(workspace, true)?,
            };
            gdb_test::run(workspace, &reprise, &options)
        }
        "replay-test" => {
            let options = replay_test_options(&mut args)?;
            let reprise = match &options.reprise {
                Some(program) => program.clone(),
                None => boot::build(workspace, true)?,
            };
            replay_test::run(workspace, &reprise, &options)
        }
        "replay-bench" => {
            let options = replay_bench_options(&mut args)?;
            let reprise = match &options.reprise {
                Some(program) => program.clone(),
                None => boot::build(workspace, true)?,
            };
            replay_bench::run(workspace, &reprise, &options)
        }
        "lockstep" => lockstep::lockstep(workspace, lockstep_options(&mut args)?),
        "snapshots" => {
            let rest = args.raw_args()?.map(|rest| rest.string());
            snapshots::snapshots(workspace, rest.collect::<Result<_, _>>()?)
        }
        "fuzz-cpu" => test::fuzz_cpu(workspace, fuzz_options(&mut args)?),
        "fuzz-readers" => test::fuzz_readers(workspace, fuzz_options(&mut args)?),
        "help" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no chore '{other}'\n\n{HELP}"),
    }
}

fn boot_test_options(args: &mut lexopt::Parser) -> Result<boot_tests::Options> {
    let mut options = boot_tests::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("long") => options.long = true,
            Long("reprise") => options.reprise = Some(args.value()?.into()),
            Value(name) => options.filter = name.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn disk_test_options(args: &mut lexopt::Parser) -> Result<disk_test::Options> {
    let mut options = disk_test::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("long") => options.long = true,
            Long("qemu") => options.qemu = true,
            Long("make") => options.make = true,
            Long("verbose") => options.verbose = true,
            Long("reprise") => options.reprise = Some(args.value()?.into()),
            Value(name) => options.filters.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn boot_options(args: &mut lexopt::Parser) -> Result<boot::Options> {
    let mut options = boot::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("flavour" | "flavor") => options.flavour = Some(args.value()?.string()?),
            Long("kernel") => options.kernel = Some(args.value()?.into()),
            Long("initrd") => options.initrd = Some(args.value()?.into()),
            Long("append") => options.append = args.value()?.string()?,
            // After `--` everything is the emulator's.
            Value(first) => {
                options.rest.push(first.string()?);
                options.rest.extend(
                    args.raw_args()?
                        .map(|rest| rest.string())
                        .collect::<Result<Vec<_>, _>>()?,
                );
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn lockstep_options(args: &mut lexopt::Parser) -> Result<lockstep::Options> {
    let mut options = lockstep::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("flavour" | "flavor") => options.flavour = Some(args.value()?.string()?),
            Long("script") => options.script = Some(args.value()?.into()),
            Long("append") => options.append = args.value()?.string()?,
            Long(name @ ("engines" | "every" | "until" | "limit" | "memory" | "tb-size" | "shift")) => {
                options.rest.push(format!("--{name}"));
                options.rest.push(args.value()?.string()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn replay_test_options(args: &mut lexopt::Parser) -> Result<replay_test::Options> {
    let mut options = replay_test::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("pairs") => options.pairs = Some(args.value()?.parse()?),
            Long("reprise") => options.reprise = Some(args.value()?.into()),
            Value(name) => options.filter = name.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn replay_bench_options(args: &mut lexopt::Parser) -> Result<replay_bench::Options> {
    let mut options = replay_bench::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Long("runs") => options.runs = Some(args.value()?.parse()?),
            Long("reprise") => options.reprise = Some(args.value()?.into()),
            Long("cpu-time") => options.cpu_time = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn fuzz_options(args: &mut lexopt::Parser) -> Result<test::FuzzOptions> {
    let mut options = test::FuzzOptions {
        times: 10,
        seed: None,
    };
    while let Some(arg) = args.next()? {
        match arg {
            Long("times") => options.times = args.value()?.parse()?,
            Long("seed") => options.seed = Some(args.value()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn bench_options(args: &mut lexopt::Parser) -> Result<bench::Options> {
    let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut options = bench::Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Value(word) if word == "smp" => options.smp = true,
            Long("runs") => options.runs = args.value()?.parse()?,
            Long("only") => options.only.extend(list(args.value()?.string()?)),
            Long("family") => options.families.extend(list(args.value()?.string()?)),
            Long("reprise-args") => {
                let text = args.value()?.string()?;
                options
                    .reprise_args
                    .extend(text.split_whitespace().map(str::to_owned));
            }
            Long("reprise") => options.reprise = Some(args.value()?.into()),
            Long("against") => options.against = Some(args.value()?.string()?),
            Long("scale") => options.scale = args.value()?.parse()?,
            Long("cpu-time") => options.cpu_time = true,
            Long("limit") => options.limit = args.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bench_takes_lists_and_numbers() {
        let parse = |words: &[&str]| bench_options(&mut lexopt::Parser::from_args(words));
        let options = parse(&[
            "--runs=2",
            "--only",
            "lz,sort",
            "--only=pipe",
            "--scale",
            "0.5",
            "--reprise-args",
            "-accel tcg,engine=interp",
        ])
        .unwrap();
        assert_eq!((options.runs, options.scale), (2, 0.5));
        assert_eq!(options.only, ["lz", "sort", "pipe"]);
        assert_eq!(options.reprise_args, ["-accel", "tcg,engine=interp"]);
        assert!(parse(&["--runs", "many"]).is_err());
        assert!(parse(&["--slow"]).is_err());
    }
}
