//! Nanoseconds per iteration of two loops in every engine, long after anything was translated.
//! `cargo bench -p accel-tcg --bench loops`; with names of engines behind `--`, these only. The best of many short
//! turns is what a busy machine does not disturb.
#![allow(clippy::disallowed_methods)] // measures host time

use accel_tcg::optimizing::RegionConfig;
use accel_tcg::{Engine, Execution, ExecutionConfig};
use std::time::Instant;
use target_i386::testbench::{CODE, Mode, TestBench};

/// Name, instructions per iteration, code.
const LOOPS: &[(&str, u64, &[u8])] = &[
    // l: imul rax, rax, 31; add rax, rdx; mov rbx, rax; shr rbx, 13; xor rax, rbx; inc rdx; cmp rdx, rcx; jne l
    (
        "integer hash",
        8,
        &[
            0x48, 0x6b, 0xc0, 0x1f, 0x48, 0x01, 0xd0, 0x48, 0x89, 0xc3, 0x48, 0xc1, 0xeb, 0x0d, 0x48, 0x31,
            0xd8, 0x48, 0xff, 0xc2, 0x48, 0x39, 0xca, 0x75, 0xe7,
        ],
    ),
    // o: mov esi, 100000h; mov edi, 110000h; mov ecx, 1000
    // l: mov rax, [rsi]; mov [rdi], rax; add rbx, rax; mov rdx, [rsi+8]; mov [rdi+8], rdx; add rbx, rdx;
    //    add rsi, 16; add rdi, 16; dec ecx; jnz l; jmp o
    (
        "copy and sum",
        10,
        &[
            0xbe, 0, 0, 0x10, 0, 0xbf, 0, 0, 0x11, 0, 0xb9, 0xe8, 3, 0, 0, 0x48, 0x8b, 0x06, 0x48, 0x89,
            0x07, 0x48, 0x01, 0xc3, 0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x57, 0x08, 0x48, 0x01, 0xd3, 0x48,
            0x83, 0xc6, 0x10, 0x48, 0x83, 0xc7, 0x10, 0xff, 0xc9, 0x75, 0xe0, 0xeb, 0xcf,
        ],
    ),
];

fn measure(engine: Engine, code: &[u8], per_iteration: u64) -> [f64; 2] {
    let mut bench = TestBench::new(Mode::Long);
    bench.put(CODE, code);
    bench.cpu.state.rip = CODE;
    bench.cpu.state.gpr[1] = u64::MAX;
    bench.cpu.refresh_mode();
    let config = ExecutionConfig {
        engine,
        code_size: 1 << 20,
        regions: RegionConfig {
            wait: true,
            ..RegionConfig::default()
        },
        fault: None,
    };
    let mut execution = Execution::new(&bench.cpu, config);
    execution.run(&mut bench.cpu, 20_000_000);
    const TURN: u64 = 2_000_000;
    let mut times: Vec<f64> = (0..150)
        .map(|_| {
            let start = Instant::now();
            execution.run(&mut bench.cpu, TURN);
            start.elapsed().as_secs_f64() * 1e9 / (TURN / per_iteration) as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [times[0], times[times.len() / 2]]
}

fn main() {
    // What cargo passes begins with dashes.
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for &(name, per_iteration, code) in LOOPS {
        for engine in ["interp", "baseline", "interp+optimizing", "optimizing"] {
            if !only.is_empty() && !only.iter().any(|only| only == engine) {
                continue;
            }
            let [best, median] = measure(engine.parse().expect("an engine"), code, per_iteration);
            println!("{name:<14}{engine:<20}{best:>8.2} ns/iteration at best, median {median:.2}");
        }
    }
}
