//! Registers and priorities of one local APIC: pure state, with what must happen outside returned as [`Effects`].
//!
//! Requests flow into IRR, the highest one above the processor priority flows out to ISR on INTA and ends at EOI.

use super::spec::{self, Delivery, TimerMode, esr, lvt, reg};
use super::timer::ApicTimer;
use serde::{Deserialize, Serialize};

/// 256 bits, one per vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vectors([u32; 8]);

impl Vectors {
    fn set(&mut self, vector: u8, value: bool) {
        let word = &mut self.0[usize::from(vector >> 5)];
        *word = *word & !(1 << (vector & 31)) | u32::from(value) << (vector & 31);
    }

    /// Whether `vector` is a member.
    pub fn get(&self, vector: u8) -> bool {
        self.0[usize::from(vector >> 5)] >> (vector & 31) & 1 != 0
    }

    fn highest(&self) -> Option<u8> {
        (0..8)
            .rev()
            .find(|&i| self.0[i] != 0)
            .map(|i| (i * 32) as u8 + (31 - self.0[i].leading_zeros()) as u8)
    }
}

/// An interrupt command to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// ICR bits 31:0.
    pub low: u32,
    /// Destination: 8 bits, or 32 in x2APIC mode.
    pub destination: u32,
    /// `destination` is an x2APIC one.
    pub wide: bool,
}

/// What a change asks of the world, to be done when the state is no longer locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Send this.
    pub send: Option<Command>,
    /// Tell the IO-APICs that this level-triggered vector has ended.
    pub eoi: Option<u8>,
    /// Raise NMI.
    pub nmi: bool,
    /// Raise INIT.
    pub init: bool,
}

/// What the CPU would get on INTA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing; INTR is low.
    None,
    /// This vector.
    Vector(u8),
    /// What the 8259 says.
    External,
}

/// Registers of one local APIC, saved as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApicState {
    /// IA32_APIC_BASE.
    pub base: u64,
    /// APIC ID.
    pub id: u32,
    /// Task priority.
    pub tpr: u8,
    ldr: u32,
    dfr: u32,
    svr: u32,
    isr: Vectors,
    tmr: Vectors,
    irr: Vectors,
    esr: u32,
    errors: u32,
    icr_low: u32,
    icr_high: u32,
    lvt: [u32; lvt::COUNT],
    /// Levels of LINT0 and LINT1.
    lint: [bool; 2],
    /// An ExtINT message has arrived and not been acknowledged.
    extint: bool,
    /// Timer.
    pub timer: ApicTimer,
}

impl ApicState {
    /// Version of the saved form.
    pub const VERSION: u16 = 1;

    /// After power-on.
    pub fn new(id: u32, bsp: bool) -> Self {
        let mut lvt = [lvt::MASKED; lvt::COUNT];
        if bsp {
            lvt[lvt::LINT0] = lvt::EXTINT;
        }
        Self {
            base: spec::DEFAULT_BASE | spec::BASE_ENABLE | if bsp { spec::BASE_BSP } else { 0 },
            id,
            tpr: 0,
            ldr: 0,
            dfr: u32::MAX,
            svr: 0xff,
            isr: Vectors::default(),
            tmr: Vectors::default(),
            irr: Vectors::default(),
            esr: 0,
            errors: 0,
            icr_low: 0,
            icr_high: 0,
            lvt,
            lint: [false; 2],
            extint: false,
            timer: ApicTimer::default(),
        }
    }

    /// INIT: as after power-on, but for ID, base and the levels of the pins.
    pub fn init(&mut self) {
        let fresh = Self::new(self.id, self.base & spec::BASE_BSP != 0);
        *self = Self {
            base: self.base,
            lint: self.lint,
            ..fresh
        };
    }

    /// Enabled in IA32_APIC_BASE.
    pub fn is_enabled(&self) -> bool {
        self.base & spec::BASE_ENABLE != 0
    }

    /// In x2APIC mode.
    pub fn is_x2apic(&self) -> bool {
        self.base & spec::BASE_X2APIC != 0
    }

    fn software_enabled(&self) -> bool {
        self.is_enabled() && self.svr & spec::SVR_ENABLE != 0
    }

    fn timer_mode(&self) -> TimerMode {
        TimerMode::of(self.lvt[lvt::TIMER])
    }

    /// Processor priority.
    pub fn ppr(&self) -> u8 {
        let service = self.isr.highest().unwrap_or(0) & 0xf0;
        if self.tpr & 0xf0 >= service {
            self.tpr
        } else {
            service
        }
    }

    /// What INTR announces.
    pub fn pending(&self) -> Pending {
        if !self.is_enabled() {
            return if self.lint[0] {
                Pending::External
            } else {
                Pending::None
            };
        }
        let request = self.irr.highest().filter(|_| self.software_enabled());
        if let Some(vector) = request
            && vector & 0xf0 > self.ppr() & 0xf0
        {
            return Pending::Vector(vector);
        }
        let lint0 = self.lvt[lvt::LINT0];
        let wired = lint0 & lvt::MASKED == 0 && Delivery::of(lint0) == Delivery::ExtInt && self.lint[0];
        if wired || self.extint {
            Pending::External
        } else {
            Pending::None
        }
    }

    /// INTA: what was pending, now in service.
    pub fn acknowledge(&mut self, now: i64) -> Pending {
        // Periods that ended while the request was pending are one request.
        self.advance(now);
        let pending = self.pending();
        match pending {
            Pending::Vector(vector) => {
                self.irr.set(vector, false);
                self.isr.set(vector, true);
            }
            Pending::External => self.extint = false,
            Pending::None => {}
        }
        pending
    }

    /// A fixed interrupt arrives. False if this APIC does not take interrupts.
    pub fn request(&mut self, vector: u8, level: bool) -> bool {
        if !self.software_enabled() {
            return false;
        }
        if vector < 16 {
            self.error(esr::RECEIVE_ILLEGAL);
        } else {
            self.irr.set(vector, true);
            self.tmr.set(vector, level);
        }
        true
    }

    /// An ExtINT message arrives.
    pub fn request_external(&mut self) {
        self.extint = true;
    }

    fn error(&mut self, bit: u32) {
        self.errors |= bit;
        let entry = self.lvt[lvt::ERROR];
        // A bad vector in the error entry itself has nowhere to be reported.
        if entry & lvt::MASKED == 0 && entry as u8 >= 16 && self.software_enabled() {
            self.irr.set(entry as u8, true);
            self.tmr.set(entry as u8, false);
        }
    }

    /// Brings the timer up to `now`.
    pub fn advance(&mut self, now: i64) {
        let entry = self.lvt[lvt::TIMER];
        if self.timer.take_fired(TimerMode::of(entry), now) && entry & lvt::MASKED == 0 {
            self.request(entry as u8, false);
        }
    }

    /// When [`advance`](Self::advance) must be called next. While the timer's last interrupt is still requested,
    /// further periods add nothing, so it need not be.
    pub fn timer_deadline(&self) -> Option<i64> {
        let entry = self.lvt[lvt::TIMER];
        if entry & lvt::MASKED != 0 || !self.is_enabled() {
            return None;
        }
        let mode = TimerMode::of(entry);
        if mode == TimerMode::Periodic && self.irr.get(entry as u8) {
            return None;
        }
        self.timer.next(mode)
    }

    /// Whether a message for `destination` is for this APIC. `wide`: an x2APIC destination of 32 bits.
    pub fn matches(&self, destination: u32, logical: bool, wide: bool) -> bool {
        let everyone = if wide { u32::MAX } else { 0xff };
        if !logical {
            return destination == everyone || destination == self.id;
        }
        if destination == everyone {
            return true;
        }
        if self.is_x2apic() {
            let ldr = self.x2apic_ldr();
            return destination >> 16 == ldr >> 16 && destination & ldr & 0xffff != 0;
        }
        let ldr = self.ldr >> 24;
        if self.dfr >> 28 == 0xf {
            destination & ldr & 0xff != 0
        } else {
            let cluster = destination >> 4 & 0xf;
            (cluster == 0xf || cluster == ldr >> 4) && destination & ldr & 0xf != 0
        }
    }

    /// Whether fixed interrupts are taken at all: candidates of lowest-priority delivery.
    pub fn takes_interrupts(&self) -> bool {
        self.software_enabled()
    }

    fn x2apic_ldr(&self) -> u32 {
        self.id >> 4 << 16 | 1 << (self.id & 15)
    }

    /// LINT0 or LINT1 changes its level. The effects include INIT and NMI entries.
    pub fn set_lint(&mut self, pin: usize, level: bool) -> Effects {
        let mut effects = Effects::default();
        let rising = level && !self.lint[pin];
        self.lint[pin] = level;
        if !self.is_enabled() {
            effects.nmi = pin == 1 && rising;
            return effects;
        }
        let entry = self.lvt[lvt::LINT0 + pin];
        if entry & lvt::MASKED != 0 {
            return effects;
        }
        match Delivery::of(entry) {
            Delivery::Fixed if entry & lvt::LEVEL != 0 => self.level_lint(pin),
            Delivery::Fixed if rising => {
                self.request(entry as u8, false);
            }
            Delivery::Nmi => effects.nmi = rising,
            Delivery::Init => effects.init = rising,
            // ExtINT is looked at, not latched; SMM does not exist; the rest is reserved.
            _ => {}
        }
        effects
    }

    /// Requests the interrupt of a level-triggered pin that is high and not already being served.
    fn level_lint(&mut self, pin: usize) {
        let entry = self.lvt[lvt::LINT0 + pin];
        let fixed_level = Delivery::of(entry) == Delivery::Fixed && entry & lvt::LEVEL != 0;
        if self.lint[pin]
            && fixed_level
            && entry & (lvt::MASKED | lvt::REMOTE_IRR) == 0
            && self.request(entry as u8, true)
        {
            self.lvt[lvt::LINT0 + pin] |= lvt::REMOTE_IRR;
        }
    }

    fn end_of_interrupt(&mut self) -> Effects {
        let mut effects = Effects::default();
        if let Some(vector) = self.isr.highest() {
            self.isr.set(vector, false);
            if self.tmr.get(vector) {
                effects.eoi = Some(vector);
                for pin in 0..2 {
                    let entry = &mut self.lvt[lvt::LINT0 + pin];
                    if *entry as u8 == vector {
                        *entry &= !lvt::REMOTE_IRR;
                        self.level_lint(pin);
                    }
                }
            }
        }
        effects
    }

    /// Reads register `number`; none if there is no such register.
    pub fn read(&mut self, number: u32, now: i64) -> Option<u32> {
        Some(match number {
            reg::ID if self.is_x2apic() => self.id,
            reg::ID => self.id << 24,
            reg::VERSION => spec::VERSION,
            reg::TPR => self.tpr.into(),
            reg::APR => 0,
            reg::PPR => self.ppr().into(),
            reg::EOI | reg::RRD => 0,
            reg::LDR if self.is_x2apic() => self.x2apic_ldr(),
            reg::LDR => self.ldr,
            reg::DFR => self.dfr,
            reg::SVR => self.svr,
            0x10..=0x17 => self.isr.0[(number - reg::ISR) as usize],
            0x18..=0x1f => self.tmr.0[(number - reg::TMR) as usize],
            0x20..=0x27 => self.irr.0[(number - reg::IRR) as usize],
            reg::ESR => self.esr,
            reg::ICR_LOW => self.icr_low,
            reg::ICR_HIGH => self.icr_high,
            reg::LVT..=reg::LVT_LAST => self.lvt[(number - reg::LVT) as usize],
            reg::INITIAL_COUNT => self.timer.initial,
            reg::CURRENT_COUNT => self.timer.current(self.timer_mode(), now),
            reg::DIVIDE => self.timer.divide,
            _ => {
                self.error(esr::REGISTER);
                return None;
            }
        })
    }

    /// Writes register `number`; none if there is no such register. `high` is the upper half of an x2APIC write.
    pub fn write(&mut self, number: u32, value: u32, high: u32, now: i64) -> Option<Effects> {
        self.advance(now);
        let mut effects = Effects::default();
        match number {
            // Read-only since the Pentium 4.
            reg::ID | reg::VERSION | reg::APR | reg::PPR | reg::RRD | reg::CURRENT_COUNT => {}
            reg::TPR => self.tpr = value as u8,
            reg::EOI => effects = self.end_of_interrupt(),
            reg::LDR => self.ldr = value & 0xff00_0000,
            reg::DFR => self.dfr = value | 0x0fff_ffff,
            reg::SVR => {
                self.svr = value & spec::SVR_WRITABLE;
                if value & spec::SVR_ENABLE == 0 {
                    self.lvt.iter_mut().for_each(|entry| *entry |= lvt::MASKED);
                }
            }
            0x10..=0x27 => {}
            reg::ESR => {
                self.esr = self.errors;
                self.errors = 0;
            }
            reg::ICR_LOW => {
                // Delivery status (bit 12) is always idle.
                self.icr_low = value & 0x000c_cfff;
                if self.is_x2apic() {
                    self.icr_high = high;
                }
                effects.send = self.command(self.icr_low);
            }
            reg::ICR_HIGH => self.icr_high = value & 0xff00_0000,
            reg::LVT..=reg::LVT_LAST => self.write_lvt((number - reg::LVT) as usize, value, now),
            reg::INITIAL_COUNT => {
                if self.timer_mode() != TimerMode::TscDeadline {
                    self.timer.load(value, now);
                }
            }
            reg::DIVIDE => self.timer.set_divide(value, self.timer_mode(), now),
            reg::SELF_IPI if self.is_x2apic() => effects.send = self.command(value & 0xff | 1 << 18),
            _ => {
                self.error(esr::REGISTER);
                return None;
            }
        }
        Some(effects)
    }

    /// The command to send for ICR bits `low`, unless its vector is refused.
    fn command(&mut self, low: u32) -> Option<Command> {
        if matches!(Delivery::of(low), Delivery::Fixed | Delivery::Lowest) && (low as u8) < 16 {
            self.error(esr::SEND_ILLEGAL);
            return None;
        }
        let wide = self.is_x2apic();
        let destination = if wide { self.icr_high } else { self.icr_high >> 24 };
        Some(Command {
            low,
            destination,
            wide,
        })
    }

    fn write_lvt(&mut self, index: usize, value: u32, now: i64) {
        let old = self.lvt[index];
        let mut entry = value & lvt::WRITABLE[index] | old & lvt::REMOTE_IRR;
        if self.svr & spec::SVR_ENABLE == 0 {
            entry |= lvt::MASKED;
        }
        if index == lvt::TIMER {
            let (from, to) = (TimerMode::of(old), TimerMode::of(entry));
            if from != to {
                let counting = |mode| matches!(mode, TimerMode::OneShot | TimerMode::Periodic);
                if counting(from) && counting(to) {
                    self.timer.change_mode(from, now);
                } else {
                    self.timer.stop();
                }
            }
        }
        self.lvt[index] = entry;
        if index == lvt::LINT0 || index == lvt::LINT1 {
            if entry & lvt::LEVEL == 0 {
                self.lvt[index] &= !lvt::REMOTE_IRR;
            }
            self.level_lint(index - lvt::LINT0);
        }
    }

    /// Arms IA32_TSC_DEADLINE; ignored outside TSC-deadline mode.
    pub fn set_deadline(&mut self, tsc: u64, ns: i64, now: i64) {
        self.advance(now);
        if self.timer_mode() == TimerMode::TscDeadline {
            self.timer.set_deadline(tsc, ns);
        }
    }

    /// All registers for people.
    pub fn describe(&self) -> String {
        let list = |set: &Vectors| -> String {
            let all: Vec<_> = (0..=255)
                .filter(|&v| set.get(v))
                .map(|v| format!("{v:02x}"))
                .collect();
            if all.is_empty() {
                "(none)".into()
            } else {
                all.join(" ")
            }
        };
        format!(
            "local APIC {}: base {:x} tpr {:02x} ppr {:02x} svr {:03x} ldr {:08x} dfr {:08x} esr {:02x}\n\
             LVT timer {:05x} thermal {:05x} perf {:05x} lint0 {:05x} lint1 {:05x} error {:05x}\n\
             timer initial {:x} divide {} deadline {:x}; icr {:08x} {:08x}\nISR {}\nIRR {}\n",
            self.id,
            self.base,
            self.tpr,
            self.ppr(),
            self.svr,
            self.ldr,
            self.dfr,
            self.esr,
            self.lvt[0],
            self.lvt[1],
            self.lvt[2],
            self.lvt[3],
            self.lvt[4],
            self.lvt[5],
            self.timer.initial,
            spec::divisor(self.timer.divide),
            self.timer.deadline_tsc,
            self.icr_high,
            self.icr_low,
            list(&self.isr),
            list(&self.irr),
        )
    }
}
