//! The results as text: families against their floors, then every workload.

use super::results::{Results, Row, Side, Verdict};
use super::statistics::{median, spread};
use super::workloads::FAMILIES;
use std::fmt::Write;

/// The whole report, for terminals and `report.txt`.
pub fn text(results: &Results) -> String {
    let mut text = String::new();
    let [host, ours, theirs] = &results.names;
    for line in &results.about {
        let _ = writeln!(text, "{line}");
    }
    let families = results.families();
    if !families.is_empty() {
        let _ = writeln!(
            text,
            "\nTime {theirs} / time {ours}: above 1, {ours} is faster.\n"
        );
        let _ = writeln!(
            text,
            "{:<28} {:>7} {:>6} {:>6}",
            "family", "ratio", "floor", "aim"
        );
        for (family, ratio) in families {
            let verdict = Verdict::of(family, ratio).text();
            let (floor, aim) = (number(family.floor), number(family.aim));
            let line = format!("{:<28} {ratio:>7.2} {floor:>6} {aim:>6}  {verdict}", family.title);
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let _ = writeln!(
        text,
        "\nSeconds, medians; ± is slowest less fastest in percent of the median.\n\n\
         {:<13} {host:>8} {:>5} {ours:>9} {:>5} {theirs:>9} {:>5} {:>7}  {ours}/{host}",
        "workload", "±", "±", "±", "ratio"
    );
    for family in FAMILIES {
        for row in results.rows_of(family.name) {
            let _ = writeln!(text, "{}", line(row));
        }
    }
    if results.memory.iter().any(|samples| !samples.is_empty()) {
        let _ = writeln!(
            text,
            "\nPeak memory of the process beyond guest RAM: {}",
            memory(results)
        );
    }
    for (title, lines) in [("note", &results.notes), ("FAILED", &results.failures)] {
        for line in lines {
            let _ = writeln!(text, "{title}: {line}");
        }
    }
    text
}

/// Peak memory of both emulators, in one line.
pub fn memory(results: &Results) -> String {
    let side = |side: Side| {
        let name = &results.names[side as usize];
        median(&results.memory[side as usize]).map(|mib| format!("{name} {mib:.0} MiB"))
    };
    let both: Vec<_> = [Side::Ours, Side::Theirs].into_iter().filter_map(side).collect();
    format!("{} (VmHWM less the resident part of guest RAM)", both.join(", "))
}

/// Cells of a row: name, then seconds and spread of the three sides, the ratio, and the distance to the host.
pub fn cells(row: &Row) -> [String; 9] {
    let seconds = |side| median(row.of(side)).map_or("-".into(), |s| format!("{s:.3}"));
    let spread = |side| match row.of(side) {
        [] | [_] => String::new(),
        samples => spread(samples).map_or(String::new(), |s| format!("{:.0}%", s * 100.0)),
    };
    let factor = |ratio: Option<f64>| ratio.map_or("-".into(), |r| format!("{r:.2}"));
    [
        row.workload.name.into(),
        seconds(Side::Host),
        spread(Side::Host),
        seconds(Side::Ours),
        spread(Side::Ours),
        seconds(Side::Theirs),
        spread(Side::Theirs),
        factor(row.ratio()),
        factor(row.distance()),
    ]
}

fn line(row: &Row) -> String {
    let [name, host, s1, ours, s2, theirs, s3, ratio, distance] = cells(row);
    let slower = if row.ratio().is_some_and(|ratio| ratio < 1.0) {
        "  slower"
    } else {
        ""
    };
    format!(
        "{name:<13} {host:>8} {s1:>5} {ours:>9} {s2:>5} {theirs:>9} {s3:>5} {ratio:>7} {distance:>8}{slower}"
    )
}

/// A floor or an aim.
pub fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |v| format!("{v:.1}"))
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn lines() {
        let text = text(&example());
        for expected in [
            "boot to userspace               2.10    1.5    2.5  floor met\n",
            "integer                         4.00    1.7    2.5  aim reached\n",
            "calls and indirect jumps        0.50    1.3    2.0  SLOWER\n",
            "boot-cloud           -           2.000   25%     4.200   10%    2.10        -\n",
            "calls            0.100           1.000           0.500          0.50    10.00  slower\n",
            "pipe             0.100           1.000               -             -    10.00\n",
            "beyond guest RAM: reprise 30 MiB, qemu 40 MiB (",
            "note: CPU flags differ\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("FAILED"), "{text}");
    }
}
