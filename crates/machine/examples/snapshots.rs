//! A series of snapshots along a boot: what each costs to take, to hold and to go back to, and whether what follows a
//! restored one is what followed it the first time.
//!
//! ```sh
//! cargo run --release -p machine --example snapshots -- --kernel BZIMAGE --initrd FILE --append console=ttyS0
//! ```
//!
//! Options: `--engine NAME`, `--memory MIB`, `--every N` instructions (default 50,000,000), `--number N` snapshots,
//! `--shift N`, `--smp N`. Without a kernel it boots the guest that is built in. Ends without success on the first difference.

use accel_tcg::{Engine, ExecutionConfig, InstructionTime, Sleep};
use anyhow::{Context, Result, bail};
use chardev::Ringbuf;
use machine::{Backend, BootFiles, Config, MemoryDigest, Moment, Stepper, Time};
use migration::Snapshot;
use std::sync::Arc;
use target_i386::cpuid::Wanted;
use util_mainloop::clock::{ClockSource, MonotonicClock};

struct Options {
    kernel: String,
    initrd: Option<String>,
    append: String,
    engine: Engine,
    memory: u64,
    every: u64,
    number: usize,
    shift: u32,
    cpus: u32,
}

fn options() -> Result<Options> {
    let mut options = Options {
        kernel: String::new(),
        initrd: None,
        append: String::new(),
        engine: Engine::default(),
        memory: 512,
        every: 50_000_000,
        number: 8,
        shift: 1,
        cpus: 1,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--kernel" => options.kernel = value,
            "--initrd" => options.initrd = Some(value),
            "--append" => options.append = value,
            "--engine" => options.engine = value.parse()?,
            "--memory" => options.memory = value.parse()?,
            "--every" => options.every = value.parse()?,
            "--number" => options.number = value.parse()?,
            "--smp" => options.cpus = value.parse()?,
            "--shift" => options.shift = value.parse()?,
            _ => bail!("unknown option {option}"),
        }
    }
    Ok(options)
}

fn stepper(options: &Options) -> Result<Stepper> {
    let boot = if options.kernel.is_empty() {
        BootFiles {
            append: options.append.clone(),
            ..BootFiles::embedded()
        }
    } else {
        BootFiles::open(&options.kernel, options.initrd.as_deref(), &options.append)?
    };
    Stepper::new(Config {
        memory: options.memory << 20,
        layout: Wanted {
            cpus: Some(options.cpus),
            ..Wanted::default()
        }
        .layout()?,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::new(Ringbuf::new(1 << 16)) as _)],
        time: Time::Counted(
            InstructionTime::from_shift(options.shift).context("--shift is at most 10")?,
            Sleep::Off,
        ),
        execution: ExecutionConfig {
            engine: options.engine,
            ..ExecutionConfig::default()
        },
        ..Config::default()
    })
}

/// What `work` gives, and the milliseconds it took.
fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = MonotonicClock.now_ns();
    let result = work();
    (result, (MonotonicClock.now_ns() - start) as f64 / 1e6)
}

/// A snapshot, and what the machine was `every` instructions later.
struct Point {
    snapshot: Snapshot,
    here: Moment,
    later: Option<Moment>,
}

fn go_back(stepper: &mut Stepper, points: &[Point], at: usize) -> Result<f64> {
    let point = &points[at];
    let (loaded, ms) = timed(|| stepper.load_snapshot(&point.snapshot));
    loaded?;
    if stepper.moment() != point.here {
        bail!("snapshot {at} does not come back");
    }
    Ok(ms)
}

fn main() -> Result<()> {
    let options = options()?;
    let mut machine = stepper(&options)?;
    let mut digest = MemoryDigest::new();
    let mut points: Vec<Point> = Vec::new();
    println!(
        "{:>14} {:>9} {:>9} {:>10} {:>10} {:>10} {:>9}",
        "instructions", "run ms", "take ms", "digest ms", "pages", "held KiB", "file KiB"
    );
    for _ in 0..options.number {
        let target = machine.instructions() + options.every;
        let (end, run_ms) = timed(|| machine.run_to(target));
        if let Some(last) = points.last_mut() {
            last.later = Some(machine.moment());
        }
        let (sum, digest_ms) = timed(|| machine.memory_digest(&mut digest));
        if sum != machine.memory_digest_in_full() {
            bail!("the digest of what changed is not the digest of everything");
        }
        let (snapshot, take_ms) = timed(|| machine.save_snapshot());
        let mut file = Vec::new();
        let mut changed = 0;
        if let Some(last) = points.last() {
            snapshot.write_to(&mut file, Some((&last.snapshot, 0)))?;
            for (now, then) in snapshot.blocks.iter().zip(&last.snapshot.blocks) {
                now.pages.for_each_changed(&then.pages, |_, _| changed += 1);
            }
        } else {
            snapshot.write_to(&mut file, None)?;
            changed = snapshot.blocks.iter().map(|block| block.pages.used()).sum();
        }
        let held = machine.snapshot_pages().bytes() >> 10;
        println!(
            "{:>14} {run_ms:>9.1} {take_ms:>9.2} {digest_ms:>10.2} {changed:>10} {held:>10} {:>9}",
            machine.instructions(),
            file.len() >> 10
        );
        let here = machine.moment();
        points.push(Point {
            snapshot,
            here,
            later: None,
        });
        if let Some(end) = end {
            println!("the guest has ended: {end:?}");
            break;
        }
    }
    // From the last back to the first, one by one, and from there to the last.
    let mut total = 0.0;
    for at in (0..points.len()).rev() {
        total += go_back(&mut machine, &points, at)?;
    }
    println!("back by one snapshot: {:.2} ms each", total / points.len() as f64);
    println!(
        "from the first to the last: {:.2} ms",
        go_back(&mut machine, &points, points.len() - 1)?
    );
    let mut fresh = stepper(&options)?;
    for (at, point) in points.iter().enumerate() {
        let Some(later) = point.later else { break };
        for (name, machine) in [("the same machine", &mut machine), ("a new machine", &mut fresh)] {
            go_back(machine, &points, at)?;
            machine.run_to(point.here.digest.instructions + options.every);
            let now = machine.moment();
            if now != later {
                bail!("{name} goes another way from snapshot {at}:\n{now}\n{later}");
            }
        }
    }
    println!("what follows each of them is what followed it");
    Ok(())
}
