//! Flags that a block owes: left unmade at its end, because the block behind it overwrites them unseen.
//!
//! ```text
//! cmp rax,rbx                      flags in the host's only
//! mov [owed],(this block, cmp)     who can make them
//! jne to ---------------------->   to: mov rdx,[rdi]     may leave: then the run loop makes them, from RAX and RBX
//!                                      add rdx,1         overwrites them: from here on nobody asks
//! ```
//!
//! A block has two entries: one for flags in memory, which clears [`Env::owed`](super::Env), and one behind that for
//! flags that are owed. A link leads to the second if the block behind it looks at no flags before it overwrites them
//! all ([`Taker`]), and keeps the registers that they are made from until its last way out before that; else the link
//! leads by code that stores them.

use super::block::Item;
use super::plan::{Held, Writes};
use super::remake;
use crate::exec;
use crate::flags::Flags;
use iced_x86::{Mnemonic, OpKind};

/// The operation that flags are of.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// The sum of the second operand and what was added to it: the first is the result.
    Added,
    /// The difference: the first operand is the result.
    Subtracted,
    /// The comparison of the operands.
    Compared,
    /// The conjunction of the operands.
    Tested,
    /// A logical operation: the first operand is the result.
    Logical,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    /// A general register, by number.
    Register(u8),
    Constant(u64),
    /// What was read from memory: [`Env::snapshot`](super::Env::snapshot).
    Snapshot,
}

/// What owed flags are made from.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    operation: Operation,
    /// Bits of the operands.
    bits: u32,
    first: Operand,
    second: Operand,
    /// General registers among them.
    sources: u32,
}

impl Owed {
    /// The number in [`Env::owed`](super::Env) for block `id`.
    pub(super) fn word(id: u32) -> u32 {
        id | 1 << 31
    }

    /// The block that owes flags, by what [`Env::owed`](super::Env) holds; none if they are in memory.
    pub fn debtor(word: u32) -> Option<u32> {
        (word != 0).then_some(word & !(1 << 31))
    }

    /// How the item's flags can be made again from the registers that it leaves.
    fn of(item: &Item) -> Option<Self> {
        let raw = &item.raw;
        let compares = matches!(raw.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
        let sources = if compares && item.insn.has_mem() {
            let other = u32::from(raw.op0_kind() == OpKind::Memory);
            remake::source(raw, other)?
        } else {
            remake::sources(raw)?
        };
        let operand = |n: u32| match raw.op_kind(n) {
            OpKind::Register => Operand::Register(raw.op_register(n).full_register().number() as u8),
            OpKind::Memory => Operand::Snapshot,
            _ => Operand::Constant(raw.immediate(n)),
        };
        let operation = match raw.mnemonic() {
            Mnemonic::Add => Operation::Added,
            Mnemonic::Sub => Operation::Subtracted,
            Mnemonic::Cmp => Operation::Compared,
            Mnemonic::Test => Operation::Tested,
            _ => Operation::Logical,
        };
        Some(Self {
            operation,
            bits: 8 * exec::operand_size(raw) as u32,
            first: operand(0),
            second: match operation {
                // May be in memory; the result tells all.
                Operation::Logical => Operand::Constant(0),
                _ => operand(1),
            },
            sources,
        })
    }

    /// Whether the operation has to store what it reads from memory.
    pub(super) fn needs_snapshot(&self) -> bool {
        [self.first, self.second]
            .iter()
            .any(|operand| matches!(operand, Operand::Snapshot))
    }

    /// Makes them from the general registers and [`Env::snapshot`](super::Env::snapshot): packed as [`Flags::packed`].
    pub fn make(&self, registers: &[u64], snapshot: u64) -> u16 {
        let shift = 64 - self.bits;
        let value = |operand| {
            let wide = match operand {
                Operand::Register(n) => registers[usize::from(n)],
                Operand::Constant(value) => value,
                Operand::Snapshot => snapshot,
            };
            wide << shift >> shift
        };
        let (first, second) = (value(self.first), value(self.second));
        let sext = |value: u64| ((value << shift) as i64 >> shift) as u64;
        let mut flags = Flags::default();
        match self.operation {
            Operation::Added => {
                let (sum, a, b) = (first, first.wrapping_sub(second), second);
                flags.set_arith(self.bits, sext(sum), a & b | (a | b) & !sum);
            }
            Operation::Subtracted | Operation::Compared => {
                let (a, b) = match self.operation {
                    Operation::Compared => (first, second),
                    _ => (first.wrapping_add(second), second),
                };
                let difference = a.wrapping_sub(b);
                flags.set_arith(self.bits, sext(difference), !a & b | !(a ^ b) & difference);
            }
            Operation::Tested => flags.set_logic(sext(first & second)),
            Operation::Logical => flags.set_logic(sext(first)),
        }
        flags.packed()
    }
}

/// The number of the item whose flags the block may owe, and what they are made from: its last one that writes flags, if
/// they stay in the host's until the end, and their sources in the registers.
pub(super) fn owed(items: &[Item]) -> Option<(usize, Owed)> {
    let last = items.len().checked_sub(1)?;
    let n = items
        .iter()
        .rposition(|item| item.row.effects.writes != Writes::None)?;
    let effects = items[n].row.effects;
    if effects.writes != Writes::All || effects.leaves != Held::All {
        return None;
    }
    let owed = Owed::of(&items[n])?;
    // The last one is a branch that knows what to do with owed flags, or the block goes on behind it.
    let behind = &items[n + 1..];
    let keeps = |(at, item): (usize, &Item)| {
        let branch = n + 1 + at == last && item.row.last;
        (branch && item.row.settles
            || !item.row.last && !item.row.effects.clobbers && !item.row.effects.exits)
            && remake::changed(item) & owed.sources == 0
    };
    (behind.iter().enumerate().all(keeps) && !items[n].row.last).then_some((n, owed))
}

/// A block that may be entered with owed flags.
#[derive(Clone, Copy, Debug)]
pub struct Taker {
    /// The instruction that overwrites them. Ways out before it is complete show the flags owed.
    until: u8,
    /// General registers that may have changed at such a way out.
    changed: u32,
}

impl Taker {
    /// What the block is as a taker, if it may be one.
    pub(super) fn of(items: &[Item]) -> Option<Self> {
        let mut changed = 0;
        let mut at_exit = 0;
        for (n, item) in items.iter().enumerate() {
            let effects = item.row.effects;
            if effects.reads != Held::Nothing || effects.exits && !effects.cold || item.row.last {
                return None;
            }
            if effects.exits {
                at_exit = changed;
            }
            match effects.writes {
                Writes::All => {
                    return Some(Self {
                        until: n as u8,
                        changed: at_exit,
                    });
                }
                // Nobody looks at what it leaves: no way out until the next one.
                Writes::Some if !item.dead => return None,
                Writes::Some | Writes::None => changed |= remake::changed(item),
            }
        }
        None
    }

    /// Whether a way out before instruction `n` shows the flags owed.
    pub fn shows(&self, n: u8) -> bool {
        n <= self.until
    }

    /// Whether it can be entered with `owed` flags.
    pub fn takes(&self, owed: &Owed) -> bool {
        self.changed & owed.sources == 0
    }
}
