//! What a file's directives say: mode, place, initial state, host.
//!
//! | directive | |
//! |---|---|
//! | `mode: long` | or `user` (64 bits, ring 3), `compat`, `prot32`, `prot16`, `real` |
//! | `at: 0x1000` | where the code lies |
//! | `state: rax=1 xmm0=0x3 rflags=0x2 gs.base=0x9000 [0x9000]=0x1234:2` | registers, and memory with its size; any number of such lines |
//! | `host: SSE3 AVX` | what the host of the listing has; all, if not said |
//! | `region: 0x1005` | where the loop of section `clif` is entered; its first instruction, if not said |
//! | `blocks: 1` | so many blocks are listed; all that direct branches lead to, if not said |

use super::file::File;
use target_i386::jit::Host;
use target_i386::state::CpuState;
use target_i386::testbench::{CODE, Mode, TestBench};

/// General registers in encoding order.
pub const GENERAL: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
    "r15",
];
/// Segment registers in encoding order.
const SEGMENTS: [&str; 6] = ["es", "cs", "ss", "ds", "fs", "gs"];

/// A program and the world it starts in.
pub struct Program {
    pub mode: Mode,
    pub at: u64,
    pub host: Host,
    pub blocks: usize,
    pub region: Option<u64>,
    pub code: Vec<u8>,
    state: Vec<(String, u128)>,
    memory: Vec<(u64, Vec<u8>)>,
}

fn number(text: &str) -> Result<u128, String> {
    let plain = text.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16),
        None => plain.parse(),
    }
    .map_err(|_| format!("'{text}' is not a number"))
}

fn small(text: &str) -> Result<u64, String> {
    u64::try_from(number(text)?).map_err(|_| format!("'{text}' has more than 64 bits"))
}

impl Program {
    /// # Errors
    /// A directive that means nothing.
    pub fn new(file: &File) -> Result<Self, String> {
        let mut program = Self {
            mode: Mode::Long,
            at: CODE,
            host: Host::all(),
            blocks: usize::MAX,
            region: None,
            code: Vec::new(),
            state: Vec::new(),
            memory: Vec::new(),
        };
        for (key, value) in &file.directives {
            match key.as_str() {
                "mode" => program.mode = mode(value)?,
                "at" => program.at = small(value)?,
                "region" => program.region = Some(small(value)?),
                "blocks" => program.blocks = small(value)? as usize,
                "host" => {
                    program.host = Host::empty();
                    for name in value.split_whitespace() {
                        program.host |=
                            Host::from_name(name).ok_or_else(|| format!("hosts have no '{name}'"))?;
                    }
                }
                "state" => {
                    for item in value.split_whitespace() {
                        program.add_state(item)?;
                    }
                }
                _ => return Err(format!("there is no directive '{key}'")),
            }
        }
        Ok(program)
    }

    fn add_state(&mut self, item: &str) -> Result<(), String> {
        let wrong = || format!("'{item}' is not register=value or [address]=value:bytes");
        let (name, value) = item.split_once('=').ok_or_else(wrong)?;
        if let Some(address) = name.strip_prefix('[') {
            let address = small(address.strip_suffix(']').ok_or_else(wrong)?)?;
            let (value, size) = value.split_once(':').ok_or_else(wrong)?;
            let size = small(size)? as usize;
            let bytes = number(value)?.to_le_bytes();
            self.memory
                .push((address, bytes.get(..size).ok_or_else(wrong)?.to_vec()));
        } else {
            let value = number(value)?;
            set(&mut CpuState::default(), name, value).ok_or_else(wrong)?;
            self.state.push((name.to_owned(), value));
        }
        Ok(())
    }

    /// Bits of the code's mode.
    pub fn bits(&self) -> u32 {
        match self.mode {
            Mode::Long | Mode::LongUser => 64,
            Mode::CompatUser | Mode::Protected32 => 32,
            Mode::Real | Mode::Protected16 => 16,
        }
    }

    /// Where the code ends: a program that gets there is done.
    pub fn end(&self) -> u64 {
        self.at + self.code.len() as u64
    }

    /// Loads code and state.
    pub fn load(&self, bench: &mut TestBench) {
        bench.put(self.at, &self.code);
        // Whoever gets to the end stays there: jmp $.
        bench.put(self.end(), &[0xeb, 0xfe]);
        for (address, bytes) in &self.memory {
            bench.put(*address, bytes);
        }
        let state = &mut bench.cpu.state;
        state.rip = self.at;
        for (name, value) in &self.state {
            let _ = set(state, name, *value);
        }
        bench.cpu.refresh_mode();
        bench.cpu.tlb.flush_all();
    }
}

fn mode(name: &str) -> Result<Mode, String> {
    Ok(match name {
        "long" => Mode::Long,
        "user" => Mode::LongUser,
        "compat" => Mode::CompatUser,
        "prot32" => Mode::Protected32,
        "prot16" => Mode::Protected16,
        "real" => Mode::Real,
        _ => return Err(format!("there is no mode '{name}'")),
    })
}

/// Sets a register; none if there is none of that name.
fn set(state: &mut CpuState, name: &str, value: u128) -> Option<()> {
    let low = value as u64;
    if let Some(n) = GENERAL.iter().position(|&of| of == name) {
        state.gpr[n] = low;
    } else if let Some(n) = name.strip_prefix("xmm") {
        let register = state.fpu.ymm.get_mut(n.parse::<usize>().ok()?)?;
        [register[0], register[1]] = [low, (value >> 64) as u64];
    } else if let Some(segment) = name.strip_suffix(".base") {
        let n = SEGMENTS.iter().position(|&of| of == segment)?;
        state.seg[n].base = low;
    } else {
        match name {
            "rflags" => state.flags.set(low),
            "mxcsr" => state.fpu.mxcsr = low as u32,
            "cr0" => state.cr0 = low,
            _ => return None,
        }
    }
    Some(())
}
