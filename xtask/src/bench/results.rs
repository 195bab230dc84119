//! What was measured: samples by workload and side, and what is to be said about them.

use super::statistics::{geometric_mean, median};
use super::workloads::{FAMILIES, Family, Workload};

/// Who ran a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The same program on the host.
    Host,
    /// Reprise.
    Ours,
    /// The emulator that it is compared with.
    Theirs,
}

/// Samples of one workload, in seconds.
pub struct Row {
    /// Which.
    pub workload: &'static Workload,
    /// By [`Side`].
    pub seconds: [Vec<f64>; 3],
    /// The checksum of the first side that printed one, and that side.
    pub checksum: Option<(Side, String)>,
}

/// Everything that the report is made of.
pub struct Results {
    /// Rows in the order of the table.
    pub rows: Vec<Row>,
    /// Names of the three sides, by [`Side`].
    pub names: [String; 3],
    /// Lines about where it was measured: host CPU, versions, arguments.
    pub about: Vec<String>,
    /// Peak memory beyond guest RAM in MiB, by [`Side`]; the host has none.
    pub memory: [Vec<f64>; 3],
    /// What a reader must know to trust the numbers.
    pub notes: Vec<String>,
    /// What went wrong: the bench fails.
    pub failures: Vec<String>,
}

impl Row {
    /// An empty row.
    pub fn new(workload: &'static Workload) -> Self {
        Self {
            workload,
            seconds: Default::default(),
            checksum: None,
        }
    }

    /// Samples of one side.
    pub fn of(&self, side: Side) -> &[f64] {
        &self.seconds[side as usize]
    }

    /// Median time of the other emulator over that of Reprise: above 1, Reprise is faster.
    pub fn ratio(&self) -> Option<f64> {
        Some(median(self.of(Side::Theirs))? / median(self.of(Side::Ours))?)
    }

    /// Median time of Reprise over that of the host.
    pub fn distance(&self) -> Option<f64> {
        Some(median(self.of(Side::Ours))? / median(self.of(Side::Host))?)
    }

    /// Compares a checksum with the first one seen.
    ///
    /// # Errors
    /// Another side computed something else; the text says who and what.
    pub fn check(&mut self, side: Side, sum: &str, names: &[String; 3]) -> Result<(), String> {
        match &self.checksum {
            None => self.checksum = Some((side, sum.to_owned())),
            Some((first, expected)) if expected != sum => {
                return Err(format!(
                    "{}: {} computes {sum}, {} {expected}",
                    self.workload.name, names[side as usize], names[*first as usize]
                ));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// How a family stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At its aim.
    Aim,
    /// At its floor.
    Floor,
    /// Below its floor, but no slower than the other emulator.
    Below,
    /// Slower than the other emulator.
    Slower,
    /// Measured, and judged by nothing.
    Shown,
}

impl Verdict {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Aim => "aim reached",
            Self::Floor => "floor met",
            Self::Below => "below floor",
            Self::Slower => "SLOWER",
            Self::Shown => "",
        }
    }

    /// Judges the ratio of a family.
    pub fn of(family: &Family, ratio: f64) -> Self {
        match (family.floor, family.aim) {
            (None, _) => Self::Shown,
            (_, Some(aim)) if ratio >= aim => Self::Aim,
            (Some(floor), _) if ratio >= floor => Self::Floor,
            _ if ratio >= 1.0 => Self::Below,
            _ => Self::Slower,
        }
    }
}

impl Results {
    /// Families that were measured on both emulators, with the geometric means of their rows' ratios.
    pub fn families(&self) -> Vec<(&'static Family, f64)> {
        FAMILIES
            .iter()
            .filter_map(|family| {
                let rows = self.rows.iter().filter(|r| r.workload.family == family.name);
                let ratios: Vec<f64> = rows.filter_map(Row::ratio).collect();
                Some((family, geometric_mean(&ratios)?))
            })
            .collect()
    }

    /// Rows of a family.
    pub fn rows_of(&self, family: &'static str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.workload.family == family)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    pub fn example() -> Results {
        let row = |name: &str, host: &[f64], ours: &[f64], theirs: &[f64]| Row {
            seconds: [host.to_vec(), ours.to_vec(), theirs.to_vec()],
            ..Row::new(WORKLOADS.iter().find(|w| w.name == name).unwrap())
        };
        Results {
            rows: vec![
                row("boot-cloud", &[], &[2.0, 2.5, 2.0], &[4.0, 4.4, 4.2]),
                row("lz", &[0.1], &[0.5], &[1.0]),
                row("sort", &[0.1], &[0.25], &[2.0]),
                row("calls", &[0.1], &[1.0], &[0.5]),
                row("pipe", &[0.1], &[1.0], &[]),
            ],
            names: ["host", "reprise", "qemu"].map(String::from),
            about: vec!["a <host> & more".into()],
            memory: [vec![], vec![30.0], vec![40.0]],
            notes: vec!["CPU flags differ".into()],
            failures: vec![],
        }
    }

    #[test]
    fn families_are_geometric_means() {
        let results = example();
        let families: Vec<_> = results
            .families()
            .iter()
            .map(|(family, ratio)| {
                let rounded = (ratio * 100.0).round() / 100.0;
                (family.name, rounded, Verdict::of(family, *ratio))
            })
            .collect();
        let expected = [
            ("boot", 2.1, Verdict::Floor),
            ("integer", 4.0, Verdict::Aim),
            ("calls", 0.5, Verdict::Slower),
        ];
        assert_eq!(families, expected);
        assert_eq!(Verdict::of(&FAMILIES[0], 1.4), Verdict::Below);
        assert_eq!(Verdict::of(FAMILIES.last().unwrap(), 0.1), Verdict::Shown);
    }

    #[test]
    fn checksums_must_agree() {
        let results = example();
        let mut row = Row::new(&WORKLOADS[2]);
        assert_eq!(row.check(Side::Host, "1f", &results.names), Ok(()));
        assert_eq!(row.check(Side::Ours, "1f", &results.names), Ok(()));
        let error = row.check(Side::Theirs, "2f", &results.names).unwrap_err();
        assert_eq!(error, "lz: qemu computes 2f, host 1f");
    }
}
