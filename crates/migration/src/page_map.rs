//! The pages of a RAM block at one moment: a tree whose parts are shared with the maps it was cloned from.
//!
//! A snapshot is a clone of the one before with the changed pages set anew: cloning costs a pointer for each 16 MiB,
//! setting a page copies the path to it, and comparing two maps looks only at what they do not share. So taking,
//! comparing and restoring cost what changed, and any snapshot of a series can be dropped without touching the others.

use crate::page::Page;
use std::sync::Arc;

/// Children of a node, and pages of a leaf.
const FAN: usize = 64;
/// Pages below one entry of the root.
const SPAN: u64 = (FAN * FAN) as u64;

/// 256 KiB of pages; absent ones are zero.
type Leaf = [Option<Arc<Page>>; FAN];
/// 16 MiB of leaves.
type Node = [Option<Arc<Leaf>>; FAN];

/// Contents by page number; what is not there is zero.
#[derive(Clone, Debug)]
pub struct PageMap {
    root: Vec<Option<Arc<Node>>>,
    pages: u64,
}

fn split(number: u64) -> (usize, usize, usize) {
    let fan = FAN as u64;
    (
        (number / SPAN) as usize,
        (number / fan % fan) as usize,
        (number % fan) as usize,
    )
}

impl PageMap {
    /// `pages` pages, all zero.
    pub fn new(pages: u64) -> Self {
        Self {
            root: vec![None; pages.div_ceil(SPAN) as usize],
            pages,
        }
    }

    /// Number of pages, zero ones included.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The contents of page `number`; none if it is zero, or beyond the end.
    pub fn get(&self, number: u64) -> Option<&Arc<Page>> {
        let (root, node, leaf) = split(number);
        self.root.get(root)?.as_ref()?[node].as_ref()?[leaf].as_ref()
    }

    /// Gives page `number` other contents. False, and nothing done, beyond the end.
    pub fn set(&mut self, number: u64, page: Option<Arc<Page>>) -> bool {
        if number >= self.pages {
            return false;
        }
        let (root, node, leaf) = split(number);
        let empty = || Arc::new(std::array::from_fn(|_| None));
        if page.is_none() && self.get(number).is_none() {
            return true;
        }
        let node = &mut Arc::make_mut(self.root[root].get_or_insert_with(empty))[node];
        Arc::make_mut(node.get_or_insert_with(|| Arc::new(std::array::from_fn(|_| None))))[leaf] = page;
        true
    }

    /// Calls `f` with each page that is not zero, in ascending order.
    pub fn for_each(&self, mut f: impl FnMut(u64, &Arc<Page>)) {
        self.for_each_changed(&Self::new(0), |number, page| {
            if let Some(page) = page {
                f(number, page);
            }
        });
    }

    /// Calls `f` with number and contents here (none: zero) of each page that is not the same page in `other`, in
    /// ascending order. Pages are the same if they are shared; equal contents that were made apart may be reported.
    pub fn for_each_changed(&self, other: &Self, mut f: impl FnMut(u64, Option<&Arc<Page>>)) {
        let same = |a: Option<*const ()>, b: Option<*const ()>| a == b;
        for at in 0..self.root.len().max(other.root.len()) {
            let (mine, its) = (child(&self.root, at), child(&other.root, at));
            if same(address(mine), address(its)) {
                continue;
            }
            for n in 0..FAN {
                let leaf = |node: Option<&Arc<Node>>| node.and_then(|node| node[n].as_ref()).map(Arc::clone);
                let (mine, its) = (leaf(mine), leaf(its));
                if same(address(mine.as_ref()), address(its.as_ref())) {
                    continue;
                }
                for l in 0..FAN {
                    let page = |leaf: &Option<Arc<Leaf>>| leaf.as_ref().and_then(|leaf| leaf[l].clone());
                    let (mine, its) = (page(&mine), page(&its));
                    if !same(address(mine.as_ref()), address(its.as_ref())) {
                        f(at as u64 * SPAN + (n * FAN + l) as u64, mine.as_ref());
                    }
                }
            }
        }
    }

    /// How many pages are not zero.
    pub fn used(&self) -> u64 {
        let mut used = 0;
        self.for_each(|_, _| used += 1);
        used
    }
}

fn child(root: &[Option<Arc<Node>>], at: usize) -> Option<&Arc<Node>> {
    root.get(at)?.as_ref()
}

fn address<T>(of: Option<&Arc<T>>) -> Option<*const ()> {
    of.map(|of| Arc::as_ptr(of).cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{PAGE_SIZE, PageStore};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const PAGES: u64 = 3 * SPAN - 5;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// A series of maps, each a clone of an earlier one with changes, against plain maps.
        #[test]
        fn as_a_series_of_plain_maps(
            steps in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec((0..PAGES + 9, 0u8..3), 0..40)), 1..8)
        ) {
            let store = PageStore::new();
            let mut series = vec![(PageMap::new(PAGES), BTreeMap::<u64, u8>::new())];
            for (from, changes) in steps {
                let (mut map, mut model) = series[from.index(series.len())].clone();
                for (number, value) in changes {
                    let fits = map.set(number, store.page(&[value; PAGE_SIZE]));
                    prop_assert_eq!(fits, number < PAGES);
                    if value == 0 || !fits { model.remove(&number); } else { model.insert(number, value); }
                }
                series.push((map, model));
            }
            for (map, model) in &series {
                let mut found = BTreeMap::new();
                map.for_each(|number, page| { found.insert(number, page.bytes()[0]); });
                prop_assert_eq!(&found, model);
                prop_assert_eq!(map.used(), model.len() as u64);
                for (other, others) in &series {
                    let mut back = others.clone();
                    map.for_each_changed(other, |number, page| match page {
                        Some(page) => { back.insert(number, page.bytes()[0]); }
                        None => { back.remove(&number); }
                    });
                    prop_assert_eq!(&back, model);
                }
            }
            drop(series);
            prop_assert_eq!(store.bytes(), 0);
        }
    }

    #[test]
    fn what_is_shared_is_not_looked_at() {
        let store = PageStore::new();
        let mut first = PageMap::new(1 << 20);
        for number in (0..1 << 20).step_by(1 << 10) {
            first.set(number, store.page(&[1; PAGE_SIZE]));
        }
        let mut second = first.clone();
        second.set(77, store.page(&[2; PAGE_SIZE]));
        let mut changed = Vec::new();
        second.for_each_changed(&first, |number, _| changed.push(number));
        assert_eq!(changed, [77]);
        let shared = first.root.iter().zip(&second.root);
        let own = shared.filter(|(a, b)| address(a.as_ref()) != address(b.as_ref()));
        assert_eq!(own.count(), 1, "one path was copied");
    }
}
