//! Commands of the control queue (VIRTIO 1.2, 5.1.6.5): class, command, data to read; an acknowledgement to write.

use super::Net;
use super::filter::Mac;
use super::spec::*;
use crate::ring::Chain;

impl Net {
    /// Does everything in the control queue.
    pub(super) fn control(&self) {
        let (mut chain, mut done) = (Chain::default(), false);
        while self.core.pop(CTRL, &mut chain) {
            let Some([class, command]) = chain.header::<2>(self.dma(), 0) else {
                self.core.fail("a control command without a header");
                return;
            };
            let ack = if self.command(class, command, &chain).is_some() {
                ACK_OK
            } else {
                ACK_ERR
            };
            let written = chain.write(self.dma(), 0, &[ack]).unwrap_or(0);
            self.core.push(CTRL, chain.token, written as u32);
            done = true;
        }
        if done {
            self.core.signal(CTRL);
        }
    }

    /// Does one command; none if it makes no sense.
    fn command(&self, class: u8, command: u8, chain: &Chain) -> Option<()> {
        let has = |bit: u64| (self.core.features() & bit != 0).then_some(());
        match (class, command) {
            (class::RX, command) => {
                has(if command < 2 {
                    feature::CTRL_RX
                } else {
                    feature::CTRL_RX_EXTRA
                })?;
                let [on] = chain.header::<1>(self.dma(), 2)?;
                self.state.lock().filter.set_mode(command, on != 0).then_some(())
            }
            (class::MAC, MAC_ADDR_SET) => {
                has(feature::CTRL_MAC_ADDR)?;
                self.state.lock().filter.mac = chain.header::<6>(self.dma(), 2)?;
                Some(())
            }
            (class::MAC, MAC_TABLE_SET) => {
                has(feature::CTRL_RX)?;
                let (unicast, next) = self.table(chain, 2)?;
                let (multicast, _) = self.table(chain, next)?;
                let mut state = self.state.lock();
                (state.filter.unicast, state.filter.multicast) = (unicast, multicast);
                Some(())
            }
            (class::VLAN, VLAN_ADD | VLAN_DEL) => {
                has(feature::CTRL_VLAN)?;
                let id = u16::from_le_bytes(chain.header::<2>(self.dma(), 2)?);
                if id >= 4096 {
                    return None;
                }
                self.state.lock().filter.set_vlan(id, command == VLAN_ADD);
                Some(())
            }
            (class::GUEST_OFFLOADS, 0) => {
                has(feature::CTRL_GUEST_OFFLOADS)?;
                let wanted = u64::from_le_bytes(chain.header::<8>(self.dma(), 2)?);
                let known = feature::GUEST_CSUM | feature::GUEST_TSO4 | feature::GUEST_TSO6;
                if wanted & !(self.core.features() & known) != 0 {
                    return None;
                }
                self.state.lock().offloads_off = known & !wanted;
                self.tell_abilities();
                Some(())
            }
            _ => None,
        }
    }

    /// A table of addresses at `offset`, and where it ends; too many are none.
    fn table(&self, chain: &Chain, offset: u64) -> Option<(Option<Vec<Mac>>, u64)> {
        let count = u32::from_le_bytes(chain.header::<4>(self.dma(), offset)?);
        let end = offset + 4 + u64::from(count) * 6;
        if end > chain.readable_len() {
            return None;
        }
        if count as usize > TABLE_MAX {
            return Some((None, end));
        }
        let mut table = vec![[0; 6]; count as usize];
        for (i, mac) in table.iter_mut().enumerate() {
            *mac = chain.header::<6>(self.dma(), offset + 4 + 6 * i as u64)?;
        }
        Some((Some(table), end))
    }
}
