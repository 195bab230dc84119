//! Flat views against a look-up that walks the tree for one address, on random trees; listeners against views.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use softmmu::lock::Solo;
use softmmu::*;

struct Nothing;

impl IoOps for Nothing {
    fn read(&self, _: u64, _: u32) -> IoResult<u64> {
        Ok(0)
    }
    fn write(&self, _: u64, _: u32, _: u64) -> IoResult<()> {
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum What {
    Container,
    Io,
    Ram,
    Reservation,
    /// Onto the subtree of the node with this number, modulo how many may be named.
    Alias(usize, u64),
}

/// A node of a random tree; its parent is an earlier node, its alias target a later one or none of its ancestors.
#[derive(Clone, Debug)]
struct Node {
    what: What,
    size: u64,
    parent: usize,
    offset: u64,
    priority: i32,
    enabled: bool,
    readonly: bool,
}

fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0u64..0x40).prop_map(|x| x * 0x800),
        1 => 0u64..0x20000,
        1 => (0u64..0x10).prop_map(|x| x.wrapping_sub(8)),
        1 => (0u64..0x10).prop_map(|x| (1 << 63) + x * 0x1000),
    ]
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![6 => (0u64..0x20).prop_map(|x| x * 0x800), 1 => 0u64..0x4000, 1 => Just(u64::MAX), 1 => Just(1 << 63)]
}

fn node() -> impl Strategy<Value = Node> {
    let what = prop_oneof![
        3 => Just(What::Container),
        3 => Just(What::Io),
        2 => Just(What::Ram),
        1 => Just(What::Reservation),
        3 => (any::<usize>(), address()).prop_map(|(target, offset)| What::Alias(target, offset)),
    ];
    (
        what,
        size(),
        any::<usize>(),
        address(),
        -2i32..3,
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(what, size, parent, offset, priority, enabled, readonly)| Node {
            what,
            size,
            parent,
            offset,
            priority,
            enabled,
            readonly,
        })
}

/// The tree twice: as regions, and as plain data for the naive look-up.
struct Tree {
    nodes: Vec<Node>,
    regions: Vec<MemoryRegion>,
    /// Alias target of each node.
    target: Vec<Option<usize>>,
    /// Children in the order they are asked.
    children: Vec<Vec<usize>>,
}

impl Tree {
    /// Node 0 is the root; aliases only show nodes of smaller number that are not their ancestors, which are built
    /// first, so there is no cycle: nodes are built in order, parents being later wired.
    fn build(map: &MemoryMap, mut nodes: Vec<Node>) -> Self {
        let root = Node {
            what: What::Container,
            size: u64::MAX,
            parent: 0,
            offset: 0,
            priority: 0,
            enabled: true,
            readonly: false,
        };
        nodes.insert(0, root);
        let count = nodes.len();
        let (mut regions, mut target) = (Vec::new(), Vec::new());
        let mut children = vec![Vec::<usize>::new(); count];
        // A parent has a smaller number; an alias target has a larger one than the alias, so build from the end.
        for (i, node) in nodes.iter_mut().enumerate().rev() {
            let mut shows = None;
            let region = match node.what {
                What::Container => MemoryRegion::container(i.to_string(), node.size),
                What::Io => MemoryRegion::io(i.to_string(), node.size, Arc::new(Nothing), AccessRules::ANY),
                What::Reservation => MemoryRegion::reservation(i.to_string(), node.size),
                What::Ram => {
                    node.size = node.size.clamp(1, 0x8000).next_multiple_of(0x1000);
                    MemoryRegion::ram(RamBlock::new(map, i.to_string(), node.size).unwrap())
                }
                What::Alias(which, offset) if i + 1 < count => {
                    let to = i + 1 + which % (count - i - 1);
                    shows = Some(to);
                    let target: &MemoryRegion = &regions[count - 1 - to];
                    MemoryRegion::alias(i.to_string(), target, offset, node.size)
                }
                What::Alias(..) => MemoryRegion::container(i.to_string(), node.size),
            };
            region.set_enabled(node.enabled);
            region.set_readonly(node.readonly);
            regions.push(region);
            target.push(shows);
        }
        regions.reverse();
        target.reverse();
        for i in 1..count {
            let mut parent = nodes[i].parent % i;
            while target[parent].is_some() {
                parent = if parent == 0 {
                    0
                } else {
                    nodes[parent].parent % parent
                };
            }
            nodes[i].parent = parent;
            regions[parent].add_subregion(nodes[i].offset, &regions[i], nodes[i].priority);
            // Later added first among equals.
            children[parent].insert(0, i);
            let list = &mut children[parent];
            list.sort_by_key(|&child| -nodes[child].priority);
        }
        Self {
            nodes,
            regions,
            target,
            children,
        }
    }

    /// Which node answers at `offset` of node `i`, at what offset of it, read-only or not.
    fn lookup(&self, i: usize, offset: i128, readonly: bool) -> Option<(usize, u64, bool)> {
        let node = &self.nodes[i];
        let extent = if node.size == u64::MAX {
            1 << 64
        } else {
            i128::from(node.size)
        };
        if !node.enabled || offset < 0 || offset >= extent {
            return None;
        }
        let readonly = readonly || node.readonly;
        if let (What::Alias(_, from), Some(target)) = (&node.what, self.target[i]) {
            return self.lookup(target, offset + i128::from(*from), readonly);
        }
        for &child in &self.children[i] {
            if let Some(found) = self.lookup(child, offset - i128::from(self.nodes[child].offset), readonly) {
                return Some(found);
            }
        }
        match node.what {
            What::Container | What::Alias(..) => None,
            _ => Some((i, offset as u64, readonly)),
        }
    }

    fn check(&self, view: &FlatView) {
        for pair in view.ranges().windows(2) {
            assert!(pair[0].last < pair[1].start, "ranges overlap or are out of order");
        }
        let mut points = vec![0, u64::MAX, 1 << 63];
        for range in view.ranges() {
            assert!(range.start <= range.last);
            let middle = range.start + (range.last - range.start) / 2;
            points.extend([
                range.start,
                range.last,
                range.start.wrapping_sub(1),
                range.last.wrapping_add(1),
                middle,
            ]);
        }
        for node in &self.nodes {
            points.extend([
                node.offset,
                node.offset.wrapping_sub(1),
                node.offset.wrapping_add(node.size),
            ]);
        }
        for at in points {
            let naive = self.lookup(0, i128::from(at), false);
            let found = view.find(GuestPhys(at)).map(|range| {
                (
                    range.region.name().parse().unwrap(),
                    range.region_offset(GuestPhys(at)),
                    range.readonly,
                )
            });
            assert_eq!(found, naive, "at {at:#x}");
        }
    }
}

/// Keeps the view up to date from what it is told.
#[derive(Default)]
struct Replay {
    ranges: Mutex<BTreeMap<u64, FlatRange>>,
    open: Mutex<bool>,
}

impl MemoryListener for Replay {
    fn begin(&self) {
        assert!(!std::mem::replace(&mut *self.open.lock(), true));
    }
    fn region_add(&self, range: &FlatRange) {
        let mut ranges = self.ranges.lock();
        let below = ranges.range(..=range.last).next_back().map(|(_, r)| r.last);
        assert!(
            below.is_none_or(|last| last < range.start),
            "added over what is still there"
        );
        ranges.insert(range.start, range.clone());
    }
    fn region_del(&self, range: &FlatRange) {
        assert_eq!(self.ranges.lock().remove(&range.start).as_ref(), Some(range));
    }
    fn region_nop(&self, range: &FlatRange) {
        assert_eq!(self.ranges.lock().get(&range.start), Some(range));
    }
    fn commit(&self) {
        assert!(std::mem::replace(&mut *self.open.lock(), false));
    }
}

fn map() -> MemoryMap {
    MemoryMap::new(Arc::new(Solo::default()))
}

proptest! {
    #[test]
    fn view_is_the_naive_lookup(nodes in prop::collection::vec(node(), 0..24)) {
        let map = map();
        let tree = Tree::build(&map, nodes);
        let space = AddressSpace::new(&map, "random", tree.regions[0].clone());
        tree.check(&space.view());
    }

    #[test]
    fn changes_replay(
        nodes in prop::collection::vec(node(), 1..16),
        changes in prop::collection::vec((any::<usize>(), 0u8..6, address(), size(), any::<bool>(), any::<bool>()), 1..24),
    ) {
        let map = map();
        let mut tree = Tree::build(&map, nodes);
        let space = AddressSpace::new(&map, "random", tree.regions[0].clone());
        let (early, late) = (Arc::new(Replay::default()), Arc::new(Replay::default()));
        space.add_listener(0, early.clone());
        for (i, (which, what, offset, size, flag, last)) in changes.iter().cloned().enumerate() {
            if i == 3 {
                space.add_listener(-1, late.clone());
            }
            let which = which % tree.nodes.len();
            let before = space.generation();
            let old = space.view();
            map.transaction(|_| {
                let (node, region) = (&mut tree.nodes[which], &tree.regions[which]);
                match what {
                    0 => { node.enabled = flag; region.set_enabled(flag) }
                    1 => { node.readonly = flag; region.set_readonly(flag) }
                    2 if which != 0 => { node.offset = offset; region.set_address(offset) }
                    3 if !matches!(node.what, What::Ram) => { node.size = size; region.set_size(size) }
                    4 => if let (What::Alias(_, from), Some(_)) = (&mut node.what, tree.target[which]) {
                        *from = offset;
                        region.set_alias_offset(offset);
                    },
                    5 if which != 0 && last => {
                        let parent = node.parent;
                        tree.regions[parent].remove_subregion(region);
                        tree.regions[parent].add_subregion(node.offset, region, node.priority);
                        let list = &mut tree.children[parent];
                        list.retain(|&child| child != which);
                        list.insert(0, which);
                        list.sort_by_key(|&child| -tree.nodes[child].priority);
                    }
                    _ => {}
                }
                // Not before the outermost transaction ends.
                assert_eq!(space.generation(), before);
            });
            tree.check(&space.view());
            assert_eq!(space.generation() != before, *old != *space.view(), "a generation is a change");
            for listener in [&early, &late] {
                let view = space.view();
                let told: Vec<_> = listener.ranges.lock().values().cloned().collect();
                assert!(i < 3 || told == view.ranges(), "{told:?} is not {:?}", view.ranges());
            }
        }
        let gone: Arc<dyn MemoryListener> = early.clone();
        space.remove_listener(&gone);
        assert!(early.ranges.lock().is_empty());
    }
}
