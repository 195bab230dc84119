//! What `info usernet` shows: connections, conversations and rules.

use super::Nat;
use super::flow::Kind;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

fn address(ip: Ipv4Addr) -> String {
    if ip.is_unspecified() {
        "*".to_owned()
    } else {
        ip.to_string()
    }
}

fn row(out: &mut String, what: &str, src: SocketAddrV4, dst: SocketAddrV4, received: usize, sent: usize) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "  {what:<18} {:>15} {:>5} {:>15} {:>5} {received:>6} {sent:>6}",
        address(*src.ip()),
        src.port(),
        address(*dst.ip()),
        dst.port(),
    );
}

impl Nat {
    /// A table, with QEMU's columns but for descriptors.
    pub(super) fn table(&self) -> String {
        let mut out =
            String::from("  Protocol[State]     Source Address  Port   Dest. Address  Port  RecvQ  SendQ\n");
        for connection in self.tcp.connections() {
            row(
                &mut out,
                &format!("TCP[{}]", connection.state()),
                connection.guest,
                connection.remote,
                connection.to_host(),
                connection.to_guest(),
            );
        }
        for (rule, port) in self.forwards.rules() {
            let what = if rule.udp {
                "UDP[HOST_FORWARD]"
            } else {
                "TCP[HOST_FORWARD]"
            };
            let guest = rule.guest.unwrap_or(self.config.dhcp_start);
            let src = SocketAddrV4::new(rule.host, port);
            row(
                &mut out,
                what,
                src,
                SocketAddrV4::new(guest, rule.guest_port),
                0,
                0,
            );
        }
        for flow in self.flows.flows.values().filter(|flow| !flow.rule) {
            let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
            let (what, src, dst) = match flow.kind {
                Kind::Udp(guest) => ("UDP", guest, nobody),
                Kind::Dns(guest) => ("UDP[DNS]", guest, SocketAddrV4::new(self.config.dns, 53)),
                Kind::Ping(ip, ident) => ("ICMP", SocketAddrV4::new(ip, ident), nobody),
            };
            row(&mut out, what, src, dst, 0, 0);
        }
        out
    }
}
