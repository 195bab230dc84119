//! Conversations, byte by byte, and clients that make no sense.

use super::super::encode::tests::{Bytes, Decoder, rects};
use super::*;
use hw_core::{ABSOLUTE_MAX, Axis, Button};
use proptest::prelude::*;

const CHALLENGE: [u8; 16] = *b"0123456789abcdef";

fn session(auth: Auth) -> Session {
    let config = SessionConfig {
        name: "test".to_owned(),
        auth,
        layout: Layout::default(),
    };
    Session::new(config, CHALLENGE, (100, 40))
}

fn output(session: &mut Session) -> Vec<u8> {
    std::mem::take(session.output())
}

fn say(session: &mut Session, bytes: &[u8]) -> Vec<SessionEvent> {
    session.receive(bytes).expect("the protocol")
}

/// A client that is in.
fn entered() -> Session {
    let mut session = session(Auth::None);
    say(&mut session, b"RFB 003.008\n\x01\x01");
    output(&mut session);
    session
}

fn encodings(list: &[i32]) -> Vec<u8> {
    let mut bytes = vec![2, 0];
    bytes.extend((list.len() as u16).to_be_bytes());
    list.iter()
        .for_each(|encoding| bytes.extend(encoding.to_be_bytes()));
    bytes
}

const ALL_AGAIN: [u8; 10] = [3, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
const CHANGES: [u8; 10] = [3, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];

#[test]
fn versions_and_security() {
    let init = [
        [0, 100, 0, 40].to_vec(),
        PixelFormat::default().bytes().to_vec(),
        b"\0\0\0\x04test".to_vec(),
    ]
    .concat();
    // What the client says, what it hears.
    #[rustfmt::skip]
    let cases: [(&[u8], &[u8], &[u8]); 3] = [
        (b"RFB 003.003\n", b"\0\0\0\x01", b"\x01"),
        (b"RFB 003.007\n\x01", b"\x01\x01", b"\x01"),
        (b"RFB 003.889\n\x01", b"\x01\x01\0\0\0\0", b"\x01"),
    ];
    for (line, answer, init_client) in cases {
        let mut session = session(Auth::None);
        assert_eq!(output(&mut session), b"RFB 003.008\n");
        assert_eq!(say(&mut session, line), []);
        assert_eq!(output(&mut session), answer, "{line:?}");
        assert_eq!(
            say(&mut session, init_client),
            [SessionEvent::Entered { shared: true }]
        );
        assert_eq!(output(&mut session), init);
    }
}

#[test]
fn passwords() {
    let password = |text: &str| Auth::Password(Some(text.to_owned()));
    for (auth, right) in [
        (password("secret"), true),
        (password("Secret"), false),
        (Auth::Password(None), false),
    ] {
        let mut session = session(auth);
        say(&mut session, b"RFB 003.008\n\x02");
        assert!(output(&mut session).ends_with(&CHALLENGE));
        say(&mut session, &des::response("secret", &CHALLENGE));
        let answer = output(&mut session);
        assert_eq!(answer[..4], u32::from(!right).to_be_bytes());
        assert_eq!(session.is_over(), !right);
        assert_eq!(answer.len() > 4, !right, "a reason is given");
    }
}

#[test]
fn an_update_comes_when_it_is_asked_for_and_the_last_one_has_left() {
    let mut session = entered();
    let mut screen = Surface::new(100, 40);
    assert!(!session.update(&screen), "nobody has asked");
    say(&mut session, &CHANGES);
    assert!(session.update(&screen));
    let first = output(&mut session);
    assert_eq!(first.len(), 4 + 12 + 100 * 40 * 4);
    say(&mut session, &CHANGES);
    assert!(!session.update(&screen), "nothing has changed");
    screen.row_mut(20)[70] = 0xff;
    assert!(session.update(&screen));
    say(&mut session, &CHANGES);
    screen.row_mut(20)[70] = 0;
    assert!(!session.update(&screen), "the last one has not left");
    let second = output(&mut session);
    assert_eq!(second[..16], [0, 0, 0, 1, 0, 64, 0, 16, 0, 36, 0, 16, 0, 0, 0, 0]);
    assert!(session.update(&screen));
    output(&mut session);
    say(&mut session, &ALL_AGAIN);
    assert!(session.update(&screen), "all of it, changed or not");
}

#[test]
fn encodings_are_the_clients_choice() {
    let mut screen = Surface::new(100, 40);
    screen
        .pixels
        .iter_mut()
        .enumerate()
        .for_each(|(n, pixel)| *pixel = n as u32 % 50);
    for choice in [0, 5, 6, 7, 16] {
        let mut session = entered();
        say(&mut session, &encodings(&[1234, choice, 0, -247]));
        say(&mut session, &CHANGES);
        assert!(session.update(&screen));
        let bytes = output(&mut session);
        assert_eq!(bytes[12..16], i32::to_be_bytes(choice));
        let mut decoder = Decoder::new(100, 40);
        let mut from = Bytes(&bytes[2..]);
        let count = from.u16();
        rects(count, &mut decoder, &mut from);
        assert_eq!(decoder.picture, screen);
    }
}

#[test]
fn a_new_size_is_told_before_its_picture() {
    let mut small = Surface::new(100, 40);
    let large = Surface::new(120, 60);
    for (extension, body) in [(-223, 0), (-308, 20)] {
        let mut session = entered();
        say(&mut session, &encodings(&[0, extension]));
        say(&mut session, &CHANGES);
        session.update(&small);
        output(&mut session);
        say(&mut session, &CHANGES);
        assert!(session.update(&large));
        let bytes = output(&mut session);
        assert_eq!(bytes.len(), 16 + body);
        assert_eq!(bytes[..12], [0, 0, 0, 1, 0, 0, 0, 0, 0, 120, 0, 60]);
        assert_eq!(bytes[12..16], i32::to_be_bytes(extension));
        say(&mut session, &CHANGES);
        assert!(session.update(&large));
        assert_eq!(
            output(&mut session)[..12],
            [0, 0, 0, 1, 0, 0, 0, 0, 0, 120, 0, 60]
        );
    }
    // A client that does not know of sizes keeps its own.
    let mut session = entered();
    say(&mut session, &CHANGES);
    session.update(&small);
    output(&mut session);
    say(&mut session, &CHANGES);
    assert!(!session.update(&large));
    small.pixels.fill(1);
    assert!(session.update(&small));
}

#[test]
fn a_wish_for_another_size_is_declined() {
    let mut session = entered();
    say(&mut session, &encodings(&[0, -308]));
    say(&mut session, &CHANGES);
    session.update(&Surface::new(100, 40));
    output(&mut session);
    let mut wish = vec![251, 0, 4, 0, 3, 0, 1, 0];
    wish.extend([0; 16]);
    say(&mut session, &wish);
    say(&mut session, &CHANGES);
    assert!(session.update(&Surface::new(100, 40)));
    assert_eq!(output(&mut session)[4..12], [0, 1, 0, 1, 0, 100, 0, 40]);
}

#[test]
fn keys_and_pointer() {
    let mut session = entered();
    let input = |events: Vec<SessionEvent>| -> Vec<InputEvent> {
        events
            .into_iter()
            .flat_map(|event| match event {
                SessionEvent::Input(events) => events,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let key = |code, down| InputEvent::Key { code, down };
    assert_eq!(
        input(say(&mut session, &[4, 1, 0, 0, 0, 0, 0, 0x61])),
        [key(30, true)]
    );
    // The extended form goes by the scan code.
    assert_eq!(
        input(say(&mut session, &[255, 0, 0, 1, 0, 0, 0, 0x79, 0, 0, 0, 0x2c])),
        [key(44, true)]
    );
    let absolute = |axis, value| InputEvent::Absolute { axis, value };
    assert_eq!(
        input(say(&mut session, &[5, 1, 0, 99, 0, 0])),
        [
            absolute(Axis::X, ABSOLUTE_MAX),
            absolute(Axis::Y, 0),
            InputEvent::Button {
                button: Button::Left,
                down: true
            }
        ]
    );
    let released = session.release();
    assert_eq!(released.len(), 3);
    // A mouse: the client is told, and sends movements.
    say(&mut session, &encodings(&[0, -257]));
    session.set_absolute(false);
    say(&mut session, &CHANGES);
    session.update(&Surface::new(100, 40));
    assert_eq!(
        output(&mut session)[2..16],
        [0, 2, 0, 0, 0, 0, 0, 100, 0, 40, 0xff, 0xff, 0xfe, 0xff]
    );
    assert_eq!(
        input(say(&mut session, &[5, 0, 0x80, 0x04, 0x7f, 0xff])),
        [InputEvent::Relative {
            axis: Axis::X,
            delta: 5
        }]
    );
}

#[test]
fn clipboards_are_skipped_however_they_come() {
    let mut session = entered();
    let mut bytes = vec![6, 0, 0, 0, 0, 0, 3, 232];
    bytes.extend([9; 1000]);
    // The extended form: a negative length.
    bytes.extend([6, 0, 0, 0, 0xff, 0xff, 0xff, 0xf6]);
    bytes.extend([9; 10]);
    bytes.extend([4, 1, 0, 0, 0, 0, 0, 0x62]);
    for len in [1, 7, 8, 100, 5000] {
        let mut events = Vec::new();
        for part in bytes.chunks(len) {
            events.extend(say(&mut session, part));
        }
        assert_eq!(events.len(), 1, "in parts of {len}");
        say(&mut session, &[4, 0, 0, 0, 0, 0, 0, 0x62]);
    }
}

#[test]
fn what_is_no_client() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"RFB 003.xyz\n",
        b"RFB 003.008\n\x13",
        b"RFB 003.008\n\x01\x01\x63",
        b"RFB 003.008\n\x01\x01\x06\0\0\0\x7f\xff\xff\xff",
        b"RFB 003.008\n\x01\x01\x02\0\xff\xff",
        b"RFB 003.008\n\x01\x01\0\0\0\0\x18\x18\0\x01\0\xff\0\xff\0\xff\0\x08\x10\0\0\0",
        b"RFB 003.008\n\x01\x01\xff\x07",
    ] {
        assert!(session(Auth::None).receive(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn clients_without_true_colour_get_a_palette() {
    let mut session = entered();
    say(
        &mut session,
        &[0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    let map = output(&mut session);
    assert_eq!((map.len(), &map[..6]), (6 + 256 * 6, &[1, 0, 0, 0, 1, 0][..]));
    say(&mut session, &CHANGES);
    assert!(session.update(&Surface::new(100, 40)));
    assert_eq!(output(&mut session).len(), 16 + 100 * 40);
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |kind: u8, len: usize| {
        prop::collection::vec(any::<u8>(), len - 1).prop_map(move |mut bytes| {
            bytes.insert(0, kind);
            bytes
        })
    };
    prop_oneof![
        fixed(0, 20),
        fixed(3, 10),
        fixed(4, 8),
        fixed(5, 6),
        Just(ALL_AGAIN.to_vec()),
        prop::collection::vec(
            prop_oneof![Just(0), Just(5), Just(6), Just(7), Just(16), -400..20i32],
            0..8
        )
        .prop_map(|list| encodings(&list)),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    /// Nothing a client says panics, and what is queued for it stays bounded.
    #[test]
    fn any_client(messages in prop::collection::vec(message(), 0..30), part in 1..40usize, size in 1..90usize) {
        let mut session = entered();
        let bytes = messages.concat();
        for part in bytes.chunks(part) {
            if session.receive(part).is_err() {
                return Ok(());
            }
            session.update(&Surface::new(size, 91 - size));
            prop_assert!(session.output.len() < 100_000);
            if part.len() % 3 == 0 {
                session.output.clear();
            }
        }
        session.release();
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = session(Auth::None).receive(&bytes);
        let _ = entered().receive(&bytes);
    }
}
