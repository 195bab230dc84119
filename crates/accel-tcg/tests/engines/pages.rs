//! Loops that share TLB checks and keep pages, where that goes wrong if it can: steps over the ends of pages of all
//! kinds of access, pages that push each other out of the TLB, and writes to the loop's own page. Residency is
//! compared wherever the run may end.

use crate::compare::{Slicing, Subject, compare};
use crate::program::Program;
use crate::world::{self, ALIAS, CODE, DATA, DATA_END, Kind, LENGTHS, LOW, SMALL};
use crate::{WITH_REGIONS, instructions};
use target_i386::testbench::Mode;

/// Code, RSI, RDI, and instructions until it may end.
const LOOPS: &[(&str, &[u8], u64, u64, u64)] = &[
    // mov rax, [rsi]; mov rbx, [rsi+8]; add rsi, 64; jmp
    (
        "reads over all kinds of pages",
        &[
            0x48, 0x8b, 0x06, 0x48, 0x8b, 0x5e, 0x08, 0x48, 0x83, 0xc6, 0x40, 0xeb, 0xf3,
        ],
        SMALL + 0x31,
        0,
        8000,
    ),
    // mov [rsi], rax; mov [rsi+8], rsi; add rsi, 64; jmp
    (
        "writes over all kinds of pages",
        &[
            0x48, 0x89, 0x06, 0x48, 0x89, 0x76, 0x08, 0x48, 0x83, 0xc6, 0x40, 0xeb, 0xf3,
        ],
        SMALL + 0x31,
        0,
        8000,
    ),
    // mov rax, [rsi]; mov rbx, [rsi+8]; mov [rdi], rax; inc rdi; jmp
    (
        "pages of one slot",
        &[
            0x48, 0x8b, 0x06, 0x48, 0x8b, 0x5e, 0x08, 0x48, 0x89, 0x07, 0x48, 0xff, 0xc7, 0xeb, 0xf1,
        ],
        DATA,
        ALIAS + DATA - 0x40,
        800,
    ),
    // mov rax, [rsi]; mov [rdi], rax; mov rbx, [rsi+8]; inc rdi; jmp
    (
        "pushed out between accesses of one check",
        &[
            0x48, 0x8b, 0x06, 0x48, 0x89, 0x07, 0x48, 0x8b, 0x5e, 0x08, 0x48, 0xff, 0xc7, 0xeb, 0xf1,
        ],
        DATA + 0x1000,
        ALIAS + DATA + 0xf80,
        800,
    ),
    // mov al, [rsi]; mov [rsi], al; inc rsi; jmp
    (
        "over its own code",
        &[0x8a, 0x06, 0x88, 0x06, 0x48, 0xff, 0xc6, 0xeb, 0xf7],
        CODE + 0x7e0,
        0,
        400,
    ),
];

#[test]
fn kept_pages_agree() {
    let kind = Kind {
        mode: Mode::LongUser,
        paging: true,
    };
    for &(name, code, rsi, rdi, total) in LOOPS {
        let scratch = world::bench(kind);
        let mut low = vec![0; LOW as usize];
        scratch.ram.read(0, &mut low).expect("in RAM");
        for (n, byte) in low[DATA as usize..DATA_END as usize].iter_mut().enumerate() {
            *byte = ((n * 7) >> 3) as u8;
        }
        let start = CODE + 0x800;
        low[start as usize..][..code.len()].copy_from_slice(code);
        let (mut at, mut steps) = (0, 0);
        while at < code.len() {
            let len = instructions::decoded(&code[at..], 64, start + at as u64).len();
            low[LENGTHS as usize + start as usize + at] = len as u8;
            at += len;
            steps += 1;
        }
        let mut state = scratch.cpu.state.clone();
        state.gpr[6] = rsi;
        state.gpr[7] = rdi;
        state.rip = start;
        let program = Program { kind, low, state };
        for engine in WITH_REGIONS {
            let subject = Subject {
                straight: false,
                engine,
                code_size: 1 << 20,
            };
            for total in total..total + steps {
                let found = compare(&program, subject, Slicing::Whole, total, false);
                assert!(
                    found.is_empty(),
                    "{name}, {engine:?}, {total} instructions: {found:?}"
                );
            }
        }
    }
}
