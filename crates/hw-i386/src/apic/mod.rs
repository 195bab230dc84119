//! The local APIC of one CPU: registers at FEE00000h (or x2APIC MSRs), timer, pins, messages.
//!
//! Mirrors QEMU's `hw/intc/apic.c` in behaviour. Requests flow in from the bus, the two pins and the timer; the
//! INTR level, NMI, INIT and start-up flow out to the CPU's [`CpuSignals`]; vectors flow out on INTA. An EOI may
//! come back as a new request through the IO-APIC, so nothing is sent while the state is locked.

mod bus;
pub mod spec;
mod state;
#[cfg(test)]
mod tests;
mod timer;

pub use bus::{ApicBus, EoiSink, Message, MsiWindow};
pub use state::Pending;

use hw_core::{
    Device, DeviceCell, IoWindow, IrqSink, ResetPhase, SavedState, StateError, Timer, VirtualClock, schedule,
};
use softmmu::AccessRules;
use spec::Delivery;
use state::{ApicState, Command, Effects};
use std::sync::{Arc, OnceLock};
use target_i386::CpuSignals;
use target_i386::signals::request;

/// What a local APIC is made with.
#[derive(Clone, Debug)]
pub struct ApicConfig {
    /// APIC ID at reset.
    pub id: u32,
    /// Bootstrap processor: LINT0 passes the 8259 through at reset.
    pub bsp: bool,
    /// x2APIC mode may be entered (CPUID.1:ECX.21).
    pub x2apic: bool,
}

/// Told where the register page is and whether it is there at all.
pub type BaseHook = Box<dyn Fn(u64, bool) + Send + Sync>;

/// A local APIC. As an [`IrqSink`], pin 0 is LINT0 and pin 1 is LINT1.
pub struct LocalApic {
    // Configuration.
    name: String,
    config: ApicConfig,
    // Host glue.
    bus: Arc<ApicBus>,
    signals: Arc<CpuSignals>,
    clock: VirtualClock,
    timer: Timer,
    base_hook: OnceLock<BaseHook>,
    // Volatile state.
    state: DeviceCell<ApicState>,
}

impl LocalApic {
    /// After power-on, on `bus`, for the CPU behind `signals`.
    pub fn new(
        config: ApicConfig,
        bus: &Arc<ApicBus>,
        signals: Arc<CpuSignals>,
        clock: &VirtualClock,
    ) -> Arc<Self> {
        let apic = Arc::new_cyclic(|weak| Self {
            name: format!("apic{}", config.id),
            state: DeviceCell::new(ApicState::new(config.id, config.bsp)),
            bus: Arc::clone(bus),
            signals,
            clock: clock.clone(),
            timer: clock.device_timer(weak, |apic: &Self| {
                apic.change(|state, now| {
                    state.advance(now);
                    Effects::default()
                });
            }),
            base_hook: OnceLock::new(),
            config,
        });
        bus.add_apic(Arc::downgrade(&apic));
        apic
    }

    /// The register page, for the memory of this APIC's own CPU.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "apic",
            (spec::DEFAULT_BASE, spec::PAGE),
            AccessRules::ONLY_4,
            self,
            |d: &Self, offset, _| Ok(d.read_register(offset).into()),
            |d, offset, _, value| {
                d.write_register(offset, value as u32);
                Ok(())
            },
        )
    }

    /// Has `hook` called with address and presence of the register page now and after each change of
    /// IA32_APIC_BASE. A second hook is ignored.
    pub fn set_base_hook(&self, hook: impl Fn(u64, bool) + Send + Sync + 'static) {
        if self.base_hook.set(Box::new(hook)).is_ok() {
            self.tell_base();
        }
    }

    fn tell_base(&self) {
        if let Some(hook) = self.base_hook.get() {
            let (base, there) = {
                let state = self.state.lock();
                (
                    state.base & spec::BASE_ADDRESS,
                    state.is_enabled() && !state.is_x2apic(),
                )
            };
            hook(base, there);
        }
    }

    /// Runs `change` on the state, then everything that follows from it outside.
    fn change(&self, change: impl FnOnce(&mut ApicState, i64) -> Effects) {
        let now = self.clock.now_ns();
        let effects = change(&mut self.state.lock(), now);
        self.perform(effects);
        self.settle();
    }

    /// Makes timer and INTR follow the state.
    fn settle(&self) {
        let (deadline, intr) = {
            let state = self.state.lock();
            (state.timer_deadline(), state.pending() != Pending::None)
        };
        schedule(&self.timer, deadline);
        if intr != (self.signals.pending() & request::INTR != 0) {
            self.signals.set_intr(intr);
        }
    }

    fn perform(&self, effects: Effects) {
        if effects.nmi {
            self.signals.nmi();
        }
        if effects.init {
            self.accept(Delivery::Init, 0, false);
        }
        if let Some(vector) = effects.eoi {
            self.bus.broadcast_eoi(vector);
        }
        if let Some(command) = effects.send {
            self.send(command);
        }
    }

    fn send(&self, command: Command) {
        let Command {
            low,
            destination,
            wide,
        } = command;
        let (delivery, vector) = (Delivery::of(low), low as u8);
        let (level_triggered, assert) = (low >> 15 & 1 != 0, low >> 14 & 1 != 0);
        if delivery == Delivery::Init && level_triggered && !assert {
            // INIT level de-assert only synchronised arbitration IDs.
            return;
        }
        match low >> 18 & 3 {
            0 => {
                let logical = low >> 11 & 1 != 0;
                let message = Message {
                    destination,
                    logical,
                    wide,
                    delivery,
                    vector,
                    level: false,
                };
                self.bus.deliver(&message);
            }
            1 => {
                self.accept(delivery, vector, false);
            }
            2 => self.bus.deliver_to_all(delivery, vector, None),
            _ => self.bus.deliver_to_all(delivery, vector, Some(self)),
        }
    }

    /// Whether `message` is addressed to this APIC.
    fn matches(&self, message: &Message) -> bool {
        let state = self.state.lock();
        state.is_enabled() && state.matches(message.destination, message.logical, message.wide)
    }

    /// Processor priority for lowest-priority delivery; none if this APIC takes no interrupts.
    fn arbitration(&self) -> Option<u8> {
        let state = self.state.lock();
        state.takes_interrupts().then(|| state.ppr())
    }

    /// Takes an interrupt of any kind. False if it is refused.
    fn accept(&self, delivery: Delivery, vector: u8, level: bool) -> bool {
        if !self.state.lock().is_enabled() {
            return false;
        }
        let mut accepted = true;
        match delivery {
            Delivery::Fixed | Delivery::Lowest => self.change(|state, now| {
                state.advance(now);
                accepted = state.request(vector, level);
                Effects::default()
            }),
            Delivery::ExtInt => self.change(|state, _| {
                state.request_external();
                Effects::default()
            }),
            Delivery::Init => {
                self.change(|state, _| {
                    state.init();
                    Effects::default()
                });
                self.signals.init();
            }
            Delivery::Nmi => self.signals.nmi(),
            Delivery::Startup => self.signals.sipi(vector),
            Delivery::Smi | Delivery::Reserved => {
                tracing::debug!(target: "apic", ?delivery, "interrupt message ignored");
                accepted = false;
            }
        }
        accepted
    }

    /// INTA. [`Pending::External`] asks the caller to get the vector from the 8259.
    pub fn acknowledge(&self) -> Pending {
        let now = self.clock.now_ns();
        let pending = self.state.lock().acknowledge(now);
        self.settle();
        pending
    }

    /// Reads the 32-bit register at `offset` of the page; what does not exist reads as 0.
    pub fn read_register(&self, offset: u64) -> u32 {
        let now = self.clock.now_ns();
        if offset & 0xf != 0 {
            return 0;
        }
        let value = self.state.lock().read((offset >> 4) as u32, now);
        match value {
            Some(value) => value,
            None => {
                // The attempt is an error, which may interrupt.
                self.settle();
                0
            }
        }
    }

    /// Writes the 32-bit register at `offset` of the page.
    pub fn write_register(&self, offset: u64, value: u32) {
        if offset & 0xf == 0 {
            self.change(|state, now| {
                state
                    .write((offset >> 4) as u32, value, 0, now)
                    .unwrap_or_default()
            });
        }
    }

    /// IA32_APIC_BASE.
    pub fn base(&self) -> u64 {
        self.state.lock().base
    }

    /// Writes IA32_APIC_BASE. False, and no change, for reserved bits and illegal mode changes (#GP).
    pub fn set_base(&self, value: u64) -> bool {
        let mut allowed = spec::BASE_ADDRESS | spec::BASE_ENABLE | spec::BASE_BSP;
        if self.config.x2apic {
            allowed |= spec::BASE_X2APIC;
        }
        let mode = |base: u64| (base & spec::BASE_ENABLE != 0, base & spec::BASE_X2APIC != 0);
        let ok = {
            let state = self.state.lock();
            // SDM volume 3, "x2APIC State Transitions".
            let illegal = matches!(
                (mode(state.base), mode(value)),
                (_, (false, true)) | ((true, true), (true, false)) | ((false, _), (true, true))
            );
            !illegal && value & !allowed == 0
        };
        if ok {
            self.change(|state, _| {
                let was_enabled = state.is_enabled();
                let bsp = state.base & spec::BASE_BSP;
                state.base = value & !spec::BASE_BSP | bsp;
                if was_enabled && !state.is_enabled() {
                    state.init();
                }
                Effects::default()
            });
            self.tell_base();
        }
        ok
    }

    /// CR8.
    pub fn task_priority(&self) -> u8 {
        self.state.lock().tpr >> 4
    }

    /// Writes CR8.
    pub fn set_task_priority(&self, priority: u8) {
        self.change(|state, _| {
            state.tpr = priority << 4;
            Effects::default()
        });
    }

    /// Reads an x2APIC MSR or IA32_TSC_DEADLINE; none asks for #GP.
    pub fn msr(&self, msr: u32) -> Option<u64> {
        let now = self.clock.now_ns();
        let mut state = self.state.lock();
        if msr == spec::MSR_TSC_DEADLINE {
            state.advance(now);
            let tsc = state.timer.deadline_tsc;
            drop(state);
            self.settle();
            return Some(tsc);
        }
        let number = msr.checked_sub(spec::X2APIC_MSR)?;
        use spec::reg;
        if !state.is_x2apic() || matches!(number, reg::DFR | reg::ICR_HIGH | reg::EOI | reg::SELF_IPI) {
            return None;
        }
        let low = state.read(number, now)?;
        let high = if number == reg::ICR_LOW {
            state.read(reg::ICR_HIGH, now)?
        } else {
            0
        };
        Some(u64::from(high) << 32 | u64::from(low))
    }

    /// Writes an x2APIC MSR; false asks for #GP.
    pub fn set_msr(&self, msr: u32, value: u64) -> bool {
        use spec::reg;
        let Some(number) = msr.checked_sub(spec::X2APIC_MSR) else {
            return false;
        };
        let read_only = matches!(
            number,
            reg::ID | reg::VERSION | reg::PPR | reg::LDR | reg::DFR | reg::ICR_HIGH | reg::CURRENT_COUNT
        ) || (reg::ISR..reg::ESR).contains(&number);
        let high = (value >> 32) as u32;
        if !self.state.lock().is_x2apic() || read_only || (high != 0 && number != reg::ICR_LOW) {
            return false;
        }
        let mut known = true;
        self.change(|state, now| {
            let effects = state.write(number, value as u32, high, now);
            known = effects.is_some();
            effects.unwrap_or_default()
        });
        known
    }

    /// IA32_TSC_DEADLINE as written: `tsc`, which the TSC reaches at `ns`. 0 disarms.
    pub fn set_tsc_deadline(&self, tsc: u64, ns: i64) {
        self.change(|state, now| {
            state.set_deadline(tsc, ns, now);
            Effects::default()
        });
    }

    /// All registers, for people.
    pub fn describe(&self) -> String {
        self.state.lock().describe()
    }
}

impl IrqSink for LocalApic {
    fn set_irq(&self, pin: u32, level: bool) {
        if pin < 2 {
            self.change(|state, _| state.set_lint(pin as usize, level));
        }
    }
}

impl Device for LocalApic {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.state.lock() = ApicState::new(self.config.id, self.config.bsp),
            ResetPhase::Hold => {
                self.settle();
                self.tell_base();
            }
            ResetPhase::Exit => {}
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(ApicState::VERSION, &*self.state.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        *self.state.lock() = state.decode(ApicState::VERSION)?;
        self.settle();
        self.tell_base();
        Ok(())
    }
}
