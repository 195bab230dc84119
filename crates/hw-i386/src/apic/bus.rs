//! What connects local APICs, IO-APICs and message-signalled interrupts.
//!
//! Messages flow from an interrupt command, a redirection entry or a device's memory write to the local APICs
//! they address; ends of level-triggered interrupts flow back to the IO-APICs.

use super::LocalApic;
use super::spec::{self, Delivery};
use parking_lot::RwLock;
use softmmu::{AccessRules, IoOps, IoResult, MemoryRegion};
use std::sync::{Arc, Weak};

/// One interrupt message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// APIC ID or logical destination; 8 bits unless `wide`.
    pub destination: u32,
    /// `destination` is logical.
    pub logical: bool,
    /// `destination` has 32 bits (x2APIC).
    pub wide: bool,
    /// Delivery mode.
    pub delivery: Delivery,
    /// Vector.
    pub vector: u8,
    /// Level-triggered: its end is broadcast.
    pub level: bool,
}

impl Message {
    /// The message of a memory write to FEExxxxxh (SDM volume 3, "Message Signalled Interrupts").
    pub fn from_msi(address: u64, data: u32) -> Self {
        Self {
            destination: (address >> 12) as u32 & 0xff,
            logical: address & 4 != 0,
            wide: false,
            delivery: Delivery::of(data),
            vector: data as u8,
            level: data >> 15 & 1 != 0,
        }
    }
}

/// Hears of ended level-triggered interrupts.
pub trait EoiSink: Send + Sync {
    /// The interrupt with `vector` has ended on some CPU.
    fn end_of_interrupt(&self, vector: u8);
}

/// The APIC bus of one machine.
#[derive(Default)]
pub struct ApicBus {
    apics: RwLock<Vec<Weak<LocalApic>>>,
    listeners: RwLock<Vec<Weak<dyn EoiSink>>>,
}

impl ApicBus {
    /// Nobody on it.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn add_apic(&self, apic: Weak<LocalApic>) {
        self.apics.write().push(apic);
    }

    /// Adds an IO-APIC.
    pub fn add_listener(&self, listener: Weak<dyn EoiSink>) {
        self.listeners.write().push(listener);
    }

    /// The local APICs, in the order they were added. Not under the lock: they may send in turn.
    fn each(&self) -> impl Iterator<Item = Arc<LocalApic>> + '_ {
        (0..)
            .map_while(|i| self.apics.read().get(i).cloned())
            .filter_map(|apic| apic.upgrade())
    }

    /// Delivers `message`. False if nobody took it.
    pub fn deliver(&self, message: &Message) -> bool {
        let addressed = |apic: &Arc<LocalApic>| apic.matches(message);
        if message.delivery == Delivery::Lowest {
            // Lowest processor priority, then lowest position: the same choice in every run.
            let best = self
                .each()
                .filter(addressed)
                .filter_map(|apic| Some((apic.arbitration()?, apic)));
            return match best.min_by_key(|&(priority, _)| priority) {
                Some((_, apic)) => apic.accept(Delivery::Fixed, message.vector, message.level),
                None => false,
            };
        }
        let mut accepted = false;
        for apic in self.each().filter(addressed) {
            accepted |= apic.accept(message.delivery, message.vector, message.level);
        }
        accepted
    }

    /// Delivers to everyone, or to everyone but `except`.
    pub(super) fn deliver_to_all(&self, delivery: Delivery, vector: u8, except: Option<&LocalApic>) {
        for apic in self.each() {
            if except.is_none_or(|except| !std::ptr::eq(Arc::as_ptr(&apic), except)) {
                apic.accept(delivery, vector, false);
            }
        }
    }

    /// A device writes `data` to `address`, which lies in FEExxxxxh.
    pub fn msi(&self, address: u64, data: u32) {
        self.deliver(&Message::from_msi(address, data));
    }

    pub(super) fn broadcast_eoi(&self, vector: u8) {
        let listeners = self.listeners.read().clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.end_of_interrupt(vector);
        }
    }
}

/// FEE00000h–FEEFFFFFh as bus masters see it: every write is a message.
pub struct MsiWindow(Arc<ApicBus>);

impl MsiWindow {
    /// Bytes.
    pub const SIZE: u64 = 0x10_0000;

    /// A region of this window, for the address space of bus masters at [`spec::DEFAULT_BASE`].
    pub fn region(bus: &Arc<ApicBus>) -> MemoryRegion {
        let ops = Arc::new(Self(Arc::clone(bus)));
        MemoryRegion::io("msi", Self::SIZE, ops, AccessRules::ONLY_4)
    }
}

impl IoOps for MsiWindow {
    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(u64::MAX)
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        self.0.msi(spec::DEFAULT_BASE + offset, value as u32);
        Ok(())
    }
}
