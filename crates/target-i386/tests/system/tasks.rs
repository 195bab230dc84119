//! Hardware task switches: ping-pong by JMP, CALL and IRET, task gates, 16-bit TSS, faults of the new task (trap 7).

use crate::machine::{End, HANDLERS, IDT, Machine, TR, TSS, gp};
use target_i386::flags::bit;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, GDT, Mode, STACK, selector};

const TSS2: u64 = 0x53_0000;
const SEL2: u16 = 0x80;
/// Where the second task starts.
const ENTRY: u64 = 0x2_0000;

fn busy(m: &Machine, selector: u16) -> bool {
    m.bench.get::<1>(GDT + u64::from(selector) + 5)[0] & 2 != 0
}

fn put32(m: &mut Machine, at: u64, value: u32) {
    m.bench.put(at, &value.to_le_bytes());
}

/// A machine with a second 32-bit task whose code is `code`, entered by `kind`'s own instruction.
fn two_tasks(code: &[u8]) -> Machine {
    let mut m = Machine::new(Mode::Protected32);
    m.descriptor(
        SEL2,
        0x0000_8900_0000_0067 | (TSS2 & 0xffff) << 16 | (TSS2 >> 16 & 0xff) << 32,
    );
    m.bench.put(ENTRY, code);
    let t = TSS2;
    put32(&mut m, t + 0x20, ENTRY as u32);
    put32(&mut m, t + 0x24, 0x2);
    for (n, value) in [11, 12, 13, 14, 0x3_0000, 16, 17, 18].iter().enumerate() {
        put32(&mut m, t + 0x28 + 4 * n as u64, *value);
    }
    for n in [0, 2, 3, 4, 5] {
        put32(&mut m, t + 0x48 + 4 * n, u32::from(selector::DATA));
    }
    put32(&mut m, t + 0x4c, u32::from(selector::CODE32));
    put32(&mut m, t + 0x60, 0);
    m
}

/// jmp or call SEL2:0
fn far(opcode: u8) -> [u8; 7] {
    [opcode, 0, 0, 0, 0, SEL2 as u8, 0]
}

#[test]
fn jump_and_back() {
    // Task 2: jmp TR:0
    let mut m = two_tasks(&[0xea, 0, 0, 0, 0, TR as u8, 0]);
    *m.reg(gpr::RBX) = 0x1234_5678;
    m.bench.code(&[&far(0xea)[..], &[0xeb, 0xfe]].concat());
    m.bench.cpu.state.flags.set(bit::DF);
    m.bench.run(1);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (
            state.rip,
            state.tr.selector,
            state.gpr[gpr::RBX],
            state.gpr[gpr::RSP]
        ),
        (ENTRY, SEL2, 14, 0x3_0000)
    );
    assert_eq!(state.flags.get(), bit::FIXED);
    assert_eq!(state.cr0 & 8, 8, "CR0.TS");
    assert!(!busy(&m, TR) && busy(&m, SEL2));
    // What the old task left.
    assert_eq!(u32::from_le_bytes(m.bench.get(TSS + 0x20)), CODE as u32 + 7);
    assert_eq!(
        u32::from_le_bytes(m.bench.get(TSS + 0x24)),
        (bit::FIXED | bit::DF) as u32
    );
    assert_eq!(u32::from_le_bytes(m.bench.get(TSS + 0x34)), 0x1234_5678);
    m.bench.run(1);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (
            state.rip,
            state.tr.selector,
            state.gpr[gpr::RBX],
            state.gpr[gpr::RSP]
        ),
        (CODE + 7, TR, 0x1234_5678, STACK)
    );
    assert!(busy(&m, TR) && !busy(&m, SEL2));
}

#[test]
fn call_nests_and_iret_returns() {
    let mut m = two_tasks(&[0xcf]); // iret
    m.bench.code(&[&far(0x9a)[..], &[0xeb, 0xfe]].concat());
    m.bench.run(1);
    assert_eq!(m.bench.cpu.state.flags.get(), bit::FIXED | bit::NT);
    assert_eq!(u16::from_le_bytes(m.bench.get(TSS2)), TR);
    assert!(busy(&m, TR) && busy(&m, SEL2));
    m.bench.run(1);
    assert_eq!(
        (m.bench.cpu.state.rip, m.bench.cpu.state.tr.selector),
        (CODE + 7, TR)
    );
    assert!(busy(&m, TR) && !busy(&m, SEL2));
    // The called task's saved flags have NT clear.
    assert_eq!(u32::from_le_bytes(m.bench.get(TSS2 + 0x24)) & bit::NT as u32, 0);
}

#[test]
fn task_gate_in_the_idt_takes_an_error_code() {
    let mut m = two_tasks(&[0xf4]);
    m.bench.put(
        IDT + 13 * 8,
        &(0x0000_8500_0000_0000_u64 | u64::from(SEL2) << 16).to_le_bytes(),
    );
    // mov ds, [cs: ..] of a selector beyond the GDT: mov ax, 0x300; mov ds, eax
    m.bench.code(&[0x66, 0xb8, 0, 3, 0x8e, 0xd8]);
    m.bench.run(100);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.tr.selector, state.rip, state.gpr[gpr::RSP]),
        (SEL2, ENTRY + 1, 0x3_0000 - 4)
    );
    assert_eq!(m.stacked(0), 0x300);
    assert_eq!(
        u32::from_le_bytes(m.bench.get(TSS + 0x20)),
        CODE as u32 + 4,
        "the faulting instruction"
    );
}

#[test]
fn sixteen_bit_tasks_have_ones_above() {
    let mut m = two_tasks(&[]);
    m.descriptor(
        SEL2,
        0x0000_8100_0000_002b | (TSS2 & 0xffff) << 16 | (TSS2 >> 16 & 0xff) << 32,
    );
    let words: [u16; 15] = [
        0x5000,
        2,
        1,
        2,
        3,
        4,
        0x7000,
        6,
        7,
        8,
        selector::DATA,
        selector::CODE32,
        selector::DATA,
        selector::DATA,
        0,
    ];
    for (n, word) in words.iter().enumerate() {
        m.bench.put(TSS2 + 0x0e + 2 * n as u64, &word.to_le_bytes());
    }
    m.bench.code(&far(0xea));
    m.bench.run(1);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.rip, state.gpr[gpr::RAX], state.gpr[gpr::RSP]),
        (0x5000, 0xffff_0001, 0xffff_7000)
    );
    assert_eq!((state.seg[4].selector, state.seg[5].selector), (0, 0));
}

#[test]
#[rustfmt::skip]
fn faults() {
    // What is changed in the second task's TSS, or in its descriptor; what comes, and in which task.
    type Change = fn(&mut Machine);
    let cases: &[(Change, End, u16)] = &[
        (|m| m.descriptor(SEL2, 0),                                                    gp(u32::from(SEL2)), TR),
        (|m| m.descriptor(SEL2, 0x0053_8b00_0000_0067),                                gp(u32::from(SEL2)), TR), // busy
        (|m| m.descriptor(SEL2, 0x0000_0953_0000_0067),                                End::Exception(11, Some(SEL2 as u32)), TR),
        (|m| m.descriptor(SEL2, 0x0000_8953_0000_0066),                                End::Exception(10, Some(SEL2 as u32)), TR),
        (|m| put32(m, TSS2 + 0x4c, 0),                                                 End::Shutdown, SEL2), // no stack yet for #TS's own gate
        (|m| put32(m, TSS2 + 0x4c, u32::from(selector::DATA)),                         End::Shutdown, SEL2),
        (|m| put32(m, TSS2 + 0x54, 0x300),                                             End::Exception(10, Some(0x300)), SEL2), // DS
        (|m| put32(m, TSS2 + 0x60, 0x300),                                             End::Shutdown, SEL2), // LDT
    ];
    for (n, (change, expected, task)) in cases.iter().enumerate() {
        let mut m = two_tasks(&[]);
        change(&mut m);
        assert_eq!(m.run(&far(0xea)), *expected, "case {n}");
        assert_eq!(m.bench.cpu.state.tr.selector, *task, "case {n}");
    }
}

#[test]
fn a_bad_stack_in_the_new_task() {
    // #TS needs a stack; the new task has none, so it ends in #DF through a task gate back to the first... here: shutdown.
    let mut m = two_tasks(&[]);
    put32(&mut m, TSS2 + 0x50, 0);
    assert_eq!(m.run(&far(0xea)), End::Shutdown);
}

#[test]
fn the_t_bit_traps() {
    let mut m = two_tasks(&[0x90]);
    m.bench.put(TSS2 + 0x64, &[1]);
    assert_eq!(m.run(&far(0xea)), End::Exception(1, None));
    assert_eq!(m.bench.cpu.state.dr.dr6 & 0x8000, 0x8000);
    assert_eq!(m.stacked(0), ENTRY);
    assert_eq!(HANDLERS + 17, m.bench.cpu.state.rip);
}

#[test]
fn local_breakpoints_go_and_cr3_comes() {
    let mut m = two_tasks(&[0x90]);
    m.bench.cpu.state.dr.dr7 = 0x400 | 3;
    put32(&mut m, TSS2 + 0x1c, 0x12_3000);
    m.bench.code(&far(0xea));
    m.bench.run(1);
    assert_eq!(m.bench.cpu.state.dr.dr7, 0x402);
    assert_ne!(m.bench.cpu.state.cr3, 0x12_3000, "paging is off, so CR3 stays");
}
