//! Runs single instructions on the host CPU, to compare the interpreter with
