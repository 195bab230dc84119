//! Fused multiply-add (FMA3). SDM vol. 1, 14.5.
//!
//! The digits of a mnemonic say which operands are multiplied and which is added: 132 is first times third plus
//! second, and so on. The order matters for which NaN a result takes.

use super::access::*;
use super::shape::float::{Float, lanes_to};
use crate::Vcpu;
use crate::fault::Exec;
use crate::insn::{Handler, Insn};
use iced_x86::Instruction;
use softfloat::sse::Ctx;
use softfloat::{F32, F64};

/// Signs of a product and an addend: packed alternate between two.
const ADD: u8 = 0;
const NEGATE_PRODUCT: u8 = 1;
const NEGATE_ADDEND: u8 = 2;

/// One row an operation: the three orders, packed and scalar. `even` and `odd` are the signs for elements 0, 2, …
/// and 1, 3, ….
macro_rules! fused {
    ($insn:expr; $(even $even:expr, odd $odd:expr => {$(
        $p132:ident $p213:ident $p231:ident $packed:ident $type:ident;)*})*) => {
        match $insn.mnemonic() {
            $($(
                iced_x86::Mnemonic::$p132 => Some($packed::<$type, 132, { $even }, { $odd }> as Handler),
                iced_x86::Mnemonic::$p213 => Some($packed::<$type, 213, { $even }, { $odd }> as Handler),
                iced_x86::Mnemonic::$p231 => Some($packed::<$type, 231, { $even }, { $odd }> as Handler),
            )*)*
            _ => None,
        }
    };
}

/// The handler, if the instruction is of this family.
#[rustfmt::skip]
pub fn lookup(insn: &Instruction) -> Option<Handler> {
    fused! { insn;
        even ADD, odd ADD => {
            Vfmadd132ps    Vfmadd213ps    Vfmadd231ps    packed F32;
            Vfmadd132pd    Vfmadd213pd    Vfmadd231pd    packed F64;
            Vfmadd132ss    Vfmadd213ss    Vfmadd231ss    scalar F32;
            Vfmadd132sd    Vfmadd213sd    Vfmadd231sd    scalar F64;
        }
        even NEGATE_ADDEND, odd NEGATE_ADDEND => {
            Vfmsub132ps    Vfmsub213ps    Vfmsub231ps    packed F32;
            Vfmsub132pd    Vfmsub213pd    Vfmsub231pd    packed F64;
            Vfmsub132ss    Vfmsub213ss    Vfmsub231ss    scalar F32;
            Vfmsub132sd    Vfmsub213sd    Vfmsub231sd    scalar F64;
        }
        even NEGATE_PRODUCT, odd NEGATE_PRODUCT => {
            Vfnmadd132ps   Vfnmadd213ps   Vfnmadd231ps   packed F32;
            Vfnmadd132pd   Vfnmadd213pd   Vfnmadd231pd   packed F64;
            Vfnmadd132ss   Vfnmadd213ss   Vfnmadd231ss   scalar F32;
            Vfnmadd132sd   Vfnmadd213sd   Vfnmadd231sd   scalar F64;
        }
        even NEGATE_PRODUCT | NEGATE_ADDEND, odd NEGATE_PRODUCT | NEGATE_ADDEND => {
            Vfnmsub132ps   Vfnmsub213ps   Vfnmsub231ps   packed F32;
            Vfnmsub132pd   Vfnmsub213pd   Vfnmsub231pd   packed F64;
            Vfnmsub132ss   Vfnmsub213ss   Vfnmsub231ss   scalar F32;
            Vfnmsub132sd   Vfnmsub213sd   Vfnmsub231sd   scalar F64;
        }
        even NEGATE_ADDEND, odd ADD => {
            Vfmaddsub132ps Vfmaddsub213ps Vfmaddsub231ps packed F32;
            Vfmaddsub132pd Vfmaddsub213pd Vfmaddsub231pd packed F64;
        }
        even ADD, odd NEGATE_ADDEND => {
            Vfmsubadd132ps Vfmsubadd213ps Vfmsubadd231ps packed F32;
            Vfmsubadd132pd Vfmsubadd213pd Vfmsubadd231pd packed F64;
        }
    }
}

/// One element: operands in encoding order.
#[inline(always)]
fn one<T: Float, const ORDER: u32>(a: T, b: T, c: T, signs: u8, ctx: &mut Ctx) -> T {
    let (x, y, z) = match ORDER {
        132 => (a, c, b),
        213 => (b, a, c),
        _ => (b, c, a),
    };
    x.fma(y, z, signs & NEGATE_PRODUCT != 0, signs & NEGATE_ADDEND != 0, ctx)
}

fn packed<T: Float, const ORDER: u32, const EVEN: u8, const ODD: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let c = source_full(cpu, insn, 2)?;
    let (a, b) = (ymm(cpu, insn.reg[0]), ymm(cpu, insn.reg[1]));
    lanes_to(cpu, insn, |n, ctx| {
        T::each(|i| {
            let [a, b, c] = [a, b, c].map(|lanes| T::element(lanes[n], i));
            one::<T, ORDER>(a, b, c, if i % 2 == 0 { EVEN } else { ODD }, ctx)
        })
    })
}

fn scalar<T: Float, const ORDER: u32, const EVEN: u8, const ODD: u8>(cpu: &mut Vcpu, insn: &Insn) -> Exec {
    check_vex(cpu)?;
    let c = source(cpu, insn, 2, T::BYTES)?;
    let (a, b) = (xmm(cpu, insn.reg[0]), xmm(cpu, insn.reg[1]));
    let low = float(cpu, |ctx| {
        let [a, b, c] = [a, b, c].map(|lane| T::element(lane, 0));
        one::<T, ORDER>(a, b, c, EVEN, ctx)
    })?;
    set_ymm(cpu, insn.reg[0], [T::merge(a, low), 0]);
    Ok(())
}
