//! The pc machine: all devices, made and wired.
//!
//! Configuration flows in once, through [`PcConfig`]; out come the address spaces, the board seen from each CPU, the
//! devices in reset and snapshot order, and a few buttons. The board knows no engine and no backend: signals, clock,
//! sinks and requests are handles. Mirrors QEMU's `hw/i386/pc_piix.c` and `pc.c`.

use crate::acpi_pm::{AcpiPm, SmbusHost};
use crate::apic::{ApicBus, ApicConfig, LocalApic, MsiWindow};
use crate::boot::{self, BootError, BootPlan, BootRequest, Module};
use crate::debug_ports::{DebugConsole, DebugExit, PostPort};
use crate::ferr::Ferr;
use crate::firmware::FirmwareConfig;
use crate::flash::Flash;
use crate::fw_cfg::FileError;
use crate::gsi::{GsiRouter, LegacyInput, LegacyTimers};
use crate::hpet::{Hpet, HpetLines};
use crate::i440fx::HostBridge;
use crate::i8042::{I8042, KeyboardLines};
use crate::ioapic::IoApic;
use crate::pc_memory::PcMemory;
use crate::pic::PicPair;
use crate::piix3::pirq::PirqRouter;
use crate::piix3::{IdeController, IsaBridge, PowerManagement};
use crate::pit::Pit;
use crate::platform::{CpuPlatform, IntrPin};
use crate::port92::Port92;
use crate::ram_layout::{MIB, RamLayout};
use crate::reset_control::ResetControl;
use crate::rtc::{Rtc, RtcConfig};
use crate::serial::Serial;
use crate::tables::{self, TableConfig, Tables};
use crate::{MachineRequests, board_spec, mini_post};
use hw_core::{CharInput, CharSink, Device, Disk, Dma, IoWindow, IrqLine, IrqSink, VirtualClock, reset_all};
use hw_pci::{Function, PciBus, PciPort, devfn};
use hw_storage::dma8237::Dma8237;
use hw_storage::fdc::Fdc;
use hw_storage::ide::{self, Ide};
use softmmu::{AddressSpace, DispatchLock, MemoryMap, MemoryRegion, RamBlock, RamError};
use std::sync::Arc;
use target_i386::cpuid::Layout;
use target_i386::state::Activity;
use target_i386::{CpuSignals, CpuState, Platform};

/// What the board must know about its CPUs.
#[derive(Clone)]
pub struct PcCpus {
    /// The lines of each CPU, as many as `layout` has.
    pub signals: Vec<Arc<CpuSignals>>,
    /// How they are grouped, and with which APIC ids.
    pub layout: Layout,
    /// Whether they have local APICs (CPUID.1 EDX.9); without, the 8259 pair drives INTR.
    pub apic: bool,
    /// Whether the local APICs know x2APIC mode.
    pub x2apic: bool,
    /// Whether they have long mode.
    pub long_mode: bool,
    /// CPUID leaf 1 EAX.
    pub signature: u32,
    /// CPUID leaf 1 EDX.
    pub features: u32,
    /// Width of physical addresses.
    pub physical_bits: u32,
}

/// Everything that decides what a pc is.
#[derive(Clone)]
pub struct PcConfig {
    /// Bytes of RAM, a multiple of 4096.
    pub ram_size: u64,
    /// Its CPUs.
    pub cpus: PcCpus,
    /// The machine's virtual clock.
    pub clock: VirtualClock,
    /// The machine's big lock.
    pub lock: Arc<dyn DispatchLock>,
    /// The machine's memory, still empty.
    pub map: MemoryMap,
    /// Outputs of COM1..COM4; none: the port does not exist.
    pub serials: [Option<Arc<dyn CharSink>>; 4],
    /// What is on the IDE channels: first master and slave, second master and slave.
    pub ide: [Option<(ide::Kind, Arc<dyn Disk>)>; 4],
    /// What is in the two floppy drives; none: there is no such drive.
    pub floppies: [Option<Arc<dyn Disk>>; 2],
    /// isa-debugcon devices: port, what it reads as, and output.
    pub debug_consoles: Vec<(u16, u8, Arc<dyn CharSink>)>,
    /// isa-debug-exit devices: first port and number of ports.
    pub debug_exits: Vec<(u16, u16)>,
    /// Whether there is an HPET.
    pub hpet: bool,
    /// Whether there are ACPI tables.
    pub acpi: bool,
    /// The real-time clock.
    pub rtc: RtcConfig,
    /// The clock it goes by, unless that is the virtual one.
    pub rtc_clock: Option<VirtualClock>,
    /// The machine, for what devices ask of it.
    pub requests: Arc<dyn MachineRequests>,
    /// Firmware, and what it is told.
    pub firmware: FirmwareConfig,
}

/// Why a pc could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PcError {
    /// No RAM of that size.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// Fewer than 2 MiB, or not whole pages.
    #[error("memory size must be a multiple of 4 KiB and at least 2 MiB")]
    RamSize,
    /// Several CPUs without local APICs: nothing could start or interrupt the others.
    #[error("several CPUs need local APICs")]
    Apics,
    /// A file for the firmware configuration.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A pc.
pub struct Pc {
    /// Memory as the first CPU sees it.
    pub memory: Arc<AddressSpace>,
    /// Memory as each CPU sees it: with its own local APIC.
    pub memories: Vec<Arc<AddressSpace>>,
    /// Ports.
    pub io: Arc<AddressSpace>,
    /// All devices, in reset and snapshot order.
    pub devices: Vec<Arc<dyn Device>>,
    /// The board seen from each CPU.
    pub platforms: Vec<Arc<dyn Platform>>,
    /// COM1..COM4: where their input goes.
    pub serials: [Option<Arc<Serial>>; 4],
    /// Keyboard and mouse.
    pub keyboard: Arc<I8042>,
    /// The PCI bus.
    pub pci: Arc<PciBus>,
    /// Memory as bus masters see it: no local APIC, but a window for messages.
    pub bus_memory: Arc<AddressSpace>,
    // What the board needs after assembly.
    map: MemoryMap,
    lock: Arc<dyn DispatchLock>,
    parts: PcMemory,
    tables: Tables,
    cpus: PcCpus,
    apics: Vec<Arc<LocalApic>>,
    pic: Arc<PicPair>,
    ioapic: Option<Arc<IoApic>>,
    gsi: Arc<GsiRouter>,
    rtc: Arc<Rtc>,
    pm: Arc<AcpiPm>,
    router: Arc<PirqRouter>,
    floppy: Arc<Fdc>,
    clock: VirtualClock,
    cards: Cards,
    firmware: BringUp,
    boot: Option<BootPlan>,
}

/// A register page that covers RAM and windows.
const APIC_PRIORITY: i32 = 16;

impl Pc {
    /// Makes the devices and wires them. Nothing runs yet; [`reset`](Self::reset) comes first.
    ///
    /// # Errors
    /// An impossible size, or a host without that much memory.
    pub fn new(config: PcConfig) -> Result<Self, PcError> {
        if config.ram_size < 2 * MIB || !config.ram_size.is_multiple_of(4096) {
            return Err(PcError::RamSize);
        }
        if config.cpus.signals.len() > 1 && !config.cpus.apic {
            return Err(PcError::Apics);
        }
        let region = bring_up::bios_region(&config.firmware);
        let (parts, pam) = PcMemory::new(&config.map, RamLayout::new(config.ram_size), region)?;
        let chips = bring_up::chips(&config.map, &config.firmware)?;
        let map = config.map.clone();
        map.transaction(|_| Self::assemble(config, parts, pam, chips))
    }

    fn assemble(
        config: PcConfig,
        parts: PcMemory,
        pam: crate::i440fx::Pam,
        chips: Vec<Arc<Flash>>,
    ) -> Result<Self, PcError> {
        let PcConfig {
            clock,
            requests,
            cpus,
            lock,
            map,
            ..
        } = config;
        let mut devices: Vec<Arc<dyn Device>> = Vec::new();
        let system = &parts.system;
        let io = &parts.spaces.io;

        // Interrupt controllers.
        let bus = ApicBus::new();
        let mut apics = Vec::new();
        let mut memories = Vec::new();
        let apic_id = |n: u32| cpus.layout.topology(n).apic_id;
        for (n, signals) in (0u32..).zip(&cpus.signals) {
            // What all see, and on top of it what only this one does.
            let own = MemoryRegion::container(format!("cpu{n}-memory"), u64::MAX);
            let shared = MemoryRegion::alias(format!("cpu{n}-shared"), &parts.cpu, 0, u64::MAX);
            own.add_subregion(0, &shared, 0);
            if cpus.apic {
                let config = ApicConfig {
                    id: apic_id(n),
                    bsp: n == 0,
                    x2apic: cpus.x2apic,
                };
                let apic = LocalApic::new(config, &bus, Arc::clone(signals), &clock);
                let region = apic.window().region();
                own.add_subregion(board_spec::LAPIC_BASE as u64, &region, APIC_PRIORITY);
                // Weak: the region owns the APIC, and the hook belongs to the APIC.
                let region = region.downgrade();
                apic.set_base_hook(move |base, there| {
                    if let Some(region) = region.upgrade() {
                        region.set_address(base);
                        region.set_enabled(there);
                    }
                });
                devices.push(apic.clone());
                apics.push(apic);
            }
            let name = if n == 0 {
                "memory".to_owned()
            } else {
                format!("memory-cpu{n}")
            };
            memories.push(AddressSpace::new(&map, name, own));
        }
        let int: Arc<dyn IrqSink> = match apics.first() {
            Some(apic) => apic.clone(),
            None => Arc::new(IntrPin(Arc::clone(&cpus.signals[0]))),
        };
        let pic = PicPair::new(IrqLine::new(int, 0));
        open_all(io, &pic.windows());
        let ioapic = cpus.apic.then(|| IoApic::new(&bus));
        if let Some(ioapic) = &ioapic {
            open(system, &ioapic.window());
            devices.push(ioapic.clone());
        }
        let gsi = GsiRouter::new(&pic, ioapic.as_ref());
        let legacy = LegacyTimers::new(gsi.isa(0), gsi.isa(8));
        let ferr = Ferr::new(gsi.isa(13));
        open(io, &ferr.window());
        devices.extend([
            pic.clone() as Arc<dyn Device>,
            gsi.clone(),
            legacy.clone(),
            ferr.clone(),
        ]);

        // Time.
        let pit = Pit::new(&clock, legacy.input(LegacyInput::Pit));
        open_all(io, &pit.windows());
        let rtc_clock = config.rtc_clock.as_ref().unwrap_or(&clock);
        let rtc = Rtc::new(config.rtc, rtc_clock, legacy.input(LegacyInput::Rtc));
        open(io, &rtc.window());
        devices.extend([pit as Arc<dyn Device>, rtc.clone()]);
        if config.hpet {
            let lines = HpetLines {
                legacy: [legacy.input(LegacyInput::Hpet0), legacy.input(LegacyInput::Hpet1)],
                replace: legacy.input(LegacyInput::Replace),
                gsi2: gsi.gsi(2),
            };
            let hpet = Hpet::new(&clock, lines);
            open(system, &hpet.window().with_unlocked_reads(&lock));
            devices.push(hpet);
        }
        let power = Arc::clone(&requests);
        let pm = AcpiPm::new(&clock, gsi.isa(board_spec::SCI_IRQ as u32), move || {
            power.power_off()
        });
        let pm_region = pm.pm_window().with_unlocked_reads(&lock).region();
        let smbus = SmbusHost::new();
        let smbus_region = smbus.window().region();
        for region in [&pm_region, &smbus_region] {
            region.set_enabled(false);
            io.add_subregion(0, region, 0);
        }
        open(io, &pm.gpe_window());
        open(io, &pm.apm_window());
        devices.extend([pm.clone() as Arc<dyn Device>, smbus]);

        // PCI.
        let reset_control = ResetControl::new(Arc::clone(&requests));
        let pci = PciBus::new(Arc::clone(&reset_control) as _);
        open_all(io, &pci.windows());
        let router = PirqRouter::new(std::array::from_fn(|irq| match irq {
            0 | 1 | 2 | 8 | 13 => IrqLine::disconnected(),
            _ => gsi.gsi(irq as u32),
        }));
        // What bus masters write to the local APICs' page is a message.
        let masters = MemoryRegion::container("bus-masters", u64::MAX);
        masters.add_subregion(0, &MemoryRegion::alias("bus-system", system, 0, u64::MAX), 0);
        masters.add_subregion(board_spec::LAPIC_BASE as u64, &MsiWindow::region(&bus), 1);
        let bus_memory = AddressSpace::new(&map, "bus-masters", masters);
        let drive = |place: usize| {
            let (kind, disk) = config.ide[place].clone()?;
            Some(ide::DriveConfig::new(kind, disk))
        };
        let isa_dma = Dma8237::new(Dma::new(Arc::clone(&bus_memory)));
        open_all(io, &isa_dma.windows());
        let floppy = Fdc::new(config.floppies, &isa_dma, gsi.isa(6), &clock);
        open_all(io, &floppy.windows());
        let ide_port = PciPort::new(
            Dma::new(Arc::clone(&bus_memory)),
            IrqLine::disconnected(),
            None,
            None,
        );
        let drives = Ide::new(
            [[drive(0), drive(1)], [drive(2), drive(3)]],
            [gsi.isa(14), gsi.isa(15)],
            ide_port.dma().clone(),
        );
        for channel in [0, 1] {
            open_all(io, &drives.windows(channel));
        }
        let spaces = &parts.spaces;
        let host = Function::new("i440fx", spaces, HostBridge::new(pam), vec![]);
        let isa = Function::new("piix3-isa", spaces, IsaBridge::new(Arc::clone(&router)), vec![]);
        let ide = Function::with_port(
            "piix3-ide",
            spaces,
            IdeController,
            vec![drives.bus_master_window().region()],
            Some(ide_port),
        );
        let power = Function::new(
            "piix4-pm",
            spaces,
            PowerManagement::new(pm_region, smbus_region),
            vec![],
        );
        pci.add(devfn(0, 0), host.clone());
        pci.add(devfn(1, 0), isa.clone());
        pci.add(devfn(1, 1), ide.clone());
        pci.add(devfn(1, 3), power.clone());
        devices.extend([
            reset_control as Arc<dyn Device>,
            pci.clone(),
            router.clone(),
            host,
            isa,
            ide,
            power.clone(),
            drives,
            isa_dma,
            floppy.clone(),
        ]);

        // ISA.
        let lines = KeyboardLines {
            keyboard: gsi.isa(1),
            mouse: gsi.isa(12),
            a20: Some(Arc::clone(&parts.a20)),
        };
        let keyboard = I8042::new(&clock, lines, Arc::clone(&requests));
        open_all(io, &keyboard.windows());
        let port92 = Port92::new(Arc::clone(&parts.a20), Arc::clone(&requests));
        open(io, &port92.window());
        let post = PostPort::new();
        open_all(io, &post.windows());
        devices.extend([
            keyboard.clone() as Arc<dyn Device>,
            port92,
            parts.a20.clone() as Arc<dyn Device>,
            post,
        ]);
        let present = config.serials.each_ref().map(Option::is_some);
        let mut index = 0;
        let serials = config.serials.map(|sink| {
            let (base, irq) = board_spec::COM_PORTS[index];
            let name = format!("serial{index}");
            index += 1;
            let serial = Serial::new(name, &clock, gsi.isa(irq as u32), sink?);
            io.add_subregion(base as u64, &serial.window().region(), 0);
            devices.push(serial.clone());
            Some(serial)
        });
        let mut debug: Vec<IoWindow> = config
            .debug_consoles
            .into_iter()
            .map(|(port, readback, sink)| DebugConsole::new(port, readback, sink).window())
            .collect();
        debug.extend(
            config
                .debug_exits
                .iter()
                .map(|&(base, size)| DebugExit::new(base, size, requests.clone()).window()),
        );
        // On top: 501h lies where a serial port or a POST card might be put.
        debug
            .iter()
            .for_each(|window| io.add_subregion(window.base, &window.region(), 2));

        let table_config = TableConfig {
            ram: parts.layout,
            apic_ids: (0..cpus.signals.len() as u32).map(|n| apic_id(n) as u8).collect(),
            layout: cpus.layout,
            cpu_signature: cpus.signature,
            cpu_features: cpus.features,
            acpi: config.acpi,
            hpet: config.hpet,
            serials: present,
            pm_base: board_spec::PM_BASE,
            uuid: config.firmware.uuid,
            smbios: config.firmware.smbios.clone(),
        };
        let tables = tables::build(&table_config);
        let firmware = BringUp::new(config.firmware, chips, &table_config, &power, &bus_memory)?;
        open_all(io, &firmware.fw_cfg.windows());
        firmware.fill_bios(&parts.bios, &tables);
        firmware.place_flash(&parts.spaces.memory);
        devices.extend(firmware.devices(&rtc, &parts.layout));
        mini_post::floppies(&rtc, floppy.cmos_types());

        let platforms = (0..cpus.signals.len())
            .map(|i| {
                let apic = apics.get(i).cloned();
                let (clock, lock) = (clock.clone(), Arc::clone(&lock));
                CpuPlatform::new(clock, lock, apic, Arc::clone(&pic), Arc::clone(&ferr)) as Arc<dyn Platform>
            })
            .collect();
        Ok(Self {
            memory: Arc::clone(&memories[0]),
            memories,
            io: Arc::clone(&parts.io),
            devices,
            platforms,
            serials,
            keyboard,
            pci,
            bus_memory,
            router,
            floppy,
            clock,
            cards: Cards::default(),
            map,
            lock,
            parts,
            tables,
            cpus,
            apics,
            pic,
            ioapic,
            gsi,
            rtc,
            pm,
            firmware,
            boot: None,
        })
    }

    /// Where RAM lies.
    pub fn ram_layout(&self) -> RamLayout {
        self.parts.layout
    }

    /// All RAM, for digests and snapshots.
    pub fn ram(&self) -> &RamBlock {
        &self.parts.ram
    }

    /// The machine's memory, for `info mtree` and commit hooks.
    pub fn map(&self) -> &MemoryMap {
        &self.map
    }

    /// Where COM`n`+1's input goes, if the port exists.
    pub fn serial_input(&self, n: usize) -> Option<Arc<dyn CharInput>> {
        self.serials
            .get(n)?
            .clone()
            .map(|serial| serial as Arc<dyn CharInput>)
    }

    /// Plans the boot of a kernel; each [`reset`](Self::reset) from now on loads it again.
    ///
    /// # Errors
    /// What is wrong with kernel, modules or command line; the present plan stays.
    pub fn set_kernel(
        &mut self,
        name: &str,
        kernel: Arc<[u8]>,
        modules: Vec<Module>,
        cmdline: &str,
    ) -> Result<&BootPlan, BootError> {
        let plan = boot::plan(&BootRequest {
            name,
            kernel,
            modules,
            cmdline,
            ram: self.parts.layout,
            long_mode: self.cpus.long_mode,
            rsdp: self.tables.rsdp,
        })?;
        Ok(self.boot.insert(plan))
    }

    /// The boot plan, if there is one.
    pub fn boot_plan(&self) -> Option<&BootPlan> {
        self.boot.as_ref()
    }

    /// Resets all devices, leaves them as a BIOS would, and puts tables and kernel into memory, unless there is firmware
    /// that does it. The CPUs follow with [`reset_cpu`](Self::reset_cpu).
    pub fn reset(&self) {
        self.lock.with(&mut || {
            self.map.transaction(|_| reset_all(&self.devices));
            if self.firmware.runs() {
                return;
            }
            self.map
                .transaction(|_| mini_post::pci(&self.pci, &self.parts.layout));
            mini_post::ports(&self.io);
            if let Some(vga) = self.cards.vga() {
                vga.mode3();
            }
            if let Some(apic) = self.apics.first() {
                // Enabled, spurious vector FFh; LINT0 ExtINT, LINT1 NMI.
                for (register, value) in [(0xf0, 0x1ff), (0x350, 0x8700), (0x360, 0x8400)] {
                    apic.write_register(register, value);
                }
            }
            mini_post::cmos(&self.rtc, &self.parts.layout, self.cpus.signals.len() as u8);
            mini_post::floppies(&self.rtc, self.floppy.cmos_types());
            let serials = self.serials.each_ref().map(Option::is_some);
            mini_post::memory(&self.parts, &self.tables, &serials);
            for load in self.boot.iter().flat_map(|plan| &plan.loads) {
                load.pieces(|at, bytes| {
                    let written = self.parts.write_ram(at, bytes);
                    debug_assert!(written, "boot plan outside of RAM at {at:?}");
                });
            }
        });
    }

    /// Takes a CPU from its power-on state (`cpu` must be in it) to where the board starts it: the boot processor
    /// to its reset vector if there is firmware, else into the kernel's entry, if there is a plan; others waiting for
    /// their start-up IPI. Cached modes are the caller's to refresh.
    pub fn reset_cpu(&self, index: usize, cpu: &mut CpuState) {
        if !self.firmware.runs() {
            mini_post::mtrrs(cpu, &self.parts.layout, self.cpus.physical_bits);
        }
        match &self.boot {
            _ if index != 0 => cpu.activity = Activity::WaitForSipi,
            Some(plan) => boot::apply(&plan.entry, cpu),
            None => {}
        }
    }

    /// Presses the power button.
    pub fn power_button(&self) {
        self.lock.with(&mut || self.pm.power_button());
    }

    /// Pulses the NMI line: LINT1 of each CPU, or the CPU's own pin.
    pub fn nmi(&self) {
        self.lock.with(&mut || {
            for apic in &self.apics {
                apic.set_irq(1, true);
                apic.set_irq(1, false);
            }
            if self.apics.is_empty() {
                self.cpus.signals[0].nmi();
            }
        });
    }

    /// Text of the monitor's `info irq`.
    pub fn describe_irq(&self) -> String {
        self.gsi.describe()
    }

    /// Text of the monitor's `info pic`: the 8259 pair and the I/O APIC.
    pub fn describe_pic(&self) -> String {
        self.pic.describe()
            + &self
                .ioapic
                .as_ref()
                .map(|ioapic| ioapic.describe())
                .unwrap_or_default()
    }

    /// Text of the monitor's `info lapic`.
    pub fn describe_lapic(&self, cpu: usize) -> String {
        self.apics.get(cpu).map_or_else(
            || "this CPU has no local APIC\n".to_owned(),
            |apic| apic.describe(),
        )
    }

    /// Text of the monitor's `info pci`.
    pub fn describe_pci(&self) -> String {
        self.pci.describe()
    }
}

/// Puts a window at its usual address.
fn open(space: &MemoryRegion, window: &IoWindow) {
    space.add_subregion(window.base, &window.region(), 0);
}

fn open_all(space: &MemoryRegion, windows: &[IoWindow]) {
    windows.iter().for_each(|window| open(space, window));
}

mod bring_up;
mod cards;
mod saved;
#[cfg(test)]
mod tests;

use bring_up::BringUp;
use cards::Cards;
pub use cards::PlugError;
pub use saved::PcStateError;
