//! Packets before they reach the protocol library: framing with a bound, and the packets that it does not know.
//!
//! Nothing passes that has a wrong checksum or asks for more than fits into an answer, so what the library sees is
//! well formed whatever the peer sends.

/// Longest packet, and what gdb is told to be that. Half of it is the most memory that one packet moves.
pub const PACKET: usize = 16 << 10;

/// What a packet, or a byte between packets, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// For the protocol library, byte by byte as it came.
    Plain(Vec<u8>),
    /// `qRcmd`: a line for the monitor.
    Monitor(String),
    /// `Qqemu.PhyMemMode:0` or `1`.
    SetPhysical(bool),
    /// `qqemu.PhyMemMode`.
    IsPhysical,
    /// To be answered with this error number.
    Error(u8),
    /// The checksum is wrong: to be sent again.
    Damaged,
}

/// Cuts a stream into packets.
#[derive(Debug, Default)]
pub struct Framing {
    /// From `$` on.
    packet: Vec<u8>,
    /// Bytes behind `#`.
    tail: usize,
    /// The packet is longer than allowed: the rest of it is skipped.
    too_long: bool,
}

impl Framing {
    /// Takes one byte.
    pub fn feed(&mut self, byte: u8) -> Option<Packet> {
        if self.packet.is_empty() {
            return match byte {
                b'$' => {
                    self.packet.push(byte);
                    None
                }
                // Ctrl-C.
                0x03 => Some(Packet::Plain(vec![byte])),
                // '+' and '-' belong to answers that are not sent again on a stream that loses nothing.
                _ => None,
            };
        }
        if self.packet.len() < PACKET {
            self.packet.push(byte);
        } else {
            self.too_long = true;
        }
        if self.tail == 0 {
            self.tail = usize::from(byte == b'#');
            return None;
        }
        self.tail += 1;
        if self.tail < 3 {
            return None;
        }
        let packet = std::mem::take(&mut self.packet);
        self.tail = 0;
        if std::mem::take(&mut self.too_long) {
            return Some(Packet::Error(22));
        }
        Some(classify(packet))
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|n| n as u8)
}

fn classify(packet: Vec<u8>) -> Packet {
    // "$...#xx"
    let end = packet.len() - 3;
    let body = &packet[1..end];
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let told = hex(packet[end + 1])
        .zip(hex(packet[end + 2]))
        .map(|(a, b)| a << 4 | b);
    if told != Some(sum) {
        return Packet::Damaged;
    }
    match body {
        b"qqemu.PhyMemMode" => return Packet::IsPhysical,
        b"Qqemu.PhyMemMode:0" => return Packet::SetPhysical(false),
        b"Qqemu.PhyMemMode:1" => return Packet::SetPhysical(true),
        _ => {}
    }
    if let Some(line) = body.strip_prefix(b"qRcmd,") {
        let text: Option<Vec<u8>> = line
            .chunks(2)
            .map(|pair| Some(hex(pair[0])? << 4 | hex(*pair.get(1)?)?))
            .collect();
        return match text {
            Some(text) => Packet::Monitor(String::from_utf8_lossy(&text).into_owned()),
            None => Packet::Error(22),
        };
    }
    if body.first() == Some(&b'm') && !is_modest(&body[1..]) {
        return Packet::Error(22);
    }
    Packet::Plain(packet)
}

/// Whether `ADDRESS,LENGTH` is something an answer can hold, within the address space.
fn is_modest(range: &[u8]) -> bool {
    let parse = |text: &str| u64::from_str_radix(text, 16).ok();
    let range = std::str::from_utf8(range)
        .ok()
        .and_then(|text| text.split_once(','));
    let Some((addr, len)) = range.and_then(|(addr, len)| parse(addr).zip(parse(len))) else {
        return false;
    };
    len as usize <= PACKET / 2 && addr.checked_add(len).is_some_and(|_| len < 1 << 32)
}

/// A packet with its checksum.
pub fn enclose(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let mut packet = vec![b'$'];
    packet.extend_from_slice(body);
    packet.extend_from_slice(format!("#{sum:02x}").as_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(bytes: &[u8]) -> Vec<Packet> {
        let mut framing = Framing::default();
        bytes.iter().filter_map(|&byte| framing.feed(byte)).collect()
    }

    #[test]
    #[rustfmt::skip]
    fn kinds() {
        for (body, expected) in [
            (&b"qqemu.PhyMemMode"[..], Packet::IsPhysical),
            (b"Qqemu.PhyMemMode:1", Packet::SetPhysical(true)),
            (b"qRcmd,696e666f", Packet::Monitor("info".into())),
            (b"qRcmd,69f", Packet::Error(22)),
            (b"m1000,10", Packet::Plain(enclose(b"m1000,10"))),
            (b"m1000,ffffffffffffffff", Packet::Error(22)),
            (b"mfffffffffffffff8,10", Packet::Error(22)),
            (b"m1000", Packet::Error(22)),
            (b"g", Packet::Plain(enclose(b"g"))),
            (b"", Packet::Plain(enclose(b""))),
        ] {
            assert_eq!(feed(&enclose(body)), [expected], "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(feed(b"++\x03-"), [Packet::Plain(vec![3])]);
        assert_eq!(feed(b"$g#00"), [Packet::Damaged]);
    }

    #[test]
    fn long_packets_are_skipped() {
        let mut framing = Framing::default();
        let mut stream = enclose(&vec![b'g'; 3 * PACKET]);
        stream.extend(enclose(b"g"));
        let packets: Vec<_> = stream.iter().filter_map(|&byte| framing.feed(byte)).collect();
        assert_eq!(packets, [Packet::Error(22), Packet::Plain(enclose(b"g"))]);
        assert!(framing.packet.capacity() <= 2 * PACKET);
    }
}
