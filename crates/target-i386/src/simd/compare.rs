//! Packed integer comparison: all ones where true. SDM vol. 1, 5.4.3, 5.10.8 and 5.11.2.

use super::lane::mask;
use super::swar::{self, BYTES, WORDS};
use super::table::rows;
use crate::insn::Handler;
use iced_x86::Instruction;

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    rows! { insn;
        binary: Pcmpeqb | Vpcmpeqb => swar::equal::<BYTES>;
        binary: Pcmpeqw | Vpcmpeqw => swar::equal::<WORDS>;
        binary: Pcmpeqd | Vpcmpeqd => |a, b| mask(a, b, |x: i32, y| x == y);
        binary: Pcmpeqq | Vpcmpeqq => |a, b| mask(a, b, |x: i64, y| x == y);
        binary: Pcmpgtb | Vpcmpgtb => swar::greater_signed::<BYTES>;
        binary: Pcmpgtw | Vpcmpgtw => swar::greater_signed::<WORDS>;
        binary: Pcmpgtd | Vpcmpgtd => |a, b| mask(a, b, |x: i32, y| x > y);
        binary: Pcmpgtq | Vpcmpgtq => |a, b| mask(a, b, |x: i64, y| x > y);
    }
}
