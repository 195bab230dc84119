//! Our [`Debuggee`] as the protocol library's target.
//!
//! Breakpoints are collected here and handed over when the machine is resumed, if they differ: gdb takes all of them out
//! and puts them in again around every stop.

use crate::debuggee::{Debuggee, Points, Refused, Space, Watch, WatchKind};
use crate::registers::{Register, Registers};
use crate::session::Motion;
use gdbstub::arch::{Arch, RegId};
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadResume, MultiThreadResumeOps, MultiThreadSchedulerLocking,
    MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::reverse_exec::{ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps};
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind as GdbWatchKind,
};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use std::convert::Infallible;
use std::num::NonZeroUsize;

/// Most breakpoints and watchpoints of a session.
const MAX_POINTS: usize = 4096;
/// Longest watched range in bytes.
const MAX_WATCH: u64 = 64 << 10;
/// EFAULT.
const FAULT: u8 = 14;

/// The x86, in both descriptions.
pub enum X86 {}

impl Arch for X86 {
    type Usize = u64;
    type Registers = Registers;
    type BreakpointKind = usize;
    type RegId = Number;
}

/// A register by its place in the description.
#[derive(Debug)]
pub struct Number(usize);

impl RegId for Number {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        Some((Self(id), None))
    }
}

impl gdbstub::arch::Registers for Registers {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        self.pc
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        for byte in self.to_packet() {
            write_byte(Some(byte));
        }
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        *self = Self::from_packet(bytes).ok_or(())?;
        Ok(())
    }
}

/// A debuggee, and what gdb has told about it so far.
pub struct Adapter<D> {
    pub debuggee: D,
    pub points: Points,
    /// What `debuggee` was told last.
    told: Points,
    pub space: Space,
    xml: String,
    /// What the packet that is being handled asks for.
    pub motion: Option<Motion>,
    steps: Vec<usize>,
    continues: Vec<usize>,
    /// CPUs that are not named stay where they are.
    locked: bool,
}

impl<D: Debuggee> Adapter<D> {
    pub fn new(debuggee: D) -> Self {
        Self {
            xml: crate::description::xml(debuggee.is_wide()),
            debuggee,
            points: Points::default(),
            told: Points::default(),
            space: Space::default(),
            motion: None,
            steps: Vec::new(),
            continues: Vec::new(),
            locked: false,
        }
    }

    /// A new connection, or none any more.
    pub fn forget(&mut self) {
        self.points = Points::default();
        self.space = Space::default();
        self.tell_points();
    }

    /// Hands over the breakpoints, if they have changed.
    pub fn tell_points(&mut self) {
        if self.points != self.told {
            self.debuggee.set_points(&self.points);
            self.told = self.points.clone();
        }
    }

    fn cpu(&self, tid: Tid) -> Result<usize, TargetError<Infallible>> {
        let cpu = tid.get() - 1;
        if cpu < self.debuggee.cpus() {
            Ok(cpu)
        } else {
            Err(TargetError::NonFatal)
        }
    }

    fn register(&self, number: &Number) -> Result<Register, TargetError<Infallible>> {
        let all = Register::all(self.debuggee.is_wide());
        all.get(number.0).copied().ok_or(TargetError::NonFatal)
    }

    fn full(&self) -> bool {
        self.points.len() >= MAX_POINTS
    }

    fn set_motion(&mut self, motion: Motion) {
        self.tell_points();
        self.motion = Some(motion);
    }
}

fn refused(_: Refused) -> TargetError<Infallible> {
    TargetError::Errno(FAULT)
}

impl<D: Debuggee> Target for Adapter<D> {
    type Arch = X86;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, X86, Infallible> {
        BaseOps::MultiThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    /// As QEMU: captures of the conversation stay readable.
    fn use_rle(&self) -> bool {
        false
    }

    fn support_target_description_xml_override(
        &mut self,
    ) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl<D: Debuggee> MultiThreadBase for Adapter<D> {
    fn read_registers(&mut self, regs: &mut Registers, tid: Tid) -> TargetResult<(), Self> {
        let cpu = self.cpu(tid)?;
        *regs = self.debuggee.registers(cpu);
        regs.wide = self.debuggee.is_wide();
        Ok(())
    }

    fn write_registers(&mut self, regs: &Registers, tid: Tid) -> TargetResult<(), Self> {
        let cpu = self.cpu(tid)?;
        if regs.wide != self.debuggee.is_wide() {
            return Err(TargetError::NonFatal);
        }
        self.debuggee.set_registers(cpu, regs).map_err(refused)
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u64, data: &mut [u8], tid: Tid) -> TargetResult<usize, Self> {
        let cpu = self.cpu(tid)?;
        match self.debuggee.read(cpu, self.space, start, data) {
            0 if !data.is_empty() => Err(TargetError::Errno(FAULT)),
            read => Ok(read),
        }
    }

    fn write_addrs(&mut self, start: u64, data: &[u8], tid: Tid) -> TargetResult<(), Self> {
        let cpu = self.cpu(tid)?;
        self.debuggee.write(cpu, self.space, start, data).map_err(refused)
    }

    fn list_active_threads(&mut self, thread_is_active: &mut dyn FnMut(Tid)) -> Result<(), Infallible> {
        (1..=self.debuggee.cpus())
            .filter_map(Tid::new)
            .for_each(thread_is_active);
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl<D: Debuggee> ThreadExtraInfo for Adapter<D> {
    fn thread_extra_info(&self, tid: Tid, buf: &mut [u8]) -> Result<usize, Infallible> {
        let text = match self.cpu(tid) {
            Ok(cpu) => self.debuggee.describe_cpu(cpu),
            Err(_) => String::new(),
        };
        let len = text.len().min(buf.len());
        buf[..len].copy_from_slice(&text.as_bytes()[..len]);
        Ok(len)
    }
}

impl<D: Debuggee> SingleRegisterAccess<Tid> for Adapter<D> {
    fn read_register(&mut self, tid: Tid, number: Number, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let (cpu, register) = (self.cpu(tid)?, self.register(&number)?);
        let to = buf
            .get_mut(..register.size(self.debuggee.is_wide()))
            .ok_or(TargetError::NonFatal)?;
        self.debuggee.registers(cpu).get(register, to);
        Ok(to.len())
    }

    fn write_register(&mut self, tid: Tid, number: Number, val: &[u8]) -> TargetResult<(), Self> {
        let (cpu, register) = (self.cpu(tid)?, self.register(&number)?);
        if val.len() != register.size(self.debuggee.is_wide()) {
            return Err(TargetError::NonFatal);
        }
        let mut registers = self.debuggee.registers(cpu);
        registers.set(register, val);
        self.debuggee.set_registers(cpu, &registers).map_err(refused)
    }
}

impl<D: Debuggee> MultiThreadResume for Adapter<D> {
    fn resume(&mut self) -> Result<(), Infallible> {
        let all = 0..self.debuggee.cpus();
        let (steps, continues) = (
            std::mem::take(&mut self.steps),
            std::mem::take(&mut self.continues),
        );
        let held = if self.locked {
            all.filter(|cpu| !steps.contains(cpu) && !continues.contains(cpu))
                .collect()
        } else {
            Vec::new()
        };
        self.set_motion(Motion::Forward { steps, held });
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Infallible> {
        self.steps.clear();
        self.continues.clear();
        self.locked = false;
        Ok(())
    }

    fn set_resume_action_continue(&mut self, tid: Tid, _: Option<Signal>) -> Result<(), Infallible> {
        let cpu = self.cpu(tid).ok();
        self.continues
            .extend(cpu.filter(|cpu| !self.steps.contains(cpu) && !self.continues.contains(cpu)));
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, Tid, Self>> {
        if self.debuggee.replays() { Some(self) } else { None }
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, Tid, Self>> {
        if self.debuggee.replays() { Some(self) } else { None }
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

impl<D: Debuggee> MultiThreadSingleStep for Adapter<D> {
    fn set_resume_action_step(&mut self, tid: Tid, _: Option<Signal>) -> Result<(), Infallible> {
        let cpu = self.cpu(tid).ok();
        self.steps
            .extend(cpu.filter(|cpu| !self.steps.contains(cpu) && !self.continues.contains(cpu)));
        Ok(())
    }
}

impl<D: Debuggee> MultiThreadSchedulerLocking for Adapter<D> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Infallible> {
        self.locked = true;
        Ok(())
    }
}

impl<D: Debuggee> ReverseStep<Tid> for Adapter<D> {
    fn reverse_step(&mut self, tid: Tid) -> Result<(), Infallible> {
        let cpu = self.cpu(tid).unwrap_or(0);
        self.set_motion(Motion::StepBack { cpu });
        Ok(())
    }
}

impl<D: Debuggee> ReverseCont<Tid> for Adapter<D> {
    fn reverse_cont(&mut self) -> Result<(), Infallible> {
        self.set_motion(Motion::Back);
        Ok(())
    }
}

impl<D: Debuggee> Breakpoints for Adapter<D> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl<D: Debuggee> SwBreakpoint for Adapter<D> {
    fn add_sw_breakpoint(&mut self, addr: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(!self.full() && {
            self.points.software.insert(addr);
            true
        })
    }

    fn remove_sw_breakpoint(&mut self, addr: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(self.points.software.remove(&addr))
    }
}

impl<D: Debuggee> HwBreakpoint for Adapter<D> {
    fn add_hw_breakpoint(&mut self, addr: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(!self.full() && {
            self.points.hardware.insert(addr);
            true
        })
    }

    fn remove_hw_breakpoint(&mut self, addr: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(self.points.hardware.remove(&addr))
    }
}

fn watch(addr: u64, len: u64, kind: GdbWatchKind) -> Watch {
    let kind = match kind {
        GdbWatchKind::Write => WatchKind::Write,
        GdbWatchKind::Read => WatchKind::Read,
        GdbWatchKind::ReadWrite => WatchKind::Access,
    };
    Watch { addr, len, kind }
}

impl<D: Debuggee> HwWatchpoint for Adapter<D> {
    fn add_hw_watchpoint(&mut self, addr: u64, len: u64, kind: GdbWatchKind) -> TargetResult<bool, Self> {
        let good = (1..=MAX_WATCH).contains(&len) && addr.checked_add(len - 1).is_some();
        Ok(!self.full() && good && {
            self.points.watches.insert(watch(addr, len, kind));
            true
        })
    }

    fn remove_hw_watchpoint(&mut self, addr: u64, len: u64, kind: GdbWatchKind) -> TargetResult<bool, Self> {
        Ok(self.points.watches.remove(&watch(addr, len, kind)))
    }
}

impl<D: Debuggee> TargetDescriptionXmlOverride for Adapter<D> {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.xml.as_bytes().get(offset..))
            .unwrap_or(&[]);
        let len = rest.len().min(length).min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}
