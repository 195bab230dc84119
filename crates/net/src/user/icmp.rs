//! ICMP (RFC 792): the host answers echoes itself, and says what cannot be reached.

use super::{Nat, checksum};
use smoltcp::wire::{Icmpv4DstUnreachable, Icmpv4Message, Icmpv4Packet, IpProtocol, Ipv4Packet};
use std::net::Ipv4Addr;

impl Nat {
    /// A packet of ICMP, whose IP header is `ip`.
    pub(super) fn icmp_from_guest(&mut self, src: Ipv4Addr, dst: Ipv4Addr, packet: &[u8], ip: &[u8]) {
        let Ok(message) = Icmpv4Packet::new_checked(packet) else {
            return;
        };
        if packet.len() < 8
            || message.msg_type() != Icmpv4Message::EchoRequest
            || message.msg_code() != 0
            || checksum::sum(packet) != 0xffff
        {
            return;
        }
        if dst == self.config.host || dst == self.config.dns {
            let mut reply = packet.to_vec();
            let mut message = Icmpv4Packet::new_unchecked(&mut reply[..]);
            message.set_msg_type(Icmpv4Message::EchoReply);
            message.fill_checksum();
            self.send_ip(dst, src, IpProtocol::Icmp, &reply);
        } else {
            self.ping_from_guest(src, dst, packet, ip);
        }
    }

    /// Tells the guest that the packet that began with `original` (an IP header and eight bytes) went nowhere.
    pub(super) fn unreachable(&mut self, original: &[u8], error: rustix::io::Errno) {
        use rustix::io::Errno;
        let code = match error {
            Errno::NETUNREACH | Errno::NETDOWN => Icmpv4DstUnreachable::NetUnreachable,
            Errno::HOSTUNREACH | Errno::HOSTDOWN | Errno::TIMEDOUT => Icmpv4DstUnreachable::HostUnreachable,
            Errno::CONNREFUSED => Icmpv4DstUnreachable::PortUnreachable,
            Errno::ACCESS | Errno::PERM => Icmpv4DstUnreachable::CommProhibited,
            _ => return,
        };
        if original.len() < 28 {
            return;
        }
        let guest = Ipv4Packet::new_unchecked(original).src_addr();
        let mut message = vec![0; 8];
        message.extend_from_slice(original);
        let mut icmp = Icmpv4Packet::new_unchecked(&mut message[..]);
        icmp.set_msg_type(Icmpv4Message::DstUnreachable);
        icmp.set_msg_code(code.into());
        icmp.fill_checksum();
        self.send_ip(self.config.host, guest, IpProtocol::Icmp, &message);
    }
}
