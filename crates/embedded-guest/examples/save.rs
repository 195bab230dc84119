//! Writes the embedded guest to standard output: `cargo run -p embedded-guest --example save > guest.bzimage`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(embedded_guest::BZIMAGE)
}
