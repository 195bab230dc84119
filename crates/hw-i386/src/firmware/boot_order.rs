//! From what to boot: drive letters in CMOS, and what else firmware asks about it.
//!
//! `-boot` flows through [`BootSettings`] into two nibbles and a half of CMOS at each reset, and into fw_cfg. Mirrors
//! `pc_boot_set` in QEMU's `hw/i386/pc.c` and `restore_boot_order` in its `system/bootdevice.c`.

use crate::rtc::Rtc;
use hw_core::{Device, DeviceCell, ResetPhase, SavedState, StateError};
use std::sync::Arc;

/// Boot devices as letters, in QEMU's order if nobody says otherwise: disk, floppy, CD.
const DEFAULT_ORDER: &str = "cad";

/// CMOS: first boot device in the low half, second in the high half.
const CMOS_FIRST: u8 = 0x3d;
/// CMOS: third boot device in the high half.
const CMOS_THIRD: u8 = 0x38;

/// `-boot`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootSettings {
    /// Letters of devices: a and b floppies, c disk, d CD, n to p network; empty: [`DEFAULT_ORDER`].
    pub order: String,
    /// The same for the first boot only.
    pub once: Option<String>,
    /// Whether firmware offers a menu; it decides if this says nothing.
    pub menu: Option<bool>,
    /// Milliseconds for the splash picture, or the menu's question.
    pub splash_time: Option<u16>,
    /// Milliseconds before a firmware that found nothing to boot starts again; none: never.
    pub reboot_timeout: Option<u16>,
    /// Boot from nothing that has no place in the order.
    pub strict: bool,
}

/// Why letters are no boot order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not one of the letters.
    #[error("Invalid boot device for PC: '{0}' is none of a, b, c, d, n, o, p")]
    Letter(char),
    /// A letter again.
    #[error("Boot device '{0}' was given twice")]
    Twice(char),
    /// CMOS has three places.
    #[error("Too many boot devices for PC: at most 3")]
    TooMany,
}

impl BootSettings {
    /// Checks letters.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(order: &str) -> Result<(), OrderError> {
        for (at, letter) in order.chars().enumerate() {
            if nibble(letter).is_none() {
                return Err(OrderError::Letter(letter));
            }
            if order.chars().take(at).any(|before| before == letter) {
                return Err(OrderError::Twice(letter));
            }
        }
        if order.chars().count() > 3 {
            return Err(OrderError::TooMany);
        }
        Ok(())
    }

    /// What CMOS says for the letters.
    fn cmos(&self, first_boot: bool) -> [(u8, u8); 2] {
        let order = match &self.once {
            Some(once) if first_boot => once.as_str(),
            _ if self.order.is_empty() => DEFAULT_ORDER,
            _ => self.order.as_str(),
        };
        let mut nibbles = order.chars().filter_map(nibble);
        let mut next = || nibbles.next().unwrap_or(0);
        let [first, second, third] = [next(), next(), next()];
        // Bit 0 of the third's byte would say that floppies are not looked at for a signature.
        [(CMOS_FIRST, second << 4 | first), (CMOS_THIRD, third << 4)]
    }
}

/// A letter as CMOS has it.
fn nibble(letter: char) -> Option<u8> {
    match letter {
        'a' | 'b' => Some(1),
        'c' => Some(2),
        'd' => Some(3),
        'n' | 'o' | 'p' => Some(4),
        _ => None,
    }
}

/// Writes the boot order into CMOS at each reset, and knows which was the first.
pub struct BootOrder {
    settings: BootSettings,
    rtc: Arc<Rtc>,
    /// Resets so far: 0, 1, or more.
    resets: DeviceCell<u8>,
}

const VERSION: u16 = 1;

impl BootOrder {
    /// For `settings`, into the CMOS of `rtc`.
    pub fn new(settings: BootSettings, rtc: &Arc<Rtc>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            rtc: Arc::clone(rtc),
            resets: DeviceCell::default(),
        })
    }
}

impl Device for BootOrder {
    fn name(&self) -> &str {
        "boot-order"
    }

    fn reset(&self, phase: ResetPhase) {
        match phase {
            ResetPhase::Enter => {
                let mut resets = self.resets.lock();
                *resets = (*resets + 1).min(2);
            }
            ResetPhase::Hold => {}
            ResetPhase::Exit => {
                let first = *self.resets.lock() <= 1;
                for (index, value) in self.settings.cmos(first) {
                    self.rtc.set_cmos(index, value);
                }
            }
        }
    }

    fn save(&self) -> SavedState {
        SavedState::encode(VERSION, &*self.resets.lock())
    }

    fn load(&self, state: &SavedState) -> Result<(), StateError> {
        let resets: u8 = state.decode(VERSION)?;
        if resets > 2 {
            return Err(StateError::Damaged("number of resets".into()));
        }
        *self.resets.lock() = resets;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtc::RtcConfig;
    use hw_core::IrqLine;
    use hw_core::testing::{TestClock, check_saved_state, reset};

    fn order(order: &str, once: Option<&str>) -> (Arc<BootOrder>, Arc<Rtc>) {
        let rtc = Rtc::new(
            RtcConfig::default(),
            &TestClock::new().clock(),
            IrqLine::disconnected(),
        );
        let settings = BootSettings {
            order: order.into(),
            once: once.map(str::to_owned),
            ..BootSettings::default()
        };
        (BootOrder::new(settings, &rtc), rtc)
    }

    #[test]
    fn cmos() {
        for (letters, once, first, later) in [
            ("", None, [0x12, 0x30], [0x12, 0x30]),
            ("n", None, [0x04, 0x00], [0x04, 0x00]),
            ("dc", Some("n"), [0x04, 0x00], [0x23, 0x00]),
            ("", Some("d"), [0x03, 0x00], [0x12, 0x30]),
            ("dna", None, [0x43, 0x10], [0x43, 0x10]),
        ] {
            let (device, rtc) = order(letters, once);
            for expected in [first, later, later] {
                reset(&*device);
                let found = [rtc.cmos(CMOS_FIRST), rtc.cmos(CMOS_THIRD)];
                assert_eq!(found, expected, "{letters} once {once:?}");
            }
            check_saved_state(&*device, &*order(letters, once).0);
        }
    }

    #[test]
    fn refused() {
        for (letters, reason) in [
            (
                "x",
                "Invalid boot device for PC: 'x' is none of a, b, c, d, n, o, p",
            ),
            ("cc", "Boot device 'c' was given twice"),
            ("acdn", "Too many boot devices for PC: at most 3"),
        ] {
            let error = BootSettings::check(letters).expect_err(letters);
            assert_eq!(error.to_string(), reason);
        }
        assert_eq!(BootSettings::check("cdn"), Ok(()));
    }
}
