//! Parallel NOR flash: firmware that can keep variables.
//!
//! Reads go to the array as to any ROM until a command is written; then the registers answer until "read array". Bytes
//! that the guest programs flow into the array, and out to a [`FlashStore`]. Mirrors QEMU's `hw/block/pflash_cfi01.c` in
//! behaviour, which firmware relies on: operations are done at once, programming replaces bytes (it does not only clear
//! bits), and a cleared status register reads 0.

pub mod spec;
#[cfg(test)]
mod tests;

use hw_core::{Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use serde::{Deserialize, Serialize};
use softmmu::{AccessRules, IoResult, MemoryRegion, RamBlock, WeakMemoryRegion};
use spec::{command, status};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Where programmed bytes are kept when the machine is off.
pub trait FlashStore: Send + Sync {
    /// Keeps `bytes` at `offset`. Called under the big lock. What cannot be kept is the store's to complain about: the guest
    /// is not told, as its own copy is fine.
    fn store(&self, offset: u64, bytes: &[u8]);
}

/// A flash chip as the user describes it.
#[derive(Clone)]
pub struct FlashUnit {
    /// Contents at power-on.
    pub image: Arc<[u8]>,
    /// Programming and erasing fail.
    pub readonly: bool,
    /// Where writes go; none: they last as long as the machine.
    pub store: Option<Arc<dyn FlashStore>>,
}

/// A flash chip.
pub struct Flash {
    name: String,
    array: RamBlock,
    readonly: bool,
    store: Option<Arc<dyn FlashStore>>,
    /// The array came from a snapshot, and the store does not know.
    unknown_to_store: AtomicBool,
    region: OnceLock<WeakMemoryRegion>,
    state: DeviceCell<State>,
}

/// What a byte that is written next means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// A command.
    #[default]
    Command,
    /// The byte to program.
    Program,
    /// The confirmation of an erase.
    Erase,
    /// The second byte of a lock.
    Lock,
    /// How many bytes, less one, go to the buffer.
    BufferLength,
    /// A byte of so many for the buffer.
    BufferData(u32),
    /// The confirmation of a buffered write.
    BufferConfirm,
}

/// What reads give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Shown {
    #[default]
    Array,
    Status,
    Ids,
    Query,
}

/// Volatile state, saved as it is; the array is memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    phase: Phase,
    shown: Shown,
    status: u8,
    /// A buffered write in the order of its bytes: where, and what.
    buffer: Vec<(u32, u8)>,
}

const VERSION: u16 = 1;

/// What a byte written asks to be done to the array.
enum Effect {
    None,
    Erase(u64),
    Program(Vec<(u32, u8)>),
}

impl Flash {
    /// A chip over `array`, which holds its contents already.
    pub fn new(name: impl Into<String>, array: RamBlock, unit: &FlashUnit) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            array,
            readonly: unit.readonly,
            store: unit.store.clone(),
            unknown_to_store: AtomicBool::new(false),
            region: OnceLock::new(),
            state: DeviceCell::default(),
        })
    }

    /// The chip's memory. A second call makes a second region, which the chip does not switch.
    pub fn region(self: &Arc<Self>) -> MemoryRegion {
        let window = self.window();
        let region = MemoryRegion::rom_device(self.array.clone(), window.ops, window.rules);
        // Weak: the region owns the chip.
        let _ = self.region.set(region.downgrade());
        region
    }

    /// The registers, wherever the array does not show.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        let at = (0, self.array.size());
        IoWindow::new("flash", at, AccessRules::BYTES, self, Self::read, Self::write)
    }

    /// The array.
    pub fn array(&self) -> &RamBlock {
        &self.array
    }

    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        let state = self.state.lock();
        let byte = match state.shown {
            Shown::Array => self.array.load::<u8>(offset).unwrap_or(0xff),
            Shown::Status => state.status,
            Shown::Ids => match offset & 0xff {
                0 => spec::MANUFACTURER,
                1 => spec::DEVICE,
                _ => 0,
            },
            Shown::Query => {
                let table = spec::query(self.array.size() as usize);
                let at = (offset & 0xff).checked_sub(0x10);
                at.and_then(|at| table.get(at as usize)).copied().unwrap_or(0)
            }
        };
        Ok(byte.into())
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let (effect, direct) = {
            let mut state = self.state.lock();
            let effect = state.take(offset as u32, value as u8);
            if self.readonly {
                state.status |= match effect {
                    Effect::None => 0,
                    Effect::Erase(_) => status::ERASE_ERROR,
                    Effect::Program(_) => status::PROGRAM_ERROR,
                };
            }
            (effect, state.is_direct())
        };
        if !self.readonly {
            match effect {
                Effect::None => {}
                Effect::Erase(offset) => {
                    let start = offset & !(spec::BLOCK as u64 - 1);
                    self.put(start, &[0xff; spec::BLOCK]);
                }
                Effect::Program(bytes) => {
                    for (at, byte) in bytes {
                        self.put(at.into(), &[byte]);
                    }
                }
            }
        }
        self.show(direct);
        Ok(())
    }

    /// Changes the array, here and in the store.
    fn put(&self, offset: u64, bytes: &[u8]) {
        if self.array.write(offset, bytes).is_none() {
            return;
        }
        let Some(store) = &self.store else { return };
        if self.unknown_to_store.swap(false, Ordering::Relaxed) {
            let mut all = vec![0; self.array.size() as usize];
            // The whole block: it is there.
            let _ = self.array.read(0, &mut all);
            store.store(0, &all);
        } else {
            store.store(offset, bytes);
        }
    }

    /// Has reads go to the array directly, or to the registers.
    fn show(&self, direct: bool) {
        if let Some(region) = self.region.get().and_then(WeakMemoryRegion::upgrade) {
            region.set_romd_mode(direct);
        }
    }
}

impl State {
    fn is_direct(&self) -> bool {
        self.shown == Shown::Array && self.phase == Phase::Command
    }

    fn read_array(&mut self) {
        self.phase = Phase::Command;
        self.shown = Shown::Array;
        self.buffer.clear();
    }

    /// A sequence that means nothing.
    fn wrong(&mut self) {
        self.read_array();
        self.status |= status::ERASE_ERROR | status::PROGRAM_ERROR;
    }

    fn done(&mut self) {
        self.phase = Phase::Command;
        self.status |= status::READY;
    }

    /// The guest has written a byte.
    fn take(&mut self, offset: u32, byte: u8) -> Effect {
        match self.phase {
            Phase::Command => {
                self.begin(byte);
                Effect::None
            }
            Phase::Program => {
                self.done();
                Effect::Program(vec![(offset, byte)])
            }
            Phase::Erase if byte == command::CONFIRM => {
                self.done();
                Effect::Erase(offset.into())
            }
            Phase::Lock if matches!(byte, command::CONFIRM | command::LOCK_BLOCK) => {
                self.done();
                Effect::None
            }
            Phase::BufferLength => {
                self.buffer.clear();
                self.phase = Phase::BufferData(u32::from(byte) + 1);
                Effect::None
            }
            Phase::BufferData(left) => {
                self.buffer.push((offset, byte));
                self.phase = match left {
                    0 | 1 => Phase::BufferConfirm,
                    left => Phase::BufferData(left - 1),
                };
                Effect::None
            }
            Phase::BufferConfirm if byte == command::CONFIRM => {
                self.done();
                Effect::Program(std::mem::take(&mut self.buffer))
            }
            Phase::Erase | Phase::Lock | Phase::BufferConfirm => {
                if byte == command::READ_ARRAY {
                    self.read_array();
                } else {
                    self.wrong();
                }
                Effect::None
            }
        }
    }

    /// The first byte of a command.
    fn begin(&mut self, byte: u8) {
        self.shown = Shown::Status;
        match byte {
            command::PROGRAM | command::PROGRAM_ALTERNATE => self.phase = Phase::Program,
            command::ERASE => self.phase = Phase::Erase,
            command::LOCK => self.phase = Phase::Lock,
            command::WRITE_BUFFER => {
                self.status |= status::READY;
                self.phase = Phase::BufferLength;
            }
            command::READ_STATUS => {}
            command::READ_ID => self.shown = Shown::Ids,
            command::QUERY => self.shown = Shown::Query,
            command::CLEAR_STATUS => {
                self.status = 0;
                self.read_array();
            }
            // "Read array", and whatever else is written into a ROM.
            _ => self.read_array(),
        }
    }
}

impl Device for Flash {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = State::default(),
            ResetPhase::Hold => self.show(true),
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        let left = match state.phase {
            Phase::BufferData(left) => left as usize,
            _ => 0,
        };
        if state.buffer.len() + left > 256 {
            return Err(StateError::Damaged("more than a buffer of flash".into()));
        }
        let direct = state.is_direct();
        *self.state.lock() = state;
        self.unknown_to_store.store(true, Ordering::Relaxed);
        self.show(direct);
        Ok(())
    }
}
