//! Guest addresses as types: physical, virtual (linear), and the machine-wide RAM offset.
//!
//! Mirrors QEMU's `hwaddr`, `vaddr` and `ram_addr_t`. All arithmetic wraps: what a guest computes is never
//! a host panic.

use std::fmt;

/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in the smallest page of the guest, and the grain of dirty tracking and of the TLB.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;
/// Clears the offset within a page.
pub const PAGE_MASK: u64 = !(PAGE_SIZE - 1);

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The address of the page this address lies in.
            #[inline(always)]
            pub const fn page(self) -> Self {
                Self(self.0 & PAGE_MASK)
            }

            /// The number of the page this address lies in.
            #[inline(always)]
            pub const fn page_number(self) -> u64 {
                self.0 >> PAGE_SHIFT
            }

            /// Bytes from the start of the page to this address.
            #[inline(always)]
            pub const fn page_offset(self) -> u64 {
                self.0 & !PAGE_MASK
            }

            /// This address moved up by `bytes`, modulo 2^64.
            #[inline(always)]
            pub const fn add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }

        impl From<u64> for $name {
            fn from(raw: u64) -> Self {
                Self(raw)
            }
        }
    };
}

address! {
    /// A guest physical address: what leaves the page walk, and what a device's DMA uses.
    GuestPhys
}
address! {
    /// A guest linear address: after segmentation, before paging.
    GuestVirt
}
address! {
    /// An offset in the machine's RAM as a whole: the one identity of a page, whatever maps it.
    RamAddr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (raw, page, number, offset) in [
            (0u64, 0u64, 0u64, 0u64),
            (0x1fff, 0x1000, 1, 0xfff),
            (u64::MAX, PAGE_MASK, u64::MAX >> 12, 0xfff),
        ] {
            let a = GuestPhys(raw);
            assert_eq!(
                (a.page().0, a.page_number(), a.page_offset()),
                (page, number, offset),
                "{a:?}"
            );
        }
        assert_eq!(RamAddr(u64::MAX).add(1), RamAddr(0));
    }
}
