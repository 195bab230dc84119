//! The configuration while options are being read, and the checks on the whole.

use super::keyval::{KeyVal, number, switch};
use super::{OptionError, did_you_mean, drive, firmware, network, size};
use crate::log::{self, LogConfig};
use accel_tcg::{ExecutionConfig, FIRST_SHIFT, InstructionTime, Look, Pace, Sleep, Threads};
use machine::{
    Backend, BootFiles, Config, DebugConsole, DebugExit, DeviceConfig, DriveConfig, DumpConfig, Interface,
    KeyboardLayout, Log, NetSpec, RealTimeClock, Recording, Replaying, RtcTime, Time, VncOptions,
};
use std::path::PathBuf;
use target_i386::cpuid;

/// What an option function answers when it does not simply change the draft.
pub enum Refusal {
    /// Print this and end with status 0.
    Help(String),
    /// The argument is wrong because …
    Reason(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

/// Result of one option.
pub type Outcome = Result<(), Refusal>;

/// Everything read so far, checked one by one but not as a whole.
#[derive(Default)]
pub struct Draft {
    pub name: Option<String>,
    pub memory: Option<u64>,
    pub cpu: Option<cpuid::Model>,
    pub layout: Option<cpuid::Layout>,
    pub threads: Option<Threads>,
    pub kernel: Option<String>,
    pub initrd: Option<String>,
    pub append: Option<String>,
    pub serials: Vec<String>,
    pub monitor: Option<String>,
    pub drives: Vec<DriveConfig>,
    pub snapshot_all: bool,
    pub vga: Option<bool>,
    pub vnc: Option<VncOptions>,
    pub keyboard: KeyboardLayout,
    pub no_network: bool,
    pub networks: Vec<NetSpec>,
    pub dumps: Vec<DumpConfig>,
    pub devices: Vec<DeviceConfig>,
    pub debugcon: Option<(u16, u8, String)>,
    pub debug_exit: Option<(u16, u8)>,
    pub icount: Option<(InstructionTime, Sleep)>,
    pub pace: Pace,
    pub rtc: RealTimeClock,
    pub rr: Option<Rr>,
    pub rr_file: Option<String>,
    pub rr_snapshot: Option<String>,
    pub rr_strict: bool,
    pub accelerators: Accelerators,
    pub execution: ExecutionConfig,
    pub look: Look,
    pub no_hpet: bool,
    pub no_acpi: bool,
    pub nodefaults: bool,
    pub nographic: bool,
    pub no_reboot: bool,
    pub no_shutdown: bool,
    pub load_snapshot: Option<String>,
    pub snapshots: Option<PathBuf>,
    pub gdb: Option<String>,
    pub qmp: Vec<String>,
    pub start_stopped: bool,
    pub log: LogConfig,
    pub firmware: firmware::Options,
}

/// Accelerators that were named; the first that can be had is taken.
#[derive(Default)]
pub struct Accelerators {
    /// Those that cannot be had.
    pub others: Vec<String>,
    pub tcg: bool,
}

/// What `-icount rr=` does with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rr {
    Record,
    Replay,
}

pub fn memory(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let named = list
        .pairs
        .iter()
        .find(|(key, _)| key == "size")
        .map(|(_, size)| size.clone());
    let size = list.first.or(named).ok_or("a size is missing")?;
    if let Some((key, _)) = list.pairs.iter().find(|(key, _)| key != "size") {
        return Err(format!("'{key}' is not supported in this version").into());
    }
    draft.memory = Some(size::parse(&size)?);
    Ok(())
}

pub fn cpu(draft: &mut Draft, value: &str) -> Outcome {
    if value == "help" || value == "?" {
        let models = cpuid::models().map(|(name, help)| format!("  {name:<12} {help}\n"));
        let features = cpuid::names().collect::<Vec<_>>().join(" ");
        let text = format!(
            "CPU models for -cpu MODEL[,+feature][,-feature][,feature=on|off]:\n{}\nFeatures:\n{features}\n",
            models.collect::<String>()
        );
        return Err(Refusal::Help(text));
    }
    let choice = cpuid::parse(value).map_err(|error| error.to_string())?;
    for feature in &choice.unsupported {
        eprintln!(
            "reprise: warning: -cpu {value}: feature '{feature}' is not supported, the guest will not see it"
        );
    }
    draft.cpu = Some(choice.model);
    Ok(())
}

pub fn machine(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let named = list
        .pairs
        .iter()
        .find(|(key, _)| key == "type")
        .map(|(_, value)| value.clone());
    match list.first.or(named).as_deref() {
        Some("help" | "?") => {
            return Err(Refusal::Help(
                "Machine types:\n  pc    i440FX and PIIX3 (default)\n".into(),
            ));
        }
        None | Some("pc" | "pc-i440fx") => {}
        Some(other) => {
            return Err(format!("unsupported machine type: \"{other}\" (-machine help lists them)").into());
        }
    }
    for (key, value) in &list.pairs {
        match key.as_str() {
            "type" => {}
            // The first that can be had.
            "accel" => value.split(':').try_for_each(|name| accel(draft, name))?,
            "hpet" => draft.no_hpet = !switch(key, value)?,
            "acpi" => draft.no_acpi = !switch(key, value)?,
            "smm" | "vmport" | "graphics" | "usb" => {
                if switch(key, value)? {
                    return Err(format!("'{key}=on' is not supported in this version").into());
                }
            }
            _ => {
                let known = ["accel", "hpet", "acpi", "smm", "vmport", "graphics"];
                let hint = did_you_mean(key, known.into_iter());
                return Err(format!("Property 'pc.{key}' not found{hint}").into());
            }
        }
    }
    Ok(())
}

const ACCELERATORS: &str = "\
Accelerators:
  tcg   runs guest code by itself
        engine=auto              the fastest engine there is (default)
        engine=baseline          translates each block once, to x86-64 host code
        engine=interp            interprets: slower, on any host
        tb-size=MiB              memory for translated code, 1 to 2047 (default 64); the oldest goes when it is full
        one-insn-per-tb=on|off   translates single instructions, for -d exec,cpu (default off)
        thread=single|multi      one host thread for all CPUs, in turns, or one for each (default with several CPUs,
                                 but not with -icount, which needs turns)
";

/// Sizes of the memory for translated code, in MiB.
const TB_SIZES: std::ops::RangeInclusive<u64> = 1..=2047;

pub fn accel(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    match list.first.as_deref() {
        Some("tcg") => draft.accelerators.tcg = true,
        Some("help" | "?") => {
            return Err(Refusal::Help(ACCELERATORS.into()));
        }
        Some("kvm" | "hvf" | "hax" | "whpx" | "nvmm" | "xen") => {
            // Not an error yet: another one may be named, too.
            draft.accelerators.others.push(value.to_owned());
            return Ok(());
        }
        other => return Err(format!("invalid accelerator {}", other.unwrap_or("(none given)")).into()),
    }
    for (key, value) in &list.pairs {
        match key.as_str() {
            "engine" => {
                draft.execution.engine = value
                    .parse()
                    .map_err(|error: accel_tcg::UnknownEngine| error.to_string())?
            }
            "tb-size" => {
                let size = number(key, value)?;
                if !TB_SIZES.contains(&size) {
                    return Err(format!("tb-size is 1 to 2047 (MiB), not {size}").into());
                }
                draft.execution.code_size = (size as usize) << 20;
            }
            "one-insn-per-tb" => draft.look.one_insn = switch(key, value)?,
            "thread" => {
                draft.threads = Some(match value.as_str() {
                    "single" => Threads::Single,
                    "multi" => Threads::Multi,
                    _ => return Err(format!("thread is single or multi, not '{value}'").into()),
                });
            }
            _ => {
                let known = ["engine", "tb-size", "one-insn-per-tb", "thread"];
                let hint = did_you_mean(key, known.into_iter());
                return Err(format!("Property 'tcg.{key}' not found{hint}").into());
            }
        }
    }
    Ok(())
}

pub fn smp(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let mut wanted = cpuid::Wanted::default();
    let counts = list.first.iter().map(|n| ("cpus", n.as_str()));
    for (key, value) in counts.chain(list.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))) {
        let field = match key {
            "cpus" => &mut wanted.cpus,
            "maxcpus" => &mut wanted.maxcpus,
            "sockets" => &mut wanted.sockets,
            "dies" => &mut wanted.dies,
            "cores" => &mut wanted.cores,
            "threads" => &mut wanted.threads,
            _ => return Err(format!("'{key}' is no property of -smp").into()),
        };
        *field = Some(u32::try_from(number(key, value)?).unwrap_or(u32::MAX));
    }
    let layout = wanted
        .layout()
        .map_err(|error| format!("Invalid CPU topology: {error}"))?;
    draft.layout = Some(layout);
    Ok(())
}

pub fn icount(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    let mut time = None;
    let mut sleep = Sleep::On;
    let (mut auto, mut align) = (false, false);
    let first = list.first.iter().map(|shift| ("shift", shift.as_str()));
    for (key, value) in first.chain(list.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()))) {
        match key {
            "shift" if value == "auto" => {
                auto = true;
                time = InstructionTime::from_shift(FIRST_SHIFT);
            }
            "shift" => {
                auto = false;
                let shift = u32::try_from(number(key, value)?)
                    .ok()
                    .and_then(InstructionTime::from_shift);
                time = Some(shift.ok_or("shift is 0 to 10, or auto")?);
            }
            "sleep" => {
                sleep = if switch(key, value)? {
                    Sleep::On
                } else {
                    Sleep::Off
                }
            }
            "rr" => {
                draft.rr = Some(match value {
                    "record" => Rr::Record,
                    "replay" => Rr::Replay,
                    _ => return Err(format!("rr is record or replay, not '{value}'").into()),
                })
            }
            "rrfile" => draft.rr_file = Some(value.to_owned()),
            "align" => align = switch(key, value)?,
            "rrsnapshot" => draft.rr_snapshot = Some(value.to_owned()),
            "rrstrict" => draft.rr_strict = switch(key, value)?,
            _ => return Err(format!("'{key}' is no property of -icount").into()),
        }
    }
    if draft.rr.is_some() != draft.rr_file.is_some() {
        return Err("rr=record or rr=replay and rrfile=LOG belong together".into());
    }
    for (both, what) in [
        (align && sleep == Sleep::Off, "align=on and sleep=off"),
        (auto && align, "shift=auto and align=on"),
        (auto && sleep == Sleep::Off, "shift=auto and sleep=off"),
    ] {
        if both {
            return Err(format!("{what} are incompatible").into());
        }
    }
    draft.pace = match (auto, align) {
        (true, _) => Pace::Auto,
        (false, true) => Pace::Align,
        (false, false) => Pace::Free,
    };
    draft.icount = Some((time.ok_or("shift= is missing")?, sleep));
    Ok(())
}

pub fn rtc(draft: &mut Draft, value: &str) -> Outcome {
    let list = KeyVal::parse(value);
    if let Some(word) = list.first {
        return Err(format!("'{word}' is no property of -rtc; base=, clock= and driftfix= are").into());
    }
    for (key, value) in &list.pairs {
        match key.as_str() {
            "base" => draft.rtc.base = Some(value.parse()?),
            "clock" => {
                draft.rtc.clock = Some(match value.as_str() {
                    "host" => RtcTime::Host,
                    "rt" => RtcTime::Realtime,
                    "vm" => RtcTime::Virtual,
                    _ => return Err(format!("clock is host, rt or vm, not '{value}'").into()),
                });
            }
            "driftfix" => {
                draft.rtc.slew = match value.as_str() {
                    "slew" => true,
                    "none" => false,
                    _ => return Err(format!("driftfix is none or slew, not '{value}'").into()),
                };
            }
            _ => {
                let hint = did_you_mean(key, ["base", "clock", "driftfix"].into_iter());
                return Err(format!("'{key}' is no property of -rtc{hint}").into());
            }
        }
    }
    Ok(())
}

pub fn vnc(draft: &mut Draft, value: &str) -> Outcome {
    let options = VncOptions::parse(value).map_err(|error| {
        // Its text begins with the option, as ours does.
        let text = error.to_string();
        text.strip_prefix(&format!("-vnc {value}: "))
            .unwrap_or(&text)
            .to_owned()
    })?;
    draft.vnc = (value != "none").then_some(options);
    Ok(())
}

pub fn keyboard(draft: &mut Draft, value: &str) -> Outcome {
    if matches!(value, "help" | "?") {
        let names: Vec<_> = KeyboardLayout::names().collect();
        return Err(Refusal::Help(format!(
            "Keyboard layouts for -k:\n  {}\n",
            names.join("\n  ")
        )));
    }
    draft.keyboard = KeyboardLayout::named(value)
        .ok_or_else(|| format!("could not read keymap file: '{value}' ('help' lists those there are)"))?;
    Ok(())
}

pub fn vga(draft: &mut Draft, value: &str) -> Outcome {
    draft.vga = match value {
        "std" => Some(true),
        "none" => Some(false),
        "help" | "?" => {
            return Err(Refusal::Help(
                "Display adapters:\n  std    standard VGA with Bochs VBE modes (default)\n  none\n".into(),
            ));
        }
        _ => return Err(format!("'{value}' is no display adapter here; std and none are").into()),
    };
    Ok(())
}

pub fn display(draft: &mut Draft, value: &str) -> Outcome {
    match value {
        "none" => Ok(()),
        "help" | "?" => Err(Refusal::Help("Displays:\n  none\n  vnc=:N   as -vnc :N\n".into())),
        _ => match value.strip_prefix("vnc=") {
            Some(place) => vnc(draft, place),
            None => Err("windows come with a later version; 'none' and 'vnc=:N' are possible".into()),
        },
    }
}

pub fn log_items(draft: &mut Draft, value: &str) -> Outcome {
    if value == "help" || value == "?" {
        let lines = log::ITEMS
            .iter()
            .map(|item| format!("  {:<14} {}\n", item.name, item.help));
        return Err(Refusal::Help(format!(
            "Items for -d ITEM[,ITEM]:\n{}",
            lines.collect::<String>()
        )));
    }
    for name in value.split(',').filter(|name| !name.is_empty()) {
        let Some(item) = log::ITEMS.iter().find(|item| item.name == name) else {
            let hint = did_you_mean(name, log::ITEMS.iter().map(|item| item.name));
            return Err(format!("'{name}' is no log item{hint}; 'help' lists them").into());
        };
        draft.log.items.push(item.name);
    }
    Ok(())
}

pub fn log_filter(draft: &mut Draft, value: &str) -> Outcome {
    draft.look.filter = value
        .parse()
        .map_err(|error: accel_tcg::BadRange| error.to_string())?;
    Ok(())
}

/// Whether a character device is standard input and output.
fn is_stdio(device: &str) -> bool {
    let device = device.strip_prefix("mon:").unwrap_or(device);
    device.split(',').next() == Some("stdio")
}

impl Draft {
    /// Checks the options against each other, opens the files, and makes the configuration.
    ///
    /// `words` is the whole command line, for a log.
    pub fn finish(self, words: Vec<String>) -> Result<(Config, LogConfig), OptionError> {
        let log = match (self.rr, &self.rr_file) {
            (Some(Rr::Record), Some(file)) => Log::Record(Recording {
                options: words,
                ..Recording::to(file)
            }),
            (Some(Rr::Replay), Some(file)) => Log::Replay(Box::new(
                Replaying::open(file).map_err(|error| OptionError::Line(format!("{error:#}")))?,
            )),
            _ => Log::None,
        };
        let boot = match &self.kernel {
            Some(kernel) => Some(
                BootFiles::open(
                    kernel,
                    self.initrd.as_deref(),
                    self.append.as_deref().unwrap_or(""),
                )
                .map_err(|error| OptionError::Line(format!("{error:#}")))?,
            ),
            None => {
                for (option, given) in [("append", &self.append), ("initrd", &self.initrd)] {
                    if given.is_some() {
                        return Err(OptionError::Line(format!(
                            "-{option} only allowed with -kernel option"
                        )));
                    }
                }
                None
            }
        };
        let has_vga = self.vga.unwrap_or(!self.nodefaults);
        let mut drives = self.drives;
        drives
            .iter_mut()
            .for_each(|drive| drive.snapshot |= self.snapshot_all);
        let firmware = self
            .firmware
            .finish(boot.as_ref(), &drives, self.vnc.is_some() && !self.nographic)
            .map_err(|error| OptionError::Line(format!("{error:#}")))?;
        let (mut networks, mut devices) = (self.networks, self.devices);
        // What a PC that is switched on has, unless it was said otherwise.
        let in_flash = drives.iter().any(|drive| drive.interface == Interface::Pflash);
        if !self.nodefaults && (firmware.runs() || in_flash) {
            drive::add_cd_drive(&mut drives);
            if !self.no_network && networks.is_empty() {
                network::add_usual(&mut networks, &mut devices);
            }
        }
        let mut serials = self.serials;
        // The terminal belongs to the first serial port, with the monitor behind it, unless the monitor was given
        // a place of its own.
        if serials.is_empty() && !self.nodefaults {
            let debugcon = self.debugcon.as_ref().map(|(_, _, device)| device.as_str());
            serials.push(match (self.monitor.as_deref(), debugcon) {
                (Some(device), _) | (_, Some(device)) if is_stdio(device) => "null".into(),
                (Some("none"), _) => "stdio".into(),
                _ => "mon:stdio".into(),
            });
        }
        if let Some(other) = self.accelerators.others.into_iter().next() {
            let reason = "reprise runs guests by itself; the accelerator is tcg";
            if !self.accelerators.tcg {
                return Err(OptionError::Value {
                    option: "accel",
                    value: other,
                    reason: reason.into(),
                });
            }
            eprintln!("reprise: warning: -accel {other}: {reason}");
        }
        if self.icount.is_some() && self.threads == Some(Threads::Multi) {
            return Err(OptionError::Line(
                "-accel thread=multi: CPUs on several threads have no common count; leave it out with -icount".into(),
            ));
        }
        let config = Config {
            name: self.name,
            memory: self.memory.unwrap_or(512 << 20),
            cpu: self.cpu.unwrap_or_else(cpuid::Model::max),
            layout: self.layout.unwrap_or_default(),
            boot,
            firmware,
            serials: serials.into_iter().map(Backend::Described).collect(),
            monitor: self.monitor,
            vga: has_vga,
            vnc: self.vnc,
            keyboard: self.keyboard,
            drives,
            networks,
            dumps: self.dumps,
            devices,
            debug_console: self.debugcon.map(|(port, readback, backend)| DebugConsole {
                port,
                readback,
                backend,
            }),
            debug_exit: self.debug_exit.map(|(port, size)| DebugExit { port, size }),
            time: self
                .icount
                .map_or(Time::Host, |(time, sleep)| Time::Counted(time, sleep)),
            pace: self.pace,
            rtc: self.rtc,
            log,
            threads: self.threads,
            execution: self.execution,
            look: self.look,
            hpet: !self.no_hpet,
            acpi: !self.no_acpi,
            exit_on_reset: self.no_reboot,
            stay_after_shutdown: self.no_shutdown,
            snapshots: self.snapshots.unwrap_or_else(|| ".".into()),
            load_snapshot: self.load_snapshot,
            log_snapshot: self.rr_snapshot,
            strict_log: self.rr_strict,
            gdb: self.gdb,
            history: None,
            qmp: self.qmp,
            start_stopped: self.start_stopped,
            signals: true,
            ..Config::default()
        };
        Ok((config, self.log))
    }
}
