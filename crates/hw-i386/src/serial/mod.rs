//! 16550A serial port.
//!
//! Guest output flows through the UART core into a [`CharSink`] at once; input comes through [`CharInput`] into
//! the receive FIFO and raises the interrupt line, at the trigger level or after the character timeout of the
//! virtual clock. Mirrors QEMU's `hw/char/serial.c` and `serial-isa.c`.

mod core;
pub mod spec;
#[cfg(test)]
mod tests;

use self::core::{Effects, Uart};
use hw_core::{
    CharInput, CharSink, Device, DeviceCell, IoWindow, IrqLine, ResetPhase, SavedState, StateError, Timer,
    VirtualClock, schedule,
};
use softmmu::{AccessRules, IoResult};
use std::sync::{Arc, Weak};

/// A serial port.
pub struct Serial {
    // Configuration.
    name: String,
    // Host glue.
    clock: VirtualClock,
    irq: IrqLine,
    sink: Arc<dyn CharSink>,
    timer: Timer,
    // Volatile state.
    uart: DeviceCell<Uart>,
}

impl Serial {
    /// A port whose interrupt goes to `irq` and whose output goes to `sink`.
    pub fn new(
        name: impl Into<String>,
        clock: &VirtualClock,
        irq: IrqLine,
        sink: Arc<dyn CharSink>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            name: name.into(),
            clock: clock.clone(),
            irq,
            sink,
            timer: clock.device_timer(this, Self::expired),
            uart: DeviceCell::default(),
        })
    }

    /// The eight registers, for the port space; `base` is that of COM1.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "serial",
            (0x3f8, 8),
            AccessRules::BYTES,
            self,
            Self::read,
            Self::write,
        )
    }

    fn read(&self, offset: u64, _size: u32) -> IoResult<u64> {
        let now = self.clock.now_ns();
        let (value, effects) = self.change(|uart| uart.read(offset & 7, now));
        self.carry_out(effects);
        Ok(value as u64)
    }

    fn write(&self, offset: u64, _size: u32, value: u64) -> IoResult<()> {
        let now = self.clock.now_ns();
        let effects = self.change(|uart| uart.write(offset & 7, value as u8, now));
        self.carry_out(effects);
        Ok(())
    }

    fn expired(&self) {
        self.change(Uart::timeout);
    }

    /// Changes the state, then drives timer and interrupt line to match it.
    fn change<R>(&self, f: impl FnOnce(&mut Uart) -> R) -> R {
        let (result, level, timeout_at) = {
            let mut uart = self.uart.lock();
            let result = f(&mut uart);
            (result, uart.interrupt(), uart.timeout_at)
        };
        schedule(&self.timer, timeout_at);
        self.irq.set(level);
        result
    }

    fn carry_out(&self, effects: Effects) {
        if let Some(byte) = effects.transmit {
            self.sink.write(&[byte]);
        }
        if let Some(on) = effects.send_break {
            self.sink.send_break(on);
        }
        if let Some(baud) = effects.baud {
            self.sink.set_speed(baud);
        }
        if effects.room {
            self.sink.accepts_input();
        }
    }
}

impl CharInput for Serial {
    fn can_receive(&self) -> usize {
        self.uart.lock().room()
    }

    fn receive(&self, bytes: &[u8]) {
        let now = self.clock.now_ns();
        self.change(|uart| {
            if !uart.mcr.contains(spec::Mcr::LOOP) {
                bytes.iter().for_each(|&byte| uart.arrive(byte, now));
            }
        });
    }

    fn receive_break(&self) {
        let now = self.clock.now_ns();
        self.change(|uart| uart.arrive_break(now));
    }
}

impl Device for Serial {
    fn name(&self) -> &str {
        &self.name
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => *self.uart.lock() = Uart::default(),
            ResetPhase::Hold => self.change(|_| ()),
            ResetPhase::Exit => self.sink.accepts_input(),
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(saved::VERSION, &saved::State::from(&*self.uart.lock()))
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let uart = Uart::try_from(state.decode::<saved::State>(saved::VERSION)?)?;
        schedule(&self.timer, uart.timeout_at);
        *self.uart.lock() = uart;
        // A backend that was told there is no room would wait for ever if there is now.
        self.sink.accepts_input();
        Ok(())
    }
}

/// The state as snapshots hold it. Version 1: all registers, the FIFO, the pending timeout.
mod saved {
    use super::spec::*;
    use super::{StateError, Uart};
    use serde::{Deserialize, Serialize};

    pub const VERSION: u16 = 1;

    #[derive(Serialize, Deserialize)]
    pub struct State {
        divisor: u16,
        /// IER, FCR, LCR, MCR, LSR, MSR, SCR.
        registers: [u8; 7],
        fifo: Vec<u8>,
        thr_pending: bool,
        timed_out: bool,
        timeout_at: Option<i64>,
    }

    impl From<&Uart> for State {
        fn from(u: &Uart) -> Self {
            Self {
                divisor: u.divisor,
                registers: [
                    u.ier.bits(),
                    u.fcr.bits(),
                    u.lcr.bits(),
                    u.mcr.bits(),
                    u.lsr.bits(),
                    u.msr.bits(),
                    u.scr,
                ],
                fifo: u.fifo.iter().copied().collect(),
                thr_pending: u.thr_pending,
                timed_out: u.timed_out,
                timeout_at: u.timeout_at,
            }
        }
    }

    impl TryFrom<State> for Uart {
        type Error = StateError;

        fn try_from(s: State) -> Result<Self, StateError> {
            if s.fifo.len() > FIFO_SIZE {
                return Err(StateError::Damaged("serial FIFO too long".into()));
            }
            let [ier, fcr, lcr, mcr, lsr, msr, scr] = s.registers;
            Ok(Self {
                divisor: s.divisor,
                ier: Ier::from_bits_truncate(ier),
                fcr: Fcr::from_bits_truncate(fcr),
                lcr: Lcr::from_bits_truncate(lcr),
                mcr: Mcr::from_bits_truncate(mcr),
                lsr: Lsr::from_bits_truncate(lsr),
                msr: Msr::from_bits_truncate(msr),
                scr,
                fifo: s.fifo.into(),
                thr_pending: s.thr_pending,
                timed_out: s.timed_out,
                timeout_at: s.timeout_at,
            })
        }
    }
}
