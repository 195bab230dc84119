//! How fast this machine is, by its own clock: TSC rate against the PIT, an integer loop, a memory sweep.

use crate::console::Console;
use crate::{cpu, port};
use core::arch::asm;
use core::fmt::Write;

const PIT_HZ: u64 = 1_193_182;
/// PIT ticks of the calibration, about 10 ms.
const WINDOW: u16 = 11_932;

/// TSC ticks per second, counted while PIT channel 2 runs down once (mode 0, gate by port 61h).
fn tsc_hz() -> u64 {
    port::write8(0x61, port::read8(0x61) & !2 | 1);
    port::write8(0x43, 0xb0);
    port::write8(0x42, WINDOW as u8);
    port::write8(0x42, (WINDOW >> 8) as u8);
    let start = cpu::tsc();
    while port::read8(0x61) & 0x20 == 0 {}
    (cpu::tsc() - start) * PIT_HZ / u64::from(WINDOW)
}

/// A loop of four instructions, `count` times.
fn integer_loop(count: u64) {
    // SAFETY: registers only.
    unsafe {
        asm!(
            "2: add {x}, {n}", "xor {x}, 0x55", "dec {n}", "jnz 2b",
            x = inout(reg) 1_u64 => _, n = inout(reg) count => _, options(nomem, nostack)
        );
    }
}

static mut AREA: [u64; 32 << 10] = [0; 32 << 10];

/// Writes and reads 256 KiB; returns the bytes moved.
fn memory_sweep() -> u64 {
    let area = &raw mut AREA;
    let mut sum = 0;
    for i in 0..32 << 10 {
        // SAFETY: within the array; nothing else uses it.
        unsafe { (&raw mut (*area)[i]).write_volatile(i as u64) };
    }
    for i in 0..32 << 10 {
        // SAFETY: as above.
        sum ^= unsafe { (&raw const (*area)[i]).read_volatile() };
    }
    core::hint::black_box(sum);
    2 * (256 << 10)
}

/// Two lines: clock, speed.
pub fn describe(out: &mut Console) {
    let hz = tsc_hz().max(1);
    let timed = |work: &mut dyn FnMut() -> u64| {
        let start = cpu::tsc();
        let amount = work();
        (amount as u128 * u128::from(hz) / u128::from((cpu::tsc() - start).max(1))) as u64
    };
    const LOOPS: u64 = 1_000_000;
    let instructions = timed(&mut || {
        integer_loop(LOOPS);
        4 * LOOPS
    });
    let bytes = timed(&mut memory_sweep);
    let _ = writeln!(out, "  clock    TSC at {} MHz by the PIT", hz / 1_000_000);
    let _ = writeln!(out, "  speed    {} million instructions/s, {} MB/s memory", instructions / 1_000_000, bytes / 1_000_000);
}
