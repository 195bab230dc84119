//! The terminal: the hint, the keys behind Ctrl-A, Ctrl-C for the guest, and modes restored on every way out.

use crate::images::multiboot;
use crate::process::file;
use crate::pty::Session;
use rustix::process::Signal;

const HINT: &str = "Ctrl-A x ends, Ctrl-A c opens the monitor, Ctrl-A h helps";

/// Prints each received byte in hex digits of the alphabet `A`..`P`, with a `.` at the start.
#[rustfmt::skip]
const ECHO_HEX: &[u8] = &[
    0x66, 0xba, 0xf8, 0x03,       // mov dx, 3f8h
    0xb0, b'.', 0xee,             // mov al, '.'; out dx, al
    0x66, 0xba, 0xfd, 0x03,       // wait: mov dx, 3fdh
    0xec, 0xa8, 0x01, 0x74, 0xf7, // in al, dx; test al, 1; jz wait
    0x66, 0xba, 0xf8, 0x03, 0xec, // mov dx, 3f8h; in al, dx
    0x88, 0xc4,                   // mov ah, al
    0xc0, 0xe8, 0x04, 0x04, b'A', 0xee,             // shr al, 4; add al, 'A'; out dx, al
    0x88, 0xe0, 0x24, 0x0f, 0x04, b'A', 0xee,       // mov al, ah; and al, 0fh; add al, 'A'; out dx, al
    0xeb, 0xe1,                   // jmp wait
];

fn at_prompt(args: &[&str]) -> Session {
    let mut session = Session::start(args);
    session.expect("reprise> ");
    session
}

#[test]
fn hint_then_guest_then_power_off() {
    let mut session = Session::start(&[]);
    let start = session.expect("This is the guest");
    assert_eq!(start.matches(HINT).count(), 1, "{start}");
    session.expect("reprise> ");
    assert!(session.is_raw());
    session.press("poweroff\r");
    let (status, screen) = session.end();
    assert_eq!(status, Some(0));
    assert_eq!(screen.matches(HINT).count(), 1);
}

#[test]
fn ctrl_a_keys() {
    let mut session = at_prompt(&["-icount", "shift=3"]);
    session.press("\x01h");
    session.expect("C-a x    exit the emulator");
    session.press("echo one\r");
    session.expect("\none");
    session.press("\x01c");
    session.expect("(reprise) ");
    session.press("info status\r");
    session.expect("VM status: running");
    session.expect("(reprise) ");
    session.press("\x01cecho two\r");
    session.expect("\ntwo");
    session.press("\x01x");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn keys_for_the_guest() {
    let kernel = file("echo-hex.elf", &multiboot(ECHO_HEX));
    let mut session = Session::start(&["-kernel", &kernel, "-m", "32"]);
    session.expect(".");
    // Ctrl-C, Ctrl-Z, Ctrl-\, Ctrl-A itself, Ctrl-S, carriage return, a letter.
    session.press("\x03\x1a\x1c\x01\x01\x13\rz");
    session.expect("ADBKBMABBDANHK");
    // A break is no byte but a NUL with a flag.
    session.press("\x01b");
    session.expect("AA");
    session.press("\x01x");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn restored_after_a_signal() {
    let session = at_prompt(&[]);
    session.signal(Signal::TERM);
    let (status, screen) = session.end();
    assert_eq!(status, Some(0));
    assert!(
        screen.contains("reprise: terminating on signal 15 from pid "),
        "{screen}"
    );
}

#[test]
fn raw_again_after_a_stop() {
    let mut session = at_prompt(&[]);
    session.signal(Signal::STOP);
    session.make_cooked();
    session.signal(Signal::CONT);
    session.press("echo back\r");
    session.expect("\nback");
    assert!(session.is_raw());
    session.press("\x01x");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn restored_after_a_refusal() {
    // The terminal is opened before the socket that cannot be.
    let session = Session::start(&[
        "-serial",
        "mon:stdio",
        "-monitor",
        "unix:/no/such/place,server,nowait",
    ]);
    let (status, screen) = session.end();
    assert_eq!(status, Some(1));
    assert_eq!(screen.trim_end().lines().count(), 1, "{screen}");
    assert!(screen.contains("No such file or directory"), "{screen}");
}

#[test]
fn no_hint_without_a_terminal_for_the_guest() {
    let mut session = Session::start(&["-serial", "null", "-monitor", "stdio"]);
    session.expect("(reprise) ");
    session.press("quit\r");
    let (status, screen) = session.end();
    assert_eq!(status, Some(0));
    assert!(!screen.contains("Ctrl-A"), "{screen}");
}
