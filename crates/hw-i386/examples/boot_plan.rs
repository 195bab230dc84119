//! Shows how a kernel file would be booted on a pc: what goes where in memory, and how the CPU enters it.
//!
//! ```text
//! cargo run -p hw-i386 --example boot_plan -- vmlinuz 512 "console=ttyS0" initrd.gz
//! ```
//!
//! Arguments: kernel, MiB of RAM, command line, initrd (for multiboot: `a args,b`). Nothing is executed: a whole
//! machine is put together, its firmware tables are written and read back.

use hw_core::{CharSink, NullSink, VirtualClock};
use hw_i386::boot::{self, KernelKind, Module};
use hw_i386::firmware::FirmwareConfig;
use hw_i386::rtc::RtcConfig;
use hw_i386::{MachineRequests, Pc, PcConfig, PcCpus};
use softmmu::lock::Solo;
use softmmu::{DispatchLock, GuestPhys, MemoryMap};
use std::error::Error;
use std::sync::Arc;
use target_i386::cpuid::Layout;
use target_i386::{CpuSignals, CpuState};
use util_mainloop::clock::ManualClock;
use util_mainloop::timer::TimerList;

/// A machine that only says what it was asked for.
struct Talk;

impl MachineRequests for Talk {
    fn reset(&self) {
        println!("reset requested");
    }
    fn power_off(&self) {
        println!("power-off requested");
    }
    fn debug_exit(&self, status: u32) {
        println!("exit with {status} requested");
    }
}

fn pc(mib: u64) -> Result<Pc, Box<dyn Error>> {
    let lock: Arc<dyn DispatchLock> = Arc::new(Solo::default());
    let sink: Arc<dyn CharSink> = Arc::new(NullSink);
    Ok(Pc::new(PcConfig {
        ram_size: mib << 20,
        cpus: PcCpus {
            signals: vec![Arc::new(CpuSignals::new())],
            layout: Layout::default(),
            apic: true,
            x2apic: false,
            long_mode: true,
            signature: 0x663,
            features: 0x078b_fbff,
            physical_bits: 40,
        },
        clock: VirtualClock::new(TimerList::new(Arc::new(ManualClock::default()))),
        map: MemoryMap::new(lock.clone()),
        lock,
        serials: [Some(sink), None, None, None],
        ide: [const { None }; 4],
        floppies: [None, None],
        debug_consoles: vec![],
        debug_exits: vec![],
        hpet: true,
        acpi: true,
        rtc: RtcConfig::default(),
        rtc_clock: None,
        requests: Arc::new(Talk),
        firmware: FirmwareConfig::default(),
    })?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let Some(path) = args.next() else {
        // Without a kernel: what the board itself looks like.
        let pc = pc(512)?;
        pc.reset();
        print!("{}{}", pc.describe_pci(), pc.describe_pic());
        return Ok(());
    };
    let mib = args.next().map_or(Ok(512), |arg| arg.parse())?;
    let cmdline = args.next().unwrap_or_default();
    let initrd = args.next();
    let kernel: Arc<[u8]> = std::fs::read(&path)?.into();
    let files = match (&initrd, boot::detect(&kernel)?) {
        (None, _) => vec![],
        (Some(arg), KernelKind::Multiboot) => boot::split_modules(arg),
        (Some(arg), _) => vec![boot::ModuleArgument {
            path: arg.clone(),
            string: arg.clone(),
        }],
    };
    let modules = files
        .into_iter()
        .map(|file| {
            Ok(Module {
                data: std::fs::read(file.path)?.into(),
                string: file.string,
            })
        })
        .collect::<std::io::Result<_>>()?;

    let mut pc = pc(mib)?;
    let plan = pc.set_kernel(&path, kernel, modules, &cmdline)?;
    println!(
        "{:?} kernel, entered in {:?} mode at {:#x}",
        plan.kind, plan.entry.mode, plan.entry.rip
    );
    for load in &plan.loads {
        println!("  {:#012x} {:>10} bytes", load.at.0, load.len());
    }
    pc.reset();
    let mut cpu = CpuState::default();
    pc.reset_cpu(0, &mut cpu);
    let mut code = [0u8; 16];
    pc.memory.read(GuestPhys(cpu.rip), &mut code)?;
    println!("first bytes: {code:02x?}");
    for range in boot::memory_map(&pc.ram_layout()) {
        println!(
            "  {:#012x}..{:#012x} {:?}",
            range.start,
            range.start + range.size,
            range.kind
        );
    }
    Ok(())
}
