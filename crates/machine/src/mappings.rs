//! `info mem`: the ranges of linear addresses that the page tables map, with their rights.
//!
//! SDM vol. 3A, chapter 5: 32-bit, PAE and 4-level tables, read without touching accessed bits.

use softmmu::{FlatView, GuestPhys};
use std::fmt::Write;
use target_i386::CpuState;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Ranges that are listed; a hostile table could name billions.
const MAX_RANGES: usize = 10_000;

struct Listing<'a> {
    memory: &'a FlatView,
    /// 4 or 8 bytes an entry.
    wide: bool,
    /// 48: linear addresses are sign-extended from bit 47.
    bits: u32,
    ranges: Vec<(u64, u64, u64)>,
}

impl Listing<'_> {
    fn entry(&self, table: u64, index: u64) -> u64 {
        if self.wide {
            self.memory
                .ram_load::<u64>(GuestPhys(table + index * 8))
                .unwrap_or(0)
        } else {
            u64::from(
                self.memory
                    .ram_load::<u32>(GuestPhys(table + index * 4))
                    .unwrap_or(0),
            )
        }
    }

    /// Lists `table`, whose entries each cover `1 << shift` bytes from `base`; `rights` are what the tables above
    /// allow: W and U must be set on every level, NX on any.
    fn table(&mut self, table: u64, base: u64, shift: u32, entries: u64, rights: u64) {
        for index in 0..entries {
            let entry = self.entry(table, index);
            if entry & PRESENT == 0 || self.ranges.len() >= MAX_RANGES {
                continue;
            }
            let start = base + (index << shift);
            // A PAE directory pointer has no rights of its own.
            let pointer = self.bits == 32 && shift == 30;
            let own = if pointer {
                WRITABLE | USER
            } else {
                entry & (WRITABLE | USER)
            };
            let rights = rights & own | (rights | entry) & NO_EXECUTE;
            if shift == 12 || entry & LARGE != 0 && shift < 39 && !pointer {
                self.range(start, 1 << shift, rights);
            } else {
                let (step, entries) = if self.wide { (9, 512) } else { (10, 1024) };
                let address = if self.wide { ADDRESS } else { 0xffff_f000 };
                self.table(entry & address, start, shift - step, entries, rights);
            }
        }
    }

    fn range(&mut self, start: u64, size: u64, rights: u64) {
        let extend = 64 - self.bits;
        let start = if self.bits == 48 {
            ((start << extend) as i64 >> extend) as u64
        } else {
            start
        };
        match self.ranges.last_mut() {
            Some((_, end, same)) if *end == start && *same == rights => *end = start.wrapping_add(size),
            _ => self.ranges.push((start, start.wrapping_add(size), rights)),
        }
    }
}

/// The text of `info mem`.
pub fn describe(cpu: &CpuState, memory: &FlatView) -> String {
    const PG: u64 = 1 << 31;
    const PAE: u64 = 1 << 5;
    const LMA: u64 = 1 << 10;
    if cpu.cr0 & PG == 0 {
        return "paging is off\n".into();
    }
    let long = cpu.msr.efer & LMA != 0;
    let mut listing = Listing {
        memory,
        wide: cpu.cr4 & PAE != 0,
        bits: if long { 48 } else { 32 },
        ranges: Vec::new(),
    };
    let all = WRITABLE | USER;
    match (long, listing.wide) {
        (true, _) => listing.table(cpu.cr3 & ADDRESS, 0, 39, 512, all),
        (false, true) => listing.table(cpu.cr3 & 0xffff_ffe0, 0, 30, 4, all),
        (false, false) => listing.table(cpu.cr3 & 0xffff_f000, 0, 22, 1024, all),
    }
    let mut out = String::new();
    for (start, end, rights) in &listing.ranges {
        let letter = |bit, yes, no| if rights & bit != 0 { yes } else { no };
        let _ = writeln!(
            out,
            "{start:016x}-{end:016x} {:016x} {}r{}{}",
            end.wrapping_sub(*start),
            letter(USER, 'u', '-'),
            letter(WRITABLE, 'w', '-'),
            letter(NO_EXECUTE, '-', 'x'),
        );
    }
    if listing.ranges.len() >= MAX_RANGES {
        let _ = writeln!(out, "… (more than {MAX_RANGES} ranges)");
    }
    out
}
