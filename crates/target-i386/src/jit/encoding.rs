//! The parts of a guest instruction's encoding that rows hand on to the host.
//!
//! The instruction is known to be good (iced has decoded it); this only finds the pieces. SDM vol. 2A, 2.1 to 2.3.

/// Fields of a VEX prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vex {
    /// None, 66, F3, F2.
    pub pp: u8,
    /// VEX.W.
    pub w: bool,
    /// VEX.L.
    pub l: bool,
    /// The extra register, not inverted.
    pub vvvv: u8,
}

/// An instruction taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    /// 66 was there.
    pub p66: bool,
    /// The last of F2 and F3, or 0.
    pub rep: u8,
    /// LOCK was there.
    pub lock: bool,
    /// REX.W.
    pub w: bool,
    /// There was a REX prefix: byte registers 4..=7 are SPL..DIL.
    pub rex: bool,
    /// VEX prefix.
    pub vex: Option<Vex>,
    /// 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A.
    pub map: u8,
    /// The opcode byte.
    pub code: u8,
    /// ModRM.reg with its extension.
    pub reg: u8,
    /// ModRM.rm with its extension, if a register.
    pub rm: u8,
    /// ModRM.mod is 3.
    pub register: bool,
    /// Where the immediate starts, if any follows.
    pub imm: u8,
}

impl Encoding {
    /// Takes the instruction `bytes` apart. `long`: decoded in 64-bit mode; `address_16`: its addresses have 16 bits.
    pub fn parse(bytes: &[u8], long: bool, address_16: bool) -> Self {
        let mut e = Self::default();
        let mut at = 0;
        let next = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let mut rex = 0;
        loop {
            match next(at) {
                0x66 => e.p66 = true,
                prefix @ (0xf2 | 0xf3) => e.rep = prefix,
                0xf0 => e.lock = true,
                0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x67 => {}
                // Only a REX prefix right before the opcode counts.
                prefix @ 0x40..=0x4f if long => {
                    rex = prefix;
                    at += 1;
                    continue;
                }
                _ => break,
            }
            rex = 0;
            at += 1;
        }
        e.rex = rex != 0;
        e.w = rex & 8 != 0;
        // C4 and C5 are LES and LDS outside 64-bit mode unless what follows cannot be a memory operand.
        if matches!(next(at), 0xc4 | 0xc5) && (long || next(at + 1) >= 0xc0) {
            let long_form = next(at) == 0xc4;
            let first = next(at + 1);
            let last = if long_form { next(at + 2) } else { first };
            rex = if first & 0x80 == 0 { 4 } else { 0 };
            if long_form {
                rex |= (!first >> 5) & 3;
                e.map = first & 31;
                at += 3;
            } else {
                e.map = 1;
                at += 2;
            }
            e.vex = Some(Vex {
                pp: last & 3,
                w: long_form && last & 0x80 != 0,
                l: last & 4 != 0,
                vvvv: !last >> 3 & 15,
            });
            e.code = next(at);
            at += 1;
        } else if next(at) == 0x0f {
            at += 1;
            e.map = match next(at) {
                0x38 => 2,
                0x3a => 3,
                _ => 1,
            };
            if e.map > 1 {
                at += 1;
            }
            e.code = next(at);
            at += 1;
        } else {
            e.code = next(at);
            at += 1;
        }
        if e.has_modrm() {
            let modrm = next(at);
            at += 1;
            e.reg = modrm >> 3 & 7 | (rex & 4) << 1;
            e.register = modrm >= 0xc0;
            if e.register {
                e.rm = modrm & 7 | (rex & 1) << 3;
            } else {
                at += memory_bytes(modrm, next(at), address_16);
            }
        } else {
            e.rm = e.code & 7 | (rex & 1) << 3;
        }
        e.imm = at as u8;
        e
    }

    fn has_modrm(&self) -> bool {
        let code = self.code;
        match self.map {
            0 => match code {
                0x00..=0x3f => code & 7 < 4,
                0x62 | 0x63 | 0x69 | 0x6b | 0x80..=0x8f | 0xc0 | 0xc1 | 0xc4..=0xc7 => true,
                0xd0..=0xd3 | 0xd8..=0xdf | 0xf6 | 0xf7 | 0xfe | 0xff => true,
                _ => false,
            },
            1 => !matches!(
                code,
                0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0x80..=0x8f | 0xa0..=0xa2 | 0xa8..=0xaa
                    | 0xc8..=0xcf
            ),
            _ => true,
        }
    }
}

/// Bytes of SIB and displacement behind a ModRM byte of a memory operand.
fn memory_bytes(modrm: u8, sib: u8, address_16: bool) -> usize {
    let (mode, rm) = (modrm >> 6, modrm & 7);
    if address_16 {
        return match (mode, rm) {
            (0, 6) | (2, _) => 2,
            (1, _) => 1,
            _ => 0,
        };
    }
    let has_sib = rm == 4;
    let no_base = if has_sib { sib & 7 == 5 } else { rm == 5 };
    let displacement = match mode {
        0 if no_base => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    usize::from(has_sib) + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(bytes: &[u8], bits: u32) -> String {
        let e = Encoding::parse(bytes, bits == 64, bits == 16);
        format!(
            "map {} code {:02x} reg {} rm {} imm {} w {}",
            e.map,
            e.code,
            e.reg,
            if e.register || !e.has_modrm() {
                e.rm.to_string()
            } else {
                "m".into()
            },
            bytes.len() - e.imm as usize,
            e.w || e.vex.is_some_and(|v| v.w),
        )
    }

    #[test]
    #[rustfmt::skip]
    fn pieces() {
        for (bytes, bits, expected) in [
            (&[0x48, 0x01, 0xd8][..], 64, "map 0 code 01 reg 3 rm 0 imm 0 w true"),
            (&[0x4d, 0x8b, 0x6c, 0x24, 0x08], 64, "map 0 code 8b reg 13 rm m imm 0 w true"),
            (&[0x83, 0x05, 1, 0, 0, 0, 7], 64, "map 0 code 83 reg 0 rm m imm 1 w false"),
            (&[0x0f, 0xb6, 0x44, 0x8d, 0x10], 32, "map 1 code b6 reg 0 rm m imm 0 w false"),
            (&[0xc7, 0x06, 0x34, 0x12, 0x78, 0x56], 16, "map 0 code c7 reg 0 rm m imm 2 w false"),
            (&[0xc4, 0xe2, 0xf8, 0xf2, 0xc1], 64, "map 2 code f2 reg 0 rm 1 imm 0 w true"),
            (&[0xc5, 0xf8, 0x28, 0xc1], 64, "map 1 code 28 reg 0 rm 1 imm 0 w false"),
            (&[0x49, 0xbd, 1, 2, 3, 4, 5, 6, 7, 8], 64, "map 0 code bd reg 0 rm 13 imm 8 w true"),
            (&[0x4d, 0x40, 0x0d, 1, 2, 3, 4], 64, "map 0 code 0d reg 0 rm 5 imm 4 w false"),
            (&[0x4f, 0xf3, 0x29, 0x16], 64, "map 0 code 29 reg 2 rm m imm 0 w false"),
            (&[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 4], 64, "map 3 code 0f reg 0 rm 1 imm 1 w false"),
        ] {
            assert_eq!(show(bytes, bits), expected, "{bytes:02x?}");
        }
    }
}
