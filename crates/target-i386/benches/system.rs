//! What the guest's kernel does most, as every engine does it: system calls, events, page walks, address spaces,
//! string instructions, stores beside code. Each loop is a few instructions; the time is of one round.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use target_i386::state::{DescriptorTable, Segment, gpr};
use target_i386::testbench::{CODE, DATA, Mode, PAGE_TABLES, STACK, TestBench, selector};

const ROUNDS: u64 = 10_000;
/// Where ring 0 code of the user-mode loops lies.
const KERNEL: u64 = CODE + 0x800;
const IDT: u64 = 0x2_0000;
const TSS: u64 = 0x2_2000;
/// A page table for [`SMALL`], and one more root for a second address space.
const TABLE: u64 = 0x2_4000;
const ROOT: u64 = 0x2_5000;
/// 4 KiB pages, mapped to [`FRAMES`].
const SMALL: u64 = 0x4000_0000;
const FRAMES: u64 = 0x40_0000;

/// One loop: mode, instructions a round, code, kernel's code.
struct Loop {
    name: &'static str,
    mode: Mode,
    insns: u64,
    code: &'static [u8],
    kernel: &'static [u8],
}

#[rustfmt::skip]
const LOOPS: &[Loop] = &[
    // l: syscall; jmp l. k: sysretq
    Loop { name: "syscall, sysret", mode: Mode::LongUser, insns: 3, code: &[0x0f, 0x05, 0xeb, 0xfc], kernel: &[0x48, 0x0f, 0x07] },
    // l: int 0x80; jmp l. k: iretq
    Loop { name: "int, iretq", mode: Mode::LongUser, insns: 3, code: &[0xcd, 0x80, 0xeb, 0xfc], kernel: &[0x48, 0xcf] },
    // l: mov al, [rdx]; jmp l. k: add qword [rsp+8], 2; add rsp, 8; iretq
    Loop { name: "#PF, iretq", mode: Mode::LongUser, insns: 4, code: &[0x8a, 0x02, 0xeb, 0xfc],
        kernel: &[0x48, 0x83, 0x44, 0x24, 0x08, 0x02, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf] },
    // l: swapgs; jmp l
    Loop { name: "swapgs", mode: Mode::Long, insns: 2, code: &[0x0f, 0x01, 0xf8, 0xeb, 0xfb], kernel: &[] },
    // l: cli; sti; jmp l
    Loop { name: "cli, sti", mode: Mode::Long, insns: 3, code: &[0xfa, 0xfb, 0xeb, 0xfc], kernel: &[] },
    // l: invlpg [rsi]; mov al, [rsi]; jmp l
    Loop { name: "invlpg, walk, fill", mode: Mode::Long, insns: 3, code: &[0x0f, 0x01, 0x3e, 0x8a, 0x06, 0xeb, 0xf9], kernel: &[] },
    // l: invlpg [rsi]; mov [rsi], al; jmp l
    Loop { name: "invlpg, walk for a store, fill", mode: Mode::Long, insns: 3, code: &[0x0f, 0x01, 0x3e, 0x88, 0x06, 0xeb, 0xf9], kernel: &[] },
    // l: mov cr3, r8; mov cr3, r9; jmp l. Keeping: address spaces 1 and 2
    Loop { name: "two CR3 writes, keeping", mode: Mode::Long, insns: 3, code: &[0x41, 0x0f, 0x22, 0xd8, 0x41, 0x0f, 0x22, 0xd9, 0xeb, 0xf6], kernel: &[] },
    // l: mov cr3, r10; 8 times mov al, [rsi + n * 4096]; jmp l
    Loop { name: "CR3 write, 8 fills", mode: Mode::Long, insns: 10, code: &[0x41, 0x0f, 0x22, 0xda,
        0x8a, 0x86, 0, 0x00, 0, 0, 0x8a, 0x86, 0, 0x10, 0, 0, 0x8a, 0x86, 0, 0x20, 0, 0, 0x8a, 0x86, 0, 0x30, 0, 0,
        0x8a, 0x86, 0, 0x40, 0, 0, 0x8a, 0x86, 0, 0x50, 0, 0, 0x8a, 0x86, 0, 0x60, 0, 0, 0x8a, 0x86, 0, 0x70, 0, 0, 0xeb, 0xca], kernel: &[] },
    // l: mov [rbp + 0x400], rax; jmp l, to the page of the loop
    Loop { name: "store beside code", mode: Mode::Long, insns: 2, code: &[0x48, 0x89, 0x85, 0, 4, 0, 0, 0xeb, 0xf7], kernel: &[] },
    // l: mov byte [rbp + 0x400], 0xc3; call rbp + 0x400; jmp l
    Loop { name: "store to code, run it", mode: Mode::Long, insns: 4, code: &[0xc6, 0x85, 0, 4, 0, 0, 0xc3, 0xe8, 0xf4, 3, 0, 0, 0xeb, 0xf2], kernel: &[] },
];

/// Adds a page table at [`SMALL`], an IDT, a TSS, MSRs for system calls, a second root.
fn machine(mode: Mode) -> TestBench {
    let mut bench = TestBench::new(mode);
    const ENTRY: u64 = 0x67;
    for page in 0..512 {
        let entry = (FRAMES + page * 0x1000) | ENTRY;
        bench.put(TABLE + page * 8, &entry.to_le_bytes());
    }
    bench.put(PAGE_TABLES + 0x3000, &(TABLE | ENTRY).to_le_bytes());
    bench.put(ROOT, &((PAGE_TABLES + 0x1000) | ENTRY).to_le_bytes());
    for vector in 0..256 {
        // Present, DPL 3, interrupt gate.
        let low = KERNEL & 0xffff | u64::from(selector::CODE64) << 16 | 0xee00 << 32 | (KERNEL >> 16) << 48;
        bench.put(IDT + vector * 16, &low.to_le_bytes());
    }
    bench.put(TSS + 4, &STACK.to_le_bytes());
    let state = &mut bench.cpu.state;
    state.idtr = DescriptorTable {
        base: IDT,
        limit: 0xfff,
    };
    state.tr = Segment {
        selector: 0x48,
        base: TSS,
        limit: 0x67,
        attr: 0x8b00,
    };
    state.msr.star = u64::from(selector::CODE64) << 32 | 0x23 << 48;
    state.msr.lstar = KERNEL;
    state.cr4 |= 1 << 17 | 1 << 7;
    let gpr = &mut state.gpr;
    gpr[gpr::RSI] = SMALL;
    gpr[gpr::RDX] = 0x1_0000_0000;
    gpr[gpr::RBP] = CODE;
    gpr[8] = PAGE_TABLES | 1 | 1 << 63;
    gpr[9] = ROOT | 2 | 1 << 63;
    gpr[10] = PAGE_TABLES;
    bench.cpu.refresh_mode();
    bench
}

fn loops(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("system");
    group.throughput(Throughput::Elements(ROUNDS));
    for this in LOOPS {
        let mut bench = machine(this.mode);
        bench.put(KERNEL, this.kernel);
        bench.code(this.code);
        if this.name.starts_with("two CR3") {
            // Each address space has a few hundred pages.
            for root in [9, 8] {
                let value = bench.cpu.state.gpr[root];
                target_i386::control::write_cr3(&mut bench.cpu, value).expect("a good CR3");
                for page in 0..300 {
                    let at = SMALL + page * 0x1000;
                    bench.cpu.probe_read(0, at, 1).expect("mapped");
                }
            }
        }
        group.bench_function(this.name, |timer| timer.iter(|| bench.run(ROUNDS * this.insns)));
        assert_eq!(bench.cpu.state.rip, CODE, "{} goes round", this.name);
    }
    group.finish();
}

/// REP loops: bytes, then the prefix and opcode.
#[rustfmt::skip]
const STRINGS: &[(&str, u64, u64, &[u8])] = &[
    ("movsb 64", 1, 64, &[0xf3, 0xa4]),
    ("movsb 4096", 1, 4096, &[0xf3, 0xa4]),
    ("movsq 4096", 8, 4096, &[0xf3, 0x48, 0xa5]),
    ("movsq 4096 askew", 8, 4096 + 8, &[0xf3, 0x48, 0xa5]),
    ("stosb 64", 1, 64, &[0xf3, 0xaa]),
    ("stosq 4096", 8, 4096, &[0xf3, 0x48, 0xab]),
    ("lodsb 4096", 1, 4096, &[0xf3, 0xac]),
    ("repne scasb 4096", 1, 4096, &[0xf2, 0xae]),
    ("repe cmpsb 4096", 1, 4096, &[0xf3, 0xa6]),
    ("repe cmpsq 4096", 8, 4096, &[0xf3, 0x48, 0xa7]),
];

fn strings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("string");
    for &(name, size, bytes, rep) in STRINGS {
        let mut bench = machine(Mode::Long);
        let count = bytes / size;
        // l: mov rsi, r12; mov rdi, r13; mov ecx, count; rep ...; jmp l
        let mut code = vec![0x4c, 0x89, 0xe6, 0x4c, 0x89, 0xef, 0xb9];
        code.extend((count as u32).to_le_bytes());
        code.extend(rep);
        code.extend([0xeb, (code.len() as u8 + 2).wrapping_neg()]);
        bench.code(&code);
        let askew = if bytes % 4096 == 8 { 0x7f8 } else { 0 };
        bench.cpu.state.gpr[12] = SMALL + askew;
        bench.cpu.state.gpr[13] = SMALL + 0x1_0000;
        bench.cpu.state.gpr[gpr::RAX] = 1;
        bench.put(DATA, &[0; 16]);
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |timer| timer.iter(|| bench.run(4 + count)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(600));
    targets = loops, strings
}
criterion_main!(benches);
