//! Tree and flat view as text, in the manner of QEMU's `info mtree` and `info mtree -f`.

use std::fmt::Write;

use crate::flat::FlatRange;
use crate::region::{Kind, MemoryRegion};
use crate::space::AddressSpace;

impl AddressSpace {
    /// The tree and the flat view as text, as `info mtree` prints them.
    pub fn describe(&self) -> String {
        let mut text = format!("address-space: {}\n", self.name());
        let mut targets = Vec::new();
        tree(self.root(), 0, 0, 1, &mut text, &mut targets);
        // The list grows while it is walked: targets have aliases too.
        let mut i = 0;
        while let Some(target) = targets.get(i).cloned() {
            let _ = writeln!(text, "memory-region: {}", target.name());
            tree(&target, 0, 0, 1, &mut text, &mut targets);
            i += 1;
        }
        let _ = writeln!(
            text,
            "flat-view: {} (generation {})",
            self.name(),
            self.generation()
        );
        for range in self.view().ranges() {
            let _ = writeln!(text, "  {}", line(range));
        }
        text
    }
}

/// Writes `region`, at address `base` and of priority `priority`, and below it its children. Targets of aliases
/// are collected, to be written once each.
fn tree(
    region: &MemoryRegion,
    base: i128,
    priority: i32,
    depth: usize,
    text: &mut String,
    targets: &mut Vec<MemoryRegion>,
) {
    let state = region.0.state.lock();
    let (extent, enabled, readonly) = (state.extent(), state.enabled, state.readonly);
    let (alias_offset, children) = (state.alias_offset, state.children.clone());
    drop(state);
    let last = base + extent.max(1) as i128 - 1;
    let _ = write!(
        text,
        "{:depth$}{:016x}-{:016x} (prio {priority}, ",
        "",
        base as u64,
        last as u64,
        depth = depth * 2
    );
    let _ = match &region.0.kind {
        Kind::Alias(target) => {
            if !targets.contains(target) {
                targets.push(target.clone());
            }
            let from = u128::from(alias_offset);
            let to = from + extent.max(1) - 1;
            write!(
                text,
                "alias): {} @{} {from:016x}-{to:016x}",
                region.name(),
                target.name()
            )
        }
        _ => write!(text, "{}): {}", region.kind_name(), region.name()),
    };
    for (flag, word) in [(readonly, " [read-only]"), (!enabled, " [disabled]")] {
        if flag {
            text.push_str(word);
        }
    }
    text.push('\n');
    for (priority, child) in children {
        tree(
            &child,
            base + i128::from(child.address()),
            priority,
            depth + 1,
            text,
            targets,
        );
    }
}

fn line(range: &FlatRange) -> String {
    let mut text = format!(
        "{:016x}-{:016x} ({}): {}",
        range.start,
        range.last,
        range.region.kind_name(),
        range.region.name()
    );
    if range.offset != 0 {
        let _ = write!(text, " @{:016x}", range.offset);
    }
    if range.readonly {
        text.push_str(" [read-only]");
    }
    text
}
