//! Delivery and return: frames, gates, double and triple faults, NMI, shadows, IRET in 64-bit mode (traps 11, 12, 30, 38).

use crate::machine::{End, HANDLERS, IST1, Machine, RING0_STACK, TSS, UD, gp, pf};
use target_i386::flags::bit;
use target_i386::state::{Activity, gpr};
use target_i386::testbench::{CODE, Mode, STACK, selector};

#[test]
fn long_mode_frame_from_ring_3() {
    let mut m = Machine::new(Mode::LongUser);
    // ud2
    assert_eq!(m.run(&[0x0f, 0x0b]), UD);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], RING0_STACK - 40);
    let frame: Vec<u64> = (0..5).map(|n| m.stacked(n)).collect();
    let expected = [
        CODE,
        u64::from(selector::USER_CODE64),
        bit::FIXED | bit::RF,
        STACK,
        u64::from(selector::USER_DATA),
    ];
    assert_eq!(frame, expected);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.cpl, state.seg[1].selector, state.seg[2].selector),
        (0, selector::CODE64, 0)
    );
}

#[test]
fn long_mode_frame_is_aligned_and_error_code_last() {
    let mut m = Machine::new(Mode::Long);
    *m.reg(gpr::RSP) = STACK - 3;
    // mov rax, [0xdead000000000000]: non-canonical
    assert_eq!(m.run(&[0x48, 0xa1, 0, 0, 0, 0, 0, 0, 0xad, 0xde]), gp(0));
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], STACK - 16 - 48);
    assert_eq!(
        (m.stacked(1), m.stacked(4), m.stacked(5)),
        (CODE, STACK - 3, u64::from(selector::DATA))
    );
}

#[test]
fn ist_switches_at_the_same_ring() {
    let mut m = Machine::new(Mode::Long);
    m.gate_to(6, 14, 0, selector::CODE64, HANDLERS + 96, 1);
    assert_eq!(m.run(&[0x0f, 0x0b]), UD);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], IST1 - 40);
    assert_eq!(m.bench.cpu.state.seg[2].selector, selector::DATA);
}

#[test]
#[rustfmt::skip]
fn gates_and_their_faults() {
    // INT 40h from ring 3 through a gate of this type, DPL, presence and code selector.
    for (access, code, expected) in [
        (0xee, selector::CODE64,      End::Exception(0x40, None)),
        (0xef, selector::CODE64,      End::Exception(0x40, None)),
        (0x8e, selector::CODE64,      gp(0x40 << 3 | 2)),                     // DPL below CPL
        (0x6e, selector::CODE64,      End::Exception(11, Some(0x40 << 3 | 2))),
        (0xec, selector::CODE64,      gp(0x40 << 3 | 2)),                     // a call gate
        (0xe5, selector::CODE64,      gp(0x40 << 3 | 2)),                     // a task gate
        (0xee, 0,                     gp(0)),
        (0xee, selector::DATA,        gp(0x10)),
        (0xee, selector::CODE32,      gp(0x18)),                              // not 64-bit
        (0xee, 0x1f8 + 8,             gp(0x200)),                             // beyond the GDT
        (0xee, selector::USER_CODE64, End::At(HANDLERS + 0x400)),             // ring 3: HLT is #GP there
    ] {
        let mut m = Machine::new(Mode::LongUser);
        m.gate_to(0x40, access & 15, access >> 5 & 3, code, HANDLERS + 0x400, 0);
        if access & 0x80 == 0 {
            let at = crate::machine::IDT + 0x400 + 5;
            m.bench.put(at, &[access as u8]);
        }
        let got = m.run(&[0xcd, 0x40]);
        if let End::At(_) = expected {
            assert_eq!(got, gp(0), "ring 3 handler");
            assert_eq!(m.stacked(1), HANDLERS + 0x400);
        } else {
            assert_eq!(got, expected, "access {access:#x} code {code:#x}");
        }
    }
}

#[test]
fn software_interrupts_need_dpl_and_faults_do_not() {
    for (code, ring3_dpl, expected) in [
        (&[0xcc][..], 0, gp(3 << 3 | 2)),
        (&[0xcc], 3, End::Exception(3, None)),
        (&[0xf1], 0, End::Exception(1, None)),
        (&[0x0f, 0x0b], 0, UD),
        (&[0xcd, 0x0d], 0, gp(13 << 3 | 2)),
    ] {
        let mut m = Machine::new(Mode::LongUser);
        m.gate(3, 14, ring3_dpl);
        assert_eq!(m.run(code), expected, "{code:x?}");
    }
}

#[test]
fn double_and_triple_fault() {
    // The stack of ring 0 is not mapped: #PF in the delivery of #UD (benign) is #PF; its own delivery: #DF; then shutdown.
    let mut m = Machine::new(Mode::LongUser);
    m.bench.put(TSS + 4, &0x4000_0000_0000_u64.to_le_bytes());
    assert_eq!(m.run(&[0x0f, 0x0b]), End::Shutdown);
    // With #DF on its own stack it arrives, code 0.
    let mut m = Machine::new(Mode::LongUser);
    m.bench.put(TSS + 4, &0xffff_8000_0000_1000_u64.to_le_bytes());
    m.gate_to(8, 14, 0, selector::CODE64, HANDLERS + 8 * 16, 1);
    assert_eq!(m.run(&[0x0f, 0x0b]), End::Exception(8, Some(0)));
    assert_eq!(m.bench.cpu.state.cr2, 0xffff_8000_0000_0ff8);
    // No IDT at all.
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.idtr.limit = 0;
    assert_eq!(m.run(&[0x0f, 0x0b]), End::Shutdown);
}

#[test]
fn error_codes_of_nested_faults_have_ext() {
    // #UD through a gate to a data segment: #GP(selector + EXT).
    let mut m = Machine::new(Mode::Long);
    m.gate_to(6, 14, 0, selector::DATA, HANDLERS, 0);
    assert_eq!(m.run(&[0x0f, 0x0b]), gp(u32::from(selector::DATA) | 1));
    let mut m = Machine::new(Mode::Long);
    m.bench.put(crate::machine::IDT + 6 * 16 + 5, &[0x0e]);
    assert_eq!(m.run(&[0x0f, 0x0b]), End::Exception(11, Some(6 << 3 | 3)));
}

#[test]
fn page_fault_stores_the_address() {
    let mut m = Machine::new(Mode::LongUser);
    // mov rax, [0x100000000] (not mapped)
    assert_eq!(m.run(&[0x48, 0xa1, 0, 0, 0, 0, 1, 0, 0, 0]), pf(4));
    assert_eq!(m.bench.cpu.state.cr2, 0x1_0000_0000);
    assert_eq!(m.stacked(1), CODE);
}

#[test]
fn iretq_returns_to_ring_3_and_back() {
    let mut m = Machine::new(Mode::Long);
    let user = 0x2_0000_u64;
    m.bench.put(user, &[0x0f, 0x0b]);
    // push ss; push rsp; push flags; push cs; push rip; iretq, by forged frame
    let frame = [
        user,
        u64::from(selector::USER_CODE64),
        0x202 | bit::IOPL | bit::RF,
        0x3_0000,
        u64::from(selector::USER_DATA),
    ];
    for (n, value) in frame.iter().enumerate() {
        m.bench.put(STACK - 40 + 8 * n as u64, &value.to_le_bytes());
    }
    *m.reg(gpr::RSP) = STACK - 40;
    assert_eq!(m.run(&[0x48, 0xcf]), UD);
    assert_eq!(m.stacked(0), user);
    assert_eq!(m.stacked(2), 0x202 | bit::IOPL | bit::RF);
    assert_eq!(m.stacked(3), 0x3_0000);
}

#[test]
#[rustfmt::skip]
fn forged_iretq_frames() {
    let (uc, ud, c, d) = (selector::USER_CODE64, selector::USER_DATA, selector::CODE64, selector::DATA);
    for (rip, cs, ss, expected) in [
        (CODE + 2,           c,      d,      End::Done),
        (CODE + 2,           c,      0,      End::Done),                 // null SS below ring 3 of 64-bit mode
        (CODE + 2,           c,      3,      gp(0)),                     // null with RPL 3
        (1 << 63,            c,      d,      gp(0)),                     // non-canonical
        (CODE + 2,           0,      d,      gp(0)),
        (CODE + 2,           d,      d,      gp(0x10)),                  // data as code
        (CODE + 2,           uc & !3, d,     gp(0x30)),                  // RPL 0 with DPL 3
        (CODE + 2,           uc,     d,      gp(0x10)),                  // SS of ring 0
        (CODE + 2,           uc,     0,      gp(0)),
        (CODE + 2,           uc,     ud,     End::Done),
        (CODE + 2,           0x203,  ud,     gp(0x200)),                 // beyond the GDT
        (CODE + 2,           uc,     0x203,  gp(0x200)),
        (CODE + 2,           uc,     uc,     gp(0x30)),                  // code as stack
    ] {
        let mut m = Machine::new(Mode::Long);
        for (n, value) in [rip, u64::from(cs), 2, STACK, u64::from(ss)].iter().enumerate() {
            m.bench.put(STACK - 40 + 8 * n as u64, &value.to_le_bytes());
        }
        *m.reg(gpr::RSP) = STACK - 40;
        assert_eq!(m.run(&[0x48, 0xcf]), expected, "rip {rip:#x} cs {cs:#x} ss {ss:#x}");
    }
}

#[test]
fn user_iret_changes_neither_iopl_nor_if() {
    let mut m = Machine::new(Mode::LongUser);
    m.bench.cpu.state.flags.set(bit::IF);
    for (n, value) in [
        CODE + 2,
        u64::from(selector::USER_CODE64),
        bit::IOPL | bit::DF,
        STACK,
        u64::from(selector::USER_DATA),
    ]
    .iter()
    .enumerate()
    {
        m.bench.put(STACK - 40 + 8 * n as u64, &value.to_le_bytes());
    }
    *m.reg(gpr::RSP) = STACK - 40;
    assert_eq!(m.run(&[0x48, 0xcf]), End::Done);
    assert_eq!(m.bench.cpu.state.flags.get(), bit::FIXED | bit::IF | bit::DF);
}

fn raise_interrupt(m: &mut Machine, vector: u8) {
    m.bench.board.vectors.lock().push(vector);
    m.bench.cpu.signals.set_intr(true);
}

#[test]
fn sti_holds_interrupts_off_one_instruction() {
    let mut m = Machine::new(Mode::Long);
    raise_interrupt(&mut m, 0x50);
    // sti; inc eax; inc eax
    assert_eq!(m.run(&[0xfb, 0xff, 0xc0, 0xff, 0xc0]), End::Exception(0x50, None));
    assert_eq!((m.bench.cpu.state.gpr[gpr::RAX], m.stacked(0)), (1, CODE + 3));
    assert_eq!(m.bench.cpu.icount, 3, "sti, inc and the handler's hlt");
}

#[test]
fn sti_hlt_wakes() {
    let mut m = Machine::new(Mode::Long);
    // sti; hlt; inc eax
    m.run(&[0xfb, 0xf4, 0xff, 0xc0]);
    assert_eq!(m.bench.cpu.state.activity, Activity::Halted);
    raise_interrupt(&mut m, 0x51);
    assert_eq!(m.resume(4), End::Exception(0x51, None));
    assert_eq!(m.stacked(0), CODE + 2);
}

#[test]
fn mov_ss_holds_nmi_off_one_instruction() {
    let mut m = Machine::new(Mode::Long);
    m.bench.code(&[0x8e, 0xd1, 0xff, 0xc0, 0xff, 0xc0]); // mov ss, ecx; inc eax; inc eax
    *m.reg(gpr::RCX) = u64::from(selector::DATA);
    m.bench.run(1);
    m.bench.cpu.signals.nmi();
    assert_eq!(m.resume(6), End::Exception(2, None));
    assert_eq!((m.bench.cpu.state.gpr[gpr::RAX], m.stacked(0)), (1, CODE + 4));
}

#[test]
fn nmi_is_blocked_until_iret() {
    let mut m = Machine::new(Mode::Long);
    // Handler: inc ebx; iretq
    m.bench.put(HANDLERS + 32, &[0xff, 0xc3, 0x48, 0xcf]);
    m.bench.code(&[0xeb, 0xfe]);
    m.bench.cpu.signals.nmi();
    m.bench.run(1);
    m.bench.cpu.signals.nmi();
    assert!(m.bench.cpu.state.nmi_blocked);
    m.bench.run(1); // iretq
    assert_eq!(m.bench.cpu.state.rip, CODE);
    m.bench.run(1); // the second
    assert_eq!(m.bench.cpu.state.gpr[gpr::RBX], 2);
}

#[test]
fn masked_and_spurious_interrupts_leave_the_cpu_alone() {
    let mut m = Machine::new(Mode::Long);
    raise_interrupt(&mut m, 0x50);
    assert_eq!(m.run(&[0x90]), End::Done);
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.signals.set_intr(true);
    assert_eq!(m.run(&[0xfb, 0x90, 0x90]), End::Done, "nothing to acknowledge");
}

#[test]
fn interrupt_gates_clear_if_and_trap_gates_do_not() {
    for (kind, expected) in [(14, 0), (15, bit::IF)] {
        let mut m = Machine::new(Mode::Long);
        m.gate(0x40, kind, 0);
        m.bench.cpu.state.flags.set(bit::IF | bit::TF | bit::NT);
        m.bench.cpu.state.flags.put(bit::TF, false);
        assert_eq!(m.run(&[0xcd, 0x40]), End::Exception(0x40, None));
        assert_eq!(m.bench.cpu.state.flags.get(), bit::FIXED | expected);
    }
}

#[test]
fn init_and_sipi() {
    let mut m = Machine::new(Mode::Long);
    target_i386::reset::init(&mut m.bench.cpu);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (
            state.seg[1].selector,
            state.seg[1].base,
            state.cr0 & 1,
            state.msr.efer
        ),
        (0xf000, 0xffff_0000, 0, 0)
    );
    m.bench.cpu.state.activity = Activity::WaitForSipi;
    m.bench.cpu.signals.sipi(0x12);
    m.bench.put(0x1_2000, &[0xeb, 0xfe]);
    m.bench.run(1);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.activity, state.seg[1].selector, state.rip),
        (Activity::Running, 0x1200, 0)
    );
}
