//! Filetests: guest assembly beside the host code that it becomes and the state that it leads to.
//!
//! Each `*.s` here is a test; [`file`] has the format and [`program`] the directives. Programs run in the interpreter
//! and in generated code, which must agree; then every section that a file has is compared: `host` (the straight way
//! through the blocks), `cold` (what is out of line), `insns` (how many), `exits` (how generated code was left once
//! it was linked), `after` (what the program changed), `clif`
//! (the region of its loop, which it then is also run with). `counts.txt` has the instruction counts of all files.
//!
//! `REPRISE_BLESS=1 cargo test -p accel-tcg --test filetests`, or `cargo xtask bless`, writes what there is into the
//! files.

#[cfg(target_arch = "x86_64")]
mod assemble;
#[cfg(target_arch = "x86_64")]
mod file;
#[cfg(target_arch = "x86_64")]
mod listing;
#[cfg(target_arch = "x86_64")]
mod program;
#[cfg(target_arch = "x86_64")]
mod region;
#[cfg(target_arch = "x86_64")]
mod suite;
#[cfg(target_arch = "x86_64")]
mod world;

fn main() {
    #[cfg(target_arch = "x86_64")]
    suite::run();
}
