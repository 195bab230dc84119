//! What the CPU asks of its board, as one trait.
//!
//! Implemented by the machine (local APIC, 8259 pair, clock); the CPU knows none of them by name.
//! Calls come from the vCPU thread; the implementation takes the big lock where it needs it.

/// The board seen from one CPU.
pub trait Platform: Send + Sync {
    /// Virtual nanoseconds, the one clock behind TSC and all timers.
    fn virtual_ns(&self) -> i64;

    /// INTA: the vector to deliver now (local APIC first, then the 8259 through ExtINT), or none if the request
    /// went away or is below the task priority.
    fn acknowledge_interrupt(&self) -> Option<u8>;

    /// IA32_APIC_BASE.
    fn apic_base(&self) -> u64;

    /// Writes IA32_APIC_BASE; false asks for #GP.
    fn set_apic_base(&self, value: u64) -> bool;

    /// CR8: the task priority, 0..=15.
    fn task_priority(&self) -> u8;

    /// Writes CR8.
    fn set_task_priority(&self, priority: u8);

    /// Reads an MSR that belongs to the local APIC (800h..=8FFh in x2APIC mode, IA32_TSC_DEADLINE); none asks
    /// for #GP.
    fn apic_msr(&self, msr: u32) -> Option<u64>;

    /// Writes such an MSR; false asks for #GP. `tsc_deadline` values arrive as TSC ticks, already mapped to
    /// virtual nanoseconds by the caller in `deadline_ns` (none: disarm).
    fn set_apic_msr(&self, msr: u32, value: u64) -> bool;

    /// IA32_TSC_DEADLINE as written: the TSC value and the virtual time when the TSC reaches it.
    fn set_tsc_deadline(&self, tsc: u64, virtual_ns: i64);

    /// FERR#: a pending x87 exception with CR0.NE clear (IRQ 13 on a PC).
    fn set_ferr(&self, level: bool);
}
