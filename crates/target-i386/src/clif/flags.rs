//! Status flags: what is known of them while lowering, and the three words in `Env` that say how to find them.
//!
//! Whoever reads flags computes them from the operands of whatever set them, which is [`Known`] in a block and where
//! only one block leads. Where several do, the words (operation, result, first operand) are in `Env`: three stores for
//! each way there, and no registers. Exits store them as well if they are anywhere else.

use super::exit::word;
use super::lower::{Lower, int};
use crate::jit::env::at;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};

/// What set the flags.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    /// AND, OR, XOR, TEST.
    Logic { result: Value },
    /// ADD.
    Add { a: Value, b: Value, result: Value },
    /// SUB, CMP, NEG.
    Sub { a: Value, b: Value, result: Value },
    /// INC or DEC, and CF from before.
    Step { up: bool, cf: Value, result: Value },
    /// CF and OF on their own; AF clear.
    Bits { cf: Value, of: Value, result: Value },
}

/// Where the flags are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    /// In `Env`.
    Memory,
    /// In words that are not in `Env`.
    Words([Value; 3]),
    /// To be computed from what set them, an operation of so many bytes.
    Known(Known, usize),
}

impl Status {
    fn known(self) -> Option<Known> {
        match self {
            Self::Known(known, _) => Some(known),
            _ => None,
        }
    }

    /// The values that it is made of.
    pub fn values(self) -> Vec<Value> {
        match self {
            Self::Memory => Vec::new(),
            Self::Words(words) => words.to_vec(),
            Self::Known(known, _) => known.values(),
        }
    }

    /// The same of other values, as many as there are [`values`](Self::values).
    pub fn with_values(self, values: &[Value]) -> Self {
        match (self, values) {
            (Self::Words(_), &[how, result, operand]) => Self::Words([how, result, operand]),
            (Self::Known(known, size), _) => Self::Known(known.with_values(values), size),
            (other, _) => other,
        }
    }
}

impl Known {
    /// What it is made of.
    fn values(self) -> Vec<Value> {
        match self {
            Self::Logic { result } => vec![result],
            Self::Add { a, b, result } | Self::Sub { a, b, result } => vec![a, b, result],
            Self::Step { cf, result, .. } => vec![cf, result],
            Self::Bits { cf, of, result } => vec![cf, of, result],
        }
    }

    /// The same of other values, as many as there are [`values`](Self::values).
    pub fn with_values(self, values: &[Value]) -> Self {
        let mut left = values.iter().copied();
        let mut next = |old| left.next().unwrap_or(old);
        match self {
            Self::Logic { result } => Self::Logic { result: next(result) },
            Self::Add { a, b, result } => Self::Add {
                a: next(a),
                b: next(b),
                result: next(result),
            },
            Self::Sub { a, b, result } => Self::Sub {
                a: next(a),
                b: next(b),
                result: next(result),
            },
            Self::Step { up, cf, result } => Self::Step {
                up,
                cf: next(cf),
                result: next(result),
            },
            Self::Bits { cf, of, result } => Self::Bits {
                cf: next(cf),
                of: next(of),
                result: next(result),
            },
        }
    }
}

/// ZF and SF and PF depend on the result, CF and OF are values of their own.
struct Parts {
    zf: Value,
    sf: Value,
    cf: Value,
    of: Value,
}

impl Lower<'_> {
    /// The instruction set the flags of an operation of `size` bytes.
    pub fn set_flags(&mut self, size: usize, known: Known) {
        self.status = Status::Known(known, size);
    }

    /// The instruction set the flags that these words stand for.
    pub fn define(&mut self, words: [Value; 3]) {
        self.status = Status::Words(words);
    }

    /// The flags as words.
    fn words(&mut self) -> [Value; 3] {
        match self.status {
            Status::Memory => [0, 1, 2].map(|n| {
                let at = at::REGION_FLAGS + 8 * n;
                self.b.ins().load(I64, MemFlagsData::trusted(), self.env, at)
            }),
            Status::Words(words) => words,
            Status::Known(known, size) => self.words_of(known, size),
        }
    }

    /// Stores the words, if they are not in `Env` yet.
    pub fn store_words(&mut self) {
        if matches!(self.status, Status::Memory) {
            return;
        }
        for (n, word) in self.words().into_iter().enumerate() {
            let at = at::REGION_FLAGS + 8 * n as i32;
            self.b.ins().store(MemFlagsData::trusted(), word, self.env, at);
        }
    }

    fn words_of(&mut self, known: Known, size: usize) -> [Value; 3] {
        let (kind, result, operand) = match known {
            Known::Logic { result } => (word::LOGIC, result, None),
            Known::Add { a, result, .. } => (word::ADD, result, Some(a)),
            Known::Sub { a, result, .. } => (word::SUB, result, Some(a)),
            Known::Step { up: true, cf, result } => (word::INC, result, Some(cf)),
            Known::Step { cf, result, .. } => (word::DEC, result, Some(cf)),
            Known::Bits { cf, of, result } => return self.raw_words(size, cf, of, result),
        };
        let shift = 64 - 8 * size as u64;
        let how = self.constant(I64, (kind | shift << 8) as i64);
        let result = self.widened(result);
        let operand = match operand {
            Some(operand) => self.widened(operand),
            None => self.constant(I64, 0),
        };
        [how, result, operand]
    }

    fn raw_words(&mut self, size: usize, cf: Value, of: Value, result: Value) -> [Value; 3] {
        let result = if size == 8 {
            result
        } else {
            self.b.ins().sextend(I64, result)
        };
        // Bit 63 is CF, bit 62 CF ^ OF.
        let differ = self.b.ins().bxor(cf, of);
        let (cf, differ) = (self.widened(cf), self.widened(differ));
        let (top, below) = (self.constant(I64, 63), self.constant(I64, 62));
        let cf = self.b.ins().ishl(cf, top);
        let differ = self.b.ins().ishl(differ, below);
        let aux = self.b.ins().bor(cf, differ);
        let how = self.constant(I64, word::RAW as i64);
        [how, result, aux]
    }

    /// Zero-extended to 64 bits.
    pub fn widened(&mut self, value: Value) -> Value {
        if self.b.func.dfg.value_type(value) == I64 {
            value
        } else {
            self.b.ins().uextend(I64, value)
        }
    }

    fn is(&mut self, how: IntCC, a: Value, b: Value) -> Value {
        self.b.ins().icmp(how, a, b)
    }

    fn is_zero(&mut self, value: Value) -> Value {
        let ty = self.b.func.dfg.value_type(value);
        let zero = self.constant(ty, 0);
        self.is(IntCC::Equal, value, zero)
    }

    fn is_negative(&mut self, value: Value) -> Value {
        let ty = self.b.func.dfg.value_type(value);
        let zero = self.constant(ty, 0);
        self.is(IntCC::SignedLessThan, value, zero)
    }

    fn not(&mut self, value: Value) -> Value {
        let one = self.constant(I8, 1);
        self.b.ins().bxor(value, one)
    }

    fn bit(&mut self, value: Value, n: i64) -> Value {
        let by = self.constant(I64, n);
        let shifted = self.b.ins().ushr(value, by);
        let low = self.b.ins().ireduce(I8, shifted);
        let one = self.constant(I8, 1);
        self.b.ins().band(low, one)
    }

    /// CF, 0 or 1.
    pub fn carry(&mut self) -> Value {
        match self.status.known() {
            Some(Known::Logic { .. }) => self.constant(I8, 0),
            Some(Known::Add { a, result, .. }) => self.is(IntCC::UnsignedLessThan, result, a),
            Some(Known::Sub { a, b, .. }) => self.is(IntCC::UnsignedLessThan, a, b),
            Some(Known::Step { cf, .. } | Known::Bits { cf, .. }) => cf,
            None => self.parts().cf,
        }
    }

    /// Whether condition `code` of Jcc holds: 0 or 1.
    pub fn condition(&mut self, code: u8) -> Value {
        let holds = self.positive(code >> 1 & 7);
        if code & 1 == 0 { holds } else { self.not(holds) }
    }

    /// Whether one of the eight conditions that are not negations holds: 0 or 1.
    pub fn positive(&mut self, code: u8) -> Value {
        if let Some(Known::Sub { a, b, .. }) = self.status.known() {
            let how = match code {
                1 => Some(IntCC::UnsignedLessThan),
                2 => Some(IntCC::Equal),
                3 => Some(IntCC::UnsignedLessThanOrEqual),
                6 => Some(IntCC::SignedLessThan),
                7 => Some(IntCC::SignedLessThanOrEqual),
                _ => None,
            };
            if let Some(how) = how {
                return self.is(how, a, b);
            }
        }
        if code == 5 {
            return self.parity();
        }
        let parts = self.parts();
        match code {
            0 => parts.of,
            1 => parts.cf,
            2 => parts.zf,
            3 => self.b.ins().bor(parts.cf, parts.zf),
            4 => parts.sf,
            6 => self.b.ins().bxor(parts.sf, parts.of),
            _ => {
                let less = self.b.ins().bxor(parts.sf, parts.of);
                self.b.ins().bor(less, parts.zf)
            }
        }
    }

    /// PF: whether the low byte has an even number of ones.
    fn parity(&mut self) -> Value {
        let byte = match self.status.known() {
            Some(
                Known::Logic { result }
                | Known::Add { result, .. }
                | Known::Sub { result, .. }
                | Known::Step { result, .. }
                | Known::Bits { result, .. },
            ) => {
                let wide = self.widened(result);
                self.b.ins().ireduce(I8, wide)
            }
            None => {
                let [how, result, aux] = self.words();
                // The second byte of raw aux corrects the parity.
                let eight = self.constant(I64, 8);
                let delta = self.b.ins().ushr(aux, eight);
                let raw = self.is_kind(how, word::RAW);
                let zero = self.constant(I64, 0);
                let delta = self.b.ins().select(raw, delta, zero);
                let both = self.b.ins().bxor(result, delta);
                self.b.ins().ireduce(I8, both)
            }
        };
        let ones = self.b.ins().popcnt(byte);
        let one = self.constant(I8, 1);
        let odd = self.b.ins().band(ones, one);
        self.not(odd)
    }

    fn parts(&mut self) -> Parts {
        let Some(known) = self.status.known() else {
            return self.parts_of_words();
        };
        let (result, cf, of) = match known {
            Known::Logic { result } => (result, self.constant(I8, 0), self.constant(I8, 0)),
            Known::Add { a, b, result } => {
                let (x, y) = (self.b.ins().bxor(a, result), self.b.ins().bxor(b, result));
                let both = self.b.ins().band(x, y);
                (
                    result,
                    self.is(IntCC::UnsignedLessThan, result, a),
                    self.is_negative(both),
                )
            }
            Known::Sub { a, b, result } => {
                let (x, y) = (self.b.ins().bxor(a, b), self.b.ins().bxor(a, result));
                let both = self.b.ins().band(x, y);
                (
                    result,
                    self.is(IntCC::UnsignedLessThan, a, b),
                    self.is_negative(both),
                )
            }
            Known::Step { up, cf, result } => {
                let ty = self.b.func.dfg.value_type(result);
                let least = i64::MIN >> (64 - ty.bits());
                let limit = self.constant(ty, if up { least } else { !least });
                (result, cf, self.is(IntCC::Equal, result, limit))
            }
            Known::Bits { cf, of, result } => (result, cf, of),
        };
        Parts {
            zf: self.is_zero(result),
            sf: self.is_negative(result),
            cf,
            of,
        }
    }

    fn is_kind(&mut self, how: Value, kind: u64) -> Value {
        let low = self.b.ins().ireduce(I8, how);
        let kind = self.constant(I8, kind as i64);
        self.is(IntCC::Equal, low, kind)
    }

    /// Flags that come from several places, by their words: everything moved to the top of 64 bits.
    fn parts_of_words(&mut self) -> Parts {
        let [how, result, operand] = self.words();
        let eight = self.constant(I64, 8);
        let shift = self.b.ins().ushr(how, eight);
        let r = self.b.ins().ishl(result, shift);
        let a = self.b.ins().ishl(operand, shift);
        let raw = self.is_kind(how, word::RAW);
        let add = self.is_kind(how, word::ADD);
        let sub = self.is_kind(how, word::SUB);
        let inc = self.is_kind(how, word::INC);
        let dec = self.is_kind(how, word::DEC);
        let no = self.constant(I8, 0);

        let (raw_cf, raw_below) = (self.bit(operand, 63), self.bit(operand, 62));
        let step_cf = self.bit(operand, 0);
        let add_cf = self.is(IntCC::UnsignedLessThan, r, a);
        let sub_cf = self.is(IntCC::UnsignedGreaterThan, r, a);
        let step = self.b.ins().bor(inc, dec);
        let mut cf = self.b.ins().select(step, step_cf, no);
        cf = self.b.ins().select(add, add_cf, cf);
        cf = self.b.ins().select(sub, sub_cf, cf);
        cf = self.b.ins().select(raw, raw_cf, cf);

        // An addition overflows if both operands differ from the result in sign; b = r - a, or a - r.
        let differ = self.b.ins().bxor(a, r);
        let b = self.b.ins().isub(r, a);
        let other = self.b.ins().bxor(b, r);
        let both = self.b.ins().band(differ, other);
        let add_of = self.is_negative(both);
        let b = self.b.ins().isub(a, r);
        let other = self.b.ins().bxor(a, b);
        let both = self.b.ins().band(differ, other);
        let sub_of = self.is_negative(both);
        let least = self.constant(I64, i64::MIN);
        let inc_of = self.is(IntCC::Equal, r, least);
        let one = self.constant(I64, 1);
        let unit = self.b.ins().ishl(one, shift);
        let before = self.b.ins().iadd(r, unit);
        let dec_of = self.is(IntCC::Equal, before, least);
        let raw_of = self.b.ins().bxor(raw_cf, raw_below);
        let mut of = self.b.ins().select(inc, inc_of, no);
        of = self.b.ins().select(dec, dec_of, of);
        of = self.b.ins().select(add, add_of, of);
        of = self.b.ins().select(sub, sub_of, of);
        of = self.b.ins().select(raw, raw_of, of);

        // Bit 0 of raw aux turns the sign.
        let turn = self.bit(operand, 0);
        let turn = self.b.ins().select(raw, turn, no);
        let sign = self.is_negative(r);
        Parts {
            zf: self.is_zero(r),
            sf: self.b.ins().bxor(sign, turn),
            cf,
            of,
        }
    }

    /// Chooses between the flags in force and others: those of `then` if `changes`.
    pub fn merge_flags(&mut self, changes: Value, size: usize, then: Known) {
        let old = self.words();
        self.set_flags(size, then);
        let new = self.words();
        let mut merged = old;
        for n in 0..3 {
            merged[n] = self.b.ins().select(changes, new[n], old[n]);
        }
        self.define(merged);
    }

    /// A constant of an operand's size.
    pub fn sized(&mut self, size: usize, value: u64) -> Value {
        self.constant(int(size), value as i64)
    }
}
