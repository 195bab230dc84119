//! Addresses and TLB probes, with the baseline's sequence: entry by page of the first byte, compared with the page of
//! the last one.

use super::exit::RegionExitKind;
use super::lower::Lower;
use super::region::Item;
use crate::insn::{MemOperand, NO_REG, RIP_BASE, seg};
use crate::jit::env::at;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value};
use softmmu::PAGE_SIZE;
use softmmu::tlb::layout;

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Lower<'_> {
    /// The offset of a memory operand in its segment. SDM vol. 1, 3.7.5.
    pub fn offset_of(&mut self, item: &Item) -> Value {
        let mem = item.insn.mem;
        let mut disp = i64::from(mem.disp);
        let mut sum = None;
        if mem.base == RIP_BASE {
            disp += self.next(item);
            sum = Some(self.fixed(at::RIP_BASE));
        } else if mem.base != NO_REG {
            sum = Some(self.gpr(mem.base));
        }
        if mem.index != NO_REG {
            let mut index = self.gpr(mem.index);
            if mem.shift != 0 {
                let by = self.constant(I64, i64::from(mem.shift));
                index = self.b.ins().ishl(index, by);
            }
            sum = Some(match sum {
                Some(base) => self.b.ins().iadd(base, index),
                None => index,
            });
        }
        let offset = match sum {
            None => self.constant(I64, disp),
            Some(sum) if disp == 0 => sum,
            Some(sum) => {
                let disp = self.constant(I64, disp);
                self.b.ins().iadd(sum, disp)
            }
        };
        self.truncated(offset, mem)
    }

    fn truncated(&mut self, offset: Value, mem: MemOperand) -> Value {
        if mem.asize == 8 {
            return offset;
        }
        let low = self.b.ins().ireduce(I32, offset);
        self.b.ins().uextend(I64, low)
    }

    /// The linear address of a memory operand.
    pub fn address(&mut self, item: &Item) -> Value {
        let offset = self.offset_of(item);
        let segment = item.insn.mem.seg;
        // Regions of 32-bit code use flat segments only.
        if segment < seg::FS {
            return offset;
        }
        let base = self.fixed(at::seg_base(segment));
        self.b.ins().iadd(base, offset)
    }

    /// The address of `[RSP + plus]`.
    pub fn stack_address(&mut self, plus: i64) -> Value {
        let top = self.gpr(4);
        let plus = self.constant(I64, plus);
        let sum = self.b.ins().iadd(top, plus);
        if self.key.stack == 8 {
            return sum;
        }
        let low = self.b.ins().ireduce(I32, sum);
        self.b.ins().uextend(I64, low)
    }

    /// The host address of `size` bytes at `addr`; leaves before the instruction if there is none. No register and no
    /// flag of the instruction may have been changed yet.
    pub fn probe(&mut self, addr: Value, size: usize, access: Access) -> Value {
        let shift = self.constant(I64, i64::from(layout::ENTRY_SHIFT));
        let mask = self.constant(I64, i64::from(layout::ENTRY_MASK));
        let shifted = self.b.ins().ushr(addr, shift);
        let offset = self.b.ins().band(shifted, mask);
        let entry = self.b.ins().iadd(self.env, offset);
        let table = at::tlb(self.key.mmu);
        let word = match access {
            Access::Read => layout::READ,
            Access::Write => layout::WRITE,
        };
        // The slow path changes entries: these loads stay where they are.
        let flags = MemFlagsData::trusted();
        let tag = self.b.ins().load(I64, flags, entry, table + word as i32);
        let at = self.b.ins().isub(addr, tag);
        let last = self.constant(I64, (PAGE_SIZE - size as u64) as i64);
        let hit = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, at, last);
        let (quick, miss, on) = (self.new_block(), self.new_block(), self.new_block());
        self.b.set_cold_block(miss);
        self.b.append_block_param(on, I64);
        self.b.ins().brif(hit, quick, &[], miss, &[]);

        self.b.switch_to_block(quick);
        self.b.seal_block(quick);
        let page = self.b.ins().load(I64, flags, entry, table + layout::HOST as i32);
        let host = self.b.ins().iadd(at, page);
        self.b.ins().jump(on, &[BlockArg::Value(host)]);

        self.b.switch_to_block(miss);
        self.b.seal_block(miss);
        self.fill_or_leave(addr, size, access, on);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        self.b.block_params(on)[0]
    }

    /// Goes on at `on` with the host address that the slow path finds, or leaves before the instruction.
    pub fn fill_or_leave(&mut self, addr: Value, size: usize, access: Access, on: Block) {
        self.note_checked();
        let bit = match access {
            Access::Read => 0,
            Access::Write => 1 << 8,
        };
        let host = self.call_slow(addr, size as u32 | bit);
        let out = self.new_block();
        self.b.set_cold_block(out);
        self.b.ins().brif(host, on, &[BlockArg::Value(host)], out, &[]);
        self.b.switch_to_block(out);
        self.b.seal_block(out);
        self.leave(RegionExitKind::Interpret);
    }

    /// Loads from guest memory.
    pub fn load(&mut self, ty: Type, host: Value) -> Value {
        self.b.ins().load(ty, MemFlagsData::new().with_notrap(), host, 0)
    }

    /// Stores to guest memory.
    pub fn store(&mut self, value: Value, host: Value) {
        self.b
            .ins()
            .store(MemFlagsData::new().with_notrap(), value, host, 0);
    }
}
