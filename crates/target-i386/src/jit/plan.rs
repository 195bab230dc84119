//! Which instruction's flags have to be in memory, found backwards over a block before anything is emitted.
//!
//! Flags are exact wherever somebody can look: where an instruction may leave generated code (a fault, a device, a
//! helper) and at the block's end. In between, flags that are overwritten unread cost nothing; flags that a branch
//! reads right behind a comparison stay in the host's flags. Flags that only a failing probe would show are not saved
//! either if the registers they came from are still there then: the cold path makes them again ([`remake`]).

use super::block::Item;
use super::remake;

/// How much of the status flags an instruction wants to find, or the host's flags hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// None.
    #[default]
    Nothing,
    /// CF.
    Carry,
    /// All but AF, which shifts leave as each host likes: what conditions read.
    Conditions,
    /// All six.
    All,
}

/// What an instruction does to the status flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Writes {
    /// Nothing.
    #[default]
    None,
    /// Sets all six, in terms of its operands alone.
    All,
    /// Sets some and keeps others, or keeps all at run time.
    Some,
}

/// An instruction as the plan sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effects {
    /// May leave generated code before it is complete.
    pub exits: bool,
    /// All its ways out are cold paths of this block, which can make flags again.
    pub cold: bool,
    /// Its host code destroys the host's flags before it reads or writes the guest's.
    pub clobbers: bool,
    /// Flags it reads.
    pub reads: Held,
    /// Flags it writes.
    pub writes: Writes,
    /// Earlier flags that it keeps or may keep, if it writes some only.
    pub merges: Held,
    /// What the host's flags hold of the guest's after it, if it writes any.
    pub leaves: Held,
}

/// For whom flags have to be in memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Memory {
    Nobody,
    /// Cold paths of this block.
    Cold,
    Everybody,
}

/// Fills in [`Item::save`], [`Item::dead`] and [`Item::remake`]. `owing` is the instruction whose flags stay in the
/// host's at the end, if the block owes them.
pub(super) fn plan(items: &mut [Item], owing: Option<usize>) {
    // At the current point, going backwards: who wants flags in memory, and what is wanted in host flags.
    let (mut memory, mut wanted) = match owing {
        Some(_) => (Memory::Nobody, Held::All),
        None => (Memory::Everybody, Held::Nothing),
    };
    // The instructions up to this one see the flags written now.
    let mut seen_until = items.len();
    for n in (0..items.len()).rev() {
        let effects = items[n].row.effects;
        // Branches that settle see to it that flags are in memory where they leave.
        let settled = owing.is_some_and(|owing| n > owing);
        match effects.writes {
            Writes::None => {
                if effects.clobbers && wanted != Held::Nothing && !settled {
                    memory = Memory::Everybody;
                    wanted = Held::Nothing;
                }
            }
            Writes::All => {
                let cold_only = memory == Memory::Cold && wanted <= effects.leaves;
                items[n].save = memory != Memory::Nobody || wanted > effects.leaves;
                if cold_only && remake::possible(items, n, seen_until) {
                    items[n].save = false;
                    for later in &mut items[n + 1..seen_until] {
                        later.remake = Some(n as u8);
                    }
                }
                memory = Memory::Nobody;
                wanted = Held::Nothing;
                seen_until = n + 1;
            }
            Writes::Some => {
                items[n].save = memory != Memory::Nobody || wanted > effects.leaves;
                if memory == Memory::Nobody && wanted == Held::Nothing {
                    items[n].dead = true;
                } else {
                    // Merging takes the earlier ones.
                    memory = if effects.clobbers {
                        Memory::Everybody
                    } else {
                        Memory::Nobody
                    };
                    wanted = effects.merges;
                }
                seen_until = n + 1;
            }
        }
        if effects.reads != Held::Nothing {
            if effects.clobbers {
                memory = Memory::Everybody;
                wanted = Held::Nothing;
            } else {
                wanted = wanted.max(effects.reads);
            }
        }
        if effects.exits && !settled {
            memory = memory.max(if effects.cold {
                Memory::Cold
            } else {
                Memory::Everybody
            });
        }
    }
}
