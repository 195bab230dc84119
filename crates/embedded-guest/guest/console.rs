//! The console: first serial port, received by interrupt, sent by polling.

use crate::{cpu, port};
use core::fmt;

const DATA: u16 = 0x3f8;
const INTERRUPT_ENABLE: u16 = DATA + 1;
const FIFO_CONTROL: u16 = DATA + 2;
const LINE_CONTROL: u16 = DATA + 3;
const MODEM_CONTROL: u16 = DATA + 4;
const LINE_STATUS: u16 = DATA + 5;

/// The serial port.
pub struct Console(());

impl Console {
    /// Sets the port up for 8 data bits and receive interrupts, and the 8259 for IRQ 4 at vector 24h.
    pub fn open() -> Self {
        port::write8(LINE_CONTROL, 3);
        port::write8(FIFO_CONTROL, 7);
        port::write8(MODEM_CONTROL, 0x0b);
        port::write8(INTERRUPT_ENABLE, 1);
        for (at, value) in [(0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1), (0x21, !(1 << 4)), (0xa1, 0xff)] {
            port::write8(at, value);
        }
        Self(())
    }

    fn received(&mut self) -> Option<u8> {
        (port::read8(LINE_STATUS) & 1 != 0).then(|| port::read8(DATA))
    }

    fn send(&mut self, byte: u8) {
        while port::read8(LINE_STATUS) & 0x20 == 0 {}
        port::write8(DATA, byte);
    }

    /// Reads a line with echo and backspace; sleeps between keys.
    pub fn read_line<'a>(&mut self, buffer: &'a mut [u8]) -> &'a str {
        let mut length = 0;
        loop {
            let Some(byte) = self.received() else {
                cpu::sleep_until_interrupt();
                continue;
            };
            match byte {
                b'\r' | b'\n' => break,
                8 | 127 if length > 0 => {
                    length -= 1;
                    for byte in *b"\x08 \x08" {
                        self.send(byte);
                    }
                }
                b' '..=b'~' if length < buffer.len() => {
                    buffer[length] = byte;
                    length += 1;
                    self.send(byte);
                }
                _ => {}
            }
        }
        self.send(b'\r');
        self.send(b'\n');
        core::str::from_utf8(&buffer[..length]).unwrap_or("").trim()
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.send(b'\r');
            }
            self.send(byte);
        }
        Ok(())
    }
}
