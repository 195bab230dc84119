//! Random loops of instructions that regions are made of: branches to and fro, flags that come from several places,
//! accesses that miss, cross pages, hit code or fault.

use crate::program::Program;
use crate::world::{self, ALIAS, CODE, DATA, DATA_END, Kind, LENGTHS, LOW, SMALL, SMALL_PAGES};
use host_oracle::Rng;
use std::collections::VecDeque;
use target_i386::clif::Region;
use target_i386::testbench::STACK;
use target_i386::{Features, jit::Key};

/// Opcodes that are tried: one byte, and behind 0F.
const OPCODES: &[u8] = &[
    0x01, 0x03, 0x00, 0x02, 0x09, 0x0b, 0x11, 0x13, 0x19, 0x1b, 0x21, 0x23, 0x29, 0x2b, 0x28, 0x31, 0x33,
    0x39, 0x3b, 0x38, 0x3a, 0x05, 0x0d, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x04, 0x3c, 0x40, 0x48, 0x50,
    0x58, 0x53, 0x5b, 0x63, 0x68, 0x69, 0x6a, 0x6b, 0x80, 0x81, 0x83, 0x84, 0x85, 0x87, 0x88, 0x89, 0x8a,
    0x8b, 0x8d, 0x90, 0x98, 0x99, 0xa8, 0xa9, 0xb0, 0xb4, 0xb8, 0xc0, 0xc1, 0xc6, 0xc7, 0xd0, 0xd1, 0xd3,
    0xf6, 0xf7, 0xfe, 0xff,
];
const OPCODES_0F: &[u8] = &[
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x90,
    0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xaf, 0xb6,
    0xb7, 0xbe, 0xbf, 0xc8, 0xcb, 0x1f,
];

/// Whether bytes begin with one instruction that a region of this mode takes; its length.
fn accepted(bytes: &[u8], key: Key) -> Option<usize> {
    let raw = crate::instructions::decoded(bytes, key.bits, 0);
    if raw.is_invalid() {
        return None;
    }
    let mut page = [0; 4096];
    let len = raw.len();
    page[..len].copy_from_slice(&bytes[..len]);
    // jmp 0
    page[len] = 0xeb;
    page[len + 1] = (-(len as i32) - 2) as u8;
    let region = Region::form(&page, 0, key, Features::all())?;
    (region.len() == 2).then_some(len)
}

fn data(kind: Kind, rng: &mut Rng) -> u64 {
    let low = match rng.below(12) {
        0 => 0xa000 + rng.below(6) * 0x1000 - rng.below(12),
        1 => STACK - rng.below(64),
        2 => CODE + rng.below(0x1000),
        _ => DATA + 64 + rng.below(DATA_END - DATA - 128),
    };
    match rng.below(6) {
        0 if kind.paging => ALIAS + low,
        1 if kind.paging => SMALL + rng.below(SMALL_PAGES * 0x1000),
        _ => low,
    }
}

fn instruction(kind: Kind, key: Key, rng: &mut Rng) -> Vec<u8> {
    let long = kind.bits() == 64;
    loop {
        let mut code = Vec::new();
        if rng.one_in(8) {
            // mov r32, address of data
            code.push(0xb8 + rng.pick(&[0, 1, 2, 3, 5, 6, 7]));
            code.extend((data(kind, rng) as u32).to_le_bytes());
            return code;
        }
        if rng.one_in(5) {
            code.push(0x66);
        }
        if rng.one_in(20) {
            code.push(rng.pick(&[0x64, 0x65, 0x36, 0x67]));
        }
        if long && !rng.one_in(3) {
            code.push(0x40 | rng.below(16) as u8);
        }
        if rng.one_in(40) {
            // MOVBE
            code.extend([0x0f, 0x38, 0xf0 | rng.below(2) as u8]);
        } else if rng.one_in(4) {
            code.extend([0x0f, rng.pick(OPCODES_0F)]);
        } else {
            code.push(rng.pick(OPCODES));
        }
        let modrm = rng.bits() as u8;
        code.push(match rng.below(4) {
            0 | 1 => modrm | 0xc0,
            // Small displacements.
            2 => modrm & 0x3f | 0x40,
            _ => modrm & 0x3f,
        });
        while code.len() < 16 {
            code.push(rng.bits() as u8);
        }
        // ESP and segments by index stay out of the way of pushes.
        if let Some(len) = accepted(&code, key) {
            code.truncate(len);
            return code;
        }
    }
}

/// Accesses beside each other off one register, and a step of it: what shares checks and keeps pages.
fn neighbours(kind: Kind, key: Key, rng: &mut Rng) -> Vec<Vec<u8>> {
    let wide = kind.bits() == 64;
    let base = rng.pick(&[1u8, 2, 3, 5, 6, 7]);
    let mut all = Vec::new();
    for _ in 0..2 + rng.below(3) {
        let mut code = Vec::new();
        if wide && rng.one_in(2) {
            code.push(0x48);
        }
        // mov, add, cmp and their like, to and from memory; movzx
        let opcode = rng.pick(&[0x88, 0x89, 0x8a, 0x8b, 0x8b, 0x01, 0x03, 0x31, 0x3b]);
        code.push(opcode);
        let any = rng.below(8) as u8;
        let other = rng.pick(&[0u8, 0, 0, base, any]);
        // ESP has another encoding, and stays what it is.
        let other = if other == 4 { 0 } else { other };
        code.push(0x40 | other << 3 | base);
        code.push(rng.pick(&[0u8, 1, 4, 8, 12, 16, 0xf8, 0x7c]));
        all.push(code);
        if rng.one_in(4) {
            all.push(instruction(kind, key, rng));
        }
    }
    // add or sub base, step; lea base, [base+step]; or nothing
    let rex: &[u8] = if wide { &[0x48] } else { &[] };
    let step = rng.pick(&[1u8, 4, 8, 16, 64, 0x7f, 0xf0]);
    let far = rng.pick(&[0u8, 1, 4, 0x10]);
    let code = match rng.below(5) {
        0 => [rex, &[0x83, 0xc0 | base, step]].concat(),
        1 => [rex, &[0x83, 0xe8 | base, step]].concat(),
        2 => [rex, &[0x8d, 0x40 | base << 3 | base, step]].concat(),
        3 => [rex, &[0x81, 0xc0 | base, 0, far, 0, 0]].concat(),
        _ => return all,
    };
    all.push(code);
    all
}

/// A loop of about `length` instructions.
pub fn program(kind: Kind, length: usize, rng: &mut Rng) -> Program {
    let mut scratch = world::bench(kind);
    let mut low = vec![0; LOW as usize];
    scratch.ram.read(0, &mut low).expect("in RAM");
    for byte in &mut low[DATA as usize..DATA_END as usize] {
        *byte = rng.bits() as u8;
    }
    let key = scratch.cpu.jit_key().expect("a mode for generated code");
    let start = CODE + rng.below(5) * 0x1000 + rng.below(0x1000 - 16 * length as u64);
    // Offsets of instructions, and branches with their targets among them.
    let mut places = Vec::new();
    let mut branches = Vec::new();
    let mut code: Vec<u8> = Vec::new();
    let mut waiting: VecDeque<Vec<u8>> = VecDeque::new();
    for n in 0..length {
        places.push(code.len());
        if n + 1 == length {
            branches.push((code.len(), 0));
            code.extend([0xe9, 0, 0, 0, 0]);
        } else if rng.one_in(6) {
            branches.push((code.len(), rng.below(length as u64) as usize));
            code.extend([0x0f, 0x80 | rng.below(16) as u8, 0, 0, 0, 0]);
        } else {
            if waiting.is_empty() && rng.one_in(5) {
                waiting = neighbours(kind, key, rng).into();
            }
            code.extend(waiting.pop_front().unwrap_or_else(|| instruction(kind, key, rng)));
        }
    }
    for (at, to) in branches {
        let end = at + if code[at] == 0xe9 { 5 } else { 6 };
        let displacement = places[to] as i32 - end as i32;
        code[end - 4..end].copy_from_slice(&displacement.to_le_bytes());
    }
    low[start as usize..][..code.len()].copy_from_slice(&code);
    places.push(code.len());
    for pair in places.windows(2) {
        low[(LENGTHS + start) as usize + pair[0]] = (pair[1] - pair[0]) as u8;
    }
    let state = &mut scratch.cpu.state;
    for n in 0..16 {
        let value = match rng.below(3) {
            0 => rng.bits(),
            1 => rng.below(4).wrapping_sub(1),
            _ => data(kind, rng),
        };
        if kind.bits() == 64 || n < 8 {
            state.gpr[n] = if kind.bits() == 64 {
                value
            } else {
                value & 0xffff_ffff
            };
        }
    }
    state.gpr[4] = STACK - 0x100;
    state.flags.set(0x202 | rng.bits() & 0x8d5);
    state.rip = start;
    Program {
        kind,
        low,
        state: scratch.cpu.state.clone(),
    }
}
