//! Regions: the nodes of the tree that says what answers where.
//!
//! Mirrors QEMU's `MemoryRegion` in behaviour: children sort by signed priority within their parent only; a hole
//! falls through to the next sibling; later-added wins a tie; enabled and read-only are inherited downward. What
//! chipsets do with memory is built from these: PAM is an alias over ROM that is enabled and made read-only, A20
//! is a set of aliases of the even megabytes over the odd ones, device registers over RAM are a higher priority.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use crate::access::{AccessRules, IoOps};
use crate::map::{MapShared, MemoryMap};
use crate::ram::RamBlock;

/// What a region is.
pub(crate) enum Kind {
    Container,
    Reservation,
    Ram(RamBlock),
    RomDevice(RamBlock, Arc<dyn IoOps>, AccessRules),
    Io(Arc<dyn IoOps>, AccessRules),
    Alias(MemoryRegion),
}

/// What may change. Written under the big lock once the region is attached to a map.
pub(crate) struct State {
    size: u64,
    pub(crate) enabled: bool,
    pub(crate) readonly: bool,
    /// Offset in the parent.
    pub(crate) address: u64,
    /// First byte of the target an alias shows.
    pub(crate) alias_offset: u64,
    /// ROM devices: reads go to the block.
    pub(crate) romd: bool,
    has_parent: bool,
    /// By priority, highest first; of equals the last added first.
    pub(crate) children: Vec<(i32, MemoryRegion)>,
}

impl State {
    /// Bytes, with 2^64 spelled out.
    pub(crate) fn extent(&self) -> u128 {
        if self.size == u64::MAX {
            1 << 64
        } else {
            u128::from(self.size)
        }
    }
}

pub(crate) struct Inner {
    name: String,
    pub(crate) kind: Kind,
    pub(crate) state: Mutex<State>,
    map: OnceLock<Weak<MapShared>>,
    /// Accesses take the big lock.
    pub(crate) global_locking: AtomicBool,
    /// A callback is running: the guard against a device that reaches its own registers by DMA.
    pub(crate) engaged: AtomicBool,
}

/// A handle to a region; clones are the same region.
///
/// Sizes are in bytes; `u64::MAX` means all of the 64-bit space (2^64 bytes). Mutators may be called at any
/// time: inside [`MemoryMap::transaction`] they take effect together at the end, outside each is a transaction of
/// its own (taking the big lock if this thread does not hold it).
#[derive(Clone)]
pub struct MemoryRegion(pub(crate) Arc<Inner>);

/// A handle that does not keep its region alive, for devices that reach back to the region that owns them.
#[derive(Clone)]
pub struct WeakMemoryRegion(Weak<Inner>);

impl WeakMemoryRegion {
    /// The region, while it lives.
    pub fn upgrade(&self) -> Option<MemoryRegion> {
        self.0.upgrade().map(MemoryRegion)
    }
}

impl PartialEq for MemoryRegion {
    /// Whether both are handles to the same region.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for MemoryRegion {}

impl fmt::Debug for MemoryRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryRegion({} {})", self.0.name, self.kind_name())
    }
}

/// Constructors.
impl MemoryRegion {
    fn make(name: String, size: u64, kind: Kind) -> Self {
        Self(Arc::new(Inner {
            name,
            kind,
            state: Mutex::new(State {
                size,
                enabled: true,
                readonly: false,
                address: 0,
                alias_offset: 0,
                romd: true,
                has_parent: false,
                children: Vec::new(),
            }),
            map: OnceLock::new(),
            global_locking: AtomicBool::new(true),
            engaged: AtomicBool::new(false),
        }))
    }

    /// A region that only holds others; its holes are holes.
    pub fn container(name: impl Into<String>, size: u64) -> Self {
        Self::make(name.into(), size, Kind::Container)
    }

    /// All of a RAM block, named after it.
    pub fn ram(block: RamBlock) -> Self {
        Self::make(block.name().to_owned(), block.size(), Kind::Ram(block))
    }

    /// A RAM block the guest cannot write: writes are dropped. Fill it through the block.
    pub fn rom(block: RamBlock) -> Self {
        let rom = Self::ram(block);
        rom.0.state.lock().readonly = true;
        rom
    }

    /// A block read directly and written through callbacks (flash); see [`MemoryRegion::set_romd_mode`].
    ///
    /// # Panics
    /// If `rules` are not powers of two from 1 to 8 in order.
    pub fn rom_device(block: RamBlock, ops: Arc<dyn IoOps>, rules: AccessRules) -> Self {
        rules.check();
        Self::make(
            block.name().to_owned(),
            block.size(),
            Kind::RomDevice(block, ops, rules),
        )
    }

    /// Device registers.
    ///
    /// # Panics
    /// If `rules` are not powers of two from 1 to 8 in order.
    pub fn io(name: impl Into<String>, size: u64, ops: Arc<dyn IoOps>, rules: AccessRules) -> Self {
        rules.check();
        Self::make(name.into(), size, Kind::Io(ops, rules))
    }

    /// A window of `size` bytes onto `target`, from `offset` in it. Where the target is holed or ends, so is
    /// the window.
    pub fn alias(name: impl Into<String>, target: &Self, offset: u64, size: u64) -> Self {
        let alias = Self::make(name.into(), size, Kind::Alias(target.clone()));
        alias.0.state.lock().alias_offset = offset;
        alias
    }

    /// A range that nothing answers, hiding what lies below.
    pub fn reservation(name: impl Into<String>, size: u64) -> Self {
        Self::make(name.into(), size, Kind::Reservation)
    }
}

/// Questions.
impl MemoryRegion {
    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes; `u64::MAX` for 2^64.
    pub fn size(&self) -> u64 {
        self.0.state.lock().size
    }

    /// The block of a RAM, ROM or ROM device region.
    pub fn block(&self) -> Option<&RamBlock> {
        match &self.0.kind {
            Kind::Ram(block) | Kind::RomDevice(block, ..) => Some(block),
            _ => None,
        }
    }

    /// Whether the region is enabled by itself (its parents may not be).
    pub fn is_enabled(&self) -> bool {
        self.0.state.lock().enabled
    }

    /// The offset within the parent.
    pub fn address(&self) -> u64 {
        self.0.state.lock().address
    }

    /// A handle that does not keep the region alive.
    pub fn downgrade(&self) -> WeakMemoryRegion {
        WeakMemoryRegion(Arc::downgrade(&self.0))
    }

    pub(crate) fn kind_name(&self) -> &'static str {
        match self.0.kind {
            Kind::Container => "container",
            Kind::Reservation => "reservation",
            Kind::Ram(_) => "ram",
            Kind::RomDevice(..) => "romd",
            Kind::Io(..) => "i/o",
            Kind::Alias(_) => "alias",
        }
    }
}

/// Changes.
impl MemoryRegion {
    /// Puts `child` at `offset` of this region. Higher priorities hide lower ones; 0 is usual.
    ///
    /// # Panics
    /// If the child has a parent already or belongs to another machine, if this is an alias, or if a cycle
    /// would arise.
    pub fn add_subregion(&self, offset: u64, child: &Self, priority: i32) {
        assert!(
            !matches!(self.0.kind, Kind::Alias(_)),
            "{self:?} is an alias and holds nothing"
        );
        assert!(
            !child.reaches(self, &mut HashSet::new()),
            "{child:?} in {self:?} would be a cycle"
        );
        if let Some(map) = self.0.map.get() {
            child.attach(map);
        }
        {
            let mut state = child.0.state.lock();
            assert!(!state.has_parent, "{child:?} has a parent already");
            state.has_parent = true;
            state.address = offset;
        }
        self.change(|state| {
            let at = state.children.partition_point(|(p, _)| *p > priority);
            state.children.insert(at, (priority, child.clone()));
            true
        });
    }

    /// Takes `child` out again.
    ///
    /// # Panics
    /// If it is not a child of this region.
    pub fn remove_subregion(&self, child: &Self) {
        self.change(|state| {
            let at = state.children.iter().position(|(_, c)| c == child);
            state
                .children
                .remove(at.unwrap_or_else(|| panic!("{child:?} is not in {self:?}")));
            child.0.state.lock().has_parent = false;
            true
        });
    }

    /// Whether the region, with all below it, is there.
    pub fn set_enabled(&self, enabled: bool) {
        self.change(|state| std::mem::replace(&mut state.enabled, enabled) != enabled);
    }

    /// Moves the region within its parent.
    pub fn set_address(&self, offset: u64) {
        self.change(|state| std::mem::replace(&mut state.address, offset) != offset);
    }

    /// Moves the window of an alias.
    ///
    /// # Panics
    /// If this is not an alias.
    pub fn set_alias_offset(&self, offset: u64) {
        assert!(matches!(self.0.kind, Kind::Alias(_)), "{self:?} is not an alias");
        self.change(|state| std::mem::replace(&mut state.alias_offset, offset) != offset);
    }

    /// Drops writes to RAM at or below this region.
    pub fn set_readonly(&self, readonly: bool) {
        self.change(|state| std::mem::replace(&mut state.readonly, readonly) != readonly);
    }

    /// Changes the size in bytes. A RAM region shows at most its block.
    pub fn set_size(&self, size: u64) {
        let size = self.block().map_or(size, |block| size.min(block.size()));
        self.change(|state| std::mem::replace(&mut state.size, size) != size);
    }

    /// ROM devices: `true` reads the block directly, `false` sends reads to the callbacks too.
    pub fn set_romd_mode(&self, direct: bool) {
        self.change(|state| std::mem::replace(&mut state.romd, direct) != direct);
    }

    /// The callbacks synchronise themselves: accesses do not take the big lock, and the guard against a device
    /// re-entering its own registers is theirs too. Call before the region can be reached.
    pub fn clear_global_locking(&self) {
        self.0.global_locking.store(false, Ordering::Release);
    }

    /// Applies `f` in a transaction of the machine, if the region belongs to one; `f` says whether anything
    /// changed.
    fn change(&self, f: impl FnOnce(&mut State) -> bool) {
        match self.0.map.get().and_then(Weak::upgrade).map(MemoryMap) {
            Some(map) => map.transaction(|_| {
                // A statement of its own: the state's lock must not be held when the commit renders.
                let changed = f(&mut self.0.state.lock());
                if changed {
                    map.note_change();
                }
            }),
            None => {
                f(&mut self.0.state.lock());
            }
        }
    }

    /// Makes this region and all it reaches part of the machine.
    pub(crate) fn attach(&self, map: &Weak<MapShared>) {
        if let Some(have) = self.0.map.get() {
            assert!(have.ptr_eq(map), "{self:?} belongs to another machine");
            return;
        }
        // Downward first, so that "attached" means "all below is attached" to the early return above.
        if let Kind::Alias(target) = &self.0.kind {
            target.attach(map);
        }
        let children: Vec<_> = self
            .0
            .state
            .lock()
            .children
            .iter()
            .map(|(_, child)| child.clone())
            .collect();
        for child in children {
            child.attach(map);
        }
        let _ = self.0.map.set(map.clone());
    }

    /// Whether `other` is this region or is found below it or behind its aliases.
    fn reaches(&self, other: &Self, seen: &mut HashSet<*const Inner>) -> bool {
        if self == other {
            return true;
        }
        if !seen.insert(Arc::as_ptr(&self.0)) {
            return false;
        }
        if let Kind::Alias(target) = &self.0.kind {
            return target.reaches(other, seen);
        }
        let children: Vec<_> = self
            .0
            .state
            .lock()
            .children
            .iter()
            .map(|(_, child)| child.clone())
            .collect();
        children.iter().any(|child| child.reaches(other, seen))
    }
}
