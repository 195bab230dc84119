//! Two machines with different engines, side by side in one process, compared at every so many instructions; on a
//! difference, the instruction it comes from.
//!
//! ```sh
//! cargo xtask lockstep     # fetches a Debian kernel, and calls:
//! cargo run --release -p machine --example lockstep -- --kernel BZIMAGE --initrd FILE --append console=ttyS0
//! ```
//!
//! Options: `--engines A,B` (default `interp,baseline`), `--every N` instructions (default 1,000,000), `--memory MIB`,
//! `--until TEXT` (stop once the console shows it), `--limit N` instructions, `--shift N`, `--tb-size KIB`, `--smp N`. Ends with
//! success if the guest switched itself off, or showed the text, or reached the limit, without a difference.

use accel_tcg::{Engine, ExecutionConfig, InstructionTime, Sleep};
use anyhow::{Context, Result, bail};
use chardev::{Chardev, Frontend, InUse};
use machine::{Backend, BootFiles, Config, Moment, Stepper, StepperEnd, Time};
use parking_lot::Mutex;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Weak};
use target_i386::cpuid::Wanted;

struct Options {
    kernel: String,
    initrd: Option<String>,
    append: String,
    engines: [String; 2],
    every: u64,
    memory: u64,
    until: Option<String>,
    limit: u64,
    shift: u32,
    code_size: usize,
    cpus: u32,
}

/// Paper that is printed on, and remembers.
#[derive(Default)]
struct Paper(Mutex<Vec<u8>>);

impl Chardev for Paper {
    fn write(&self, data: &[u8]) {
        self.0.lock().extend_from_slice(data);
    }
    fn attach(&self, _: Weak<dyn Frontend>) -> Result<(), InUse> {
        Ok(())
    }
    fn accept_input(&self) {}
    fn flush(&self) {}
    fn describe(&self) -> String {
        "paper".into()
    }
}

struct Side {
    stepper: Stepper,
    paper: Arc<Paper>,
}

impl Side {
    fn new(options: &Options, which: usize) -> Result<Self> {
        let engine: Engine = options.engines[which].parse()?;
        let paper = Arc::new(Paper::default());
        let boot = if options.kernel.is_empty() {
            BootFiles {
                append: options.append.clone(),
                ..BootFiles::embedded()
            }
        } else {
            BootFiles::open(&options.kernel, options.initrd.as_deref(), &options.append)?
        };
        let stepper = Stepper::new(Config {
            memory: options.memory << 20,
            layout: Wanted {
                cpus: Some(options.cpus),
                ..Wanted::default()
            }
            .layout()?,
            boot: Some(boot),
            serials: vec![Backend::Opened(Arc::clone(&paper) as _)],
            time: Time::Counted(
                InstructionTime::from_shift(options.shift).context("--shift is at most 10")?,
                Sleep::Off,
            ),
            execution: ExecutionConfig {
                engine,
                code_size: options.code_size,
                ..ExecutionConfig::default()
            },
            ..Config::default()
        })?;
        Ok(Self { stepper, paper })
    }
}

/// Both machines at one moment.
struct Pair([Side; 2]);

/// What both did.
struct Step {
    ends: [Option<StepperEnd>; 2],
    moments: Option<[Moment; 2]>,
}

impl Step {
    fn same(&self) -> bool {
        self.ends[0] == self.ends[1] && self.moments.is_none_or(|[a, b]| a == b)
    }
}

impl Pair {
    fn new(options: &Options) -> Result<Self> {
        Ok(Self([Side::new(options, 0)?, Side::new(options, 1)?]))
    }

    /// Runs both to `count`, in parallel; with digests if they are wanted.
    fn run_to(&mut self, count: u64, digest: bool) -> Step {
        let run = |side: &mut Side| {
            let end = side.stepper.run_to(count);
            (end, digest.then(|| side.stepper.moment()))
        };
        let [a, b] = &mut self.0;
        let (a, b) = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(b));
            (run(a), other.join().expect("no panic"))
        });
        Step {
            ends: [a.0, b.0],
            moments: a.1.zip(b.1).map(|(a, b)| [a, b]),
        }
    }

    fn describe(&self) -> String {
        let [a, b] = &self.0;
        let text = a.stepper.differences(&b.stepper, "the first", "the second");
        text.lines().map(|line| format!("  {line}\n")).collect()
    }
}

fn main() -> ExitCode {
    match options().and_then(|options| lockstep(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lockstep: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options {
        kernel: String::new(),
        initrd: None,
        append: "console=ttyS0".into(),
        engines: ["interp".into(), "baseline".into()],
        every: 1_000_000,
        memory: 128,
        until: None,
        limit: u64::MAX,
        shift: 0,
        code_size: 64 << 20,
        cpus: 1,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().with_context(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--kernel" => options.kernel = value,
            "--initrd" => options.initrd = Some(value),
            "--append" => options.append = value,
            "--engines" => {
                let (a, b) = value.split_once(',').context("--engines A,B")?;
                options.engines = [a.into(), b.into()];
            }
            "--every" => options.every = value.parse::<u64>()?.max(1),
            "--memory" => options.memory = value.parse()?,
            "--until" => options.until = Some(value),
            "--limit" => options.limit = value.parse()?,
            "--smp" => options.cpus = value.parse()?,
            "--shift" => options.shift = value.parse()?,
            "--tb-size" => options.code_size = value.parse::<usize>()? << 10,
            _ => bail!("no option {name}"),
        }
    }
    Ok(options)
}

/// Shows how far it is, on a terminal.
fn progress(count: u64, last: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{} M instructions  {last:.60}", count / 1_000_000);
        let _ = std::io::stderr().flush();
    }
}

/// Runs to the end; whether both machines were the same all the time.
fn lockstep(options: &Options) -> Result<bool> {
    let mut pair = Pair::new(options)?;
    let (mut count, mut shown) = (0, 0);
    loop {
        let good = count;
        count = (count + options.every).min(options.limit);
        let step = pair.run_to(count, true);
        let same = step.same();
        if !same {
            eprintln!("\ndifferent after {count} instructions; equal after {good}");
            if let Some([a, b]) = step.moments {
                eprintln!("  {a}\n  {b}");
            }
            eprint!("{}", pair.describe());
            drop(pair);
            return find(options, good, count).map(|()| false);
        }
        let paper = pair.0[0].paper.0.lock().clone();
        anyhow::ensure!(
            paper == *pair.0[1].paper.0.lock(),
            "the machines are equal, but what they printed is not"
        );
        let text = String::from_utf8_lossy(&paper[shown..]).into_owned();
        if let Some(end) = text.rfind('\n') {
            print!("{}", &text[..=end]);
            shown += text[..=end].len();
        }
        progress(count, text.lines().next_back().unwrap_or(""));
        let seen = |wanted: &String| String::from_utf8_lossy(&paper).contains(wanted.as_str());
        let until = options.until.as_ref().is_some_and(seen);
        if until || step.ends[0].is_some() || count >= options.limit {
            let end = step.ends[0].map_or("goes on".into(), |end| format!("ends: {end:?}"));
            println!(
                "\n{} and {}: equal digests every {} instructions; after {} the guest {end}",
                options.engines[0],
                options.engines[1],
                options.every,
                pair.0[0].stepper.instructions(),
            );
            if let Some([moment, _]) = step.moments {
                println!("{moment}");
            }
            let awaited = options.until.is_some() && !until;
            return Ok(!awaited && step.ends[0] != Some(StepperEnd::Reset));
        }
    }
}

/// Narrows a difference between `good` and `bad` instructions down, by running again from the start.
fn find(options: &Options, mut good: u64, mut bad: u64) -> Result<()> {
    // First in ever smaller steps, which is a run for every factor of 32; then, since shorter steps give an engine
    // shorter blocks and may hide what it does wrong, by bisection with straight runs.
    let mut hidden = false;
    while bad - good > 1 && !hidden {
        let step = ((bad - good) / 32).max(1);
        eprintln!("looking between {good} and {bad} in steps of {step}");
        let mut pair = Pair::new(options)?;
        pair.run_to(good, false);
        let mut at = good;
        hidden = true;
        while at < bad {
            let next = (at + step).min(bad);
            if !pair.run_to(next, true).same() {
                (good, bad, hidden) = (at, next, false);
                break;
            }
            at = next;
        }
    }
    if hidden {
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            eprintln!("looking between {good} and {bad}, at {middle}");
            let mut pair = Pair::new(options)?;
            pair.run_to(good, false);
            if pair.run_to(middle, true).same() {
                // Going on from here would be another cut: `good` stays where straight runs start.
                if bad - middle <= 1 {
                    break;
                }
                good = middle;
            } else {
                bad = middle;
            }
        }
    }
    let mut pair = Pair::new(options)?;
    // What led there, as the first engine executes it.
    let start = bad.saturating_sub(16).max(1);
    pair.run_to(start, false);
    println!("the first engine's last instructions:");
    for count in start..bad {
        println!("  {:>12} {}", count + 1, pair.0[0].stepper.next_instruction());
        pair.0[0].stepper.run_to(count + 1);
    }
    pair.0[1].stepper.run_to(bad);
    println!("different after {bad} instructions (first at most equal after {good}):");
    print!("{}", pair.describe());
    Ok(())
}
