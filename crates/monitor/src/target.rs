//! What the monitor asks of a machine.

use crate::examine::Space;

/// What `info` can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoTopic {
    /// Running, paused, and why.
    Status,
    /// Registers of the selected CPU.
    Registers,
    /// Registers of all CPUs.
    AllRegisters,
    /// Virtual-address ranges and their rights.
    Mem,
    /// TLB entries.
    Tlb,
    /// Memory-region tree and flat views.
    Mtree,
    /// Interrupt counts and routing.
    Irq,
    /// The 8259 pair and the I/O APIC.
    Pic,
    /// The selected CPU's local APIC.
    Lapic,
    /// PCI functions and their windows.
    Pci,
    /// Virtual CPUs.
    Cpus,
    /// Instructions executed and translator statistics.
    Jit,
    /// Where a replay stands, and what of its past can be reached.
    Replay,
    /// Snapshots with names.
    Snapshots,
    /// Drives and what is in them.
    Block,
    /// Networks and the cards in front of them.
    Network,
    /// Connections of user-mode networks.
    Usernet,
    /// Viewers of the screen.
    Vnc,
    /// Devices in the order of the machine's list.
    Qtree,
    /// The machine's name.
    Name,
    /// Version of the emulator.
    Version,
}

/// What is done with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotAction {
    /// The machine as it is becomes the snapshot.
    Save,
    /// The machine becomes what it was.
    Load,
    /// The snapshot goes.
    Delete,
}

/// What is done with a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayAction {
    /// Goes to the moment when so many instructions are complete, and stops there.
    Seek(u64),
    /// Stops when so many instructions are complete.
    Break(u64),
    /// Does not.
    DeleteBreak,
    /// Follows the log no further: from here on it is an ordinary run.
    GoLive,
}

/// The address that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub u64);

/// A machine, as the monitor sees it. Every call finds the CPUs between two instructions.
pub trait Target {
    /// Stops all CPUs and the virtual clock.
    fn stop(&mut self);
    /// Lets them run.
    fn cont(&mut self);
    /// Ends the emulator.
    fn quit(&mut self);
    /// Resets the machine.
    fn system_reset(&mut self);
    /// Presses the power button.
    fn system_powerdown(&mut self);
    /// Sends an NMI to every CPU.
    fn nmi(&mut self);
    /// Makes CPU `n` the one whose registers, memory and so on are shown; false if there is no such CPU.
    fn select_cpu(&mut self, n: usize) -> bool;
    /// Saves, loads or deletes the snapshot of this name.
    ///
    /// # Errors
    /// Why not, in one line.
    fn snapshot(&mut self, _action: SnapshotAction, _name: &str) -> Result<(), String> {
        Err("this machine has no snapshots".to_owned())
    }
    /// Does something with the machine's replay.
    ///
    /// # Errors
    /// Why not, in one line.
    fn replay(&mut self, _action: ReplayAction) -> Result<(), String> {
        Err("this is not a replay".to_owned())
    }
    /// Takes the medium out of a drive, even if the guest keeps it in when `force` is set.
    ///
    /// # Errors
    /// Why not, in one line.
    fn eject(&mut self, _drive: &str, _force: bool) -> Result<(), String> {
        Err("this machine has no drives".to_owned())
    }
    /// Puts a file's image into a drive, of this format or the one its first bytes say.
    ///
    /// # Errors
    /// Why not, in one line.
    fn change_medium(&mut self, _drive: &str, _file: &str, _format: Option<&str>) -> Result<(), String> {
        Err("this machine has no drives".to_owned())
    }
    /// Presses keys together (`ctrl-alt-delete`) and lets them go after so many milliseconds.
    ///
    /// # Errors
    /// No such key.
    fn send_keys(&mut self, _keys: &str, _hold_ms: u32) -> Result<(), String> {
        Err("this machine has no keyboard".to_owned())
    }
    /// Writes what the screen shows to a file of the host's: in this format (`png` or `ppm`), else PNG if the name
    /// ends so, else PPM.
    ///
    /// # Errors
    /// Why not, in one line.
    fn screendump(&mut self, _path: &str, _format: Option<&str>) -> Result<(), String> {
        Err("this machine has no screen".to_owned())
    }
    /// Adds a rule (`tcp::2222-:22`) by which connections to the host reach the guest, or removes one (`tcp::2222`), of the
    /// network with this id or the first.
    ///
    /// # Errors
    /// Why not, in one line.
    fn host_forward(&mut self, _network: Option<&str>, _rule: &str, _add: bool) -> Result<(), String> {
        Err("this machine has no network".to_owned())
    }
    /// Why nobody may change what the machine does, in one line, if so: it is a replay.
    fn refuses_changes(&self) -> Option<&'static str> {
        None
    }
    /// The text of an `info` topic, lines ended by `\n`.
    fn info(&mut self, topic: InfoTopic) -> String;
    /// Reads guest memory through the current address space of the CPU.
    ///
    /// # Errors
    /// The first address that is not mapped.
    fn read_virtual(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable>;
    /// Reads guest physical memory.
    ///
    /// # Errors
    /// The first address with nothing behind it.
    fn read_physical(&mut self, address: u64, to: &mut [u8]) -> Result<(), Unreadable>;
    /// Writes guest memory, as it is, to a file of the host's, which appears only when it is complete.
    ///
    /// # Errors
    /// Why not, in one line.
    fn save_memory(&mut self, _space: Space, _address: u64, _size: u64, _path: &str) -> Result<(), String> {
        Err("this machine writes no files".to_owned())
    }
    /// A register's value by its name in lower case, without `$`.
    fn register(&mut self, name: &str) -> Option<u64>;
    /// Disassembles the first instruction in `bytes`, which lie at `address`: its length and text.
    fn disassemble(&mut self, bytes: &[u8], address: u64) -> (usize, String);
}
