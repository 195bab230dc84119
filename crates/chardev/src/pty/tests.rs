//! Somebody opens the other side, leaves, comes back.

use super::*;
use crate::Event;
use crate::testing::{Bench, Log};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

fn come(pty: &Pty) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(pty.path())
        .unwrap()
}

#[test]
fn coming_and_going() {
    let mut bench = Bench::new();
    let pty = Pty::open(&bench.context).unwrap();
    assert_eq!(pty.describe(), format!("pty:{}", pty.path()));
    let log = Log::on(&pty, 1000);
    bench.settle();
    pty.write(b"nobody hears this");
    assert_eq!(log.events(), []);

    let mut other = come(&pty);
    bench.clock.advance(LOOK_NS);
    bench.until(|| log.events() == [Event::Opened]);
    other.write_all(b"\x03typed\r").unwrap();
    bench.until(|| log.data() == b"\x03typed\r");
    pty.write(b"shown\r\n");
    let mut buffer = [0; 64];
    let got = other.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..got], b"shown\r\n");

    drop(other);
    bench.until(|| log.events() == [Event::Closed]);
    pty.write(b"nobody again");
    bench.settle();

    // Output finds out at once that somebody is there.
    let mut other = come(&pty);
    pty.write(b"back");
    let got = other.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..got], b"back");
    bench.until(|| log.events() == [Event::Opened]);
}

#[test]
fn nobody_ever_comes() {
    let mut bench = Bench::new();
    let pty = Pty::open(&bench.context).unwrap();
    for _ in 0..3 {
        bench.clock.advance(LOOK_NS);
        bench.settle(); // ends: a hang-up that lasts does not keep the loop busy
    }
    for _ in 0..1000 {
        pty.write(&[b'x'; 4096]);
    }
    pty.flush();
}
