//! How a run with a log ends: a recording is closed; a replay is compared with the log's last word, and says how it came out.

use super::{Verdict, describe, epilogue};
use crate::running::Machine;
use crate::{digest, hints};
use replay::{Difference, Divergence, Mode, Shutdown};
use std::hash::Hasher;
use target_i386::registers;
use util_mainloop::Period;
use xxhash_rust::xxh3::Xxh3;

impl Machine {
    /// Ends the log, or compares the end with it; says how a replay came out. The exit status.
    pub(crate) fn finish(&mut self, period: &mut Period<'_>, status: u8, cause: Shutdown) -> u8 {
        if self.replay.mode() == Mode::None {
            return status;
        }
        self.outsides.flush_output();
        if self.ends_unsaid {
            self.replay.flush(self.cpus.instant());
            return status;
        }
        let cpus: Vec<u64> = (0..self.cpus.count())
            .map(|n| self.on_cpu(period, n, |vcpu| digest::cpu(vcpu)))
            .collect();
        let mut whole = digest::Hashed(Xxh3::new());
        cpus.into_iter()
            .chain([self.outsides.memory_digest(), hw_core::digest(&self.pc.devices)])
            .for_each(|part| whole.write_u64(part));
        let now = self.cpus.instant();
        let replaying = self.replay.mode() == Mode::Play;
        let finished = self.replay.finish(now, cause, whole.finish());
        if !replaying {
            self.delete_dropped();
            if let Some(reason) = self.replay.stopped().filter(|_| finished.is_err()) {
                hints::say(&format!("the recording is not complete: {reason}"));
            }
            return status;
        }
        let verdict = match (self.outsides.take_verdict(), finished) {
            (Some(Verdict::Ended(_)) | None, Err(divergence)) => Some(Verdict::Diverged(divergence)),
            (verdict, _) => verdict,
        };
        match verdict {
            Some(Verdict::Diverged(divergence)) => {
                self.report_difference(period, &divergence);
                1
            }
            Some(Verdict::Ended(ending)) => {
                hints::say(&epilogue(&ending, self.began_at, now));
                status
            }
            None => {
                if !cause.is_guests() {
                    hints::say(&format!("left the replay at instruction {}", now.count));
                } else {
                    hints::say(&epilogue(&replay::Ending::End, self.began_at, now));
                }
                status
            }
        }
    }

    /// Says in what the replay differs.
    fn report_difference(&mut self, period: &mut Period<'_>, divergence: &Divergence) {
        let mut registers = String::new();
        for n in 0..self.cpus.count() {
            let (text, address) = self.on_cpu(period, n, |vcpu| {
                (registers::describe(&vcpu.state, vcpu.icount), vcpu.code_address())
            });
            let symbol = self.symbols.as_ref().and_then(|symbols| symbols.name(address));
            let symbol = symbol.map_or(String::new(), |symbol| format!(" in {symbol}"));
            registers.push_str(&format!("CPU#{n}{symbol}\n{text}"));
        }
        let checked = self.outsides.checked_before(divergence.now().count);
        for line in describe(divergence, checked, &registers).lines() {
            hints::report(line, self.report.as_deref());
        }
        self.diverged = true;
        self.difference = (divergence.difference() != Difference::Stuck).then(|| divergence.now().count);
    }
}
