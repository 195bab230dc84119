//! The firmware configuration device: how a virtual machine tells its firmware what it is made of.
//!
//! Items flow out to the guest: byte by byte through a data port, or by DMA as descriptors in guest memory ask; into
//! writable files bytes flow back. Mirrors QEMU's `hw/nvram/fw_cfg.c` in behaviour. Transfers end within the port
//! write that starts them, as there: the descriptor is the answer.

mod contents;
pub mod spec;
#[cfg(test)]
mod tests;

pub use contents::{Contents, FileError, Item, Maker};

use hw_core::{Device, DeviceCell, Dma, IoWindow, ResetPhase, SavedState, StateError};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, Endian, IoError, IoResult};
use spec::control;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The device.
pub struct FwCfg {
    dma: Dma,
    items: RwLock<BTreeMap<u16, Item>>,
    state: DeviceCell<State>,
}

/// Volatile state, saved as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The selected key.
    selected: u16,
    /// Where in its item.
    offset: u32,
    /// The DMA address as far as it was written.
    dma_address: u64,
    /// Bytes of writable items.
    written: BTreeMap<u16, Vec<u8>>,
    /// Bytes of the selected item, if they were made for that.
    made: Vec<u8>,
}

const VERSION: u16 = 1;

/// Selector and data: words to the one, bytes from the other.
const RULES: AccessRules = AccessRules {
    valid: (1, 2),
    impl_: (1, 2),
    unaligned: false,
    endian: Endian::Little,
};

/// Halves of the DMA address.
const DMA_RULES: AccessRules = AccessRules {
    valid: (1, 8),
    impl_: (1, 8),
    unaligned: false,
    endian: Endian::Big,
};

/// Bytes moved at once.
const CHUNK: usize = 0x1_0000;
/// Zeros that a transfer may ask for behind an item's end. Without a limit one descriptor could keep the machine busy for
/// as long as 4 GiB take.
const ZEROS_MAX: usize = 0x1_0000;

/// A descriptor, and where it lies.
struct Transfer {
    control: u32,
    left: u32,
    address: u64,
}

impl FwCfg {
    /// A device that holds `contents` and reaches memory by `dma`.
    pub fn new(contents: &Contents, dma: Dma) -> Arc<Self> {
        let device = Arc::new(Self {
            dma,
            items: RwLock::default(),
            state: DeviceCell::default(),
        });
        device.fill(contents);
        device
    }

    /// Holds `contents` from now on; before anything runs.
    pub fn fill(&self, contents: &Contents) {
        let items = contents.by_key();
        *self.state.lock() = State::fresh(&items);
        *self.items.write() = items;
    }

    /// The ports.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new("fwcfg", (spec::PORT, 2), RULES, self, Self::read, Self::write),
            IoWindow::new(
                "fwcfg.dma",
                (spec::DMA_PORT, 8),
                DMA_RULES,
                self,
                |_, offset, size| Ok(part_of_signature(offset, size)),
                Self::write_dma,
            ),
        ]
    }

    /// The item of `key`.
    fn item(&self, key: u16) -> Option<Item> {
        self.items.read().get(&(key & !spec::WRITE_CHANNEL)).cloned()
    }

    fn select(&self, key: u16) {
        let made = match self.item(key) {
            // Asks other devices, so no state is locked.
            Some(Item::Live(make, len)) => {
                let mut bytes = make();
                bytes.resize(len, 0);
                bytes
            }
            _ => Vec::new(),
        };
        let mut state = self.state.lock();
        state.selected = key;
        state.offset = 0;
        state.made = made;
    }

    /// Has `use_` look at what is in an item from `offset`, at most `len` bytes.
    fn at<R>(
        state: &State,
        item: Option<&Item>,
        offset: u32,
        len: usize,
        use_: impl FnOnce(&[u8]) -> R,
    ) -> R {
        let bytes = match item {
            Some(Item::Writable(initial)) => state
                .written
                .get(&(state.selected & !spec::WRITE_CHANNEL))
                .map_or(&**initial, Vec::as_slice),
            Some(Item::Live(..)) => &state.made,
            Some(item) => item.as_slice(),
            None => &[],
        };
        let rest = bytes.get(offset as usize..).unwrap_or(&[]);
        use_(&rest[..rest.len().min(len)])
    }

    fn read(&self, _offset: u64, size: u32) -> IoResult<u64> {
        if size != 1 {
            return Err(IoError::Decode);
        }
        let mut state = self.state.lock();
        let item = self.item(state.selected);
        let byte = Self::at(&state, item.as_ref(), state.offset, 1, |bytes| {
            bytes.first().copied()
        });
        // Behind the end there are zeros, and the offset stays.
        if byte.is_some() {
            state.offset += 1;
        }
        Ok(byte.unwrap_or(0).into())
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        if offset == 0 && size == 2 {
            self.select(value as u16);
        }
        // Items cannot be written through the data port (since QEMU 2.4).
        Ok(())
    }

    fn write_dma(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let start = {
            let mut state = self.state.lock();
            match (offset, size) {
                (0, 8) => Some(value),
                (0, 4) => {
                    state.dma_address = value << 32;
                    None
                }
                (4, 4) => Some(std::mem::take(&mut state.dma_address) | value),
                _ => None,
            }
        };
        if let Some(at) = start {
            self.state.lock().dma_address = 0;
            self.transfer(at);
        }
        Ok(())
    }

    /// Does what the descriptor at `at` asks for. No state is locked while memory is reached: what lies there may be
    /// anybody's registers.
    fn transfer(&self, at: u64) {
        let mut descriptor = [0; 16];
        if self.dma.read(at, &mut descriptor).is_err() {
            let _ = self.dma.store(at, control::ERROR.to_be_bytes());
            return;
        }
        let [c0, c1, c2, c3, l0, l1, l2, l3, address @ ..] = descriptor;
        let mut transfer = Transfer {
            control: u32::from_be_bytes([c0, c1, c2, c3]),
            left: u32::from_be_bytes([l0, l1, l2, l3]),
            address: u64::from_be_bytes(address),
        };
        if transfer.control & control::SELECT != 0 {
            self.select((transfer.control >> 16) as u16);
        }
        let done = match transfer.control {
            c if c & control::READ != 0 => self.copy_to_memory(&mut transfer),
            c if c & control::WRITE != 0 => self.take_from_memory(&transfer),
            c if c & control::SKIP != 0 => {
                self.skip(transfer.left);
                true
            }
            _ => true,
        };
        let answer = if done { 0 } else { control::ERROR };
        // A descriptor that cannot be written has nobody who waits for it.
        let _ = self.dma.store(at, answer.to_be_bytes());
    }

    /// Item to memory; zeros behind the item's end.
    fn copy_to_memory(&self, transfer: &mut Transfer) -> bool {
        let rest = {
            let state = self.state.lock();
            let item = self.item(state.selected);
            Self::at(&state, item.as_ref(), state.offset, usize::MAX, <[u8]>::len)
        };
        if transfer.left as usize > rest.saturating_add(ZEROS_MAX) {
            return false;
        }
        let mut buffer = vec![0; CHUNK.min(transfer.left as usize)];
        while transfer.left > 0 {
            let len = buffer.len().min(transfer.left as usize);
            let piece = &mut buffer[..len];
            piece.fill(0);
            {
                let mut state = self.state.lock();
                let item = self.item(state.selected);
                let offset = state.offset;
                let copied = Self::at(&state, item.as_ref(), offset, len, |bytes| {
                    piece[..bytes.len()].copy_from_slice(bytes);
                    bytes.len()
                });
                state.offset = offset.saturating_add(copied as u32);
            }
            if self.dma.write(transfer.address, piece).is_err() {
                return false;
            }
            transfer.address = transfer.address.wrapping_add(len as u64);
            transfer.left -= len as u32;
        }
        true
    }

    /// Memory to item: all of it or nothing.
    fn take_from_memory(&self, transfer: &Transfer) -> bool {
        let (key, offset) = {
            let state = self.state.lock();
            (state.selected & !spec::WRITE_CHANNEL, state.offset as usize)
        };
        let len = transfer.left as usize;
        let room = match self.item(key) {
            Some(Item::Writable(initial)) => initial.len().saturating_sub(offset),
            _ => return false,
        };
        if len > room {
            return false;
        }
        let mut bytes = vec![0; len];
        if self.dma.read(transfer.address, &mut bytes).is_err() {
            return false;
        }
        let mut state = self.state.lock();
        if let Some(written) = state.written.get_mut(&key)
            && let Some(place) = written.get_mut(offset..offset + len)
        {
            place.copy_from_slice(&bytes);
        }
        state.offset = (offset + len) as u32;
        true
    }

    fn skip(&self, len: u32) {
        let mut state = self.state.lock();
        let item = self.item(state.selected);
        let skipped = Self::at(&state, item.as_ref(), state.offset, len as usize, <[u8]>::len);
        state.offset = state.offset.saturating_add(skipped as u32);
    }
}

/// What `size` bytes at `offset` of the DMA address read as.
fn part_of_signature(offset: u64, size: u32) -> u64 {
    let behind = 8u64.saturating_sub(offset + u64::from(size));
    let value = spec::DMA_SIGNATURE >> (8 * behind);
    if size < 8 {
        value & ((1 << (8 * size)) - 1)
    } else {
        value
    }
}

impl State {
    fn fresh(items: &BTreeMap<u16, Item>) -> Self {
        let written = items.iter().filter_map(|(&key, item)| match item {
            Item::Writable(initial) => Some((key, initial.to_vec())),
            Item::Fixed(..) | Item::Live(..) => None,
        });
        Self {
            written: written.collect(),
            ..Self::default()
        }
    }

    /// Whether it is one of a device with these items.
    fn is_sound(&self, items: &BTreeMap<u16, Item>) -> bool {
        let fresh = Self::fresh(items);
        let sizes = |state: &Self| -> Vec<_> { state.written.iter().map(|(&k, v)| (k, v.len())).collect() };
        let item = items.get(&(self.selected & !spec::WRITE_CHANNEL));
        let made = match item {
            Some(Item::Live(_, len)) => *len,
            _ => 0,
        };
        let len = item.map_or(0, Item::len);
        sizes(self) == sizes(&fresh) && self.offset as usize <= len && self.made.len() == made
    }
}

impl Device for FwCfg {
    fn name(&self) -> &str {
        "fw_cfg"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.state.lock() = State::fresh(&self.items.read());
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        if !state.is_sound(&self.items.read()) {
            return Err(StateError::Damaged(
                "made with other items in the firmware configuration".into(),
            ));
        }
        *self.state.lock() = state;
        Ok(())
    }
}
