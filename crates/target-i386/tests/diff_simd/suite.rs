//! Every SIMD instruction against the host CPU: same bytes, same registers, same memory, same MXCSR, same faults.
//!
//! The instructions are not listed: every encoding of the three opcode maps for which `simd::lookup` has a handler
//! is a subject, in register and memory forms, with random and corner-case operands. Cases per encoding default to
//! a few dozen; `REPRISE_DIFF_SCALE=10 cargo test -p target-i386 --test diff_simd` runs ten times as many, and
//! `REPRISE_DIFF_SEED` another sequence. `REPRISE_DIFF_ONLY=pcmp` restricts to mnemonics containing a word.

mod availability;
mod encodings;
mod operands;

pub use availability::run as availability;

use crate::host::{self, Bench, Engine, setting};
use encodings::Encoding;
use host_oracle::layout::DATA_LEN;
use host_oracle::{Fault as HostFault, Mode, Oracle, Outcome, Rng, Signal, State};
use iced_x86::{Decoder, FastFormatter, Instruction, Mnemonic};
use operands::Case;
use std::collections::BTreeMap;

/// How the host CPU's report of an exception looks next to ours: vector and, for page faults, the address. #MF and
/// #XM come as the same signal; both count as #XM.
fn as_vector(fault: HostFault) -> (u8, u64) {
    match fault.signal {
        Signal::Ill => (6, 0),
        Signal::Fpe => (19, 0),
        Signal::Segv if matches!(fault.code, 1 | 2) => (14, fault.addr),
        Signal::Segv => (13, 0),
        other => panic!("the host reported {other:?}"),
    }
}

/// MXCSR.MM (misaligned exception mask) is AMD's alone, with a CPUID bit that our models do not announce: setting it
/// is #GP for us.
const MISALIGN_MASK: u32 = 1 << 17;

/// RCPPS and RSQRTPS are specified by their error only; everything else must agree to the bit.
fn is_approximate(mnemonic: Mnemonic) -> bool {
    matches!(
        mnemonic,
        Mnemonic::Rcpps
            | Mnemonic::Rcpss
            | Mnemonic::Rsqrtps
            | Mnemonic::Rsqrtss
            | Mnemonic::Vrcpps
            | Mnemonic::Vrcpss
            | Mnemonic::Vrsqrtps
            | Mnemonic::Vrsqrtss
    )
}

/// Within the error that the SDM allows both sides together.
fn nearly_equal(ours: u64, theirs: u64) -> bool {
    [0, 32].into_iter().all(|shift| {
        let (x, y) = ((ours >> shift) as u32, (theirs >> shift) as u32);
        let (a, b) = (f64::from(f32::from_bits(x)), f64::from(f32::from_bits(y)));
        // A result at the edge of the normal range may be flushed by one and not by the other.
        let tiny = |v: f64| v.abs() < f64::from(f32::MIN_POSITIVE) * 1.001;
        x == y || (a / b - 1.0).abs() < 3.0 / 4096.0 || tiny(a) && tiny(b) && x >> 31 == y >> 31
    })
}

fn differences(ours: &State, theirs: &State, approximate: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |what: String, ours: u64, theirs: u64| {
        if ours != theirs {
            found.push(format!("{what}: ours {ours:#x}, host {theirs:#x}"));
        }
    };
    for i in 0..16 {
        check(format!("gpr{i}"), ours.gpr[i], theirs.gpr[i]);
        for q in 0..4 {
            let (a, b) = (ours.ymm[i][q], theirs.ymm[i][q]);
            if !(approximate && nearly_equal(a, b)) {
                check(format!("ymm{i}[{q}]"), a, b);
            }
        }
    }
    for i in 0..8 {
        let significand = |state: &State| u64::from_le_bytes(std::array::from_fn(|b| state.x87.st[i][b]));
        let exponent = |state: &State| u16::from_le_bytes([state.x87.st[i][8], state.x87.st[i][9]]).into();
        check(format!("st{i}"), significand(ours), significand(theirs));
        check(format!("st{i} exponent"), exponent(ours), exponent(theirs));
    }
    check("rip".into(), ours.rip, theirs.rip);
    check("flags".into(), ours.rflags & 0x8d5, theirs.rflags & 0x8d5);
    check("mxcsr".into(), ours.mxcsr.into(), theirs.mxcsr.into());
    check("fsw".into(), ours.x87.fsw.into(), theirs.x87.fsw.into());
    check("tags".into(), ours.x87.ftw.into(), theirs.x87.ftw.into());
    found
}

fn decoded(code: &[u8], bits: u32) -> Instruction {
    Decoder::new(
        bits,
        code,
        target_i386::decode::options(target_i386::Features::all()),
    )
    .decode()
}

fn disassembled(insn: &Instruction) -> String {
    let mut text = String::new();
    FastFormatter::new().format(insn, &mut text);
    text
}

/// Runs one case on both; the text of the difference if there is one.
fn compare(oracle: &mut Oracle, bench: &mut Bench, case: &Case) -> Option<String> {
    let Case {
        code,
        state: start,
        memory,
        bits,
    } = case;
    let insn = decoded(code, *bits);
    let mode = if *bits == 64 { Mode::Long } else { Mode::Compat };
    oracle.set_mode(mode);
    let mut theirs = start.clone();
    oracle.data_mut().copy_from_slice(memory);
    let outcome = oracle.run(code, &mut theirs).expect("the oracle runs");
    let host = match outcome {
        Outcome::Done => None,
        Outcome::Fault(fault) => Some(as_vector(fault)),
        Outcome::Endless => panic!("{} does not end", disassembled(&insn)),
    };
    if theirs.mxcsr & MISALIGN_MASK != 0 {
        return None;
    }
    let mut ours = start.clone();
    bench.enter(mode);
    bench.put_data(0, memory);
    let fault = bench
        .run(code, &mut ours)
        .map(|(vector, addr)| (if vector == 16 { 19 } else { vector }, addr));
    let mut found = Vec::from_iter(bench.disagreement());
    if fault != host {
        found.push(format!("fault: ours {fault:x?}, host {host:x?}"));
    } else {
        found.extend(differences(&ours, &theirs, is_approximate(insn.mnemonic())));
        let mut our_memory = vec![0; DATA_LEN];
        bench.data(&mut our_memory);
        let their_memory = oracle.data();
        if our_memory != their_memory
            && let Some(at) = (0..our_memory.len()).find(|&i| our_memory[i] != their_memory[i])
        {
            found.push(format!(
                "memory at {at:#x}: ours {:#x}, host {:#x}",
                our_memory[at], their_memory[at]
            ));
        }
    }
    if found.is_empty() {
        return None;
    }
    Some(format!(
        "{code:02x?} {}\n    {}",
        disassembled(&insn),
        found.join("\n    ")
    ))
}

/// Runs the suite on `engine`.
pub fn run(engine: Engine) {
    let Some(mut oracle) = host::oracle() else { return };
    let mut bench = Bench::new(engine);
    let mut rng = Rng::new(setting("REPRISE_DIFF_SEED").unwrap_or(1));
    let cases = (32 * setting("REPRISE_DIFF_SCALE").unwrap_or(1)).div_ceil(engine.share);
    let only = std::env::var("REPRISE_DIFF_ONLY")
        .unwrap_or_default()
        .to_lowercase();
    let (mut total, mut mnemonics) = (0u64, BTreeMap::<String, u64>::new());
    let mut skipped = BTreeMap::<String, u64>::new();
    let mut failures = BTreeMap::<String, (u64, String)>::new();
    for encoding in Encoding::all() {
        let name = format!("{:?}", encoding.mnemonic()).to_lowercase();
        if !name.contains(&only) {
            continue;
        }
        if let Some(missing) = encoding.missing_on_host() {
            *skipped.entry(missing).or_default() += 1;
            continue;
        }
        for number in 0..cases {
            // One in eight in 32-bit code, where the encoding exists there.
            let bits = if number % 8 == 7 && encoding.exists_in_32_bit_code() {
                32
            } else {
                64
            };
            let case = operands::case(&encoding, &mut rng, bits);
            total += 1;
            if let Some(text) = compare(&mut oracle, &mut bench, &case) {
                failures.entry(name.clone()).or_insert((0, text)).0 += 1;
            }
        }
        *mnemonics.entry(name).or_default() += 1;
    }
    println!("{total} cases, {} mnemonics", mnemonics.len());
    for (feature, encodings) in &skipped {
        println!("skipped: {encodings} encodings, because this host lacks {feature}");
    }
    assert!(
        !only.is_empty() || mnemonics.len() > 500,
        "the tables lost instructions: {}",
        mnemonics.len()
    );
    let mut report: Vec<_> = failures
        .iter()
        .map(|(name, (count, text))| format!("{name} ({count} times): {text}"))
        .collect();
    report.extend(bench.finish());
    host_oracle::judge(&report);
}
