//! Rules at work: ports of the host's that lead to guests, and connections of guests' that lead to something here.

use super::flow::Kind;
use super::rule::{HostForward, RuleError, Target};
use super::{Nat, Source, host};
use crate::watch::Watch;
use rustix::net::{AddressFamily, SocketFlags, SocketType, acceptfrom_with, socketpair};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use util_mainloop::Interest;

struct Listener {
    rule: HostForward,
    /// Absent for UDP, whose socket is a flow's.
    socket: Option<Watch>,
    /// Port it has.
    port: u16,
}

/// All rules that are in force.
#[derive(Default)]
pub(super) struct Forwards {
    listeners: BTreeMap<u64, Listener>,
    next: u64,
    /// Commands that were started; looked after until they have ended.
    children: Vec<Child>,
}

impl Forwards {
    /// Takes note of commands that ended.
    pub(super) fn tick(&mut self) {
        self.children
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    pub(super) fn waits(&self) -> bool {
        !self.children.is_empty()
    }

    /// Rules, and the ports they have, in order.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&HostForward, u16)> {
        self.listeners
            .values()
            .map(|listener| (&listener.rule, listener.port))
    }
}

impl Nat {
    fn forward_target(&self, rule: &HostForward) -> SocketAddrV4 {
        SocketAddrV4::new(rule.guest.unwrap_or(self.config.dhcp_start), rule.guest_port)
    }

    /// Puts a rule into force.
    pub(super) fn forward_add(&mut self, rule: &HostForward) -> Result<(), RuleError> {
        let refused = |error: io::Error| {
            tracing::debug!(%rule, %error, "no forwarding");
            RuleError::SetUp(rule.to_string())
        };
        let at = SocketAddrV4::new(rule.host, rule.host_port);
        self.forwards.next += 1;
        let id = self.forwards.next;
        let (socket, local) = if rule.udp {
            let fd = host::udp_bind(at).map_err(refused)?;
            let local = host::local(&fd);
            self.flow_open(Kind::Udp(self.forward_target(rule)), fd, true);
            (None, local)
        } else {
            let fd = host::tcp_listen(at).map_err(refused)?;
            let local = host::local(&fd);
            (Some(self.watch(fd, Interest::READ, Source::Listener(id))), local)
        };
        let listener = Listener {
            rule: *rule,
            socket,
            port: local.map_or(rule.host_port, |local| local.port()),
        };
        self.forwards.listeners.insert(id, listener);
        Ok(())
    }

    /// Takes the first rule for this address and port out of force. False if there is none.
    pub(super) fn forward_remove(&mut self, udp: bool, host: std::net::Ipv4Addr, port: u16) -> bool {
        let found = self.forwards.listeners.iter().find(|(_, listener)| {
            let rule = &listener.rule;
            rule.udp == udp && rule.host == host && listener.port == port
        });
        let Some((&id, listener)) = found else {
            return false;
        };
        if listener.rule.udp {
            let kind = Kind::Udp(self.forward_target(&listener.rule));
            self.flows.close(kind);
        }
        self.forwards.listeners.remove(&id);
        true
    }

    /// Somebody connects.
    pub(super) fn forward_ready(&mut self, id: u64) {
        let Some(listener) = self.forwards.listeners.get(&id) else {
            return;
        };
        let Some(socket) = &listener.socket else { return };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok((fd, peer)) = acceptfrom_with(socket, flags) else {
            return;
        };
        let guest = self.forward_target(&listener.rule);
        let port = listener.port;
        let peer = peer.and_then(host::address);
        let peer = peer.unwrap_or(SocketAddr::new(self.config.host.into(), 0));
        let remote = SocketAddrV4::new(self.config.inward(peer.ip()), peer.port());
        host::tune(&fd);
        self.tcp_to_guest(fd, remote, guest, port);
    }

    /// Where a connection to `at` leads by rule.
    pub(super) fn forwarded(&self, at: SocketAddrV4) -> Option<Target> {
        let rules = &self.config.guest_forwards;
        let rule = rules.iter().find(|rule| rule.at == at)?;
        Some(rule.target.clone())
    }

    /// Begins to connect to `target`.
    pub(super) fn forward_open(&mut self, target: &Target) -> io::Result<OwnedFd> {
        match target {
            Target::Tcp(at) => host::tcp_connect(at),
            Target::Unix(path) => host::unix_connect(path),
            Target::Command(line) => {
                let flags = SocketFlags::CLOEXEC;
                let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                rustix::io::ioctl_fionbio(&ours, true)?;
                let child = Command::new("/bin/sh")
                    .arg("-c")
                    .arg(line)
                    .stdin(Stdio::from(theirs.try_clone()?))
                    .stdout(Stdio::from(theirs))
                    .spawn()?;
                self.forwards.children.push(child);
                Ok(ours)
            }
        }
    }
}
