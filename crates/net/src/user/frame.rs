//! Frames for the guest, written from the outside in.

use super::checksum;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: usize = 14;
/// Bytes of an IPv4 header without options.
pub(super) const IP: usize = 20;
/// Bytes of IP packet in a frame that is not to be cut.
pub(super) const MTU: usize = 1500;

/// From one Ethernet address to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) from: EthernetAddress,
    pub(super) to: EthernetAddress,
}

/// Makes `out` an Ethernet header.
pub(super) fn ethernet(out: &mut Vec<u8>, link: Link, kind: EthernetProtocol) {
    out.clear();
    out.resize(ETHERNET, 0);
    let mut frame = EthernetFrame::new_unchecked(&mut out[..]);
    frame.set_dst_addr(link.to);
    frame.set_src_addr(link.from);
    frame.set_ethertype(kind);
}

/// What an IPv4 header says beside its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpHead {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) protocol: IpProtocol,
    pub(super) ident: u16,
    /// Where this fragment belongs, and whether others follow.
    pub(super) fragment: (u16, bool),
}

/// Makes `out` an Ethernet and an IPv4 header for `payload` bytes, at most 65,515, which the caller appends.
pub(super) fn ipv4(out: &mut Vec<u8>, link: Link, head: &IpHead, payload: usize) {
    ethernet(out, link, EthernetProtocol::Ipv4);
    out.resize(ETHERNET + IP, 0);
    let mut packet = Ipv4Packet::new_unchecked(&mut out[ETHERNET..]);
    packet.set_version(4);
    packet.set_header_len(IP as u8);
    packet.set_total_len((IP + payload) as u16);
    packet.set_ident(head.ident);
    packet.clear_flags();
    packet.set_frag_offset(head.fragment.0);
    packet.set_more_frags(head.fragment.1);
    packet.set_hop_limit(64);
    packet.set_next_header(head.protocol);
    packet.set_src_addr(head.src);
    packet.set_dst_addr(head.dst);
    packet.set_checksum(0);
    let sum = checksum::sum(&out[ETHERNET..]);
    Ipv4Packet::new_unchecked(&mut out[ETHERNET..]).set_checksum(!sum);
}

/// A UDP datagram: header and `payload`, at most 65,507 bytes.
pub(super) fn udp_datagram(src: SocketAddrV4, dst: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let mut datagram = Vec::with_capacity(length);
    for word in [src.port(), dst.port(), length as u16, 0] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend_from_slice(payload);
    let pseudo = checksum::pseudo(*src.ip(), *dst.ip(), IpProtocol::Udp.into(), length);
    let sum = !checksum::add(pseudo, checksum::sum(&datagram));
    // 0 would say that there is none.
    let sum = if sum == 0 { 0xffff } else { sum };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}
