//! Makes a machine from a configuration: memory, board, CPU, backends, in the order in which things can go wrong.
//!
//! First everything that can refuse (options, files, memory, kernel), then everything that changes the world
//! (terminal, sockets, threads). Nothing has run when an error returns.

use crate::backends::{Backends, Described, MAX_SERIALS};
use crate::cards::Wires;
use crate::console::MonitorConsole;
use crate::debug::{Attached, GdbServer, Line};
use crate::drives::{Drives, Interface, Pace as DiskPace};
use crate::input::Input;
use crate::nets::Nets;
use crate::qmp_server::QmpServer;
use crate::requests::{Requests, ResetCause};
use crate::rng::{Rng, Source};
use crate::rr::interruptions::Interruptions;
use crate::rr::prepared::{Prepared, trail_every};
use crate::rr::{BesideLog, Inlets, Log, Outsides, SerialInput};
use crate::running::{EndPolicy, Machine, RunState};
use crate::screen::Screen;
use crate::serial::{SerialLine, Shown};
use crate::snapshot::Past;
use crate::virtual_time::VirtualTime;
use crate::{Backend, BootFiles, Config, DeviceConfig, Symbols, Time, hints, signals};
use accel_tcg::{Cpus, Execution, ExecutionConfig, Journal, Look, Seat, Threads};
use anyhow::{Context, Result};
use chardev::Chardev;
use hw_core::{CharSink, NullSink, VirtualClock};
use hw_i386::MachineRequests;
use hw_i386::VgaConfig;
use hw_i386::boot::{BootError, Culprit};
use hw_i386::pc::{Pc, PcConfig, PcCpus, PcError};
use migration::Store;
use parking_lot::Mutex;
use replay::{Mode, Replay};
use softmmu::MemoryMap;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use target_i386::cpuid::{self, Layout, Model};
use target_i386::{CpuSignals, CpuState, Features, Vcpu, VcpuParts};

use ui::vnc::{self, VncOptions};
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
    _inputs: Vec<Option<Arc<SerialInput>>>,
    _silence: Option<Timer>,
}

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

/// Everything of a machine but what drives its CPUs.
pub struct Parts {
    pub config: Remaining,
    pub vcpus: Vec<Box<Vcpu>>,
    pub pc: Arc<Pc>,
    pub lock: Arc<BigLock>,
    pub time: VirtualTime,
    pub requests: Arc<Requests>,
    pub main_loop: MainLoop,
    pub monitors: Vec<MonitorConsole>,
    pub gdb: Option<Line>,
    pub qmp: Vec<Line>,
    pub chardevs: Vec<Arc<dyn Chardev>>,
    pub on_stdio: bool,
    pub signals: Option<FdToken>,
    /// By the port's number.
    pub inputs: Vec<Option<Arc<SerialInput>>>,
    pub shown: Arc<Shown>,
    pub replay: Arc<Replay>,
    pub drives: Arc<Drives>,
    pub nets: Arc<Nets>,
    pub input: Arc<Input>,
    pub vnc: Option<VncOptions>,
    pub keyboard: ui::keys::Layout,
    /// Instructions between digests.
    pub digest_every: u64,
    pub beside_log: BesideLog,
    pub silence: Option<Timer>,
}

impl Parts {
    /// The ways into the machine, whose past is `past`.
    pub fn outsides(&self, past: &Arc<Mutex<Past>>) -> Arc<Outsides> {
        Outsides::new(
            Arc::clone(&self.pc),
            Arc::clone(&self.requests),
            Arc::clone(&self.replay),
            Inlets {
                serials: self.inputs.clone(),
                drives: Arc::clone(&self.drives),
                nets: Arc::clone(&self.nets),
                input: Arc::clone(&self.input),
            },
            Arc::clone(past),
            self.digest_every,
        )
    }

    /// The log, if there is one.
    pub fn journal(&self, outsides: &Arc<Outsides>) -> Option<Journal> {
        (self.replay.mode() != Mode::None).then(|| Journal {
            replay: Arc::clone(&self.replay),
            outside: Arc::clone(outsides) as _,
            digest_every: self.digest_every,
            trail_every: trail_every(self.digest_every),
        })
    }
}

/// What of the configuration concerns running.
pub struct Remaining {
    pub name: Option<String>,
    pub threads: Threads,
    pub execution: ExecutionConfig,
    pub look: Look,
    pub ends: EndPolicy,
    pub snapshots: PathBuf,
    pub load_snapshot: Option<String>,
    pub start_stopped: bool,
    pub history_bytes: u64,
    pub keeps_history: bool,
    pub automatic_history: bool,
    /// Its real-time clock, for a snapshot's identity.
    pub rtc: String,
    pub patience: u32,
    pub symbols: Option<Arc<Symbols>>,
    pub report: Option<Arc<Mutex<String>>>,
    /// Its CPUs know 64-bit mode.
    pub wide: bool,
}

/// Makes the machine.
///
/// # Errors
/// The first thing that is wrong with the configuration, or that the host refuses, in words for the user.
pub fn assemble(config: Config) -> Result<Assembled> {
    let parts = parts(config)?;
    let past = Past::new(
        &parts.pc,
        &parts.vcpus,
        &parts.time,
        &parts.config.rtc,
        &parts.drives.written,
    );
    let past = Arc::new(Mutex::new(past));
    let outsides = parts.outsides(&past);
    let journal = parts.journal(&outsides);
    let screen = Screen::new(&parts.pc, &parts.input, &parts.replay);
    let vnc = parts.vnc.as_ref().map(|options| {
        let name = parts.config.name.as_deref().unwrap_or("Reprise");
        let loops = (&parts.main_loop.handle(), &parts.time.realtime_timers);
        vnc::Server::open(options, Arc::clone(&screen) as _, (name, parts.keyboard), loops)
    });
    let vnc = vnc.transpose().context("-vnc")?;
    let requests = parts.requests;
    let mut vcpus = parts.vcpus;
    if parts.replay.is_strict() {
        vcpus.iter_mut().for_each(|vcpu| vcpu.keep_deliveries());
    }
    let seats = seats(vcpus, parts.config.execution, &parts.config.look);
    if let Some(reason) = seats.iter().find_map(|seat| seat.execution.fallback()) {
        hints::say(&format!("warning: {reason}"));
    }
    let events = Arc::clone(&requests) as _;
    let cpus = Cpus::spawn(
        seats,
        parts.config.threads,
        Arc::clone(&parts.lock),
        parts.time.base(journal),
        events,
    )
    .context("starting the CPUs' threads")?;
    let cpus = Arc::new(cpus);
    let weak = Arc::downgrade(&cpus);
    requests.set_stop(move || {
        if let Some(cpus) = weak.upgrade() {
            cpus.request_stop();
        }
    });
    let wide = parts.config.wide;
    let looks = parts.gdb.iter().map(GdbServer::look);
    let looks = looks.chain(parts.qmp.iter().map(QmpServer::look));
    let looks = looks.chain(parts.monitors.iter().map(MonitorConsole::look));
    let interruptions = Arc::new(Interruptions::new(looks));
    let gdb = parts.gdb.map(|line| {
        let attached = Attached::new(
            Arc::clone(&cpus),
            Arc::clone(&parts.pc),
            Arc::clone(&parts.lock),
            Arc::clone(&parts.replay),
            wide,
        );
        GdbServer::new(line, attached)
    });
    let machine = Machine {
        gdb,
        qmp: parts.qmp.into_iter().map(QmpServer::new).collect(),
        events: Vec::new(),
        told_running: false,
        history: None,
        history_bytes: parts.config.history_bytes,
        keeps_history: parts.config.keeps_history,
        automatic_history: parts.config.automatic_history,
        halt: None,
        debugging: false,
        travelling: false,
        interruptions,
        shown: parts.shown,
        patience: parts.config.patience,
        ends_unsaid: false,
        symbols: parts.config.symbols,
        report: parts.config.report,
        difference: None,
        start_stopped: parts.config.start_stopped,
        name: parts.config.name,
        pc: parts.pc,
        cpus,
        monitored: 0,
        lock: parts.lock,
        time: parts.time,
        requests,
        state: RunState::Paused,
        ends: parts.config.ends,
        replay: parts.replay,
        outsides,
        past,
        snapshots: Store::new(parts.config.snapshots),
        begin_with: parts.config.load_snapshot,
        drives: parts.drives,
        nets: parts.nets,
        screen,
        vnc,
        beside_log: parts.beside_log,
        diverged: false,
        began_at: 0,
        _signals: parts.signals,
    };
    Ok(Assembled {
        machine,
        main_loop: parts.main_loop,
        monitors: parts.monitors,
        chardevs: parts.chardevs,
        on_stdio: parts.on_stdio,
        _inputs: parts.inputs,
        _silence: parts.silence,
    })
}

/// Makes the machine's parts.
///
/// # Errors
/// As [`assemble`].
pub fn parts(mut config: Config) -> Result<Parts> {
    let debug_backend = config
        .debug_console
        .as_ref()
        .map(|console| console.backend.as_str());
    let described = Described::new(
        &config.serials,
        config.monitor.as_deref(),
        debug_backend,
        config.gdb.as_deref(),
        &config.qmp,
    )?;
    let boot = match &config.boot {
        Some(boot) => boot.clone(),
        None if config.starts_in_firmware() => BootFiles::none(),
        None => BootFiles::embedded(),
    };

    let main_loop = MainLoop::new().context("starting the main loop")?;
    let handle = main_loop.handle();
    let requests = Requests::new(handle.clone());
    let lock = Arc::new(BigLock::new());
    let time = VirtualTime::new(config.time, config.pace, &handle);
    let map = MemoryMap::new(Arc::clone(&lock) as _);
    let layout = config.layout;
    let cpu_signals: Vec<_> = (0..layout.cpus).map(|_| Arc::new(CpuSignals::new())).collect();
    watch_map(&map, &cpu_signals);

    let logged = !matches!(config.log, Log::None);
    let disk_pace = || match config.time {
        Time::Host => DiskPace::Host(handle.clone()),
        Time::Counted(..) => DiskPace::Counted(VirtualClock::new(Arc::clone(&time.virtual_timers))),
    };
    let mut drives = Drives::open(&config.drives, logged, disk_pace, &requests)?;
    config.firmware.load(config.vga)?;
    config.firmware.take_flash(&drives)?;

    // The board comes before its character devices: it can still refuse. Its lines are connected further down.
    let lines: [Arc<LateLine>; MAX_SERIALS] = Default::default();
    let debug_line = Arc::new(LateLine::default());
    let present = |n: usize| {
        config
            .serials
            .get(n)
            .is_some_and(|backend| !matches!(backend, Backend::Described(text) if text == "none"))
    };
    let rtc = config.rtc;
    let rtc_seconds = match &config.log {
        Log::Replay(replaying) => replaying.first_seconds(),
        Log::None | Log::Record(_) => rtc.first_seconds(config.time),
    };
    let mut pc = Pc::new(PcConfig {
        ram_size: config.memory,
        cpus: describe_cpus(&config.cpu, layout, &cpu_signals),
        clock: VirtualClock::new(Arc::clone(&time.virtual_timers)),
        lock: Arc::clone(&lock) as _,
        map,
        serials: std::array::from_fn(|n| present(n).then(|| Arc::clone(&lines[n]) as Arc<dyn CharSink>)),
        ide: std::array::from_fn(|place| drives.on_ide(place as u32)),
        floppies: std::array::from_fn(|place| drives.floppy(place as u32)),
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
        rtc: rtc.device(config.time, rtc_seconds),
        rtc_clock: rtc.clock(config.time, &time),
        requests: Arc::clone(&requests) as _,
        firmware: config.firmware.board.clone(),
    })
    .map_err(|error| match error {
        PcError::Apics => anyhow::anyhow!("-smp {}: {error}", layout.cpus),
        PcError::File(error) => anyhow::anyhow!("-fw_cfg: {error}"),
        _ => anyhow::Error::new(error).context(format!("-m {}M", config.memory >> 20)),
    })?;
    let booted = if !pc.has_firmware() {
        let kernel = Arc::clone(&boot.kernel);
        pc.set_kernel(&boot.name, kernel, boot.modules.clone(), &boot.append)
            .map(|_| ())
    } else if config.boot.is_some() {
        pc.offer_kernel(&boot.kernel, &boot.modules, &boot.append)
    } else {
        Ok(())
    };
    booted.map_err(|error| refuse_boot(&boot, error))?;

    let virtual_clock = VirtualClock::new(Arc::clone(&time.virtual_timers));
    let network_context = net::Context {
        main_loop: handle.clone(),
        realtime: Arc::clone(&time.realtime_timers),
    };
    let is_replay = matches!(config.log, Log::Replay(_));
    let nets = Nets::open(
        &config.networks,
        &config.dumps,
        is_replay,
        &network_context,
        &virtual_clock,
    )?;
    let ports = nets
        .all
        .iter()
        .map(|net| (net.id().to_owned(), Arc::clone(net) as _));
    let counted = matches!(config.time, Time::Counted(..));
    let entropy = |name: String| {
        let source = if counted {
            Source::Seed(CpuState::default().entropy)
        } else {
            let file = File::open("/dev/urandom").map_err(|error| format!("/dev/urandom: {error}"))?;
            Source::Host(file)
        };
        Ok(Rng::new(name, source, &virtual_clock))
    };
    let mut wires = Wires {
        drives: &mut drives,
        nets: ports.collect(),
        chars: BTreeMap::new(),
        entropy: &entropy,
        rngs: Vec::new(),
        next_mac: 0x56,
    };
    if config.vga {
        pc.plug_vga(VgaConfig::default(), &config.firmware.video)
            .context("-vga std")?;
    }
    for device in &config.devices {
        wires.plug(&mut pc, device)?;
    }
    for id in wires.drives.ids(Interface::Virtio) {
        wires.plug(&mut pc, &DeviceConfig::new("virtio-blk-pci", &[("drive", &id)]))?;
    }
    let rngs = wires.rngs;
    rngs.into_iter().for_each(|rng| pc.add_device(rng));
    for drive in &drives.all {
        pc.add_device(Arc::clone(drive) as _);
    }
    let input = Input::new(&virtual_clock);
    pc.add_device(Arc::clone(&input) as _);
    let pc = Arc::new(pc);
    input.connect(&pc);

    let beside_log = BesideLog::of(&config);
    let files = if logged { drives.facts()? } else { Vec::new() };
    let journal = Prepared::new(&mut config, &boot, rtc_seconds, files)?;

    // From here on the world changes.
    let digest_every = journal.digest_every();
    let replay = journal.open(&lock)?;
    requests.set_replay(&replay);
    nets.connect(&replay);
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
        qmp,
        stdio,
    } = described.open(&context, &requests)?;
    let terminal = stdio.filter(|_| hints::somebody_is_there());
    if let Some(how) = terminal {
        hints::say(hints::leaving(how));
    }
    let shown = Shown::new(Arc::clone(&time.count));
    let mut inputs = Vec::new();
    let mut chardevs = Vec::new();
    let mut silence = None;
    for (n, backend) in serials.into_iter().enumerate() {
        let (Some(backend), Some(device)) = (backend, pc.serial_input(n)) else {
            inputs.push(None);
            continue;
        };
        let line = SerialLine::new(Arc::clone(&backend), &shown);
        lines[n].connect(Arc::clone(&line) as _);
        let input = SerialInput::new(device, Arc::clone(&backend), Arc::clone(&replay), n as u32);
        backend.attach(Arc::downgrade(&input) as _)?;
        if let (0, Some(how), false) = (n, terminal, pc.has_firmware()) {
            silence = hints::watch_silence(&line, &boot.append, how, &time.realtime_timers, hints::say);
        }
        inputs.push(Some(input));
        chardevs.push(backend);
    }
    if let Some(backend) = debug_console {
        debug_line.connect(SerialLine::new(Arc::clone(&backend), &shown) as _);
        chardevs.push(backend);
    }
    let threads = config.threads();
    let wide = config.cpu.has(Features::LM);
    let model = Arc::new(config.cpu);
    let vcpu = |(n, signals)| {
        let place: usize = n;
        Vcpu::new(VcpuParts {
            memory: Arc::clone(&pc.memories[place]),
            io: Arc::clone(&pc.io),
            signals,
            platform: Arc::clone(&pc.platforms[place]),
            // No clock reads the counts of CPUs that execute at the same time.
            count: match threads {
                Threads::Single => Arc::clone(&time.count),
                Threads::Multi => Arc::default(),
            },
            model: Arc::clone(&model),
            topology: layout.topology(place as u32),
        })
    };
    let vcpus = cpu_signals.into_iter().enumerate().map(vcpu).collect();
    Ok(Parts {
        config: Remaining {
            name: config.name,
            threads,
            execution: config.execution,
            look: config.look,
            start_stopped: config.start_stopped,
            history_bytes: config.history.unwrap_or(Config::HISTORY),
            keeps_history: config.history.is_some() || gdb.is_some(),
            automatic_history: config.history.is_some(),
            rtc: rtc.describe(config.time),
            patience: config.patience,
            symbols: config.symbols,
            report: config.report,
            wide,
            ends: EndPolicy {
                exit_on_reset: config.exit_on_reset,
                stay_after_shutdown: config.stay_after_shutdown,
            },
            snapshots: config.snapshots,
            load_snapshot: config.load_snapshot,
        },
        vcpus,
        pc,
        lock,
        time,
        requests,
        main_loop,
        monitors,
        gdb: gdb.map(Line::new).transpose()?,
        qmp: qmp.into_iter().map(Line::new).collect::<Result<_, _>>()?,
        chardevs,
        on_stdio,
        signals: signal_token,
        inputs,
        shown,
        replay,
        drives: Arc::new(drives),
        nets: Arc::new(nets),
        input,
        vnc: config.vnc,
        keyboard: config.keyboard,
        digest_every,
        beside_log,
        silence,
    })
}

/// The CPUs, each with its engine.
pub fn seats(vcpus: Vec<Box<Vcpu>>, config: ExecutionConfig, look: &Look) -> Vec<Seat> {
    let executions = Execution::for_all(&vcpus, config, look);
    let seats = vcpus.into_iter().zip(executions);
    seats.map(|(vcpu, execution)| Seat { vcpu, execution }).collect()
}

/// The memory map changed: the CPUs flush before their next instructions.
fn watch_map(map: &MemoryMap, signals: &[Arc<CpuSignals>]) {
    let signals = signals.to_vec();
    map.add_commit_hook(Arc::new(move || {
        for signals in &signals {
            signals.request(target_i386::signals::request::MAP_CHANGED);
        }
    }));
}

fn describe_cpus(model: &Model, layout: Layout, signals: &[Arc<CpuSignals>]) -> PcCpus {
    let dynamic = cpuid::Dynamic {
        apic_enabled: true,
        ..cpuid::Dynamic::default()
    };
    let [signature, _, _, features] = cpuid::leaf(model, &layout.topology(0), &dynamic, 1, 0);
    PcCpus {
        signals: signals.to_vec(),
        layout,
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
