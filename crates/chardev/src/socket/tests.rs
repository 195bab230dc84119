//! Clients come, talk, leave and come again.

use super::*;
use crate::testing::{Bench, Log};
use crate::{Event, Kind, Spec, open};
use std::io::{Read, Write};

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("chardev-{name}-{}", std::process::id()))
}

#[test]
fn clients_one_after_the_other() {
    let mut bench = Bench::new();
    let path = temporary("clients");
    let address = Address::Unix(path.clone());
    let socket = Socket::listen(&address, false, &bench.context).unwrap();
    assert_eq!(socket.describe(), format!("unix:{},server=on", path.display()));
    let log = Log::on(&socket, 1000);
    socket.write(b"nobody hears this");
    assert_eq!(log.events(), []);

    let mut first = UnixStream::connect(&path).unwrap();
    bench.settle();
    assert_eq!(log.events(), [Event::Opened]);
    let mut second = UnixStream::connect(&path).unwrap();
    second.write_all(b"second").unwrap();
    first.write_all(b"first ").unwrap();
    bench.settle();
    assert_eq!(log.text(), "first ", "the second waits");
    socket.write(b"hello first");
    let mut buffer = [0; 64];
    let got = first.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..got], b"hello first");

    drop(first);
    bench.settle();
    assert_eq!(log.events(), [Event::Closed, Event::Opened]);
    assert_eq!(log.text(), "first second");
    drop(second);
    bench.settle();
    assert_eq!(log.events(), [Event::Closed]);
    drop(socket);
    assert!(!path.exists(), "cleans up");
}

#[test]
fn back_pressure_keeps_every_byte() {
    let mut bench = Bench::new();
    let path = temporary("pressure");
    let socket = Socket::listen(&Address::Unix(path.clone()), false, &bench.context).unwrap();
    let log = Log::on(&socket, 0);
    let data: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let sending = std::thread::spawn({
        let data = data.clone();
        move || UnixStream::connect(path).unwrap().write_all(&data).unwrap()
    });
    let mut room = 1;
    while log.data().len() < data.len() {
        bench
            .main_loop
            .run_once(&mut (), util_mainloop::Timeout::from_ms(1))
            .unwrap();
        log.set_room(room);
        room = room % 7001 + 500;
        socket.accept_input();
    }
    assert!(log.data() == data);
    sending.join().unwrap();
}

#[test]
fn tcp_both_ways() {
    let mut bench = Bench::new();
    let spec = Spec::parse("-serial", "tcp:127.0.0.1:0,server,nowait").unwrap();
    let server = open(&spec, &bench.context).unwrap();
    let name = server.describe();
    let port = name
        .strip_prefix("tcp:127.0.0.1:")
        .unwrap()
        .strip_suffix(",server=on")
        .unwrap()
        .parse()
        .unwrap();
    let Kind::Socket {
        address: Address::Tcp { host, .. },
        ..
    } = spec.kind
    else {
        panic!()
    };
    let client = Socket::connect(&Address::Tcp { host, port }, &bench.context).unwrap();
    let (at_server, at_client) = (Log::on(&*server, 100), Log::on(&client, 100));
    assert_eq!(at_client.events(), [Event::Opened]);
    bench.until(|| at_server.events() == [Event::Opened]);
    client.write(b"ping");
    server.write(b"pong");
    bench.until(|| at_server.text() == "ping" && at_client.text() == "pong");
    drop(client);
    bench.until(|| at_server.events() == [Event::Closed]);
}

#[test]
fn waits_for_the_first_client_if_asked() {
    let mut bench = Bench::new();
    let path = temporary("wait");
    let client = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut stream = loop {
                match UnixStream::connect(&path) {
                    Ok(stream) => break stream,
                    Err(_) => std::thread::yield_now(),
                }
            };
            stream.write_all(b"here").unwrap();
            stream
        }
    });
    let socket = Socket::listen(&Address::Unix(path), true, &bench.context).unwrap();
    let log = Log::on(&socket, 10);
    assert_eq!(log.events(), [Event::Opened]);
    bench.until(|| log.text() == "here");
    drop(client.join().unwrap());
}

#[test]
fn refusals() {
    let bench = Bench::new();
    for (text, message) in [
        (
            "unix:/nowhere/at/all",
            "Could not open 'unix:/nowhere/at/all': No such file or directory",
        ),
        (
            "unix:/nowhere/at/all,server,nowait",
            "Could not open 'unix:/nowhere/at/all': No such file or directory",
        ),
        (
            "tcp:127.0.0.1:1",
            "Could not open 'tcp:127.0.0.1:1': Connection refused",
        ),
        (
            "file:/nowhere/at/all",
            "Could not open '/nowhere/at/all': No such file or directory",
        ),
        ("file:/", "Could not open '/': Is a directory"),
        ("chardev:x", "chardev 'x' not found"),
    ] {
        let spec = Spec::parse("-serial", text).unwrap();
        assert_eq!(open(&spec, &bench.context).err().unwrap().to_string(), message);
    }
}

#[test]
fn an_existing_file_is_not_removed() {
    let bench = Bench::new();
    let path = temporary("precious");
    std::fs::write(&path, "precious").unwrap();
    assert!(Socket::listen(&Address::Unix(path.clone()), false, &bench.context).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
    // But what an earlier run left behind is.
    drop(UnixListener::bind(&path).unwrap());
    Socket::listen(&Address::Unix(path), false, &bench.context).unwrap();
}

#[test]
fn files_are_written_or_appended_to() {
    let bench = Bench::new();
    let path = temporary("file");
    for (options, text, content) in [
        ("", "one", "one"),
        ("", "two", "two"),
        (",append=on", "three", "twothree"),
    ] {
        let spec = Spec::parse("-serial", &format!("file:{}{options}", path.display())).unwrap();
        let device = open(&spec, &bench.context).unwrap();
        device.write(text.as_bytes());
        drop(device);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::remove_file(path).unwrap();
}
