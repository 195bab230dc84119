//! What all listings of code are made of: x86 instructions as text, and names for `perf`.

#[cfg(target_arch = "x86_64")]
use crate::Look;
use iced_x86::{Decoder, DecoderOptions, FastFormatter, Instruction, OpKind};

/// Names code at `host` for `perf`, if it is to be named.
#[cfg(target_arch = "x86_64")]
pub(crate) fn name_code(look: &Look, host: u64, code: &[u8], name: &str) {
    if let Some(map) = &look.perf_map {
        map.add(host, code.len(), name);
    }
    if let Some(dump) = &look.jit_dump {
        dump.add(host, code, name);
    }
}

/// Instructions as objdump writes them (address, bytes, text), each with its offset and where it branches to.
pub(crate) fn disassemble(
    bits: u32,
    bytes: &[u8],
    address: u64,
) -> impl Iterator<Item = (usize, String, Option<u64>)> {
    let mut decoder = Decoder::with_ip(bits, bytes, address, DecoderOptions::NONE);
    let mut formatter = FastFormatter::new();
    formatter.options_mut().set_use_hex_prefix(true);
    formatter.options_mut().set_uppercase_hex(false);
    let mut instruction = Instruction::default();
    std::iter::from_fn(move || {
        if !decoder.can_decode() {
            return None;
        }
        let at = decoder.position();
        decoder.decode_out(&mut instruction);
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        let raw: String = bytes[at..decoder.position()]
            .iter()
            .map(|byte| format!("{byte:02x} "))
            .collect();
        let target = (instruction.op0_kind() == OpKind::NearBranch64).then(|| instruction.near_branch64());
        Some((at, format!("{:#x}:  {raw:<30} {text}", instruction.ip()), target))
    })
}
