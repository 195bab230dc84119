//! The boot tests, one row each: a guest, what is typed at it, and what must come back.
//!
//! Counted time (`-icount …,sleep=off`) makes a boot independent of the host's load; rows marked `Host` run on
//! host time, once per kernel. Rows of `Guest::Tests` run the program of `xtask/guest-tests` as process 1, with two
//! counts for each test: what every run of all checks does, and what `boot-test --long` does.

use crate::guests::Flavour;

/// Which guest a row boots.
#[derive(Clone, Copy)]
pub enum Guest {
    /// A Debian kernel with an initramfs whose process 1 is this script.
    Linux(Flavour, &'static str),
    /// A Debian kernel whose process 1 is the program of `xtask/guest-tests` with these tests.
    Tests(Flavour, &'static [Part]),
    /// The kernel's `vmlinux`, unpacked from the bzImage, entered by PVH.
    Pvh(Flavour, &'static str),
    /// memtest86+ of this architecture.
    Memtest(&'static str),
    /// A multiboot program that writes 21h to port F4h.
    Multiboot,
    /// No `-kernel`: SeaBIOS, and whatever the options give it.
    Seabios,
    /// OVMF from two flash chips, with variables of its own.
    Ovmf,
    /// No `-kernel`: the guest that is built into the emulator.
    Embedded,
}

/// Clock of a row.
#[derive(Clone, Copy, PartialEq)]
pub enum Time {
    /// Instructions.
    Counted,
    /// Instructions, in two runs that must agree in every byte and digest.
    CountedTwice,
    /// The host's.
    Host,
}

/// One step of a conversation with the console.
#[derive(Clone, Copy)]
pub enum Step {
    /// This must appear.
    Expect(&'static str),
    /// Type this.
    Send(&'static str),
    /// Note the most memory that the emulator has had yet, guest RAM of [`RAM_MIB`] aside.
    Weigh,
    /// It must not have grown since by more than this many KiB.
    Flat(u64),
}
use Step::{Expect, Flat, Send, Weigh};

/// A test inside the guest: its name, its count, and its count in long runs.
pub struct Part(pub &'static str, pub u64, pub u64);

/// One boot test.
pub struct Row {
    /// For people, and for `boot-test NAME`.
    pub name: &'static str,
    pub guest: Guest,
    pub time: Time,
    /// Added to the kernel command line.
    pub append: &'static str,
    /// For the emulator.
    pub options: &'static [&'static str],
    pub steps: &'static [Step],
    /// With which the emulator ends.
    pub status: i32,
    /// Only in long runs.
    pub long: bool,
}

impl Row {
    /// What rows have in common.
    const PLAIN: Self = Self {
        name: "",
        guest: Guest::Embedded,
        time: Time::Counted,
        append: "",
        options: &[],
        steps: &[],
        status: 0,
        long: false,
    };
}

/// RAM of guests that are weighed: the default.
pub const RAM_MIB: u64 = 512;

/// Prints what the rows look for, then ends as `END` on the kernel command line says.
const REPORT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo \"machine $(uname -m)\"
echo \"clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)\"
echo \"memory $(($(sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) / 1024)) MiB\"
echo \"avx2 $(grep -c avx2 /proc/cpuinfo)\"
echo \"sum $(seq 1 1000 | md5sum)\"
case \"$(cat /proc/cmdline)\" in
*end=reboot*) reboot -f ;;
*end=shell*) exec setsid cttyhack sh ;;
*) poweroff -f ;;
esac
sleep 1000
";

const SUM: Step = Expect("sum 53d025127ae99ab79e8502aae2d9bea6");
const NO_APIC: &str = "nokaslr noapic nolapic acpi=off end=reboot";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    Row { name: "cloud", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::CountedTwice, append: "", options: &[],
          steps: &[Expect("machine x86_64"), Expect("clocksource tsc"), Expect("avx2 1"), SUM], ..Row::PLAIN },
    Row { name: "four cpus", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Counted, append: "", options: &["-smp", "4,sockets=2,threads=2"],
          steps: &[Expect("Brought up 1 node, 4 CPUs"), Expect("machine x86_64"), Expect("clocksource tsc"), Expect("avx2 4"), SUM], ..Row::PLAIN },
    Row { name: "cloud on host time", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Host, append: "end=shell", options: &["-m", "4G"],
          steps: &[Expect("clocksource tsc"), Expect("memory 39"), SUM, Expect("# "), Send("echo $((6*7))\r"), Expect("42"), Send("poweroff -f\r")], ..Row::PLAIN },
    Row { name: "cloud reboots", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Counted, append: "end=reboot", options: &["-cpu", "max,-avx2"],
          steps: &[Expect("avx2 0"), SUM, Expect("Linux version"), Expect("machine x86_64")], status: KILLED, ..Row::PLAIN },
    Row { name: "cloud without acpi and apic", guest: Guest::Linux(Flavour::Cloud, REPORT), time: Time::Counted, append: NO_APIC, options: &["-no-reboot"],
          steps: &[SUM], ..Row::PLAIN },
    Row { name: "cloud by PVH", guest: Guest::Pvh(Flavour::Cloud, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("machine x86_64"), SUM], ..Row::PLAIN },
    Row { name: "generic", guest: Guest::Linux(Flavour::Generic, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("clocksource tsc"), SUM], ..Row::PLAIN },
    Row { name: "generic on host time without acpi and apic", guest: Guest::Linux(Flavour::Generic, REPORT), time: Time::Host, append: NO_APIC, options: &["-no-reboot"],
          steps: &[SUM], ..Row::PLAIN },
    Row { name: "686-pae", guest: Guest::Linux(Flavour::Pae, REPORT), time: Time::Counted, append: "", options: &[],
          steps: &[Expect("machine i686"), Expect("clocksource tsc"), SUM], ..Row::PLAIN },
    Row { name: "686-pae on host time without acpi and apic", guest: Guest::Linux(Flavour::Pae, REPORT), time: Time::Host, append: NO_APIC, options: &["-no-reboot", "-cpu", "pentium3,+pae"],
          steps: &[Expect("machine i686"), SUM], ..Row::PLAIN },
    Row { name: "memtest86+ x64", guest: Guest::Memtest("x64"), time: Time::Counted, append: "console=ttyS0,115200", options: &["-m", "32"],
          steps: &[Expect("Memtest86+"), Expect("#5  [Moving inversions, random pattern]"), Expect("Errors: 0 ")], status: KILLED, ..Row::PLAIN },
    Row { name: "memtest86+ ia32", guest: Guest::Memtest("ia32"), time: Time::Counted, append: "console=ttyS0,115200", options: &["-m", "32"],
          steps: &[Expect("Memtest86+"), Expect("#5  [Moving inversions, random pattern]"), Expect("Errors: 0 ")], status: KILLED, ..Row::PLAIN },
    Row { name: "multiboot", guest: Guest::Multiboot, time: Time::Counted, append: "", options: &["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
          steps: &[], status: 0x43, ..Row::PLAIN },
    Row { name: "embedded guest", guest: Guest::Embedded, time: Time::Counted, append: "", options: &[],
          steps: &[Expect("> "), Send("help\r"), Expect("poweroff"), Send("poweroff\r")], ..Row::PLAIN },

    // Firmware.
    Row { name: "seabios", guest: Guest::Seabios, options: &["-boot", "order=d,menu=off"],
          steps: &[Expect("SeaBIOS"), Expect("Booting from Floppy"), Expect("Booting from Hard Disk"), Expect("No bootable device.")], status: KILLED, ..Row::PLAIN },
    Row { name: "four cpus by seabios", guest: Guest::Seabios, options: &["-smp", "4", "-m", "4G"],
          steps: &[Expect("SeaBIOS"), Expect("No bootable device.")], status: KILLED, ..Row::PLAIN },
    Row { name: "ovmf", guest: Guest::Ovmf, options: &[],
          steps: &[Expect("BdsDxe"), Expect("UEFI Interactive Shell"), Expect("Shell> ")], status: KILLED, ..Row::PLAIN },

    // Where generated code is not kept for long.
    Row { name: "cloud in a cache of 1 MiB", guest: Guest::Linux(Flavour::Cloud, REPORT), options: &["-accel", "tcg,tb-size=1"],
          steps: &[Expect("clocksource tsc"), SUM], ..Row::PLAIN },
    Row { name: "churn", guest: Guest::Tests(Flavour::Cloud, &[Part("churn", 50_000, 1_000_000)]), time: Time::Host, options: &["-accel", "tcg,tb-size=4"],
          steps: &[Expect("churn: warm"), Weigh, Send("\r"), Expect("churn: done"), Flat(2048), Send("\r"), PASSED], ..Row::PLAIN },
    Row { name: "churn in a large cache", guest: Guest::Tests(Flavour::Cloud, &[Part("churn", 0, 1_000_000)]), time: Time::Host,
          steps: &[Expect("churn: warm"), Weigh, Send("\r"), Expect("churn: done"), Flat(4096), Send("\r"), PASSED], long: true, ..Row::PLAIN },

    // A guest's own code, rewritten.
    Row { name: "jit", guest: Guest::Tests(Flavour::Cloud, JIT), steps: &[PASSED], ..Row::PLAIN },
    Row { name: "jit in a cache of 1 MiB", guest: Guest::Tests(Flavour::Cloud, JIT_IN_PLACE), options: &["-accel", "tcg,tb-size=1"],
          steps: &[PASSED], ..Row::PLAIN },
    Row { name: "jit in the optimizing engine", guest: Guest::Tests(Flavour::Cloud, JIT), options: &["-accel", "tcg,engine=optimizing"],
          steps: &[PASSED], ..Row::PLAIN },
    Row { name: "jit in interpreter and optimizing engine", guest: Guest::Tests(Flavour::Cloud, JIT), options: &["-accel", "tcg,engine=interp+optimizing"],
          steps: &[PASSED], long: true, ..Row::PLAIN },

    // The kernel's code, rewritten.
    Row { name: "ftrace", guest: Guest::Tests(Flavour::Cloud, &[Part("ftrace", 2, 40)]), append: "mitigations=off", steps: &[PASSED], ..Row::PLAIN },
    Row { name: "probes", guest: Guest::Tests(Flavour::Cloud, PROBES), append: "mitigations=off", steps: &[PASSED], ..Row::PLAIN },
    Row { name: "ftrace in the optimizing engine", guest: Guest::Tests(Flavour::Cloud, &[Part("ftrace", 0, 10)]), append: "mitigations=off",
          options: &["-accel", "tcg,engine=optimizing"], steps: &[PASSED], long: true, ..Row::PLAIN },
    Row { name: "ftrace and probes in the generic kernel", guest: Guest::Tests(Flavour::Generic, TRACING), append: "mitigations=off",
          steps: &[PASSED], long: true, ..Row::PLAIN },
];

const JIT: &[Part] = &[
    Part("jit", 1000, 50_000),
    Part("self-patching", 1000, 50_000),
    Part("cross-mapped", 200, 5000),
    Part("from-files", 100, 2000),
];
const JIT_IN_PLACE: &[Part] = &[Part("jit", 200, 20_000), Part("self-patching", 200, 20_000)];
const PROBES: &[Part] = &[
    Part("kprobes", 2, 50),
    Part("uprobes", 10, 500),
    Part("jump-labels", 3, 100),
];
const TRACING: &[Part] = &[
    Part("ftrace", 0, 10),
    Part("kprobes", 0, 10),
    Part("jump-labels", 0, 20),
];

/// The last line of the guest's tests.
const PASSED: Step = Expect("tests passed");

/// Status of rows that end when their steps are done, not by themselves.
pub const KILLED: i32 = -1;
