//! Adjusted access against a row of bytes, for every combination of rules.

use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;

/// A device that is a row of bytes in its own endianness, and checks how it is called.
struct Bytes {
    bytes: Mutex<Vec<u8>>,
    rules: AccessRules,
}

impl Bytes {
    fn new(rules: AccessRules) -> Self {
        Self {
            bytes: Mutex::new((0..64).map(|i| i * 3 + 1).collect()),
            rules,
        }
    }

    fn check(&self, offset: u64, size: u32) {
        assert!(
            self.rules.impl_.0 <= size && size <= self.rules.impl_.1,
            "called with {size} under {:?}",
            self.rules
        );
        assert!(
            self.rules.unaligned || offset.is_multiple_of(u64::from(size)),
            "{offset:#x} is not aligned to {size}"
        );
    }

    fn snapshot(&self) -> Vec<u8> {
        self.bytes.lock().clone()
    }
}

impl IoOps for Bytes {
    fn read(&self, offset: u64, size: u32) -> IoResult<u64> {
        self.check(offset, size);
        let mut value = [0; 8];
        value[..size as usize].copy_from_slice(&self.snapshot()[offset as usize..][..size as usize]);
        // Bits above the size are garbage on purpose: they are to be ignored.
        let noise = if size == 8 { 0 } else { u64::MAX << (8 * size) };
        Ok(from_bytes(value, size, self.rules.endian) | noise)
    }

    fn write(&self, offset: u64, size: u32, value: u64) -> IoResult<()> {
        self.check(offset, size);
        assert!(
            size == 8 || value >> (8 * size) == 0,
            "bits above the size are set"
        );
        let bytes = to_bytes(value, size, self.rules.endian);
        self.bytes.lock()[offset as usize..][..size as usize].copy_from_slice(&bytes[..size as usize]);
        Ok(())
    }
}

fn sizes() -> impl Strategy<Value = (u32, u32)> {
    (0u32..4, 0u32..4).prop_map(|(a, b)| (1 << a.min(b), 1 << a.max(b)))
}

prop_compose! {
    fn rules()(valid_max in 0u32..4, impl_ in sizes(), unaligned: bool, big: bool) -> AccessRules {
        let endian = if big { Endian::Big } else { Endian::Little };
        AccessRules { valid: (1, 1 << valid_max), impl_, unaligned, endian }
    }
}

proptest! {
    #[test]
    fn equals_the_bytes(rules in rules(), offset in 0u64..40, len in 0usize..16, new: [u8; 16]) {
        let device = Bytes::new(rules);
        let mut model = device.snapshot();
        let at = offset as usize;
        let mut got = vec![0; len];
        prop_assert_eq!(read(&device, &rules, offset, &mut got), Ok(()));
        prop_assert_eq!(&got[..], &model[at..at + len]);
        prop_assert_eq!(write(&device, &rules, offset, &new[..len]), Ok(()));
        model[at..at + len].copy_from_slice(&new[..len]);
        prop_assert_eq!(device.snapshot(), model);
    }
}

#[test]
fn too_small_is_refused() {
    let rules = AccessRules::ONLY_4;
    let device = Bytes::new(rules);
    let mut byte = [0x55];
    assert_eq!(read(&device, &rules, 0, &mut byte), Err(IoError::Decode));
    assert_eq!(byte, [0x55], "a failed byte is left for the bus to fill");
    assert_eq!(write(&device, &rules, 0, &[1, 2]), Err(IoError::Decode));
    assert_eq!(write(&device, &rules, 4, &[1, 2, 3, 4]), Ok(()));
}

#[test]
fn ends_of_the_address_range() {
    struct Ones;
    impl IoOps for Ones {
        fn read(&self, _: u64, _: u32) -> IoResult<u64> {
            Ok(u64::MAX)
        }
        fn write(&self, _: u64, _: u32, _: u64) -> IoResult<()> {
            Ok(())
        }
    }
    for offset in [u64::MAX, u64::MAX - 1, u64::MAX - 7] {
        for impl_ in [(1, 1), (4, 4), (8, 8)] {
            let rules = AccessRules {
                impl_,
                ..AccessRules::ANY
            };
            assert_eq!(
                read(&Ones, &rules, offset, &mut [0; 8]),
                Ok(()),
                "{offset:#x} {impl_:?}"
            );
            assert_eq!(
                write(&Ones, &rules, offset, &[0; 8]),
                Ok(()),
                "{offset:#x} {impl_:?}"
            );
        }
    }
}

#[test]
fn worse_errors_win() {
    let (ok, decode, device) = (Ok(()), Err(IoError::Decode), Err(IoError::Device));
    for (a, b, both) in [
        (ok, ok, ok),
        (ok, decode, decode),
        (decode, ok, decode),
        (decode, device, device),
        (device, decode, device),
    ] {
        assert_eq!(worse(a, b), both);
    }
}
