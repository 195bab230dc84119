//! The machine as the monitor sees it.
//!
//! Commands arrive between two turns of the main loop, with its period at hand: reading CPU state runs on the CPU's
//! thread, between two instructions.

use crate::hints;
use crate::mappings;
use crate::running::{Machine, RunState};
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction};
use monitor::{InfoTopic, ReplayAction, SnapshotAction, Space, Target, Unreadable};
use replay::{Control, Mode, Shutdown};
use softmmu::{GuestPhys, PAGE_SIZE};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use target_i386::{Vcpu, paging, registers};
use util_mainloop::{MainLoop, Period};

/// A machine and the period its monitor acts in.
pub struct MonitorTarget<'a, 'p> {
    pub(crate) machine: &'a mut Machine,
    pub(crate) period: &'a mut Period<'p>,
    pub(crate) main_loop: &'a mut MainLoop,
}

impl MonitorTarget<'_, '_> {
    /// Runs `work` on the CPU that the monitor shows.
    fn on_cpu<R: Send + 'static>(&mut self, work: impl FnOnce(&mut Vcpu) -> R + Send + 'static) -> R {
        self.machine.on_cpu(self.period, self.machine.monitored, work)
    }

    fn registers(&mut self, n: usize) -> String {
        self.machine.on_cpu(self.period, n, |vcpu| {
            registers::describe(&vcpu.state, vcpu.icount)
        })
    }

    fn cpus(&mut self) -> String {
        let mut out = String::new();
        for n in 0..self.machine.cpus.count() {
            let engine = self.machine.report(self.period, n).engine;
            let shown = if n == self.machine.monitored { '*' } else { ' ' };
            out += &self.machine.on_cpu(self.period, n, move |vcpu| {
                let (activity, rip) = (vcpu.state.activity, vcpu.state.rip);
                format!("{shown} CPU #{n}: {activity:?}, pc={rip:#018x}, engine={engine}\n")
            });
        }
        out
    }

    fn write_memory(&mut self, space: Space, address: u64, size: u64, path: &str) -> Result<(), String> {
        let failed = |error: io::Error| format!("{path}: {error}");
        let mut file = File::create(path).map_err(failed)?;
        let mut piece = vec![0; PAGE_SIZE as usize];
        let mut done = 0;
        while done < size {
            let length = PAGE_SIZE.min(size - done) as usize;
            let at = address.wrapping_add(done);
            match space {
                Space::Virtual => self.read_virtual(at, &mut piece[..length]),
                Space::Physical => self.read_physical(at, &mut piece[..length]),
            }
            .map_err(|Unreadable(at)| format!("no memory at {at:#x}"))?;
            file.write_all(&piece[..length]).map_err(failed)?;
            done += length as u64;
        }
        Ok(())
    }

    fn tlb(&mut self) -> String {
        self.on_cpu(|vcpu| {
            let mut out = String::new();
            for entry in vcpu.tlb.entries() {
                let _ = writeln!(
                    out,
                    "{:016x} -> {:012x} r{} {:#x} bytes, asid {}{}",
                    entry.vaddr.0,
                    entry.paddr.0,
                    if entry.prot.write { 'w' } else { '-' },
                    entry.page_size,
                    entry.asid,
                    if entry.global { ", global" } else { "" },
                );
            }
            out
        })
    }
}

impl Target for MonitorTarget<'_, '_> {
    fn stop(&mut self) {
        if self.machine.state == RunState::Running {
            self.machine.stop(self.period, RunState::Paused);
        }
    }

    fn cont(&mut self) {
        if self.machine.let_end() {
            // What was held comes.
        } else if matches!(
            self.machine.state,
            RunState::Paused | RunState::Debug | RunState::Prelaunch | RunState::IoError
        ) {
            self.machine.start();
        }
    }

    fn quit(&mut self) {
        self.machine.requests.leave(0, Shutdown::QmpQuit);
    }

    fn system_reset(&mut self) {
        self.machine.control(Control::Reset);
    }

    fn system_powerdown(&mut self) {
        self.machine.control(Control::PowerButton);
        self.machine.tell(qmp::Event::Powerdown);
    }

    fn nmi(&mut self) {
        self.machine.control(Control::Nmi);
    }

    fn select_cpu(&mut self, n: usize) -> bool {
        let exists = n < self.machine.cpus.count();
        if exists {
            self.machine.monitored = n;
        }
        exists
    }

    fn snapshot(&mut self, action: SnapshotAction, name: &str) -> Result<(), String> {
        if action == SnapshotAction::Load && self.machine.replay.mode() != Mode::None {
            return Err("the run has a log, in which this would not be".into());
        }
        match action {
            SnapshotAction::Save => self.machine.save_named(self.period, name),
            SnapshotAction::Load => self.machine.load_named(self.period, name),
            SnapshotAction::Delete => self.machine.delete_named(name),
        }
        .map_err(|error| error.to_string())
    }

    fn replay(&mut self, action: ReplayAction) -> Result<(), String> {
        let Self {
            machine,
            period,
            main_loop,
        } = self;
        match action {
            ReplayAction::Seek(count) => machine.replay_seek(period, main_loop, count),
            ReplayAction::Break(count) => machine.replay_break(period, Some(count)),
            ReplayAction::DeleteBreak => machine.replay_break(period, None),
            ReplayAction::GoLive => machine.replay_live(period),
        }
    }

    fn eject(&mut self, drive: &str, force: bool) -> Result<(), String> {
        self.machine.eject(drive, force)
    }

    fn change_medium(&mut self, drive: &str, file: &str, format: Option<&str>) -> Result<(), String> {
        self.machine.change_medium(drive, file, format)
    }

    fn send_keys(&mut self, keys: &str, hold_ms: u32) -> Result<(), String> {
        let keys = ui::keys::combination(keys).map_err(|error| error.to_string())?;
        self.machine.control(Control::SendKey { keys, hold_ms });
        Ok(())
    }

    fn screendump(&mut self, path: &str, format: Option<&str>) -> Result<(), String> {
        self.machine.screendump(path, format)
    }

    fn host_forward(&mut self, network: Option<&str>, rule: &str, add: bool) -> Result<(), String> {
        self.machine.nets.host_forward(network, rule, add)
    }

    fn refuses_changes(&self) -> Option<&'static str> {
        (self.machine.replay.mode() == Mode::Play).then_some(hints::NO_CHANGES)
    }

    fn info(&mut self, topic: InfoTopic) -> String {
        match topic {
            InfoTopic::Status => format!("VM status: {}\n", self.machine.state.describe()),
            InfoTopic::Registers => self.registers(self.machine.monitored),
            InfoTopic::AllRegisters => (0..self.machine.cpus.count())
                .map(|n| format!("CPU #{n}\n{}", self.registers(n)))
                .collect(),
            InfoTopic::Mem => self.on_cpu(|vcpu| {
                vcpu.view.refresh();
                mappings::describe(&vcpu.state, vcpu.view.view())
            }),
            InfoTopic::Tlb => self.tlb(),
            InfoTopic::Mtree => self.machine.pc.map().describe(),
            InfoTopic::Irq => self.machine.pc.describe_irq(),
            InfoTopic::Pic => self.machine.pc.describe_pic(),
            InfoTopic::Lapic => self.machine.pc.describe_lapic(self.machine.monitored),
            InfoTopic::Pci => self.machine.pc.describe_pci(),
            InfoTopic::Cpus => self.cpus(),
            InfoTopic::Jit => {
                let report = self.machine.report(self.period, self.machine.monitored);
                match self.machine.time.drift() {
                    Some(drift) => format!("{report}{drift}"),
                    None => report.to_string(),
                }
            }
            InfoTopic::Replay => self.machine.describe_replay(),
            InfoTopic::Snapshots => self.machine.describe_snapshots(),
            InfoTopic::Block => self.machine.describe_block(),
            InfoTopic::Network => self.machine.nets.describe(),
            InfoTopic::Usernet => self.machine.nets.describe_connections(),
            InfoTopic::Vnc => self.machine.describe_viewers(),
            InfoTopic::Qtree => self.machine.describe_devices(),
            InfoTopic::Name => format!("{}\n", self.machine.name.as_deref().unwrap_or("(no name)")),
            InfoTopic::Version => format!("{}\n", env!("CARGO_PKG_VERSION")),
        }
    }

    fn read_virtual(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        // Page by page: what is contiguous to the guest need not be so in memory.
        let mut rest = to;
        let mut at = address;
        while !rest.is_empty() {
            let in_page = (PAGE_SIZE - at % PAGE_SIZE).min(rest.len() as u64) as usize;
            let page = self.on_cpu(move |vcpu| {
                vcpu.view.refresh();
                paging::look_up(vcpu, at).map(|page| page.phys)
            });
            let physical = page.ok_or(Unreadable(at))?;
            let (piece, behind) = rest.split_at_mut(in_page);
            self.read_physical(physical, piece).map_err(|_| Unreadable(at))?;
            at = at.wrapping_add(in_page as u64);
            rest = behind;
        }
        Ok(())
    }

    fn read_physical(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        self.machine.pc.memories[self.machine.monitored]
            .read(GuestPhys(address), to)
            .map_err(|_| Unreadable(address))
    }

    fn save_memory(&mut self, space: Space, address: u64, size: u64, path: &str) -> Result<(), String> {
        let part = format!("{path}.part");
        let result = self
            .write_memory(space, address, size, &part)
            .and_then(|()| std::fs::rename(&part, path).map_err(|error| format!("{path}: {error}")));
        if result.is_err() {
            // What went wrong was said; the piece may not even be there.
            let _ = std::fs::remove_file(&part);
        }
        result
    }

    fn register(&mut self, name: &str) -> Option<u64> {
        let name = name.to_owned();
        self.on_cpu(move |vcpu| registers::value(&vcpu.state, &name))
    }

    fn disassemble(&mut self, bytes: &[u8], address: u64) -> (usize, String) {
        let bits = self.on_cpu(|vcpu| vcpu.mode.code);
        let mut decoder = Decoder::with_ip(bits, bytes, address, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        decoder.decode_out(&mut instruction);
        let mut text = String::new();
        FastFormatter::new().format(&instruction, &mut text);
        (instruction.len(), text)
    }
}
