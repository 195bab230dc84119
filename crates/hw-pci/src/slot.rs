//! A free slot, and the card that a model makes for it.
//!
//! The board hands a [`PciSlot`] to a [`Model`](hw_core::model::Model)'s function, which builds its device around a
//! [`PciPort`] and gives back a [`PciCard`]; the board then plugs the card's function in.

use crate::config::ConfigSpace;
use crate::function::{Behaviour, Function, PciFunction, PciSpaces};
use crate::msix::Msix;
use crate::port::PciPort;
use hw_core::{Device, Display, Dma, InputSink, IrqLine, VirtualClock};
use softmmu::{AddressSpace, MemoryRegion, RamBlock};
use std::any::Any;
use std::sync::Arc;

/// What a board offers to a card.
#[derive(Clone)]
pub struct PciSlot {
    /// Name for the device: its `id=`, or one that the board made up; unique.
    pub name: String,
    /// Slot and function number.
    pub devfn: u8,
    /// Where windows appear.
    pub spaces: PciSpaces,
    /// Memory as bus masters see it, message-signalled interrupts included.
    pub memory: Arc<AddressSpace>,
    /// INTA to INTD of the slot.
    pub pins: [IrqLine; 4],
    /// The machine's virtual clock.
    pub clock: VirtualClock,
}

impl PciSlot {
    /// A port with INTA, and without messages.
    pub fn port(&self) -> PciPort {
        self.port_with(None, None)
    }

    /// A port with INTA, and the messages that `config` announces: see [`ConfigSpace::add_msix`] and
    /// [`ConfigSpace::add_msi`].
    pub fn port_with(&self, msix: Option<Arc<Msix>>, msi: Option<u8>) -> PciPort {
        PciPort::new(
            Dma::new(Arc::clone(&self.memory)),
            self.pins[0].clone(),
            msix,
            msi,
        )
    }

    /// The function of a device that stores its configuration and follows it by itself.
    pub fn function<B: Behaviour>(
        &self,
        port: &PciPort,
        behaviour: B,
        windows: Vec<MemoryRegion>,
    ) -> Arc<Function<B>> {
        Function::with_port(
            format!("{}-pci", self.name),
            &self.spaces,
            behaviour,
            windows,
            Some(port.clone()),
        )
    }
}

/// A [`Behaviour`] that is nothing but its configuration.
pub struct Plain(pub ConfigSpace);

impl Behaviour for Plain {
    fn fresh(&self) -> ConfigSpace {
        self.0.clone()
    }
}

/// A card, ready to be plugged in.
pub struct PciCard {
    /// What answers in configuration space.
    pub function: Arc<dyn PciFunction>,
    /// The devices on it, without the function, in reset order.
    pub devices: Vec<Arc<dyn Device>>,
    /// Memory on it.
    pub memory: Vec<RamBlock>,
    /// The picture it makes.
    pub display: Option<Arc<dyn Display>>,
    /// Keyboards and pointers on it.
    pub inputs: Vec<Arc<dyn InputSink>>,
    /// What somebody who knows the card's type can do more with: a bus for other devices, a balloon.
    pub part: Option<Arc<dyn Any + Send + Sync>>,
}

impl PciCard {
    /// A card with one device.
    pub fn new(function: Arc<dyn PciFunction>, device: Arc<dyn Device>) -> Self {
        Self {
            function,
            devices: vec![device],
            memory: Vec::new(),
            display: None,
            inputs: Vec::new(),
            part: None,
        }
    }
}
