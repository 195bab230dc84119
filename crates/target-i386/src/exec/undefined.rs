//! Which status flags an instruction leaves undefined (SDM vol. 1, appendix A, and the instruction pages): one
//! table, used by every differential test.

use crate::flags::bit::{AF, CF, OF, PF, SF, STATUS, ZF};
use iced_x86::{Instruction, Mnemonic};

#[rustfmt::skip]
const TABLE: &[(&[Mnemonic], u64)] = &[
    (&[Mnemonic::And, Mnemonic::Or, Mnemonic::Xor, Mnemonic::Test],     AF),
    (&[Mnemonic::Mul, Mnemonic::Imul],                                  SF | ZF | AF | PF),
    (&[Mnemonic::Div, Mnemonic::Idiv],                                  STATUS),
    (&[Mnemonic::Aaa, Mnemonic::Aas],                                   OF | SF | ZF | PF),
    (&[Mnemonic::Aad, Mnemonic::Aam],                                   OF | AF | CF),
    (&[Mnemonic::Daa, Mnemonic::Das],                                   OF),
    (&[Mnemonic::Bt, Mnemonic::Bts, Mnemonic::Btr, Mnemonic::Btc],      OF | SF | AF | PF),
    (&[Mnemonic::Bsf, Mnemonic::Bsr],                                   CF | OF | SF | AF | PF),
    (&[Mnemonic::Tzcnt, Mnemonic::Lzcnt],                               OF | SF | AF | PF),
    (&[Mnemonic::Andn],                                                 AF | PF),
    (&[Mnemonic::Bextr],                                                AF | SF | PF),
    (&[Mnemonic::Blsi, Mnemonic::Blsmsk, Mnemonic::Blsr, Mnemonic::Bzhi], AF | PF),
];

/// Status flags undefined after `raw`, given the count register CL before it.
pub fn undefined_flags(raw: &Instruction, cl: u8) -> u64 {
    let mnemonic = raw.mnemonic();
    if let Some(row) = TABLE.iter().find(|row| row.0.contains(&mnemonic)) {
        return row.1;
    }
    let bits = 8 * super::operand_size(raw) as u32;
    let by_register = |op| !super::is_immediate(raw.op_kind(op));
    let mask = if bits == 64 { 63 } else { 31 };
    let masked = |op| {
        (if by_register(op) {
            u32::from(cl)
        } else {
            raw.immediate(op) as u32
        }) & mask
    };
    match mnemonic {
        Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar => match masked(1) {
            0 => 0,
            1 => AF,
            // A logical shift by more than the operand's width leaves CF undefined; by its width, defined.
            count if count > bits && mnemonic != Mnemonic::Sar => AF | OF | CF,
            _ => AF | OF,
        },
        Mnemonic::Rol | Mnemonic::Ror | Mnemonic::Rcl | Mnemonic::Rcr => match masked(1) {
            0 | 1 => 0,
            _ => OF,
        },
        Mnemonic::Shld | Mnemonic::Shrd => match masked(2) {
            0 => 0,
            1 => AF,
            count if count > bits => STATUS,
            _ => AF | OF,
        },
        _ => 0,
    }
}

/// Whether the result itself is undefined: tests skip such cases.
pub fn undefined_result(raw: &Instruction, cl: u8) -> bool {
    let bits = 8 * super::operand_size(raw) as u32;
    match raw.mnemonic() {
        Mnemonic::Shld | Mnemonic::Shrd if bits == 16 => {
            let by_register = !super::is_immediate(raw.op_kind(2));
            (if by_register {
                u32::from(cl)
            } else {
                raw.immediate(2) as u32
            }) & 31
                > 16
        }
        Mnemonic::Bswap => bits == 16,
        _ => false,
    }
}
