//! What is shown of a new translation: `-d in_asm`, `-d out_asm`, and the names that `perf` gets.

use crate::Look;
use crate::listing::{disassemble, name_code};
use softmmu::RamAddr;
use target_i386::jit::{Key, Thunks};

/// A block that was just placed.
pub(super) struct Placed<'a> {
    pub id: u32,
    /// Linear address.
    pub pc: u64,
    pub ram: RamAddr,
    pub key: Key,
    /// Bytes at `pc`, at least the block's.
    pub guest: &'a [u8],
    /// Offset of each instruction from the page's start, and of the first byte behind.
    pub offsets: &'a [u16],
    /// Offset of each instruction's host code, and of what lies behind the straight way.
    pub marks: &'a [u32],
    /// Host address.
    pub host: u64,
    pub code: &'a [u8],
    pub thunks: &'a Thunks,
    /// Host address of the thunks.
    pub thunks_at: u64,
}

impl Placed<'_> {
    fn address(&self, n: usize) -> u64 {
        self.pc.wrapping_add(u64::from(self.offsets[n] - self.offsets[0]))
    }

    /// Shows it to whoever wants to see it.
    pub fn show(&self, look: &Look) {
        if look.filter.contains(self.pc) {
            if look.in_asm {
                for line in self.guest_lines() {
                    tracing::trace!(target: "in_asm", "{line}");
                }
            }
            if look.out_asm {
                for line in self.host_lines() {
                    tracing::trace!(target: "out_asm", "{line}");
                }
            }
        }
        if look.perf_map.is_some() || look.jit_dump.is_some() {
            let name = format!("guest-{:#x}", self.pc);
            name_code(look, self.host, self.code, &name);
        }
    }

    /// A headline and the guest's instructions.
    fn guest_lines(&self) -> Vec<String> {
        let count = self.offsets.len() - 1;
        let len = usize::from(self.offsets[count] - self.offsets[0]);
        let head = format!(
            "block {} at {:#x}, RAM {:#x}, {} bits, {count} instructions, {len} bytes",
            self.id, self.pc, self.ram.0, self.key.bits
        );
        let guest = &self.guest[..len.min(self.guest.len())];
        let lines = disassemble(self.key.bits, guest, self.pc).map(|(_, line, _)| line);
        std::iter::once(head).chain(lines).collect()
    }

    /// A headline and the host's instructions, with the guest's addresses between them.
    fn host_lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "block {} at {:#x}: {} bytes for {} of the guest",
            self.id,
            self.pc,
            self.code.len(),
            self.offsets[self.offsets.len() - 1] - self.offsets[0]
        )];
        let mut marks = self.marks.iter().enumerate().peekable();
        for (at, mut line, target) in disassemble(64, self.code, self.host) {
            while let Some((n, _)) = marks.next_if(|&(_, &mark)| mark as usize <= at) {
                lines.push(if n + 1 < self.offsets.len() {
                    format!("-- guest {:#x}", self.address(n))
                } else {
                    "-- slow paths and exits".to_owned()
                });
            }
            let thunk = target.and_then(|to| usize::try_from(to.wrapping_sub(self.thunks_at)).ok());
            if let Some(name) = thunk.and_then(|offset| self.thunks.name_at(offset)) {
                line.push_str(" ; ");
                line.push_str(&name);
            }
            lines.push(line);
        }
        lines
    }
}

/// Names the thunks, which lie at `host`, for `perf`.
pub(super) fn show_thunks(look: &Look, host: u64, thunks: &Thunks) {
    name_code(look, host, &thunks.code, "reprise-thunks");
}

#[cfg(test)]
mod tests {
    use super::*;
    use softmmu::MmuIndex;
    use target_i386::jit::Thunk;

    #[test]
    fn listings() {
        let thunks = Thunks::new();
        let exit = thunks.offset(Thunk::Exit) as u8;
        // The thunks lie behind the block: jmp exit.
        let code = [0xf8, 0xf9, 0xfa, 0xe9, exit, 0, 0, 0];
        let placed = Placed {
            id: 7,
            pc: 0xffff_ffff_8100_0ffa,
            ram: RamAddr(0x100_0ffa),
            key: Key {
                bits: 64,
                real_like: false,
                mmu: MmuIndex::new(0),
                flat: true,
                flat_code: true,
                stack: 8,
            },
            guest: &[0x48, 0x89, 0xe5, 0xc3, 0x90],
            offsets: &[0xffa, 0xffd, 0xffe],
            marks: &[1, 2, 3],
            host: 0x1000,
            code: &code,
            thunks: &thunks,
            thunks_at: 0x1008,
        };
        assert_eq!(
            placed.guest_lines(),
            [
                "block 7 at 0xffffffff81000ffa, RAM 0x1000ffa, 64 bits, 2 instructions, 4 bytes",
                "0xffffffff81000ffa:  48 89 e5                       mov rbp,rsp",
                "0xffffffff81000ffd:  c3                             ret",
            ]
        );
        let shown: Vec<String> = placed
            .host_lines()
            .into_iter()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            shown,
            [
                "block 7 at 0xffffffff81000ffa: 8 bytes for 4 of the guest",
                "0x1000: f8 clc",
                "-- guest 0xffffffff81000ffa",
                "0x1001: f9 stc",
                "-- guest 0xffffffff81000ffd",
                "0x1002: fa cli",
                "-- slow paths and exits",
                &format!(
                    "0x1003: e9 {exit:02x} 00 00 00 jmp {:#x} ; exit",
                    0x1008 + u64::from(exit)
                ),
            ]
        );
    }
}
