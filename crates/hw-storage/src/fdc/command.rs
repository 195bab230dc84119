//! Commands of the floppy controller: 82077AA data sheet, chapter 5.

use super::spec::*;
use super::{Effect, Fdc, Phase, State, Transfer, Wait};
use hw_core::{DiskError, DiskOp, DiskResult};

/// Bytes of a command that begins so; `None` if there is no such command.
fn length(opcode: u8) -> Option<usize> {
    Some(match opcode & 0x1f {
        0x02 | 0x05 | 0x06 | 0x09 | 0x0c | 0x16 => 9,
        0x0d => 6,
        0x03 => 3,
        0x0f => 3,
        0x04 | 0x0a | 0x07 | 0x12 => 2,
        0x13 => 4,
        0x08 | 0x0e | 0x10 | 0x14 | 0x18 => 1,
        _ => return None,
    })
}

impl Fdc {
    pub(super) fn fifo_read(&self, state: &mut State) -> u8 {
        match state.phase {
            Phase::Result => {
                state.interrupt = false;
                let value = state.fifo.get(state.position as usize).copied().unwrap_or(0);
                state.position += 1;
                if state.position as usize >= state.fifo.len() {
                    state.fifo.clear();
                    state.position = 0;
                    state.phase = Phase::Command;
                }
                value
            }
            Phase::DataIn => {
                let value = state.data.get(state.position as usize).copied().unwrap_or(0);
                state.position += 1;
                if state.position as usize >= state.data.len() {
                    state.transfer.moved = state.position;
                    self.finish(state, 0, 0, 0);
                }
                value
            }
            _ => 0,
        }
    }

    pub(super) fn fifo_write(&self, state: &mut State, value: u8, now: i64) -> Effect {
        if state.msr() & (RQM | DIO) != RQM {
            return Effect::default();
        }
        match state.phase {
            Phase::DataOut => {
                let at = state.position as usize;
                if let Some(place) = state.data.get_mut(at) {
                    *place = value;
                }
                state.position += 1;
                if (state.position as usize) < state.data.len() {
                    return Effect::default();
                }
                state.transfer.moved = state.position;
                state.interrupt = false;
                self.write_out(state)
            }
            Phase::Command => {
                state.fifo.push(value);
                match length(state.fifo[0]) {
                    None => {
                        state.give(&[INVALID], false);
                        Effect::default()
                    }
                    Some(length) if state.fifo.len() >= length => self.execute(state, now),
                    Some(_) => Effect::default(),
                }
            }
            _ => Effect::default(),
        }
    }

    fn execute(&self, state: &mut State, now: i64) -> Effect {
        let command = std::mem::take(&mut state.fifo);
        let drive = usize::from(command.get(1).copied().unwrap_or(0) & 3);
        match command[0] & 0x1f {
            0x03 => state.specify = [command[1], command[2]],
            0x04 => {
                let protected = self.medium(drive).is_some_and(|medium| medium.read_only);
                let track = u8::from(state.drives[drive].track == 0) << 4;
                // Ready and two-sided, as all drives are.
                let st3 = 0x28 | u8::from(protected) << 6 | track | command[1] & 7;
                state.give(&[st3], false);
            }
            0x07 => self.seek(state, drive, 0, now),
            0x0f if command[0] & 0x80 != 0 => {
                let track = state.drives[drive].track;
                let to = if command[0] & 0x40 != 0 {
                    track.saturating_add(command[2])
                } else {
                    track.saturating_sub(command[2])
                };
                self.seek(state, drive, to, now);
            }
            0x0f => self.seek(state, drive, command[2], now),
            0x08 => sense_interrupt(state),
            0x0a => self.read_id(state, &command, drive, now),
            0x0e => {
                let tracks = [0, 1, 2, 3].map(|drive| state.drives[drive].track);
                let mut results = tracks.to_vec();
                results.extend(state.specify);
                results.push(state.transfer.last);
                results.push(u8::from(state.lock) << 7 | state.perpendicular & 0x7f);
                results.extend(state.configure);
                state.give(&results, false);
            }
            // Enhanced: an 82077 or 82078.
            0x10 => state.give(&[0x90], false),
            0x12 => state.perpendicular = command[1],
            0x13 => state.configure = [command[2], command[3]],
            0x14 => {
                state.lock = command[0] & 0x80 != 0;
                let lock = u8::from(state.lock) << 4;
                state.give(&[lock], false);
            }
            // The chip's stepping.
            0x18 => state.give(&[0x41], false),
            0x0d => return self.format(state, &command, drive),
            code => return self.transfer(state, code, &command, drive),
        }
        Effect::default()
    }

    fn seek(&self, state: &mut State, drive: usize, to: u8, now: i64) {
        let there = self.medium(drive).is_some();
        let exists = self.disks.get(drive).is_some_and(Option::is_some);
        let unit = &mut state.drives[drive];
        let steps = i64::from(unit.track.abs_diff(to)).max(1);
        unit.track = to;
        unit.ended = None;
        if !exists {
            // Track 0 never comes.
            unit.ended = Some(ABNORMAL | SEEK_END | EQUIPMENT | drive as u8);
        }
        if there {
            unit.changed = false;
        }
        unit.seek = Some(now.saturating_add(steps * STEP_NS));
    }

    fn read_id(&self, state: &mut State, command: &[u8], drive: usize, now: i64) {
        let head = command[1] >> 2 & 1;
        let track = state.drives[drive].track;
        let found = self.medium(drive).map(|medium| Layout::of(medium.size));
        let found = found.filter(|layout| {
            layout.rates >> state.rate & 1 != 0 && track < layout.tracks && head < layout.heads
        });
        let st0 = head << 2 | drive as u8;
        state.fifo = match found {
            Some(_) => vec![st0, 0, 0, track, head, 1, 2],
            None => vec![st0 | ABNORMAL, MISSING_MARK, 0, track, head, 1, 2],
        };
        state.phase = Phase::Wait;
        state.wait = Some((Wait::Sector, now.saturating_add(SECTOR_NS)));
    }

    /// READ, WRITE and VERIFY.
    fn transfer(&self, state: &mut State, code: u8, command: &[u8], drive: usize) -> Effect {
        // READ TRACK begins with the first sector.
        let sector = if code == 0x02 { 1 } else { command[4] };
        state.transfer = Transfer {
            write: matches!(code, 0x05 | 0x09),
            verify: code == 0x16,
            multi: command[0] & 0x80 != 0,
            drive: drive as u8,
            cylinder: command[2],
            head: command[3],
            sector,
            last: command[6],
            ..Transfer::default()
        };
        let Some(medium) = self.medium(drive) else {
            return self.fail(state, ABNORMAL, MISSING_MARK, 0);
        };
        let layout = Layout::of(medium.size);
        if state.transfer.write && medium.read_only {
            return self.fail(state, ABNORMAL, NOT_WRITABLE, 0);
        }
        if layout.rates >> state.rate & 1 == 0 {
            return self.fail(state, ABNORMAL, MISSING_MARK, 0);
        }
        // Sectors of 512 bytes; the head that is named is the one that is selected.
        if command[5] != 2 || command[3] != command[1] >> 2 & 1 {
            return self.fail(state, ABNORMAL, NO_DATA, 0);
        }
        let unit = &mut state.drives[drive];
        if unit.track != command[2] {
            // Implied seeks have to be switched on.
            if state.configure[0] & 0x40 == 0 {
                return self.fail(state, ABNORMAL, NO_DATA, WRONG_CYLINDER);
            }
            unit.track = command[2];
            unit.changed = false;
        }
        let t = &mut state.transfer;
        if t.cylinder >= layout.tracks
            || t.head >= layout.heads
            || t.sector == 0
            || t.sector > layout.sectors
            || t.sector > t.last
        {
            return self.fail(state, ABNORMAL, NO_DATA, 0);
        }
        let last = t.last.min(layout.sectors);
        let mut count = u64::from(last - t.sector + 1);
        if t.multi && t.head == 0 && layout.heads == 2 && last == layout.sectors {
            count += u64::from(last);
        }
        let track = u64::from(t.cylinder) * u64::from(layout.heads) + u64::from(t.head);
        let offset = (track * u64::from(layout.sectors) + u64::from(t.sector) - 1) * SECTOR;
        let length = (count * SECTOR).min(medium.size.saturating_sub(offset));
        if length == 0 {
            return self.fail(state, ABNORMAL, NO_DATA, 0);
        }
        t.length = length as u32;
        if !t.write {
            state.phase = Phase::Disk;
            return Effect {
                submit: Some((
                    drive,
                    DiskOp::Read {
                        offset,
                        length: length as u32,
                    },
                )),
            };
        }
        state.data = vec![0; length as usize];
        state.position = 0;
        if self.by_cpu(state) {
            state.phase = Phase::DataOut;
            state.interrupt = true;
            return Effect::default();
        }
        let moved = self.dma.from_memory(DMA_CHANNEL, &mut state.data);
        (state.transfer.moved, state.transfer.terminal) = (moved.bytes as u32, moved.terminal);
        self.write_out(state)
    }

    /// SPECIFY has switched DMA off.
    fn by_cpu(&self, state: &State) -> bool {
        state.specify[1] & 1 != 0
    }

    /// Writes the sectors that were begun, filled up with zeros.
    fn write_out(&self, state: &mut State) -> Effect {
        let mut data = std::mem::take(&mut state.data);
        data.truncate((state.transfer.moved as usize).next_multiple_of(SECTOR as usize));
        if data.is_empty() {
            return self.fail(state, ABNORMAL, 0x10, 0);
        }
        let t = state.transfer;
        let layout = self
            .medium(t.drive.into())
            .map_or(Layout::USUAL, |medium| Layout::of(medium.size));
        let track = u64::from(t.cylinder) * u64::from(layout.heads) + u64::from(t.head);
        let sector = u64::from(t.sector).saturating_sub(1);
        let offset = (track * u64::from(layout.sectors) + sector) * SECTOR;
        state.phase = Phase::Disk;
        Effect {
            submit: Some((
                t.drive.into(),
                DiskOp::Write {
                    offset,
                    data,
                    durable: false,
                },
            )),
        }
    }

    /// FORMAT TRACK: four bytes for each sector say which it is.
    fn format(&self, state: &mut State, command: &[u8], drive: usize) -> Effect {
        let (head, count, fill) = (command[1] >> 2 & 1, usize::from(command[3]), command[5]);
        state.transfer = Transfer {
            write: true,
            format: true,
            drive: drive as u8,
            cylinder: state.drives[drive].track,
            head,
            sector: 1,
            last: command[3],
            ..Transfer::default()
        };
        let Some(medium) = self.medium(drive) else {
            return self.fail(state, ABNORMAL, MISSING_MARK, 0);
        };
        let layout = Layout::of(medium.size);
        if medium.read_only {
            return self.fail(state, ABNORMAL, NOT_WRITABLE, 0);
        }
        let track = state.drives[drive].track;
        // A diskette stays as large as it is.
        if command[2] != 2
            || count != usize::from(layout.sectors)
            || track >= layout.tracks
            || head >= layout.heads
            || layout.rates >> state.rate & 1 == 0
            || self.by_cpu(state)
        {
            return self.fail(state, ABNORMAL, NO_DATA, 0);
        }
        let mut ids = vec![0; count * 4];
        let moved = self.dma.from_memory(DMA_CHANNEL, &mut ids);
        if moved.bytes < ids.len() {
            return self.fail(state, ABNORMAL, 0x10, 0);
        }
        state.transfer.terminal = true;
        state.transfer.moved = count as u32 * SECTOR as u32;
        state.data = vec![fill; count * SECTOR as usize];
        self.write_out(state)
    }

    pub(super) fn disk_answered(&self, state: &mut State, result: DiskResult) {
        if state.phase != Phase::Disk {
            return;
        }
        let data = match result {
            Ok(data) => data,
            Err(error) => {
                let (st1, st2) = match error {
                    DiskError::ReadOnly => (NOT_WRITABLE, 0),
                    DiskError::NoMedium => (MISSING_MARK, 0),
                    DiskError::OutOfRange => (NO_DATA, 0),
                    _ => (DATA_ERROR, DATA_ERROR),
                };
                self.finish(state, ABNORMAL, st1, st2);
                return;
            }
        };
        if state.transfer.write {
            self.finish(state, 0, 0, 0);
            return;
        }
        if data.len() != state.transfer.length as usize {
            self.finish(state, ABNORMAL, DATA_ERROR, DATA_ERROR);
            return;
        }
        if state.transfer.verify {
            state.transfer.moved = state.transfer.length;
            state.transfer.terminal = true;
            self.finish(state, 0, 0, 0);
            return;
        }
        if self.by_cpu(state) {
            state.data = data;
            state.position = 0;
            state.phase = Phase::DataIn;
            state.interrupt = true;
            return;
        }
        let moved = self.dma.to_memory(DMA_CHANNEL, &data);
        (state.transfer.moved, state.transfer.terminal) = (moved.bytes as u32, moved.terminal);
        let overrun = if moved.bytes == 0 { 0x10 } else { 0 };
        let st0 = if overrun != 0 { ABNORMAL } else { 0 };
        self.finish(state, st0, overrun, 0);
    }

    fn fail(&self, state: &mut State, st0: u8, st1: u8, st2: u8) -> Effect {
        self.finish(state, st0, st1, st2);
        Effect::default()
    }

    /// Results of a command that moves data: where it came to, and why it ended.
    fn finish(&self, state: &mut State, st0: u8, st1: u8, st2: u8) {
        let t = state.transfer;
        let layout = self
            .medium(t.drive.into())
            .map_or(Layout::USUAL, |medium| Layout::of(medium.size));
        let (mut c, mut h, mut r) = (t.cylinder, t.head, t.sector);
        let (mut st0, mut st1) = (st0, st1);
        if st1 == 0 && !t.format {
            let last = t.last.min(layout.sectors);
            for _ in 0..t.moved.div_ceil(SECTOR as u32) {
                if r < last {
                    r += 1;
                } else {
                    r = 1;
                    if t.multi && h == 0 && layout.heads == 2 {
                        h = 1;
                    } else {
                        c = c.wrapping_add(1);
                        h = if t.multi { 0 } else { h };
                    }
                }
            }
            if !t.terminal {
                // Nobody said that it was enough.
                (st0, st1) = (st0 | ABNORMAL, END_OF_CYLINDER);
            }
        }
        state.data.clear();
        let results = [st0 | t.head << 2 & 4 | t.drive & 3, st1, st2, c, h, r, 2];
        state.give(&results, true);
    }
}

fn sense_interrupt(state: &mut State) {
    if state.resets > 0 {
        let drive = 4 - state.resets;
        state.resets -= 1;
        state.interrupt = false;
        let track = state.drives[usize::from(drive)].track;
        state.give(&[0xc0 | drive, track], false);
        return;
    }
    let ended = (0..4).find(|&drive| {
        let unit: &super::DriveState = &state.drives[drive];
        unit.seek.is_none() && unit.ended.is_some()
    });
    match ended {
        Some(drive) => {
            let unit = &mut state.drives[drive];
            let (st0, track) = (unit.ended.take().unwrap_or(0), unit.track);
            state.interrupt = false;
            state.give(&[st0, track], false);
        }
        None => state.give(&[INVALID], false),
    }
}
