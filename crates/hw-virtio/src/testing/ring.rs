//! A driver's half of a virtqueue.

use super::Memory;
use std::collections::BTreeMap;

/// Where the parts of a ring lie.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub size: u16,
    pub descriptors: u64,
    pub driver: u64,
    pub device: u64,
    pub packed: bool,
    pub event_idx: bool,
}

impl Layout {
    /// In one piece from `base` on, as legacy drivers lay out split rings.
    pub fn at(base: u64, size: u16, packed: bool, event_idx: bool) -> Self {
        let driver = base + 16 * u64::from(size);
        Self {
            size,
            descriptors: base,
            driver,
            device: (driver + 2 * u64::from(size) + 6).next_multiple_of(4096),
            packed,
            event_idx,
        }
    }
}

/// The driver's state.
pub struct DriverRing {
    pub layout: Layout,
    /// Split: descriptors; packed: numbers.
    free: Vec<u16>,
    /// Descriptors (split) or slots (packed) of each chain that is out.
    out: BTreeMap<u16, Vec<u16>>,
    /// Where the next chain goes: a running index (split) or a place with its wrap counter (packed).
    avail: u16,
    avail_wrap: bool,
    used: u16,
    used_wrap: bool,
    slots_free: u16,
    /// Added since the last kick was considered.
    added: u16,
}

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

fn descriptor(address: u64, length: u32, third: u16, fourth: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    bytes[12..14].copy_from_slice(&third.to_le_bytes());
    bytes[14..].copy_from_slice(&fourth.to_le_bytes());
    bytes
}

impl DriverRing {
    pub fn new(memory: &Memory, layout: Layout) -> Self {
        memory.write(layout.descriptors, &vec![0; 16 * usize::from(layout.size)]);
        memory.write(layout.driver, &vec![0; 6 + 2 * usize::from(layout.size)]);
        memory.write(layout.device, &vec![0; 6 + 8 * usize::from(layout.size)]);
        Self {
            layout,
            free: (0..layout.size).rev().collect(),
            out: BTreeMap::new(),
            avail: 0,
            avail_wrap: true,
            used: 0,
            used_wrap: true,
            slots_free: layout.size,
            added: 0,
        }
    }

    /// Makes a chain available, its table at `table` if it is to be indirect; its name, or none if there is no room.
    pub fn add(
        &mut self,
        memory: &Memory,
        readable: &[(u64, u32)],
        writable: &[(u64, u32)],
        table: Option<u64>,
    ) -> Option<u16> {
        let mut buffers: Vec<(u64, u32, u16)> = readable.iter().map(|&(at, len)| (at, len, 0)).collect();
        buffers.extend(writable.iter().map(|&(at, len)| (at, len, WRITE)));
        if let Some(at) = table {
            self.write_table(memory, at, &buffers);
            buffers = vec![(at, 16 * buffers.len() as u32, INDIRECT)];
        }
        let room = if self.layout.packed {
            usize::from(self.slots_free)
        } else {
            self.free.len()
        };
        if room < buffers.len() {
            return None;
        }
        let id = if self.layout.packed {
            self.add_packed(memory, &buffers)
        } else {
            self.add_split(memory, &buffers)
        };
        Some(id)
    }

    fn write_table(&self, memory: &Memory, at: u64, buffers: &[(u64, u32, u16)]) {
        for (i, &(address, length, flags)) in buffers.iter().enumerate() {
            let next = i + 1 < buffers.len();
            let flags = flags | if next && !self.layout.packed { NEXT } else { 0 };
            let entry = if self.layout.packed {
                descriptor(address, length, 0, flags)
            } else {
                descriptor(address, length, flags, if next { i as u16 + 1 } else { 0 })
            };
            memory.write(at + 16 * i as u64, &entry);
        }
    }

    fn add_split(&mut self, memory: &Memory, buffers: &[(u64, u32, u16)]) -> u16 {
        let at = self.free.len() - buffers.len();
        let used: Vec<u16> = self.free.drain(at..).collect();
        for (i, (&slot, &(address, length, flags))) in used.iter().zip(buffers).enumerate() {
            let next = used.get(i + 1).copied();
            let flags = flags | next.map_or(0, |_| NEXT);
            memory.write(
                self.layout.descriptors + 16 * u64::from(slot),
                &descriptor(address, length, flags, next.unwrap_or(0)),
            );
        }
        let head = used[0];
        let entry = self.layout.driver + 4 + 2 * u64::from(self.avail % self.layout.size);
        memory.set_u16(entry, head);
        self.avail = self.avail.wrapping_add(1);
        self.added += 1;
        memory.set_u16(self.layout.driver + 2, self.avail);
        self.out.insert(head, used);
        head
    }

    fn add_packed(&mut self, memory: &Memory, buffers: &[(u64, u32, u16)]) -> u16 {
        let id = self.free.pop().expect("as many numbers as slots");
        let first = (self.avail, self.avail_wrap);
        let mut first_flags = 0;
        for (i, &(address, length, flags)) in buffers.iter().enumerate() {
            let mut flags = flags | if i + 1 < buffers.len() { NEXT } else { 0 };
            flags |= if self.avail_wrap { 1 << 7 } else { 1 << 15 };
            if i == 0 {
                // Shown last, so that the device sees a whole chain.
                first_flags = flags;
                flags = if self.avail_wrap { 1 << 15 } else { 1 << 7 };
            }
            let at = self.layout.descriptors + 16 * u64::from(self.avail);
            memory.write(at, &descriptor(address, length, id, flags));
            self.avail += 1;
            if self.avail == self.layout.size {
                self.avail = 0;
                self.avail_wrap = !self.avail_wrap;
            }
        }
        memory.set_u16(
            self.layout.descriptors + 16 * u64::from(first.0) + 14,
            first_flags,
        );
        self.slots_free -= buffers.len() as u16;
        self.added += buffers.len() as u16;
        self.out.insert(id, vec![0; buffers.len()]);
        id
    }

    /// Whether the device wants a notification of what was added since the last question.
    pub fn kick(&mut self, memory: &Memory) -> bool {
        let added = std::mem::take(&mut self.added);
        if added == 0 {
            return false;
        }
        let Layout {
            device,
            size,
            packed,
            event_idx,
            ..
        } = self.layout;
        if !packed {
            if !event_idx {
                return memory.u16(device) & 1 == 0;
            }
            let event = memory.u16(device + 4 + 8 * u64::from(size));
            let old = self.avail.wrapping_sub(added);
            return self.avail.wrapping_sub(event).wrapping_sub(1) < added && old != self.avail;
        }
        let (word, flags) = (memory.u16(device), memory.u16(device + 2));
        match flags & 3 {
            0 => true,
            1 => false,
            _ => {
                let mut event = word & 0x7fff;
                if (word & 0x8000 != 0) != self.avail_wrap {
                    event = event.wrapping_sub(size);
                }
                self.avail.wrapping_sub(event).wrapping_sub(1) < added
            }
        }
    }

    /// Takes what the device gave back: names and lengths. Asks to be interrupted for the next if `ask`.
    pub fn take_used(&mut self, memory: &Memory) -> Vec<(u16, u32)> {
        let mut taken = Vec::new();
        while let Some((id, length)) = self.take_one(memory) {
            let slots = self
                .out
                .remove(&id)
                .unwrap_or_else(|| panic!("chain {id} given back, but not out"));
            if self.layout.packed {
                self.free.push(id);
                self.slots_free += slots.len() as u16;
            } else {
                self.free.extend(slots);
            }
            taken.push((id, length));
        }
        taken
    }

    fn take_one(&mut self, memory: &Memory) -> Option<(u16, u32)> {
        let Layout {
            device,
            descriptors,
            size,
            packed,
            ..
        } = self.layout;
        if !packed {
            if memory.u16(device + 2) == self.used {
                return None;
            }
            let at = device + 4 + 8 * u64::from(self.used % size);
            self.used = self.used.wrapping_add(1);
            return Some((memory.u32(at) as u16, memory.u32(at + 4)));
        }
        let at = descriptors + 16 * u64::from(self.used);
        let flags = memory.u16(at + 14);
        let (avail, used) = (flags & 1 << 7 != 0, flags & 1 << 15 != 0);
        if avail != used || used != self.used_wrap {
            return None;
        }
        let id = memory.u16(at + 12);
        let slots = self.out.get(&id).map_or(1, Vec::len) as u16;
        self.used += slots;
        if self.used >= size {
            self.used -= size;
            self.used_wrap = !self.used_wrap;
        }
        Some((id, memory.u32(at + 8)))
    }

    /// Asks for an interrupt when anything more is given back, or for none. With event indexes and split rings there is
    /// no way to ask for none: the event is put behind instead.
    pub fn want_interrupt(&self, memory: &Memory, wanted: bool) {
        let Layout {
            driver,
            size,
            packed,
            event_idx,
            ..
        } = self.layout;
        match (packed, event_idx) {
            (false, false) => memory.set_u16(driver, u16::from(!wanted)),
            (false, true) => {
                let event = self.used.wrapping_sub(u16::from(!wanted));
                memory.set_u16(driver + 4 + 2 * u64::from(size), event);
            }
            (true, false) => memory.set_u16(driver + 2, u16::from(!wanted)),
            (true, true) => {
                memory.set_u16(driver, self.used | u16::from(self.used_wrap) << 15);
                memory.set_u16(driver + 2, if wanted { 2 } else { 1 });
            }
        }
    }
}
