//! Configuration space of a virtio function, and access to its structures through it (VIRTIO 1.2, 4.1.4).
//!
//! Firmware that cannot map the modern window reads and writes it by the fifth capability (4.1.4.9): an offset and a
//! length, and four bytes of data whose access is an access there.

use super::{Transport, VirtioPci, spec};
use crate::core::{legacy, registers};
use hw_pci::spec::CAP_VENDOR;
use hw_pci::{Bar, BarKind, Behaviour, ConfigSpace, Ids, Msix};
use softmmu::MemoryRegion;
use std::sync::Arc;

/// Bytes of the MSI-X window, half of which is for the table.
fn msix_size(vectors: u16) -> u64 {
    (u64::from(vectors) * 32).next_power_of_two().max(4096)
}

/// Where what is announced lies.
pub(super) struct Layout {
    config: ConfigSpace,
    legacy_size: Option<u64>,
    vectors: u16,
    /// Where the fifth capability is, if there is a modern interface.
    access: Option<u8>,
}

impl Layout {
    /// The table of MSI-X, if there are vectors. Its capability always comes first.
    pub fn msix(vectors: u16) -> Option<Arc<Msix>> {
        (vectors != 0).then(|| Msix::new(vectors, hw_pci::spec::FIRST_CAPABILITY))
    }

    pub fn new(kind: u16, transport: Transport, config_len: u64) -> Self {
        let Transport { offer, vectors } = transport;
        let ids = Ids {
            vendor: spec::VENDOR,
            device: if offer.legacy {
                spec::transitional_device(kind)
            } else {
                spec::MODERN_DEVICE + kind
            },
            class: spec::class(kind),
            revision: if offer.legacy { 0 } else { spec::MODERN_REVISION },
        };
        let mut config = ConfigSpace::new(ids).with_pin(1);
        let mut legacy_size = None;
        if offer.legacy {
            // Legacy drivers find the type here (4.1.2.1).
            config = config.with_subsystem(spec::VENDOR, kind);
            let size = (legacy::header_size(true) + config_len)
                .next_power_of_two()
                .max(32);
            config = config.with_bar(Bar {
                index: spec::LEGACY_BAR,
                kind: BarKind::Io,
                size,
            });
            legacy_size = Some(size);
        }
        if vectors != 0 {
            let size = msix_size(vectors);
            config = config.with_bar(Bar {
                index: spec::MSIX_BAR,
                kind: BarKind::Memory,
                size,
            });
            config.add_msix(vectors, spec::MSIX_BAR, 0, (size / 2) as u32);
        }
        let access = offer.modern.then(|| {
            config = config.clone().with_bar(Bar {
                index: spec::MODERN_BAR,
                kind: BarKind::Prefetchable64,
                size: spec::MODERN_SIZE,
            });
            add_structures(&mut config, config_len)
        });
        Self {
            config,
            legacy_size,
            vectors,
            access,
        }
    }

    /// Bytes of the legacy window, if there is one.
    pub fn legacy_size(&self) -> Option<u64> {
        self.legacy_size
    }

    /// Whether there is a modern window.
    pub fn is_modern(&self) -> bool {
        self.access.is_some()
    }

    /// The window of the MSI-X tables.
    pub fn msix_window(&self, msix: &Arc<Msix>) -> MemoryRegion {
        let size = msix_size(self.vectors);
        let window = MemoryRegion::container("virtio-msix", size);
        let (table, pending) = msix.windows();
        window.add_subregion(0, &table, 0);
        window.add_subregion(size / 2, &pending, 0);
        window
    }
}

/// Announces the five structures; where the last one is.
fn add_structures(config: &mut ConfigSpace, config_len: u64) -> u8 {
    use spec::structure;
    let mut add = |kind: u8, bar: usize, (offset, length): (u64, u64), more: &[u8], writable: &[u8]| {
        // What follows id and link (4.1.4): length, type, BAR, id, padding, offset, length.
        let mut body = vec![16 + more.len() as u8, kind, bar as u8, 0, 0, 0];
        body.extend((offset as u32).to_le_bytes());
        body.extend((length as u32).to_le_bytes());
        body.extend(more);
        config.add_capability(CAP_VENDOR, &body, writable)
    };
    let bar = spec::MODERN_BAR;
    add(structure::COMMON, bar, (spec::COMMON, registers::SIZE), &[], &[]);
    add(structure::ISR, bar, (spec::ISR, 1), &[], &[]);
    // A device without a configuration of its own announces none.
    if config_len != 0 {
        add(
            structure::DEVICE,
            bar,
            (spec::DEVICE, config_len.next_multiple_of(4)),
            &[],
            &[],
        );
    }
    add(
        structure::NOTIFY,
        bar,
        (spec::NOTIFY, spec::PART),
        &spec::NOTIFY_MULTIPLIER.to_le_bytes(),
        &[],
    );
    // BAR, offset, length and data are the driver's to write.
    let mut writable = [0; 18];
    writable[2] = 0xff;
    writable[6..].fill(0xff);
    add(structure::PCI, 0, (0, 0), &[0; 4], &writable)
}

/// The function's behaviour: its configuration, and the fifth capability.
pub(super) struct Access {
    layout: Layout,
    device: Arc<VirtioPci>,
}

/// An access that the fifth capability describes.
struct Described {
    offset: u64,
    size: u32,
    data: u32,
}

impl Access {
    pub fn new(layout: Layout, device: &Arc<VirtioPci>) -> Self {
        Self {
            layout,
            device: Arc::clone(device),
        }
    }

    /// What an access of configuration space at `offset` means there, if it touches the data.
    fn described(&self, bytes: &[u8; 256], offset: u8, size: u32) -> Option<Described> {
        let capability = usize::from(self.layout.access?);
        let (data, end) = (capability + 16, capability + 20);
        let first = usize::from(offset);
        if first >= end || first + size as usize <= data {
            return None;
        }
        let field = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (offset, size) = (field(capability + 8), field(capability + 12));
        let fits = usize::from(bytes[capability + 4]) == spec::MODERN_BAR
            && matches!(size, 1 | 2 | 4)
            && offset.is_multiple_of(size)
            && u64::from(offset) + u64::from(size) <= spec::MODERN_SIZE;
        fits.then(|| Described {
            offset: offset.into(),
            size,
            data: field(data),
        })
    }
}

impl Behaviour for Access {
    fn fresh(&self) -> ConfigSpace {
        self.layout.config.clone()
    }

    fn read(&self, bytes: &[u8; 256], offset: u8, size: u32) -> Option<u32> {
        let access = self.described(bytes, offset, size)?;
        let value = self.device.read_modern(access.offset, access.size);
        let mut shown = *bytes;
        let data = usize::from(self.layout.access?) + 16;
        let count = access.size as usize;
        shown[data..data + count].copy_from_slice(&value.to_le_bytes()[..count]);
        let read = (0..size.min(4) as usize)
            .map(|i| u32::from(shown.get(usize::from(offset) + i).copied().unwrap_or(0)) << (8 * i))
            .sum();
        Some(read)
    }

    fn written(&self, bytes: &[u8; 256], offset: u8, size: u32) {
        if let Some(access) = self.described(bytes, offset, size) {
            let mask = u64::MAX >> (64 - 8 * access.size);
            self.device
                .write_modern(access.offset, access.size, u64::from(access.data) & mask);
        }
    }
}
