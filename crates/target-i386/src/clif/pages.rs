//! Shared TLB checks and kept pages, as [`plan`](super::plan) found them.
//!
//! A stream keeps the page of its last check, and what to add to reach the host's. While it does, nothing may happen
//! that the TLB would not let happen: every fill goes through `exit`'s slow path, which knows from `Env::pages` what is
//! kept, and has the region left (before the instruction, with the fill made) when an entry is not what it was. The
//! checks themselves never fill: where one fails, the instructions run with a probe for each access, in order.
//!
//! A kept page is compared by `lowest byte - page <= PAGE_SIZE - span`, which holds only if all of the span is in the
//! page. Before its first check a stream has a page that no address of it comes near: half the address space away, chosen
//! anew whenever one of its registers is changed by anything but a step. Steps are less than 2^31, and `enter_region`
//! allows 2^24 instructions.

use super::lower::Lower;
use super::memory::Access;
use super::plan::{Bundle, Form, Group, Member, Stream};
use super::region::Item;
use crate::insn::{NO_REG, RIP_BASE, seg};
use crate::jit::env::at;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Value};
use cranelift_frontend::Variable;
use softmmu::PAGE_SIZE;
use softmmu::tlb::layout;

/// The last page of a stream: its address, and what to add to an address in it to get the host's.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    page: Variable,
    addend: Variable,
}

/// A group that was checked, while its bundle is lowered.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    /// Host address of the lowest byte.
    host: Value,
    /// For one that is not a stream's: what of it `Env::pages` has to know before anything is filled.
    page: Option<(Value, Value)>,
}

/// What is lowered without checks.
#[derive(Default)]
pub(super) struct Unchecked {
    members: Vec<Member>,
    groups: Vec<Checked>,
}

/// The entry of the TLB for an address.
struct Looked {
    tag: Value,
    entry: Value,
    /// Whether the access hits.
    hit: Value,
}

impl Access {
    /// As the lowest bits of a word of `Env::pages`.
    pub(super) fn bit(self) -> i64 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
        }
    }
}

impl Lower<'_> {
    /// Declares the streams' pages, at the entry.
    pub fn keep_nothing(&mut self, streams: &[Stream]) {
        for stream in streams {
            let kept = Kept {
                page: self.b.declare_var(I64),
                addend: self.b.declare_var(I64),
            };
            let nowhere = self.nowhere(stream.form);
            self.b.def_var(kept.page, nowhere);
            let zero = self.constant(I64, 0);
            self.b.def_var(kept.addend, zero);
            self.kept.push(kept);
        }
    }

    /// No page, as far as can be from the form's addresses. Bit 0 is set, which it is not in a page.
    fn nowhere(&mut self, form: Form) -> Value {
        let here = self.form_address(form, 0);
        let far = self.constant(I64, i64::MIN);
        let nowhere = self.b.ins().bxor(here, far);
        let one = self.constant(I64, 1);
        self.b.ins().bor(nowhere, one)
    }

    /// A register of a stream is not any more where it was: if there is no page, that has to be far from the new place.
    pub fn replaced(&mut self, stream: usize) {
        let form = self.plan.streams[stream].form;
        let nowhere = self.nowhere(form);
        let variable = self.kept[stream].page;
        let page = self.b.use_var(variable);
        let one = self.constant(I64, 1);
        let none = self.b.ins().band(page, one);
        let page = self.b.ins().select(none, nowhere, page);
        self.b.def_var(variable, page);
    }

    /// The linear address that a form has now, plus a displacement.
    fn form_address(&mut self, form: Form, displacement: i64) -> Value {
        let mut sum = None;
        if form.base == RIP_BASE {
            sum = Some(self.fixed(at::RIP_BASE));
        } else if form.base != NO_REG {
            sum = Some(self.gpr(form.base));
        }
        if form.index != NO_REG {
            let mut index = self.gpr(form.index);
            if form.shift != 0 {
                let by = self.constant(I64, i64::from(form.shift));
                index = self.b.ins().ishl(index, by);
            }
            sum = Some(match sum {
                Some(base) => self.b.ins().iadd(base, index),
                None => index,
            });
        }
        let mut offset = match sum {
            None => self.constant(I64, displacement),
            Some(sum) => self.plus(sum, displacement),
        };
        if form.asize == 4 {
            let low = self.b.ins().ireduce(I32, offset);
            offset = self.b.ins().uextend(I64, low);
        }
        if form.seg < seg::FS {
            return offset;
        }
        let base = self.fixed(at::seg_base(form.seg));
        self.b.ins().iadd(base, offset)
    }

    fn plus(&mut self, value: Value, more: i64) -> Value {
        if more == 0 {
            return value;
        }
        let more = self.constant(I64, more);
        self.b.ins().iadd(value, more)
    }

    /// The TLB's entry for the page of the byte at `addr`; it hits if all of the span is in the page.
    fn look(&mut self, addr: Value, span: i64, access: Access) -> Looked {
        let shift = self.constant(I64, i64::from(layout::ENTRY_SHIFT));
        let mask = self.constant(I64, i64::from(layout::ENTRY_MASK));
        let shifted = self.b.ins().ushr(addr, shift);
        let offset = self.b.ins().band(shifted, mask);
        let entry = self.b.ins().iadd(self.env, offset);
        let word = match access {
            Access::Read => layout::READ,
            Access::Write => layout::WRITE,
        };
        let at = at::tlb(self.key.mmu) + word as i32;
        // The slow path changes entries: these loads stay where they are.
        let tag = self.b.ins().load(I64, MemFlagsData::trusted(), entry, at);
        let into = self.b.ins().isub(addr, tag);
        let limit = self.constant(I64, PAGE_SIZE as i64 - span);
        let hit = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, into, limit);
        Looked { tag, entry, hit }
    }

    /// What to add to an address that hits.
    fn addend(&mut self, looked: &Looked) -> Value {
        let at = at::tlb(self.key.mmu) + layout::HOST as i32;
        let host = self.b.ins().load(I64, MemFlagsData::trusted(), looked.entry, at);
        self.b.ins().isub(host, looked.tag)
    }

    /// Tells the slow path of a page that is relied on.
    fn note_page(&mut self, slot: usize, access: Access, page: Value, addend: Value) {
        let bit = self.constant(I64, access.bit());
        let word = self.b.ins().bor(page, bit);
        let at = at::PAGES + 16 * slot as i32;
        self.b.ins().store(MemFlagsData::trusted(), word, self.env, at);
        self.b
            .ins()
            .store(MemFlagsData::trusted(), addend, self.env, at + 8);
    }

    /// Tells the slow path of the pages that only this bundle relies on.
    pub fn note_checked(&mut self) {
        let groups = self.unchecked.groups.clone();
        for (n, checked) in groups.into_iter().enumerate() {
            if let Some((word, addend)) = checked.page {
                let at = at::PAGES + 16 * (super::plan::STREAMS + n) as i32;
                let flags = MemFlagsData::trusted();
                self.b.ins().store(flags, word, self.env, at);
                self.b.ins().store(flags, addend, self.env, at + 8);
            }
        }
    }

    /// The host address of `size` bytes at `addr`, by the page that stream `n` keeps.
    pub fn probe_kept(&mut self, n: usize, addr: Value, size: usize, access: Access) -> Value {
        let kept = self.kept[n];
        let (quick, miss, on) = (self.new_block(), self.new_block(), self.new_block());
        self.b.set_cold_block(miss);
        self.b.append_block_param(on, I64);
        self.compare_kept(kept, addr, size as i64, quick, miss);

        self.b.switch_to_block(quick);
        self.b.seal_block(quick);
        let addend = self.b.use_var(kept.addend);
        let host = self.b.ins().iadd(addr, addend);
        self.b.ins().jump(on, &[BlockArg::Value(host)]);

        self.b.switch_to_block(miss);
        self.b.seal_block(miss);
        let looked = self.look(addr, size as i64, access);
        let (found, fill) = (self.new_block(), self.new_block());
        self.b.set_cold_block(found);
        self.b.set_cold_block(fill);
        self.b.ins().brif(looked.hit, found, &[], fill, &[]);

        self.b.switch_to_block(found);
        self.b.seal_block(found);
        let addend = self.addend(&looked);
        self.b.def_var(kept.page, looked.tag);
        self.b.def_var(kept.addend, addend);
        self.note_page(n, access, looked.tag, addend);
        let host = self.b.ins().iadd(addr, addend);
        self.b.ins().jump(on, &[BlockArg::Value(host)]);

        self.b.switch_to_block(fill);
        self.b.seal_block(fill);
        self.fill_or_leave(addr, size, access, on);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
        self.b.block_params(on)[0]
    }

    fn compare_kept(&mut self, kept: Kept, addr: Value, span: i64, quick: Block, miss: Block) {
        let page = self.b.use_var(kept.page);
        let into = self.b.ins().isub(addr, page);
        let limit = self.constant(I64, PAGE_SIZE as i64 - span);
        let other = self.b.ins().icmp(IntCC::UnsignedGreaterThan, into, limit);
        self.b.ins().brif(other, miss, &[], quick, &[]);
    }

    /// Checks a group; goes to `cold` if there is no telling without a fill.
    fn check(&mut self, group: &Group, cold: Block) -> Checked {
        let addr = self.form_address(group.form, group.lowest);
        let on = self.new_block();
        let Some(n) = group.stream else {
            let looked = self.look(addr, group.span, group.access);
            self.b.ins().brif(looked.hit, on, &[], cold, &[]);
            self.b.switch_to_block(on);
            self.b.seal_block(on);
            let addend = self.addend(&looked);
            let host = self.b.ins().iadd(addr, addend);
            let bit = self.constant(I64, group.access.bit());
            let word = self.b.ins().bor(looked.tag, bit);
            return Checked {
                host,
                page: Some((word, addend)),
            };
        };
        let kept = self.kept[n];
        let (miss, found) = (self.new_block(), self.new_block());
        self.b.set_cold_block(miss);
        self.b.set_cold_block(found);
        self.compare_kept(kept, addr, group.span, on, miss);

        self.b.switch_to_block(miss);
        self.b.seal_block(miss);
        let looked = self.look(addr, group.span, group.access);
        self.b.ins().brif(looked.hit, found, &[], cold, &[]);

        self.b.switch_to_block(found);
        self.b.seal_block(found);
        let addend = self.addend(&looked);
        self.b.def_var(kept.page, looked.tag);
        self.b.def_var(kept.addend, addend);
        self.note_page(n, group.access, looked.tag, addend);
        self.b.ins().jump(on, &[]);

        self.b.switch_to_block(on);
        self.b.seal_block(on);
        let addend = self.b.use_var(kept.addend);
        let host = self.b.ins().iadd(addr, addend);
        Checked { host, page: None }
    }

    /// Lowers the instructions of a bundle, which are `items`, with and without checks. `rest` is the number of
    /// instructions from the first one to the end of the block.
    pub fn bundle(&mut self, bundle: &Bundle, items: &[Item], rest: i64) {
        let cold = self.new_block();
        self.b.set_cold_block(cold);
        let groups = bundle
            .groups
            .iter()
            .map(|group| self.check(group, cold))
            .collect();
        let before = self.status;
        self.unchecked = Unchecked {
            members: bundle.members.clone(),
            groups,
        };
        for (n, item) in items.iter().enumerate() {
            self.item(item, rest - n as i64);
        }
        self.unchecked = Unchecked::default();
        let status = self.status;
        let join = self.new_block();
        // What only one of the paths has computed reaches the join as a parameter.
        for value in status.values() {
            let ty = self.b.func.dfg.value_type(value);
            self.b.append_block_param(join, ty);
        }
        self.join(join);

        self.b.switch_to_block(cold);
        self.b.seal_block(cold);
        self.status = before;
        self.cold = true;
        for (n, item) in items.iter().enumerate() {
            self.item(item, rest - n as i64);
        }
        self.cold = false;
        self.join(join);

        self.b.switch_to_block(join);
        self.b.seal_block(join);
        self.status = status.with_values(self.b.block_params(join));
    }

    fn join(&mut self, join: Block) {
        let arguments: Vec<BlockArg> = self.status.values().into_iter().map(BlockArg::Value).collect();
        self.b.ins().jump(join, &arguments);
    }

    /// The host address of the memory operand of an instruction; leaves before it if there is none.
    pub fn operand_host(&mut self, item: &Item, size: usize, access: Access) -> Value {
        if let Some(host) = self.checked(false, size, access) {
            return host;
        }
        let addr = self.address(item);
        self.probe_by(
            self.plan.stream_of(self.block, item, None, access),
            addr,
            size,
            access,
        )
    }

    /// The same of the stack access of an instruction, at `addr`.
    pub fn stack_host(&mut self, item: &Item, addr: Value, size: usize, access: Access) -> Value {
        if let Some(host) = self.checked(true, size, access) {
            return host;
        }
        let stream = self
            .plan
            .stream_of(self.block, item, Some(self.key.stack), access);
        self.probe_by(stream, addr, size, access)
    }

    fn probe_by(&mut self, stream: Option<usize>, addr: Value, size: usize, access: Access) -> Value {
        match stream.filter(|_| !self.cold) {
            Some(n) => self.probe_kept(n, addr, size, access),
            None => self.probe(addr, size, access),
        }
    }

    /// The host address of an access of the present instruction that was checked with others.
    fn checked(&mut self, stack: bool, size: usize, access: Access) -> Option<Value> {
        let offset = self.offset;
        let member = self.unchecked.members.iter().find(|member| {
            i32::from(member.offset) == offset
                && member.stack == stack
                && member.size == size
                && member.access == access
        })?;
        let (host, above) = (self.unchecked.groups[member.group].host, member.above);
        Some(self.plus(host, above))
    }
}
