//! What a log says of its machine before the first event: options, CPU, sizes, and what its files held.

use super::Loaded;
use crate::{Backend, BootFiles, Config, NetKind, RtcBase, Time};
use replay::{Disk, Facts};
use serde::{Deserialize, Serialize};
use target_i386::CpuState;
use target_i386::tsc::TSC_HZ;
use xxhash_rust::xxh3::xxh3_64;

/// Raised whenever the same events would give another run: other behaviour of a device, of the CPU, or of time.
pub const MACHINE_VERSION: u32 = 3;

/// The machine of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The options with which it was recorded.
    pub options: Vec<String>,
    /// Bytes of RAM.
    pub memory: u64,
    /// The CPU model with its features, as text.
    pub cpu: String,
    /// vCPUs and how they are arranged, as text.
    pub cpus: String,
    /// Whether there are ACPI tables, and an HPET.
    pub boards: [bool; 2],
    /// Ports that only some machines have, as text.
    pub ports: String,
    /// Drives and added devices, as text.
    pub devices: Vec<String>,
    /// What firmware is told, as text.
    pub firmware: String,
    /// Instructions between digests.
    pub digest_every: u64,
    /// The snapshot with which the recording began, instead of a reset.
    pub loaded: Option<Loaded>,
}

impl Recorded {
    pub(crate) fn new(config: &Config, options: &[String], digest_every: u64) -> Self {
        Self {
            options: options.to_vec(),
            memory: config.memory,
            cpu: format!("{:?}", config.cpu),
            cpus: format!("{:?}", config.layout),
            boards: [config.acpi, config.hpet],
            ports: ports(config),
            devices: devices(config),
            firmware: config.firmware.describe(),
            digest_every,
            loaded: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("memory takes everything")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        postcard::from_bytes(bytes).map_err(|_| "the machine's description in the header is damaged")
    }

    /// In what `now` is another machine.
    pub(crate) fn difference(&self, now: &Self) -> Option<String> {
        if self.memory != now.memory {
            return Some(format!(
                "recorded with {} MiB of memory, not {}",
                self.memory >> 20,
                now.memory >> 20
            ));
        }
        if self.cpu != now.cpu {
            return Some("recorded with another CPU model (-cpu), or one with other features".into());
        }
        if self.cpus != now.cpus {
            return Some("recorded with another -smp".into());
        }
        if self.boards != now.boards {
            return Some("recorded with other -machine properties".into());
        }
        let mut devices = self.devices.iter().zip(&now.devices);
        if let Some((then, now)) = devices.find(|(then, now)| then != now) {
            return Some(format!("recorded with {then}, not {now}"));
        }
        if self.devices.len() != now.devices.len() {
            return Some("recorded with another number of drives and devices".into());
        }
        if self.firmware != now.firmware {
            return Some("recorded with another -boot, -uuid or -smbios".into());
        }
        (self.ports != now.ports).then(|| format!("recorded with {}, not {}", self.ports, now.ports))
    }
}

/// `COM1, COM2, debug console e9 reading e9, debug exit 501 of 2`: what is there for a guest to find.
fn ports(config: &Config) -> String {
    let serials = config
        .serials
        .iter()
        .zip(1..)
        .filter_map(|(backend, n)| match backend {
            Backend::Described(text) if text == "none" => None,
            _ => Some(format!("COM{n}")),
        });
    let console = config.debug_console.iter();
    let console = console.map(|c| format!("debug console {:x} reading {:x}", c.port, c.readback));
    let exit = config.debug_exit.iter();
    let exit = exit.map(|e| format!("debug exit {:x} of {}", e.port, e.size));
    let rtc = config.rtc.slew.then(|| "an RTC with driftfix=slew".to_owned());
    let all: Vec<_> = serials.chain(console).chain(exit).chain(rtc).collect();
    if all.is_empty() {
        "no serial port".into()
    } else {
        all.join(", ")
    }
}

/// `-device virtio-blk-pci,drive=d`, `drive d at ide 0`: what of drives and devices a guest finds.
fn devices(config: &Config) -> Vec<String> {
    let drives = config.drives.iter().map(|drive| {
        let id = drive.id.as_deref().unwrap_or("without id");
        let place = drive
            .index
            .map_or("the next place".into(), |index| format!("place {index}"));
        let modes = [
            (drive.read_only, ", read-only"),
            (drive.discard, ", with discard"),
            (drive.write_through, ", writing through"),
            (drive.file.is_none(), ", empty"),
        ];
        let modes: String = modes.iter().filter(|mode| mode.0).map(|mode| mode.1).collect();
        format!(
            "a drive {id} ({:?}, {:?}, {place}{modes})",
            drive.interface, drive.media
        )
    });
    let devices = config
        .devices
        .iter()
        .map(|device| format!("-device {}", device.describe()));
    let vga = config.vga.then(|| "-vga std".to_owned());
    let networks = config.networks.iter().map(|network| {
        let kind = match network.kind {
            NetKind::None => "no",
            NetKind::User(_) => "a user-mode",
            NetKind::Socket(_) => "a socket",
        };
        format!("{kind} network {}", network.id.as_deref().unwrap_or("without id"))
    });
    vga.into_iter()
        .chain(drives)
        .chain(networks)
        .chain(devices)
        .collect()
}

/// The facts of a machine made from `config`, whose RTC starts at `rtc_base_s`, and the images of whose drives are `drives`.
pub fn facts(config: &Config, boot: &BootFiles, rtc_base_s: i64, drives: Vec<Disk>) -> Facts {
    let file = |option: &str, name: &str, bytes: &[u8]| Disk {
        name: format!("-{option} {name}"),
        len: bytes.len() as u64,
        digest: xxh3_64(bytes),
    };
    let mut disks = vec![
        file("kernel", &boot.name, &boot.kernel),
        file("append", "", boot.append.as_bytes()),
    ];
    for module in &boot.modules {
        disks.push(file("initrd", &boot.initrd_name, &module.data));
    }
    for (option, bytes) in config.firmware.files() {
        disks.push(Disk {
            name: option,
            len: bytes.len() as u64,
            digest: xxh3_64(&bytes),
        });
    }
    disks.extend(drives);
    Facts {
        rtc_base_s,
        random_seed: CpuState::default().entropy,
        tsc_hz: TSC_HZ,
        strict: config.strict_log,
        disks,
        shift: match config.time {
            Time::Counted(time, _) => time.shift().unwrap_or(0),
            Time::Host => 0,
        },
    }
}

/// Whether a machine whose options name a date begins on that date.
pub fn same_date(then: &Facts, config: &Config) -> Result<(), String> {
    match config.rtc.base {
        Some(RtcBase::At(seconds)) if seconds != then.rtc_base_s => {
            Err("recorded with another date (-rtc base=)".into())
        }
        _ => Ok(()),
    }
}

/// Whether a machine begins as the recorded one did.
pub fn same_facts(then: &Facts, now: &Facts) -> Result<(), String> {
    if then.shift != now.shift {
        return Err(format!(
            "recorded with -icount shift={}, not {}",
            then.shift, now.shift
        ));
    }
    if then.tsc_hz != now.tsc_hz {
        let (then, now) = (then.tsc_hz, now.tsc_hz);
        return Err(format!("recorded with a TSC of {then} Hz, not {now}"));
    }
    if then.random_seed != now.random_seed {
        return Err("recorded with another seed of the CPUs' random numbers".into());
    }
    if now.strict && !then.strict {
        return Err("recorded without rrstrict=on: it does not have the interrupts and exceptions".into());
    }
    if then.disks.len() != now.disks.len() {
        return Err("recorded with another number of kernel, initrd, firmware and image files".into());
    }
    for (then, now) in then.disks.iter().zip(&now.disks) {
        if (then.len, then.digest) == (now.len, now.digest) {
            continue;
        }
        return Err(if then.name == now.name {
            format!("{} has changed since the recording", now.name.trim_end())
        } else {
            format!(
                "recorded with {}, not {}",
                then.name.trim_end(),
                now.name.trim_end()
            )
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        let config = Config::default();
        let boot = BootFiles::embedded();
        let recorded = Recorded::new(&config, &["-m".into(), "1G".into()], 5);
        assert_eq!(Recorded::decode(&recorded.encode()), Ok(recorded.clone()));
        assert!(Recorded::decode(&recorded.encode()[..9]).is_err());
        assert_eq!(recorded.difference(&recorded), None);
        let with = |change: fn(&mut Recorded)| {
            let mut other = recorded.clone();
            change(&mut other);
            recorded.difference(&other).unwrap_or_default()
        };
        assert_eq!(
            with(|r| r.memory = 1 << 30),
            "recorded with 512 MiB of memory, not 1024"
        );
        assert_eq!(with(|r| r.cpus.push('x')), "recorded with another -smp");
        assert!(with(|r| r.cpu.push('x')).contains("-cpu"));
        assert!(with(|r| r.boards[0] = false).contains("-machine"));
        assert_eq!(
            with(|r| r.ports = "COM1".into()),
            "recorded with no serial port, not COM1"
        );

        let facts = facts(&config, &boot, 0, Vec::new());
        assert_eq!(same_facts(&facts, &facts), Ok(()));
        let mut other = facts.clone();
        other.disks[0].digest ^= 1;
        assert_eq!(
            same_facts(&facts, &other),
            Err("-kernel (embedded) has changed since the recording".into())
        );
        for (change, reason) in [
            (
                (|facts| facts.tsc_hz /= 2) as fn(&mut Facts),
                "recorded with a TSC of 500000000 Hz, not 1000000000",
            ),
            (
                |facts| facts.random_seed = 0,
                "recorded with another seed of the CPUs' random numbers",
            ),
            (|facts| facts.shift = 2, "recorded with -icount shift=2, not 0"),
        ] {
            let mut then = facts.clone();
            change(&mut then);
            assert_eq!(same_facts(&then, &facts), Err(reason.into()));
        }
        let mut strict = facts.clone();
        strict.strict = true;
        assert_eq!(same_facts(&strict, &facts), Ok(()), "the log says so itself");
        assert!(same_facts(&facts, &strict).is_err());
        other.disks[0].name = "-kernel b".into();
        assert_eq!(
            same_facts(&facts, &other),
            Err("recorded with -kernel (embedded), not -kernel b".into())
        );
    }
}
