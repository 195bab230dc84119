//! Every integer instruction against the host CPU: same bytes, registers, memory and flags; same faults.
//!
//! The instructions are not listed: every opcode for which the integer table has a handler is a subject, with
//! random prefixes, forms and corner-case operands, in 64-bit and 32-bit code. `REPRISE_DIFF_SCALE=10 cargo
//! test -p target-i386 --test diff_int` runs ten times as many, `REPRISE_DIFF_SEED` another sequence, and
//! `REPRISE_DIFF_ONLY=shld` restricts to mnemonics containing a word.

mod cases;

use crate::host::{self, Bench, Engine, setting};
use cases::Case;
use host_oracle::layout::DATA_LEN;
use host_oracle::{Fault as HostFault, Mode, Oracle, Outcome, Rng, Signal, State};
use iced_x86::{FastFormatter, Instruction, Mnemonic};
use std::collections::{BTreeMap, BTreeSet};
use target_i386::exec::undefined;
use target_i386::flags::bit;

/// Cases per mode unless the environment says otherwise.
const CASES: u64 = 35_000;
/// Differences printed per mnemonic.
const SHOWN: usize = 3;

/// The host's report of an exception as we name ours: vector, and the address of a page fault. #GP and #SS come
/// out alike in places; see [`same_fault`].
fn as_vector(fault: HostFault) -> (u8, u64) {
    match fault.signal {
        Signal::Ill => (6, 0),
        Signal::Fpe => (0, 0),
        Signal::Segv if matches!(fault.code, 1 | 2) => (14, fault.addr),
        Signal::Segv if fault.code == 3 => (5, 0),
        Signal::Segv => (13, 0),
        Signal::Bus if fault.code == 1 => (17, 0),
        Signal::Bus => (12, 0),
        other => panic!("the host reported {other:?}"),
    }
}

/// Linux reports #BR as a plain SIGSEGV where it knows no bounds registers.
fn same_fault(ours: Option<(u8, u64)>, host: Option<(u8, u64)>) -> bool {
    ours == host || ours == Some((5, 0)) && host == Some((13, 0))
}

fn differences(case: &Case, mode: Mode, ours: &State, host: &State, faulted: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |what: &str, ours: u64, host: u64| {
        if ours != host {
            found.push(format!("{what}: ours {ours:#x}, host {host:#x}"));
        }
    };
    let names = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
    // POPA may stop at a fault with some registers loaded (AMD) or none (ours); it starts over either way.
    let half_done = faulted && matches!(case.raw.mnemonic(), Mnemonic::Popa | Mnemonic::Popad);
    let registers = if mode == Mode::Long { 16 } else { 8 };
    for i in 0..if half_done { 0 } else { registers } {
        let mask = if mode == Mode::Long { u64::MAX } else { 0xffff_ffff };
        check(
            names.get(i).unwrap_or(&"r8..r15"),
            ours.gpr[i] & mask,
            host.gpr[i] & mask,
        );
    }
    check("rip", ours.rip, host.rip);
    let cl = case.state.gpr[1] as u8;
    let undefined = if faulted {
        0
    } else {
        undefined::undefined_flags(&case.raw, cl)
    };
    let shown = bit::STATUS & !undefined | bit::DF | bit::NT | bit::AC;
    check("flags", ours.rflags & shown, host.rflags & shown);
    found
}

struct Suite {
    oracle: Oracle,
    bench: Bench,
    ours: Vec<u8>,
}

impl Suite {
    /// Runs a case on both sides; what differs.
    fn run(&mut self, case: &Case, mode: Mode, rng: &mut Rng) -> Vec<String> {
        // Some fresh memory where the instruction may look.
        let near = case
            .state
            .gpr
            .map(|value| value.wrapping_sub(host_oracle::layout::DATA_BASE));
        for at in near.into_iter().filter(|&at| at < DATA_LEN as u64 - 64).take(4) {
            let mut bytes = [0; 64];
            bytes
                .chunks_exact_mut(8)
                .for_each(|chunk| chunk.copy_from_slice(&rng.bits().to_le_bytes()));
            self.oracle.data_mut()[at as usize..at as usize + 64].copy_from_slice(&bytes);
            self.bench.put_data(at as usize, &bytes);
        }
        let (mut ours, mut host) = (case.state.clone(), case.state.clone());
        let outcome = self.oracle.run(&case.code, &mut host).expect("the host runs");
        let fault = self.bench.run(&case.code, &mut ours);
        let host_fault = match outcome {
            Outcome::Done => None,
            Outcome::Fault(fault) => Some(as_vector(fault)),
            // A jump to itself.
            Outcome::Endless => None,
        };
        let mut found = Vec::from_iter(self.bench.disagreement());
        if !same_fault(fault, host_fault) {
            found.push(format!("fault: ours {fault:x?}, host {host_fault:x?}"));
        }
        if !undefined::undefined_result(&case.raw, case.state.gpr[1] as u8) {
            found.extend(differences(case, mode, &ours, &host, fault.is_some()));
            self.bench.data(&mut self.ours);
            // The kernel does not let the tracer set ID, so PUSHF stores what earlier cases left there.
            let any_id = matches!(
                case.raw.mnemonic(),
                Mnemonic::Pushf | Mnemonic::Pushfd | Mnemonic::Pushfq
            );
            let differs = |(ours, host): (&u8, &u8)| ours != host && !(any_id && ours ^ host == 0x20);
            if self.ours.iter().zip(self.oracle.data()).any(differs) {
                let at = self
                    .ours
                    .iter()
                    .zip(self.oracle.data())
                    .position(|(a, b)| a != b)
                    .unwrap_or(0);
                let (a, b) = (self.ours[at], self.oracle.data()[at]);
                found.push(format!("memory at +{at:#x}: ours {a:#x}, host {b:#x}"));
            }
        }
        let host_data = self.oracle.data();
        if self.ours != host_data || undefined::undefined_result(&case.raw, case.state.gpr[1] as u8) {
            let data = host_data.to_vec();
            self.bench.put_data(0, &data);
        }
        found
    }
}

/// Runs the suite on `engine`.
pub fn run(engine: Engine) {
    let Some(oracle) = host::oracle() else { return };
    let cases = CASES * setting("REPRISE_DIFF_SCALE").unwrap_or(1) / engine.share;
    let only = std::env::var("REPRISE_DIFF_ONLY").unwrap_or_default();
    let mut rng = Rng::new(setting("REPRISE_DIFF_SEED").unwrap_or(1));
    let mut suite = Suite {
        oracle,
        bench: Bench::new(engine),
        ours: vec![0; DATA_LEN],
    };
    let data: Vec<u8> = (0..DATA_LEN).map(|_| rng.bits() as u8).collect();
    suite.oracle.data_mut().copy_from_slice(&data);
    suite.bench.put_data(0, &data);
    let mut failures: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut total = 0;
    for mode in [Mode::Long, Mode::Compat] {
        suite.oracle.set_mode(mode);
        suite.bench.enter(mode);
        let opcodes = cases::opcodes(mode);
        let mut done = 0;
        let mut idle = 0;
        while done < cases && idle < 1_000_000 {
            idle += 1;
            let opcode = rng.pick(&opcodes);
            let Some(case) = cases::case(opcode, mode, &mut rng) else {
                continue;
            };
            let name = format!("{:?}", case.raw.mnemonic()).to_lowercase();
            if !name.contains(&only) || case.raw.mnemonic() == Mnemonic::INVALID {
                continue;
            }
            idle = 0;
            done += 1;
            seen.insert(name.clone());
            let found = suite.run(&case, mode, &mut rng);
            if !found.is_empty() {
                let entry = failures
                    .entry(format!("{name} {:?}", case.raw.code()))
                    .or_default();
                entry.0 += 1;
                if entry.1.len() < SHOWN {
                    let state = &case.state;
                    entry.1.push(format!(
                        "{mode:?} {} ({:02x?}) gpr {:x?} flags {:x}\n    {}",
                        text(&case.raw),
                        case.code,
                        state.gpr,
                        state.rflags,
                        found.join("; ")
                    ));
                }
            }
        }
        total += done;
    }
    println!("{total} cases, {} mnemonics", seen.len());
    let mut shown: Vec<String> = failures
        .iter()
        .map(|(name, (count, examples))| format!("{name}: {count}\n  {}", examples.join("\n  ")))
        .collect();
    shown.extend(suite.bench.finish());
    host_oracle::judge(&shown);
}

fn text(raw: &Instruction) -> String {
    let mut text = String::new();
    FastFormatter::new().format(raw, &mut text);
    text
}
