//! Real mode, unreal mode, virtual-8086 mode with and without VME (traps 1 to 3, 30).

use crate::machine::{End, Machine, RING0_STACK, TSS, gp};
use target_i386::flags::bit;
use target_i386::state::{Segment, gpr};
use target_i386::testbench::{CODE, Mode, STACK, selector};

#[test]
fn real_mode_interrupts() {
    let mut m = Machine::new(Mode::Real);
    m.bench.cpu.state.flags.set(bit::IF | bit::CF);
    assert_eq!(m.run(&[0xcd, 0x21]), End::Exception(0x21, None));
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.gpr[gpr::RSP], state.flags.get()),
        (STACK - 6, bit::FIXED | bit::CF)
    );
    let frame: [u8; 6] = m.bench.get(STACK - 6);
    assert_eq!(frame, [(CODE + 2) as u8, (CODE >> 8) as u8, 0, 0, 0x03, 0x02]);
}

#[test]
#[rustfmt::skip]
fn real_mode_limits() {
    for (code, bx, sp, expected) in [
        (&[0x8b, 0x07][..],       0xffff, STACK, End::Exception(13, None)),  // mov ax, [bx]: a word at FFFF
        (&[0x8a, 0x07],           0xffff, STACK, End::Done),
        (&[0x36, 0x8b, 0x07],     0xffff, STACK, End::Exception(12, None)),  // through SS
        (&[0x50],                 0,      0,     End::Done),                 // push at SP 0 wraps to FFFE
        (&[0x67, 0x8b, 0x03],     0x1_0000, STACK, End::Exception(13, None)), // 32-bit address beyond 64 KiB
    ] {
        let mut m = Machine::new(Mode::Real);
        *m.reg(gpr::RBX) = bx;
        *m.reg(gpr::RSP) = sp;
        assert_eq!(m.run(code), expected, "{code:x?}");
        if sp == 0 {
            assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], 0xfffe);
        }
    }
}

#[test]
fn real_mode_shuts_down_without_room_for_a_frame() {
    let mut m = Machine::new(Mode::Real);
    *m.reg(gpr::RSP) = 1;
    assert_eq!(m.run(&[0xcd, 0x21]), End::Shutdown);
}

#[test]
fn unreal_mode() {
    let mut m = Machine::new(Mode::Real);
    m.bench.cpu.state.gdtr.base = target_i386::testbench::GDT;
    m.bench.put(0x20_0000, &0x1234_u16.to_le_bytes());
    // mov eax, cr0; inc ax; mov cr0, eax; mov bx, 10h; mov ds, bx; dec ax; mov cr0, eax;
    // mov ebx, 200000h; mov cx, [ebx]; xor ax, ax; mov ds, ax; mov dx, [ebx]
    let code = [
        0x0f, 0x20, 0xc0, 0x40, 0x0f, 0x22, 0xc0, 0xbb, 0x10, 0, 0x8e, 0xdb, 0x48, 0x0f, 0x22, 0xc0, 0x66,
        0xbb, 0, 0, 0x20, 0, 0x67, 0x8b, 0x0b, 0x31, 0xc0, 0x8e, 0xd8, 0x67, 0x8b, 0x13,
    ];
    assert_eq!(m.run(&code), End::Done);
    let state = &m.bench.cpu.state;
    assert_eq!((state.gpr[gpr::RCX], state.gpr[gpr::RDX]), (0x1234, 0x1234));
}

#[test]
fn entering_protected_mode_and_back_by_far_jumps() {
    let mut m = Machine::new(Mode::Real);
    m.bench.cpu.state.gdtr.base = target_i386::testbench::GDT;
    // mov eax, cr0; inc ax; mov cr0, eax; jmp 20h:next; dec ax; mov cr0, eax; jmp 0:next; nop
    let at = CODE as u16;
    let (a, b) = ((at + 12).to_le_bytes(), (at + 21).to_le_bytes());
    let code = [
        0x0f, 0x20, 0xc0, 0x40, 0x0f, 0x22, 0xc0, 0xea, a[0], a[1], 0x20, 0, 0x48, 0x0f, 0x22, 0xc0, 0xea,
        b[0], b[1], 0, 0, 0x90,
    ];
    assert_eq!(m.run(&code), End::Done);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.cr0 & 1, state.seg[1].selector, state.seg[1].limit),
        (0, 0, 0xffff)
    );
}

#[test]
fn far_call_and_return_in_real_mode() {
    let mut m = Machine::new(Mode::Real);
    // At 2000:0010: retf 2
    m.bench.put(0x2_0010, &[0xca, 2, 0]);
    assert_eq!(m.run(&[0x50, 0x9a, 0x10, 0, 0, 0x20]), End::Done);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], STACK);
}

/// In virtual-8086 mode at 0:CODE, stack 0:STACK.
fn v86(iopl: u64, vme: bool) -> Machine {
    let mut m = Machine::new(Mode::Protected32);
    m.bench.cpu.state.flags.set(bit::VM | iopl << 12 | bit::IF);
    m.bench.cpu.state.cpl = 3;
    if vme {
        m.bench.cpu.state.cr4 |= 1;
        // I/O map at 136, redirection map at 104: only vector 21h goes to the program.
        m.bench.put(TSS + 102, &136_u16.to_le_bytes());
        m.bench.put(TSS + 104, &[0xff; 32]);
        m.bench.put(TSS + 104 + 4, &[!2]);
        m.bench.put(0x21 * 4, &0x2000_0010_u32.to_le_bytes());
    }
    for n in 0..6 {
        m.bench.cpu.state.seg[n] = Segment {
            selector: 0,
            base: 0,
            limit: 0xffff,
            attr: 0xf300,
        };
    }
    for vector in 0..=255 {
        m.gate(vector, 14, 3);
    }
    m.bench.cpu.refresh_mode();
    m
}

#[test]
fn v86_interrupts_go_to_ring_0_with_all_segments() {
    let mut m = v86(3, false);
    m.bench.cpu.state.seg[4].selector = 0x1234;
    assert_eq!(m.run(&[0xcd, 0x40]), End::Exception(0x40, None));
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.cpl, state.seg[2].selector, state.gpr[gpr::RSP]),
        (0, selector::DATA, RING0_STACK - 36)
    );
    assert!(state.seg[3].selector == 0 && !state.seg[3].present());
    let frame: Vec<u64> = (0..9).map(|n| m.stacked(n)).collect();
    let flags = bit::FIXED | bit::VM | bit::IF | bit::IOPL;
    assert_eq!(frame, [CODE + 2, 0, flags, STACK, 0, 0, 0, 0x1234, 0]);
}

#[test]
#[rustfmt::skip]
fn v86_sensitive_instructions() {
    for (iopl, code, expected) in [
        (0, &[0xcd, 0x40][..],  gp(0)),                       // INT n
        (0, &[0xcc],            End::Exception(3, None)),     // INT3
        (0, &[0xcf],            gp(0)),                       // IRET
        (0, &[0xfa],            gp(0)),                       // CLI
        (0, &[0x9c],            gp(0)),                       // PUSHF
        (3, &[0xfa],            End::Done),
        (3, &[0x9c],            End::Done),
        (3, &[0xf4],            gp(0)),                       // HLT
        (3, &[0x0f, 0x00, 0xd8], End::Exception(6, None)),    // LTR
        (3, &[0x8e, 0xd8],      End::Done),                   // MOV DS
    ] {
        let mut m = v86(iopl, false);
        assert_eq!(m.run(code), expected, "iopl {iopl} {code:x?}");
    }
}

#[test]
fn vme_redirects_to_the_program() {
    for (iopl, image, after) in [
        (3, bit::IOPL | bit::IF, bit::IOPL),
        // Below IOPL 3 the program sees VIF as IF and IOPL 3.
        (0, bit::IOPL | bit::IF, bit::IF),
    ] {
        let mut m = v86(iopl, true);
        if iopl == 0 {
            m.bench.cpu.state.flags.put(bit::VIF, true);
        }
        m.bench.code(&[0xcd, 0x21]);
        m.bench.run(1);
        let state = &m.bench.cpu.state;
        assert_eq!(
            (state.rip, state.seg[1].selector, state.gpr[gpr::RSP]),
            (0x10, 0x2000, STACK - 6)
        );
        let frame: [u8; 6] = m.bench.get(STACK - 6);
        assert_eq!(
            u64::from(u16::from_le_bytes([frame[4], frame[5]])),
            bit::FIXED | image
        );
        assert_eq!(state.flags.get(), bit::FIXED | bit::VM | after);
    }
    assert_eq!(v86(0, true).run(&[0xcd, 0x22]), gp(0));
    assert_eq!(v86(3, true).run(&[0xcd, 0x22]), End::Exception(0x22, None));
}

#[test]
fn vme_virtual_interrupt_flag() {
    // cli; sti below IOPL 3 act on VIF; with VIP set STI faults.
    let mut m = v86(0, true);
    assert_eq!(m.run(&[0xfb]), End::Done);
    assert!(m.bench.cpu.state.flags.has(bit::VIF | bit::IF));
    assert_eq!(m.run(&[0xfa]), End::Done);
    assert!(!m.bench.cpu.state.flags.has(bit::VIF) && m.bench.cpu.state.flags.has(bit::IF));
    m.bench.cpu.state.flags.put(bit::VIP, true);
    assert_eq!(m.run(&[0xfb]), gp(0));
}

#[test]
fn vme_iret() {
    let mut m = v86(0, true);
    m.bench.put(
        STACK - 6,
        &[(CODE + 1) as u8, (CODE >> 8) as u8, 0, 0, 0x01, 0x02],
    );
    *m.reg(gpr::RSP) = STACK - 6;
    assert_eq!(m.run(&[0xcf]), End::Done);
    let flags = m.bench.cpu.state.flags.get();
    assert_eq!(
        flags & (bit::VIF | bit::CF | bit::VM),
        bit::VIF | bit::CF | bit::VM
    );
}

#[test]
fn iretd_enters_v86_from_ring_0_only() {
    let frame = |m: &mut Machine, flags: u64| {
        let values = [CODE + 1, 0x10, flags, 0x8000, 0x20, 0x30, 0x40, 0x50, 0x60];
        for (n, value) in values.iter().enumerate() {
            m.bench
                .put(STACK - 36 + 4 * n as u64, &(*value as u32).to_le_bytes());
        }
        *m.reg(gpr::RSP) = STACK - 36;
    };
    let mut m = Machine::new(Mode::Protected32);
    frame(&mut m, bit::VM | bit::IOPL | bit::IF);
    m.bench.code(&[0xcf]);
    m.bench.run(1);
    let state = &m.bench.cpu.state;
    assert_eq!((state.cpl, state.rip, state.gpr[gpr::RSP]), (3, CODE + 1, 0x8000));
    let selectors = state.seg.map(|s| s.selector);
    assert_eq!(selectors, [0x30, 0x10, 0x20, 0x40, 0x50, 0x60]);
    assert_eq!(state.seg[1].base, 0x100);
    assert!(m.bench.cpu.mode.v86);
    // At CPL 3 the VM bit of the image is ignored.
    let mut m = Machine::new(Mode::Protected32);
    for (index, selector) in [(1, selector::USER_CODE32), (2, selector::USER_DATA)] {
        let segment = m.bench.segment(selector);
        m.bench.cpu.state.seg[index] = segment;
    }
    m.bench.cpu.state.cpl = 3;
    m.bench.cpu.refresh_mode();
    frame(&mut m, bit::VM);
    m.bench
        .put(STACK - 32, &u32::from(selector::USER_CODE32).to_le_bytes());
    assert_eq!(m.run(&[0xcf]), End::Done);
    assert!(!m.bench.cpu.state.flags.has(bit::VM));
}

#[test]
fn returns_to_a_sixteen_bit_stack_keep_the_upper_half() {
    let mut m = Machine::new(Mode::Protected32);
    let user = 0x3_0000_u64;
    m.bench.put(user, &[0xeb, 0xfe]);
    m.descriptor(0x80, 0x0000_f300_0000_ffff);
    let values = [user, u64::from(selector::USER_CODE32), 2, 0x1_2345, 0x83];
    for (n, value) in values.iter().enumerate() {
        m.bench
            .put(0x5_8000 + 4 * n as u64, &(*value as u32).to_le_bytes());
    }
    *m.reg(gpr::RSP) = 0x5_8000;
    m.bench.code(&[0xcf]);
    m.bench.run(1);
    assert_eq!(m.bench.cpu.state.gpr[gpr::RSP], 0x5_2345);
}
