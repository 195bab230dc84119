//! `ctrl-alt-delete`: several keys at once, as `sendkey` takes them.

use super::{KEYS, code};

/// Names of keys that have two.
#[rustfmt::skip]
const ALIASES: &[(&str, u16)] = &[
    ("sysrq", code::PRINT), ("menu", 127), ("asterisk", 55), ("<", 86), ("hiragana", 93),
];

/// What a key was called that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// A name between hyphens.
    #[error("unknown key: '{0}'")]
    Unknown(String),
    /// More keys than anybody presses at once.
    #[error("too many keys at once: at most {MOST}")]
    TooMany,
}

/// Keys that go down at once, at most.
const MOST: usize = 16;

fn one(name: &str) -> Option<u16> {
    // QEMU takes codes, too: scan codes of set 1, with bit 7 for those behind E0h.
    if let Some(hex) = name.strip_prefix("0x") {
        return super::from_xt(u32::from_str_radix(hex, 16).ok()?);
    }
    let named = KEYS.iter().find(|key| key.name == name).map(|key| key.code);
    named.or_else(|| {
        ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map(|(_, code)| *code)
    })
}

/// Reads a combination: names between hyphens, in the order in which they are pressed.
///
/// # Errors
/// A name that no key has.
///
/// ```
/// assert_eq!(ui::keys::combination("ctrl-alt-delete").unwrap(), [29, 56, 111]);
/// assert_eq!(ui::keys::combination("ctrl-hyper").unwrap_err().to_string(), "unknown key: 'hyper'");
/// ```
pub fn combination(text: &str) -> Result<Vec<u16>, KeyNameError> {
    let codes: Vec<u16> = text
        .split('-')
        .map(|name| one(name).ok_or_else(|| KeyNameError::Unknown(name.to_owned())))
        .collect::<Result<_, _>>()?;
    if codes.len() > MOST {
        return Err(KeyNameError::TooMany);
    }
    Ok(codes)
}
