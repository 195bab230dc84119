//! What translation costs a guest instruction, in time and in bytes of code, and what finding a block costs.
//! `cargo bench -p accel-tcg --bench translation`; with `CORPUS=FILE`, over the code of another ELF program.
//!
//! The corpus is the code of this program itself, or of `CORPUS`, swept from its start and cut into blocks as the
//! engine cuts it. Times of the baseline engine are of a fresh engine: RAM page look-up, decoding, planning, emission,
//! insertion, and what is kept for invalidation. Links are made when code runs, and are not in it.

use accel_tcg::baseline::Baseline;
use accel_tcg::code_buffer::CodeBuffer;
use accel_tcg::optimizing::compile::{Client, Compiler};
use accel_tcg::optimizing::listing::Wish;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use softmmu::{PAGE_SIZE, RamAddr};
use std::hint::black_box;
use target_i386::clif::Region;
use target_i386::decode::{self, Context, Decoded};
use target_i386::jit::{Jump, Key, Translator};
use target_i386::testbench::{DATA, Mode, TestBench};
use target_i386::{CodeHolder, Features, Insn};

/// Most bytes of code that are looked at.
const MOST: usize = 384 << 10;
/// Where the corpus lies in the guest: RAM and linear address alike.
const AT: u64 = (DATA + PAGE_SIZE - 1) & !(PAGE_SIZE - 1);
/// Bytes for generated code: more than the corpus needs.
const BUFFER: usize = 64 << 20;
/// Bytes that a block is looked for in, as the engine has it.
const WINDOW: usize = 256;
/// Most regions compiled: one takes about a millisecond.
const REGIONS: usize = 64;

/// Code cut into blocks.
struct Corpus {
    code: Vec<u8>,
    /// Offsets of the blocks' first bytes.
    blocks: Vec<usize>,
    /// Instructions in all blocks.
    instructions: u64,
}

impl Corpus {
    fn load() -> Self {
        let path = std::env::var("CORPUS").unwrap_or_else(|_| "/proc/self/exe".into());
        let file = std::fs::read(&path).expect("a readable corpus");
        let mut code = executable_segment(&file).expect("a 64-bit ELF program").to_vec();
        code.truncate(MOST);
        let mut translator = Translator::new(Features::all());
        let key = key();
        let (mut blocks, mut instructions) = (Vec::new(), 0);
        let mut at = 0;
        while at < code.len() {
            let offset = (AT as usize + at) % PAGE_SIZE as usize;
            let Some(block) = translator.translate(window(&code, at), offset as u16, key, 0) else {
                // The engine leaves an instruction across two pages to the interpreter.
                at += PAGE_SIZE as usize - offset;
                continue;
            };
            blocks.push(at);
            let len = block.offsets.len() - 1;
            instructions += len as u64;
            at += usize::from(block.offsets[len] - block.offsets[0]);
        }
        Self {
            code,
            blocks,
            instructions,
        }
    }

    /// A guest with the corpus in its RAM.
    fn guest(&self) -> TestBench {
        let mut bench = TestBench::new(Mode::Long);
        bench.put(AT, &self.code);
        bench
    }
}

/// The bytes from `at` to the end of its page, or of the window.
fn window(code: &[u8], at: usize) -> &[u8] {
    let in_page = PAGE_SIZE as usize - (AT as usize + at) % PAGE_SIZE as usize;
    &code[at..code.len().min(at + in_page.min(WINDOW))]
}

/// The first executable segment of a 64-bit ELF file.
fn executable_segment(file: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().ok()?) as usize);
    let half = |at: usize| {
        Some(usize::from(u16::from_le_bytes(
            file.get(at..at + 2)?.try_into().ok()?,
        )))
    };
    let (headers, size, count) = (word(32)?, half(54)?, half(56)?);
    (0..count).map(|n| headers + n * size).find_map(|header| {
        let (kind_and_flags, offset, len) = (word(header)? as u64, word(header + 8)?, word(header + 32)?);
        // PT_LOAD, PF_X.
        let loaded = kind_and_flags as u32 == 1 && kind_and_flags >> 32 & 1 != 0;
        loaded.then(|| file.get(offset..offset + len))?
    })
}

fn key() -> Key {
    TestBench::new(Mode::Long)
        .cpu
        .jit_key()
        .expect("a mode for generated code")
}

fn fresh(corpus: &Corpus) -> (TestBench, Baseline) {
    let bench = corpus.guest();
    let engine = Baseline::new(&bench.cpu, BUFFER).expect("executable memory");
    (bench, engine)
}

/// Translates the whole corpus. Not inlined: a profiler shall find it.
#[inline(never)]
fn translate_all(corpus: &Corpus, bench: &mut TestBench, engine: &mut Baseline) {
    for &at in &corpus.blocks {
        bench.cpu.state.rip = AT + at as u64;
        engine.prepare(&mut bench.cpu);
    }
}

fn translation(c: &mut Criterion) {
    let corpus = Corpus::load();
    println!(
        "corpus: {} blocks, {} instructions, {} bytes",
        corpus.blocks.len(),
        corpus.instructions,
        corpus.code.len()
    );
    println!("interpreter: {} bytes an instruction", size_of::<Insn>());
    let (mut bench, mut engine) = fresh(&corpus);
    translate_all(&corpus, &mut bench, &mut engine);
    let counters = engine.counters();
    println!(
        "baseline: {:.1} bytes an instruction",
        per(counters.code_bytes, counters.instructions)
    );

    // Time per element is time per guest instruction.
    let mut group = c.benchmark_group("translation");
    group.throughput(Throughput::Elements(corpus.instructions));
    group.sample_size(20);
    let context = Context {
        bits: 64,
        real_like: false,
        features: Features::all(),
    };
    group.bench_function("interpreter decode", |b| {
        b.iter(|| {
            for &start in &corpus.blocks {
                let window = window(&corpus.code, start);
                let mut at = 0;
                while at < window.len()
                    && let Decoded::Insn(insn) = decode::decode(&window[at..], context)
                {
                    at += insn.len as usize;
                    if black_box(insn).flags.contains(target_i386::InsnFlags::ENDS_BLOCK) {
                        break;
                    }
                }
            }
        })
    });
    group.bench_function("baseline emission", |b| {
        let (mut translator, key) = (Translator::new(Features::all()), key());
        b.iter(|| {
            for &at in &corpus.blocks {
                let offset = (AT + at as u64) % PAGE_SIZE;
                black_box(
                    translator
                        .translate(window(&corpus.code, at), offset as u16, key, 0)
                        .is_some(),
                );
            }
        })
    });
    group.bench_function("baseline", |b| {
        b.iter_batched_ref(
            || fresh(&corpus),
            |(bench, engine)| translate_all(&corpus, bench, engine),
            BatchSize::PerIteration,
        )
    });
    group.finish();
    optimizing(c, &corpus);
}

/// Loops of the corpus as the optimizing engine finds them.
fn regions(corpus: &Corpus) -> Vec<Region> {
    let key = key();
    let pages = corpus.code.as_chunks::<{ PAGE_SIZE as usize }>().0;
    let form = |&at: &usize| {
        let page = pages.get(at / PAGE_SIZE as usize)?;
        Region::form(page, (at % PAGE_SIZE as usize) as u16, key, Features::all())
    };
    corpus.blocks.iter().filter_map(form).take(REGIONS).collect()
}

fn compile_all(compiler: &mut Client, regions: Vec<Region>) -> (usize, usize) {
    let (mut bytes, mut instructions) = (0, 0);
    for (n, region) in regions.into_iter().enumerate() {
        compiler.compile(n as u64, Box::new(region));
        if let Some(compiled) = compiler.wait().and_then(|answer| answer.compiled) {
            bytes += compiled.len;
            instructions += compiled.region.len();
            compiler.retire(compiled.id);
            compiler.pass();
        }
    }
    (bytes, instructions)
}

fn optimizing(c: &mut Criterion, corpus: &Corpus) {
    let buffer = CodeBuffer::new(BUFFER).expect("executable memory");
    let compiler = Compiler::new(buffer, Wish::default()).expect("a thread");
    let mut compiler = compiler.client();
    let instructions: usize = regions(corpus).iter().map(Region::len).sum();
    let mut group = c.benchmark_group("translation");
    group.throughput(Throughput::Elements(instructions as u64));
    group.sample_size(10);
    group.bench_function("optimizing", |b| {
        let (bytes, compiled) = compile_all(&mut compiler, regions(corpus));
        println!(
            "optimizing: {:.1} bytes an instruction",
            per(bytes as u64, compiled as u64)
        );
        b.iter_batched(
            || regions(corpus),
            |regions| compile_all(&mut compiler, regions),
            BatchSize::PerIteration,
        )
    });
    group.finish();
}

fn per(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Two blocks of `inc eax; hlt` whose entries in the jump cache are one.
fn look_up(c: &mut Criterion) {
    let mut bench = TestBench::new(Mode::Long);
    let first = AT;
    let second = (first + PAGE_SIZE..)
        .find(|&pc| Jump::index(pc) == Jump::index(first))
        .expect("every index comes again");
    for pc in [first, second] {
        bench.put(pc, &[0xff, 0xc0, 0xf4]);
    }
    let mut engine = Baseline::new(&bench.cpu, BUFFER).expect("executable memory");
    let mut group = c.benchmark_group("block look-up");
    bench.cpu.state.rip = first;
    group.bench_function("jump cache hit", |b| {
        b.iter(|| black_box(engine.prepare(&mut bench.cpu)))
    });
    group.bench_function("RAM key hit", |b| {
        b.iter(|| {
            bench.cpu.state.rip ^= first ^ second;
            black_box(engine.prepare(&mut bench.cpu))
        })
    });
    group.bench_function("miss: written, translated again (2 instructions)", |b| {
        b.iter(|| {
            bench.cpu.state.rip ^= first ^ second;
            engine.written(RamAddr(bench.cpu.state.rip), 1);
            black_box(engine.prepare(&mut bench.cpu))
        })
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = look_up, translation
}
criterion_main!(benches);
