//! Interpreter speed: an integer loop, a memory loop, a loop of calls. Throughput is in guest instructions.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use target_i386::state::gpr;
use target_i386::testbench::{DATA, Mode, TestBench};

const BUDGET: u64 = 1_000_000;

const LOOPS: &[(&str, &[u8])] = &[
    // l: imul rax, rax, 31; add rax, rdx; mov rbx, rax; shr rbx, 13; xor rax, rbx; inc rdx; cmp rdx, rcx; jne l
    (
        "integer",
        &[
            0x48, 0x6b, 0xc0, 0x1f, 0x48, 0x01, 0xd0, 0x48, 0x89, 0xc3, 0x48, 0xc1, 0xeb, 0x0d, 0x48, 0x31,
            0xd8, 0x48, 0xff, 0xc2, 0x48, 0x39, 0xca, 0x75, 0xe7,
        ],
    ),
    // l: mov rax, [rsi+rdx*8]; add rbx, rax; mov [rdi+rdx*8], rbx; inc rdx; and edx, 1023; jmp l
    (
        "memory",
        &[
            0x48, 0x8b, 0x04, 0xd6, 0x48, 0x01, 0xc3, 0x48, 0x89, 0x1c, 0xd7, 0x48, 0xff, 0xc2, 0x81, 0xe2,
            0xff, 0x03, 0, 0, 0xeb, 0xea,
        ],
    ),
    // l: call f; dec ecx; jmp l; f: push rbx; mov rbx, rcx; test rbx, rbx; je +1; nop; pop rbx; ret
    (
        "call",
        &[
            0xe8, 4, 0, 0, 0, 0xff, 0xc9, 0xeb, 0xf7, 0x53, 0x48, 0x89, 0xcb, 0x48, 0x85, 0xdb, 0x74, 1,
            0x90, 0x5b, 0xc3,
        ],
    ),
];

fn interpreter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("interpreter");
    group.throughput(Throughput::Elements(BUDGET));
    group.sample_size(20);
    for (name, code) in LOOPS {
        let mut bench = TestBench::new(Mode::Long);
        bench.code(code);
        let state = &mut bench.cpu.state;
        (state.gpr[gpr::RSI], state.gpr[gpr::RDI]) = (DATA, DATA + 0x4000);
        group.bench_function(*name, |timer| timer.iter(|| bench.run(BUDGET)));
    }
    group.finish();
}

criterion_group!(benches, interpreter);
criterion_main!(benches);
