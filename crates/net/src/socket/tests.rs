//! Two ends of a wire, and a peer that talks nonsense.

use super::*;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use util_mainloop::clock::MonotonicClock;
use util_mainloop::timer::TimerList;
use util_mainloop::{MainLoop, Timeout};

#[derive(Default)]
struct Frames {
    frames: Mutex<Vec<Vec<u8>>>,
    room: AtomicUsize,
}

impl Frames {
    fn on(network: &dyn Network, room: usize) -> Arc<Self> {
        let frames = Arc::new(Self {
            room: room.into(),
            ..Self::default()
        });
        let weak: Weak<dyn Card> = Arc::<Self>::downgrade(&frames);
        network.attach(weak);
        frames
    }
}

impl Card for Frames {
    fn can_receive(&self) -> bool {
        self.frames.lock().len() < self.room.load(Ordering::Relaxed)
    }

    fn receive(&self, frame: &[u8], _: Offload) {
        assert!(self.can_receive());
        self.frames.lock().push(frame.to_vec());
    }
}

fn context(main_loop: &MainLoop) -> Context {
    Context {
        main_loop: main_loop.handle(),
        realtime: TimerList::new(Arc::new(MonotonicClock)),
    }
}

fn turn(main_loop: &mut MainLoop) {
    for _ in 0..50 {
        main_loop.run_once(&mut (), Timeout::from_ms(1)).unwrap();
    }
}

const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

fn v4(address: std::net::SocketAddr) -> SocketAddrV4 {
    match address {
        std::net::SocketAddr::V4(address) => address,
        std::net::SocketAddr::V6(_) => unreachable!("bound to IPv4"),
    }
}

#[test]
fn frames_pass_both_ways() {
    let mut main_loop = MainLoop::new().unwrap();
    let context = context(&main_loop);
    let one = Socket::new(&SocketSpec::Listen(ANY), &context).unwrap();
    let two = Socket::new(&SocketSpec::Connect(v4(one.local().unwrap())), &context).unwrap();
    let (card_one, card_two) = (Frames::on(&one, 1000), Frames::on(&two, 3));
    turn(&mut main_loop);
    let frames: Vec<Vec<u8>> = [60, 1514, 0, 65_000, 1]
        .map(|length| vec![length as u8; length])
        .into();
    for frame in &frames {
        one.send(frame, Offload::default());
        two.send(frame, Offload::default());
    }
    turn(&mut main_loop);
    assert_eq!(*card_one.frames.lock(), frames);
    assert_eq!(
        *card_two.frames.lock(),
        frames[..3],
        "no more than there is room for"
    );
    card_two.room.store(1000, Ordering::Relaxed);
    two.accept_input();
    turn(&mut main_loop);
    assert_eq!(*card_two.frames.lock(), frames);
    // Another peer, once the first has gone.
    drop(two);
    turn(&mut main_loop);
    let three = Socket::new(&SocketSpec::Connect(v4(one.local().unwrap())), &context).unwrap();
    turn(&mut main_loop);
    three.send(b"hello", Offload::default());
    turn(&mut main_loop);
    assert_eq!(card_one.frames.lock().last().unwrap(), b"hello");
}

#[test]
fn the_bytes_are_qemus() {
    let mut main_loop = MainLoop::new().unwrap();
    let socket = Socket::new(&SocketSpec::Listen(ANY), &context(&main_loop)).unwrap();
    let card = Frames::on(&socket, 10);
    let mut peer = TcpStream::connect(socket.local().unwrap()).unwrap();
    turn(&mut main_loop);
    socket.send(b"abc", Offload::default());
    let mut bytes = [0; 7];
    peer.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, *b"\0\0\0\x03abc");
    // In pieces.
    for part in [&b"\0\0"[..], b"\0\x02x", b"y\0\0\0\x01z"] {
        peer.write_all(part).unwrap();
        turn(&mut main_loop);
    }
    assert_eq!(*card.frames.lock(), [b"xy".to_vec(), b"z".to_vec()]);
    // A length that cannot be.
    peer.write_all(&[0xff; 8]).unwrap();
    turn(&mut main_loop);
    assert!(
        matches!(*socket.inner.end.lock(), End::Free),
        "it is shown the door"
    );
    assert_eq!(card.frames.lock().len(), 2);
}

#[test]
fn datagrams() {
    let mut main_loop = MainLoop::new().unwrap();
    let context = context(&main_loop);
    let free = || v4(UdpSocket::bind(ANY).unwrap().local_addr().unwrap());
    let (a, b) = (free(), free());
    let one = Socket::new(&SocketSpec::Datagram(b, a), &context).unwrap();
    let two = Socket::new(&SocketSpec::Datagram(a, b), &context).unwrap();
    let (card_one, card_two) = (Frames::on(&one, 10), Frames::on(&two, 10));
    one.send(b"to two", Offload::default());
    two.send(b"to one", Offload::default());
    turn(&mut main_loop);
    assert_eq!(*card_one.frames.lock(), [b"to one".to_vec()]);
    assert_eq!(*card_two.frames.lock(), [b"to two".to_vec()]);
}
