//! Segment and gate descriptors as they lie in the GDT, LDT and IDT.
//! SDM vol. 3A, 3.4.5 (segments), 3.5 (system descriptors), 7.11 and 7.14.1 (gates).

use crate::state::Segment;

/// Types of system descriptors (S = 0). In long mode only the 32-bit values remain, meaning 64-bit.
pub mod kind {
    /// 16-bit TSS, available.
    pub const TSS16: u8 = 1;
    /// LDT.
    pub const LDT: u8 = 2;
    /// 16-bit TSS, busy.
    pub const TSS16_BUSY: u8 = 3;
    /// 16-bit call gate.
    pub const CALL16: u8 = 4;
    /// Task gate.
    pub const TASK: u8 = 5;
    /// 16-bit interrupt gate.
    pub const INT16: u8 = 6;
    /// 16-bit trap gate.
    pub const TRAP16: u8 = 7;
    /// 32-bit TSS (64-bit in long mode), available.
    pub const TSS32: u8 = 9;
    /// 32-bit TSS, busy.
    pub const TSS32_BUSY: u8 = 11;
    /// 32-bit call gate.
    pub const CALL32: u8 = 12;
    /// 32-bit interrupt gate.
    pub const INT32: u8 = 14;
    /// 32-bit trap gate.
    pub const TRAP32: u8 = 15;
}

/// The first eight bytes of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(pub u64);

impl Descriptor {
    /// The second doubleword.
    pub const fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Attribute bits in the places of [`Segment::attr`].
    pub const fn attr(self) -> u32 {
        self.high() & 0x00f0_ff00
    }

    /// Type field.
    pub const fn kind(self) -> u8 {
        (self.high() >> 8 & 15) as u8
    }

    /// S is clear: a system descriptor.
    pub const fn is_system(self) -> bool {
        self.high() & Segment::S == 0
    }

    /// Code segment.
    pub const fn is_code(self) -> bool {
        self.high() & (Segment::S | Segment::CODE) == Segment::S | Segment::CODE
    }

    /// Data segment.
    pub const fn is_data(self) -> bool {
        self.high() & (Segment::S | Segment::CODE) == Segment::S
    }

    /// Writable data segment.
    pub const fn is_writable(self) -> bool {
        self.is_data() && self.high() & Segment::RW != 0
    }

    /// Data, or code that may be read.
    pub const fn is_readable(self) -> bool {
        self.is_data() || self.is_code() && self.high() & Segment::RW != 0
    }

    /// Conforming code segment.
    pub const fn is_conforming(self) -> bool {
        self.is_code() && self.high() & Segment::DC != 0
    }

    /// Descriptor privilege level.
    pub const fn dpl(self) -> u8 {
        (self.high() >> 13 & 3) as u8
    }

    /// Present.
    pub const fn present(self) -> bool {
        self.high() & Segment::P != 0
    }

    /// L: 64-bit code.
    pub const fn long(self) -> bool {
        self.high() & Segment::L != 0
    }

    /// D/B.
    pub const fn big(self) -> bool {
        self.high() & Segment::DB != 0
    }

    /// 32-bit base.
    pub const fn base(self) -> u64 {
        self.0 >> 16 & 0xff_ffff | (self.0 >> 56) << 24
    }

    /// Limit in bytes: the highest offset of an expand-up segment.
    pub const fn limit(self) -> u32 {
        let raw = (self.0 & 0xffff) as u32 | self.high() & 0xf_0000;
        if self.high() & Segment::G != 0 {
            raw << 12 | 0xfff
        } else {
            raw
        }
    }

    /// The segment register contents for `selector`.
    pub const fn segment(self, selector: u16) -> Segment {
        Segment {
            selector,
            base: self.base(),
            limit: self.limit(),
            attr: self.attr(),
        }
    }
}

/// A gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Target code segment, or TSS for a task gate.
    pub selector: u16,
    /// Entry point.
    pub offset: u64,
    /// Words or doublewords to copy (call gates).
    pub params: u8,
    /// Interrupt stack table index (64-bit interrupt and trap gates).
    pub ist: u8,
}

impl Gate {
    /// A legacy gate of eight bytes; a 16-bit one has a 16-bit offset.
    pub const fn legacy(d: Descriptor) -> Self {
        let low = d.0 & 0xffff;
        let offset = if d.kind() & 8 != 0 {
            low | (d.0 >> 48) << 16
        } else {
            low
        };
        Self {
            selector: (d.0 >> 16) as u16,
            offset,
            params: (d.0 >> 32 & 31) as u8,
            ist: 0,
        }
    }

    /// A 64-bit gate of sixteen bytes.
    pub const fn long(d: Descriptor, second: u64) -> Self {
        let offset = d.0 & 0xffff | (d.0 >> 48) << 16 | second << 32;
        Self {
            selector: (d.0 >> 16) as u16,
            offset,
            params: 0,
            ist: (d.0 >> 32 & 7) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_code() {
        let d = Descriptor(0x00cf_9a00_0000_ffff);
        assert_eq!((d.base(), d.limit(), d.attr()), (0, 0xffff_ffff, 0x00c0_9a00));
        assert!(d.is_code() && d.is_readable() && !d.is_conforming() && d.present() && d.big());
    }

    #[test]
    fn scattered_fields() {
        let d = Descriptor(0x1245_f378_9abc_def0);
        assert_eq!((d.base(), d.limit(), d.dpl()), (0x1278_9abc, 0x5_def0, 3));
    }

    #[test]
    fn gates() {
        let g = Gate::legacy(Descriptor(0x1234_8c03_0008_5678));
        assert_eq!((g.selector, g.offset, g.params), (8, 0x1234_5678, 3));
        let g = Gate::legacy(Descriptor(0x1234_8403_0008_5678));
        assert_eq!(g.offset, 0x5678);
        let g = Gate::long(Descriptor(0x1234_8e05_0010_5678), 0xffff_8000);
        assert_eq!((g.selector, g.offset, g.ist), (0x10, 0xffff_8000_1234_5678, 5));
    }
}
