//! What every virtio device has, whatever its transport: status, negotiation of features, queues, interrupt causes.
//!
//! Registers flow in from a transport ([`registers`], [`legacy`]); what they mean for the device behind is handed back
//! as an [`Effect`], which the transport carries out when nothing is locked any more. The device takes chains by
//! [`Core::pop`] and gives them back by [`Core::push`] and [`Core::signal`], from whatever thread holds the big lock.
//!
//! Guest memory is never accessed under the state's guard: a ring may lie in the device's own registers. A queue is
//! copied out, marked busy, worked on, and copied back unless it was reset meanwhile. Mirrors QEMU's
//! `hw/virtio/virtio.c`; VIRTIO 1.2, sections 2.1 to 2.6.

pub mod legacy;
pub mod registers;
mod saved;

pub use saved::CoreState;

use crate::ring::{Chain, Mode, Queue, RingError, Token};
use crate::spec::{ISR_CONFIG, ISR_QUEUE, NO_VECTOR, QUEUE_MAX, feature, kind, status};
use hw_core::{DeviceCell, Dma, DmaError};
use std::sync::{Arc, OnceLock};

/// How a device gets the driver's attention: the transport's.
pub trait Interrupts: Send + Sync {
    /// Sends the message of this vector. Called only while [`messages`](Self::messages) is true.
    fn message(&self, vector: u16);
    /// Sets the level of the interrupt pin.
    fn pin(&self, level: bool);
    /// Whether MSI-X is on, so that the pin is not used.
    fn messages(&self) -> bool;
}

/// What a register access means for the device behind the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The driver notified this queue.
    Notify(usize),
    /// Features are agreed on, these.
    Negotiated(u64),
    /// The driver is ready; whatever is in the queues may be taken.
    Started,
    /// The device was reset.
    Reset,
    /// One queue was reset: its requests are not given back.
    QueueReset(usize),
}

/// What is offered of rings and features beyond the device's own: properties of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Event indexes.
    pub event_idx: bool,
    /// Indirect descriptors.
    pub indirect: bool,
    /// Packed rings.
    pub packed: bool,
    /// The legacy interface.
    pub legacy: bool,
    /// The modern interface.
    pub modern: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            event_idx: true,
            indirect: true,
            packed: false,
            legacy: true,
            modern: true,
        }
    }
}

impl Offer {
    fn features(self) -> u64 {
        let mut bits = 0;
        let mut set = |on: bool, bit: u64| bits |= if on { bit } else { 0 };
        set(self.event_idx, feature::EVENT_IDX);
        set(self.indirect, feature::INDIRECT_DESC);
        set(self.packed && self.modern, feature::RING_PACKED);
        set(self.legacy, feature::ANY_LAYOUT);
        set(self.modern, feature::VERSION_1 | feature::RING_RESET);
        bits
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    queue: Queue,
    vector: u16,
    /// Copied out and worked on.
    busy: bool,
    /// Counts resets: what was copied out before one is not copied back.
    life: u32,
    /// The legacy interface's page number of the ring.
    page: u32,
}

impl Slot {
    fn new(size: u16) -> Self {
        Self {
            queue: Queue::new(size),
            vector: NO_VECTOR,
            busy: false,
            life: 0,
            page: 0,
        }
    }
}

/// Everything volatile.
#[derive(Clone, Debug)]
struct State {
    status: u8,
    /// Which 32 bits of features are shown.
    device_select: u32,
    driver_select: u32,
    /// As the driver wrote them.
    driver_features: u64,
    queue_select: u16,
    config_vector: u16,
    isr: u8,
    generation: u8,
    /// A ring was found to be none; nothing is taken or given back until reset.
    broken: bool,
    slots: Vec<Slot>,
}

/// The common part of a virtio device.
pub struct Core {
    // Configuration.
    kind: u16,
    offered: u64,
    offer: Offer,
    sizes: Vec<u16>,
    // Host glue.
    dma: Dma,
    interrupts: OnceLock<Arc<dyn Interrupts>>,
    // Volatile state.
    state: DeviceCell<State>,
}

impl State {
    fn new(sizes: &[u16]) -> Self {
        Self {
            status: 0,
            device_select: 0,
            driver_select: 0,
            driver_features: 0,
            queue_select: 0,
            config_vector: NO_VECTOR,
            isr: 0,
            generation: 0,
            broken: false,
            slots: sizes.iter().map(|&size| Slot::new(size)).collect(),
        }
    }
}

impl Core {
    /// The core of a device of type `kind` ([`kind`]) with `features` of its own and queues of `sizes`.
    ///
    /// # Panics
    /// If a size is no power of two up to [`QUEUE_MAX`].
    pub fn new(kind: u16, features: u64, sizes: &[u16], offer: Offer, dma: Dma) -> Arc<Self> {
        assert!(
            sizes
                .iter()
                .all(|size| size.is_power_of_two() && *size <= QUEUE_MAX),
            "queue sizes are powers of two up to {QUEUE_MAX}"
        );
        Arc::new(Self {
            kind,
            offered: features | offer.features(),
            offer,
            sizes: sizes.to_vec(),
            dma,
            interrupts: OnceLock::new(),
            state: DeviceCell::new(State::new(sizes)),
        })
    }

    /// Names the transport's interrupts; once.
    pub fn connect(&self, interrupts: Arc<dyn Interrupts>) {
        let _ = self.interrupts.set(interrupts);
    }

    /// The type of the device.
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// What the device offers.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// What the transport offers.
    pub fn offer(&self) -> Offer {
        self.offer
    }

    /// Queues.
    pub fn queues(&self) -> usize {
        self.sizes.len()
    }

    /// The device's way to memory.
    pub fn dma(&self) -> &Dma {
        &self.dma
    }

    /// What driver and device agreed on so far.
    pub fn features(&self) -> u64 {
        self.state.lock().driver_features & self.offered
    }

    /// Whether the driver is ready.
    pub fn is_running(&self) -> bool {
        let state = self.state.lock();
        state.status & status::DRIVER_OK != 0 && !state.broken
    }

    /// Works on a queue with nothing locked; none if it is not to be used now, or turns out to be damaged.
    fn with<R>(&self, index: usize, f: impl FnOnce(&mut Queue) -> Result<R, RingError>) -> Option<R> {
        let (mut queue, life) = {
            let mut state = self.state.lock();
            // Legacy drivers may use queues before they say that they are ready (3.1.2).
            let started = state.status & status::DRIVER_OK != 0
                || state.driver_features & self.offered & feature::VERSION_1 == 0;
            if state.broken || !started || !self.dma.is_enabled() {
                return None;
            }
            let slot = state.slots.get_mut(index)?;
            if slot.busy || !slot.queue.enabled {
                return None;
            }
            slot.busy = true;
            (slot.queue, slot.life)
        };
        let result = f(&mut queue);
        {
            let mut state = self.state.lock();
            let slot = state.slots.get_mut(index)?;
            if slot.life != life {
                return None;
            }
            slot.busy = false;
            slot.queue = queue;
        }
        match result {
            Ok(value) => Some(value),
            // The bus does not let it through just now; the driver is not to blame.
            Err(RingError::Memory(DmaError::Disabled)) => None,
            Err(error) => {
                self.fail(&error.to_string());
                None
            }
        }
    }

    /// Takes the next chain of a queue into `chain`; false if there is none.
    pub fn pop(&self, queue: usize, chain: &mut Chain) -> bool {
        self.with(queue, |queue| queue.pop(&self.dma, chain))
            .unwrap_or(false)
    }

    /// Takes back the last [`pop`](Self::pop).
    pub fn unpop(&self, queue: usize, token: Token) {
        self.with(queue, |queue| {
            queue.unpop(token);
            Ok(())
        });
    }

    /// Gives a chain back; the driver sees it at the next [`signal`](Self::signal).
    pub fn push(&self, queue: usize, token: Token, written: u32) {
        self.with(queue, |queue| queue.push(&self.dma, token, written));
    }

    /// Whether a queue has nothing to take.
    pub fn is_empty(&self, queue: usize) -> bool {
        self.with(queue, |queue| queue.is_empty(&self.dma))
            .unwrap_or(true)
    }

    /// Asks for notifications of a queue, or for none.
    pub fn set_notification(&self, queue: usize, wanted: bool) {
        self.with(queue, |queue| queue.set_notification(&self.dma, wanted));
    }

    /// Shows the driver what was pushed, and interrupts it if it wants that.
    pub fn signal(&self, queue: usize) {
        let due = self.with(queue, |queue| queue.publish(&self.dma));
        if due == Some(true) {
            let vector = {
                let mut state = self.state.lock();
                state.isr |= ISR_QUEUE;
                state.slots.get(queue).map_or(NO_VECTOR, |slot| slot.vector)
            };
            self.interrupt(vector);
        }
    }

    /// Gives a chain back and tells the driver.
    pub fn complete(&self, queue: usize, token: Token, written: u32) {
        self.push(queue, token, written);
        self.signal(queue);
    }

    /// The device's configuration is another one now: the driver is told (2.5.1).
    pub fn config_changed(&self) {
        let vector = {
            let mut state = self.state.lock();
            state.generation = state.generation.wrapping_add(1);
            if state.status & status::DRIVER_OK == 0 {
                return;
            }
            state.isr |= ISR_CONFIG;
            state.config_vector
        };
        self.interrupt(vector);
    }

    /// The driver did something that the device cannot go on from: it has to be reset (2.1.2).
    pub fn fail(&self, why: &str) {
        let vector = {
            let mut state = self.state.lock();
            if std::mem::replace(&mut state.broken, true) {
                return;
            }
            tracing::warn!(
                device = kind_name(self.kind),
                why,
                "virtio device is broken until reset"
            );
            if state.driver_features & self.offered & feature::VERSION_1 == 0 {
                return;
            }
            state.status |= status::DEVICE_NEEDS_RESET;
            state.isr |= ISR_CONFIG;
            state.config_vector
        };
        self.interrupt(vector);
    }

    fn interrupt(&self, vector: u16) {
        let Some(interrupts) = self.interrupts.get() else {
            return;
        };
        if !interrupts.messages() {
            interrupts.pin(true);
        } else if vector != NO_VECTOR {
            interrupts.message(vector);
        }
    }

    /// Reads and clears the interrupt causes (4.1.4.5).
    pub fn read_isr(&self) -> u8 {
        let isr = std::mem::take(&mut self.state.lock().isr);
        if let Some(interrupts) = self.interrupts.get() {
            interrupts.pin(false);
        }
        isr
    }

    /// Back to the state before any driver. The pin is left to [`quieten`](Self::quieten).
    pub fn reset(&self) {
        let mut state = self.state.lock();
        let lives: Vec<u32> = state.slots.iter().map(|slot| slot.life).collect();
        *state = State::new(&self.sizes);
        for (slot, life) in state.slots.iter_mut().zip(lives) {
            slot.life = life.wrapping_add(1);
        }
    }

    /// Lowers the pin, after a reset.
    pub fn quieten(&self) {
        if let Some(interrupts) = self.interrupts.get() {
            interrupts.pin(false);
        }
    }

    /// The status byte: what the driver sees, and whether it is more than it wrote.
    pub fn status(&self) -> u8 {
        self.state.lock().status
    }

    /// Writes the status byte (2.1, 4.1.4.3). `modern` says by which interface.
    pub fn write_status(&self, value: u8, modern: bool) -> Effect {
        if value == 0 {
            self.reset();
            self.quieten();
            return Effect::Reset;
        }
        let mut state = self.state.lock();
        let old = state.status;
        let needs_reset = old & status::DEVICE_NEEDS_RESET;
        state.status = value & !status::DEVICE_NEEDS_RESET | needs_reset;
        if state.status & !old & status::FEATURES_OK != 0 {
            let wanted = state.driver_features;
            if wanted & !self.offered != 0 || modern && wanted & feature::VERSION_1 == 0 {
                state.status &= !status::FEATURES_OK;
                return Effect::None;
            }
            state.adopt(wanted);
            return Effect::Negotiated(wanted);
        }
        if state.status & !old & status::DRIVER_OK != 0 {
            return Effect::Started;
        }
        Effect::None
    }

    /// A notification of a queue: by number.
    pub fn notified(&self, queue: u16) -> Effect {
        if usize::from(queue) < self.sizes.len() {
            Effect::Notify(queue.into())
        } else {
            Effect::None
        }
    }
}

impl State {
    /// What was agreed on holds for all queues that are not in use yet.
    fn adopt(&mut self, features: u64) {
        for slot in &mut self.slots {
            if !slot.queue.enabled {
                slot.queue.set_mode(Mode::of(features));
            }
        }
    }

    fn selected(&mut self) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(self.queue_select))
    }
}

fn kind_name(of: u16) -> &'static str {
    match of {
        kind::NET => "virtio-net",
        kind::BLOCK => "virtio-blk",
        kind::CONSOLE => "virtio-serial",
        kind::ENTROPY => "virtio-rng",
        kind::BALLOON => "virtio-balloon",
        kind::SCSI => "virtio-scsi",
        kind::NINE_P => "virtio-9p",
        _ => "virtio",
    }
}
