//! Guest memory as instructions see it: segment and offset, then linear address, then TLB.
//!
//! `read`/`write` check the segment (limit, type, canonical form) and go through the TLB with the current
//! privilege; `*_linear` take a linear address and an explicit [`Privilege`], for descriptor tables, TSS and
//! stack switches, which the CPU accesses as supervisor whatever CPL is.
//! An access that spans two pages checks both before it writes either byte.

/// With whose rights a linear access is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// The current privilege level's: user at CPL 3.
    Current,
    /// Implicit supervisor access (GDT, LDT, IDT, TSS, stacks of inner rings); SMAP applies whatever AC says.
    System,
    /// User rights whatever CPL is.
    User,
}
