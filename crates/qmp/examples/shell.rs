//! A toy machine behind QMP on standard input and output: type `{"execute":"qmp_capabilities"}`, then `{"execute":"stop"}`.

use qmp::{Cpu, Error, Event, Machine, Session, Status, Timestamp};
use std::io::{BufRead, Write};

/// It runs, or it does not; and remembers what happened.
struct Toy {
    runs: bool,
    quit: bool,
    events: Vec<Event>,
}

impl Machine for Toy {
    fn name(&mut self) -> Option<String> {
        Some("toy".into())
    }
    fn status(&mut self) -> Status {
        if self.runs {
            Status::Running
        } else {
            Status::Paused
        }
    }
    fn cpus(&mut self) -> Vec<Cpu> {
        vec![Cpu::default()]
    }
    fn stop(&mut self) {
        self.runs = false;
        self.events.push(Event::Stop);
    }
    fn cont(&mut self) -> Result<(), Error> {
        self.runs = true;
        self.events.push(Event::Resume);
        Ok(())
    }
    fn quit(&mut self) {
        self.quit = true;
    }
    fn system_reset(&mut self) {}
    fn system_powerdown(&mut self) {
        self.events.push(Event::Powerdown);
    }
    fn inject_nmi(&mut self) {}
    fn monitor_command(&mut self, line: &str) -> String {
        format!("no monitor for '{line}' here\r\n")
    }
}

fn main() -> std::io::Result<()> {
    let mut toy = Toy {
        runs: true,
        quit: false,
        events: Vec::new(),
    };
    let mut session = Session::new();
    let mut out = std::io::stdout();
    out.write_all(&session.take_output())?;
    for line in std::io::stdin().lock().lines() {
        session.feed(line?.as_bytes(), &mut toy);
        session.feed(b"\n", &mut toy);
        for event in toy.events.drain(..) {
            // A toy has no clock.
            session.event(event, Timestamp::from_ns(0));
        }
        out.write_all(&session.take_output())?;
        if toy.quit {
            break;
        }
    }
    Ok(())
}
