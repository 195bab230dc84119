//! `x` and `xp`: memory in a chosen format, `/COUNT FORMAT SIZE` as in QEMU and gdb.

use crate::{Target, Unreadable};
use std::fmt::Write;

/// How to show memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    count: usize,
    letter: char,
    size: usize,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            count: 1,
            letter: 'x',
            size: 4,
        }
    }
}

/// More than fits anybody's screen; bounds the work of one command.
const MAX_COUNT: usize = 4096;

impl Format {
    /// Reads `/16xb`: count, then letters in any order. What is not given stays as it was last time.
    ///
    /// # Errors
    /// A line naming the letter that is no format.
    pub fn parse(text: &str, last: Self) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (count, letters) = text.split_at(digits);
        let mut format = Self { count: 1, ..last };
        if !count.is_empty() {
            format.count = count
                .parse()
                .ok()
                .filter(|&n| n <= MAX_COUNT)
                .ok_or(format!("at most {MAX_COUNT} items"))?;
        }
        for letter in letters.chars() {
            match letter {
                'x' | 'd' | 'u' | 'o' | 'c' | 'i' => format.letter = letter,
                'b' => format.size = 1,
                'h' => format.size = 2,
                'w' => format.size = 4,
                'g' => format.size = 8,
                _ => {
                    return Err(format!(
                        "'{letter}' is no format; there are x d u o c i and sizes b h w g"
                    ));
                }
            }
        }
        Ok(format)
    }

    fn value(&self, bytes: &[u8]) -> String {
        let raw = bytes
            .iter()
            .rev()
            .fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        let unused = 64 - 8 * bytes.len() as u32;
        match self.letter {
            'd' => format!("{}", ((raw << unused) as i64) >> unused),
            'u' => format!("{raw}"),
            'o' => format!("{raw:#o}"),
            'c' => format!("{:?}", char::from(bytes[0])),
            _ => format!("{raw:#0width$x}", width = 2 + 2 * bytes.len()),
        }
    }
}

/// Whether addresses are virtual (`x`) or physical (`xp`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Through the CPU's current mapping.
    Virtual,
    /// As on the bus.
    Physical,
}

fn read(space: Space, target: &mut dyn Target, address: u64, to: &mut [u8]) -> Result<(), Unreadable> {
    match space {
        Space::Virtual => target.read_virtual(address, to),
        Space::Physical => target.read_physical(address, to),
    }
}

/// The text of one `x` or `xp` command.
pub fn examine(format: Format, space: Space, address: u64, target: &mut dyn Target) -> String {
    if format.letter == 'i' {
        instructions(format, space, address, target)
    } else {
        data(format, space, address, target)
    }
}

fn data(format: Format, space: Space, mut address: u64, target: &mut dyn Target) -> String {
    let size = if format.letter == 'c' { 1 } else { format.size };
    let per_line = (16 / size).min(8);
    let mut out = String::new();
    for i in 0..format.count {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..size];
        if let Err(Unreadable(at)) = read(space, target, address, bytes) {
            let _ = write!(
                out,
                "{}cannot access memory at {at:#x}",
                if i == 0 { "" } else { "\n" }
            );
            break;
        }
        if i % per_line == 0 {
            let _ = write!(out, "{}{address:016x}:", if i == 0 { "" } else { "\n" });
        }
        let _ = write!(out, " {}", format.value(bytes));
        address = address.wrapping_add(size as u64);
    }
    out.push('\n');
    out
}

fn instructions(format: Format, space: Space, mut address: u64, target: &mut dyn Target) -> String {
    let mut out = String::new();
    for _ in 0..format.count {
        let mut bytes = [0; 15];
        // Near the end of what is mapped fewer than 15 bytes can be had.
        let Some(n) = (1..=15)
            .rev()
            .find(|&n| read(space, target, address, &mut bytes[..n]).is_ok())
        else {
            let _ = writeln!(out, "cannot access memory at {address:#x}");
            break;
        };
        let (length, text) = target.disassemble(&bytes[..n], address);
        let _ = writeln!(out, "{address:#018x}:  {text}");
        address = address.wrapping_add(length.max(1) as u64);
    }
    out
}
