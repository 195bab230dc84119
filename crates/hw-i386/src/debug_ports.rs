//! Ports for programs under test: debug console, debug exit, POST codes.
//!
//! Bytes and exit codes flow out of the guest; nothing comes back but the console's own number, by which
//! firmware finds it. Mirrors QEMU's `hw/char/debugcon.c`, `hw/misc/debugexit.c` and `ioport80`.

use crate::MachineRequests;
use hw_core::{CharSink, Device, DeviceCell, IoWindow, ResetPhase, SavedState, StateError};
use softmmu::{AccessRules, IoResult};
use std::sync::Arc;

/// isa-debugcon.
pub struct DebugConsole {
    port: u16,
    readback: u8,
    sink: Arc<dyn CharSink>,
}

impl DebugConsole {
    /// A console at `port` (usually E9h; SeaBIOS writes to 402h) that reads as `readback` (E9h says it is there).
    pub fn new(port: u16, readback: u8, sink: Arc<dyn CharSink>) -> Arc<Self> {
        Arc::new(Self { port, readback, sink })
    }

    /// Its port.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        IoWindow::new(
            "debugcon",
            (self.port as u64, 1),
            AccessRules::BYTES,
            self,
            Self::read,
            Self::write,
        )
    }

    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(u64::from(self.readback))
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        self.sink.write(&[value as u8]);
        Ok(())
    }
}

/// isa-debug-exit: a write of `v` ends the process with status `v << 1 | 1`.
pub struct DebugExit {
    base: u16,
    size: u16,
    requests: Arc<dyn MachineRequests>,
}

impl DebugExit {
    /// `size` ports (usually 2) from `base` (usually 501h).
    pub fn new(base: u16, size: u16, requests: Arc<dyn MachineRequests>) -> Arc<Self> {
        Arc::new(Self { base, size, requests })
    }

    /// Its ports.
    pub fn window(self: &Arc<Self>) -> IoWindow {
        let at = (self.base as u64, self.size as u64);
        IoWindow::new(
            "debug-exit",
            at,
            AccessRules::UP_TO_4,
            self,
            Self::read,
            Self::write,
        )
    }

    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(0)
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        self.requests.debug_exit((value as u32) << 1 | 1);
        Ok(())
    }
}

/// POST code port 80h and the delay port EDh: writes vanish, but the last code is kept for the curious.
#[derive(Default)]
pub struct PostPort {
    code: DeviceCell<u8>,
}

impl PostPort {
    /// No code yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The last POST code.
    pub fn code(&self) -> u8 {
        *self.code.lock()
    }

    /// Ports 80h and EDh.
    pub fn windows(self: &Arc<Self>) -> Vec<IoWindow> {
        vec![
            IoWindow::new(
                "post",
                (0x80, 1),
                AccessRules::BYTES,
                self,
                Self::read,
                Self::write,
            ),
            IoWindow::new(
                "delay",
                (0xed, 1),
                AccessRules::BYTES,
                self,
                Self::read,
                |_, _, _, _| Ok(()),
            ),
        ]
    }

    fn read(&self, _offset: u64, _size: u32) -> IoResult<u64> {
        Ok(0xff)
    }

    fn write(&self, _offset: u64, _size: u32, value: u64) -> IoResult<()> {
        *self.code.lock() = value as u8;
        Ok(())
    }
}

/// State version 1: the last POST code.
const VERSION: u16 = 1;

impl Device for PostPort {
    fn name(&self) -> &str {
        "post"
    }

    fn reset(&self, phase: ResetPhase) {
        if phase == ResetPhase::Enter {
            *self.code.lock() = 0;
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.code.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let code = state.decode(VERSION)?;
        *self.code.lock() = code;
        Ok(())
    }
}
