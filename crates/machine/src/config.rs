//! What a machine is made from, with every value checked by itself.

use crate::{
    BootFiles, DeviceConfig, DriveConfig, DumpConfig, Firmware, KeyboardLayout, Log, NetSpec, RealTimeClock,
    Symbols, VncOptions,
};
use accel_tcg::{ExecutionConfig, InstructionTime, Look, Pace, Sleep, Threads};
use chardev::Chardev;
use parking_lot::Mutex;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use target_i386::cpuid;

/// Everything that decides a machine.
#[derive(Debug)]
pub struct Config {
    /// Name of the guest.
    pub name: Option<String>,
    /// RAM in bytes.
    pub memory: u64,
    /// CPU model and features.
    pub cpu: cpuid::Model,
    /// How many CPUs, and how they are grouped.
    pub layout: cpuid::Layout,
    /// What boots; without firmware the embedded guest if none.
    pub boot: Option<BootFiles>,
    /// Firmware, and what it is told.
    pub firmware: Firmware,
    /// Backends of the serial ports in the order of the ports; at most four.
    pub serials: Vec<Backend>,
    /// Backend of a monitor of its own.
    pub monitor: Option<String>,
    /// Whether there is a display adapter, the standard VGA.
    pub vga: bool,
    /// Where viewers of its screen connect.
    pub vnc: Option<VncOptions>,
    /// What the guest believes its keyboard to be.
    pub keyboard: KeyboardLayout,
    /// Its drives, in the order in which places are given to those that name none.
    pub drives: Vec<DriveConfig>,
    /// Its networks, each with an id.
    pub networks: Vec<NetSpec>,
    /// Copies of what passes them.
    pub dumps: Vec<DumpConfig>,
    /// Devices that are added, in the order of their slots.
    pub devices: Vec<DeviceConfig>,
    /// `isa-debugcon`.
    pub debug_console: Option<DebugConsole>,
    /// `isa-debug-exit`.
    pub debug_exit: Option<DebugExit>,
    /// Who moves virtual time.
    pub time: Time,
    /// What counted time has to do with the host's. [`Pace::Auto`] begins with the instruction's length in `time`.
    pub pace: Pace,
    /// The clock that tells the date.
    pub rtc: RealTimeClock,
    /// Whether the run is recorded, or follows a recording; both take counted time.
    pub log: Log,
    /// On how many host threads the CPUs run, where that is a choice: none means one each if there are several and time is
    /// the host's.
    pub threads: Option<Threads>,
    /// What runs guest code.
    pub execution: ExecutionConfig,
    /// What is shown of it.
    pub look: Look,
    /// Whether there is an HPET.
    pub hpet: bool,
    /// Whether there are ACPI tables.
    pub acpi: bool,
    /// A guest reset ends the emulator (`-no-reboot`).
    pub exit_on_reset: bool,
    /// Power-off pauses the machine instead of ending it (`-no-shutdown`).
    pub stay_after_shutdown: bool,
    /// The directory of snapshots with names (`-snapshots`).
    pub snapshots: PathBuf,
    /// The snapshot that the machine begins with (`-loadvm`).
    pub load_snapshot: Option<String>,
    /// The snapshot as which a recording saves its beginning, or a replay finds it or a later moment (`rrsnapshot=`).
    pub log_snapshot: Option<String>,
    /// Interrupts and exceptions are events of their own in a recording (`rrstrict=on`). A replay needs not be told.
    pub strict_log: bool,
    /// Where a debugger connects, as `-gdb` takes it.
    pub gdb: Option<String>,
    /// In a replay: be able to go back to the beginning, with snapshots that hold so many bytes at most. A debugger can
    /// always, with [`Config::HISTORY`] unless said otherwise.
    pub history: Option<u64>,
    /// Where QMP clients connect, as `-qmp` takes it.
    pub qmp: Vec<String>,
    /// Wait for a debugger or the monitor before the first instruction (`-S`).
    pub start_stopped: bool,
    /// Whether the process's signals are the machine's: SIGTERM, SIGINT and SIGHUP end it. For one machine of a
    /// process that is nothing but an emulator.
    pub signals: bool,
    /// Seconds of the host after which a replay that does not get on ends with the report that it is stuck.
    pub patience: u32,
    /// Names for the addresses in the report on a replay that is not what was recorded.
    pub symbols: Option<Arc<Symbols>>,
    /// Where that report is kept, beside standard error.
    pub report: Option<Arc<Mutex<String>>>,
}

impl Config {
    /// Whether the machine starts in firmware, which a drive can hold, too.
    pub fn starts_in_firmware(&self) -> bool {
        let flash = |drive: &DriveConfig| drive.interface == crate::Interface::Pflash;
        self.firmware.runs() || self.drives.iter().any(flash)
    }

    /// Bytes of snapshots that a replay keeps in memory: 512 MiB.
    pub const HISTORY: u64 = 512 << 20;
    /// Seconds without progress after which a replay is stuck: half a minute. The slowest host gets on in that time.
    pub const PATIENCE: u32 = 30;
}

impl Default for Config {
    /// 512 MiB, the CPU that can most, the embedded guest, host time, and nobody at the serial ports.
    fn default() -> Self {
        Self {
            name: None,
            memory: 512 << 20,
            cpu: cpuid::Model::max(),
            layout: cpuid::Layout::default(),
            boot: None,
            firmware: Firmware::default(),
            serials: Vec::new(),
            monitor: None,
            vga: false,
            vnc: None,
            keyboard: KeyboardLayout::default(),
            drives: Vec::new(),
            networks: Vec::new(),
            dumps: Vec::new(),
            devices: Vec::new(),
            debug_console: None,
            debug_exit: None,
            time: Time::Host,
            pace: Pace::Free,
            rtc: RealTimeClock::default(),
            log: Log::None,
            threads: None,
            execution: ExecutionConfig::default(),
            look: Look::default(),
            hpet: true,
            acpi: true,
            exit_on_reset: false,
            stay_after_shutdown: false,
            snapshots: ".".into(),
            load_snapshot: None,
            log_snapshot: None,
            strict_log: false,
            gdb: None,
            history: None,
            qmp: Vec::new(),
            start_stopped: false,
            signals: false,
            patience: Self::PATIENCE,
            symbols: None,
            report: None,
        }
    }
}

impl Config {
    /// On how many host threads the CPUs run.
    pub fn threads(&self) -> Threads {
        match (self.threads, self.time) {
            (_, Time::Counted(..)) => Threads::Single,
            (Some(threads), Time::Host) => threads,
            (None, Time::Host) if self.layout.cpus > 1 => Threads::Multi,
            (None, Time::Host) => Threads::Single,
        }
    }
}

/// Where a serial port's bytes go.
#[derive(Clone)]
pub enum Backend {
    /// As `-serial` takes it: `mon:stdio`, `null`, `none`, `unix:PATH,server,nowait`…
    Described(String),
    /// The embedding program's own device.
    Opened(Arc<dyn Chardev>),
}

impl Backend {
    /// In words, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Described(text) => text.clone(),
            Self::Opened(device) => device.describe(),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backend").field(&self.describe()).finish()
    }
}

/// A port that writes bytes to a character device.
#[derive(Clone, Debug)]
pub struct DebugConsole {
    /// The port.
    pub port: u16,
    /// What it reads as.
    pub readback: u8,
    /// Where the bytes go, as `-serial` takes it.
    pub backend: String,
}

/// A port whose written value becomes the exit status.
#[derive(Clone, Copy, Debug)]
pub struct DebugExit {
    /// First port.
    pub port: u16,
    /// Number of ports, 1..=8.
    pub size: u8,
}

/// Who moves virtual time.
#[derive(Clone, Copy, Debug)]
pub enum Time {
    /// The host's clock, less the time the machine was paused.
    Host,
    /// Counted instructions.
    Counted(InstructionTime, Sleep),
}
