//! Frames that no card should send: nothing comes of them, and what is remembered stays bounded.

use super::super::*;
use super::guest::{GUEST, HOST, MAC, TestCard, context};
use proptest::prelude::*;
use util_mainloop::{MainLoop, Timeout};

/// A frame of IPv4 with right checksums of the header, so that what is inside is looked at.
fn ip(protocol: u8, dst: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let link = frame::Link {
        from: EthernetAddress(MAC),
        to: EthernetAddress::BROADCAST,
    };
    let head = frame::IpHead {
        src: GUEST,
        dst,
        protocol: protocol.into(),
        ident: 1,
        fragment: (0, false),
    };
    frame::ipv4(&mut out, link, &head, payload.len());
    out.extend(payload);
    out
}

/// Valid frames of every protocol that is understood, to somewhere harmless.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let dhcp = |kind: u8| {
        let mut packet = vec![0; 240];
        packet[..3].copy_from_slice(&[1, 1, 6]);
        packet[28..34].copy_from_slice(&MAC);
        packet[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        packet.extend([53, 1, kind, 50, 4, 10, 0, 2, 20, 255]);
        let (src, dst) = (
            "0.0.0.0:68".parse().unwrap(),
            "255.255.255.255:67".parse().unwrap(),
        );
        ip(17, Ipv4Addr::BROADCAST, &frame::udp_datagram(src, dst, &packet))
    };
    let tcp = |flags: u16, seq: u32, ack: u32, data: usize| {
        // To a port of the host's that nobody listens at.
        let mut segment = Vec::new();
        for word in [4000u16, 1] {
            segment.extend(word.to_be_bytes());
        }
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        for word in [0x6000 | flags, 1000, 0, 0, 0x0204, 1460] {
            segment.extend(word.to_be_bytes());
        }
        segment.resize(segment.len() + data, 7);
        ip(6, HOST, &segment)
    };
    let tftp = |packet: &[u8]| {
        let (src, dst) = ("10.0.2.15:70".parse().unwrap(), "10.0.2.2:69".parse().unwrap());
        ip(17, HOST, &frame::udp_datagram(src, dst, packet))
    };
    let echo = vec![8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    prop_oneof![
        any::<u8>().prop_map(dhcp),
        (0u16..64, any::<u32>(), any::<u32>(), 0usize..3000).prop_map(move |(f, s, a, d)| tcp(f, s, a, d)),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(move |packet| tftp(&packet)),
        Just(tftp(b"\0\x01name\0octet\0blksize\x009\0")),
        Just(ip(1, HOST, &echo)),
    ]
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (valid(), changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut frame, changes, cut, whole)| {
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if !whole {
                frame.truncate(cut.index(frame.len() + 1));
            }
            frame
        },
    )
}

fn offload() -> impl Strategy<Value = Offload> {
    (any::<Option<(u16, u16)>>(), any::<bool>()).prop_map(|(checksum, verified)| Offload {
        checksum,
        segment: None,
        verified,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_comes_of_nonsense(
        frames in proptest::collection::vec(
            (prop_oneof![mutated(), proptest::collection::vec(any::<u8>(), 0..2000)], offload()), 1..40)
    ) {
        let mut main_loop = MainLoop::new().unwrap();
        // Restricted, so that the test sends nothing to the world.
        let config = Config { restrict: true, tftp: Some("/nowhere".into()), ..Config::default() };
        let net = User::new(config, &context(&main_loop)).unwrap();
        let card = Arc::new(TestCard::default());
        let weak: Weak<dyn Card> = Arc::<TestCard>::downgrade(&card);
        net.attach(weak);
        for (frame, offload) in &frames {
            net.send(frame, *offload);
        }
        main_loop.run_once(&mut (), Timeout::ZERO).unwrap();
        let nat = net.shared.nat.lock();
        prop_assert!(nat.control.len() <= CONTROL);
        prop_assert!(card.frames.lock().len() <= 64);
    }

    /// The same, in the middle of connections: segments with any numbers and flags.
    #[test]
    fn segments_with_any_numbers(
        segments in proptest::collection::vec((0u8..64, -3i64..3, -70_000i64..70_000, -70_000i64..70_000, 0usize..2000), 1..60)
    ) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut main_loop = MainLoop::new().unwrap();
        let net = User::new(Config::default(), &context(&main_loop)).unwrap();
        let card = Arc::new(TestCard::default());
        let weak: Weak<dyn Card> = Arc::<TestCard>::downgrade(&card);
        net.attach(weak);
        let port = listener.local_addr().unwrap().port();
        let send = |flags: u8, seq: u32, ack: u32, data: usize| {
            let mut segment = Vec::new();
            segment.extend(4000u16.to_be_bytes());
            segment.extend(port.to_be_bytes());
            segment.extend(seq.to_be_bytes());
            segment.extend(ack.to_be_bytes());
            segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            segment.resize(20 + data, 9);
            net.send(&ip(6, HOST, &segment), Offload { verified: true, ..Offload::default() });
        };
        send(2, 1000, 0, 0);
        let (mut seq, mut ack) = (1001u32, 0u32);
        for _ in 0..20 {
            main_loop.run_once(&mut (), Timeout::from_ns(100_000)).unwrap();
            if let Some(frame) = card.frames.lock().pop_front()
                && frame.len() >= 54
            {
                ack = u32::from_be_bytes(frame[38..42].try_into().unwrap()).wrapping_add(1);
                break;
            }
        }
        send(16, seq, ack, 0);
        for (flags, jump, by_seq, by_ack, data) in segments {
            // Mostly in order, sometimes far away.
            let (off_seq, off_ack) = if jump == 0 { (by_seq, by_ack) } else { (0, 0) };
            send(flags, seq.wrapping_add(off_seq as u32), ack.wrapping_add(off_ack as u32), data);
            if jump > 0 {
                seq = seq.wrapping_add(data as u32);
            }
            main_loop.run_once(&mut (), Timeout::ZERO).unwrap();
            for frame in card.frames.lock().drain(..) {
                prop_assert!(frame.len() <= 1514);
            }
        }
        let nat = net.shared.nat.lock();
        for connection in nat.tcp.connections() {
            prop_assert!(connection.to_guest() <= 512 << 10 && connection.to_host() <= 512 << 10);
        }
    }
}
