//! A filetest's text: directives at its head, guest assembly, expected sections at its end.
//!
//! ```text
//! # mode: long                          directives
//! # state: rax=1 [0x9000]=0x1234:2
//!     .intel_syntax noprefix            assembly, up to the last line that is neither blank nor a comment
//!     add rax, rbx
//!
//! # host:                               sections, which blessing rewrites
//! #     add rax,rbx
//! # insns: 1 guest, 1 host, 0 cold, 3 bytes
//! ```

use std::fmt::Write as _;

/// Sections in the order in which they are written.
pub const SECTIONS: [&str; 6] = ["host", "cold", "insns", "exits", "after", "clif"];
/// What a file gets that has no section at all.
const USUAL: [&str; 3] = ["host", "insns", "after"];

/// A parsed file.
pub struct File {
    /// Key and value, in order.
    pub directives: Vec<(String, String)>,
    /// Head and assembly as they stand: what blessing keeps, and the assembler reads.
    pub source: String,
    /// Name and lines, without `#` and indentation of one level.
    sections: Vec<(String, Vec<String>)>,
}

fn comment(line: &str) -> Option<&str> {
    line.strip_prefix('#')
}

/// `name: rest`, if it is a section's first line.
fn section_head(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix(' ')?.split_once(':')?;
    SECTIONS.contains(&name).then(|| (name, rest.trim()))
}

impl File {
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().collect();
        let is_code = |line: &&str| !line.trim().is_empty() && comment(line).is_none();
        let first = lines.iter().position(is_code).ok_or("no assembly")?;
        let last = lines.iter().rposition(is_code).unwrap_or(first);
        let mut directives = Vec::new();
        for line in lines[..first].iter().filter_map(|line| comment(line)) {
            if let Some((key, value)) = line.split_once(':')
                && key.trim().chars().all(|c| c.is_ascii_lowercase())
            {
                directives.push((key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        let mut sections: Vec<(String, Vec<String>)> = Vec::new();
        for line in lines[last + 1..].iter().filter_map(|line| comment(line)) {
            if let Some((name, rest)) = section_head(line) {
                let first = (!rest.is_empty()).then(|| rest.to_owned());
                sections.push((name.to_owned(), first.into_iter().collect()));
            } else if let Some((_, body)) = sections.last_mut() {
                body.push(line.strip_prefix("   ").unwrap_or(line).trim_end().to_owned());
            } else {
                return Err(format!("'#{line}' behind the assembly belongs to no section"));
            }
        }
        Ok(Self {
            directives,
            source: lines[..=last].join("\n") + "\n",
            sections,
        })
    }

    /// Names of the sections that the file has, or is to get.
    pub fn wanted(&self) -> Vec<&str> {
        if self.sections.is_empty() {
            return USUAL.to_vec();
        }
        self.sections.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// A section's lines, which may be missing.
    pub fn expected(&self, name: &str) -> Option<&[String]> {
        let section = self.sections.iter().find(|(of, _)| of == name)?;
        Some(&section.1)
    }

    /// The file with these sections instead of its own.
    pub fn with_sections(&self, actual: &[(&str, Vec<String>)]) -> String {
        let mut text = self.source.clone() + "\n";
        for name in SECTIONS {
            let Some((_, lines)) = actual.iter().find(|(of, _)| *of == name) else {
                continue;
            };
            if is_one_line(name) {
                let _ = writeln!(text, "# {name}: {}", lines.join(" "));
                continue;
            }
            let _ = writeln!(text, "# {name}:");
            for line in lines {
                let _ = writeln!(text, "{}", format!("#   {line}").trim_end());
            }
        }
        text
    }
}

/// Whether a section is written behind its name.
fn is_one_line(name: &str) -> bool {
    matches!(name, "insns" | "exits")
}

/// Equal lines shown around different ones.
const CONTEXT: usize = 3;

/// What differs between two texts, line by line: `-` is what was expected, `+` what there is.
pub fn difference(expected: &[String], actual: &[String]) -> String {
    // Lengths of the longest common subsequences of what lies behind each pair of positions.
    let (n, m) = (expected.len(), actual.len());
    let mut common = vec![vec![0; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            common[i][j] = if expected[i] == actual[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    while i < n || j < m {
        let (sign, line) = if i < n && j < m && expected[i] == actual[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &actual[j - 1])
        } else if j == m || i < n && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
            ('-', &expected[i - 1])
        } else {
            j += 1;
            ('+', &actual[j - 1])
        };
        all.push((sign, line));
    }
    let mut text = String::new();
    let mut skipped = false;
    for (at, (sign, line)) in all.iter().enumerate() {
        let around = &all[at.saturating_sub(CONTEXT)..all.len().min(at + CONTEXT + 1)];
        if around.iter().all(|&(sign, _)| sign == ' ') {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) {
            text += "      ...\n";
        }
        let _ = writeln!(text, "    {sign} {line}");
    }
    text
}
