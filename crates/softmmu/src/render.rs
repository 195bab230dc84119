//! From tree to flat view: recursive clip, in which earlier (higher) ranges win.
//!
//! Mirrors `render_memory_region` in QEMU's `system/memory.c`. Addresses are `i128` here: an alias may place the
//! start of its target below zero, and a region may end at 2^64.

use crate::flat::{FlatRange, FlatView};
use crate::region::{Kind, MemoryRegion};

impl FlatView {
    /// The view of `root` at address 0.
    pub(crate) fn render(root: &MemoryRegion) -> Self {
        let mut ranges = Vec::new();
        render(root, 0, 0, 1 << 64, false, &mut ranges);
        merge(&mut ranges);
        Self::from_ranges(ranges)
    }
}

/// Renders `region`, whose offset 0 is at address `base`, as far as it lies in `low..high`, into the holes that
/// `out` still has.
fn render(
    region: &MemoryRegion,
    base: i128,
    low: i128,
    high: i128,
    readonly: bool,
    out: &mut Vec<FlatRange>,
) {
    // Held while recursing: the graph has no cycle, so a lock is never met twice.
    let state = region.0.state.lock();
    let (low, high) = (low.max(base), high.min(base + state.extent() as i128));
    if !state.enabled || low >= high {
        return;
    }
    let readonly = readonly || state.readonly;
    if let Kind::Alias(target) = &region.0.kind {
        return render(
            target,
            base - i128::from(state.alias_offset),
            low,
            high,
            readonly,
            out,
        );
    }
    for (_, child) in &state.children {
        let address = child.0.state.lock().address;
        render(child, base + i128::from(address), low, high, readonly, out);
    }
    let direct = match region.0.kind {
        Kind::Container | Kind::Alias(_) => return,
        Kind::Ram(_) => true,
        Kind::RomDevice(..) => state.romd,
        Kind::Io(..) | Kind::Reservation => false,
    };
    fill_holes(out, low, high, |start, end| FlatRange {
        start: start as u64,
        last: (end - 1) as u64,
        region: region.clone(),
        offset: (start - base) as u64,
        readonly,
        direct,
    });
}

/// Inserts a range made by `make(start, end)` into each hole of the sorted `out` within `low..high`.
fn fill_holes(out: &mut Vec<FlatRange>, low: i128, high: i128, make: impl Fn(i128, i128) -> FlatRange) {
    let mut at = low;
    let mut i = out.partition_point(|range| i128::from(range.last) < low);
    while at < high {
        match out.get(i) {
            Some(range) if i128::from(range.start) <= at => at = i128::from(range.last) + 1,
            next => {
                let end = next.map_or(high, |range| i128::from(range.start).min(high));
                out.insert(i, make(at, end));
                at = end;
            }
        }
        i += 1;
    }
}

/// Joins neighbours that continue each other.
fn merge(ranges: &mut Vec<FlatRange>) {
    ranges.dedup_by(|next, range| {
        let joins = range.last.checked_add(1) == Some(next.start)
            && range.region == next.region
            && range.offset.wrapping_add(next.start - range.start) == next.offset
            && (range.readonly, range.direct) == (next.readonly, next.direct);
        if joins {
            range.last = next.last;
        }
        joins
    });
}
