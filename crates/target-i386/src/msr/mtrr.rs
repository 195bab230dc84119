//! Memory type range registers: kept exactly, checked as silicon checks them, without effect on accesses.
//! SDM vol. 3A, 12.11 (MTRR) and 12.12 (PAT).

use crate::state::Msrs;

/// Numbers of the fixed-range registers, in the order of [`Msrs::mtrr_fixed`].
const FIXED: [u32; 11] = [
    0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
];

/// MTRRCAP: eight variable ranges, fixed ranges, write combining.
const CAP: u64 = 8 | 1 << 8 | 1 << 10;

/// Whether `msr` is a fixed or variable range.
pub fn is_range(msr: u32) -> bool {
    FIXED.contains(&msr) || (0x200..0x210).contains(&msr)
}

/// The register's value, if it is an MTRR.
pub fn read(m: &Msrs, msr: u32) -> Option<u64> {
    match msr {
        0xfe => Some(CAP),
        0x2ff => Some(m.mtrr_def_type),
        0x200..0x210 => {
            let (base, mask) = m.mtrr_var[(msr as usize - 0x200) / 2];
            Some(if msr & 1 == 0 { base } else { mask })
        }
        _ => FIXED.iter().position(|n| *n == msr).map(|i| m.mtrr_fixed[i]),
    }
}

/// Stores the register; false if silicon would raise #GP.
pub fn write(m: &mut Msrs, msr: u32, value: u64, phys_mask: u64) -> bool {
    match msr {
        0x2ff => {
            let good = value & !0xcff == 0 && valid_type(value as u8);
            if good {
                m.mtrr_def_type = value;
            }
            good
        }
        0x200..0x210 => {
            let pair = &mut m.mtrr_var[(msr as usize - 0x200) / 2];
            if msr & 1 == 0 {
                let good = value & !phys_mask == 0 && value & 0xf00 == 0 && valid_type(value as u8);
                if good {
                    pair.0 = value;
                }
                good
            } else {
                let good = value & !phys_mask == 0 && value & 0x7ff == 0;
                if good {
                    pair.1 = value;
                }
                good
            }
        }
        _ => {
            let Some(i) = FIXED.iter().position(|n| *n == msr) else {
                return false;
            };
            let good = value.to_le_bytes().into_iter().all(valid_type);
            if good {
                m.mtrr_fixed[i] = value;
            }
            good
        }
    }
}

fn valid_type(kind: u8) -> bool {
    matches!(kind, 0 | 1 | 4 | 5 | 6)
}

/// Whether every byte of an IA32_PAT value is a memory type.
pub fn valid_pat(value: u64) -> bool {
    value
        .to_le_bytes()
        .into_iter()
        .all(|kind| matches!(kind, 0 | 1 | 4..=7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn stored_exactly_or_refused() {
        let phys = (1 << 40) - 1;
        for (msr, value, good) in [
            (0x2ff, 0xc06,                  true),
            (0x2ff, 0xc02,                  false), // type 2 is reserved
            (0x2ff, 0x1000,                 false),
            (0x200, 0x00ff_0000_0006,       true),
            (0x200, 0x0106,                 false),
            (0x201, 0x00ff_8000_0800,       true),
            (0x201, 0x0100_0000_0000_0800,  false), // beyond 40 bits
            (0x201, 0x0801,                 false),
            (0x250, 0x0606_0606_0606_0606,  true),
            (0x26f, 0x0506_0606_0606_0706,  false),
        ] {
            let mut m = Msrs::default();
            assert_eq!(write(&mut m, msr, value, phys), good, "{msr:#x} {value:#x}");
            assert_eq!(read(&m, msr), Some(if good { value } else { 0 }), "{msr:#x} {value:#x}");
        }
        assert!(valid_pat(0x0007_0406_0007_0406) && !valid_pat(0x02));
    }
}
