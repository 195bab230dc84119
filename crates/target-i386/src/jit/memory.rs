//! Addresses and TLB probes.
//!
//! An access computes its linear address into S0, finds the TLB entry's offset in S1, and subtracts the entry's word:
//! what is left is the offset in the page, or too large if the entry is another page's, has a flag, or the access
//! crosses into the next page. With the page's host address added, S0 is the host address. What is too large goes out of
//! line to [`runtime`](super::runtime), which comes back with a host address or leaves before the instruction.

use super::asm::{Rm, alu, cc, env};
use super::block::{Emitter, Item};
use super::env::at;
use super::regs::{S0, S1, host};
use super::runtime::ExitKind;
use super::thunks::Thunk;
use crate::insn::{MemOperand, NO_REG, RIP_BASE, seg};
use crate::mode::check;
use softmmu::tlb::layout;

/// What an access does, in the numbering of the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A linear address to be computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    mem: MemOperand,
    /// Offset of the next instruction from `rip_base`, for RIP-relative operands.
    next: i32,
    /// Displacement beyond the operand's own.
    plus: i32,
    /// A 64-bit absolute address instead.
    absolute: Option<u64>,
}

/// Something to be emitted behind the block.
pub(super) struct Cold {
    /// Position of the displacement that leads here.
    pub from: usize,
    /// The instruction whose flags are made again first.
    pub remake: Option<u8>,
    pub kind: ColdKind,
}

pub(super) enum ColdKind {
    /// The probe failed.
    Slow {
        address: Address,
        access: Access,
        size: u8,
        site: u32,
        /// What the address must be a multiple of, or 0: that is a matter of the address, not of its page, so no page
        /// may be filled before it is known.
        alignment: u8,
        /// Where to go with a host address.
        back: usize,
    },
    /// Leave with this exit word.
    Exit(u32),
    /// The jump cache does not know the linear address: in S0, or, `entry`, in the entry at S1.
    Find { entry: bool, site: u32, back: usize },
    /// The vector registers are not the guest's.
    Engage {
        /// Bits of `Env::vectors` that the instruction needs.
        need: u8,
        site: u32,
        back: usize,
    },
}

impl Address {
    /// The address of the instruction's memory operand.
    pub fn of(emitter: &Emitter, item: &Item) -> Self {
        Self {
            mem: item.insn.mem,
            next: emitter.next_offset(item),
            plus: 0,
            absolute: item.is_moffs().then_some(item.insn.imm),
        }
    }

    /// Another base register.
    pub fn set_base(&mut self, base: u8) {
        self.mem.base = base;
    }

    /// `[RSP + plus]` in the stack segment.
    pub fn stack(emitter: &Emitter, plus: i32) -> Self {
        let asize = emitter.key.stack;
        Self {
            mem: MemOperand {
                disp: 0,
                base: 4,
                index: NO_REG,
                shift: 0,
                seg: seg::SS,
                asize,
                trunc: 64 - 8 * asize,
            },
            next: 0,
            plus,
            absolute: None,
        }
    }
}

impl Emitter {
    /// S0 = the offset in the segment, plus `plus`. Uses only S0; may destroy flags.
    pub fn offset(&mut self, address: &Address, plus: i32) {
        let mem = address.mem;
        let asm = &mut self.asm;
        if let Some(value) = address.absolute {
            asm.mov_imm(S0, value.wrapping_add(plus as u64));
            return;
        }
        let disp = mem.disp.wrapping_add(address.plus).wrapping_add(plus);
        // Sums of 32-bit displacements wrap as the truncated address does; in 64 bits they must not.
        let exact = i64::from(mem.disp) + i64::from(address.plus) + i64::from(plus);
        let wide = mem.asize == 8;
        let base = (mem.base != NO_REG).then_some(mem.base);
        let index = (mem.index != NO_REG).then_some(mem.index);
        if base == Some(RIP_BASE) {
            asm.load(S0, env(at::RIP_BASE));
            self.add_constant(S0, exact + i64::from(address.next), wide);
            return;
        }
        let fits = !wide || exact == i64::from(disp);
        let register = |n: u8| host(n);
        match (base, index) {
            (None, None) => {
                // Sign-extended, as the hardware does; truncated below 64 bits.
                let value = exact as u64;
                asm.mov_imm(S0, if wide { value } else { value & 0xffff_ffff });
            }
            (Some(base), None) => match register(base) {
                Some(base) if fits => asm.lea(S0, Rm::Base(base, disp), wide),
                at => {
                    match at {
                        Some(base) => asm.mov(S0, base),
                        None => asm.load(S0, env(at::gpr(base))),
                    }
                    self.add_constant(S0, exact, wide);
                }
            },
            (base, Some(index)) => {
                // Through S0 if one of them lives in memory, and the base is added from there if both do.
                let mut pair = (base.map(register), register(index));
                let mut late = None;
                if pair.1.is_none() {
                    asm.load(S0, env(at::gpr(index)));
                    pair.1 = Some(S0);
                    if let (Some(None), Some(base)) = (pair.0, base) {
                        late = Some(base);
                        pair.0 = None;
                    }
                } else if let (Some(None), Some(base)) = (pair.0, base) {
                    asm.load(S0, env(at::gpr(base)));
                    pair.0 = Some(Some(S0));
                }
                let (base, index) = (pair.0.flatten(), pair.1.unwrap_or(S0));
                let disp = if fits { disp } else { 0 };
                match base {
                    None if mem.shift == 0 => asm.lea(S0, Rm::Base(index, disp), wide),
                    _ => asm.lea(S0, Rm::Index(base, index, mem.shift, disp), wide),
                }
                if let Some(base) = late {
                    asm.alu(alu::ADD, S0, env(at::gpr(base)));
                    if !wide {
                        asm.mov32(S0, S0);
                    }
                }
                if !fits {
                    self.add_constant(S0, exact, wide);
                }
            }
        }
        if mem.asize == 2 {
            self.zero_extend_16(S0);
        }
    }

    /// `register += constant`, in 64 bits or truncated to 32.
    fn add_constant(&mut self, register: u8, constant: i64, wide: bool) {
        match i32::try_from(constant) {
            Ok(constant) => self.asm.lea(register, Rm::Base(register, constant), wide),
            Err(_) if !wide => self.asm.lea(register, Rm::Base(register, constant as i32), false),
            Err(_) => {
                // Two displacements of the same sign: in two steps.
                let half = constant / 2;
                for part in [half, constant - half] {
                    self.asm.lea(register, Rm::Base(register, part as i32), true);
                }
            }
        }
    }

    pub fn zero_extend_16(&mut self, register: u8) {
        let movzx = super::asm::Op {
            map: 1,
            ..super::asm::op32(0xb7)
        };
        self.asm.op(movzx, register, Rm::Reg(register));
    }

    /// S0 = the linear address plus `plus`. Uses only S0; destroys flags.
    fn linear(&mut self, address: &Address, plus: i32) {
        self.offset(address, plus);
        let long = self.key.bits == 64;
        let segment = address.mem.seg;
        let has_base = if long {
            segment >= seg::FS
        } else {
            !self.key.flat || segment >= seg::FS || segment == seg::CS
        };
        if has_base {
            self.asm.alu(alu::ADD, S0, env(at::seg_base(segment)));
            if !long {
                self.asm.mov32(S0, S0);
            }
        }
    }

    /// S0 = the host address of the item's memory operand. Destroys S1 and the host's flags.
    pub fn probe(&mut self, item: &Item, access: Access, size: u8) {
        self.probe_aligned(item, access, size, 0);
    }

    /// As [`probe`](Self::probe); a miss leaves before the instruction unless the address is a multiple of `alignment`.
    /// A hit has to be tested by the caller.
    pub fn probe_aligned(&mut self, item: &Item, access: Access, size: u8, alignment: u8) {
        let address = Address::of(self, item);
        self.probe_with(&address, access, size, alignment);
    }

    /// S0 = the host address of `size` bytes at `address`. Destroys S1 and the host's flags.
    pub fn probe_address(&mut self, address: &Address, access: Access, size: u8) {
        self.probe_with(address, access, size, 0);
    }

    fn probe_with(&mut self, address: &Address, access: Access, size: u8, alignment: u8) {
        self.clobber();
        let segment = address.mem.seg;
        if self.key.bits != 64 && (!self.key.flat || segment >= seg::FS || segment == seg::CS) {
            let reasons = match access {
                Access::Read => check::READ,
                Access::Write => check::READ | check::WRITE,
            };
            self.asm
                .op(super::asm::op32(0xf6), 0, env(at::seg_check(segment)));
            self.asm.byte(reasons);
            let from = self.asm.jcc(cc::NZ);
            self.leave_before(from);
        }
        self.linear(address, 0);
        self.entry_offset();
        let table = at::tlb(self.key.mmu);
        let word = match access {
            Access::Read => layout::READ,
            Access::Write => layout::WRITE,
        };
        let in_entry = |offset: usize| Rm::Index(Some(super::regs::ENV), S1, 0, table + offset as i32);
        self.asm.alu(alu::SUB, S0, in_entry(word));
        let last = softmmu::PAGE_SIZE as i32 - i32::from(size);
        self.asm.alu_imm(alu::CMP, Rm::Reg(S0), last, true);
        let from = self.asm.jcc(cc::A);
        self.asm.alu(alu::ADD, S0, in_entry(layout::HOST));
        let back = self.asm.at();
        let site = self.word(ExitKind::Interpret);
        self.cold.push(Cold {
            from,
            remake: self.remake,
            kind: ColdKind::Slow {
                address: *address,
                access,
                size,
                site,
                alignment,
                back,
            },
        });
    }

    /// S1 = the offset of the TLB entry for S0.
    fn entry_offset(&mut self) {
        if self.bmi2 {
            self.asm.vex(3, 3, false, false, 0xf0, S1, 0, Rm::Reg(S0));
            self.asm.byte(layout::ENTRY_SHIFT as u8);
        } else {
            self.asm.mov32(S1, S0);
            self.asm.shift_imm(5, S1, layout::ENTRY_SHIFT as u8, false);
        }
        self.asm
            .alu_imm(alu::AND, Rm::Reg(S1), layout::ENTRY_MASK as i32, false);
    }

    /// The branch at `from` leaves before the current instruction, which the interpreter executes.
    pub fn leave_before(&mut self, from: usize) {
        let word = self.word(ExitKind::Interpret);
        self.cold.push(Cold {
            from,
            remake: self.remake,
            kind: ColdKind::Exit(word),
        });
    }

    /// Emits everything that was put off.
    pub fn emit_cold(&mut self, items: &[Item]) {
        let mut put_off = std::mem::take(&mut self.cold);
        for cold in put_off.drain(..) {
            self.asm.bind_here(cold.from);
            if let Some(n) = cold.remake {
                self.remake_flags(&items[usize::from(n)]);
            }
            match cold.kind {
                ColdKind::Slow {
                    address,
                    access,
                    size,
                    site,
                    alignment,
                    back,
                } => {
                    self.linear(&address, 0);
                    let odd = (alignment != 0).then(|| self.test_alignment(alignment));
                    self.asm.mov_imm(S1, u64::from(site));
                    let call = self.asm.call();
                    self.relocs
                        .push((call, Thunk::slow(access == Access::Write, size)));
                    let jump = self.asm.jmp();
                    self.asm.bind(jump, back);
                    if let Some(odd) = odd {
                        self.asm.bind_here(odd);
                        self.exit(site);
                    }
                }
                ColdKind::Exit(word) => self.exit(word),
                ColdKind::Find { entry, site, back } => {
                    if entry {
                        let pc = std::mem::offset_of!(super::env::Jump, pc) as i32;
                        self.asm.load(S0, Rm::Base(S1, pc));
                    }
                    self.asm.mov_imm(S1, u64::from(site));
                    let call = self.asm.call();
                    self.relocs.push((call, Thunk::Find));
                    let jump = self.asm.jmp();
                    self.asm.bind(jump, back);
                }
                ColdKind::Engage { need, site, back } => {
                    self.asm.mov_imm(S1, u64::from(site));
                    let call = self.asm.call();
                    self.relocs.push((call, Thunk::Engage(need)));
                    let jump = self.asm.jmp();
                    self.asm.bind(jump, back);
                }
            }
        }
        self.cold = put_off;
    }

    /// Leaves generated code with `word`.
    pub fn exit(&mut self, word: u32) {
        self.asm.mov_imm(S1, u64::from(word));
        let jump = self.asm.jmp();
        self.relocs.push((jump, Thunk::Exit));
    }
}
