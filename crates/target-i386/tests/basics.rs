//! Small programs in every mode: the run loop, counts, self-modifying code, page-crossing code.

use target_i386::testbench::{CODE, DATA, Mode, TestBench};
use target_i386::{StopReason, state::gpr};

fn bench(mode: Mode, code: &[u8]) -> TestBench {
    let mut bench = TestBench::new(mode);
    bench.code(code);
    bench
}

#[test]
fn loop_counts_exactly() {
    // mov ecx, 1000; l: add rax, rcx; dec ecx; jnz l; jmp $
    let code = [
        0xb9, 0xe8, 3, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xeb, 0xfe,
    ];
    for step in [1, 2, 3, 7, 1000] {
        let mut bench = bench(Mode::Long, &code);
        let mut left = 3001;
        while left > 0 {
            let now = step.min(left);
            let before = bench.cpu.icount;
            assert_eq!(bench.run(now), StopReason::Budget);
            assert_eq!(bench.cpu.icount - before, now);
            left -= now;
        }
        assert_eq!(bench.cpu.state.gpr[gpr::RAX], 500_500);
        assert_eq!(bench.cpu.state.rip, CODE + 12);
    }
}

#[test]
fn rep_counts_iterations_and_stops_within() {
    // rep movsb; rep stosq with zero count; jmp $
    let code = [0xf3, 0xa4, 0xf3, 0x48, 0xab, 0xeb, 0xfe];
    let mut bench = bench(Mode::Long, &code);
    let data: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    bench.put(DATA, &data);
    let state = &mut bench.cpu.state;
    (state.gpr[gpr::RSI], state.gpr[gpr::RDI], state.gpr[gpr::RCX]) = (DATA, 0x20_0123, 10_000);
    assert_eq!(bench.run(4567), StopReason::Budget);
    assert_eq!(
        (
            bench.cpu.icount,
            bench.cpu.state.gpr[gpr::RCX],
            bench.cpu.state.rip
        ),
        (4567, 10_000 - 4567, CODE)
    );
    assert_eq!(bench.run(10_000 - 4567), StopReason::Budget);
    assert_eq!(
        (
            bench.cpu.icount,
            bench.cpu.state.gpr[gpr::RCX],
            bench.cpu.state.rip
        ),
        (10_000, 0, CODE + 2)
    );
    assert_eq!(&bench.get::<10_000>(0x20_0123)[..], &data[..]);
    bench.run(1);
    assert_eq!((bench.cpu.icount, bench.cpu.state.rip), (10_001, CODE + 5));
}

#[test]
fn overlapping_rep_movsb_repeats_the_pattern() {
    for distance in [1u64, 2, 3, 7, 8, 9] {
        let mut bench = bench(Mode::Long, &[0xf3, 0xa4, 0xeb, 0xfe]);
        let pattern: Vec<u8> = (1..=9).collect();
        bench.put(DATA, &pattern);
        let state = &mut bench.cpu.state;
        (state.gpr[gpr::RSI], state.gpr[gpr::RDI], state.gpr[gpr::RCX]) = (DATA, DATA + distance, 100);
        bench.run(100);
        let got = bench.get::<100>(DATA);
        for (i, &byte) in got.iter().enumerate().take(100) {
            assert_eq!(
                byte,
                pattern[i % distance as usize],
                "distance {distance}, byte {i}"
            );
        }
    }
}

#[test]
fn a_store_changes_the_next_instruction() {
    // mov byte [rip+1], 42 ; mov al, 1 (patched) ; jmp $
    let code = [0xc6, 0x05, 1, 0, 0, 0, 42, 0xb0, 1, 0xeb, 0xfe];
    for mode in [Mode::Long, Mode::LongUser] {
        let mut bench = bench(mode, &code);
        for _ in 0..3 {
            bench.cpu.state.rip = CODE;
            bench.run(3);
            assert_eq!(bench.cpu.state.gpr[gpr::RAX] & 0xff, 42);
            bench.put(CODE + 8, &[1]);
        }
    }
}

#[test]
fn a_loop_that_patches_itself() {
    // l: inc byte [rip+imm]; add eax, imm32(1); dec ecx; jnz l
    let mut code = vec![0xfe, 0x05, 1, 0, 0, 0, 0x05, 0, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf1];
    code.extend([0xeb, 0xfe]);
    let mut bench = bench(Mode::Long, &code);
    bench.cpu.state.gpr[gpr::RCX] = 100;
    bench.run(400);
    assert_eq!(bench.cpu.state.gpr[gpr::RAX], (1..=100).sum::<u64>());
}

#[test]
fn instructions_across_pages() {
    // mov rax, imm64 at every position around a page boundary.
    let mut code = vec![0x48, 0xb8];
    code.extend(0x1122_3344_5566_7788u64.to_le_bytes());
    code.extend([0xeb, 0xfe]);
    for mode in [Mode::Long, Mode::LongUser] {
        let mut bench = TestBench::new(mode);
        for back in 0..12 {
            let at = 0x4_0000 - back;
            bench.put(at, &code);
            bench.cpu.state.rip = at;
            bench.cpu.state.gpr[gpr::RAX] = 0;
            for _ in 0..2 {
                bench.run(3);
                assert_eq!(
                    bench.cpu.state.gpr[gpr::RAX],
                    0x1122_3344_5566_7788,
                    "{mode:?} {back}"
                );
                bench.cpu.state.rip = at;
            }
            // The part on the second page changes.
            bench.put(at + 9, &[0x99]);
            bench.run(1);
            assert_eq!(
                bench.cpu.state.gpr[gpr::RAX],
                0x9922_3344_5566_7788,
                "{mode:?} {back}"
            );
        }
    }
}

#[test]
fn sixteen_bit_ip_wraps() {
    let mut bench = TestBench::new(Mode::Real);
    bench.put(0xffff, &[0x90]);
    bench.put(0, &[0xb0, 7]);
    bench.cpu.state.rip = 0xffff;
    bench.run(2);
    assert_eq!(
        (bench.cpu.state.rip, bench.cpu.state.gpr[gpr::RAX] & 0xff),
        (2, 7)
    );
}

#[test]
fn modes_and_calls() {
    // call +1; jmp $; l: push; pop; ret, in 16, 32 and 64 bits
    let code = [0xe8, 3, 0, 0xeb, 0xfe, 0x90, 0x50, 0x58, 0xc3];
    let code32 = [0xe8, 3, 0, 0, 0, 0xeb, 0xfe, 0x90, 0x50, 0x58, 0xc3];
    for (mode, code, end) in [
        (Mode::Real, &code[..], 3),
        (Mode::Protected16, &code[..], 3),
        (Mode::Protected32, &code32[..], 5),
        (Mode::CompatUser, &code32[..], 5),
        (Mode::Long, &code32[..], 5),
    ] {
        let mut bench = bench(mode, code);
        bench.run(4);
        assert_eq!(bench.cpu.state.rip, CODE + end, "{mode:?}");
    }
}
