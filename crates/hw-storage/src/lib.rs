//! Disk controllers.
