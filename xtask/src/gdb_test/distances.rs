//! How long the ways in a long recording take: the first pass, a step back, any point, back to a breakpoint.
//!
//! A boot and then 20 G instructions of a shell, of checksums and of processes that come and go; the real gdb goes to and fro
//! in it. The figures are printed, and held against what is promised.

use super::session::{self, limited};
use super::{Places, progress};
use crate::guests::Flavour;
use crate::test::check;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::time::Duration;

/// Instructions that the recording has at least.
const LENGTH: u64 = 20_000_000_000;
/// Longest step back.
const STEP: Duration = Duration::from_millis(200);
/// Longest way to any point.
const WAY: Duration = Duration::from_secs(2);

/// Work until the clock, which counts instructions, shows that there were enough: an instruction is a nanosecond.
const INIT: &str = "#!/bin/sh
/bin/busybox mount -t proc proc /proc
busy() { /bin/busybox dd if=/dev/zero bs=64k count=800 2>/dev/null | /bin/busybox sha256sum; }
while read up idle < /proc/uptime && [ ${up%.*} -lt SECONDS ]; do
  busy
  for n in 1 2 3 4 5 6 7 8 9; do /bin/busybox true; done
done >/dev/null
/bin/busybox poweroff -f
";

/// Points to go to, in thousandths of the recording: to and fro, near and far.
const POINTS: &[u64] = &[
    500, 499, 999, 3, 250, 750, 100, 900, 901, 10, 990, 333, 666, 1, 998, 450, 50, 600, 0, 800,
];

/// Records and measures.
///
/// # Errors
/// It cannot be recorded, gdb fails, or a way takes too long.
pub fn run(places: &Places<'_>) -> Result<()> {
    let Places {
        reprise, guests, dir, ..
    } = *places;
    let init = INIT.replace("SECONDS", &LENGTH.div_ceil(1_000_000_000).to_string());
    let initrd = guests.initramfs(Flavour::Cloud, "distances", &init)?;
    let (log, times) = (dir.join("log-distances"), dir.join("times"));
    let mut record = limited(reprise);
    record.arg("record").arg(&log).arg("--");
    record.arg("-kernel").arg(guests.kernel(Flavour::Cloud)?);
    record.arg("-initrd").arg(initrd);
    record.args(["-append", "console=ttyS0 panic=-1 nokaslr quiet", "-no-reboot"]);
    record.args(["-icount", "shift=0,sleep=off", "-m", "256"]);
    record.args(["-display", "none", "-serial", "null", "-monitor", "none"]);
    let step = progress::spinner("recording 20 G instructions");
    check(&mut record).context("recording 20 G instructions")?;
    step.finish_and_clear();

    let (script, ways) = script(&times.display().to_string())?;
    let mut replay = limited(reprise);
    replay.arg("replay").arg(&log);
    let step = progress::spinner("going to and fro");
    session::run(&mut replay, dir, "distances", &script, &["detached]"])?;
    step.finish_and_clear();
    let stamps = std::fs::read_to_string(&times)?;
    let stamps = stamps.lines().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    ensure!(stamps.len() == ways.len() + 1, "gdb did not go all ways");
    let mut kinds: Vec<(&str, Vec<Duration>)> = Vec::new();
    for (way, pair) in ways.iter().zip(stamps.windows(2)) {
        let took = Duration::from_nanos(pair[1] - pair[0]);
        match kinds.iter_mut().find(|(kind, _)| kind == way) {
            Some((_, all)) => all.push(took),
            None => kinds.push((way, vec![took])),
        }
    }
    println!("{:<40} {:>5} {:>10} {:>10}", "way", "times", "median", "longest");
    for (kind, all) in &mut kinds {
        all.sort();
        let ms = |at: usize| all[at].as_secs_f64() * 1e3;
        println!(
            "{kind:<40} {:>5} {:>7.0} ms {:>7.0} ms",
            all.len(),
            ms(all.len() / 2),
            ms(all.len() - 1)
        );
    }
    for (kind, all) in &kinds {
        let limit = match *kind {
            STEP_BACK => STEP,
            TO_POINT => WAY,
            _ => continue,
        };
        let longest = all.last().copied().unwrap_or_default();
        ensure!(
            longest <= limit,
            "{kind}: {longest:?}, but {limit:?} are promised"
        );
    }
    Ok(())
}

const STEP_BACK: &str = "a step back";
const TO_POINT: &str = "to any point";

/// What gdb does, and what lies between each two of the times that it writes to `times`.
fn script(times: &str) -> Result<(String, Vec<&'static str>)> {
    let mut script = String::from(
        "set pagination off\nset confirm off\nset width 0\nset remotetimeout 200\ntarget remote SOCKET\n",
    );
    let mut ways = Vec::new();
    let stamp = format!("shell date +%s%N >> {times}");
    writeln!(script, "{stamp}")?;
    let mut go = |way: &'static str, command: &str| {
        ways.push(way);
        writeln!(script, "{command}\n{stamp}")
    };
    go("first pass, history made", "continue")?;
    for _ in 0..10 {
        go(STEP_BACK, "reverse-stepi")?;
    }
    for point in POINTS {
        go(
            TO_POINT,
            &format!("monitor replay_seek {}", LENGTH / 1000 * point),
        )?;
        go("gdb looks at it anew", "maintenance flush register-cache")?;
        // At the very beginning nothing is before.
        for _ in 0..if *point == 0 { 0 } else { 5 } {
            go(STEP_BACK, "reverse-stepi")?;
        }
    }
    // The last of what happens all the time, and what happened only at the beginning.
    go("to any point", &format!("monitor replay_seek {LENGTH}"))?;
    go("watch the stack", "watch -l *(unsigned long *)($rsp - 64)")?;
    go("back to a store that is near", "reverse-continue")?;
    go("forget it", "delete")?;
    go("break at the kernel's first instruction", "hbreak *0x1000000")?;
    go("back over everything to the first of all", "reverse-continue")?;
    go("forget it", "delete")?;
    go("on to the end", "continue")?;
    writeln!(script, "detach")?;
    Ok((script, ways))
}
