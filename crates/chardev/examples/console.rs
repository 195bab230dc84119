//! Two frontends on one terminal: a console that echoes and a monitor that counts its lines.
//!
//! `cargo run -p chardev --example console -- mon:stdio` (or `mon:pty`, `mon:unix:/tmp/c,server,nowait`, …).
//! Ctrl-A h lists the keys, Ctrl-A c switches, Ctrl-A x leaves.

use chardev::{Chardev, Context, Event, Frontend, Mux, Spec, open, restore_terminal};
use parking_lot::Mutex;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use util_mainloop::clock::MonotonicClock;
use util_mainloop::os::{SIGHUP, SIGTERM, SignalFd};
use util_mainloop::timer::TimerList;
use util_mainloop::{Interest, MainLoop, Timeout};

/// Gives back what is typed, and says which of the two it is.
struct Echo {
    name: &'static str,
    device: Arc<dyn Chardev>,
    lines: Mutex<u32>,
}

impl Frontend for Echo {
    fn can_receive(&self) -> usize {
        16
    }

    fn receive(&self, data: &[u8]) {
        for &byte in data {
            match byte {
                b'\r' | b'\n' => {
                    *self.lines.lock() += 1;
                    self.device
                        .write(format!("\r\n{} {}> ", self.name, self.lines.lock()).as_bytes());
                }
                0x03 => self.device.write(b"^C"),
                byte => self.device.write(&[byte]),
            }
        }
    }

    fn event(&self, event: Event) {
        if event == Event::FocusIn {
            self.device.write(format!("\r\n{}> ", self.name).as_bytes());
        }
    }
}

fn run(option: &str) -> Result<(), Box<dyn std::error::Error>> {
    let spec = Spec::parse("console", option)?;
    let signals = Arc::new(SignalFd::new(&[SIGTERM, SIGHUP])?); // before any other thread
    let mut main_loop = MainLoop::new()?;
    let realtime = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&realtime);
    let context = Context {
        main_loop: main_loop.handle(),
        realtime,
    };

    let done = Arc::new(AtomicBool::new(false));
    let leave = {
        let done = Arc::clone(&done);
        move || done.store(true, Ordering::Relaxed)
    };
    main_loop.handle().add_fd(Arc::clone(&signals), Interest::READ, {
        let leave = leave.clone();
        move |_| {
            if let Ok(Some(signal)) = signals.read() {
                eprintln!(
                    "console: terminating on signal {} from pid {}",
                    signal.number, signal.pid
                );
                leave();
            }
        }
    });

    let backend = open(&spec, &context)?;
    eprintln!("console: on {}", backend.describe());
    let mux = Mux::new(backend, &context, leave)?;
    let _frontends = ["console", "monitor"].map(|name| {
        let device = mux.port();
        let echo = Arc::new(Echo {
            name,
            device: device.clone(),
            lines: Mutex::new(0),
        });
        let weak: Weak<dyn Frontend> = Arc::<Echo>::downgrade(&echo);
        device.attach(weak).expect("a new port is free");
        echo
    });
    while !done.load(Ordering::Relaxed) {
        main_loop.run_once(&mut (), Timeout::NEVER)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let option = std::env::args().nth(1).unwrap_or_else(|| "mon:stdio".into());
    let result = run(&option);
    restore_terminal();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
