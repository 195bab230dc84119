//! Address spaces: a root region, its published flat view, and sized access through it.
//!
//! Mirrors QEMU's `AddressSpace` and `address_space_rw` (`system/physmem.c`). Accesses split at range ends; each
//! part goes to RAM by atomics, to callbacks by the device's access rules (`access.rs`), or nowhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::access::{self, AccessRules, IoError, IoOps, worse};
use crate::addr::GuestPhys;
use crate::flat::{FlatRange, FlatView, Translation};
use crate::listener::{self, MemoryListener};
use crate::map::MemoryMap;
use crate::publish::Published;
use crate::region::{Kind, MemoryRegion};

/// What answers where nothing does, and in place of [`IoError::Decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unassigned {
    /// Reads give this byte over and over, writes vanish: a floating bus is `Value(0xff)`.
    Value(u8),
    /// [`IoError::Decode`] is returned.
    Error,
}

/// An address space of a machine: memory, I/O ports, or a bus master's view. Shared as `Arc`.
pub struct AddressSpace {
    name: String,
    root: MemoryRegion,
    map: MemoryMap,
    unassigned: Unassigned,
    published: Published<Arc<FlatView>>,
    /// By ascending priority.
    listeners: Mutex<Vec<(i32, Arc<dyn MemoryListener>)>>,
}

/// One part of an access: as many bytes as one range answers.
enum Part {
    /// RAM was read or written.
    Done,
    /// Callbacks are to be called, views no longer borrowed.
    Io(MemoryRegion, u64),
    /// Nothing is here.
    Hole,
    /// Writes are dropped here.
    Dropped,
}

impl AddressSpace {
    /// Makes `root` an address space of `map`; unassigned reads give ones.
    ///
    /// # Panics
    /// If `root` belongs to another machine.
    pub fn new(map: &MemoryMap, name: impl Into<String>, root: MemoryRegion) -> Arc<Self> {
        Self::with_unassigned(map, name, root, Unassigned::Value(0xff))
    }

    /// As [`AddressSpace::new`], choosing what unassigned addresses answer.
    pub fn with_unassigned(
        map: &MemoryMap,
        name: impl Into<String>,
        root: MemoryRegion,
        unassigned: Unassigned,
    ) -> Arc<Self> {
        map.transaction(|_| {
            root.attach(&map.downgrade());
            let space = Arc::new(Self {
                name: name.into(),
                published: Published::new(Arc::new(FlatView::render(&root)), &map.0.collector),
                root,
                map: map.clone(),
                unassigned,
                listeners: Mutex::default(),
            });
            map.add_space(&space);
            space
        })
    }

    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The root region.
    pub fn root(&self) -> &MemoryRegion {
        &self.root
    }

    /// The machine's memory.
    pub fn map(&self) -> &MemoryMap {
        &self.map
    }

    /// The current flat view. Cheap enough for a device; a vCPU keeps a [`ViewCache`](crate::ViewCache).
    pub fn view(&self) -> Arc<FlatView> {
        self.published.load().value.clone()
    }

    pub(crate) fn published(&self) -> &Published<Arc<FlatView>> {
        &self.published
    }

    /// Counts the commits that changed this space's view.
    #[inline(always)]
    pub fn generation(&self) -> u64 {
        self.published.generation()
    }

    /// Reads `size` bytes (1 to 8), little-endian. Takes the big lock around I/O iff this thread does not hold it.
    pub fn load(&self, addr: GuestPhys, size: u32) -> Result<u64, IoError> {
        let direct = self.published.with(|view| match size {
            1 => view.ram_load::<u8>(addr).map(u64::from),
            2 => view.ram_load::<u16>(addr).map(u64::from),
            4 => view.ram_load::<u32>(addr).map(u64::from),
            8 => view.ram_load::<u64>(addr),
            _ => None,
        });
        if let Some(value) = direct {
            return Ok(value);
        }
        let mut bytes = [0; 8];
        self.read(addr, &mut bytes[..(size as usize).min(8)])?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes the low `size` bytes (1 to 8) of `value`, little-endian.
    pub fn store(&self, addr: GuestPhys, size: u32, value: u64) -> Result<(), IoError> {
        let direct = self.published.with(|view| {
            let range = view.find(addr)?;
            let (block, writable) = range.ram()?;
            if !writable || range.last - addr.0 < u64::from(size.saturating_sub(1)) {
                return None;
            }
            let offset = range.region_offset(addr);
            match size {
                1 => block.store(offset, value as u8),
                2 => block.store(offset, value as u16),
                4 => block.store(offset, value as u32),
                8 => block.store(offset, value),
                _ => None,
            }
        });
        match direct {
            Some(()) => Ok(()),
            None => self.write(addr, &value.to_le_bytes()[..(size as usize).min(8)]),
        }
    }

    /// Reads bytes, through I/O where need be; addresses wrap at 2^64. After an error the rest is still read, and
    /// what failed reads as unassigned.
    pub fn read(&self, addr: GuestPhys, to: &mut [u8]) -> Result<(), IoError> {
        let (mut at, mut rest, mut result) = (addr, to, Ok(()));
        while !rest.is_empty() {
            let (len, part) = self.published.with(|view| match self.part(view, at, rest.len()) {
                (len, None) => (len, Part::Hole),
                (len, Some(range)) => (len, self.read_part(range, at, &mut rest[..len])),
            });
            let (now, tail) = rest.split_at_mut(len);
            result = worse(result, self.finish_read(part, now));
            (at, rest) = (at.add(len as u64), tail);
        }
        result
    }

    /// Writes bytes, through I/O where need be; addresses wrap at 2^64.
    pub fn write(&self, addr: GuestPhys, from: &[u8]) -> Result<(), IoError> {
        let (mut at, mut rest, mut result) = (addr, from, Ok(()));
        while !rest.is_empty() {
            let (len, part) = self.published.with(|view| match self.part(view, at, rest.len()) {
                (len, None) => (len, Part::Hole),
                (len, Some(range)) => (len, self.write_part(range, at, &rest[..len])),
            });
            let (now, tail) = rest.split_at(len);
            result = worse(result, self.finish_write(part, now));
            (at, rest) = (at.add(len as u64), tail);
        }
        result
    }

    /// Writes bytes even where the guest may not: images into ROM. Fails, having written what came before, at the
    /// first byte that is not backed by a block.
    pub fn write_rom(&self, addr: GuestPhys, from: &[u8]) -> Result<(), IoError> {
        let (mut at, mut rest) = (addr, from);
        while !rest.is_empty() {
            let len = self.published.with(|view| {
                let (len, range) = self.part(view, at, rest.len());
                let range = range.ok_or(IoError::Decode)?;
                let block = range.region.block().ok_or(IoError::Decode)?;
                block
                    .write(range.region_offset(at), &rest[..len])
                    .ok_or(IoError::Decode)?;
                Ok(len)
            })?;
            (at, rest) = (at.add(len as u64), &rest[len..]);
        }
        Ok(())
    }

    /// What the page of `addr` is, for a TLB fill.
    pub fn translate(&self, addr: GuestPhys) -> Translation {
        self.published.with(|view| view.translate(addr))
    }

    /// Follows the view from now on; first told of all ranges that are there. Of equal priorities the earlier
    /// added is told of additions first.
    pub fn add_listener(&self, priority: i32, listener: Arc<dyn MemoryListener>) {
        self.map.transaction(|_| {
            listener::tell(
                std::slice::from_ref(&listener),
                &FlatView::default(),
                &self.view(),
            );
            let mut listeners = self.listeners.lock();
            let at = listeners.partition_point(|(p, _)| *p <= priority);
            listeners.insert(at, (priority, listener));
        });
    }

    /// Stops following: the listener is told that every range went.
    pub fn remove_listener(&self, listener: &Arc<dyn MemoryListener>) {
        self.map.transaction(|_| {
            let before = self.listeners.lock().len();
            self.listeners.lock().retain(|(_, l)| !Arc::ptr_eq(l, listener));
            if self.listeners.lock().len() != before {
                listener::tell(std::slice::from_ref(listener), &self.view(), &FlatView::default());
            }
        });
    }

    /// Replaces the view if it differs; whether it did. Under the big lock.
    pub(crate) fn update(&self, new: Arc<FlatView>) -> bool {
        let old = self.view();
        if *old == *new {
            return false;
        }
        self.published.publish(new.clone());
        let listeners: Vec<_> = self.listeners.lock().iter().map(|(_, l)| l.clone()).collect();
        listener::tell(&listeners, &old, &new);
        true
    }

    /// How many of `len` bytes at `addr` one range (or one hole) answers, and the range.
    fn part<'v>(&self, view: &'v FlatView, addr: GuestPhys, len: usize) -> (usize, Option<&'v FlatRange>) {
        let (range, last) = match view.find(addr) {
            Some(range) => (Some(range), range.last),
            None => (
                None,
                view.ranges()
                    .get(view.search(addr))
                    .map_or(u64::MAX, |next| next.start - 1),
            ),
        };
        let room = last - addr.0;
        (
            if room >= len as u64 {
                len
            } else {
                room as usize + 1
            },
            range,
        )
    }

    fn read_part(&self, range: &FlatRange, addr: GuestPhys, to: &mut [u8]) -> Part {
        let offset = range.region_offset(addr);
        match range.ram() {
            Some((block, _)) => block.read(offset, to).map_or(Part::Hole, |()| Part::Done),
            None if matches!(range.region.0.kind, Kind::Reservation) => Part::Hole,
            None => Part::Io(range.region.clone(), offset),
        }
    }

    fn write_part(&self, range: &FlatRange, addr: GuestPhys, from: &[u8]) -> Part {
        let offset = range.region_offset(addr);
        match &range.region.0.kind {
            Kind::Ram(block) if !range.readonly => {
                block.write(offset, from).map_or(Part::Hole, |()| Part::Done)
            }
            Kind::Ram(_) => Part::Dropped,
            Kind::RomDevice(..) if range.readonly => Part::Dropped,
            Kind::RomDevice(..) | Kind::Io(..) => Part::Io(range.region.clone(), offset),
            Kind::Container | Kind::Reservation | Kind::Alias(_) => Part::Hole,
        }
    }

    fn finish_read(&self, part: Part, to: &mut [u8]) -> Result<(), IoError> {
        let result = match part {
            Part::Done | Part::Dropped => return Ok(()),
            Part::Hole => {
                to.fill(self.floating());
                Err(IoError::Decode)
            }
            Part::Io(region, offset) => {
                // What fails keeps this.
                to.fill(self.floating());
                self.dispatch(&region, |ops, rules| access::read(ops, rules, offset, to))
            }
        };
        self.forgive(result)
    }

    fn finish_write(&self, part: Part, from: &[u8]) -> Result<(), IoError> {
        let result = match part {
            Part::Done | Part::Dropped => return Ok(()),
            Part::Hole => Err(IoError::Decode),
            Part::Io(region, offset) => {
                self.dispatch(&region, |ops, rules| access::write(ops, rules, offset, from))
            }
        };
        self.forgive(result)
    }

    fn floating(&self) -> u8 {
        match self.unassigned {
            Unassigned::Value(byte) => byte,
            Unassigned::Error => 0xff,
        }
    }

    /// An x86 bus has no decode errors; a space that wants them says so.
    fn forgive(&self, result: Result<(), IoError>) -> Result<(), IoError> {
        match (result, self.unassigned) {
            (Err(IoError::Decode), Unassigned::Value(_)) => Ok(()),
            (other, _) => other,
        }
    }

    /// Calls back under the big lock (unless the region opted out), refusing a device that reaches its own
    /// registers from within a callback.
    fn dispatch(
        &self,
        region: &MemoryRegion,
        f: impl FnOnce(&dyn IoOps, &AccessRules) -> Result<(), IoError>,
    ) -> Result<(), IoError> {
        let (Kind::Io(ops, rules) | Kind::RomDevice(_, ops, rules)) = &region.0.kind else {
            return Err(IoError::Decode);
        };
        if !region.0.global_locking.load(Ordering::Acquire) {
            return f(&**ops, rules);
        }
        let (mut f, mut result) = (Some(f), Err(IoError::Decode));
        self.map.lock().with(&mut || {
            if region.0.engaged.swap(true, Ordering::Acquire) {
                tracing::warn!(
                    region = region.name(),
                    "a device reached its own registers from a callback of theirs"
                );
                return;
            }
            let _engaged = Engaged(region);
            if let Some(f) = f.take() {
                result = f(&**ops, rules);
            }
        });
        result
    }
}

/// Clears the re-entrancy mark, on unwinding too.
struct Engaged<'a>(&'a MemoryRegion);

impl Drop for Engaged<'_> {
    fn drop(&mut self) {
        self.0.0.engaged.store(false, Ordering::Release);
    }
}
