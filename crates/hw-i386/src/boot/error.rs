//! Why a kernel, an initrd or a command line was refused, each in words that fit behind `-kernel FILE: `.

use crate::ram_layout::MIB;

/// The command-line option a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// `-kernel`.
    Kernel,
    /// `-initrd`.
    Initrd,
    /// `-append`.
    Append,
}

/// A refusal; its text is one line without the option's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// Nothing we know.
    #[error("not a bootable kernel (no Linux, multiboot or ELF header)")]
    NotAKernel,
    /// The file is shorter than its own header says.
    #[error("the file is truncated: {have} bytes of at least {want}")]
    Truncated {
        /// Bytes there are.
        have: u64,
        /// Bytes the header speaks of.
        want: u64,
    },
    /// An old or odd Linux image whose entry is 16-bit code that calls a BIOS.
    #[error("boot protocol {}.{:02} {why}: it needs a real-mode BIOS", .version >> 8, .version & 0xff)]
    NeedsBios {
        /// Protocol version as in the header.
        version: u16,
        /// What is missing.
        why: &'static str,
    },
    /// A field of a header makes no sense.
    #[error("damaged header: {0}")]
    Damaged(&'static str),
    /// ELF for another processor.
    #[error("ELF file for another processor (machine {0})")]
    WrongProcessor(u16),
    /// ELF with a multiboot header and 64-bit class.
    #[error("a multiboot kernel must be a 32-bit ELF file (objcopy -O elf32-i386 makes one)")]
    Multiboot64,
    /// A multiboot feature that is required and unknown.
    #[error("multiboot header requires unknown features (flags {0:#x})")]
    MultibootFlags(u32),
    /// 64-bit code on a 32-bit CPU.
    #[error("64-bit kernel, but the CPU model has no long mode")]
    NeedsLongMode,
    /// Outside of RAM.
    #[error("needs {} MiB of memory, the machine has {} MiB", .need.div_ceil(MIB), .have / MIB)]
    OutOfMemory {
        /// Bytes of RAM that would do.
        need: u64,
        /// Bytes of RAM there are.
        have: u64,
    },
    /// A load address that RAM below the tables does not cover, or that the boot data needs.
    #[error("wants to be loaded at {start:#x}..{end:#x}, which is not free memory")]
    Placement {
        /// First address.
        start: u64,
        /// End address.
        end: u64,
    },
    /// The initrd does not fit.
    #[error("{size} bytes do not fit between the kernel's end {kernel_end:#x} and {limit:#x}{}", hint(.limit, .ram))]
    InitrdTooLarge {
        /// Its size.
        size: u64,
        /// First free address behind the kernel.
        kernel_end: u64,
        /// First address it must not reach.
        limit: u64,
        /// Low RAM in bytes.
        ram: u64,
    },
    /// Longer than the kernel takes.
    #[error("the command line has {len} characters, this kernel takes at most {max}")]
    CommandLineTooLong {
        /// Its length without the terminating zero.
        len: u64,
        /// The kernel's limit.
        max: u64,
    },
    /// A zero byte inside.
    #[error("the command line contains a zero byte")]
    CommandLineZero,
    /// More than one initrd for a kernel that takes one.
    #[error("only multiboot kernels take several modules")]
    SeveralInitrds,
}

fn hint(limit: &u64, ram: &u64) -> &'static str {
    if limit + 2 * MIB >= *ram {
        "; give the machine more memory (-m)"
    } else {
        ""
    }
}

impl BootError {
    /// Which option the message is about.
    pub fn culprit(&self) -> Culprit {
        match self {
            Self::InitrdTooLarge { .. } | Self::SeveralInitrds => Culprit::Initrd,
            Self::CommandLineTooLong { .. } | Self::CommandLineZero => Culprit::Append,
            _ => Culprit::Kernel,
        }
    }
}
