//! What an engine has done and where its time went, as `info jit` and `-d stats` show it.
//!
//! Counts are kept always. Time is measured on request: each run as a whole and each translation, and of one in
//! [`PERIOD`] rounds of the run loop how it divides.

use std::fmt;
use target_i386::Vcpu;
use target_i386::vcpu::MemoryCounts;
use util_mainloop::clock::{ClockSource, MonotonicClock};

/// Rounds of the run loop from one measured to the next: a prime, so as not to fall in step with a guest's loop.
const PERIOD: u32 = 61;

/// What a round of the run loop is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Requests, interrupts, code writes.
    Boundary,
    /// Finding the code for RIP, without translation.
    Lookup,
    /// Generated code, with what it calls.
    Generated,
    /// The interpreter.
    Interpreter,
    /// Regions, with what they call.
    Regions,
}

/// Measures a run loop.
#[derive(Debug, Default)]
pub struct Stopwatch {
    on: bool,
    /// Rounds to the next measured one.
    countdown: u32,
    /// This round is measured.
    sampling: bool,
    /// Start of the current part.
    last: i64,
    times: Times,
}

/// Nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// In the run loop.
    pub run: i64,
    /// Translating.
    pub translation: i64,
    /// In the measured rounds, by [`Part`].
    pub parts: [i64; 5],
}

impl Stopwatch {
    /// One that measures, if `on`.
    pub fn new(on: bool) -> Self {
        Self {
            on,
            countdown: PERIOD,
            ..Self::default()
        }
    }

    /// What was measured, if anything was.
    pub fn times(&self) -> Option<Times> {
        self.on.then_some(self.times)
    }

    /// The time, for [`Stopwatch::ran`] and [`Stopwatch::translated`].
    #[inline]
    pub fn start(&self) -> i64 {
        if self.on { MonotonicClock.now_ns() } else { 0 }
    }

    /// The run that began at `start` is over.
    pub fn ran(&mut self, start: i64) {
        if self.on {
            self.times.run += MonotonicClock.now_ns() - start;
            self.sampling = false;
        }
    }

    /// So is the translation; it is not part of the round around it.
    pub fn translated(&mut self, start: i64) {
        if self.on {
            self.last = MonotonicClock.now_ns();
            self.times.translation += self.last - start;
        }
    }

    /// A round begins.
    #[inline(always)]
    pub fn round(&mut self) {
        if self.on {
            self.begin();
        }
    }

    #[inline(never)]
    fn begin(&mut self) {
        self.countdown -= 1;
        self.sampling = self.countdown == 0;
        if self.sampling {
            self.countdown = PERIOD;
            self.last = MonotonicClock.now_ns();
        }
    }

    /// What went before since the last mark, or the round's begin, was `part`.
    #[inline(always)]
    pub fn mark(&mut self, part: Part) {
        if self.sampling {
            self.take(part);
        }
    }

    #[cold]
    #[inline(never)]
    fn take(&mut self, part: Part) {
        let now = MonotonicClock.now_ns();
        self.times.parts[part as usize] += now - self.last;
        self.last = now;
    }
}

/// Counts of an engine that translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// Blocks translated.
    pub blocks: u64,
    /// Their guest instructions.
    pub instructions: u64,
    /// Bytes of their host code.
    pub code_bytes: u64,
    /// Bytes for generated code.
    pub buffer: u64,
    /// Direct exits linked.
    pub links: u64,
    /// Blocks killed by writes to their bytes.
    pub invalidated: u64,
    /// Blocks evicted by age.
    pub evicted: u64,
    /// How often generated code was left, by kind of exit.
    pub exits: [u64; 5],
    /// Look-ups by the run loop that the jump cache did not answer, and those for a new link.
    pub misses: u64,
    /// Blocks (or their tails) that were interpreted.
    pub interpreted: u64,
}

/// Counts of an engine that compiles hot loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionCounters {
    /// Regions compiled.
    pub compiled: u64,
    /// Guest instructions in them.
    pub instructions: u64,
    /// Bytes of their code.
    pub code_bytes: u64,
    /// Nanoseconds that the compiler took, on its own thread.
    pub compile_time: i64,
    /// Bytes for their code, of all vCPUs.
    pub buffer: u64,
    /// Loops that cannot be compiled.
    pub refused: u64,
    /// Installed.
    pub installed: u64,
    /// Not installed since the guest's bytes had changed.
    pub stale: u64,
    /// Dropped after writes.
    pub invalidated: u64,
    /// Dropped for room.
    pub evicted: u64,
    /// Of those that were dropped, the ones whose room can be used again.
    pub reclaimed: u64,
    /// Entered.
    pub entered: u64,
    /// Guest instructions executed in them.
    pub executed: u64,
}

/// Kinds of exits in words, in the order of `ExitKind`.
const EXITS: [&str; 5] = [
    "block refused (slice or budget at its end, or dead)",
    "direct jump not linked",
    "one instruction for the interpreter",
    "after an instruction that ends its block",
    "fault",
];

/// What an engine has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The engine's name.
    pub engine: &'static str,
    /// Instructions executed.
    pub instructions: u64,
    /// Misses of the TLB and what they came to.
    pub memory: MemoryCounts,
    /// If it translates.
    pub translation: Option<Translation>,
    /// If it compiles hot loops.
    pub regions: Option<RegionCounters>,
    /// If it was to measure.
    pub times: Option<Times>,
}

impl Report {
    /// A report on what `cpu` shows by itself.
    pub fn new(engine: &'static str, cpu: &Vcpu) -> Self {
        Self {
            engine,
            instructions: cpu.icount,
            memory: cpu.counts,
            ..Self::default()
        }
    }
}

fn per(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// One count a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |value: &dyn fmt::Display, what: &str| writeln!(f, "{value:>16}  {what}");
        row(&self.engine, "engine")?;
        row(&self.instructions, "instructions executed")?;
        if let Some(t) = &self.translation {
            row(&t.blocks, "blocks translated")?;
            row(&t.instructions, "guest instructions translated")?;
            row(
                &format!("{:.1}", per(t.instructions, t.blocks)),
                "instructions a block",
            )?;
            row(&t.code_bytes, "bytes of host code")?;
            row(
                &format!("{:.1}", per(t.code_bytes, t.instructions)),
                "bytes an instruction",
            )?;
            row(&t.buffer, "bytes of code buffer")?;
            row(&t.links, "links made")?;
            row(&t.invalidated, "blocks invalidated by writes")?;
            row(&t.evicted, "blocks evicted by age")?;
            for (count, kind) in t.exits.iter().zip(EXITS) {
                row(count, &format!("exits: {kind}"))?;
            }
            row(&t.misses, "look-ups behind the jump cache")?;
            row(&t.interpreted, "blocks interpreted")?;
        }
        if let Some(r) = &self.regions {
            row(&r.compiled, "regions compiled")?;
            row(&r.instructions, "guest instructions in them")?;
            row(&r.code_bytes, "bytes of their host code")?;
            row(
                &format!("{:.1}", per(r.code_bytes, r.instructions)),
                "bytes an instruction",
            )?;
            row(&r.buffer, "bytes of their code buffer")?;
            row(&r.refused, "hot places that are no loop to be compiled")?;
            row(&r.installed, "regions installed")?;
            row(&r.stale, "regions dropped: written to before they were ready")?;
            row(&r.invalidated, "regions dropped: invalidated by writes")?;
            row(&r.evicted, "regions dropped: evicted by age")?;
            row(&r.reclaimed, "dropped regions whose room was given back")?;
            row(&r.entered, "entries into regions")?;
            row(&r.executed, "instructions executed in regions")?;
            row(
                &format!("{:.1}", per(r.executed, r.entered)),
                "instructions an entry",
            )?;
        }
        let MemoryCounts { fills, faults, slow } = self.memory;
        for (count, access) in fills.iter().zip(["reads", "writes", "fetches"]) {
            row(count, &format!("TLB misses, page walked: {access}"))?;
        }
        row(&faults, "page walks that ended in a fault")?;
        if self.translation.is_some() || self.regions.is_some() {
            // Hits are found inline, where counting them would cost more than they do.
            row(&slow[0], "slow accesses of generated code: reads")?;
            row(&slow[1], "slow accesses of generated code: writes")?;
        }
        if let Some(times) = &self.times {
            self.write_times(f, times)?;
        }
        Ok(())
    }
}

impl Report {
    fn write_times(&self, f: &mut fmt::Formatter<'_>, times: &Times) -> fmt::Result {
        let Times {
            run,
            translation,
            parts,
        } = *times;
        writeln!(f, "{:>13.3} s   in the run loop", run as f64 / 1e9)?;
        if self.translation.is_none() && self.regions.is_none() {
            return Ok(());
        }
        let share = |ns: f64| 100.0 * ns / (run.max(1) as f64);
        let each = |ns: i64, instructions: u64| ns as f64 / 1e3 / instructions.max(1) as f64;
        if let Some(counts) = &self.translation {
            writeln!(
                f,
                "{:>13.1} %   translation, {:.2} us an instruction",
                share(translation as f64),
                each(translation, counts.instructions)
            )?;
        }
        // The rest divides as the measured rounds did.
        let rest = (run - translation) as f64;
        let sum = parts.iter().sum::<i64>().max(1) as f64;
        for (part, name) in [
            (Part::Generated, "generated code and what it calls"),
            (Part::Regions, "regions and what they call"),
            (Part::Interpreter, "interpreter"),
            (Part::Lookup, "block look-up"),
            (Part::Boundary, "boundaries: events, code writes"),
        ] {
            let ns = parts[part as usize] as f64 / sum * rest;
            let missing = match part {
                Part::Generated => self.translation.is_none(),
                Part::Regions => self.regions.is_none(),
                _ => false,
            };
            if !missing {
                writeln!(f, "{:>13.1} %   {name} (sampled)", share(ns))?;
            }
        }
        if let Some(regions) = &self.regions {
            writeln!(
                f,
                "{:>13.3} s   compiling regions, on a thread of its own: {:.2} us an instruction",
                regions.compile_time as f64 / 1e9,
                each(regions.compile_time, regions.instructions)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let report = Report {
            engine: "baseline",
            instructions: 1000,
            memory: MemoryCounts {
                fills: [5, 6, 7],
                faults: 8,
                slow: [9, 10],
            },
            translation: Some(Translation {
                blocks: 10,
                instructions: 46,
                code_bytes: 1150,
                exits: [1, 2, 3, 4, 5],
                ..Translation::default()
            }),
            regions: Some(RegionCounters {
                compiled: 3,
                instructions: 20,
                code_bytes: 1000,
                compile_time: 40_000_000,
                evicted: 2,
                entered: 4,
                executed: 10,
                ..RegionCounters::default()
            }),
            times: Some(Times {
                run: 2_000_000_000,
                translation: 500_000_000,
                parts: [0, 10, 15, 10, 5],
            }),
        };
        let text = report.to_string();
        for line in [
            "        baseline  engine",
            "            1000  instructions executed",
            "             4.6  instructions a block",
            "            25.0  bytes an instruction",
            "               3  exits: one instruction for the interpreter",
            "               7  TLB misses, page walked: fetches",
            "              10  slow accesses of generated code: writes",
            "        2.000 s   in the run loop",
            "         25.0 %   translation, 10869.57 us an instruction",
            "         28.1 %   generated code and what it calls (sampled)",
            "          9.4 %   regions and what they call (sampled)",
            "               3  regions compiled",
            "            50.0  bytes an instruction",
            "               2  regions dropped: evicted by age",
            "             2.5  instructions an entry",
            "        0.040 s   compiling regions, on a thread of its own: 2000.00 us an instruction",
            "         18.8 %   block look-up (sampled)",
            "          0.0 %   boundaries: events, code writes (sampled)",
        ] {
            assert!(text.lines().any(|l| l == line), "{line:?} in\n{text}");
        }
        let plain = Report {
            times: report.times,
            ..Report::default()
        }
        .to_string();
        assert!(!plain.contains("blocks") && !plain.contains("regions"), "{plain}");
    }

    #[test]
    fn a_stopwatch_that_is_off_measures_nothing() {
        let mut off = Stopwatch::new(false);
        for _ in 0..2 * PERIOD {
            off.round();
            off.mark(Part::Generated);
        }
        assert_eq!((off.start(), off.times()), (0, None));
    }

    #[test]
    fn one_round_in_a_period() {
        let mut watch = Stopwatch::new(true);
        let measured = (0..3 * PERIOD)
            .filter(|_| {
                watch.round();
                watch.sampling
            })
            .count();
        assert_eq!(measured, 3);
    }
}
