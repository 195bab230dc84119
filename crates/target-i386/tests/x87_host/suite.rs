//! Every x87 encoding against the host CPU: registers, tags, status, memory, faults, from random states.

mod cases;

use crate::host::{self, Bench, Engine, setting};
use cases::Random;
use host_oracle::layout::DATA_LEN;
use host_oracle::{Mode, Oracle, Outcome, Signal, State};

/// Cases an encoding, times `REPRISE_DIFF_SCALE`.
const CASES: u64 = 100;
/// Where the memory operand lies in the data area.
const OPERAND: usize = 0x1000;
/// The longest memory operand (FXSAVE).
const OPERAND_LEN: usize = 512;

/// D8 to DF with every ModRM byte that names registers, and with [RBX] for every reg field.
fn encodings() -> Vec<Vec<u8>> {
    let mut all = vec![vec![0x9b]];
    for opcode in 0xd8..=0xdf_u8 {
        for modrm in (0xc0..=0xff_u8).chain((0..8).map(|reg| reg << 3 | 3)) {
            all.push(vec![opcode, modrm]);
        }
    }
    // FLDENV, FNSTENV, FRSTOR, FNSAVE with 16-bit operands; FXSAVE and FXRSTOR in both widths.
    for code in [
        [0x66, 0xd9, 0x23],
        [0x66, 0xd9, 0x33],
        [0x66, 0xdd, 0x23],
        [0x66, 0xdd, 0x33],
    ] {
        all.push(code.to_vec());
    }
    for reg in [0x03, 0x0b] {
        all.push(vec![0x0f, 0xae, reg]);
        all.push(vec![0x48, 0x0f, 0xae, reg]);
    }
    all
}

/// Whether iced decodes it to something we must have a handler for.
fn is_valid(code: &[u8]) -> bool {
    let mut decoder = iced_x86::Decoder::new(64, code, iced_x86::DecoderOptions::NONE);
    !decoder.decode().is_invalid()
}

/// Transcendental functions: values may differ in the last place, and so may C1.
fn approximate(code: &[u8]) -> bool {
    matches!(code, [0xd9, 0xf0..=0xf3 | 0xf9 | 0xfb | 0xfe | 0xff])
}

fn close(a: [u8; 10], b: [u8; 10]) -> bool {
    let place = |x: [u8; 10]| {
        let sig = u64::from_le_bytes(x[..8].try_into().unwrap());
        let exp = u16::from_le_bytes(x[8..].try_into().unwrap());
        (
            exp >> 15,
            u128::from(exp & 0x7fff) << 63 | u128::from(sig & !(1 << 63)),
        )
    };
    let ((s, a), (t, b)) = (place(a), place(b));
    s == t && a.abs_diff(b) <= 1
}

struct Suite {
    oracle: Oracle,
    bench: Bench,
}

impl Suite {
    /// Runs one case; the complaint if the two differ.
    fn compare(&mut self, code: &[u8], before: &State, operand: &[u8]) -> Result<(), String> {
        self.oracle.data_mut()[OPERAND..OPERAND + operand.len()].copy_from_slice(operand);
        self.bench.put_data(0, self.oracle.data());
        let mut host = before.clone();
        let outcome = self
            .oracle
            .run(code, &mut host)
            .map_err(|error| error.to_string())?;
        let mut ours = before.clone();
        let raised = self.bench.run(code, &mut ours);
        let mut data = vec![0; DATA_LEN];
        self.bench.data(&mut data);
        if let Some(disagreement) = self.bench.disagreement() {
            return Err(disagreement);
        }
        let same_outcome = match (outcome, raised) {
            (Outcome::Done, None) => true,
            (Outcome::Fault(fault), Some((vector, _))) => match fault.signal {
                Signal::Fpe => vector == 16,
                Signal::Segv => vector == 13,
                _ => false,
            },
            _ => false,
        };
        if !same_outcome {
            return Err(format!("host {outcome:?}, ours {raised:?}"));
        }
        // RF as delivering the fault pushes it.
        host.rflags &= !0x1_0000;
        // AMD CPUs show the pointers only while an exception is pending.
        if host.x87.fsw & 0x80 == 0 || outcome != Outcome::Done {
            (ours.x87.fop, ours.x87.fip, ours.x87.fdp) = (host.x87.fop, host.x87.fip, host.x87.fdp);
        }
        // An AMD host forgets the pointers when the child is preempted with no exception pending.
        if host.x87.fdp == 0 {
            ours.x87.fdp = 0;
        }
        if approximate(code) {
            ours.x87.fsw = ours.x87.fsw & !0x200 | host.x87.fsw & 0x200;
            for (ours, host) in ours.x87.st.iter_mut().zip(&host.x87.st) {
                if close(*ours, *host) {
                    *ours = *host;
                }
            }
        }
        let memory = OPERAND..OPERAND + OPERAND_LEN;
        if matches!(code, [.., 0xae, 0x03]) {
            // MXCSR_MASK bit 17, misaligned SSE mode, is AMD's and not announced to guests.
            data[OPERAND + 30] |= self.oracle.data()[OPERAND + 30] & 2;
        }
        let (ours_data, host_data) = (&data[memory.clone()], &self.oracle.data()[memory]);
        if ours_data != host_data {
            let at = ours_data
                .iter()
                .zip(host_data)
                .position(|(a, b)| a != b)
                .unwrap_or(0);
            return Err(format!(
                "memory from {at}: ours {:02x?}, host {:02x?}",
                &ours_data[at..(at + 16).min(OPERAND_LEN)],
                &host_data[at..(at + 16).min(OPERAND_LEN)]
            ));
        }
        if ours != host {
            return Err(difference(&ours, &host));
        }
        Ok(())
    }
}

fn difference(ours: &State, host: &State) -> String {
    let mut text = String::new();
    let mut field = |name: &str, ours: String, host: String| {
        if ours != host {
            text += &format!(" {name}: ours {ours}, host {host};");
        }
    };
    field("rip", format!("{:x}", ours.rip), format!("{:x}", host.rip));
    field(
        "rflags",
        format!("{:x}", ours.rflags),
        format!("{:x}", host.rflags),
    );
    field("gpr", format!("{:x?}", ours.gpr), format!("{:x?}", host.gpr));
    field("mxcsr", format!("{:x}", ours.mxcsr), format!("{:x}", host.mxcsr));
    field("ymm", format!("{:x?}", ours.ymm), format!("{:x?}", host.ymm));
    let (a, b) = (&ours.x87, &host.x87);
    field("fcw", format!("{:04x}", a.fcw), format!("{:04x}", b.fcw));
    field("fsw", format!("{:04x}", a.fsw), format!("{:04x}", b.fsw));
    field("ftw", format!("{:02x}", a.ftw), format!("{:02x}", b.ftw));
    field("fop", format!("{:03x}", a.fop), format!("{:03x}", b.fop));
    field("fip", format!("{:x}", a.fip), format!("{:x}", b.fip));
    field("fdp", format!("{:x}", a.fdp), format!("{:x}", b.fdp));
    for i in 0..8 {
        field(&format!("st{i}"), hex(a.st[i]), hex(b.st[i]));
    }
    text
}

fn hex(mut x: [u8; 10]) -> String {
    x.reverse();
    x.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the suite on `engine`.
pub fn run(engine: Engine) {
    let Some(oracle) = host::oracle() else { return };
    let mut suite = Suite {
        oracle,
        bench: Bench::new(engine),
    };
    suite.bench.enter(Mode::Long);
    let cases = (CASES * setting("REPRISE_DIFF_SCALE").unwrap_or(1)).div_ceil(engine.share);
    let seed = setting("REPRISE_DIFF_SEED").unwrap_or(1);
    let mut differences = Vec::new();
    for code in encodings().iter().filter(|code| is_valid(code)) {
        let mut r = Random::new(code.iter().fold(seed, |h, &b| h * 257 + u64::from(b)));
        let mut wrong = 0;
        let mut example = String::new();
        for case in 0..cases {
            let before = r.state();
            let mut operand = vec![0; OPERAND_LEN];
            for chunk in operand.chunks_exact_mut(16) {
                chunk.copy_from_slice(&r.operand());
            }
            if matches!(code[..], [.., 0xae, 0x0b]) && r.below(8) != 0 {
                operand[26..28].fill(0);
            }
            if let Err(complaint) = suite.compare(code, &before, &operand) {
                wrong += 1;
                if example.is_empty() {
                    let x = &before.x87;
                    example = format!(
                        "case {case}: fcw {:04x} fsw {:04x} ftw {:02x} st0 {} st1 {} sti {} m {:02x?}\n    {complaint}",
                        x.fcw,
                        x.fsw,
                        x.ftw,
                        hex(x.st[0]),
                        hex(x.st[1]),
                        hex(x.st[usize::from(code[code.len() - 1] & 7)]),
                        &operand[..10]
                    );
                }
            }
        }
        if wrong != 0 {
            differences.push(format!("{code:02x?}: {wrong} of {cases} differ; {example}"));
        }
    }
    differences.extend(suite.bench.finish());
    host_oracle::judge(&differences);
}
