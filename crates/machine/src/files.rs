//! Kernel and initrd files, read whole before anything runs and kept for the next reset.

use anyhow::{Context, Result, bail};
use hw_i386::boot::{KernelKind, Module, detect, split_modules};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

/// Largest kernel or initrd file that is read: the boot protocol has 32-bit sizes.
const MAX_FILE: u64 = u32::MAX as u64;

/// What `-kernel`, `-initrd` and `-append` give.
#[derive(Clone, Debug)]
pub struct BootFiles {
    /// The kernel's file name as given.
    pub name: String,
    /// The kernel.
    pub kernel: Arc<[u8]>,
    /// The initrd's name as given, for messages.
    pub initrd_name: String,
    /// Initrd, or multiboot modules.
    pub modules: Vec<Module>,
    /// Kernel command line.
    pub append: String,
}

impl BootFiles {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// `-option FILE: reason`, for the first file that cannot be read or used.
    pub fn open(kernel: &str, initrd: Option<&str>, append: &str) -> Result<Self> {
        let image = read("kernel", kernel)?;
        let kind = detect(&image).with_context(|| format!("-kernel {kernel}"))?;
        let modules = match initrd {
            None => Vec::new(),
            Some(argument) if kind == KernelKind::Multiboot => split_modules(argument)
                .into_iter()
                .map(|module| {
                    Ok(Module {
                        data: read("initrd", &module.path)?,
                        string: module.string,
                    })
                })
                .collect::<Result<_>>()?,
            Some(file) => vec![Module {
                data: read("initrd", file)?,
                string: String::new(),
            }],
        };
        Ok(Self {
            name: kernel.to_owned(),
            kernel: image,
            initrd_name: initrd.unwrap_or_default().to_owned(),
            modules,
            append: append.to_owned(),
        })
    }

    /// No kernel: firmware finds what to boot.
    pub(crate) fn none() -> Self {
        Self {
            name: String::new(),
            kernel: Arc::from([]),
            initrd_name: String::new(),
            modules: Vec::new(),
            append: String::new(),
        }
    }

    /// Whether the kernel can be entered by a BIOS only: its first part is 16-bit code that calls one.
    pub fn needs_bios(&self) -> bool {
        hw_i386::boot::needs_bios(&self.kernel)
    }

    /// The guest that is built in. A word `run=COMMAND,COMMAND` on its command line stands for typing these.
    pub fn embedded() -> Self {
        Self {
            name: "(embedded)".into(),
            kernel: Arc::from(embedded_guest::BZIMAGE),
            initrd_name: String::new(),
            modules: Vec::new(),
            append: "console=ttyS0".into(),
        }
    }
}

/// A file's bytes.
pub(crate) fn read(option: &str, file: &str) -> Result<Arc<[u8]>> {
    let refuse = |error: std::io::Error| {
        // "No such file or directory (os error 2)": the number helps nobody.
        let text = error.to_string();
        let reason = text.split(" (os error").next().unwrap_or(&text).to_owned();
        anyhow::anyhow!("-{option} {file}: {reason}")
    };
    let metadata = std::fs::metadata(Path::new(file)).map_err(refuse)?;
    if metadata.is_dir() {
        bail!("-{option} {file}: Is a directory");
    }
    // Devices have no end; a pipe has one, so `-initrd <(make-initrd)` works.
    if !metadata.is_file() && !metadata.file_type().is_fifo() {
        bail!("-{option} {file}: not a file");
    }
    if metadata.len() > MAX_FILE {
        bail!("-{option} {file}: larger than 4 GiB");
    }
    Ok(std::fs::read(file).map_err(refuse)?.into())
}
