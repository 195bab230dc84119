//! Who follows the changes of a flat view.
use crate::flat::FlatRange;

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
