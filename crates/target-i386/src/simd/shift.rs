//! Packed shifts: by one count for all elements, by a count for each, by bytes. SDM vol. 1, 5.4.5 and 5.13.

use super::lane::{Lane, map, zip};
use super::table::rows;
use crate::insn::Handler;
use iced_x86::Instruction;

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    rows! { insn;
        shift: Psllw  | Vpsllw  => |a, n| if n > 15 { 0 } else { map(a, |x: u16| x << n) };
        shift: Pslld  | Vpslld  => |a, n| if n > 31 { 0 } else { map(a, |x: u32| x << n) };
        shift: Psllq  | Vpsllq  => |a, n| if n > 63 { 0 } else { map(a, |x: u64| x << n) };
        shift: Psrlw  | Vpsrlw  => |a, n| if n > 15 { 0 } else { map(a, |x: u16| x >> n) };
        shift: Psrld  | Vpsrld  => |a, n| if n > 31 { 0 } else { map(a, |x: u32| x >> n) };
        shift: Psrlq  | Vpsrlq  => |a, n| if n > 63 { 0 } else { map(a, |x: u64| x >> n) };
        shift: Psraw  | Vpsraw  => |a, n| map(a, |x: i16| x >> n.min(15));
        shift: Psrad  | Vpsrad  => |a, n| map(a, |x: i32| x >> n.min(31));
        shift: Pslldq | Vpslldq => |a, n| if n > 15 { 0 } else { a << (8 * n) };
        shift: Psrldq | Vpsrldq => |a, n| if n > 15 { 0 } else { a >> (8 * n) };

        binary: Vpsllvd => |a, b| zip(a, b, |x: u32, n| x.checked_shl(n).unwrap_or(0));
        binary: Vpsllvq => |a, b| zip(a, b, |x: u64, n| left(x, n));
        binary: Vpsrlvd => |a, b| zip(a, b, |x: u32, n| x.checked_shr(n).unwrap_or(0));
        binary: Vpsrlvq => |a, b| zip(a, b, |x: u64, n| right(x, n));
        binary: Vpsravd => |a, b| sra_each(a, b);
    }
}

fn left(x: u64, n: u64) -> u64 {
    if n > 63 { 0 } else { x << n }
}

fn right(x: u64, n: u64) -> u64 {
    if n > 63 { 0 } else { x >> n }
}

fn sra_each(a: Lane, b: Lane) -> Lane {
    zip(a, b, |x: u32, n| ((x as i32) >> n.min(31)) as u32)
}
