//! What the oracle promises, one instruction each.

use host_oracle::layout::{CODE_START, DATA_BASE, DATA_LEN};
use host_oracle::{Error, Fault, Mode, Oracle, Outcome, Signal, State};

/// A new oracle, or `None` with a note where the host forbids tracing.
fn oracle() -> Option<Oracle> {
    match Oracle::new() {
        Ok(oracle) => Some(oracle),
        Err(error @ Error::Refused { .. }) => {
            println!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn fault(outcome: Outcome) -> Fault {
    match outcome {
        Outcome::Fault(fault) => fault,
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[test]
fn add_sets_flags_and_advances() {
    let Some(mut oracle) = oracle() else { return };
    let mut state = State::new();
    state.gpr[0] = 0x7fff_ffff_ffff_ffff;
    // add rax, 1
    assert_eq!(
        oracle.run(&[0x48, 0x83, 0xc0, 0x01], &mut state).unwrap(),
        Outcome::Done
    );
    assert_eq!(state.gpr[0], 1 << 63);
    assert_eq!(state.rflags & 0x8d5, 0x894); // OF SF AF PF
    assert_eq!(state.rip, CODE_START + 4);
}

#[test]
fn faults_are_told_apart() {
    // (code, signal, si_code, address)
    let cases: &[(&str, &[u8], Signal, i32, u64)] = &[
        ("div ecx by zero", &[0xf7, 0xf1], Signal::Fpe, 1, CODE_START),
        ("ud2", &[0x0f, 0x0b], Signal::Ill, 2, CODE_START),
        (
            "mov eax, [rdx] before the data",
            &[0x8b, 0x02],
            Signal::Segv,
            1,
            DATA_BASE - 4,
        ),
        (
            "mov eax, [rsi] over the end",
            &[0x8b, 0x06],
            Signal::Segv,
            1,
            DATA_BASE + DATA_LEN as u64,
        ),
        (
            "mov [rdi], eax into code",
            &[0x89, 0x07],
            Signal::Segv,
            2,
            CODE_START,
        ),
        (
            "movaps xmm0, [rbx] unaligned",
            &[0x0f, 0x28, 0x03],
            Signal::Segv,
            128,
            0,
        ),
        ("hlt", &[0xf4], Signal::Segv, 128, 0),
        ("int3", &[0xcc], Signal::Trap, 128, 0),
        ("syscall", &[0x0f, 0x05], Signal::Sys, 1, CODE_START + 2),
    ];
    let Some(mut oracle) = oracle() else { return };
    for &(name, code, signal, si_code, addr) in cases {
        let mut state = State::new();
        state.gpr[2] = DATA_BASE - 4;
        state.gpr[3] = DATA_BASE + 1;
        state.gpr[6] = DATA_BASE + DATA_LEN as u64 - 2;
        state.gpr[7] = CODE_START;
        let outcome = oracle.run(code, &mut state).unwrap();
        assert_eq!(
            fault(outcome),
            Fault {
                signal,
                code: si_code,
                addr
            },
            "{name}"
        );
    }
    // The child survived all that.
    let mut state = State::new();
    assert_eq!(oracle.run(&[0x90], &mut state).unwrap(), Outcome::Done);
}

#[test]
fn data_is_shared() {
    let Some(mut oracle) = oracle() else { return };
    oracle.data_mut()[16..24].copy_from_slice(&0x1122_3344_5566_7788u64.to_le_bytes());
    let mut state = State::new();
    state.gpr[6] = DATA_BASE + 16;
    state.gpr[7] = DATA_BASE + 32;
    // movsq
    assert_eq!(oracle.run(&[0x48, 0xa5], &mut state).unwrap(), Outcome::Done);
    assert_eq!(oracle.data()[32..40], 0x1122_3344_5566_7788u64.to_le_bytes());
}

#[test]
fn rep_runs_to_its_end() {
    let Some(mut oracle) = oracle() else { return };
    let mut state = State::new();
    (state.gpr[0], state.gpr[1], state.gpr[7]) = (0xaa, 100, DATA_BASE);
    // rep stosb
    assert_eq!(oracle.run(&[0xf3, 0xaa], &mut state).unwrap(), Outcome::Done);
    assert_eq!((state.gpr[1], state.gpr[7]), (0, DATA_BASE + 100));
    assert!(oracle.data()[..100].iter().all(|&byte| byte == 0xaa));
    assert_eq!(oracle.data()[100], 0);
}

#[test]
fn pushf_does_not_show_the_tracer() {
    let Some(mut oracle) = oracle() else { return };
    let mut state = State::new();
    state.rflags |= 1;
    assert_eq!(oracle.run(&[0x9c], &mut state).unwrap(), Outcome::Done);
    let at = (state.gpr[4] - DATA_BASE) as usize;
    assert_eq!(oracle.data()[at..at + 8], 0x203u64.to_le_bytes());
}

#[test]
fn vector_and_x87_state_goes_both_ways() {
    let Some(mut oracle) = oracle() else { return };
    let mut state = State::new();
    state.ymm[1] = [0x3ff0_0000_0000_0000, 7, 8, 9];
    state.ymm[2] = [0, 0, 0, 0];
    // divsd xmm1, xmm2: 1/0
    assert_eq!(
        oracle.run(&[0xf2, 0x0f, 0x5e, 0xca], &mut state).unwrap(),
        Outcome::Done
    );
    let high = if host_oracle::features().avx {
        [8, 9]
    } else {
        [0, 0]
    };
    assert_eq!(state.ymm[1], [0x7ff0_0000_0000_0000, 7, high[0], high[1]]);
    assert_eq!(state.mxcsr, 0x1f84);
    // The same with the exception unmasked
    let mut state = State {
        mxcsr: 0x1d80,
        ..State::new()
    };
    state.ymm[1][0] = 0x3ff0_0000_0000_0000;
    let outcome = oracle.run(&[0xf2, 0x0f, 0x5e, 0xca], &mut state).unwrap();
    assert_eq!((fault(outcome).signal, state.mxcsr), (Signal::Fpe, 0x1d84));
    // fldpi
    let mut state = State::new();
    assert_eq!(oracle.run(&[0xd9, 0xeb], &mut state).unwrap(), Outcome::Done);
    assert_eq!(
        state.x87.st[0],
        [0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40]
    );
    assert_eq!((state.x87.ftw, state.x87.fsw >> 11 & 7), (0x80, 7));
}

#[test]
fn compat_mode_runs_32_bit_code() {
    let Some(mut oracle) = oracle() else { return };
    oracle.set_mode(Mode::Compat);
    let mut state = State::new();
    state.gpr[0] = 0x0f;
    // aaa: AL + 6, AH + 1
    assert_eq!(oracle.run(&[0x37], &mut state).unwrap(), Outcome::Done);
    assert_eq!(state.gpr[0], 0x105);
    // inc eax is a REX prefix in 64-bit mode.
    let mut state = State::new();
    assert_eq!(oracle.run(&[0x40], &mut state).unwrap(), Outcome::Done);
    assert_eq!((state.gpr[0], state.rip), (1, CODE_START + 1));
    oracle.set_mode(Mode::Long);
    let mut state = State::new();
    assert_eq!(
        fault(oracle.run(&[0x37], &mut state).unwrap()).signal,
        Signal::Ill
    );
}

#[test]
fn two_oracles_side_by_side_and_bad_code() {
    let (Some(mut a), Some(mut b)) = (oracle(), oracle()) else {
        return;
    };
    a.data_mut()[0] = 1;
    assert_eq!(b.data()[0], 0);
    let mut state = State {
        rip: 0x1000,
        ..State::new()
    };
    assert!(matches!(
        b.run(&[0x90], &mut state),
        Err(Error::Code { rip: 0x1000, len: 1 })
    ));
    assert!(matches!(
        b.run(&[], &mut State::new()),
        Err(Error::Code { len: 0, .. })
    ));
}
