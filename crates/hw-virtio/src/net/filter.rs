//! Which frames a card receives: modes, addresses, VLANs (VIRTIO 1.2, 5.1.6.5.1 to 5.1.6.5.3).

use super::spec::TABLE_MAX;
use serde::{Deserialize, Serialize};

/// A network address.
pub(super) type Mac = [u8; 6];

/// Receive modes, in the order of their commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Modes {
    pub promiscuous: bool,
    pub all_multicast: bool,
    pub all_unicast: bool,
    pub no_multicast: bool,
    pub no_unicast: bool,
    pub no_broadcast: bool,
}

/// The filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    pub mac: Mac,
    pub modes: Modes,
    /// None: there were too many, so all are received.
    pub unicast: Option<Vec<Mac>>,
    pub multicast: Option<Vec<Mac>>,
    /// Numbers of VLANs that are received; none: all.
    pub vlans: Option<Vec<u16>>,
}

impl Filter {
    /// Everything gets through, as drivers without a control queue expect.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            modes: Modes {
                promiscuous: true,
                ..Modes::default()
            },
            unicast: Some(Vec::new()),
            multicast: Some(Vec::new()),
            vlans: None,
        }
    }

    /// Whether a saved filter could be.
    pub fn is_plausible(&self) -> bool {
        let short = |table: &Option<Vec<Mac>>| table.as_ref().is_none_or(|table| table.len() <= TABLE_MAX);
        let sorted = |vlans: &[u16]| vlans.is_sorted_by(|a, b| a < b) && vlans.iter().all(|&id| id < 4096);
        short(&self.unicast) && short(&self.multicast) && self.vlans.as_deref().is_none_or(sorted)
    }

    /// Sets a mode by its command; false if there is no such one.
    pub fn set_mode(&mut self, command: u8, on: bool) -> bool {
        let modes = &mut self.modes;
        let mode = match command {
            0 => &mut modes.promiscuous,
            1 => &mut modes.all_multicast,
            2 => &mut modes.all_unicast,
            3 => &mut modes.no_multicast,
            4 => &mut modes.no_unicast,
            5 => &mut modes.no_broadcast,
            _ => return false,
        };
        *mode = on;
        true
    }

    /// Receives a VLAN, or does not any more.
    pub fn set_vlan(&mut self, id: u16, on: bool) {
        let vlans = self.vlans.get_or_insert_default();
        match (vlans.binary_search(&id), on) {
            (Err(at), true) => vlans.insert(at, id),
            (Ok(at), false) => {
                vlans.remove(at);
            }
            _ => {}
        }
    }

    /// Whether the card takes this frame.
    pub fn takes(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        let modes = &self.modes;
        if modes.promiscuous {
            return true;
        }
        if let (Some(vlans), [.., 0x81, 0x00, high, low]) = (&self.vlans, frame.get(..16).unwrap_or_default())
        {
            let id = u16::from_be_bytes([*high, *low]) & 0xfff;
            if vlans.binary_search(&id).is_err() {
                return false;
            }
        }
        let listed = |table: &Option<Vec<Mac>>| table.as_ref().is_none_or(|table| table.contains(to));
        if *to == [0xff; 6] {
            !modes.no_broadcast
        } else if to[0] & 1 != 0 {
            !modes.no_multicast && (modes.all_multicast || listed(&self.multicast))
        } else {
            !modes.no_unicast && (modes.all_unicast || *to == self.mac || listed(&self.unicast))
        }
    }
}
