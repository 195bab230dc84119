//! The two emulators and the host: how they are called, what they are, whether they show guests the same CPU.

use super::guest::Guest;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What Reprise is compared with where nothing else is asked for.
const QEMU: &str = "qemu-system-x86_64";

/// The features that both Reprise's `max` and QEMU's have: each gives up what the other lacks. QEMU has no invariant
/// TSC, TSC deadline or PCID without hardware; five-level paging and SVM would cost it time for nothing. By the size of
/// the L3 cache the C library picks its memcpy.
const OUR_CPU: &str = "max,-vme,-pcid,-invpcid,-invtsc,-tsc-deadline,-tsc-adjust,-xsavec,-xsaves";
const QEMU_CPU: &str = "max,-3dnow,-3dnowext,-acpi,-adx,-cmp-legacy,-cmpccxadd,-cr8legacy,-fsrc,-fsrm,-fsrs,-fzrm,\
                        -la57,-monitor,-mpx,-npt,-pks,-pku,-rdpid,-ss,-sse4a,-svm,-vaes,-vgif,-wbnoinvd,-x2apic,\
                        l3-cache=off";

/// A program that runs guests, with the arguments that are always given.
pub struct Emulator {
    /// For the report.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

impl Emulator {
    /// The command that runs `guest`.
    pub fn with(&self, guest: &Guest) -> Vec<String> {
        let mut command = self.command.clone();
        command.extend(guest.arguments());
        command
    }
}

/// Reprise with the arguments from `--reprise-args`.
pub fn reprise(program: &Path, arguments: &[String]) -> Emulator {
    let mut command = vec![program.to_string_lossy().into_owned()];
    if !arguments.iter().any(|argument| argument == "-cpu") {
        command.extend(["-cpu".into(), OUR_CPU.into()]);
    }
    command.extend_from_slice(arguments);
    Emulator {
        name: "reprise".into(),
        command,
    }
}

/// The emulator to compare with: the command from `--against`, or QEMU's TCG where it is installed. `none` is none.
///
/// # Errors
/// The command is empty or cannot be run.
pub fn rival(against: Option<&str>) -> Result<Option<Emulator>> {
    let Some(against) = against else {
        if version(QEMU).is_none() {
            return Ok(None);
        }
        let command = [QEMU, "-accel", "tcg", "-nic", "none", "-cpu", QEMU_CPU];
        return Ok(Some(Emulator {
            name: "qemu".into(),
            command: command.map(String::from).into(),
        }));
    };
    if against == "none" {
        return Ok(None);
    }
    let command: Vec<String> = against.split_whitespace().map(String::from).collect();
    let Some(program) = command.first() else {
        bail!("--against wants a command");
    };
    if version(program).is_none() {
        bail!("--against: cannot run '{program}'");
    }
    let name = Path::new(program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // `qemu-system-x86_64` is too wide for a column.
    let name = name.split("-system-").next().unwrap_or(&name).to_owned();
    // Another build of Reprise must not share its name.
    let name = if name == "reprise" { "other".into() } else { name };
    Ok(Some(Emulator { name, command }))
}

/// Lines about the host and the emulators, for the report.
pub fn about(emulators: &[&Emulator], runs: usize, scale: f64) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let processors = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let mut lines = vec![format!(
        "host: {}, {processors} CPUs, Linux {}; {runs} runs{}",
        model(&cpuinfo),
        read("/proc/sys/kernel/osrelease").trim(),
        if scale == 1.0 {
            String::new()
        } else {
            format!(", counts times {scale}")
        }
    )];
    for emulator in emulators {
        let version = version(&emulator.command[0]).unwrap_or_default();
        lines.push(format!(
            "{}: {}; {}",
            emulator.name,
            version.trim(),
            shown(&emulator.command)
        ));
    }
    lines
}

/// What differs between the CPUs that two guests saw (`flags` of /proc/cpuinfo); none if nothing.
pub fn differences(ours: (&str, &str), theirs: (&str, &str)) -> Option<String> {
    let a: BTreeSet<&str> = ours.1.split_whitespace().collect();
    let b: BTreeSet<&str> = theirs.1.split_whitespace().collect();
    let only = |name: &str, mut flags: Vec<&str>| {
        flags.sort_unstable();
        (!flags.is_empty()).then(|| format!("only in {name}: {}", flags.join(" ")))
    };
    let parts: Vec<String> = [
        only(ours.0, a.difference(&b).copied().collect()),
        only(theirs.0, b.difference(&a).copied().collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("the guests do not see the same CPU; {}", parts.join("; ")))
}

/// The first line that the program says about its version; none if it does not run.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.lines().next().unwrap_or_default().to_owned())
}

fn model(cpuinfo: &str) -> &str {
    cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown CPU", |(_, name)| name.trim())
}

/// A command without the directory of its program: reports are passed around.
fn shown(command: &[String]) -> String {
    let mut words = command.to_vec();
    if let Some(name) = words.first().and_then(|program| Path::new(program).file_name()) {
        words[0] = name.to_string_lossy().into_owned();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_compared_as_sets() {
        assert_eq!(differences(("a", "fpu sse"), ("b", "sse fpu")), None);
        let text = differences(("a", "fpu sse pcid"), ("b", "sse smap la57 fpu")).unwrap();
        assert!(
            text.ends_with("; only in a: pcid; only in b: la57 smap"),
            "{text}"
        );
        let text = differences(("a", "fpu"), ("b", "fpu pku")).unwrap();
        assert!(text.ends_with("; only in b: pku"), "{text}");
    }

    #[test]
    fn rivals() {
        assert!(rival(Some("none")).unwrap().is_none());
        assert!(rival(Some("")).is_err());
        let error = rival(Some("no-such-emulator -x")).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "--against: cannot run 'no-such-emulator'");
        let other = rival(Some("sh -c x")).unwrap().unwrap();
        assert_eq!(
            (other.name.as_str(), other.command.len(), shown(&other.command)),
            ("sh", 3, "sh -c x".into())
        );
    }

    #[test]
    fn a_given_cpu_replaces_ours() {
        let plain = reprise(Path::new("/x/reprise"), &[]);
        assert_eq!(shown(&plain.command), format!("reprise -cpu {OUR_CPU}"));
        let given = reprise(Path::new("/x/reprise"), &["-cpu".into(), "qemu64".into()]);
        assert_eq!(shown(&given.command), "reprise -cpu qemu64");
    }

    #[test]
    fn models() {
        assert_eq!(model("processor\t: 0\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
        assert_eq!(model(""), "unknown CPU");
    }
}
