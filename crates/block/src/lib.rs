//! Disk images, and the threads that work on them; knows no device.
//!
//! Mirrors the role of QEMU's `block/`. A drive opens an [`Image`] by [`open`], or an [`Overlay`] over one that is never
//! written, and hands its guest's requests to a [`Queue`]; outcomes come back on the queue's threads.
//!
//! * [`Image`]: bytes at offsets; [`Raw`], qcow2, [`Overlay`]
//! * [`open`], [`create`], [`Format`], [`Options`]: by a file's name
//! * [`lock`]: two writers of one file, here or in QEMU, are refused
//! * [`Queue`], [`Request`]: asynchronous, in the order that matters

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod create;
mod error;
mod image;
pub mod lock;
mod open;
pub mod overlay;
mod qcow2;
mod raw;
mod worker;

#[cfg(test)]
mod tests;

pub use create::{create, create_over};
pub use error::{BlockError, OpenError};
pub use image::{Image, Result};
pub use open::{Format, Options, commit, open, open_overlay};
pub use overlay::Overlay;
pub use qcow2::Qcow2;
pub use raw::Raw;
pub use worker::{Callback, Outcome, Queue, Request};
