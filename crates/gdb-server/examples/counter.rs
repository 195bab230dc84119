//! A machine that counts, for gdb to look at: `gdb -ex 'target remote 127.0.0.1:1234'`, then `stepi`, `info registers rip`,
//! `hbreak *100`, `continue`, `x/4xb 16`, `monitor hello`.
//!
//! One thread: bytes from gdb go into the session, its orders are carried out, and what it has to say goes back.

use gdb_server::{Debuggee, Motion, Order, Points, Refused, Registers, Session, Space, Stop};
use std::io::{Read, Write};
use std::net::TcpListener;

struct Counter {
    registers: Registers,
    stops: Vec<u64>,
}

impl Debuggee for Counter {
    fn cpus(&self) -> usize {
        1
    }
    fn is_wide(&self) -> bool {
        true
    }
    fn describe_cpu(&self, _: usize) -> String {
        "counting".into()
    }
    fn registers(&mut self, _: usize) -> Registers {
        self.registers.clone()
    }
    fn set_registers(&mut self, _: usize, new: &Registers) -> Result<(), Refused> {
        self.registers = new.clone();
        Ok(())
    }
    fn read(&mut self, _: usize, _: Space, addr: u64, to: &mut [u8]) -> usize {
        // Memory is NOPs everywhere.
        let _ = addr;
        to.fill(0x90);
        to.len()
    }
    fn write(&mut self, _: usize, _: Space, _: u64, _: &[u8]) -> Result<(), Refused> {
        Err(Refused)
    }
    fn set_points(&mut self, points: &Points) {
        self.stops = points.stops();
    }
}

fn carry_out(session: &mut Session<Counter>, order: Order) -> bool {
    match order {
        Order::Resume(Motion::Forward { steps, .. }) => {
            let counter = session.debuggee();
            counter.registers.pc += 1;
            let stop = if !steps.is_empty() {
                Stop::Step { cpu: 0 }
            } else {
                let next = counter.stops.iter().find(|&&stop| stop >= counter.registers.pc);
                match next.copied() {
                    Some(addr) => {
                        counter.registers.pc = addr;
                        Stop::Breakpoint { cpu: 0, addr }
                    }
                    None => Stop::Exited(0),
                }
            };
            session.stopped(stop);
        }
        Order::Resume(_) => session.stopped(Stop::Begin { cpu: 0 }),
        Order::Interrupt => session.stopped(Stop::Interrupted { cpu: 0 }),
        Order::Monitor(line) => session.answer(&format!("you said '{line}'\n")),
        Order::Broken(reason) => eprintln!("{reason}"),
        Order::Detach | Order::Kill => return false,
    }
    true
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:1234")?;
    println!("waiting on port 1234");
    let (mut gdb, _) = listener.accept()?;
    let mut session = Session::new(Counter {
        registers: Registers {
            wide: true,
            ..Registers::default()
        },
        stops: Vec::new(),
    });
    session.begin();
    let mut bytes = [0; 4096];
    loop {
        let len = gdb.read(&mut bytes)?;
        if len == 0 {
            return Ok(());
        }
        let mut goes_on = true;
        for order in session.feed(&bytes[..len]) {
            goes_on &= carry_out(&mut session, order);
        }
        gdb.write_all(&session.take_output())?;
        if !goes_on {
            return Ok(());
        }
    }
}
