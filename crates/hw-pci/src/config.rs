//! The 256 bytes of a function's configuration space: values, and which bits software may write or clear.
//!
//! BARs need no code of their own: the writable mask of a BAR of size 2^n leaves its low n bits zero, and that is
//! what the sizing protocol looks for.

use super::spec::*;

/// Kind of a base address register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarKind {
    /// Ports.
    Io,
    /// 32-bit memory.
    Memory,
    /// 32-bit prefetchable memory.
    Prefetchable,
    /// 64-bit memory: takes the next index, too.
    Memory64,
    /// 64-bit prefetchable memory: takes the next index, too.
    Prefetchable64,
}

impl BarKind {
    /// The low bits of the register.
    const fn bits(self) -> u32 {
        match self {
            Self::Io => 1,
            Self::Memory => 0,
            Self::Prefetchable => 8,
            Self::Memory64 => 4,
            Self::Prefetchable64 => 12,
        }
    }

    /// Whether it has an upper half.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::Memory64 | Self::Prefetchable64)
    }
}

/// One base address register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Which of the six.
    pub index: usize,
    /// Kind.
    pub kind: BarKind,
    /// Bytes, a power of two: at least 4 for ports, 16 for memory.
    pub size: u64,
}

/// Identification of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Class, sub-class, programming interface, from the highest byte of 24 bits down.
    pub class: u32,
    /// Revision.
    pub revision: u8,
}

/// Subsystem ids of all functions; old firmware recognises the machine by them.
pub const SUBSYSTEM_IDS: (u16, u16) = (0x1af4, 0x1100);

/// Configuration space of one function, header type 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSpace {
    bytes: [u8; 256],
    writable: [u8; 256],
    clearable: [u8; 256],
    bars: Vec<Bar>,
    rom: Option<u64>,
    /// Where the next capability goes.
    free: u8,
    /// Where the last one's link is.
    link: usize,
}

impl ConfigSpace {
    /// A function with the standard header.
    pub fn new(ids: Ids) -> Self {
        let mut config = Self {
            bytes: [0; 256],
            writable: [0; 256],
            clearable: [0; 256],
            bars: Vec::new(),
            rom: None,
            free: FIRST_CAPABILITY,
            link: CAPABILITIES,
        };
        config.set16(VENDOR, ids.vendor);
        config.set16(DEVICE, ids.device);
        config.bytes[REVISION] = ids.revision;
        config.bytes[CLASS..CLASS + 3].copy_from_slice(&ids.class.to_le_bytes()[..3]);
        config.set16(SUBSYSTEM_VENDOR, SUBSYSTEM_IDS.0);
        config.set16(SUBSYSTEM, SUBSYSTEM_IDS.1);
        config.allow(COMMAND, &COMMAND_WRITABLE.to_le_bytes());
        config.allow(CACHE_LINE, &[0xff, 0xff]);
        config.allow(INTERRUPT_LINE, &[0xff]);
        config.clearable[STATUS..STATUS + 2].copy_from_slice(&STATUS_CLEARABLE.to_le_bytes());
        config
    }

    /// Adds a base address register.
    ///
    /// # Panics
    /// If there is no such register, or no such size.
    pub fn with_bar(mut self, bar: Bar) -> Self {
        let least = if bar.kind == BarKind::Io { 4 } else { 16 };
        let last = bar.index + usize::from(bar.kind.is_wide());
        assert!(last < 6 && bar.size.is_power_of_two() && bar.size >= least);
        assert!(
            bar.kind.is_wide() || bar.size <= 1 << 31,
            "a register has 32 bits"
        );
        let at = BAR0 + bar.index * 4;
        let mask = !(bar.size - 1);
        self.bytes[at..at + 4].copy_from_slice(&bar.kind.bits().to_le_bytes());
        self.allow(at, &(mask as u32).to_le_bytes());
        if bar.kind.is_wide() {
            self.allow(at + 4, &((mask >> 32) as u32).to_le_bytes());
        }
        self.bars.push(bar);
        self
    }

    /// Adds an expansion ROM of so many bytes, a power of two from 2 KiB.
    ///
    /// # Panics
    /// If there is no such size.
    pub fn with_rom(mut self, size: u64) -> Self {
        assert!(size.is_power_of_two() && (0x800..=1 << 24).contains(&size));
        self.allow(ROM, &(!(size - 1) as u32 | 1).to_le_bytes());
        self.rom = Some(size);
        self
    }

    /// INTA, or another pin (1 to 4).
    pub fn with_pin(self, pin: u8) -> Self {
        self.with(INTERRUPT_PIN, &[pin])
    }

    /// Subsystem ids of its own.
    pub fn with_subsystem(mut self, vendor: u16, device: u16) -> Self {
        self.set16(SUBSYSTEM_VENDOR, vendor);
        self.set16(SUBSYSTEM, device);
        self
    }

    /// Adds a capability: `body` is what follows id and link, `writable` its writable bits. Where it lies.
    ///
    /// # Panics
    /// If configuration space is full.
    pub fn add_capability(&mut self, id: u8, body: &[u8], writable: &[u8]) -> u8 {
        let (at, end) = (self.free as usize, self.free as usize + 2 + body.len());
        assert!(end <= 256 && writable.len() <= body.len());
        self.bytes[self.link] = self.free;
        self.bytes[at] = id;
        self.bytes[at + 2..end].copy_from_slice(body);
        self.allow(at + 2, writable);
        let status = self.get16(STATUS) | STATUS_CAPABILITIES;
        self.set16(STATUS, status);
        let place = self.free;
        self.link = at + 1;
        // A list that ends at the last byte leaves no room for another.
        self.free = end.next_multiple_of(4).min(252) as u8;
        place
    }

    /// Adds MSI with 64-bit addresses and 1, 2, 4, ... 32 vectors. Where it lies.
    pub fn add_msi(&mut self, vectors: u16) -> u8 {
        let control = MSI_64 | (vectors.clamp(1, 32).ilog2() as u16) << 1;
        let mut body = [0; 12];
        body[..2].copy_from_slice(&control.to_le_bytes());
        let [granted, _] = (MSI_GRANTED | MSI_ENABLE).to_le_bytes();
        self.add_capability(
            CAP_MSI,
            &body,
            &[
                granted, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
        )
    }

    /// Adds MSI-X with its table and pending bits at offsets in the BAR of index `bar`. Where it lies.
    pub fn add_msix(&mut self, vectors: u16, bar: usize, table: u32, pending: u32) -> u8 {
        let mut body = [0; 10];
        body[..2].copy_from_slice(&(vectors.clamp(1, crate::MAX_VECTORS) - 1).to_le_bytes());
        body[2..6].copy_from_slice(&(table & !7 | bar as u32).to_le_bytes());
        body[6..].copy_from_slice(&(pending & !7 | bar as u32).to_le_bytes());
        let [_, high] = (MSIX_ENABLE | MSIX_MASK_ALL).to_le_bytes();
        self.add_capability(CAP_MSIX, &body, &[0, high])
    }

    /// Sets bytes, whatever their masks.
    pub fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Makes bits writable.
    pub fn writable(mut self, at: usize, mask: &[u8]) -> Self {
        self.allow(at, mask);
        self
    }

    fn allow(&mut self, at: usize, mask: &[u8]) {
        self.writable[at..at + mask.len()].copy_from_slice(mask);
    }

    fn set16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8; 256] {
        &self.bytes
    }

    /// Takes bytes from a saved state: only bits that software can change.
    pub fn restore(&mut self, bytes: &[u8; 256]) {
        for (i, &byte) in bytes.iter().enumerate() {
            let mask = self.writable[i] | self.clearable[i];
            self.bytes[i] = self.bytes[i] & !mask | byte & mask;
        }
    }

    /// Reads `size` bytes at `offset`; past the end, zeros.
    pub fn read(&self, offset: u8, size: u32) -> u32 {
        (0..size.min(4) as usize)
            .map(|i| (self.bytes.get(offset as usize + i).copied().unwrap_or(0) as u32) << (8 * i))
            .sum()
    }

    /// Writes `size` bytes at `offset`, bits as their masks say.
    pub fn write(&mut self, offset: u8, size: u32, value: u32) {
        for i in 0..size.min(4) as usize {
            let at = offset as usize + i;
            if at > 255 {
                break;
            }
            let byte = (value >> (8 * i)) as u8;
            let kept = self.bytes[at] & !self.writable[at] & !(byte & self.clearable[at]);
            self.bytes[at] = kept | byte & self.writable[at];
        }
    }

    /// A 16-bit register.
    pub fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// A 32-bit register.
    pub fn get32(&self, at: usize) -> u32 {
        self.get16(at) as u32 | (self.get16(at + 2) as u32) << 16
    }

    /// The base address registers there are.
    pub fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// Where a BAR's window lies now; none while the command register keeps it closed or the address is unusable.
    pub fn bar_address(&self, bar: &Bar) -> Option<u64> {
        let at = BAR0 + bar.index * 4;
        let mut base = u64::from(self.get32(at));
        if bar.kind.is_wide() {
            base |= u64::from(self.get32(at + 4)) << 32;
        }
        base &= !(bar.size - 1);
        let (enable, end) = match bar.kind {
            BarKind::Io => (COMMAND_IO, 0x1_0000),
            BarKind::Memory | BarKind::Prefetchable => (COMMAND_MEMORY, 1 << 32),
            // Nothing is addressed there; and all ones in the upper half is a part of the sizing pattern.
            BarKind::Memory64 | BarKind::Prefetchable64 => (COMMAND_MEMORY, 1 << 52),
        };
        let open = self.get16(COMMAND) & enable != 0;
        // All ones is the sizing pattern, not an address.
        let fits = base.checked_add(bar.size).is_some_and(|last| last < end);
        (open && base != 0 && fits).then_some(base)
    }

    /// Bytes of the expansion ROM, if there is one.
    pub fn rom_size(&self) -> Option<u64> {
        self.rom
    }

    /// Where the expansion ROM shows now.
    pub fn rom_address(&self) -> Option<u64> {
        let (size, register) = (self.rom?, self.get32(ROM));
        let base = u64::from(register) & !(size - 1);
        let open = register & 1 != 0 && self.get16(COMMAND) & COMMAND_MEMORY != 0;
        (open && base != 0 && base + size < 1 << 32).then_some(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: Ids = Ids {
        vendor: 0x8086,
        device: 0x7010,
        class: 0x01_0180,
        revision: 0,
    };
    const BAR: Bar = Bar {
        index: 4,
        kind: BarKind::Io,
        size: 16,
    };

    #[test]
    fn sizing_and_relocation() {
        let mut config = ConfigSpace::new(IDS).with_bar(BAR);
        assert_eq!(config.read(0x20, 4), 1);
        config.write(0x20, 4, 0xffff_ffff);
        assert_eq!(config.read(0x20, 4), 0xffff_fff1);
        config.write(0x20, 4, 0xc001);
        assert_eq!(config.bar_address(&BAR), None, "command register closed");
        config.write(0x04, 2, 1);
        assert_eq!(config.bar_address(&BAR), Some(0xc000));
        config.write(0x21, 1, 0xd0);
        assert_eq!(config.bar_address(&BAR), Some(0xd000));
    }

    #[test]
    fn masks() {
        let mut config = ConfigSpace::new(IDS).with(STATUS, &[0x80, 0x02]);
        config.write(0, 4, 0);
        assert_eq!(config.read(0, 4), 0x7010_8086);
        assert_eq!(config.read(8, 4), 0x0101_8000);
        config.write(0x3c, 1, 11);
        assert_eq!(config.read(0x3c, 2), 11);
        config.write(0xff, 4, u32::MAX);
        assert_eq!(config.read(0xfe, 4), 0);
        config.bytes[STATUS + 1] |= 0x20;
        config.write(STATUS as u8, 2, 0xffff);
        assert_eq!(config.get16(STATUS), 0x0280);
    }
}
