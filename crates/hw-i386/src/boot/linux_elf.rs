//! Plain ELF without any boot header: entered like an uncompressed `vmlinux`.
//!
//! 64-bit files start in long mode with RSI = `boot_params`, 32-bit files in protected mode with ESI the same:
//! the state after the decompressor of a bzImage. Programs that are no Linux just ignore the register.

use super::bytes::put;
use super::elf::Elf;
use super::spec::{self, params};
use super::{BootError, BootRequest, EntryMode, EntryState, Load, bzimage, place};

pub(super) fn plan(request: &BootRequest<'_>) -> Result<(Vec<Load>, EntryState), BootError> {
    let elf = Elf::parse(&request.kernel)?;
    if elf.is_64bit && !request.long_mode {
        return Err(BootError::NeedsLongMode);
    }
    let (mut loads, end) = elf.loads(request)?;
    let mut page = vec![0u8; params::SIZE];
    put(&mut page, spec::BOOT_FLAG, &0xaa55u16.to_le_bytes());
    put(&mut page, spec::HEADER, &spec::HEADER_MAGIC);
    put(&mut page, spec::VERSION, &0x20fu16.to_le_bytes());
    page[spec::LOADFLAGS] = spec::LOADED_HIGH;
    put(&mut page, spec::KERNEL_ALIGNMENT, &0x100_0000u32.to_le_bytes());
    put(&mut page, spec::CMDLINE_SIZE, &2047u32.to_le_bytes());
    loads.extend(bzimage::finish(&mut page, request, end, 1 << 32)?);
    loads.push(place::cmdline(request.cmdline, 2047)?);
    loads.push(Load::bytes(place::INFO, page));
    let mode = if elf.is_64bit {
        EntryMode::Long
    } else {
        EntryMode::Protected
    };
    Ok((
        loads,
        EntryState {
            rsi: place::INFO,
            ..EntryState::new(mode, elf.physical_entry())
        },
    ))
}
