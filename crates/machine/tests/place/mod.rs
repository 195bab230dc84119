//! A directory of a test's own, removed behind it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The directory, by its path.
pub struct Place(pub PathBuf);

impl Place {
    /// One that no other test of any process has.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("reprise-machine-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for temporary files");
        Self(path)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
