//! One test per file, and one for the table of counts.

use super::assemble::assemble;
use super::file::{File, difference};
use super::listing::{self, Counts, Listing};
use super::program::Program;
use super::region;
use super::world;
use libtest_mimic::{Arguments, Trial};
use std::fs;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests")
}

fn blessing() -> bool {
    std::env::var_os("REPRISE_BLESS").is_some_and(|value| value == "1")
}

/// Runs what the command line asks for.
pub fn run() {
    let mut arguments = Arguments::from_args();
    if blessing() {
        // The table reads the files that other tests write.
        arguments.test_threads = Some(1);
    }
    let mut files: Vec<PathBuf> = fs::read_dir(directory())
        .expect("the directory of this file")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "s"))
        .collect();
    files.sort();
    let mut trials: Vec<Trial> = files
        .iter()
        .cloned()
        .map(|path| Trial::test(name(&path), move || Ok(check(&path)?)))
        .collect();
    let all = files.clone();
    trials.push(Trial::test("counts", move || Ok(check_counts(&all)?)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Also when one file is blessed.
    if blessing()
        && let Err(error) = check_counts(&files)
    {
        eprintln!("counts: {error}");
    }
    conclusion.exit();
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn load(path: &Path, text: &str, purpose: &str) -> Result<(File, Program), String> {
    let file = File::parse(text)?;
    let mut program = Program::new(&file)?;
    let unique = format!("{}-{purpose}", name(path));
    program.code = assemble(&unique, &file.source, program.bits())?;
    Ok((file, program))
}

fn list(program: &Program) -> Result<Listing, String> {
    let listing = listing::list(program, world::key(program)?);
    if listing.unnamed.is_empty() {
        Ok(listing)
    } else {
        Err(format!(
            "target_i386::jit::names does not know what lies at {:x?} from the environment",
            listing.unnamed
        ))
    }
}

fn counts_line(counts: Counts) -> String {
    let Counts {
        guest,
        host,
        cold,
        bytes,
    } = counts;
    format!("{guest} guest, {host} host, {cold} cold, {bytes} bytes")
}

/// One file.
fn check(path: &Path) -> Result<(), String> {
    let text = read(path)?;
    let (file, program) = load(path, &text, "test")?;
    let listing = list(&program)?;
    let key = world::key(&program)?;
    let outcome = world::run(&program)?;
    let mut actual: Vec<(&str, Vec<String>)> = Vec::new();
    for section in file.wanted() {
        let lines = match section {
            "host" => listing.host.clone(),
            "cold" => listing.cold.clone(),
            "insns" => vec![counts_line(listing.counts)],
            "exits" => vec![outcome.exits.clone()],
            "after" => outcome.after.clone(),
            _ => region::list(&program, key)?,
        };
        actual.push((section, lines));
    }
    if blessing() {
        return write(path, &file.with_sections(&actual));
    }
    let mut report = String::new();
    for (section, lines) in &actual {
        let expected = file.expected(section).unwrap_or_default();
        if expected != lines {
            report += &format!("  {section}:\n{}", difference(expected, lines));
        }
    }
    if report.is_empty() && file.with_sections(&actual) != text {
        return Err("not laid out as blessing does it".into());
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "{}: not as expected ('cargo xtask bless' accepts it)\n{report}",
            name(path)
        ))
    }
}

/// The table of counts.
fn check_counts(files: &[PathBuf]) -> Result<(), String> {
    let mut table = vec![format!(
        "{:<24}{:>7}{:>7}{:>7}{:>7}",
        "", "guest", "host", "cold", "bytes"
    )];
    for path in files {
        let (_, program) = load(path, &read(path)?, "counts")?;
        let Counts {
            guest,
            host,
            cold,
            bytes,
        } = list(&program)?.counts;
        table.push(format!(
            "{:<24}{guest:>7}{host:>7}{cold:>7}{bytes:>7}",
            name(path)
        ));
    }
    let path = directory().join("counts.txt");
    if blessing() {
        return write(&path, &(table.join("\n") + "\n"));
    }
    let expected: Vec<String> = read(&path)?.lines().map(str::to_owned).collect();
    if expected == table {
        Ok(())
    } else {
        Err(format!(
            "code sizes changed ('cargo xtask bless' accepts it)\n{}",
            difference(&expected, &table)
        ))
    }
}
