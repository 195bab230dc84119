//! What devices ask of the machine as a whole.

/// Requests that end or restart the run. They are noted and take effect after the instruction that made them;
/// called under the big lock.
pub trait MachineRequests: Send + Sync {
    /// Reset everything (keyboard controller, port 92h, CF9h).
    fn reset(&self);
    /// Power off (ACPI S5).
    fn power_off(&self);
    /// End the process with this status (isa-debug-exit).
    fn debug_exit(&self, status: u32);
}
