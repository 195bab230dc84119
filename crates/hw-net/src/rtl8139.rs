//! The RTL8139C+, Realtek's card for everybody (`rtl8139`), with both ways to use it.
//!
//! The old way is four transmit buffers and one receive buffer that goes round; the new one (8139C+) rings of descriptors, with
//! checksums and cutting by the card. Frames flow from memory to the port ([`transmit`]) and from the port into memory
//! ([`receive`]), at once. While the card works it answers nobody: only its own accesses to memory could ask.

mod receive;
mod spec;
mod state;
mod transmit;

#[cfg(test)]
mod tests;

use crate::microwire::{Pins, WORDS};
use hw_core::model::{Model, ModelError, Values};
use hw_core::{
    Device, DeviceCell, Frequency, IoWindow, NetClient, NetPort, Offload, OffloadAbilities, ResetPhase,
    SavedState, StateError, Timer, VirtualClock, schedule,
};
use hw_pci::{Bar, BarKind, ConfigSpace, Ids, PciCard, PciPort, PciSlot, Plain};
use softmmu::{AccessRules, IoResult};
use spec::*;
use state::State;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

const VERSION: u16 = 1;
/// The counter runs with the bus.
const BUS: Frequency = Frequency::new(33_000_000);

/// `-device rtl8139`.
pub(crate) const MODEL: Model<PciSlot, PciCard> = Model {
    name: "rtl8139",
    aliases: &[],
    help: "Realtek RTL8139C+ Fast Ethernet",
    properties: crate::PROPERTIES,
    make,
};

/// The card.
pub(crate) struct Rtl8139 {
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
    let ids = Ids {
        vendor: IDS.0,
        device: IDS.1,
        class: 0x02_0000,
        revision: REVISION,
    };
    let bar = |index, kind| Bar {
        index,
        kind,
        size: WINDOW,
    };
    let config = ConfigSpace::new(ids)
        .with_bar(bar(0, BarKind::Io))
        .with_bar(bar(1, BarKind::Memory))
        .with_pin(1);
    let port = slot.port();
    let device = Rtl8139::new(&slot.name, mac, port.clone(), net, &slot.clock);
    let regions = device.windows().iter().map(IoWindow::region).collect();
    let function = slot.function(&port, Plain(config), regions);
    Ok(PciCard::new(function, device))
}

/// Contents of the EEPROM of a card with this address.
fn eeprom(mac: [u8; 6]) -> [u16; WORDS] {
    let mut words = [0; WORDS];
    // By this drivers tell how long addresses are.
    words[0] = 0x8129;
    (words[1], words[2]) = IDS;
    (words[3], words[4]) = (0x1af4, 0x1100);
    for (word, pair) in words[7..].iter_mut().zip(mac.chunks_exact(2)) {
        *word = u16::from_le_bytes([pair[0], pair[1]]);
    }
    words
}

impl Rtl8139 {
    pub(crate) fn new(
        name: &str,
        mac: [u8; 6],
        port: PciPort,
        net: Arc<dyn NetPort>,
        clock: &VirtualClock,
    ) -> Arc<Self> {
        let device = Arc::new_cyclic(|weak: &Weak<Self>| {
            let mut state = State::default();
            state.reset(mac, BUS.ticks(clock.now_ns()));
            state.link = net.link_is_up();
            Self {
                name: name.to_owned(),
                mac,
                eeprom: eeprom(mac),
                port,
                net: Arc::clone(&net),
                clock: clock.clone(),
                timer: clock.device_timer(weak, Self::alarm),
                working: AtomicBool::new(false),
                state: DeviceCell::new(state),
            }
        });
        net.set_card_abilities(OffloadAbilities::default());
        let weak: Weak<dyn NetClient> = Arc::<Self>::downgrade(&device);
        net.attach(weak);
        device
    }

    /// The same registers as ports and in memory.
    pub(crate) fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        ["rtl8139-io", "rtl8139-mmio"]
            .map(|name| {
                IoWindow::new(
                    name,
                    (0, WINDOW),
                    AccessRules::UP_TO_4,
                    self,
                    Self::read,
                    Self::write,
                )
            })
            .into()
    }

    /// Does something with the state that may go out to memory and to the network: the state is nobody's meanwhile.
    /// Nothing, if that is under way.
    fn work<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        if self.working.swap(true, Ordering::Relaxed) {
            return None;
        }
        let mut state = std::mem::take(&mut *self.state.lock());
        let result = f(&mut state);
        let (level, alarm) = (state.level(), state.alarm);
        *self.state.lock() = state;
        self.working.store(false, Ordering::Relaxed);
        self.port.set_level(level);
        schedule(&self.timer, alarm);
        Some(result)
    }

    fn counter(&self, state: &State) -> u32 {
        BUS.ticks(self.clock.now_ns()).wrapping_sub(state.zero) as u32
    }

    /// The counter reached what software waits for.
    fn alarm(&self) {
        self.work(|state| {
            state.cause(isr::TIMEOUT);
            self.set_alarm(state);
        });
    }

    fn set_alarm(&self, state: &mut State) {
        let target = state.get32(TIMER);
        state.alarm = (target != 0).then(|| {
            let ahead = target.wrapping_sub(self.counter(state));
            // Now was a moment ago.
            let ahead = if ahead == 0 { 1 << 32 } else { i64::from(ahead) };
            BUS.ns(BUS.ticks(self.clock.now_ns()).saturating_add(ahead))
        });
    }

    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        let value = self.work(|state| {
            (0..size as usize).fold(0, |value, at| {
                value | u64::from(self.read_byte(state, offset as usize + at)) << (8 * at)
            })
        });
        Ok(value.unwrap_or(0))
    }

    fn read_byte(&self, state: &State, at: usize) -> u8 {
        let of = |value: u32, register: usize| value.to_le_bytes()[at - register];
        match at {
            CR => state.get8(CR) | if self.is_empty(state) { cr::BUFE } else { 0 },
            TCTR..MPC => of(self.counter(state), TCTR),
            EEPROM => {
                let data = if state.microwire.data() { eeprom::DO } else { 0 };
                state.get8(EEPROM) & !eeprom::DO | data
            }
            // Bit 2: no link.
            MSR => u8::from(!state.link) << 2,
            TSAD_ALL | 0x61 => {
                // What became of each of the four, in four rows: owned, aborted, underrun, sent.
                let status = (0..4).fold(0, |all, n| {
                    let tsd = state.get32(TSD + n * 4);
                    let bit = |mask: u32, row: usize| u32::from(tsd & mask != 0) << (row * 4 + n);
                    all | bit(tsd::OWN, 0) | bit(tsd::ABORTED, 1) | bit(1 << 14, 2) | bit(tsd::TOK, 3)
                });
                of(status, TSAD_ALL)
            }
            BMSR | 0x65 => of(0x7809 | if state.link { 0x24 } else { 0 }, BMSR),
            ANLPAR | 0x69 => of(if state.link { 0x45e1 } else { 0 }, ANLPAR),
            POLL => 0,
            at => state.get8(at),
        }
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let room = self.work(|state| {
            let first = offset as usize;
            for (at, byte) in (first..).zip(value.to_le_bytes()).take(size as usize) {
                self.write_byte(state, at, byte);
            }
            let touched = |register: usize, length: usize| {
                first < register + length && register < first + size as usize
            };
            self.act(state, &touched);
            // Descriptors are given back without a word; what drivers do next is to let interrupts through again.
            let told = [(CAPR, 2), (CR, 1), (RCR, 4), (IMR, 4)];
            told.iter().any(|&(register, length)| touched(register, length)) && self.has_room(state)
        });
        if room == Some(true) {
            self.net.accepts_input();
        }
        Ok(())
    }

    fn write_byte(&self, state: &mut State, at: usize, value: u8) {
        match at {
            CR => {
                if value & cr::RST != 0 {
                    return state.soft_reset();
                }
                let begun = value & !state.get8(CR);
                if begun & cr::TE != 0 {
                    (state.sending, state.buffer) = ([0; 2], 0);
                }
                if begun & cr::RE != 0 {
                    state.receiving = 0;
                }
                state.set8(CR, value & (cr::TE | cr::RE));
            }
            ISR | 0x3f => state.set8(at, state.get8(at) & !value),
            MPC..EEPROM => state.set32(MPC, 0),
            TCTR..MPC => state.zero = BUS.ticks(self.clock.now_ns()),
            EEPROM => {
                state.set8(EEPROM, value & !eeprom::DO);
                if value & eeprom::MODE == eeprom::PROGRAM {
                    let pins = Pins {
                        select: value & eeprom::CS != 0,
                        clock: value & eeprom::SK != 0,
                        data: value & eeprom::DI != 0,
                    };
                    state.microwire.drive(pins, &self.eeprom);
                }
            }
            POLL => {
                if value & poll::SOFTWARE != 0 {
                    state.cause(isr::SOFTWARE);
                }
                if state.get16(CPCR) & cpcr::TRANSMIT != 0 {
                    for (bit, high) in [(poll::HIGH, true), (poll::NORMAL, false)] {
                        if value & bit != 0 {
                            self.send_ring(state, high);
                        }
                    }
                }
            }
            at => {
                let open = state.get8(EEPROM) & eeprom::MODE == eeprom::CONFIG;
                let found = STORED
                    .iter()
                    .find(|(register, length, _)| (*register..register + length).contains(&at));
                if found.is_some_and(|(_, _, locked)| open || !locked) {
                    state.set8(at, value);
                }
            }
        }
    }

    /// What follows from registers that were written.
    fn act(&self, state: &mut State, touched: &dyn Fn(usize, usize) -> bool) {
        let classic = state.get16(CPCR) & cpcr::TRANSMIT == 0;
        if classic && (touched(TSD, 16) || touched(CR, 1)) {
            self.send_buffers(state);
        }
        if touched(RDSAR, 8) {
            state.receiving = 0;
        }
        if !classic && touched(TSAD, 16) {
            state.sending = [0; 2];
        }
        if touched(TCR, 4) {
            let value = state.get32(TCR) & !tcr::VERSION_BITS | tcr::VERSION;
            state.set32(TCR, value);
        }
        if touched(TIMER, 4) || touched(TCTR, 4) {
            self.set_alarm(state);
        }
        if touched(BMCR, 2) {
            // Reset and negotiation end at once.
            let value = state.get16(BMCR);
            state.set16(
                BMCR,
                if value & 0x8000 != 0 {
                    0x3100
                } else {
                    value & !0x0200
                },
            );
        }
    }
}

impl NetClient for Rtl8139 {
    fn can_receive(&self) -> bool {
        self.work(|state| self.has_room(state)).unwrap_or(false)
    }

    fn receive(&self, frame: &[u8], offload: Offload) {
        self.work(|state| {
            if state.link {
                self.put(state, frame, offload);
            }
        });
    }

    fn link_changed(&self, up: bool) {
        self.work(|state| {
            if state.link != up {
                state.link = up;
                state.cause(isr::LINK);
            }
        });
    }
}

impl Device for Rtl8139 {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                let tick = BUS.ticks(self.clock.now_ns());
                self.state.lock().reset(self.mac, tick);
            }
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
