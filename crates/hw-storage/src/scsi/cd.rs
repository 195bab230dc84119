//! Commands of CD and DVD drives: MMC-5. One data track, one session.

use super::spec::{op, sense};
use super::{Plan, Sense, Unit, be, cut};

/// Larger media are DVDs: 80 minutes, 75 blocks of 2048 bytes a second, and some.
const CD_BLOCKS: u64 = 80 * 60 * 75 + 9 * 60 * 75;

/// Profiles.
const CD_ROM: u16 = 0x0008;
const DVD_ROM: u16 = 0x0010;

/// A block's address as minute, second and frame.
fn msf(block: u64) -> [u8; 4] {
    let block = block + 150;
    [
        0,
        (block / (60 * 75)).min(255) as u8,
        (block / 75 % 60) as u8,
        (block % 75) as u8,
    ]
}

impl Unit {
    pub(super) fn cd_command(&mut self, opcode: u8, command: &[u8; 16]) -> Result<Plan, Sense> {
        let done = Ok(Plan::Done(Vec::new()));
        match opcode {
            op::READ_10 | op::READ_12 => self.read(opcode, command),
            op::READ_CD => self.read_cd(command),
            op::READ_CAPACITY_10 => {
                let (last, _) = self.capacity()?;
                let mut data = u32::try_from(last).unwrap_or(u32::MAX).to_be_bytes().to_vec();
                data.extend(2048_u32.to_be_bytes());
                Ok(Plan::Done(data))
            }
            op::SEEK_10 => {
                self.bytes(be(command, 2, 4), 1)?;
                done
            }
            op::READ_TOC => self.read_toc(command),
            op::GET_CONFIGURATION => self.get_configuration(command),
            op::GET_EVENT_STATUS => self.get_event_status(command),
            op::READ_DISC_INFORMATION => {
                self.medium()?;
                let mut data = vec![0; 34];
                // 32 more bytes, a finished disc, one session, first and last track.
                (data[1], data[2], data[3], data[4], data[5], data[6]) = (32, 0x0e, 1, 1, 1, 1);
                data[7] = 0x20;
                Ok(cut(data, be(command, 7, 2)))
            }
            op::MECHANISM_STATUS => Ok(cut(vec![0, 0, 0, 0, 0, 1, 0, 0], be(command, 8, 2))),
            op::READ_DVD_STRUCTURE => Err(if self.medium()?.size / 2048 <= CD_BLOCKS {
                sense::INCOMPATIBLE
            } else {
                sense::INVALID_FIELD
            }),
            op::SET_CD_SPEED | op::SYNCHRONIZE_CACHE_10 => done,
            op::VERIFY_10 => {
                self.bytes(be(command, 2, 4), be(command, 7, 2))?;
                done
            }
            _ => Err(sense::INVALID_OPCODE),
        }
    }

    /// User data only.
    fn read_cd(&self, command: &[u8; 16]) -> Result<Plan, Sense> {
        let (first, count) = (be(command, 2, 4), be(command, 6, 3));
        if count == 0 {
            return Ok(Plan::Done(Vec::new()));
        }
        match command[9] & 0xf8 {
            0 => {
                self.bytes(first, count)?;
                Ok(Plan::Done(Vec::new()))
            }
            0x10 => {
                let (offset, length) = self.bytes(first, count)?;
                Ok(Plan::Read { offset, length })
            }
            _ => Err(sense::INVALID_FIELD),
        }
    }

    fn read_toc(&self, command: &[u8; 16]) -> Result<Plan, Sense> {
        let (last, _) = self.capacity()?;
        let time = command[1] & 2 != 0;
        // Older drives had the format in the last byte.
        let format = match command[2] & 0xf {
            0 => command[9] >> 6,
            format => format,
        };
        let address = |block: u64| {
            if time {
                msf(block)
            } else {
                u32::try_from(block).unwrap_or(u32::MAX).to_be_bytes()
            }
        };
        let mut data = vec![0, 0, 1, 1];
        match format {
            0 => {
                let track = command[6];
                if track > 1 && track != 0xaa {
                    return Err(sense::INVALID_FIELD);
                }
                if track <= 1 {
                    data.extend([0, 0x14, 1, 0]);
                    data.extend(address(0));
                }
                data.extend([0, 0x16, 0xaa, 0]);
                data.extend(address(last + 1));
            }
            // Sessions.
            1 => {
                data.extend([0, 0x14, 1, 0]);
                data.extend(address(0));
            }
            // Raw: the points A0, A1, A2 and the track.
            2 => {
                let end = msf(last + 1);
                for (point, place) in [
                    (0xa0, [0, 1, 0, 0]),
                    (0xa1, [0, 1, 0, 0]),
                    (0xa2, [0, end[1], end[2], end[3]]),
                    (1, msf(0)),
                ] {
                    data.extend([1, 0x14, 0, point, 0, 0, 0]);
                    data.extend(place);
                }
            }
            _ => return Err(sense::INVALID_FIELD),
        }
        let length = (data.len() - 2) as u16;
        data[..2].copy_from_slice(&length.to_be_bytes());
        Ok(cut(data, be(command, 7, 2)))
    }

    fn get_configuration(&self, command: &[u8; 16]) -> Result<Plan, Sense> {
        let current = self.disk.medium().map_or(0, |medium| {
            if medium.size / 2048 <= CD_BLOCKS {
                CD_ROM
            } else {
                DVD_ROM
            }
        });
        let mut features: Vec<(u16, u8, Vec<u8>)> = Vec::new();
        let profiles = [DVD_ROM, CD_ROM].map(|profile| {
            let [high, low] = profile.to_be_bytes();
            [high, low, u8::from(profile == current), 0]
        });
        features.push((0x0000, 3, profiles.concat()));
        // ATAPI is the interface; asynchronous events are not reported.
        features.push((0x0001, 0x0b, vec![0, 0, 0, 2, 1, 0, 0, 0]));
        // A tray that locks and ejects.
        features.push((0x0003, 3, vec![0x29, 0, 0, 0]));
        if current != 0 {
            features.push((0x0010, 1, vec![0, 0, 8, 0, 0, 1, 0, 0]));
        }
        let (wanted, from) = (command[1] & 3, be(command, 2, 2) as u16);
        let mut data = vec![0; 8];
        data[6..8].copy_from_slice(&current.to_be_bytes());
        for (code, flags, body) in features {
            let is_wanted = match wanted {
                0 => code >= from,
                1 => code >= from && flags & 1 != 0,
                2 => code == from,
                _ => return Err(sense::INVALID_FIELD),
            };
            if is_wanted {
                data.extend(code.to_be_bytes());
                data.extend([flags, body.len() as u8]);
                data.extend(body);
            }
        }
        let length = (data.len() - 4) as u32;
        data[..4].copy_from_slice(&length.to_be_bytes());
        Ok(cut(data, be(command, 7, 2)))
    }

    fn get_event_status(&mut self, command: &[u8; 16]) -> Result<Plan, Sense> {
        // Asynchronous operation is not supported.
        if command[1] & 1 == 0 {
            return Err(sense::INVALID_FIELD);
        }
        let data = if command[4] & 0x10 != 0 {
            let present = self.disk.medium().is_some();
            let event = std::mem::take(&mut self.state.event);
            // Media class; the medium is in, or the tray is closed without one.
            vec![0, 6, 4, 0x10, event, if present { 2 } else { 0 }, 0, 0]
        } else {
            vec![0, 2, 0x80, 0x10]
        };
        Ok(cut(data, be(command, 7, 2)))
    }
}
