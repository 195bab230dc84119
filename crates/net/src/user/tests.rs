//! The network against a guest with a stack of its own, and against sockets of this process.

mod guest;

use super::*;
use guest::{Bench, HOST};
use smoltcp::socket::{dhcpv4, icmp, tcp};
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread;

const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

fn at(ip: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip, port)
}

/// Bytes in which every mistake shows.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A server on this host that gives every connection to `serve`.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    address
}

fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 100_000];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..count]).unwrap();
    }
}

/// A UDP socket of this host that answers everything with the same bytes in capitals.
fn shouter() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let answer = buffer[..count].to_ascii_uppercase();
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

#[test]
fn a_guest_gets_an_address() {
    let mut bench = Bench::new(Config::default());
    bench.iface.update_ip_addrs(|addresses| addresses.clear());
    let handle = bench.sockets.add(dhcpv4::Socket::new());
    let lease = bench.until(|bench| {
        let socket = bench.sockets.get_mut::<dhcpv4::Socket>(handle);
        match socket.poll()? {
            dhcpv4::Event::Configured(lease) => {
                let dns: Vec<Ipv4Addr> = lease.dns_servers.iter().copied().collect();
                Some((lease.address.to_string(), lease.router, dns))
            }
            dhcpv4::Event::Deconfigured => None,
        }
    });
    assert_eq!(lease, ("10.0.2.15/24".to_owned(), Some(HOST), vec![DNS]));
}

#[test]
fn udp_to_the_host_and_back() {
    let mut bench = Bench::new(Config::default());
    let port = shouter().port();
    let socket = bench.udp(4000);
    for data in [&b"hello"[..], b"", &[b'x'; 5000], b"again"] {
        // More than a frame holds comes back in pieces, which the guest's stack takes apart again or not.
        if data.len() > 1400 {
            continue;
        }
        bench.udp_send(socket, data, at(HOST, port));
        let (answer, from) = bench.udp_receive(socket);
        assert_eq!(
            (answer, from),
            (data.to_ascii_uppercase(), format!("10.0.2.2:{port}"))
        );
    }
}

#[test]
fn names_are_looked_up_by_the_hosts_server() {
    let mut bench = Bench::new(Config {
        resolver: Some(shouter()),
        ..Config::default()
    });
    let socket = bench.udp(4000);
    bench.udp_send(socket, b"who is", at(DNS, 53));
    assert_eq!(
        bench.udp_receive(socket),
        (b"WHO IS".to_vec(), "10.0.2.3:53".to_owned())
    );
}

#[test]
fn names_are_looked_up_by_tcp_too() {
    let mut bench = Bench::new(Config {
        resolver: Some(server(echo)),
        ..Config::default()
    });
    let socket = bench.tcp_connect(at(DNS, 53), 4000);
    assert_eq!(bench.exchange(socket, b"question"), b"question");
}

fn both() -> Abilities {
    Abilities {
        checksum: true,
        segment: true,
    }
}

#[test]
fn megabytes_both_ways() {
    let data = noise(6 << 20);
    let port = server(echo).port();
    let checksum = Abilities {
        checksum: true,
        segment: false,
    };
    for abilities in [Abilities::default(), checksum, both()] {
        let mut bench = Bench::with(Config::default(), abilities);
        let socket = bench.tcp_connect(at(HOST, port), 4000);
        assert!(
            bench.exchange(socket, &data) == data,
            "other bytes with {abilities:?}"
        );
        let long = bench.card.longest.load(Ordering::Relaxed) > 1514;
        assert_eq!(long, abilities.segment);
    }
}

#[test]
fn a_lossy_card_loses_nothing() {
    let data = noise(400 << 10);
    let port = server(echo).port();
    let mut bench = Bench::new(Config::default());
    bench.card.loses.store(23, Ordering::Relaxed);
    let socket = bench.tcp_connect(at(HOST, port), 4000);
    assert!(bench.exchange(socket, &data) == data);
}

#[test]
fn ends_are_told_apart_from_breaks() {
    let mut bench = Bench::new(Config::default());
    // Sends after the guest has closed.
    let late = server(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.reverse();
        stream.write_all(&all).unwrap();
    });
    let socket = bench.tcp_connect(at(HOST, late.port()), 4000);
    assert_eq!(bench.exchange(socket, b"abc"), b"cba");
    bench.until(|bench| {
        bench
            .tcp_socket(socket)
            .state()
            .eq(&tcp::State::TimeWait)
            .then_some(())
    });

    let rude = server(|stream| {
        host::reset(&stream);
    });
    let socket = bench.tcp_connect(at(HOST, rude.port()), 4001);
    bench.until(|bench| (bench.tcp_socket(socket).state() == tcp::State::Closed).then_some(()));

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = bench.tcp_connect(at(HOST, closed.port()), 4002);
    bench.until(|bench| (bench.tcp_socket(socket).state() == tcp::State::Closed).then_some(()));
    // The host's own network is not the guest's.
    let socket = bench.tcp_connect(at(Ipv4Addr::new(10, 0, 2, 77), late.port()), 4003);
    bench.pass(50);
    assert_ne!(bench.tcp_socket(socket).state(), tcp::State::Established);
}

#[test]
fn a_guest_that_resets_is_heard() {
    let (tell, told) = std::sync::mpsc::channel();
    let port = server(move |mut stream| {
        stream.write_all(b"x").unwrap();
        tell.send(stream.read(&mut [0; 10]).unwrap_err().kind()).unwrap();
    });
    let mut bench = Bench::new(Config::default());
    let socket = bench.tcp_connect(at(HOST, port.port()), 4000);
    bench.until(|bench| bench.tcp_socket(socket).can_recv().then_some(()));
    bench.tcp_socket(socket).abort();
    let kind = bench.until(|_| told.try_recv().ok());
    assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
    assert_eq!(bench.net.shared.nat.lock().tcp.connections().count(), 0);
}

#[test]
fn what_a_slow_guest_does_not_take_stays_with_the_host() {
    let (tell, told) = std::sync::mpsc::channel();
    let port = server(move |mut stream| {
        stream.set_nonblocking(true).unwrap();
        let (mut sent, mut idle) = (0, 0);
        while idle < 100 {
            match stream.write(&[7; 10_000]) {
                Ok(count) => (sent, idle) = (sent + count, 0),
                Err(_) => idle += 1,
            }
            thread::sleep(std::time::Duration::from_millis(1));
        }
        tell.send(sent).unwrap();
    });
    let mut bench = Bench::new(Config::default());
    let socket = bench.tcp_connect(at(HOST, port.port()), 4000);
    bench.until(|bench| bench.tcp_socket(socket).can_recv().then_some(()));
    bench.card.full.store(true, Ordering::Relaxed);
    let sent = bench.until(|_| told.try_recv().ok());
    let waiting = bench
        .net
        .shared
        .nat
        .lock()
        .tcp
        .connections()
        .map(|c| c.to_guest())
        .sum::<usize>();
    assert!(waiting <= 512 << 10, "{waiting}");
    // All of it comes once there is room, and no byte more.
    bench.card.full.store(false, Ordering::Relaxed);
    bench.net.accept_input();
    assert_eq!(bench.exchange(socket, b"").len(), sent);
}

#[test]
fn what_a_slow_host_does_not_take_stays_with_the_guest() {
    let (tell, told) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let port = server(move |mut stream| {
        wait.lock().recv().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        tell.send(all).unwrap();
    });
    let mut bench = Bench::new(Config::default());
    let data = noise(12 << 20);
    let socket = bench.tcp_connect(at(HOST, port.port()), 4000);
    let mut sent = 0;
    let mut last = (0, 0);
    // Until nothing moves for a while.
    bench.until(|bench| {
        let socket = bench.tcp_socket(socket);
        if socket.may_send() {
            sent += socket.send_slice(&data[sent..]).unwrap();
        }
        last = if last.0 == sent {
            (sent, last.1 + 1)
        } else {
            (sent, 0)
        };
        (last.1 > 300 && sent > 0).then_some(())
    });
    assert!(sent < data.len(), "the host's buffers took everything");
    go.send(()).unwrap();
    bench.exchange(socket, &data[sent..]);
    assert!(told.recv().unwrap() == data);
}

#[test]
fn the_gateway_answers_echoes() {
    let mut bench = Bench::new(Config::default());
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    socket.bind(icmp::Endpoint::Ident(77)).unwrap();
    let handle = bench.sockets.add(socket);
    let echo = smoltcp::wire::Icmpv4Repr::EchoRequest {
        ident: 77,
        seq_no: 5,
        data: b"ping",
    };
    let socket = bench.sockets.get_mut::<icmp::Socket>(handle);
    let bytes = socket.send(echo.buffer_len(), HOST.into()).unwrap();
    let mut packet = smoltcp::wire::Icmpv4Packet::new_unchecked(bytes);
    echo.emit(&mut packet, &smoltcp::phy::ChecksumCapabilities::default());
    let (data, from) = bench.until(|bench| {
        let (data, from) = bench.sockets.get_mut::<icmp::Socket>(handle).recv().ok()?;
        Some((data.to_vec(), from))
    });
    assert_eq!((&data[8..], from), (&b"ping"[..], HOST.into()));
}
