//! Segmentation: descriptors, loads of segment registers, and the instructions that ask about selectors.
//!
//! [`descriptor`] parses, [`table`] reads and marks entries of the GDT and LDT, [`load`] has the loads of data and
//! stack segments with their checks, [`query`] LAR, LSL, VERR, VERW and ARPL, [`tables`] the table registers.
//! SDM vol. 3A, chapters 3 and 6.

pub mod descriptor;
pub(crate) mod load;
pub(crate) mod query;
pub(crate) mod table;
pub(crate) mod tables;
