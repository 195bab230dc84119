//! A guest of a few lines behind a user-mode network: a connection to a port of the host's knocks at its door.
//!
//! The card prints the frames it gets. A rule leads from the host's port to port 22 of a guest that says only where it is.

use net::{Card, Config, Context, HostForward, Network, Offload, User};
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use util_mainloop::clock::MonotonicClock;
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

struct Printer;

impl Card for Printer {
    fn can_receive(&self) -> bool {
        true
    }

    fn receive(&self, frame: &[u8], _: Offload) {
        match frame {
            _ if frame.len() >= 42 && frame[12..14] == [8, 6] => {
                println!("ARP: who has {:?}?", &frame[38..42]);
            }
            _ if frame.len() >= 54 && frame[12..14] == [8, 0] && frame[23] == 6 => {
                let port = u16::from_be_bytes([frame[36], frame[37]]);
                println!(
                    "TCP from {:?} to port {port}, flags {:#04x}",
                    &frame[26..30],
                    frame[47]
                );
            }
            _ => println!("{} bytes", frame.len()),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut main_loop = MainLoop::new()?;
    let realtime = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&realtime);
    let context = Context {
        main_loop: main_loop.handle(),
        realtime,
    };
    let config = Config {
        host_forwards: vec![HostForward::parse("tcp:127.0.0.1:0-:22")?],
        ..Config::default()
    };
    let network = User::new(config, &context)?;
    let card: Arc<dyn Card> = Arc::new(Printer);
    network.attach(Arc::<dyn Card>::downgrade(&card) as Weak<dyn Card>);

    let visitor = TcpStream::connect(("127.0.0.1", network.host_ports()[0]))?;
    // The network asks where the guest is.
    main_loop.run_once(&mut (), Timeout::from_ms(100))?;
    // It says so, and the connection reaches it.
    let mut here = vec![0xff; 6];
    here.extend([0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    here.extend([0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15]);
    here.extend([0x52, 0x55, 10, 0, 2, 2, 10, 0, 2, 2]);
    network.send(&here, Offload::default());
    main_loop.run_once(&mut (), Timeout::from_ms(100))?;
    print!("{}", network.table());
    drop(visitor);
    Ok(())
}
