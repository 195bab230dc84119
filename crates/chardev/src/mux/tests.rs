//! Keys, focus and queues over a backend that the test types into.

use super::*;
use crate::testing::{Bench, Log};
use crate::{Event, Ringbuf};
use std::sync::atomic::{AtomicU32, Ordering};

struct Desk {
    bench: Bench,
    terminal: Arc<Ringbuf>,
    mux: Arc<Mux>,
    ports: [Arc<MuxPort>; 2],
    serial: Arc<Log>,
    monitor: Arc<Log>,
    exits: Arc<AtomicU32>,
}

fn desk(room: usize) -> Desk {
    let bench = Bench::new();
    let terminal = Arc::new(Ringbuf::new(1 << 16));
    let exits = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&exits);
    let mux = Mux::new(terminal.clone(), &bench.context, move || {
        counter.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    let ports = [mux.port(), mux.port()];
    let [serial, monitor] = [&ports[0], &ports[1]].map(|port| Log::on(&**port, room));
    Desk {
        bench,
        terminal,
        mux,
        ports,
        serial,
        monitor,
        exits,
    }
}

impl Desk {
    fn type_in(&mut self, keys: &[u8]) {
        assert_eq!(self.terminal.feed(keys), keys.len());
        self.bench.settle();
    }

    fn screen(&self) -> String {
        String::from_utf8(self.terminal.read(usize::MAX)).unwrap()
    }
}

#[test]
fn focus_switches_and_comes_back() {
    let mut desk = desk(100);
    assert_eq!(desk.serial.events(), [Event::Opened, Event::FocusIn]);
    assert_eq!(desk.monitor.events(), [Event::Opened]);
    desk.type_in(b"ls\x03\r\x01cinfo\x01c!");
    assert_eq!(desk.serial.text(), "ls\x03\r!");
    assert_eq!(desk.monitor.text(), "info");
    assert_eq!(desk.serial.events(), [Event::FocusOut, Event::FocusIn]);
    assert_eq!(desk.monitor.events(), [Event::FocusIn, Event::FocusOut]);
    desk.mux.set_focus(&desk.ports[1]);
    desk.mux.set_focus(&desk.ports[1]);
    assert_eq!(desk.monitor.events(), [Event::FocusIn]);
    assert!(desk.ports[0].attach(Weak::<Log>::new()).is_err(), "in use");
    assert_eq!(desk.ports[0].describe(), "mux:ringbuf");
}

#[test]
fn keys_do_what_the_help_says() {
    let mut desk = desk(100);
    desk.serial.events();
    desk.type_in(b"\x01h");
    let help = desk.screen();
    for key in ["C-a h", "C-a x", "C-a b", "C-a c", "C-a t", "C-a C-a"] {
        assert!(help.contains(key));
    }
    desk.type_in(b"a\x01bb\x01\x01c");
    assert_eq!(desk.serial.text(), "ab\x01c");
    assert_eq!(desk.serial.events(), [Event::Break]);
    desk.type_in(b"\x01x");
    assert_eq!(desk.exits.load(Ordering::Relaxed), 1);
}

#[test]
fn keys_work_while_the_guest_does_not_listen() {
    let mut desk = desk(0);
    desk.type_in(&[b'k'; 500]);
    desk.type_in(b"\x01cquit\x01x");
    assert_eq!(desk.exits.load(Ordering::Relaxed), 1);
    // Each gets what was typed for it when it listens, whoever has the focus now.
    desk.serial.set_room(1000);
    desk.ports[0].accept_input();
    desk.monitor.set_room(3);
    desk.ports[1].accept_input();
    desk.bench.settle();
    assert_eq!(desk.serial.data(), [b'k'; 500]);
    assert_eq!(desk.monitor.text(), "qui");
}

#[test]
fn a_full_queue_leaves_the_rest_to_the_host() {
    let mut desk = desk(0);
    assert_eq!(desk.terminal.feed(&[0x7f; QUEUE + 10]), QUEUE);
    assert_eq!(desk.terminal.feed(b"x"), 0);
    desk.serial.set_room(5);
    desk.ports[0].accept_input();
    desk.bench.settle();
    assert_eq!(desk.terminal.feed(b"1234567"), 5);
}

#[test]
fn timestamps_at_line_starts() {
    let mut desk = desk(100);
    let serial = Arc::clone(&desk.ports[0]);
    serial.write(b"half ");
    desk.type_in(b"\x01t");
    serial.write(b"line\r\nnext");
    desk.bench.clock.advance(3_723_004_000_000);
    serial.write(b"\n");
    desk.ports[1].write(b"(monitor) \nx");
    desk.type_in(b"\x01t");
    serial.write(b"\nplain\n");
    let stamp = "[01:02:03.004] ";
    assert_eq!(
        desk.screen(),
        format!("half line\r\n[00:00:00.000] next\n{stamp}(monitor) \n{stamp}x\nplain\n")
    );
}

#[test]
fn a_frontend_may_write_and_attach_from_its_callbacks() {
    struct Echo(Arc<MuxPort>);
    impl Frontend for Echo {
        fn can_receive(&self) -> usize {
            1
        }
        fn receive(&self, data: &[u8]) {
            self.0.write(data);
            self.0.accept_input();
        }
        fn event(&self, event: Event) {
            self.0.write(format!("<{event:?}>").as_bytes());
        }
    }
    let mut bench = Bench::new();
    let terminal = Arc::new(Ringbuf::new(1000));
    let mux = Mux::new(terminal.clone(), &bench.context, || {}).unwrap();
    let port = mux.port();
    let echo = Arc::new(Echo(Arc::clone(&port)));
    let weak: Weak<dyn Frontend> = Arc::<Echo>::downgrade(&echo);
    port.attach(weak).unwrap();
    terminal.feed(b"ab\x01bc");
    bench.settle();
    assert_eq!(terminal.read(1000), b"<Opened><FocusIn>ab<Break>c");
}
