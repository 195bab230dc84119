//! The table of options: name, argument, help, and what it does to the draft.

use super::draft::{Draft, Outcome};
use super::{device, draft, drive, firmware, network};

/// One option.
pub struct CommandOption {
    /// Name without dash.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What its argument is called; none if it takes none.
    pub argument: Option<&'static str>,
    /// One line.
    pub help: &'static str,
    /// Changes the draft.
    pub apply: fn(&mut Draft, &str) -> Outcome,
}

const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    argument: Option<&'static str>,
    help: &'static str,
    apply: fn(&mut Draft, &str) -> Outcome,
) -> CommandOption {
    CommandOption {
        name,
        aliases,
        argument,
        help,
        apply,
    }
}

#[rustfmt::skip]
const MACHINE: &[CommandOption] = &[
    row("machine", &["M"], Some("TYPE[,prop=value]"), "machine type (pc) and its properties: accel=, hpet=on|off, acpi=on|off; 'help' lists", draft::machine),
    row("cpu", &[], Some("MODEL[,+feat][,-feat]"), "CPU model, default max; 'help' lists them", draft::cpu),
    row("accel", &[], Some("tcg[,prop=value]"), "how guest code is run: engine=, thread=, tb-size=, one-insn-per-tb=; 'help' explains them", draft::accel),
    row("enable-kvm", &[], None, "not here: reprise runs guests by itself, the accelerator is tcg", |d, _| draft::accel(d, "kvm")),
    row("smp", &[], Some("N[,sockets=][,dies=][,cores=][,threads=][,maxcpus=]"), "number of CPUs (up to 64) and how they are grouped", draft::smp),
    row("m", &[], Some("SIZE"), "guest memory, default 512M", draft::memory),
    row("icount", &[], Some("shift=N|auto[,sleep=on|off][,align=on|off]"), "time is counted in instructions of 2^N ns: every run is the same; auto and align follow the host's clock; rr=record|replay,rrfile=LOG[,rrsnapshot=NAME][,rrstrict=on] writes or follows a log", draft::icount),
    row("rtc", &[], Some("[base=DATE][,clock=][,driftfix=]"), "the clock that tells the date: base=utc|localtime|2006-06-17T16:01:21, clock=host|rt|vm, driftfix=none|slew", draft::rtc),
    row("device", &[], Some("NAME[,prop=value]"), "adds a device; 'help' lists them, 'NAME,help' its properties", device::add),
    row("nodefaults", &[], None, "no serial port and no monitor unless asked for", |d, _| { d.nodefaults = true; Ok(()) }),
    row("name", &[], Some("TEXT"), "name of the guest", |d, v| { d.name = Some(v.to_owned()); Ok(()) }),
];

#[rustfmt::skip]
const BOOT: &[CommandOption] = &[
    row("kernel", &[], Some("FILE"), "boot this kernel: Linux bzImage, ELF with PVH note, plain ELF, multiboot", |d, v| { d.kernel = Some(v.to_owned()); Ok(()) }),
    row("initrd", &[], Some("FILE"), "initial RAM disk; for multiboot \"FILE ARGS,FILE ARGS\"", |d, v| { d.initrd = Some(v.to_owned()); Ok(()) }),
    row("append", &[], Some("TEXT"), "the kernel's command line", |d, v| { d.append = Some(v.to_owned()); Ok(()) }),
    row("bios", &[], Some("FILE"), "start in this firmware (SeaBIOS, OVMF), looked for in the directories of -L and where distributions put it", firmware::bios),
    row("L", &[], Some("DIRECTORY"), "where firmware is looked for first", firmware::directory),
    row("boot", &[], Some("[order=]DRIVES[,once=][,menu=on|off][,splash-time=MS][,strict=on|off]"), "what SeaBIOS boots from, in which order: a floppy, c disk, d CD, n network; once= for the first boot only", firmware::boot),
    row("fw_cfg", &[], Some("[name=]NAME,file=FILE|string=TEXT"), "a file for firmware and for drivers that look for it; the name begins with opt/", firmware::fw_cfg),
    row("option-rom", &[], Some("FILE"), "an option ROM that SeaBIOS runs", firmware::option_rom),
    row("smbios", &[], Some("type=0|1|3[,field=TEXT]"), "what SMBIOS says of BIOS, system and chassis: manufacturer=, product=, version=, serial=, uuid=, sku=, family=, vendor=, date=, release=, asset=", firmware::smbios),
    row("uuid", &[], Some("UUID"), "the machine's UUID", firmware::uuid),
    row("loadvm", &[], Some("NAME"), "begin as the machine was at the monitor's 'savevm NAME'", |d, v| { d.load_snapshot = Some(v.to_owned()); Ok(()) }),
    row("snapshots", &[], Some("DIRECTORY"), "where snapshots are kept, as NAME.reprise-snapshot; default: the current directory", |d, v| { d.snapshots = Some(v.into()); Ok(()) }),
    row("no-reboot", &[], None, "a reset of the guest ends the emulator", |d, _| { d.no_reboot = true; Ok(()) }),
    row("no-shutdown", &[], None, "power-off stops the guest but not the emulator", |d, _| { d.no_shutdown = true; Ok(()) }),
];

#[rustfmt::skip]
const STORAGE: &[CommandOption] = &[
    row("hda", &[], Some("FILE"), "the first IDE disk; also -hdb, -hdc, -hdd, and a file name alone", |d, v| drive::disk(d, "hda", 0, v)),
    row("hdb", &[], Some("FILE"), "the second IDE disk", |d, v| drive::disk(d, "hdb", 1, v)),
    row("hdc", &[], Some("FILE"), "the third IDE disk", |d, v| drive::disk(d, "hdc", 2, v)),
    row("hdd", &[], Some("FILE"), "the fourth IDE disk", |d, v| drive::disk(d, "hdd", 3, v)),
    row("cdrom", &[], Some("FILE"), "a compact disc in the third IDE drive", drive::cdrom),
    row("fda", &[], Some("FILE"), "the first floppy disk", |d, v| drive::floppy(d, "fda", 0, v)),
    row("fdb", &[], Some("FILE"), "the second floppy disk", |d, v| drive::floppy(d, "fdb", 1, v)),
    row("drive", &[], Some("file=FILE[,prop=value]"), "a drive: if=ide|floppy|virtio|none, format=raw|qcow2, media=disk|cdrom, index=, id=, snapshot=on|off, readonly=on|off, cache=, discard=, werror=, rerror=", drive::add),
    row("snapshot", &[], None, "no image changes: what guests write is forgotten at the end", |d, _| { d.snapshot_all = true; Ok(()) }),
];

#[rustfmt::skip]
const NETWORK: &[CommandOption] = &[
    row("nic", &["net"], Some("user|socket|none[,model=CARD][,mac=][,prop=value]"), "a network and a card in front of it: user is a NAT with DHCP and DNS; hostfwd=tcp::2222-:22 leads a port of the host's to the guest's", network::nic),
    row("netdev", &[], Some("user|socket,id=ID[,prop=value]"), "a network for -device CARD,netdev=ID", network::netdev),
    row("object", &[], Some("filter-dump,id=ID,netdev=ID,file=FILE"), "copies all frames of a network into a file for Wireshark", network::object),
];

#[rustfmt::skip]
const CONSOLE: &[CommandOption] = &[
    row("nographic", &[], None, "serial port and monitor on this terminal (also without the option: there is no display yet)", |d, _| { d.nographic = true; Ok(()) }),
    row("vga", &[], Some("std|none"), "display adapter", draft::vga),
    row("display", &[], Some("none|vnc=:N"), "where the screen shows", draft::display),
    row("vnc", &[], Some(":N|HOST:N|unix:PATH[,websocket=on][,password=on]"), "the screen for VNC viewers at port 5900+N, for browsers at 5700+N", draft::vnc),
    row("k", &[], Some("LAYOUT"), "keyboard layout of VNC viewers; 'help' lists them", draft::keyboard),
    row("serial", &[], Some("DEVICE"), "next serial port: stdio, mon:stdio, null, none, file:PATH, pty, unix:PATH,server,nowait, tcp:…", |d, v| { d.serials.push(v.to_owned()); Ok(()) }),
    row("monitor", &[], Some("DEVICE"), "monitor: as for -serial", |d, v| { d.monitor = Some(v.to_owned()); Ok(()) }),
    row("qmp", &[], Some("DEVICE"), "QMP, the monitor for programs: unix:PATH,server=on,wait=off, tcp:…, stdio", |d, v| { d.qmp.push(v.to_owned()); Ok(()) }),
    row("debugcon", &[], Some("DEVICE"), "port E9h writes to DEVICE: as for -serial", |d, v| { d.debugcon = Some((0xe9, 0xe9, v.to_owned())); Ok(()) }),
];

#[rustfmt::skip]
const INSIDE: &[CommandOption] = &[
    row("s", &[], None, "short for -gdb tcp::1234", |d, _| { d.gdb = Some("tcp::1234".to_owned()); Ok(()) }),
    row("S", &[], None, "wait for 'continue' of a debugger or 'cont' of the monitor before the first instruction", |d, _| { d.start_stopped = true; Ok(()) }),
    row("gdb", &[], Some("DEVICE"), "where a debugger connects: tcp::PORT, unix:PATH, stdio", |d, v| { d.gdb = Some(v.to_owned()); Ok(()) }),
    row("d", &[], Some("ITEM[,ITEM]"), "log items; 'help' lists them", draft::log_items),
    row("D", &[], Some("FILE"), "log into FILE instead of standard error", |d, v| { d.log.file = Some(v.to_owned()); Ok(()) }),
    row("dfilter", &[], Some("RANGE[,RANGE]"), "in_asm, out_asm, clif, exec and cpu only for code in START..END, START+LENGTH or START-LENGTH", draft::log_filter),
    row("perfmap", &[], None, "names translated code for perf in /tmp/perf-PID.map", |d, _| { d.log.perf_map = true; Ok(()) }),
    row("jitdump", &[], None, "writes translated code to jit-PID.dump, for 'perf record -k mono' and 'perf inject -j'", |d, _| { d.log.jit_dump = true; Ok(()) }),
    row("version", &[], None, "version of the emulator", |_, _| Err(draft::Refusal::Help(version()))),
    row("h", &["help", "?"], None, "this text", |_, _| Err(draft::Refusal::Help(help()))),
];

const SECTIONS: &[(&str, &[CommandOption])] = &[
    ("The machine", MACHINE),
    ("What it boots", BOOT),
    ("Disks", STORAGE),
    ("Networks", NETWORK),
    ("Consoles", CONSOLE),
    ("Looking inside", INSIDE),
];

/// The option called `name`.
pub fn find(name: &str) -> Option<&'static CommandOption> {
    let mut all = SECTIONS.iter().flat_map(|(_, options)| options.iter());
    all.find(|option| option.name == name || option.aliases.contains(&name))
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    SECTIONS
        .iter()
        .flat_map(|(_, options)| options.iter())
        .map(|option| option.name)
}

/// The line that `-version` prints.
pub fn version() -> String {
    format!("reprise version {}\n", env!("CARGO_PKG_VERSION"))
}

/// The text of `-h`.
pub fn help() -> String {
    let mut text = format!(
        "{}Emulates a PC. Options have QEMU's names and forms.\n\n\
         First steps:\n  \
           reprise                                           a small guest of our own\n  \
           reprise -kernel vmlinuz -initrd initrd.gz -append console=ttyS0\n  \
           In the terminal: Ctrl-A x ends, Ctrl-A c opens the monitor, Ctrl-A h lists the keys.\n",
        version()
    );
    for (title, options) in SECTIONS {
        text.push_str(&format!("\n{title}:\n"));
        for option in *options {
            let usage = format!("-{} {}", option.name, option.argument.unwrap_or(""));
            let gap = if usage.len() > 34 {
                "\n                                      "
            } else {
                ""
            };
            text.push_str(&format!("  {usage:<34}{gap}  {}\n", option.help));
        }
    }
    text
}
