//! Everything that can be wrong before the guest runs: one line on standard error, nothing on standard output,
//! status 1.

use crate::images::{BZIMAGE, BzImage, multiboot};
use crate::process::{file, run, scratch};
use std::fs::File;

/// Runs with `args` and expects exactly the line `reprise: ` + `expected`; a `…` at its end stands for anything.
fn refused(args: &[&str], expected: &str) {
    let finished = run(args);
    assert_eq!(finished.status, Some(1), "{args:?}: {finished:?}");
    assert_eq!(finished.stdout, "", "{args:?}");
    let line = finished
        .stderr
        .strip_prefix("reprise: ")
        .unwrap_or_else(|| panic!("{args:?}: {finished:?}"));
    assert_eq!(
        line.find('\n'),
        Some(line.len() - 1),
        "not one line: {args:?}: {}",
        finished.stderr
    );
    match expected.strip_suffix('…') {
        Some(start) => assert!(
            line.starts_with(start),
            "{args:?}: {line:?} instead of {expected:?}"
        ),
        None => assert_eq!(line.trim_end(), expected, "{args:?}"),
    }
}

#[rustfmt::skip]
#[test]
fn options() {
    for (args, expected) in [
        (&["-bogus"][..], "-bogus: invalid option"),
        (&["-kernle", "x"], "-kernle: invalid option (did you mean 'kernel'?)"),
        (&["-kernel"], "-kernel: requires an argument"),
        (&["-m", "1x"], "-m 1x: 'x' is no unit of memory; there are K, M, G and T"),
        (&["-m", "1T"], "-m 1T: at most 1023 GiB fit into 40 address bits"),
        (&["-m", "1"], "-m 1M: memory size must be a multiple of 4 KiB and at least 2 MiB"),
        (&["-append", "x"], "-append only allowed with -kernel option"),
        (&["-initrd", "x"], "-initrd only allowed with -kernel option"),
        (&["-cpu", "foo"], "-cpu foo: unable to find CPU model 'foo'"),
        (&["-cpu", "max,+foo"], "-cpu max,+foo: …"),
        (&["-M", "foo"], "-machine foo: unsupported machine type: \"foo\" (-machine help lists them)"),
        (&["-M", "pc,htep=on"], "-machine pc,htep=on: Property 'pc.htep' not found (did you mean 'hpet'?)"),
        (&["-device", "foo"], "-device foo: 'foo' is not a valid device model name"),
        (&["-device", "isa-debug-exit,foo=1"], "-device isa-debug-exit,foo=1: Property 'isa-debug-exit.foo' not found"),
        (&["-accel", "kvm"], "-accel kvm: reprise runs guests by itself; the accelerator is tcg"),
        (&["-smp", "2,nodes=1"], "-smp 2,nodes=1: 'nodes' is no property of -smp"),
        (&["-smp", "2", "-cpu", "486"], "-smp 2: several CPUs need local APICs"),
        (&["-nic", "tap"], "-nic tap: network backend 'tap' is not supported"),
        (&["-serial", "foo"], "-serial foo: unknown character device"),
        (&["-serial", "sdtio"], "-serial sdtio: unknown character device, did you mean 'stdio'?"),
        (&["-serial", ""], "-serial : no character device given"),
        (&["-serial", "stdio", "-serial", "stdio"], "cannot use stdio by multiple character devices"),
        (&["-serial", "mon:stdio", "-monitor", "stdio"], "cannot use stdio by multiple character devices"),
        (&["-serial", "null", "-serial", "null", "-serial", "null", "-serial", "null", "-serial", "pty"], "-serial pty: a PC has 4 serial ports"),
        (&["-serial", "file:/no/such/place/log"], "-serial file:/no/such/place/log: Could not open '/no/such/place/log': No such file or directory"),
        (&["-monitor", "unix:/no/such/place/m,server,nowait"], "-monitor unix:/no/such/place/m,server,nowait: Could not open 'unix:/no/such/place/m': No such file or directory"),
        (&["-d", "foo"], "-d foo: 'foo' is no log item; 'help' lists them"),
        (&["-d", "int", "-D", "/no/such/place/log"], "-D /no/such/place/log: No such file or directory"),
        (&["-D", "/no/such/place/log"], "-D /no/such/place/log: No such file or directory"),
        (&["-rtc", "base=xyz"], "-rtc base=xyz: base is utc, localtime or a date like '2006-06-17T16:01:21' or '2006-06-17'"),
        (&["-icount", "3,rr=record,rrfile=/no/such/place/log", "-rtc", "base=localtime,clock=host", "-no-shutdown"],
            "cannot record: -rtc base=localtime: the host's time zone is in no log; base=utc or a date is; -rtc clock=host: the host's clock goes on between two runs; clock=vm follows the guest's; -no-shutdown: a recording ends when the guest switches itself off"),
        (&["-icount", "auto,rr=record,rrfile=/no/such/place/log"],
            "cannot record: -icount shift=auto: time would follow the host's speed, not the instructions alone; give a number"),
        (&["disk.img"], "disk.img: Could not open 'disk.img': No such file or directory"),
    ] {
        refused(args, expected);
    }
}

#[test]
fn nearness_of_help_is_no_help() {
    // An error behind a list wins over nothing: what is read first decides.
    refused(&["-m", "1x", "-h"], "-m 1x: …");
}

#[rustfmt::skip]
#[test]
fn kernels() {
    let directory = env!("CARGO_TARGET_TMPDIR");
    let debian = file("debian.bzimage", &BZIMAGE.bytes());
    let truncated = file("truncated.bzimage", &BzImage { payload: 100, ..BZIMAGE }.bytes());
    let header_only = file("header-only.bzimage", &BZIMAGE.bytes()[..1024]);
    let large = file("large.bzimage", &BzImage { init_size: 1 << 30, ..BZIMAGE }.bytes());
    let empty = file("empty.kernel", b"");
    let garbage: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let garbage = file("garbage.kernel", &garbage);
    let elf = multiboot(&[0xf4]);
    let short_elf = file("short.elf", &elf[..70]);
    let far_elf = file("far.elf", &{
        let mut elf = elf.clone();
        elf[60..68].copy_from_slice(&[0, 0, 0, 0xf0, 0, 0, 0, 0xf0]); // segment at F0000000h
        elf
    });
    let long_line = "x".repeat(3000);
    for (args, expected) in [
        (&["-kernel", "/nope"][..], "-kernel /nope: No such file or directory".to_owned()),
        (&["-kernel", "/etc/passwd"], "-kernel /etc/passwd: not a bootable kernel (no Linux, multiboot or ELF header)".into()),
        (&["-kernel", directory], format!("-kernel {directory}: Is a directory")),
        (&["-kernel", "/dev/zero"], "-kernel /dev/zero: not a file".into()),
        (&["-kernel", &empty], format!("-kernel {empty}: …")),
        (&["-kernel", &garbage], format!("-kernel {garbage}: not a bootable kernel (no Linux, multiboot or ELF header)")),
        (&["-kernel", &truncated], format!("-kernel {truncated}: the file is truncated: …")),
        (&["-kernel", &header_only], format!("-kernel {header_only}: the file is truncated: …")),
        (&["-kernel", &large], format!("-kernel {large}: needs …")),
        (&["-m", "16", "-kernel", &debian], format!("-kernel {debian}: needs …")),
        (&["-kernel", &short_elf], format!("-kernel {short_elf}: …")),
        (&["-kernel", &far_elf], format!("-kernel {far_elf}: …")),
        (&["-cpu", "pentium3", "-kernel", &debian, "-append", &long_line], "-append …".into()),
        (&["-kernel", &debian, "-append", &long_line], "-append …".into()),
    ] {
        refused(args, &expected);
    }
}

#[test]
fn initrds() {
    let kernel = file("initrds.bzimage", &BZIMAGE.bytes());
    let directory = env!("CARGO_TARGET_TMPDIR");
    let sparse = |name: &str, size: u64| {
        let path = scratch(name);
        File::create(&path)
            .and_then(|file| file.set_len(size))
            .expect("a sparse file costs nothing");
        path.into_os_string().into_string().expect("text")
    };
    let large = sparse("large.initrd", 200 << 20);
    let huge = sparse("huge.initrd", 5 << 30);
    for (initrd, expected) in [
        ("/nope", "-initrd /nope: No such file or directory".to_owned()),
        (directory, format!("-initrd {directory}: Is a directory")),
        (&large, format!("-initrd {large}: …")),
        (&huge, format!("-initrd {huge}: larger than 4 GiB")),
    ] {
        refused(&["-m", "128", "-kernel", &kernel, "-initrd", initrd], &expected);
    }
    let _ = std::fs::remove_file(&huge);
}

#[test]
fn a_refused_option_leaves_nothing_behind() {
    let socket = scratch("left.sock");
    let path = format!("unix:{},server,nowait", socket.display());
    refused(
        &["-monitor", &path, "-kernel", "/etc/passwd"],
        "-kernel /etc/passwd: …",
    );
    refused(&["-monitor", &path, "-serial", "foo"], "-serial foo: …");
    assert!(
        !socket.exists(),
        "a socket was made before the options were checked"
    );
}
