//! SHA-1 and SHA-256 instructions. SDM vol. 1, 5.20; vol. 2, SHA1RNDS4 to SHA256MSG2; FIPS 180-4.
//!
//! Their memory operand may be unaligned, as on AMD processors (the SDM asks for 16 bytes).

use super::access::*;
use super::lane::{Element, Lane};

use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use iced_x86::{Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    Some(match insn.mnemonic() {
        M::Sha1nexte   => |cpu, insn| apply(cpu, insn, |a, b, _| sha1_next_e(a, b)),
        M::Sha1msg1    => |cpu, insn| apply(cpu, insn, |a, b, _| sha1_message1(a, b)),
        M::Sha1msg2    => |cpu, insn| apply(cpu, insn, |a, b, _| sha1_message2(a, b)),
        M::Sha1rnds4   => |cpu, insn| apply(cpu, insn, |a, b, _| sha1_rounds(a, b, insn.imm as u8)),
        M::Sha256msg1  => |cpu, insn| apply(cpu, insn, |a, b, _| sha256_message1(a, b)),
        M::Sha256msg2  => |cpu, insn| apply(cpu, insn, |a, b, _| sha256_message2(a, b)),
        M::Sha256rnds2 => |cpu, insn| apply(cpu, insn, sha256_rounds),
        _ => return None,
    })
}

/// Destination lane from destination, source and XMM0.
#[inline(always)]
fn apply(cpu: &mut Vcpu, insn: &Insn, f: impl Fn(Lane, Lane, Lane) -> Lane) -> Exec {
    check_sse(cpu)?;
    let b = if insn.has_mem() {
        load(cpu, insn, 16)?
    } else {
        xmm(cpu, insn.reg[1])
    };
    let (a, implicit) = (xmm(cpu, insn.reg[0]), xmm(cpu, 0));
    set_xmm(cpu, insn.reg[0], f(a, b, implicit));
    Ok(())
}

/// A lane as the manual numbers it here: word 0 is the most significant.
fn words(lane: Lane) -> [u32; 4] {
    let [d, c, b, a] = u32::split(lane);
    [a, b, c, d]
}

fn lane([a, b, c, d]: [u32; 4]) -> Lane {
    u32::join([d, c, b, a])
}

/// SHA1RNDS4: four rounds with the function and constant that the immediate names. The second operand's first
/// word has E added already.
fn sha1_rounds(state: Lane, message: Lane, imm: u8) -> Lane {
    let [mut a, mut b, mut c, mut d] = words(state);
    let (f, k): (fn(u32, u32, u32) -> u32, u32) = match imm & 3 {
        0 => (choose, 0x5a82_7999),
        1 => (parity, 0x6ed9_eba1),
        2 => (majority, 0x8f1b_bcdc),
        _ => (parity, 0xca62_c1d6),
    };
    let mut e = 0u32;
    for w in words(message) {
        let next = f(b, c, d)
            .wrapping_add(a.rotate_left(5))
            .wrapping_add(w)
            .wrapping_add(e)
            .wrapping_add(k);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    lane([a, b, c, d])
}

/// SHA1NEXTE: the rotated A of four rounds ago becomes E, added to the first message word.
fn sha1_next_e(a: Lane, b: Lane) -> Lane {
    let ([e, ..], [w, x, y, z]) = (words(a), words(b));
    lane([w.wrapping_add(e.rotate_left(30)), x, y, z])
}

fn choose(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ !x & z
}

fn parity(x: u32, y: u32, z: u32) -> u32 {
    x ^ y ^ z
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ x & z ^ y & z
}

fn sha1_message1(a: Lane, b: Lane) -> Lane {
    let ([w0, w1, w2, w3], [w4, w5, ..]) = (words(a), words(b));
    lane([w2 ^ w0, w3 ^ w1, w4 ^ w2, w5 ^ w3])
}

fn sha1_message2(a: Lane, b: Lane) -> Lane {
    let ([a0, a1, a2, a3], [_, w13, w14, w15]) = (words(a), words(b));
    let w16 = (a0 ^ w13).rotate_left(1);
    lane([
        w16,
        (a1 ^ w14).rotate_left(1),
        (a2 ^ w15).rotate_left(1),
        (a3 ^ w16).rotate_left(1),
    ])
}

fn sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3
}

fn sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10
}

fn sha256_message1(a: Lane, b: Lane) -> Lane {
    let ([w0, w1, w2, w3], w4) = (u32::split(a), u32::split(b)[0]);
    u32::join([
        w0.wrapping_add(sigma0(w1)),
        w1.wrapping_add(sigma0(w2)),
        w2.wrapping_add(sigma0(w3)),
        w3.wrapping_add(sigma0(w4)),
    ])
}

fn sha256_message2(a: Lane, b: Lane) -> Lane {
    let ([a0, a1, a2, a3], [.., w14, w15]) = (u32::split(a), u32::split(b));
    let w16 = a0.wrapping_add(sigma1(w14));
    let w17 = a1.wrapping_add(sigma1(w15));
    u32::join([
        w16,
        w17,
        a2.wrapping_add(sigma1(w16)),
        a3.wrapping_add(sigma1(w17)),
    ])
}

/// SHA256RNDS2: two rounds; the sums of message words and constants are in XMM0.
fn sha256_rounds(cdgh: Lane, abef: Lane, sums: Lane) -> Lane {
    let [mut a, mut b, mut e, mut f] = words(abef);
    let [mut c, mut d, mut g, mut h] = words(cdgh);
    let [wk0, wk1, ..] = u32::split(sums);
    for wk in [wk0, wk1] {
        let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t1 = h
            .wrapping_add(sum1)
            .wrapping_add(choose(e, f, g))
            .wrapping_add(wk);
        let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t2 = sum0.wrapping_add(majority(a, b, c));
        (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
        (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
    }
    lane([a, b, e, f])
}
