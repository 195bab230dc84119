//! What the device holds: items by key, and files by name with the directory that tells their keys.
//!
//! Filled by the board before anything runs; from then on only the bytes of writable files change, and those are the
//! device's state.

use super::spec::{self, key};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Makes the bytes of an item at the moment it is selected; always so many.
pub type Maker = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// The bytes of an item.
#[derive(Clone)]
pub enum Item {
    /// Part of something that does not change.
    Fixed(Arc<[u8]>, Range<usize>),
    /// What the guest may write, as it is after a reset.
    Writable(Arc<[u8]>),
    /// What tells of the machine as its firmware has programmed it until then, and its length.
    Live(Maker, usize),
}

impl Item {
    /// Bytes that do not change.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let all = 0..bytes.len();
        Self::Fixed(bytes, all)
    }

    /// Bytes that are made when somebody wants them.
    pub fn live(make: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Self {
        let len = make().len();
        Self::Live(Arc::new(make), len)
    }

    /// The bytes, as long as nobody has written.
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            // A range of another length would be a mistake of the board's.
            Self::Fixed(bytes, range) => bytes.get(range.clone()).unwrap_or(&[]),
            Self::Writable(bytes) => bytes,
            Self::Live(..) => &[],
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Live(_, len) => *len,
            other => other.as_slice().len(),
        }
    }
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Two of one name.
    #[error("there is a file '{0}' already")]
    Duplicate(String),
    /// The directory has 55 characters for a name.
    #[error("'{0}' is not a name of 1 to 55 characters")]
    Name(String),
    /// Sizes have 32 bits.
    #[error("'{0}' is larger than 4 GiB")]
    Size(String),
    /// No key is left.
    #[error("more than {} files", spec::FILES_MAX)]
    Full,
}

/// All items.
#[derive(Clone, Default)]
pub struct Contents {
    keyed: BTreeMap<u16, Item>,
    /// Sorted, so keys do not depend on who came first.
    files: BTreeMap<String, Item>,
}

impl Contents {
    /// Signature and features, and no files.
    pub fn new() -> Self {
        let mut contents = Self::default();
        contents.set(key::SIGNATURE, Item::bytes(*b"QEMU"));
        contents.set(key::ID, Item::bytes(spec::FEATURES.to_le_bytes()));
        contents
    }

    /// Sets the item of a key that is no file's.
    pub fn set(&mut self, key: u16, item: Item) {
        self.keyed.insert(key & !spec::WRITE_CHANNEL, item);
    }

    /// Adds a file.
    ///
    /// # Errors
    /// The name is taken or impossible, or there is no room.
    pub fn add_file(&mut self, name: &str, item: Item) -> Result<(), FileError> {
        let named = || name.to_owned();
        if name.is_empty() || name.len() >= spec::NAME_SIZE || name.contains('\0') {
            return Err(FileError::Name(named()));
        }
        if self.files.contains_key(name) {
            return Err(FileError::Duplicate(named()));
        }
        if u32::try_from(item.len()).is_err() {
            return Err(FileError::Size(named()));
        }
        if self.files.len() >= spec::FILES_MAX {
            return Err(FileError::Full);
        }
        self.files.insert(named(), item);
        Ok(())
    }

    /// Sets a file, whether it is there or not.
    ///
    /// # Errors
    /// As [`add_file`](Self::add_file).
    pub fn set_file(&mut self, name: &str, item: Item) -> Result<(), FileError> {
        self.files.remove(name);
        self.add_file(name, item)
    }

    /// A file's bytes as they are after a reset, if they do not depend on the moment.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Item::as_slice)
    }

    /// The bytes of a key that is no file's, as they are after a reset.
    pub fn item(&self, key: u16) -> Option<&[u8]> {
        self.keyed.get(&key).map(Item::as_slice)
    }

    /// Names and sizes of all files, in the directory's order.
    pub fn files(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().map(|(name, item)| (name.as_str(), item.len()))
    }

    /// Everything by key, the directory included.
    pub(super) fn by_key(&self) -> BTreeMap<u16, Item> {
        let mut all = self.keyed.clone();
        let mut directory = (self.files.len() as u32).to_be_bytes().to_vec();
        for ((name, item), key) in self.files.iter().zip(spec::FILE_FIRST..) {
            // Both fit: `add_file` has looked.
            directory.extend((item.len() as u32).to_be_bytes());
            directory.extend(key.to_be_bytes());
            directory.extend([0; 2]);
            let mut field = [0; spec::NAME_SIZE];
            field[..name.len()].copy_from_slice(name.as_bytes());
            directory.extend(field);
            all.insert(key, item.clone());
        }
        all.insert(key::FILE_DIR, Item::bytes(directory));
        all
    }
}
