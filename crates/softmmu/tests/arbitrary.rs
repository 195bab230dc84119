//! Any access, of any length, anywhere: never a panic, and byte for byte what the flat view says.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;
use softmmu::*;
use util_mainloop::BigLock;

/// A row of bytes; a call beyond it (an aligned unit may stick out) meets nothing.
struct Row {
    bytes: Mutex<Vec<u8>>,
    endian: Endian,
}

impl IoOps for Row {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        let bytes = self.bytes.lock();
        let mut value = 0;
        for i in 0..size {
            let byte = bytes.get((offset + u64::from(i)) as usize).copied().unwrap_or(0);
            let shift = if self.endian == Endian::Little {
                i
            } else {
                size - 1 - i
            };
            value |= u64::from(byte) << (8 * shift);
        }
        Ok(value)
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        let mut bytes = self.bytes.lock();
        for i in 0..size {
            let shift = if self.endian == Endian::Little {
                i
            } else {
                size - 1 - i
            };
            if let Some(byte) = bytes.get_mut((offset + u64::from(i)) as usize) {
                *byte = (value >> (8 * shift)) as u8;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Piece {
    /// 0: RAM, 1: ROM, 2: registers, 3: an alias of the piece before, 4: reservation.
    what: u8,
    at: u64,
    size: u64,
    offset: u64,
    priority: i32,
    rules: AccessRules,
}

fn near() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..0x6000,
        1 => (0u64..0x40).prop_map(|x| x.wrapping_sub(0x20)),
        1 => any::<u64>(),
    ]
}

prop_compose! {
    fn piece()(
        what in 0u8..5, at in near(), size in 0u64..0x3000, offset in 0u64..0x2000, priority in 0i32..3,
        valid in 0u32..4, a in 0u32..4, b in 0u32..4, unaligned: bool, big: bool,
    ) -> Piece {
        let endian = if big { Endian::Big } else { Endian::Little };
        let rules = AccessRules { valid: (1, 1 << valid), impl_: (1 << a.min(b), 1 << a.max(b)), unaligned, endian };
        Piece { what, at, size, offset, priority, rules }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64, usize),
    Write(u64, Vec<u8>),
    Load(u64, u32),
    Store(u64, u32, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (near(), 0usize..100).prop_map(|(at, len)| Step::Read(at, len)),
        (near(), prop::collection::vec(any::<u8>(), 0..100)).prop_map(|(at, bytes)| Step::Write(at, bytes)),
        (near(), 0u32..10).prop_map(|(at, size)| Step::Load(at, size)),
        (near(), 0u32..10, any::<u64>()).prop_map(|(at, size, value)| Step::Store(at, size, value)),
    ]
}

/// The contents of each region by name, and the view that says which byte is whose.
struct Model {
    view: Arc<FlatView>,
    contents: HashMap<String, Vec<u8>>,
}

impl Model {
    fn read(&self, at: u64, len: usize) -> Vec<u8> {
        (0..len as u64)
            .map(|i| {
                let addr = GuestPhys(at.wrapping_add(i));
                let range = self.view.ranges().iter().find(|range| range.contains(addr));
                range
                    .and_then(|r| Some(self.contents.get(r.region.name())?[r.region_offset(addr) as usize]))
                    .unwrap_or(0xff)
            })
            .collect()
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        for (i, &byte) in bytes.iter().enumerate() {
            let addr = GuestPhys(at.wrapping_add(i as u64));
            let range = self.view.ranges().iter().find(|range| range.contains(addr));
            if let Some(range) = range.filter(|range| !range.readonly)
                && let Some(contents) = self.contents.get_mut(range.region.name())
            {
                contents[range.region_offset(addr) as usize] = byte;
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_are_bytes(pieces in prop::collection::vec(piece(), 0..10), steps in prop::collection::vec(step(), 0..60)) {
        let map = MemoryMap::new(Arc::new(BigLock::new()));
        let root = MemoryRegion::container("root", u64::MAX);
        let mut contents = HashMap::new();
        let mut before: Option<MemoryRegion> = None;
        for (i, piece) in pieces.iter().enumerate() {
            let name = i.to_string();
            let size = piece.size.clamp(1, 0x3000).next_multiple_of(PAGE_SIZE);
            let region = match (piece.what, &before) {
                (0 | 1, _) => {
                    contents.insert(name.clone(), vec![0; size as usize]);
                    let block = RamBlock::new(&map, name, size).unwrap();
                    if piece.what == 0 { MemoryRegion::ram(block) } else { MemoryRegion::rom(block) }
                }
                (3, Some(target)) => MemoryRegion::alias(name, target, piece.offset, piece.size),
                (4, _) => MemoryRegion::reservation(name, piece.size),
                _ => {
                    contents.insert(name.clone(), vec![0; piece.size as usize]);
                    let row = Row { bytes: Mutex::new(vec![0; piece.size as usize]), endian: piece.rules.endian };
                    MemoryRegion::io(name, piece.size, Arc::new(row), piece.rules)
                }
            };
            root.add_subregion(piece.at, &region, piece.priority);
            before = Some(region);
        }
        let space = AddressSpace::new(&map, "memory", root);
        let mut model = Model { view: space.view(), contents };
        for step in steps {
            match step {
                Step::Read(at, len) => {
                    let mut bytes = vec![0; len];
                    prop_assert_eq!(space.read(GuestPhys(at), &mut bytes), Ok(()));
                    prop_assert_eq!(bytes, model.read(at, len));
                }
                Step::Write(at, bytes) => {
                    prop_assert_eq!(space.write(GuestPhys(at), &bytes), Ok(()));
                    model.write(at, &bytes);
                }
                Step::Load(at, size) => {
                    let mut bytes = [0; 8];
                    let len = size.min(8) as usize;
                    bytes[..len].copy_from_slice(&model.read(at, len));
                    prop_assert_eq!(space.load(GuestPhys(at), size), Ok(u64::from_le_bytes(bytes)));
                }
                Step::Store(at, size, value) => {
                    prop_assert_eq!(space.store(GuestPhys(at), size, value), Ok(()));
                    model.write(at, &value.to_le_bytes()[..size.min(8) as usize]);
                }
            }
        }
    }
}
