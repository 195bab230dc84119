//! One line a spec, one line a mistake.

use super::*;
use proptest::prelude::*;

fn unix(path: &str, server: bool, wait: bool) -> Kind {
    Kind::Socket {
        address: Address::Unix(path.into()),
        server,
        wait,
    }
}

fn tcp_kind(host: &str, port: u16, server: bool, wait: bool) -> Kind {
    Kind::Socket {
        address: Address::Tcp {
            host: host.into(),
            port,
        },
        server,
        wait,
    }
}

#[test]
fn short_form() {
    let stdio = Kind::Stdio { signals: None };
    let file = |path: &str, append| Kind::File {
        path: path.into(),
        append,
    };
    for (text, kind, mux) in [
        ("stdio", stdio.clone(), false),
        ("mon:stdio", stdio, true),
        ("stdio,signal=off", Kind::Stdio { signals: Some(false) }, false),
        ("null", Kind::Null, false),
        ("none", Kind::None, false),
        ("pty", Kind::Pty, false),
        ("mon:pty", Kind::Pty, true),
        ("ringbuf", Kind::Ringbuf { size: 65536 }, false),
        ("ringbuf,size=1k", Kind::Ringbuf { size: 1024 }, false),
        ("file:out.log", file("out.log", false), false),
        ("file:a,,b:c", file("a,b:c", false), false),
        ("file:x,append=on", file("x", true), false),
        ("unix:/tmp/m", unix("/tmp/m", false, false), false),
        ("unix:/tmp/m,server", unix("/tmp/m", true, true), false),
        ("unix:/tmp/m,server,nowait", unix("/tmp/m", true, false), false),
        (
            "unix:/tmp/m,server=on,wait=off",
            unix("/tmp/m", true, false),
            false,
        ),
        ("mon:unix:m,server,nowait", unix("m", true, false), true),
        (
            "tcp:localhost:4444",
            tcp_kind("localhost", 4444, false, false),
            false,
        ),
        (
            "tcp::4444,server=on,wait=off",
            tcp_kind("127.0.0.1", 4444, true, false),
            false,
        ),
        ("tcp:[::1]:23,server", tcp_kind("::1", 23, true, true), false),
        ("chardev:c0", Kind::Chardev { id: "c0".into() }, false),
    ] {
        assert_eq!(
            Spec::parse("-serial", text),
            Ok(Spec { id: None, kind, mux }),
            "{text}"
        );
    }
}

#[test]
fn long_form() {
    for (text, kind, mux) in [
        (
            "stdio,id=a,mux=on,signal=off",
            Kind::Stdio { signals: Some(false) },
            true,
        ),
        ("null,id=a", Kind::Null, false),
        ("pty,id=a", Kind::Pty, false),
        (
            "file,id=a,path=x,,y",
            Kind::File {
                path: "x,y".into(),
                append: false,
            },
            false,
        ),
        ("ringbuf,id=a,size=4096", Kind::Ringbuf { size: 4096 }, false),
        (
            "socket,id=a,path=/m,server=on,wait=off",
            unix("/m", true, false),
            false,
        ),
        (
            "socket,id=a,host=::1,port=5,server",
            tcp_kind("::1", 5, true, true),
            false,
        ),
        (
            "socket,port=5,id=a",
            tcp_kind("127.0.0.1", 5, false, false),
            false,
        ),
    ] {
        assert_eq!(
            Spec::parse_chardev(text),
            Ok(Spec {
                id: Some("a".into()),
                kind,
                mux
            }),
            "{text}"
        );
    }
}

#[test]
fn mistakes() {
    for (text, reason) in [
        ("", "no character device given"),
        ("foo", "unknown character device"),
        ("stdoi", "unknown character device, did you mean 'stdio'?"),
        ("fiel:x", "unknown character device, did you mean 'file'?"),
        ("vc", "'vc' is not supported"),
        ("vc:80Cx24C", "'vc' is not supported"),
        ("telnet::1234,server", "'telnet' is not supported"),
        ("stdio:x", "unknown character device, did you mean 'stdio'?"),
        ("mon:mon:stdio", "the monitor cannot be multiplexed with itself"),
        ("mon:", "no character device given"),
        ("file:", "'file' needs a path"),
        ("file", "'file' needs a path"),
        ("unix:,server", "'unix' needs a path"),
        ("unix:m,wait", "'wait' needs 'server'"),
        ("unix:m,server,foo", "unknown property 'foo'"),
        (
            "unix:m,server=maybe",
            "property 'server' is 'on' or 'off', not 'maybe'",
        ),
        ("unix:m,noserver=on", "unknown property 'noserver'"),
        ("tcp:", "'tcp' needs a host and a port"),
        ("tcp:4444", "'tcp' needs a port"),
        ("tcp::70000", "invalid port '70000'"),
        (
            "ringbuf,size=3",
            "property 'size' is a power of two of at most 1 GiB, not '3'",
        ),
        (
            "ringbuf,size=99999999999999999999m",
            "property 'size' is a power of two of at most 1 GiB, not '99999999999999999999m'",
        ),
        ("ringbuf,size", "property 'size' needs a value"),
        ("null,x=1", "unknown property 'x'"),
        ("chardev:", "'chardev' needs an id"),
    ] {
        let error = Spec::parse("-serial", text).unwrap_err().to_string();
        assert_eq!(error, format!("-serial {text}: {reason}"));
    }
    for (text, reason) in [
        ("stdio", "'id' is missing"),
        ("stdio,id=1", "invalid id '1'"),
        ("sokcet,id=a", "unknown character device, did you mean 'socket'?"),
        ("unix,id=a", "unknown character device"),
        ("socket,id=a", "'socket' needs a path"),
        ("socket,id=a,host=h", "'socket' needs a port"),
        (
            "socket,id=a,path=p,port=1",
            "a path and a host or port exclude each other",
        ),
        ("null,id=a,b", "unknown property 'b'"),
    ] {
        let error = Spec::parse_chardev(text).unwrap_err().to_string();
        assert_eq!(error, format!("-chardev {text}: {reason}"));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_spec_or_an_error(text in "[a-z:,=0-9\\[\\]é]{0,24}") {
        let _ = Spec::parse("-serial", &text);
        let _ = Spec::parse_chardev(&text);
    }
}
