//! Maps keyed by guest addresses, which need no defence against chosen keys beyond one multiplication: a guest that
//! makes its own look-ups slow slows down only itself.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// One multiplication: the keys are addresses.
#[derive(Default)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}

/// A map from guest addresses, or numbers made of them.
pub type AddressMap<T> = HashMap<u64, T, BuildHasherDefault<AddressHasher>>;
