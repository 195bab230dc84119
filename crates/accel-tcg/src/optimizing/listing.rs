//! What is shown of a region: `-d clif`, its host code under `-d out_asm`, and the name that `perf` gets.
//!
//! The compiling thread writes down what only it has ([`Listing`]); the vCPU, which knows where the region lies in the
//! guest, shows it ([`Placed`]).

use crate::Look;
use crate::listing::disassemble;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, SourceLoc, Value};
use cranelift_codegen::write::{FuncWriter, PlainWriter, decorate_function, write_block_header};
use softmmu::RamAddr;
use std::fmt::{self, Write};
use target_i386::clif::{Region, place};

/// What the compiling thread writes down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// CLIF.
    pub clif: bool,
    /// Host code.
    pub host: bool,
}

impl Wish {
    /// What a look needs.
    pub fn of(look: &Look) -> Self {
        Self {
            clif: look.clif,
            host: look.out_asm || look.jit_dump.is_some(),
        }
    }

    pub(super) fn any(self) -> bool {
        self.clif || self.host
    }
}

/// A line of CLIF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What follows is of the guest's instruction at this offset in its page.
    Guest(u16),
    /// As Cranelift writes it, with names instead of places in the vCPU.
    Text(String),
}

/// What the compiling thread wrote down of a region.
#[derive(Clone, Debug)]
pub struct Listing {
    clif: Vec<Line>,
    /// Host code where there is no disassembler for it.
    text: Option<String>,
    code: Vec<u8>,
    /// Offset in the code, and whose it is from there on: offset in the guest's page, if any instruction's.
    marks: Vec<(u32, Option<u16>)>,
}

fn guest(at: SourceLoc) -> Option<u16> {
    (!at.is_default()).then(|| at.bits() as u16)
}

impl Listing {
    /// Of a function as it was optimized, if that is to be shown, and its code.
    pub(super) fn new(function: Option<&Function>, made: &CompiledCode, code: Vec<u8>) -> Self {
        let mut marks = Vec::new();
        let mut end = 0;
        for piece in made.buffer.get_srclocs_sorted() {
            if piece.start != end {
                marks.push((end, None));
            }
            marks.push((piece.start, guest(piece.loc)));
            end = piece.end;
        }
        marks.push((end, None));
        Self {
            clif: function.map(lines).unwrap_or_default(),
            text: made.vcode.clone(),
            code,
            marks,
        }
    }
}

/// Cranelift's text, without source locations and aliases.
struct Writer {
    guest: Option<u16>,
}

/// Where the line of a guest instruction stands until it is made.
const MARK: char = '@';

impl FuncWriter for Writer {
    fn write_block_header(
        &mut self,
        w: &mut dyn Write,
        function: &Function,
        block: Block,
        _: usize,
    ) -> fmt::Result {
        self.guest = None;
        write_block_header(w, function, block, 4)
    }

    fn write_instruction(
        &mut self,
        w: &mut dyn Write,
        function: &Function,
        _: &SecondaryMap<Value, Vec<Value>>,
        inst: Inst,
        _: usize,
    ) -> fmt::Result {
        let at = guest(function.srcloc(inst));
        // What the optimizer made of several instructions is nobody's.
        if let Some(at) = at
            && self.guest != Some(at)
        {
            self.guest = Some(at);
            writeln!(w, "{MARK}{at}")?;
        }
        let mut text = String::new();
        // Nothing has an alias any more.
        PlainWriter.write_instruction(&mut text, function, &SecondaryMap::new(), inst, 0)?;
        let text = text.trim();
        let text = match text.strip_prefix(MARK).and_then(|rest| rest.split_once(' ')) {
            Some((_, rest)) => rest.trim_start(),
            None => text,
        };
        writeln!(w, "    {}", named(text))
    }
}

/// An access to the vCPU with the place's name instead of its distance from `Env`.
fn named(text: &str) -> String {
    let (code, comment) = match text.find("  ;") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    // Guest memory is not known to be aligned.
    if !code.contains(" notrap aligned ") {
        return text.to_owned();
    }
    let (before, operand) = code.rsplit_once(' ').unwrap_or_default();
    let (base, distance) = operand.split_at(operand.find(['+', '-']).unwrap_or(operand.len()));
    // `Env` itself is the function's first value.
    let distance = if distance.is_empty() && base == "v0" {
        Some(0)
    } else {
        number(distance)
    };
    match distance.and_then(place) {
        Some(name) => format!("{before} {base}+{name}{comment}"),
        None => text.to_owned(),
    }
}

/// A distance with its sign, as Cranelift writes it: large ones are hexadecimal, in groups of four digits.
fn number(text: &str) -> Option<i32> {
    let magnitude = text.get(1..)?.replace('_', "");
    let magnitude: i64 = match magnitude.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => magnitude.parse().ok()?,
    };
    i32::try_from(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
    .ok()
}

/// A function as text that is the same in every build and on every host.
pub fn lines(function: &Function) -> Vec<Line> {
    let mut function = function.clone();
    function.dfg.resolve_all_aliases();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = decorate_function(&mut Writer { guest: None }, &mut text, &function);
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| match line.strip_prefix(MARK).map(str::parse) {
            Some(Ok(at)) => Line::Guest(at),
            _ => Line::Text(line.to_owned()),
        })
        .collect()
}

/// A region that was just compiled.
pub(super) struct Placed<'a> {
    pub number: u64,
    /// Linear address at which it was seen.
    pub pc: u64,
    pub ram: RamAddr,
    pub region: &'a Region,
    /// Host address and bytes of code.
    pub host: u64,
    pub len: usize,
    pub listing: Option<&'a Listing>,
}

impl Placed<'_> {
    /// Shows it to whoever wants to see it.
    pub fn show(&self, look: &Look) {
        if look.filter.contains(self.pc)
            && let Some(listing) = self.listing
        {
            if look.clif {
                for line in self.clif_lines(listing) {
                    tracing::trace!(target: "clif", "{line}");
                }
            }
            if look.out_asm {
                for line in self.host_lines(listing) {
                    tracing::trace!(target: "out_asm", "{line}");
                }
            }
        }
        if look.perf_map.is_some() || look.jit_dump.is_some() {
            let name = format!("region-{:#x}", self.pc);
            if let Some(map) = &look.perf_map {
                map.add(self.host, self.len, &name);
            }
            if let (Some(dump), Some(listing)) = (&look.jit_dump, self.listing) {
                dump.add(self.host, &listing.code, &name);
            }
        }
    }

    fn address(&self, offset: u16) -> u64 {
        self.pc & !0xfff | u64::from(offset)
    }

    /// The guest instruction at an offset.
    fn guest_line(&self, offset: u16) -> String {
        let pieces = self.region.bytes.iter();
        let bytes = pieces
            .filter_map(|(start, bytes)| bytes.get(usize::from(offset.checked_sub(*start)?)..))
            .find(|bytes| !bytes.is_empty())
            .unwrap_or_default();
        let address = self.address(offset);
        match disassemble(self.region.key.bits, bytes, address).next() {
            Some((_, line, _)) => format!("-- guest {line}"),
            None => format!("-- guest {address:#x}"),
        }
    }

    /// A headline, where the guest's code lies, and the intermediate code.
    fn clif_lines(&self, listing: &Listing) -> Vec<String> {
        let pieces: Vec<String> = self
            .region
            .bytes
            .iter()
            .map(|(start, bytes)| {
                let start = self.address(*start);
                format!("{start:#x}+{:#x}", bytes.len())
            })
            .collect();
        let head = format!(
            "region {} at {:#x}, RAM {:#x}, {} bits, {} instructions in {}",
            self.number,
            self.pc,
            self.ram.0,
            self.region.key.bits,
            self.region.len(),
            pieces.join(" ")
        );
        let lines = listing.clif.iter().map(|line| match line {
            Line::Guest(offset) => self.guest_line(*offset),
            Line::Text(text) => text.clone(),
        });
        std::iter::once(head).chain(lines).collect()
    }

    /// A headline and the host's instructions, with the guest's between them.
    fn host_lines(&self, listing: &Listing) -> Vec<String> {
        let guest: usize = self.region.bytes.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut lines = vec![format!(
            "region {} at {:#x}: {} bytes for {guest} of the guest",
            self.number,
            self.pc,
            listing.code.len()
        )];
        if let Some(text) = &listing.text {
            lines.extend(text.lines().map(str::to_owned));
            return lines;
        }
        let mut marks = listing.marks.iter().peekable();
        for (at, line, _) in disassemble(64, &listing.code, self.host) {
            let mut passed = None;
            while let Some(mark) = marks.next_if(|(mark, _)| *mark as usize <= at) {
                passed = Some(mark.1);
            }
            match passed {
                Some(Some(offset)) => lines.push(self.guest_line(offset)),
                Some(None) => lines.push("-- of no instruction".to_owned()),
                None => {}
            }
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests;
