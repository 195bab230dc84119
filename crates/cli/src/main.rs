//! The `reprise` command: reads argv, assembles the machine, prints errors.

fn main() {}
