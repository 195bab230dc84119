//! Sections: clock, armed timers, vCPUs and devices, out of the machine and back into it.
//!
//! Order of the way back: the clock (devices compute with the time), the devices (which move memory windows, drive
//! lines and arm timers), the timers' order (that of equal expiries is state), then the vCPUs (whose TLBs lead to where
//! memory now lies, and whose pending requests overrule what the devices' lines did meanwhile).

use super::Whole;
use crate::virtual_time::ClockState;
use accel_tcg::Schedule;
use hw_core::{SavedState, StateError};
use migration::{Section, SnapshotError};
use replay::Position;
use serde::{Serialize, de::DeserializeOwned};
use target_i386::VcpuImage;

/// Names of the sections that are not devices'; none of these is a device's name.
const CLOCK: &str = "clock";
const TIMERS: &str = "timers";
const CPU: &str = "cpu";
const SCHEDULE: &str = "schedule";
const DEVICE: &str = "device";
/// The place in a log, of a run that has one.
const LOG: &str = "log";

/// Version of the clock's, the timers' and the schedule's sections.
const VERSION: u16 = 2;

/// Number (as [`util_mainloop::timer::TimerList::armed`] has it) and expiry, in queue order.
type Timers = Vec<(usize, i64)>;

/// All sections, decoded.
struct Decoded {
    clock: ClockState,
    timers: Timers,
    cpus: Vec<VcpuImage>,
    schedule: Schedule,
    devices: Vec<(String, SavedState)>,
    position: Option<Position>,
}

fn encode<T: Serialize>(name: &str, instance: usize, version: u16, state: &T) -> Section {
    section(name, instance, SavedState::encode(version, state))
}

fn section(name: &str, instance: usize, state: SavedState) -> Section {
    Section {
        name: name.to_owned(),
        instance: instance as u32,
        version: state.version,
        bytes: state.bytes,
    }
}

fn refused(section: &Section, reason: impl std::fmt::Display) -> SnapshotError {
    SnapshotError::Damaged(format!("{} {}: {reason}", section.name, section.instance))
}

fn decode<T: DeserializeOwned>(section: &Section, known: u16) -> Result<T, SnapshotError> {
    let state = SavedState {
        version: section.version,
        bytes: section.bytes.clone(),
    };
    state
        .decode(known)
        .map_err(|error: StateError| refused(section, error))
}

impl Decoded {
    fn new(sections: &[Section], cpus: usize) -> Result<Self, SnapshotError> {
        let find = |name: &str, instance: usize| {
            let found = sections
                .iter()
                .find(|section| section.name == name && section.instance as usize == instance);
            found.ok_or_else(|| SnapshotError::Damaged(format!("no section '{name} {instance}'")))
        };
        let image = |n| {
            let section = find(CPU, n)?;
            let image: VcpuImage = decode(section, VcpuImage::VERSION)?;
            image.check().map_err(|error| refused(section, error))?;
            Ok::<_, SnapshotError>(image)
        };
        let prefix =
            |section: &Section| Some(section.name.strip_prefix(DEVICE)?.strip_prefix(' ')?.to_owned());
        let device = |section: &Section| {
            let state = SavedState {
                version: section.version,
                bytes: section.bytes.clone(),
            };
            Some((prefix(section)?, state))
        };
        let log = sections.iter().find(|section| section.name == LOG);
        Ok(Self {
            position: log.map(|section| decode(section, VERSION)).transpose()?,
            clock: decode(find(CLOCK, 0)?, VERSION)?,
            timers: decode(find(TIMERS, 0)?, VERSION)?,
            cpus: (0..cpus).map(image).collect::<Result<_, _>>()?,
            schedule: decode(find(SCHEDULE, 0)?, VERSION)?,
            devices: sections.iter().filter_map(device).collect(),
        })
    }
}

impl Whole<'_> {
    /// Everything but memory.
    pub(super) fn sections(&mut self) -> Vec<Section> {
        // The vCPUs first: they settle what the others may have left to them.
        let cpus: Vec<_> = (0..self.cpus.count())
            .map(|n| encode(CPU, n, VcpuImage::VERSION, &self.cpus.image(n)))
            .collect();
        let timers: Timers = self.time.virtual_timers.armed();
        let mut sections = vec![
            encode(CLOCK, 0, VERSION, &self.time.save()),
            encode(TIMERS, 0, VERSION, &timers),
            encode(SCHEDULE, 0, VERSION, &self.cpus.schedule()),
        ];
        sections.extend(cpus);
        if let Some(position) = &self.position {
            sections.push(encode(LOG, 0, VERSION, position));
        }
        let devices = self.pc.save_devices().into_iter();
        sections.extend(devices.map(|(name, state)| section(&format!("{DEVICE} {name}"), 0, state)));
        sections
    }

    /// Everything but memory comes back, or nothing does.
    ///
    /// # Errors
    /// What is wrong with the sections.
    pub(super) fn load_sections(&mut self, sections: &[Section]) -> Result<(), SnapshotError> {
        let count = self.cpus.count();
        let wanted = Decoded::new(sections, count)?;
        let before = self.sections();
        let position = wanted.position;
        let Err(error) = self.become_of(wanted) else {
            self.position = position;
            return Ok(());
        };
        match Decoded::new(&before, count).and_then(|before| self.become_of(before)) {
            Ok(()) => Err(error),
            // A machine takes its own state back, unless a device is wrong.
            Err(worse) => Err(SnapshotError::Damaged(format!(
                "{error}; and the machine could not be put back: {worse}"
            ))),
        }
    }

    fn become_of(&mut self, wanted: Decoded) -> Result<(), SnapshotError> {
        let damaged = |what: String| SnapshotError::Damaged(what);
        self.time
            .load(&wanted.clock)
            .map_err(|reason| damaged(format!("{CLOCK}: {reason}")))?;
        let find = |name: &str| {
            let found = wanted.devices.iter().find(|(device, _)| device == name);
            found.map(|(_, state)| state)
        };
        self.pc
            .load_devices(find)
            .map_err(|reason| damaged(format!("{DEVICE} {reason}")))?;
        self.time
            .virtual_timers
            .reorder(&wanted.timers)
            .map_err(|reason| damaged(format!("{TIMERS}: {reason}")))?;
        for (n, image) in wanted.cpus.into_iter().enumerate() {
            self.cpus.restore(n, image);
        }
        self.cpus.set_schedule(wanted.schedule);
        Ok(())
    }
}
