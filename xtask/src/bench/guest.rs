//! The guest's side: process 1 runs the workloads and says on the console where it is.
//!
//! Data flows from the table through a shell script into an initramfs. The script prints marker lines, and the *host*
//! takes the time when a marker arrives: the guest's clock may be what differs between two emulators.

use super::programs::Line;
use crate::guests::{Flavour, Guests};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Size of guest RAM in MiB: room for the initramfs and the largest workload.
pub const RAM_MIB: u64 = 512;

/// A kernel, an initramfs and a command line.
pub struct Guest {
    /// bzImage.
    pub kernel: PathBuf,
    /// cpio archive.
    pub initrd: PathBuf,
    /// Kernel command line.
    pub append: &'static str,
}

impl Guest {
    /// The arguments that every QEMU-like emulator takes for this guest.
    pub fn arguments(&self) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        [
            "-kernel".into(),
            path(&self.kernel),
            "-initrd".into(),
            path(&self.initrd),
            "-append".into(),
            self.append.into(),
            "-m".into(),
            RAM_MIB.to_string(),
            "-nographic".into(),
            "-no-reboot".into(),
        ]
        .into()
    }

    /// A guest that runs nothing but its kernel, and powers off.
    ///
    /// # Errors
    /// The kernel or busybox cannot be had.
    pub fn empty(guests: &Guests, flavour: Flavour) -> Result<Self> {
        Ok(Self {
            kernel: guests.kernel(flavour)?,
            initrd: guests.initramfs(flavour, "bench-boot", &script(&[]))?,
            append: "console=ttyS0 panic=-1 mitigations=off",
        })
    }

    /// A guest that runs `lines` with the tree of programs at hand, and powers off.
    ///
    /// # Errors
    /// The kernel or busybox cannot be had, or the archive cannot be written.
    pub fn with_programs(guests: &Guests, tree: &Path, lines: &[&Line<'_>]) -> Result<Self> {
        let mut archive = guests.archive(Flavour::Cloud, &script(lines))?;
        archive.tree("bench", tree).context("packing the workloads")?;
        Ok(Self {
            kernel: guests.kernel(Flavour::Cloud)?,
            initrd: guests.write("initramfs-bench-amd64.cpio", &archive.finish())?,
            // Kernel messages must not come between the characters of a marker.
            append: "console=ttyS0 panic=-1 mitigations=off loglevel=1",
        })
    }
}

/// The command that runs `lines` on the host, in the shell that the guest has.
pub fn on_host(tree: &Path, lines: &[&Line<'_>]) -> Vec<String> {
    let text = format!(
        "export ROOT={}\necho '{MARK}up'\n{}echo '{MARK}done'\n",
        quoted(&tree.to_string_lossy()),
        body(lines)
    );
    let busybox = tree.join("bin/busybox").to_string_lossy().into_owned();
    vec![busybox, "sh".into(), "-c".into(), text]
}

/// The start of every marker line.
const MARK: &str = "@bench ";

/// What a line of the console says about the guest's progress.
#[derive(Debug, PartialEq)]
pub enum Mark<'a> {
    /// Userspace runs.
    Up,
    /// `flags` of /proc/cpuinfo.
    Flags(&'a str),
    /// A workload starts.
    Begin(&'a str),
    /// The result of the workload that runs.
    Checksum(&'a str),
    /// Nanoseconds on the wall and of the CPU that the workload measured itself: exact on the host.
    Took(u64, u64),
    /// The workload ended with this status.
    End(&'a str, i32),
    /// All of them ended; the guest powers off.
    Done,
}

/// Reads a line of the console.
pub fn mark(line: &str) -> Option<Mark<'_>> {
    if let Some(sum) = line.trim().strip_prefix("checksum ") {
        return Some(Mark::Checksum(sum));
    }
    // Firmware may leave control sequences before it.
    let rest = line.split_once(MARK)?.1.trim();
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "up" => Some(Mark::Up),
        "flags" => Some(Mark::Flags(rest)),
        "begin" => Some(Mark::Begin(rest)),
        "took" => {
            let (wall, cpu) = rest.split_once(' ')?;
            Some(Mark::Took(wall.parse().ok()?, cpu.parse().ok()?))
        }
        "end" => {
            let (name, status) = rest.split_once(' ')?;
            Some(Mark::End(name, status.parse().ok()?))
        }
        "done" => Some(Mark::Done),
        _ => None,
    }
}

/// Process 1.
fn script(lines: &[&Line<'_>]) -> String {
    let mut text = format!("#!/bin/sh\necho '{MARK}up'\n");
    if !lines.is_empty() {
        text.push_str(&format!(
            "busybox() {{ /bin/busybox \"$@\"; }}\nbusybox mount -t proc proc /proc\n\
             echo \"{MARK}$(busybox grep -m1 ^flags /proc/cpuinfo | busybox tr -d '\\t:')\"\n\
             export ROOT=/bench\n"
        ));
    }
    text.push_str(&body(lines));
    text.push_str(&format!("echo '{MARK}done'\n"));
    if !lines.is_empty() {
        // The host looks at the emulator's memory meanwhile.
        text.push_str("busybox sleep 1\n");
    }
    text.push_str("/bin/busybox poweroff -f\n");
    text
}

/// One workload after the other.
fn body(lines: &[&Line<'_>]) -> String {
    let each = |Line { name, text, marks }: &Line<'_>| {
        if *marks {
            // It says nothing when it dies.
            format!("{text} || echo \"{MARK}end {name} $?\"\n")
        } else {
            format!("echo '{MARK}begin {name}'\n( {text} )\necho \"{MARK}end {name} $?\"\n")
        }
    };
    lines.iter().map(|line| each(line)).collect()
}

/// As one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks() {
        for (line, expected) in [
            ("@bench up\r\n", Some(Mark::Up)),
            ("\x1bc\x1b[?7l@bench up\r\n", Some(Mark::Up)),
            ("@bench flags fpu vme\r\n", Some(Mark::Flags("fpu vme"))),
            ("@bench begin lz\n", Some(Mark::Begin("lz"))),
            ("checksum 00ff\r\n", Some(Mark::Checksum("00ff"))),
            ("@bench took 12 7\r\n", Some(Mark::Took(12, 7))),
            ("@bench took 12\r\n", None),
            ("@bench end lz 139\r\n", Some(Mark::End("lz", 139))),
            ("@bench end lz\r\n", None),
            ("@bench done\n", Some(Mark::Done)),
            ("[    0.1] Linux version\n", None),
            ("@bench other\n", None),
        ] {
            assert_eq!(mark(line), expected, "{line:?}");
        }
    }

    #[test]
    fn scripts() {
        let empty = script(&[]);
        assert_eq!(
            empty,
            "#!/bin/sh\necho '@bench up'\necho '@bench done'\n/bin/busybox poweroff -f\n"
        );
        let line = |name, marks| Line {
            name,
            text: format!("run-{name}"),
            marks,
        };
        let two = script(&[&line("lz", true), &line("python", false)]);
        let expected = "\
run-lz || echo \"@bench end lz $?\"
echo '@bench begin python'
( run-python )
echo \"@bench end python $?\"
echo '@bench done'
busybox sleep 1
/bin/busybox poweroff -f
";
        assert!(two.ends_with(expected), "{two}");
        let host = on_host(Path::new("/it's"), &[&line("lz", true)]);
        assert_eq!(host[..3], ["/it's/bin/busybox", "sh", "-c"]);
        assert!(host[3].starts_with("export ROOT='/it'\\''s'\n"), "{}", host[3]);
    }
}
