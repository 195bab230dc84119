//! Names of a guest's addresses, from what `nm` prints or a kernel's `System.map`.
//!
//! A file flows into one sorted table; reports look addresses up in it. Lines are `ADDRESS TYPE NAME`.

use anyhow::{Context, Result, bail};

/// Largest file that is read.
const MAX_FILE: u64 = 256 << 20;
/// Farther behind its symbol an address belongs to something else.
const MAX_DISTANCE: u64 = 1 << 20;

/// A guest's symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols(Vec<(u64, String)>);

impl Symbols {
    /// Reads a file.
    ///
    /// # Errors
    /// `--symbols FILE: reason`: it cannot be read, or no line of it is a symbol.
    pub fn open(path: &str) -> Result<Self> {
        let read = || -> Result<Self> {
            if std::fs::metadata(path)?.len() > MAX_FILE {
                bail!("more than {} MiB", MAX_FILE >> 20);
            }
            let symbols = Self::parse(&String::from_utf8_lossy(&std::fs::read(path)?));
            if symbols.0.is_empty() {
                bail!("no line is ADDRESS TYPE NAME");
            }
            Ok(symbols)
        };
        read().with_context(|| format!("--symbols {path}"))
    }

    /// The symbols of a text; other lines are passed over.
    pub fn parse(text: &str) -> Self {
        let mut symbols: Vec<(u64, String)> = text.lines().filter_map(symbol).collect();
        // Of names for one address, the first of the file stays.
        symbols.sort_by_key(|symbol| symbol.0);
        symbols.dedup_by_key(|symbol| symbol.0);
        Self(symbols)
    }

    /// `name+0x1c`, if a symbol is near.
    pub fn name(&self, address: u64) -> Option<String> {
        let behind = self.0.partition_point(|symbol| symbol.0 <= address);
        let (at, name) = self.0.get(behind.checked_sub(1)?)?;
        match address - at {
            0 => Some(name.clone()),
            distance if distance < MAX_DISTANCE => Some(format!("{name}+{distance:#x}")),
            _ => None,
        }
    }
}

fn symbol(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next().filter(|kind| kind.len() == 1)?;
    // Absolute ones are numbers, not places; undefined ones have no address.
    if matches!(kind, "a" | "A" | "U" | "w") {
        return None;
    }
    Some((address, words.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_before() {
        let symbols = Symbols::parse(
            "ffffffff81000100 T second\nffffffff81000000 T _text\nffffffff81000000 T startup\n\
             0000000000000010 A absolute\n                 U missing\nnonsense\n",
        );
        for (address, name) in [
            (0xffff_ffff_8100_0000, Some("_text")),
            (0xffff_ffff_8100_00ff, Some("_text+0xff")),
            (0xffff_ffff_8100_0102, Some("second+0x2")),
            (0xffff_ffff_8110_0100, None),
            (0x10, None),
        ] {
            assert_eq!(symbols.name(address).as_deref(), name, "{address:#x}");
        }
        assert_eq!(Symbols::parse("").name(0), None);
    }
}
