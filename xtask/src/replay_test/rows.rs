//! The guests of `replay-test`: what runs, on how many CPUs, what is typed.

use crate::guests::Flavour;
pub use Step::{Expect, Send};

/// What runs in the guest.
#[derive(Clone, Copy)]
pub enum Guest {
    /// A part of [`INIT`].
    Work(&'static str),
    /// The programs of `xtask/guest-tests` with these arguments.
    Tests(&'static str),
}

/// A step of a conversation.
pub enum Step {
    /// This must appear.
    Expect(&'static str),
    /// Type this.
    Send(&'static str),
}

/// One guest.
pub struct Row {
    /// For people.
    pub name: &'static str,
    pub flavour: Flavour,
    /// For `-smp`.
    pub cpus: &'static str,
    pub guest: Guest,
    pub steps: &'static [Step],
}

/// Engines that record and that replay.
pub const ENGINES: &[(&str, &str)] = &[
    ("baseline", "baseline"),
    ("baseline", "optimizing"),
    ("baseline", "interp"),
    ("optimizing", "baseline"),
    ("interp", "baseline"),
    ("baseline", "interp+optimizing"),
    ("interp+optimizing", "optimizing"),
];

/// Does what `work=` on the kernel command line says.
pub const INIT: &str = "\
#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo \"$(nproc) CPUs, up $(cut -d' ' -f1 /proc/uptime) s, random $(od -An -N4 -tx4 /dev/urandom)\"
case \"$(cat /proc/cmdline)\" in
*work=shell*) exec setsid cttyhack sh ;;
*work=storm*)
    storm() {
        n=0
        while [ $n -lt 40 ]; do
            (echo $n | cat | md5sum) > /tmp.$1.$((n % 4)) &
            n=$((n + 1))
        done
        wait
        cat /tmp.$1.* | sort | md5sum
    }
    caught=0
    trap 'caught=$((caught + 1))' USR1
    for pass in 1 2 3; do
        storm a > /out.a &
        storm b > /out.b &
        usleep 20000
        kill -USR1 $$
        wait; wait
        cat /out.a /out.b
    done
    for n in 1 2 3 4 5; do usleep $((n * 7000)); cut -d' ' -f1 /proc/uptime; done
    echo \"caught $caught\"
    grep -E 'timer|resched' /proc/interrupts | cut -c1-60 ;;
*) seq 1 2000 | md5sum ;;
esac
poweroff -f
sleep 1000
";

/// A guest that waits at its prompt until it is killed.
pub const WAITING: &Row = &Row {
    name: "waiting",
    flavour: Flavour::Cloud,
    cpus: "1",
    guest: Guest::Work("shell"),
    steps: &[],
};

const PROMPT: Step = Expect("# ");

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    Row { name: "boot", flavour: Flavour::Cloud, cpus: "1", guest: Guest::Work("boot"), steps: &[] },
    Row { name: "boot on 4 CPUs", flavour: Flavour::Cloud, cpus: "4", guest: Guest::Work("boot"), steps: &[] },
    Row { name: "typing at the shell", flavour: Flavour::Cloud, cpus: "1", guest: Guest::Work("shell"),
          steps: &[PROMPT, Send("echo $((6*7))\r"), Expect("42"), PROMPT, Send("cat /proc/uptime | md5sum\r"), Expect("-"), PROMPT,
                   Send("read line; echo \"got $line\" | rev\r"), Expect("read"), Send("hello\r"), Expect("olleh"), PROMPT, Send("poweroff -f\r")] },
    Row { name: "forks, timers and signals on 2 CPUs", flavour: Flavour::Cloud, cpus: "2", guest: Guest::Work("storm"), steps: &[] },
    Row { name: "self-modifying code", flavour: Flavour::Cloud, cpus: "1", guest: Guest::Tests("jit 200 self-patching 200"), steps: &[] },
    Row { name: "generic kernel on 2 CPUs", flavour: Flavour::Generic, cpus: "2", guest: Guest::Work("storm"), steps: &[] },
    Row { name: "686-pae", flavour: Flavour::Pae, cpus: "1", guest: Guest::Work("storm"), steps: &[] },
];
