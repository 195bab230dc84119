//! Mode pages: SPC-4, 6.11 and 7.5; SBC-3, 6.5; MMC-5, 7.

use super::spec::sense;
use super::{Kind, Plan, Sense, Unit, be, cut};

/// Page codes.
const RECOVERY: u8 = 0x01;
const CACHING: u8 = 0x08;
const AUDIO: u8 = 0x0e;
const CAPABILITIES: u8 = 0x2a;
const ALL: u8 = 0x3f;

/// Page control: which values are asked for.
const CHANGEABLE: u8 = 1;
const DEFAULT: u8 = 2;
const SAVED: u8 = 3;

impl Unit {
    fn page(&self, page: u8, control: u8) -> Option<Vec<u8>> {
        let changeable = control == CHANGEABLE;
        let mut body = match (page, self.kind) {
            (RECOVERY, Kind::Disk) => vec![0; 10],
            (RECOVERY, Kind::Cd) => vec![0; 6],
            (CACHING, Kind::Disk) => {
                let mut body = vec![0; 18];
                // WCE.
                let on = changeable || control == DEFAULT || !self.state.write_cache_off;
                body[0] = if on { 4 } else { 0 };
                body
            }
            (AUDIO, Kind::Cd) => vec![4, 0, 0, 0, 75, 0, 1, 0xff, 2, 0xff, 0, 0, 0, 0],
            (CAPABILITIES, Kind::Cd) => {
                let locked = u8::from(self.state.locked) << 1;
                // Reads CD-R, CD-RW, DVD; a tray that can be locked and ejected; 706 KB/s.
                let mut body = vec![0x3b, 0, 0x70, 0, 0x29 | locked, 0];
                body.extend([2, 0xc2, 0, 2, 2, 0, 2, 0xc2, 0, 0, 0, 0]);
                body
            }
            _ => return None,
        };
        if changeable && page != CACHING {
            body.fill(0);
        }
        let mut whole = vec![page, body.len() as u8];
        whole.extend(body);
        Some(whole)
    }

    pub(super) fn mode_sense(&self, command: &[u8; 16], ten: bool) -> Result<Plan, Sense> {
        let (control, page) = (command[2] >> 6, command[2] & 0x3f);
        if control == SAVED {
            return Err(sense::SAVING);
        }
        let pages = match page {
            ALL => (0..ALL)
                .filter_map(|page| self.page(page, control))
                .collect::<Vec<_>>()
                .concat(),
            page => self.page(page, control).ok_or(sense::INVALID_FIELD)?,
        };
        let medium = self.disk.medium();
        let (kind, parameter, descriptor) = match self.kind {
            Kind::Disk => {
                let protected = medium.as_ref().is_some_and(|medium| medium.read_only);
                // Writes can be forced through the cache (DPOFUA).
                let parameter = 0x10 | if protected { 0x80 } else { 0 };
                let mut descriptor = Vec::new();
                if let (0, Some(medium)) = (command[1] & 8, &medium) {
                    let blocks = medium.size / u64::from(medium.block_size.max(1));
                    let blocks = u32::try_from(blocks)
                        .ok()
                        .filter(|&blocks| blocks < 1 << 24)
                        .unwrap_or(0);
                    descriptor.extend(blocks.to_be_bytes());
                    descriptor.extend(medium.block_size.to_be_bytes());
                }
                (0, parameter, descriptor)
            }
            // A medium type that says data CD, or no disc.
            Kind::Cd => (if medium.is_some() { 1 } else { 0x70 }, 0, Vec::new()),
        };
        let mut data = if ten {
            let length = 6 + descriptor.len() + pages.len();
            let mut data = vec![(length >> 8) as u8, length as u8, kind, parameter, 0, 0, 0, 0];
            data[7] = descriptor.len() as u8;
            data
        } else {
            let length = 3 + descriptor.len() + pages.len();
            vec![length as u8, kind, parameter, descriptor.len() as u8]
        };
        data.extend(descriptor);
        data.extend(pages);
        let room = if ten { be(command, 7, 2) } else { command[4].into() };
        Ok(cut(data, room))
    }

    /// Takes what can be changed: the write cache.
    pub(super) fn mode_select(&mut self, list: &[u8], header: usize) -> Result<Plan, Sense> {
        if list.len() < header {
            return Err(sense::PARAMETER_LENGTH);
        }
        let descriptors = if header == 4 {
            usize::from(list[3])
        } else {
            be(list, 6, 2) as usize
        };
        let mut rest = list.get(header + descriptors..).ok_or(sense::PARAMETER_LENGTH)?;
        let mut cache_off = self.state.write_cache_off;
        while let [page, length, body @ ..] = rest {
            let length = usize::from(*length);
            let (Some(body), Some(behind)) = (body.get(..length), body.get(length..)) else {
                return Err(sense::PARAMETER_LENGTH);
            };
            match page & 0x3f {
                CACHING if self.kind == Kind::Disk && !body.is_empty() => cache_off = body[0] & 4 == 0,
                page if self.page(page, 0).is_some() => {}
                _ => return Err(sense::INVALID_PARAMETER),
            }
            rest = behind;
        }
        if cache_off != self.state.write_cache_off {
            self.state.write_cache_off = cache_off;
            self.disk.set_write_cache(!cache_off);
        }
        Ok(Plan::Done(Vec::new()))
    }
}
