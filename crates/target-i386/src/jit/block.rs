//! One block: decode, choose rows, plan flags, emit, with the tables that link it and that say where it was left.

use super::asm::{Asm, Rm, alu, cc, env, op32};
use super::encoding::Encoding;
use super::env::{Key, at};
use super::host::Host;
use super::memory::Cold;
use super::owed::{self, Owed, Taker};
use super::plan::{self, Held};
use super::regs::{LEFT, S0, S1};
use super::rows::{self, Row};
use super::runtime::{ExitKind, Helper, exit_word};
use super::system;
use super::thunks::Thunk;
use super::vector;
use crate::decode::{self, Context, Decoded};
use crate::{Features, Insn};
use iced_x86::{Code, Instruction};
use softmmu::RamAddr;

/// Most instructions in a block: their number has six bits in an exit word.
pub const MAX_INSNS: usize = 63;

/// A direct exit: a jump that may be linked to its target's code.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Position of the jump's rel32 in the code; none if it always leaves.
    pub at: Option<u32>,
    /// Where the jump goes while it is not linked: an offset in the code.
    pub stub: u32,
    /// Offset of the target from the page of the block's first byte.
    pub target: i32,
    /// If the block owes flags there: what stores them before the block behind the link is entered.
    pub settles: Option<Settles>,
}

/// Code that stores the flags that a block owes at one of its links.
#[derive(Clone, Copy, Debug)]
pub struct Settles {
    /// Where it starts: where the link goes unless the block behind it takes what is owed.
    pub start: u32,
    /// Position of the rel32 of the jump at its end.
    pub jump: u32,
}

/// Host code for a block, not yet placed.
#[derive(Default)]
pub struct Translation {
    /// The code.
    pub code: Vec<u8>,
    /// rel32 fields that lead to thunks.
    pub relocs: Vec<(usize, Thunk)>,
    /// Direct exits, by the number in the exit word.
    pub links: Vec<Link>,
    /// Offset of each instruction from the page's start, and of the first byte behind the block.
    pub offsets: Vec<u16>,
    /// What helper calls point at; must live as long as the code.
    #[allow(clippy::vec_box)] // code holds their addresses
    pub helpers: Vec<Box<Helper>>,
    /// Where it is entered with owed flags.
    pub open: u32,
    /// Whether it may be.
    pub taker: Option<Taker>,
    /// The flags that it owes at links that settle.
    pub owed: Option<Owed>,
    /// What the code does when it was entered and must not run: an offset in it. Its first instruction can be
    /// overwritten by a jump to here.
    pub refuse: u32,
    /// Offset of each instruction's code, and of what lies behind the straight way; empty unless asked for.
    pub marks: Vec<u32>,
}

/// A decoded instruction with its row.
pub(super) struct Item {
    pub raw: Instruction,
    pub insn: Insn,
    pub e: Encoding,
    /// The instruction's, and what follows it.
    pub bytes: [u8; decode::MAX_LENGTH],
    /// Offset from the block's start.
    pub start: u16,
    pub row: Row,
    /// Flags after it are wanted in memory.
    pub save: bool,
    /// It writes some of the flags, and nobody looks at any of them.
    pub dead: bool,
    /// It stores the memory operand that it compares, for flags owed.
    pub snapshot: bool,
    /// The instruction whose flags its cold paths have to make again.
    pub remake: Option<u8>,
    /// Bits of `Env::vectors` that nobody has tested before it.
    pub gate: u8,
}

impl Item {
    /// The immediate's bytes.
    pub fn imm(&self) -> &[u8] {
        &self.bytes[self.e.imm as usize..self.insn.len as usize]
    }

    /// MOV with a 64-bit absolute address.
    pub fn is_moffs(&self) -> bool {
        self.e.map == 0 && matches!(self.e.code, 0xa0..=0xa3)
    }
}

/// Translates blocks for CPUs with some features on this host.
pub struct Translator {
    features: Features,
    host: Host,
    most: usize,
    marks: bool,
    /// The last block, whose memory the next one takes.
    items: Vec<Item>,
    cold: Vec<Cold>,
    last: Translation,
}

impl Translator {
    /// A translator for guests with `features`.
    pub fn new(features: Features) -> Self {
        Self::with_host(features, Host::detect())
    }

    /// A translator that emits what a host with `host` can run.
    pub fn with_host(features: Features, host: Host) -> Self {
        Self {
            features,
            host,
            most: MAX_INSNS,
            marks: false,
            items: Vec::with_capacity(MAX_INSNS),
            cold: Vec::new(),
            last: Translation::default(),
        }
    }

    /// Makes blocks of one instruction.
    pub fn one_by_one(self) -> Self {
        Self { most: 1, ..self }
    }

    /// Fills in [`Translation::marks`].
    pub fn with_marks(self) -> Self {
        Self { marks: true, ..self }
    }

    /// Translates the block that starts with `bytes` (of one page), at `page_offset` of its page. `id` is what exit
    /// words name it by. None if the first instruction does not end in the page.
    pub fn translate(
        &mut self,
        bytes: &[u8],
        page_offset: u16,
        key: Key,
        id: u32,
    ) -> Option<&mut Translation> {
        self.decode(bytes, key, self.most);
        self.translate_decoded(page_offset, key, id, None)
    }

    /// Translates the one instruction that `bytes` start with, which runs over its page's end into the RAM page at
    /// `second`. The code looks whether it still would.
    pub fn translate_across(
        &mut self,
        bytes: &[u8],
        second: RamAddr,
        page_offset: u16,
        key: Key,
        id: u32,
    ) -> Option<&mut Translation> {
        self.decode(bytes, key, 1);
        self.translate_decoded(page_offset, key, id, Some(second))
    }

    fn translate_decoded(
        &mut self,
        page_offset: u16,
        key: Key,
        id: u32,
        second: Option<RamAddr>,
    ) -> Option<&mut Translation> {
        let items = &mut self.items;
        if items.is_empty() {
            return None;
        }
        let owing = if key.flat_code && key.bits != 16 {
            owed::owed(items)
        } else {
            None
        };
        if let Some((n, owed)) = owing {
            items[n].snapshot = owed.needs_snapshot();
        }
        plan::plan(items, owing.map(|(n, _)| n));
        let last = std::mem::take(&mut self.last);
        let mut emitter = Emitter {
            asm: Asm::reuse(last.code),
            key,
            id,
            page_offset,
            second,
            bmi2: self.host.contains(Host::BMI2),
            current: 0,
            held: Held::Nothing,
            remake: None,
            cold: std::mem::take(&mut self.cold),
            relocs: emptied(last.relocs),
            links: emptied(last.links),
            offsets: emptied(last.offsets),
            helpers: emptied(last.helpers),
            count: items.len() as u8,
            taker: Taker::of(items),
            owed: owing.map(|(_, owed)| owed),
            owes: false,
            x87_based: false,
            marks: self.marks.then(|| emptied(last.marks)),
        };
        self.last = emitter.emit(items);
        self.cold = emitter.cold;
        Some(&mut self.last)
    }

    /// Fills in at most `most` items.
    fn decode(&mut self, bytes: &[u8], key: Key, most: usize) {
        let context = Context {
            bits: key.bits,
            real_like: key.real_like,
            features: self.features,
        };
        let items = &mut self.items;
        items.clear();
        let mut run = decode::Run::new(bytes, context);
        let mut start = 0;
        let mut seen = 0;
        while items.len() < most && start < bytes.len() {
            let mut raw = Instruction::default();
            let Decoded::Insn(insn) = run.decode_into(start, &mut raw) else {
                break;
            };
            let len = insn.len as usize;
            let own = leading(&bytes[start..]);
            let e = Encoding::parse(&own[..len], key.bits == 64, insn.mem.asize == 2);
            let mut row = rows::row(&raw, &insn, &e, key, self.host);
            let gate = vector::gate(&mut row, &mut seen);
            let last = row.last;
            items.push(Item {
                raw,
                insn,
                e,
                bytes: own,
                start: start as u16,
                row,
                save: false,
                dead: false,
                snapshot: false,
                remake: None,
                gate,
            });
            start += len;
            if last {
                break;
            }
        }
        if let Some(item) = items.last_mut()
            && system::needs_successor(&item.raw)
        {
            item.row = rows::end();
        }
    }
}

/// The memory of a vector.
fn emptied<T>(mut from: Vec<T>) -> Vec<T> {
    from.clear();
    from
}

/// As many bytes as an instruction may have, zero behind the end. A copy of fixed length where that can be.
fn leading(bytes: &[u8]) -> [u8; decode::MAX_LENGTH] {
    bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut all = [0; decode::MAX_LENGTH];
        all[..bytes.len()].copy_from_slice(bytes);
        all
    })
}

/// A block under construction.
pub(super) struct Emitter {
    pub asm: Asm,
    pub key: Key,
    id: u32,
    page_offset: u16,
    /// The RAM page behind the end that the only instruction runs over.
    second: Option<RamAddr>,
    pub bmi2: bool,
    /// Number of the current instruction.
    current: u8,
    /// See [`Item::remake`].
    pub remake: Option<u8>,
    /// What the host's flags hold of the guest's.
    pub held: Held,
    pub cold: Vec<Cold>,
    pub relocs: Vec<(usize, Thunk)>,
    links: Vec<Link>,
    offsets: Vec<u16>,
    #[allow(clippy::vec_box)] // code holds their addresses
    helpers: Vec<Box<Helper>>,
    count: u8,
    taker: Option<Taker>,
    owed: Option<Owed>,
    /// `Env::owed` says that this block owes flags.
    owes: bool,
    /// `Env::x87_base` is the block's.
    pub x87_based: bool,
    marks: Option<Vec<u32>>,
}

impl Emitter {
    fn emit(&mut self, items: &[Item]) -> Translation {
        let count = i32::from(self.count);
        if self.taker.is_some() {
            self.asm.op(op32(0xc7), 0, env(at::OWED));
            self.asm.imm32(0);
        }
        let open = self.asm.at() as u32;
        self.asm.alu_imm(alu::SUB, Rm::Reg(LEFT), count, false);
        let out = self.asm.jcc(cc::S);
        if let Some(second) = self.second {
            self.asm.mov_imm(S0, second.0);
            self.asm.mov_imm(S1, u64::from(self.word(ExitKind::Interpret)));
            let call = self.asm.call();
            self.relocs.push((call, Thunk::Second));
        }
        for (n, item) in items.iter().enumerate() {
            self.current = n as u8;
            self.mark();
            self.remake = item.remake;
            (item.row.emit)(self, item);
            if !item.row.last && n + 1 == items.len() {
                self.go_on(self.next_offset(item));
            }
        }
        self.mark();
        self.emit_cold(items);
        // The block does not fit into what is left: give it back, and tell.
        self.asm.bind_here(out);
        self.asm.alu_imm(alu::ADD, Rm::Reg(LEFT), count, false);
        let refuse = self.asm.at() as u32;
        self.current = 0;
        self.exit(self.word(ExitKind::Entry));
        for n in 0..self.links.len() {
            self.emit_link(n);
        }
        let page_offset = self.page_offset;
        self.offsets
            .extend(items.iter().map(|item| page_offset + item.start));
        let end = items
            .last()
            .map_or(0, |item| item.start + u16::from(item.insn.len));
        self.offsets.push(page_offset + end);
        Translation {
            code: std::mem::take(&mut self.asm).into_code(),
            relocs: std::mem::take(&mut self.relocs),
            links: std::mem::take(&mut self.links),
            offsets: std::mem::take(&mut self.offsets),
            helpers: std::mem::take(&mut self.helpers),
            open,
            taker: self.taker,
            owed: self.owed,
            refuse,
            marks: self.marks.take().unwrap_or_default(),
        }
    }

    /// Emits what a direct exit does while it is not linked, and what it owes.
    fn emit_link(&mut self, n: usize) {
        let start = self.asm.at();
        let settles = self.links[n].settles.is_some().then(|| {
            self.save_flags();
            self.asm.jmp()
        });
        let stub = self.asm.at();
        if let Some(jump) = settles {
            self.asm.bind(jump, stub);
            self.links[n].settles = Some(Settles {
                start: start as u32,
                jump: jump as u32,
            });
        }
        self.links[n].stub = stub as u32;
        if let Some(at) = self.links[n].at {
            self.asm.bind(at as usize, start);
        }
        self.exit(exit_word(ExitKind::Link, self.id, n as u8));
    }

    /// Lets the links behind this owe the block's flags, if it has any to owe. The host's flags stay.
    pub fn owe(&mut self) {
        if self.owed.is_some() && !self.owes {
            self.owes = true;
            self.asm.op(op32(0xc7), 0, env(at::OWED));
            self.asm.imm32(Owed::word(self.id) as i32);
        }
    }

    /// Stores the flags that the block would owe: where it does not end in a link. The host's flags stay.
    pub fn settle(&mut self) {
        if self.owed.is_some() {
            self.save_flags();
        }
    }

    fn mark(&mut self) {
        if let Some(marks) = &mut self.marks {
            marks.push(self.asm.at() as u32);
        }
    }

    /// What exit words name the block by.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The exit word for leaving at the current instruction.
    pub fn word(&self, kind: ExitKind) -> u32 {
        exit_word(kind, self.id, self.current)
    }

    /// Offset of the instruction behind `item` from the page's start.
    pub fn next_offset(&self, item: &Item) -> i32 {
        i32::from(self.page_offset) + i32::from(item.start) + i32::from(item.insn.len)
    }

    /// A direct exit to `target`, an offset from the page's start: number for [`ExitKind::Link`].
    pub fn link(&mut self, at: Option<usize>, target: i32) -> u8 {
        self.links.push(Link {
            at: at.map(|at| at as u32),
            stub: 0,
            target,
            settles: (self.owes && at.is_some()).then_some(Settles { start: 0, jump: 0 }),
        });
        (self.links.len() - 1) as u8
    }

    /// Calls the interpreter's handler for `item`; if `leave`, the block ends behind it.
    pub fn call_helper(&mut self, item: &Item, leave: bool) {
        let helper = Box::new(Helper {
            insn: item.insn,
            next: self.next_offset(item),
            after: self.count - self.current,
            writes_flags: rows::modifies_flags(&item.raw) || item.raw.code() == Code::INVALID,
            leave,
            word: self.word(ExitKind::After),
            key: self.key,
        });
        self.asm.mov_imm(S0, std::ptr::from_ref(helper.as_ref()) as u64);
        self.helpers.push(helper);
        let call = self.asm.call();
        self.relocs.push((call, Thunk::Helper));
        self.held = Held::Nothing;
    }
}
