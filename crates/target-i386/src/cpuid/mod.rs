//! CPU identification: models, features, and the CPUID leaves computed from them.
//!
//! `-cpu` text -> [`parse`] -> [`Model`] -> [`leaf`], which adds what depends on the moment (OSXSAVE, sizes by
//! XCR0) and on the processor (APIC id). Nothing here looks at the host.

mod features;
mod leaves;
mod models;
mod parse;
mod topology;

pub use features::{IMPLEMENTED, KNOWN_UNSUPPORTED, names};
pub use leaves::{Dynamic, HYPERVISOR_SIGNATURE, Topology, leaf, xsave_size};
pub use models::{Model, Vendor, models};
pub use parse::{CpuChoice, CpuOptionError, parse};
pub use topology::{BadLayout, Layout, MAX_CPUS, Wanted};
