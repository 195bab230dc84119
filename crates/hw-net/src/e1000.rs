//! The 82540EM, Intel's gigabit card of 2002, and QEMU's default card for ages (`e1000`).
//!
//! Frames flow from descriptors in memory to the port ([`transmit`]) and from the port into descriptors
//! ([`receive`]). What the ring holds is sent when software moves its tail; the interrupt follows the causes at once, without
//! the chip's moderation. While the card works on a ring it answers nobody: only its own accesses to memory could ask.

mod eeprom;
mod phy;
mod receive;
mod spec;
mod state;
mod transmit;

#[cfg(test)]
mod tests;

use crate::microwire::WORDS;
use hw_core::model::{Model, ModelError, Values};
use hw_core::{
    Device, DeviceCell, IoWindow, NetClient, NetPort, Offload, OffloadAbilities, ResetPhase, SavedState,
    StateError, Timer, VirtualClock, schedule,
};
use hw_pci::{Bar, BarKind, ConfigSpace, Ids, PciCard, PciPort, PciSlot, Plain};
use softmmu::{AccessRules, IoResult};
use spec::*;
use state::State;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

const VERSION: u16 = 1;
/// When the rest of a ring is sent that was too long for one go, nanoseconds.
const REST: i64 = 10_000;

/// Registers are words; whoever asks for less gets part of one.
const RULES: AccessRules = AccessRules {
    valid: (1, 4),
    impl_: (4, 4),
    ..AccessRules::UP_TO_4
};

/// `-device e1000`.
pub(crate) const MODEL: Model<PciSlot, PciCard> = Model {
    name: "e1000",
    aliases: &["e1000-82540em"],
    help: "Intel Gigabit Ethernet",
    properties: crate::PROPERTIES,
    make,
};

/// The card.
pub(crate) struct E1000 {
    // Configuration.
    name: String,
    mac: [u8; 6],
    eeprom: [u16; WORDS],
    // Host glue.
    port: PciPort,
    net: Arc<dyn NetPort>,
    clock: VirtualClock,
    timer: Timer,
    /// Its own access to memory is under way.
    working: AtomicBool,
    // Volatile state.
    state: DeviceCell<State>,
}

fn make(slot: PciSlot, values: &Values) -> Result<PciCard, ModelError> {
    let (mac, net) = crate::backend(values)?;
    let (vendor, device) = IDS;
    let ids = Ids {
        vendor,
        device,
        class: 0x02_0000,
        revision: 3,
    };
    let memory = Bar {
        index: 0,
        kind: BarKind::Memory,
        size: WINDOW,
    };
    let ports = Bar {
        index: 1,
        kind: BarKind::Io,
        size: 0x40,
    };
    let config = ConfigSpace::new(ids).with_bar(memory).with_bar(ports).with_pin(1);
    let port = slot.port();
    let device = E1000::new(&slot.name, mac, port.clone(), net, &slot.clock);
    let windows = device.windows();
    let regions = windows.iter().map(IoWindow::region).collect();
    let function = slot.function(&port, Plain(config), regions);
    Ok(PciCard::new(function, device))
}

impl E1000 {
    pub(crate) fn new(
        name: &str,
        mac: [u8; 6],
        port: PciPort,
        net: Arc<dyn NetPort>,
        clock: &VirtualClock,
    ) -> Arc<Self> {
        let device = Arc::new_cyclic(|weak: &Weak<Self>| {
            let mut state = State::default();
            state.reset(mac);
            state.phy.set_link(net.link_is_up());
            Self {
                name: name.to_owned(),
                mac,
                eeprom: eeprom::contents(mac, IDS, (0x1af4, 0x1100)),
                port,
                net: Arc::clone(&net),
                clock: clock.clone(),
                timer: clock.device_timer(weak, Self::resume),
                working: AtomicBool::new(false),
                state: DeviceCell::new(state),
            }
        });
        net.set_card_abilities(OffloadAbilities::default());
        let weak: Weak<dyn NetClient> = Arc::<Self>::downgrade(&device);
        net.attach(weak);
        device
    }

    /// Registers in memory, and the two ports that reach them.
    pub(crate) fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new("e1000-mmio", (0, WINDOW), RULES, self, Self::read, Self::write),
            IoWindow::new(
                "e1000-io",
                (0, 0x40),
                RULES,
                self,
                Self::port_read,
                Self::port_write,
            ),
        ]
    }

    /// Does something with the state that may go out to memory and to the network: the state is nobody's meanwhile.
    /// Nothing, if that is under way.
    fn work<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        if self.working.swap(true, Ordering::Relaxed) {
            return None;
        }
        let mut state = std::mem::take(&mut *self.state.lock());
        let result = f(&mut state);
        let (level, resume) = (state.level(), state.resume);
        *self.state.lock() = state;
        self.working.store(false, Ordering::Relaxed);
        self.port.set_level(level);
        schedule(&self.timer, resume);
        Some(result)
    }

    fn send_ring(&self, state: &mut State) {
        let more = self.transmit(state);
        state.resume = more.then(|| self.clock.now_ns().saturating_add(REST));
    }

    fn resume(&self) {
        self.work(|state| self.send_ring(state));
    }

    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        let register = offset as usize & !3;
        let value = self.work(|state| self.read_register(state, register));
        Ok(u64::from(value.unwrap_or(0)))
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let register = offset as usize & !3;
        let room = self.work(|state| {
            self.write_register(state, register, value as u32);
            matches!(register, RDT | RCTL | RDLEN) && self.has_room(state)
        });
        if room == Some(true) {
            self.net.accepts_input();
        }
        Ok(())
    }

    fn port_read(&self, offset: u64, size: u32) -> IoResult<u64> {
        match offset & !3 {
            0 => Ok(self.work(|state| state.address).unwrap_or(0).into()),
            4 => {
                let address = self.work(|state| state.address).unwrap_or(0);
                self.read(address.into(), size)
            }
            _ => Ok(0),
        }
    }

    fn port_write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        match offset & !3 {
            0 => {
                self.work(|state| state.address = value as u32 & (WINDOW - 1) as u32);
                Ok(())
            }
            4 => {
                let address = self.work(|state| state.address).unwrap_or(0);
                self.write(address.into(), size, value)
            }
            _ => Ok(()),
        }
    }

    fn read_register(&self, state: &mut State, register: usize) -> u32 {
        match register {
            CTRL_DUP => state.get(CTRL),
            STATUS => status::FIXED | if state.phy.link() { status::LINK_UP } else { 0 },
            EECD => state.eeprom.read(),
            // What a partner of negotiation by code words would say: nothing on copper.
            RXCW | ICS | IMC => 0,
            register if register == ICR || COUNTERS.contains(&register) => {
                let value = state.get(register);
                state.set(register, 0);
                value
            }
            register => state.get(register),
        }
    }

    fn write_register(&self, state: &mut State, register: usize, value: u32) {
        match register {
            CTRL | CTRL_DUP if value & ctrl::RST != 0 => {
                state.reset(self.mac);
            }
            CTRL | CTRL_DUP => {
                if value & ctrl::PHY_RST != 0 {
                    state.phy.reset();
                }
                let linked = state.get(CTRL) & ctrl::SLU == 0 && value & ctrl::SLU != 0;
                state.set(CTRL, value & !ctrl::PHY_RST);
                if linked && state.phy.link() {
                    state.cause(cause::LSC);
                }
            }
            EECD => state.eeprom.write(value, &self.eeprom),
            EERD => {
                let word = (value >> 8 & 0xff) as usize;
                let answer = match self.eeprom.get(word) {
                    Some(&data) if value & eerd::START != 0 => u32::from(data) << 16 | eerd::DONE,
                    _ if value & eerd::START != 0 => eerd::DONE,
                    _ => 0,
                };
                state.set(EERD, value & 0xff01 | answer);
            }
            MDIC => {
                let answer = state.phy.access(value);
                state.set(MDIC, answer);
                if value & mdic::INTERRUPT != 0 {
                    state.cause(cause::MDAC);
                }
            }
            ICR => state.set(ICR, state.get(ICR) & !value),
            ICS => state.cause(value),
            IMS => state.set(IMS, state.get(IMS) | value & cause::ALL),
            IMC => state.set(IMS, state.get(IMS) & !value),
            RCTL => state.set(RCTL, value & 0x07ff_fffe),
            RDT => state.set(RDT, value & 0xffff),
            TCTL => {
                state.set(TCTL, value);
                self.send_ring(state);
            }
            TDT => {
                state.set(TDT, value & 0xffff);
                self.send_ring(state);
            }
            WUS => state.set(WUS, state.get(WUS) & !value),
            register if RA.contains(&register) && register & 4 != 0 => {
                state.set(register, value & 0x8003_ffff);
            }
            register if RA.contains(&register) || MTA.contains(&register) || VFTA.contains(&register) => {
                state.set(register, value);
            }
            register => {
                if let Some((_, bits)) = PLAIN.iter().find(|(known, _)| *known == register) {
                    state.set(register, value & bits);
                }
            }
        }
    }
}

impl NetClient for E1000 {
    fn can_receive(&self) -> bool {
        !self.working.load(Ordering::Relaxed) && {
            let state = self.state.lock();
            self.has_room(&state)
        }
    }

    fn receive(&self, frame: &[u8], offload: Offload) {
        self.work(|state| self.put(state, frame, offload));
    }

    fn link_changed(&self, up: bool) {
        self.work(|state| {
            if state.phy.link() != up {
                state.phy.set_link(up);
                state.cause(cause::LSC);
            }
        });
    }
}

impl Device for E1000 {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => self.state.lock().reset(self.mac),
            ResetPhase::Hold => {
                self.timer.cancel();
                self.port.set_level(false);
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let state: State = state.decode(VERSION)?;
        if !state.is_whole() {
            return Err(StateError::Damaged("not this card's registers".into()));
        }
        self.work(|own| *own = state);
        Ok(())
    }
}
