//! Host code as text in which nothing depends on the host: thunks, labels, places and guest addresses by name.
//!
//! ```text
//! block 1000:
//!     sub dword ptr [left],2       what the block starts with
//!     js refuse
//!   1000 add rax,[rbx]             a guest instruction
//!     lea r13,[rbx]                its host instructions
//!     jne read_slow8@0             out of line: what happens there, and of which instruction
//! ```

use super::program::Program;
use iced_x86::{
    Decoder, DecoderOptions, FastFormatter, FlowControl, Instruction, Mnemonic, OpKind, Register,
};
use softmmu::RamAddr;
use std::collections::{BTreeMap, BTreeSet};
use target_i386::jit::{Exit, ExitKind, Helper, Key, Thunk, Translation, Translator, names};
use target_i386::{Features, decode};

/// Number of the block in exit words.
const ID: u32 = 1;
/// Bytes of guest code given to the translator for one block, as the engine does.
const WINDOW: usize = 256;

/// Instructions and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Guest instructions.
    pub guest: usize,
    /// Host instructions on the straight way through the blocks.
    pub host: usize,
    /// Host instructions out of line.
    pub cold: usize,
    /// Bytes of host code.
    pub bytes: usize,
}

/// The blocks of a program.
#[derive(Default)]
pub struct Listing {
    /// The straight way.
    pub host: Vec<String>,
    /// What is out of line.
    pub cold: Vec<String>,
    pub counts: Counts,
    /// Places that have no name: what they are called would differ from build to build.
    pub unnamed: Vec<i32>,
}

/// Lists the blocks of `program` that direct branches and the ends of blocks lead to.
pub fn list(program: &Program, key: Key) -> Listing {
    let mut translator = Translator::with_host(Features::all(), program.host).with_marks();
    let mut listing = Listing::default();
    // None: the interpreter's.
    let mut blocks: BTreeMap<u64, Option<Block>> = BTreeMap::new();
    let mut left = BTreeSet::from([program.at]);
    while let Some(address) = left.pop_first() {
        let inside = (program.at..program.end()).contains(&address);
        if !inside || blocks.len() == program.blocks || blocks.contains_key(&address) {
            continue;
        }
        let page = address & !0xfff;
        let guest = &program.code[(address - program.at) as usize..];
        let window = WINDOW.min((page + 0x1000 - address) as usize).min(guest.len());
        let offset = (address & 0xfff) as u16;
        let mut window = window;
        let mut translation = translator.translate(&guest[..window], offset, key, ID);
        if translation.is_none() {
            // Its first instruction crosses into the next page, which is where RAM goes on.
            window = decode::MAX_LENGTH.min(guest.len());
            let second = RamAddr(page + 0x1000);
            translation = translator.translate_across(&guest[..window], second, offset, key, ID);
        }
        let Some(translation) = translation else {
            let raw = guest_decoder(guest, key, address).decode();
            left.extend(followers(&raw));
            blocks.insert(address, None);
            continue;
        };
        for link in &translation.links {
            left.insert(page.wrapping_add(i64::from(link.target) as u64));
        }
        let last = guest_decoder(guest, key, address)
            .into_iter()
            .nth(translation.offsets.len() - 2);
        left.extend(last.iter().flat_map(followers));
        let block = Block::new(
            std::mem::take(translation),
            address,
            guest[..window].to_vec(),
            key,
        );
        blocks.insert(address, Some(block));
    }
    for (address, block) in &blocks {
        match block {
            Some(block) => block.list(&mut listing),
            None => listing.host.push(format!("block {address:x}: the interpreter's")),
        }
    }
    listing
}

/// Where a guest instruction at a block's end leads to, as far as it says so itself.
fn followers(raw: &Instruction) -> Vec<u64> {
    use FlowControl as F;
    let target = [OpKind::NearBranch16, OpKind::NearBranch32, OpKind::NearBranch64]
        .contains(&raw.op0_kind())
        .then(|| raw.near_branch_target());
    let goes_on = !matches!(
        raw.flow_control(),
        F::UnconditionalBranch | F::IndirectBranch | F::Return
    );
    target.into_iter().chain(goes_on.then(|| raw.next_ip())).collect()
}

fn guest_decoder(bytes: &[u8], key: Key, address: u64) -> Decoder<'_> {
    Decoder::with_ip(key.bits, bytes, address, decode::options(Features::all()))
}

fn formatter() -> FastFormatter {
    let mut formatter = FastFormatter::new();
    let options = formatter.options_mut();
    options.set_use_hex_prefix(true);
    options.set_uppercase_hex(false);
    formatter
}

/// A translated block with its host instructions.
struct Block {
    translation: Translation,
    address: u64,
    guest: Vec<u8>,
    key: Key,
    /// Host instructions by offset.
    host: BTreeMap<usize, Instruction>,
    /// Jump targets in the straight part.
    labels: BTreeMap<usize, String>,
}

impl Block {
    fn new(translation: Translation, address: u64, guest: Vec<u8>, key: Key) -> Self {
        let decoder = Decoder::with_ip(64, &translation.code, 0, DecoderOptions::NONE);
        let host = decoder.into_iter().map(|raw| (raw.ip() as usize, raw)).collect();
        let mut block = Self {
            translation,
            address,
            guest,
            key,
            host,
            labels: BTreeMap::new(),
        };
        let straight = block.straight_end();
        let targets: BTreeSet<usize> = block
            .host
            .values()
            .filter(|raw| block.thunk(raw).is_none())
            .filter_map(branch_target)
            .filter(|&target| target < straight)
            .collect();
        block.labels = targets
            .into_iter()
            .enumerate()
            .map(|(n, target)| (target, format!("L{n}")))
            .collect();
        block
    }

    /// First offset out of line.
    fn straight_end(&self) -> usize {
        self.translation.marks.last().map_or(0, |&mark| mark as usize)
    }

    /// The thunk that a jump or call leads to.
    fn thunk(&self, raw: &Instruction) -> Option<Thunk> {
        let field = raw.next_ip() as usize - 4;
        let relocs = &self.translation.relocs;
        relocs
            .iter()
            .find(|(at, _)| *at == field)
            .map(|&(_, thunk)| thunk)
    }

    fn next(&self, raw: &Instruction) -> Option<&Instruction> {
        self.host.get(&(raw.next_ip() as usize))
    }

    /// An address in the page of the block.
    fn guest_address(&self, offset: i32) -> u64 {
        (self.address & !0xfff).wrapping_add(i64::from(offset) as u64)
    }

    /// The exit word that an instruction makes, told by what is jumped to next.
    fn exit_word(&self, raw: &Instruction) -> Option<String> {
        let is_constant = raw.mnemonic() == Mnemonic::Mov && raw.op1_kind() == OpKind::Immediate32;
        let thunk = self.thunk(self.next(raw)?)?;
        if !is_constant || thunk == Thunk::Helper {
            return None;
        }
        let exit = Exit::from_word(raw.immediate32());
        if exit.block != ID {
            return None;
        }
        Some(match exit.kind {
            ExitKind::Entry => "refused".to_owned(),
            ExitKind::Link => {
                let target = self.translation.links[usize::from(exit.n)].target;
                format!("unlinked@{:x}", self.guest_address(target))
            }
            kind => format!("{kind:?}@{}", exit.n).to_lowercase(),
        })
    }

    /// What happens from an offset out of line on: up to the first thunk.
    fn cold_name(&self, from: usize) -> String {
        let mut word = String::new();
        for raw in self.host.range(from..).map(|(_, raw)| raw) {
            if let Some(made) = self.exit_word(raw) {
                word = made;
            }
            if let Some(thunk) = self.thunk(raw) {
                return match (thunk, word.rsplit_once('@')) {
                    (Thunk::Exit, _) => word,
                    (_, Some((_, n))) => format!("{thunk}@{n}"),
                    _ => thunk.to_string(),
                };
            }
        }
        format!("+{from:x}")
    }

    /// What a branch goes to.
    fn target(&self, raw: &Instruction, target: usize) -> String {
        if let Some(thunk) = self.thunk(raw) {
            return thunk.to_string();
        }
        for link in &self.translation.links {
            let name = format!("block {:x}", self.guest_address(link.target));
            if link.stub as usize == target {
                return name;
            }
            // Linked, it leads there only if the block takes what is owed.
            if link
                .settles
                .is_some_and(|settles| settles.start as usize == target)
            {
                return format!("{name}, owing");
            }
        }
        match self.labels.get(&target) {
            Some(label) => label.clone(),
            None => self.cold_name(target),
        }
    }

    /// A host instruction as text.
    fn text(&self, raw: &Instruction) -> String {
        let mut text = String::new();
        formatter().format(raw, &mut text);
        if let Some(target) = branch_target(raw) {
            let mnemonic = text.split(' ').next().unwrap_or_default();
            return format!("{mnemonic} {}", self.target(raw, target));
        }
        if raw.op_count() == 2 && matches!(raw.op1_kind(), OpKind::Immediate32 | OpKind::Immediate64) {
            let before = text.rsplit_once(',').map_or("", |(before, _)| before);
            if let Some(word) = self.exit_word(raw) {
                return format!("{before},{word}");
            }
            let mut handlers = self.translation.helpers.iter();
            let n = handlers.position(|helper| {
                raw.op1_kind() == OpKind::Immediate64
                    && std::ptr::from_ref::<Helper>(helper) as u64 == raw.immediate64()
            });
            if let Some(n) = n {
                return format!("{before},handler {n}");
            }
        }
        match (self.place(raw), text.split_once('['), text.split_once(']')) {
            (Some(place), Some((before, _)), Some((_, after))) => format!("{before}[{place}]{after}"),
            _ => text,
        }
    }

    /// The name of the memory operand, if it is relative to the environment.
    fn place(&self, raw: &Instruction) -> Option<String> {
        let name = names::place(environment_offset(raw)?)?;
        Some(match (raw.memory_index(), raw.memory_index_scale()) {
            (Register::None, _) => name,
            (index, 1) => format!("{name}+{index:?}").to_lowercase(),
            (index, scale) => format!("{name}+{index:?}*{scale}").to_lowercase(),
        })
    }

    fn list(&self, listing: &mut Listing) {
        let code = &self.translation;
        let out = &mut listing.host;
        out.push(format!("block {:x}:", self.address));
        let mut guest = guest_decoder(&self.guest, self.key, self.address).into_iter();
        for (&at, raw) in self.host.range(..self.straight_end()) {
            // A guest instruction without host instructions has the mark of the next.
            let starts = code.marks[..code.marks.len() - 1].iter();
            for _ in starts.filter(|&&mark| mark as usize == at) {
                if let Some(insn) = guest.next() {
                    out.push(guest_line(&insn));
                }
            }
            if let Some(label) = self.labels.get(&at) {
                out.push(format!("  {label}:"));
            }
            out.push(format!("    {}", self.text(raw)));
        }
        // Those at the very end.
        let straight = self.straight_end();
        let empty = code.marks[..code.marks.len() - 1].iter();
        for _ in empty.filter(|&&mark| mark as usize == straight) {
            if let Some(insn) = guest.next() {
                out.push(guest_line(&insn));
            }
        }
        self.list_cold(&mut listing.cold);
        let offsets = self.host.values().filter_map(environment_offset);
        listing
            .unnamed
            .extend(offsets.filter(|&offset| names::place(offset).is_none()));
        let counts = &mut listing.counts;
        let hot = self.host.range(..straight).count();
        counts.guest += code.offsets.len() - 1;
        counts.host += hot;
        counts.cold += self.host.len() - hot;
        counts.bytes += code.code.len();
    }

    fn list_cold(&self, out: &mut Vec<String>) {
        out.push(format!("block {:x}:", self.address));
        let straight = self.straight_end();
        let own = self.host.values().filter(|raw| self.thunk(raw).is_none());
        let heads: BTreeSet<usize> = own.filter_map(branch_target).collect();
        for (&at, raw) in self.host.range(straight..) {
            let mut links = self.translation.links.iter();
            let settled = links.find(|link| link.settles.is_some_and(|s| s.start as usize == at));
            if at == self.translation.refuse as usize {
                out.push("  dead:".to_owned());
            } else if let Some(link) = settled {
                out.push(format!("  settles@{:x}:", self.guest_address(link.target)));
            } else if heads.contains(&at) {
                out.push(format!("  {}:", self.cold_name(at)));
            }
            out.push(format!("    {}", self.text(raw)));
        }
    }
}

fn guest_line(insn: &Instruction) -> String {
    let mut text = String::new();
    formatter().format(insn, &mut text);
    format!("  {:x} {text}", insn.ip())
}

/// Where a direct jump or call of the host leads: an offset in the code.
fn branch_target(raw: &Instruction) -> Option<usize> {
    (raw.op_count() == 1 && raw.op0_kind() == OpKind::NearBranch64).then(|| raw.near_branch64() as usize)
}

/// The displacement of a memory operand relative to the environment.
fn environment_offset(raw: &Instruction) -> Option<i32> {
    let environment = Register::RAX + u32::from(names::ENV_REGISTER);
    (raw.memory_base() == environment).then(|| raw.memory_displacement64() as i32)
}
