//! Comma lists: `first,key=value,flag,noflag`, where `,,` stands for a comma inside a value.

/// A parsed list. Keys are kept in order; later ones win.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyVal {
    /// The first element, if it has no `=`.
    pub first: Option<String>,
    /// The rest.
    pub pairs: Vec<(String, String)>,
}

impl KeyVal {
    /// Splits `text`. A bare `flag` after the first element means `flag=on`, `noflag` means `flag=off`.
    pub fn parse(text: &str) -> Self {
        let mut list = Self::default();
        for (position, item) in split(text).into_iter().enumerate() {
            match item.split_once('=') {
                Some((key, value)) => list.pairs.push((key.to_owned(), value.to_owned())),
                None if position == 0 => list.first = Some(item),
                None if item.is_empty() => {}
                None => match item.strip_prefix("no") {
                    Some(key) if !key.is_empty() => list.pairs.push((key.to_owned(), "off".into())),
                    _ => list.pairs.push((item, "on".into())),
                },
            }
        }
        list
    }
}

fn split(text: &str) -> Vec<String> {
    // No argument can contain a zero byte, so it can stand for the doubled comma meanwhile.
    text.replace(",,", "\0")
        .split(',')
        .map(|item| item.replace('\0', ","))
        .collect()
}

/// Reads `on`, `off` and their synonyms.
///
/// # Errors
/// A line naming `key`.
pub fn switch(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" | "yes" | "true" => Ok(true),
        "off" | "no" | "false" => Ok(false),
        _ => Err(format!("'{key}' expects 'on' or 'off', not '{value}'")),
    }
}

/// Reads a number, decimal or 0x….
///
/// # Errors
/// A line naming `key`.
pub fn number(key: &str, value: &str) -> Result<u64, String> {
    let parsed = match value.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => value.parse(),
    };
    parsed.map_err(|_| format!("'{key}' expects a number, not '{value}'"))
}
