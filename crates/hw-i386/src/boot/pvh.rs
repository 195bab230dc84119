//! PVH: an ELF kernel (Linux `vmlinux` with CONFIG_PVH) entered in 32-bit mode with EBX = start info.
//!
//! Structures: Xen `public/arch-x86/hvm/start_info.h`, as linux-loader's `start_info` declares them.

use super::bytes::put;
use super::elf::Elf;
use super::{BootError, BootRequest, EntryMode, EntryState, Load, place};
use linux_loader::loader::elf::start_info::{hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info};
use std::mem::size_of;

/// `xen_hvm_start_magic`.
const MAGIC: u32 = 0x336e_c578;
const MODULE_LIST: u64 = place::INFO + size_of::<hvm_start_info>() as u64;
const MEMORY_MAP: u64 = place::INFO + 0x100;

pub(super) fn plan(request: &BootRequest<'_>) -> Result<(Vec<Load>, EntryState), BootError> {
    let elf = Elf::parse(&request.kernel)?;
    let entry = elf.pvh_entry().ok_or(BootError::NotAKernel)?;
    if elf.is_64bit && !request.long_mode {
        return Err(BootError::NeedsLongMode);
    }
    let (mut loads, end) = elf.loads(request)?;
    let mut page = vec![0u8; 0x1000];
    let at = |address: u64| (address - place::INFO) as usize;
    let initrd = super::single_initrd(request)?;
    if let Some(initrd) = initrd {
        let size = initrd.data.len() as u64;
        let address = place::initrd(&request.ram, size, end, 1 << 32)?;
        loads.push(Load::file(address, &initrd.data, 0..initrd.data.len()));
        // hvm_modlist_entry: paddr, size, cmdline_paddr, reserved.
        const { assert!(size_of::<hvm_modlist_entry>() == 32) };
        put(&mut page, at(MODULE_LIST), &address.to_le_bytes());
        put(&mut page, at(MODULE_LIST) + 8, &size.to_le_bytes());
    }
    let map = place::memory_map(&request.ram);
    for (i, range) in map.iter().enumerate() {
        // hvm_memmap_table_entry: addr, size, type, reserved.
        let entry = at(MEMORY_MAP) + i * size_of::<hvm_memmap_table_entry>();
        put(&mut page, entry, &range.start.to_le_bytes());
        put(&mut page, entry + 8, &range.size.to_le_bytes());
        put(&mut page, entry + 16, &(range.kind as u32).to_le_bytes());
    }
    put(&mut page, 0, &MAGIC.to_le_bytes());
    put(&mut page, 4, &1u32.to_le_bytes());
    put(&mut page, 12, &u32::from(initrd.is_some()).to_le_bytes());
    put(
        &mut page,
        16,
        &if initrd.is_some() { MODULE_LIST } else { 0 }.to_le_bytes(),
    );
    put(&mut page, 24, &place::CMDLINE.to_le_bytes());
    put(&mut page, 32, &request.rsdp.unwrap_or(0).to_le_bytes());
    put(&mut page, 40, &MEMORY_MAP.to_le_bytes());
    put(&mut page, 48, &(map.len() as u32).to_le_bytes());
    loads.push(place::cmdline(request.cmdline, 2047)?);
    loads.push(Load::bytes(place::INFO, page));
    Ok((
        loads,
        EntryState {
            rbx: place::INFO,
            ..EntryState::new(EntryMode::Protected, entry)
        },
    ))
}
