//! `cargo xtask bless`: filetests take what there is for what is expected.

use crate::test::check;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Rewrites the expected sections of filetests whose name contains `filter` (all of them, if it is empty), and the
/// table of counts.
///
/// # Errors
/// A file that does not assemble, or that the engines disagree about.
pub fn bless(workspace: &Path, filter: &str) -> Result<()> {
    check(
        Command::new(env!("CARGO"))
            .current_dir(workspace)
            .args(["test", "-p", "accel-tcg", "--test", "filetests", "--"])
            .args((!filter.is_empty()).then_some(filter))
            .env("REPRISE_BLESS", "1"),
    )
}
