//! A machine's CPUs and memory as a debugger looks at them: [`gdb_server::Debuggee`].
//!
//! Called by the main loop between two of its periods, without the big lock, while the CPUs are stopped.

use super::registers;
use crate::hints;
use accel_tcg::Cpus;
use gdb_server::{Debuggee, Points, Refused, Registers, Space, WatchKind};
use hw_i386::pc::Pc;
use replay::{Control, Event, Mode, Replay};
use softmmu::{GuestPhys, PAGE_SIZE, Translation};
use std::sync::Arc;
use target_i386::debugger::{Watch, WatchKind as CpuWatchKind};
use target_i386::{Vcpu, paging};
use util_mainloop::BigLock;

/// What a debugger session holds of the machine.
pub struct Attached {
    cpus: Arc<Cpus>,
    pc: Arc<Pc>,
    lock: Arc<BigLock>,
    replay: Arc<Replay>,
    wide: bool,
    replays: bool,
}

impl Attached {
    /// The machine of these `cpus`; `wide` if they know 64-bit mode.
    pub fn new(cpus: Arc<Cpus>, pc: Arc<Pc>, lock: Arc<BigLock>, replay: Arc<Replay>, wide: bool) -> Self {
        Self {
            cpus,
            pc,
            lock,
            replay,
            wide,
            replays: false,
        }
    }

    /// Whether the machine knows its past.
    pub fn set_replays(&mut self, replays: bool) {
        self.replays = replays;
    }

    /// Runs `work` on a CPU's thread, between two instructions.
    fn on_cpu<R: Send + 'static>(&self, cpu: usize, work: impl FnOnce(&mut Vcpu) -> R + Send + 'static) -> R {
        let mut big = self.lock.lock();
        self.cpus.run_on_cpu(&mut big, cpu, work)
    }

    /// A replay is what was recorded: nobody changes it. A recording has what is changed as an event of this instant, at
    /// which nothing of the next instruction may have happened: as nothing has where the replay will find the event.
    fn may_change(&self) -> Result<(), Refused> {
        let reason = match self.replay.mode() {
            Mode::None => return Ok(()),
            Mode::Record if self.cpus.schedule().settled => return Ok(()),
            Mode::Record => hints::NOT_BEHIND,
            Mode::Play => hints::NO_CHANGES,
        };
        hints::say(reason);
        Err(Refused)
    }

    /// A recording gets what is changed. The CPUs are stopped, and it [may be](Self::may_change).
    fn record(&self, change: Control) -> Result<(), Refused> {
        if self.replay.mode() != Mode::Record {
            return Ok(());
        }
        let _period = self.lock.period();
        let noted = self.replay.note(self.cpus.instant(), Event::Control(change));
        noted.map_err(|_| Refused)
    }

    /// Where `addr` lies in physical memory.
    fn physical(&self, cpu: usize, space: Space, addr: u64) -> Option<u64> {
        match space {
            Space::Physical => Some(addr),
            Space::Virtual => self.on_cpu(cpu, move |vcpu| {
                vcpu.view.refresh();
                paging::look_up(vcpu, addr).map(|page| page.phys)
            }),
        }
    }
}

/// Whether the guest may write what is there; none if it is neither RAM nor ROM: looking at a device would change it.
fn memory(pc: &Pc, physical: u64) -> Option<bool> {
    match pc.memories[0].translate(GuestPhys(physical)) {
        Translation::Ram(hit) => Some(hit.writable()),
        Translation::Io => None,
    }
}

/// Writes memory, ROM too. Under the big lock; `bytes` lie on one page.
///
/// # Errors
/// There is no memory.
pub fn write_physical(pc: &Pc, physical: u64, bytes: &[u8]) -> Result<(), Refused> {
    let written = if memory(pc, physical).ok_or(Refused)? {
        pc.memories[0].write(GuestPhys(physical), bytes)
    } else {
        pc.memories[0].write_rom(GuestPhys(physical), bytes)
    };
    written.map_err(|_| Refused)
}

/// "Number" of a [`Control::RegisterWrite`] that has all registers, in gdb's order.
pub const ALL_REGISTERS: u32 = u32::MAX;

/// Sets all registers from gdb's packet, as far as they differ from what there is.
///
/// # Errors
/// No such packet, or not such values. Nothing has changed.
pub fn set_registers(vcpu: &mut Vcpu, packet: &[u8]) -> Result<(), Refused> {
    let new = Registers::from_packet(packet).ok_or(Refused)?;
    registers::set(vcpu, &new)
}

impl Debuggee for Attached {
    fn cpus(&self) -> usize {
        self.cpus.count()
    }

    fn is_wide(&self) -> bool {
        self.wide
    }

    fn describe_cpu(&self, cpu: usize) -> String {
        let activity = self.on_cpu(cpu, |vcpu| vcpu.state.activity);
        format!("CPU#{cpu} [{activity:?}]")
    }

    fn registers(&mut self, cpu: usize) -> Registers {
        let wide = self.wide;
        self.on_cpu(cpu, move |vcpu| registers::of(vcpu, wide))
    }

    fn set_registers(&mut self, cpu: usize, new: &Registers) -> Result<(), Refused> {
        self.may_change()?;
        let bytes = new.to_packet();
        let change = Control::RegisterWrite {
            vcpu: cpu as u32,
            register: ALL_REGISTERS,
            bytes: bytes.clone(),
        };
        // What was refused is no event, and what is one is done as the replay will do it.
        self.on_cpu(cpu, move |vcpu| set_registers(vcpu, &bytes))?;
        self.record(change)
    }

    fn read(&mut self, cpu: usize, space: Space, addr: u64, to: &mut [u8]) -> usize {
        let mut done = 0;
        while done < to.len() {
            let at = addr.wrapping_add(done as u64);
            let in_page = (PAGE_SIZE - at % PAGE_SIZE) as usize;
            let end = (done + in_page).min(to.len());
            let piece = &mut to[done..end];
            let Some(physical) = self
                .physical(cpu, space, at)
                .filter(|&at| memory(&self.pc, at).is_some())
            else {
                break;
            };
            if self.pc.memories[0].read(GuestPhys(physical), piece).is_err() {
                break;
            }
            done = end;
        }
        done
    }

    fn write(&mut self, cpu: usize, space: Space, addr: u64, from: &[u8]) -> Result<(), Refused> {
        self.may_change()?;
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < from.len() {
            let at = addr.wrapping_add(done as u64);
            let end = (done + (PAGE_SIZE - at % PAGE_SIZE) as usize).min(from.len());
            let physical = self.physical(cpu, space, at).ok_or(Refused)?;
            memory(&self.pc, physical).ok_or(Refused)?;
            pieces.push((physical, &from[done..end]));
            done = end;
        }
        for (address, bytes) in pieces {
            self.record(Control::MemoryWrite {
                address,
                vcpu: None,
                bytes: bytes.to_vec(),
            })?;
            let _big = self.lock.lock();
            write_physical(&self.pc, address, bytes)?;
        }
        Ok(())
    }

    fn set_points(&mut self, points: &Points) {
        let stops = points.stops();
        let watches: Vec<Watch> = points
            .watches
            .iter()
            .map(|watch| Watch {
                addr: watch.addr,
                len: watch.len,
                kind: match watch.kind {
                    WatchKind::Write => CpuWatchKind::Write,
                    WatchKind::Read => CpuWatchKind::Read,
                    WatchKind::Access => CpuWatchKind::Access,
                },
            })
            .collect();
        for cpu in 0..self.cpus.count() {
            let (stops, watches) = (stops.clone(), watches.clone());
            self.on_cpu(cpu, move |vcpu| {
                vcpu.set_stops(&stops);
                vcpu.set_watches(&watches);
            });
        }
    }

    fn replays(&self) -> bool {
        self.replays
    }
}
