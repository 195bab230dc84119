//! Which instruction's flags have to be in memory, found backwards over a block before anything is emitted.
//!
//! Flags are exact wherever somebody can look: where an instruction may leave generated code (a fault, a device, a
//! helper) and at the block's end. In between, flags that are overwritten unread cost nothing; flags that a branch
//! reads right behind a comparison stay in the host's flags.

use super::block::Item;

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
    /// Its host code destroys the host's flags before it reads or writes the guest's.
    pub clobbers: bool,
    /// Flags it reads.
    pub reads: Held,
    /// Flags it writes.
    pub writes: Writes,
    /// What the host's flags hold of the guest's after it, if it writes any.
    pub leaves: Held,
}

/// Fills in [`Item::save`].
pub(super) fn plan(items: &mut [Item]) {
    // At the current point, going backwards: whether flags are wanted in memory, and whether in host flags.
    let mut memory = true;
    let mut wanted = Held::Nothing;
    for item in items.iter_mut().rev() {
        let effects = item.row.effects;
        match effects.writes {
            Writes::None => {
                if effects.clobbers && wanted != Held::Nothing {
                    memory = true;
                    wanted = Held::Nothing;
                }
            }
            Writes::All => {
                item.save = memory || wanted > effects.leaves;
                memory = false;
                wanted = Held::Nothing;
            }
            Writes::Some => {
                item.save = memory || wanted > effects.leaves;
                // Merging takes the earlier ones.
                memory = effects.clobbers;
                wanted = Held::All;
            }
        }
        if effects.reads != Held::Nothing {
            if effects.clobbers {
                memory = true;
                wanted = Held::Nothing;
            } else {
                wanted = wanted.max(effects.reads);
            }
        }
        if effects.exits {
            memory = true;
        }
    }
}
