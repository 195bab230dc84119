//! The server over loopback sockets, with a small client of the test's own.

use super::super::encode::tests::{Bytes, Decoder, rects};
use super::*;
use hw_core::TextScreen;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use util_mainloop::clock::MonotonicClock;
use util_mainloop::{MainLoop, Timeout};

/// A screen that the test paints, and a list of what was typed.
#[derive(Default)]
struct Machine {
    screen: Mutex<Surface>,
    typed: Mutex<Vec<InputEvent>>,
}

impl Console for Machine {
    fn draw(&self, surface: &mut Surface) {
        surface.clone_from(&self.screen.lock());
    }

    fn text(&self) -> Option<TextScreen> {
        None
    }

    fn input(&self, events: &[InputEvent]) {
        self.typed.lock().extend(events);
    }

    fn is_absolute(&self) -> bool {
        true
    }
}

struct Rig {
    main_loop: MainLoop,
    machine: Arc<Machine>,
    server: Arc<Server>,
}

fn rig(change: impl FnOnce(&mut VncOptions)) -> Rig {
    let main_loop = MainLoop::new().expect("a loop");
    let realtime = TimerList::new(Arc::new(MonotonicClock));
    main_loop.handle().add_timers(&realtime);
    let machine = Arc::new(Machine::default());
    *machine.screen.lock() = Surface::new(320, 200);
    let local = Listen::Tcp {
        host: "127.0.0.1".to_owned(),
        port: 0,
        last: 0,
    };
    let mut options = VncOptions {
        listen: Some(local),
        websocket: None,
        password: false,
        share: Share::AllowExclusive,
    };
    change(&mut options);
    let server = Server::open(
        &options,
        Arc::clone(&machine) as _,
        ("test", Layout::default()),
        (&main_loop.handle(), &realtime),
    )
    .expect("a server");
    Rig {
        main_loop,
        machine,
        server,
    }
}

impl Rig {
    /// Turns the loop while `client` talks on a thread of its own.
    fn run<R: Send + 'static>(&mut self, client: impl FnOnce() -> R + Send + 'static) -> R {
        let thread = std::thread::spawn(client);
        while !thread.is_finished() {
            self.main_loop
                .run_once(&mut (), Timeout::from_ns(5_000_000))
                .expect("a turn");
        }
        thread.join().expect("the client is content")
    }

    fn turn(&mut self) {
        for _ in 0..20 {
            self.main_loop
                .run_once(&mut (), Timeout::from_ns(1_000_000))
                .expect("a turn");
        }
    }
}

/// A client's end of a connection.
struct Viewer<S> {
    stream: S,
    decoder: Decoder,
}

impl<S: Read + Write> Viewer<S> {
    fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).expect("the server goes on");
        bytes
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server listens");
    }

    /// Comes in, without a password.
    fn enter(stream: S, shared: u8) -> Self {
        let decoder = Decoder::new(320, 200);
        let mut viewer = Self { stream, decoder };
        assert_eq!(viewer.read(12), b"RFB 003.008\n");
        viewer.say(b"RFB 003.008\n");
        assert_eq!(viewer.read(2), [1, 1]);
        viewer.say(&[1]);
        assert_eq!(viewer.read(4), [0; 4]);
        viewer.say(&[shared]);
        let init = viewer.read(24 + 4);
        assert_eq!(init[..4], [1, 64, 0, 200]);
        viewer
    }

    /// Asks for an update of raw rectangles and takes it.
    fn update(&mut self, incremental: u8) {
        self.say(&[3, incremental, 0, 0, 0, 0, 1, 64, 0, 200]);
        let head = self.read(4);
        assert_eq!(head[0], 0);
        for _ in 0..u16::from_be_bytes([head[2], head[3]]) {
            let mut rect = self.read(12);
            let [width, height] = [4, 6].map(|at| usize::from(u16::from_be_bytes([rect[at], rect[at + 1]])));
            let body = self.read(width * height * 4);
            rect.extend(body);
            rects(1, &mut self.decoder, &mut Bytes(&rect));
        }
    }
}

fn connect(place: &str) -> TcpStream {
    let stream = TcpStream::connect(place).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream
}

#[test]
fn a_viewer_sees_what_changes_and_types() {
    let mut rig = rig(|_| ());
    rig.machine.screen.lock().pixels.fill(0x12_3456);
    let place = rig.server.places()[0].clone();
    let machine = Arc::clone(&rig.machine);
    rig.run(move || {
        let mut viewer = Viewer::enter(connect(&place), 1);
        viewer.update(0);
        assert_eq!(viewer.decoder.picture, *machine.screen.lock());
        machine.screen.lock().row_mut(100)[200] = 0xff;
        viewer.update(1);
        assert_eq!(viewer.decoder.picture, *machine.screen.lock());
        viewer.say(&[4, 1, 0, 0, 0, 0, 0xff, 0x0d]);
        // An answer means that what was said before has arrived.
        viewer.update(0);
    });
    rig.turn();
    let key = |down| InputEvent::Key { code: 28, down };
    assert_eq!(
        *rig.machine.typed.lock(),
        [key(true), key(false)],
        "the viewer left with the key held"
    );
    assert_eq!(rig.server.clients(), []);
}

#[test]
fn viewers_share_unless_one_wants_to_be_alone() {
    for (share, second_stays, first_stays) in [
        (Share::AllowExclusive, true, false),
        (Share::ForceShared, false, true),
        (Share::Ignore, true, true),
    ] {
        let mut rig = rig(|options| options.share = share);
        let place = rig.server.places()[0].clone();
        let (first, second) = rig.run(move || {
            let first = Viewer::enter(connect(&place), 1);
            let second = Viewer::enter(connect(&place), 0);
            (first, second)
        });
        rig.turn();
        let stays = |viewer: &Viewer<TcpStream>| {
            viewer.stream.set_nonblocking(true).expect("a socket");
            !matches!(viewer.stream.peek(&mut [0]), Ok(0))
        };
        assert_eq!(
            (stays(&first), stays(&second)),
            (first_stays, second_stays),
            "{share:?}"
        );
    }
}

#[test]
fn a_password_is_asked_for() {
    let mut rig = rig(|options| options.password = true);
    rig.server.set_password(Some("secret".to_owned()));
    let place = rig.server.places()[0].clone();
    rig.run(move || {
        let mut stream = connect(&place);
        let mut hello = [0; 12];
        stream.read_exact(&mut hello).expect("a greeting");
        stream.write_all(b"RFB 003.008\n").expect("a socket");
        let mut offer = [0; 2];
        stream.read_exact(&mut offer).expect("an offer");
        assert_eq!(offer, [1, 2]);
        stream.write_all(&[2]).expect("a socket");
        let mut challenge = [0; 16];
        stream.read_exact(&mut challenge).expect("a challenge");
        stream
            .write_all(&super::super::des::response("wrong", &challenge))
            .expect("a socket");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the end");
        assert_eq!(rest[..4], [0, 0, 0, 1]);
        assert!(rest.ends_with(b"Authentication failed"));
    });
}

#[test]
fn local_sockets() {
    let path = std::env::temp_dir().join(format!("vnc-{}.sock", std::process::id()));
    let mut rig = rig(|options| options.listen = Some(Listen::Unix(path.clone())));
    let at = path.clone();
    rig.run(move || {
        let stream = UnixStream::connect(at).expect("the server listens");
        Viewer::enter(stream, 1).update(0);
    });
    drop(rig);
    assert!(!path.exists(), "the socket goes with its server");
}

#[test]
fn a_taken_port_is_an_error_and_a_range_goes_on() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let listen = |last| Listen::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
        last,
    };
    let error = bind(&listen(port)).expect_err("it is taken");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(bind(&listen(port.saturating_add(20))).is_ok());
}

#[test]
fn browsers_come_through_a_websocket() {
    let mut rig = rig(|options| options.websocket = options.listen.take());
    let place = rig.server.places()[0].clone();
    rig.run(move || {
        let mut stream = connect(&place);
        stream
            .write_all(
                b"GET /websockify HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            )
            .expect("a socket");
        let mut header = Vec::new();
        while !header.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            header.push(byte[0]);
        }
        assert!(header.starts_with(b"HTTP/1.1 101"));
        let mut frame = [0; 14];
        stream.read_exact(&mut frame).expect("a frame");
        assert_eq!(&frame, b"\x82\x0cRFB 003.008\n");
        // Masked with zeros: as it is.
        stream
            .write_all(b"\x82\x8c\0\0\0\0RFB 003.008\n")
            .expect("a socket");
        let mut offer = [0; 4];
        stream.read_exact(&mut offer).expect("a frame");
        assert_eq!(offer, [0x82, 2, 1, 1]);
    });
}

#[test]
fn a_client_that_reads_nothing_piles_up_nothing() {
    let mut rig = rig(|_| ());
    let place = rig.server.places()[0].clone();
    let mut viewer = rig.run(move || Viewer::enter(connect(&place), 1));
    for n in 0..200 {
        rig.machine.screen.lock().pixels.fill(n);
        viewer.say(&[3, 0, 0, 0, 0, 0, 1, 64, 0, 200]);
        rig.turn();
        let inner = rig.server.inner.lock();
        let waiting = inner.clients.values().map(|client| client.outgoing.len()).max();
        assert!(waiting <= Some(320 * 200 * 4 + 16));
    }
}
