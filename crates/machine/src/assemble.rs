//! Makes a machine from a configuration: memory, board, CPU, backends, in the order in which things can go wrong.
//!
//! First everything that can refuse (options, files, memory, kernel), then everything that changes the world
//! (terminal, sockets, threads). Nothing has run when an error returns.

use crate::backends::{Backends, Described, MAX_SERIALS};
use crate::config::Time;
use crate::console::MonitorConsole;
use crate::debug::{Attached, GdbServer, Line};
use crate::requests::{Requests, ResetCause};
use crate::running::{EndPolicy, Machine, RunState};
use crate::serial::{SerialInput, SerialLine};
use crate::virtual_time::VirtualTime;
use crate::{Backend, BootFiles, Config, hints, signals};
use accel_tcg::{CpuThread, Execution, ExecutionConfig, Look};
use anyhow::{Context, Result};
use chardev::Chardev;
use hw_core::{CharSink, NullSink, VirtualClock};
use hw_i386::MachineRequests;
use hw_i386::boot::{BootError, Culprit};
use hw_i386::pc::{Pc, PcConfig, PcCpus};
use replay::{Mode, Replay};
use softmmu::MemoryMap;
use std::sync::{Arc, OnceLock};
use target_i386::cpuid::{self, Model, Topology};
use target_i386::{CpuSignals, Features, Vcpu, VcpuParts};
use util_mainloop::clock::{ClockSource, WallClock};
use util_mainloop::timer::Timer;
use util_mainloop::{BigLock, FdToken, MainLoop};

/// A machine, ready to run, and what must live as long as it does.
pub struct Assembled {
    /// The machine.
    pub machine: Machine,
    /// Its loop.
    pub main_loop: MainLoop,
    /// Its monitors.
    pub monitors: Vec<MonitorConsole>,
    /// All open character devices, to be flushed at the end.
    pub chardevs: Vec<Arc<dyn Chardev>>,
    /// Whether the process's standard input and output are in use.
    pub on_stdio: bool,
    /// Frontends are held weakly by their backends.
    _inputs: Vec<Arc<SerialInput>>,
    _replay: Arc<Replay>,
    _silence: Option<Timer>,
}

/// 2026-01-01 00:00:00 UTC: what the RTC shows at the start under counted time, so that every run is the same.
const COUNTED_EPOCH: i64 = 1_767_225_600;

impl MachineRequests for Requests {
    fn reset(&self) {
        Requests::reset(self, ResetCause::Guest);
    }

    fn power_off(&self) {
        Requests::power_off(self);
    }

    fn debug_exit(&self, status: u32) {
        // A process has eight bits of status; QEMU's exit() cuts in the same way.
        self.exit(status as u8);
    }
}

/// Everything of a machine but what drives its CPU.
pub struct Parts {
    pub config: Remaining,
    pub vcpu: Box<Vcpu>,
    pub pc: Arc<Pc>,
    pub lock: Arc<BigLock>,
    pub time: VirtualTime,
    pub requests: Arc<Requests>,
    pub main_loop: MainLoop,
    pub monitors: Vec<MonitorConsole>,
    pub gdb: Option<Line>,
    pub chardevs: Vec<Arc<dyn Chardev>>,
    pub on_stdio: bool,
    pub signals: Option<FdToken>,
    pub inputs: Vec<Arc<SerialInput>>,
    pub replay: Arc<Replay>,
    pub silence: Option<Timer>,
}

/// What of the configuration concerns running.
pub struct Remaining {
    pub name: Option<String>,
    pub execution: ExecutionConfig,
    pub look: Look,
    pub ends: EndPolicy,
    pub start_stopped: bool,
    /// Its CPUs know 64-bit mode.
    pub wide: bool,
}

/// Makes the machine.
///
/// # Errors
/// The first thing that is wrong with the configuration, or that the host refuses, in words for the user.
pub fn assemble(config: Config) -> Result<Assembled> {
    let parts = parts(config)?;
    let requests = parts.requests;
    let execution = Execution::with_look(&parts.vcpu, parts.config.execution, parts.config.look);
    if let Some(reason) = execution.fallback() {
        hints::say(&format!("warning: {reason}"));
    }
    let cpu = CpuThread::spawn(
        parts.vcpu,
        execution,
        Arc::clone(&parts.lock),
        parts.time.base(),
        Arc::clone(&requests) as _,
    )
    .context("starting the CPU's thread")?;
    let cpu = Arc::new(cpu);
    let weak = Arc::downgrade(&cpu);
    requests.set_stop(move || {
        if let Some(cpu) = weak.upgrade() {
            cpu.request_stop();
        }
    });
    let wide = parts.config.wide;
    let gdb = parts.gdb.map(|line| {
        let cpus = vec![Arc::clone(&cpu)];
        let attached = Attached::new(cpus, Arc::clone(&parts.pc), Arc::clone(&parts.lock), wide);
        GdbServer::new(line, attached)
    });
    let machine = Machine {
        gdb,
        past: None,
        start_stopped: parts.config.start_stopped,
        name: parts.config.name,
        pc: parts.pc,
        cpu,
        lock: parts.lock,
        time: parts.time,
        requests,
        state: RunState::Paused,
        ends: parts.config.ends,
        _signals: parts.signals,
    };
    Ok(Assembled {
        machine,
        main_loop: parts.main_loop,
        monitors: parts.monitors,
        chardevs: parts.chardevs,
        on_stdio: parts.on_stdio,
        _inputs: parts.inputs,
        _replay: parts.replay,
        _silence: parts.silence,
    })
}

/// Makes the machine's parts.
///
/// # Errors
/// As [`assemble`].
pub fn parts(config: Config) -> Result<Parts> {
    let debug_backend = config
        .debug_console
        .as_ref()
        .map(|console| console.backend.as_str());
    let described = Described::new(
        &config.serials,
        config.monitor.as_deref(),
        debug_backend,
        config.gdb.as_deref(),
    )?;
    let boot = config.boot.clone().unwrap_or_else(BootFiles::embedded);

    let main_loop = MainLoop::new().context("starting the main loop")?;
    let handle = main_loop.handle();
    let requests = Requests::new(handle.clone());
    let lock = Arc::new(BigLock::new());
    let replay = Replay::new(Mode::None, &lock);
    let time = VirtualTime::new(config.time, &handle);
    let map = MemoryMap::new(Arc::clone(&lock) as _);
    let cpu_signals = Arc::new(CpuSignals::new());
    watch_map(&map, &cpu_signals);

    // The board comes before its backends: it can still refuse. Its lines are connected further down.
    let lines: [Arc<LateLine>; MAX_SERIALS] = Default::default();
    let debug_line = Arc::new(LateLine::default());
    let present = |n: usize| {
        config
            .serials
            .get(n)
            .is_some_and(|backend| !matches!(backend, Backend::Described(text) if text == "none"))
    };
    let mut pc = Pc::new(PcConfig {
        ram_size: config.memory,
        cpus: describe_cpu(&config.cpu, Arc::clone(&cpu_signals)),
        clock: VirtualClock::new(Arc::clone(&time.virtual_timers)),
        lock: Arc::clone(&lock) as _,
        map,
        serials: std::array::from_fn(|n| present(n).then(|| Arc::clone(&lines[n]) as Arc<dyn CharSink>)),
        debug_consoles: config
            .debug_console
            .iter()
            .map(|c| (c.port, c.readback, Arc::clone(&debug_line) as _))
            .collect(),
        debug_exits: config
            .debug_exit
            .iter()
            .map(|e| (e.port, u16::from(e.size)))
            .collect(),
        hpet: config.hpet,
        acpi: config.acpi,
        rtc_seconds: match config.time {
            Time::Host => WallClock.now_ns() / 1_000_000_000,
            Time::Counted(..) => COUNTED_EPOCH,
        },
        requests: Arc::clone(&requests) as _,
    })
    .with_context(|| format!("-m {}M", config.memory >> 20))?;
    pc.set_kernel(
        &boot.name,
        Arc::clone(&boot.kernel),
        boot.modules.clone(),
        &boot.append,
    )
    .map_err(|error| refuse_boot(&boot, error))?;

    // From here on the world changes.
    let signal_token = if config.signals {
        Some(signals::watch(&handle, &requests)?)
    } else {
        None
    };
    let context = chardev::Context {
        main_loop: handle,
        realtime: Arc::clone(&time.realtime_timers),
    };
    let on_stdio = described.uses_stdio();
    let Backends {
        serials,
        debug_console,
        monitors,
        gdb,
        stdio,
    } = described.open(&context, &requests)?;
    let terminal = stdio.filter(|_| hints::somebody_is_there());
    if let Some(how) = terminal {
        hints::say(hints::leaving(how));
    }
    let mut inputs = Vec::new();
    let mut chardevs = Vec::new();
    let mut silence = None;
    for (n, backend) in serials.into_iter().enumerate() {
        let (Some(backend), Some(device)) = (backend, pc.serial_input(n)) else {
            continue;
        };
        let line = SerialLine::new(Arc::clone(&backend));
        lines[n].connect(Arc::clone(&line) as _);
        let input = Arc::new(SerialInput(device));
        backend.attach(Arc::downgrade(&input) as _)?;
        if let (0, Some(how)) = (n, terminal) {
            silence = hints::watch_silence(&line, &boot.append, how, &time.realtime_timers, hints::say);
        }
        inputs.push(input);
        chardevs.push(backend);
    }
    if let Some(backend) = debug_console {
        debug_line.connect(SerialLine::new(Arc::clone(&backend)) as _);
        chardevs.push(backend);
    }
    let wide = config.cpu.has(Features::LM);
    let vcpu = Vcpu::new(VcpuParts {
        memory: Arc::clone(&pc.memory),
        io: Arc::clone(&pc.io),
        signals: cpu_signals,
        platform: Arc::clone(&pc.platforms[0]),
        count: Arc::clone(&time.count),
        model: Arc::new(config.cpu),
        topology: Topology::default(),
    });
    Ok(Parts {
        config: Remaining {
            name: config.name,
            execution: config.execution,
            look: config.look,
            start_stopped: config.start_stopped,
            wide,
            ends: EndPolicy {
                exit_on_reset: config.exit_on_reset,
                stay_after_shutdown: config.stay_after_shutdown,
            },
        },
        vcpu,
        pc: Arc::new(pc),
        lock,
        time,
        requests,
        main_loop,
        monitors,
        gdb: gdb.map(Line::new).transpose()?,
        chardevs,
        on_stdio,
        signals: signal_token,
        inputs,
        replay,
        silence,
    })
}

/// The memory map changed: the CPU flushes before its next instruction.
fn watch_map(map: &MemoryMap, signals: &Arc<CpuSignals>) {
    let signals = Arc::clone(signals);
    map.add_commit_hook(Arc::new(move || {
        signals.request(target_i386::signals::request::MAP_CHANGED)
    }));
}

fn describe_cpu(model: &Model, signals: Arc<CpuSignals>) -> PcCpus {
    let dynamic = cpuid::Dynamic {
        apic_enabled: true,
        ..cpuid::Dynamic::default()
    };
    let [signature, _, _, features] = cpuid::leaf(model, &Topology::default(), &dynamic, 1, 0);
    PcCpus {
        signals: vec![signals],
        apic: model.has(Features::APIC),
        x2apic: false,
        long_mode: model.has(Features::LM),
        signature,
        features,
        physical_bits: u32::from(model.phys_bits),
    }
}

/// `-option value: reason` for a boot that cannot be.
fn refuse_boot(boot: &BootFiles, error: BootError) -> anyhow::Error {
    let (option, value) = match error.culprit() {
        Culprit::Kernel => ("kernel", boot.name.as_str()),
        Culprit::Initrd => ("initrd", boot.initrd_name.as_str()),
        Culprit::Append => ("append", "…"),
    };
    anyhow::anyhow!("-{option} {value}: {error}")
}

/// A wire that is laid before what is at its other end exists: the board can refuse, and must do so before a
/// backend is opened.
struct LateLine(OnceLock<Arc<dyn CharSink>>);

impl Default for LateLine {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl LateLine {
    fn connect(&self, sink: Arc<dyn CharSink>) {
        // A second call would be a second backend for one port, which `Described` does not allow.
        let _ = self.0.set(sink);
    }

    fn sink(&self) -> &dyn CharSink {
        self.0.get().map_or(&NullSink, AsRef::as_ref)
    }
}

impl CharSink for LateLine {
    fn write(&self, bytes: &[u8]) {
        self.sink().write(bytes);
    }

    fn accepts_input(&self) {
        self.sink().accepts_input();
    }

    fn send_break(&self, on: bool) {
        self.sink().send_break(on);
    }

    fn set_speed(&self, baud: u32) {
        self.sink().set_speed(baud);
    }
}
