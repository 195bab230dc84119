//! How fast the user-mode network moves bytes: a guest without a stack fetches from a server of this process.
//!
//! The guest acknowledges everything at once; what is measured is the network alone, not a card or a driver.

use net::{Abilities, Card, Config, Context, Network, Offload, User};
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use util_mainloop::clock::{ClockSource, MonotonicClock};
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// Bytes to be fetched.
const TOTAL: u64 = 1 << 30;

/// Counts the bytes of TCP, and remembers what to acknowledge.
#[derive(Default)]
struct Sink {
    bytes: AtomicU64,
    frames: AtomicU64,
    next: AtomicU32,
}

impl Card for Sink {
    fn can_receive(&self) -> bool {
        true
    }

    fn receive(&self, frame: &[u8], _: Offload) {
        if frame.len() < 54 || frame[23] != 6 {
            return;
        }
        let seq = u32::from_be_bytes([frame[38], frame[39], frame[40], frame[41]]);
        let syn = u32::from(frame[47] >> 1 & 1);
        let header = 34 + usize::from(frame[46] >> 4) * 4;
        let length = (frame.len() - header) as u32;
        self.bytes.fetch_add(length.into(), Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.next.store(seq.wrapping_add(length + syn), Ordering::Relaxed);
    }
}

/// A segment to the server; checksums are not looked at.
fn segment(port: u16, flags: u8, seq: u32, ack: u32, options: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x52, 0x55, 10, 0, 2, 2];
    frame.extend(MAC);
    frame.extend([
        8,
        0,
        0x45,
        0,
        0,
        (40 + options.len()) as u8,
        0,
        0,
        0,
        0,
        64,
        6,
        0,
        0,
    ]);
    frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
    let sum: u32 = frame[14..34]
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame.extend(4000u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend(seq.to_be_bytes());
    frame.extend(ack.to_be_bytes());
    frame.extend([(5 + options.len() as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(options);
    frame
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let data = vec![7; 1 << 20];
        while let Ok((mut stream, _)) = listener.accept() {
            while stream.write_all(&data).is_ok() {}
        }
    });
    for cut in [true, false] {
        let mut main_loop = MainLoop::new()?;
        let realtime = TimerList::new(Arc::new(MonotonicClock));
        main_loop.handle().add_timers(&realtime);
        let context = Context {
            main_loop: main_loop.handle(),
            realtime,
        };
        let network = User::new(Config::default(), &context)?;
        network.set_card_abilities(Abilities {
            checksum: cut,
            segment: cut,
        });
        let card = Arc::new(Sink::default());
        network.attach(Arc::<Sink>::downgrade(&card) as Weak<dyn Card>);
        let verified = Offload {
            verified: true,
            ..Offload::default()
        };
        // MSS 1460, windows times 128.
        network.send(&segment(port, 2, 1, 0, &[2, 4, 5, 0xb4, 1, 3, 3, 7]), verified);
        let begin = MonotonicClock.now_ns();
        let mut told = 0;
        while card.bytes.load(Ordering::Relaxed) < TOTAL {
            main_loop.run_once(&mut (), Timeout::from_ms(100))?;
            let next = card.next.load(Ordering::Relaxed);
            if next != told {
                network.send(&segment(port, 16, 2, next, &[]), verified);
                told = next;
            }
        }
        let seconds = (MonotonicClock.now_ns() - begin) as f64 / 1e9;
        let megabytes = card.bytes.load(Ordering::Relaxed) as f64 / f64::from(1 << 20);
        let frames = card.frames.load(Ordering::Relaxed);
        println!(
            "cut by the {}: {:.0} MiB/s in {frames} frames",
            if cut { "card" } else { "network" },
            megabytes / seconds
        );
    }
    Ok(())
}
