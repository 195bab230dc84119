//! The argument of `-cpu`: `NAME[,+feature][,-feature][,feature=on|off][,enforce]`.
//!
//! Words apply from left to right. Adding a feature brings what it needs, removing one takes what needs it along.

use super::features::{IMPLEMENTED, KNOWN_UNSUPPORTED, by_name, canonical, names, with_needs, without};
use super::models::{Model, models};

/// Why a `-cpu` argument is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuOptionError {
    /// No such model.
    #[error("unable to find CPU model '{name}'{}", hint(.nearest))]
    UnknownModel {
        /// As given.
        name: String,
        /// A similar model, if any.
        nearest: Option<String>,
    },
    /// No such feature.
    #[error("CPU feature '{name}' not found{}", hint(.nearest))]
    UnknownFeature {
        /// As given.
        name: String,
        /// A similar feature, if any.
        nearest: Option<String>,
    },
    /// A value other than `on` or `off`.
    #[error("CPU feature '{name}' expects 'on' or 'off', not '{value}'")]
    BadValue {
        /// The feature.
        name: String,
        /// As given.
        value: String,
    },
    /// `enforce` was given and a feature that was asked for does not exist here.
    #[error("CPU feature '{name}' is not supported")]
    Unsupported {
        /// The feature.
        name: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|n| format!(" (did you mean '{n}'?)"))
        .unwrap_or_default()
}

/// A parsed `-cpu` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuChoice {
    /// The model with its features as asked.
    pub model: Model,
    /// Features that were asked for and do not exist here: worth a warning each.
    pub unsupported: Vec<String>,
}

/// Parses the argument of `-cpu`.
///
/// ```
/// use target_i386::cpuid::parse;
/// use target_i386::features::Features;
/// let choice = parse("max,-avx")?;
/// assert!(!choice.model.has(Features::AVX2) && choice.model.has(Features::SSE42));
/// assert_eq!(parse("foo").unwrap_err().to_string(), "unable to find CPU model 'foo'");
/// # Ok::<(), target_i386::cpuid::CpuOptionError>(())
/// ```
pub fn parse(argument: &str) -> Result<CpuChoice, CpuOptionError> {
    let mut words = argument.split(',');
    let name = words.next().unwrap_or_default();
    let mut model = Model::named(name).ok_or_else(|| CpuOptionError::UnknownModel {
        name: name.to_owned(),
        nearest: nearest(name, models().map(|(n, _)| n)),
    })?;
    let mut unsupported = Vec::new();
    let mut enforce = false;
    for word in words.filter(|w| !w.is_empty()) {
        let (name, on) = match (
            word.strip_prefix('+'),
            word.strip_prefix('-'),
            word.split_once('='),
        ) {
            (Some(name), _, _) => (name, true),
            (_, Some(name), _) => (name, false),
            (_, _, Some((name, "on"))) => (name, true),
            (_, _, Some((name, "off"))) => (name, false),
            (_, _, Some((name, value))) => {
                return Err(CpuOptionError::BadValue {
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
            (None, None, None) => (word, true),
        };
        match by_name(name) {
            Some(feature) if !on => model.features = without(model.features, feature),
            Some(feature) if IMPLEMENTED.contains(feature) => {
                model.features = with_needs(model.features | feature)
            }
            Some(_) => unsupported.push(name.to_owned()),
            None if name == "enforce" => enforce = on,
            None if name == "check" => {}
            None if KNOWN_UNSUPPORTED.iter().any(|n| canonical(n) == canonical(name)) => {
                if on {
                    unsupported.push(name.to_owned());
                }
            }
            None => {
                let nearest = nearest(name, names().chain(KNOWN_UNSUPPORTED.iter().copied()));
                return Err(CpuOptionError::UnknownFeature {
                    name: name.to_owned(),
                    nearest,
                });
            }
        }
    }
    match unsupported.first() {
        Some(name) if enforce => Err(CpuOptionError::Unsupported { name: name.clone() }),
        _ => Ok(CpuChoice { model, unsupported }),
    }
}

/// The candidate with the smallest edit distance, if it is small against the length of the name.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = canonical(name);
    candidates
        .map(|c| (distance(&name, &canonical(c)), c))
        .min()
        .filter(|(d, c)| *d <= 2 && *d < c.len().min(name.len()))
        .map(|(_, c)| c.to_owned())
}

/// Levenshtein distance of two byte strings.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Features;

    #[test]
    fn errors_name_the_nearest() {
        for (argument, message) in [
            ("foo", "unable to find CPU model 'foo'"),
            (
                "qemu65",
                "unable to find CPU model 'qemu65' (did you mean 'qemu64'?)",
            ),
            ("", "unable to find CPU model ''"),
            ("max,+avx3", "CPU feature 'avx3' not found (did you mean 'avx'?)"),
            (
                "max,avx=maybe",
                "CPU feature 'avx' expects 'on' or 'off', not 'maybe'",
            ),
            ("max,+svm,enforce", "CPU feature 'svm' is not supported"),
        ] {
            assert_eq!(parse(argument).unwrap_err().to_string(), message, "{argument}");
        }
    }

    #[test]
    fn words_apply_in_order() {
        for (argument, feature, expected) in [
            ("max", Features::AVX2, true),
            ("max,-avx2", Features::AVX2, false),
            ("max,-avx2", Features::AVX, true),
            ("max,avx=off", Features::F16C, false),
            ("max,-avx,+avx2", Features::AVX, true),
            ("max,+avx2,-avx", Features::AVX2, false),
            ("qemu64,+sse4_2", Features::SSSE3, true),
            ("qemu64,sse4.2=on", Features::SSE42, true),
            ("qemu64", Features::SSSE3, false),
            ("x86-64-v3", Features::AVX2, true),
        ] {
            assert_eq!(
                parse(argument).unwrap().model.has(feature),
                expected,
                "{argument}"
            );
        }
        assert_eq!(parse("max,+svm,-vmx").unwrap().unsupported, ["svm"]);
    }
}
