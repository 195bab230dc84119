//! The results as one HTML page without anything from elsewhere: two charts and the table.

use super::chart::{Bar, escape, svg};
use super::report::{cells, memory, number};
use super::results::{Results, Row, Verdict};
use super::workloads::FAMILIES;
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:860px;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse;width:100%}td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}\
td:first-child,th:first-child{text-align:left}.bad{color:#c8402f;font-weight:bold}.good{color:#3a8f4d}\
.about{color:#666}tr.family td{padding-top:.8em;font-weight:bold}";

/// The page.
pub fn html(results: &Results) -> String {
    let [host, ours, theirs] = results.names.each_ref().map(|name| escape(name));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{ours} against {theirs}</title>\n\
         <style>{STYLE}</style>\n<h1>{ours} against {theirs}</h1>\n<p>{}</p>\n",
        summary(results)
    );
    for line in &results.failures {
        let _ = writeln!(page, "<p class=\"bad\">Failed: {}</p>", escape(line));
    }
    let families = results.families();
    if !families.is_empty() {
        let bars: Vec<Bar> = families
            .iter()
            .map(|(family, ratio)| Bar {
                label: family.title.into(),
                ratio: *ratio,
                floor: family.floor,
                aim: family.aim,
            })
            .collect();
        let _ = write!(
            page,
            "<h2>Families</h2>\n<p>Time {theirs} / time {ours}, so right is faster than {theirs}. Solid tick: floor; \
             dashed: aim.</p>\n{}",
            svg(&bars)
        );
        let bars: Vec<Bar> = FAMILIES
            .iter()
            .flat_map(|family| results.rows_of(family.name))
            .filter_map(|row| {
                Some(Bar {
                    label: row.workload.name.into(),
                    ratio: row.ratio()?,
                    floor: None,
                    aim: None,
                })
            })
            .collect();
        let _ = write!(page, "<h2>Workloads</h2>\n{}", svg(&bars));
    }
    let _ = write!(
        page,
        "<h2>Times</h2>\n<p>Seconds, medians; ± is slowest less fastest in percent of the median.</p>\n<table>\n\
         <tr><th>workload<th>{host}<th>±<th>{ours}<th>±<th>{theirs}<th>±<th>ratio<th>{ours} / {host}</tr>\n"
    );
    for family in FAMILIES {
        let mut rows = results.rows_of(family.name).peekable();
        if rows.peek().is_some() {
            let floor = match family.floor {
                Some(_) => format!(" (floor {}, aim {})", number(family.floor), number(family.aim)),
                None => String::new(),
            }
            .replace(", aim )", ")");
            let _ = writeln!(
                page,
                "<tr class=\"family\"><td colspan=\"9\">{}{floor}</tr>",
                family.title
            );
        }
        for row in rows {
            page.push_str(&table_row(row));
        }
    }
    page.push_str("</table>\n");
    if results.memory.iter().any(|samples| !samples.is_empty()) {
        let _ = writeln!(
            page,
            "<p>Peak memory of the process beyond guest RAM: {}.</p>",
            escape(&memory(results))
        );
    }
    for line in &results.notes {
        let _ = writeln!(page, "<p>Note: {}</p>", escape(line));
    }
    for line in &results.about {
        let _ = writeln!(page, "<p class=\"about\">{}</p>", escape(line));
    }
    page.push_str("</html>\n");
    page
}

/// One sentence for who reads nothing else.
fn summary(results: &Results) -> String {
    let families = results.families();
    let judged: Vec<Verdict> = families
        .iter()
        .map(|(family, ratio)| Verdict::of(family, *ratio))
        .filter(|verdict| *verdict != Verdict::Shown)
        .collect();
    let met = judged
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Aim | Verdict::Floor))
        .count();
    let slower: Vec<&str> = results
        .rows
        .iter()
        .filter(|row| row.ratio().is_some_and(|ratio| ratio < 1.0))
        .map(|row| row.workload.name)
        .collect();
    if families.is_empty() {
        return "Nothing to compare with.".into();
    }
    const NAMED: usize = 8;
    let floors = format!("{met} of {} families meet their floor", judged.len());
    if slower.is_empty() {
        format!("<b>{floors}</b>; no workload is slower.")
    } else {
        let more = match slower.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = slower[..slower.len().min(NAMED)].join(", ");
        format!("<b>{floors}</b>; slower: {names}{more}.")
    }
}

fn table_row(row: &Row) -> String {
    let class = match row.ratio() {
        None => "",
        Some(ratio) if ratio < 1.0 => "bad",
        Some(_) => "good",
    };
    let cells = cells(row);
    let mut text = String::from("<tr>");
    for (i, cell) in cells.iter().enumerate() {
        // The seventh is the ratio.
        let class = if i == 7 { class } else { "" };
        let _ = write!(text, "<td class=\"{class}\">{}", escape(cell));
    }
    text.push_str("</tr>\n");
    text.replace(" class=\"\"", "")
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::example;
    use super::*;

    #[test]
    fn holds_charts_and_rows() {
        let page = html(&example());
        assert_eq!(page.matches("<svg").count(), 2);
        for expected in [
            "<b>2 of 3 families meet their floor</b>; slower: calls.",
            "<td>lz<td>0.100<td><td>0.500<td><td>1.000<td><td class=\"good\">2.00<td>5.00</tr>",
            "<td class=\"bad\">0.50<td>",
            "a &lt;host&gt; &amp; more",
            "boot to userspace (floor 1.5, aim 2.5)",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(
            !page.contains("src=") && !page.contains("href="),
            "nothing from elsewhere"
        );
    }

    #[test]
    fn without_a_rival_there_is_only_the_table() {
        let mut results = example();
        for row in &mut results.rows {
            row.seconds[2].clear();
        }
        let page = html(&results);
        assert!(
            !page.contains("<svg") && page.contains("<td>lz<td>0.100"),
            "{page}"
        );
    }
}
