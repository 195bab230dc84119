//! Pages over an image against a plain vector.

use super::*;
use proptest::prelude::*;

/// An image in memory that refuses to be written: a base must not be.
struct Base(Vec<u8>);

impl Image for Base {
    fn format(&self) -> &'static str {
        "test"
    }
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_only(&self) -> bool {
        true
    }
    fn can_discard(&self) -> bool {
        false
    }
    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        to.copy_from_slice(&self.0[offset as usize..][..to.len()]);
        Ok(())
    }
    fn write_at(&self, _: u64, _: &[u8]) -> Result<()> {
        Err(BlockError::ReadOnly)
    }
    fn flush(&self) -> Result<()> {
        Ok(())
    }
    fn discard(&self, _: u64, _: u64) -> Result<()> {
        Err(BlockError::ReadOnly)
    }
    fn write_zeroes(&self, _: u64, _: u64, _: bool) -> Result<()> {
        Err(BlockError::ReadOnly)
    }
}

/// Four pages and a half.
const SIZE: usize = 4 * 4096 + 2048;

fn drive() -> (Arc<Written>, Vec<u8>) {
    let contents: Vec<u8> = (0..SIZE).map(|at| (at / 512) as u8 + 1).collect();
    (
        Written::new("d", Arc::new(Base(contents.clone())), false),
        contents,
    )
}

fn all(drive: &Written) -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    drive.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn ends_and_modes() {
    let (drive, _) = drive();
    let end = SIZE as u64;
    assert_eq!(drive.read_at(end, &mut [0]), Err(BlockError::OutOfRange));
    assert_eq!(drive.write_at(end - 1, &[1, 2]), Err(BlockError::OutOfRange));
    assert_eq!(
        drive.write_zeroes(u64::MAX, 2, false),
        Err(BlockError::OutOfRange)
    );
    let locked = Written::new("d", Arc::new(Base(vec![0; 512])), true);
    assert_eq!(locked.write_at(0, &[1]), Err(BlockError::ReadOnly));
}

#[test]
fn zeros_that_were_written_are_not_the_image() {
    let (drive, mut model) = drive();
    drive.write_at(0, &[0; 8192]).unwrap();
    model[..8192].fill(0);
    assert_eq!(all(&drive), model);
}

proptest! {
    /// Any writes; and any moment between them can be gone back to.
    #[test]
    fn as_a_vector(writes in prop::collection::vec((0..SIZE, 0..9000usize, 0..4u8), 1..30), back in 0..30usize) {
        let (drive, mut model) = drive();
        let mut moments = vec![(drive.save(), model.clone())];
        for (at, length, value) in writes {
            let length = length.min(SIZE - at);
            match value {
                0 => drive.write_zeroes(at as u64, length as u64, true).unwrap(),
                _ => drive.write_at(at as u64, &vec![value; length]).unwrap(),
            }
            model[at..at + length].fill(value);
            prop_assert_eq!(&all(&drive), &model);
            moments.push((drive.save(), model.clone()));
        }
        let (map, contents) = &moments[back % moments.len()];
        drive.load(map.clone());
        prop_assert_eq!(&all(&drive), contents);
        drive.write_at(1, &[9]).unwrap();
        drive.load(map.clone());
        prop_assert_eq!(&all(&drive), contents, "a moment does not change with what comes after it");
    }
}
