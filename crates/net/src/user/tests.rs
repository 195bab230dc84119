//! The network against a guest with a stack of its own, and against sockets of this process.

mod guest;
mod hostile;

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

#[test]
fn host_ports_lead_to_the_guest() {
    let rules = ["tcp:127.0.0.1:0-:80", "udp:127.0.0.1:0-:53"];
    let mut bench = Bench::new(Config {
        host_forwards: rules.map(|rule| HostForward::parse(rule).unwrap()).into(),
        ..Config::default()
    });
    let ports = bench.net.host_ports();
    let handle = bench.tcp();
    bench.tcp_socket(handle).listen(80).unwrap();
    let data = noise(300_000);
    let sent = data.clone();
    let port = ports[0];
    let visitor = thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&sent).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let received = bench.exchange(handle, b"welcome");
    assert!(received == data);
    bench.until(|_| visitor.is_finished().then_some(()));
    assert_eq!(visitor.join().unwrap(), b"welcome");

    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let socket = bench.udp(53);
    peer.send_to(b"question", ("127.0.0.1", ports[1])).unwrap();
    let (question, from) = bench.udp_receive(socket);
    let port = peer.local_addr().unwrap().port();
    assert_eq!(
        (&question[..], from),
        (&b"question"[..], format!("10.0.2.2:{port}"))
    );
    bench.udp_send(socket, b"answer", at(HOST, port));
    let mut buffer = [0; 100];
    let (count, from) = bench.until(|_| peer.recv_from(&mut buffer).ok());
    assert_eq!((&buffer[..count], from.port()), (&b"answer"[..], ports[1]));
}

#[test]
fn rules_come_and_go() {
    let mut bench = Bench::new(Config::default());
    bench.net.add_host_forward("tcp:127.0.0.1:0-:80").unwrap();
    let port = bench.net.host_ports()[0];
    let again = format!("tcp:127.0.0.1:{port}-:80");
    assert_eq!(
        bench.net.add_host_forward(&again).unwrap_err().to_string(),
        format!("Could not set up host forwarding rule '{again}'")
    );
    assert!(
        bench.net.table().contains("TCP[HOST_FORWARD]"),
        "{}",
        bench.net.table()
    );
    assert!(bench.net.remove_host_forward("udp:127.0.0.1:1").is_err());
    bench
        .net
        .remove_host_forward(&format!("tcp:127.0.0.1:{port}"))
        .unwrap();
    bench.turn();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn commands_and_servers_inside_the_network() {
    let echoing = server(echo);
    let default = Ipv4Addr::new(10, 0, 2, 4);
    let rule = |text: &str| GuestForward::parse(text, default).unwrap();
    let config = Config {
        restrict: true,
        guest_forwards: vec![
            rule("tcp:10.0.2.100:7-cmd:tr a-z A-Z"),
            rule(&format!("tcp::9-tcp:{echoing}")),
        ],
        ..Config::default()
    };
    let mut bench = Bench::new(config.clone());
    let socket = bench.tcp_connect(at(Ipv4Addr::new(10, 0, 2, 100), 7), 4000);
    assert_eq!(bench.exchange(socket, b"shout"), b"SHOUT");
    let socket = bench.tcp_connect(at(default, 9), 4001);
    assert_eq!(bench.exchange(socket, b"same"), b"same");
    let twice = Config {
        guest_forwards: vec![config.guest_forwards[0].clone(); 2],
        ..config
    };
    let main_loop = util_mainloop::MainLoop::new().unwrap();
    let error = User::new(twice, &guest::context(&main_loop)).err().unwrap();
    assert!(matches!(error, RuleError::Conflict(_)));
}

#[test]
fn a_restricted_guest_gets_nowhere() {
    let (stream, datagrams) = (server(echo), shouter());
    let mut bench = Bench::new(Config {
        restrict: true,
        resolver: Some(datagrams),
        ..Config::default()
    });
    let tcp = bench.tcp_connect(at(HOST, stream.port()), 4000);
    let udp = bench.udp(4000);
    bench.udp_send(udp, b"x", at(HOST, datagrams.port()));
    bench.udp_send(udp, b"x", at(DNS, 53));
    bench.pass(200);
    assert_ne!(bench.tcp_socket(tcp).state(), tcp::State::Established);
    assert!(
        !bench
            .sockets
            .get_mut::<smoltcp::socket::udp::Socket>(udp)
            .can_recv()
    );
    assert!(!bench.net.table().contains("10.0.2.15"), "{}", bench.net.table());
}

/// Fetches a file as a boot ROM does, with the options it asks for.
fn fetch(bench: &mut Bench, port: u16, name: &str, options: &str) -> Result<Vec<u8>, String> {
    let socket = bench.udp(port);
    let request = [&[0, 1], name.as_bytes(), b"\0octet\0", options.as_bytes()].concat();
    bench.udp_send(socket, &request, at(HOST, 69));
    let (mut all, mut size) = (Vec::new(), 512);
    loop {
        let (packet, from) = bench.udp_receive(socket);
        assert_eq!(from, "10.0.2.2:69");
        match packet[1] {
            6 => {
                let text = String::from_utf8(packet[2..].to_vec()).unwrap();
                if let Some(at) = text.find("blksize\0") {
                    size = text[at + 8..].split('\0').next().unwrap().parse().unwrap();
                }
                bench.udp_send(socket, &[0, 4, 0, 0], at(HOST, 69));
            }
            3 => {
                all.extend_from_slice(&packet[4..]);
                bench.udp_send(socket, &[0, 4, packet[2], packet[3]], at(HOST, 69));
                if packet.len() - 4 < size {
                    return Ok(all);
                }
            }
            5 => return Err(String::from_utf8_lossy(&packet[4..packet.len() - 1]).into_owned()),
            kind => panic!("{kind}"),
        }
    }
}

#[test]
fn files_are_fetched_by_tftp() {
    let root = std::env::temp_dir().join(format!("net-tftp-{}", std::process::id()));
    std::fs::create_dir_all(root.join("in/dir")).unwrap();
    let data = noise(200_000);
    std::fs::write(root.join("in/dir/kernel"), &data).unwrap();
    std::fs::write(root.join("in/even"), &data[..1024]).unwrap();
    std::fs::write(root.join("secret"), b"secret").unwrap();
    std::os::unix::fs::symlink("../secret", root.join("in/link")).unwrap();
    let mut bench = Bench::new(Config {
        tftp: Some(root.join("in")),
        ..Config::default()
    });
    let mut port = 5000;
    let mut get = |name: &str, options: &str| {
        port += 1;
        fetch(&mut bench, port, name, options)
    };
    assert!(get("dir/kernel", "tsize\x000\0blksize\x001468\0").unwrap() == data);
    assert!(get("/dir/kernel", "").unwrap() == data);
    assert_eq!(get("even", "").unwrap(), data[..1024]);
    assert_eq!(get("none", "").unwrap_err(), "File not found");
    for name in ["../secret", "dir/../../secret", "link", ""] {
        assert_eq!(get(name, "").unwrap_err(), "Access violation", "{name}");
    }
    std::fs::remove_dir_all(&root).unwrap();
}
