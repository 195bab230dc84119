//! Choosing what becomes one function: the blocks of a loop in one page, from the copied bytes of the page.

use super::rows::{self, Row};
use crate::decode::{self, Context, Decoded};
use crate::jit::Key;
use crate::{Features, Insn};
use iced_x86::{Instruction, Mnemonic, OpKind};
use std::collections::BTreeMap;

/// Most instructions of a region.
pub const MAX_INSNS: usize = 200;
/// Bytes of a page.
const PAGE: usize = 4096;

/// An instruction with its row.
pub(super) struct Item {
    pub raw: Instruction,
    pub insn: Insn,
    /// Offset in the page.
    pub offset: u16,
    pub row: Row,
}

impl Item {
    /// Offset of the next instruction.
    pub fn next(&self) -> i32 {
        i32::from(self.offset) + i32::from(self.insn.len)
    }
}

/// Where control goes behind a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To a block of the region.
    Block(usize),
    /// Out of the region, to an offset from the page's start.
    Outside(i32),
    /// The branch itself has to be executed by the interpreter.
    Interpret,
}

/// How a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// JMP (the last item), or the next block simply follows.
    Go(Target),
    /// Jcc, the last item.
    Branch { taken: Target, next: Target },
    /// At an instruction without a row, at this offset.
    Stop(u16),
}

/// Straight code.
pub(super) struct Block {
    pub offset: u16,
    pub items: Vec<Item>,
    pub end: End,
}

/// A loop to be compiled.
pub struct Region {
    /// Blocks in order of address.
    pub(super) blocks: Vec<Block>,
    /// Index of the block at which it is entered.
    pub(super) entry: usize,
    /// What of the mode it depends on.
    pub key: Key,
    /// What it was made of: offset in the page, and bytes.
    pub bytes: Vec<(u16, Box<[u8]>)>,
}

/// A block before targets have indices.
struct Draft {
    items: Vec<Item>,
    end: DraftEnd,
}

#[derive(Clone, Copy)]
enum DraftEnd {
    Go(i64),
    Branch { taken: i64, next: i64 },
    Stop(u16),
}

impl DraftEnd {
    fn targets(self) -> impl Iterator<Item = i64> {
        let (a, b) = match self {
            Self::Go(to) => (Some(to), None),
            Self::Branch { taken, next } => (Some(taken), Some(next)),
            Self::Stop(_) => (None, None),
        };
        a.into_iter().chain(b)
    }
}

fn in_page(target: i64) -> Option<u16> {
    (0..PAGE as i64).contains(&target).then_some(target as u16)
}

impl Region {
    /// The loop around `entry`, an offset in `page`; none if there is no loop, or the mode is not one for regions.
    pub fn form(page: &[u8; PAGE], entry: u16, key: Key, features: Features) -> Option<Self> {
        let drafts = drafts(page, entry, key, features)?;
        let members = cycle(&drafts, entry)?;
        Self::of(page, entry, key, drafts, &members)
    }

    /// All that direct jumps reach from `entry`, be there a loop or not: so that every row can be tested alone. None if
    /// the first instruction has no row.
    pub fn straight(page: &[u8; PAGE], entry: u16, key: Key, features: Features) -> Option<Self> {
        let drafts = drafts(page, entry, key, features)?;
        let members: Vec<u16> = drafts
            .iter()
            .filter(|(_, draft)| !draft.items.is_empty())
            .map(|(&at, _)| at)
            .collect();
        Self::of(page, entry, key, drafts, &members)
    }

    fn of(
        page: &[u8; PAGE],
        entry: u16,
        key: Key,
        drafts: BTreeMap<u16, Draft>,
        members: &[u16],
    ) -> Option<Self> {
        let index = |to: i64| in_page(to).and_then(|to| members.binary_search(&to).ok());
        let mut blocks = Vec::with_capacity(members.len());
        let mut bytes = Vec::with_capacity(members.len());
        for (offset, draft) in drafts {
            if members.binary_search(&offset).is_err() {
                continue;
            }
            let branch = |to: i64| match (index(to), in_page(to)) {
                (Some(block), _) => Target::Block(block),
                (None, Some(to)) => Target::Outside(i32::from(to)),
                (None, None) => Target::Interpret,
            };
            // Running off the page's end is no branch.
            let follow = |to: i64| match index(to) {
                Some(block) => Target::Block(block),
                None => Target::Outside(to as i32),
            };
            let jumps = draft
                .items
                .last()
                .is_some_and(|item| item.raw.mnemonic() == Mnemonic::Jmp);
            let end = match draft.end {
                DraftEnd::Go(to) if jumps => End::Go(branch(to)),
                DraftEnd::Go(to) => End::Go(follow(to)),
                DraftEnd::Branch { taken, next } => End::Branch {
                    taken: branch(taken),
                    next: follow(next),
                },
                DraftEnd::Stop(at) => End::Stop(at),
            };
            let stop = draft.items.last().map_or(i32::from(offset), Item::next) as usize;
            bytes.push((offset, page[usize::from(offset)..stop].into()));
            blocks.push(Block {
                offset,
                items: draft.items,
                end,
            });
        }
        Some(Self {
            entry: index(i64::from(entry))?,
            blocks,
            key,
            bytes,
        })
    }

    /// Number of instructions.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.items.len()).sum()
    }

    /// Whether it holds no instruction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Instructions of the block that it is entered at: the least budget with which entering it gets anywhere.
    pub fn first_len(&self) -> usize {
        self.blocks[self.entry].items.len()
    }
}

/// The blocks that direct jumps reach in the page; none if the mode is not one for regions.
fn drafts(page: &[u8; PAGE], entry: u16, key: Key, features: Features) -> Option<BTreeMap<u16, Draft>> {
    rows::mode_fits(key).then(|| split(discover(page, entry, key, features)))
}

/// Decodes what direct jumps reach in the page, up to about [`MAX_INSNS`] instructions.
fn discover(page: &[u8; PAGE], entry: u16, key: Key, features: Features) -> BTreeMap<u16, Draft> {
    let context = Context {
        bits: key.bits,
        real_like: key.real_like,
        features,
    };
    let mut drafts: BTreeMap<u16, Draft> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([entry]);
    let mut total = 0;
    while let Some(start) = queue.pop_front() {
        if drafts.contains_key(&start) || total >= MAX_INSNS {
            continue;
        }
        let mut items: Vec<Item> = Vec::new();
        let mut at = start;
        let end = loop {
            if at != start && drafts.contains_key(&at) || usize::from(at) >= PAGE {
                break DraftEnd::Go(i64::from(at));
            }
            let mut raw = Instruction::default();
            let Decoded::Insn(insn) = decode::decode_into(&page[usize::from(at)..], context, &mut raw) else {
                break DraftEnd::Stop(at);
            };
            let Some(row) = rows::row(&raw, &insn, key).filter(|_| total < MAX_INSNS) else {
                break DraftEnd::Stop(at);
            };
            total += 1;
            let next = at + u16::from(insn.len);
            // A distance of 32-bit code is not sign-extended.
            let distance = if context.bits == 64 {
                insn.imm as i64
            } else {
                i64::from(insn.imm as i32)
            };
            let target = i64::from(next).wrapping_add(distance);
            let branches = matches!(raw.op0_kind(), OpKind::NearBranch32 | OpKind::NearBranch64);
            let conditional = raw.mnemonic() != Mnemonic::Jmp;
            items.push(Item {
                raw,
                insn,
                offset: at,
                row,
            });
            at = next;
            if branches {
                break if conditional {
                    DraftEnd::Branch {
                        taken: target,
                        next: i64::from(next),
                    }
                } else {
                    DraftEnd::Go(target)
                };
            }
        };
        queue.extend(end.targets().filter_map(in_page));
        drafts.insert(start, Draft { items, end });
    }
    drafts
}

/// Cuts blocks where another begins in their middle, so that no instruction is in two.
fn split(drafts: BTreeMap<u16, Draft>) -> BTreeMap<u16, Draft> {
    let starts: Vec<u16> = drafts.keys().copied().collect();
    drafts
        .into_iter()
        .map(|(start, mut draft)| {
            let cut = draft
                .items
                .iter()
                .position(|item| item.offset != start && starts.binary_search(&item.offset).is_ok());
            if let Some(n) = cut {
                draft.end = DraftEnd::Go(i64::from(draft.items[n].offset));
                draft.items.truncate(n);
            }
            (start, draft)
        })
        .collect()
}

/// The blocks that `entry` reaches and that reach it, in order; none if it does not reach itself.
fn cycle(drafts: &BTreeMap<u16, Draft>, entry: u16) -> Option<Vec<u16>> {
    let successors = |at: u16| {
        let end = drafts.get(&at).map(|draft| draft.end);
        end.into_iter()
            .flat_map(DraftEnd::targets)
            .filter_map(in_page)
            .filter(|to| drafts.contains_key(to))
    };
    let mut before: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    for &from in drafts.keys() {
        for to in successors(from) {
            before.entry(to).or_default().push(from);
        }
    }
    let flood = |next: &dyn Fn(u16) -> Vec<u16>| {
        let mut seen = std::collections::BTreeSet::new();
        let mut stack = next(entry);
        while let Some(at) = stack.pop() {
            if seen.insert(at) {
                stack.extend(next(at));
            }
        }
        seen
    };
    let forward = flood(&|at| successors(at).collect());
    let backward = flood(&|at| before.get(&at).cloned().unwrap_or_default());
    forward
        .contains(&entry)
        .then(|| forward.intersection(&backward).copied().collect())
}
