//! Decoding: guest bytes to [`Insn`], by iced-x86 and our handler tables.
//!
//! The decoder runs as AMD's (the `max` model is AuthenticAMD), treats the hint space 0F 0D, 0F 18..1F as
//! no-operations (so MPX, CET and prefetches execute as on a CPU without them), and leaves out prefixes that
//! select an instruction the CPU model lacks (TZCNT, LZCNT, WBNOINVD execute as BSF, BSR, WBINVD there).
//! Everything else the model lacks is #UD, by iced's CPUID facts and one table ([`gate`]).
//! What depends on nothing but the form of an instruction is found once and kept ([`facts`]).

mod facts;
mod gate;
mod operands;

use crate::insn::InsnFlags;
use crate::{Exec, Fault, Features, Handler, Insn, Vcpu, exec, simd, system, x87};
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, FlowControl, Instruction};

/// Longest instruction (SDM vol. 2A, 2.3.11).
pub const MAX_LENGTH: usize = 15;

/// What of the mode decides decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Code size: 16, 32 or 64.
    pub bits: u32,
    /// Real-address or virtual-8086 mode: no VEX.
    pub real_like: bool,
    /// What the CPU model has.
    pub features: Features,
}

/// The result of decoding at the start of some bytes.
pub enum Decoded {
    /// An instruction; an undefined one raises #UD when executed.
    Insn(Insn),
    /// The bytes end before the instruction does.
    Incomplete,
}

/// iced's decoder options for a CPU with `features`.
pub fn options(features: Features) -> u32 {
    let mut options = DecoderOptions::AMD | DecoderOptions::FORCE_RESERVED_NOP;
    for (feature, option) in [
        (Features::BMI1, DecoderOptions::NO_MPFX_0FBC),
        (Features::ABM, DecoderOptions::NO_MPFX_0FBD),
        (Features::WBNOINVD, DecoderOptions::NO_WBNOINVD),
        (Features::LAHF_LM, DecoderOptions::NO_LAHF_SAHF_64),
    ] {
        if !features.contains(feature) {
            options |= option;
        }
    }
    options
}

/// Decodes the instruction at the start of `bytes`.
pub fn decode(bytes: &[u8], context: Context) -> Decoded {
    decode_into(bytes, context, &mut Instruction::default())
}

/// Decodes the instruction at the start of `bytes`, and tells iced's view of it.
pub fn decode_into(bytes: &[u8], context: Context, raw: &mut Instruction) -> Decoded {
    Run::new(bytes, context).decode_into(0, raw)
}

/// Decodes one instruction after the other of some bytes.
pub struct Run<'a> {
    decoder: Decoder<'a>,
    bytes: &'a [u8],
    context: Context,
}

impl<'a> Run<'a> {
    /// A run through `bytes`.
    pub fn new(bytes: &'a [u8], context: Context) -> Self {
        Self {
            decoder: Decoder::with_ip(context.bits, bytes, 0, options(context.features)),
            bytes,
            context,
        }
    }

    /// Decodes the instruction at `start`.
    pub fn decode(&mut self, start: usize) -> Decoded {
        self.decode_into(start, &mut Instruction::default())
    }

    /// Decodes the instruction at `start`, and tells iced's view of it.
    pub fn decode_into(&mut self, start: usize, raw: &mut Instruction) -> Decoded {
        let Some(bytes) = self.bytes.get(start..) else {
            return Decoded::Incomplete;
        };
        let (decoder, context) = (&mut self.decoder, self.context);
        if decoder.set_position(start).is_err() {
            return Decoded::Incomplete;
        }
        // Every instruction is decoded as if it were at address 0.
        decoder.set_ip(0);
        decoder.decode_out(raw);
        if raw.is_invalid() {
            if decoder.last_error() == DecoderError::NoMoreBytes && bytes.len() < MAX_LENGTH {
                return Decoded::Incomplete;
            }
            let handler = if too_long(bytes, context) {
                raise_gp
            } else {
                raise_ud
            };
            return Decoded::Insn(stub(handler, raw.len().max(1) as u8));
        }
        if raw.code() == Code::Pause && context.bits == 64 && bytes[raw.len() - 2] & 0xf1 == 0x41 {
            // With REX.B this opcode exchanges with R8 after all; iced takes F3 first.
            let mut plain = [0x2e; MAX_LENGTH];
            plain[raw.len() - 2..raw.len()].copy_from_slice(&bytes[raw.len() - 2..raw.len()]);
            if bytes[..raw.len()].contains(&0x66) {
                plain[0] = 0x66;
            }
            Decoder::with_ip(context.bits, &plain, 0, options(context.features)).decode_out(raw);
        }
        Decoded::Insn(resolve(raw, bytes, context).unwrap_or_else(|| stub(raise_ud, raw.len() as u8)))
    }
}

/// The instruction for iced's view of it; none if the CPU does not know it.
fn resolve(raw: &Instruction, bytes: &[u8], context: Context) -> Option<Insn> {
    let facts = facts::of(raw)?;
    if !context.features.contains(facts.needs) || context.real_like && facts.flags.contains(InsnFlags::VEX) {
        return None;
    }
    let mut insn = operands::convert(raw);
    insn.exec = facts.handler;
    insn.flags |= facts.flags;
    insn.flags |= match context.bits {
        64 => InsnFlags::LONG,
        32 => InsnFlags::CODE32,
        _ => InsnFlags::empty(),
    };
    // Elsewhere the prefixes mean nothing (branches), or are part of the opcode. The budget cuts iterations, so the
    // block ends although control flows on.
    if facts.string {
        if raw.has_rep_prefix() {
            insn.flags |= InsnFlags::REP | InsnFlags::ENDS_BLOCK;
        }
        if raw.has_repne_prefix() {
            insn.flags |= InsnFlags::REPNE | InsnFlags::ENDS_BLOCK;
        }
    }
    if facts.x87 {
        insn.imm |= x87::opcode(bytes, context.bits);
    }
    Some(insn)
}

/// Finds the handler of an instruction: integer, system, x87, SIMD table in turn. The flags are those that do not
/// depend on prefixes; the last tells whether it is the x87 unit's.
fn lookup_handler(raw: &Instruction) -> Option<(Handler, InsnFlags, bool)> {
    if let Some(handler) = exec::lookup(raw) {
        let flags = if exec::changes_acceptance(raw) {
            InsnFlags::ENDS_BLOCK | InsnFlags::RECHECK
        } else if raw.flow_control() != FlowControl::Next {
            InsnFlags::ENDS_BLOCK
        } else {
            InsnFlags::empty()
        };
        return Some((handler, flags, false));
    }
    if let Some(handler) = system::lookup(raw) {
        return Some((handler, InsnFlags::ENDS_BLOCK | InsnFlags::RECHECK, false));
    }
    if let Some(handler) = x87::lookup(raw) {
        return Some((handler, InsnFlags::empty(), true));
    }
    simd::lookup(raw).map(|handler| (handler, InsnFlags::empty(), false))
}

/// Whether undecodable bytes are a good instruction behind more prefixes than fit in 15 bytes: #GP, not #UD.
fn too_long(bytes: &[u8], context: Context) -> bool {
    if bytes.len() < MAX_LENGTH {
        return false;
    }
    let is_prefix = |byte: u8| {
        matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
            || context.bits == 64 && byte & 0xf0 == 0x40
    };
    let prefixes = bytes[..MAX_LENGTH]
        .iter()
        .take_while(|&&byte| is_prefix(byte))
        .count();
    if prefixes == MAX_LENGTH {
        return true;
    }
    (1..=prefixes).any(|skipped| {
        let mut decoder = Decoder::with_ip(context.bits, &bytes[skipped..], 0, options(context.features));
        let raw = decoder.decode();
        !raw.is_invalid() && raw.len() + skipped > MAX_LENGTH
            || decoder.last_error() == DecoderError::NoMoreBytes && skipped + MAX_LENGTH > bytes.len()
    })
}

/// An instruction without operands that ends its block.
pub(crate) fn stub(exec: Handler, len: u8) -> Insn {
    let mut insn = operands::convert(&Instruction::default());
    insn.exec = exec;
    insn.len = len;
    insn.flags |= InsnFlags::ENDS_BLOCK;
    insn
}

/// Undefined instructions.
pub(crate) fn raise_ud(_: &mut Vcpu, _: &Insn) -> Exec {
    Err(Fault::UD)
}

/// Instructions longer than 15 bytes.
pub(crate) fn raise_gp(_: &mut Vcpu, _: &Insn) -> Exec {
    Err(Fault::GP0)
}

#[cfg(test)]
mod tests;
