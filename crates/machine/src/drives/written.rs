//! What a guest writes to a drive of a run that is recorded or replayed: pages in memory over an image that stays as it is.
//!
//! Reads come from the pages where there are some, else from the image below. The pages are a [`PageMap`], as a snapshot's
//! memory is: going to another moment sets another map, and pages are shared by all snapshots that have them. A bitmap of
//! the pages that were written follows the last of them in the same map, since an absent page of a map means zeros.

use block::{BlockError, Image};
use migration::{PageBytes, PageMap, PageStore};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

const PAGE: u64 = migration::PAGE_SIZE as u64;
/// Pages whose bits are in one page of the bitmap.
const BITS: u64 = PAGE * 8;
/// Most pages that are kept: 4 GiB. A guest that writes more finds its disk full, in every run the same.
const LIMIT: u64 = 1 << 20;

struct State {
    map: PageMap,
    written: u64,
}

/// An image, and what was written over it.
pub struct Written {
    name: String,
    base: Arc<dyn Image>,
    read_only: bool,
    pages: u64,
    store: PageStore,
    state: Mutex<State>,
}

type Result<T> = std::result::Result<T, BlockError>;

impl Written {
    /// Nothing written yet over `base`. `name` is the drive's, under which snapshots hold it.
    pub fn new(name: &str, base: Arc<dyn Image>, read_only: bool) -> Arc<Self> {
        let pages = base.size().div_ceil(PAGE);
        Arc::new(Self {
            name: format!("drive {name}"),
            base,
            read_only,
            pages,
            store: PageStore::new(),
            state: Mutex::new(State {
                map: PageMap::new(pages + pages.div_ceil(BITS)),
                written: 0,
            }),
        })
    }

    /// Its name in a snapshot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the drive's with this id.
    pub fn is_of(&self, id: &str) -> bool {
        self.name.strip_prefix("drive ") == Some(id)
    }

    /// What was written so far.
    pub fn save(&self) -> PageMap {
        self.state.lock().map.clone()
    }

    /// Number of pages that [`save`](Self::save)'s maps have.
    pub fn map_pages(&self) -> u64 {
        self.pages + self.pages.div_ceil(BITS)
    }

    /// That is what was written, now. The map is of such a drive.
    pub fn load(&self, map: PageMap) {
        let bits = (self.pages..self.map_pages()).filter_map(|page| map.get(page));
        let written = bits
            .flat_map(|bits| bits.bytes())
            .map(|byte| u64::from(byte.count_ones()))
            .sum();
        *self.state.lock() = State { map, written };
    }

    fn is_written(&self, map: &PageMap, page: u64) -> bool {
        let bits = map.get(self.pages + page / BITS);
        bits.is_some_and(|bits| bits.bytes()[(page % BITS / 8) as usize] >> (page % 8) & 1 != 0)
    }

    /// The contents of a page, of which the last may reach beyond the end of the image.
    fn page(&self, map: &PageMap, page: u64) -> Result<PageBytes> {
        let mut bytes = [0; PAGE as usize];
        if self.is_written(map, page) {
            if let Some(page) = map.get(page) {
                bytes = *page.bytes();
            }
        } else {
            let length = (self.base.size() - page * PAGE).min(PAGE) as usize;
            self.base.read_at(page * PAGE, &mut bytes[..length])?;
        }
        Ok(bytes)
    }

    fn set(&self, state: &mut State, page: u64, bytes: &PageBytes) -> Result<()> {
        if !self.is_written(&state.map, page) {
            if state.written >= LIMIT {
                return Err(BlockError::NoSpace);
            }
            let at = self.pages + page / BITS;
            let mut bits = state.map.get(at).map_or([0; PAGE as usize], |bits| *bits.bytes());
            bits[(page % BITS / 8) as usize] |= 1 << (page % 8);
            state.map.set(at, self.store.page(&bits));
            state.written += 1;
        }
        let new = self.store.update(state.map.get(page), bytes);
        state.map.set(page, new);
        Ok(())
    }

    fn check(&self, offset: u64, length: u64) -> Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.size() => Ok(()),
            _ => Err(BlockError::OutOfRange),
        }
    }

    /// Calls `f` with each page that `length` bytes from `offset` touch, and with what of them lies in it.
    fn each(
        offset: u64,
        length: u64,
        mut f: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        while done < length {
            let at = offset + done;
            let inside = at % PAGE;
            let part = (PAGE - inside).min(length - done);
            f(
                at / PAGE,
                inside as usize..(inside + part) as usize,
                done as usize..(done + part) as usize,
            )?;
            done += part;
        }
        Ok(())
    }
}

impl Image for Written {
    fn format(&self) -> &'static str {
        "overlay"
    }

    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn can_discard(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        self.check(offset, to.len() as u64)?;
        let state = self.state.lock();
        if state.written == 0 {
            return self.base.read_at(offset, to);
        }
        Self::each(offset, to.len() as u64, |page, inside, of| {
            if self.is_written(&state.map, page) {
                to[of].copy_from_slice(&self.page(&state.map, page)?[inside]);
                return Ok(());
            }
            self.base.read_at(page * PAGE + inside.start as u64, &mut to[of])
        })
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<()> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        self.check(offset, from.len() as u64)?;
        let mut state = self.state.lock();
        Self::each(offset, from.len() as u64, |page, inside, of| {
            let mut bytes = match inside.len() {
                whole if whole as u64 == PAGE => [0; PAGE as usize],
                _ => self.page(&state.map, page)?,
            };
            bytes[inside].copy_from_slice(&from[of]);
            self.set(&mut state, page, &bytes)
        })
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn discard(&self, offset: u64, length: u64) -> Result<()> {
        self.check(offset, length)
    }

    fn write_zeroes(&self, offset: u64, length: u64, _may_unmap: bool) -> Result<()> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        self.check(offset, length)?;
        let mut state = self.state.lock();
        Self::each(offset, length, |page, inside, _| {
            let mut bytes = self.page(&state.map, page)?;
            bytes[inside].fill(0);
            self.set(&mut state, page, &bytes)
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        self.base.files()
    }
}

#[cfg(test)]
mod tests;
