//! What generated code calls its places in memory, for listings and tests of the code.
//!
//! Displacements from the environment register change with every field that is added to the vCPU; names do not.

use super::env::at;
use super::regs;
use super::thunks::Thunk;
use crate::insn::seg;
use softmmu::MmuIndex;
use softmmu::tlb::layout;
use std::fmt;

/// Number of the host register that addresses [`Env`](super::Env).
pub const ENV_REGISTER: u8 = regs::ENV;

const GENERAL: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];
const SEGMENTS: [(u8, &str); 6] = [
    (seg::ES, "es"),
    (seg::CS, "cs"),
    (seg::SS, "ss"),
    (seg::DS, "ds"),
    (seg::FS, "fs"),
    (seg::GS, "gs"),
];
/// Places, and how many bytes from there on have the name.
const FIELDS: &[(i32, i32, &str)] = &[
    (at::LEFT, 4, "left"),
    (at::SNAPSHOT, 8, "snapshot"),
    (at::OWED, 4, "owed"),
    (at::FLAGS, 2, "flags"),
    (at::VECTORS, 1, "vectors"),
    (at::RIP_BASE, 8, "rip_base"),
    (at::TAGS, 16, "tags"),
    (at::JUMPS, 8, "jumps"),
    (at::PENDING, 8, "pending"),
    (at::SCRATCH, 8, "scratch"),
    (at::SITE, 8, "site"),
    (at::REGION_FLAGS, 24, "region_flags"),
    (at::X87_AT, 4, "x87.at"),
    (at::X87_SEGMENT, 1, "x87.segment"),
    (at::X87_BASE, 8, "x87.base"),
    (at::X87_CONTROL, 2, "x87.control"),
    (at::X87_DATA, 8, "x87.data"),
    (at::MXCSR, 4, "mxcsr"),
    (at::control_flags(), 8, "rflags.control"),
    (at::cpl(), 1, "cpl"),
    (at::CR4, 8, "cr4"),
    (at::EFER, 8, "efer"),
    (at::STAR, 8, "star"),
    (at::LSTAR, 8, "lstar"),
    (at::FMASK, 8, "fmask"),
    (at::KERNEL_GS_BASE, 8, "kernel_gs_base"),
    (at::MODE_MMU, 1, "mode.mmu"),
    (at::MODE_FETCH, 1, "mode.fetch"),
    (at::MODE_TAG, 4, "mode.tag"),
];

/// The name of the place at a displacement from the environment register, `name` or `name+offset`.
pub fn place(displacement: i32) -> Option<String> {
    let within = |start: i32, len: i32| (start..start + len).contains(&displacement);
    let named = |name: &str, start: i32| match displacement - start {
        0 => name.to_owned(),
        offset => format!("{name}+{offset}"),
    };
    for &(start, len, name) in FIELDS {
        if within(start, len) {
            return Some(named(name, start));
        }
    }
    for n in 0..16 {
        if within(at::gpr(n), 8) {
            return Some(named(&format!("gpr.{}", GENERAL[usize::from(n)]), at::gpr(n)));
        }
        if within(at::ymm(n), 32) {
            return Some(named(&format!("ymm{n}"), at::ymm(n)));
        }
    }
    for (n, name) in SEGMENTS {
        if displacement == at::seg_base(n) {
            return Some(format!("{name}.base"));
        }
        if displacement == at::seg_check(n) {
            return Some(format!("{name}.check"));
        }
        for (at, part) in [
            (at::selector(n), "selector"),
            (at::descriptor_base(n), "hidden_base"),
            (at::descriptor_limit(n), "limit"),
            (at::descriptor_attr(n), "attr"),
        ] {
            if displacement == at {
                return Some(format!("{name}.{part}"));
            }
        }
    }
    if let Some(n) = [0, 2, 3]
        .into_iter()
        .find(|&n| at::control_register(n) == Some(displacement))
    {
        return Some(format!("cr{n}"));
    }
    for mmu in MmuIndex::all() {
        for (offset, word) in [
            (layout::READ, "read"),
            (layout::WRITE, "write"),
            (layout::HOST, "host"),
        ] {
            if displacement == at::tlb(mmu) + offset as i32 {
                return Some(format!("tlb{}.{word}", mmu.raw()));
            }
        }
    }
    None
}

impl fmt::Display for Thunk {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::Slow(n) => {
                let access = if n & 8 == 0 { "read" } else { "write" };
                write!(f, "{access}_slow{}", super::thunks::SIZES[usize::from(n & 7)])
            }
            Self::Engage(need) => write!(f, "engage{need}"),
            _ => f.write_str(&format!("{self:?}").to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (displacement, name) in [
            (at::LEFT, "left"),
            (at::FLAGS + 1, "flags+1"),
            (at::gpr(12), "gpr.r12"),
            (at::ymm(3) + 16, "ymm3+16"),
            (at::seg_base(seg::GS), "gs.base"),
            (at::tlb(MmuIndex::new(1)) + layout::WRITE as i32, "tlb1.write"),
        ] {
            assert_eq!(place(displacement).as_deref(), Some(name));
        }
        assert_eq!(place(i32::MAX), None);
    }

    #[test]
    fn thunks() {
        assert_eq!(Thunk::slow(true, 16).to_string(), "write_slow16");
        assert_eq!(Thunk::Helper.to_string(), "helper");
    }
}
