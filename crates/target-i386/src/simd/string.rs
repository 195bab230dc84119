//! SSE4.2 string comparison. SDM vol. 1, 5.11.1; vol. 2B, 4.1 (the immediate byte).
//!
//! All four instructions aggregate comparisons of every element pair into a bit mask; two turn it into an index
//! in ECX, two into a mask in XMM0. Flags say what was found and whether either string ended.

use super::access::*;
use super::lane::Lane;
use crate::Vcpu;
use crate::fault::{Exec, Fault};
use crate::flags::bit;
use crate::insn::{Handler, Insn};
use crate::state::gpr::{RAX, RCX, RDX};
use iced_x86::{Code, Instruction, Mnemonic};

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    use Mnemonic as M;
    let long = matches!(
        insn.code(),
        Code::Pcmpestri64_xmm_xmmm128_imm8 | Code::VEX_Vpcmpestri64_xmm_xmmm128_imm8
        | Code::Pcmpestrm64_xmm_xmmm128_imm8 | Code::VEX_Vpcmpestrm64_xmm_xmmm128_imm8
    );
    Some(match insn.mnemonic() {
        M::Pcmpistri | M::Vpcmpistri                       => implicit_index,
        M::Pcmpistrm | M::Vpcmpistrm                       => implicit_mask,
        M::Pcmpestri | M::Vpcmpestri if !long              => explicit_index::<false>,
        M::Pcmpestrm | M::Vpcmpestrm if !long              => explicit_mask::<false>,
        M::Pcmpestri | M::Vpcmpestri | M::Pcmpestri64 | M::Vpcmpestri64 => explicit_index::<true>,
        M::Pcmpestrm | M::Vpcmpestrm | M::Pcmpestrm64 | M::Vpcmpestrm64 => explicit_mask::<true>,
        _ => return None,
    })
}

/// What the immediate byte asks for.
#[derive(Clone, Copy)]
struct Control(u8);

impl Control {
    /// Elements in a lane: 16 bytes or 8 words.
    fn count(self) -> usize {
        if self.0 & 1 == 0 { 16 } else { 8 }
    }

    fn signed(self) -> bool {
        self.0 & 2 != 0
    }

    /// 0 equal any, 1 ranges, 2 equal each, 3 equal ordered.
    fn aggregation(self) -> u8 {
        self.0 >> 2 & 3
    }

    /// Bit 4 negates, bit 5 only for elements that are valid in the second operand.
    fn negated(self, valid: bool) -> bool {
        self.0 & 0x10 != 0 && (self.0 & 0x20 == 0 || valid)
    }

    /// The most significant result counts (index), or the mask is widened to elements (mask).
    fn alternative(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Element `i`, extended so that comparing as `i32` is right.
    fn element(self, lane: Lane, i: usize) -> i32 {
        match (self.count(), self.signed()) {
            (16, false) => (lane >> (8 * i)) as u8 as i32,
            (16, true) => (lane >> (8 * i)) as i8 as i32,
            (_, false) => (lane >> (16 * i)) as u16 as i32,
            (_, true) => (lane >> (16 * i)) as i16 as i32,
        }
    }

    /// Length of a string that ends at a zero element.
    fn implicit_length(self, lane: Lane) -> usize {
        (0..self.count())
            .find(|&i| self.element(lane, i) == 0)
            .unwrap_or(self.count())
    }
}

/// Intermediate result 2: one bit for each element of `b`.
fn aggregate(control: Control, a: Lane, a_length: usize, b: Lane, b_length: usize) -> u32 {
    let count = control.count();
    let (left, right) = (|i| control.element(a, i), |i| control.element(b, i));
    let found = |j: usize| match control.aggregation() {
        0 => j < b_length && (0..a_length).any(|i| left(i) == right(j)),
        // Pairs of bounds; a last lower bound without an upper one matches nothing.
        1 => {
            j < b_length && (0..a_length / 2).any(|i| left(2 * i) <= right(j) && right(j) <= left(2 * i + 1))
        }
        // Beyond both ends counts as equal, beyond one as different.
        2 => match (j < a_length, j < b_length) {
            (true, true) => left(j) == right(j),
            (a, b) => a == b,
        },
        // `a` as a substring of `b` from `j` on; what would lie beyond the register is not compared.
        _ => (0..a_length.min(count - j)).all(|i| j + i < b_length && left(i) == right(j + i)),
    };
    (0..count).fold(0, |mask, j| {
        mask | u32::from(found(j) ^ control.negated(j < b_length)) << j
    })
}

/// The operands, the lengths and the resulting mask; flags are set on the way.
fn compare(
    cpu: &mut Vcpu,
    insn: &Insn,
    lengths: impl Fn(&Vcpu, Control, Lane, Lane) -> (usize, usize),
) -> Result<(Control, u32), Fault> {
    check(cpu, insn)?;
    // The one family of legacy instructions whose 16-byte operand may be unaligned.
    let b = if insn.has_mem() {
        load(cpu, insn, 16)?
    } else {
        xmm(cpu, insn.reg[1])
    };
    let a = xmm(cpu, insn.reg[0]);
    let control = Control(insn.imm as u8);
    let (a_length, b_length) = lengths(cpu, control, a, b);
    let mask = aggregate(control, a, a_length, b, b_length);
    let mut flags = 0;
    if mask != 0 {
        flags |= bit::CF;
    }
    if b_length < control.count() {
        flags |= bit::ZF;
    }
    if a_length < control.count() {
        flags |= bit::SF;
    }
    if mask & 1 != 0 {
        flags |= bit::OF;
    }
    cpu.state.flags.merge(bit::STATUS, flags);
    Ok((control, mask))
}

fn implicit(_: &Vcpu, control: Control, a: Lane, b: Lane) -> (usize, usize) {
    (control.implicit_length(a), control.implicit_length(b))
}

/// Lengths from EAX and EDX (RAX and RDX with REX.W): absolute value, at most the number of elements.
fn explicit<const LONG: bool>(cpu: &Vcpu, control: Control, _: Lane, _: Lane) -> (usize, usize) {
    let length = |register: usize| {
        let value = cpu.state.gpr[register];
        let value = if LONG {
            value as i64
        } else {
            i64::from(value as i32)
        };
        value.unsigned_abs().min(control.count() as u64) as usize
    };
    (length(RAX), length(RDX))
}

fn set_index(cpu: &mut Vcpu, control: Control, mask: u32) {
    let index = match (mask, control.alternative()) {
        (0, _) => control.count() as u32,
        (_, true) => mask.ilog2(),
        (_, false) => mask.trailing_zeros(),
    };
    cpu.state.gpr[RCX] = index.into();
}

fn set_mask(cpu: &mut Vcpu, insn: &Insn, control: Control, mask: u32) {
    let bits = 128 / control.count();
    let value = match control.alternative() {
        true => (0..control.count())
            .filter(|i| mask >> i & 1 != 0)
            .fold(0, |lane, i| lane | (((1 as Lane) << bits) - 1) << (i * bits)),
        false => mask.into(),
    };
    set_low(cpu, insn, 0, value);
}

fn implicit_index(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (control, mask) = compare(cpu, insn, implicit)?;
    set_index(cpu, control, mask);
    Ok(())
}

fn implicit_mask(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (control, mask) = compare(cpu, insn, implicit)?;
    set_mask(cpu, insn, control, mask);
    Ok(())
}

fn explicit_index<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (control, mask) = compare(cpu, insn, explicit::<LONG>)?;
    set_index(cpu, control, mask);
    Ok(())
}

fn explicit_mask<const LONG: bool>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    let (control, mask) = compare(cpu, insn, explicit::<LONG>)?;
    set_mask(cpu, insn, control, mask);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &str) -> Lane {
        let mut bytes = [0; 16];
        bytes[..s.len()].copy_from_slice(s.as_bytes());
        Lane::from_le_bytes(bytes)
    }

    #[test]
    fn aggregations() {
        // (immediate, first operand, second operand, mask), implicit lengths
        for (imm, a, b, mask) in [
            (0x00, "aeiou", "interpreter", 0b10_1000_1001),
            (0x04, "az", "A quick", 0b111_1100),
            (0x08, "same", "some", 0b1111_1111_1111_1101),
            (0x0c, "ter", "interpreter", 0b1_0000_0100),
            (0x10, "aeiou", "abc", 0b1111_1111_1111_1110),
            (0x30, "aeiou", "abc", 0b110),
        ] {
            let control = Control(imm);
            let (a, b) = (text(a), text(b));
            let found = aggregate(
                control,
                a,
                control.implicit_length(a),
                b,
                control.implicit_length(b),
            );
            assert_eq!(found, mask, "imm {imm:#x}");
        }
    }
}
