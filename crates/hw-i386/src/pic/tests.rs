//! The 8259 pair against its data sheet, one sequence a test.

use super::*;
use hw_core::testing::{RecordingSink, check_reset, check_saved_state};

struct Board {
    pic: Arc<PicPair>,
    int: Arc<RecordingSink>,
}

impl Board {
    /// As an operating system sets it up: vectors 20h and 28h, nothing masked.
    fn new() -> Self {
        let int = RecordingSink::new();
        let pic = PicPair::new(int.line(0));
        let board = Self { pic, int };
        board.initialise(0x01);
        board
    }

    fn initialise(&self, icw4: u8) {
        for (port, value) in [
            (0x20, 0x11),
            (0x21, 0x20),
            (0x21, 0x04),
            (0x21, icw4),
            (0xa0, 0x11),
            (0xa1, 0x28),
            (0xa1, 0x02),
            (0xa1, icw4),
        ] {
            self.out(port, value);
        }
    }

    fn window(&self, port: u64) -> (IoWindow, u64) {
        let mut windows = self.pic.windows().into_iter();
        let window = windows
            .find(|w| (w.base..w.base + w.size).contains(&port))
            .expect("a port of the pair");
        let offset = port - window.base;
        (window, offset)
    }

    fn out(&self, port: u64, value: u8) {
        let (window, offset) = self.window(port);
        window.ops.write(offset, 1, value.into()).unwrap();
    }

    fn inb(&self, port: u64) -> u8 {
        let (window, offset) = self.window(port);
        window.ops.read(offset, 1).unwrap() as u8
    }

    fn irq(&self, pin: u32, level: bool) {
        self.pic.set_irq(pin, level);
    }

    /// An edge.
    fn pulse(&self, pin: u32) {
        self.irq(pin, true);
        self.irq(pin, false);
    }

    /// What the CPU gets, if INT is high.
    fn take(&self) -> Option<u8> {
        self.int.level(0).then(|| self.pic.acknowledge())
    }
}

#[test]
fn mask_reads_back() {
    let b = Board::new();
    for mask in [0xff, 0x00, 0xfb, 0xa5] {
        b.out(0x21, mask);
        b.out(0xa1, !mask);
        assert_eq!((b.inb(0x21), b.inb(0xa1)), (mask, !mask));
    }
}

#[test]
fn priorities_and_nesting() {
    let b = Board::new();
    b.pulse(4);
    b.pulse(3);
    assert_eq!(b.take(), Some(0x23));
    assert_eq!(b.take(), None, "4 is below 3 in service");
    b.pulse(0);
    assert_eq!(b.take(), Some(0x20), "0 nests");
    b.out(0x20, 0x20);
    assert_eq!(b.take(), None);
    b.out(0x20, 0x20);
    assert_eq!(b.take(), Some(0x24));
    b.out(0x20, 0x64);
    assert_eq!((b.take(), b.inb(0x20)), (None, 0));
}

#[test]
fn slave_through_cascade() {
    let b = Board::new();
    b.pulse(14);
    b.pulse(8);
    assert_eq!(b.take(), Some(0x28));
    b.out(0x20, 0x0b);
    b.out(0xa0, 0x0b);
    assert_eq!((b.inb(0x20), b.inb(0xa0)), (0x04, 0x01));
    // EOI to both; the second request of the slave is a new edge for the master.
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
    assert_eq!(b.take(), Some(0x2e));
    b.out(0xa0, 0x20);
    b.out(0x20, 0x20);
    assert_eq!(b.take(), None);
    // IRQ 2 does not exist.
    b.irq(2, true);
    assert_eq!(b.take(), None);
}

#[test]
fn edges_and_levels() {
    let b = Board::new();
    b.irq(5, true);
    b.irq(5, true);
    assert_eq!(b.take(), Some(0x25));
    b.out(0x20, 0x20);
    assert_eq!(b.take(), None, "an edge interrupts once");
    b.irq(5, false);
    b.out(0x4d0, 0xff);
    b.out(0x4d1, 0xff);
    assert_eq!(
        (b.inb(0x4d0), b.inb(0x4d1)),
        (0xf8, 0xde),
        "timer, keyboard, cascade, RTC, FERR stay edges"
    );
    b.irq(5, true);
    assert_eq!(b.take(), Some(0x25));
    b.out(0x20, 0x20);
    assert_eq!(b.take(), Some(0x25), "a level interrupts again");
    b.irq(5, false);
    b.out(0x20, 0x20);
    assert_eq!(b.take(), None);
}

#[test]
fn spurious() {
    let b = Board::new();
    // The request goes away between INT and INTA.
    b.pulse(3);
    b.out(0x21, 0xff);
    assert!(!b.int.level(0));
    assert_eq!(b.pic.acknowledge(), 0x27);
    b.out(0x20, 0x0b);
    assert_eq!(b.inb(0x20), 0, "a spurious interrupt is not in service");
    b.out(0x21, 0x00);
    assert_eq!(b.take(), Some(0x23));
    b.out(0x20, 0x20);
    // On the slave: spurious 15 with the cascade in service.
    b.pic.set_irq(10, true);
    b.pic.state.lock().chips[1].imr = 0xff;
    assert_eq!(b.pic.acknowledge(), 0x2f);
    b.out(0x20, 0x0b);
    assert_eq!(b.inb(0x20), 0x04);
}

#[test]
fn special_mask_lets_lower_ones_through() {
    let b = Board::new();
    b.pulse(1);
    assert_eq!(b.take(), Some(0x21));
    b.pulse(6);
    assert_eq!(b.take(), None);
    b.out(0x21, 0x02);
    b.out(0x20, 0x68);
    assert_eq!(b.take(), Some(0x26));
    // The non-specific EOI passes over the masked 1.
    b.out(0x20, 0x20);
    b.out(0x20, 0x0b);
    assert_eq!(b.inb(0x20), 0x02);
    b.out(0x20, 0x48);
    b.pulse(6);
    assert_eq!(b.take(), None, "special mask mode off");
}

#[test]
fn rotation() {
    let b = Board::new();
    b.pulse(0);
    assert_eq!(b.take(), Some(0x20));
    b.out(0x20, 0xa0);
    b.pulse(0);
    b.pulse(7);
    assert_eq!(b.take(), Some(0x27), "0 is lowest after rotating");
    b.out(0x20, 0xe7);
    assert_eq!(b.take(), Some(0x20));
    b.out(0x20, 0x20);
    b.out(0x20, 0xc3);
    b.pulse(3);
    b.pulse(4);
    assert_eq!(b.take(), Some(0x24), "set priority made 3 lowest");
}

#[test]
fn automatic_eoi() {
    let b = Board::new();
    b.initialise(0x03);
    b.pulse(3);
    assert_eq!(b.take(), Some(0x23));
    b.pulse(4);
    assert_eq!(b.take(), Some(0x24), "nothing is in service");
    b.out(0x20, 0x80);
    b.pulse(0);
    assert_eq!(b.take(), Some(0x20));
    b.pulse(0);
    b.pulse(1);
    assert_eq!(b.take(), Some(0x21), "automatic rotation");
}

#[test]
fn polling() {
    let b = Board::new();
    b.pulse(4);
    b.out(0x20, 0x0c);
    assert_eq!(b.inb(0x20), 0x84);
    assert_eq!(b.take(), None, "the poll acknowledged");
    b.out(0x20, 0x20);
    b.out(0x20, 0x0c);
    assert_eq!(b.inb(0x20), 0x00);
    b.pulse(12);
    b.out(0xa0, 0x0c);
    assert_eq!(b.inb(0xa0), 0x84);
    assert_eq!(b.take(), None, "the master forgets the slave's request");
}

#[test]
fn initialisation_forgets_edges() {
    let b = Board::new();
    b.irq(5, true);
    b.initialise(0x01);
    assert_eq!(b.take(), None);
    b.irq(5, false);
    b.irq(5, true);
    assert_eq!(b.take(), Some(0x25));
}

#[test]
fn state() {
    let (used, fresh) = (Board::new(), Board::new());
    used.out(0x21, 0x5a);
    used.pulse(3);
    used.out(0xa0, 0x11);
    check_saved_state(&*used.pic, &*fresh.pic);
    check_reset(&*fresh.pic, || fresh.initialise(0x03));
}
