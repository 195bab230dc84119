//! Memory sizes: a number and a unit, `512`, `512M`, `4G`, `1.5G`.

const MIB: u64 = 1 << 20;

/// Most memory that a guest can have: 40 physical address bits less the hole below 4 GiB.
pub const MAX_MEMORY: u64 = (1 << 40) - (1 << 30);

/// Reads a number of bytes; a bare number counts MiB.
///
/// # Errors
/// What is wrong with it, in words.
pub fn bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "M" | "m" => MIB,
        "b" | "B" => 1,
        "K" | "k" => 1 << 10,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1 << 40,
        _ => return Err(format!("'{unit}' is no unit of memory; there are K, M, G and T")),
    };
    let size = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(unit),
        // Fractions such as 1.5G are exact in an f64 far beyond any memory size.
        Err(_) => number
            .parse::<f64>()
            .ok()
            .map(|number| (number * unit as f64) as u64),
    };
    Ok(size.ok_or("not a memory size; write a number and K, M, G or T")?)
}

/// Reads the size of a PC's memory, in bytes; a bare number counts MiB.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(text: &str) -> Result<u64, String> {
    let size = bytes(text)?;
    if size < MIB {
        return Err("a PC has at least 1 MiB".into());
    }
    if size > MAX_MEMORY {
        return Err(format!(
            "at most {} GiB fit into 40 address bits",
            MAX_MEMORY >> 30
        ));
    }
    Ok(size.next_multiple_of(MIB))
}
