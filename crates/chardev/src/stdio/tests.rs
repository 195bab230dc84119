//! Standard input and output over pipes and a pseudo-terminal, as a process would find them.

use super::*;
use crate::Event;
use crate::testing::{Bench, Log};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// One at a time: the claim and the saved terminal belong to the process.
static ONE: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

fn open_over(input: &OwnedFd, output: &OwnedFd, signals: bool, context: &Context) -> Stdio {
    Stdio::over(
        Claim::new().unwrap(),
        input.as_fd(),
        output.as_fd(),
        signals,
        context,
    )
    .unwrap()
}

fn flags(fd: &OwnedFd) -> OFlags {
    fcntl_getfl(fd).unwrap()
}

#[test]
fn pipes_keep_their_flags_and_every_byte() {
    let _one = ONE.lock();
    let mut bench = Bench::new();
    let ((input, typed), (shown, output)) = (rustix::pipe::pipe().unwrap(), rustix::pipe::pipe().unwrap());
    let stdio = open_over(&input, &output, false, &bench.context);
    assert!(!flags(&input).contains(OFlags::NONBLOCK) && !flags(&output).contains(OFlags::NONBLOCK));

    rustix::io::write(&typed, b"early").unwrap();
    bench.settle(); // no frontend: the bytes wait in the pipe
    let log = Log::on(&stdio, 3);
    assert_eq!(log.events(), [Event::Opened]);
    bench.settle();
    assert_eq!(log.text(), "ear");
    log.set_room(100);
    stdio.accept_input();
    bench.settle();
    assert_eq!(log.text(), "early");

    stdio.write(b"out");
    let mut buffer = [0; 8];
    assert_eq!(rustix::io::read(&shown, &mut buffer), Ok(3));

    // The end of the input is not the end of the output.
    drop(typed);
    bench.settle();
    assert_eq!(log.events(), [Event::Closed]);
    stdio.write(b"still");
    assert_eq!(rustix::io::read(&shown, &mut buffer), Ok(5));
    bench.settle();
}

#[test]
fn a_shared_socket_gets_its_flags_back() {
    let _one = ONE.lock();
    let mut bench = Bench::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let (ours, theirs) = (OwnedFd::from(ours), OwnedFd::from(theirs));
    let stdio = open_over(&ours, &ours, false, &bench.context);
    let log = Log::on(&stdio, 100);
    rustix::io::write(&theirs, b"in").unwrap();
    bench.settle();
    assert_eq!(log.text(), "in");
    assert!(flags(&ours).contains(OFlags::NONBLOCK));
    drop(stdio);
    assert!(!flags(&ours).contains(OFlags::NONBLOCK));
}

#[test]
fn only_one_device() {
    let _one = ONE.lock();
    let claim = Claim::new().unwrap();
    let bench = Bench::new();
    assert!(matches!(
        Stdio::open(false, &bench.context),
        Err(OpenError::StdioInUse)
    ));
    drop(claim);
    drop(Claim::new().unwrap());
}

/// A terminal: its other side, and the side a process has as standard input and output.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    let slave = open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (master, slave)
}

#[test]
fn the_terminal_is_raw_and_restored() {
    let _one = ONE.lock();
    let mut bench = Bench::new();
    let (master, slave) = terminal();
    let before = tcgetattr(&slave).unwrap().local_modes;
    assert!(before.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    for signals in [false, true] {
        let stdio = open_over(&slave, &slave, signals, &bench.context);
        let raw = tcgetattr(&slave).unwrap().local_modes;
        assert!(!raw.intersects(LocalModes::ICANON | LocalModes::ECHO));
        assert_eq!(raw.contains(LocalModes::ISIG), signals);
        drop(stdio);
        assert_eq!(tcgetattr(&slave).unwrap().local_modes, before);
    }

    let stdio = open_over(&slave, &slave, false, &bench.context);
    assert!(
        !flags(&slave).contains(OFlags::NONBLOCK),
        "the shell's own descriptor stays as it is"
    );
    let log = Log::on(&stdio, 100);
    rustix::io::write(&master, b"\x03\x01\r").unwrap();
    bench.until(|| log.data() == b"\x03\x01\r"); // Ctrl-C and a carriage return as they are
    // Stopped and continued: the shell had its own mode meanwhile.
    let raw = tcgetattr(&slave).unwrap();
    let mut cooked = raw.clone();
    cooked.local_modes = before;
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &cooked).unwrap();
    crate::resume_terminal();
    assert_eq!(tcgetattr(&slave).unwrap().local_modes, raw.local_modes);
    // The way out by a signal: no drop, only the function.
    crate::restore_terminal();
    assert_eq!(tcgetattr(&slave).unwrap().local_modes, before);
    crate::restore_terminal();
    crate::resume_terminal(); // nothing to make raw again
    drop(stdio);
    assert_eq!(tcgetattr(&slave).unwrap().local_modes, before);
}

#[test]
fn a_panic_restores_the_terminal() {
    let _one = ONE.lock();
    let bench = Bench::new();
    let (_master, slave) = terminal();
    let before = tcgetattr(&slave).unwrap().local_modes;
    let stdio = open_over(&slave, &slave, false, &bench.context);
    assert_ne!(tcgetattr(&slave).unwrap().local_modes, before);
    let panicked = std::thread::spawn(|| panic!("as tests do")).join().is_err();
    assert!(panicked);
    assert_eq!(tcgetattr(&slave).unwrap().local_modes, before);
    drop(stdio);
}
