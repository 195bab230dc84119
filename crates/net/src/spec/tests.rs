//! Options that make sense, and what is said of those that do not.

use super::*;

fn user(text: &str) -> Config {
    match Spec::parse("-netdev", text).unwrap().kind {
        Kind::User(config) => *config,
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn addresses_follow_the_network() {
    for (text, net, host, dns, start) in [
        ("user,id=n", "10.0.2.0/24", "10.0.2.2", "10.0.2.3", "10.0.2.15"),
        (
            "user,id=n,net=192.168.7.0/24",
            "192.168.7.0/24",
            "192.168.7.2",
            "192.168.7.3",
            "192.168.7.15",
        ),
        (
            "user,id=n,net=192.168.0.0",
            "192.168.0.0/16",
            "192.168.2.2",
            "192.168.2.3",
            "192.168.2.15",
        ),
        (
            "user,id=n,net=10.9.0.0/255.255.255.0",
            "10.9.0.0/24",
            "10.9.0.2",
            "10.9.0.3",
            "10.9.0.15",
        ),
        (
            "user,id=n,host=10.0.2.9,dns=10.0.2.8,dhcpstart=10.0.2.100",
            "10.0.2.0/24",
            "10.0.2.9",
            "10.0.2.8",
            "10.0.2.100",
        ),
    ] {
        let config = user(text);
        assert_eq!(format!("{}/{}", config.net, config.prefix), net, "{text}");
        let addresses = [config.host, config.dns, config.dhcp_start].map(|ip| ip.to_string());
        assert_eq!(addresses, [host, dns, start], "{text}");
    }
}

#[test]
fn properties() {
    let config = user(
        "user,id=n,restrict,hostname=box,tftp=/a,,b,bootfile=x,dnssearch=a.b,dnssearch=c,ipv6=off,\
         hostfwd=tcp::1-:2,hostfwd=udp::3-:4,guestfwd=tcp::5-cmd:cat",
    );
    assert!(config.restrict);
    assert_eq!(config.hostname.as_deref(), Some("box"));
    assert_eq!(config.tftp, Some("/a,b".into()));
    assert_eq!(config.search, ["a.b", "c"]);
    assert_eq!(config.host_forwards.len(), 2);
    assert_eq!(config.guest_forwards[0].at.to_string(), "10.0.2.4:5");
    let spec = Spec::parse("-nic", "user,model=e1000,mac=52:54:00:00:00:01").unwrap();
    assert_eq!(
        (spec.model.as_deref(), spec.mac.as_deref()),
        (Some("e1000"), Some("52:54:00:00:00:01"))
    );
    assert!(matches!(Spec::parse("-nic", "none").unwrap().kind, Kind::None));
}

#[test]
fn mistakes() {
    for (option, text, reason) in [
        ("-netdev", "user", "Parameter 'id' is missing"),
        (
            "-netdev",
            "foo,id=n",
            "Parameter 'type' expects a netdev backend type",
        ),
        (
            "-netdev",
            "none,id=n",
            "Parameter 'type' expects a netdev backend type",
        ),
        ("-netdev", "tap,id=n", "network backend 'tap' is not supported"),
        ("-netdev", "user,id=n,foo=1", "Invalid parameter 'foo'"),
        ("-netdev", "user,id=n,model=e1000", "Invalid parameter 'model'"),
        (
            "-netdev",
            "user,id=n,restrict=maybe",
            "Parameter 'restrict' expects 'on' or 'off'",
        ),
        ("-netdev", "user,id=n,net=x", "Failed to parse network address"),
        ("-netdev", "user,id=n,net=10.0.0.0/33", "Failed to parse netmask"),
        (
            "-netdev",
            "user,id=n,net=10.0.0.0/255.0.255.0",
            "Failed to parse netmask",
        ),
        (
            "-netdev",
            "user,id=n,host=1.2.3.4",
            "Host doesn't belong to network",
        ),
        (
            "-netdev",
            "user,id=n,dns=10.0.2.2",
            "DNS must be different from host",
        ),
        (
            "-netdev",
            "user,id=n,dhcpstart=10.0.2.3",
            "DHCP must be different from host and DNS",
        ),
        ("-netdev", "user,id=n,ipv6=on", "IPv6 is not supported"),
        (
            "-netdev",
            "user,id=n,hostfwd=xx",
            "Invalid host forwarding rule 'xx' (No : separators)",
        ),
        ("-nic", "user,guestfwd=xx", "Invalid guest forwarding rule 'xx'"),
        (
            "-netdev",
            "socket,id=n",
            "exactly one of listen=, connect=, mcast= or udp= is required",
        ),
        (
            "-netdev",
            "socket,id=n,listen=:1,connect=:2",
            "exactly one of listen=, connect=, mcast= or udp= is required",
        ),
        (
            "-netdev",
            "socket,id=n,udp=127.0.0.1:1",
            "localaddr= is mandatory with udp=",
        ),
        (
            "-netdev",
            "socket,id=n,connect=1",
            "address resolution failed for 1",
        ),
    ] {
        let error = Spec::parse(option, text).unwrap_err();
        assert_eq!(error.to_string(), format!("{option} {text}: {reason}"));
    }
}
