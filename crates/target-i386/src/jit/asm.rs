//! Encoding of host instructions: prefixes, REX or VEX, opcode, ModRM, SIB, displacement.
//!
//! Opcodes are data here: a row hands on the guest's own opcode bytes, and fixed sequences use the few named
//! methods below. SDM vol. 2A, chapter 2.

use super::regs::{ENV, RSP};

/// The r/m operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rm {
    /// A register.
    Reg(u8),
    /// `[base + disp]`.
    Base(u8, i32),
    /// `[base + index << shift + disp]`; no base is `None`.
    Index(Option<u8>, u8, u8, i32),
}

/// `[ENV + disp]`.
pub(super) fn env(disp: i32) -> Rm {
    Rm::Base(ENV, disp)
}

/// An opcode with what precedes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Op {
    /// LOCK.
    pub lock: bool,
    /// 66 as operand size or mandatory prefix.
    pub p66: bool,
    /// F2 or F3, else 0.
    pub rep: u8,
    /// REX.W.
    pub w: bool,
    /// 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A.
    pub map: u8,
    /// The opcode byte.
    pub code: u8,
    /// Byte registers 4..=7 mean SPL..DIL, so there must be a REX prefix. (Without, they are AH..BH.)
    pub low_bytes: bool,
}

/// ALU operations by their number in the opcode map.
pub(super) mod alu {
    pub const ADD: u8 = 0;
    pub const AND: u8 = 4;
    pub const SUB: u8 = 5;
    pub const XOR: u8 = 6;
    pub const CMP: u8 = 7;
}

/// Condition codes.
pub(super) mod cc {
    pub const O: u8 = 0;
    pub const B: u8 = 2;
    pub const Z: u8 = 4;
    pub const NZ: u8 = 5;
    pub const A: u8 = 7;
    pub const S: u8 = 8;
}

/// More bytes than an instruction has, a power of two.
const ROOM: usize = 16;

/// An instruction on its way into the code: bytes are stored whether they stay or not, which spares branches.
struct Piece<'a> {
    bytes: &'a mut [u8; ROOM],
    len: usize,
}

impl Piece<'_> {
    /// Adds `byte` if `stays`.
    #[inline(always)]
    fn byte_if(&mut self, stays: bool, byte: u8) {
        self.bytes[self.len % ROOM] = byte;
        self.len += usize::from(stays);
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.byte_if(true, byte);
    }

    /// Adds the `len` lower bytes of `value`.
    #[inline(always)]
    fn word(&mut self, value: i32, len: usize) {
        if let Some(to) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            *to = value.to_le_bytes();
        }
        self.len += len;
    }

    /// ModRM, and what follows it.
    #[inline(always)]
    fn modrm(&mut self, reg: u8, rm: Rm) {
        let reg = (reg & 7) << 3;
        match rm {
            Rm::Reg(n) => self.byte(0xc0 | reg | n & 7),
            Rm::Base(base, disp) => {
                // RBP and R13 as base have no form without displacement; RSP and R12 need a SIB byte.
                let (mode, len) = displacement_mode(disp, base & 7 == 5);
                self.byte(mode << 6 | reg | base & 7);
                self.byte_if(base & 7 == RSP, 0x24);
                self.word(disp, len);
            }
            Rm::Index(base, index, shift, disp) => {
                debug_assert!(index != RSP, "RSP cannot be an index");
                let sib = shift << 6 | (index & 7) << 3;
                match base {
                    Some(base) => {
                        let (mode, len) = displacement_mode(disp, base & 7 == 5);
                        self.byte(mode << 6 | reg | 4);
                        self.byte(sib | base & 7);
                        self.word(disp, len);
                    }
                    None => {
                        self.byte(reg | 4);
                        self.byte(sib | 5);
                        self.word(disp, 4);
                    }
                }
            }
        }
    }
}

/// An [`Op`] as bytes, before and behind REX: a constant where the operation is one.
#[derive(Clone, Copy)]
struct Head {
    prefixes: i32,
    prefixes_len: u8,
    opcode: i32,
    opcode_len: u8,
    w: bool,
    low_bytes: bool,
}

impl Head {
    #[inline(always)]
    fn of(op: Op) -> Self {
        let (mut prefixes, mut prefixes_len) = (0, 0);
        for (stays, byte) in [(op.lock, 0xf0), (op.p66, 0x66), (op.rep != 0, op.rep)] {
            if stays {
                prefixes |= i32::from(byte) << (8 * prefixes_len);
                prefixes_len += 1;
            }
        }
        let code = i32::from(op.code);
        let (opcode, opcode_len) = match op.map {
            0 => (code, 1),
            1 => (0x0f | code << 8, 2),
            2 => (0x380f | code << 16, 3),
            _ => (0x3a0f | code << 16, 3),
        };
        Self {
            prefixes,
            prefixes_len,
            opcode,
            opcode_len,
            w: op.w,
            low_bytes: op.low_bytes,
        }
    }
}

/// Code under construction.
#[derive(Default)]
pub(super) struct Asm {
    code: Vec<u8>,
}

impl Asm {
    /// Empty, in the memory of `buffer`.
    pub fn reuse(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { code: buffer }
    }

    /// The code.
    pub fn into_code(self) -> Vec<u8> {
        self.code
    }

    pub fn at(&self) -> usize {
        self.code.len()
    }

    pub fn byte(&mut self, byte: u8) {
        self.code.push(byte);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.code.extend_from_slice(bytes);
    }

    pub fn imm32(&mut self, value: i32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Appends what `fill` puts together.
    #[inline(always)]
    fn piece(&mut self, fill: impl FnOnce(&mut Piece)) {
        let at = self.code.len();
        self.code.extend_from_slice(&[0; ROOM]);
        if let Some(bytes) = self.code[at..].first_chunk_mut() {
            let mut piece = Piece { bytes, len: 0 };
            fill(&mut piece);
            let end = at + piece.len;
            self.code.truncate(end);
        }
    }

    /// One instruction without its immediate. `reg` is a register number or an opcode extension.
    #[inline(always)]
    pub fn op(&mut self, op: Op, reg: u8, rm: Rm) {
        self.instruction(Head::of(op), reg, rm);
    }

    #[inline(never)]
    fn instruction(&mut self, head: Head, reg: u8, rm: Rm) {
        self.piece(|piece| {
            let (x, b) = extension(rm);
            let rex = 0x40 | u8::from(head.w) << 3 | (reg >> 3) << 2 | x << 1 | b;
            // SPL, BPL, SIL and DIL need a prefix, however empty.
            let low = |n: u8| matches!(n, 4..=7);
            let needed = head.low_bytes && (low(reg) || matches!(rm, Rm::Reg(n) if low(n)));
            piece.word(head.prefixes, head.prefixes_len.into());
            piece.byte_if(rex != 0x40 || needed, rex);
            piece.word(head.opcode, head.opcode_len.into());
            piece.modrm(reg, rm);
        });
    }

    /// A VEX instruction without its immediate: `map` 1..=3, `pp` 0..=3 for none, 66, F3, F2.
    #[allow(clippy::too_many_arguments)] // the fields of the prefix
    pub fn vex(&mut self, map: u8, pp: u8, w: bool, l: bool, code: u8, reg: u8, vvvv: u8, rm: Rm) {
        let (x, b) = extension(rm);
        let not = |bit: u8, at: u32| (bit & 1 ^ 1) << at;
        self.piece(|piece| {
            piece.byte(0xc4);
            piece.byte(not(reg >> 3, 7) | not(x, 6) | not(b, 5) | map);
            piece.byte(u8::from(w) << 7 | (!vvvv & 15) << 3 | u8::from(l) << 2 | pp);
            piece.byte(code);
            piece.modrm(reg, rm);
        });
    }

    /// `mov dst, src`, all 64 bits.
    pub fn mov(&mut self, dst: u8, src: u8) {
        self.op(op64(0x8b), dst, Rm::Reg(src));
    }

    /// `mov dst, src`, 32 bits, upper half cleared.
    pub fn mov32(&mut self, dst: u8, src: u8) {
        self.op(op32(0x8b), dst, Rm::Reg(src));
    }

    /// `mov dst, [from]`, 64 bits.
    pub fn load(&mut self, dst: u8, from: Rm) {
        self.op(op64(0x8b), dst, from);
    }

    /// `mov [to], src`, 64 bits.
    pub fn store(&mut self, to: Rm, src: u8) {
        self.op(op64(0x89), src, to);
    }

    /// `lea dst, [addr]`, 64 or 32 bits.
    pub fn lea(&mut self, dst: u8, addr: Rm, wide: bool) {
        self.op(if wide { op64(0x8d) } else { op32(0x8d) }, dst, addr);
    }

    /// `dst = value`, in the shortest form that leaves flags alone.
    pub fn mov_imm(&mut self, dst: u8, value: u64) {
        if let Ok(value) = u32::try_from(value) {
            self.piece(|piece| {
                piece.byte_if(dst >= 8, 0x41);
                piece.byte(0xb8 | dst & 7);
                piece.word(value as i32, 4);
            });
        } else if let Ok(value) = i32::try_from(value as i64) {
            self.op(op64(0xc7), 0, Rm::Reg(dst));
            self.imm32(value);
        } else {
            self.bytes(&[0x48 | dst >> 3, 0xb8 | dst & 7]);
            self.bytes(&value.to_le_bytes());
        }
    }

    /// `operation rm, imm`, 64 or 32 bits.
    pub fn alu_imm(&mut self, operation: u8, rm: Rm, imm: i32, wide: bool) {
        let short = i8::try_from(imm).is_ok();
        let code = if short { 0x83 } else { 0x81 };
        self.op(if wide { op64(code) } else { op32(code) }, operation, rm);
        if short {
            self.byte(imm as u8);
        } else {
            self.imm32(imm);
        }
    }

    /// `operation reg, rm`, 64 bits.
    pub fn alu(&mut self, operation: u8, reg: u8, rm: Rm) {
        self.op(op64(operation << 3 | 3), reg, rm);
    }

    /// `shl` (4) or `shr` (5) of a register, 64 or 32 bits.
    pub fn shift_imm(&mut self, extension: u8, reg: u8, by: u8, wide: bool) {
        self.op(
            if wide { op64(0xc1) } else { op32(0xc1) },
            extension,
            Rm::Reg(reg),
        );
        self.byte(by);
    }

    /// `jmp rel32` to nowhere yet; the position of its displacement.
    pub fn jmp(&mut self) -> usize {
        self.bytes(&[0xe9, 0, 0, 0, 0]);
        self.at() - 4
    }

    /// `call rel32` to nowhere yet; the position of its displacement.
    pub fn call(&mut self) -> usize {
        self.bytes(&[0xe8, 0, 0, 0, 0]);
        self.at() - 4
    }

    /// `jcc rel32` to nowhere yet; the position of its displacement.
    pub fn jcc(&mut self, condition: u8) -> usize {
        self.bytes(&[0x0f, 0x80 | condition, 0, 0, 0, 0]);
        self.at() - 4
    }

    /// Makes the branch whose displacement is at `from` go to `to`.
    pub fn bind(&mut self, from: usize, to: usize) {
        let displacement = to as i64 - (from as i64 + 4);
        self.code[from..from + 4].copy_from_slice(&(displacement as i32).to_le_bytes());
    }

    /// Makes the branch whose displacement is at `from` go here.
    pub fn bind_here(&mut self, from: usize) {
        self.bind(from, self.at());
    }
}

/// A 64-bit operation of the one-byte map.
pub(super) fn op64(code: u8) -> Op {
    Op {
        w: true,
        code,
        ..Op::default()
    }
}

/// A 32-bit operation of the one-byte map.
pub(super) fn op32(code: u8) -> Op {
    Op {
        code,
        ..Op::default()
    }
}

/// REX.X and REX.B.
fn extension(rm: Rm) -> (u8, u8) {
    match rm {
        Rm::Reg(n) | Rm::Base(n, _) => (0, n >> 3),
        Rm::Index(base, index, ..) => (index >> 3, base.unwrap_or(0) >> 3),
    }
}

/// ModRM.mod for a displacement, and how many bytes follow.
fn displacement_mode(disp: i32, needed: bool) -> (u8, usize) {
    match i8::try_from(disp) {
        Ok(0) if !needed => (0, 0),
        Ok(_) => (1, 1),
        Err(_) => (2, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::{Decoder, DecoderOptions, FastFormatter};

    fn text(emit: impl Fn(&mut Asm)) -> String {
        let mut asm = Asm::default();
        emit(&mut asm);
        let mut decoder = Decoder::new(64, &asm.code, DecoderOptions::NONE);
        let mut out = String::new();
        let insn = decoder.decode();
        assert_eq!(insn.len(), asm.code.len());
        FastFormatter::new().format(&insn, &mut out);
        out
    }

    #[test]
    #[rustfmt::skip]
    fn forms() {
        type Case<'a> = (&'a dyn Fn(&mut Asm), &'a str);
        let cases: [Case; 12] = [
            (&|a| a.mov(0, 13), "mov rax,r13"),
            (&|a| a.load(13, Rm::Base(15, 8)), "mov r13,[r15+8h]"),
            (&|a| a.store(Rm::Base(12, 0), 14), "mov [r12],r14"),
            (&|a| a.store(Rm::Base(13, 0), 1), "mov [r13],rcx"),
            (&|a| a.lea(13, Rm::Index(Some(5), 12, 3, -4), true), "lea r13,[rbp+r12*8-4h]"),
            (&|a| a.lea(13, Rm::Index(None, 9, 1, 0x1000), false), "lea r13d,[r9*2+1000h]"),
            (&|a| a.mov_imm(13, 5), "mov r13d,5h"),
            (&|a| a.mov_imm(0, u64::MAX), "mov rax,0FFFFFFFFFFFFFFFFh"),
            (&|a| a.mov_imm(9, 1 << 40), "mov r9,10000000000h"),
            (&|a| a.alu_imm(alu::SUB, env(0), 300, false), "sub dword ptr [r15],12Ch"),
            (&|a| a.alu(alu::CMP, 13, Rm::Index(Some(15), 14, 0, 0x2000)), "cmp r13,[r15+r14+2000h]"),
            (&|a| a.vex(3, 3, false, false, 0xf0, 14, 0, Rm::Reg(13)), "rorx r14d,r13d,0h"),
        ];
        for (emit, expected) in cases {
            // RORX has an immediate, which the row adds.
            let rorx = expected.starts_with("rorx");
            let actual = text(|a| {
                emit(a);
                if rorx {
                    a.byte(0);
                }
            });
            assert_eq!(actual, expected);
        }
    }
}
