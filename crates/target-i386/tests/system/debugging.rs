//! TF, breakpoints, DR6 and DR7 (traps 9 to 12).

use crate::machine::{End, Machine, UD, gp};
use target_i386::flags::bit;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, Mode, STACK, selector};

const DB: End = End::Exception(1, None);
const BS: u64 = 0x4000;

/// Runs with a #DB handler that records the interrupted RIP and returns; gives the RIPs as offsets in the code.
fn trace(m: &mut Machine, code: &[u8], steps: u64) -> Vec<u64> {
    m.bench.code(&[code, &[0xeb, 0xfe]].concat());
    let mut seen = Vec::new();
    for _ in 0..steps {
        m.bench.run(1);
        let state = &m.bench.cpu.state;
        if state.rip == crate::machine::HANDLERS + 16 {
            seen.push(m.stacked(0).wrapping_sub(CODE));
            let (rip, rsp, flags) = (m.stacked(0), m.stacked(3), m.stacked(2));
            m.bench.cpu.state.rip = rip;
            m.bench.cpu.state.gpr[gpr::RSP] = rsp;
            m.bench.cpu.state.flags.set(flags);
            m.bench.cpu.refresh_mode();
        }
    }
    seen
}

#[test]
fn single_steps() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.flags.set(bit::TF);
    *m.reg(gpr::RCX) = 2;
    // nop; inc eax; rep stosb (twice); jmp +0; nop
    (*m.reg(gpr::RDI)) = 0x9_0000;
    let code = [0x90, 0xff, 0xc0, 0xf3, 0xaa, 0xeb, 0x00, 0x90];
    assert_eq!(trace(&mut m, &code, 6), [1, 3, 3, 5, 7, 8]);
    assert_eq!(m.bench.cpu.state.dr.dr6 & BS, BS);
}

#[test]
fn popf_starts_after_the_next_instruction() {
    let mut m = Machine::new(Mode::Long);
    *m.reg(gpr::RAX) = bit::TF;
    // push rax; popfq; nop
    assert_eq!(m.run(&[0x50, 0x9d, 0x90, 0x90]), DB);
    assert_eq!(m.stacked(0), CODE + 3);
}

#[test]
fn a_step_over_hlt_wakes() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.flags.set(bit::TF);
    assert_eq!(m.run(&[0xf4]), DB);
    assert_eq!(m.stacked(0), CODE + 1);
}

#[test]
fn a_fault_beats_the_step() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.flags.set(bit::TF);
    assert_eq!(m.run(&[0x0f, 0x0b]), UD);
    assert_eq!(m.stacked(2), bit::FIXED | bit::TF | bit::RF);
    assert_eq!(m.bench.cpu.state.dr.dr6 & BS, 0);
}

#[test]
fn software_interrupts_swallow_the_step() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.flags.set(bit::TF);
    assert_eq!(m.run(&[0xcd, 0x40]), End::Exception(0x40, None));
    assert_eq!(m.stacked(2), bit::FIXED | bit::TF);
}

#[test]
fn mov_ss_defers_the_step() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.flags.set(bit::TF);
    *m.reg(gpr::RAX) = u64::from(selector::DATA);
    assert_eq!(trace(&mut m, &[0x8e, 0xd0, 0x90, 0x90], 3), [3, 4]);
}

/// DR7 with breakpoint 0 enabled for `condition` and `length` codes.
fn armed(m: &mut Machine, address: u64, condition: u64, length: u64) {
    m.bench.cpu.state.dr.addr[0] = address;
    m.bench.cpu.state.dr.dr7 = 0x400 | 2 | condition << 16 | length << 18;
    m.bench.cpu.refresh_mode();
}

#[test]
#[rustfmt::skip]
fn data_breakpoints() {
    let store1: &[u8] = &[0x88, 0x03]; // mov [rbx], al
    let store8: &[u8] = &[0x48, 0x89, 0x03];
    let load4: &[u8] = &[0x8b, 0x03];
    let push: &[u8] = &[0x50];
    for (condition, length, address, code, rbx, hit) in [
        (1, 0, 0x9_0000, store1, 0x9_0000, true),
        (1, 0, 0x9_0000, store1, 0x9_0001, false),
        (1, 3, 0x9_0000, store1, 0x9_0003, true),
        (1, 3, 0x9_0002, store1, 0x9_0000, true),    // aligned down
        (1, 0, 0x9_0007, store8, 0x9_0000, true),
        (1, 0, 0x9_0008, store8, 0x9_0000, false),
        (1, 2, 0x9_0000, store1, 0x9_0007, true),    // 8 bytes
        (1, 0, 0x9_1000, store8, 0x9_0ffc, true),    // split over pages
        (1, 0, 0x9_0000, load4,  0x9_0000, false),
        (3, 0, 0x9_0000, load4,  0x9_0000, true),
        (3, 0, 0x9_0000, store1, 0x9_0000, true),
        (1, 0, STACK - 8, push,  0,        true),
    ] {
        let mut m = Machine::new(Mode::Long);
        *m.reg(gpr::RBX) = rbx;
        armed(&mut m, address, condition, length);
        assert_eq!(m.run(code), if hit { DB } else { End::Done }, "{condition} {length} {address:#x} {code:x?} {rbx:#x}");
        if hit {
            assert_eq!(m.bench.cpu.state.dr.dr6, 0xffff_0ff1);
            assert_eq!(m.stacked(0), CODE + code.len() as u64, "a trap");
        }
    }
}

#[test]
fn instruction_breakpoints_fault_and_rf_passes_them() {
    let mut m = Machine::new(Mode::Long);
    armed(&mut m, CODE + 1, 0, 0);
    assert_eq!(m.run(&[0x90, 0x90, 0x90]), DB);
    assert_eq!((m.stacked(0), m.bench.cpu.state.dr.dr6), (CODE + 1, 0xffff_0ff1));
    assert_eq!(m.stacked(2) & bit::RF, 0);
    let mut m = Machine::new(Mode::Long);
    armed(&mut m, CODE, 0, 0);
    m.bench.cpu.state.flags.set(bit::RF);
    m.bench.cpu.refresh_mode();
    assert_eq!(m.run(&[0x90, 0x90]), End::Done);
    assert!(!m.bench.cpu.state.flags.has(bit::RF));
}

#[test]
fn mov_ss_defers_a_data_breakpoint_into_the_handler_of_int3() {
    let mut m = Machine::new(Mode::Long);
    m.bench.put(0x9_0000, &selector::DATA.to_le_bytes());
    *m.reg(gpr::RBX) = 0x9_0000;
    armed(&mut m, 0x9_0000, 3, 1);
    // mov ss, [rbx]; nop: the trap comes behind the nop
    assert_eq!(m.run(&[0x8e, 0x13, 0x90, 0x90]), DB);
    assert_eq!(m.stacked(0), CODE + 3);
}

#[test]
#[rustfmt::skip]
fn debug_register_access() {
    for (mode, de, code, value, expected) in [
        (Mode::Long,     false, [0x0f, 0x23, 0xf8], 0x1_0000_0000, gp(0)),   // DR7, upper half
        (Mode::Long,     false, [0x0f, 0x23, 0xf0], 0x1_0000_0000, gp(0)),   // DR6
        (Mode::Long,     false, [0x0f, 0x23, 0xf8], 0x0000_0000,   End::Done),
        (Mode::Long,     false, [0x0f, 0x23, 0xe8], 0x0000_0000,   End::Done), // DR5 is DR7
        (Mode::Long,     true,  [0x0f, 0x23, 0xe8], 0x0000_0000,   UD),
        (Mode::LongUser, false, [0x0f, 0x23, 0xf8], 0x0000_0000,   gp(0)),
        (Mode::LongUser, false, [0x0f, 0x21, 0xf8], 0x0000_0000,   gp(0)),
    ] {
        let mut m = Machine::new(mode);
        if de {
            m.bench.cpu.state.cr4 |= 8;
        }
        *m.reg(gpr::RAX) = value;
        assert_eq!(m.run(&code), expected, "{mode:?} {de} {code:x?}");
    }
}

#[test]
fn fixed_bits() {
    let mut m = Machine::new(Mode::Long);
    // mov dr6, rax; mov dr7, rax; mov rbx, dr6; mov rcx, dr7
    for (value, dr6, dr7) in [(0, 0xffff_0ff0, 0x400), (0xffff_dfff, 0xffff_cfff, 0xffff_07ff)] {
        *m.reg(gpr::RAX) = value;
        m.bench.cpu.state.dr.dr7 = 0x400;
        assert_eq!(m.run(&[0x0f, 0x23, 0xf0, 0x0f, 0x21, 0xf3]), End::Done);
        assert_eq!(m.bench.cpu.state.gpr[gpr::RBX], dr6);
        *m.reg(gpr::RAX) = value & 0xffff_fc00 | 0x300 & value;
        m.bench.code(&[0x0f, 0x23, 0xf8]);
        m.bench.run(1);
        assert_eq!(m.bench.cpu.state.dr.dr7, dr7 & !0xff);
    }
}

#[test]
fn general_detect() {
    let mut m = Machine::new(Mode::Long);
    m.bench.cpu.state.dr.dr7 = 0x2400;
    assert_eq!(m.run(&[0x0f, 0x21, 0xc0]), DB);
    assert_eq!(
        (
            m.stacked(0),
            m.bench.cpu.state.dr.dr6 & 0x2000,
            m.bench.cpu.state.dr.dr7
        ),
        (CODE, 0x2000, 0x400)
    );
}
