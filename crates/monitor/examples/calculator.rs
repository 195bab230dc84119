//! A monitor over a pretended machine whose only register is `$answer`: try `print $answer * 2`.

use monitor::{InfoTopic, Monitor, Target, Unreadable};
use std::io::{BufRead, Write};

struct Nothing;

impl Target for Nothing {
    fn stop(&mut self) {}
    fn cont(&mut self) {}
    fn quit(&mut self) {
        std::process::exit(0);
    }
    fn system_reset(&mut self) {}
    fn system_powerdown(&mut self) {}
    fn nmi(&mut self) {}
    fn select_cpu(&mut self, _: usize) -> bool {
        false
    }
    fn info(&mut self, topic: InfoTopic) -> String {
        format!("no {topic:?} here\n")
    }
    fn read_virtual(&mut self, address: u64, _: &mut [u8]) -> Result<(), Unreadable> {
        Err(Unreadable(address))
    }
    fn read_physical(&mut self, address: u64, _: &mut [u8]) -> Result<(), Unreadable> {
        Err(Unreadable(address))
    }
    fn register(&mut self, name: &str) -> Option<u64> {
        (name == "answer").then_some(42)
    }
    fn disassemble(&mut self, bytes: &[u8], _: u64) -> (usize, String) {
        (bytes.len(), "(bad)".into())
    }
}

fn main() -> std::io::Result<()> {
    let mut session = Monitor::new();
    let mut out = std::io::stdout();
    write!(out, "{}", monitor::PROMPT)?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        write!(
            out,
            "{}{}",
            session.command(&line?, &mut Nothing),
            monitor::PROMPT
        )?;
        out.flush()?;
    }
    Ok(())
}
