//! One session: an emulator that waits for gdb on a socket, the real gdb with a script, and what it said.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Each program is killed after so many seconds.
const LIMIT: &str = "300";

/// `program`, which is killed if it takes too long, and reads nothing.
pub fn limited(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "2", LIMIT]).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Starts `emulator` with `-S -gdb` and gdb with `script`, in which `SOCKET` is where to connect; `dir` is for files of
/// this name. What gdb said, errors last.
///
/// # Errors
/// One of them cannot be started or fails, or gdb did not say all of `expected` in that order.
pub fn run(
    emulator: &mut Command,
    dir: &Path,
    name: &str,
    script: &str,
    expected: &[impl AsRef<str>],
) -> Result<String> {
    let (socket, file) = (
        dir.join(format!("socket-{name}")),
        dir.join(format!("script-{name}")),
    );
    let device = format!("unix:{},server=on,wait=off", socket.display());
    let mut emulator = emulator.args(["-S", "-gdb", &device]).spawn()?;
    std::fs::write(&file, script.replace("SOCKET", &socket.display().to_string()))?;
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let gdb = limited(Path::new("gdb"))
        .args(["-batch", "-nx", "-x"])
        .arg(&file)
        .output()
        .context("starting gdb")?;
    let said = String::from_utf8_lossy(&gdb.stdout).into_owned() + &String::from_utf8_lossy(&gdb.stderr);
    if let Err(error) = in_order(&said, expected) {
        let _ = emulator.kill();
        bail!("{error:#}\n{said}");
    }
    let status = emulator.wait()?;
    if !status.success() {
        bail!("the emulator ended with {status}\n{said}");
    }
    Ok(said)
}

/// Whether all of `expected` is in `said`, in order.
fn in_order(said: &str, expected: &[impl AsRef<str>]) -> Result<()> {
    let mut rest = said;
    for expected in expected.iter().map(AsRef::as_ref) {
        let at = rest
            .find(expected)
            .with_context(|| format!("gdb did not say {expected:?}"))?;
        rest = &rest[at + expected.len()..];
    }
    Ok(())
}
