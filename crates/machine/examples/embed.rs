//! A machine inside another program: boots the embedded guest under counted time, shows what it printed, and what it
//! has become.
//!
//! `cargo run -p machine --example embed`; a second run prints the same, digests included.

use accel_tcg::{InstructionTime, Sleep};
use machine::{Backend, BootFiles, Config, Time};
use std::sync::Arc;

/// More than the guest prints.
const SCREEN: usize = 1 << 16;

fn main() -> anyhow::Result<()> {
    let screen = Arc::new(chardev::Ringbuf::new(SCREEN));
    let mut boot = BootFiles::embedded();
    // The guest types to itself: nobody else is there.
    boot.append = "run=mem,pci,poweroff".into();
    let config = Config {
        name: Some("embedded".into()),
        memory: 256 << 20,
        boot: Some(boot),
        serials: vec![Backend::Opened(Arc::clone(&screen) as _)],
        // Eight nanoseconds an instruction; idle time is skipped, not slept through.
        time: Time::Counted(InstructionTime::from_shift(3).expect("at most 10"), Sleep::Off),
        ..Config::default()
    };
    let (status, digest) = machine::run_and_digest(config)?;
    println!("{}", String::from_utf8_lossy(&screen.read(SCREEN)));
    println!("status {status}, {digest}");
    Ok(())
}
