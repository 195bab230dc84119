//! Images of every kind against a vector of bytes; locks; what is refused.

use crate::overlay::Contents;
use crate::{BlockError, Format, Image, OpenError, Options, Overlay, commit, create, create_over, open};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that goes when the test ends.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("block-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Bytes that differ everywhere.
pub fn pattern(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|index| (index.wrapping_mul(0x9e37_79b9).wrapping_add(seed * 77) >> 11) as u8)
        .collect()
}

#[derive(Clone, Debug)]
enum Op {
    Read(u64, u64),
    Write(u64, u64, u64),
    Zero(u64, u64, bool),
    Discard(u64, u64),
    Flush,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let range = (any::<u64>(), prop_oneof![1..3000_u64, 1..40_u64, 1..400_000_u64]);
    prop_oneof![
        3 => range.clone().prop_map(|(at, n)| Op::Read(at, n)),
        5 => (range.clone(), any::<u64>()).prop_map(|((at, n), seed)| Op::Write(at, n, seed)),
        2 => (range.clone(), any::<bool>()).prop_map(|((at, n), unmap)| Op::Zero(at, n, unmap)),
        1 => range.prop_map(|(at, n)| Op::Discard(at, n)),
        1 => Just(Op::Flush),
        1 => Just(Op::Reopen),
    ]
}

/// Does `ops` on an image that starts as `model`; `reopen` closes and opens it.
fn run(model: &mut [u8], mut image: Arc<dyn Image>, reopen: impl Fn() -> Option<Arc<dyn Image>>, ops: &[Op]) {
    let size = image.size();
    assert_eq!(size, model.len() as u64);
    // Sectors or bytes, near the ends of clusters.
    let place = |at: u64, length: u64| {
        let at = if at & 1 == 0 {
            at % size
        } else {
            (at % size) & !511
        };
        let length = if at.is_multiple_of(512) {
            length.next_multiple_of(512)
        } else {
            length
        };
        let length = length.min(size - at);
        (at, length, at as usize..(at + length) as usize)
    };
    for op in ops {
        match *op {
            Op::Read(at, length) => {
                let (at, length, range) = place(at, length);
                let mut bytes = vec![0xaa; length as usize];
                image.read_at(at, &mut bytes).unwrap();
                assert!(bytes == model[range.clone()], "{op:?}: other bytes at {at}");
                bytes.fill(0xbb);
                if let Some(result) = image.try_read_at(at, &mut bytes) {
                    result.unwrap();
                    assert!(bytes == model[range], "{op:?}: other bytes at once at {at}");
                }
            }
            Op::Write(at, length, seed) => {
                let (at, length, range) = place(at, length);
                let data = pattern(seed % 1000, length as usize);
                image.write_at(at, &data).unwrap();
                model[range].copy_from_slice(&data);
            }
            Op::Zero(at, length, unmap) => {
                let (at, length, range) = place(at, length);
                image.write_zeroes(at, length, unmap).unwrap();
                model[range].fill(0);
            }
            Op::Discard(at, length) => {
                let (at, length, range) = place(at, length);
                image.discard(at, length).unwrap();
                // Whatever it is now.
                image.read_at(at, &mut model[range]).unwrap();
            }
            Op::Flush => image.flush().unwrap(),
            Op::Reopen => {
                let kept = Arc::strong_count(&image);
                assert_eq!(kept, 1);
                drop(image);
                match reopen() {
                    Some(opened) => image = opened,
                    None => return,
                }
            }
        }
    }
    let mut all = vec![0; model.len()];
    image.read_at(0, &mut all).unwrap();
    assert!(all == *model, "the image differs at the end");
    for (at, length) in [(size, 1), (size - 1, 2), (u64::MAX, 2), (u64::MAX - 1, 1)] {
        assert_eq!(
            image.read_at(at, &mut vec![0; length]),
            Err(BlockError::OutOfRange)
        );
        assert_eq!(image.write_at(at, &vec![0; length]), Err(BlockError::OutOfRange));
        assert_eq!(image.discard(at, length as u64), Err(BlockError::OutOfRange));
        assert_eq!(
            image.write_zeroes(at, length as u64, true),
            Err(BlockError::OutOfRange)
        );
    }
}

const SIZE: u64 = 1_000_000;

/// `SIZE` bytes as a file, and what its image reads.
fn raw_file(path: &Path) -> Vec<u8> {
    let mut model = pattern(1, SIZE as usize);
    std::fs::write(path, &model).unwrap();
    model.resize(SIZE.next_multiple_of(512) as usize, 0);
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_is_bytes(ops in prop::collection::vec(op(), 1..60)) {
        let dir = Scratch::new();
        let path = dir.file("a.img");
        let mut model = raw_file(&path);
        let reopen = || open(&path, &Options::WRITABLE).unwrap();
        run(&mut model, reopen(), || Some(reopen()), &ops);
    }

    #[test]
    fn qcow2_is_bytes(ops in prop::collection::vec(op(), 1..60), backed in any::<bool>()) {
        let dir = Scratch::new();
        let path = dir.file("a.qcow2");
        let mut model = if backed {
            let model = raw_file(&dir.file("base.img"));
            create_over(&path, "base.img", Format::Raw).unwrap();
            model
        } else {
            create(&path, Format::Qcow2, SIZE.next_multiple_of(512)).unwrap();
            vec![0; SIZE.next_multiple_of(512) as usize]
        };
        let reopen = || open(&path, &Options::WRITABLE).unwrap();
        run(&mut model, reopen(), || Some(reopen()), &ops);
    }

    #[test]
    fn overlay_is_bytes(
        first in prop::collection::vec(op(), 1..40),
        second in prop::collection::vec(op(), 1..40),
    ) {
        let dir = Scratch::new();
        let path = dir.file("a.img");
        let start = raw_file(&path);
        let mut model = start.clone();
        let overlay = Overlay::new(open(&path, &Options::READ_ONLY).unwrap()).unwrap();
        let image = || Arc::new(Shared(Arc::clone(&overlay))) as Arc<dyn Image>;
        let empty = overlay.snapshot();
        run(&mut model, image(), || Some(image()), &first);
        let middle = overlay.snapshot();
        let middle_model = model.clone();
        run(&mut model, image(), || Some(image()), &second);

        // Back, and forth on another way.
        overlay.restore(&middle);
        run(&mut middle_model.clone(), image(), || Some(image()), &second);
        overlay.restore(&middle);
        run(&mut middle_model.clone(), image(), || Some(image()), &[]);

        // By way of a file.
        let other = Overlay::new(open(&path, &Options::READ_ONLY).unwrap()).unwrap();
        let copied = other.assemble(middle.clusters()).unwrap();
        other.restore(&copied);
        run(&mut middle_model.clone(), Arc::new(Shared(other)), || None, &[]);
        let data: Vec<_> = copied.clusters().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(&data, &middle.clusters().collect::<Result<Vec<_>, _>>().unwrap());

        // The base never heard of it, until it is told.
        prop_assert!(std::fs::read(&path).unwrap() == start[..SIZE as usize]);
        overlay.restore(&empty);
        run(&mut start.clone(), image(), || Some(image()), &[]);
        overlay.restore(&middle);
        commit(&overlay).unwrap();
        run(&mut middle_model.clone(), image(), || Some(image()), &[]);
        let committed = open(&path, &Options::READ_ONLY).unwrap();
        let mut bytes = vec![0; middle_model.len()];
        committed.read_at(0, &mut bytes).unwrap();
        prop_assert!(bytes == middle_model);

        // Room that nobody reaches is free.
        drop((middle, data, copied));
        overlay.restore(&empty);
        prop_assert_eq!(overlay.used(), 0);
    }
}

/// An overlay that a test keeps a hand on.
struct Shared(Arc<Overlay>);

impl Image for Shared {
    fn format(&self) -> &'static str {
        self.0.format()
    }
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_only(&self) -> bool {
        self.0.read_only()
    }
    fn can_discard(&self) -> bool {
        self.0.can_discard()
    }
    fn read_at(&self, offset: u64, to: &mut [u8]) -> crate::Result<()> {
        self.0.read_at(offset, to)
    }
    fn try_read_at(&self, offset: u64, to: &mut [u8]) -> Option<crate::Result<()>> {
        self.0.try_read_at(offset, to)
    }
    fn write_at(&self, offset: u64, from: &[u8]) -> crate::Result<()> {
        self.0.write_at(offset, from)
    }
    fn flush(&self) -> crate::Result<()> {
        self.0.flush()
    }
    fn discard(&self, offset: u64, length: u64) -> crate::Result<()> {
        self.0.discard(offset, length)
    }
    fn write_zeroes(&self, offset: u64, length: u64, may_unmap: bool) -> crate::Result<()> {
        self.0.write_zeroes(offset, length, may_unmap)
    }
}

#[test]
fn a_discarded_disk_is_small() {
    let dir = Scratch::new();
    let path = dir.file("large.img");
    create(&path, Format::Raw, 1 << 43).unwrap();
    let overlay = Overlay::new(open(&path, &Options::READ_ONLY).unwrap()).unwrap();
    overlay.discard(0, 1 << 43).unwrap();
    overlay.write_at((1 << 42) + 5, b"abc").unwrap();
    let clusters: Vec<_> = overlay.snapshot().clusters().collect::<Result<_, _>>().unwrap();
    assert!(clusters.len() < 600, "{}", clusters.len());
    let data: Vec<_> = clusters
        .iter()
        .filter(|(_, contents)| matches!(contents, Contents::Data(_)))
        .collect();
    assert_eq!((data.len(), data[0].0), (1, 1 << 30));
}

#[test]
fn two_writers_are_refused() {
    let dir = Scratch::new();
    for format in Format::ALL {
        let path = dir.file(format.name());
        create(&path, format, 1 << 20).unwrap();
        let locked = |options: &Options| match open(&path, options) {
            Err(error @ OpenError::Locked { .. }) => error.to_string(),
            Err(error) => panic!("{error}"),
            Ok(_) => "open".into(),
        };
        let writer = open(&path, &Options::WRITABLE).unwrap();
        assert!(locked(&Options::WRITABLE).contains("Failed to get \"write\" lock"));
        assert!(locked(&Options::READ_ONLY).contains("Failed to get shared \"write\" lock"));
        drop(writer);
        let readers = [(); 2].map(|()| open(&path, &Options::READ_ONLY).unwrap());
        assert!(locked(&Options::WRITABLE).contains("Failed to get \"write\" lock"));
        // Of two readers none becomes a writer, of one it does.
        assert!(readers[0].claim(true).is_err());
        drop(open(&path, &Options::READ_ONLY).unwrap());
        let [reader, other] = readers;
        drop(other);
        reader.claim(true).unwrap();
        assert_eq!(locked(&Options::READ_ONLY).matches("shared").count(), 1);
        reader.claim(false).unwrap();
        drop(open(&path, &Options::READ_ONLY).unwrap());
        assert_eq!(reader.write_at(0, &[1]), Err(BlockError::ReadOnly));
        assert_eq!(reader.discard(0, 1), Err(BlockError::ReadOnly));
    }
}

#[test]
fn images_that_shrink_are_errors() {
    let dir = Scratch::new();
    for format in Format::ALL {
        let path = dir.file(format.name());
        create(&path, format, 1 << 20).unwrap();
        let image = open(&path, &Options::WRITABLE).unwrap();
        image.write_at(0, &pattern(3, 1 << 20)).unwrap();
        image.flush().unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        let cut = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        cut.set_len(length / 2).unwrap();
        let mut bytes = vec![0; 4096];
        assert_eq!(image.read_at((1 << 20) - 4096, &mut bytes), Err(BlockError::Io));
        // A whole sector that is half there.
        cut.set_len(length - 100).unwrap();
        assert_eq!(
            image.read_at((1 << 20) - 512, &mut bytes[..512]),
            Err(BlockError::Io)
        );
    }
}

#[test]
fn refusals_are_words() {
    let dir = Scratch::new();
    let text = |path: &Path, options: &Options| open(path, options).err().unwrap().to_string();
    let missing = dir.file("missing");
    assert_eq!(
        text(&missing, &Options::READ_ONLY),
        format!(
            "Could not open '{}': No such file or directory",
            missing.display()
        )
    );
    assert!(text(Path::new("/dev/null"), &Options::READ_ONLY).contains("neither a file nor a block device"));
    assert!(text(&dir.file(""), &Options::WRITABLE).contains("Is a directory"));
    assert_eq!(
        "foo".parse::<Format>().unwrap_err().to_string(),
        "Unknown driver 'foo'"
    );
    let empty = dir.file("empty");
    std::fs::write(&empty, b"").unwrap();
    assert_eq!(open(&empty, &Options::WRITABLE).unwrap().size(), 0);
    let not = text(&empty, &Options::WRITABLE.format(Format::Qcow2));
    assert!(not.ends_with("Image is not in qcow2 format"), "{not}");
}

#[test]
fn probing() {
    let dir = Scratch::new();
    for format in Format::ALL {
        let path = dir.file(format.name());
        create(&path, format, 1 << 20).unwrap();
        let image = open(&path, &Options::READ_ONLY).unwrap();
        assert_eq!((image.format(), image.size()), (format.name(), 1 << 20));
        let raw = open(&path, &Options::READ_ONLY.format(Format::Raw)).unwrap();
        assert_eq!(
            raw.size(),
            std::fs::metadata(&path).unwrap().len().next_multiple_of(512)
        );
    }
}
