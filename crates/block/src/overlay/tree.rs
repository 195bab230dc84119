//! A map from cluster numbers to where they are, of which a copy costs nothing: copies share all they can.
//!
//! A radix tree of fixed height whose nodes are counted references. A change copies the nodes on the way to its leaf
//! that somebody else has too, and no others. A node whose keys all have one value is no more than that value, so a
//! whole disk can be discarded.

use std::ops::Range;
use std::sync::Arc;

const BITS: u32 = 6;
const FANOUT: usize = 1 << BITS;

#[derive(Debug)]
enum Node<T> {
    Inner(Box<[Option<Arc<Node<T>>>; FANOUT]>),
    Leaf(Box<[Option<T>; FANOUT]>),
    /// Of all keys, at any height.
    Same(T),
}

impl<T: Clone> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Inner(children) => Self::Inner(children.clone()),
            Self::Leaf(values) => Self::Leaf(values.clone()),
            Self::Same(value) => Self::Same(value.clone()),
        }
    }
}

/// The map. Cloning shares everything.
#[derive(Debug)]
pub struct Tree<T> {
    root: Option<Arc<Node<T>>>,
    /// Levels above the leaves.
    height: u32,
}

/// Several keys in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<V> {
    /// The first.
    pub key: u64,
    /// How many; there may be more of the same behind.
    pub count: u64,
    /// What all of them have.
    pub value: V,
}

impl<T> Clone for Tree<T> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            height: self.height,
        }
    }
}

fn slot(key: u64, height: u32) -> usize {
    (key >> (BITS * height)) as usize & (FANOUT - 1)
}

/// Keys below a node of this height.
fn span(height: u32) -> u64 {
    1_u64.checked_shl(BITS * (height + 1)).unwrap_or(u64::MAX)
}

/// How many keys there are from `key` to the end of the node of this height that holds it.
fn left(key: u64, height: u32) -> u64 {
    match 1_u64.checked_shl(BITS * (height + 1)) {
        Some(span) => span - (key & (span - 1)),
        None => u64::MAX - key,
    }
}

impl<T: Clone> Node<T> {
    /// A node of `height` whose keys all have `value`, with places for others.
    fn filled(height: u32, value: Option<&T>) -> Self {
        if height == 0 {
            Self::Leaf(Box::new(std::array::from_fn(|_| value.cloned())))
        } else {
            let child = value.map(|value| Arc::new(Self::Same(value.clone())));
            Self::Inner(Box::new(std::array::from_fn(|_| child.clone())))
        }
    }

    /// Makes places of a node without.
    fn split(&mut self, height: u32) {
        if let Self::Same(value) = self {
            *self = Self::filled(height, Some(value));
        }
    }

    /// Gives the keys of `range`, counted within this node, the same value. The depth is the height.
    fn fill(place: &mut Option<Arc<Self>>, height: u32, range: Range<u64>, value: &T) {
        if range.start == 0 && range.end == span(height) {
            *place = Some(Arc::new(Self::Same(value.clone())));
            return;
        }
        let node = Arc::make_mut(place.get_or_insert_with(|| Arc::new(Self::filled(height, None))));
        node.split(height);
        match node {
            Self::Leaf(values) => {
                for place in &mut values[range.start as usize..range.end as usize] {
                    *place = Some(value.clone());
                }
            }
            Self::Inner(children) => {
                let each = span(height - 1);
                for index in range.start / each..range.end.div_ceil(each) {
                    let first = index * each;
                    let part =
                        range.start.max(first) - first..range.end.min(first.saturating_add(each)) - first;
                    Self::fill(&mut children[index as usize], height - 1, part, value);
                }
            }
            Self::Same(_) => unreachable!("it was split"),
        }
    }
}

impl<T: Clone> Tree<T> {
    /// An empty map for keys below `keys`.
    pub fn new(keys: u64) -> Self {
        let bits = 64 - keys.saturating_sub(1).leading_zeros();
        Self {
            root: None,
            height: bits.div_ceil(BITS).max(1) - 1,
        }
    }

    /// What is at `key`, and at how many keys from there on for sure.
    pub fn get(&self, key: u64) -> Run<Option<&T>> {
        let run = |value, count| Run { key, count, value };
        let mut height = self.height;
        let mut place = self.root.as_deref();
        loop {
            match place {
                None => return run(None, left(key, height)),
                Some(Node::Same(value)) => return run(Some(value), left(key, height)),
                Some(Node::Inner(children)) => {
                    place = children[slot(key, height)].as_deref();
                    height -= 1;
                }
                Some(Node::Leaf(values)) => {
                    let values = &values[slot(key, 0)..];
                    let none = values.iter().take_while(|value| value.is_none()).count();
                    return run(values[0].as_ref(), none.max(1) as u64);
                }
            }
        }
    }

    /// The place of `key`, which is this map's own from now on; what was shared is copied.
    pub fn entry(&mut self, key: u64) -> &mut Option<T> {
        let mut height = self.height;
        let mut place = &mut self.root;
        loop {
            let node = Arc::make_mut(place.get_or_insert_with(|| Arc::new(Node::filled(height, None))));
            node.split(height);
            match node {
                Node::Inner(children) => {
                    place = &mut children[slot(key, height)];
                    height -= 1;
                }
                Node::Leaf(values) => return &mut values[slot(key, 0)],
                Node::Same(_) => unreachable!("it was split"),
            }
        }
    }

    /// Gives all keys of `range` the same value.
    pub fn fill(&mut self, range: Range<u64>, value: &T) {
        if !range.is_empty() {
            Node::fill(&mut self.root, self.height, range, value);
        }
    }

    /// The first entries whose keys are not below `from`.
    pub fn next(&self, from: u64) -> Option<Run<&T>> {
        if self.height < 10 && from >= span(self.height) {
            return None;
        }
        find(self.root.as_deref()?, self.height, from)
    }
}

/// The first entries at or behind `from`, of whose bits those of this height and below count. The depth is the tree's.
fn find<T>(node: &Node<T>, height: u32, from: u64) -> Option<Run<&T>> {
    match node {
        Node::Same(value) => Some(Run {
            key: from,
            count: left(from, height),
            value,
        }),
        Node::Leaf(values) => {
            let index = (slot(from, 0)..FANOUT).find(|&index| values[index].is_some())?;
            let key = (from & !(FANOUT as u64 - 1)) | index as u64;
            let value = values[index].as_ref()?;
            Some(Run { key, count: 1, value })
        }
        Node::Inner(children) => {
            let shift = BITS * height;
            let first = slot(from, height);
            let above = match 1_u64.checked_shl(shift + BITS) {
                Some(span) => from & !(span - 1),
                None => 0,
            };
            children[first..].iter().enumerate().find_map(|(index, child)| {
                let child = child.as_deref()?;
                let from = if index == 0 {
                    from
                } else {
                    above | ((first + index) as u64) << shift
                };
                find(child, height - 1, from)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Change {
        Set(u64, Option<u8>),
        Fill(u64, u64, u8),
        Copy,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (any::<u64>(), any::<Option<u8>>()).prop_map(|(key, value)| Change::Set(key, value)),
            (any::<u64>(), 0..6000_u64, any::<u8>()).prop_map(|(key, n, value)| Change::Fill(key, n, value)),
            Just(Change::Copy),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn as_a_map(
            keys in prop_oneof![1..20_000_u64, 1..5_000_000_000_u64],
            changes in prop::collection::vec((change(), any::<bool>()), 1..60),
        ) {
            let mut tree = Tree::new(keys);
            let mut model = BTreeMap::new();
            let mut copies = Vec::new();
            for (change, far) in changes {
                let keys = if far { keys } else { keys.min(300) };
                match change {
                    Change::Set(key, value) => {
                        let key = key % keys;
                        *tree.entry(key) = value;
                        match value {
                            Some(value) => model.insert(key, value),
                            None => model.remove(&key),
                        };
                        prop_assert_eq!(tree.get(key).value, model.get(&key));
                    }
                    Change::Fill(key, count, value) => {
                        let key = key % keys;
                        let end = (key + count).min(keys);
                        tree.fill(key..end, &value);
                        model.extend((key..end).map(|key| (key, value)));
                    }
                    Change::Copy => copies.push((tree.clone(), model.clone())),
                }
            }
            copies.push((tree, model));
            for (tree, model) in copies {
                let mut seen = BTreeMap::new();
                let mut from = 0;
                while let Some(run) = tree.next(from) {
                    let got = tree.get(run.key);
                    prop_assert_eq!(got.value, Some(run.value));
                    prop_assert!(got.count >= run.count);
                    if run.key > from {
                        prop_assert!(tree.get(from).value.is_none());
                        prop_assert!(tree.get(from).count <= run.key - from);
                    }
                    seen.extend((run.key..run.key + run.count).map(|key| (key, *run.value)));
                    from = run.key + run.count;
                }
                prop_assert_eq!(seen, model);
            }
        }
    }

    #[test]
    fn the_last_key() {
        let mut tree = Tree::new(u64::MAX);
        *tree.entry(u64::MAX - 1) = Some(1);
        let last = Run {
            key: u64::MAX - 1,
            count: 1,
            value: &1,
        };
        assert_eq!(tree.next(5), Some(last));
        assert_eq!(tree.next(u64::MAX), None);
        assert_eq!(Tree::<u8>::new(64).next(64), None);
    }

    #[test]
    fn a_whole_disk_is_one_node() {
        let mut tree = Tree::new(1 << 36);
        tree.fill(0..1 << 36, &1);
        *tree.entry(12345) = Some(2);
        assert_eq!(
            (tree.get(12344).value, tree.get(12345).value),
            (Some(&1), Some(&2))
        );
        assert_eq!(tree.get(1 << 35).count, 1 << 30);
    }
}
