//! Command lines and what they lead to, one line a case.

use super::*;

fn refused(line: &str) -> String {
    match parse(line.split_whitespace().map(OsString::from)) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted: {line}"),
    }
}

fn printed(line: &str) -> String {
    match parse(line.split_whitespace().map(OsString::from)) {
        Ok(Request::Print(text)) => text,
        _ => panic!("prints nothing: {line}"),
    }
}

fn config(line: &str) -> machine::Config {
    match parse(line.split_whitespace().map(OsString::from)) {
        Ok(Request::Run(config, _)) => *config,
        Ok(Request::Print(_)) => panic!("prints: {line}"),
        Err(error) => panic!("{line}: {error}"),
    }
}

#[rustfmt::skip]
#[test]
fn refusals() {
    for (line, expected) in [
        ("-bogus", "-bogus: invalid option"),
        ("-boot order=x", "-boot order=x: Invalid boot device for PC: 'x' is none of a, b, c, d, n, o, p"),
        ("-boot menu=maybe", "-boot menu=maybe: 'menu' expects 'on' or 'off', not 'maybe'"),
        ("-boot ordr=c", "-boot ordr=c: 'ordr' is no property of -boot (did you mean 'order'?)"),
        ("-boot splash-time=70000", "-boot splash-time=70000: 'splash-time' is at most 65535 (milliseconds)"),
        ("-fw_cfg opt/x", "-fw_cfg opt/x: one of file= and string= belongs to it"),
        ("-fw_cfg string=x", "-fw_cfg string=x: name= is missing"),
        ("-fw_cfg opt/x,file=/nope", "-fw_cfg /nope: No such file or directory"),
        ("-option-rom /nope", "-option-rom /nope: No such file or directory"),
        ("-smbios type=2,serial=1", "-smbios type=2,serial=1: type=2: types 0, 1 and 3 can be described"),
        ("-smbios serial=1", "-smbios serial=1: type= comes first"),
        ("-uuid 1-2", "-uuid 1-2: not a UUID; it looks like 550e8400-e29b-41d4-a716-446655440000"),
        ("-kernle x", "-kernle: invalid option (did you mean 'kernel'?)"),
        ("-kernel", "-kernel: requires an argument"),
        ("-m 1x", "-m 1x: 'x' is no unit of memory; there are K, M, G and T"),
        ("-m 1T", "-m 1T: at most 1023 GiB fit into 40 address bits"),
        ("-m 5K", "-m 5K: a PC has at least 1 MiB"),
        ("-m ,", "-m ,: not a memory size; write a number and K, M, G or T"),
        ("-append x", "-append only allowed with -kernel option"),
        ("-initrd x", "-initrd only allowed with -kernel option"),
        ("-cpu foo", "-cpu foo: unable to find CPU model 'foo'"),
        ("-M foo", "-machine foo: unsupported machine type: \"foo\" (-machine help lists them)"),
        ("-M pc,htep=on", "-machine pc,htep=on: Property 'pc.htep' not found (did you mean 'hpet'?)"),
        ("-M pc,hpet=maybe", "-machine pc,hpet=maybe: 'hpet' expects 'on' or 'off', not 'maybe'"),
        ("-accel kvm", "-accel kvm: reprise runs guests by itself; the accelerator is tcg"),
        ("-machine accel=kvm", "-accel kvm: reprise runs guests by itself; the accelerator is tcg"),
        ("-enable-kvm", "-accel kvm: reprise runs guests by itself; the accelerator is tcg"),
        ("-machine accel=kvm:qtest", "-machine accel=kvm:qtest: invalid accelerator qtest"),
        ("-accel tcg,engine=warp", "-accel tcg,engine=warp: 'warp' is not an engine of this build; it has interp, baseline, optimizing, interp+optimizing and auto"),
        ("-accel tcg,tb-size=0", "-accel tcg,tb-size=0: tb-size is 1 to 2047 (MiB), not 0"),
        ("-accel tcg,tb-size=2048", "-accel tcg,tb-size=2048: tb-size is 1 to 2047 (MiB), not 2048"),
        ("-accel tcg,tb-size=64M", "-accel tcg,tb-size=64M: 'tb-size' expects a number, not '64M'"),
        ("-accel tcg,tb-size=-1", "-accel tcg,tb-size=-1: 'tb-size' expects a number, not '-1'"),
        ("-accel tcg,one-insn-per-tb=2", "-accel tcg,one-insn-per-tb=2: 'one-insn-per-tb' expects 'on' or 'off', not '2'"),
        ("-accel tcg,tb-sise=1", "-accel tcg,tb-sise=1: Property 'tcg.tb-sise' not found (did you mean 'tb-size'?)"),
        ("-singlestep", "-singlestep: invalid option"),
        ("-d int,cliff", "-d int,cliff: 'cliff' is no log item (did you mean 'clif'?); 'help' lists them"),
        ("-d out_asn", "-d out_asn: 'out_asn' is no log item (did you mean 'out_asm'?); 'help' lists them"),
        ("-dfilter", "-dfilter: requires an argument"),
        ("-dfilter 0x1000", "-dfilter 0x1000: '0x1000' is no range; write START..END, START+LENGTH or START-LENGTH"),
        ("-dfilter 0x10..0xf", "-dfilter 0x10..0xf: '0x10..0xf' holds no address"),
        ("-dfilter 1+1,x+1", "-dfilter 1+1,x+1: 'x' is no number"),
        ("-smp 3,cores=2", "-smp 3,cores=2: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (1) * dies (1) * cores (2) * threads (1) != maxcpus (3)"),
        ("-smp 65", "-smp 65: Invalid CPU topology: the pc machine has at most 64 CPUs"),
        ("-device foo", "-device foo: 'foo' is not a valid device model name"),
        ("-device isa-debug-exit,iobas=1", "-device isa-debug-exit,iobas=1: Property 'isa-debug-exit.iobas' not found (did you mean 'iobase'?)"),
        ("-device isa-debug-exit,iobase=x", "-device isa-debug-exit,iobase=x: 'iobase' expects a number, not 'x'"),
        ("-icount shift=11", "-icount shift=11: shift is 0 to 10, or auto"),
        ("-icount shift=1,align=on,sleep=off", "-icount shift=1,align=on,sleep=off: align=on and sleep=off are incompatible"),
        ("-icount auto,align=on", "-icount auto,align=on: shift=auto and align=on are incompatible"),
        ("-icount shift=auto,sleep=off", "-icount shift=auto,sleep=off: shift=auto and sleep=off are incompatible"),
        ("-icount align=on", "-icount align=on: shift= is missing"),
        ("-icount sleep=off", "-icount sleep=off: shift= is missing"),
        ("-rtc base=xyz", "-rtc base=xyz: base is utc, localtime or a date like '2006-06-17T16:01:21' or '2006-06-17'"),
        ("-rtc utc", "-rtc utc: 'utc' is no property of -rtc; base=, clock= and driftfix= are"),
        ("-rtc base=utc,clock=vt", "-rtc base=utc,clock=vt: clock is host, rt or vm, not 'vt'"),
        ("-rtc driftfix=on", "-rtc driftfix=on: driftfix is none or slew, not 'on'"),
        ("-rtc clok=vm", "-rtc clok=vm: 'clok' is no property of -rtc (did you mean 'clock'?)"),
        ("-d foo", "-d foo: 'foo' is no log item; 'help' lists them"),
        ("-nic user,model=ne2k", "-nic user,model=ne2k: Unsupported NIC model: ne2k ('-nic model=help' lists them)"),
        ("-nic user,hostfwd=xx", "-nic user,hostfwd=xx: Invalid host forwarding rule 'xx' (No : separators)"),
        ("-drive file=a,if=scsi", "-drive file=a,if=scsi: if is ide, floppy, virtio, pflash, none, not 'scsi'"),
        ("-drive file=a,fromat=raw", "-drive file=a,fromat=raw: 'fromat' is no property of -drive (did you mean 'format'?)"),
        ("-drive file=a,index=1,unit=0", "-drive file=a,index=1,unit=0: index= cannot be used with bus= and unit="),
        ("-device virtio-blk-pci,driv=d", "-device virtio-blk-pci,driv=d: Property 'virtio-blk-pci.driv' not found (did you mean 'drive'?)"),
        ("-device VGA,addr=20", "-device VGA,addr=20: addr is a slot from 1 to 1f, not '20'"),
        ("-object rng-random", "-object rng-random: invalid object type: rng-random"),
        ("-kernel /nope", "-kernel /nope: No such file or directory"),
    ] {
        assert_eq!(refused(line), expected, "{line}");
    }
}

#[test]
fn lists() {
    for (line, part) in [
        ("-h", "-kernel FILE"),
        ("--help", "Ctrl-A x"),
        ("-version", "reprise version"),
        ("-M help", "i440FX"),
        ("-cpu help", "x86-64-v3"),
        ("-device help", "isa-debug-exit"),
        ("-device isa-debug-exit,help", "default: 0x501"),
        ("-d help", "guest_errors"),
        ("-d help", "out_asm"),
        ("-d help", "each region that the optimizing engine compiles"),
        ("-accel help", "tb-size=MiB"),
        ("-h", "-dfilter RANGE"),
    ] {
        assert!(printed(line).contains(part), "{line}");
    }
}

#[test]
fn defaults_serve_newcomers() {
    let config = config("");
    assert_eq!(config.memory, 512 << 20);
    assert_eq!(config.cpu.name, "max");
}

#[rustfmt::skip]
#[test]
fn engines() {
    use accel_tcg::Engine;
    for (line, engine, mebibytes, one_insn) in [
        ("", Engine::default(), 64, false),
        ("-accel tcg", Engine::default(), 64, false),
        ("-accel tcg,engine=auto,tb-size=1", Engine::default(), 1, false),
        ("-accel tcg,engine=interp,tb-size=2047", Engine::Interpreter, 2047, false),
        ("-accel tcg,one-insn-per-tb=on,thread=single", Engine::default(), 64, true),
        ("-machine accel=kvm:tcg", Engine::default(), 64, false),
        ("-accel hvf -accel tcg,engine=interp", Engine::Interpreter, 64, false),
        ("-accel tcg,engine=interp -accel tcg,engine=auto", Engine::default(), 64, false),
    ] {
        let config = config(line);
        let found = (config.execution.engine, config.execution.code_size >> 20, config.look.one_insn);
        assert_eq!(found, (engine, mebibytes, one_insn), "{line}");
    }
}

/// Log items that the engine has to know of.
#[rustfmt::skip]
#[test]
fn looks() {
    for (line, expected) in [
        ("", ""),
        ("-d int,mmu", ""),
        ("-d in_asm,out_asm", "in_asm out_asm"),
        ("-d clif,out_asm", "out_asm clif"),
        ("-d exec -d cpu", "exec cpu"),
        ("-d nochain,stats", "nochain stats"),
    ] {
        let Ok(Request::Run(mut config, log)) = parse(line.split_whitespace().map(OsString::from)) else {
            panic!("refused: {line}");
        };
        crate::log::look(&log, &mut config.look).expect("no file to open");
        let look = &config.look;
        let found = [
            (look.in_asm, "in_asm"), (look.out_asm, "out_asm"), (look.clif, "clif"), (look.exec, "exec"), (look.cpu, "cpu"),
            (look.nochain, "nochain"), (look.stats, "stats"),
        ];
        let found: Vec<&str> = found.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
        assert_eq!(found.join(" "), expected, "{line}");
    }
    let filter = config("-dfilter 0x10..0x1f").look.filter;
    assert!(filter.contains(0x1f) && !filter.contains(0x20));
}

/// When the machine starts in firmware, and in which.
#[rustfmt::skip]
#[test]
fn firmware() {
    for (line, expected) in [
        ("", None),
        ("-uuid 550e8400-e29b-41d4-a716-446655440000", None),
        ("-boot d", Some("")),
        ("-boot menu=on", Some("")),
        ("-L /firmware", Some("")),
        ("-bios x.bin", Some("x.bin")),
        ("-hda disk.img", Some("")),
        ("-hda disk.img -drive if=pflash,file=code.fd", None),
    ] {
        let wanted = config(line).firmware.wanted;
        let found = wanted.as_ref().map(|wanted| wanted.name.as_deref().unwrap_or(""));
        assert_eq!(found, expected, "{line}");
    }
    let boot = config("-boot dc,once=n,strict=on,splash-time=50").firmware.board.boot;
    assert_eq!((boot.order.as_str(), boot.once.as_deref()), ("dc", Some("n")));
    assert_eq!((boot.strict, boot.splash_time, boot.menu), (true, Some(50), None));
}

/// Who gets the terminal.
#[test]
fn first_serial_port() {
    for (line, serials) in [
        ("", &["mon:stdio"][..]),
        ("-nographic", &["mon:stdio"]),
        ("-nodefaults", &[]),
        ("-serial none", &["none"]),
        ("-serial null -serial pty", &["null", "pty"]),
        ("-monitor stdio", &["null"]),
        ("-monitor none", &["stdio"]),
        ("-monitor unix:/tmp/stdio,server,nowait", &["mon:stdio"]),
        ("-debugcon stdio", &["null"]),
        ("-debugcon file:stdio.log", &["mon:stdio"]),
    ] {
        let found: Vec<_> = config(line)
            .serials
            .iter()
            .map(machine::Backend::describe)
            .collect();
        assert_eq!(found, serials, "{line}");
    }
}

#[test]
fn sizes() {
    for (text, mib) in [
        ("512", 512),
        ("512M", 512),
        ("4G", 4096),
        ("1.5G", 1536),
        ("2048K", 2),
    ] {
        assert_eq!(size::parse(text), Ok(mib << 20), "{text}");
    }
}

#[test]
fn comma_lists() {
    let list = keyval::KeyVal::parse("a,b=c,,d,e,nof");
    assert_eq!(list.first.as_deref(), Some("a"));
    let pairs: Vec<_> = list.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(pairs, [("b", "c,d"), ("e", "on"), ("f", "off")]);
}

#[test]
fn every_option_is_in_the_help() {
    for name in table::names() {
        assert!(table::help().contains(&format!("-{name} ")), "{name}");
    }
}

#[test]
fn a_machine_with_disks_has_what_a_pc_has() {
    let count = |line: &str| {
        let config = config(line);
        (
            config.drives.len(),
            config.devices.len(),
            config.networks.len(),
            config.vga,
        )
    };
    for (line, expected) in [
        ("", (0, 0, 0, true)),
        ("disk.img", (2, 1, 1, true)),
        ("-hda disk.img -cdrom cd.iso", (2, 1, 1, true)),
        ("-hda disk.img -drive file=cd.iso,media=cdrom", (2, 1, 1, true)),
        ("-hdc disk.img -nic none", (1, 0, 0, true)),
        ("disk.img -netdev user,id=n", (2, 0, 1, true)),
        ("disk.img -nodefaults", (1, 0, 0, false)),
        ("disk.img -nodefaults -vga std", (1, 0, 0, true)),
    ] {
        assert_eq!(count(line), expected, "{line}");
    }
}
