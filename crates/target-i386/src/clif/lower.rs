//! A region as one CLIF function: entry, blocks, exits, and where guest registers are.

use super::exit::{RegionExit, RegionExitKind};
use super::flags::Status;
use super::pages::{Kept, Unchecked};
use super::plan::{Bundle, Plan};
use super::region::{Block, End, Item, Region, Target};
use super::rows;
use crate::insn::HIGH_BYTE;
use crate::jit::Key;
use crate::jit::env::at;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{
    self, AbiParam, FuncRef, Function, InstBuilder, MemFlagsData, Signature, SourceLoc, Type, Value,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use iced_x86::{InstructionInfoFactory, OpAccess};
use std::rc::Rc;

/// The signature of a region: `extern "C" fn(env: *mut Env) -> u64`.
pub fn signature() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(I64));
    signature.returns.push(AbiParam::new(I64));
    signature
}

/// The signature of [`slow`](super::slow).
pub fn slow_signature() -> Signature {
    let mut signature = Signature::new(CallConv::PreserveAll);
    signature.params.push(AbiParam::new(I64));
    signature
}

/// What a lowering needs besides the region; kept for the next one.
#[derive(Default)]
pub struct Lowering {
    context: FunctionBuilderContext,
}

impl Lowering {
    /// Makes `function`, which is empty, the region's. `slow` is [`slow`](super::slow) declared in it.
    pub fn lower(
        &mut self,
        region: &Region,
        function: &mut Function,
        slow: FuncRef,
        config: TargetFrontendConfig,
    ) {
        function.signature = signature();
        let mut builder = FunctionBuilder::new(function, &mut self.context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let env = builder.block_params(entry)[0];
        let gpr = std::array::from_fn(|_| builder.declare_var(I64));
        let left = builder.declare_var(I32);
        let (used, written) = registers(region);
        let plan = Rc::new(Plan::new(region));
        let mut lower = Lower {
            b: builder,
            env,
            key: region.key,
            gpr,
            left,
            written,
            status: Status::Memory,
            inherits: Vec::new(),
            slow,
            offset: 0,
            rest: 0,
            plan: plan.clone(),
            kept: Vec::new(),
            unchecked: Unchecked::default(),
            block: 0,
            cold: false,
        };
        lower.enter(used);
        lower.keep_nothing(&plan.streams);
        let blocks: Vec<ir::Block> = region.blocks.iter().map(|_| lower.b.create_block()).collect();
        lower.b.ins().jump(blocks[region.entry], &[]);
        let mut leaves = vec![Status::Memory; blocks.len()];
        let predecessors = predecessors(region);
        // Flags are known from the only block that leads here, if it has been lowered.
        lower.inherits = (0..blocks.len())
            .map(|n| matches!(predecessors[n][..], [from] if from < n && n != region.entry))
            .collect();
        for (n, block) in region.blocks.iter().enumerate() {
            lower.b.switch_to_block(blocks[n]);
            lower.status = match predecessors[n][..] {
                [from] if lower.inherits[n] => leaves[from],
                _ => Status::Memory,
            };
            lower.block = n;
            lower.block(block, &plan.bundles[n], &blocks);
            leaves[n] = lower.status;
        }
        lower.b.seal_all_blocks();
        lower.b.finalize(config);
    }
}

/// Which blocks lead to each.
fn predecessors(region: &Region) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); region.blocks.len()];
    for (from, block) in region.blocks.iter().enumerate() {
        let targets = match block.end {
            End::Go(to) => [to, Target::Interpret],
            End::Branch { taken, next } => [taken, next],
            End::Stop(_) => continue,
        };
        for target in targets {
            if let Target::Block(to) = target {
                all[to].push(from);
            }
        }
    }
    all
}

/// The general registers that a region uses, and those it writes, as bits.
fn registers(region: &Region) -> (u16, u16) {
    let mut factory = InstructionInfoFactory::new();
    let (mut used, mut written) = (0, 0);
    for item in region.blocks.iter().flat_map(|block| &block.items) {
        for register in factory.info(&item.raw).used_registers() {
            let full = register.register().full_register();
            if !full.is_gpr() {
                continue;
            }
            let bit = 1 << (full.number() & 15);
            used |= bit;
            let reads = matches!(
                register.access(),
                OpAccess::Read | OpAccess::CondRead | OpAccess::None
            );
            if !reads {
                written |= bit;
            }
        }
    }
    (used, written)
}

/// A function under construction.
pub(super) struct Lower<'a> {
    pub b: FunctionBuilder<'a>,
    pub env: Value,
    pub key: Key,
    gpr: [Variable; 16],
    left: Variable,
    written: u16,
    /// Where the flags are.
    pub status: Status,
    /// By block: whether the flags are where the only block that leads to it has left them.
    inherits: Vec<bool>,
    slow: FuncRef,
    /// Offset of the current instruction in its page.
    pub offset: i32,
    /// Instructions of the current block from this one on.
    rest: i64,
    pub plan: Rc<Plan>,
    /// By stream.
    pub kept: Vec<Kept>,
    /// Of the bundle that is being lowered.
    pub unchecked: Unchecked,
    /// Number of the current block.
    pub block: usize,
    /// On the path for failed checks.
    pub cold: bool,
}

/// The type of an operand of `size` bytes.
pub(super) fn int(size: usize) -> Type {
    match size {
        1 => I8,
        2 => I16,
        4 => I32,
        _ => I64,
    }
}

impl Lower<'_> {
    pub fn constant(&mut self, ty: Type, value: i64) -> Value {
        let bits = ty.bits();
        let value = if bits < 64 {
            (value as u64 & ((1 << bits) - 1)) as i64
        } else {
            value
        };
        self.b.ins().iconst(ty, value)
    }

    /// A block; a cold one where everything is.
    pub fn new_block(&mut self) -> ir::Block {
        let block = self.b.create_block();
        if self.cold {
            self.b.set_cold_block(block);
        }
        block
    }

    /// Loads a field that nothing in a region changes.
    pub fn fixed(&mut self, offset: i32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(I64, flags, self.env, offset)
    }

    fn enter(&mut self, used: u16) {
        let flags = MemFlagsData::trusted();
        let env = self.env;
        for n in 0..16u8 {
            let value = if used >> n & 1 != 0 {
                self.b.ins().load(I64, flags, env, at::gpr(n))
            } else {
                self.constant(I64, 0)
            };
            self.b.def_var(self.gpr[usize::from(n)], value);
        }
        let left = self.b.ins().load(I32, flags, env, at::LEFT);
        self.b.def_var(self.left, left);
    }

    fn block(&mut self, block: &Block, bundles: &[Bundle], blocks: &[ir::Block]) {
        self.offset = i32::from(block.offset);
        self.b.set_srcloc(SourceLoc::default());
        let count = block.items.len() as i64;
        if count > 0 {
            let left = self.b.use_var(self.left);
            let count = self.constant(I32, count);
            let rest = self.b.ins().isub(left, count);
            let zero = self.constant(I32, 0);
            let short = self.b.ins().icmp(IntCC::SignedLessThan, rest, zero);
            // Nothing of the block is done, and nothing is counted yet.
            self.rest = 0;
            self.leave_if(short, RegionExitKind::Budget);
            self.b.def_var(self.left, rest);
        }
        let mut n = 0;
        let mut bundles = bundles.iter().peekable();
        while let Some(item) = block.items.get(n) {
            let rest = count - n as i64;
            if let Some(bundle) = bundles.next_if(|bundle| bundle.first == n) {
                self.bundle(bundle, &block.items[n..=bundle.last], rest);
                n = bundle.last + 1;
            } else {
                self.item(item, rest);
                n += 1;
            }
        }
        match block.end {
            End::Go(Target::Block(to)) => {
                if !self.inherits[to] {
                    self.store_words();
                }
                self.b.ins().jump(blocks[to], &[]);
            }
            End::Go(Target::Outside(to)) => self.leave_for(to),
            End::Go(Target::Interpret) => self.leave(RegionExitKind::Interpret),
            End::Branch { taken, next } => {
                let code = block.items.last().map_or(0, |item| rows::condition(&item.raw));
                // A negated condition exchanges the targets.
                let holds = self.positive(code >> 1 & 7);
                let (taken, next) = if code & 1 == 0 {
                    (taken, next)
                } else {
                    (next, taken)
                };
                let needs = |to: Target| matches!(to, Target::Block(to) if !self.inherits[to]);
                let both = needs(taken) && needs(next);
                if both {
                    self.store_words();
                }
                let targets = [taken, next].map(|to| self.target(to, both, blocks));
                let [taken, next] = targets.map(|(block, _)| block);
                self.b.ins().brif(holds, taken, &[], next, &[]);
                // Each way leaves from the branch.
                let here = (self.offset, self.rest);
                for (block, target) in targets {
                    let Some(target) = target else { continue };
                    (self.offset, self.rest) = here;
                    self.b.switch_to_block(block);
                    self.b.seal_block(block);
                    match target {
                        Target::Block(to) => {
                            self.store_words();
                            self.b.ins().jump(blocks[to], &[]);
                        }
                        Target::Outside(to) => self.leave_for(to),
                        Target::Interpret => self.leave(RegionExitKind::Interpret),
                    }
                }
            }
            End::Stop(at) => {
                self.offset = i32::from(at);
                self.rest = 0;
                self.leave(RegionExitKind::Interpret);
            }
        }
    }

    /// Lowers an instruction; `rest` is the number of instructions from it to the end of the block.
    pub fn item(&mut self, item: &Item, rest: i64) {
        self.offset = i32::from(item.offset);
        // Listings show whose this is.
        self.b.set_srcloc(SourceLoc::new(u32::from(item.offset)));
        self.rest = rest;
        (item.row)(self, item);
        let plan = self.plan.clone();
        for stream in plan.replaced_at(item.offset) {
            self.replaced(stream);
        }
    }

    /// The CLIF block for a target; with the target itself if that block has still to be filled. Words are `stored`
    /// already, or have to be on the way to a block that looks for them in memory.
    fn target(&mut self, target: Target, stored: bool, blocks: &[ir::Block]) -> (ir::Block, Option<Target>) {
        match target {
            Target::Block(to) if stored || self.inherits[to] || matches!(self.status, Status::Memory) => {
                (blocks[to], None)
            }
            Target::Block(_) => (self.b.create_block(), Some(target)),
            outside => {
                let block = self.b.create_block();
                self.b.set_cold_block(block);
                (block, Some(outside))
            }
        }
    }

    /// Leaves before the current instruction if `cold`; goes on in a new block.
    fn leave_if(&mut self, cold: Value, kind: RegionExitKind) {
        let (out, on) = (self.new_block(), self.new_block());
        self.b.set_cold_block(out);
        self.b.ins().brif(cold, out, &[], on, &[]);
        self.b.switch_to_block(out);
        self.b.seal_block(out);
        self.leave(kind);
        self.b.switch_to_block(on);
        self.b.seal_block(on);
    }

    /// Leaves behind the block for an offset from the page's start.
    fn leave_for(&mut self, offset: i32) {
        self.rest = 0;
        self.offset = offset;
        self.leave(RegionExitKind::Outside);
    }

    /// Leaves with the state before the current instruction.
    pub fn leave(&mut self, kind: RegionExitKind) {
        let flags = MemFlagsData::trusted();
        let env = self.env;
        for n in 0..16u8 {
            if self.written >> n & 1 != 0 {
                let value = self.b.use_var(self.gpr[usize::from(n)]);
                self.b.ins().store(flags, value, env, at::gpr(n));
            }
        }
        self.store_words();
        let mut left = self.b.use_var(self.left);
        if self.rest != 0 {
            let rest = self.constant(I32, self.rest);
            left = self.b.ins().iadd(left, rest);
        }
        self.b.ins().store(flags, left, env, at::LEFT);
        let exit = RegionExit {
            kind,
            offset: self.offset,
        };
        let word = self.constant(I64, exit.word() as i64);
        self.b.ins().return_(&[word]);
    }

    /// Calls the slow path: a host address or null.
    pub fn call_slow(&mut self, addr: Value, how: u32) -> Value {
        let flags = MemFlagsData::trusted();
        let how = self.constant(I32, i64::from(how));
        self.b.ins().store(flags, addr, self.env, at::SCRATCH);
        self.b.ins().store(flags, how, self.env, at::SITE);
        self.b.ins().call(self.slow, &[self.env]);
        self.b.ins().load(I64, flags, self.env, at::SCRATCH)
    }

    /// A general register, whole.
    pub fn gpr(&mut self, n: u8) -> Value {
        self.b.use_var(self.gpr[usize::from(n & 15)])
    }

    pub fn set_gpr(&mut self, n: u8, value: Value) {
        self.b.def_var(self.gpr[usize::from(n & 15)], value);
    }

    /// A register operand of `size` bytes, by its number in `Insn::reg`.
    pub fn register(&mut self, n: u8, size: usize) -> Value {
        if size == 1 && n >= HIGH_BYTE {
            let whole = self.gpr(n - HIGH_BYTE);
            let eight = self.constant(I64, 8);
            let shifted = self.b.ins().ushr(whole, eight);
            return self.b.ins().ireduce(I8, shifted);
        }
        let whole = self.gpr(n);
        if size == 8 {
            whole
        } else {
            self.b.ins().ireduce(int(size), whole)
        }
    }

    /// Writes a register operand: bytes and words merge, doublewords zero-extend.
    pub fn set_register(&mut self, n: u8, size: usize, value: Value) {
        let (number, shift) = if size == 1 && n >= HIGH_BYTE {
            (n - HIGH_BYTE, 8)
        } else {
            (n, 0)
        };
        if size == 8 {
            return self.set_gpr(number, value);
        }
        let mut wide = self.b.ins().uextend(I64, value);
        if size < 4 {
            if shift != 0 {
                let by = self.constant(I64, shift);
                wide = self.b.ins().ishl(wide, by);
            }
            let field = ((1i64 << (8 * size)) - 1) << shift;
            let mask = self.constant(I64, !field);
            let old = self.gpr(number);
            let kept = self.b.ins().band(old, mask);
            wide = self.b.ins().bor(kept, wide);
        }
        self.set_gpr(number, wide);
    }

    /// Offset of the instruction behind `item` from the page's start.
    pub fn next(&self, item: &Item) -> i64 {
        i64::from(item.next())
    }
}
