//! Segment loads, far transfers, call gates, LAR and its kin (traps 5, 6, 8, 37).

use crate::machine::{End, FREE, Machine, RING0_STACK, UD, gp};
use target_i386::state::gpr;
use target_i386::testbench::{CODE, GDT, Mode, STACK, selector};

/// Descriptors at FREE, FREE + 8, …: what a load of each gives.
#[test]
#[rustfmt::skip]
fn data_segment_loads() {
    let ss = |code: u32| End::Exception(12, Some(code));
    let np = |code: u32| End::Exception(11, Some(code));
    let f = u32::from(FREE);
    for (descriptor, rpl, to_ds, to_ss) in [
        (0x00cf_9300_0000_ffff_u64, 0, End::Done, End::Done),    // writable, ring 0
        (0x00cf_9300_0000_ffff,     3, gp(f),     gp(f)),        // RPL above DPL
        (0x00cf_f300_0000_ffff,     0, End::Done, gp(f)),        // DPL 3
        (0x00cf_f300_0000_ffff,     3, End::Done, gp(f)),
        (0x00cf_9100_0000_ffff,     0, End::Done, gp(f)),        // read-only
        (0x00cf_9700_0000_ffff,     0, End::Done, End::Done),    // expand-down
        (0x00cf_9b00_0000_ffff,     0, End::Done, gp(f)),        // readable code
        (0x00cf_9900_0000_ffff,     0, gp(f),     gp(f)),        // execute-only
        (0x00cf_9f00_0000_ffff,     3, End::Done, gp(f)),        // readable conforming code: RPL does not matter
        (0x00cf_1300_0000_ffff,     0, np(f),     ss(f)),        // not present
        (0x0000_8900_0000_0067,     0, gp(f),     gp(f)),        // TSS
        (0x0000_8200_0000_0067,     0, gp(f),     gp(f)),        // LDT
        (0x00cf_1300_0000_ffff,     3, gp(f),     gp(f)),        // privilege before presence
    ] {
        for (modrm, expected) in [(0xd8, to_ds), (0xd0, to_ss)] {
            let mut m = Machine::new(Mode::Protected32);
            m.descriptor(FREE, descriptor);
            *m.reg(gpr::RAX) = u64::from(FREE | rpl);
            assert_eq!(m.run(&[0x8e, modrm]), expected, "{descriptor:#x} rpl {rpl} modrm {modrm:#x}");
        }
    }
}

#[test]
#[rustfmt::skip]
fn selectors_out_of_the_ordinary() {
    for (mode, selector, modrm, expected) in [
        (Mode::Protected32, 0,     0xd8, End::Done),      // null DS
        (Mode::Protected32, 3,     0xd8, End::Done),
        (Mode::Protected32, 0,     0xd0, gp(0)),          // null SS
        (Mode::Long,        0,     0xd0, End::Done),      // but in ring 0 of 64-bit mode
        (Mode::Long,        3,     0xd0, gp(0)),
        (Mode::LongUser,    3,     0xd0, gp(0)),
        (Mode::Protected32, 0x200, 0xd8, gp(0x200)),      // beyond the GDT
        (Mode::Protected32, 0x1fc, 0xd8, gp(0x1fc)),      // LDT selector, no LDT
        (Mode::Protected32, 0x10,  0xc8, UD),             // CS
    ] {
        let mut m = Machine::new(mode);
        *m.reg(gpr::RAX) = selector;
        assert_eq!(m.run(&[0x8e, modrm]), expected, "{mode:?} {selector:#x} {modrm:#x}");
    }
}

#[test]
fn null_segments_fault_on_use() {
    // mov eax, 0; mov ds, eax; mov eax, [0]
    let mut m = Machine::new(Mode::Protected32);
    assert_eq!(m.run(&[0xb8, 0, 0, 0, 0, 0x8e, 0xd8, 0xa1, 0, 0, 9, 0]), gp(0));
    assert_eq!(m.stacked(1), CODE + 7);
}

#[test]
fn loads_set_the_accessed_bit() {
    let mut m = Machine::new(Mode::Protected32);
    m.descriptor(FREE, 0x00cf_9200_0000_ffff);
    *m.reg(gpr::RAX) = u64::from(FREE);
    assert_eq!(m.run(&[0x8e, 0xd8]), End::Done);
    assert_eq!(m.bench.get::<1>(GDT + u64::from(FREE) + 5), [0x93]);
    assert_eq!(m.bench.cpu.state.seg[3].attr >> 8 & 15, 3);
}

#[test]
fn ldt_loads() {
    let mut m = Machine::new(Mode::Protected32);
    m.ldt(&[0, 0x0040_9200_1000_0fff]);
    // mov eax, 0ch; mov es, eax; mov ebx, es:[0ffch]; then past the limit
    m.bench.put(0x1ffc, &7_u32.to_le_bytes());
    assert_eq!(
        m.run(&[
            0xb8, 0x0c, 0, 0, 0, 0x8e, 0xc0, 0x26, 0x8b, 0x1d, 0xfc, 0x0f, 0, 0
        ]),
        End::Done
    );
    assert_eq!(m.bench.cpu.state.gpr[gpr::RBX], 7);
    assert_eq!(m.run(&[0x26, 0x8b, 0x1d, 0xfd, 0x0f, 0, 0]), gp(0));
}

#[test]
fn limits() {
    // Byte, page and expand-down limits, limit - 1 to limit + 1, sizes 1, 2, 4.
    for (descriptor, first, last) in [
        (0x0040_9200_0000_00ff_u64, 0_u64, 0xff_u64),
        (0x00c0_9200_0000_0001, 0, 0x1fff),
        (0x0040_9600_0000_00ff, 0x100, 0xffff_ffff),
        (0x0000_9600_0000_00ff, 0x100, 0xffff),
        (0x00c0_9600_0000_0001, 0x2000, 0xffff_ffff),
    ] {
        for edge in [first, last] {
            for offset in [edge.wrapping_sub(2), edge.wrapping_sub(1), edge, edge + 1] {
                let offset = offset & 0xffff_ffff;
                for (size, code) in [
                    (1, &[0x8a, 0x1b][..]),
                    (2, &[0x66, 0x8b, 0x1b]),
                    (4, &[0x8b, 0x1b]),
                ] {
                    let mut m = Machine::new(Mode::Protected32);
                    m.descriptor(FREE, descriptor);
                    let segment = m.bench.segment(FREE);
                    m.bench.cpu.set_segment(3, segment);
                    // A far offset would leave RAM, but only reads; nothing there reads as ones.
                    *m.reg(gpr::RBX) = offset;
                    let expected = if offset >= first && offset + size - 1 <= last {
                        End::Done
                    } else {
                        gp(0)
                    };
                    assert_eq!(
                        m.run(code),
                        expected,
                        "{descriptor:#x} offset {offset:#x} size {size}"
                    );
                }
            }
        }
    }
}

#[test]
#[rustfmt::skip]
fn far_jumps() {
    let f = u32::from(FREE);
    for (descriptor, rpl, expected) in [
        (0x00cf_9b00_0000_ffff_u64, 0, End::Done),
        (0x00cf_9b00_0000_ffff,     3, gp(f)),              // RPL above CPL
        (0x00cf_9f00_0000_ffff,     3, End::Done),          // conforming
        (0x00cf_fb00_0000_ffff,     3, gp(f)),              // DPL 3 from ring 0
        (0x00cf_ff00_0000_ffff,     0, gp(f)),              // conforming with DPL above CPL
        (0x00cf_9300_0000_ffff,     0, gp(f)),              // data
        (0x00cf_1b00_0000_ffff,     0, End::Exception(11, Some(f))),
        (0x0040_9b00_0000_0fff,     0, gp(0)),              // beyond the limit
        (0x0000_8c00_0018_0000 | (CODE + 7), 0, End::Done),   // call gate
        (0x0000_0c00_0018_0000 | (CODE + 7), 0, End::Exception(11, Some(f))),
        (0x0000_8c00_0010_0000,     0, gp(0x10)),           // gate to data
        (0x0000_8c00_0000_0000,     0, gp(0)),              // gate to null
        (0x0000_8e00_0018_0000,     0, gp(f)),              // interrupt gate
    ] {
        let mut m = Machine::new(Mode::Protected32);
        m.descriptor(FREE, descriptor);
        let [low, high] = (FREE | rpl).to_le_bytes();
        let target = (CODE as u32 + 7).to_le_bytes();
        let code = [0xea, target[0], target[1], target[2], target[3], low, high];
        assert_eq!(m.run(&code), expected, "{descriptor:#x} rpl {rpl}");
    }
}

#[test]
fn call_gate_copies_parameters_and_retf_n_returns() {
    let mut m = Machine::new(Mode::Protected32);
    let inner = 0x2_0000_u64;
    // Gate DPL 3, three parameters, to ring 0. Inner code: mov ebx, [esp+8]; retf 12
    m.descriptor(FREE, 0x0002_ec03_0018_0000 | inner & 0xffff);
    m.bench.put(inner, &[0x8b, 0x5c, 0x24, 8, 0xca, 12, 0]);
    // Into ring 3 first.
    for (index, selector) in [
        (1, selector::USER_CODE32),
        (2, selector::USER_DATA),
        (3, selector::USER_DATA),
    ] {
        let segment = m.bench.segment(selector);
        m.bench.cpu.state.seg[index] = segment;
    }
    m.bench.cpu.state.cpl = 3;
    m.bench.cpu.refresh_mode();
    // push 1; push 2; push 3; call FREE|3:0; at the end ESP is as before
    let code = [0x6a, 1, 0x6a, 2, 0x6a, 3, 0x9a, 0, 0, 0, 0, FREE as u8 | 3, 0];
    m.bench.code(&[&code[..], &[0xeb, 0xfe]].concat());
    m.bench.run(4);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.rip, state.cpl, state.gpr[gpr::RSP]),
        (inner, 0, RING0_STACK - 28)
    );
    let frame: Vec<u64> = (0..7).map(|n| m.stacked(n)).collect();
    assert_eq!(frame, [CODE + 13, 0x43, 3, 2, 1, STACK - 12, 0x3b]);
    m.bench.run(2);
    let state = &m.bench.cpu.state;
    assert_eq!(
        (state.rip, state.cpl, state.gpr[gpr::RSP], state.gpr[gpr::RBX]),
        (CODE + 13, 3, STACK, 3)
    );
    // DS was the user's and stays; ES was ring 0's and is null now.
    assert_eq!(
        (state.seg[3].selector, state.seg[0].selector),
        (selector::USER_DATA, 0)
    );
}

#[test]
fn call_gate_in_long_mode() {
    let mut m = Machine::new(Mode::LongUser);
    let inner = 0x2_0000_u64;
    m.descriptor(FREE, 0x0002_ec00_0008_0000 | inner & 0xffff);
    m.descriptor(FREE + 8, 0);
    m.bench.put(inner, &[0x48, 0xcb]); // retfq
    m.bench.put(0x9_0000, &[0, 0, 0, 0, FREE as u8 | 3, 0]);
    // call far [90000h]
    let code = [0xff, 0x1c, 0x25, 0, 0, 9, 0];
    m.bench.code(&[&code[..], &[0xeb, 0xfe]].concat());
    m.bench.run(1);
    let frame: Vec<u64> = (0..4).map(|n| m.stacked(n)).collect();
    assert_eq!(frame, [CODE + 7, 0x33, STACK, 0x3b]);
    m.bench.run(1);
    assert_eq!(
        (
            m.bench.cpu.state.rip,
            m.bench.cpu.state.cpl,
            m.bench.cpu.state.gpr[gpr::RSP]
        ),
        (CODE + 7, 3, STACK)
    );
}

#[test]
#[rustfmt::skip]
fn questions_never_fault() {
    let (lar, lsl, verr, verw): (&[u8], &[u8], &[u8], &[u8]) =
        (&[0x0f, 0x02, 0xd8], &[0x0f, 0x03, 0xd8], &[0x0f, 0x00, 0xe0], &[0x0f, 0x00, 0xe8]);
    for (code, descriptor, selector, expected) in [
        (lar,  0x00cf_9300_0000_ffff_u64, FREE,     Some(0x00c0_9300)),
        (lar,  0x00cf_9300_0000_ffff,     FREE | 3, None),
        (lar,  0x00cf_9f00_0000_ffff,     FREE | 3, Some(0x00c0_9f00)),  // conforming
        (lar,  0,                         0,        None),
        (lar,  0,                         0x300,    None),
        (lar,  0x0000_8900_0000_0067,     FREE,     Some(0x8900)),
        (lar,  0x0000_8e00_0000_0067,     FREE,     None),               // interrupt gate
        (lar,  0x0000_8c00_0000_0067,     FREE,     Some(0x8c00)),       // call gate
        (lsl,  0x0000_8c00_0000_0067,     FREE,     None),
        (lsl,  0x00cf_9300_0000_ffff,     FREE,     Some(0xffff_ffff)),
        (lsl,  0x0000_8900_0000_0067,     FREE,     Some(0x67)),
        (verr, 0x00cf_9900_0000_ffff,     FREE,     None),               // execute-only
        (verr, 0x00cf_9b00_0000_ffff,     FREE,     Some(0)),
        (verw, 0x00cf_9100_0000_ffff,     FREE,     None),
        (verw, 0x00cf_9300_0000_ffff,     FREE,     Some(0)),
        (verw, 0x00cf_9300_0000_ffff,     FREE | 3, None),
        (verw, 0x00cf_1300_0000_ffff,     FREE,     Some(0)),            // presence does not matter
    ] {
        let mut m = Machine::new(Mode::Protected32);
        m.descriptor(FREE, descriptor);
        *m.reg(gpr::RAX) = u64::from(selector);
        *m.reg(gpr::RBX) = 0x5555;
        assert_eq!(m.run(code), End::Done);
        let zf = m.bench.cpu.state.flags.zf();
        let what = format!("{code:x?} {descriptor:#x} {selector:#x}");
        assert_eq!(zf, expected.is_some(), "{what}");
        if code == lar || code == lsl {
            assert_eq!(m.bench.cpu.state.gpr[gpr::RBX], expected.unwrap_or(0x5555), "{what}");
        }
    }
    for code in [lar, lsl, verr, verw] {
        assert_eq!(Machine::new(Mode::Real).run(code), UD);
    }
}

#[test]
fn arpl() {
    for (dest, source, result, zf) in [
        (0x10, 3, 0x13, true),
        (0x13, 0, 0x13, false),
        (0x11, 2, 0x12, true),
    ] {
        let mut m = Machine::new(Mode::Protected32);
        (*m.reg(gpr::RAX), *m.reg(gpr::RBX)) = (dest, source);
        assert_eq!(m.run(&[0x63, 0xd8]), End::Done);
        assert_eq!(
            (m.bench.cpu.state.gpr[gpr::RAX], m.bench.cpu.state.flags.zf()),
            (result, zf)
        );
    }
}
