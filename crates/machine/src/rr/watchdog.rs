//! Whether something that must make progress does, by host time.
//!
//! The main loop looks about once a second and shows what has been reached. What counts is looks, not seconds: a process
//! that was stopped for an hour is looked at once.

/// Looks at something of type `T` that changes when there is progress.
#[derive(Debug)]
pub struct Watchdog<T> {
    patience: u32,
    last: Option<T>,
    /// How often it was the same.
    same: u32,
}

impl<T: PartialEq> Watchdog<T> {
    /// One that reports after so many looks without progress.
    pub fn new(patience: u32) -> Self {
        Self {
            patience,
            last: None,
            same: 0,
        }
    }

    /// A look. True if there has been no progress for too long, once.
    pub fn look(&mut self, reached: T) -> bool {
        if self.last.as_ref() == Some(&reached) {
            self.same = self.same.saturating_add(1);
        } else {
            self.last = Some(reached);
            self.same = 0;
        }
        self.same == self.patience
    }

    /// Nobody expects progress for now.
    pub fn rest(&mut self) {
        self.last = None;
        self.same = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience() {
        let mut dog = Watchdog::new(3);
        let looks = |dog: &mut Watchdog<u64>, reached: &[u64]| -> Vec<bool> {
            reached.iter().map(|&reached| dog.look(reached)).collect()
        };
        assert_eq!(
            looks(&mut dog, &[1, 1, 1, 2, 2, 2, 2, 2]),
            [false, false, false, false, false, false, true, false]
        );
        dog.rest();
        assert_eq!(looks(&mut dog, &[2, 2, 2, 2]), [false, false, false, true]);
    }
}
