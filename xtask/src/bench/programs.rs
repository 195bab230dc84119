//! What the guest runs, built and laid out in one tree (`target/bench/root`) that the host runs from as well.
//!
//! Data flows from `xtask/workloads/*.c` through gcc, and from Debian packages ([`crate::apt`]), into files below the
//! tree. In the guest the tree is `/bench`; every workload is one shell line that knows it as `$ROOT`, so host and
//! guest run the same bytes by the same line.

use super::workloads::{What, Workload};
use crate::apt::Apt;
use crate::c_program;
use anyhow::{Context, Result};
use std::path::Path;

/// The dynamic loader and libraries of a program taken from packages, so that the host's own do not matter.
const LOADER: &str = "$ROOT/lib/ld-linux-x86-64.so.2 --library-path $ROOT/lib";

/// Debian package, file in it, file in the tree.
#[rustfmt::skip]
const FROM_PACKAGES: &[(&str, &str, &str)] = &[
    ("libc6:amd64",              "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "lib/ld-linux-x86-64.so.2"),
    ("libc6:amd64",              "lib/x86_64-linux-gnu/libc.so.6",            "lib/libc.so.6"),
    ("libc6:amd64",              "lib/x86_64-linux-gnu/libm.so.6",            "lib/libm.so.6"),
    ("libc6:amd64",              "lib/x86_64-linux-gnu/libdl.so.2",           "lib/libdl.so.2"),
    ("libc6:amd64",              "lib/x86_64-linux-gnu/libpthread.so.0",      "lib/libpthread.so.0"),
    ("zlib1g:amd64",             "lib/x86_64-linux-gnu/libz.so.1",            "lib/libz.so.1"),
    ("libexpat1:amd64",          "lib/x86_64-linux-gnu/libexpat.so.1",        "lib/libexpat.so.1"),
    ("python3.11-minimal:amd64", "usr/bin/python3.11",                        "bin/python3.11"),
    ("libpython3.11-minimal:amd64", "usr/lib/python3.11",                     "lib/python3.11"),
    ("tcc:amd64",                "usr/bin/tcc",                               "bin/tcc"),
];

/// Builds and unpacks what `workloads` need, into the tree at `root`.
///
/// Returns why the workloads that come from packages cannot run, if they cannot.
///
/// # Errors
/// No C compiler, a source that does not compile, or a file that cannot be written.
pub fn prepare(
    workspace: &Path,
    root: &Path,
    apt: &Apt,
    workloads: &[&Workload],
    scale: f64,
) -> Result<Option<String>> {
    // From scratch: all of it goes into the guest, which unpacks it while it boots.
    let _ = std::fs::remove_dir_all(root);
    std::fs::create_dir_all(root.join("bin"))?;
    let busybox = apt.unpacked("busybox-static:amd64")?.join("bin/busybox");
    copy(&busybox, &root.join("bin/busybox"))?;
    c_program::compile(
        &workspace.join("xtask/workloads"),
        &root.join("bin/workloads"),
        &["-lm"],
    )?;
    if let Some(tcc) = workloads.iter().find(|w| matches!(w.what, What::Tcc(_))) {
        std::fs::write(root.join("program.c"), source(tcc.count(scale)))?;
    }
    if workloads.iter().any(|w| w.is_packaged()) {
        copy(&workspace.join("xtask/workloads/work.py"), &root.join("work.py"))?;
        // Python looks for it and complains when it is not there.
        std::fs::create_dir_all(root.join("lib/python3.11/lib-dynload"))?;
        for (package, from, to) in FROM_PACKAGES {
            match apt.unpacked(package) {
                Ok(tree) => copy(&tree.join(from), &root.join(to))?,
                Err(error) => return Ok(Some(format!("{error:#}"))),
            }
        }
    }
    Ok(None)
}

/// How a shell runs a workload.
pub struct Line<'a> {
    /// Of the workload.
    pub name: &'a str,
    /// Prints `checksum HEX`. `$ROOT` is the tree.
    pub text: String,
    /// It prints its markers itself; its start is not part of the time.
    pub marks: bool,
}

/// The shell lines of all workloads that are programs.
pub fn lines<'a>(workloads: &[&'a Workload], scale: f64) -> Vec<Line<'a>> {
    let line = |workload: &&'a Workload| {
        let (name, count) = (workload.name, workload.count(scale));
        let (text, marks) = match workload.what {
            What::Program(_) => (format!("$ROOT/bin/workloads {name} {count}"), true),
            What::Python(_) => (
                format!(
                    "PYTHONHOME=$ROOT PYTHONHASHSEED=0 {LOADER} $ROOT/bin/python3.11 -S -s -B $ROOT/work.py {count}"
                ),
                false,
            ),
            // tcc writes the name of the source into the object: it must be the same in both places.
            What::Tcc(_) => (
                format!(
                    "cd $ROOT && {LOADER} bin/tcc -nostdinc -c -o ../program.o program.c && \
                     set -- $(bin/busybox md5sum ../program.o) && echo checksum $1"
                ),
                false,
            ),
            What::Boot(_) | What::PowerOff(_) => return None,
        };
        Some(Line { name, text, marks })
    };
    workloads.iter().filter_map(line).collect()
}

/// A C program of `functions` functions, for a compiler to read. It needs no headers.
fn source(functions: u64) -> String {
    use std::fmt::Write;
    let mut text = String::from("struct pair { long a, b; };\nstatic long table[64];\n");
    for i in 0..functions {
        let (a, b, c) = (i * 7919 % 1000, i * 104_729 % 64, i % 13 + 1);
        write!(
            text,
            "static long f{i}(long x, struct pair *p)\n{{\n    long sum = {a};\n    \
             for (long i = 0; i < x; i++) {{\n        if ((p->a ^ i) % {c} == 0)\n            \
             sum += table[(i + {b}) & 63] * p->b;\n        else\n            table[i & 63] = sum - {a} * i;\n    }}\n    \
             switch (sum & 3) {{\n    case 0: return sum / {c};\n    case 1: p->a = sum; break;\n    \
             default: p->b += sum << {c};\n    }}\n    return sum ^ x;\n}}\n"
        )
        .expect("a string takes everything");
    }
    text.push_str("int main(void)\n{\n    struct pair p = { 1, 2 };\n    long sum = 0;\n");
    for i in 0..functions {
        writeln!(text, "    sum += f{i}({}, &p);", i % 50).expect("a string takes everything");
    }
    text.push_str("    return sum & 127;\n}\n");
    text
}

/// Copies a file or a tree; symbolic links become what they point to.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    // Links into directories that packages make when they are configured point nowhere here.
    if !from.exists() && from.is_symlink() {
        return Ok(());
    }
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    #[test]
    fn every_program_has_a_line() {
        let all: Vec<_> = WORKLOADS.iter().collect();
        let lines = lines(&all, 0.01);
        let of = |name: &str| &lines.iter().find(|line| line.name == name).unwrap().text;
        assert_eq!(of("lz"), "$ROOT/bin/workloads lz 4");
        assert!(of("python").ends_with("$ROOT/work.py 1"), "{}", of("python"));
        assert!(of("tcc").contains(" bin/tcc "), "{}", of("tcc"));
        assert!(!lines.iter().any(|line| line.name.starts_with("boot")));
        // One line each: they are lines of a shell script.
        assert!(lines.iter().all(|line| !line.text.contains('\n')));
    }

    #[test]
    fn every_program_has_its_row_in_main() {
        let main = include_str!("../../workloads/main.c");
        for workload in WORKLOADS {
            if let What::Program(_) = workload.what {
                assert!(
                    main.contains(&format!("{{ \"{}\",", workload.name)),
                    "{}",
                    workload.name
                );
            }
        }
    }

    #[test]
    fn sources_grow_by_functions() {
        let text = source(3);
        assert!(
            text.contains("static long f2(") && !text.contains("f3("),
            "{text}"
        );
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
