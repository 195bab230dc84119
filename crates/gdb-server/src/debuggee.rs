//! What the protocol asks of the machine. Every call finds the CPUs between two instructions.

use crate::Registers;
use std::collections::BTreeSet;

/// Which addresses a debugger means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Space {
    /// Linear addresses, through the page tables of a CPU.
    #[default]
    Virtual,
    /// Physical addresses (`maintenance packet Qqemu.PhyMemMode:1`).
    Physical,
}

/// Something that cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be done")]
pub struct Refused;

/// Which accesses a watchpoint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKind {
    /// `watch`.
    Write,
    /// `rwatch`.
    Read,
    /// `awatch`.
    Access,
}

/// A watchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watch {
    /// First linear address.
    pub addr: u64,
    /// Bytes.
    pub len: u64,
    /// Which accesses.
    pub kind: WatchKind,
}

/// All breakpoints and watchpoints of a session; they are for every CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Linear addresses of `break`: no byte of the guest's is ever replaced.
    pub software: BTreeSet<u64>,
    /// Linear addresses of `hbreak`.
    pub hardware: BTreeSet<u64>,
    /// Watchpoints.
    pub watches: BTreeSet<Watch>,
}

impl Points {
    /// The linear addresses before whose instruction a CPU stops, sorted.
    pub fn stops(&self) -> Vec<u64> {
        self.software.union(&self.hardware).copied().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.software.len() + self.hardware.len() + self.watches.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A machine that can be debugged. CPU numbers are below [`Debuggee::cpus`].
pub trait Debuggee {
    /// How many CPUs there are, at least one; CPU n is gdb's thread n + 1.
    fn cpus(&self) -> usize;

    /// Whether its CPUs know 64-bit mode: decides which registers gdb is told of, for the whole session.
    fn is_wide(&self) -> bool;

    /// One line for `info threads`.
    fn describe_cpu(&self, cpu: usize) -> String;

    /// The registers.
    fn registers(&mut self, cpu: usize) -> Registers;

    /// Changes the registers to `new`, which differ from [`Debuggee::registers`] where something is to be changed.
    ///
    /// # Errors
    /// Not to such values. Nothing has changed.
    fn set_registers(&mut self, cpu: usize, new: &Registers) -> Result<(), Refused>;

    /// Reads memory, and leaves no trace of it: how many bytes were readable.
    fn read(&mut self, cpu: usize, space: Space, addr: u64, to: &mut [u8]) -> usize;

    /// Writes memory, code included, whatever the page's rights are.
    ///
    /// # Errors
    /// There is no such memory.
    fn write(&mut self, cpu: usize, space: Space, addr: u64, from: &[u8]) -> Result<(), Refused>;

    /// Replaces all breakpoints and watchpoints of the last call.
    fn set_points(&mut self, points: &Points);

    /// Whether it knows its past: only then gdb is told of reverse execution.
    fn replays(&self) -> bool {
        false
    }
}
