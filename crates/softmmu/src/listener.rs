//! Who follows the changes of a flat view, and the difference they are told.
//!
//! Mirrors QEMU's `MemoryListener` and `address_space_update_topology_pass`.

use std::sync::Arc;

use crate::flat::{FlatRange, FlatView};

/// Told of each commit as a difference: `begin`, removed ranges, added ranges, `commit`. Called under the big
/// lock. Adds go through listeners in ascending, removals in descending priority.
pub trait MemoryListener: Send + Sync {
    /// A commit starts.
    fn begin(&self) {}
    /// This range is there now.
    fn region_add(&self, range: &FlatRange);
    /// This range is no longer there.
    fn region_del(&self, range: &FlatRange);
    /// This range did not change.
    fn region_nop(&self, _range: &FlatRange) {}
    /// The commit is complete.
    fn commit(&self) {}
}

/// Tells `listeners`, sorted by ascending priority, how `old` became `new`.
pub(crate) fn tell(listeners: &[Arc<dyn MemoryListener>], old: &FlatView, new: &FlatView) {
    let same = |view: &FlatView, range: &FlatRange| {
        view.ranges()
            .binary_search_by_key(&range.start, |r| r.start)
            .is_ok_and(|i| view.ranges()[i] == *range)
    };
    listeners.iter().for_each(|l| l.begin());
    for range in old.ranges().iter().rev().filter(|range| !same(new, range)) {
        listeners.iter().rev().for_each(|l| l.region_del(range));
    }
    for range in new.ranges() {
        if same(old, range) {
            listeners.iter().for_each(|l| l.region_nop(range));
        } else {
            listeners.iter().for_each(|l| l.region_add(range));
        }
    }
    listeners.iter().for_each(|l| l.commit());
}
