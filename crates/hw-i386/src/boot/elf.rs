//! ELF executables for x86, both classes: program headers and notes, every offset checked.
//!
//! System V ABI gABI 4.1, chapter 5. Only what a loader needs; sections are not looked at.

use super::bytes::Fields;
use super::{Blob, BootError, BootRequest, Load, place};
use softmmu::GuestPhys;
use std::ops::Range;

const MAGIC: [u8; 4] = *b"\x7fELF";
const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
/// Xen's note type of the 32-bit PVH entry (`XEN_ELFNOTE_PHYS32_ENTRY`).
const NOTE_PHYS32_ENTRY: u32 = 18;

pub(super) fn is_elf(image: &[u8]) -> bool {
    image.array(0) == Some(MAGIC)
}

pub(super) fn is_64bit(image: &[u8]) -> bool {
    is_elf(image) && image.u8(4) == Some(2)
}

/// A loadable segment.
pub(super) struct ElfSegment {
    /// Bytes of the file.
    pub file: Range<usize>,
    /// Virtual address.
    pub vaddr: u64,
    /// Physical address.
    pub paddr: u64,
    /// Bytes in memory, at least the file's.
    pub mem_size: u64,
}

/// A parsed executable.
pub(super) struct Elf {
    /// 64-bit class.
    pub is_64bit: bool,
    /// Entry point, a virtual address.
    pub entry: u64,
    /// Segments to load.
    pub segments: Vec<ElfSegment>,
    pvh: Option<u64>,
}

impl Elf {
    pub(super) fn parse(image: &[u8]) -> Result<Self, BootError> {
        let bad = BootError::Damaged;
        let is_64bit = match image.u8(4) {
            Some(1) => false,
            Some(2) => true,
            _ => return Err(bad("ELF class")),
        };
        if image.u8(5) != Some(1) {
            return Err(bad("ELF byte order"));
        }
        let machine = image.u16(18).ok_or(bad("ELF header"))?;
        if !(machine == EM_X86_64 || machine == EM_386 && !is_64bit) {
            return Err(BootError::WrongProcessor(machine));
        }
        let word = |at: usize| {
            if is_64bit {
                image.u64(at)
            } else {
                image.u32(at).map(u64::from)
            }
        };
        let [entry_at, phoff_at, phentsize_at] = if is_64bit { [24, 32, 54] } else { [24, 28, 42] };
        let entry = word(entry_at).ok_or(bad("ELF header"))?;
        let phoff = word(phoff_at).ok_or(bad("ELF header"))? as usize;
        let phentsize = image.u16(phentsize_at).ok_or(bad("ELF header"))? as usize;
        let phnum = image.u16(phentsize_at + 2).ok_or(bad("ELF header"))? as usize;
        if phentsize < if is_64bit { 56 } else { 32 } {
            return Err(bad("ELF program header size"));
        }
        let mut elf = Self {
            is_64bit,
            entry,
            segments: Vec::new(),
            pvh: None,
        };
        for i in 0..phnum {
            let at = phoff
                .checked_add(i * phentsize)
                .ok_or(bad("ELF program headers"))?;
            // p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz
            let fields: [usize; 6] = if is_64bit {
                [0, 8, 16, 24, 32, 40]
            } else {
                [0, 4, 8, 12, 16, 20]
            };
            let field = |n: usize| {
                at.checked_add(fields[n])
                    .and_then(word)
                    .ok_or(BootError::Truncated {
                        have: image.len() as u64,
                        want: at as u64 + phentsize as u64,
                    })
            };
            let kind = image.u32(at).ok_or(bad("ELF program headers"))?;
            let (offset, file_size) = (field(1)?, field(4)?);
            let file_end = offset.checked_add(file_size).ok_or(bad("ELF segment size"))?;
            let file = offset as usize..file_end as usize;
            match kind {
                PT_LOAD => {
                    if file_end > image.len() as u64 {
                        return Err(BootError::Truncated {
                            have: image.len() as u64,
                            want: file_end,
                        });
                    }
                    let mem_size = field(5)?;
                    if mem_size < file_size {
                        return Err(bad("ELF segment larger in the file than in memory"));
                    }
                    elf.segments.push(ElfSegment {
                        file,
                        vaddr: field(2)?,
                        paddr: field(3)?,
                        mem_size,
                    });
                }
                PT_NOTE => elf.pvh = elf.pvh.or(image.get(file).and_then(find_pvh)),
                _ => {}
            }
        }
        if elf.segments.iter().all(|s| s.mem_size == 0) {
            return Err(bad("ELF file without loadable segments"));
        }
        Ok(elf)
    }

    /// Physical address of the PVH entry, if a note gives one.
    pub(super) fn pvh_entry(&self) -> Option<u64> {
        self.pvh
    }

    /// The entry as a physical address: the virtual one moved as its segment is.
    pub(super) fn physical_entry(&self) -> u64 {
        self.segments
            .iter()
            .find(|s| self.entry >= s.vaddr && self.entry - s.vaddr < s.mem_size)
            .map_or(self.entry, |s| s.paddr.wrapping_add(self.entry - s.vaddr))
    }

    /// Loads of all segments at their physical addresses, and the first address behind them.
    pub(super) fn loads(&self, request: &BootRequest<'_>) -> Result<(Vec<Load>, u64), BootError> {
        let mut loads = Vec::new();
        let mut end = 0;
        for segment in self.segments.iter().filter(|s| s.mem_size > 0) {
            place::check_kernel(&request.ram, segment.paddr, segment.mem_size)?;
            let file_size = segment.file.len() as u64;
            loads.push(Load::file(segment.paddr, &request.kernel, segment.file.clone()));
            loads.push(Load {
                at: GuestPhys(segment.paddr + file_size),
                blob: Blob::Zeros(segment.mem_size - file_size),
            });
            end = end.max(segment.paddr + segment.mem_size);
        }
        Ok((loads, end))
    }
}

/// Finds Xen's PVH entry in the contents of a note segment.
fn find_pvh(notes: &[u8]) -> Option<u64> {
    let mut at = 0usize;
    loop {
        let (name_len, desc_len) = (notes.u32(at)? as usize, notes.u32(at + 4)? as usize);
        let kind = notes.u32(at + 8)?;
        let name = at + 12;
        let desc = name.checked_add(name_len.checked_next_multiple_of(4)?)?;
        if kind == NOTE_PHYS32_ENTRY && notes.get(name..name.checked_add(name_len)?)? == b"Xen\0" {
            return match desc_len {
                4 => notes.u32(desc).map(u64::from),
                8 => notes.u64(desc).filter(|&entry| entry <= u32::MAX as u64),
                _ => None,
            };
        }
        at = desc.checked_add(desc_len.checked_next_multiple_of(4)?)?;
    }
}
