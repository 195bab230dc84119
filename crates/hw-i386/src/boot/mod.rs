//! Direct boot: from a kernel file to memory contents and a CPU state, without any firmware.
//!
//! `-kernel` bytes, modules and a command line flow through [`plan`] into a [`BootPlan`]: what lies where in
//! guest memory, and the state the boot processor starts in. The plan is kept and applied again at every reset.
//! Order of detection (as QEMU's `hw/i386/x86.c`, `multiboot.c`): Linux header, multiboot, PVH ELF, plain ELF.
//! Images are hostile input: every offset is checked, and a refusal is a [`BootError`] in the user's words.

mod bytes;
mod bzimage;
mod cpu;
mod elf;
mod error;
mod linux_elf;
mod multiboot;
mod place;
mod pvh;
pub mod spec;
#[cfg(test)]
mod tests;

pub use cpu::{EntryMode, EntryState, apply};
pub use error::{BootError, Culprit};
pub use multiboot::{ModuleArgument, split_modules};
pub use place::{MemoryKind, MemoryRange, memory_map};

use crate::ram_layout::RamLayout;
use softmmu::GuestPhys;
use std::ops::Range;
use std::sync::Arc;

/// What kind of kernel a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelKind {
    /// bzImage of boot protocol 2.10 or later.
    Linux,
    /// Multiboot 1.
    Multiboot,
    /// ELF with a PVH entry note.
    Pvh,
    /// ELF without one, entered like `vmlinux`.
    Elf,
}

/// An initrd, or one multiboot module.
#[derive(Clone, Debug)]
pub struct Module {
    /// The file.
    pub data: Arc<[u8]>,
    /// Name and arguments, for multiboot and PVH.
    pub string: String,
}

/// Everything that decides a direct boot.
#[derive(Clone, Debug)]
pub struct BootRequest<'a> {
    /// The kernel's file name as given; multiboot kernels see it as their first word.
    pub name: &'a str,
    /// The kernel file.
    pub kernel: Arc<[u8]>,
    /// Initrd or modules.
    pub modules: Vec<Module>,
    /// `-append`.
    pub cmdline: &'a str,
    /// The machine's memory.
    pub ram: RamLayout,
    /// Whether the CPU model has long mode.
    pub long_mode: bool,
    /// Address of the ACPI RSDP, if there is one.
    pub rsdp: Option<u64>,
}

/// Bytes of a [`Load`].
#[derive(Clone, Debug)]
pub enum Blob {
    /// Made by the loader.
    Bytes(Vec<u8>),
    /// A part of a file that is kept for the next reset.
    File(Arc<[u8]>, Range<usize>),
    /// So many zeros.
    Zeros(u64),
}

/// Bytes for one place in guest memory.
#[derive(Clone, Debug)]
pub struct Load {
    /// First guest physical address.
    pub at: GuestPhys,
    /// What to put there.
    pub blob: Blob,
}

impl Load {
    /// Loader-made bytes.
    pub fn bytes(at: u64, bytes: Vec<u8>) -> Self {
        Self {
            at: GuestPhys(at),
            blob: Blob::Bytes(bytes),
        }
    }

    fn file(at: u64, file: &Arc<[u8]>, range: Range<usize>) -> Self {
        Self {
            at: GuestPhys(at),
            blob: Blob::File(file.clone(), range),
        }
    }

    /// Bytes it covers.
    pub fn len(&self) -> u64 {
        match &self.blob {
            Blob::Bytes(bytes) => bytes.len() as u64,
            Blob::File(_, range) => range.len() as u64,
            Blob::Zeros(len) => *len,
        }
    }

    /// Whether it covers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the contents to `write(address, bytes)` in pieces of any size.
    pub fn pieces(&self, mut write: impl FnMut(GuestPhys, &[u8])) {
        match &self.blob {
            Blob::Bytes(bytes) => write(self.at, bytes),
            Blob::File(file, range) => write(self.at, &file[range.clone()]),
            Blob::Zeros(len) => {
                let zeros = [0u8; 4096];
                let mut done = 0;
                while done < *len {
                    let n = (len - done).min(zeros.len() as u64);
                    write(GuestPhys(self.at.0 + done), &zeros[..n as usize]);
                    done += n;
                }
            }
        }
    }
}

/// A boot, ready to be applied: at start and at each reset.
#[derive(Clone, Debug)]
pub struct BootPlan {
    /// What kind of kernel it is.
    pub kind: KernelKind,
    /// Memory contents, in writing order; all of it is RAM.
    pub loads: Vec<Load>,
    /// State of the boot processor.
    pub entry: EntryState,
}

/// Finds out what kind of kernel `image` is.
///
/// # Errors
/// [`BootError::NotAKernel`].
pub fn detect(image: &[u8]) -> Result<KernelKind, BootError> {
    if bzimage::is_linux(image) {
        Ok(KernelKind::Linux)
    } else if multiboot::find_header(image).is_some() {
        let pvh64 = elf::is_64bit(image) && elf::Elf::parse(image).is_ok_and(|elf| elf.pvh_entry().is_some());
        Ok(if pvh64 {
            KernelKind::Pvh
        } else {
            KernelKind::Multiboot
        })
    } else if elf::is_elf(image) {
        let elf = elf::Elf::parse(image)?;
        Ok(if elf.pvh_entry().is_some() {
            KernelKind::Pvh
        } else {
            KernelKind::Elf
        })
    } else {
        Err(BootError::NotAKernel)
    }
}

/// Whether `image` is a Linux image, or looks like one, that is entered in real mode and calls a BIOS there.
pub fn needs_bios(image: &[u8]) -> bool {
    bzimage::needs_bios(image)
}

/// Makes the plan for a boot.
///
/// # Errors
/// The reason why this kernel cannot boot on this machine, or these modules or command line do not fit.
pub fn plan(request: &BootRequest<'_>) -> Result<BootPlan, BootError> {
    let kind = detect(&request.kernel)?;
    let (mut loads, entry) = match kind {
        KernelKind::Linux => bzimage::plan(request)?,
        KernelKind::Multiboot => multiboot::plan(request)?,
        KernelKind::Pvh => pvh::plan(request)?,
        KernelKind::Elf => linux_elf::plan(request)?,
    };
    loads.extend(cpu::tables(&entry));
    loads.retain(|load| !load.is_empty());
    Ok(BootPlan { kind, loads, entry })
}

/// The only module of a kernel that takes one initrd.
fn single_initrd<'a>(request: &'a BootRequest<'_>) -> Result<Option<&'a Module>, BootError> {
    match request.modules.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(BootError::SeveralInitrds),
    }
}
