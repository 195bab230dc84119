//! Runs a few instructions and prints the registers; then measures the interpreter on three loops.
//!
//! `cargo run --release -p target-i386 --example run [HEX BYTES OF 64-BIT CODE]`

use std::time::Instant;
use target_i386::state::gpr;
use target_i386::testbench::{CODE, DATA, Mode, TestBench};

/// fib: mov ecx, 50; xor eax, eax; mov edx, 1; l: mov rbx, rdx; add rdx, rax; mov rax, rbx; dec ecx; jnz l; jmp $
const FIBONACCI: &str = "b93200000031c0ba010000004889d34801c24889d8ffc975f3ebfe";

const LOOPS: &[(&str, &str)] = &[
    ("integer", "486bc01f4801d04889c348c1eb0d4831d848ffc24839ca75e7"),
    ("memory", "488b04d64801c348891cd748ffc281e2ff030000ebea"),
    (
        "call",
        "e804000000ffc9ebf7534889cb4885db740190", /* pop rbx; ret */
    ),
];

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: String = hex.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[allow(clippy::disallowed_methods)] // measuring is what this program does
fn main() {
    let argument = std::env::args().nth(1);
    let Some(code) = bytes(argument.as_deref().unwrap_or(FIBONACCI)) else {
        return eprintln!("not hexadecimal");
    };
    let mut bench = TestBench::new(Mode::Long);
    bench.code(&code);
    let reason = bench.run(1000);
    println!("stopped: {reason:?} after {} instructions", bench.cpu.icount);
    for (n, name) in ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"]
        .iter()
        .enumerate()
    {
        println!(
            "{name} {:016x}   r{:<2} {:016x}",
            bench.cpu.state.gpr[n],
            n + 8,
            bench.cpu.state.gpr[n + 8]
        );
    }
    println!(
        "rip {:016x}   flags {:x} (started at {CODE:x})",
        bench.cpu.state.rip,
        bench.cpu.state.flags.get()
    );

    for (name, hex) in LOOPS {
        let mut code = bytes(hex).unwrap_or_default();
        if *name == "call" {
            code.extend([0x5b, 0xc3]);
        }
        let mut bench = TestBench::new(Mode::Long);
        bench.code(&code);
        let state = &mut bench.cpu.state;
        (state.gpr[gpr::RSI], state.gpr[gpr::RDI]) = (DATA, DATA + 0x4000);
        bench.run(1_000_000);
        const BUDGET: u64 = 100_000_000;
        let start = Instant::now();
        bench.run(BUDGET);
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:8} {:7.1} MIPS", BUDGET as f64 / seconds / 1e6);
    }
}
