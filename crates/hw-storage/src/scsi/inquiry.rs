//! What a unit says of itself: SPC-4, 6.6 and 7.8; SBC-3, 6.6.

use super::block::{SAME_BLOCKS, UNMAP_RANGES};
use super::spec::sense;
use super::{Kind, Plan, Sense, Unit, be, cut};

/// `text` in `length` characters, filled with blanks; what is not ASCII is a blank.
pub(crate) fn padded(text: &str, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if (0x20..0x7f).contains(&byte) { byte } else { b' ' })
        .take(length)
        .collect();
    bytes.resize(length, b' ');
    bytes
}

impl Unit {
    pub(super) fn inquiry(&self, command: &[u8; 16]) -> Result<Plan, Sense> {
        let room = be(command, 3, 2);
        if command[1] & 1 != 0 {
            return Ok(cut(self.vital_product_data(command[2])?, room));
        }
        if command[2] != 0 {
            return Err(sense::INVALID_FIELD);
        }
        let mut data = vec![0; 36];
        if self.kind == Kind::Cd {
            (data[0], data[1]) = (5, 0x80);
        }
        // SPC-3, response format 2, 31 more bytes; commands are queued.
        (data[2], data[3], data[4], data[7]) = (5, 2, 31, 2);
        data[8..16].copy_from_slice(&padded(&self.names.vendor, 8));
        data[16..32].copy_from_slice(&padded(&self.names.product, 16));
        data[32..36].copy_from_slice(&padded(&self.names.revision, 4));
        Ok(cut(data, room))
    }

    fn vital_product_data(&self, page: u8) -> Result<Vec<u8>, Sense> {
        let pages: &[u8] = match self.kind {
            Kind::Disk => &[0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2],
            Kind::Cd => &[0x00, 0x80, 0x83],
        };
        if !pages.contains(&page) {
            return Err(sense::INVALID_FIELD);
        }
        let body = match page {
            0x00 => pages.to_vec(),
            0x80 => padded(&self.names.serial, self.names.serial.len().min(36)),
            0x83 => self.designators(),
            0xb0 => self.block_limits(),
            // Not rotating.
            0xb1 => {
                let mut body = vec![0; 60];
                body[1] = 1;
                body
            }
            // UNMAP, and WRITE SAME with it; what was unmapped by the latter reads as zeros.
            _ => {
                let can = self.disk.medium().is_some_and(|medium| medium.can_discard);
                vec![0, if can { 0xe0 } else { 0 }, if can { 2 } else { 0 }, 0]
            }
        };
        let kind = if self.kind == Kind::Cd { 5 } else { 0 };
        let mut data = vec![kind, page, (body.len() >> 8) as u8, body.len() as u8];
        data.extend(body);
        Ok(data)
    }

    fn designators(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let name = if self.names.serial.is_empty() {
            &self.names.product
        } else {
            &self.names.serial
        };
        let name = padded(name, name.len().min(200));
        // ASCII, vendor specific.
        body.extend([2, 0, 0, name.len() as u8]);
        body.extend(name);
        if let Some(wwn) = self.names.wwn {
            // Binary, NAA.
            body.extend([1, 3, 0, 8]);
            body.extend(wwn.to_be_bytes());
        }
        body
    }

    fn block_limits(&self) -> Vec<u8> {
        let mut body = vec![0; 60];
        let can = self.disk.medium().is_some_and(|medium| medium.can_discard);
        // WSNZ is off: no blocks means all.
        if can {
            body[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
            body[20..24].copy_from_slice(&(UNMAP_RANGES as u32).to_be_bytes());
            body[24..28].copy_from_slice(&1_u32.to_be_bytes());
        }
        body[32..40].copy_from_slice(&SAME_BLOCKS.to_be_bytes());
        body
    }
}
