//! Snapshots of a running machine by name: savevm, loadvm, delvm, and the list of those there are.
//!
//! The guest and its clock stand still meanwhile, and go on afterwards as they were.

use super::{Cpus, Memory, Past, Whole};
use crate::running::{Machine, RunState};
use accel_tcg::Schedule;
use migration::{Saved, Snapshot, SnapshotError};
use std::fmt::Write;
use std::sync::Arc;
use target_i386::VcpuImage;
use util_mainloop::Period;

/// vCPUs on threads of their own, which are stopped.
struct OnThreads<'a, 'p> {
    cpus: &'a accel_tcg::Cpus,
    period: &'a mut Period<'p>,
}

impl Cpus for OnThreads<'_, '_> {
    fn count(&self) -> usize {
        self.cpus.count()
    }

    fn image(&mut self, index: usize) -> VcpuImage {
        self.period
            .without_gate(|big| self.cpus.run_on_cpu(big, index, |vcpu| vcpu.image()))
    }

    fn restore(&mut self, index: usize, image: VcpuImage) {
        self.period
            .without_gate(|big| self.cpus.run_on_cpu(big, index, move |vcpu| vcpu.restore(&image)));
    }

    fn schedule(&mut self) -> Schedule {
        self.cpus.schedule()
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        self.cpus.set_schedule(schedule);
    }

    fn protect_cleaned(&mut self) {
        for n in 0..self.count() {
            self.period
                .without_gate(|big| self.cpus.run_on_cpu(big, n, |vcpu| vcpu.protect_cleaned()));
        }
    }
}

impl Machine {
    /// Writes the machine as it is into the snapshot `name`, in the place of one that has the name.
    ///
    /// # Errors
    /// A bad name, or the file system; what had the name stays.
    pub fn save_named(&mut self, period: &mut Period<'_>, name: &str) -> Result<(), SnapshotError> {
        if let Some(id) = self.drives.only_now() {
            return Err(SnapshotError::Drive(id));
        }
        let store = self.snapshots.clone();
        self.held_still(period, |whole, _| store.save(name, |to| whole.write(to)))
    }

    /// Becomes what the snapshot `name` holds. The CPU runs if it ran before.
    ///
    /// # Errors
    /// There is none, it is damaged, or it is of another machine; nothing has changed then.
    pub fn load_named(&mut self, period: &mut Period<'_>, name: &str) -> Result<(), SnapshotError> {
        let store = self.snapshots.clone();
        self.held_still(period, |whole, _| whole.read(|| store.open(name)))?;
        self.is_no_more_switched_off();
        Ok(())
    }

    fn is_no_more_switched_off(&mut self) {
        if self.state == RunState::Shutdown {
            self.state = RunState::Paused;
        }
    }

    /// The machine as it is, in memory; see [`Stepper::save_snapshot`](crate::Stepper::save_snapshot).
    pub fn save_snapshot(&mut self, period: &mut Period<'_>) -> Snapshot {
        self.held_still(period, |whole, memory| whole.save(memory))
    }

    /// Becomes what it was; see [`Stepper::load_snapshot`](crate::Stepper::load_snapshot).
    ///
    /// # Errors
    /// A snapshot of another machine, or a damaged one; nothing has changed then.
    pub fn load_snapshot(
        &mut self,
        period: &mut Period<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), SnapshotError> {
        self.held_still(period, |whole, memory| whole.load(memory, snapshot))?;
        self.is_no_more_switched_off();
        Ok(())
    }

    /// Deletes the snapshot `name`.
    ///
    /// # Errors
    /// There is none, or the file system.
    pub fn delete_named(&self, name: &str) -> Result<(), SnapshotError> {
        self.snapshots.delete(name)
    }

    /// Text of the monitor's `info snapshots`.
    pub fn describe_snapshots(&self) -> String {
        match self.snapshots.list() {
            Ok(list) if list.is_empty() => "There is no snapshot available.\n".to_owned(),
            Ok(list) => list.iter().fold(
                format!(
                    "{:<20} {:>10} {:>19} {:>14} {:>16}\n",
                    "NAME", "SIZE", "DATE (UTC)", "VM CLOCK", "ICOUNT"
                ),
                |text, saved| text + &describe(saved),
            ),
            Err(error) => format!("{error}\n"),
        }
    }

    /// Calls `work` with the machine, which stands still meanwhile, and what is kept of its memory.
    pub(crate) fn held_still<R>(
        &mut self,
        period: &mut Period<'_>,
        work: impl FnOnce(&mut Whole<'_>, &mut Memory) -> R,
    ) -> R {
        let before = self.state;
        self.stop(period, before);
        let position = self.replay.position();
        let cpus = Arc::clone(&self.cpus);
        let past = Arc::clone(&self.past);
        let Past {
            identity,
            memory,
            drives,
        } = &mut *past.lock();
        let mut whole = Whole {
            pc: &self.pc,
            time: &self.time,
            identity,
            position,
            drives,
            cpus: &mut OnThreads { cpus: &cpus, period },
        };
        let result = work(&mut whole, memory);
        if before == RunState::Running {
            self.start();
        }
        result
    }
}

fn describe(saved: &Saved) -> String {
    let mut line = format!("{:<20} {:>6} KiB ", saved.name, saved.size.div_ceil(1024));
    let _ = match &saved.head {
        Ok(head) => {
            let summary = &head.summary;
            let ms = summary.virtual_ns.max(0) / 1_000_000;
            let clock = format!(
                "{:02}:{:02}:{:02}.{:03}",
                ms / 3_600_000,
                ms / 60_000 % 60,
                ms / 1000 % 60,
                ms % 1000
            );
            let date = date(summary.created);
            writeln!(line, "{date:>19} {clock:>14} {:>16}", summary.instructions)
        }
        Err(error) => writeln!(line, "{error}"),
    };
    line
}

/// `YYYY-MM-DD hh:mm:ss` of seconds since 1970, UTC.
fn date(seconds: i64) -> String {
    // Years that begin in March end with the leap day; 400 of them are always as long.
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    format!(
        "{:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        era * 400 + year,
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_799, "2000-02-29 23:59:59"),
            (1_795_292_645, "2026-11-21 20:24:05"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
