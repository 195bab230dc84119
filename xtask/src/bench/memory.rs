//! What an emulator needs beyond the guest's RAM, from `/proc/PID/status` and `/proc/PID/smaps`.
//!
//! Peak resident size (`VmHWM`) less the resident part of the mapping that is guest RAM. RAM only ever grows
//! resident, so its size at the end is its size at the peak. A code buffer that is mapped twice counts once: of
//! shared mappings what `Rss` has over `Pss` is taken away. Linux: proc(5).

/// Peak size without guest RAM in KiB, measured now. `guest` is the size of guest RAM in KiB.
///
/// None when the process is gone or no mapping looks like guest RAM.
pub fn beyond_guest(pid: u32, guest: u64) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).ok()?;
    peak_without_ram(&status, &smaps, guest)
}

/// One mapping, in KiB.
#[derive(Default)]
struct Mapping {
    shared: bool,
    size: u64,
    rss: u64,
    pss: u64,
}

fn peak_without_ram(status: &str, smaps: &str, guest: u64) -> Option<u64> {
    let peak = field(status.lines().find(|line| line.starts_with("VmHWM:"))?)?;
    let mappings = mappings(smaps);
    // Of several as large, the one whose size is exactly RAM's; a neighbour may have been merged into it.
    let ram = mappings
        .iter()
        .filter(|m| m.size >= guest)
        .min_by_key(|m| (m.size != guest, u64::MAX - m.rss))?;
    let twice: u64 = mappings
        .iter()
        .filter(|m| m.shared && !std::ptr::eq(*m, ram))
        .map(|m| m.rss.saturating_sub(m.pss))
        .sum();
    Some(peak.saturating_sub(ram.rss).saturating_sub(twice))
}

fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or("");
        if !first.ends_with(':') {
            // ADDRESS-ADDRESS PERMISSIONS OFFSET DEVICE INODE PATH; files on disk are shared with other processes.
            let shared = words.next().is_some_and(|permissions| permissions.ends_with('s'));
            found.push(Mapping {
                shared,
                ..Mapping::default()
            });
        } else if let (Some(mapping), Some(kib)) = (found.last_mut(), field(line)) {
            match first {
                "Size:" => mapping.size = kib,
                "Rss:" => mapping.rss = kib,
                "Pss:" => mapping.pss = kib,
                _ => {}
            }
        }
    }
    found
}

/// The number in `Name:   123 kB`.
fn field(line: &str) -> Option<u64> {
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\treprise\nVmPeak:\t  900000 kB\nVmHWM:\t  150000 kB\nVmRSS:\t  140000 kB\n";

    const SMAPS: &str = "\
55d0-55d1 r-xp 00000000 fe:00 12 /bin/reprise
Size:               2000 kB
Rss:                1000 kB
Pss:                1000 kB
VmFlags: rd ex mr
7f00-7f20 rw-p 00000000 00:00 0
Size:            1048576 kB
Rss:               20000 kB
Pss:               20000 kB
7f20-7f40 rw-p 00000000 00:00 0
Size:             524288 kB
Rss:              100000 kB
Pss:              100000 kB
7f40-7f50 r-xs 00000000 00:01 7 /memfd:code
Size:               8000 kB
Rss:                4000 kB
Pss:                2000 kB
7f50-7f60 rw-s 00000000 00:01 7 /memfd:code
Size:               8000 kB
Rss:                4000 kB
Pss:                2000 kB
";

    #[test]
    fn ram_and_double_mappings_do_not_count() {
        assert_eq!(peak_without_ram(STATUS, SMAPS, 524_288), Some(46_000));
        // Merged with a neighbour: the larger mapping with the most in it.
        assert_eq!(peak_without_ram(STATUS, SMAPS, 524_000), Some(46_000));
        assert_eq!(peak_without_ram(STATUS, SMAPS, 4_000_000), None);
        assert_eq!(peak_without_ram("", SMAPS, 524_288), None);
    }
}
