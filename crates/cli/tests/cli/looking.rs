//! `-d`, `-dfilter`, `-perfmap`, `-jitdump`, and what is said when there is no memory for generated code.
#![cfg(target_arch = "x86_64")]

use crate::images::multiboot;
use crate::process::{Finished, command, file, run, scratch};
use std::process::Command;

/// Counts down from five, then exits.
#[rustfmt::skip]
const LOOP: &[u8] = &[
    0xb9, 5, 0, 0, 0,               // 100060: mov ecx, 5
    0xe2, 0xfe,                     // 100065: loop $
    0x66, 0xba, 0xf4, 0,            // 100067: mov dx, 0f4h
    0xb0, 0x10,                     // 10006b: mov al, 10h
    0xee, 0xf4, 0xeb, 0xfd,         // 10006d: out dx, al; then never
];
const FIXED: &[&str] = &["-nodefaults", "-m", "32", "-device", "isa-debug-exit,iobase=0xf4"];

/// Runs the loop; its status says that it came to its end.
fn shown(name: &str, options: &str) -> Finished {
    let kernel = file(&format!("looking-{name}.elf"), &multiboot(LOOP));
    let options: Vec<&str> = options.split_whitespace().collect();
    let finished = run(&[FIXED, &["-kernel", &kernel], &options].concat());
    assert_eq!(finished.status, Some(0x21), "{options:?}: {finished:?}");
    finished
}

/// The lines that an item wrote.
fn lines<'a>(finished: &'a Finished, item: &str) -> Vec<&'a str> {
    let prefix = format!("{item}: ");
    let all = finished.stderr.lines().map(str::trim_start);
    all.filter_map(|line| line.strip_prefix(prefix.as_str()))
        .collect()
}

/// Addresses of the blocks that were executed, in order, without leading digits.
#[rustfmt::skip]
#[test]
fn executions() {
    const WHOLE: &[u64] = &[0x60, 0x65, 0x65, 0x65, 0x65, 0x67];
    const SINGLE: &[u64] = &[0x60, 0x65, 0x65, 0x65, 0x65, 0x65, 0x67, 0x6b, 0x6d];
    for (name, options, expected) in [
        ("exec", "-d exec", WHOLE),
        ("exec-interp", "-d exec -accel tcg,engine=interp", WHOLE),
        ("exec-counted", "-d exec -icount shift=0,sleep=off", WHOLE),
        ("exec-one", "-d exec -accel tcg,one-insn-per-tb=on", SINGLE),
        ("exec-filter", "-d exec -dfilter 0x100065+2", &[0x65; 4]),
        ("exec-filters", "-d exec -dfilter 0x100060..0x100064,0x100068-2", &[0x60, 0x67]),
        ("exec-not", "-d nochain", &[]),
    ] {
        let finished = shown(name, options);
        let found: Vec<u64> = lines(&finished, "exec")
            .iter()
            .map(|line| {
                let address = line.split_whitespace().next().and_then(|word| word.strip_prefix("0x"));
                let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                address.unwrap_or_else(|| panic!("{line}")).wrapping_sub(0x10_0000)
            })
            .collect();
        assert_eq!(found, expected, "{name}: {}", finished.stderr);
    }
}

/// Something that each item shows of this guest.
#[rustfmt::skip]
#[test]
fn items() {
    for (name, options, item, part) in [
        ("in", "-d in_asm", "in_asm", "0x100065:  e2 fe                          loop 0x100065"),
        ("in-head", "-d in_asm", "in_asm", "at 0x100060, RAM 0x100060, 32 bits, 2 instructions, 7 bytes"),
        ("out", "-d out_asm", "out_asm", "-- guest 0x100065"),
        ("out-thunk", "-d out_asm", "out_asm", " ; helper"),
        ("cpu", "-d cpu", "cpu", "RCX=0000000000000003"),
        ("cpu-interp", "-d cpu -accel tcg,engine=interp", "cpu", "RCX=0000000000000003"),
        ("mmu", "-d mmu", "mmu", "Fetch: filled index"),
        ("stats", "-d stats", "stats", "blocks translated"),
        ("stats-time", "-d stats", "stats", "generated code and what it calls (sampled)"),
        ("stats-exits", "-d stats,nochain", "stats", "               0  links made"),
        ("stats-interp", "-d stats -accel tcg,engine=interp", "stats", "interp  engine"),
        ("tb-size", "-d stats -accel tcg,tb-size=1", "stats", "1048576  bytes of code buffer"),
        ("tb-size-blocks", "-d stats -accel tcg,engine=optimizing,tb-size=1", "stats", "786432  bytes of code buffer"),
        ("tb-size-regions", "-d stats -accel tcg,engine=optimizing,tb-size=1", "stats", "262144  bytes of their code buffer"),
        ("stats-regions", "-d stats -accel tcg,engine=interp+optimizing", "stats", "regions and what they call (sampled)"),
    ] {
        let finished = shown(name, options);
        assert!(lines(&finished, item).iter().any(|line| line.contains(part)), "{name}: {}", finished.stderr);
    }
    assert_eq!(shown("quiet", "-dfilter 0..1").stderr, "");
    // An engine without regions has none to show.
    assert_eq!(shown("clif", "-d clif -accel tcg,engine=baseline").stderr, "");
    let filtered = shown("in-filter", "-d in_asm,out_asm -dfilter 0x100067+1");
    assert!(!filtered.stderr.contains("0x100065"), "{}", filtered.stderr);
    assert!(filtered.stderr.contains("0x10006b"), "{}", filtered.stderr);
}

#[test]
fn files_for_perf() {
    let kernel = file("looking-perf.elf", &multiboot(LOOP));
    let place = scratch("looking-perf");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).expect("the scratch directory is writable");
    let mut command = command(&[FIXED, &["-kernel", &kernel, "-perfmap", "-jitdump"]].concat());
    let child = command.current_dir(&place).spawn().expect("the command starts");
    let map = format!("/tmp/perf-{}.map", child.id());
    let dump = place.join(format!("jit-{}.dump", child.id()));
    let output = child.wait_with_output().expect("it is our child");
    let names = std::fs::read_to_string(&map).expect("a map");
    let _ = std::fs::remove_file(&map);
    assert_eq!(output.status.code(), Some(0x21));
    for name in ["reprise-thunks", "guest-0x100060", "guest-0x100065"] {
        assert!(names.lines().any(|line| line.ends_with(name)), "{name}: {names}");
    }
    let dumped = std::fs::read(dump).expect("a dump");
    assert!(dumped.starts_with(&0x4a69_5444_u32.to_ne_bytes()));
    assert!(dumped.windows(15).any(|bytes| bytes == b"guest-0x100060\0"));
    let code = names
        .lines()
        .find(|line| line.ends_with("guest-0x100060"))
        .expect("asserted above");
    let address = u64::from_str_radix(code.split(' ').next().unwrap_or(""), 16).expect("an address");
    assert!(dumped.windows(8).any(|bytes| bytes == address.to_ne_bytes()));
}

/// What a shell runs before the command replaces it, with the same process number.
fn prepared(preparation: &str, args: &[&str]) -> Finished {
    let output = Command::new("sh")
        .args(["-c", &format!("{preparation}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_reprise"))
        .args(args)
        .output()
        .expect("there is a shell");
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn files_that_cannot_be_made() {
    let kernel = file("looking-no-files.elf", &multiboot(LOOP));
    for (preparation, option, expected) in [
        (
            "mkdir /tmp/perf-$$.map; echo $$",
            "-perfmap",
            "reprise: -perfmap: Is a directory\n",
        ),
        (
            "cd /proc",
            "-jitdump",
            "reprise: -jitdump: No such file or directory\n",
        ),
    ] {
        let finished = prepared(preparation, &[FIXED, &["-kernel", &kernel, option]].concat());
        if let Ok(id) = finished.stdout.trim().parse::<u32>() {
            let _ = std::fs::remove_dir(format!("/tmp/perf-{id}.map"));
        }
        assert_eq!(
            (finished.status, finished.stderr.as_str()),
            (Some(1), expected),
            "{option}"
        );
    }
}

/// Limits that leave the guest its memory, but none for generated code.
#[test]
fn without_memory_for_code() {
    let kernel = file("looking-no-code.elf", &multiboot(LOOP));
    for (limit, options) in [
        ("ulimit -f 100", &["-accel", "tcg"][..]),
        ("ulimit -v 3000000", &["-accel", "tcg,tb-size=2047"]),
    ] {
        let args = [FIXED, &["-kernel", &kernel], options].concat();
        let finished = prepared(limit, &args);
        assert_eq!(finished.status, Some(0x21), "{limit}: {finished:?}");
        let line = finished.stderr.trim_end();
        assert!(
            line.starts_with("reprise: warning: no memory for generated code (")
                && line.ends_with("; the guest is interpreted, which is slower")
                && line.lines().count() == 1,
            "{limit}: {finished:?}"
        );
    }
}
