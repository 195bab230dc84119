//! What kernels execute at their gates: SYSCALL, SYSRET, SWAPGS, STAC, CLAC, reads of control registers.
//!
//! Templates for what 64-bit kernels and their programs do; whatever else these instructions may mean (faults, TF, AC
//! left set, pending interrupts that get their chance) leaves before the instruction. What
//! [`refresh_mode`](crate::Vcpu::refresh_mode) would find changed is then little: between privilege levels of 64-bit
//! code the cached mode differs in its MMU indexes and `tag`, and so does the mode key in the fetch tags. Blocks exist
//! only while no breakpoint, trap or alignment check is armed, and none of these instructions arms one.

use super::asm::{Op, Rm, alu, cc, env, op32, op64};
use super::block::{Emitter, Item};
use super::env::{Key, at};
use super::plan::Effects;
use super::regs::{S0, S1, host};
use super::rows::{Row, Template};
use crate::flags::bit;
use crate::insn::seg;
use crate::mode::{MMU_KERNEL, MMU_KERNEL_AC, MMU_USER, cr};
use crate::state::{Segment, gpr};
use crate::syscall::{CODE, DATA, RING3};
use iced_x86::{Code, Instruction};
use softmmu::MmuIndex;

/// OR in the opcode map.
const OR: u8 = 1;
/// Bit of `Mode::tag` for fetches at CPL 3.
const TAG_USER: i32 = 1 << 4;
/// IA32_EFER.SCE.
const SCE: u8 = 1;
const R11: u8 = 11;
const RCX: u8 = gpr::RCX as u8;
/// RFLAGS bits that are kept outside `Env::flags` and that 64-bit code may have.
const CONTROL: i32 =
    (bit::TF | bit::IF | bit::DF | bit::IOPL | bit::NT | bit::AC | bit::VIF | bit::VIP | bit::ID) as i32;
/// The status flags in the low byte.
const LOW_STATUS: i32 = (bit::STATUS & 0xff) as i32;

/// The row of an instruction that has one.
pub(super) fn row(raw: &Instruction, key: Key) -> Option<Row> {
    if key.bits != 64 {
        return None;
    }
    let row = |emit: Template| {
        let effects = Effects {
            exits: true,
            clobbers: true,
            ..Effects::default()
        };
        Some(Row::new(emit, effects))
    };
    let user = key.mmu == MMU_USER;
    match raw.code() {
        Code::Syscall if user => row(syscall).map(Row::last),
        Code::Sysretq if !user => row(sysret).map(Row::last),
        Code::Swapgs if !user => row(swapgs),
        // It is set already.
        Code::Stac if key.mmu == MMU_KERNEL_AC => row(at_level_0),
        Code::Stac if key.mmu == MMU_KERNEL => row(stac).map(Row::last),
        Code::Clac if key.mmu == MMU_KERNEL_AC => row(clac).map(Row::last),
        // It may be set without CR4.SMAP.
        Code::Clac if key.mmu == MMU_KERNEL => row(clear_ac),
        Code::Mov_r64_cr if !user && control_register(raw).is_some() => row(mov_from_cr),
        _ => None,
    }
}

/// The place of the control register that MOV reads.
fn control_register(raw: &Instruction) -> Option<i32> {
    at::control_register(raw.op1_register().number() as u8)
}

impl Emitter {
    /// Leaves before the instruction unless CPL is 0.
    fn require_level_0(&mut self) {
        self.asm.op(op32(0x80), alu::CMP, env(at::cpl()));
        self.asm.byte(0);
        let from = self.asm.jcc(cc::NZ);
        self.leave_before(from);
    }

    /// Leaves before the instruction if `bits` of a byte are all clear (`Z`) or not (`NZ`).
    fn leave_on_byte(&mut self, place: i32, bits: u8, condition: u8) {
        self.asm.op(op32(0xf6), 0, env(place));
        self.asm.byte(bits);
        let from = self.asm.jcc(condition);
        self.leave_before(from);
    }

    /// `[place] = value`, 64 bits, sign-extended.
    fn set64(&mut self, place: i32, value: i32) {
        self.asm.op(op64(0xc7), 0, env(place));
        self.asm.imm32(value);
    }

    /// `[place] = value`, 32 bits.
    fn set32(&mut self, place: i32, value: u32) {
        self.asm.op(op32(0xc7), 0, env(place));
        self.asm.imm32(value as i32);
    }

    /// `[place] = value`, 8 bits.
    fn set8(&mut self, place: i32, value: u8) {
        self.asm.op(op32(0xc6), 0, env(place));
        self.asm.byte(value);
    }

    /// `[place] = S0`, 16 bits.
    fn store16(&mut self, place: i32) {
        let op = Op {
            p66: true,
            ..op32(0x89)
        };
        self.asm.op(op, S0, env(place));
    }

    /// S0 = 16 bits.
    fn load16(&mut self, place: i32) {
        self.asm.op(Op { map: 1, ..op32(0xb7) }, S0, env(place));
    }

    /// The hidden part of a flat segment register.
    fn set_flat(&mut self, segment: u8, attr: u32) {
        self.set64(at::descriptor_base(segment), 0);
        self.set32(at::descriptor_limit(segment), u32::MAX);
        self.set32(at::descriptor_attr(segment), attr);
    }

    /// RFLAGS = `from`, a 32-bit register or place, with S0 as scratch.
    fn set_flags(&mut self, from: Rm) {
        let asm = &mut self.asm;
        let load = op32(0x8b);
        asm.op(load, S0, from);
        asm.alu_imm(alu::AND, Rm::Reg(S0), LOW_STATUS, false);
        asm.op(op32(0x88), S0, env(at::FLAGS + 1));
        asm.op(load, S0, from);
        asm.shift_imm(5, S0, bit::OF.trailing_zeros() as u8, false);
        asm.alu_imm(alu::AND, Rm::Reg(S0), 1, false);
        asm.op(op32(0x88), S0, env(at::FLAGS));
        asm.op(load, S0, from);
        asm.alu_imm(alu::AND, Rm::Reg(S0), CONTROL, false);
        asm.alu_imm(OR, Rm::Reg(S0), bit::FIXED as i32, false);
        asm.store(env(at::control_flags()), S0);
    }

    /// The cached mode after data accesses change from one MMU index to another.
    fn change_mmu(&mut self, to: MmuIndex) {
        self.set8(at::MODE_MMU, to.raw() as u8);
        let change = i32::from(Key::mmu_change(self.key.mmu, to));
        for half in 0..2 {
            self.asm.alu_imm(alu::XOR, env(at::TAGS + 8 * half), change, true);
        }
    }

    /// The same, with CPL becoming 0 or 3.
    fn change_level(&mut self, cpl: u8) {
        let to = if cpl == 3 { MMU_USER } else { MMU_KERNEL };
        self.set8(at::cpl(), cpl);
        self.set8(at::MODE_FETCH, to.raw() as u8);
        self.asm.alu_imm(alu::XOR, env(at::MODE_TAG), TAG_USER, false);
        self.change_mmu(to);
    }

    /// Finds the code at the address in S0 for after the change to an MMU index: S1 = its jump-cache entry.
    fn find_under(&mut self, to: MmuIndex) {
        for from in self.look_up(Key::mmu_change(self.key.mmu, to)) {
            self.leave_before(from);
        }
    }
}

/// SYSCALL from CPL 3, if FMASK clears AC (or it is clear): TF and RF are clear while generated code runs.
fn syscall(emitter: &mut Emitter, item: &Item) {
    emitter.clobber();
    emitter.leave_on_byte(at::EFER, SCE, cc::Z);
    emitter.asm.load(S0, env(at::FMASK));
    // NOT
    emitter.asm.op(op64(0xf7), 2, Rm::Reg(S0));
    emitter.asm.alu(alu::AND, S0, env(at::control_flags()));
    emitter.asm.op(op32(0xf7), 0, Rm::Reg(S0));
    emitter.asm.imm32(bit::AC as i32);
    let keeps_ac = emitter.asm.jcc(cc::NZ);
    emitter.leave_before(keeps_ac);
    emitter.asm.load(S0, env(at::LSTAR));
    emitter.find_under(MMU_KERNEL);
    // Nothing leaves from here on; RCX is scratch, S1 the entry.
    let movzx_byte = Op { map: 1, ..op32(0xb6) };
    let asm = &mut emitter.asm;
    asm.op(movzx_byte, RCX, env(at::FLAGS));
    asm.shift_imm(4, RCX, bit::OF.trailing_zeros() as u8, false);
    asm.op(movzx_byte, S0, env(at::FLAGS + 1));
    asm.alu_imm(alu::AND, Rm::Reg(S0), LOW_STATUS, false);
    asm.op(op64(0x0b), RCX, Rm::Reg(S0));
    asm.op(op64(0x0b), RCX, env(at::control_flags()));
    asm.store(env(at::gpr(R11)), RCX);
    asm.load(S0, env(at::FMASK));
    asm.op(op64(0xf7), 2, Rm::Reg(S0));
    asm.alu(alu::AND, RCX, Rm::Reg(S0));
    emitter.set_flags(Rm::Reg(RCX));
    let next = emitter.next_offset(item);
    let asm = &mut emitter.asm;
    asm.load(RCX, env(at::RIP_BASE));
    asm.lea(RCX, Rm::Base(RCX, next), true);
    emitter.load16(at::STAR + 4);
    emitter.asm.alu_imm(alu::AND, Rm::Reg(S0), 0xfffc, false);
    emitter.store16(at::selector(seg::CS));
    emitter.asm.alu_imm(alu::ADD, Rm::Reg(S0), 8, false);
    emitter.store16(at::selector(seg::SS));
    emitter.set_flat(seg::CS, CODE << 8 | Segment::L | Segment::G);
    emitter.set_flat(seg::SS, DATA << 8 | Segment::DB | Segment::G);
    emitter.change_level(0);
    emitter.enter_found();
}

/// SYSRET to 64-bit code, if SS is flat (vendors do different things with another) and neither TF nor AC comes back. A
/// return to a non-canonical address finds no code.
fn sysret(emitter: &mut Emitter, _: &Item) {
    const USER_SS: u32 = (DATA | RING3) << 8 | Segment::DB | Segment::G;
    emitter.clobber();
    emitter.require_level_0();
    emitter.leave_on_byte(at::EFER, SCE, cc::Z);
    let asm = &mut emitter.asm;
    asm.op(op32(0x8b), S0, env(at::descriptor_attr(seg::SS)));
    asm.alu_imm(OR, Rm::Reg(S0), (RING3 << 8) as i32, false);
    asm.alu_imm(alu::CMP, Rm::Reg(S0), USER_SS as i32, false);
    let other_attr = asm.jcc(cc::NZ);
    asm.alu_imm(alu::CMP, env(at::descriptor_limit(seg::SS)), -1, false);
    let other_limit = asm.jcc(cc::NZ);
    asm.alu_imm(alu::CMP, env(at::descriptor_base(seg::SS)), 0, true);
    let other_base = asm.jcc(cc::NZ);
    asm.op(op32(0xf7), 0, env(at::gpr(R11)));
    asm.imm32((bit::TF | bit::AC) as i32);
    let special_flags = asm.jcc(cc::NZ);
    // IF may come back: what is pending then gets its chance.
    asm.load(S0, env(at::PENDING));
    asm.alu_imm(alu::CMP, Rm::Base(S0, 0), 0, false);
    let pending = asm.jcc(cc::NZ);
    for from in [other_attr, other_limit, other_base, special_flags, pending] {
        emitter.leave_before(from);
    }
    emitter.asm.mov(S0, RCX);
    emitter.find_under(MMU_USER);
    // Nothing leaves from here on; S1 is the entry.
    emitter.set_flags(env(at::gpr(R11)));
    emitter.load16(at::STAR + 6);
    emitter.asm.alu_imm(alu::ADD, Rm::Reg(S0), 16, false);
    emitter.asm.alu_imm(OR, Rm::Reg(S0), 3, false);
    emitter.store16(at::selector(seg::CS));
    emitter.load16(at::STAR + 6);
    emitter.asm.alu_imm(alu::ADD, Rm::Reg(S0), 8, false);
    emitter.asm.alu_imm(OR, Rm::Reg(S0), 3, false);
    emitter.store16(at::selector(seg::SS));
    emitter.set_flat(seg::CS, (CODE | RING3) << 8 | Segment::L | Segment::G);
    emitter.set32(at::descriptor_attr(seg::SS), USER_SS);
    emitter.change_level(3);
    emitter.enter_found();
}

/// SWAPGS at CPL 0.
fn swapgs(emitter: &mut Emitter, _: &Item) {
    emitter.clobber();
    emitter.require_level_0();
    let asm = &mut emitter.asm;
    asm.load(S0, env(at::KERNEL_GS_BASE));
    asm.load(S1, env(at::descriptor_base(seg::GS)));
    asm.store(env(at::KERNEL_GS_BASE), S1);
    asm.store(env(at::descriptor_base(seg::GS)), S0);
    asm.store(env(at::seg_base(seg::GS)), S0);
}

/// STAC with AC set already.
fn at_level_0(emitter: &mut Emitter, _: &Item) {
    emitter.clobber();
    emitter.require_level_0();
}

/// STAC at CPL 0 with CR4.SMAP: what follows is code of another mode key, so the block ends.
fn stac(emitter: &mut Emitter, item: &Item) {
    const SMAP_BYTE: i32 = cr::CR4_SMAP.trailing_zeros() as i32 / 8;
    emitter.clobber();
    emitter.require_level_0();
    emitter.leave_on_byte(
        at::CR4 + SMAP_BYTE,
        (cr::CR4_SMAP >> (8 * SMAP_BYTE)) as u8,
        cc::Z,
    );
    emitter
        .asm
        .alu_imm(OR, env(at::control_flags()), bit::AC as i32, true);
    emitter.change_mmu(MMU_KERNEL_AC);
    emitter.go_on(emitter.next_offset(item));
}

/// CLAC at CPL 0 where AC suspends SMAP.
fn clac(emitter: &mut Emitter, item: &Item) {
    clear_ac(emitter, item);
    emitter.change_mmu(MMU_KERNEL);
    emitter.go_on(emitter.next_offset(item));
}

/// CLAC at CPL 0 where AC is clear, or does nothing.
fn clear_ac(emitter: &mut Emitter, _: &Item) {
    emitter.clobber();
    emitter.require_level_0();
    emitter
        .asm
        .alu_imm(alu::AND, env(at::control_flags()), !(bit::AC as i32), true);
}

/// MOV from CR0, CR2, CR3 or CR4 at CPL 0.
fn mov_from_cr(emitter: &mut Emitter, item: &Item) {
    emitter.clobber();
    emitter.require_level_0();
    let Some(place) = control_register(&item.raw) else {
        return;
    };
    let to = item.insn.reg[0];
    let register = host(to).unwrap_or(S0);
    emitter.asm.load(register, env(place));
    if register == S0 {
        emitter.asm.store(env(at::gpr(to)), S0);
    }
}
