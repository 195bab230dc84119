//! Which accesses of a region share a TLB check, found before anything is lowered.
//!
//! ```text
//! blocks -> accesses (form of the address, distance from it) -> groups -> bundles; and which forms keep their page
//! ```
//!
//! Accesses whose addresses differ by constants form a group: one check that the bytes from the lowest to the highest
//! lie in one page is enough for all of them. A bundle is the stretch of a block from the first to the last access of
//! groups that overlap; `pages` checks all its groups at its start and lowers it twice, once without checks, and once
//! for when a check fails. A form whose registers only move in steps while some loop goes round visits few pages, one
//! after the other: a [`Stream`], whose last page is kept from one check to the next.

use super::memory::Access;
use super::region::{Block, End, Item, Region, Target};
use crate::insn::{MemOperand, NO_REG, RIP_BASE, seg};
use iced_x86::{InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

/// Most bytes from the first to the last of a group: the more, the more often it runs over the end of a page.
const REACH: i64 = 512;
/// Most streams of a region: each keeps two values in registers or on the stack.
pub(super) const STREAMS: usize = 6;

/// Most groups of a bundle.
pub(super) const GROUPS: usize = 8;

/// The registers of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub base: u8,
    pub index: u8,
    pub shift: u8,
    /// FS, GS, or any other one: those have base 0.
    pub seg: u8,
    /// Address size in bytes, 4 or 8.
    pub asize: u8,
}

impl Form {
    fn of(mem: MemOperand) -> Self {
        Self {
            base: mem.base,
            index: mem.index,
            shift: mem.shift,
            seg: if mem.seg < seg::FS { seg::DS } else { mem.seg },
            asize: mem.asize,
        }
    }

    fn stack(size: u8) -> Self {
        Self {
            base: 4,
            index: NO_REG,
            shift: 0,
            seg: seg::DS,
            asize: size,
        }
    }

    /// Its general registers.
    fn registers(self) -> impl Iterator<Item = usize> {
        [self.base, self.index]
            .into_iter()
            .filter(|&n| n < 16)
            .map(usize::from)
    }
}

/// Addresses of which the last page is kept.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub form: Form,
    pub access: Access,
    /// By block: whether it is in a loop that moves the form's registers in steps, or not at all.
    steady: Vec<bool>,
    /// Offsets of instructions that do anything else to them.
    replaced: Vec<u16>,
}

/// Accesses that one check is for.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub form: Form,
    /// A check for writing is one for reading as well.
    pub access: Access,
    /// The lowest byte is at the form's registers at the start of the bundle plus this.
    pub lowest: i64,
    /// Bytes from the lowest to the highest.
    pub span: i64,
    pub stream: Option<usize>,
}

/// An access that needs no check of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Offset of the instruction in the page.
    pub offset: u16,
    /// Whether it is the stack access of a PUSH or POP.
    pub stack: bool,
    pub access: Access,
    pub size: usize,
    /// Number of the group in its bundle.
    pub group: usize,
    /// Distance from the lowest byte of the group.
    pub above: i64,
}

/// Instructions that are lowered twice.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    /// Numbers of the first and the last instruction in their block.
    pub first: usize,
    pub last: usize,
    pub groups: Vec<Group>,
    pub members: Vec<Member>,
}

/// What is known of a region's accesses.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub streams: Vec<Stream>,
    /// By block, in order.
    pub bundles: Vec<Vec<Bundle>>,
}

/// A register while walking over a block: a new version whenever it is anything but moved by a constant.
#[derive(Clone, Copy, Default, PartialEq)]
struct Tracked {
    version: u32,
    moved: i64,
}

type Registers = [Tracked; 16];

/// What an instruction does to a register.
enum Effect {
    Moves(i64),
    Replaces,
}

/// An access of a block.
struct Found {
    item: usize,
    stack: bool,
    form: Form,
    /// Versions of base and index.
    versions: [u32; 2],
    /// Distance from the registers as they were when they got their versions.
    at: i64,
    size: usize,
    access: Access,
}

/// The accesses of an instruction, in the order of its row's probes: form, displacement, size, kind, whether stack.
fn accesses(
    item: &Item,
    stack: u8,
    factory: &mut InstructionInfoFactory,
) -> Vec<(Form, i64, usize, Access, bool)> {
    let raw = &item.raw;
    let mut found = Vec::new();
    let touches = !matches!(raw.mnemonic(), Mnemonic::Lea | Mnemonic::Nop);
    if item.insn.has_mem() && touches {
        let info = factory.info(raw);
        let operand = (0..raw.op_count()).find(|&op| raw.op_kind(op) == OpKind::Memory);
        let access = match operand.map(|op| info.op_access(op)) {
            Some(OpAccess::Read | OpAccess::CondRead) => Access::Read,
            _ => Access::Write,
        };
        let mem = item.insn.mem;
        let next = if mem.base == RIP_BASE {
            i64::from(item.next())
        } else {
            0
        };
        let at = i64::from(mem.disp) + next;
        found.push((Form::of(mem), at, raw.memory_size().size(), access, false));
    }
    let size = usize::from(stack);
    match raw.mnemonic() {
        Mnemonic::Push => found.push((Form::stack(stack), -(size as i64), size, Access::Write, true)),
        Mnemonic::Pop => found.push((Form::stack(stack), 0, size, Access::Read, true)),
        _ => {}
    }
    found
}

/// What an instruction does to general registers; those it leaves alone are not listed.
fn effects(item: &Item, bits: u32, factory: &mut InstructionInfoFactory) -> Vec<(usize, Effect)> {
    let raw = &item.raw;
    let wide = bits as usize / 8;
    let mut found = Vec::new();
    let moves = match raw.mnemonic() {
        Mnemonic::Push => return vec![(4, Effect::Moves(-(wide as i64)))],
        Mnemonic::Pop => {
            found.push((4, Effect::Moves(wide as i64)));
            None
        }
        _ if raw.op_count() == 0
            || raw.op0_kind() != OpKind::Register
            || raw.op0_register().size() != wide =>
        {
            None
        }
        Mnemonic::Inc => Some(1),
        Mnemonic::Dec => Some(-1),
        Mnemonic::Add if raw.op1_kind() != OpKind::Register && !item.insn.has_mem() => {
            Some(item.insn.imm as i64)
        }
        Mnemonic::Sub if raw.op1_kind() != OpKind::Register && !item.insn.has_mem() => {
            (item.insn.imm as i64).checked_neg()
        }
        Mnemonic::Lea => {
            let mem = item.insn.mem;
            let same = mem.base == item.insn.reg[0] && mem.index == NO_REG && usize::from(mem.asize) == wide;
            same.then_some(i64::from(mem.disp))
        }
        _ => None,
    };
    if let Some(by) = moves.filter(|by| i32::try_from(*by).is_ok()) {
        return vec![(usize::from(item.insn.reg[0]) & 15, Effect::Moves(by))];
    }
    for register in factory.info(raw).used_registers() {
        let full = register.register().full_register();
        let reads = matches!(
            register.access(),
            OpAccess::Read | OpAccess::CondRead | OpAccess::None
        );
        if full.is_gpr() && !reads {
            let stack = full == Register::RSP && raw.mnemonic() == Mnemonic::Pop;
            if !stack {
                found.push((full.number() & 15, Effect::Replaces));
            }
        }
    }
    if raw.mnemonic() == Mnemonic::Pop && item.insn.reg[0] == 4 {
        found.push((4, Effect::Replaces));
    }
    found
}

impl Plan {
    /// The plan for a region.
    pub fn new(region: &Region) -> Self {
        let mut factory = InstructionInfoFactory::new();
        let mut plan = Self::default();
        plan.find_streams(region, &mut factory);
        for n in 0..region.blocks.len() {
            let bundles = plan.bundles_of(n, region, &mut factory);
            plan.bundles.push(bundles);
        }
        plan
    }

    /// The forms that are used most among those whose registers move in steps where they are used.
    fn find_streams(&mut self, region: &Region, factory: &mut InstructionInfoFactory) {
        // Block, offset and register of what is no step.
        let mut replaced: Vec<(usize, u16, usize)> = Vec::new();
        for (n, block) in region.blocks.iter().enumerate() {
            for item in &block.items {
                for (register, effect) in effects(item, region.key.bits, factory) {
                    if matches!(effect, Effect::Replaces) {
                        replaced.push((n, item.offset, register));
                    }
                }
            }
        }
        let mut counts: Vec<(Stream, usize)> = Vec::new();
        for (n, block) in region.blocks.iter().enumerate() {
            for item in &block.items {
                for (form, _, _, access, _) in accesses(item, region.key.stack, factory) {
                    let known = counts
                        .iter_mut()
                        .find(|(known, _)| (known.form, known.access) == (form, access));
                    if let Some((stream, count)) = known {
                        *count += usize::from(stream.steady[n]);
                        continue;
                    }
                    let of_form = || {
                        replaced
                            .iter()
                            .filter(|(.., n)| form.registers().any(|of| of == *n))
                    };
                    let broken: Vec<usize> = of_form().map(|&(block, ..)| block).collect();
                    let steady = steady(region, &broken);
                    let count = usize::from(steady[n]);
                    let stream = Stream {
                        form,
                        access,
                        steady,
                        replaced: of_form().map(|&(_, offset, _)| offset).collect(),
                    };
                    counts.push((stream, count));
                }
            }
        }
        counts.retain(|&(_, count)| count > 0);
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        self.streams = counts
            .into_iter()
            .take(STREAMS)
            .map(|(stream, _)| stream)
            .collect();
    }

    /// The stream that an access in a block belongs to.
    fn stream(&self, block: usize, form: Form, access: Access) -> Option<usize> {
        self.streams
            .iter()
            .position(|stream| (stream.form, stream.access) == (form, access) && stream.steady[block])
    }

    /// The stream of the memory operand, or of the stack access, of an instruction.
    pub fn stream_of(&self, block: usize, item: &Item, stack: Option<u8>, access: Access) -> Option<usize> {
        let form = stack.map_or_else(|| Form::of(item.insn.mem), Form::stack);
        self.stream(block, form, access)
    }

    /// The streams of which the instruction at an offset replaces a register.
    pub fn replaced_at(&self, offset: u16) -> impl Iterator<Item = usize> {
        self.streams
            .iter()
            .enumerate()
            .filter_map(move |(n, stream)| stream.replaced.contains(&offset).then_some(n))
    }

    fn bundles_of(&self, at: usize, region: &Region, factory: &mut InstructionInfoFactory) -> Vec<Bundle> {
        let block = &region.blocks[at];
        let (found, before) = walk(block, region, factory);
        let mut groups: Vec<Vec<&Found>> = Vec::new();
        for access in &found {
            let joins = |group: &&mut Vec<&Found>| {
                let first = group[0];
                let lowest = group
                    .iter()
                    .map(|other| other.at)
                    .min()
                    .unwrap_or(0)
                    .min(access.at);
                let end = |access: &Found| access.at + access.size as i64;
                let highest = group
                    .iter()
                    .map(|other| end(other))
                    .max()
                    .unwrap_or(0)
                    .max(end(access));
                first.form == access.form && first.versions == access.versions && highest - lowest <= REACH
            };
            match groups.iter_mut().find(joins) {
                Some(group) => group.push(access),
                None => groups.push(vec![access]),
            }
        }
        groups.retain(|group| group.len() > 1);
        let mut bundles: Vec<Bundle> = Vec::new();
        for group in &groups {
            let (first, last) = (group[0].item, group[group.len() - 1].item);
            let form = group[0].form;
            // Its registers have to be at hand where the bundle begins.
            let current = |item: usize| {
                let versions = versions(form, &before[item]);
                versions == group[0].versions
            };
            let bundle = match bundles.last_mut() {
                Some(bundle) if first <= bundle.last => {
                    if !current(bundle.first) || bundle.groups.len() == GROUPS {
                        continue;
                    }
                    bundle.last = bundle.last.max(last);
                    bundle
                }
                _ => {
                    bundles.push(Bundle {
                        first,
                        last,
                        groups: Vec::new(),
                        members: Vec::new(),
                    });
                    bundles.last_mut().expect("just pushed")
                }
            };
            let writes = group.iter().any(|found| found.access == Access::Write);
            let access = if writes { Access::Write } else { Access::Read };
            let lowest = group.iter().map(|found| found.at).min().unwrap_or(0);
            let end = group.iter().map(|found| found.at + found.size as i64).max();
            for found in group {
                bundle.members.push(Member {
                    offset: block.items[found.item].offset,
                    stack: found.stack,
                    access: found.access,
                    size: found.size,
                    group: bundle.groups.len(),
                    above: found.at - lowest,
                });
            }
            bundle.groups.push(Group {
                form,
                access,
                lowest: lowest - moved(form, &before[bundle.first]),
                span: end.unwrap_or(lowest) - lowest,
                stream: self.stream(at, form, access),
            });
        }
        bundles
    }
}

/// Which blocks are in a loop without any of the blocks of `broken`.
fn steady(region: &Region, broken: &[usize]) -> Vec<bool> {
    let next = |n: usize| {
        let targets = match region.blocks[n].end {
            End::Go(to) => [to, Target::Interpret],
            End::Branch { taken, next } => [taken, next],
            End::Stop(_) => [Target::Interpret; 2],
        };
        targets.into_iter().filter_map(|target| match target {
            Target::Block(to) if !broken.contains(&to) => Some(to),
            _ => None,
        })
    };
    let reaches_itself = |start: usize| {
        let mut seen = vec![false; region.blocks.len()];
        let mut stack = vec![start];
        while let Some(n) = stack.pop() {
            for to in next(n) {
                if !std::mem::replace(&mut seen[to], true) {
                    stack.push(to);
                }
            }
        }
        seen[start]
    };
    (0..region.blocks.len())
        .map(|n| !broken.contains(&n) && reaches_itself(n))
        .collect()
}

fn versions(form: Form, registers: &Registers) -> [u32; 2] {
    [form.base, form.index].map(|n| {
        registers
            .get(usize::from(n))
            .map_or(0, |register| register.version)
    })
}

/// How far the address has moved since its registers got their versions.
fn moved(form: Form, registers: &Registers) -> i64 {
    let by = |n: u8| registers.get(usize::from(n)).map_or(0, |register| register.moved);
    by(form.base) + (by(form.index) << form.shift)
}

/// The accesses of a block, and the registers before each instruction.
fn walk(
    block: &Block,
    region: &Region,
    factory: &mut InstructionInfoFactory,
) -> (Vec<Found>, Vec<Registers>) {
    let mut registers = Registers::default();
    let (mut found, mut before) = (Vec::new(), Vec::new());
    for (n, item) in block.items.iter().enumerate() {
        before.push(registers);
        for (form, displacement, size, access, stack) in accesses(item, region.key.stack, factory) {
            found.push(Found {
                item: n,
                stack,
                form,
                versions: versions(form, &registers),
                at: displacement + moved(form, &registers),
                size,
                access,
            });
        }
        for (register, effect) in effects(item, region.key.bits, factory) {
            let register = &mut registers[register];
            match effect {
                Effect::Moves(by) => register.moved += by,
                Effect::Replaces => {
                    *register = Tracked {
                        version: register.version + 1,
                        moved: 0,
                    };
                }
            }
        }
    }
    (found, before)
}
